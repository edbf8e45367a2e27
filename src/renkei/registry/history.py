"""What held on a day, as it was known at an instant: the same question has the same answer for ever.

The functions of SQL beneath (``link_at``, ``person_span``, ``person_at``, ``household_at``,
``household_history``) say how; see ``docs/history.md``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from renkei.bulk import copy_in
from renkei.records import GOLDEN
from renkei.registry.golden import FRESHEST

if TYPE_CHECKING:
    from renkei.registry.difference import Difference
    from renkei.registry.merge import UnitOfWork

#: Kinds of change that reach back to the day of the event that they are about.
REACHING = ("cancelled", "correction")
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point on the two axes: the day asked about, and the instant up to which is known."""

    as_of: date
    known_at: datetime


# on the way in ------------------------------------------------------------------------------------

_SPAN_OF_KEY = """
    CROSS JOIN LATERAL (
        SELECT * FROM person_span({known_at}) AS s
        WHERE s.feed = k.feed AND s.source_key = k.source_key
        OFFSET 0
    ) AS s
"""
# a key that nothing was known of has nothing to reach back to
_REACH = f"""
    UPDATE person_record AS p
    SET effective_from = s.effective_on
    FROM (
        SELECT CAST(:feed AS text) AS feed, source_key
        FROM reaching
        WHERE EXISTS (
            SELECT
            FROM person_record AS before
            WHERE before.feed = :feed AND before.source_key = reaching.source_key
              AND before.unit_id <> :unit_id
        )
    ) AS k
    {_SPAN_OF_KEY.format(known_at="'infinity'")}
    WHERE p.record_id = s.record_id AND p.unit_id = :unit_id
      AND s.effective_on IS DISTINCT FROM p.valid_from
"""
_ANNOUNCED = """
    UPDATE person_record
    SET effective_from = least(effective_from, :as_of)
    WHERE feed = :feed AND unit_id = :unit_id AND NOT removed AND valid_from > :as_of
      AND source_key IN (SELECT source_key FROM reaching)
"""


def reach_back(connection: sa.Connection, difference: "Difference", unit: "UnitOfWork") -> None:
    """Set ``effective_from`` of this unit's rows that take effect on another day than ``valid_from``.

    It keeps what was known when the row was written. Answers are made from what was known at their instant,
    so a version that comes late and shows that a correction was of something else needs no row rewritten.
    """
    keys = [_reaching(table, unit.as_of) for table in (difference.changed, difference.superseded)]
    wanted = pa.table({"source_key": pa.chunked_array([*keys], pa.string())})
    if not wanted.num_rows:
        return
    connection.exec_driver_sql("CREATE TEMP TABLE reaching (source_key text) ON COMMIT DROP")
    copy_in(connection, "reaching", wanted)
    connection.exec_driver_sql("ANALYZE reaching")
    about = {"feed": unit.feed, "unit_id": unit.unit_id}
    connection.execute(sa.text(_REACH), about)
    connection.execute(sa.text(_ANNOUNCED), {**about, "as_of": unit.as_of})


def _reaching(rows: pa.Table, as_of: date) -> pa.Array:
    kind = pc.is_in(rows["change_kind"], value_set=pa.array(REACHING))
    ahead = pc.greater(rows["valid_from"], pa.scalar(as_of))
    return rows["source_key"].filter(pc.or_(kind, ahead)).combine_chunks()


# questions ----------------------------------------------------------------------------------------

_LINKS = """
    SELECT l.*, d.left_feed, d.left_key, d.right_feed, d.right_key
    FROM link_at(:as_of, :known_at) AS l
    LEFT JOIN decision AS d USING (decision_id)
    WHERE l.resident_id = :resident
    ORDER BY l.feed, l.source_key
"""
# who was ever under this id, and under which one that home is now
_PART_OF = """
    SELECT min(now_at.resident_id)
    FROM link AS was
    JOIN link_at(:as_of, :known_at) AS now_at
        ON now_at.feed = was.feed AND now_at.source_key = was.source_key AND now_at.home_id = :resident
    WHERE was.resident_id = :resident AND was.known_from <= :known_at
"""
_RECORDS = """
    SELECT
        p.*, s.effective_on, s.held_until, s.resident_status AS status_on_day, u.mapping_digest,
        u.as_of AS told_on, r.project_digest
    FROM unnest(CAST(:feeds AS text[]), CAST(:keys AS text[])) AS k (feed, source_key)
    CROSS JOIN LATERAL (
        SELECT * FROM person_at(:as_of, :known_at) AS s
        WHERE s.feed = k.feed AND s.source_key = k.source_key
        OFFSET 0
    ) AS s
    JOIN person_record AS p ON p.record_id = s.record_id
    LEFT JOIN unit AS u ON u.unit_id = p.unit_id
    LEFT JOIN run AS r ON r.run_id = u.run_id
    ORDER BY p.feed, p.source_key
"""
_RULES = """
    SELECT r.body
    FROM (
        -- each half has an index of its own
        SELECT * FROM golden_version WHERE resident_id = :resident AND known_to IS NULL
        UNION ALL
        SELECT * FROM golden_version WHERE resident_id = :resident AND known_to IS NOT NULL
    ) AS g
    JOIN golden_rule AS r USING (golden_rule_id)
    WHERE g.known_from <= :known_at
    ORDER BY g.known_from DESC, g.golden_id DESC
    LIMIT 1
"""
_VALUES = """
    SELECT DISTINCT ON (d.field_group) d.field_group, d.decision_id, d.left_feed, d.left_key
    FROM decision AS d
    WHERE d.kind = 'value' AND d.left_home = ANY(:homes) AND d.in_force_from <= :known_at
      AND (d.in_force_until IS NULL OR d.in_force_until > :known_at)
    ORDER BY d.field_group, d.decision_id DESC
"""
_OWNERS = """
    SELECT DISTINCT l.resident_id
    FROM open_link AS l
    JOIN unnest(CAST(:feeds AS text[]), CAST(:keys AS text[])) AS k (feed, source_key)
        USING (feed, source_key)
"""
_MARKED = """
    SELECT EXISTS (
        SELECT
        FROM protection
        WHERE home_id = ANY(:homes) AND known_from <= :known_at AND (known_to IS NULL OR known_to > :known_at)
    )
"""
_FACILITY = """
    SELECT EXISTS (
        SELECT
        FROM facility_household
        WHERE split_part(feed, '.', 1) = :system AND household_number = :number
    )
"""
# a household's keys: those that have its number now, and those that had it in a version since closed
_MEMBERS = """
    WITH fed AS (
        SELECT feed FROM cursor WHERE split_part(feed, '.', 1) = :system
    ), keyed AS (
        SELECT p.feed, p.source_key
        FROM fed
        JOIN person_record AS p ON p.feed = fed.feed AND p.household_number = :number AND p.known_to IS NULL
        UNION
        SELECT p.feed, p.source_key
        FROM fed
        JOIN person_record AS p
            ON p.feed = fed.feed AND p.household_number = :number AND p.known_to IS NOT NULL
    )
    SELECT
        l.resident_id, h.feed, h.source_key, h.record_id, h.relationship, h.is_head, h.member_from
    FROM keyed AS k
    CROSS JOIN LATERAL (
        SELECT * FROM household_span(:known_at) AS h
        WHERE h.feed = k.feed AND h.source_key = k.source_key
        OFFSET 0
    ) AS h
    CROSS JOIN LATERAL (
        SELECT * FROM link_at(:as_of, :known_at) AS l
        WHERE l.feed = h.feed AND l.source_key = h.source_key
        OFFSET 0
    ) AS l
    WHERE h.household_number = :number AND h.since <= :as_of AND (h.until IS NULL OR h.until > :as_of)
    ORDER BY h.is_head DESC, h.member_from, l.resident_id, h.feed, h.source_key
"""


def links_of(connection: sa.Connection, resident: int, point: Point) -> list[Row]:
    """The links of a resident at a point, by feed and key; none where nobody had that id."""
    return _rows(connection, _LINKS, point, resident=resident)


def part_of(connection: sa.Connection, resident: int, point: Point) -> int | None:
    """The resident whom a home that was once a resident of its own belongs to at a point."""
    asked = {"resident": resident, **vars(point)}
    found = connection.execute(sa.text(_PART_OF), asked).scalar()
    return None if found is None or found == resident else int(found)


def records_of(connection: sa.Connection, links: Iterable[Row], point: Point) -> list[Row]:
    """What each linked key said at a point: the columns of ``person_record``, with the days it held."""
    return _rows(connection, _RECORDS, point, **_keys(links))


def members_of(connection: sa.Connection, system: str, number: str, point: Point) -> list[Row]:
    """The members of a system's household at a point, heads first; a row a record."""
    return _rows(connection, _MEMBERS, point, system=system, number=number)


def owners_of(connection: sa.Connection, links: Iterable[Row]) -> list[int]:
    """The residents who have these keys now, whoever had them then."""
    return list(connection.execute(sa.text(_OWNERS), _keys(links)).scalars())


def standing_of(
    connection: sa.Connection, links: Iterable[Row], records: Iterable[Row], point: Point
) -> str | None:
    """``protected`` or ``none`` as known at an instant, the strictest of all sources; None is unknown."""
    said = {row["protected"] for row in records}
    asked = {"homes": [row["home_id"] for row in links], "known_at": point.known_at}
    if "protected" in said or connection.execute(sa.text(_MARKED), asked).scalar():
        return "protected"
    return "none" if "none" in said else None


def is_facility(connection: sa.Connection, system: str, number: str) -> bool:
    """True for a household of a facility (施設), whose members are strangers to each other."""
    return bool(connection.execute(sa.text(_FACILITY), {"system": system, "number": number}).scalar())


def rules_of(connection: sa.Connection, resident: int, point: Point) -> Mapping[str, str]:
    """Group → the rule that the golden record of that instant was made by; empty where there was none."""
    asked = {"resident": resident, "known_at": point.known_at}
    found: Mapping[str, str] | None = connection.execute(sa.text(_RULES), asked).scalar()
    return found or {}


def chosen_of(connection: sa.Connection, links: Iterable[Row], point: Point) -> dict[str, Row]:
    """Group → the decision on its value that was in force at that instant."""
    rows = _rows(connection, _VALUES, point, homes=[row["home_id"] for row in links])
    return {str(row["field_group"]): row for row in rows}


def golden_of(
    records: Sequence[Row], rules: Mapping[str, str], chosen: Mapping[str, Row]
) -> dict[str, tuple[Row | None, str]]:
    """Group → the record that wins it, None where none says anything, and by which rule.

    A decision comes first, as long as its record says something; then the order of trust, the newest event,
    and the feed and key by name.
    """
    return {group: _winner(group, records, rules, chosen.get(group)) for group in GOLDEN}


def _winner(
    group: str, records: Sequence[Row], rules: Mapping[str, str], decided: Row | None
) -> tuple[Row | None, str]:
    claims = [row for row in records if row[GOLDEN[group][0]] is not None]
    if decided is not None:
        wanted = (decided["left_feed"], decided["left_key"])
        if own := [row for row in claims if (row["feed"], row["source_key"]) == wanted]:
            return own[0], f"decision:{decided['decision_id']}"
    rule = _trust(group, rules)
    order = rule.removeprefix("trust:").split(">")
    fresh = order.index(FRESHEST) if FRESHEST in order else len(order)

    def place(row: Row) -> tuple[int | str, ...]:
        names = (row["feed"], row["feed"].split(".")[0])
        rank = next((order.index(name) for name in names if name in order), len(order))
        newest = -row["valid_from"].toordinal()
        return (min(rank, fresh), newest, rank, row["feed"], row["source_key"])

    return min(claims, key=place, default=None), rule


def _trust(group: str, rules: Mapping[str, str]) -> str:
    """The group's order of trust; where a decision stood in its place, the one that another group has."""
    ordered = [rules.get(group, ""), *rules.values()]
    return next((rule for rule in ordered if rule.startswith("trust:")), "trust:")


def _keys(links: Iterable[Row]) -> dict[str, list[str]]:
    pairs = [(row["feed"], row["source_key"]) for row in links]
    return {"feeds": [feed for feed, _ in pairs], "keys": [key for _, key in pairs]}


def _rows(connection: sa.Connection, query: str, point: Point, **asked: object) -> list[Row]:
    bound = {name: value for name, value in {**asked, **vars(point)}.items() if f":{name}" in query}
    return [dict(row) for row in connection.execute(sa.text(query), bound).mappings()]
