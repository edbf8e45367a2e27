"""Fixed-length records, cut by bytes: header, data, trailer with counts and control totals, in groups or one.

Columns are sliced as bytes first and decoded afterwards, a whole block of one column in one call, so a
two-byte character cut at a field's end can never swallow the start of the next field. Padding at a
column's end belongs to the layout and is dropped; nothing else of a value is touched.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from renkei.errors import Stop
from renkei.failpoint import failpoint
from renkei.formats.encodings.codec import PADDING
from renkei.formats.fixed.groups import Structure, structure_of
from renkei.formats.fixed.layout import Bytes, Layout, Rows, layout_of
from renkei.formats.fixed.records import Records, blocks, open_records
from renkei.formats.fixed.shape import SHAPE, problems
from renkei.formats.fixed.totals import count_of, totals_of
from renkei.formats.fixed.writer import write
from renkei.formats.layout import (
    POSITION,
    Column,
    Reject,
    in_groups,
    is_too_many,
    key_value,
    number,
    quotable,
    rejects_table,
)
from renkei.model import Batch, Control

__all__ = ["SHAPE", "layout_of", "problems", "read", "write"]


def read(path: Path, declaration: Mapping[str, Any], *, feed: str) -> Batch:
    """Read the file whole or not at all: structure, counts and totals are proved before a Batch exists."""
    return read_records(path, layout_of(declaration), feed=feed)


def read_records(path: Path, layout: Layout, *, feed: str) -> Batch:
    """Read one file by its layout."""
    records = open_records(path, layout, feed=feed)
    if not len(records) and layout.kind("trailer") is not None:
        raise Stop("E_TRAILER_MISSING", feed=feed)
    structure = structure_of(records, layout, feed=feed)
    reader = _Reader(records=records, structure=structure, layout=layout, feed=feed)
    control = reader.control()
    tables = list(reader.tables())
    reader.check_totals()
    return Batch(
        feed=feed,
        table=pa.concat_tables([reader.schema.empty_table(), *tables]),
        rejects=rejects_table(reader.rejects),
        records=len(reader.rows),
        control=control,
        losses=layout.codec.losses.table(),
    )


@dataclass(kw_only=True)
class _Reader:
    """One file being read. ``stated`` are each group's trailer values."""

    records: Records
    structure: Structure
    layout: Layout
    feed: str
    headers: list[dict[str, str]] = field(default_factory=list)
    trailers: list[dict[str, str]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    @property
    def rows(self) -> Rows:
        """Numbers of the feed's own records."""
        return self.structure.by_kind[self.layout.data]

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([*POSITION, *((each.name, pa.string()) for each in self.layout.columns)])

    # what the file says of itself ---------------------------------------------------------------

    def control(self) -> Control:
        """Header and trailer of every group by name; the counts that they state are proved here."""
        for group in self.structure.groups:
            self.headers.append(self._named(group.header, self.layout.header_columns))
            self.trailers.append(self._named(group.trailer, self.layout.trailer_columns))
        self._check_counts()
        end = self._named(self.structure.end, self.layout.end_columns)
        if self.layout.end_count is not None:
            self._agree("E_TRAILER_COUNT", end[self.layout.end_count], len(self.rows))
        days = {self._day(header) for header in self.headers}
        if len(days) > 1:
            raise Stop("E_HEADER_DATE", feed=self.feed, field=self.layout.as_of)
        return Control(
            header=in_groups(self.headers), trailer=in_groups(self.trailers) | end, as_of=days.pop()
        )

    def _named(self, row: int | None, columns: tuple[Column, ...]) -> dict[str, str]:
        if row is None:
            return {}
        return {column.name: self._value(row, column) for column in columns}

    def _value(self, row: int, column: Column) -> str:
        rows = np.array([row])
        raw = self.records.cells(rows, column.span).tobytes()
        try:
            return self.layout.codec.decode(raw).rstrip(PADDING)
        except UnicodeDecodeError as error:
            offset = int(self.records.offsets(rows)[0]) + column.at - 1 + error.start
            facts = {"encoding": self.layout.encoding, "rec_no": row, "field": column.name}
            raise Stop("E_ENCODING", feed=self.feed, offset=offset, **facts) from None

    def _check_counts(self) -> None:
        for count in self.layout.counts:
            counted = count_of(self.records, self.structure, self.layout, count)
            for trailer, each in zip(self.trailers, counted, strict=True):
                self._agree("E_TRAILER_COUNT", trailer[count.trailer], each)

    def check_totals(self) -> None:
        """Every total of every group is what its trailer states."""
        for total in self.layout.totals:
            counted = totals_of(self.records, self.structure, self.layout, total)
            for trailer, each in zip(self.trailers, counted, strict=True):
                stated = trailer[total.trailer]
                self._agree("E_TRAILER_TOTAL", stated, each, field=total.of, modulo=total.modulo)

    def _agree(self, code: str, stated: str, counted: int, *, modulo: int = 0, **facts: str) -> None:
        value = number(stated)
        if value is not None and value < 0 and modulo:
            value %= modulo
        if value != counted:
            raise Stop(code, feed=self.feed, stated=quotable(stated), counted=counted, **facts)

    def _day(self, header: Mapping[str, str]) -> date | None:
        """The day the header says the file was made (作成日), YYYYMMDD."""
        if self.layout.as_of is None:
            return None
        try:
            text = header[self.layout.as_of]
            return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
        except ValueError:
            raise Stop("E_HEADER_DATE", feed=self.feed, field=self.layout.as_of) from None

    # the records --------------------------------------------------------------------------------

    def tables(self) -> Iterator[pa.Table]:
        """The feed's own records, block by block; those that cannot be read become rejects."""
        first = 1
        for rows in blocks(self.rows):
            failpoint("parse.block")
            yield self._block(rows, first)
            self._check_encoding()
            first += len(rows)

    def _block(self, rows: Rows, first: int) -> pa.Table:
        """One block; ``first`` is the number of its first record among the feed's own, from 1."""
        bad: dict[int, tuple[Column, int]] = {}
        arrays = []
        for column in self.layout.columns:
            array, faults = self._column(column, rows, first)
            arrays.append(array)
            for row, at in faults.items():
                bad.setdefault(row, (column, at))
        positions = [
            np.arange(first, first + len(rows)),
            self.records.offsets(rows),
            self.records.lengths(rows),
        ]
        table = pa.table([*map(pa.array, positions), *arrays], schema=self.schema)
        return self._set_aside(table, bad) if bad else table

    def _column(self, column: Column, rows: Rows, first: int) -> tuple[pa.Array, dict[int, int]]:
        """Text of one column, and row → place in the file of what cannot be decoded."""
        if column.bytes:
            return self._decoded(column, rows, first)
        if self.layout.joins(column) == "header":
            group = np.searchsorted(self.structure.firsts, rows, side="right") - 1
            return pa.array([header[column.name] for header in self.headers], pa.string()).take(
                pa.array(group)
            ), {}
        return self._of_parents(column, rows, first)

    def _decoded(self, column: Column, rows: Rows, first: int) -> tuple[pa.Array, dict[int, int]]:
        return self._texts(column, self.records.cells(rows, column.span), rows, first)

    def _texts(self, column: Column, cells: Bytes, rows: Rows, first: int) -> tuple[pa.Array, dict[int, int]]:
        """Text of cells that lie in the records ``rows`` and belong to the feed's own from ``first`` on."""
        if column.name in self.layout.low_values:
            is_low = (cells == 0).all(axis=1)
            cells = np.where(is_low[:, None], np.uint8(self.layout.codec.blank[0]), cells)
        array, faults = self.layout.codec_of(column).decode_block(cells, first=first)
        starts = self.records.offsets(rows[list(faults)])
        return array, {
            row: int(start) + column.at - 1 + at
            for (row, at), start in zip(faults.items(), starts, strict=True)
        }

    def _of_parents(self, column: Column, rows: Rows, first: int) -> tuple[pa.Array, dict[int, int]]:
        """The parent's value for each of its details; what is wrong with a parent is wrong with them all.

        It is decoded for each of them, so that the loss report names every record that carries it.
        """
        parent = next(each for each in self.layout.parent_columns if each.name == column.name)
        parents = self.structure.by_kind[self.layout.kind("parent") or ""]
        place = np.searchsorted(parents, rows, side="right") - 1
        some = parents[place[0] : place[-1] + 1]
        cells = self.records.cells(some, parent.span)[place - place[0]]
        return self._texts(parent, cells, parents[place], first)

    def _set_aside(self, table: pa.Table, bad: Mapping[int, tuple[Column, int]]) -> pa.Table:
        for row, (column, at) in bad.items():
            number, offset, length = (table.column(each.name)[row].as_py() for each in POSITION)
            key = key_value(table, row, self.layout.key)
            reject = Reject(rec_no=number, field=column.name, code="E_ENCODING", detail=f"byte={at}")
            self.rejects.append(replace(reject, offset=offset, length=length, source_key=key))
        keep = np.ones(len(table), dtype=bool)
        keep[list(bad)] = False
        return table.filter(pa.array(keep))

    def _check_encoding(self) -> None:
        if is_too_many(len(self.rejects), len(self.rows)):
            first = self.rejects[0]
            facts = {"encoding": self.layout.encoding, "rec_no": first.rec_no, "field": first.field}
            raise Stop("E_ENCODING", feed=self.feed, offset=first.detail.removeprefix("byte="), **facts)
