"""Some records of a file, cell by cell: which alternatives they have, how long they are, what they say."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from renkei.formats.cobol.cells import Bad, Storage, read_cells, write_cells
from renkei.formats.cobol.figures import Flags
from renkei.formats.cobol.layout import Area, Column, Record
from renkei.formats.cobol.numbers import Numbers
from renkei.formats.cobol.tree import Cell
from renkei.formats.encodings.blocks import Bytes

#: No alternative of an area.
NEITHER = -1


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """What is wrong with a record: where, and ``at`` which of its bytes (from 0)."""

    field: str
    code: str
    at: int


@dataclass(kw_only=True)
class Block:
    """Records beside one another. ``cells`` gives the bytes of a column; ``first`` is the first's number.

    ``wrong`` collects the first thing that is wrong with each row, as columns are asked for.
    """

    record: Record
    storage: Storage
    rows: int
    cells: Callable[[slice], Bytes]
    first: int = 1
    wrong: dict[int, Wrong] = field(default_factory=dict)

    def text(self, column: Column) -> pa.Array:
        """The column's text; null where the record does not have it, or where it cannot be read."""
        texts, bad = self._read(column)
        for row, (code, at) in bad.items():
            self.wrong.setdefault(row, Wrong(field=column.name, code=code, at=column.at + at))
        return texts

    def has(self, column: Column) -> Flags | None:
        """The rows that have the column; None for all of them."""
        held = [self._choice(area) == alternative for area, alternative in column.when]
        if (number := self._occurrence(column)) is not None:
            held.append(self.counts >= number)
        return np.logical_and.reduce(held) if held else None

    def _read(self, column: Column) -> tuple[pa.Array, Bad]:
        """Decode once, however often the column is asked for."""
        if column.name not in self._known:
            self._known[column.name] = self._decoded(column)
        return self._known[column.name]

    @cached_property
    def _known(self) -> dict[str, tuple[pa.Array, Bad]]:
        return {}

    def _decoded(self, column: Column) -> tuple[pa.Array, Bad]:
        present = self.has(column)
        cells = self.cells(column.span)
        if present is None:
            return read_cells(cells, column.cell, self.storage, first=self.first)
        if not present.any():
            return pa.nulls(self.rows, pa.string()), {}
        cells = np.where(present[:, None], cells, neutral(column.cell, self.storage))
        texts, bad = read_cells(cells, column.cell, self.storage, first=self.first)
        return pc.if_else(pa.array(present), texts, pa.scalar(None, pa.string())), bad

    # tables -------------------------------------------------------------------------------------

    @cached_property
    def counts(self) -> Numbers:
        """How often the variable table occurs in each record; what is no such number is wrong."""
        depending = self.record.depending
        assert depending is not None
        column = self.record.column(depending.on)
        assert column is not None
        texts = self.text(column)
        is_number = pc.match_substring_regex(texts.fill_null(""), "^[0-9]+$")
        counts = np.asarray(pc.if_else(is_number, texts, "0").cast(pa.int64()))
        is_wrong = (counts < depending.least) | (counts > depending.most)
        is_wrong |= ~np.asarray(is_number.to_numpy(zero_copy_only=False))
        for row in map(int, np.flatnonzero(is_wrong)):
            self.wrong.setdefault(row, Wrong(field=column.name, code="E_OCCURS", at=column.at))
        made: Numbers = np.clip(counts, 0, depending.most)
        return made

    @cached_property
    def lengths(self) -> Numbers:
        """How long each record is by its own table."""
        depending = self.record.depending
        if depending is None:
            return np.full(self.rows, self.record.bytes, dtype=np.int64)
        return depending.at + self.counts * depending.stride

    def _occurrence(self, column: Column) -> int | None:
        depending = self.record.depending
        if depending is None or depending.table not in column.tables:
            return None
        return column.subscripts[column.tables.index(depending.table)]

    def check_unused(self) -> None:
        """Occurrences beyond the count must hold nothing, or the count has lost them."""
        depending = self.record.depending
        if depending is None:
            return
        for column in self.record.columns:
            number = self._occurrence(column)
            if number is None or column.is_extra:
                continue
            rows = np.flatnonzero(self.counts < number)
            cells = self.cells(column.span)[rows]
            is_blank = (cells == cells[:, :1]).all(axis=1) & np.isin(cells[:, 0], self._blanks)
            is_neutral = (cells == neutral(column.cell, self.storage)).all(axis=1)
            for row in map(int, rows[~(is_blank | is_neutral)]):
                self.wrong.setdefault(row, Wrong(field=depending.on, code="E_OCCURS", at=column.at))

    @cached_property
    def _blanks(self) -> Bytes:
        """Bytes that fill what holds nothing: zero bits, blanks, the figure 0."""
        return np.frombuffer(b"\0" + self.storage.codec.encode(" 0"), dtype=np.uint8)

    # redefinitions ------------------------------------------------------------------------------

    def _choice(self, number: int) -> Numbers:
        if number not in self._choices:
            self._choices[number] = self._chosen(self.record.areas[number])
        return self._choices[number]

    @cached_property
    def _choices(self) -> dict[int, Numbers]:
        return {}

    def _chosen(self, area: Area) -> Numbers:
        """The alternative of each record, by the first rule that holds; none is wrong where the area is."""
        chosen = np.full(self.rows, NEITHER, dtype=np.int64)
        for take in reversed(area.takes):
            chosen[self._holds(take.field, take.equals)] = take.alternative
        return chosen

    def _holds(self, name: str | None, values: frozenset[str]) -> Flags:
        if name is None:
            return np.ones(self.rows, dtype=np.bool_)
        column = self.record.column(name)
        assert column is not None
        texts, _ = self._read(column)
        held = pc.is_in(texts.fill_null(""), value_set=pa.array(sorted(values), pa.string()))
        return np.asarray(held.to_numpy(zero_copy_only=False))

    def check_choices(self) -> None:
        """A record for which no rule says what it holds is wrong."""
        for number, area in enumerate(self.record.areas):
            column = next(each for each in self.record.columns if any(a == number for a, _ in each.when))
            outer = [self._choice(a) == alternative for a, alternative in column.when if a != number]
            is_there = np.logical_and.reduce(outer) if outer else np.ones(self.rows, dtype=np.bool_)
            if (occurrence := self._occurrence(column)) is not None:
                is_there &= self.counts >= occurrence
            for row in map(int, np.flatnonzero(is_there & (self._choice(number) == NEITHER))):
                self.wrong.setdefault(row, Wrong(field=area.name, code="E_REDEFINES", at=column.at))


def neutral(cell: Cell, storage: Storage) -> Bytes:
    """A cell of that kind that can always be read: zero or blank."""
    value = "0" if cell.digits else ""
    cells, _ = write_cells(pa.array([value], pa.string()), cell, storage, first=0)
    return cells
