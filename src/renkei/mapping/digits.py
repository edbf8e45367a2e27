"""Check digits and forms of numbers. Each says whether a number may exist; none proves that it does."""

from collections.abc import Callable, Mapping

import polars as pl


def atena(number: pl.Expr) -> pl.Expr:
    """宛名番号: modulus 11, weights 2 to 7 from the right. Remainder 0 gives 0, and so does 1 (digit 10)."""
    body = number.str.head(-1)
    total = _weighted(body.str.reverse(), weights=(2, 3, 4, 5, 6, 7), width=14)
    return _is_figures(number, 2, 15) & (_last(number) == (11 - total % 11) % 11 % 10)


def dantai(code: pl.Expr) -> pl.Expr:
    """全国地方公共団体コード: 6a+5b+4c+3d+2e; the last figure of 11 minus its remainder by 11."""
    total = _weighted(code.str.head(5), weights=(6, 5, 4, 3, 2), width=5)
    return _is_figures(code, 6, 6) & (_last(code) == (11 - total % 11) % 10)


def kojin(number: pl.Expr) -> pl.Expr:
    """個人番号: eleven figures, weights 2 to 7 and 2 to 6 from the right; remainders 0 and 1 give 0."""
    return _of_eleven(number, figures=12)


def jumin(code: pl.Expr) -> pl.Expr:
    """住民票コード: ten figures by the weights of 個人番号. Not confirmed by a published text: ask for it."""
    return _of_eleven(code, figures=11)


def hojin(number: pl.Expr) -> pl.Expr:
    """法人番号: the check digit stands first; 9 minus the remainder by 9, weights 1 and 2 from the right."""
    total = _weighted(number.str.tail(12).str.reverse(), weights=(1, 2), width=12)
    first = number.str.head(1).cast(pl.Int32, strict=False)
    return _is_figures(number, 13, 13) & (first == 9 - total % 9)


CHECKS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "atena": atena,
    "dantai": dantai,
    "kojin": kojin,
    "hojin": hojin,
    "jumin": jumin,
}

#: Numbers that a mapping may check and must not write into any record (番号法).
NEVER_STORED = frozenset({"kojin"})

#: 0AB–J of ten figures, or 0x0 of eleven. Ten figures that begin like a mobile number have lost one.
PHONE = r"^0([1-9][1-9][0-9]{7}|[25-9]0[0-9]{8})$"

_WIDE = {chr(0xFF10 + figure): str(figure) for figure in range(10)} | {"＋": "+", "（": "(", "）": ")"}
_DIVIDERS = r"[ \u3000()\-‐‑‒–—―−－ー.・]"


def figures(number: pl.Expr) -> pl.Expr:
    """Figures alone: full-width ones become half-width, spaces and hyphens between them go."""
    return number.str.replace_many(_WIDE).str.replace_all(r"[ \u3000\-‐‑‒–—―−－]", "")


def phone(number: pl.Expr) -> pl.Expr:
    """Figures alone: widths, brackets and hyphens go, ``+81`` and a 0 in brackets after it become 0."""
    narrow = number.str.replace_many(_WIDE).str.replace_all(_DIVIDERS, "")
    return narrow.str.replace(r"^\+810?", "0")


def _of_eleven(number: pl.Expr, *, figures: int) -> pl.Expr:
    body = number.str.head(-1).str.reverse()
    remainder = _weighted(body, weights=(2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6), width=11) % 11
    check = pl.when(remainder <= 1).then(0).otherwise(11 - remainder)
    return _is_figures(number, figures, figures) & (_last(number) == check)


def _is_figures(text: pl.Expr, least: int, most: int) -> pl.Expr:
    return text.str.contains(rf"^[0-9]{{{least},{most}}}$")


def _last(text: pl.Expr) -> pl.Expr:
    return text.str.tail(1).cast(pl.Int32, strict=False)


def _weighted(figures: pl.Expr, *, weights: tuple[int, ...], width: int) -> pl.Expr:
    """Sum of figure × weight from the left, weights repeating; missing places count nothing."""
    return pl.sum_horizontal(
        figures.str.slice(place, 1).cast(pl.Int32, strict=False).fill_null(0) * weights[place % len(weights)]
        for place in range(width)
    )
