"""Names in Latin letters (ローマ字氏名): a key that holds over case, width, accents and dividers."""

import unicodedata
from collections.abc import Iterable
from functools import cache

import polars as pl

#: Letters that Unicode does not take apart.
_WHOLE = {
    "Æ": "AE", "Œ": "OE", "Ø": "O", "Đ": "D", "Ð": "D", "Ł": "L", "Ħ": "H", "Þ": "TH", "ẞ": "SS", "ß": "SS",
    "ı": "I", "Ŧ": "T", "Ŋ": "N", "Ĳ": "IJ", "ŉ": "N", "ſ": "S", "ĸ": "K", "Ə": "E", "ə": "E",
}  # fmt: skip

#: Marks between the parts of a name, every width of space among them; and what stands inside one part.
_BETWEEN = (
    *" \u3000\u00a0\u202f\u205f\t,，.．-－‐‑‒–—―−─━﹣⁻・･·/／;；",
    *map(chr, range(0x2000, 0x200B)),
)
_INSIDE = "'＇’‘`´ʼʻ\u200b\u2060\ufeff"


@cache
def letters() -> dict[str, str]:
    """Every Latin letter beside A to Z → what of A to Z stands for it; accents of their own go."""
    blocks: Iterable[int] = (*range(0xC0, 0x2B0), *range(0x1E00, 0x1F00))
    made = {chr(code): _plain(chr(code)) for code in blocks}
    made |= {chr(code): chr(code - 0x20) for code in range(ord("a"), ord("z") + 1)}
    made |= {chr(code): "" for code in range(0x300, 0x370)}
    return {letter: plain for letter, plain in made.items() if plain != letter}


def _plain(letter: str) -> str:
    whole = _WHOLE.get(letter) or _WHOLE.get(letter.upper())
    base = unicodedata.normalize("NFD", letter)[0].upper()
    alone = letter.upper() if len(letter.upper()) == 1 else letter
    return whole or (_WHOLE.get(base, base) if base.isascii() or base in _WHOLE else alone)


@cache
def _table() -> dict[str, str]:
    wide = {chr(code): chr(code - 0xFEE0).upper() for code in range(0xFF01, 0xFF5F)}
    return wide | letters() | dict.fromkeys(_BETWEEN, " ") | dict.fromkeys(_INSIDE, "")


def roman_key(text: pl.Expr, *, in_order: bool = True) -> pl.Expr:
    """``Nguyễn, Văn-An`` → ``NGUYEN VAN AN``; with ``in_order`` off its parts are sorted: ``AN NGUYEN VAN``.

    Apostrophes go, every other mark ends a part. Null where nothing is left.
    """
    key = text.str.replace_many(_table()).str.replace_all(" +", " ").str.strip_chars(" ")
    if not in_order:
        key = key.str.split(" ").list.sort().list.join(" ")
    return pl.when(key != "").then(key)
