"""Where else a value stands: in an older version, among what was taken back, with another person."""

import polars as pl

from renkei.causes.forms import folded

#: Class and kind → the columns that may hold the value, with the side whose value is sought there.
_SOUGHT = {
    ("delay", "lags"): (("left_before", "right"), ("right_before", "left")),
    ("real", "past_lag"): (("left_before", "right"), ("right_before", "left")),
    ("cancelled", "taken_back"): (("left_cancelled", "right"), ("right_cancelled", "left")),
    ("other_person", "household"): (("household", "right"), ("household", "left")),
    ("other_person", "neighbour"): (("neighbours", "right"), ("neighbours", "left")),
}
_FOUND = pl.Schema({"row": pl.UInt32, "class": pl.String, "kind": pl.String, "side": pl.String})


def elsewhere(pairs: pl.DataFrame) -> pl.DataFrame:
    """``pairs`` with ``row``, ``form`` and the folds of both sides → what fits: row, class, kind, side.

    A value that both sides' records hold elsewhere fits twice. An empty value is nowhere.
    """
    columns = dict.fromkeys(column for places in _SOUGHT.values() for column, _ in places)
    held = {column: _held(pairs, column) for column in columns}
    found = [
        _match(held[column], side)
        .filter(_is_late(kind))
        .select("row", pl.lit(name).alias("class"), pl.lit(kind).alias("kind"), pl.lit(side).alias("side"))
        for (name, kind), places in _SOUGHT.items()
        for column, side in places
    ]
    return pl.concat([pl.DataFrame(schema=_FOUND), *found]).unique(maintain_order=True)


def _held(pairs: pl.DataFrame, column: str) -> pl.DataFrame:
    """A row for each value of the lists, folded, beside the folds of its pair."""
    known = pairs.filter(pl.col(column).list.len() > 0).select(
        "row", "form", "left_fold", "right_fold", "as_of", "lag_hours", pl.col(column).alias("held")
    )
    one = known.explode("held", empty_as_null=False)
    if column.endswith("_before"):
        one = one.unnest("held")
    else:
        one = one.with_columns(value=pl.col("held"), until=pl.lit(None, pl.Date)).drop("held")
    return folded(one)


def _match(held: pl.DataFrame, side: str) -> pl.DataFrame:
    return held.filter((pl.col("fold") == pl.col(f"{side}_fold")) & (pl.col("fold") != ""))


def _is_late(kind: str) -> pl.Expr:
    """Inside the declared time, or past it; what has no days is neither."""
    passed = (pl.col("as_of") - pl.col("until")).dt.total_hours(fractional=True)
    within = passed < pl.col("lag_hours")
    if kind == "lags":
        return within.fill_null(value=False)
    return ~within.fill_null(value=False) if kind == "past_lag" else pl.lit(value=True)
