"""Numbers and days that differ by a slip of the hand: another era, digits swapped, one digit off."""

from itertools import pairwise

import polars as pl

from renkei.mapping import eras

#: A number or an address of fewer digits says nothing by one digit: 1-2 and 1-3 are two houses.
LEAST_DIGITS = 3

_LEFT, _RIGHT = pl.col("left_day"), pl.col("right_day")


def wrong_era(left: pl.Expr = _LEFT, right: pl.Expr = _RIGHT) -> pl.Expr:
    """True where month and day are equal and both years are the same year of two eras (昭和8年, 平成8年).

    One of the two days lies in its own era; the other may run past its era's end.
    """
    same_day = (left.dt.month() == right.dt.month()) & (left.dt.day() == right.dt.day())
    slips = [
        _in(one, era) & (_in_year(one, era) == _in_year(other, slipped)) & (_in_year(other, slipped) >= 1)
        for one, other in ((left, right), (right, left))
        for era in eras.ERAS
        for slipped in eras.ERAS
        if slipped is not era
    ]
    return (same_day & pl.any_horizontal(slips)).fill_null(value=False)


def _in(day: pl.Expr, era: eras.Era) -> pl.Expr:
    return day.is_between(pl.lit(era.first), pl.lit(era.end))


def _in_year(day: pl.Expr, era: eras.Era) -> pl.Expr:
    return day.dt.year() - era.offset


def slip_of_day(left: pl.Expr = _LEFT, right: pl.Expr = _RIGHT) -> pl.Expr:
    """``day_month``, ``swapped``, ``one_digit``, the last two also ``_in_era``; null for any other."""
    one, other = (day.dt.to_string("%Y%m%d") for day in (left, right))
    in_era, other_in_era = (_era_figures(day) for day in (left, right))
    same_era = eras.era_of(left) == eras.era_of(right)
    year = left.dt.year() == right.dt.year()
    turned = (left.dt.month() == right.dt.day()) & (left.dt.day() == right.dt.month())
    return (
        pl.when(left == right)
        .then(None)
        .when(year & turned)
        .then(pl.lit("day_month"))
        .when(_swapped(one, other, (0, 1, 2, 4, 6)))
        .then(pl.lit("swapped"))
        .when(_off(one, other, 8) == 1)
        .then(pl.lit("one_digit"))
        .when(same_era & _swapped(in_era, other_in_era, (0, 2, 4)))
        .then(pl.lit("swapped_in_era"))
        .when(same_era & (_off(in_era, other_in_era, 6) == 1))
        .then(pl.lit("one_digit_in_era"))
    )


def _era_figures(day: pl.Expr) -> pl.Expr:
    year = day.dt.year() - eras.offset(eras.era_of(day))
    return year.cast(pl.String).str.pad_start(2, "0") + day.dt.to_string("%m%d")


def _at(text: pl.Expr, place: int) -> pl.Expr:
    return text.str.slice(place, 1)


def _off(one: pl.Expr, other: pl.Expr, width: int) -> pl.Expr:
    """How many of the places hold another digit."""
    return pl.sum_horizontal((_at(one, n) != _at(other, n)).cast(pl.Int32) for n in range(width))


def _swapped(one: pl.Expr, other: pl.Expr, places: tuple[int, ...]) -> pl.Expr:
    """Two neighbours changed places, and nothing else did."""
    crossed = [(_at(one, n) == _at(other, n + 1)) & (_at(one, n + 1) == _at(other, n))
               & (_at(one, n) != _at(other, n)) for n in places]  # fmt: skip
    return (_off(one, other, places[-1] + 2) == 2) & pl.any_horizontal(crossed)


def slip_of_figures(left: str, right: str) -> str | None:
    """``swapped`` or ``one_digit`` of two folded texts that are equal but for their figures; else None."""
    if len(left) != len(right):
        return None
    off = [at for at, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
    if not off or any(not (left[at].isdecimal() and right[at].isdecimal()) for at in off):
        return None
    if len(off) == 2 and _crossed(left, right, off):
        return "swapped"
    enough = sum(each.isdecimal() for each in left) >= LEAST_DIGITS
    return "one_digit" if len(off) == 1 and enough else None


def _crossed(left: str, right: str, off: list[int]) -> bool:
    ((a, b),) = pairwise(off)
    return b == a + 1 and left[a] == right[b] and left[b] == right[a]
