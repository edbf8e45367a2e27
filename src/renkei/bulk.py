"""Bulk rows between Arrow and PostgreSQL by COPY: the one way that is as fast as the server."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa


def copy_in(connection: sa.Connection, table: str, rows: pa.Table) -> None:
    """COPY an Arrow table into a table with the same column names; null and empty text stay apart.

    While the server takes one block in, the next one is written, so that both work at once.
    """
    if not rows.num_rows:
        return
    names = ", ".join(f'"{name}"' for name in rows.column_names)
    with _copying(connection, f"COPY {table} ({names}) FROM STDIN (FORMAT csv)") as copy:
        for block in _ahead(_as_text(part) for part in rows.to_reader(max_chunksize=_BLOCK) if part.num_rows):
            copy.write(block)


#: Rows written as text at once.
_BLOCK = 20_000


def _as_text(rows: pa.RecordBatch) -> memoryview:
    text = io.BytesIO()
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="all_valid")
    pyarrow.csv.write_csv(rows, text, options)
    return text.getbuffer()


def _ahead(blocks: Iterator[memoryview]) -> Iterator[memoryview]:
    """The same, each made while the one before is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = pool.submit(next, blocks, None)
            yield block


def copy_out(connection: sa.Connection, query: str, schema: pa.Schema) -> pa.Table:
    """COPY a query's rows out into an Arrow table of this schema; a quoted empty text stays a text."""
    text = io.BytesIO()
    with _copying(connection, f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
        for block in copy:
            text.write(block)
    if not text.tell():
        return schema.empty_table()
    text.seek(0)
    return pyarrow.csv.read_csv(
        text,
        pyarrow.csv.ReadOptions(column_names=schema.names),
        pyarrow.csv.ParseOptions(newlines_in_values=True),
        pyarrow.csv.ConvertOptions(
            column_types=schema,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
        ),
    )


@contextmanager
def _copying(connection: sa.Connection, statement: str) -> Iterator[psycopg.Copy]:
    """A COPY; what the driver says against it becomes an error of the engine's kind, which nobody prints."""
    driver = connection.connection.driver_connection
    assert driver is not None
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            yield copy
    except psycopg.Error as refused:
        raise sa.exc.DBAPIError.instance(
            None, None, refused, psycopg.Error, hide_parameters=True
        ) from refused
