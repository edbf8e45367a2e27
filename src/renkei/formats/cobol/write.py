"""COBOL files written: the exact inverse of reading. A value that does not fit sets its record aside.

The kinds, the count and the totals of header and trailer are the file's own; the rest of their items comes
from ``control``. FILLER and slack bytes are blanks unless the declaration keeps them.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from renkei.errors import Stop
from renkei.formats import Written
from renkei.formats.cobol.block import Block, Wrong
from renkei.formats.cobol.cells import write_cells
from renkei.formats.cobol.layout import Column, Record
from renkei.formats.cobol.numbers import Numbers
from renkei.formats.cobol.plan import Plan, Role, offered, plan_of
from renkei.formats.cobol.rows import Gathered, gather
from renkei.formats.cobol.totals import Sums
from renkei.formats.drift import check_columns
from renkei.formats.encodings.blocks import Bytes
from renkei.formats.fixed.layout import PREFIXES
from renkei.formats.fixed.records import BLOCK
from renkei.formats.layout import Column as Named
from renkei.formats.layout import Reject, control_values, key_value, rejects_table
from renkei.model import REC_NO, Control


def write(
    table: pa.Table,
    declaration: Mapping[str, Any],
    path: Path,
    *,
    feed: str,
    control: Control | Mapping[str, Any] | None = None,
) -> Written:
    """Write the records. On disk when this returns; on an error there is no file."""
    plan = plan_of(declaration, feed=feed)
    _check_names(table, plan, feed=feed)
    writer = _Writer(plan=plan, control=control_values(control), feed=feed)
    try:
        with path.open("w+b") as file:
            writer.write(table, file)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Written(
        records=writer.rows,
        bytes=path.stat().st_size,
        sha256=digest,
        rejects=rejects_table(writer.rejects),
        losses=plan.storage.losses.table(),
    )


def _check_names(table: pa.Table, plan: Plan, *, feed: str) -> None:
    """Every byte needs its column; a further view of bytes may be given and is then compared."""
    given = [name for name in table.column_names if not name.startswith("__")]
    needed = {*offered(plan), *((plan.rows.number,) if plan.rows else ())} - {plan.kind_item}
    views = {plan.row_name(each) for each in plan.data.columns if each.is_extra and not each.is_filler}
    names = [*needed, *(views - needed), *((plan.kind_item,) if plan.kind_item else ())]
    declared = [Named(name=name, optional=name not in needed) for name in names]
    check_columns(given, declared, feed=feed)


@dataclass(kw_only=True)
class _Writer:
    """One file being written. ``records`` counts the data records that are in it, ``rows`` what made them."""

    plan: Plan
    control: Mapping[str, str]
    feed: str
    records: int = 0
    rows: int = 0
    rejects: list[Reject] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sums = Sums(record=self.plan.data, totals=self.plan.totals)

    def write(self, table: pa.Table, file: IO[bytes]) -> None:
        """Header, data block by block, trailer, end."""
        file.write(self._control("header"))
        gathered = gather(table, self.plan)
        for start in range(0, len(gathered.table), BLOCK):
            file.write(self._block(gathered, table, start))
        file.write(self._control("trailer"))
        file.write(self._control("end"))

    # data records -------------------------------------------------------------------------------

    def _block(self, gathered: Gathered, table: pa.Table, start: int) -> bytes:
        some = gathered.table.slice(start, BLOCK).combine_chunks()
        made = _Records(plan=self.plan, record=self.plan.data, table=some, first=start + 1)
        made.fill()
        self._check_rows(made, gathered, slice(start, start + BLOCK))
        self._set_aside(made.wrong, gathered, table, start)
        keep = np.ones(len(some), dtype=np.bool_)
        keep[list(made.wrong)] = False
        lines = made.lines[keep]
        block = Block(
            record=self.plan.data,
            storage=self.plan.storage,
            rows=len(lines),
            cells=lambda span: lines[:, span],
        )
        self.sums.add(block)
        self.records += len(lines)
        self.rows += int(gathered.times[start : start + BLOCK][keep].sum())
        return self._framed(lines, block.lengths)

    def _check_rows(self, made: "_Records", gathered: Gathered, span: slice) -> None:
        """Rows that make one record must be as many as it says that it has."""
        if self.plan.rows is None:
            return
        broken, depending = gathered.broken[span], self.plan.data.depending
        if depending and depending.table == self.plan.rows.table:
            broken = broken | (made.seen().counts != gathered.held[span])
        for row in map(int, np.flatnonzero(broken)):
            made.wrong[row] = (self.plan.rows.table, "E_OCCURS")

    def _set_aside(
        self, wrong: Mapping[int, tuple[str, str]], gathered: Gathered, table: pa.Table, start: int
    ) -> None:
        """Every row of a record that cannot be written."""
        for record, (name, reason) in sorted(wrong.items()):
            first, times = int(gathered.first[start + record]), int(gathered.times[start + record])
            code, _, detail = reason.partition(" ")
            for row in range(first, first + times):
                number = table.column(REC_NO)[row].as_py() if REC_NO in table.column_names else row + 1
                key = _key(table, row, self.plan)
                made = Reject(rec_no=number, field=name, code=code, detail=detail, source_key=key)
                self.rejects.append(made)

    def _framed(self, lines: Bytes, lengths: Numbers) -> bytes:
        """Records as they follow one another: of one length with their line ends, or each behind its own."""
        frame = self.plan.frame
        if not frame.prefix:
            ends = np.tile(np.frombuffer(frame.separator, dtype=np.uint8), (len(lines), 1))
            return np.concatenate([lines, ends], axis=1).tobytes()
        stated = (lengths + PREFIXES[frame.prefix]).astype(">u4").view(np.uint8).reshape(-1, 4)
        if frame.prefix != "varseq1":
            stated = np.concatenate([stated[:, 2:], np.zeros((len(lines), 2), dtype=np.uint8)], axis=1)
        whole = np.concatenate([stated, lines], axis=1)
        made: Bytes = whole[np.arange(whole.shape[1]) < (lengths + 4)[:, None]]
        return made.tobytes()

    # header and trailer -------------------------------------------------------------------------

    def _control(self, role: Role) -> bytes:
        """The control record of a role, or nothing where the file has none."""
        mark = self.plan.frame.kind(role)
        if mark is None:
            return b""
        record = self.plan.controls.get(role) or self.plan.data
        made = _Records(plan=self.plan, record=record, table=self._values(role), first=0)
        if role in self.plan.controls:
            made.fill()
        for name, reason in made.wrong.values():
            code = "E_CONTROL_VALUE" if reason.startswith("E_") else reason
            raise Stop(code, feed=self.feed, field=name, width=record.bytes)
        raw = self.plan.storage.codec.encode(mark)
        at = self.plan.frame.kind_at - 1
        made.lines[:, at : at + len(raw)] = np.frombuffer(raw, dtype=np.uint8)
        return self._framed(made.lines, np.array([record.bytes]))

    def _values(self, role: Role) -> pa.Table:
        """The items of a control record by name; a number that nobody gave is zero."""
        record = self.plan.controls.get(role)
        own = self.sums.texts() if role == "trailer" else {}
        if role == "trailer" and self.plan.count:
            own[self.plan.count] = str(self.records)
        values = {}
        for column in record.offered if record else ():
            usual = "0" if column.cell.digits else ""
            values[column.name] = [own.get(column.name, self.control.get(column.name, usual))]
        return pa.table(values, schema=pa.schema([(name, pa.string()) for name in values]))


def _key(table: pa.Table, row: int, plan: Plan) -> str | None:
    is_known = set(plan.key.columns) <= set(table.column_names)
    return key_value(table, row, plan.key) if is_known else None


# filling records ----------------------------------------------------------------------------------


@dataclass(kw_only=True)
class _Records:
    """Records being filled. ``wrong`` says which row has an item that cannot be written, and why."""

    plan: Plan
    record: Record
    table: pa.Table
    first: int
    wrong: dict[int, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        blank = self.plan.storage.codec.blank[0]
        size = max(self.plan.frame.record, self.record.bytes)
        self.lines = np.full((len(self.table), size), blank, dtype=np.uint8)

    def fill(self) -> None:
        """Items that every record has first, then those that the others say it has."""
        mine = [each for each in self.record.columns if self._is_written(each)]
        self._mark_kind()
        for depth in sorted({len(each.when) for each in mine}):
            block = self.seen()
            for column in mine:
                if len(column.when) == depth:
                    self._fill_column(column, block)
        self._check()

    def _is_written(self, column: Column) -> bool:
        return not column.is_extra and column.name in self.table.column_names

    def _mark_kind(self) -> None:
        """What the kind item of a data record says, unless the table says it."""
        raw = self.plan.storage.codec.encode(self.plan.frame.data)
        at = self.plan.frame.kind_at - 1
        self.lines[:, at : at + len(raw)] = np.frombuffer(raw, dtype=np.uint8)

    def seen(self) -> Block:
        """The records as a reader sees them now."""
        return Block(
            record=self.record,
            storage=self.plan.storage,
            rows=len(self.table),
            cells=lambda span: self.lines[:, span],
            first=self.first,
        )

    def _fill_column(self, column: Column, block: Block) -> None:
        texts = _texts(self.table, column.name)
        cells, reasons = write_cells(texts, column.cell, self.plan.storage, first=self.first)
        present = self._present(column, block)
        if present is None:
            self.lines[:, column.span] = cells
        else:
            self.lines[present, column.span] = cells[present]
            code = "E_REDEFINES" if column.when else "E_OCCURS"
            is_filled = np.asarray(pc.not_equal(texts.fill_null(""), "").to_numpy(zero_copy_only=False))
            for row in map(int, np.flatnonzero(~present & is_filled)):
                self.wrong.setdefault(row, (column.name, f"{code} not in this record"))
        for row, reason in sorted(reasons.items()):
            if present is None or present[row]:
                self.wrong.setdefault(row, (column.name, reason))

    def _present(self, column: Column, block: Block) -> Any:  # noqa: ANN401 (a mask of rows, or None)
        """Which rows have the column; the items that say so were filled before."""
        depending = self.record.depending
        if column.when or (depending and depending.table in column.tables):
            return block.has(column)
        return None

    def _check(self) -> None:
        """The bytes must say what was given: the kind, the counts, and every further view of them."""
        block = self.seen()
        block.check_choices()
        if self.record.depending:
            assert block.counts is not None
        if self.record is self.plan.data:
            self._check_kind()
        for column in self.record.columns:
            if column.is_extra and column.name in self.table.column_names:
                self._compare(column, block)
        for row, wrong in block.wrong.items():
            self.wrong.setdefault(row, _why(wrong))

    def _check_kind(self) -> None:
        mark = self.plan.storage.codec.encode(self.plan.frame.data)
        at = self.plan.frame.kind_at - 1
        differs = self.lines[:, at : at + len(mark)] != np.frombuffer(mark, dtype=np.uint8)
        for row in map(int, np.flatnonzero(differs.any(axis=1))):
            self.wrong.setdefault(row, (self.plan.kind_item or "", "E_RECORD_KIND"))

    def _compare(self, column: Column, block: Block) -> None:
        given = _texts(self.table, column.name)
        seen = block.text(column).fill_null("")
        differs = pc.not_equal(pc.if_else(given.is_valid(), given, seen), seen)
        for row in pc.indices_nonzero(differs).to_pylist():
            self.wrong.setdefault(row, (column.name, "E_REDEFINES another view says otherwise"))


def _texts(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name).combine_chunks().cast(pa.string())
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column


def _why(wrong: Wrong) -> tuple[str, str]:
    return wrong.field, wrong.code
