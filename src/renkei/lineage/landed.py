"""Landed deliveries read again: raw records by number, from bytes proved to be the landed ones."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from renkei import formats
from renkei.landing import Landing
from renkei.mapping import Mapping as FeedMapping
from renkei.model import BYTE_LENGTH, BYTE_OFFSET, REC_NO, Batch

#: Formats whose files have lines, in encodings where a line's end is one byte.
_WITH_LINES = frozenset({"csv", "xml"})
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Where a record lies in its object: bytes where the format has them, the line where it has lines."""

    byte_offset: int | None
    byte_length: int | None
    line: int | None


@dataclass
class Landed:
    """The landing zone as a reader of records. What was read last is kept, for records come together."""

    landing: Landing
    _kept: dict[tuple[str, str, date], Batch] = field(default_factory=dict)
    _rows: dict[tuple[str, str, date, int], dict[str, Any]] = field(default_factory=dict)

    def batch(self, mapping: FeedMapping, sha256: str, day: date) -> Batch:
        """A delivery by the layout of its day. Stop E_OBJECT_DAMAGED: its bytes are not the landed ones."""
        key = (sha256, mapping.digest, day)
        if key not in self._kept:
            self._kept.clear()
            place = self.landing.proved(sha256)
            self._kept[key] = formats.read(place, mapping.at(day).feed.format, feed=mapping.feed.id)
        return self._kept[key]

    def records(self, mapping: FeedMapping, sha256: str, day: date, numbers: Iterable[int]) -> Batch:
        """Only these records of a delivery, as a batch that a mapping takes."""
        batch = self.batch(mapping, sha256, day)
        wanted = pa.array(sorted(set(numbers)), pa.int64())
        table = batch.table.filter(pc.is_in(batch.table.column(REC_NO), value_set=wanted))
        return replace(
            batch,
            table=table,
            rejects=batch.rejects.slice(0, 0),
            records=table.num_rows,
            gone=None,
            losses=None,
        )

    def raw(self, mapping: FeedMapping, sha256: str, day: date, number: int) -> dict[str, Any] | None:
        """One record's raw columns by name; None where the delivery has no such record to be read."""
        row = self._row(mapping, sha256, day, number)
        return {name: text for name, text in row.items() if not name.startswith("__")} or None

    def spot(self, mapping: FeedMapping, sha256: str, day: date, number: int) -> Spot:
        """Where the record lies."""
        row = self._row(mapping, sha256, day, number)
        offset = row.get(BYTE_OFFSET)
        has_lines = mapping.at(day).feed.format["kind"] in _WITH_LINES
        line = self._line(sha256, offset) if has_lines and offset is not None else None
        return Spot(byte_offset=offset, byte_length=row.get(BYTE_LENGTH), line=line)

    def _row(self, mapping: FeedMapping, sha256: str, day: date, number: int) -> dict[str, Any]:
        """One record with what the reader added to it, kept: of one resident there are few."""
        key = (sha256, mapping.digest, day, number)
        if key not in self._rows:
            found = self.records(mapping, sha256, day, [number]).table.to_pylist()
            self._rows[key] = found[0] if found else {}
        return self._rows[key]

    def _line(self, sha256: str, offset: int) -> int:
        """The line, from 1, that the byte stands in."""
        ends, left = 0, offset
        with self.landing.path(sha256).open("rb") as file:
            while left > 0 and (block := file.read(min(left, _BLOCK))):
                ends += block.count(b"\n")
                left -= len(block)
        return ends + 1
