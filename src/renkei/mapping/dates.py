"""Dates as systems write them → an interval that says no more than was known.

Every distinct text is read once (a birth date column of a million rows has some thirty thousand). Unknown
months and days stay unknown: never the first of January. The result is a struct of ``date`` (only when known
to the day), ``lo``, ``hi``, ``precision`` (D M Y X) and ``bad`` (no such date).
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from renkei.mapping.eras import ERAS, GLYPHS, SIGNS, Era

RESULT = pl.Struct({"date": pl.Date, "lo": pl.Date, "hi": pl.Date, "precision": pl.String, "bad": pl.Boolean})

#: Years outside are typing errors, whatever the calendar says.
FIRST_YEAR, LAST_YEAR = 1868, 2199


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a column writes its dates.

    ``pattern`` is one of GYYMMDD (era digit), EYYMMDD (era letter), YYYYMMDD, ISO (YYYY[-MM[-DD]]) and TEXT
    (令和元年5月1日, S63.1.2). ``unknown`` are the parts that stand for an unknown month or day;
    ``words`` stand for a whole unknown date.
    """

    pattern: str
    unknown: tuple[str, ...] = ("00",)
    words: tuple[str, ...] = ("不詳",)


PATTERNS = {
    "GYYMMDD": r"^(?<era>[0-9])(?<y>\d\d)(?<m>\d\d)(?<d>\d\d)$",
    "EYYMMDD": r"^(?<era>[A-Za-z])(?<y>\d\d)(?<m>\d\d)(?<d>\d\d)$",
    "YYYYMMDD": r"^(?<era>)(?<y>\d{4})(?<m>\d\d)(?<d>\d\d)$",
    "ISO": r"^(?<era>)(?<y>\d{4})(?:-(?<m>\d\d)(?:-(?<d>\d\d))?)?$",
    "TEXT": (
        r"^(?<era>[^\d\s元]{1,2})\s*(?<y>元|\d{1,2})[年.\-/]"
        r"(?:(?<m>\d{1,2})[月.\-/]?(?:(?<d>\d{1,2})日?)?)?$"
    ),
}


def read_dates(text: pl.Series, form: Form) -> pl.Series:
    """One struct per row, null where the text is null."""
    distinct = text.unique().drop_nulls()
    read = _resolve(_parts(distinct, form)).select(
        pl.lit(distinct).alias("text"), pl.struct("date", "lo", "hi", "precision", "bad").alias("read")
    )
    rows = pl.DataFrame({"text": text}).join(read, on="text", how="left", maintain_order="left")
    return rows["read"].alias(text.name)


def _parts(text: pl.Series, form: Form) -> pl.DataFrame:
    """Year, month and day as numbers (0 = unknown), the era's bounds, and whether the text has the form."""
    pattern = PATTERNS[form.pattern]
    cut = (
        pl.DataFrame({"text": text})
        .select(
            pl.col("text"),
            pl.col("text").str.extract_groups(pattern).alias("part"),
            pl.col("text").is_in(form.words).alias("word"),
        )
        .unnest("part")
    )
    return cut.select(
        "word",
        pl.col("y").is_not_null().alias("formed"),
        _era_names().alias("era"),
        _number(pl.col("y").replace("元", "1")).alias("year_written"),
        _month_or_day("m", form).alias("m"),
        _month_or_day("d", form).alias("d"),
    ).with_columns(_year().alias("y"), _bound("first").alias("era_lo"), _bound("last").alias("era_hi"))


def _era_names() -> pl.Expr:
    """Whatever stands for the era → its name; an unknown sign stays as it is and is found bad later."""
    known = SIGNS | GLYPHS | {era.name: era.name for era in ERAS}
    known |= {sign: era.name for era in ERAS for sign in (era.digit, era.letter, era.letter.lower())}
    return pl.col("era").replace(known)


def _number(digits: pl.Expr) -> pl.Expr:
    return digits.cast(pl.Int32, strict=False).fill_null(0)


def _month_or_day(name: str, form: Form) -> pl.Expr:
    return pl.when(pl.col(name).is_in(form.unknown)).then(0).otherwise(_number(pl.col(name)))


def _year() -> pl.Expr:
    offset = pl.col("era").replace_strict(
        {era.name: era.offset for era in ERAS}, default=0, return_dtype=pl.Int32
    )
    return pl.when(pl.col("year_written") == 0).then(0).otherwise(pl.col("year_written") + offset)


def _bound(side: str) -> pl.Expr:
    days: dict[str, date | None] = {era.name: _day_of(era, side) for era in ERAS}
    return pl.col("era").replace_strict(days, default=None, return_dtype=pl.Date)


def _day_of(era: Era, side: str) -> date:
    return era.first if side == "first" else era.last or date(LAST_YEAR, 12, 31)


def _resolve(parts: pl.DataFrame) -> pl.DataFrame:
    """Numbers → interval, clipped to the era, judged."""
    y, m, d = pl.col("y"), pl.col("m"), pl.col("d")
    nothing = pl.col("word") | (pl.col("formed") & (y == 0) & _is_blank())
    return (
        parts.with_columns(nothing.alias("nothing"), _length_of_month().alias("days"))
        .with_columns(
            _precision().alias("precision"),
            ((m == 2) & (d == 29) & (pl.col("days") == 28)).alias("leap_day_of_common_year"),
        )
        .with_columns(_safe_date(1, 1).alias("lo"), _safe_date(12, None).alias("hi"))
        .with_columns(
            pl.max_horizontal("lo", "era_lo").alias("lo"), pl.min_horizontal("hi", "era_hi").alias("hi")
        )
        .with_columns(_bad().alias("bad"))
        .with_columns(_only_if("lo"), _only_if("hi"), _exact_day())
    )


def _is_blank() -> pl.Expr:
    """An unknown year: the month and day, if any, cannot be placed; a bad sign for the era cannot either."""
    known = pl.col("era").is_in([*(era.name for era in ERAS), "", "0"]) | pl.col("era").is_null()
    return known & pl.col("m").is_between(0, 12) & pl.col("d").is_between(0, 31)


def _length_of_month() -> pl.Expr:
    y, m = pl.col("y"), pl.col("m")
    leap = ((y % 4 == 0) & (y % 100 != 0)) | (y % 400 == 0)
    february = pl.when(leap).then(29).otherwise(28)
    return pl.when(m.is_in([4, 6, 9, 11])).then(30).when(m == 2).then(february).otherwise(31)


def _precision() -> pl.Expr:
    m, d = pl.col("m"), pl.col("d")
    return (
        pl.when(pl.col("nothing"))
        .then(pl.lit("X"))
        .when((m == 0) & (d == 0))
        .then(pl.lit("Y"))
        .when(d == 0)
        .then(pl.lit("M"))
        .otherwise(pl.lit("D"))
    )


def _safe_date(month: int, day: int | None) -> pl.Expr:
    """The first or last day of what is known; out-of-range numbers are held inside and judged apart.

    29 February of a common year is a date that the registry may hold: it lies from the 28th to 1 March.
    """
    y = pl.col("y").clip(1, 9999)
    m = pl.when(pl.col("m") == 0).then(month).otherwise(pl.col("m")).clip(1, 12)
    edge = pl.lit(day) if day is not None else pl.when(pl.col("m") == 0).then(31).otherwise(pl.col("days"))
    d = pl.when(pl.col("d") == 0).then(edge).otherwise(pl.min_horizontal("d", "days").clip(1))
    whole = pl.date(y, m, d)
    shift = 0 if day is not None else 1
    return pl.when(pl.col("leap_day_of_common_year")).then(whole + pl.duration(days=shift)).otherwise(whole)


def _bad() -> pl.Expr:
    """No such date: no such form, month, day or era, or outside the era or the years of living memory."""
    month, day, year = pl.col("m"), pl.col("d"), pl.col("y")
    wrong_month = (month > 12) | ((month == 0) & (day > 0))
    wrong_day = (day > pl.col("days")) & ~pl.col("leap_day_of_common_year")
    wrong_year = ~year.is_between(FIRST_YEAR, LAST_YEAR)
    outside = (pl.col("lo") > pl.col("hi")).fill_null(value=False)
    no_era = (pl.col("era").fill_null("") != "") & pl.col("era_lo").is_null()
    wrong = wrong_month | wrong_day | wrong_year | outside | no_era
    return ~pl.col("word") & (~pl.col("formed") | (~pl.col("nothing") & wrong))


def _only_if(name: str) -> pl.Expr:
    fit = ~pl.col("bad") & ~pl.col("nothing")
    return pl.when(fit).then(pl.col(name)).otherwise(None).alias(name)


def _exact_day() -> pl.Expr:
    exact = (pl.col("precision") == "D") & ~pl.col("bad") & ~pl.col("leap_day_of_common_year")
    return pl.when(exact).then(pl.col("lo")).otherwise(None).alias("date")


def read_timestamps(text: pl.Expr, pattern: str) -> pl.Expr:
    """Wall clock of Japan, or any instant with an offset, as an instant shown in Japan's zone.

    Null where the text is no such time; Japan's clock has had no summer time since 1951, and an hour that a
    clock of 1948 to 1951 showed twice is taken as its first.
    """
    if pattern == "YYYYMMDDhhmmss":
        clock = _in_japan(text.str.to_datetime("%Y%m%d%H%M%S", time_unit="us", strict=False))
        return pl.when(text.str.len_bytes() == 14).then(clock)
    second, rest = text.str.slice(0, 19), text.str.slice(19)
    clock = second.str.replace("T", " ", literal=True).str.to_datetime(
        "%Y-%m-%d %H:%M:%S", time_unit="us", strict=False
    ) + pl.duration(microseconds=_microseconds(rest))
    zone = rest.str.extract(rf"({_ZONE})$")
    instant = (clock - _offset(zone)).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo")
    read = pl.when(zone.is_null()).then(_in_japan(clock)).otherwise(instant)
    whole = second.str.len_bytes() == 19
    tail = rest.str.contains(rf"^(?:\.[0-9]{{1,6}})?(?:{_ZONE})?$")
    return pl.when(whole & ((rest == "") | tail)).then(read)


_ZONE = "Z|[+-][0-9]{2}:?[0-9]{2}"


def _microseconds(rest: pl.Expr) -> pl.Expr:
    figures = rest.str.extract(r"^\.([0-9]{1,6})")
    return figures.str.pad_end(6, "0").cast(pl.Int64, strict=False).fill_null(0)


def _in_japan(clock: pl.Expr) -> pl.Expr:
    return clock.dt.replace_time_zone("Asia/Tokyo", ambiguous="earliest", non_existent="null")


def _offset(zone: pl.Expr) -> pl.Expr:
    hours = zone.str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0)
    minutes = zone.str.slice(-2).cast(pl.Int64, strict=False).fill_null(0)
    sign = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    return pl.duration(minutes=sign * (hours * 60 + minutes))
