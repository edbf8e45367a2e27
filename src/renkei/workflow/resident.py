"""A resident, or a household, on a day as it was known at an instant. Nothing is written.

The same question has the same answer for ever: it is made of records, links and decisions as known then, by
the order of trust that the golden record of the time was made by.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

from renkei.clock import SystemClock
from renkei.errors import FixDeclaration
from renkei.lineage import guard
from renkei.lineage.declared import Declared
from renkei.lineage.show import highest, rule_for
from renkei.mapping.masking import masked
from renkei.project import Project
from renkei.records import GOLDEN, Sensitivity, sensitivity_of
from renkei.registry import history
from renkei.registry.history import Point, Row
from renkei.workflow.lineage import declared

#: What a reader is told of beside the values. ``over_120``: kept as it was said, though nobody is so old.
Note = Literal["over_120", "no_head", "facility"]
_OLDEST = 120


@dataclass(frozen=True, kw_only=True)
class Value:
    """One field of the golden record: its value, whose it is, and by which rule it won."""

    field: str
    value: Any
    feed: str | None
    record_id: int | None
    rule: str


@dataclass(frozen=True, kw_only=True)
class Said:
    """One system's record: the days on which it held (``held_until`` excluded), and what it says."""

    record_id: int
    feed: str
    source_key: str
    source_version: str
    effective_on: Any
    held_until: Any
    status: Any
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Linked:
    """Why a record is this resident's: the rule, the record that led there, or the decision."""

    feed: str
    source_key: str
    home_id: int
    rule: str
    via: str | None
    decision_id: int | None
    valid_from: Any
    valid_to: Any
    known_from: datetime


@dataclass(frozen=True, kw_only=True)
class Member:
    """One member of a household; ``resident_id`` is the hub's own."""

    resident_id: int
    relationship: str | None
    is_head: bool
    member_from: Any


@dataclass(frozen=True, kw_only=True)
class Household:
    """A system's household. Without a head it says so; a facility's members are not listed."""

    system: str
    household_number: Any
    has_head: bool
    members: tuple[Member, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True, kw_only=True)
class ResidentAt:
    """A resident at a point. ``part_of`` names the resident who has the records of this one there."""

    resident_id: int
    as_of: date
    known_at: datetime
    part_of: int | None
    golden: tuple[Value, ...]
    protected: Any
    records: tuple[Said, ...]
    households: tuple[Household, ...]
    links: tuple[Linked, ...]
    notes: tuple[Note, ...]
    clear: bool


def point_of(as_of: date, known_at: datetime | None) -> Point:
    """The point that is asked about, now unless an instant is given; one to come is refused."""
    now = SystemClock().now()
    if known_at is not None and known_at > now:
        raise FixDeclaration("E_NOT_YET_KNOWN", known_at=known_at.isoformat())
    return Point(as_of=as_of, known_at=known_at or now)


def resident_at(
    project: Project, engine: sa.Engine, resident: int, point: Point, *, clear: bool = False
) -> ResidentAt | None:
    """A resident at a point, in clear or veiled.

    None for one who is unknown or restricted (閲覧制限) now: nothing tells these apart.
    """
    veil = _Veil(texts=declared(project, engine), clear=clear)
    with engine.connect() as connection:
        links = history.links_of(connection, resident, point)
        if not links:
            return _moved(connection, resident, point, clear=clear)
        if not _may_show(connection, links):
            return None
        records = history.records_of(connection, links, point)
        households = _households(connection, records, point, veil)
        if households is None:
            return None
        golden = history.golden_of(
            records,
            history.rules_of(connection, resident, point),
            history.chosen_of(connection, links, point),
        )
        standing = history.standing_of(connection, links, records, point)
        if not _may_show(connection, links):  # a mark may have landed meanwhile
            return None
    return ResidentAt(
        resident_id=resident,
        as_of=point.as_of,
        known_at=point.known_at,
        part_of=None,
        golden=tuple(_values(golden, veil)),
        protected=standing if clear else masked(standing, "guarded"),
        records=tuple(_said(row, veil) for row in records),
        households=households,
        links=tuple(_linked(row, veil) for row in links),
        notes=_notes(golden, point),
        clear=clear,
    )


def household_at(
    project: Project, engine: sa.Engine, system: str, number: str, point: Point, *, clear: bool = False
) -> Household | None:
    """A household of one system at a point.

    None where it has nobody, or anybody in it is restricted: nothing tells these apart. Nor is a facility
    shown, whose members are strangers to each other.
    """
    veil = _Veil(texts=declared(project, engine), clear=clear)
    with engine.connect() as connection:
        if history.is_facility(connection, system, number):
            return None
        members = history.members_of(connection, system, number, point)
        if not members or not _may_show_all(connection, members):
            return None
    return _household(system, number, members, veil)


def _moved(connection: sa.Connection, resident: int, point: Point, *, clear: bool) -> ResidentAt | None:
    other = history.part_of(connection, resident, point)
    if other is None or not _may_show(connection, history.links_of(connection, other, point)):
        return None
    return ResidentAt(
        resident_id=resident, as_of=point.as_of, known_at=point.known_at, part_of=other, golden=(),
        protected=None, records=(), households=(), links=(), notes=(), clear=clear,
    )  # fmt: skip


# who may be shown ---------------------------------------------------------------------------------


def _may_show(connection: sa.Connection, links: Sequence[Row]) -> bool:
    """True where everybody who has these keys now is known not to be restricted."""
    owners = history.owners_of(connection, links)
    return bool(owners) and all(guard.of_resident(connection, owner) for owner in owners)


def _may_show_all(connection: sa.Connection, members: Iterable[Row]) -> bool:
    pairs = [(row["feed"], row["source_key"]) for row in members]
    return not guard.touches_restricted(connection, pairs)


# what is shown ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Veil:
    """Shows a value as the mapping of its time classes it; where that text is lost, as nothing."""

    texts: Declared
    clear: bool

    def show(self, value: object, column: str, row: Row | None) -> Any:  # noqa: ANN401 - a value, or its shape
        return value if self.clear else masked(value, self._class(column, row))

    def personal(self, value: object) -> Any:  # noqa: ANN401
        return value if self.clear else masked(value, "personal")

    def _class(self, column: str, row: Row | None) -> Sensitivity:
        base = sensitivity_of("person", column)
        if row is None:
            return base
        known = (row["mapping_digest"], row["project_digest"])
        mapping = (
            None if None in known else self.texts.mapping(row["feed"], known[0], project_digest=known[1])
        )
        if mapping is None:
            return "guarded"
        rule = rule_for(mapping.at(row["told_on"]), column)
        return base if rule is None else highest(base, rule.sensitivity)


def _values(golden: Mapping[str, tuple[Row | None, str]], veil: _Veil) -> Iterable[Value]:
    for group, (row, rule) in golden.items():
        for field in GOLDEN[group]:
            yield Value(
                field=field,
                value=None if row is None else veil.show(_on_day(row, field), field, row),
                feed=None if row is None else row["feed"],
                record_id=None if row is None else row["record_id"],
                rule=rule,
            )


def _on_day(row: Row, field: str) -> Any:  # noqa: ANN401 - a column's value
    return row["status_on_day"] if field == "resident_status" else row[field]


_SHOWN = tuple(dict.fromkeys(field for fields in GOLDEN.values() for field in fields))


def _said(row: Row, veil: _Veil) -> Said:
    return Said(
        record_id=row["record_id"],
        feed=row["feed"],
        source_key=veil.show(row["source_key"], "source_key", row),
        source_version=row["source_version"],
        effective_on=veil.personal(row["effective_on"]),
        held_until=veil.personal(row["held_until"]),
        status=veil.show(row["status_on_day"], "resident_status", row),
        values={name: veil.show(_on_day(row, name), name, row) for name in (*_SHOWN, "change_kind")},
    )


def _linked(row: Row, veil: _Veil) -> Linked:
    via = None if row["via_feed"] is None else f"{row['via_feed']}:{veil.personal(row['via_key'])}"
    return Linked(
        feed=row["feed"],
        source_key=veil.personal(row["source_key"]),
        home_id=row["home_id"],
        rule=row["rule"],
        via=via,
        decision_id=row["decision_id"],
        valid_from=veil.personal(row["valid_from"]),
        valid_to=veil.personal(row["valid_to"]),
        known_from=row["known_from"],
    )


def _households(
    connection: sa.Connection, records: Iterable[Row], point: Point, veil: _Veil
) -> tuple[Household, ...] | None:
    """The household of each system that the resident is a member of; None where one may not be shown."""
    numbers = {
        (row["feed"].split(".")[0], row["household_number"]) for row in records if row["household_number"]
    }
    found = []
    for system, number in sorted(numbers):
        if history.is_facility(connection, system, number):
            shown = veil.personal(number)
            found.append(Household(
                system=system, household_number=shown, has_head=True, members=(), notes=("facility",)
            ))  # fmt: skip
            continue
        members = history.members_of(connection, system, number, point)
        if not _may_show_all(connection, members):
            return None
        if members:
            found.append(_household(system, number, members, veil))
    return tuple(found)


def _household(system: str, number: str, members: Sequence[Row], veil: _Veil) -> Household:
    made: dict[int, Member] = {}
    for row in members:  # heads first, so a resident with two records counts as what is said first
        made.setdefault(row["resident_id"], Member(
            resident_id=row["resident_id"], relationship=row["relationship"], is_head=row["is_head"],
            member_from=veil.personal(row["member_from"]),
        ))  # fmt: skip
    has_head = any(member.is_head for member in made.values())
    return Household(
        system=system,
        household_number=veil.personal(number),
        has_head=has_head,
        members=tuple(made.values()),
        notes=() if has_head else ("no_head",),
    )


def _notes(golden: Mapping[str, tuple[Row | None, str]], point: Point) -> tuple[Note, ...]:
    birth, status = golden["birth"][0], golden["status"][0]
    youngest = None if birth is None else birth["date_of_birth_hi"] or birth["date_of_birth"]
    lives = status is None or status["status_on_day"] not in ("dead", "moved_out", "removed")
    if youngest is None or not lives:
        return ()
    birthday = (point.as_of.month, point.as_of.day) >= (youngest.month, youngest.day)
    age = point.as_of.year - youngest.year - (0 if birthday else 1)
    return ("over_120",) if age > _OLDEST else ()
