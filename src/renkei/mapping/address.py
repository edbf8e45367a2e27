"""The address key: municipality, town and numbers of a place, however they were written.

``本町三丁目１２番地の５`` = ``本町３－１２－５`` = town ``本町三丁目`` + number ``12番5号``. Kanji numerals,
widths, dashes, ヶ/ケ/が, ノ/の/之, 大字・字 and old glyphs are folded everywhere, so town names with numerals
(三田, 一番町) stay consistent too. The key is for comparing; the address itself is stored as written.
"""

from functools import cache

import polars as pl

from renkei.mapping import folds

_DIGITS = "〇一二三四五六七八九"


def address_key(text: pl.Expr, *, municipality: pl.Expr, strip: tuple[str, ...] = ()) -> pl.Expr:
    """``132993|本町3-12-5``; null when the town or the municipality is unknown."""
    key = _drop_prefix(text.str.replace_many(_characters(), leftmost=True), strip)
    key = key.str.replace_many(_numerals(), leftmost=True)
    key = _hyphenate(key)
    return pl.when(key == "").then(None).otherwise(pl.concat_str(municipality, pl.lit("|"), key))


def _drop_prefix(key: pl.Expr, names: tuple[str, ...]) -> pl.Expr:
    """Drop the prefecture's and the city's own names at the front: the municipality code says them."""
    folded = [_fold(name) for name in sorted(names, key=len, reverse=True)]
    for name in folded:
        key = key.str.strip_prefix(name)
    return key


def _fold(name: str) -> str:
    return str(pl.select(pl.lit(name).str.replace_many(_characters(), leftmost=True)).item())


@cache
def _characters() -> dict[str, str]:
    """One character (or 大字) at a time."""
    table = dict(folds.strict()) | folds.GLYPHS | dict.fromkeys(folds.DASHES, "-")
    table |= dict.fromkeys(("~", "～", "〜"), "-")
    table |= dict.fromkeys(("ヶ", "ケ", "ｹ", "が", "ガ", "ｶﾞ", "ヵ", "ヶ", "ゖ", "ゕ", "け"), "ケ")
    table |= dict.fromkeys(("の", "ノ", "ﾉ", "之", "乃"), "ノ")
    table |= {
        "大字": "",
        "字": "",
        "〇": "〇",
        "零": "〇",
        "○": "〇",
        "壱": "一",
        "壹": "一",
        "弐": "二",
        "貳": "二",
    }
    table |= {"廿": "二十", "卅": "三十", "拾": "十", "ー": "ー"}
    return dict(sorted(table.items(), key=lambda pair: -len(pair[0])))


@cache
def _numerals() -> dict[str, str]:
    """二十三 → 23 for every number up to 9999 that uses 十 百 千, then single figures (一二 → 12)."""
    table = {written: str(number) for number in range(10, 10_000) for written in _spell(number)}
    table |= {figure: str(value) for value, figure in enumerate(_DIGITS)}
    return dict(sorted(table.items(), key=lambda pair: -len(pair[0])))


def _spell(number: int) -> tuple[str, ...]:
    """The spelling with 一千 or 千 as people write both; the rest has one."""
    thousands, rest = divmod(number, 1000)
    hundreds, rest = divmod(rest, 100)
    tens, ones = divmod(rest, 10)
    low = _unit(hundreds, "百") + _unit(tens, "十") + (_DIGITS[ones] if ones else "")
    plain = _unit(thousands, "千") + low
    return (plain, "一" + plain) if thousands == 1 else (plain,)


def _unit(count: int, sign: str) -> str:
    return "" if count == 0 else sign if count == 1 else _DIGITS[count] + sign


def _hyphenate(key: pl.Expr) -> pl.Expr:
    """丁目, 番地, 番, 号, の and long-vowel marks between numbers become one hyphen.

    The expressions have no look-around, and neighbours share a figure, so the last one runs twice.
    """
    between = r"(\d)[番号ノー][番号ノー\-]*(\d)"
    key = key.str.replace_all(r"(\d)-?(?:丁目|番地)[ノ\-]?", "${1}-")
    key = key.str.replace(r"(\d)[番号ノー\-]+$", "${1}")
    return key.str.replace_all(between, "${1}-${2}").str.replace_all(between, "${1}-${2}")
