"""A character set that is a table of codes: EUC, the host codes of IBM, and the vendors' own kanji codes.

Whole blocks are read and written through arrays; single values, and the few rows that need a closer look,
code by code. Only codes of the table are ever read, and only what reads back is ever written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa

from renkei.formats.encodings.blocks import (
    Bytes,
    Faults,
    Numbers,
    Offsets,
    Reasons,
    chunks,
    from_parts,
    parts_of,
    trimmed,
)
from renkei.formats.encodings.code_table import FIRST_SEQUENCE, NOTHING, CodeTable
from renkei.formats.encodings.rows import patched
from renkei.formats.encodings.units import Codes, Flags, Shifts, Splitter, Units, pairs, rows_of
from renkei.formats.encodings.written import write

#: Characters that stand under one code point in some tables and under the other in others.
TWINS = ("〜～", "‖∥", "−－", "¢￠", "£￡", "¬￢", "—―", "¦￤")


@dataclass(frozen=True, kw_only=True)
class Coded:
    """A character set made of a table, a way to cut bytes into codes and, where it has them, shift codes."""

    name: str
    table: CodeTable
    split: Splitter
    blank: bytes
    wide_blank: bytes
    shifts: Shifts | None = None
    private: Mapping[str, bytes] = field(default_factory=dict)
    one_way: Mapping[str, str] = field(default_factory=dict)

    @property
    def shift_out(self) -> bytes:
        """What leaves the double bytes."""
        return self.shifts.out[0] if self.shifts else b""

    @cached_property
    def lookalikes(self) -> Mapping[str, str]:
        """The other one of each pair of twins of which the set has one only, and one-way codes."""
        both_ways = [pair for twins in TWINS for pair in (twins, twins[::-1])]
        known = {each[0]: each[1] for each in both_ways if self._has(each[1]) and not self._has(each[0])}
        return {**known, **self.one_way}

    def _has(self, char: str) -> bool:
        return char in self.table.written

    @cached_property
    def national(self) -> "Coded":
        """The double bytes alone, without shifts."""
        if not self.shifts:
            return self
        return Coded(
            name=self.name,
            table=self.table.doubles,
            split=pairs,
            blank=self.wide_blank,
            wide_blank=self.wide_blank,
            private=self.private,
            one_way=self.one_way,
        )

    def code_of(self, char: str) -> str:
        """The code of a 外字 in hex."""
        return self.private[char].hex().upper()

    def char_of(self, code: str) -> str | None:
        """The private-use character that stands for a 外字."""
        return self._chars.get(code)

    @cached_property
    def _chars(self) -> dict[str, str]:
        return {raw.hex().upper(): char for char, raw in self.private.items()}

    def place_of(self, raw: bytes, index: int) -> int:
        """The byte at which the character of this index starts."""
        count = 0
        units = self._units(raw)
        for place, code in zip(units.places, units.codes, strict=True):
            if count >= index:
                return int(place)
            count += len(self.table.meanings[int(code)])
        return len(raw)

    def _units(self, raw: bytes) -> Units:
        return self.split(np.frombuffer(raw, dtype=np.uint8), np.array([0, len(raw)], dtype=np.int32))

    def decode(self, raw: bytes) -> str:
        """Text, or UnicodeDecodeError with its place."""
        texts, faults = self.decode_array(pa.array([raw], pa.binary()))
        if faults:
            at = faults[0]
            raise UnicodeDecodeError(self.name, raw, at, min(at + 1, len(raw)), "not a code of this set")
        return str(texts[0])

    def encode(self, text: str) -> bytes:
        """Bytes that read back as the text, or UnicodeEncodeError with its place."""
        made = bytearray()
        is_in = False
        for raw in self._raws(text):
            if self.shifts and (len(raw) > 1) != is_in:
                made += self.shifts.out[0] if is_in else self.shifts.into[0]
                is_in = not is_in
            made += raw
        return bytes(made + self.shift_out if is_in else made)

    def _raws(self, text: str) -> Iterator[bytes]:
        at = 0
        while at < len(text):
            raw = self.table.raws.get(text[at])
            if raw:
                yield raw
                at += 1
                continue
            longest = self.table.longest_at(text, at)
            if not longest:
                raise UnicodeEncodeError(self.name, text, at, at + 1, "no code of its own")
            yield self.table.raw_of(text[at : at + longest])
            at += longest

    def decode_array(self, values: pa.Array, padding: str = "") -> tuple[pa.Array, Faults]:
        """Text of each value without ``padding`` at its end; null and the byte offset where there is none."""
        faults: Faults = {}
        texts = []
        for first, part in chunks(values):
            text, found = self._decode_part(*parts_of(part))
            texts.append(trimmed(text, padding))
            faults.update({first + row: place for row, place in found.items()})
        whole = pa.concat_arrays(texts) if texts else pa.array([], pa.string())
        return patched(whole, dict.fromkeys(faults)), faults

    def _decode_part(self, offsets: Offsets, data: Bytes) -> tuple[pa.Array, Faults]:
        quick = self._quick(offsets, data)
        if quick is not None:
            return quick, {}
        units = self.split(data, offsets)
        points = self.table.points[units.codes]
        bounds = np.searchsorted(units.places, offsets)
        is_bad = points == NOTHING
        faults = _faults(units, is_bad, offsets)
        points[is_bad] = 0x20
        if len(points) and points.max() >= FIRST_SEQUENCE:
            points, bounds = self.table.spread(points, bounds)
        return _text(points, bounds), faults

    def _quick(self, offsets: Offsets, data: Bytes) -> pa.Array | None:
        """Cells of single bytes that are all ASCII characters, such as numbers, need one look-up only."""
        if self.shifts and any((data == into[0]).any() for into in self.shifts.into):
            return None
        text = self.table.ascii[data]
        return from_parts(offsets, text, pa.string()) if not data.size or text.max() < 0x80 else None

    def encode_array(self, values: pa.Array) -> tuple[pa.Array, Reasons]:
        """Bytes of each text; null and the reason where there are none."""
        return write(values, self.table, encode=self.encode, shifts=self.shifts)


def _faults(units: Units, is_bad: Flags, offsets: Offsets) -> Faults:
    """Row → the first byte that means nothing."""
    places = units.places[is_bad]
    rows = rows_of(places, offsets)
    all_rows = np.concatenate([units.bad_rows, rows])
    all_places = np.concatenate([units.bad_places, places - offsets[rows]])
    order = np.lexsort((all_places, all_rows))[::-1]
    return {int(all_rows[each]): int(all_places[each]) for each in order}


def _text(points: Codes, bounds: Numbers) -> pa.Array:
    """Code points → text; each cell's length follows from its characters, so no separator is needed."""
    sizes = 1 + (points >= 0x80).astype(np.int8) + (points >= 0x800) + (points >= 0x10000)
    ends = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    data = np.frombuffer(points.astype("<u4").tobytes().decode("utf-32-le").encode(), dtype=np.uint8)
    return from_parts(ends[bounds].astype(np.int32), data, pa.string())
