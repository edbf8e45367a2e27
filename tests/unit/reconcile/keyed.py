"""``hub.entry`` made by the hub's own SQL from records in memory, without a server."""

from collections.abc import Mapping, Sequence
from datetime import date

import duckdb
import pyarrow as pa

from renkei.reconcile.double_entry.entries import query_of, seated
from renkei.reconcile.double_entry.offices import NO_OFFICES, Offices
from renkei.reconcile.relation import ENTRY_SCHEMA
from renkei.records import RECORD_TYPES

_OWN = (("feed", pa.string()), ("record_id", pa.int64()), ("removed", pa.bool_()))
_READ = pa.schema([each for each in ENTRY_SCHEMA if each.name != "office"])


def entries_in(
    told: Sequence[tuple[str, str, pa.Table]],
    links: pa.Table,
    *,
    until: date,
    window_days: int = 62,
    offices: Offices = NO_OFFICES,
) -> pa.Table:
    """What was keyed by what feeds told: (feed, record type, records) in the order of their arrival."""
    duck = duckdb.connect()
    duck.execute("SET TimeZone = 'Asia/Tokyo'")
    duck.register("open_link", links)
    duck.register("cursor", links.select(["feed"]).group_by("feed").aggregate([]))
    for name, table in _tables(told).items():
        duck.register(name, table)
    query = query_of(until, window_days=window_days)
    columns = ", ".join(f"e.{name}" for name in _READ.names)
    rows = duck.sql(f"SELECT {columns} FROM ({query}) AS e").to_arrow_table().cast(_READ)
    return seated(rows, offices)


def _tables(told: Sequence[tuple[str, str, pa.Table]]) -> Mapping[str, pa.Table]:
    tables = {}
    for kind in ("person", "tax", "benefit"):
        record = RECORD_TYPES[kind]
        schema = pa.schema([*record.schema, *_OWN])
        parts = [_versions(feed, table, schema) for feed, of, table in told if of == kind]
        joined = pa.concat_tables([schema.empty_table(), *parts])
        numbers = pa.array(range(joined.num_rows), pa.int64())
        tables[record.table] = joined.set_column(schema.get_field_index("record_id"), "record_id", numbers)
    return tables


def _versions(feed: str, table: pa.Table, schema: pa.Schema) -> pa.Table:
    rows = table.num_rows
    own = {"feed": pa.array([feed] * rows), "removed": pa.array([False] * rows)}
    columns = [
        own[field.name]
        if field.name in own
        else table[field.name]
        if field.name in table.column_names
        else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(
        [column.cast(field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )
