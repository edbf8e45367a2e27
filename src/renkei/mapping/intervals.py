"""Year, month and day as far as they are known → an interval that says no more than that.

Shape: ``date`` only when one calendar day is known, ``lo`` and ``hi`` the first and last day it can be,
``precision`` how it was written, ``bad`` no such date.
"""

from dataclasses import dataclass

import polars as pl

from renkei.mapping import eras

RESULT = pl.Struct({"date": pl.Date, "lo": pl.Date, "hi": pl.Date, "precision": pl.String, "bad": pl.Boolean})

#: D day · M month · Y year · S part of one, about, estimated or between two · E past its era's end, by rule
#: · X unknown.
PRECISIONS = ("D", "M", "Y", "S", "E", "X")

#: 上旬 … → first and last day; the last third runs to the month's end.
THIRDS = {"上旬": (1, 10), "中旬": (11, 20), "下旬": (21, 31)}

#: 春 … → first and last month, as the weather service divides them. 「○年冬」 may mean its first months or
#: the winter that begins in it: from January to the February of the next year.
SEASONS = {"春": (3, 5), "夏": (6, 8), "秋": (9, 11), "冬": (1, 14)}


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a column writes its dates.

    ``pattern``: GYYMMDD (era figure), EYYMMDD (era letter), GGYYMMDD (two figures), YYYYMMDD, YYYY/MM/DD, ISO
    (YYYY[-MM[-DD]]) or TEXT. ``unknown`` are the parts that stand for an unknown year, month or day,
    ``words`` the texts that stand for a whole unknown date. ``eras``: the source's own codes as (code, name).
    ``by_rule``: a year past its era's end is counted on (昭和65年 is 1990) instead of refused. ``about``: how
    many of its units 「頃」 may be off, to either side.
    """

    pattern: str
    unknown: tuple[str, ...] = ("00",)
    words: tuple[str, ...] = ("不詳",)
    eras: tuple[tuple[str, str], ...] = ()
    by_rule: bool = False
    about: int = 1


def resolve(parts: pl.DataFrame, form: Form) -> pl.DataFrame:
    """One row of RESULT's columns for each row of parts.

    Parts: ``formed`` (the text has the form) and ``word`` (it stands for an unknown date) · ``era`` name, ""
    for the calendar's own years, anything else is no era · ``y m d`` numbers as written, null where unknown ·
    ``part`` a third or a season · ``about`` and ``guess`` for 頃 and 推定.
    """
    return (
        parts.with_columns(year=pl.col("y") + eras.offset(pl.col("era")))
        .with_columns(nothing=pl.col("word") | (pl.col("formed") & pl.col("y").is_null()))
        .with_columns(_edges())
        .with_columns(leap=_leap_day_of_common_year())
        .with_columns(first=_day("first"), last=_day("last"))
        .with_columns(past=(pl.col("first") > eras.last(pl.col("era"))).fill_null(value=False))
        .with_columns(bad=_bad(form), precision=_precision())
        .with_columns(lo=_clipped("lo", form), hi=_clipped("hi", form))
        .with_columns(_widened(form))
        .with_columns(_unless_bad("lo"), _unless_bad("hi"))
        .with_columns(date=_exact_day())
        .select("date", "lo", "hi", "precision", "bad")
    )


def _edges() -> list[pl.Expr]:
    """First and last month and day of what is known; months beyond 12 belong to the next year."""
    month = {side: _of(SEASONS, place, whole) for place, (side, whole) in enumerate((("m1", 1), ("m2", 12)))}
    day = {side: _of(THIRDS, place, whole) for place, (side, whole) in enumerate((("d1", 1), ("d2", 31)))}
    months = [pl.col("m").fill_null(edge).alias(name) for name, edge in month.items()]
    return [*months, *(pl.col("d").fill_null(edge).alias(name) for name, edge in day.items())]


def _of(table: dict[str, tuple[int, int]], place: int, default: int) -> pl.Expr:
    edges = {name: pair[place] for name, pair in table.items()}
    return pl.col("part").replace_strict(edges, default=default, return_dtype=pl.Int32)


def _leap_day_of_common_year() -> pl.Expr:
    """29 February where there was none: a registry may hold it. It lies from the 28th to 1 March."""
    return (
        (pl.col("m") == 2) & (pl.col("d") == 29) & (_length(pl.col("year"), pl.col("m")) == 28)
    ).fill_null(value=False)


def _length(year: pl.Expr, month: pl.Expr) -> pl.Expr:
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    february = pl.when(leap).then(29).otherwise(28)
    return pl.when(month.is_in([4, 6, 9, 11])).then(30).when(month == 2).then(february).otherwise(31)


def _day(side: str) -> pl.Expr:
    """The first or last day; numbers out of range are held inside and judged apart."""
    month, day = ("m1", "d1") if side == "first" else ("m2", "d2")
    year = (pl.col("year") + (pl.col(month) > 12).cast(pl.Int32)).clip(1, 9999)
    month_of_year = pl.when(pl.col(month) > 12).then(pl.col(month) - 12).otherwise(pl.col(month)).clip(1, 12)
    held = pl.min_horizontal(pl.col(day), _length(year, month_of_year)).clip(1)
    whole = pl.date(year, month_of_year, held)
    shift = pl.duration(days=1 if side == "last" else 0)
    return pl.when(pl.col("leap")).then(whole + shift).otherwise(whole)


def _bad(form: Form) -> pl.Expr:
    """No such form, month, day or era, or outside the era or the years of living memory."""
    m, d, year = pl.col("m"), pl.col("d"), pl.col("year")
    wrong_month = ~m.is_between(1, 12) | (m.is_null() & d.is_not_null())
    wrong_day = ~d.is_between(1, 31) | ((d > _length(year, m)) & ~pl.col("leap"))
    wrong_year = (pl.col("y") < 1) | ~year.is_between(eras.FIRST_YEAR, eras.LAST_YEAR)
    before = pl.col("last") < eras.first(pl.col("era"))
    outside = before if form.by_rule else before | pl.col("past")
    unplaced = ~m.is_between(1, 12).fill_null(value=True) | ~d.is_between(1, 31).fill_null(value=True)
    wrong = wrong_month.fill_null(value=False) | _any(wrong_day, wrong_year, outside)
    judged = pl.when(pl.col("nothing")).then(unplaced).otherwise(wrong)
    no_era = ~pl.col("era").is_in(["", *eras.NAMES]).fill_null(value=False)
    return ~pl.col("word") & (~pl.col("formed") | no_era | judged)


def _any(*tests: pl.Expr) -> pl.Expr:
    return pl.any_horizontal(test.fill_null(value=False) for test in tests)


def _precision() -> pl.Expr:
    vague = (pl.col("part") != "") | pl.col("about") | pl.col("guess")
    return (
        pl.when(pl.col("nothing"))
        .then(pl.lit("X"))
        .when(pl.col("past"))
        .then(pl.lit("E"))
        .when(vague)
        .then(pl.lit("S"))
        .when(pl.col("m").is_null())
        .then(pl.lit("Y"))
        .when(pl.col("d").is_null())
        .then(pl.lit("M"))
        .otherwise(pl.lit("D"))
    )


def _clipped(side: str, form: Form) -> pl.Expr:
    """Held inside the era: 大正15年 ends on 25 December. Not what is about, nor years counted on."""
    if side == "lo":
        return pl.when("about").then("first").otherwise(pl.max_horizontal("first", eras.first(pl.col("era"))))
    over = pl.col("about") | (pl.col("m2") > 12) | pl.lit(value=form.by_rule)
    return pl.when(over).then("last").otherwise(pl.min_horizontal("last", eras.last(pl.col("era"))))


def _widened(form: Form) -> list[pl.Expr]:
    """「頃」: so many of the smallest unit that was written, to either side."""
    unit = (
        pl.when(pl.col("d").is_not_null())
        .then(pl.lit(f"{form.about}d"))
        .when(pl.col("part").is_in(list(THIRDS)))
        .then(pl.lit(f"{10 * form.about}d"))
        .when(pl.col("m").is_not_null() | pl.col("part").is_in(list(SEASONS)))
        .then(pl.lit(f"{form.about}mo"))
        .otherwise(pl.lit(f"{form.about}y"))
    )
    day = pl.duration(days=1)
    wide = {
        "lo": pl.col("lo").dt.offset_by(pl.concat_str(pl.lit("-"), unit)),
        "hi": (pl.col("hi") + day).dt.offset_by(unit) - day,
    }
    return [pl.when(pl.col("about")).then(expr).otherwise(name).alias(name) for name, expr in wide.items()]


def _unless_bad(name: str) -> pl.Expr:
    fit = ~pl.col("bad") & ~pl.col("nothing")
    return pl.when(fit).then(pl.col(name)).otherwise(None).alias(name)


def _exact_day() -> pl.Expr:
    """A day that was written as a day of the calendar, or None: an estimate is no day."""
    sure = pl.col("d").is_not_null() & ~(pl.col("about") | pl.col("guess") | pl.col("leap"))
    return pl.when(sure & ~pl.col("bad")).then(pl.col("lo")).otherwise(None)
