"""Dates as systems write them → intervals, and exact days → the text that a system expects.

Every distinct text is read once (a birth date column of a million rows has some thirty thousand). Unknown
months and days stay unknown: never the first of January. See :mod:`renkei.mapping.intervals` for the result.
"""

import polars as pl

from renkei.mapping import date_text, eras
from renkei.mapping.intervals import PRECISIONS, RESULT, Form, resolve

__all__ = ["PATTERNS", "PRECISIONS", "RESULT", "Form", "read_dates", "write_dates"]

_YMD = r"(?<y>[0-9]{2}|  )(?<m>[0-9]{2}|  )(?<d>[0-9]{2}|  )$"

#: Figures are those of ASCII: a full-width one in a column of fixed width is a fault of the layout.
PATTERNS = {
    "GYYMMDD": rf"^(?<era>[0-9]){_YMD}",
    "EYYMMDD": rf"^(?<era>[A-Za-z]){_YMD}",
    "GGYYMMDD": rf"^(?<era>[0-9]{{2}}){_YMD}",
    "YYYYMMDD": r"^(?<era>)(?<y>[0-9]{4}|    )(?<m>[0-9]{2}|  )(?<d>[0-9]{2}|  )$",
    "YYYY/MM/DD": r"^(?<era>)(?<y>[0-9]{4})(?<s1>[/.\-])(?<m>[0-9]{1,2})(?<s2>[/.\-])(?<d>[0-9]{1,2})$",
    "ISO": r"^(?<era>)(?<y>[0-9]{4})(?:-(?<m>[0-9]{2})(?:-(?<d>[0-9]{2}))?)?$",
}

#: Texts of these are padded to this width where blanks are declared to mean unknown.
_WIDTHS = {"GYYMMDD": 7, "EYYMMDD": 7, "GGYYMMDD": 8, "YYYYMMDD": 8}


def read_dates(text: pl.Series, form: Form) -> pl.Series:
    """One struct per row, null where the text is null."""
    distinct = text.unique().drop_nulls()
    read = date_text.read(distinct, form) if form.pattern == "TEXT" else resolve(_parts(distinct, form), form)
    known = pl.DataFrame({"text": distinct, "read": read.to_struct()})
    rows = pl.DataFrame({"text": text}).join(known, on="text", how="left", maintain_order="left")
    return rows["read"].alias(text.name)


def _parts(text: pl.Series, form: Form) -> pl.DataFrame:
    """A text of fixed shape, cut; the parts that :func:`resolve` takes."""
    written = pl.col("text")
    if any(not mark.strip() for mark in form.unknown):
        written = written.str.pad_end(_WIDTHS.get(form.pattern, 0))
    cut = (
        pl.DataFrame({"text": text})
        .select(
            pl.col("text").is_in(form.words).alias("word"),
            written.str.extract_groups(PATTERNS[form.pattern]).alias("cut"),
        )
        .unnest("cut")
    )
    same = (pl.col("s1") == pl.col("s2")) if "s1" in cut.columns else pl.lit(value=True)
    return cut.select(
        "word",
        (pl.col("y").is_not_null() & same).alias("formed"),
        _era(form).alias("era"),
        _number("y", [*form.unknown, *(mark * 2 for mark in form.unknown)]).alias("y"),
        _number("m", form.unknown).alias("m"),
        _number("d", form.unknown).alias("d"),
        part=pl.lit(""),
        about=pl.lit(value=False),
        guess=pl.lit(value=False),
    )


def _era(form: Form) -> pl.Expr:
    """The era's name for its sign; "" in a date that is nothing but the marks of the unknown (9999999)."""
    known = dict(form.eras) or eras.CODES.get(form.pattern, {})
    name = pl.col("era").replace_strict({**known, "": ""}, default="?", return_dtype=pl.String)
    blank = pl.any_horizontal(_is_all(mark) for mark in form.unknown) if form.unknown else pl.lit(value=False)
    return pl.when(blank).then(pl.lit("")).otherwise(name)


def _is_all(mark: str) -> pl.Expr:
    """Era, year, month and day are all this mark, the era as much of it as its width takes."""
    sign = pl.col("era") == pl.lit(mark).str.head(pl.col("era").str.len_chars())
    year = pl.col("y").is_in([mark, mark * 2])
    return (sign & year & (pl.col("m") == mark) & (pl.col("d") == mark)).fill_null(value=False)


def _number(name: str, unknown: list[str] | tuple[str, ...]) -> pl.Expr:
    """The number, null where a mark says that it is not known; a blank without such a mark is no number."""
    number = pl.col(name).cast(pl.Int32, strict=False)
    odd = pl.col(name).is_not_null() & number.is_null()
    return (
        pl.when(pl.col(name).is_in(list(unknown)))
        .then(None)
        .when(odd)
        .then(pl.lit(0))
        .otherwise(number)
        .cast(pl.Int32)
    )


def write_dates(day: pl.Expr, form: Form) -> pl.Expr:
    """A day of the calendar as the pattern writes it; null where the pattern has no way to."""
    plain = {"YYYYMMDD": "%Y%m%d", "YYYY/MM/DD": "%Y/%m/%d", "ISO": "%Y-%m-%d"}
    if form.pattern in plain:
        return day.dt.strftime(plain[form.pattern])
    era = eras.era_of(day)
    year = day.dt.year() - eras.offset(era)
    if form.pattern == "TEXT":
        said = pl.when(year == 1).then(pl.lit("元")).otherwise(year.cast(pl.String))
        return pl.concat_str(
            era, said, pl.lit("年"), day.dt.month(), pl.lit("月"), day.dt.day(), pl.lit("日")
        )
    signs = dict(form.eras or eras.CODES[form.pattern].items())
    codes = {name: sign for sign, name in reversed(signs.items())}
    sign = era.replace_strict(codes, default=None, return_dtype=pl.String)
    figures = pl.concat_str(sign, year.cast(pl.String).str.zfill(2), day.dt.strftime("%m%d"))
    return pl.when(year <= 99).then(figures)
