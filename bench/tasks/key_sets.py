"""Two feeds whose keys are not quite the same: ours, pandas and plain SQL; and the digests of buckets."""

from pathlib import Path

import pyarrow as pa

from bench.child import Done, Runs
from bench.desk import Desk

#: One in so many is missing on the one side, on the other, or stands twice.
_MISSING_HERE, _MISSING_THERE, _TWICE = 997, 499, 1999


def _files(desk: Desk, rows: int) -> tuple[Path, Path]:
    """Keys of ten digits with a hash of content beside them, each side in an order of its own."""
    from renkei.engine.workbench import workbench

    places = desk.folder / "here.parquet", desk.folder / "there.parquet"
    if not places[1].exists():
        with workbench() as bench:
            for place, missing, twice in zip(
                places, (_MISSING_HERE, _MISSING_THERE), (0, _TWICE), strict=True
            ):
                more = f"UNION ALL SELECT n FROM range({rows}) AS r(n) WHERE n % {twice} = 7" if twice else ""
                bench.execute(f"""
                    COPY (
                        SELECT printf('%010d', n) AS source_key, md5(n::VARCHAR) AS content_hash
                        FROM (SELECT n FROM range({rows}) AS r(n) WHERE n % {missing} <> 3 {more})
                        ORDER BY hash(n + {missing})
                    ) TO '{place}' (FORMAT parquet)
                """)
    return places


def ours(desk: Desk, *, rows: int) -> Runs:
    """Counts of all sets, and the first twenty of each by name."""
    from renkei.snapshot import Snapshot
    from renkei.verify import On, key_sets

    here, there = (Snapshot(whole=place) for place in _files(desk, rows))

    def run() -> Done:
        found = key_sets(
            here, there, [On("source_key", "source_key")], persons=(("source_key",), ("source_key",)),
            shown=lambda told: told.select(["side", "source_key"]), limit=20, scratch=desk.folder,
        )  # fmt: skip
        return Done(rows=rows, facts={str(name): number for name, number in found.counts.items()})

    while True:
        yield run


def pandas_merge(desk: Desk, *, rows: int) -> Runs:
    """An outer merge of both columns, and what is duplicated in each."""
    import pandas as pd

    places = _files(desk, rows)

    def run() -> Done:
        here, there = (pd.read_parquet(place, columns=["source_key"]) for place in places)
        keys = pd.merge(
            here.drop_duplicates(), there.drop_duplicates(), on="source_key", how="outer", indicator=True
        )
        sides = keys["_merge"].value_counts()
        twice = [int(side.loc[side.duplicated(), "source_key"].nunique()) for side in (here, there)]
        counts = [int(sides["right_only"]), int(sides["left_only"]), *twice]
        return Done(rows=rows, facts=dict(zip(_NAMES, counts, strict=True)))

    while True:
        yield run


def sql_except(desk: Desk, *, rows: int) -> Runs:
    """Four statements over the same files in DuckDB, counts only."""
    from renkei.engine.workbench import workbench

    here, there = (f"(SELECT source_key FROM '{place}')" for place in _files(desk, rows))

    def run() -> Done:
        with workbench(temp=desk.folder) as bench:
            asked = [
                f"SELECT * FROM {there} EXCEPT SELECT * FROM {here}",
                f"SELECT * FROM {here} EXCEPT SELECT * FROM {there}",
                *(f"SELECT 1 FROM {side} GROUP BY source_key HAVING count(*) > 1" for side in (here, there)),
            ]
            found = [bench.execute(f"SELECT count(*) FROM ({each})").fetchall()[0][0] for each in asked]
        return Done(rows=rows, facts=dict(zip(_NAMES, map(int, found), strict=True)))

    while True:
        yield run


_NAMES = ("missing_here", "missing_there", "duplicate_here", "duplicate_there")


def whole(desk: Desk, *, rows: int) -> Runs:
    """What a first load counts."""
    from renkei.registry import buckets
    from renkei.snapshot import Snapshot

    state = Snapshot(whole=_files(desk, rows)[0])
    while True:
        yield lambda: Done(rows=rows, facts={"buckets": len(buckets.of_state(state))})


def moved(desk: Desk, *, rows: int) -> Runs:
    """What a night counts in which one record in a hundred is otherwise."""
    from renkei.registry import buckets
    from renkei.snapshot import Snapshot

    before = buckets.of_state(Snapshot(whole=_files(desk, rows)[0]))
    numbers = range(0, rows, 100)
    told = pa.table(
        {
            "source_key": pa.array([f"{number:010}" for number in numbers]),
            "was": pa.array([f"{number:032x}" for number in numbers]),
            "now": pa.array([f"{number + 1:032x}" for number in numbers]),
        }
    )
    while True:
        yield lambda: Done(rows=told.num_rows, facts={"buckets": len(buckets.moved(before, told))})
