"""Adds up double entries: how many, how many minutes, in which office, and which feed would remove them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources

import polars as pl
import pyarrow as pa
import sqlalchemy as sa

from renkei.bulk import copy_out
from renkei.reconcile.double_entry.entries import WINDOW_DAYS
from renkei.reconcile.double_entry.offices import NO_OFFICES, Offices, with_office

_YEAR = 365
_FOUND = pa.schema(
    [
        ("field", pa.string()),
        ("class", pa.string()),
        ("left_feed", pa.string()),
        ("feed", pa.string()),  # where it was keyed again
        ("since", pa.date32()),
        ("minutes", pa.int64()),
        ("operator", pa.string()),
        ("terminal", pa.string()),
    ]
)
_FIRST = "SELECT min(as_of) FROM run WHERE kind = 'reconcile' AND state = 'done'"
_COUNTED = (
    pl.len().cast(pl.Int64).alias("entries"),
    (pl.col("class") == "with_error").sum().cast(pl.Int64).alias("with_error"),
    pl.sum("minutes").cast(pl.Int64).alias("minutes"),
)


@dataclass(frozen=True, kw_only=True)
class Lost:
    """What double entry cost under one name: a field, an office (empty: unknown) or a month (``2026-11``).

    ``with_error`` of the entries have another value than the first one; ``minutes`` were spent on all.
    """

    name: str
    entries: int
    with_error: int
    minutes: int


@dataclass(frozen=True, kw_only=True)
class Saving:
    """Entries between two feeds. ``left_feed`` is where they were keyed first more often: to carry from.

    Within one system no feed would help, only an agreement between desks: ``a_feed_would_help`` is False.
    ``entries`` to ``minutes`` are of the month, the last two what a year of such days would have.
    """

    left_feed: str
    right_feed: str
    a_feed_would_help: bool
    entries: int
    with_error: int
    minutes: int
    entries_a_year: int
    minutes_a_year: int


@dataclass(frozen=True, kw_only=True)
class DoubleEntrySummary:
    """Double entries keyed in a month, as the books have them as of a day; counts, and nobody's value.

    Each group has the costliest first; ``by_month`` has the twelve months up to this one in their order.
    ``observed_days`` are the days that the figures a year are reckoned from.
    """

    month: date
    as_of: date
    entries: int
    with_error: int
    minutes: int
    by_field: tuple[Lost, ...]
    by_office: tuple[Lost, ...]
    by_month: tuple[Lost, ...]
    by_feed: tuple[Saving, ...]
    observed_days: int


def summary(
    connection: sa.Connection, *, month: date, as_of: date, offices: Offices = NO_OFFICES
) -> DoubleEntrySummary:
    """What was keyed twice in the month of that day, as the books had it on ``as_of``.

    An entry counts once, however often it was found, and stays counted when a later one took its place.
    Without ``offices`` every entry is of the office ''.
    """
    first = month.replace(day=1)
    end = _next(first)
    begin = min(_months_back(first, 11), as_of - timedelta(days=_YEAR - 1))
    found = _found(connection, begin=begin, end=max(end, as_of + timedelta(days=1)), as_of=as_of)
    seated = with_office(found, offices).with_columns(pl.col("office").fill_null(""))
    of_month = seated.filter(pl.col("since").is_between(first, end, closed="left"))
    days = _observed(connection, as_of)
    observed = seated.filter(pl.col("since").is_between(as_of - timedelta(days=days), as_of, closed="right"))
    totals = of_month.select(_COUNTED).row(0, named=True)
    return DoubleEntrySummary(
        month=first,
        as_of=as_of,
        **totals,
        by_field=tuple(_lost(of_month, "field")),
        by_office=tuple(_lost(of_month, "office")),
        by_month=_by_month(seated, first),
        by_feed=tuple(_savings(of_month, observed, days)),
        observed_days=days,
    )


def lost_by_field(
    connection: sa.Connection, *, begin: date, until: date, known_at: datetime, offices: Offices
) -> dict[str | None, tuple[Lost, ...]]:
    """What was keyed twice on the days from ``begin`` to ``until`` and known at that instant, by field.

    Under each office what was keyed in it, costliest first; under None what was keyed in all together.
    """
    known = f"found_at <= TIMESTAMPTZ '{known_at.isoformat()}'"
    found = _read(connection, begin=begin, end=until + timedelta(days=1), known=known)
    seated = with_office(found, offices).with_columns(pl.col("office").fill_null(""))
    by_office = seated.partition_by("office", as_dict=True)
    return {None: tuple(_lost(seated, "field"))} | {
        str(office): tuple(_lost(rows, "field")) for (office,), rows in by_office.items()
    }


def _found(connection: sa.Connection, *, begin: date, end: date, as_of: date) -> pl.DataFrame:
    return _read(connection, begin=begin, end=end, known=f"first_as_of <= DATE '{as_of.isoformat()}'")


def _read(connection: sa.Connection, *, begin: date, end: date, known: str) -> pl.DataFrame:
    query = found_query().format(begin=begin.isoformat(), end=end.isoformat(), known=known)
    return pl.DataFrame(pl.from_arrow(copy_out(connection, query, _FOUND)))


def _lost(rows: pl.DataFrame, column: str) -> Iterator[Lost]:
    summed = rows.group_by(pl.col(column).alias("name")).agg(_COUNTED)
    for row in summed.sort(["minutes", "name"], descending=[True, False]).iter_rows(named=True):
        yield Lost(**row)


def _by_month(rows: pl.DataFrame, first: date) -> tuple[Lost, ...]:
    named = rows.with_columns(pl.col("since").dt.strftime("%Y-%m").alias("month"))
    year = named.filter(pl.col("since").is_between(_months_back(first, 11), _next(first), closed="left"))
    return tuple(sorted(_lost(year, "month"), key=lambda lost: lost.name))


def _savings(of_month: pl.DataFrame, observed: pl.DataFrame, days: int) -> Iterator[Saving]:
    pairs = _paired(pl.concat([of_month, observed])).select("pair", "left_feed", "right_feed").unique("pair")
    month = _paired(of_month).group_by("pair").agg(_COUNTED)
    year = (
        _paired(observed)
        .group_by("pair")
        .agg(_scaled(pl.len(), days, "entries_a_year"), _scaled(pl.sum("minutes"), days, "minutes_a_year"))
    )
    every = pairs.join(month, on="pair", how="left").join(year, on="pair", how="left").fill_null(0)
    ordered = every.sort(["minutes_a_year", "left_feed", "right_feed"], descending=[True, False, False])
    for row in ordered.drop("pair").iter_rows(named=True):
        systems = {row[side].partition(".")[0] for side in ("left_feed", "right_feed")}
        yield Saving(**row, a_feed_would_help=len(systems) > 1)


def _paired(rows: pl.DataFrame) -> pl.DataFrame:
    """Each row with its two feeds as one pair, in the order in which they were keyed more often."""
    two = pl.concat_list("left_feed", "feed").list.sort()
    named = rows.with_columns(two.list.join(" ").alias("pair"))
    ways = named.group_by("pair", "left_feed", "feed").len()
    common = ways.sort(["len", "left_feed"], descending=[True, False]).unique(
        "pair", keep="first", maintain_order=True
    )
    ordered = common.select("pair", "left_feed", pl.col("feed").alias("right_feed"))
    return named.drop("left_feed").join(ordered, on="pair")


def _scaled(total: pl.Expr, days: int, name: str) -> pl.Expr:
    return (total * _YEAR / days).round().cast(pl.Int64).alias(name)


def _observed(connection: sa.Connection, as_of: date) -> int:
    """Days up to that one of which entries are known: the first night looks back over the window."""
    began = connection.execute(sa.text(_FIRST)).scalar() or as_of
    return max(1, min(_YEAR, (as_of - began).days + WINDOW_DAYS))


def _next(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _months_back(first: date, months: int) -> date:
    years, month = divmod(first.year * 12 + first.month - 1 - months, 12)
    return date(years, month + 1, 1)


@cache
def found_query() -> str:
    """The text that every count of double entries is made by."""
    return resources.files("renkei.reconcile.double_entry").joinpath("found.sql").read_text("utf-8")
