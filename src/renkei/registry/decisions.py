"""Decisions of people on two records (判定): rows that are never rewritten; what they join is derived.

A decision is about homes, so it stays with the person whose records were judged when a key is given to
somebody else. Several decisions that were taken at once are one act, known by the number of its first.
Every write belongs to the caller's transaction, which holds ``identity.one_linker``.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

Kind = Literal["same", "different", "cannot_say", "value"]
#: ``waiting``: for a second person; ``withdrawing``: in force, and its withdrawal waits for one.
State = Literal["waiting", "in_force", "withdrawing", "withdrawn"]

#: Kind of a decision → its word in Japanese and English.
KINDS: dict[Kind, tuple[str, str]] = {
    "same": ("同一人", "same"),
    "different": ("別人", "different"),
    "cannot_say": ("判定できない", "cannot say"),
    "value": ("値の採用", "value"),
}
#: State of a decision → its word in Japanese and English.
STATES: dict[State, tuple[str, str]] = {
    "waiting": ("承認待ち", "waits for approval"),
    "in_force": ("有効", "in force"),
    "withdrawing": ("有効（取消の承認待ち）", "in force, withdrawal waits for approval"),
    "withdrawn": ("取消済み", "withdrawn"),
}


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A record as a decision means it: its home, and the resident that it belongs to now."""

    feed: str
    source_key: str
    home: int
    resident: int


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One row. Of a ``value`` the right side is None and ``field_group`` is taken from the left record."""

    decision_id: int
    act_id: int
    kind: Kind
    left_feed: str
    left_key: str
    left_home: int
    right_feed: str | None
    right_key: str | None
    right_home: int | None
    field_group: str | None
    author: str
    reason: str
    decided_at: datetime
    seen: Mapping[str, Any]
    approved_by: str | None
    in_force_from: datetime | None
    withdrawn_by: str | None
    withdrawn_reason: str | None
    withdrawn_at: datetime | None
    withdraw_approved_by: str | None
    in_force_until: datetime | None

    @property
    def state(self) -> State:
        """How far it has come; one that was withdrawn before it was in force is withdrawn too."""
        if self.in_force_until is not None:
            return "withdrawn"
        if self.in_force_from is None:
            return "waiting"
        return "in_force" if self.withdrawn_by is None else "withdrawing"

    @property
    def homes(self) -> tuple[int, ...]:
        """The homes that it speaks of."""
        return (self.left_home,) if self.right_home is None else (self.left_home, self.right_home)


#: What a row of ``decision`` is read as.
COLUMNS = """
    d.decision_id, coalesce(d.act_id, d.decision_id) AS act_id, d.kind, d.left_feed, d.left_key, d.left_home,
    d.right_feed, d.right_key, d.right_home, d.field_group, d.author, d.reason, d.decided_at, d.seen,
    d.approved_by, d.in_force_from, d.withdrawn_by, d.withdrawn_reason, d.withdrawn_at,
    d.withdraw_approved_by, d.in_force_until
"""
_RECORD = """
    SELECT feed, source_key, home_id AS home, resident_id AS resident
    FROM open_link
    WHERE feed = :feed AND source_key = :key
"""
_RESIDENT = """
    SELECT feed, source_key, home_id AS home, resident_id AS resident
    FROM link
    WHERE resident_id = :resident AND known_to IS NULL
    ORDER BY home_id
"""
_ACT = f"""
    SELECT {COLUMNS}
    FROM decision AS d
    WHERE coalesce(d.act_id, d.decision_id) = (
        SELECT coalesce(act_id, decision_id) FROM decision WHERE decision_id = :number)
    ORDER BY d.decision_id
"""
_OF_HOMES = f"""
    SELECT {COLUMNS}
    FROM decision AS d
    WHERE d.in_force_until IS NULL
      AND (d.left_home = ANY(:homes) OR d.right_home = ANY(:homes))
    ORDER BY d.decision_id
"""
_INSERT = """
    INSERT INTO decision (kind, left_feed, left_key, left_home, right_feed, right_key, right_home,
                          field_group, author, reason, decided_at, seen, act_id)
    VALUES (:kind, :left_feed, :left_key, :left_home, :right_feed, :right_key, :right_home,
            :field_group, :author, :reason, :now, CAST(:seen AS jsonb), :act)
    RETURNING decision_id
"""


def record(connection: sa.Connection, feed: str, source_key: str) -> Judged | None:
    """The record of a key as it stands now, or None."""
    asked = {"feed": feed, "key": source_key}
    row = connection.execute(sa.text(_RECORD), asked).mappings().one_or_none()
    return None if row is None else Judged(**row)


def records_of(connection: sa.Connection, resident: int) -> tuple[Judged, ...]:
    """Every record of a resident, oldest home first; empty where there is no such resident now."""
    rows = connection.execute(sa.text(_RESIDENT), {"resident": resident}).mappings()
    return tuple(Judged(**row) for row in rows)


def act(connection: sa.Connection, number: int, *, lock: bool = False) -> tuple[Decision, ...]:
    """The decisions of the act that a number names; empty where there is none."""
    rows = connection.execute(sa.text(_ACT + ("FOR UPDATE" if lock else "")), {"number": number}).mappings()
    return tuple(Decision(**row) for row in rows)


def of_homes(connection: sa.Connection, homes: Iterable[int]) -> tuple[Decision, ...]:
    """Decisions that wait or are in force and speak of any of these homes."""
    rows = connection.execute(sa.text(_OF_HOMES), {"homes": sorted(set(homes))}).mappings()
    return tuple(Decision(**row) for row in rows)


# what was on the table ----------------------------------------------------------------------------

_SEEN = """
    SELECT
        (SELECT content_hash FROM person_record
         WHERE feed = :left_feed AND source_key = :left_key AND known_to IS NULL) AS left_hash,
        (SELECT content_hash FROM person_record
         WHERE feed = :right_feed AND source_key = :right_key AND known_to IS NULL) AS right_hash,
        (SELECT digest FROM link_model WHERE adopted_at IS NOT NULL AND retired_at IS NULL) AS model
"""
#: A candidate speaks of a pair when its record is the one and the resident's record is the other; one of
#: level 3 is about the two residents, whichever of their records are the most alike.
_OF_PAIR = """
    c.state = :state AND (
        (c.level = 3 AND c.resident_id = ANY(:right_residents) AND EXISTS (
            SELECT FROM open_link AS l
            WHERE l.feed = c.feed AND l.source_key = c.source_key AND l.resident_id = ANY(:left_residents)))
        OR (c.level = 3 AND c.resident_id = ANY(:left_residents) AND EXISTS (
            SELECT FROM open_link AS l
            WHERE l.feed = c.feed AND l.source_key = c.source_key AND l.resident_id = ANY(:right_residents)))
        OR
        (c.feed = :left_feed AND c.source_key = :left_key
         AND ((c.other_feed = :right_feed AND c.other_key = :right_key)
              OR (c.other_key IS NULL AND c.resident_id = ANY(:right_residents))))
        OR (c.feed = :right_feed AND c.source_key = :right_key
         AND ((c.other_feed = :left_feed AND c.other_key = :left_key)
              OR (c.other_key IS NULL AND c.resident_id = ANY(:left_residents)))))
"""
_CANDIDATE = f"""
    SELECT c.link_candidate_id, c.level, c.weight, c.probability
    FROM link_candidate AS c
    WHERE {_OF_PAIR}
    ORDER BY c.link_candidate_id DESC
    LIMIT 1
"""
_CLOSE_CANDIDATES = f"""
    UPDATE link_candidate AS c
    SET state = 'decided', decision_id = :decision, closed_at = :now
    WHERE {_OF_PAIR}
"""
_REOPEN_CANDIDATES = """
    UPDATE link_candidate AS c
    SET state = 'open', decision_id = NULL, closed_at = NULL
    WHERE c.decision_id = ANY(:decisions) AND c.state = 'decided'
      AND NOT EXISTS (
        SELECT FROM link_candidate AS again
        WHERE again.feed = c.feed AND again.source_key = c.source_key AND again.resident_id = c.resident_id
          AND again.state = 'open')
"""


def seen(connection: sa.Connection, left: Judged, right: Judged | None) -> dict[str, Any]:
    """What the person had before them: content hashes, the model in use, and the candidate.

    Keys ``left_hash right_hash model`` are always there (null: none); of a candidate also
    ``link_candidate_id level weight probability``.
    """
    asked = _pair(left, right)
    found = dict(connection.execute(sa.text(_SEEN), asked).mappings().one())
    if right is not None:
        asked_of = {**asked, **_residents(left, right), "state": "open"}
        candidate = connection.execute(sa.text(_CANDIDATE), asked_of).mappings().one_or_none()
        found |= candidate or {}
    return found


def _pair(left: Judged, right: Judged | None) -> dict[str, Any]:
    return {
        "left_feed": left.feed,
        "left_key": left.source_key,
        "right_feed": right.feed if right else None,
        "right_key": right.source_key if right else None,
    }


def _residents(left: Judged, right: Judged) -> dict[str, Any]:
    return {
        "left_residents": [left.home, left.resident],
        "right_residents": [right.home, right.resident],
    }


def close_candidates(connection: sa.Connection, taken: Iterable[Decision], *, now: datetime) -> None:
    """Candidates of a pair that is decided need nobody any more."""
    for each in taken:
        if each.right_home is not None:
            residents = _residents_now(connection, each.homes)
            values = {
                "left_feed": each.left_feed, "left_key": each.left_key, "right_feed": each.right_feed,
                "right_key": each.right_key, "state": "open", "decision": each.decision_id, "now": now,
                "left_residents": [each.left_home, residents.get(each.left_home, each.left_home)],
                "right_residents": [each.right_home, residents.get(each.right_home, each.right_home)],
            }  # fmt: skip
            connection.execute(sa.text(_CLOSE_CANDIDATES), values)


def reopen_candidates(connection: sa.Connection, taken: Iterable[Decision]) -> None:
    """What a withdrawn decision had closed is open again."""
    numbers = {"decisions": [each.decision_id for each in taken]}
    connection.execute(sa.text(_REOPEN_CANDIDATES), numbers)


def _residents_now(connection: sa.Connection, homes: Collection[int]) -> dict[int, int]:
    query = "SELECT home_id, resident_id FROM link WHERE home_id = ANY(:homes) AND known_to IS NULL"
    rows = connection.execute(sa.text(query), {"homes": list(homes)})
    return {row.home_id: row.resident_id for row in rows}


def residents_of(connection: sa.Connection, homes: Iterable[int]) -> dict[int, int]:
    """Every home of the residents that these homes belong to now → its resident."""
    query = """
        SELECT DISTINCT mate.home_id, mate.resident_id
        FROM link AS l
        JOIN link AS mate ON mate.resident_id = l.resident_id AND mate.known_to IS NULL
        WHERE l.home_id = ANY(:homes) AND l.known_to IS NULL
    """
    rows = connection.execute(sa.text(query), {"homes": sorted(set(homes))})
    return {row.home_id: row.resident_id for row in rows}


# a decision's life --------------------------------------------------------------------------------


def write(
    connection: sa.Connection,
    kind: Kind,
    pairs: Sequence[tuple[Judged, Judged | None]],
    *,
    author: str,
    reason: str,
    now: datetime,
    field_group: str | None = None,
) -> int:
    """Write one act, not yet in force; returns its number."""
    number: int | None = None
    for left, right in pairs:
        values = {
            **_pair(left, right), "kind": kind, "left_home": left.home,
            "right_home": right.home if right else None, "field_group": field_group, "author": author,
            "reason": reason, "now": now, "seen": json.dumps(seen(connection, left, right)), "act": number,
        }  # fmt: skip
        made = connection.execute(sa.text(_INSERT), values).scalar_one()
        number = number or int(made)
    assert number is not None  # an act has a pair
    return number


def put_in_force(
    connection: sa.Connection, taken: Sequence[Decision], *, approved_by: str | None, now: datetime
) -> None:
    """From now on it outranks every rule, once :func:`identity.settle` has been asked."""
    query = "UPDATE decision SET in_force_from = greatest(:now, decided_at), approved_by = :by"
    _update(connection, query, taken, {"now": now, "by": approved_by})


def ask_withdrawal(
    connection: sa.Connection, taken: Sequence[Decision], *, by: str, reason: str, now: datetime
) -> None:
    """Somebody wants it withdrawn; it stays in force until that is approved."""
    query = "UPDATE decision SET withdrawn_by = :by, withdrawn_reason = :reason, withdrawn_at = :now"
    _update(connection, query, taken, {"by": by, "reason": reason, "now": now})


def end(
    connection: sa.Connection, taken: Sequence[Decision], *, approved_by: str | None, now: datetime
) -> None:
    """Its withdrawal holds: from now on there is only what there would have been without it."""
    query = """
        UPDATE decision
        SET in_force_until = greatest(:now, in_force_from, decided_at), withdraw_approved_by = :by
    """
    _update(connection, query, taken, {"now": now, "by": approved_by})


def keep(connection: sa.Connection, taken: Sequence[Decision]) -> None:
    """No to a withdrawal: it stays in force as if nobody had asked; the audit trail tells who did."""
    query = "UPDATE decision SET withdrawn_by = NULL, withdrawn_reason = NULL, withdrawn_at = NULL"
    _update(connection, query, taken, {})


def wait_for(connection: sa.Connection, taken: Sequence[Decision], code: str) -> None:
    """Keep beside what was seen why a second person is asked for."""
    query = "UPDATE decision SET seen = seen || jsonb_build_object('waits', CAST(:code AS text))"
    _update(connection, query, taken, {"code": code})


def _update(
    connection: sa.Connection, query: str, taken: Sequence[Decision], values: Mapping[str, Any]
) -> None:
    numbers = [each.decision_id for each in taken]
    connection.execute(sa.text(f"{query} WHERE decision_id = ANY(:numbers)"), {**values, "numbers": numbers})
