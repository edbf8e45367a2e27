"""Which columns a delivery would empty: filled in the feed's present state, null in what it changes."""

from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from renkei.model import TOLD_AS
from renkei.snapshot import Snapshot

#: Columns of the snapshot that are its own, and those that tell one record or version from another.
_NOT_SAID = frozenset(
    {"__rec_no", "source_key", "source_version", "content_hash", "since", "mapped_by", TOLD_AS}
)


@dataclass(frozen=True, kw_only=True)
class Emptied:
    """A column with the records that had it ``filled`` before, and those of them that would lose it."""

    column: str
    filled: int
    emptied: int


def emptied(changed: pa.Table, snapshot: Snapshot) -> tuple[Emptied, ...]:
    """Columns that changed records would lose, the greatest part first. Ended records lose nothing here."""
    if not changed.num_rows:
        return ()
    there = set(snapshot.names)
    columns = [
        name
        for name in changed.column_names
        if name in there and name not in _NOT_SAID and changed[name].null_count
    ]
    if not columns:
        return ()
    before = snapshot.scan()
    now = pl.DataFrame(changed.select(["source_key", *columns])).lazy()
    lost = (
        before.select("source_key", *columns)
        .join(now, on="source_key", suffix="__now")
        .select((pl.col(name).is_not_null() & pl.col(f"{name}__now").is_null()).sum() for name in columns)
        .collect()
        .row(0, named=True)
    )
    lost = {name: count for name, count in lost.items() if count}
    filled = (
        before.select(pl.col(list(lost)).is_not_null().sum()).collect().row(0, named=True) if lost else {}
    )
    found = [Emptied(column=name, filled=filled[name], emptied=count) for name, count in lost.items()]
    return tuple(sorted(found, key=lambda each: (-each.emptied / each.filled, each.column)))
