"""Brings both sides of a migration to comparable text, block by block, into a Parquet file each.

A value that a step refuses (a code in no table, a day that never was) is marked with its side and stays in
the comparison: it equals nothing, never the nothing that a lost value would be.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from renkei.acceptance.declaration import Cell, Migration, Pair
from renkei.engine.workbench import workbench
from renkei.mapping import folds
from renkei.mapping.steps import STEPS, Surroundings, Value
from renkei.snapshot import Snapshot

BLOCK = 131_072
#: Before a value that a step refused; no system can send a NUL in a text.
UNREAD: Mapping[str, str] = {"old": "\0old ", "new": "\0new "}
#: Where a converted file keeps what its record was before: ``__raw_source_key`` …
RAW = "__raw_"
_FOLDS = {"display": folds.display, "strict": folds.strict_key, "loose": folds.loose_key}


def convert(
    snapshot: Snapshot, migration: Migration, side: str, *, as_of: date, place: Path, keep: Sequence[str] = ()
) -> tuple[str, ...]:  # fmt: skip
    """Write ``place``: keys and fields by their common names, all texts, and ``keep`` as they are.

    Returns the snapshot's columns that hold a value and that the declaration does not speak of.
    """
    around = Surroundings(
        codes=migration.codes, as_of=as_of, raw=lambda _name: pl.lit(None, pl.String), towns=None
    )
    pairs = (*migration.keys, *migration.fields)
    wanted = [expr for pair in pairs for expr in _converted(pair, side, around)]
    kept = [pl.col(name).cast(pl.String).alias(RAW + name) for name in keep]
    unspoken: dict[str, None] = {}
    writer: pq.ParquetWriter | None = None
    try:
        for block in _blocks(snapshot):
            spoken = migration.spoken_of(side)
            unspoken |= {
                name: None for name in block.columns
                if name not in spoken and block[name].null_count() < block.height
            }  # fmt: skip
            made = block.select(*wanted, *kept).to_arrow(compat_level=pl.CompatLevel.oldest())
            writer = writer or pq.ParquetWriter(place, made.schema, compression="zstd")
            writer.write_table(made)
    finally:
        if writer is not None:
            writer.close()
    return tuple(unspoken)


def _blocks(snapshot: Snapshot) -> Iterator[pl.DataFrame]:
    """The state in blocks; an empty one is one block without rows, so that a file is always written."""
    with workbench() as bench:
        reader = bench.sql(snapshot.rows()).to_arrow_reader(BLOCK)
        any_rows = False
        for batch in reader:
            any_rows = True
            yield _frame(pa.Table.from_batches([batch]))
        if not any_rows:
            yield _frame(reader.schema.empty_table())


def _frame(table: pa.Table) -> pl.DataFrame:
    made = pl.from_arrow(table)
    assert isinstance(made, pl.DataFrame)
    return made


def _converted(pair: Pair, side: str, around: Surroundings) -> Iterator[pl.Expr]:
    cell = pair.side(side)
    text = _text(pl.col(cell.column), cell)
    value = Value(expr=text)
    for step in cell.steps:
        value = STEPS[step.name].build(value, step, around)
    made = _plain(value)
    if pair.fold is not None:
        made = _FOLDS[pair.fold](made)
    bad = [fault.bad(value.expr, text).fill_null(value=False) for fault in value.faults]
    if bad:
        made = pl.when(pl.any_horizontal(bad)).then(pl.lit(UNREAD[side]) + text).otherwise(made)
    if cell.empty is not None:
        made = made.fill_null(pl.lit(cell.empty))
    yield made.alias(pair.name)


def _text(column: pl.Expr, cell: Cell) -> pl.Expr:
    """The stored value as text, without padding; blank says nothing."""
    text = column.cast(pl.String).str.strip_chars_end(" \u3000")
    if cell.strip is not None:
        # the last one stays: a number of noughts is nought
        bare = text.str.strip_chars_start(cell.strip)
        text = pl.when(bare == "").then(text.str.tail(1)).otherwise(bare)
    return pl.when(text != "").then(text)


def _plain(value: Value) -> pl.Expr:
    """The value as text; a date that is not known to the day as the two days between which it lies."""
    if value.kind != "interval":
        return value.expr.cast(pl.String)
    day, lo, hi = (value.expr.struct.field(name).cast(pl.String) for name in ("date", "lo", "hi"))
    return pl.coalesce(day, lo + pl.lit("/") + hi)
