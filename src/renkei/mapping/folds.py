"""Folds for derived keys. Stored values never pass through here.

K1, the strict key: spaces go, kana and ASCII take one width, hiragana become katakana, and look-alikes that
encodings confuse become one. Kanji variants (髙 高) stay apart: they are different legal names.
"""

import unicodedata
from functools import cache

import polars as pl

from renkei.formats.encodings.cp932 import FOLD

SPACES = (" ", "\u3000", "\u00a0", "\t")

#: Dashes that people and systems write for one another.
DASHES = ("‐", "‑", "‒", "–", "—", "―", "−", "－", "─", "━", "﹣", "⁻")

#: The same kanji in another official shape; addresses only.
GLYPHS = dict(
    pair
    for pair in (
        *zip(
            "髙﨑邊邉齋齊斉濵濱德惠澤廣嶋櫻國龍瀨塚條區縣會學藏關驛號變麥櫟",
            "高崎辺辺斎斎斎浜浜徳恵沢広島桜国竜瀬塚条区県会学蔵関駅号変麦櫟",
            strict=True,
        ),
        *zip(
            "淵渕舘桧鷗驒彌眞嶽圓靑黑萬與澁鐵瀧溪槇龜壽榮豐應",
            "渕渕館檜鴎騨弥真岳円青黒万与渋鉄滝渓槙亀寿栄豊応",
            strict=True,
        ),
    )
    if pair[0] != pair[1]
)


def half_to_wide() -> dict[str, str]:
    """Half-width katakana → full width, voiced marks joined (ｶﾞ → ガ)."""
    single = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF61, 0xFF9E)}
    voiced = {}
    for half, wide in single.items():
        for mark, combining in (("ﾞ", "\u3099"), ("ﾟ", "\u309a")):
            joined = unicodedata.normalize("NFC", wide + combining)
            if len(joined) == 1:
                voiced[half + mark] = joined
    return voiced | single | {"ﾞ": "゛", "ﾟ": "゜"}


def _ascii() -> dict[str, str]:
    return {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}


def _hiragana() -> dict[str, str]:
    small = {chr(code): chr(code + 0x60) for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)}
    joined = {}
    for base in range(0x3041, 0x3100):
        for combining in ("\u3099", "\u309a"):
            whole = unicodedata.normalize("NFC", chr(base) + combining)
            if len(whole) == 1:
                joined[chr(base) + combining] = small.get(whole, whole)
    return joined | small


def _selectors() -> dict[str, str]:
    """Variation selectors: which drawing of one character; no legacy code page can carry them."""
    return {chr(code): "" for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))}


@cache
def strict() -> dict[str, str]:
    """The whole K1 table. Longer patterns stand first, so that ｶﾞ is found before ｶ."""
    fold = {narrow: _ascii().get(wide, wide) for narrow, wide in FOLD.items()}
    table = half_to_wide() | _hiragana() | _ascii() | fold | _selectors() | dict.fromkeys(SPACES, "")
    return dict(sorted(table.items(), key=lambda pair: -len(pair[0])))


def wide_kana(text: pl.Expr) -> pl.Expr:
    """Half-width katakana to full width; everything else stays."""
    return text.str.replace_many(half_to_wide(), leftmost=True)


def strict_key(text: pl.Expr) -> pl.Expr:
    """K1 of a name or a reading; nothing where nothing is left."""
    folded = text.str.replace_many(strict(), leftmost=True)
    return pl.when(folded == "").then(None).otherwise(folded)
