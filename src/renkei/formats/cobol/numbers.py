"""Packed, zoned and binary cells ↔ rows of digits. Strict: a byte that cannot be there is a fault.

Packed decimal: two digits a byte, the sign in the last half byte (C plus, D minus, F unsigned). Zoned: a
digit a byte, the sign in the zone of one of them, by a convention that differs between machines.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from renkei.formats.cobol.figures import Figures, Flags
from renkei.formats.encodings.blocks import Bytes

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Order = Literal["big", "little"]

#: Not a digit.
NONE = 255
_PLUS_NIBBLES, _MINUS_NIBBLES, _UNSIGNED = (0xA, 0xC, 0xE, 0xF), (0xB, 0xD), 0xF
_FINE = -1


@dataclass(frozen=True, kw_only=True)
class Read:
    """Digits of each row; ``bad_at`` is the offset of the first byte that cannot be there, or -1.

    ``odd_signs`` holds the code of a sign that is read but not written so; 0 where it is the usual one.
    """

    figures: Figures
    bad_at: Numbers
    odd_signs: Bytes


# packed -------------------------------------------------------------------------------------------


def read_packed(cells: Bytes, *, places: int, is_signed: bool, is_tolerant: bool) -> Read:
    """COMP-3. Under ``is_tolerant`` every sign that the machine itself takes is read: A C E F, B D."""
    halves = _halves()[cells].view(np.uint8).reshape(len(cells), -1)
    digits, signs = halves[:, :-1], halves[:, -1]
    table = _signs(is_signed=is_signed, is_tolerant=is_tolerant)
    bad_at = np.where(table.wrong[signs], cells.shape[1] - 1, _FINE)
    if digits.size and digits.max() > 9:
        bad_at = _first_bad(digits > 9, bad_at, each=2)
    if not places % 2 and digits[:, 0].any():
        bad_at = np.where(digits[:, 0] > 0, 0, bad_at)
    figures = Figures(
        digits=np.ascontiguousarray(digits[:, digits.shape[1] - places :]), negative=table.minus[signs]
    )
    odd = np.where(bad_at == _FINE, table.odd[signs], 0).astype(np.uint8)
    return Read(figures=figures, bad_at=bad_at, odd_signs=odd)


def write_packed(figures: Figures, *, is_signed: bool) -> Bytes:
    """COMP-3 with the usual sign: C or D, F where the picture has no S."""
    rows, places = figures.digits.shape
    pad = np.zeros((rows, 1 - places % 2), dtype=np.uint8)
    signs = np.where(figures.negative, 0xD, 0xC) if is_signed else np.full(rows, _UNSIGNED)
    halves = np.concatenate([pad, figures.digits, signs.astype(np.uint8)[:, None]], axis=1)
    made: Bytes = (halves[:, ::2] << 4) | halves[:, 1::2]
    return made


@cache
def _halves() -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Byte → its two half bytes as one 16-bit value, so that one look-up gives both."""
    both = np.array([[byte >> 4, byte & 15] for byte in range(256)], dtype=np.uint8)
    return both.view(np.uint16).reshape(256)


@dataclass(frozen=True, kw_only=True)
class _Signs:
    """Half byte → is it a minus, is it no sign, and itself where it is a sign but not the usual one."""

    minus: Flags
    wrong: Flags
    odd: Bytes


@cache
def _signs(*, is_signed: bool, is_tolerant: bool) -> _Signs:
    usual = [0xC, 0xD] if is_signed else [_UNSIGNED]
    also = [*_PLUS_NIBBLES, *(_MINUS_NIBBLES if is_signed else ())] if is_tolerant else []
    made = _Signs(
        minus=np.zeros(16, dtype=np.bool_),
        wrong=np.ones(16, dtype=np.bool_),
        odd=np.zeros(16, dtype=np.uint8),
    )
    made.minus[list(_MINUS_NIBBLES)] = is_signed
    made.odd[also] = also
    made.odd[usual] = 0
    made.wrong[[*usual, *also]] = False
    return made


def _first_bad(bad: Flags, before: Numbers, *, each: int) -> Numbers:
    """The first bad place of each row, ``each`` places a byte; ``before`` where there is none."""
    found: Numbers = np.where(bad.any(axis=1), bad.argmax(axis=1) // each, before)
    return found


# zoned --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Zones:
    """How digits and signs are written: the bytes of 0 to 9, plain, with a plus, with a minus.

    ``also_plus`` and ``also_minus`` are read, where odd signs are tolerated, but never written.
    """

    plain: bytes
    plus: bytes
    minus: bytes
    separate: bytes
    also_plus: tuple[bytes, ...] = ()
    also_minus: tuple[bytes, ...] = ()


def zones(convention: str | Mapping[str, str], *, digits: bytes, separate: bytes) -> Zones:
    """A convention by its name, or by the half bytes that stand for a plus and a minus.

    ``overpunch`` has the characters that a punched card had: ``{ABCDEFGHI`` and ``}JKLMNOPQR``.
    """
    if convention == "overpunch":
        plus, minus = b"{ABCDEFGHI", b"}JKLMNOPQR"
        return Zones(plain=digits, plus=plus, minus=minus, separate=separate, also_plus=(digits,))
    named = {"ebcdic": {"plus": "C", "minus": "D"}, "ascii": {"plus": "3", "minus": "7"}}
    chosen = named[convention] if isinstance(convention, str) else convention
    is_ebcdic = convention == "ebcdic"
    return Zones(
        plain=digits,
        plus=_zone(chosen["plus"]),
        minus=_zone(chosen["minus"]),
        separate=separate,
        also_plus=tuple(map(_zone, "ACEF")) if is_ebcdic else (digits,),
        also_minus=(_zone("B"),) if is_ebcdic else (),
    )


def _zone(half: str) -> bytes:
    return bytes(int(half, 16) << 4 | digit for digit in range(10))


@dataclass(frozen=True, kw_only=True)
class _Table:
    """Byte → its digit (255: none), and whether it is a minus or not the usual byte."""

    digit: Bytes
    minus: Flags
    odd: Flags


@cache
def _plain_table(zones: Zones) -> _Table:
    return _table([(zones.plain, False, False)])


@cache
def _sign_table(zones: Zones, *, is_tolerant: bool) -> _Table:
    odd = [(row, False, True) for row in zones.also_plus] + [(row, True, True) for row in zones.also_minus]
    usual = [(zones.plus, False, False), (zones.minus, True, False)]
    return _table([*(odd if is_tolerant else ()), *usual])


def _table(rows: list[tuple[bytes, bool, bool]]) -> _Table:
    made = _Table(
        digit=np.full(256, NONE, dtype=np.uint8),
        minus=np.zeros(256, dtype=np.bool_),
        odd=np.zeros(256, dtype=np.bool_),
    )
    for row, is_minus, is_odd in rows:
        places = list(row)
        made.digit[places] = range(10)
        made.minus[places], made.odd[places] = is_minus, is_odd
    return made


def read_zoned(
    cells: Bytes, zones: Zones, *, is_signed: bool, is_leading: bool, is_separate: bool, is_tolerant: bool
) -> Read:
    """DISPLAY digits. The sign sits in the first or last digit, or has a byte of its own."""
    plain = _plain_table(zones)
    if not is_signed:
        nothing = np.zeros(len(cells), dtype=np.uint8)
        return _read(plain.digit[cells], nothing.astype(np.bool_), nothing)
    if is_separate:
        return _read_separate(cells, zones, is_leading=is_leading)
    table = _sign_table(zones, is_tolerant=is_tolerant)
    at = 0 if is_leading else -1
    digits = plain.digit[cells]
    digits[:, at] = table.digit[cells[:, at]]
    return _read(digits, table.minus[cells[:, at]], np.where(table.odd[cells[:, at]], cells[:, at], 0))


def _read_separate(cells: Bytes, zones: Zones, *, is_leading: bool) -> Read:
    at = 0 if is_leading else cells.shape[1] - 1
    signs = cells[:, at]
    digits = _plain_table(zones).digit[np.delete(cells, at, axis=1)]
    made = _read(digits, signs == zones.separate[1], np.zeros(len(cells), dtype=np.uint8))
    shifted = np.where(made.bad_at >= 0, made.bad_at + is_leading, made.bad_at)
    is_sign = (signs == zones.separate[0]) | (signs == zones.separate[1])
    bad_at = np.where(is_sign, shifted, at)
    return Read(figures=made.figures, bad_at=bad_at, odd_signs=made.odd_signs)


def _read(digits: Bytes, negative: Flags, odd: Bytes) -> Read:
    bad_at = np.full(len(digits), _FINE, dtype=np.int64)
    if digits.size and digits.max() > 9:
        bad_at = _first_bad(digits > 9, bad_at, each=1)
    odd = np.where(bad_at == _FINE, odd, 0).astype(np.uint8)
    return Read(figures=Figures(digits=digits, negative=negative), bad_at=bad_at, odd_signs=odd)


def write_zoned(
    figures: Figures, zones: Zones, *, is_signed: bool, is_leading: bool, is_separate: bool
) -> Bytes:
    """DISPLAY digits with the usual signs."""
    cells = np.frombuffer(zones.plain, dtype=np.uint8)[figures.digits]
    if not is_signed:
        return cells
    if is_separate:
        signs = np.frombuffer(zones.separate, dtype=np.uint8)[figures.negative.astype(np.uint8)][:, None]
        return np.concatenate([signs, cells] if is_leading else [cells, signs], axis=1)
    at = 0 if is_leading else -1
    last = figures.digits[:, at]
    plus, minus = (np.frombuffer(row, dtype=np.uint8)[last] for row in (zones.plus, zones.minus))
    cells[:, at] = np.where(figures.negative, minus, plus)
    return cells


# binary -------------------------------------------------------------------------------------------


def read_binary(cells: Bytes, *, places: int, is_signed: bool, order: Order, is_truncated: bool) -> Read:
    """COMP and COMP-5: two's complement. ``is_truncated``: no more digits than the picture has."""
    size = cells.shape[1]
    native = np.dtype(f"{'>' if order == 'big' else '<'}{'i' if is_signed else 'u'}{size}")
    values = np.ascontiguousarray(cells).view(native).reshape(-1).astype("i8" if is_signed else "u8")
    negative = values < 0
    digits = _decimal(np.where(negative, -values, values).view(np.uint64), digits_of(size, places))
    bad_at = np.full(len(cells), _FINE, dtype=np.int64)
    if is_truncated and digits.shape[1] > places:
        bad_at[digits[:, : digits.shape[1] - places].any(axis=1)] = 0
    figures = Figures(digits=digits, negative=negative)
    return Read(figures=figures, bad_at=bad_at, odd_signs=np.zeros(len(cells), dtype=np.uint8))


def digits_of(size: int, places: int) -> int:
    """Digits that any value of so many bytes can need, and no fewer than the picture has."""
    return max(len(str(256**size - 1)), places)


def _decimal(values: np.ndarray[Any, np.dtype[np.uint64]], places: int) -> Bytes:
    digits = np.empty((len(values), places), dtype=np.uint8)
    for place in range(places - 1, -1, -1):
        rest = values // np.uint64(10)
        digits[:, place] = values - rest * np.uint64(10)
        values = rest
    return digits


def write_binary(figures: Figures, *, size: int, is_signed: bool, order: Order) -> tuple[Bytes, Flags]:
    """Two's complement, and the rows whose value the bytes cannot hold (their cells are zero)."""
    too_big = _exceeds(figures, 256**size // (2 if is_signed else 1), is_signed=is_signed)
    values = np.zeros(len(figures.digits), dtype=np.uint64)
    for place in range(figures.digits.shape[1]):
        values = values * np.uint64(10) + figures.digits[:, place]
    values = np.where(figures.negative, np.uint64(0) - values, values)
    values[too_big] = 0
    kind = np.dtype(f"{'>' if order == 'big' else '<'}u{size}")
    return values.astype(kind).view(np.uint8).reshape(-1, size), too_big


def _exceeds(figures: Figures, limit: int, *, is_signed: bool) -> Flags:
    """Rows that are not below the limit; a negative one may reach it."""
    places = figures.digits.shape[1]
    text = str(limit).zfill(places)
    if len(text) > places:
        return np.zeros(len(figures.digits), dtype=np.bool_)
    at_limit = np.frombuffer(text.encode(), dtype=np.uint8) - np.uint8(ord("0"))
    differs = figures.digits != at_limit
    first = differs.argmax(axis=1)
    rows = np.arange(len(first))
    above = figures.digits[rows, first] > at_limit[first]
    is_equal = ~differs.any(axis=1)
    return np.where(is_equal, ~figures.negative if is_signed else True, above)
