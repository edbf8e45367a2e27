"""Arrow IPC files, as the ODBC connector lands them: every column read as text."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from renkei.errors import Stop
from renkei.failpoint import failpoint
from renkei.formats.drift import check_columns
from renkei.formats.layout import POSITION, columns_of, rejects_table
from renkei.model import Batch, Control


def read(path: Path, declaration: Mapping[str, Any], *, feed: str) -> Batch:
    """Read the file's batches; its columns must be the declared ones, in any order."""
    columns = columns_of(declaration["columns"])
    names = [column.name for column in columns]
    schema = pa.schema([*POSITION, *((name, pa.string()) for name in names)])
    tables = []
    records = 0
    try:
        for batch in _batches(path):
            failpoint("parse.block")
            check_columns(batch.schema.names, columns, feed=feed)
            tables.append(_table(batch, records, schema=schema))
            records += batch.num_rows
    except pa.ArrowInvalid:
        raise Stop("E_ARROW_FILE", feed=feed) from None
    table = pa.concat_tables(tables) if tables else schema.empty_table()
    return Batch(feed=feed, table=table, rejects=rejects_table(()), records=records, control=Control())


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Batches of a file or a stream, an empty one first, so that the columns of no rows are seen too."""
    with pa.memory_map(str(path)) as source:
        is_file = source.read(6) == b"ARROW1"
        source.seek(0)
        opened = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
        yield pa.RecordBatch.from_pylist([], schema=opened.schema)
        if is_file:
            yield from (opened.get_batch(number) for number in range(opened.num_record_batches))
        else:
            yield from opened


def _table(batch: pa.RecordBatch, before: int, *, schema: pa.Schema) -> pa.Table:
    rows = batch.num_rows
    rec_no = pa.array(np.arange(before + 1, before + rows + 1, dtype=np.int64))
    nothing = pa.nulls(rows, pa.int64())
    values = [pc.cast(batch.column(field.name), pa.string()) for field in schema if field not in POSITION]
    return pa.table([rec_no, nothing, nothing, *values], schema=schema)
