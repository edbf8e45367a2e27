"""COBOL files read whole or not at all: structure, lengths, counts and totals are proved by the copybook."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from renkei.errors import Stop
from renkei.failpoint import failpoint
from renkei.formats.cobol import rows
from renkei.formats.cobol.block import Block, Wrong
from renkei.formats.cobol.layout import Record
from renkei.formats.cobol.plan import Plan, Role, plan_of
from renkei.formats.cobol.rows import Places
from renkei.formats.cobol.totals import Sums
from renkei.formats.fixed.groups import Structure, structure_of
from renkei.formats.fixed.layout import Rows
from renkei.formats.fixed.records import Records, blocks, open_records
from renkei.formats.layout import POSITION, Reject, is_too_many, key_value, number, quotable, rejects_table
from renkei.model import Batch, Control


def read(path: Path, declaration: Mapping[str, Any], *, feed: str) -> Batch:
    """Read one file as its copybook describes it. Raises Stop when the file as a whole is not sound."""
    plan = plan_of(declaration, feed=feed)
    records = open_records(path, plan.frame, feed=feed)
    if not len(records) and plan.frame.kind("trailer") is not None:
        raise Stop("E_TRAILER_MISSING", feed=feed)
    reader = _Reader(
        plan=plan, records=records, structure=structure_of(records, plan.frame, feed=feed), feed=feed
    )
    control = reader.control()
    tables = list(reader.tables())
    reader.sums.check(dict(control.trailer), feed=feed)
    return Batch(
        feed=feed,
        table=pa.concat_tables([reader.schema.empty_table(), *tables]),
        rejects=rejects_table(reader.rejects),
        records=reader.made,
        control=control,
        losses=plan.storage.losses.table(),
    )


@dataclass(kw_only=True)
class _Reader:
    """One file being read. ``made`` counts rows, ``bad`` the records that were set aside."""

    plan: Plan
    records: Records
    structure: Structure
    feed: str
    made: int = 0
    bad: int = 0
    rejects: list[Reject] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sums = Sums(record=self.plan.data, totals=self.plan.totals)

    @property
    def schema(self) -> pa.Schema:
        """Positions, then the columns."""
        return pa.schema([*POSITION, *((name, pa.string()) for name in self.plan.names)])

    @property
    def own(self) -> Rows:
        """Numbers of the feed's own records."""
        return self.structure.by_kind[self.plan.frame.data]

    # what the file says of itself ---------------------------------------------------------------

    def control(self) -> Control:
        """Header and trailer by name; the stated count is proved here."""
        group = self.structure.groups[0]
        header = self._named("header", group.header)
        trailer = self._named("trailer", group.trailer) | self._named("end", self.structure.end)
        if self.plan.count is not None:
            stated = trailer[self.plan.count]
            if number(stated) != len(self.own):
                raise Stop("E_TRAILER_COUNT", feed=self.feed, stated=quotable(stated), counted=len(self.own))
        return Control(header=header, trailer=trailer, as_of=self._day(header))

    def _named(self, role: Role, row: int | None) -> dict[str, str]:
        record = self.plan.controls.get(role)
        if row is None or record is None:
            return {}
        block = self._block(np.array([row]), record, first=row)
        values = {column.name: block.text(column)[0].as_py() or "" for column in record.offered}
        for wrong in block.wrong.values():
            raise self._stop(wrong, row=row)
        return values

    def _day(self, header: Mapping[str, str]) -> date | None:
        """The day the header says the file was made (作成日), YYYYMMDD."""
        if self.plan.as_of is None:
            return None
        try:
            text = header[self.plan.as_of]
            return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
        except ValueError:
            raise Stop("E_HEADER_DATE", feed=self.feed, field=self.plan.as_of) from None

    # the records --------------------------------------------------------------------------------

    def tables(self) -> Iterator[pa.Table]:
        """The feed's own records, block by block; those that cannot be read become rejects."""
        first = 1
        for some in blocks(self.own):
            failpoint("parse.block")
            yield self._table(some, first)
            first += len(some)

    def _block(self, some: Rows, record: Record, *, first: int) -> Block:
        return Block(
            record=record,
            storage=self.plan.storage,
            rows=len(some),
            cells=lambda span: self.records.cells(some, span),
            first=first,
        )

    def _table(self, some: Rows, first: int) -> pa.Table:
        block = self._block(some, self.plan.data, first=first)
        self._check_lengths(block, some)
        places = rows.places_of(block, self.plan)
        columns = rows.columns_of(block, self.plan, places)
        block.check_choices()
        if not (self.plan.frame.prefix or self.plan.may_hold_remains):
            block.check_unused()
        self.sums.add(block)
        table = self._positioned(columns, places, some)
        self.made += len(places.records)
        return self._set_aside(table, block, places, some) if block.wrong else table

    def _check_lengths(self, block: Block, some: Rows) -> None:
        """Where each record says how long it is, that must be the length that its table makes."""
        if not self.plan.frame.prefix:
            return
        stated = self.records.lengths(some)
        for row in map(int, np.flatnonzero(stated != block.lengths)):
            at = int(min(stated[row], block.lengths[row]))
            block.wrong.setdefault(row, Wrong(field=self.plan.data.name, code="E_RECORD_SIZE", at=at))

    def _positioned(self, columns: Mapping[str, pa.Array], places: Places, some: Rows) -> pa.Table:
        """The columns with record numbers and byte positions before them."""
        numbers = np.arange(self.made + 1, self.made + 1 + len(places.records))
        offsets, lengths = self.records.offsets(some), self.records.lengths(some)
        positions = [numbers, offsets[places.records], lengths[places.records]]
        arrays = [columns[name] for name in self.plan.names]
        return pa.table([*map(pa.array, positions), *arrays], schema=self.schema)

    def _set_aside(self, table: pa.Table, block: Block, places: Places, some: Rows) -> pa.Table:
        """A record that cannot be read goes with all of its rows."""
        is_wrong = np.zeros(block.rows, dtype=np.bool_)
        is_wrong[list(block.wrong)] = True
        offsets = self.records.offsets(some)
        for row in map(int, np.flatnonzero(is_wrong[places.records])):
            record = int(places.records[row])
            self.rejects.append(self._reject(table, row, block.wrong[record], int(offsets[record])))
        self.bad += len(block.wrong)
        if is_too_many(self.bad, len(self.own)):
            record = min(block.wrong)
            raise self._stop(block.wrong[record], row=int(some[record]))
        return table.filter(pa.array(~is_wrong[places.records]))

    def _reject(self, table: pa.Table, row: int, wrong: Wrong, offset: int) -> Reject:
        values = [table.column(each.name)[row].as_py() for each in POSITION]
        return Reject(
            rec_no=values[0],
            field=wrong.field,
            code=wrong.code,
            detail=f"byte={offset + wrong.at}",
            offset=values[1],
            length=values[2],
            source_key=key_value(table, row, self.plan.key),
        )

    def _stop(self, wrong: Wrong, *, row: int) -> Stop:
        """What is wrong with one record, said of the whole file; ``row`` counts from 0."""
        offset = int(self.records.offsets(np.array([row]))[0]) + wrong.at
        facts = {"encoding": self.plan.storage.codec.name, "rec_no": row, "field": wrong.field}
        return Stop(wrong.code, feed=self.feed, offset=offset, **facts)
