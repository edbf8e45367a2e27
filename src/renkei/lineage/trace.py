"""How a value of the golden record came about, field by field, and whether the landed bytes still prove it.

The way back: golden version → winning record version → unit → delivery → bytes → raw columns → steps. What
the mapping of the time makes of the landed bytes must be what the record holds, and the record must hold
what the golden version holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

from renkei.errors import RenkeiError
from renkei.lineage.declared import Declared
from renkei.lineage.landed import Landed
from renkei.mapping import Mapping as FeedMapping
from renkei.mapping import compile as plan
from renkei.model import REC_NO
from renkei.records import PERSON
from renkei.registry.golden import GROUP_OF, RECORDS

#: ``proved``: bytes, record and golden version say the same. ``differs``: they do not; ``unproved``: the text
#: of the mapping of the time is not to be had. ``silent``: no system says anything of the field.
State = Literal["proved", "differs", "unproved", "silent"]
#: Why a value is not proved: where the first difference lies.
Reason = Literal["", "bytes", "record", "golden", "mapping", "gone"]
#: Columns of the golden version that are not fields.
_KEPT = frozenset(
    {"golden_id", "resident_id", "rules", "golden_rule_id", "valid_from", "known_from", "known_to", "unit_id"}
) | set(RECORDS)


@dataclass(frozen=True, kw_only=True)
class Golden:
    """One version of a resident's golden record. ``values`` by field, ``won`` by field: record and rule."""

    golden_id: int
    resident_id: int
    valid_from: date
    known_from: datetime
    known_to: datetime | None
    values: Mapping[str, Any]
    won: Mapping[str, tuple[int | None, str]]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where one version of a record comes from: record, unit, delivery, run, and who let that text run.

    ``record`` holds its values; ``author`` and ``approved_by`` are None where the folder itself was in force.
    """

    record_id: int
    feed: str
    source_key: str
    source_version: str
    known_from: datetime
    known_to: datetime | None
    rec_no: int
    unit_id: int
    part: str
    as_of: date
    done_at: datetime
    mapping_digest: str
    delivery_id: int
    delivery: str
    sha256: str
    received_at: datetime
    run_id: str
    kind: str
    actor: str
    trigger: str
    project_digest: str
    code_version: str
    author: str | None
    approved_by: str | None
    record: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Traced:
    """One field of a golden version on its way back. ``recomputed`` is what the landed bytes give now."""

    field: str
    value: Any
    recomputed: Any
    rule: str
    state: State
    reason: Reason
    origin: Origin | None


_GOLDEN = """
    SELECT g.*, r.body AS rules
    FROM golden_version AS g
    JOIN golden_rule AS r USING (golden_rule_id)
    WHERE resident_id = ANY(:residents)
      AND (CAST(:known_at AS timestamptz) IS NULL AND known_to IS NULL
        OR known_from <= :known_at AND (known_to IS NULL OR known_to > :known_at)
        OR CAST(:as_of AS date) IS NOT NULL AND known_from <= coalesce(:known_at, 'infinity'))
      AND (CAST(:as_of AS date) IS NULL OR valid_from <= :as_of)
    ORDER BY resident_id, known_from DESC, golden_id DESC
"""
_ORIGINS = """
    SELECT u.unit_id, u.part, u.as_of AS unit_as_of, u.done_at, u.mapping_digest, d.delivery_id,
           d.name AS delivery, d.sha256, d.received_at, r.run_id::text AS run_id, r.kind, r.actor, r.trigger,
           r.project_digest, r.code_version, a.author, a.approved_by, p.*
    FROM person_record AS p
    JOIN unit AS u USING (unit_id)
    JOIN delivery AS d ON d.delivery_id = u.delivery_id
    JOIN run AS r ON r.run_id = u.run_id
    LEFT JOIN LATERAL (
        SELECT author, approved_by
        FROM declaration
        WHERE digest = r.project_digest AND in_force_from <= r.started_at
        ORDER BY in_force_from DESC
        LIMIT 1
    ) AS a ON true
    WHERE p.record_id = ANY(:records)
"""


def golden_of(
    connection: sa.Connection,
    residents: Sequence[int],
    *,
    as_of: date | None = None,
    known_at: datetime | None = None,
) -> dict[int, Golden]:
    """Each resident's golden version: the open one, or the one that was known at an instant.

    With ``as_of`` the newest known one that speaks of events up to that day.
    """
    asked = {"residents": list(residents), "as_of": as_of, "known_at": known_at}
    made: dict[int, Golden] = {}
    for row in connection.execute(sa.text(_GOLDEN), asked).mappings():
        made.setdefault(row["resident_id"], _golden(dict(row)))
    return made


def _golden(row: Mapping[str, Any]) -> Golden:
    return Golden(
        golden_id=row["golden_id"],
        resident_id=row["resident_id"],
        valid_from=row["valid_from"],
        known_from=row["known_from"],
        known_to=row["known_to"],
        values={name: value for name, value in row.items() if name not in _KEPT},
        won={name: (row[f"{group}_record"], row["rules"][group]) for name, group in GROUP_OF.items()},
    )


def origins_of(connection: sa.Connection, records: Iterable[int]) -> dict[int, Origin]:
    """Where each version of a record comes from."""
    rows = connection.execute(sa.text(_ORIGINS), {"records": sorted(set(records))}).mappings()
    return {row["record_id"]: _origin(dict(row)) for row in rows}


def _origin(row: Mapping[str, Any]) -> Origin:
    names = [name for name in Origin.__dataclass_fields__ if name not in ("record", "as_of")]
    record = {name: row[name] for name in PERSON.schema.names[1:]}
    return Origin(**{name: row[name] for name in names}, as_of=row["unit_as_of"], record=record)


def trace(
    goldens: Iterable[Golden], origins: Mapping[int, Origin], *, landed: Landed, declared: Declared
) -> dict[int, tuple[Traced, ...]]:
    """Every field of each golden version, by resident, proved against the landed bytes.

    Each delivery is read once, however many residents come from it.
    """
    goldens = list(goldens)
    used = {record for golden in goldens for record, _ in golden.won.values() if record is not None}
    again = recomputed([origins[record] for record in sorted(used) if record in origins], landed, declared)
    return {golden.resident_id: _traced(golden, origins, again) for golden in goldens}


@dataclass(frozen=True, kw_only=True)
class Again:
    """A record made again from its bytes; ``reason`` says why it could not be."""

    values: Mapping[str, Any]
    reason: Reason


def recomputed(origins: Iterable[Origin], landed: Landed, declared: Declared) -> dict[int, Again]:
    """Each record version made again by the mapping of its time, from bytes proved to be the landed ones."""
    groups: dict[tuple[str, str, str, date, str], list[Origin]] = {}
    for each in origins:
        key = (each.feed, each.sha256, each.mapping_digest, each.as_of, each.project_digest)
        groups.setdefault(key, []).append(each)
    made: dict[int, Again] = {}
    for (feed, sha256, digest, day, project_digest), group in groups.items():
        mapping = declared.mapping(feed, digest, project_digest=project_digest)
        made |= _together(group, mapping, sha256, day, landed)
    return made


def _together(
    group: Sequence[Origin], mapping: FeedMapping | None, sha256: str, day: date, landed: Landed
) -> dict[int, Again]:
    if mapping is None:
        return {each.record_id: Again(values={}, reason="mapping") for each in group}
    try:
        batch = landed.records(mapping, sha256, day, [each.rec_no for each in group])
        good, _ = plan.run(mapping, batch.table, plan.Plan(mapping=mapping.at(day), as_of=day))
        rows = {row[REC_NO]: row for row in good.to_pylist()}
    except (RenkeiError, OSError):  # damaged or missing bytes, or a file that can no longer be read
        rows = {}
    return {
        each.record_id: Again(values=rows.get(each.rec_no, {}), reason="" if each.rec_no in rows else "bytes")
        for each in group
    }


def _traced(golden: Golden, origins: Mapping[int, Origin], again: Mapping[int, Again]) -> tuple[Traced, ...]:
    return tuple(
        _field(name, golden.values.get(name), record, rule, origins, again)
        for name, (record, rule) in golden.won.items()
    )


def _field(
    name: str,
    value: Any,  # noqa: ANN401 - a field may hold text, a date, a number or yes and no
    record: int | None,
    rule: str,
    origins: Mapping[int, Origin],
    again: Mapping[int, Again],
) -> Traced:
    origin = None if record is None else origins.get(record)
    if record is None or origin is None:
        told: tuple[State, Reason] = (
            ("silent", "") if record is None and value is None else ("differs", "gone")
        )
        return Traced(
            field=name, value=value, recomputed=None, rule=rule, state=told[0], reason=told[1], origin=None
        )
    made = again[record]
    state, reason = _judged(name, value, origin, made)
    return Traced(
        field=name,
        value=value,
        recomputed=made.values.get(name),
        rule=rule,
        state=state,
        reason=reason,
        origin=origin,
    )


def _judged(name: str, value: Any, origin: Origin, made: Again) -> tuple[State, Reason]:  # noqa: ANN401
    if value != origin.record[name]:
        return "differs", "golden"
    if made.reason:
        return ("unproved" if made.reason == "mapping" else "differs"), made.reason
    if made.values.get("source_key") != origin.source_key:
        return "differs", "bytes"
    return ("proved", "") if made.values.get(name) == value else ("differs", "record")
