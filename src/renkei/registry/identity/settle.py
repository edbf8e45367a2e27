"""Brings the links of some homes to what the definition says now, and tells which residents changed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa

from renkei.bulk import copy_in
from renkei.registry.identity.definition import Edge, Resolution, solve
from renkei.registry.identity.neighbourhood import Neighbourhood, gather
from renkei.registry.sql import run

_RELINKED = pa.schema(
    [
        ("link_id", pa.int64()),
        ("resident_id", pa.int64()),
        ("rule", pa.string()),
        ("via_feed", pa.string()),
        ("via_key", pa.string()),
        ("decision_id", pa.int64()),
    ]
)
_HELD = pa.schema(
    [("home_id", pa.int64()), ("other_home_id", pa.int64()), ("reason", pa.string()), ("level", pa.int16())]
)


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Residents whose records changed, those that they were before included."""

    touched: frozenset[int]


def settle(
    connection: sa.Connection,
    homes: Iterable[int],
    *,
    now: datetime,
    unit_id: int | None = None,
    refuse: bool = True,
) -> Settled:
    """Solve these homes and all that they reach anew, and write what that changes; twice changes nothing.

    Rows that this very unit has written are put right in place; older ones are closed and written again.
    """
    wanted = set(homes)
    if not wanted:
        return Settled(touched=frozenset())
    near = gather(connection, wanted)
    found = solve(near.nodes, near.decided, refuse=refuse)
    changed = [home for home in near.links if _differs(near, found, home)]
    relink(connection, _relinked(near, found, changed), now=now, unit_id=unit_id)
    _keep_merges(connection, near, found, now=now, refuse=refuse)
    _keep_held(connection, found, now=now, unit_id=unit_id)
    before = {near.links[home]["resident_id"] for home in changed}
    after = {found.labels[home] for home in changed}
    return Settled(touched=frozenset(before | after))


def _differs(near: Neighbourhood, found: Resolution, home: int) -> bool:
    row = near.links[home]
    rule, decision = _rule(found.edges.get(home))
    return (row["resident_id"], row["rule"], row["decision_id"]) != (found.labels[home], rule, decision)


def _rule(edge: Edge | None) -> tuple[str, int | None]:
    return ("founder", None) if edge is None else (edge.rule, edge.decision_id)


def _relinked(near: Neighbourhood, found: Resolution, changed: Iterable[int]) -> pa.Table:
    rows = []
    for home in changed:
        edge = found.edges.get(home)
        rule, decision = _rule(edge)
        via = near.links.get(edge.other(home)) if edge else None
        rows.append(
            {
                "link_id": near.links[home]["link_id"],
                "resident_id": found.labels[home],
                "rule": rule,
                "via_feed": via["feed"] if via else None,
                "via_key": via["source_key"] if via else None,
                "decision_id": decision,
            }
        )
    return pa.Table.from_pylist(rows, schema=_RELINKED)


def relink(connection: sa.Connection, rows: pa.Table, *, now: datetime, unit_id: int | None) -> None:
    """Put these links under their residents: in place where this unit wrote them, else by a new row."""
    connection.exec_driver_sql("DROP TABLE IF EXISTS relinked")
    connection.exec_driver_sql(
        "CREATE TEMP TABLE relinked (link_id bigint PRIMARY KEY, resident_id bigint NOT NULL,"
        " rule text NOT NULL, via_feed text, via_key text, decision_id bigint) ON COMMIT DROP"
    )
    if not rows.num_rows:
        return
    copy_in(connection, "relinked", rows)
    connection.exec_driver_sql("ANALYZE relinked")
    values = {"now": now, "unit_id": unit_id}
    for name in ("relink_in_place", "relink_close", "relink_open"):
        run(connection, name, values)
    # whoever parts from another may be a resident who never was one
    connection.execute(sa.text(_RESIDENTS), {"now": now})


_RESIDENTS = """
    INSERT INTO resident (resident_id, founded_at, founded_by_unit)
    OVERRIDING SYSTEM VALUE
    SELECT l.home_id, :now, l.unit_id
    FROM (SELECT DISTINCT resident_id FROM relinked) AS r
    JOIN link AS l ON l.home_id = r.resident_id AND l.known_to IS NULL
    WHERE NOT EXISTS (SELECT FROM resident AS known WHERE known.resident_id = l.home_id)
    ORDER BY 1
"""


def _keep_merges(
    connection: sa.Connection, near: Neighbourhood, found: Resolution, *, now: datetime, refuse: bool
) -> None:
    """The star of homes that only decisions join: what would be the residents without them, under what is."""
    wanted: dict[int, int] = {}
    if near.decided.same:
        without = solve(near.nodes, type(near.decided)(different=near.decided.different), refuse=refuse)
        wanted = {
            home: found.labels[home] for home in set(without.labels.values()) if found.labels[home] != home
        }
    homes = sorted(near.links)
    rows = connection.execute(sa.text(_MERGES), {"homes": homes})
    known: Mapping[int, int] = {row.home_id: row.resident_id for row in rows}
    gone = [home for home, resident in known.items() if wanted.get(home) != resident]
    if gone:
        connection.execute(sa.text(_PART), {"homes": gone, "now": now})
    joined = [
        {"home": home, "resident": resident, "now": now}
        for home, resident in sorted(wanted.items())
        if known.get(home) != resident
    ]
    if joined:
        connection.execute(sa.text(_JOIN), joined)


_MERGES = """
    SELECT home_id, resident_id FROM resident_merge WHERE known_to IS NULL AND home_id = ANY(:homes)
"""
_PART = """
    UPDATE resident_merge SET known_to = greatest(:now, known_from)
    WHERE known_to IS NULL AND home_id = ANY(:homes)
"""
_JOIN = "INSERT INTO resident_merge (home_id, resident_id, known_from) VALUES (:home, :resident, :now)"


def _keep_held(connection: sa.Connection, found: Resolution, *, now: datetime, unit_id: int | None) -> None:
    """Pairs that a number joins and something forbids become candidates; those that no longer are, go."""
    by_home: dict[int, list[dict[str, object]]] = defaultdict(list)
    for each in found.held:
        younger, older = max(each.left, each.right), min(each.left, each.right)
        by_home[younger].append(
            {"home_id": younger, "other_home_id": older, "reason": each.reason, "level": 1}
        )
    rows = [row for home in sorted(by_home) for row in by_home[home]]
    connection.exec_driver_sql("DROP TABLE IF EXISTS held")
    connection.exec_driver_sql(
        "CREATE TEMP TABLE held (home_id bigint, other_home_id bigint, reason text, level smallint)"
        " ON COMMIT DROP"
    )
    copy_in(connection, "held", pa.Table.from_pylist(rows, schema=_HELD))
    connection.exec_driver_sql("ANALYZE held")
    values = {"now": now, "unit_id": unit_id}
    for name in ("candidates_gone", "candidates_held"):
        run(connection, name, values)
