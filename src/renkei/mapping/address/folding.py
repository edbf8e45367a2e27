"""One spelling for every way to write an address: widths, glyphs, numerals and dashes.

``fold`` is what towns and addresses are compared in; ``hyphenate`` then makes 丁目, 番地 and 号 one sign.
Both work on whole columns, and folding a folded text changes nothing.
"""

from collections.abc import Callable
from functools import cache

import polars as pl

from renkei.mapping import folds

#: Where an arabic figure meets a kanji numeral a name begins (12-5三田ハイツ), and where behind a number a
#: kanji numeral begins a word (12番地三和荘): the two are never one number.
BORDER = "∥"

#: Where the numbers of a folded address begin; a town may hold figures too (一番町, 北三条西).
NUMBERS = rf"[0-9]+(?:-|丁目|番地|[番号ノ](?:[0-9]|{BORDER})|番?号?$|{BORDER})"

_DIGITS = "〇一二三四五六七八九"
_KANJI = "[一二三四五六七八九十百千]"
#: What may follow a numeral that counts: units, 甲乙丙, and what lies nearby. Other kanji make it a word.
_COUNTED = "〇一二三四五六七八九十百千号番丁地条線区組班街部割室棟館階方先内外付隣裏横無及甲乙丙戊己庚辛壬癸"
_WORD = rf"{_KANJI}+(?:[\p{{Han}}&&[^{_COUNTED}]]|[ッツケ])"
_NAMED = rf"(番地?|号|{_KANJI} ) *({_WORD})"


def fold(text: pl.Series) -> pl.Series:
    """``大字本町三丁目　１２番`` → ``本町3丁目12番``."""
    folded = text.str.replace_many(_characters(), leftmost=True)
    folded = where(folded, _NAMED, _name)
    folded = where(folded, f"[0-9] *{_KANJI}|{_KANJI} *[0-9]", _part)
    folded = where(folded, "[〇一二三四五六七八九十百千]", _count)
    return where(folded, " ", _close)


def fold_text(text: str) -> str:
    """One text folded; for names in declarations."""
    return str(fold(pl.Series([text]))[0])


def hyphenate(folded: pl.Series) -> pl.Series:
    """丁目, 番地, 番, 号, の and long-vowel marks between numbers become one hyphen."""
    return where(folded, "[0-9]-?[丁番号地ノー]|-$", _hyphenate)


def where(text: pl.Series, pattern: str, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Change only the rows that match: to see that a row needs nothing is cheaper than to rewrite it."""
    at = text.str.contains(pattern).fill_null(value=False).arg_true()
    return text.clone().scatter(at, change(text.gather(at))) if len(at) else text


def _name(text: pl.Series) -> pl.Series:
    return text.str.replace_all(_NAMED, f"${{1}}{BORDER}${{2}}")


def _part(text: pl.Series) -> pl.Series:
    parted = text.str.replace_all(f"([0-9]) *({_KANJI})", f"${{1}}{BORDER}${{2}}")
    return parted.str.replace_all(f"({_KANJI}) *([0-9])", "${1}-${2}")


def _count(text: pl.Series) -> pl.Series:
    return text.str.replace_many(_numerals(), leftmost=True)


def _close(text: pl.Series) -> pl.Series:
    """Spaces go, but two figures never become one number."""
    for _ in range(2):  # neighbours share a figure, and the expressions have no look-around
        text = text.str.replace_all("([0-9]) +([0-9])", "${1}-${2}")
    return text.str.replace_all(" ", "", literal=True)


def _hyphenate(text: pl.Series) -> pl.Series:
    key = text.str.replace_all(r"([0-9])-?(?:丁目|番地)[ノ\-]?", "${1}-")
    key = key.str.replace(r"([0-9])[番号ノー\-]+$", "${1}")
    for _ in range(2):  # as above
        key = where(key, "[0-9][番号ノー]", _between)
    return key


def _between(text: pl.Series) -> pl.Series:
    return text.str.replace_all(r"([0-9])[番号ノー][番号ノー\-]*([0-9])", "${1}-${2}")


def joined(town: pl.Expr, rest: pl.Expr) -> pl.Expr:
    """Two parts of a key, with a hyphen where two figures meet; the town alone where nothing follows."""
    meet = town.str.contains("[0-9]$") & rest.str.contains("^[0-9]")
    return pl.when(meet).then(town + "-" + rest).otherwise(town + rest.fill_null(""))


@cache
def _characters() -> dict[str, str]:
    """One character (or 大字) at a time; spaces stay, for between figures they say something."""
    table = dict(folds.strict()) | folds.GLYPHS | dict.fromkeys(folds.SPACES, " ")
    table |= dict.fromkeys((*folds.DASHES, "~", "～", "〜"), "-")
    table |= dict.fromkeys(("ヶ", "ケ", "ｹ", "が", "ガ", "ｶﾞ", "ヵ", "ゖ", "ゕ", "け"), "ケ")
    table |= dict.fromkeys(("の", "ノ", "ﾉ", "之", "乃"), "ノ")
    table |= dict.fromkeys(("零", "○", "◯"), "〇") | dict.fromkeys(("壱", "壹"), "一")
    table |= dict.fromkeys(("弐", "貳"), "二")
    table |= dict.fromkeys(("ﾞ", "ﾟ", "゛", "゜"), "")  # a mark that voices nothing
    table |= {"大字": "", "字": "", "廿": "二十", "卅": "三十", "拾": "十"}
    table |= dict.fromkeys(("番地なし", "番地ナシ", "番地無し", "無地番"), "無番地")
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
