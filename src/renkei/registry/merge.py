"""Writes one unit into the registry: history, links, golden record; the caller commits."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from renkei.bulk import copy_in
from renkei.failpoint import failpoint
from renkei.model import REC_NO
from renkei.records import RECORD_TYPES, RecordType
from renkei.registry import golden, history, late, protection
from renkei.registry.difference import Difference
from renkei.registry.identity.incoming import identify, identify_first, joining_first, one_linker, stage

if TYPE_CHECKING:
    from renkei.registry.identity.columns import Joining


@dataclass(frozen=True, kw_only=True)
class UnitOfWork:
    """Where the unit comes from and the policies that it is merged under."""

    feed: str
    record: str
    unit_id: int
    delivery_id: int
    as_of: date
    now: datetime
    trust: Mapping[str, tuple[str, ...]]
    refuse_contradictions: bool


def absorb(connection: sa.Connection, difference: Difference, unit: UnitOfWork) -> None:
    """Merge what changed; the caller checks the fence, writes unit, cursor and audit event, and commits."""
    kind = RECORD_TYPES[unit.record]
    failpoint("merge.begin")
    is_large = difference.changed.num_rows >= _MANY
    if is_large:
        connection.exec_driver_sql(f"SET LOCAL work_mem = '{_WORK_MEMORY}'")
        # a coarse picture is enough to tell many from few; the background worker makes the fine one
        connection.exec_driver_sql("SET LOCAL default_statistics_target = 10")
    _stage(connection, difference)
    failpoint("merge.staged")
    is_first = not _close_old_versions(connection, difference, kind, unit)
    is_load = is_first and is_large
    if is_load:
        # statistics of before a load make the planner expect few rows and loop over many
        connection.exec_driver_sql("SET LOCAL enable_nestloop = off")
    with _joining(connection, difference, kind, unit, is_first=is_first) as homes:
        _open_new_versions(connection, difference, kind, unit)
        _leave_tombstones(connection, kind, unit)
        late.keep(connection, difference, unit)
        if kind.name == "person":
            history.reach_back(connection, difference, unit)
        _set_aside(connection, difference, unit)
        failpoint("merge.history")
        if is_load:
            connection.exec_driver_sql(f"ANALYZE {kind.table}")
        if kind.name == "person":
            _identify(connection, difference, unit, homes)
    if kind.name == "person":
        _derive(connection, unit, is_load=is_load)
        if is_load:
            _refresh_statistics(connection)


def _joining(
    connection: sa.Connection, difference: Difference, kind: RecordType, unit: UnitOfWork, *, is_first: bool
) -> "AbstractContextManager[Joining | None]":
    if kind.name != "person" or not is_first:
        return nullcontext()
    return joining_first(connection, difference.changed, feed=unit.feed)


def _identify(
    connection: sa.Connection, difference: Difference, unit: UnitOfWork, homes: "Joining | None"
) -> None:
    if homes is not None:
        identify_first(
            connection, homes, unit_id=unit.unit_id, now=unit.now, refuse=unit.refuse_contradictions
        )
        return
    one_linker(connection)  # feeds of a night run side by side: what is theirs alone is written by now
    stage(connection, difference.changed)
    identify(
        connection, difference.changed, feed=unit.feed, unit_id=unit.unit_id, now=unit.now,
        refuse=unit.refuse_contradictions,
    )  # fmt: skip


def _derive(connection: sa.Connection, unit: UnitOfWork, *, is_load: bool) -> None:
    if is_load:
        golden.leave_out_outranked(connection, feed=unit.feed, trust=unit.trust)
    protection.refresh(connection, unit_id=unit.unit_id, now=unit.now)
    golden.derive(connection, trust=unit.trust, unit_id=unit.unit_id, now=unit.now, is_load=is_load)
    failpoint("merge.golden")


#: After so many new rows of a feed the planner must not wait for the background worker.
_MANY = 1000
_WORK_MEMORY = "256MB"


def _refresh_statistics(connection: sa.Connection) -> None:
    for table in ("link", "resident", "golden_version"):
        connection.exec_driver_sql(f"ANALYZE {table}")


def _stage(connection: sa.Connection, difference: Difference) -> None:
    """The temporary table ``ended``: keys that the source no longer has."""
    connection.exec_driver_sql("CREATE TEMP TABLE ended (source_key text) ON COMMIT DROP")
    copy_in(connection, "ended", difference.ended)


def _columns(kind: RecordType) -> list[tuple[str, pa.DataType]]:
    return [(field.name, field.type) for field in kind.schema if field.name != REC_NO]


def _close_old_versions(
    connection: sa.Connection, difference: Difference, kind: RecordType, unit: UnitOfWork
) -> bool:
    """False when the feed has no open versions yet."""
    if not connection.execute(sa.text(_IS_KNOWN.format(table=kind.table)), {"feed": unit.feed}).scalar():
        return False
    connection.exec_driver_sql("CREATE TEMP TABLE told (source_key text) ON COMMIT DROP")
    copy_in(connection, "told", difference.changed.select(["source_key"]))
    copy_in(connection, "told", difference.ended)
    connection.exec_driver_sql("ANALYZE told")
    closed = sa.text(_CLOSE_VERSIONS.format(table=kind.table))
    connection.execute(closed, {"now": unit.now, "feed": unit.feed})
    return True


_IS_KNOWN = "SELECT EXISTS (SELECT FROM {table} WHERE feed = :feed AND known_to IS NULL)"
_CLOSE_VERSIONS = """
    UPDATE {table}
    SET known_to = greatest(:now, known_from)
    WHERE feed = :feed AND known_to IS NULL AND source_key IN (SELECT source_key FROM told)
"""


def _open_new_versions(
    connection: sa.Connection, difference: Difference, kind: RecordType, unit: UnitOfWork
) -> None:
    rows = rows_of(difference.changed, kind, unit)
    # of what no record says there is nothing to read
    said = [name for name in rows.column_names if rows[name].null_count < rows.num_rows]
    copy_in(connection, kind.table, rows.select(said))


def rows_of(records: pa.Table, kind: RecordType, unit: UnitOfWork) -> pa.Table:
    """Records as rows of their table: what they say, and which unit brought it when."""
    names = [name for name, _ in _columns(kind)]
    rows = records.select([REC_NO, *names, "content_hash"]).rename_columns(["rec_no", *names, "content_hash"])
    also = {
        "feed": pa.scalar(unit.feed),
        "known_from": pa.scalar(unit.now, pa.timestamp("us", tz="UTC")),
        "unit_id": pa.scalar(unit.unit_id, pa.int64()),
    }
    for name, value in also.items():
        rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
    return rows


def _leave_tombstones(connection: sa.Connection, kind: RecordType, unit: UnitOfWork) -> None:
    connection.execute(
        sa.text(f"""
            INSERT INTO {kind.table} (feed, source_key, source_version, valid_from, content_hash,
                                      removed, known_from, unit_id)
            SELECT :feed, source_key, :version, :as_of, '', true, :now, :unit_id
            FROM ended
            ORDER BY source_key
        """),
        {
            "feed": unit.feed,
            "version": unit.as_of.isoformat(),
            "as_of": unit.as_of,
            "now": unit.now,
            "unit_id": unit.unit_id,
        },
    )


_OVERTAKE = """
    UPDATE reject
    SET state = 'overtaken', closed_by_unit = :unit_id
    WHERE feed = :feed AND state = 'open'
"""


def _set_aside(connection: sa.Connection, difference: Difference, unit: UnitOfWork) -> None:
    if difference.is_whole:
        # a newer whole delivery holds these records again, so the older rejects have had their answer
        connection.execute(sa.text(_OVERTAKE), {"feed": unit.feed, "unit_id": unit.unit_id})
    elif not difference.is_late:
        _overtake_told_again(connection, difference, unit)
    about = {
        "unit_id": unit.unit_id,
        "delivery_id": unit.delivery_id,
        "feed": unit.feed,
        "state": "overtaken" if difference.is_moot else "open",
    }
    suspects = difference.suspects | _open_suspects(connection, unit)
    rejects = difference.rejects.to_pylist()
    if rows := [{**about, **row, "suspect": row[REC_NO] in suspects} for row in rejects]:
        connection.execute(sa.text(_REJECT), rows)


def _open_suspects(connection: sa.Connection, unit: UnitOfWork) -> frozenset[int]:
    """A record that is set aside anew, when it was read again, may still be the one who is missing."""
    query = """
        SELECT rec_no
        FROM reject
        WHERE feed = :feed AND state = 'open' AND suspect AND delivery_id = :delivery_id
    """
    asked = {"feed": unit.feed, "delivery_id": unit.delivery_id}
    return frozenset(connection.execute(sa.text(query), asked).scalars())


def _overtake_told_again(connection: sa.Connection, difference: Difference, unit: UnitOfWork) -> None:
    """A part that speaks of a key again answers what earlier deliveries said of it and was set aside."""
    asked = {"feed": unit.feed, "delivery_id": unit.delivery_id}
    open_keys = connection.execute(sa.text(_OPEN_KEYS), asked).scalars().all()
    told = pc.is_in(pa.array(open_keys, pa.string()), value_set=difference.dispositions["source_key"])
    keys = pa.array(open_keys, pa.string()).filter(told).to_pylist()
    if keys:
        more = " AND delivery_id <> :delivery_id AND source_key = ANY(:keys)"
        connection.execute(sa.text(_OVERTAKE + more), {**asked, "keys": keys, "unit_id": unit.unit_id})


_OPEN_KEYS = """
    SELECT DISTINCT source_key
    FROM reject
    WHERE feed = :feed AND state = 'open' AND delivery_id <> :delivery_id AND source_key IS NOT NULL
"""
_REJECT = """
    INSERT INTO reject (unit_id, delivery_id, feed, rec_no, byte_offset, byte_length, source_key, field, code,
                        detail, state, suspect)
    VALUES (:unit_id, :delivery_id, :feed, :__rec_no, :__byte_offset, :__byte_length, :source_key, :field,
            :code, :detail, :state, :suspect)
"""
