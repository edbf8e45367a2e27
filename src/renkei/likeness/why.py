"""Why two records are one resident or are not: the chain of links, decisions, candidates, evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from renkei.likeness import models
from renkei.likeness.columns import SCHEMA
from renkei.likeness.evidence import Evidence, compare, veiled
from renkei.likeness.links import Link, Step, chain, links_of
from renkei.likeness.model import Model, default
from renkei.likeness.score import Pair, pair
from renkei.lineage import guard


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two records, and whose it is now."""

    feed: str
    source_key: str
    resident_id: int


@dataclass(frozen=True, kw_only=True)
class Said:
    """A decision in force on the two residents' records."""

    decision_id: int
    kind: str
    author: str
    reason: str
    decided_at: datetime


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """The open candidate of the two residents."""

    link_candidate_id: int
    level: int
    reason: str
    weight: float | None
    probability: float | None
    link_model_id: int | None


@dataclass(frozen=True, kw_only=True)
class Why:
    """``steps`` are empty where the two are not one, or where no link names the record that led to it.

    ``links`` are the two records' own links; ``scored`` leaves the commonness of names aside; ``model`` is
    the digest that it was scored by. ``clear`` says that values are not veiled.
    """

    left: Side
    right: Side
    links: tuple[Link, ...]
    steps: tuple[Step, ...]
    decisions: tuple[Said, ...]
    candidate: Proposed | None
    evidence: tuple[Evidence, ...]
    scored: Pair | None
    model: str
    clear: bool

    @property
    def is_same(self) -> bool:
        """True where both are one resident's records now."""
        return self.left.resident_id == self.right.resident_id


_RECORD = "SELECT feed, source_key, resident_id FROM open_link WHERE feed = :feed AND source_key = :key"
_OF_RESIDENT = """
    SELECT feed, source_key, resident_id
    FROM open_link
    WHERE resident_id = :resident
    ORDER BY home_id
    LIMIT 2
"""
_DECISIONS = """
    SELECT DISTINCT d.decision_id, d.kind, d.author, d.reason, d.decided_at
    FROM decision AS d
    JOIN link AS a ON a.home_id = d.left_home AND a.known_to IS NULL
    JOIN link AS b ON b.home_id = d.right_home AND b.known_to IS NULL
    WHERE d.in_force_from IS NOT NULL AND d.in_force_until IS NULL AND d.kind <> 'value'
      AND (a.resident_id, b.resident_id) IN ((:left, :right), (:right, :left))
    ORDER BY d.decision_id
"""
_CANDIDATE = """
    SELECT c.link_candidate_id, c.level, c.reason, c.weight, c.probability, c.link_model_id,
        c.feed, c.source_key, c.other_feed, c.other_key, l.resident_id AS younger_id
    FROM link_candidate AS c
    JOIN open_link AS l ON l.feed = c.feed AND l.source_key = c.source_key
    WHERE c.state = 'open'
      AND (l.resident_id, c.resident_id) IN ((:left, :right), (:right, :left))
    ORDER BY c.level DESC, c.link_candidate_id DESC
    LIMIT 1
"""
_SAID = """
    SELECT *
    FROM person_record
    WHERE feed = :feed AND source_key = :key AND NOT removed
    ORDER BY known_to IS NULL DESC, record_id DESC
    LIMIT 1
"""


def why(connection: sa.Connection, left: str, right: str, *, clear: bool = False) -> Why | None:
    """Explain two of ``feed:key`` or a resident's number.

    None where one of them is not there or is a restricted person's: nothing tells these apart.
    """
    sides = _sides(connection, left, right)
    if sides is None or not _may_be_shown(connection, sides):
        return None
    one, other = sides
    candidate, records = _candidate(connection, one, other)
    if candidate is not None and _is_number(left) and _is_number(right):
        named = (Side(feed=feed, source_key=key, resident_id=whose) for feed, key, whose in records)
        one, other = (
            each if _own(connection, each) else kept for each, kept in zip(named, sides, strict=True)
        )
    told = _told(connection, one, other, candidate, clear=clear)
    # a mark may have landed meanwhile
    return told if _may_be_shown(connection, (one, other)) else None


def _may_be_shown(connection: sa.Connection, sides: tuple[Side, Side]) -> bool:
    records = ((side.feed, side.source_key) for side in sides)
    return all(guard.of_resident(connection, side.resident_id) for side in sides) and (
        not guard.touches_restricted(connection, records)
    )


def _told(
    connection: sa.Connection, one: Side, other: Side, candidate: Proposed | None, *, clear: bool
) -> Why:
    left, right = (_said(connection, side) for side in (one, other))
    is_same = one.resident_id == other.resident_id
    links = links_of(connection, one.resident_id) if is_same else ()
    kept = models.in_use(connection)
    model = default() if kept is None else models.usable(kept)
    found = compare(left, right)
    return Why(
        left=one,
        right=other,
        links=tuple(link for side in (one, other) if (link := _own(connection, side))),
        steps=chain(links, (one.feed, one.source_key), (other.feed, other.source_key)),
        decisions=_decisions(connection, one, other),
        candidate=candidate,
        evidence=found if clear else tuple(veiled(each) for each in found),
        scored=_scored(left, right, model),
        model=model.digest,
        clear=clear,
    )


def _sides(connection: sa.Connection, left: str, right: str) -> tuple[Side, Side] | None:
    one, other = _asked(connection, left), _asked(connection, right)
    if not one or not other:
        return None
    # a resident's number stands for its oldest record; asked beside that very record, for the next one
    if one[0] == other[0]:
        return (one[0], other[1]) if len(other) > 1 else (one[-1], other[0])
    return one[0], other[0]


def _asked(connection: sa.Connection, text: str) -> list[Side]:
    if _is_number(text):
        rows = connection.execute(sa.text(_OF_RESIDENT), {"resident": int(text)})
    else:
        feed, _, key = text.replace("\0", "").partition(":")
        rows = connection.execute(sa.text(_RECORD), {"feed": feed, "key": key})
    return [Side(**row) for row in rows.mappings()]


#: Longer is no number that the registry gives.
_MOST_DIGITS = 18


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS


def _candidate(
    connection: sa.Connection, one: Side, other: Side
) -> tuple[Proposed | None, tuple[tuple[str, str, int], ...]]:
    """The open candidate, and its two records in the order of the sides."""
    asked = {"left": one.resident_id, "right": other.resident_id}
    row = connection.execute(sa.text(_CANDIDATE), asked).mappings().one_or_none()
    if row is None or one.resident_id == other.resident_id:
        return None, ()
    names = Proposed.__dataclass_fields__
    elder = other if row["younger_id"] == one.resident_id else one
    there = (
        (row["other_feed"], row["other_key"])
        if row["other_key"] is not None
        else (elder.feed, elder.source_key)
    )
    records = ((row["feed"], row["source_key"], row["younger_id"]), (*there, elder.resident_id))
    turned = records if elder is other else records[::-1]
    return Proposed(**{name: row[name] for name in names}), turned


def _said(connection: sa.Connection, side: Side) -> Mapping[str, Any]:
    """What the record says, or last said before it was removed."""
    asked = {"feed": side.feed, "key": side.source_key}
    row = connection.execute(sa.text(_SAID), asked).mappings().one_or_none()
    return {} if row is None else dict(row)


def _own(connection: sa.Connection, side: Side) -> Link | None:
    """The record's link; None where it is no longer that resident's."""
    own = (side.feed, side.source_key)
    return next((link for link in links_of(connection, side.resident_id) if link.record == own), None)


def _decisions(connection: sa.Connection, one: Side, other: Side) -> tuple[Said, ...]:
    asked = {"left": one.resident_id, "right": other.resident_id}
    return tuple(Said(**row) for row in connection.execute(sa.text(_DECISIONS), asked).mappings())


def _scored(left: Mapping[str, Any], right: Mapping[str, Any], model: Model) -> Pair | None:
    rows = [
        pa.Table.from_pylist([{name: said.get(name) for name in SCHEMA.names} | {"resident_id": 0}], SCHEMA)
        for said in (left, right)
    ]
    return pair(rows[0], rows[1], model)
