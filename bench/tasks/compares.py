"""Two tables of 15 columns with planted differences, and our way to compare them."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from bench.child import Done, Runs
from bench.desk import Desk

if TYPE_CHECKING:
    import polars as pl

FIELDS = 14


def places(desk: Desk, rows: int) -> tuple[Path, Path]:
    """The two files of so many rows, made by :func:`make`."""
    return (desk.folder / f"old-{rows}.parquet", desk.folder / f"new-{rows}.parquet")


def make(desk: Desk, *, rows: int) -> Runs:
    """Write both: in 100 rows one cell differs, in 1,000 one more, and one row is missing on each side."""

    import polars as pl

    def run() -> Done:
        number = pl.int_range(0, rows, eager=True).alias("n").to_frame().lazy()
        left, right = places(desk, rows)
        whole = number.with_columns(**_columns())
        whole.filter(pl.col("n") % 1000 != 7).drop("n").sink_parquet(left)
        moved = whole.with_columns(
            name=pl.when(pl.col("n") % 100 == 3).then(pl.col("name") + "様").otherwise("name"),
            moved_in=pl.when(pl.col("n") % 1000 == 5).then(None).otherwise("moved_in"),
        )
        moved.filter(pl.col("n") % 1000 != 11).drop("n").sink_parquet(right)
        return Done(rows=rows)

    yield run


def _columns() -> "dict[str, pl.Expr]":
    import polars as pl

    number = pl.col("n")

    def draw(seed: int, below: int) -> "pl.Expr":
        return number.hash(seed) % below

    texts = {
        "name": pl.lit("葛原　") + draw(1, 200_000).cast(pl.String),
        "kana": pl.lit("クズハラ　") + draw(2, 200_000).cast(pl.String),
        "address": pl.lit("葛原市本町")
        + draw(3, 900).cast(pl.String)
        + pl.lit("番")
        + draw(4, 99).cast(pl.String),
        "building": pl.when(draw(5, 3) == 0).then(pl.lit("コーポ葛原") + draw(6, 900).cast(pl.String)),
        "postal": (draw(7, 9999) + 1_000_000).cast(pl.String),
        "phone": pl.when(draw(8, 4) > 0).then(
            pl.lit("099") + draw(9, 9_999_999).cast(pl.String).str.zfill(7)
        ),
        "household": draw(10, 450_000).cast(pl.String).str.zfill(10),
        "kind": draw(11, 5).cast(pl.String),
        "sex": (draw(12, 2) + 1).cast(pl.String),
    }
    days = {
        "born": pl.date(1925, 1, 1) + pl.duration(days=draw(13, 36_000)),
        "moved_in": pl.date(1990, 1, 1) + pl.duration(days=draw(14, 13_000)),
    }
    sums = {"amount": draw(15, 900_000).cast(pl.Int64), "rate": draw(16, 100).cast(pl.Int64)}
    operator = {"operator": pl.lit("OP") + draw(17, 300).cast(pl.String)}
    return {"no": number.cast(pl.String).str.zfill(10), **texts, **days, **sums, **operator}


def ours(desk: Desk, *, rows: int, memory: str = "1GB") -> Runs:
    """The comparison of the hub: counts, and every differing cell written."""
    from renkei.comparison import compare

    while True:
        yield partial(_ours, compare, desk, rows, memory)


def _ours(compare: object, desk: Desk, rows: int, memory: str) -> Done:
    assert callable(compare)
    left, right = places(desk, rows)
    out = desk.folder / "cells.parquet"
    with compare(left, right, keys=["no"], scratch=desk.folder / "spill", memory=memory) as found:
        cells = found.cells()
        with pq.ParquetWriter(out, cells.schema) as file:
            for batch in cells:
                file.write_batch(batch)
        counts = found.counts
    told = {"cells": counts.cells, "only_left": counts.left_only, "only_right": counts.right_only}
    return Done(rows=rows, facts=told)
