"""Whom a decision is about: names to records, and the one answer for who is not there or not to be met."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa

from renkei.errors import FixDeclaration, Stop
from renkei.project import Project, nearest
from renkei.registry import decisions, golden
from renkei.registry.contradiction import contradicted, stands
from renkei.registry.decisions import Decision, Judged, Kind, State
from renkei.views import RESTRICTED

#: Of a value the right side is None.
Pairs = list[tuple[Judged, Judged | None]]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Who decides, when, and by which settings."""

    project: Project
    engine: sa.Engine
    actor: str
    now: datetime
    dry_run: bool
    #: Resident → whether restricted, as far as it was asked for.
    known: dict[int, bool] = field(default_factory=dict)

    @property
    def may_see_restricted(self) -> bool:
        """True for an account that the city lets decide on restricted persons."""
        return person_of(self.actor) in self.project.config.decide_restricted

    def may_meet(self, residents: Collection[int]) -> bool:
        """True for who has the right, and where nobody is restricted by what is committed."""
        return self.may_see_restricted or not self.restricted(residents)

    def restricted(self, residents: Collection[int]) -> frozenset[int]:
        """Those of them who are restricted by what is committed: nobody is freed by what is only tried."""
        asked = {each for each in residents if each not in self.known}
        if asked:
            with self.engine.connect() as before:
                found = restricted_among(before, asked)
            self.known.update({each: each in found for each in asked})
        return frozenset(each for each in residents if self.known[each])


def person_of(actor: str) -> str:
    """The account of the person behind an actor: who signed in, else the account itself."""
    return actor.rpartition(":")[2].partition(">")[0]


def restricted_among(connection: sa.Connection, residents: Collection[int]) -> frozenset[int]:
    """Those of these residents whom nobody without the right may meet."""
    query = f"WITH {RESTRICTED} SELECT resident_id FROM restricted WHERE resident_id = ANY(:residents)"
    return frozenset(connection.execute(sa.text(query), {"residents": sorted(residents)}).scalars())


def pairs_of(
    connection: sa.Connection, desk: Desk, kind: Kind, names: Sequence[str], *, group: str | None
) -> Pairs:
    """What the names mean for a kind of decision.

    FixDeclaration E_DECISION_NAMES, E_NOT_FOUND; Stop E_DECISION_NO_VALUE.
    """
    if kind == "value":
        return _value(connection, desk, names, group=group)
    if kind == "different" and _is_number(names[0]) and not all(map(_is_number, names[1:])):
        return _parting(connection, desk, names)
    if len(names) != 2 or (kind == "different" and _is_number(names[1]) and not _is_number(names[0])):
        raise FixDeclaration("E_DECISION_NAMES")
    (left, *_), (right, *_) = _meant(connection, desk, names)
    if left.home == right.home:
        raise FixDeclaration("E_DECISION_NAMES")
    return [(left, right)]


def _parting(connection: sa.Connection, desk: Desk, names: Sequence[str]) -> Pairs:
    """Each listed record against each that stays."""
    if len(names) < 2 or any(map(_is_number, names[1:])):
        raise FixDeclaration("E_DECISION_NAMES")
    everybody, *listed = _meant(connection, desk, names)
    parting = {record.home: record for records in listed for record in records}
    staying = [each for each in everybody if each.home not in parting]
    if not staying or not parting.keys() <= {each.home for each in everybody}:
        raise FixDeclaration("E_DECISION_NAMES")
    return [(left, right) for left in parting.values() for right in staying]


def _value(connection: sa.Connection, desk: Desk, names: Sequence[str], *, group: str | None) -> Pairs:
    if group not in golden.GROUPS:
        raise not_found("group", str(group), nearest(str(group), list(golden.GROUPS)))
    if len(names) != 2 or not _is_number(names[0]) or _is_number(names[1]):
        raise FixDeclaration("E_DECISION_NAMES")
    everybody, (record,) = _meant(connection, desk, names)
    if record.home not in {each.home for each in everybody}:
        raise FixDeclaration("E_DECISION_NAMES")
    if not _says(connection, record, golden.GROUPS[group][0]):
        raise Stop("E_DECISION_NO_VALUE", group=group)
    return [(record, None)]


def _meant(connection: sa.Connection, desk: Desk, names: Sequence[str]) -> list[tuple[Judged, ...]]:
    """What each name means: the record of a key, or all records of a resident, oldest first."""
    found = [_named(connection, name) for name in names]
    everybody = {each.resident for records in found for each in records}
    restricted = frozenset() if desk.may_see_restricted else desk.restricted(everybody)
    for name, records in zip(names, found, strict=True):
        if not records or records[0].resident in restricted:
            raise not_found(kind_of(name), name)
    return found


def _named(connection: sa.Connection, name: str) -> tuple[Judged, ...]:
    if _is_number(name):
        return decisions.records_of(connection, int(name))
    feed, _, key = name.partition(":")
    record = decisions.record(connection, feed, key)
    return () if record is None else (record,)


def _says(connection: sa.Connection, record: Judged, field: str) -> bool:
    query = f"""
        SELECT {field} IS NOT NULL
        FROM person_record
        WHERE feed = :feed AND source_key = :key AND known_to IS NULL AND NOT removed
    """
    asked = {"feed": record.feed, "key": record.source_key}
    return bool(connection.execute(sa.text(query), asked).scalar())


#: Longer is no number that the registry gives.
_MOST_DIGITS = 18


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) <= _MOST_DIGITS


def kind_of(name: str) -> str:
    """What a name is meant to be."""
    return "resident" if _is_number(name) else "record"


_WORDS = {"resident": "住民", "record": "記載", "decision": "判定", "group": "項目群"}


def not_found(kind: str, name: str, near: str = "-") -> FixDeclaration:
    """The one answer for who is not there and who is not to be met."""
    return FixDeclaration("E_NOT_FOUND", kind={"ja": _WORDS[kind], "en": kind}, name=name, nearest=near)


def taken_of(
    connection: sa.Connection, desk: Desk, number: int, *, expected: Collection[State]
) -> tuple[Decision, ...]:
    """The act of a number, locked. E_NOT_FOUND; Stop E_DECISION_SETTLED at a state that is not expected."""
    taken = decisions.act(connection, number, lock=True)
    homes = [home for each in taken for home in each.homes]
    if not taken or not desk.may_meet(set(decisions.residents_of(connection, homes).values())):
        raise not_found("decision", str(number))
    if taken[0].state not in expected:
        state = dict(zip(("ja", "en"), decisions.STATES[taken[0].state], strict=True))
        raise Stop("E_DECISION_SETTLED", decision=taken[0].act_id, state=state)
    return taken


def as_judged(connection: sa.Connection, each: Decision) -> tuple[Judged, Judged | None]:
    """The records of a decision with the residents that they belong to now."""
    residents = decisions.residents_of(connection, each.homes)
    left = Judged(
        feed=each.left_feed,
        source_key=each.left_key,
        home=each.left_home,
        resident=residents.get(each.left_home, each.left_home),
    )
    if each.right_home is None or each.right_feed is None or each.right_key is None:
        return left, None
    home = each.right_home
    other = replace(left, feed=each.right_feed, source_key=each.right_key, home=home)
    return left, replace(other, resident=residents.get(home, home))


def not_yet_said(connection: sa.Connection, kind: Kind, pairs: Pairs, *, group: str | None) -> Pairs:
    """The pairs of which this is news. Stop E_DECISION_STANDS when none is."""
    said: list[int] = []
    news: Pairs = []
    for left, right in pairs:
        homes = [each.home for each in (left, right) if each]
        standing: Iterable[Decision] = decisions.of_homes(connection, homes)
        if kind == "cannot_say":  # it may be said again when something has changed since
            now = decisions.seen(connection, left, right)
            standing = [each for each in standing if _is_seen_again(each, now, left)]
        number = stands(kind, left.home, right.home if right else None, standing, field_group=group)
        if number is None:
            news.append((left, right))
        else:
            said.append(number)
    if not news:
        raise Stop("E_DECISION_STANDS", decision=said[0])
    return news


def _is_seen_again(each: Decision, now: dict[str, object], left: Judged) -> bool:
    sides = ("left_hash", "right_hash") if each.left_home == left.home else ("right_hash", "left_hash")
    hashes = (each.seen.get(sides[0]), each.seen.get(sides[1]))
    return (*hashes, each.seen.get("model")) == (now["left_hash"], now["right_hash"], now["model"])


def refuse_contradiction(connection: sa.Connection, kind: Kind, pairs: Pairs, *, group: str | None) -> None:
    """Stop E_DECISION_CONTRADICTS with the numbers that stand against any of the pairs."""
    for left, right in pairs:
        homes = [each.home for each in (left, right) if each]
        residents = decisions.residents_of(connection, homes)
        standing = decisions.of_homes(connection, [*residents, *homes])
        found = contradicted(
            kind, left.home, right.home if right else None, standing, residents, field_group=group
        )
        if found:
            raise Stop("E_DECISION_CONTRADICTS", decision=", ".join(map(str, found)))
