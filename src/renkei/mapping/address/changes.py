"""新旧対照: the place that a place has become by a certain day.

住居表示 and 地番 of one house are two addresses until the city says that they are one; a town that was
renamed keeps its numbers. A chain (old → newer → newest) is followed as far as the day allows.
"""

from collections.abc import Callable, Sequence
from datetime import date

import polars as pl

from renkei.mapping.address.folding import joined
from renkei.mapping.address.towns import Change

TakeApart = Callable[[Sequence[str], Sequence[str]], pl.DataFrame]

_HOUSE = ("code", "town", "rest", "block", "number", "branch")
_TOWN = ("code", "town")


def renamed(
    made: pl.DataFrame, changes: Sequence[Change], *, as_of: date, take_apart: TakeApart
) -> pl.DataFrame:
    """Every place that the table names is the place that it has become by that day."""
    active = [each for each in changes if each.since <= as_of]
    if not active:
        return made
    houses = _houses([each for each in active if each.names_a_house], take_apart)
    towns = _towns([each for each in active if not each.names_a_house], take_apart)
    for _ in active:  # a chain is never longer than its table
        before = made
        made = _laid_over(made, houses, by=("code", "town", "rest"), over=_HOUSE)
        made = _laid_over(made, towns, by=_TOWN, over=_TOWN)
        if made.equals(before, null_equal=True):
            break
    return made.drop("since")


def _houses(changes: Sequence[Change], take_apart: TakeApart) -> pl.DataFrame:
    """Old and new places taken apart as any address is."""
    old, new = _sides(changes, take_apart)
    beside = new.select(pl.col(name).alias(f"new_{name}") for name in _HOUSE)
    return _told_once(old.select("code", "town", "rest").hstack(beside).with_columns(_since(changes)))


def _towns(changes: Sequence[Change], take_apart: TakeApart) -> pl.DataFrame:
    """The same for whole towns: 三丁目 at the end belongs to the town."""
    old, new = (
        side.select("code", town=joined(pl.col("town").fill_null(""), pl.col("rest")))
        for side in _sides(changes, take_apart)
    )
    beside = new.select(pl.col(name).alias(f"new_{name}") for name in _TOWN)
    return _told_once(old.hstack(beside).with_columns(_since(changes)))


def _told_once(table: pl.DataFrame) -> pl.DataFrame:
    """One row an old place, however it is written; where two rows say different things, neither counts."""
    old = [name for name in _HOUSE[:3] if name in table.columns]
    return table.unique(maintain_order=True).unique(old, keep="none", maintain_order=True)


def _sides(changes: Sequence[Change], take_apart: TakeApart) -> tuple[pl.DataFrame, pl.DataFrame]:
    old = take_apart([each.old for each in changes], [each.municipality_code for each in changes])
    new = take_apart([each.new for each in changes], [each.new_municipality_code for each in changes])
    return old, new


def _since(changes: Sequence[Change]) -> pl.Series:
    return pl.Series("since", [each.since for each in changes], pl.Date)


def _laid_over(
    made: pl.DataFrame, table: pl.DataFrame, *, by: tuple[str, ...], over: tuple[str, ...]
) -> pl.DataFrame:
    """One step of every chain: the new place, and the day from which it counts; never back in time."""
    if "since" not in made.columns:
        made = made.with_columns(since=pl.lit(None, pl.Date))
    found = made.join(table, on=list(by), how="left", maintain_order="left", suffix="_of", nulls_equal=True)
    later = pl.col("since_of").is_not_null() & (pl.col("since_of") > pl.col("since").fill_null(date.min))
    laid = [pl.when(later).then(f"new_{name}").otherwise(name).alias(name) for name in over]
    since = pl.when(later).then("since_of").otherwise("since").alias("since")
    return found.select(*(name for name in made.columns if name not in (*over, "since")), *laid, since)
