"""Fixed-length files written: every value fills its column or its record is set aside, nothing is ever cut.

Header and trailer come from ``control``. Counts and totals are taken from the file itself, by the reader's
own sums, after its records were written.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from renkei.errors import Stop
from renkei.formats import Written
from renkei.formats.drift import check_columns
from renkei.formats.fixed.groups import structure_of
from renkei.formats.fixed.layout import PREFIXES, Bytes, Layout, Role, layout_of
from renkei.formats.fixed.records import BLOCK, open_records
from renkei.formats.fixed.totals import count_of, totals_of
from renkei.formats.layout import Column, Reject, control_values, key_value, rejects_table
from renkei.model import REC_NO, Control

Values = Mapping[str, str]


def write(
    table: pa.Table,
    declaration: Mapping[str, Any],
    path: Path,
    *,
    feed: str,
    control: Control | Mapping[str, Any] | None = None,
) -> Written:
    """Write the records; one that does not fit is set aside with its reason. On disk when this returns.

    A null and an empty text are both a blank column: the format has no third thing to say.
    """
    return write_records(table, layout_of(declaration), path, feed=feed, control=control_values(control))


def write_records(table: pa.Table, layout: Layout, path: Path, *, feed: str, control: Values) -> Written:
    """Write one file by its layout."""
    given = [name for name in table.column_names if not name.startswith("__")]
    check_columns(given, layout.columns, feed=feed)
    writer = _Writer(layout=layout, control=control, feed=feed)
    with path.open("w+b") as file:
        for lines in writer.lines(table):
            file.write(np.ascontiguousarray(lines).data)
        file.flush()
        records = _close(file, path, layout, control=control, feed=feed)
        os.fsync(file.fileno())
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Written(
        records=records,
        bytes=path.stat().st_size,
        sha256=digest,
        rejects=rejects_table(writer.rejects),
        losses=layout.codec.losses.table(),
    )


def _close(file: IO[bytes], path: Path, layout: Layout, *, control: Values, feed: str) -> int:
    """Write counts and totals into the trailers, having read the file as its receiver will."""
    records = open_records(path, layout, feed=feed)
    structure = structure_of(records, layout, feed=feed)
    counts = {each.trailer: count_of(records, structure, layout, each) for each in layout.counts}
    totals = {each.trailer: totals_of(records, structure, layout, each) for each in layout.totals}
    of_data = len(structure.by_kind[layout.data])
    places: list[Any] = [
        (group.trailer, layout.trailer_columns, {name: each[at] for name, each in (counts | totals).items()})
        for at, group in enumerate(structure.groups)
    ]
    places.append((structure.end, layout.end_columns, {layout.end_count: of_data}))
    for number, (row, columns, values) in enumerate(places, start=1):
        if row is not None:
            start = int(records.offsets(np.array([row]))[0])
            for column in columns:
                file.seek(start + column.at - 1)
                file.write(_control_cell(column, values, layout, control=control, group=number, feed=feed))
    file.flush()
    return of_data


def _control_cell(
    column: Column, computed: Mapping[str, int], layout: Layout, *, control: Values, group: int, feed: str
) -> bytes:
    """One value of a header or trailer, filled to its column: computed, or else given."""
    if column.name in computed:
        raw = layout.codec.encode(f"{computed[column.name]:0{column.bytes}d}")
    else:
        text = control.get(f"{column.name}#{group}", control.get(column.name))
        if text is None:
            raise Stop("E_CONTROL_MISSING", feed=feed, field=column.name)
        raw = _filled(column, text, layout, feed=feed)
    if len(raw) != column.bytes:
        raise Stop("E_CONTROL_VALUE", feed=feed, field=column.name, width=column.bytes)
    return raw


def _filled(column: Column, text: str, layout: Layout, *, feed: str) -> bytes:
    cells, reasons = _cells(column, pa.array([text], pa.string()), layout, first=0)
    if reasons:
        raise Stop("E_CONTROL_VALUE", feed=feed, field=column.name, width=column.bytes)
    return cells.tobytes()


def _cells(column: Column, texts: pa.Array, layout: Layout, *, first: int) -> tuple[Bytes, dict[int, str]]:
    """Cells of one column, filled as declared, and why some values have none."""
    codec, is_wide = layout.codec_of(column), column.pad == "wide"
    shifted = is_wide and not codec.is_stateless
    cells, found = codec.encode_block(texts, column.bytes, first=first, pad="wide" if shifted else "blank")
    reasons = dict(found)
    if is_wide and codec.is_stateless:
        cells = _widened(cells, blank=codec.blank[0], wide=codec.wide_blank)
    if column.pad == "zero":
        is_number = pc.match_substring_regex(texts.fill_null(""), "^[0-9]*$")
        for row in np.flatnonzero(~is_number.to_numpy(zero_copy_only=False)):
            reasons.setdefault(int(row), "E_BAD_FORMAT zero fill is for digits only")
    if column.align == "right":
        fill = codec.encode("0") if column.pad == "zero" else codec.blank
        cells = _moved_right(cells, blank=codec.blank[0], fill=fill[0])
    return cells, reasons


def _widened(cells: Bytes, *, blank: int, wide: bytes) -> Bytes:
    """The blanks after each value as wide ones; where they are odd in number, the last stays as it is."""
    lengths, width = _lengths(cells, blank=blank), cells.shape[1]
    for length in np.unique(lengths):
        fill = wide * ((width - int(length)) // len(wide))
        cells[lengths == length, length : length + len(fill)] = np.frombuffer(fill, dtype=np.uint8)
    return cells


def _lengths(cells: Bytes, *, blank: int) -> Any:  # noqa: ANN401 - numbers of rows
    """How far each value reaches into its cell."""
    is_filled = cells != blank
    width = cells.shape[1]
    return np.where(is_filled.any(axis=1), width - is_filled[:, ::-1].argmax(axis=1), 0)


def _moved_right(cells: Bytes, *, blank: int, fill: int) -> Bytes:
    """Values at the end of their cells; an empty value stays blank and never becomes a zero."""
    width = cells.shape[1]
    lengths = _lengths(cells, blank=blank)
    places = np.arange(width)
    moved = np.full_like(cells, fill)
    moved[places >= (width - lengths)[:, None]] = cells[places < lengths[:, None]]
    moved[lengths == 0] = blank
    return moved


@dataclass(kw_only=True)
class _Writer:
    """One file being written. ``last`` is the record before, which tells where a parent or group begins."""

    layout: Layout
    control: Values
    feed: str
    rejects: list[Reject] = field(default_factory=list)
    groups: int = 0
    last: pa.Table | None = None

    def lines(self, table: pa.Table) -> Iterator[Bytes]:
        """Every record of the file in order, block by block; trailers still lack what is computed."""
        for start in range(0, len(table), BLOCK):
            yield from self._block(table.slice(start, BLOCK).combine_chunks(), start)
        if not self.groups:
            yield self._header({})
        yield self._line("trailer")
        yield self._line("end")

    def _block(self, table: pa.Table, start: int) -> Iterator[Bytes]:
        bad: dict[int, tuple[Column, str]] = {}
        data = self._records("data", self.layout.placed, table, start, bad)
        parents = self._records("parent", self.layout.parent_columns, table, start, bad)
        self._set_aside(table, bad, start)
        if bad:
            keep = np.ones(len(table), dtype=bool)
            keep[list(bad)] = False
            table, data, parents = table.filter(pa.array(keep)), data[keep], parents[keep[: len(parents)]]
        if len(table):
            yield from self._ordered(table, data, parents)

    def _records(
        self,
        role: Role,
        columns: tuple[Column, ...],
        table: pa.Table,
        start: int,
        bad: dict[int, tuple[Column, str]],
    ) -> Bytes:
        """A record of one kind for each row; rows that have none in ``bad``."""
        kind = self.layout.kind(role)
        lines = self._blank(0 if kind is None else len(table), kind or "")
        for column in columns if len(lines) else ():
            if column.name in table.column_names:
                texts = table.column(column.name).combine_chunks().cast(pa.string())
                cells, reasons = _cells(column, texts, self.layout, first=start + 1)
                lines[:, self._span(column)] = cells
                for row, reason in reasons.items():
                    bad.setdefault(row, (column, reason))
        return lines

    def _blank(self, rows: int, kind: str) -> Bytes:
        """Records with nothing but their kind, line end and length prefix."""
        layout = self.layout
        record = bytearray(layout.codec.blank * layout.record)
        mark = layout.codec.encode(kind)
        record[layout.kind_at - 1 : layout.kind_at - 1 + len(mark)] = mark
        line = _prefix(layout) + bytes(record) + layout.separator
        return np.tile(np.frombuffer(line, dtype=np.uint8), (rows, 1))

    def _span(self, column: Column) -> slice:
        shift = len(_prefix(self.layout))
        return slice(column.span.start + shift, column.span.stop + shift)

    def _set_aside(self, table: pa.Table, bad: Mapping[int, tuple[Column, str]], start: int) -> None:
        for row, (column, reason) in sorted(bad.items()):
            code, _, detail = reason.partition(" ")
            number = table.column(REC_NO)[row].as_py() if REC_NO in table.column_names else start + row + 1
            key = key_value(table, row, self.layout.key)
            made = Reject(rec_no=number, field=column.name, code=code, detail=detail, source_key=key)
            self.rejects.append(made)

    # what stands before, between and after the records -------------------------------------------

    def _ordered(self, table: pa.Table, data: Bytes, parents: Bytes) -> Iterator[Bytes]:
        """The records with headers, trailers and parents in their places."""
        opens = self._changes(table, "header")
        opens[0] |= not self.groups
        begins = self._changes(table, "parent") | opens
        begins[0] |= not self.groups
        places, lines = [], []
        for row in np.flatnonzero(opens):
            before = self._line("trailer") if self.groups else data[:0]
            made = np.concatenate([before, self._header(_row(table, int(row)))])
            places += [int(row)] * len(made)
            lines.append(made)
        if self.layout.kind("parent") is not None:
            places += np.flatnonzero(begins).tolist()
            lines.append(parents[begins])
        self.last = table.slice(len(table) - 1)
        if not any(places):
            yield from (*lines, data)  # all of it stands before the first record
            return
        order = np.argsort(places, kind="stable")
        between = np.concatenate([data[:0], *lines])[order]
        yield np.insert(data, np.array(places, dtype=np.int64)[order], between, axis=0)

    def _changes(self, table: pa.Table, where: str) -> Any:  # noqa: ANN401 - a mask of rows
        """Rows whose columns of header or parent differ from those of the row before."""
        changed = np.zeros(len(table), dtype=bool)
        for column in self.layout.columns:
            if not column.bytes and self.layout.joins(column) == where and column.name in table.column_names:
                texts = table.column(column.name).combine_chunks().cast(pa.string()).fill_null("")
                changed[1:] |= pc.not_equal(texts[1:], texts[:-1]).to_numpy(zero_copy_only=False)
                if self.last is not None:
                    changed[0] |= (self.last.column(column.name)[0].as_py() or "") != texts[0].as_py()
        return changed

    def _header(self, row: Values) -> Bytes:
        """The next group's header; what the records say of it goes before what was given."""
        self.groups += 1
        lines = self._line("header")
        for column in self.layout.header_columns if len(lines) else ():
            given = self.control
            if column.name in row:
                given = {**given, f"{column.name}#{self.groups}": row[column.name]}
            raw = _control_cell(column, {}, self.layout, control=given, group=self.groups, feed=self.feed)
            lines[0, self._span(column)] = np.frombuffer(raw, dtype=np.uint8)
        return lines

    def _line(self, role: Role) -> Bytes:
        """A control record, or nothing where the layout has none."""
        kind = self.layout.kind(role)
        return self._blank(int(kind is not None), kind or "")


def _row(table: pa.Table, row: int) -> dict[str, str]:
    return {name: table.column(name)[row].as_py() or "" for name in table.column_names if name[:2] != "__"}


def _prefix(layout: Layout) -> bytes:
    """The length prefix of a full record."""
    if not layout.prefix:
        return b""
    length = layout.record + PREFIXES[layout.prefix]
    return length.to_bytes(4, "big") if layout.prefix == "varseq1" else length.to_bytes(2, "big") + b"\0\0"
