"""Accounts of people that type faster than a person can: shown, and not counted as typing."""

from dataclasses import dataclass
from datetime import time

import polars as pl
import pyarrow as pa

_ACCOUNT = ("feed", "operator", "terminal", "office")


@dataclass(frozen=True, kw_only=True)
class SuspectedRobot:
    """An account and terminal, how many records it saved within ``seconds`` at most, and how many in all."""

    feed: str
    operator: str | None
    terminal: str | None
    office: str | None
    at_once: int
    records: int


def suspected_robots(entry: pa.Table, *, entries: int, seconds: int) -> tuple[SuspectedRobot, ...]:
    """Who saved so many records within so many seconds before and after one of them, fastest first.

    An account whose stamps are all midnights has days and no times: nothing is said of how fast it is.
    """
    saved = (
        pl.DataFrame(pl.from_arrow(entry))
        .filter(
            pl.col("operator_kind") == "person",
            pl.coalesce("operator", "terminal").is_not_null(),
        )
        .filter((pl.col("entered_at").dt.time() != time()).any().over(_ACCOUNT))
        .unique([*_ACCOUNT, "source_key", "entered_at"])
        .sort("entered_at")
    )
    if saved.is_empty():
        return ()
    counted = saved.with_columns(_within(seconds).over(_ACCOUNT).alias("at_once"))
    found = (
        counted.group_by(_ACCOUNT)
        .agg(pl.max("at_once").cast(pl.Int64), pl.len().cast(pl.Int64).alias("records"))
        .filter(pl.col("at_once") >= entries)
        .sort(["at_once", *_ACCOUNT], descending=[True, False, False, False, False])
    )
    return tuple(SuspectedRobot(**row) for row in found.iter_rows(named=True))


def _within(seconds: int) -> pl.Expr:
    """Of instants in order: how many lie within so many seconds before and after each."""
    instant = pl.col("entered_at").dt.epoch("us")
    reach = seconds * 1_000_000
    after = instant.search_sorted(instant + reach, side="right")
    return after - instant.search_sorted(instant - reach, side="left")
