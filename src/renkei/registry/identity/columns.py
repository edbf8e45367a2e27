"""The same definition for very many records at once: joined in columns, what is doubtful one by one."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import sqlalchemy as sa

from renkei.bulk import copy_in, copy_out
from renkei.registry.identity.definition import MOST_OF_A_NUMBER, RULES, SINGLE
from renkei.registry.identity.settle import relink, settle

if TYPE_CHECKING:
    import duckdb

#: For the homes of a large city and what they share.
_MEMORY = "4GB"
_KNOWN = pa.schema(
    [
        ("link_id", pa.int64()), ("home_id", pa.int64()), ("resident_id", pa.int64()), ("rule", pa.string()),
        ("feed", pa.string()), ("source_key", pa.string()), ("numbering", pa.string()),
        ("party_number", pa.string()), ("lo", pa.date32()), ("hi", pa.date32()), ("match_key", pa.string()),
        ("is_past", pa.bool_()), ("is_silent", pa.bool_()),
    ]
)  # fmt: skip
_KNOWN_ROWS = """
    SELECT l.link_id, l.home_id, l.resident_id, l.rule, l.feed, l.source_key, l.numbering, l.party_number,
           p.date_of_birth_lo, p.date_of_birth_hi, p.match_key, l.valid_to IS NOT NULL, p.record_id IS NULL
    FROM link AS l
    LEFT JOIN person_record AS p
        ON p.feed = l.feed AND p.source_key = l.source_key AND p.known_to IS NULL AND NOT p.removed
        AND l.valid_to IS NULL
    WHERE l.known_to IS NULL
"""
_OLDER_KEYS = pa.schema([("home_id", pa.int64()), ("match_key", pa.string())])
_OLDER_KEY_ROWS = """
    SELECT DISTINCT l.home_id, p.match_key
    FROM person_record AS p
    JOIN link AS l ON l.feed = p.feed AND l.source_key = p.source_key AND l.known_to IS NULL
        AND (l.first_record_id IS NULL OR (p.record_id >= l.first_record_id AND NOT p.superseded))
        AND (l.last_record_id IS NULL OR p.record_id <= l.last_record_id)
    WHERE p.match_key <> '' AND p.known_to IS NOT NULL
"""
_STRONG = pa.schema([("home_id", pa.int64()), ("kind", pa.string()), ("value", pa.string())])
_STRONG_ROWS = "SELECT home_id, kind, value FROM strong_number"
_REISSUED = pa.schema([("source_key", pa.string()), ("first_record_id", pa.int64())])
_REISSUED_ROWS = "SELECT source_key, first_record_id FROM reissued"
_DECIDED = """
    SELECT left_home FROM decision WHERE in_force_from IS NOT NULL AND in_force_until IS NULL
    UNION
    SELECT right_home FROM decision
    WHERE in_force_from IS NOT NULL AND in_force_until IS NULL AND right_home IS NOT NULL
"""


@dataclass(frozen=True, kw_only=True)
class Joining:
    """All homes, known and new, being joined in columns; ``joined`` is done when they are."""

    bench: "duckdb.DuckDBPyConnection"
    joined: Future[None]


@dataclass(frozen=True, kw_only=True)
class Linked:
    """Residents whose records ``moved``; ``told``, a column ``resident_id``, has those of new records too."""

    moved: frozenset[int]
    told: pa.Table


@contextmanager
def joining(connection: sa.Connection, changed: pa.Table, *, feed: str, is_first: bool) -> Iterator[Joining]:
    """Begin to join every home in columns while the caller does something else with the connection.

    The linker's lock is held. ``is_first``: nothing is known of the feed, so no key of it was given to
    somebody else; otherwise the table ``reissued`` is there, and known numbers are as ``changed`` says.
    """
    from renkei.engine.workbench import workbench

    with workbench(memory=_MEMORY) as bench, ThreadPoolExecutor(1) as aside:
        first = _lay_out(bench, connection, changed, feed=feed, is_first=is_first)
        yield Joining(bench=bench, joined=aside.submit(_solve, bench, feed=feed, first=first))


def settle_all(
    connection: sa.Connection, homes: Joining, *, unit_id: int, now: datetime, refuse: bool
) -> Linked:
    """Link the records that are new and whomever that concerns, all homes looked at anew.

    What nothing speaks against is joined in columns; a resident of whom anything is doubtful (births apart, a
    decision, a number that too many share, a key that is gone) is settled by the definition itself.
    """
    homes.joined.result()
    bench = homes.bench
    doubtful = _numbers(bench, "SELECT home_id FROM solved WHERE is_doubtful AND is_of_concern")
    _write_new(bench, connection, unit_id=unit_id, now=now)
    relinked = _arrow(bench, _RELINKED)
    moved = set(_numbers(bench, _MOVED))
    # what was just written is most of the table: a plan made without it reads all for each doubtful home
    connection.exec_driver_sql("ANALYZE link")
    relink(connection, relinked, now=now, unit_id=unit_id)
    connection.exec_driver_sql("SET LOCAL enable_nestloop = on")
    asked = connection.exec_driver_sql(_ASKED_ABOUT).scalars()
    unsure = sorted({*doubtful, *asked})
    settled = settle(connection, unsure, now=now, unit_id=unit_id, refuse=refuse)
    connection.execute(sa.text(_RESIDENTS), {"homes": unsure, "now": now, "unit_id": unit_id})
    moved |= settled.touched
    bench.register("moved", pa.table({"resident_id": pa.array(sorted(moved), pa.int64())}))
    return Linked(moved=frozenset(moved), told=_arrow(bench, _TOLD_OF))


# a question that numbers raised may have its answer now, though nobody in it is doubtful any more
_ASKED_ABOUT = """
    SELECT l.home_id
    FROM link_candidate AS c
    JOIN open_link AS l USING (feed, source_key)
    WHERE c.state = 'open' AND c.level = 1 AND c.reason <> 'key_reissued'
"""
_RESIDENTS = """
    INSERT INTO resident (resident_id, founded_at, founded_by_unit)
    OVERRIDING SYSTEM VALUE
    SELECT DISTINCT l.resident_id, CAST(:now AS timestamptz), CAST(:unit_id AS bigint)
    FROM link AS l
    WHERE l.home_id = ANY(:homes) AND l.known_to IS NULL
      AND NOT EXISTS (SELECT FROM resident AS known WHERE known.resident_id = l.resident_id)
"""


def _lay_out(
    bench: "duckdb.DuckDBPyConnection",
    connection: sa.Connection,
    changed: pa.Table,
    *,
    feed: str,
    is_first: bool,
) -> int:
    """Every home with what tells whose it is: known ones from the registry, new ones from the delivery.

    Gives the first of the ids that the new ones get.
    """
    bench.register("known", copy_out(connection, _KNOWN_ROWS, _KNOWN))
    bench.register("older", copy_out(connection, _OLDER_KEY_ROWS, _OLDER_KEYS))
    bench.register("strong", copy_out(connection, _STRONG_ROWS, _STRONG))
    reissued = _REISSUED.empty_table() if is_first else copy_out(connection, _REISSUED_ROWS, _REISSUED)
    bench.register("reissued", reissued)
    decided = connection.exec_driver_sql(_DECIDED).scalars().all()
    bench.register("decided", pa.table({"home_id": pa.array(decided, pa.int64())}))
    bench.register("changed", changed)
    bench.execute("CREATE TABLE fresh AS " + _FRESH, {"feed": feed})
    return _next_homes(connection, _number(bench, "SELECT count(*) FROM fresh"))


def _solve(bench: "duckdb.DuckDBPyConnection", *, feed: str, first: int) -> None:
    """The table ``solved``, beside ``node`` and ``strong_new``."""
    bench.execute("CREATE TABLE node AS " + _NODES, {"feed": feed, "first": first})
    bench.execute("CREATE TABLE strong_new AS " + _STRONG_NEW, {"first": first})
    bench.execute("CREATE TABLE told AS " + _TOLD)
    bench.unregister("known")
    _join(bench)
    for table in ("told", "shared", "label", "handed", "groups"):
        bench.execute(f"DROP TABLE {table}")


_FRESH = """
    SELECT c.source_key, c.valid_from, c.numbering, c.party_number, c.date_of_birth_lo, c.date_of_birth_hi,
           c.match_key, c.resident_code_token, c.individual_number_token, c.residence_card_number,
           c.same_as_numbering, c.same_as_party_number, r.first_record_id,
           row_number() OVER (ORDER BY c.source_key) - 1 AS place
    FROM changed AS c
    LEFT JOIN reissued AS r USING (source_key)
    WHERE c.source_key NOT IN (SELECT source_key FROM known WHERE feed = $feed AND NOT is_past)
"""
_NODES = """
    SELECT link_id, home_id, resident_id, rule, feed, source_key, numbering, party_number, lo, hi, match_key,
           is_past OR is_silent AS is_odd, NULL::DATE AS valid_from, NULL::BIGINT AS first_record_id,
           feed = $feed AND source_key IN (SELECT source_key FROM changed) AS is_concerned
    FROM known
    UNION ALL
    SELECT NULL, $first + place, NULL, NULL, $feed, source_key, numbering, party_number, date_of_birth_lo,
           date_of_birth_hi, match_key, first_record_id IS NOT NULL, valid_from, first_record_id, true
    FROM fresh
"""
# rank, value: what homes may share
_TOLD = f"""
    SELECT home_id, {RULES.index("strong_id")} AS rank, numbering || '|' || party_number AS value FROM node
    WHERE numbering IS NOT NULL AND party_number <> ''
    UNION ALL
    SELECT home_id, {RULES.index("four_attributes")}, match_key FROM node WHERE match_key <> ''
    UNION ALL
    SELECT o.home_id, {RULES.index("four_attributes")}, o.match_key
    FROM older AS o
    JOIN node AS n USING (home_id)
    WHERE o.match_key IS DISTINCT FROM n.match_key
    UNION ALL
    SELECT home_id, CASE kind WHEN 'resident_code' THEN {RULES.index("resident_code")}
        WHEN 'individual_number' THEN {RULES.index("individual_number")}
        WHEN 'residence_card' THEN {RULES.index("residence_card")}
        ELSE {RULES.index("strong_id")} END,
        CASE WHEN starts_with(kind, 'says:') THEN substr(kind, 6) || '|' || value ELSE value END
    FROM (SELECT * FROM strong UNION ALL SELECT * FROM strong_new)
"""
# what the new homes say of strong numbers, as the table strong_number has it
_STRONG_NEW = """
    SELECT $first + f.place AS home_id, said.kind, said.value
    FROM fresh AS f
    CROSS JOIN LATERAL (VALUES
        ('resident_code', f.resident_code_token),
        ('individual_number', f.individual_number_token),
        ('residence_card', f.residence_card_number),
        ('says:' || f.same_as_numbering, f.same_as_party_number)
    ) AS said (kind, value)
    WHERE said.kind IS NOT NULL AND said.value <> ''
    ORDER BY 1
"""


def _next_homes(connection: sa.Connection, count: int) -> int:
    """The first of so many new ids; only the linker, of whom there is one, takes any."""
    query = """
        SELECT setval(sequence, nextval(sequence) + greatest(CAST(:count AS bigint), 1) - 1)
        FROM (SELECT pg_get_serial_sequence('resident', 'resident_id')) AS each (sequence)
    """
    last = connection.execute(sa.text(query), {"count": count}).scalar_one()
    return int(last) - max(count, 1) + 1


def _join(bench: "duckdb.DuckDBPyConnection") -> None:
    """Hand the smallest home on from group to group until nothing changes, and mark what is doubtful."""
    bench.execute(_GROUPS)
    bench.execute(
        f"CREATE TABLE crowded AS SELECT home_id FROM ({_SHARED}) WHERE members > {MOST_OF_A_NUMBER}"
    )
    bench.execute(f"CREATE TABLE shared AS {_SHARED} WHERE members <= {MOST_OF_A_NUMBER}")
    bench.execute(
        "CREATE TABLE label AS SELECT home_id, min(first) AS resident_id FROM shared GROUP BY home_id"
    )
    while True:
        bench.execute(_HAND_ON)
        moved = _number(
            bench, "SELECT count(*) FROM label JOIN handed USING (home_id) WHERE smallest < resident_id"
        )
        if not moved:
            break
        bench.execute("CREATE OR REPLACE TABLE label AS SELECT home_id, smallest AS resident_id FROM handed")
    bench.execute("CREATE TABLE solved AS " + _SOLVED)


_GROUPS = """
    CREATE TABLE groups AS
    SELECT row_number() OVER () AS group_id, rank, count(*) AS members, list(home_id) AS homes,
           min(home_id) AS first, min(home_id, 2)[2] AS second
    FROM told
    GROUP BY rank, value
    HAVING count(*) > 1
"""
_SHARED = "SELECT unnest(homes) AS home_id, rank, group_id, members, first, second FROM groups"
_HAND_ON = """
    CREATE OR REPLACE TABLE handed AS
    WITH least_of AS (
        SELECT group_id, min(l.resident_id) AS smallest
        FROM shared JOIN label AS l USING (home_id)
        GROUP BY group_id
    )
    SELECT home_id, min(smallest) AS smallest
    FROM shared JOIN least_of USING (group_id)
    GROUP BY home_id
"""
# the strongest rule and then the smallest home, as one number
_RANK_BIT = 56
# A resident is doubtful as a whole: births that cannot be one day, two numbers of which a person has one, a
# decision, a number that too many share, a key that is gone or was given away.
_SOLVED = f"""
    WITH labelled AS (
        SELECT n.*, coalesce(l.resident_id, n.home_id) AS label
        FROM node AS n
        LEFT JOIN label AS l USING (home_id)
    ), single AS (
        SELECT l.label
        FROM told AS t
        JOIN labelled AS l USING (home_id)
        WHERE t.rank IN ({", ".join(str(RULES.index(rule)) for rule in SINGLE)})
        GROUP BY l.label, t.rank
        HAVING count(DISTINCT t.value) > 1
    ), odd AS (
        SELECT label
        FROM labelled
        GROUP BY label
        HAVING max(lo) > min(hi) OR (bool_or(is_odd) AND count(*) > 1)
        UNION
        SELECT label FROM single
        UNION
        SELECT label FROM labelled WHERE home_id IN (SELECT home_id FROM decided)
        UNION
        SELECT label FROM labelled WHERE home_id IN (SELECT home_id FROM crowded)
        UNION
        SELECT label FROM labelled JOIN strong USING (home_id) WHERE starts_with(kind, 'says:')
        UNION
        SELECT l.label
        FROM labelled AS l
        JOIN fresh AS f USING (source_key)
        WHERE l.link_id IS NULL AND f.same_as_party_number <> ''
    ), concerned AS (
        SELECT label FROM labelled WHERE is_concerned OR resident_id IS DISTINCT FROM label GROUP BY label
    ), hanging AS (
        SELECT home_id,
               min((rank::BIGINT << {_RANK_BIT}) + CASE WHEN home_id = first THEN second ELSE first END) AS by
        FROM shared
        GROUP BY home_id
    )
    SELECT l.* EXCLUDE (match_key, lo, hi, is_odd),
           h.by >> {_RANK_BIT} AS rank, h.by % (1::BIGINT << {_RANK_BIT}) AS via,
           l.label IN (SELECT label FROM odd) AS is_doubtful,
           l.label IN (SELECT label FROM concerned) AS is_of_concern
    FROM labelled AS l
    LEFT JOIN hanging AS h USING (home_id)
"""
_RULE = "CASE s.rank " + " ".join(f"WHEN {place} THEN '{rule}'" for place, rule in enumerate(RULES)) + " END"
_NAMED = f"CASE WHEN s.label = s.home_id THEN 'founder' ELSE {_RULE} END"
_RELINKED = f"""
    SELECT s.link_id, s.label AS resident_id, {_NAMED} AS rule,
           CASE WHEN s.label <> s.home_id THEN v.feed END AS via_feed,
           CASE WHEN s.label <> s.home_id THEN v.source_key END AS via_key, NULL::BIGINT AS decision_id
    FROM solved AS s
    LEFT JOIN node AS v ON v.home_id = s.via
    WHERE s.link_id IS NOT NULL AND NOT s.is_doubtful AND (s.resident_id <> s.label OR s.rule <> {_NAMED})
"""
_MOVED = """
    SELECT unnest([resident_id, label])
    FROM solved
    WHERE link_id IS NOT NULL AND NOT is_doubtful AND resident_id <> label
"""
_NEW = f"""
    SELECT CASE WHEN s.is_doubtful THEN s.home_id ELSE s.label END AS resident_id, s.home_id, s.feed,
           s.source_key, s.numbering, s.party_number,
           CASE WHEN s.is_doubtful THEN 'founder' ELSE {_NAMED} END AS rule,
           CASE WHEN s.label <> s.home_id AND NOT s.is_doubtful THEN v.feed END AS via_feed,
           CASE WHEN s.label <> s.home_id AND NOT s.is_doubtful THEN v.source_key END AS via_key,
           s.valid_from, s.first_record_id, $now::TIMESTAMPTZ AS known_from, $unit_id::BIGINT AS unit_id
    FROM solved AS s
    LEFT JOIN node AS v ON v.home_id = s.via
    WHERE s.link_id IS NULL
    ORDER BY s.home_id
"""
# who is doubtful may turn out to be nobody of their own
_FOUNDED = """
    SELECT home_id AS resident_id, known_from AS founded_at, unit_id AS founded_by_unit
    FROM made
    WHERE resident_id = home_id AND home_id NOT IN (SELECT home_id FROM solved WHERE is_doubtful)
    ORDER BY 1
"""
# under whom the new records are, settled or not: who was moved was somebody before, and is somebody now
_TOLD_OF = "SELECT resident_id FROM made UNION SELECT resident_id FROM moved"


def _write_new(
    bench: "duckdb.DuckDBPyConnection", connection: sa.Connection, *, unit_id: int, now: datetime
) -> None:
    made = _arrow(bench, _NEW, now=now, unit_id=unit_id)
    copy_in(connection, "link", made)
    bench.register("made", made)
    copy_in(connection, "resident", _arrow(bench, _FOUNDED))
    copy_in(connection, "strong_number", _arrow(bench, "SELECT * FROM strong_new ORDER BY home_id"))


def _arrow(bench: "duckdb.DuckDBPyConnection", query: str, **terms: object) -> pa.Table:
    return bench.sql(query, params=terms or None).to_arrow_table()


def _number(bench: "duckdb.DuckDBPyConnection", query: str) -> int:
    row = bench.execute(query).fetchone()
    return int(row[0]) if row else 0


def _numbers(bench: "duckdb.DuckDBPyConnection", query: str) -> Iterable[int]:
    return [int(row[0]) for row in bench.execute(query).fetchall()]
