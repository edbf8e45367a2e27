"""Decimal text ↔ rows of digits, a whole block at a time, exactly: no float, nothing rounded or cut.

An unsigned item keeps all the places of its picture, since it may be a code (``0000000019``); a signed one
is a quantity and has no leading zeros (``-1234567``, ``12.50``). A negative zero is ``-0``.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from renkei.formats.encodings.blocks import Bytes, from_parts, parts_of

Flags = np.ndarray[Any, np.dtype[np.bool_]]

_ZERO, _POINT, _MINUS, _PLUS = (ord(char) for char in "0.-+")
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
#: Longer texts than this are looked at one by one.
_WIDEST = 64


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Rows of digits (0 to 9, most significant first), and which rows are negative."""

    digits: Bytes
    negative: Flags


def text_of(figures: Figures, *, scale: int, keep: int) -> pa.Array:
    """Decimal text of each row; ``keep`` whole digits are shown even where they are leading zeros."""
    body = _with_point(figures.digits, scale)
    whole = body.shape[1] - (scale + 1 if scale > 0 else 0)
    spare = whole - min(max(keep, 1), whole)
    if not spare and not figures.negative.any():
        return _even(body)
    return _trimmed(body, figures.negative, spare)


def _with_point(digits: Bytes, scale: int) -> Bytes:
    """The digits as characters, the point or the zeros of P among them."""
    rows, places = digits.shape
    characters = digits + np.uint8(_ZERO)
    lead = max(0, scale + 1 - places)
    parts = [_fill(rows, lead, _ZERO), characters]
    if scale < 0:
        parts.append(_fill(rows, -scale, _ZERO))
    body = np.concatenate(parts, axis=1)
    if scale <= 0:
        return body
    return np.concatenate([body[:, :-scale], _fill(rows, 1, _POINT), body[:, -scale:]], axis=1)


def _fill(rows: int, width: int, character: int) -> Bytes:
    return np.full((rows, width), character, dtype=np.uint8)


def _even(body: Bytes) -> pa.Array:
    """All rows have one width: the matrix is the text."""
    rows, width = body.shape
    return from_parts(np.arange(0, (rows + 1) * width, width, dtype=np.int32)[: rows + 1], body, pa.string())


def _trimmed(body: Bytes, negative: Flags, spare: int) -> pa.Array:
    """Drop up to ``spare`` leading zeros of each row and put the sign before what is left."""
    rows, width = body.shape
    significant = np.ones((rows, spare + 1), dtype=np.bool_)
    significant[:, :spare] = body[:, :spare] != _ZERO
    start = significant.argmax(axis=1).astype(np.uint16)
    signed = np.empty((rows, width + 1), dtype=np.uint8)
    signed[:, 0], signed[:, 1:] = _MINUS, body
    minus = np.flatnonzero(negative)
    signed[minus, start[minus]] = _MINUS
    first = start + np.uint16(1) - negative
    shown = signed[np.arange(width + 1, dtype=np.uint16) >= first[:, None]]
    offsets = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(width + 1 - first.astype(np.int32), out=offsets[1:])
    return from_parts(offsets, shown, pa.string())


# text → digits ------------------------------------------------------------------------------------


def figures_of(texts: pa.Array, *, places: int, scale: int) -> tuple[Figures, dict[int, str]]:
    """Rows of ``places`` digits, and row → why a text has none: it is no number, or it does not fit.

    A null or empty text is a row of zeros; whether that is allowed is the caller's to say.
    """
    offsets, data = parts_of(texts)
    lengths = np.diff(offsets).astype(np.int64)
    width = int(min(max(lengths.max(initial=1), places + abs(scale) + 2), _WIDEST))
    characters = _right_aligned(offsets, data, lengths, width)
    is_signed = np.isin(_first(offsets, data, lengths), [_MINUS, _PLUS])
    negative = is_signed & (_first(offsets, data, lengths) == _MINUS)
    rows = np.flatnonzero(is_signed & (lengths <= width) & (lengths > 1))
    characters[rows, width - lengths[rows]] = _ZERO
    digits, is_odd = _digits(characters, scale)
    is_short = (lengths > 0) & (lengths < is_signed + (scale + 2 if scale > 0 else 1))
    is_odd |= (lengths > width) | is_short
    made, too_big = _placed(digits, places=places, scale=scale)
    reasons = dict.fromkeys(map(int, np.flatnonzero(too_big & ~is_odd)), "E_OVERFLOW")
    for row in map(int, np.flatnonzero(is_odd & (lengths > 0))):
        _one(texts[row].as_py(), row, made, reasons, scale=scale)
    made[list(reasons)] = 0
    return Figures(digits=made, negative=negative), reasons


def _first(offsets: Any, data: Bytes, lengths: Any) -> Bytes:  # noqa: ANN401 (integer arrays)
    if not len(data):
        return np.zeros(len(lengths), dtype=np.uint8)
    first = data[np.minimum(offsets[:-1], len(data) - 1)]
    return np.where(lengths > 0, first, np.uint8(0))


def _right_aligned(offsets: Any, data: Bytes, lengths: Any, width: int) -> Bytes:  # noqa: ANN401
    """Each text at the end of its row, zeros before it."""
    places = offsets[1:, None] + np.arange(-width, 0)
    is_there = np.arange(width, 0, -1) <= lengths[:, None]
    if not len(data):
        return _fill(len(lengths), width, _ZERO)
    return np.where(is_there, data[np.where(is_there, places, 0)], np.uint8(_ZERO))


def _digits(characters: Bytes, scale: int) -> tuple[Bytes, Flags]:
    """Digits without the point, and the rows that are not written with exactly this scale."""
    is_odd = np.zeros(len(characters), dtype=np.bool_)
    if scale > 0:
        at = characters.shape[1] - 1 - scale
        is_blank = (characters == _ZERO).all(axis=1)
        is_odd = (characters[:, at] != _POINT) & ~is_blank
        characters = np.delete(characters, at, axis=1)
    digits = characters - np.uint8(_ZERO)
    if digits.size and digits.max() > 9:
        is_odd |= (digits > 9).any(axis=1)
    return digits, is_odd


def _placed(digits: Bytes, *, places: int, scale: int) -> tuple[Bytes, Flags]:
    """The digits that the picture has, and the rows that have others beside them."""
    held = digits[:, :scale] if scale < 0 else digits
    beside = [held[:, : held.shape[1] - places], digits[:, scale:] if scale < 0 else digits[:, :0]]
    beyond = np.asarray(np.concatenate(beside, axis=1).any(axis=1))
    return np.ascontiguousarray(held[:, held.shape[1] - places :]), beyond


def _one(text: str, row: int, made: Bytes, reasons: dict[int, str], *, scale: int) -> None:
    """A number written otherwise than its picture: ``12.5`` for V99. It fits exactly, or not at all."""
    if not _DECIMAL.fullmatch(text):
        reasons[row] = "E_NUMBER"
        return
    _, digits, exponent = Decimal(text).as_tuple()
    assert isinstance(exponent, int)
    figures = "".join(map(str, digits)).lstrip("0")
    shift = exponent + scale
    kept = (figures + "0" * shift if shift >= 0 else figures[:shift]).lstrip("0")
    lost = figures[shift:] if shift < 0 else ""
    if len(kept) > made.shape[1] or lost.strip("0"):
        reasons[row] = "E_OVERFLOW"
        return
    made[row] = np.frombuffer(kept.zfill(made.shape[1]).encode(), dtype=np.uint8) - _ZERO
