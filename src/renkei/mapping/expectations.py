"""Holds a delivery that does not look as its feed says deliveries do: two columns may have changed places."""

from datetime import date

import polars as pl
import pyarrow as pa

from renkei.errors import Hold
from renkei.mapping.declaration import Expectation, Mapping
from renkei.model import Batch

#: Fewer records than these say nothing of what a delivery usually looks like.
PROFILE_LEAST = 100


def hold_odd_size(mapping: Mapping, batch: Batch, *, as_of: date) -> None:
    """Raise Hold where a delivery, read whole, has fewer or more records than ``[feed.size]`` allows."""
    least, most = mapping.at(as_of).size
    if (least is not None and batch.records < least) or (most is not None and batch.records > most):
        raise Hold(
            "E_SIZE",
            feed=mapping.feed.id,
            records=batch.records,
            least="-" if least is None else least,
            most="-" if most is None else most,
        )


def hold_odd_profile(mapping: Mapping, *records: pa.Table) -> None:
    """Raise Hold where too small a part of the records is as one of ``[[feed.expect]]`` says."""
    if sum(table.num_rows for table in records) < PROFILE_LEAST:
        return
    for wanted in mapping.expect:
        column = pl.concat([pl.Series(wanted.field, table.column(wanted.field)) for table in records])
        share = share_of(column, wanted)
        if share < wanted.share:
            _hold(mapping, wanted, share)


def _hold(mapping: Mapping, wanted: Expectation, share: float) -> None:
    facts = {
        "feed": mapping.feed.id,
        "field": wanted.field,
        "share": f"{share:.1%}",
        "limit": f"{wanted.share:.1%}",
    }
    if not _bounded(wanted):
        raise Hold("E_PROFILE", **facts)
    bounds = {name: "-" if bound is None else bound for name, bound in _bounds(wanted).items()}
    raise Hold("E_RANGE", **facts, **bounds)


def _bounds(wanted: Expectation) -> dict[str, int | date | None]:
    return {"least": wanted.least, "most": wanted.most}


def _bounded(wanted: Expectation) -> bool:
    return wanted.least is not None or wanted.most is not None


def share_of(column: pl.Series, wanted: Expectation) -> float:
    """The part of the rows that is filled, or the part of the filled ones that are as wanted."""
    if wanted.matches is None and not _bounded(wanted):
        return (len(column) - column.null_count()) / len(column)  # one rounding: a share met exactly is met
    filled = column.drop_nulls()
    fits = filled.to_frame("value").select(_fits(pl.col("value"), wanted, text=column.dtype == pl.String))
    return float(fits.to_series().sum()) / len(filled) if len(filled) else 1.0


def _fits(value: pl.Expr, wanted: Expectation, *, text: bool) -> pl.Expr:
    size = value.str.len_chars() if text else value
    fits = pl.lit(value=True)
    if wanted.matches is not None:
        fits &= value.str.contains(wanted.matches)
    if wanted.least is not None:
        fits &= size >= wanted.least
    if wanted.most is not None:
        fits &= size <= wanted.most
    return fits
