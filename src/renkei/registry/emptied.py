"""Which columns a delivery would empty: filled in the feed's present state, null in what it changes."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

#: Columns of the snapshot that are its own, and those that tell one record or version from another.
_NOT_SAID = frozenset({"__rec_no", "source_key", "source_version", "content_hash", "since", "mapped_by"})


@dataclass(frozen=True, kw_only=True)
class Emptied:
    """A column with the records that had it ``filled`` before, and those of them that would lose it."""

    column: str
    filled: int
    emptied: int


def emptied(changed: pa.Table, snapshot: Path) -> tuple[Emptied, ...]:
    """Columns that changed records would lose, the greatest part first. Ended records lose nothing here."""
    if not changed.num_rows:
        return ()
    there = set(pq.read_schema(snapshot).names)
    columns = [name for name in changed.column_names if name in there and name not in _NOT_SAID]
    before = pl.scan_parquet(snapshot)
    filled = before.select(pl.col(columns).is_not_null().sum()).collect().row(0, named=True)
    now = pl.DataFrame(changed.select(["source_key", *columns])).lazy()
    lost = (
        before.select("source_key", *columns)
        .join(now, on="source_key", suffix="__now")
        .select((pl.col(name).is_not_null() & pl.col(f"{name}__now").is_null()).sum() for name in columns)
        .collect()
        .row(0, named=True)
    )
    found = [Emptied(column=name, filled=filled[name], emptied=lost[name]) for name in columns if lost[name]]
    return tuple(sorted(found, key=lambda each: (-each.emptied / each.filled, each.column)))
