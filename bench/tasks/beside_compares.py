"""Who else compares two tables: datacompy on Polars and on pandas, reladiff, fastrecon.

They live in a folder of their own with an older Polars, so this module imports nothing of the hub.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.child import Done, Runs
from bench.desk import Desk

KEY = "no"


def _places(desk: Desk, rows: int) -> tuple[Path, Path]:
    return (desk.folder / f"old-{rows}.parquet", desk.folder / f"new-{rows}.parquet")


def _again(run: Callable[[Path, Path, Path], dict[str, int]], desk: Desk, rows: int) -> Runs:
    while True:
        yield partial(_told, run, desk, rows)


def _told(run: Callable[[Path, Path, Path], dict[str, int]], desk: Desk, rows: int) -> Done:
    return Done(rows=rows, facts=run(*_places(desk, rows), desk.folder))


def datacompy_polars(desk: Desk, *, rows: int) -> Runs:
    """Its comparison on Polars frames, and its frame of differing rows written."""
    import polars as pl
    from datacompy import PolarsCompare

    def run(left: Path, right: Path, folder: Path) -> dict[str, int]:
        made = PolarsCompare(pl.read_parquet(left), pl.read_parquet(right), join_columns=[KEY])
        made.all_mismatch().write_parquet(folder / "datacompy-polars.parquet")
        return _counted(made, len(made.df1_unq_rows), len(made.df2_unq_rows))

    return _again(run, desk, rows)


def datacompy_pandas(desk: Desk, *, rows: int) -> Runs:
    """The same on pandas frames."""
    import pandas as pd
    from datacompy import PandasCompare

    def run(left: Path, right: Path, folder: Path) -> dict[str, int]:
        made = PandasCompare(pd.read_parquet(left), pd.read_parquet(right), join_columns=[KEY])
        made.all_mismatch().to_parquet(folder / "datacompy-pandas.parquet")
        return _counted(made, len(made.df1_unq_rows), len(made.df2_unq_rows))

    return _again(run, desk, rows)


def _counted(made: object, left: int, right: int) -> dict[str, int]:
    stats = made.column_stats  # type: ignore[attr-defined] # one of two classes of another package
    cells = sum(int(_unequal(each)) for each in stats)
    return {"cells": cells, "only_left": left, "only_right": right}


def _unequal(stat: object) -> int:
    if isinstance(stat, dict):
        return int(stat["unequal_cnt"])
    return int(stat.unequal_cnt)  # type: ignore[attr-defined] # as above


def fastrecon(desk: Desk, *, rows: int) -> Runs:
    """Counts and samples; it has no list of cells."""
    import fastrecon as theirs

    def run(left: Path, right: Path, _folder: Path) -> dict[str, int]:
        found = theirs.compare(theirs.ParquetFile(str(left)), theirs.ParquetFile(str(right)), keys=[KEY])
        return {
            "rows": int(found.changed_rows),
            "only_left": int(found.missing_in_right),
            "only_right": int(found.missing_in_left),
        }

    return _again(run, desk, rows)


def reladiff(desk: Desk, *, rows: int) -> Runs:
    """Its join of two tables in one DuckDB, which is loaded before the clock starts; rows, no cells."""
    import duckdb
    import reladiff as theirs

    left, right = _places(desk, rows)
    place = desk.folder / f"reladiff-{rows}.duckdb"
    with duckdb.connect(str(place)) as database:
        names = [str(row[0]) for row in database.execute(f"DESCRIBE SELECT * FROM '{left}'").fetchall()]
        for name, file in (("old", left), ("new", right)):
            database.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM '{file}'")

    def run(_left: Path, _right: Path, _folder: Path) -> dict[str, int]:
        sides = [
            theirs.connect_to_table(
                f"duckdb:///{place}", name, key_columns=(KEY,), extra_columns=tuple(names[1:])
            )
            for name in ("old", "new")
        ]  # fmt: skip
        found = theirs.diff_tables(*sides, algorithm=theirs.Algorithm.JOINDIFF, materialize_to_table=None)
        return {"rows": sum(1 for _ in found)}

    return _again(run, desk, rows)
