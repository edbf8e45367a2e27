"""The registry's present state as Arrow tables, read in one snapshot, for rules and proofs."""

import io
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa

_LINKS = """
    SELECT feed, source_key, resident_id
    FROM link
    WHERE known_to IS NULL
    ORDER BY feed, source_key
"""
_LINK_TYPES = {"feed": pa.string(), "source_key": pa.string(), "resident_id": pa.int64()}
_DELIVERIES = """
    SELECT d.delivery_id, d.feed, d.name, d.as_of, d.verdict, d.error_code, d.stated_records, u.records,
           u.merged, d.duplicate_of, d.received_at
    FROM delivery AS d
    LEFT JOIN unit AS u ON u.delivery_id = d.delivery_id AND u.part = 'all'
    ORDER BY d.delivery_id
"""
_DELIVERY_TYPES = {
    "delivery_id": pa.int64(),
    "feed": pa.string(),
    "name": pa.string(),
    "as_of": pa.date32(),
    "verdict": pa.string(),
    "error_code": pa.string(),
    "stated_records": pa.int64(),
    "records": pa.int64(),
    "merged": pa.int64(),
    "duplicate_of": pa.int64(),
    "received_at": pa.timestamp("us", tz="Asia/Tokyo"),
}
_CURSORS = "SELECT feed, as_of, snapshot FROM cursor ORDER BY feed"


@dataclass(frozen=True, kw_only=True)
class Present:
    """Open links, judged deliveries, and each feed's newest day and snapshot: all of one instant."""

    links: pa.Table
    deliveries: pa.Table
    cursors: dict[str, tuple[date, str]]


def read(engine: sa.Engine) -> Present:
    """Everything that a reconciliation compares, as of one instant of the registry."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        return Present(
            links=copy_out(connection, _LINKS, _LINK_TYPES),
            deliveries=copy_out(connection, _DELIVERIES, _DELIVERY_TYPES),
            cursors={row.feed: (row.as_of, row.snapshot) for row in connection.execute(sa.text(_CURSORS))},
        )


def copy_out(connection: sa.Connection, query: str, types: dict[str, pa.DataType]) -> pa.Table:
    """COPY a query's rows out into Arrow; null and empty text stay apart."""
    driver = connection.connection.driver_connection
    assert driver is not None
    buffer = io.BytesIO()
    with driver.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)") as copy:
        for block in copy:
            buffer.write(block)
    buffer.seek(0)
    options = pyarrow.csv.ConvertOptions(
        column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    return pyarrow.csv.read_csv(
        buffer, convert_options=options, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True)
    )
