"""Fixed-length records, cut by bytes: header, data, trailer with count and control totals.

Columns are sliced as bytes first and decoded afterwards, a whole block of one column in one call, so a
two-byte character cut at a field's end can never swallow the start of the next field. Padding at a
column's end belongs to the layout and is dropped; nothing else of a value is touched.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from renkei.errors import Stop
from renkei.failpoint import failpoint
from renkei.formats import columns as decoding
from renkei.formats.layout import (
    POSITION,
    Column,
    Key,
    Reject,
    Total,
    columns_of,
    key_of,
    rejects_table,
)
from renkei.model import Batch, Control

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Rows = np.ndarray[Any, np.dtype[np.int64]]

#: Records in one block: bounds the memory that decoding takes beside the result.
BLOCK = 200_000


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A fixed-length format as declared."""

    encoding: str
    record: int
    header: str
    data: str
    trailer: str
    kind_at: int
    columns: tuple[Column, ...]
    header_columns: tuple[Column, ...]
    trailer_columns: tuple[Column, ...]
    count: str | None
    totals: tuple[Total, ...]
    as_of: str | None
    key: Key


def layout_of(declaration: Mapping[str, Any]) -> Layout:
    """Read the declaration of a fixed-length format."""
    return Layout(
        encoding=declaration.get("encoding", "cp932"),
        record=declaration["record"],
        header=declaration.get("header", "1"),
        data=declaration.get("data", "2"),
        trailer=declaration.get("trailer", "8"),
        kind_at=declaration.get("kind_at", 1),
        columns=columns_of(declaration["columns"]),
        header_columns=columns_of(declaration.get("header_columns", ())),
        trailer_columns=columns_of(declaration.get("trailer_columns", ())),
        count=declaration.get("count"),
        totals=tuple(_total(each) for each in declaration.get("totals", ())),
        as_of=declaration.get("as_of"),
        key=key_of(declaration),
    )


def _total(declared: Mapping[str, Any]) -> Total:
    return Total(trailer=declared["trailer"], of=declared["of"], modulo=10 ** declared.get("digits", 15))


@dataclass
class _Found:
    """What the blocks have given so far."""

    tables: list[pa.Table] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)


def read(path: Path, declaration: Mapping[str, Any], *, feed: str) -> Batch:
    """Read the file whole or not at all: structure, count and totals are proved before a Batch exists."""
    layout = layout_of(declaration)
    records = _records(path, layout, feed=feed)
    _check_kinds(records, layout, feed=feed)
    control = _control(records, layout, feed=feed)
    found = _Found(totals=[0] * len(layout.totals))
    for start, block in _blocks(records):
        failpoint("parse.block")
        _read_block(block, start, layout=layout, found=found)
        _check_encoding(found, layout, records=len(records) - 2, feed=feed)
    _check_totals(found.totals, layout, control=control, feed=feed)
    schema = pa.schema([*POSITION, *((each.name, pa.string()) for each in layout.columns)])
    table = pa.concat_tables(found.tables) if found.tables else schema.empty_table()
    rejects = rejects_table(found.rejects)
    return Batch(feed=feed, table=table, rejects=rejects, records=len(records) - 2, control=control)


def _records(path: Path, layout: Layout, *, feed: str) -> Bytes:
    """The file as rows of bytes, mapped and not read."""
    size = path.stat().st_size
    if size == 0:
        raise Stop("E_TRAILER_MISSING", feed=feed)
    if size % layout.record:
        raise Stop("E_RECORD_LENGTH", feed=feed, bytes=size, record=layout.record)
    return np.memmap(path, dtype=np.uint8, mode="r").reshape(-1, layout.record)


def _check_kinds(records: Bytes, layout: Layout, *, feed: str) -> None:
    """Header first, trailer last, only data between."""
    width = len(layout.data)
    kinds = np.ascontiguousarray(records[:, layout.kind_at - 1 : layout.kind_at - 1 + width]).view(
        f"S{width}"
    )
    kinds = kinds.reshape(-1)
    _refuse_kind(np.flatnonzero(kinds[:1] != layout.header.encode()), layout, feed=feed)
    trailers = np.flatnonzero(kinds == layout.trailer.encode())
    if len(records) < 2 or not len(trailers):
        raise Stop("E_TRAILER_MISSING", feed=feed)
    body = kinds[1:-1]
    _refuse_kind(np.flatnonzero(body != layout.data.encode()) + 1, layout, feed=feed)
    if trailers[-1] != len(records) - 1:
        _refuse_kind(np.array([len(records) - 1]), layout, feed=feed)


def _refuse_kind(rows: Rows, layout: Layout, *, feed: str) -> None:
    if len(rows):
        first = int(rows[0])
        raise Stop("E_RECORD_KIND", feed=feed, rec_no=first, offset=first * layout.record)


def _control(records: Bytes, layout: Layout, *, feed: str) -> Control:
    """Header and trailer by name; the trailer's count is proved here."""
    header = _named(records[0], layout.header_columns, layout, feed=feed)
    trailer = _named(records[-1], layout.trailer_columns, layout, feed=feed)
    counted = len(records) - 2
    if layout.count and _whole(trailer[layout.count]) != counted:
        raise Stop("E_TRAILER_COUNT", feed=feed, stated=trailer[layout.count], counted=counted)
    return Control(header=header, trailer=trailer, as_of=_as_of(header, layout, feed=feed))


def _named(record: Bytes, columns: tuple[Column, ...], layout: Layout, *, feed: str) -> dict[str, str]:
    named = {}
    for column in columns:
        raw = record[column.span].tobytes()
        try:
            named[column.name] = decoding.decode_one(raw, layout.encoding).rstrip(decoding.PADDING)
        except UnicodeDecodeError as error:
            facts = {"encoding": layout.encoding, "rec_no": 0, "field": column.name, "offset": error.start}
            raise Stop("E_ENCODING", feed=feed, **facts) from None
    return named


def _as_of(header: Mapping[str, str], layout: Layout, *, feed: str) -> date | None:
    """The day the header says the file was made (作成日), YYYYMMDD."""
    if layout.as_of is None:
        return None
    try:
        text = header[layout.as_of]
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        raise Stop("E_HEADER_DATE", feed=feed, field=layout.as_of) from None


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _blocks(records: Bytes) -> Iterator[tuple[int, Bytes]]:
    """Data records with the number of the first, block by block."""
    last = len(records) - 1
    for start in range(1, last, BLOCK):
        yield start, records[start : min(start + BLOCK, last)]


def _read_block(block: Bytes, start: int, *, layout: Layout, found: _Found) -> None:
    bad: dict[int, Reject] = {}
    arrays = []
    for column in layout.columns:
        array, errors = decoding.decode_column(block[:, column.span], layout.encoding)
        arrays.append(array)
        for row, at in errors.items():
            bad.setdefault(row, _bad_encoding(start + row, column, layout=layout, at=at))
    for number, total in enumerate(layout.totals):
        column = next(each for each in layout.columns if each.name == total.of)
        found.totals[number] = (found.totals[number] + _sum(block[:, column.span])) % total.modulo
    table = _table(arrays, start, layout=layout)
    if bad:
        found.rejects += [_with_key(reject, table, start=start, key=layout.key) for reject in bad.values()]
        keep = np.ones(len(block), dtype=bool)
        keep[list(bad)] = False
        table = table.filter(pa.array(keep))
    found.tables.append(table)


def _bad_encoding(rec_no: int, column: Column, *, layout: Layout, at: int) -> Reject:
    offset = rec_no * layout.record
    where = offset + column.at - 1 + at
    return Reject(
        rec_no=rec_no,
        field=column.name,
        code="E_ENCODING",
        detail=f"byte={where}",
        offset=offset,
        length=layout.record,
    )


def _with_key(reject: Reject, table: pa.Table, *, start: int, key: Key) -> Reject:
    """Name the record by its key columns where those can be read."""
    values = [table.column(name)[reject.rec_no - start].as_py() for name in key.columns]
    name = key.join.join(values) if values and all(values) else None
    return Reject(**{**vars(reject), "source_key": name})


def _table(arrays: list[pa.Array], start: int, *, layout: Layout) -> pa.Table:
    rec_no = np.arange(start, start + len(arrays[0]), dtype=np.int64)
    lengths = np.full(len(rec_no), layout.record, dtype=np.int64)
    positions = [pa.array(rec_no), pa.array(rec_no * layout.record), pa.array(lengths)]
    schema = pa.schema([*POSITION, *((each.name, pa.string()) for each in layout.columns)])
    return pa.table([*positions, *arrays], schema=schema)


def _sum(cells: Bytes) -> int:
    """Exact sum of a zero-padded number column; a cell that is not all digits adds nothing."""
    digits = cells.astype(np.int64) - ord("0")
    digits[~((digits >= 0) & (digits <= 9)).all(axis=1)] = 0
    return sum(int(total) * 10**power for power, total in enumerate(digits.sum(axis=0)[::-1]))


def _check_encoding(found: _Found, layout: Layout, *, records: int, feed: str) -> None:
    """One bad record is set aside; over 5 % of them, the encoding itself is wrong."""
    if len(found.rejects) > max(1, 0.05 * records):
        first = found.rejects[0]
        facts = {"encoding": layout.encoding, "rec_no": first.rec_no, "field": first.field}
        raise Stop("E_ENCODING", feed=feed, offset=first.detail.removeprefix("byte="), **facts)


def _check_totals(totals: list[int], layout: Layout, *, control: Control, feed: str) -> None:
    for counted, total in zip(totals, layout.totals, strict=True):
        stated = control.trailer[total.trailer]
        if _whole(stated) != counted:
            raise Stop("E_TRAILER_TOTAL", feed=feed, field=total.of, stated=stated, counted=counted)
