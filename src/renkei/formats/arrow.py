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
    """Batches of a file or a stream; a file without rows gives one empty batch, so its columns are seen."""
    with pa.memory_map(str(path)) as source:
        if source.read(6) == b"ARROW1":
            file = pa.ipc.open_file(source)
            yield (
                file.schema.empty_table().to_batches()[0]
                if not file.num_record_batches
                else file.get_batch(0)
            )
            for number in range(1, file.num_record_batches):
                yield file.get_batch(number)
            return
        source.seek(0)
        stream = pa.ipc.open_stream(source)
        yield pa.RecordBatch.from_pylist([], schema=stream.schema)
        yield from stream


def _table(batch: pa.RecordBatch, before: int, *, schema: pa.Schema) -> pa.Table:
    rows = batch.num_rows
    rec_no = pa.array(np.arange(before + 1, before + rows + 1, dtype=np.int64))
    nothing = pa.nulls(rows, pa.int64())
    values = [pc.cast(batch.column(field.name), pa.string()) for field in schema if field not in POSITION]
    return pa.table([rec_no, nothing, nothing, *values], schema=schema)
