"""Check digits. Each says whether a number may exist; none of them proves that it does."""

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


CHECKS = {"atena": atena, "dantai": dantai}


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
