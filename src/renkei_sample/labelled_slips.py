"""What goes wrong on the way into a second system, for many records at once; every slip leaves its mark.

A record's column ``is_<kind>`` is true only where the slip changed a value, so what a label says happened.
"""

from collections import defaultdict
from datetime import date

import numpy as np
import polars as pl

from renkei_sample.labelled_people import addresses, given_names, surnames
from renkei_sample.slips import slip_in_reading, without_variants

_NO_TEXT = pl.lit(None, pl.String)
_PLACE = ("town", "postal", "chome", "first", "second", "house")


class Slips:
    """Records that gather slips, drawn from one generator in the order of the calls."""

    def __init__(self, frame: pl.DataFrame, rng: np.random.Generator, day: date) -> None:
        self.frame, self._rng, self._day = frame, rng, day

    def mark(self, kind: str, share: float, **changes: pl.Expr) -> None:
        """In a share of the records columns take other values; where all stay as they were, no mark."""
        named = {f"__{name}": change for name, change in changes.items()}
        drawn = pl.Series("__drawn", self._rng.random(self.frame.height) < share)
        with_new = self.frame.with_columns(drawn).with_columns(**named)
        differs = pl.any_horizontal(pl.col(f"__{name}").ne_missing(pl.col(name)) for name in changes)
        marked = with_new.with_columns((pl.col("__drawn") & differs).alias(f"is_{kind}"))
        self.frame = marked.with_columns(
            pl.when(f"is_{kind}").then(f"__{name}").otherwise(name).alias(name) for name in changes
        ).drop("__drawn", *named)

    def draw(self, name: str) -> None:
        """A column of random numbers from 0 to 1."""
        self.frame = self.frame.with_columns(pl.Series(name, self._rng.random(self.frame.height)))

    # names ----------------------------------------------------------------------------------------

    def married(self, share: float) -> None:
        """An earlier surname; the later one stays behind in ``family``."""
        family, kana = surnames(self.frame.height, self._rng)
        self.frame = self.frame.with_columns(family.alias("__f"), kana.alias("__k"))
        changes = {
            name: pl.when(pl.col("born") < pl.lit(self._day).dt.offset_by("-20y"))
            .then(_where_japanese(pl.col(other), name))
            .otherwise(name)
            for name, other in (("family", "__f"), ("family_kana", "__k"))
        }
        self.mark("married_name", share, **changes)
        self.frame = self.frame.drop("__f", "__k")

    def glyphs(self, share: float = 1.0) -> None:
        """A system without the glyph shows the common form."""
        kept = {text: without_variants(text) for text in self.frame["family"].unique().drop_nulls()}
        self.mark("glyph", share, family=_looked_up("family", kept).fill_null(pl.col("family")))

    def readings(self, share: float) -> None:
        """One kana of the given name misread."""
        slipped = {
            kana: (slip_in_reading("　" + kana) or "　" + kana)[1:]
            for kana in self.frame["given_kana"].unique().drop_nulls()
        }
        self.mark("kana_slip", share, given_kana=_looked_up("given_kana", slipped))

    def homophones(self, share: float) -> None:
        """Another spelling of the same reading: what a keyboard offers first."""
        by_kana = defaultdict(list)
        for sex in "12":
            for name in given_names(sex)[0]:
                by_kana[name.kana].append(name.text)
        other = {
            text: texts[(number + 1) % len(texts)]
            for texts in by_kana.values()
            for number, text in enumerate(texts)
        }
        self.mark("homophone", share, given=_looked_up("given", other).fill_null(pl.col("given")))

    def missing_reading(self, share: float) -> None:
        """No reading at all."""
        self.mark("no_kana", share, given_kana=_NO_TEXT, family_kana=_NO_TEXT, roman_kana=_NO_TEXT)

    # birth dates and sex --------------------------------------------------------------------------

    def eras(self, share: float) -> None:
        """The same year under another era: 昭和 for 平成 and the like."""
        self.draw("__u")
        year = pl.col("born").dt.year()
        to_reiwa = (pl.col("__u") < 0.3) & (year <= 1995)
        gap = (
            pl.when(year.is_between(1927, 1962)).then(63)
            .when(year.is_between(1990, 2018) & to_reiwa).then(30)
            .when(year.is_between(1990, 2018)).then(-63)
            .when(year >= 2020).then(-30)
        )  # fmt: skip
        self._birth("era_slip", share, year + gap, pl.col("born").dt.month(), pl.col("born").dt.day())

    def months(self, share: float) -> None:
        """Month and day changed places."""
        born = pl.col("born").dt
        day = pl.when(born.day() <= 12).then(born.day())
        self._birth("month_day_swap", share, born.year(), day, born.month())

    def digits(self, share: float) -> None:
        """One digit of the day or of the year."""
        self.draw("__u")
        born, units = pl.col("born").dt, pl.when(pl.col("__u") < 0.5).then(1).otherwise(3)
        slipped = born.day() // 10 * 10 + (born.day() % 10 + units) % 10
        in_day = pl.col("__u") < 0.75
        year = pl.when(in_day).then(born.year()).otherwise(born.year() - 1)
        day = pl.when(in_day).then(slipped).otherwise(born.day())
        self._birth("one_digit", share, year, born.month(), pl.when(day.is_between(1, 28)).then(day))

    def _birth(self, kind: str, share: float, year: pl.Expr, month: pl.Expr, day: pl.Expr) -> None:
        """A slip that leaves no day of the calendar, or one to come, did not happen."""
        text = pl.concat_str(
            year.cast(pl.String), month.cast(pl.String).str.zfill(2), day.cast(pl.String).str.zfill(2)
        )
        made = text.str.to_date("%Y%m%d", strict=False)
        self.mark(kind, share, born=pl.when(made <= self._day).then(made).otherwise(pl.col("born")))

    def missing_birth(self, share: float) -> None:
        """A birth date that nobody knew."""
        self.mark("no_birth_date", share, born=pl.lit(None, pl.Date))

    def missing_sex(self, share: float) -> None:
        """Sex not keyed."""
        self.mark("no_sex", share, sex=pl.lit("0"))

    # addresses ------------------------------------------------------------------------------------

    def elsewhere(self, kind: str, share: float) -> None:
        """Another place in the city: where the person lived before."""
        other = addresses(self.frame.height, self._rng)
        self.frame = self.frame.with_columns(other[name].alias(f"__o_{name}") for name in _PLACE)
        self.mark(kind, share, **{name: pl.col(f"__o_{name}") for name in _PLACE})
        self.frame = self.frame.drop(f"__o_{name}" for name in _PLACE)

    def cut(self, share: float) -> None:
        """The end of the address did not fit."""
        self.mark("address_cut", share, second=pl.lit(None, pl.Int64), house=_NO_TEXT)

    def old_towns(self, share: float) -> None:
        """A town's name of before the renumbering."""
        former = pl.concat_str(pl.col("town").str.head(1), pl.lit("ヶ原村"))
        self.mark("old_town", share, town=former, chome=pl.lit(None, pl.Int64))

    def missing_address(self, share: float) -> None:
        """No address."""
        self.mark("no_address", share, town=_NO_TEXT, postal=_NO_TEXT, house=_NO_TEXT)


def _where_japanese(value: pl.Expr, name: str) -> pl.Expr:
    return pl.when(pl.col("is_foreign")).then(name).otherwise(value)


def _looked_up(column: str, table: dict[str, str]) -> pl.Expr:
    """By distinct values; one that the table does not have is null."""
    return pl.col(column).replace_strict(table, default=None, return_dtype=pl.String)


def kinds_of(frame: pl.DataFrame) -> pl.Expr:
    """The marks of each record as one text, words apart by spaces, empty where nothing went wrong."""
    names = [name for name in frame.columns if name.startswith("is_") and name not in _NOT_SLIPS]
    told = [pl.when(pl.col(name)).then(pl.lit(name.removeprefix("is_"))) for name in names]
    return pl.concat_str(told, separator=" ", ignore_nulls=True) if told else pl.lit("")


_NOT_SLIPS = frozenset({"is_foreign", "is_resident"})
