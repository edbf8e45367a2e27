"""How the values of a field are read before they are compared: names, readings, addresses, days, numbers.

The folds are those of the mapping; here they only stand side by side, one for each kind of field.
"""

from collections.abc import Mapping
from typing import Literal

import polars as pl

from renkei.mapping import folds, variants
from renkei.mapping.address import folding
from renkei.mapping.dates import read_dates
from renkei.mapping.intervals import Form as DateForm

Form = Literal["name", "kana", "address", "day", "number", "text"]

#: Field → how it is read. A field that is not here is plain text.
FORMS: Mapping[str, Form] = {
    "name": "name",
    "full_name": "name",
    "former_surname": "name",
    "common_name": "name",
    "roman_name": "name",
    "full_name_kana": "kana",
    "kana": "kana",
    "address": "address",
    "mailing_address": "address",
    "date_of_birth": "day",
    "date_of_death": "day",
    "moved_in_on": "day",
    "moved_out_on": "day",
    "address_since": "day",
    "started_on": "day",
    "ended_on": "day",
    "household": "number",
    "household_number": "number",
    "party_number": "number",
    "postal_code": "number",
    "phone": "number",
}

_OF_WHAT, _UNKNOWN = ("", "年月日", "生年月日", "住所", "氏名"), ("不詳", "不明", "未詳")

#: Words that stand for no value, folded.
PLACEHOLDERS = (
    *(f"{what}{word}" for what in _OF_WHAT for word in _UNKNOWN),
    "未設定",
    "未入力",
    "該当ナシ",
    "ナシ",
    "無シ",
    "-",
    "--",
    "---",
)

_SELECTORS = "[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TEXT_DAY = DateForm(pattern="TEXT")


def form_of(field: pl.Expr) -> pl.Expr:
    """The form of each row's field."""
    return field.replace_strict(dict(FORMS), default="text", return_dtype=pl.String)


def folded(values: pl.DataFrame) -> pl.DataFrame:
    """``form`` and ``value`` → with ``fold``, ``loose``, ``day`` (of days); each distinct pair is read once.

    Equal folds are one value written differently; equal ``loose`` are one but for variants of kanji.
    """
    distinct = values.select("form", "value").unique()
    parts = [_read(part) for part in distinct.partition_by("form", include_key=True)]
    read = pl.concat([_NOTHING, *parts])
    return values.join(read, on=["form", "value"], how="left", nulls_equal=True, maintain_order="left")


_NOTHING = pl.DataFrame(
    schema={"form": pl.String, "value": pl.String, "fold": pl.String, "loose": pl.String, "day": pl.Date}
)


def _read(part: pl.DataFrame) -> pl.DataFrame:
    form: str = part["form"][0]
    value = pl.col("value").fill_null("")
    day = _days(part["value"]) if form == "day" else pl.lit(None, pl.Date)
    read = part.with_columns(strict=folds.strict_key(value).fill_null(""), day=day)
    if form == "address":
        read = read.with_columns(folding.hyphenate(folding.fold(read["value"].fill_null(""))).alias("fold"))
    else:
        read = read.with_columns(fold=_FOLD.get(form, _of_text)())
    return read.select("form", "value", "fold", _one_of_a_class(pl.col("fold")).alias("loose"), "day")


def _of_text() -> pl.Expr:
    return pl.col("strict").str.to_uppercase().str.replace_many(dict.fromkeys(folds.DASHES, "-"))


def _of_kana() -> pl.Expr:
    """In a reading every dash is a long vowel."""
    return pl.col("strict").str.replace_many(dict.fromkeys((*folds.DASHES, "-", "~"), "ー"))


def _of_number() -> pl.Expr:
    narrow = _of_text().str.replace_all("[-.]", "")
    bare = narrow.str.strip_chars_start("0")
    return pl.when(narrow.str.contains("^0+$")).then(pl.lit("0")).otherwise(bare)


def _of_day() -> pl.Expr:
    return pl.coalesce(pl.col("day").dt.to_string("%Y-%m-%d"), _of_text())


_FOLD = {"kana": _of_kana, "number": _of_number, "day": _of_day}


def _one_of_a_class(text: pl.Expr) -> pl.Expr:
    return text.str.replace_many(dict(variants.representatives()))


def selectors(value: pl.Expr) -> pl.Expr:
    """The variation selectors of a value with what they stand behind, as one text; "" where there is none."""
    return value.fill_null("").str.extract_all(f".{_SELECTORS}").list.join("")


def old_glyphs(value: pl.Expr) -> pl.Expr:
    """The kanji of a value that an address folds to another glyph."""
    return value.fill_null("").str.extract_all(f"[{''.join(folds.GLYPHS)}]").list.join("")


def _days(text: pl.Series) -> pl.Series:
    """The day that each text names, as ISO or as people write dates in Japanese; null where it names none."""
    iso = text.str.contains(_ISO).fill_null(value=False)
    plain = text.str.to_date("%Y-%m-%d", strict=False)
    if iso.all():
        return plain.alias("day")
    spelled = pl.select(pl.when(~iso).then(text)).to_series()
    read: pl.Series = read_dates(spelled, _TEXT_DAY).struct.field("date")
    return plain.zip_with(iso, read).alias("day")
