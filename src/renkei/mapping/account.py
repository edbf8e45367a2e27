"""Names of account holders (口座名義) as banks write them: half-width, no small kana, ー as a hyphen."""

import re
import unicodedata
from functools import cache

import polars as pl

from renkei.formats.zengin.layout import SYMBOLS
from renkei.mapping import folds

#: What a bank's field can hold: a name that needs anything else has no bank form.
BANK_TEXT = f"^[0-9A-Zｦｱ-ﾝﾞﾟ {re.escape(SYMBOLS)}]+$"

#: Marks that a bank's form and a register's reading put, or leave out, between the parts of a name.
_BETWEEN = (" ", ".", ",", "･", "・")


def bank_kana(text: pl.Expr) -> pl.Expr:
    """``ヤマダ　ショウタ`` → ``ﾔﾏﾀﾞ ｼﾖｳﾀ``. ヲ stays ｦ, and so do the short forms of companies, ｶ)."""
    made = text.str.replace_many(_table(), leftmost=True)
    return made.str.replace_all(" +", " ").str.strip_chars(" ")


def bank_key(text: pl.Expr) -> pl.Expr:
    """Equal for a holder's name and the person's reading: the bank form without its spaces, ｦ as ｵ."""
    folded = bank_kana(text).str.replace_many(dict.fromkeys(_BETWEEN, "") | {"ｦ": "ｵ"})
    return pl.when(folded != "").then(folded)


@cache
def _table() -> dict[str, str]:
    """Whatever spells a sound or a sign → the bank's half-width for it; what has none is not in the table."""
    plain = folds.strict() | dict.fromkeys(folds.SPACES, " ")
    halves = _halves()
    made = {written: _half(folded, halves) for written, folded in plain.items()}
    made |= halves | dict.fromkeys((*folds.DASHES, "ー", "ｰ"), "-")
    made |= {chr(code): chr(code - 0x20) for code in range(ord("a"), ord("z") + 1)}
    return dict(sorted(made.items(), key=lambda pair: -len(pair[0])))


def _half(folded: str, halves: dict[str, str]) -> str:
    return "-" if folded in (*folds.DASHES, "ー") else halves.get(folded, folded).upper()


@cache
def _halves() -> dict[str, str]:
    """Full-width katakana → half-width, large: ガ ｶﾞ, ョ ﾖ, ヰ ｲ."""
    single = {wide: half for half, wide in folds.half_to_wide().items() if len(half) == 1}
    marks = {"\u3099": "ﾞ", "\u309a": "ﾟ"}
    made = marks | {
        "゛": "ﾞ",
        "゜": "ﾟ",
        "「": "｢",
        "」": "｣",
        "￥": "\\",
        "¥": "\\",
        "ヰ": "ｲ",
        "ヱ": "ｴ",
        "ヸ": "ｲﾞ",
        "ヹ": "ｴﾞ",
    }
    for code in range(0x30A1, 0x30FB):
        parts = unicodedata.normalize("NFD", folds.large(chr(code)))
        if parts[0] in single:
            made.setdefault(chr(code), single[parts[0]] + "".join(marks[mark] for mark in parts[1:]))
    return made
