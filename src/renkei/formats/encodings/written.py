"""Write a block of texts in the codes of a table, shift codes included, without a loop over its rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from renkei.formats.encodings.blocks import (
    Bytes,
    Numbers,
    Offsets,
    Reasons,
    chunks,
    encode_rows,
    from_parts,
    parts_of,
)
from renkei.formats.encodings.code_table import NOTHING, TOP, CodeTable
from renkei.formats.encodings.rows import patched
from renkei.formats.encodings.units import Codes, Flags, Shifts


def write(
    texts: pa.Array, table: CodeTable, *, encode: Callable[[str], bytes], shifts: Shifts | None = None
) -> tuple[pa.Array, Reasons]:
    """Bytes of each text; null and the reason where there are none. ``encode`` does the odd rows."""
    reasons: Reasons = {}
    raws = []
    for first, part in chunks(texts):
        raw, rows = _write_part(part, table, shifts)
        odd, why = encode_rows(part.take(pa.array(rows, pa.int64())), encode)
        raws.append(patched(raw, dict(zip(rows, odd.to_pylist(), strict=True))))
        reasons.update({first + rows[each]: reason for each, reason in why.items()})
    return (pa.concat_arrays(raws) if raws else pa.array([], pa.binary())), reasons


def _write_part(texts: pa.Array, table: CodeTable, shifts: Shifts | None) -> tuple[pa.Array, list[int]]:
    """Bytes of each text, and the rows that need a closer look (they are empty in the array)."""
    offsets, data = parts_of(texts)
    points = np.frombuffer(data.tobytes().decode().encode("utf-32-le"), dtype="<u4")
    bounds = _bounds(data, offsets)
    codes = table.codes[np.minimum(points, TOP)]
    rows = np.repeat(np.arange(len(texts)), np.diff(bounds))
    slow = np.unique(rows[codes == NOTHING])
    if len(slow):
        kept = ~np.isin(rows, slow)
        codes, rows = codes[kept], rows[kept]
    raw, ends = _bytes(codes, rows, len(texts), shifts)
    return from_parts(ends, raw, pa.binary()), [int(row) for row in slow]


def _bounds(data: Bytes, offsets: Offsets) -> Numbers:
    """Where each cell starts, counted in characters."""
    before = np.concatenate([[0], np.cumsum((data & 0xC0) != 0x80, dtype=np.int64)])
    bounds: Numbers = before[offsets]
    return bounds


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Where shift codes stand: before which characters, and after which cells."""

    into: Flags
    out: Flags
    ends_in: Flags


def _bytes(codes: Codes, rows: Numbers, count: int, shifts: Shifts | None) -> tuple[Bytes, Offsets]:
    sizes = 1 + (codes > 0xFF).astype(np.int64) + (codes > 0xFFFF)
    plan = _plan(codes > 0xFF, rows, count) if shifts else None
    before = np.zeros(len(codes), dtype=np.int64)
    tails = np.zeros(count, dtype=np.int64)
    if plan and shifts:
        before += plan.into * len(shifts.into[0]) + plan.out * len(shifts.out[0])
        tails += plan.ends_in * len(shifts.out[0])
    totals = np.bincount(rows, weights=before + sizes, minlength=count).astype(np.int64) + tails
    ends = np.concatenate([[0], np.cumsum(totals)])
    spans = before + sizes
    tails_before = np.cumsum(tails) - tails
    places = np.cumsum(spans) - sizes + tails_before[rows]
    raw = np.empty(int(ends[-1]), dtype=np.uint8)
    _put_codes(raw, codes, places, sizes)
    if plan and shifts:
        _put(raw, places[plan.into] - len(shifts.into[0]), shifts.into[0])
        _put(raw, places[plan.out] - len(shifts.out[0]), shifts.out[0])
        _put(raw, ends[1:][plan.ends_in] - len(shifts.out[0]), shifts.out[0])
    return raw, ends.astype(np.int32)


def _plan(is_double: Flags, rows: Numbers, count: int) -> _Plan:
    is_first = np.ones(len(rows), dtype=bool)
    is_first[1:] = rows[1:] != rows[:-1]
    was_double = np.zeros(len(rows), dtype=bool)
    was_double[1:] = is_double[:-1] & ~is_first[1:]
    is_last = np.ones(len(rows), dtype=bool)
    is_last[:-1] = is_first[1:]
    ends_in = np.zeros(count, dtype=bool)
    ends_in[rows[is_last & is_double]] = True
    return _Plan(into=is_double & ~was_double, out=~is_double & was_double, ends_in=ends_in)


def _put_codes(raw: Bytes, codes: Codes, places: Numbers, sizes: Numbers) -> None:
    """The bytes of each code, the highest first; 0x8F leads those of three."""
    codes = np.where(codes > 0xFFFF, codes | np.uint32(0x8E0000), codes)
    for size in (1, 2, 3):
        chosen = sizes == size
        for byte in range(size):
            shift = np.uint32(8 * (size - 1 - byte))
            raw[places[chosen] + byte] = (codes[chosen] >> shift) & 0xFF


def _put(raw: Bytes, places: Numbers, code: bytes) -> None:
    for byte, value in enumerate(code):
        raw[places + byte] = value
