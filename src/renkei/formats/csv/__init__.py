"""CSV files: whole records cut out of the bytes, parsed by pyarrow, each column decoded strictly by itself.

A piece of the file that is sound is parsed in one call; a piece in which anything is odd is read again record
by record, so that only the bad ones are set aside. Formula-like values are data and stay as they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from renkei.errors import Stop
from renkei.failpoint import failpoint
from renkei.formats.csv import frame as csv_frame
from renkei.formats.csv.exact import LONGEST, OPEN_QUOTE, Row, rows
from renkei.formats.csv.frame import Frame
from renkei.formats.csv.layout import Layout, layout_of
from renkei.formats.csv.scan import Numbers, ends_of
from renkei.formats.csv.shape import SHAPE, problems
from renkei.formats.csv.writer import write
from renkei.formats.layout import (
    POSITION,
    Reject,
    is_too_many,
    key_value,
    number,
    quotable,
    rejects_table,
    sum_of_texts,
)
from renkei.model import Batch

__all__ = ["SHAPE", "problems", "read", "write"]

#: How much of the file is looked at together.
CHUNK = 8 << 20


def read(path: Path, declaration: Mapping[str, Any], *, feed: str) -> Batch:
    """Read the file whole or not at all; a record that cannot be read is set aside alone."""
    layout = layout_of(declaration)
    with path.open("rb") as file:
        frame = csv_frame.frame_of(file, layout, feed=feed)
        reader = _Reader(layout=layout, frame=frame, feed=feed)
        tables = list(reader.tables(file))
    reader.check(is_whole=True)
    reader.check_controls()
    return Batch(
        feed=feed,
        table=pa.concat_tables([reader.schema.empty_table(), *tables]),
        rejects=rejects_table(reader.rejects),
        records=reader.records,
        control=frame.control(),
        losses=layout.codec.losses.table(),
        strangers=frame.strangers,
    )


@dataclass(kw_only=True)
class _Piece:
    """Records of one piece by column, in the order of the file; ``odd`` are those that cannot be taken."""

    values: list[pa.Array]
    starts: Numbers
    ends: Numbers
    odd: dict[int, Row]


@dataclass(kw_only=True)
class _Reader:
    """One file being read."""

    layout: Layout
    frame: Frame
    feed: str
    records: int = 0
    lines: int = 0
    rejects: list[Reject] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    after_bad_end: bool = False

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([*POSITION, *((each.name, pa.string()) for each in self.layout.columns)])

    def tables(self, file: IO[bytes]) -> Iterator[pa.Table]:
        """The records piece by piece. A piece ends where a record ends; the rest goes to the next."""
        self.totals = [0] * len(self.layout.totals)
        self.lines = self.frame.lines_before
        at, rest = self.frame.begin, b""
        file.seek(at)
        while at + len(rest) < self.frame.end:
            failpoint("parse.block")
            data = rest + file.read(min(CHUNK, self.frame.end - at - len(rest)))
            is_end = at + len(data) == self.frame.end
            piece = self._piece(data, at, is_end=is_end)
            used = int(piece.ends[-1]) if len(piece.ends) else 0
            if len(data) - used > LONGEST:
                raise Stop(OPEN_QUOTE, feed=self.feed, rec_no=self.records + 1, offset=at + used)
            if used:
                yield self._table(piece, data, at)
            at, rest = at + used, data[used:]
            self.lines += data.count(b"\n", 0, used)
            self.check(is_whole=is_end)

    # one piece -----------------------------------------------------------------------------------

    def _piece(self, data: bytes, at: int, *, is_end: bool) -> _Piece:
        ends = ends_of(data, self.layout, is_end=is_end) if self.layout.is_plain else None
        if ends is not None and not self.after_bad_end:
            values = _parsed(data, ends, self.layout, fields=len(self.frame.names))
            if values is not None:
                starts = np.concatenate([ends[:0], np.zeros(1, dtype=np.int64), ends[:-1]])[: len(ends)]
                return _Piece(values=values, starts=starts, ends=ends, odd={})
        return self._judged(list(rows(data, self.layout, is_end=is_end)), at)

    def _judged(self, found: Sequence[Row], at: int) -> _Piece:
        """Every record looked at alone; what a damaged line end touches is set aside on both its sides."""
        fields = len(self.frame.names)
        odd: dict[int, Row] = {}
        for place, row in enumerate(found):
            if row.code == OPEN_QUOTE:
                raise Stop(OPEN_QUOTE, feed=self.feed, rec_no=self.records + place + 1, offset=at + row.at)
            if self.after_bad_end:
                row.refuse("E_CSV_EOL", row.start)
            if len(row.fields) != fields:
                row.refuse("E_CSV_FIELDS", row.start)
            if row.code:
                odd[place] = row
            self.after_bad_end = not row.is_well_ended
        values = [_column(found, place, fields=fields) for place in range(fields)]
        starts = np.array([row.start for row in found], dtype=np.int64)
        ends = np.array([row.end for row in found], dtype=np.int64)
        return _Piece(values=values, starts=starts, ends=ends, odd=odd)

    def _table(self, piece: _Piece, data: bytes, at: int) -> pa.Table:
        """Text of the piece's records; what is odd or cannot be decoded becomes rejects."""
        first = self.records + 1
        self._check_marks(piece, at)
        self._add_up(piece)
        by_name = dict(zip(self.frame.names, piece.values, strict=True))
        faults: dict[int, tuple[str, int]] = {}
        arrays = []
        for column in self.layout.columns:
            values = by_name.get(column.name)
            texts, bad = self._decoded(values, first, len(piece.starts))
            arrays.append(texts)
            for row, place in bad.items():
                faults.setdefault(row, (column.name, place))
        positions = [
            np.arange(first, first + len(piece.starts)),
            piece.starts + at,
            piece.ends - piece.starts,
        ]
        table = pa.table([*map(pa.array, positions), *arrays], schema=self.schema)
        self.records += len(table)
        return self._set_aside(table, piece, faults, data, at) if faults or piece.odd else table

    def _decoded(self, values: pa.Array | None, first: int, size: int) -> tuple[pa.Array, dict[int, int]]:
        """Text of one column; a null stays a null, and so does a column that the file does not have."""
        if values is None:
            return pa.nulls(size, pa.string()), {}
        texts, faults = self.layout.codec.decode_cells(values, first=first)
        if values.null_count:
            texts = pc.if_else(values.is_valid(), texts, None)
        return texts, dict(faults)

    def _set_aside(
        self, table: pa.Table, piece: _Piece, faults: Mapping[int, tuple[str, int]], data: bytes, at: int
    ) -> pa.Table:
        for row in sorted({*faults, *piece.odd}):
            start, end = int(piece.starts[row]), int(piece.ends[row])
            line = self.lines + data.count(b"\n", 0, start) + 1
            if row in piece.odd:
                odd = piece.odd[row]
                name, code, place = self._name(odd), odd.code, odd.at
                detail = f"line={line} byte={at + place}{_numbers(odd, len(self.frame.names))}"
            else:
                (name, within), code = faults[row], "E_ENCODING"
                detail = f"line={line} byte={at + self._place(data[start:end], name) + start + within}"
            key = key_value(table, row, self.layout.key) if row not in piece.odd else None
            rec_no, length = table.column(0)[row].as_py(), end - start
            self.rejects.append(
                Reject(
                    rec_no=rec_no, field=name, code=code, detail=detail, offset=at + start,
                    length=length, source_key=key,
                )
            )  # fmt: skip
        keep = np.ones(len(table), dtype=bool)
        keep[[*faults, *piece.odd]] = False
        return table.filter(pa.array(keep))

    def _name(self, row: Row) -> str:
        """The column in which a record went wrong; the whole record where it is none of them."""
        place = len(row.places) - 1
        is_known = row.code in {"E_CSV_QUOTE", "E_BAD_CHARACTER"} and place < len(self.frame.names)
        touched = [at for at in range(len(row.places)) if row.places[at] <= row.at]
        return self.frame.names[touched[-1]] if is_known and touched else "*"

    def _place(self, record: bytes, name: str) -> int:
        """Where a column's value begins in its record."""
        [row] = list(rows(record, self.layout, is_end=True))[:1]
        start = row.places[self.frame.names.index(name)]
        return start + record.startswith(self.layout.quote.encode() or b"\0", start)

    # what is proved ------------------------------------------------------------------------------

    def _check_marks(self, piece: _Piece, at: int) -> None:
        """A control line among the records: two files in one, or records after the end."""
        lines = [line for line in (self.layout.header, self.layout.trailer) if line is not None]
        marks = [self.layout.codec.encode(line.mark) for line in lines]
        found = [pc.index(piece.values[0], pa.scalar(mark, pa.binary())).as_py() for mark in marks]
        # a control line seldom has as many fields as a record, and then stands among the odd ones
        found += [place for place, row in piece.odd.items() if row.fields[0] in marks]
        for place in sorted(place for place in found if place >= 0):
            offset = at + int(piece.starts[place])
            raise Stop("E_RECORD_KIND", feed=self.feed, rec_no=self.records + place + 1, offset=offset)

    def _add_up(self, piece: _Piece) -> None:
        for place, total in enumerate(self.layout.totals):
            if total.of in self.frame.names:  # an optional column that is away adds nothing
                values = piece.values[self.frame.names.index(total.of)]
                self.totals[place] = (self.totals[place] + sum_of_texts(values)) % total.modulo

    def check(self, *, is_whole: bool) -> None:
        """One bad record is set aside; over 5 % of those so far, something is wrong with the file."""
        if not self.rejects or not (is_whole or len(self.rejects) > 1000):
            return
        if is_too_many(len(self.rejects), self.records):
            first = self.rejects[0]
            place = first.detail.rpartition("byte=")[2].split(" ")[0]
            if first.code == "E_ENCODING":
                facts = {"encoding": self.layout.codec.name, "rec_no": first.rec_no, "field": first.field}
                raise Stop("E_ENCODING", feed=self.feed, offset=place, **facts)
            facts = {"rejects": len(self.rejects), "records": self.records, "first": first.code}
            raise Stop("E_MANY_REJECTS", feed=self.feed, rec_no=first.rec_no, offset=place, **facts)

    def check_controls(self) -> None:
        """Count and totals are what the control lines state."""
        stated = self.frame.stated
        if self.layout.count is not None and number(stated[self.layout.count]) != self.records:
            count = quotable(stated[self.layout.count])
            raise Stop("E_TRAILER_COUNT", feed=self.feed, stated=count, counted=self.records)
        for total, counted in zip(self.layout.totals, self.totals, strict=True):
            value = number(stated[total.trailer])
            if value is None or value % total.modulo != counted or value >= total.modulo:
                facts = {"field": total.of, "stated": quotable(stated[total.trailer]), "counted": counted}
                raise Stop("E_TRAILER_TOTAL", feed=self.feed, **facts)


def _numbers(row: Row, fields: int) -> str:
    return f" fields={len(row.fields)} of {fields}" if row.code == "E_CSV_FIELDS" else ""


def _column(found: Sequence[Row], place: int, *, fields: int) -> pa.Array:
    """One column of the judged records; nothing of those that have another number of fields."""
    return pa.array([row.fields[place] if len(row.fields) == fields else None for row in found], pa.binary())


def _parsed(data: bytes, ends: Numbers, layout: Layout, *, fields: int) -> list[pa.Array] | None:
    """The columns of a sound piece as bytes; None where its records do not all have as many fields."""
    if not len(ends):
        return [pa.array([], pa.binary())] * fields
    names = [str(place) for place in range(fields)]
    nulls: dict[str, Any] = {"strings_can_be_null": False, "null_values": []}
    if layout.null is not None:
        nulls = {"strings_can_be_null": True, "null_values": [layout.null]}
    try:
        parsed = arrow_csv.read_csv(
            pa.BufferReader(memoryview(data)[: int(ends[-1])]),
            arrow_csv.ReadOptions(column_names=names, block_size=len(data) + 1),
            arrow_csv.ParseOptions(
                delimiter=layout.delimiter,
                quote_char=layout.quote or False,
                newlines_in_values=True,
                ignore_empty_lines=False,
            ),
            arrow_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(names, pa.binary()),
                quoted_strings_can_be_null=False,
                **nulls,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if len(parsed) != len(ends):
        return None
    return [column.combine_chunks() for column in parsed.columns]
