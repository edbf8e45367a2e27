"""Cut bytes into code units, a whole block at once: pairs, EUC, and double bytes between shift codes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from renkei.formats.encodings.blocks import Bytes, Numbers, Offsets

Codes = np.ndarray[Any, np.dtype[np.uint32]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

_SKIPPED = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True, kw_only=True)
class Units:
    """Code units of a block in order: where each starts, and its code.

    A code is a byte, a pair, or 0x10000 and a pair where 0x8F leads it.
    ``bad_rows`` and ``bad_places`` say where the bytes make no unit; a place counts from the row's start.
    """

    places: Numbers
    codes: Codes
    bad_rows: Numbers
    bad_places: Numbers


Splitter = Callable[[Bytes, Offsets], Units]


def rows_of(places: Numbers, offsets: Offsets) -> Numbers:
    """The row that each place lies in."""
    rows: Numbers = np.searchsorted(offsets, places, side="right") - 1
    return rows


def singles(data: Bytes, _: Offsets) -> Units:
    """Every byte is a unit."""
    nothing = np.empty(0, dtype=np.int64)
    places = np.arange(len(data), dtype=np.int64)
    return Units(places=places, codes=data.astype(np.uint32), bad_rows=nothing, bad_places=nothing)


def pairs(data: Bytes, offsets: Offsets) -> Units:
    """Every two bytes of a cell are a unit; a cell of odd length ends in half a character."""
    starts, ends = offsets[:-1].astype(np.int64), offsets[1:].astype(np.int64)
    places = _ranges(starts, (ends - starts) // 2)
    odd = np.flatnonzero((ends - starts) % 2)
    return Units(
        places=places,
        codes=_pairs_at(data, places),
        bad_rows=odd,
        bad_places=ends[odd] - 1 - starts[odd],
    )


def euc(data: Bytes, offsets: Offsets) -> Units:
    """One byte below 0x80, two above, or three from 0x8F on.

    0x8F is never a trail byte, so it starts a unit wherever it is; between it or an ASCII byte and the
    next such byte there are pairs only.
    """
    is_high = data >= 0x80
    is_three = data == 0x8F
    starts, ends = _runs(is_high & ~is_three, offsets)
    places = _ranges(starts, (ends - starts) // 2)
    codes = np.full(len(data), _SKIPPED, dtype=np.uint32)
    codes[places] = _pairs_at(data, places)
    codes[~is_high] = data[~is_high]
    bad = [ends[(ends - starts) % 2 == 1] - 1, _third_plane(codes, np.flatnonzero(is_three), offsets)]
    return _collected(codes, np.sort(np.concatenate(bad)), offsets)


def _runs(is_in: Flags, offsets: Offsets) -> tuple[Numbers, Numbers]:
    """Starts and ends of the stretches of true, none of which reaches over the end of its row."""
    starts, ends = is_in.copy(), np.zeros(len(is_in) + 1, dtype=bool)
    starts[1:] &= ~is_in[:-1]
    ends[1:] = is_in
    ends[1:-1] &= ~is_in[1:]
    edges = offsets[(offsets > 0) & (offsets < len(is_in))]
    within = edges[is_in[edges] & is_in[edges - 1]]
    starts[within] = True
    ends[within] = True
    return np.flatnonzero(starts), np.flatnonzero(ends)


def _third_plane(codes: Codes, threes: Numbers, offsets: Offsets) -> Numbers:
    """Join each 0x8F with the pair after it; returns those that have none."""
    if not len(threes):
        return threes
    following = np.minimum(threes + 1, len(codes) - 1)
    alone = (codes[following] == _SKIPPED) | (codes[following] < 0x100)
    alone |= (following == threes) | (rows_of(following, offsets) != rows_of(threes, offsets))
    whole = threes[~alone]
    codes[whole] = codes[whole + 1] | np.uint32(0x10000)
    codes[whole + 1] = _SKIPPED
    unpaired: Numbers = threes[alone]
    return unpaired


def _collected(codes: Codes, bad: Numbers, offsets: Offsets) -> Units:
    places = np.flatnonzero(codes != _SKIPPED)
    bad_rows = rows_of(bad, offsets)
    return Units(places=places, codes=codes[places], bad_rows=bad_rows, bad_places=bad - offsets[bad_rows])


def _ranges(starts: Numbers, counts: Numbers) -> Numbers:
    """start, start+2, start+4 … for each start, ``count`` of them."""
    before = np.cumsum(counts) - counts
    steps = np.arange(int(counts.sum()), dtype=np.int64) - np.repeat(before, counts)
    places: Numbers = np.repeat(starts, counts) + 2 * steps
    return places


def _pairs_at(data: Bytes, places: Numbers) -> Codes:
    lead, trail = data[places].astype(np.uint32), data[places + 1].astype(np.uint32)
    codes: Codes = (lead << np.uint32(8)) | trail
    return codes


@dataclass(frozen=True, kw_only=True)
class Shifts:
    """What leads into the double bytes and back out. Any of ``into`` is read, the first is written."""

    into: tuple[bytes, ...]
    out: tuple[bytes, ...]

    def split(self, data: Bytes, offsets: Offsets) -> Units:
        """Cut at the shift codes; each cell starts outside and must end outside."""
        events = self._events(data, offsets)
        starts, ends, bad_rows, bad_places = self._doubles(events, offsets)
        codes = np.full(len(data), _SKIPPED, dtype=np.uint32)
        outside = _outside(len(data), events, ends)
        codes[outside] = data[outside]
        places = _ranges(starts, (ends - starts) // 2)
        codes[places] = _pairs_at(data, places)
        kept = np.flatnonzero(codes != _SKIPPED)
        return Units(places=kept, codes=codes[kept], bad_rows=bad_rows, bad_places=bad_places)

    def _events(self, data: Bytes, offsets: Offsets) -> "_Events":
        found = [(_places_of(code, data, offsets), len(code), code in self.into) for code in self._codes]
        places = np.concatenate([each[0] for each in found])
        order = np.argsort(places, kind="stable")
        sizes = np.concatenate([np.full(len(each[0]), each[1]) for each in found])
        goes_in = np.concatenate([np.full(len(each[0]), each[2], dtype=bool) for each in found])
        places = places[order]
        return _Events(
            places=places,
            ends=places + sizes[order],
            goes_in=goes_in[order],
            rows=rows_of(places, offsets),
        )

    @property
    def _codes(self) -> tuple[bytes, ...]:
        return (*self.into, *self.out)

    def _doubles(self, events: "_Events", offsets: Offsets) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        """Starts and ends of the stretches of double bytes, and what is wrong with the shifts."""
        rows, goes_in = events.rows, events.goes_in
        is_first = np.ones(len(rows), dtype=bool)
        is_first[1:] = rows[1:] != rows[:-1]
        was_in = np.zeros(len(rows), dtype=bool)
        was_in[1:] = goes_in[:-1] & ~is_first[1:]
        is_wrong = (was_in & goes_in & (len(self.into) == 1)) | (~was_in & ~goes_in)
        is_last = np.ones(len(rows), dtype=bool)
        is_last[:-1] = is_first[1:]
        row_ends = offsets[rows + 1].astype(np.int64)
        following = np.append(events.places[1:], 0)
        ends = np.where(is_last, row_ends, following)[goes_in]
        starts = events.ends[goes_in]
        is_odd = (ends - starts) % 2 == 1
        unclosed = is_last & goes_in
        bad_rows = np.concatenate([rows[is_wrong], rows[goes_in][is_odd], rows[unclosed]])
        bad = np.concatenate([events.places[is_wrong], ends[is_odd] - 1, row_ends[unclosed]])
        return starts, ends, bad_rows, bad - offsets[bad_rows]


@dataclass(frozen=True, kw_only=True)
class _Events:
    """Shift codes in the order they stand."""

    places: Numbers
    ends: Numbers
    goes_in: Flags
    rows: Numbers


def _places_of(code: bytes, data: Bytes, offsets: Offsets) -> Numbers:
    """Where a shift code stands whole inside its cell."""
    if len(code) == 1:
        return np.flatnonzero(data == code[0])
    found: Numbers = np.flatnonzero((data[:-1] == code[0]) & (data[1:] == code[1]))
    whole: Numbers = found[rows_of(found, offsets) == rows_of(found + 1, offsets)]
    return whole


def _outside(size: int, events: _Events, ends: Numbers) -> Numbers:
    """The places that belong neither to double bytes nor to a shift code."""
    steps = np.zeros(size + 1, dtype=np.int8)
    steps[events.places] += 1
    steps[ends] -= 1
    steps[events.ends[~events.goes_in]] -= 1
    places: Numbers = np.flatnonzero(np.cumsum(steps[:-1], dtype=np.int8) == 0)
    return places
