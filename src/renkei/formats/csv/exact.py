"""CSV record by record: slow, exact, and sure of what is wrong with which one.

The fast parser reads what is sound; this one judges the rest, in bytes, so that every place is known. A
field that begins with a quote ends with one; anything else there is broken, and its record goes on to the
next line end that no quote surrounds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from renkei.formats.csv.layout import Layout

#: A record longer than this is one whose quote never closed.
LONGEST = 64 << 20

#: What is wrong with a file, not with a record: nobody can say where its records end.
OPEN_QUOTE = "E_CSV_OPEN_QUOTE"

_WIDE = rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]|"


@dataclass(kw_only=True)
class Row:
    """One record: its fields (None for a null), where they begin, and what is wrong with it, if anything."""

    start: int
    end: int = 0
    fields: list[bytes | None] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    code: str = ""
    at: int = 0
    is_well_ended: bool = True

    def refuse(self, code: str, at: int) -> None:
        """Keep the first thing that is wrong, and its place."""
        if not self.code:
            self.code, self.at = code, at


@dataclass(frozen=True, kw_only=True)
class _Grammar:
    """The patterns of one layout, over bytes. ``stray`` is the rest of a field, ``broken`` of a record."""

    quoted: re.Pattern[bytes]
    bare: re.Pattern[bytes]
    stray: re.Pattern[bytes]
    broken: re.Pattern[bytes]
    escaped: re.Pattern[bytes]
    doubled: re.Pattern[bytes]


def rows(data: bytes, layout: Layout, *, is_end: bool) -> Iterator[Row]:
    """The records of ``data``; one that is not whole yet is left, unless this is the file's end.

    A quote that is still open at the end gives a last row that reaches to the end, with OPEN_QUOTE.
    """
    grammar = _grammar(layout.delimiter, layout.quote, layout.escape, is_mixed=layout.is_mixed)
    at = 0
    while at < len(data):
        row = _Scan(data=data, layout=layout, grammar=grammar, is_end=is_end).row(at)
        if row is None:
            return
        yield row
        at = row.end


@cache
def _grammar(delimiter: str, quote: str, escape: str, *, is_mixed: bool) -> _Grammar:
    end, mark = re.escape(delimiter.encode()), re.escape(quote.encode())
    escaped = re.escape(escape.encode()) + rb"[\x00-\xff]|" if escape else b""
    whole = escaped + (_WIDE if is_mixed else b"")
    inside = b"(?:" + whole + (mark + mark + b"|[^" + mark + b"]" if quote else b"(?!)") + b")*+"
    closed = mark + inside + mark if quote else b"(?!)"
    patterns = {
        "quoted": mark + b"(" + inside + b")" + mark if quote else b"(?!)()",
        "bare": b"(?:" + whole + b"[^" + end + mark + rb"\r\n])*+",
        "stray": b"(?:" + whole + b"[^" + end + rb"\r\n])*+",
        "broken": b"(?:" + closed + b"|" + whole + b"[^" + mark + rb"\r\n])*+",
        "escaped": b"(" + (_WIDE if is_mixed else b"") + b"(?!))|" + escaped + b"(?!)",
        "doubled": b"(" + (_WIDE if is_mixed else b"") + b"(?!))|" + escaped + mark + (mark or b"(?!)"),
    }
    return _Grammar(**{name: re.compile(each, re.DOTALL) for name, each in patterns.items()})


@dataclass(frozen=True, kw_only=True)
class _Scan:
    data: bytes
    layout: Layout
    grammar: _Grammar
    is_end: bool

    def row(self, start: int) -> Row | None:
        """The record that begins there; None where more bytes are needed to know it."""
        row = Row(start=start)
        at: int | None = start
        delimiter = self.layout.delimiter.encode()
        while at is not None:
            at = self._field(row, at)
            if at is None or self.data[at : at + 1] != delimiter:
                break
            at += 1
        return self._unclosed(row) if at is None else self._ended(row, at)

    def _field(self, row: Row, at: int) -> int | None:
        """Take one field; where it ends, or None for a quote that does not close."""
        row.places.append(at)
        quote = self.layout.quote.encode()
        if quote and self.data.startswith(quote, at):
            return self._quoted(row, at)
        found = self.grammar.bare.match(self.data, at)
        end = found.end() if found else at
        if quote and self.data.startswith(quote, end):
            row.refuse("E_CSV_QUOTE", end)
            stray = self.grammar.stray.match(self.data, end)
            end = stray.end() if stray else end
        value = _plain(self.data[at:end], self.grammar.escaped)
        self._add(row, None if value == self._null else value, at)
        return end

    def _quoted(self, row: Row, at: int) -> int | None:
        found = self.grammar.quoted.match(self.data, at)
        if found is None:
            return None
        quote = self.layout.quote.encode()
        self._add(row, _plain(found[1], self.grammar.doubled), at)
        end = found.end()
        if end == len(self.data) or self.data[end : end + 1] in {
            self.layout.delimiter.encode(),
            b"\r",
            b"\n",
        }:
            return end
        row.refuse("E_CSV_QUOTE", end)
        broken = self.grammar.broken.match(self.data, end)
        end = broken.end() if broken else end
        return None if self.data.startswith(quote, end) else end

    @property
    def _null(self) -> bytes | None:
        return None if self.layout.null is None else self.layout.codec.encode(self.layout.null)

    def _add(self, row: Row, value: bytes | None, at: int) -> None:
        row.fields.append(value)
        if value is not None and b"\0" in value:
            row.refuse("E_BAD_CHARACTER", self.data.index(b"\0", at))

    def _unclosed(self, row: Row) -> Row | None:
        if not self.is_end:
            return None
        row.code, row.at, row.end = OPEN_QUOTE, row.places[-1], len(self.data)
        return row

    def _ended(self, row: Row, at: int) -> Row | None:
        """Close the record at its line end, which must be the declared one."""
        found = self.data[at : at + 2]
        ending = b"\r\n" if found == b"\r\n" else found[:1]
        if not self.is_end and (not found or found == b"\r"):
            return None
        row.end = at + len(ending)
        if ending != self.layout.eol and (ending or self.layout.needs_last_eol):
            row.refuse("E_CSV_EOL", at)
            row.is_well_ended = not ending
        return row


def _plain(raw: bytes, marks: re.Pattern[bytes]) -> bytes:
    """The field without its escapes and doubled quotes."""
    return marks.sub(lambda found: found[1] or found[0][1:], raw)
