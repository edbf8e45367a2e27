"""What a decision does to residents and golden records: done for real, and told beside what was before."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from renkei.registry import golden, identity


@dataclass(frozen=True, kw_only=True)
class Joined:
    """A resident and those that it is made of, itself among them where it was there before."""

    resident_id: int
    of: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Parted:
    """A resident and those that its records belong to now."""

    resident_id: int
    into: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class GroupChange:
    """A group of a golden record that another record fills now, told by feeds; None: no record does."""

    resident_id: int
    group: str
    before: str | None
    after: str | None


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Residents joined and parted, groups of golden records that change; no value of anybody."""

    joined: tuple[Joined, ...] = ()
    parted: tuple[Parted, ...] = ()
    golden: tuple[GroupChange, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """True when everything stays as it is."""
        return not (self.joined or self.parted or self.golden)

    @property
    def residents(self) -> frozenset[int]:
        """Everybody who is named."""
        told = {each.resident_id for each in self.golden}
        for joined in self.joined:
            told |= {joined.resident_id, *joined.of}
        for parted in self.parted:
            told |= {parted.resident_id, *parted.into}
        return frozenset(told)


def expect_few(connection: sa.Connection) -> None:
    """Until this transaction ends: look rows up by index, for a decision is about a handful.

    Temporary tables have no statistics yet, and by its guesses the planner would read whole tables.
    """
    for setting in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"):
        connection.exec_driver_sql(f"SET LOCAL {setting} = off")


def take_effect(
    connection: sa.Connection,
    homes: Iterable[int],
    *,
    trust: Mapping[str, tuple[str, ...]],
    now: datetime,
    refuse: bool,
) -> frozenset[int]:
    """Settle who is who around these homes and derive the golden records anew; the residents concerned."""
    about = sorted(set(homes))
    residents = set(_residents(connection, about).values())
    residents |= identity.settle(connection, about, now=now, refuse=refuse).touched
    residents |= set(_residents(connection, about).values())
    connection.exec_driver_sql("CREATE TEMP TABLE touched (resident_id bigint PRIMARY KEY) ON COMMIT DROP")
    rows = sa.text("INSERT INTO touched SELECT unnest(CAST(:residents AS bigint[]))")
    connection.execute(rows, {"residents": sorted(residents)})
    connection.exec_driver_sql("ANALYZE touched")
    golden.derive(connection, trust=trust, unit_id=None, now=now)
    return frozenset(residents)


def compare(before: sa.Connection, after: sa.Connection, residents: Collection[int]) -> Effect:
    """What differs between what another connection sees as committed and what this one has written."""
    homes = _homes(before, residents) | _homes(after, residents)
    was, is_now = _residents(before, homes), _residents(after, homes)
    everybody = sorted({*residents, *was.values(), *is_now.values()})
    return Effect(
        joined=tuple(Joined(resident_id=one, of=many) for one, many in _several(homes, is_now, was)),
        parted=tuple(Parted(resident_id=one, into=many) for one, many in _several(homes, was, is_now)),
        golden=_golden_changes(_winners(before, everybody), _winners(after, everybody)),
    )


def addresses(connection: sa.Connection, residents: Collection[int]) -> dict[int, str | None]:
    """Resident → its present address as it is compared; None, or nothing, where nobody knows one."""
    query = """
        SELECT resident_id, coalesce(address_key, address) AS place
        FROM golden_version
        WHERE resident_id = ANY(:residents) AND known_to IS NULL
    """
    rows = connection.execute(sa.text(query), {"residents": sorted(residents)})
    return {row.resident_id: row.place for row in rows}


def _several(
    homes: Iterable[int], one_side: Mapping[int, int], other_side: Mapping[int, int]
) -> list[tuple[int, tuple[int, ...]]]:
    found: dict[int, set[int]] = defaultdict(set)
    for home in homes:
        if home in one_side and home in other_side:
            found[one_side[home]].add(other_side[home])
    return [(one, tuple(sorted(many))) for one, many in sorted(found.items()) if len(many) > 1]


def _residents(connection: sa.Connection, homes: Iterable[int]) -> dict[int, int]:
    query = "SELECT home_id, resident_id FROM link WHERE home_id = ANY(:homes) AND known_to IS NULL"
    rows = connection.execute(sa.text(query), {"homes": sorted(set(homes))})
    return {row.home_id: row.resident_id for row in rows}


def _homes(connection: sa.Connection, residents: Collection[int]) -> set[int]:
    query = "SELECT home_id FROM link WHERE resident_id = ANY(:residents) AND known_to IS NULL"
    return set(connection.execute(sa.text(query), {"residents": sorted(residents)}).scalars())


_WON = ", ".join(
    f"(SELECT feed FROM person_record WHERE record_id = g.{group}_record) AS {group}_feed, g.{group}_record"
    for group in golden.GROUPS
)
_Winners = dict[tuple[int, str], tuple[int, str]]


def _winners(connection: sa.Connection, residents: Collection[int]) -> _Winners:
    """(resident, group) → the record that fills it and its feed."""
    query = f"""
        SELECT g.resident_id, {_WON}
        FROM golden_version AS g
        WHERE g.resident_id = ANY(:residents) AND g.known_to IS NULL
    """
    rows = connection.execute(sa.text(query), {"residents": sorted(residents)}).mappings()
    return {
        (row["resident_id"], group): (row[f"{group}_record"], row[f"{group}_feed"])
        for row in rows
        for group in golden.GROUPS
        if row[f"{group}_record"] is not None
    }


def _golden_changes(was: _Winners, is_now: _Winners) -> tuple[GroupChange, ...]:
    order = list(golden.GROUPS)
    changed = [name for name in was.keys() | is_now.keys() if was.get(name) != is_now.get(name)]
    return tuple(
        GroupChange(
            resident_id=resident,
            group=group,
            before=was[resident, group][1] if (resident, group) in was else None,
            after=is_now[resident, group][1] if (resident, group) in is_now else None,
        )
        for resident, group in sorted(changed, key=lambda name: (name[0], order.index(name[1])))
    )
