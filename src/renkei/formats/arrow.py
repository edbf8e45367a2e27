"""Arrow IPC files, as connectors to databases land them: every column read as text.

A boolean column ``__gone`` marks rows that only say which key the source no longer has.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from renkei.errors import Stop
from renkei.failpoint import failpoint
from renkei.formats.drift import check_columns
from renkei.formats.layout import POSITION, columns_of, key_of, rejects_table
from renkei.model import GONE, REC_NO, Batch, Control

SHAPE = {
    "type": "object",
    "properties": {"kind": {"const": "arrow"}},
    "required": ["kind"],
    "additionalProperties": False,
}


def problems(
    declaration: Mapping[str, Any], columns: Sequence[Mapping[str, Any]], folder: Path
) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """An Arrow file has no layout of its own, so nothing can be wrong with it."""
    del declaration, columns, folder
    yield from ()


def read(path: Path, declaration: Mapping[str, Any], *, feed: str) -> Batch:
    """Read the file's batches; their columns are the declared ones in any order, more where it evolves.

    A column that is declared optional and is not there is empty.
    """
    columns = columns_of(declaration["columns"])
    names = [column.name for column in columns]
    evolves = bool(declaration.get("evolves"))
    schema = pa.schema([*POSITION, *((name, pa.string()) for name in names)])
    tables, gone = [], []
    records, strangers = 0, tuple[str, ...]()
    try:
        for batch in _batches(path):
            failpoint("parse.block")
            found = [name for name in batch.schema.names if name != GONE]
            strangers = check_columns(found, columns, feed=feed, evolves=evolves)
            table = _table(batch, records, schema=schema)
            is_gone = _is_gone(batch)
            tables.append(table.filter(pc.invert(is_gone)))
            gone.append(table.filter(is_gone))
            records += batch.num_rows
    except pa.ArrowInvalid:
        raise Stop("E_ARROW_FILE", feed=feed) from None
    key = [REC_NO, *key_of(declaration).columns]
    return Batch(
        feed=feed,
        table=pa.concat_tables(tables),
        gone=pa.concat_tables(gone).select(key),
        rejects=rejects_table(()),
        records=records,
        control=Control(),
        strangers=strangers,
    )


def _is_gone(batch: pa.RecordBatch) -> pa.Array:
    if GONE not in batch.schema.names:
        return pa.array(np.zeros(batch.num_rows, dtype=bool))
    return pc.fill_null(batch.column(GONE), fill_value=False)


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
    there = batch.schema.names
    values = [
        pc.cast(batch.column(field.name), pa.string()) if field.name in there else pa.nulls(rows, pa.string())
        for field in schema
        if field not in POSITION
    ]
    return pa.table([rec_no, nothing, nothing, *values], schema=schema)
