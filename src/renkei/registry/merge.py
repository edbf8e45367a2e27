"""Writes one unit into the registry: history, links, households, golden record; the caller commits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from renkei.bulk import copy_in
from renkei.failpoint import failpoint
from renkei.model import REC_NO
from renkei.records import RECORD_TYPES, RecordType
from renkei.registry import golden
from renkei.registry.difference import Difference
from renkei.registry.linking import link_incoming, one_linker


@dataclass(frozen=True, kw_only=True)
class UnitOfWork:
    """Where the unit comes from and the policies that it is merged under."""

    feed: str
    system: str
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
        # statistics of before a large load make the planner expect few rows and loop over many
        connection.exec_driver_sql("SET LOCAL enable_nestloop = off")
    _stage(connection, difference, kind)
    failpoint("merge.staged")
    if kind.name == "person":
        one_linker(connection)
    _close_old_versions(connection, kind, unit)
    _open_new_versions(connection, kind, unit)
    _leave_tombstones(connection, kind, unit)
    _set_aside(connection, difference, unit)
    failpoint("merge.history")
    if kind.name == "person":
        _identify(connection, unit)
    if is_large:
        _refresh_statistics(connection, kind)


def _identify(connection: sa.Connection, unit: UnitOfWork) -> None:
    link_incoming(
        connection,
        feed=unit.feed,
        unit_id=unit.unit_id,
        now=unit.now,
        refuse_contradictions=unit.refuse_contradictions,
    )
    failpoint("merge.linked")
    connection.execute(sa.text(_TOUCHED), {"feed": unit.feed})
    connection.exec_driver_sql("ANALYZE touched")
    golden.derive(connection, trust=unit.trust, unit_id=unit.unit_id, now=unit.now)
    failpoint("merge.golden")


#: After so many new rows the planner must not wait for the background worker.
_MANY = 1000


def _refresh_statistics(connection: sa.Connection, kind: RecordType) -> None:
    others = ("link", "resident", "golden_version")
    for table in (kind.table, *(others if kind.name == "person" else ())):
        connection.exec_driver_sql(f"ANALYZE {table}")


_TOUCHED = """
    CREATE TEMP TABLE touched ON COMMIT DROP AS
    SELECT resident_id
    FROM open_link
    WHERE feed = :feed
      AND source_key IN (SELECT source_key FROM incoming UNION ALL SELECT source_key FROM ended)
    UNION
    SELECT resident_id FROM unlinked
"""


def _stage(connection: sa.Connection, difference: Difference, kind: RecordType) -> None:
    columns = ", ".join(f"{name} {_SQL_TYPES[type_]}" for name, type_ in _columns(kind))
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE incoming (rec_no bigint, {columns}, content_hash text) ON COMMIT DROP"
    )
    connection.exec_driver_sql("CREATE TEMP TABLE ended (source_key text) ON COMMIT DROP")
    names = ["rec_no", *(name for name, _ in _columns(kind)), "content_hash"]
    changed = difference.changed.rename_columns(
        ["rec_no" if name == REC_NO else name for name in difference.changed.column_names]
    )
    copy_in(connection, "incoming", changed.select(names))
    copy_in(connection, "ended", difference.ended)
    connection.exec_driver_sql("ANALYZE incoming")


def _columns(kind: RecordType) -> list[tuple[str, pa.DataType]]:
    return [(field.name, field.type) for field in kind.schema if field.name != REC_NO]


_SQL_TYPES = {
    pa.string(): "text",
    pa.date32(): "date",
    pa.int64(): "bigint",
    pa.bool_(): "boolean",
    pa.timestamp("us", tz="Asia/Tokyo"): "timestamptz",
}


def _close_old_versions(connection: sa.Connection, kind: RecordType, unit: UnitOfWork) -> None:
    connection.execute(
        sa.text(f"""
            UPDATE {kind.table}
            SET known_to = greatest(:now, known_from)
            WHERE feed = :feed AND known_to IS NULL
              AND source_key IN (SELECT source_key FROM incoming UNION ALL SELECT source_key FROM ended)
        """),
        {"now": unit.now, "feed": unit.feed},
    )


def _open_new_versions(connection: sa.Connection, kind: RecordType, unit: UnitOfWork) -> None:
    names = ", ".join(name for name, _ in _columns(kind))
    connection.execute(
        sa.text(f"""
            INSERT INTO {kind.table} (feed, {names}, content_hash, known_from, unit_id, rec_no)
            SELECT :feed, {names}, content_hash, :now, :unit_id, rec_no
            FROM incoming
            ORDER BY source_key
        """),
        {"feed": unit.feed, "now": unit.now, "unit_id": unit.unit_id},
    )


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
