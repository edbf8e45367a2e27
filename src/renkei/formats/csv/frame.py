"""What stands around the records of a CSV file: byte order mark, control lines, the line of names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import IO

from renkei.errors import Stop
from renkei.formats.csv.exact import Row, rows
from renkei.formats.csv.layout import BOM, Layout, Line
from renkei.formats.drift import check_columns
from renkei.model import Control

#: How far the control lines may reach into the file from its start or its end.
_REACH = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where the records lie, what their fields are called, and what the control lines state."""

    begin: int
    end: int
    lines_before: int
    names: tuple[str, ...]
    header: Mapping[str, str]
    trailer: Mapping[str, str]
    as_of: date | None
    strangers: tuple[str, ...] = ()

    @property
    def stated(self) -> dict[str, str]:
        """Values of both control lines by name."""
        return {**self.header, **self.trailer}

    def control(self) -> Control:
        """The control lines, as every format tells them."""
        return Control(header=self.header, trailer=self.trailer, as_of=self.as_of)


def frame_of(file: IO[bytes], layout: Layout, *, feed: str) -> Frame:
    """Read what is around the records, or Stop where it is not as declared."""
    start = file.read(_REACH)
    size = file.seek(0, 2)
    begin, lines, heads = _heads(start, layout, is_end=len(start) == size, feed=feed)
    header = _values(heads.pop(0), layout.header, layout, feed=feed) if layout.header else {}
    names = _names(heads[0], layout, feed=feed) if layout.has_names else layout.places
    if layout.has_names and not {each.name for each in layout.columns} & set(names):
        # this is a record, and an error that named its fields would quote a resident
        raise Stop("E_CSV_HEADER", feed=feed, line=1 + (layout.header is not None))
    strangers = _check_names(names, layout, feed=feed)
    end, trailer = _tail(file, _without_fill(file, layout, size=size), begin, layout, feed=feed)
    as_of = _day({**header, **trailer}, layout, feed=feed)
    return Frame(
        begin=begin, end=end, lines_before=lines, names=names, header=header, trailer=trailer, as_of=as_of,
        strangers=strangers,
    )  # fmt: skip


def _heads(start: bytes, layout: Layout, *, is_end: bool, feed: str) -> tuple[int, int, list[Row]]:
    """Where the records begin, after how many lines, and the lines before them."""
    has_bom = start.startswith(BOM)
    if has_bom if layout.bom == "absent" else (layout.bom == "required" and not has_bom):
        raise Stop("E_BOM", feed=feed, stated=layout.bom, found="BOM" if has_bom else "no BOM")
    begin = len(BOM) * has_bom
    wanted = int(layout.header is not None) + int(layout.has_names)
    found: list[Row] = []
    for row in rows(start[begin:], layout, is_end=is_end):
        if len(found) == wanted:
            break
        _check_row(row, len(found) + 1, begin, feed=feed)
        found.append(row)
    if len(found) < wanted:
        raise Stop("E_CSV_HEADER", feed=feed, line=len(found) + 1)
    at = found[-1].end if found else 0
    return begin + at, start[begin : begin + at].count(b"\n"), found


def _check_row(row: Row, line: int, begin: int, *, feed: str) -> None:
    """A control line has nothing wrong with it."""
    if row.code:
        raise Stop("E_CSV_LINE", feed=feed, line=line, offset=begin + row.at, reason=row.code)


def _values(row: Row, line: Line, layout: Layout, *, feed: str) -> dict[str, str]:
    """A control line by name; its mark and its number of fields are as declared."""
    texts = _texts(row.fields, layout, feed=feed)
    if len(texts) != len(line.columns) or texts[0] != line.mark:
        raise Stop("E_CSV_HEADER", feed=feed, line=1)
    return dict(zip(line.columns, texts, strict=True))


def _names(row: Row, layout: Layout, *, feed: str) -> tuple[str, ...]:
    return tuple(_texts(row.fields, layout, feed=feed))


def _texts(fields: Sequence[bytes | None], layout: Layout, *, feed: str) -> list[str]:
    try:
        return [layout.codec.decode(each or b"") for each in fields]
    except UnicodeDecodeError as error:
        facts = {"encoding": layout.codec.name, "rec_no": 0, "field": "*", "offset": error.start}
        raise Stop("E_ENCODING", feed=feed, **facts) from None


def _check_names(names: Sequence[str], layout: Layout, *, feed: str) -> tuple[str, ...]:
    """The layout is frozen unless it evolves, and no name stands twice; names that are not declared."""
    strangers = check_columns(names, layout.columns, feed=feed, evolves=layout.evolves)
    for place, name in enumerate(names):
        if name in names[:place]:
            raise Stop("E_COLUMN_UNEXPECTED", feed=feed, column=name)
    return strangers


def _without_fill(file: IO[bytes], layout: Layout, *, size: int) -> int:
    """Where the file ends before what a host filled it up with."""
    if not layout.fill:
        return size
    file.seek(max(0, size - _REACH))
    last = file.read()
    return size - len(last) + len(last.rstrip(layout.fill))


def _tail(file: IO[bytes], end: int, begin: int, layout: Layout, *, feed: str) -> tuple[int, dict[str, str]]:
    """Where the records end, and what the line after them states."""
    if layout.trailer is None:
        return end, {}
    start = max(begin, end - _REACH)
    file.seek(start)
    last = file.read(end - start)
    at = last.rstrip(b"\r\n").rfind(b"\n") + 1
    found = list(rows(last[at:], layout, is_end=True))
    if len(found) != 1 or (found[0].fields or [None])[0] != layout.codec.encode(layout.trailer.mark):
        raise Stop("E_TRAILER_MISSING", feed=feed)
    _check_row(found[0], 0, start + at, feed=feed)
    if len(found[0].fields) != len(layout.trailer.columns):
        raise Stop("E_TRAILER_MISSING", feed=feed)
    return start + at, _values(found[0], layout.trailer, layout, feed=feed)


def _day(stated: Mapping[str, str], layout: Layout, *, feed: str) -> date | None:
    """The day that a control line says the file was made, YYYYMMDD or YYYY-MM-DD."""
    if layout.as_of is None:
        return None
    text = stated[layout.as_of].replace("-", "").replace("/", "")
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        raise Stop("E_HEADER_DATE", feed=feed, field=layout.as_of) from None
