"""What the rules read from the registry, as Arrow: whose record is whose, and what was delivered."""

import io

import pyarrow as pa
import sqlalchemy as sa
from pyarrow import csv

from renkei.reconcile.relation import DELIVERY_SCHEMA, LINK_SCHEMA

_LINKS = """
    SELECT feed, source_key, resident_id
    FROM link
    WHERE known_to IS NULL
"""
_DELIVERIES = """
    SELECT
        d.delivery_id, d.feed, d.name, d.as_of, d.verdict, d.error_code, d.stated_records,
        u.records, u.merged, d.duplicate_of,
        to_char(d.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS received_at
    FROM delivery AS d
    LEFT JOIN (
        SELECT delivery_id, sum(records) AS records, sum(merged) AS merged
        FROM unit
        GROUP BY delivery_id
    ) AS u ON u.delivery_id = d.delivery_id
"""


def links(connection: sa.Connection) -> pa.Table:
    """Every open link, in the columns of :data:`LINK_SCHEMA`."""
    return _copy_out(connection, _LINKS, LINK_SCHEMA)


def deliveries(connection: sa.Connection) -> pa.Table:
    """Every delivery with the counts of its units, in the columns of :data:`DELIVERY_SCHEMA`."""
    return _copy_out(connection, _DELIVERIES, DELIVERY_SCHEMA)


def _copy_out(connection: sa.Connection, query: str, schema: pa.Schema) -> pa.Table:
    """COPY the answer out as CSV and read it as Arrow; a quoted empty text stays a text."""
    text = io.BytesIO()
    raw = connection.connection.driver_connection
    assert raw is not None
    with raw.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
        for block in copy:
            text.write(block)
    if not text.tell():
        return schema.empty_table()
    text.seek(0)
    options = csv.ConvertOptions(
        column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""],
        true_values=["t"], false_values=["f"],
    )  # fmt: skip
    return csv.read_csv(text, csv.ReadOptions(column_names=schema.names), convert_options=options)
