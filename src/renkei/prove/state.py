"""What the landing zone and the registry hold: I1 to I5."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renkei import snapshot
from renkei.errors import RenkeiError
from renkei.landing import digest_of
from renkei.prove.ground import Findings, Ground, Part
from renkei.records import RECORD_TYPES

if TYPE_CHECKING:
    import pyarrow as pa

_KINDS = ("merged", "unchanged", "superseded", "rejected")
_TABLES = tuple(kind.table for kind in RECORD_TYPES.values())


# I1 ----------------------------------------------------------------------------------------------


def whole_objects(ground: Ground, findings: Findings) -> None:
    """Hash every file again; every row that names an object has it, at the size it was written with."""
    whole: dict[str, int] = {}
    for place in ground.landing.stored():
        if digest_of(place) == place.name:
            whole[place.name] = place.stat().st_size
        findings.expect(place.name in whole, f"object:{place.name[:12]} damaged")
    for row in ground.rows(_NAMED):
        findings.expect(whole.get(row.sha256) == row.bytes, f"{row.name} names an object that is not whole")
    known = {row.sha256 for row in ground.rows("SELECT sha256 FROM object")}
    parts = sum(1 for place in ground.landing.root.rglob("*.part*") if place.is_file())
    findings.notes.append(f"unnamed={len(whole.keys() - known)} unfinished={parts}")


_NAMED = """
    WITH named AS (
        SELECT 'delivery:' || delivery_id AS name, sha256 FROM delivery
        UNION ALL SELECT 'unit:' || unit_id, dispositions FROM unit
        UNION ALL SELECT 'unit:' || unit_id, snapshot FROM unit
        UNION ALL SELECT 'cursor:' || feed, snapshot FROM cursor
        UNION ALL SELECT 'object:' || left(sha256, 12), sha256 FROM object
    )
    SELECT named.name, sha256, object.bytes FROM named LEFT JOIN object USING (sha256)
"""


# I2 ----------------------------------------------------------------------------------------------


def conservation(ground: Ground, findings: Findings) -> None:
    """Per unit: the equation, one disposition a record, and as many rows as the counts say."""
    rows = ground.rows(_WRITTEN)
    written = {row.unit_id: (row.merged, row.ended, row.rejected) for row in rows}
    late = {row.unit_id: (row.late, row.late_ended) for row in rows}
    # a record that says its key is gone was merged, and left a removed row
    for unit in ground.rows("SELECT * FROM unit ORDER BY unit_id"):
        stated = {kind: getattr(unit, kind) for kind in _KINDS}
        findings.expect(unit.records == sum(stated.values()), f"unit:{unit.unit_id} counts do not add up")
        counted = written.get(unit.unit_id, (0, 0, 0))
        as_stated = counted == (unit.merged - unit.gone, unit.ended + unit.gone, unit.rejected)
        findings.expect(as_stated, f"unit:{unit.unit_id} rows differ from its counts")
        # what came late is kept once, so there are fewer rows than were told
        versions, ends = late.get(unit.unit_id, (0, 0))
        told = versions <= unit.superseded and versions + ends <= unit.superseded + unit.unchanged
        findings.expect(told, f"unit:{unit.unit_id} keeps more late rows than came late")
        _dispositions(ground.landing.path(unit.dispositions), unit, stated=stated, findings=findings)


def _dispositions(place: Path, unit: Any, *, stated: Mapping[str, int], findings: Findings) -> None:  # noqa: ANN401 - a row of any query
    import pyarrow.compute as pc

    table = parquet(place, ["rec_no", "kind"])
    if table is None:
        findings.broken(f"unit:{unit.unit_id} dispositions cannot be read")
        return
    findings.checked += unit.records
    counted = {pair["values"]: pair["counts"] for pair in pc.value_counts(table["kind"]).to_pylist()}
    as_stated = counted == {kind: count for kind, count in stated.items() if count}
    findings.expect(as_stated, f"unit:{unit.unit_id} dispositions differ from its counts")
    once = pc.count_distinct(table["rec_no"]).as_py() == table.num_rows == unit.records
    complete = unit.part != "all" or (pc.max(table["rec_no"]).as_py() or 0) == unit.records
    findings.expect(once and complete, f"unit:{unit.unit_id} a record has no disposition, or two")


_WRITTEN_IN_TABLES = "\nUNION ALL ".join(
    f"""SELECT unit_id, count(*) FILTER (WHERE NOT removed AND NOT superseded) AS merged,
        count(*) FILTER (WHERE removed AND NOT superseded) AS ended, 0 AS rejected,
        count(*) FILTER (WHERE NOT removed AND superseded) AS late,
        count(*) FILTER (WHERE removed AND superseded) AS late_ended
    FROM {table} GROUP BY unit_id"""
    for table in _TABLES
)
_WRITTEN = f"""
    WITH written AS (
        {_WRITTEN_IN_TABLES}
        UNION ALL SELECT unit_id, 0, 0, count(*), 0, 0 FROM reject GROUP BY unit_id
    )
    SELECT unit_id, sum(merged) AS merged, sum(ended) AS ended, sum(rejected) AS rejected, sum(late) AS late,
        sum(late_ended) AS late_ended
    FROM written
    GROUP BY unit_id
"""


# I3 ----------------------------------------------------------------------------------------------


def all_or_nothing(ground: Ground, findings: Findings) -> None:
    """Nothing of a unit exists without the unit, and the unit not without its event and watermark."""
    findings.checked += ground.count("SELECT count(*) FROM unit")
    for table, column in map(tuple, ground.rows(_TELLING_OF_UNITS)):
        orphans = ground.count(
            f'SELECT count(*) FROM "{table}" WHERE "{column}" NOT IN (SELECT unit_id FROM unit)'
        )
        findings.expect(not orphans, f"{table}.{column}: {orphans} rows of no unit")
    for row in ground.rows(_HALF_DONE):
        findings.broken(row.problem)


_TELLING_OF_UNITS = """
    SELECT c.table_name, c.column_name
    FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.table_name <> 'unit'
      AND c.column_name IN ('unit_id', 'founded_by_unit', 'closed_by_unit')
    ORDER BY 1, 2
"""
_DONE = """
    done AS (
        SELECT body::jsonb ->> 'object' AS object, count(*) AS times
        FROM audit_event
        WHERE body LIKE '{"action":"unit.done"%'
        GROUP BY 1
    )
"""
_HALF_DONE = f"""
    WITH {_DONE}
    SELECT coalesce('unit:' || unit_id, object) || ' events=' || coalesce(times, 0) AS problem
    FROM unit FULL JOIN done ON object = 'unit:' || unit_id
    WHERE times IS DISTINCT FROM 1 OR unit_id IS NULL
    UNION ALL
    SELECT 'delivery:' || d.delivery_id || ' is ' || d.verdict
    FROM delivery d
    WHERE (d.verdict = 'merged') <> EXISTS (SELECT FROM unit u WHERE u.delivery_id = d.delivery_id)
    UNION ALL
    SELECT 'cursor:' || done.feed || ' is not where its units are'
    FROM (SELECT feed, max(as_of) AS as_of FROM unit GROUP BY feed) done
    LEFT JOIN cursor c ON c.feed = done.feed
    LEFT JOIN unit newest ON newest.unit_id = c.unit_id
    LEFT JOIN LATERAL (
        -- what came late and was still news moved the state, not the watermark
        SELECT snapshot
        FROM unit u
        WHERE u.feed = c.feed AND (u.unit_id = c.unit_id OR (u.unit_id > c.unit_id AND u.merged > 0))
        ORDER BY u.unit_id DESC
        LIMIT 1
    ) last ON true
    WHERE (newest.feed, newest.as_of, last.snapshot, c.as_of)
        IS DISTINCT FROM (done.feed, done.as_of, c.snapshot, done.as_of)
"""


# I4 ----------------------------------------------------------------------------------------------


def no_loss(ground: Ground, findings: Findings) -> None:
    """The newest merged delivery of each feed, read again: its keys are in the registry, and no others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for unit in ground.rows(_NEWEST):
        try:
            part = Part(feed=unit.feed, file=ground.landing.path(unit.sha256), as_of=unit.as_of)
            again = ground.reread(part)
        except (RenkeiError, OSError) as broken:
            findings.broken(f"unit:{unit.unit_id} {getattr(broken, 'code', 'unreadable')}")
            continue
        held = keys_held(ground, unit.feed)
        delivered = pc.unique(pa.concat_arrays([keys_of(again.records), again.rejected]))
        aside = ground.keys(_ASIDE, feed=unit.feed)
        overtaken = keys_in(ground.landing.path(unit.dispositions), only="superseded")
        lost = _without(delivered, pa.concat_arrays([held, aside, overtaken]))
        # a record without a readable key may be any of those held, and a delta does not hold them all
        surplus = 0 if again.nameless or not unit.is_whole else _without(held, delivered)
        findings.checked += len(delivered)
        findings.expect(not lost, f"unit:{unit.unit_id} lacks {lost} keys of its delivery")
        findings.expect(not surplus, f"unit:{unit.unit_id} holds {surplus} keys that were not delivered")
        state = state_of(ground, unit.snapshot, ["source_key"])
        there = pa.array([], pa.string()) if state is None else pc.drop_null(keys_of(state))
        same = len(there) == len(held) and not _without(there, held)
        findings.expect(same, f"unit:{unit.unit_id} snapshot and registry hold different keys")


def _without(some: "pa.Array", others: "pa.Array") -> int:
    """How many of some are not among the others."""
    import pyarrow.compute as pc

    return len(some) - int(pc.sum(pc.is_in(some, value_set=others)).as_py() or 0)


_NEWEST = """
    SELECT c.feed, u.unit_id, u.as_of, u.dispositions, c.snapshot, d.sha256, d.is_whole
    FROM cursor c
    JOIN unit u USING (unit_id)
    JOIN delivery d USING (delivery_id)
    ORDER BY c.feed
"""
_ASIDE = "SELECT source_key FROM reject WHERE feed = current_setting('prove.feed') AND state = 'open'"
_HELD = " UNION ALL ".join(
    f"SELECT source_key FROM {table}\n"
    "WHERE feed = current_setting('prove.feed') AND known_to IS NULL AND NOT removed"
    for table in _TABLES
)


def keys_held(ground: Ground, feed: str) -> "pa.Array":
    """The keys that the registry has of a feed now."""
    return ground.keys(_HELD, feed=feed)


def keys_of(table: "pa.Table") -> "pa.Array":
    """The column ``source_key`` in one piece."""
    return table["source_key"].combine_chunks()


def keys_in(place: Path, *, only: str | None = None) -> "pa.Array":
    """The keys of a table in the landing zone, of one ``kind`` where that is asked; none of a damaged one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = parquet(place, ["source_key", "kind"] if only else ["source_key"])
    if table is None:
        return pa.array([], pa.string())
    if only:
        table = table.filter(pc.equal(table["kind"], only))
    return pc.drop_null(keys_of(table))


def state_of(ground: Ground, digest: str, columns: list[str]) -> "pa.Table | None":
    """Those of the columns that a feed's state has; None of a lost or damaged one: I1 tells."""
    import polars as pl
    import pyarrow as pa

    try:
        return snapshot.found(ground.landing, digest).table(columns)
    except (OSError, pa.ArrowException, pl.exceptions.PolarsError):
        return None


def parquet(place: Path, columns: list[str]) -> "pa.Table | None":
    """Those of the columns that a table of the landing zone has; None of a lost or damaged one: I1 tells."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        there = set(pq.read_schema(place).names)
        return pq.read_table(place, columns=[name for name in columns if name in there])
    except (OSError, pa.ArrowException):
        return None


# I5 ----------------------------------------------------------------------------------------------


def no_double(ground: Ground, findings: Findings) -> None:
    """One row for each version of a key (between two removals), one open row a key, one event a unit."""
    for table in _TABLES:
        findings.checked += ground.count(f"SELECT count(*) FROM {table}")
        for row in ground.rows(_DOUBLES.format(table=table)):
            findings.broken(f"{table}:{row.record_id} {row.problem}")
    for row in ground.rows(f"WITH {_DONE} SELECT object, times FROM done WHERE times > 1"):
        findings.broken(f"{row.object} done {row.times} times")


_DOUBLES = """
    WITH life AS (
        SELECT record_id, feed, source_key, source_version, content_hash, removed, known_to,
            count(*) FILTER (WHERE removed) OVER (PARTITION BY feed, source_key ORDER BY record_id) AS life
        FROM {table}
    )
    SELECT max(record_id) AS record_id, 'same version twice' AS problem
    FROM life
    GROUP BY feed, source_key, life, source_version, content_hash, removed
    HAVING count(*) > 1
    UNION ALL
    SELECT max(record_id), 'two open rows of one key'
    FROM life
    WHERE known_to IS NULL
    GROUP BY feed, source_key
    HAVING count(*) > 1
"""
