"""What must hold of a name's keys for any text, and the same keys made row by row in plain Python."""

import re
import unicodedata
from collections.abc import Callable
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.mapping import account, folds, latin, variants

#: Whatever the rules speak of, thick enough that neighbours meet.
NEAR = (
    "アイウエオァィゥェォカガコゴサシジスズソタチヂツヅッテトドノハバパヒフヘホボポモヤャユュヨョロワヮヲヴンヷヰヱ"
    "あかがはばゔをょゝゞヽヾ々〻ー―－‐ｰ-−〜゛゜ﾞﾟ\u3099\u309aｱｶﾊｳｮｯ 　\u00a0\u200b・･'’=髙高﨑崎邊邉斎斉齋"
    "神\ufa19葛\U000e0100ＡａAaéÉe\u0301ß"
)
TEXT = st.text(st.sampled_from(NEAR), max_size=12) | st.text(
    st.characters(exclude_categories=("Cs",)), max_size=12
)
KEYS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "display": folds.display,
    "strict": folds.strict_key,
    "loose": folds.loose_key,
    "roman": latin.roman_key,
    "roman in any order": lambda text: latin.roman_key(text, in_order=False),
    "bank": account.bank_key,
}


def made(fold: Callable[[pl.Expr], pl.Expr], *texts: str | None) -> list[str | None]:
    frame = pl.DataFrame({"t": list(texts)}, schema={"t": pl.String})
    return frame.select(fold(pl.col("t")).alias("k"))["k"].to_list()


@pytest.mark.parametrize("name", KEYS)
def test_a_key_of_a_key_is_the_key(name: str) -> None:
    @settings(max_examples=150, deadline=None)
    @given(TEXT)
    def holds(text: str) -> None:
        [once] = made(KEYS[name], text)
        assert made(KEYS[name], once) == [once]
        assert once != ""

    holds()


def test_a_key_in_one_pass_would_not_be_the_key_of_itself() -> None:
    def in_one_pass(text: pl.Expr) -> pl.Expr:
        return text.str.replace_many(folds.strict(), leftmost=True)

    [once] = made(in_one_pass, "か \u3099")
    assert made(in_one_pass, once) != [once]
    assert made(folds.strict_key, "か \u3099") == ["ガ"]


@settings(max_examples=150, deadline=None)
@given(TEXT)
def test_a_looser_key_of_a_stricter_one_is_the_looser_one(text: str) -> None:
    [strict] = made(folds.strict_key, text)
    [shown] = made(folds.display, text)

    assert made(folds.loose_key, strict) == made(folds.loose_key, text)
    assert made(folds.strict_key, shown) == [strict]


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT | st.none(), min_size=2, max_size=8), st.randoms())
def test_a_key_does_not_hang_on_its_neighbours(texts: list[str | None], order: Random) -> None:
    places = list(range(len(texts)))
    order.shuffle(places)
    together = made(folds.loose_key, *(texts[place] for place in places))

    alone = [made(folds.loose_key, text)[0] for text in texts]
    assert together == [alone[place] for place in places]


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXT, max_size=10))
def test_the_columns_keys_are_those_of_plain_python_row_by_row(texts: list[str]) -> None:
    assert made(folds.strict_key, *texts) == [strict_by_row(text) or None for text in texts]
    assert made(folds.loose_key, *texts) == [loose_by_row(text) or None for text in texts]


UNSEEN = re.compile(
    "[ \u3000\u00a0\t\u2000-\u200b\u202f\u205f\u2060\ufeff\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
MARKS = str.maketrans({"゛": "\u3099", "゜": "\u309a", "ﾞ": "\u3099", "ﾟ": "\u309a"})
LOOK_ALIKES = str.maketrans("\u301c\u2016\u2212\u00a2\u00a3\u00ac\u2014", "~\u2225-\uffe0\uffe1\uffe2\u2015")


def strict_by_row(text: str) -> str:
    """Character after character: widths by their official names, marks by composition."""
    out: list[str] = []
    for char in UNSEEN.sub("", text):
        mark = char.translate(MARKS)
        if out and mark in "\u3099\u309a" and is_kana(out[-1]):
            joined = unicodedata.normalize("NFC", out[-1] + mark)
            if len(joined) == 1:
                out[-1] = joined
                continue
        out.append({"ﾞ": "゛", "ﾟ": "゜"}.get(char) or narrow(char.translate(LOOK_ALIKES)))
    return "".join(out)


def is_kana(char: str) -> bool:
    return "\u3041" <= char <= "\u30ff"


def narrow(char: str) -> str:
    if "\uff01" <= char <= "\uff9f":
        char = unicodedata.normalize("NFKC", char)
    if "\u3041" <= char <= "\u3096" or char in "\u309d\u309e":
        return chr(ord(char) + 0x60)
    return char


VOWELS = dict(zip("アァイィエェオォ", "ハハヒヒヘヘホホ", strict=True))
SOUNDS = {"ヂ": "シ", "ヅ": "ス", "ヴ": "フ", "ヲ": "オ", "ヺ": "ホ", "ワ": "ハ", "ヮ": "ハ", "ヷ": "ハ", "ヰ": "イ",
          "ヸ": "ヒ", "ヱ": "エ", "ヹ": "ヘ"}  # fmt: skip
GONE = set("‐‑‒–—―−－─━﹣⁻-ー~・゠=.,'’‘`´゛゜\u3099\u309a")


def loose_by_row(text: str) -> str:
    heard, last, written_out = "", "", ""
    strict = re.sub("ヴ([アァイィエェオォ])", lambda found: VOWELS[found[1]], strict_by_row(text))
    for char in strict:
        heard += sound(char)
    for char in heard:
        again = char in "々〻ヽヾ"
        if not again or not written_out or written_out[-1] in "々〻ヽヾ":
            written_out += char
        elif last not in "々〻ヽヾ":
            written_out += written_out[-1]
        last = char
    short = ""
    for char in written_out:
        if not (char in "ウオ" and short and short[-1] in "オコソトノホモヨロ"):
            short += char
    return short


def sound(char: str) -> str:
    if char in GONE or (unicodedata.category(char) == "Mn" and "\u0300" <= char <= "\u036f"):
        return ""
    if "\u30a1" <= char <= "\u30fa" or "\u31f0" <= char <= "\u31ff":
        large = unicodedata.lookup(unicodedata.name(char).replace(" SMALL ", " "))
        return SOUNDS.get(large, unicodedata.normalize("NFD", large)[0])
    return variants.representatives().get(char) or latin.letters().get(char, char)
