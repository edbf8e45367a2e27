"""The eras (元号). This is the only module that knows them; a new one is a new row.

The day of change belongs to both eras (明治45年7月30日 is 大正元年7月30日), for both were written. From
平成 on a new era begins the day after: 昭和64年1月8日 was never written.
Days before the Gregorian calendar came in (明治6年) are taken as they are written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

#: Years outside are typing errors, whatever the calendar says.
FIRST_YEAR, LAST_YEAR = 1868, 2199


@dataclass(frozen=True, kw_only=True)
class Era:
    """One era. ``digit`` and ``letter`` are what systems write for it; ``last`` is None while it runs."""

    name: str
    digit: str
    letter: str
    first: date
    last: date | None = None

    @property
    def offset(self) -> int:
        """Year in the calendar = offset + year in the era (元年 is 1)."""
        return self.first.year - 1

    @property
    def end(self) -> date:
        """Its last day, or the last that anyone may write."""
        return self.last or date(LAST_YEAR, 12, 31)


ERAS = (
    Era(name="明治", digit="1", letter="M", first=date(1868, 1, 25), last=date(1912, 7, 30)),
    Era(name="大正", digit="2", letter="T", first=date(1912, 7, 30), last=date(1926, 12, 25)),
    Era(name="昭和", digit="3", letter="S", first=date(1926, 12, 25), last=date(1989, 1, 7)),
    Era(name="平成", digit="4", letter="H", first=date(1989, 1, 8), last=date(2019, 4, 30)),
    Era(name="令和", digit="5", letter="R", first=date(2019, 5, 1)),
)
NAMES = tuple(era.name for era in ERAS)

#: Codes of a pattern that says nothing else: figure, letter, two figures. A city's own go before them.
CODES: Mapping[str, Mapping[str, str]] = {
    "GYYMMDD": {era.digit: era.name for era in ERAS},
    "EYYMMDD": {sign: era.name for era in ERAS for sign in (era.letter, era.letter.lower())},
    "GGYYMMDD": {era.digit.zfill(2): era.name for era in ERAS},
}

#: In running text: names, their first characters, letters. Glyphs such as ㍻ are unfolded before.
SPELLINGS: Mapping[str, str] = {
    **{era.name: era.name for era in ERAS},
    **{era.name[0]: era.name for era in ERAS},
    **CODES["EYYMMDD"],
}


def offset(era: pl.Expr) -> pl.Expr:
    """What a year of the era lacks to a year of the calendar; 0 without an era."""
    known = {each.name: each.offset for each in ERAS}
    return era.replace_strict(known, default=0, return_dtype=pl.Int32)


def first(era: pl.Expr) -> pl.Expr:
    """The era's first day; null without an era."""
    days = {each.name: each.first for each in ERAS}
    return era.replace_strict(days, default=None, return_dtype=pl.Date)


def last(era: pl.Expr) -> pl.Expr:
    """The era's last day; null without an era."""
    days = {each.name: each.end for each in ERAS}
    return era.replace_strict(days, default=None, return_dtype=pl.Date)


def era_of(day: pl.Expr) -> pl.Expr:
    """The era's name; on a day of change the new one, as offices wrote from that day on. Null before all."""
    found = pl.lit(None, pl.String)
    for era in ERAS:
        found = pl.when(day >= era.first).then(pl.lit(era.name)).otherwise(found)
    return found
