"""CSV written for machines: marks, quotes, line ends and nulls as declared; nothing replaced or neutralised.

A value that begins with = or @ is written as it is: what a spreadsheet makes of it is not for a file between
two systems to prevent.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from renkei.errors import Stop
from renkei.formats import Written
from renkei.formats.csv.layout import BOM, Layout, Line, layout_of
from renkei.formats.drift import check_columns
from renkei.formats.encodings.blocks import parts_of
from renkei.formats.layout import Reject, control_values, key_value, rejects_table, sum_of_texts
from renkei.model import REC_NO, Control

#: Records in one block.
BLOCK = 200_000

_NUMERIC = r"^-?[0-9]+(\.[0-9]+)?$"


def write(
    table: pa.Table,
    declaration: Mapping[str, Any],
    path: Path,
    *,
    feed: str,
    control: Control | Mapping[str, Any] | None = None,
) -> Written:
    """Write the records; one that cannot be written as it is, is set aside. On disk when this returns."""
    layout = layout_of(declaration)
    check_columns([name for name in table.column_names if name[:2] != "__"], layout.columns, feed=feed)
    given = control_values(control)
    if layout.header is not None and _computed(layout) & set(layout.header.columns):
        # a count before the records: they are made twice, the first time only to be counted
        counting = _Writer(
            layout=layout_of(declaration), control=given | dict.fromkeys(_computed(layout), ""), feed=feed
        )
        for _ in counting.content(table):
            pass
        given |= counting.computed
    writer = _Writer(layout=layout, control=given, feed=feed)
    with path.open("w+b") as file:
        for raw in writer.content(table):
            file.write(raw)
        file.flush()
        os.fsync(file.fileno())
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Written(
        records=writer.records,
        bytes=path.stat().st_size,
        sha256=digest,
        rejects=rejects_table(writer.rejects),
        losses=layout.codec.losses.table(),
    )


@dataclass(kw_only=True)
class _Writer:
    """One file being written."""

    layout: Layout
    control: Mapping[str, str]
    feed: str
    records: int = 0
    totals: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    @property
    def computed(self) -> dict[str, str]:
        """What the records written so far came to, by the names of the control lines."""
        totals = zip(self.layout.totals, self.totals, strict=True)
        made = {total.trailer: str(each) for total, each in totals}
        return made if self.layout.count is None else {**made, self.layout.count: str(self.records)}

    def content(self, table: pa.Table) -> Iterator[bytes]:
        """The file from its first byte to its last."""
        self.totals = [0] * len(self.layout.totals)
        names = [name for name in self.layout.places if name in table.column_names]
        yield BOM if self.layout.bom != "absent" else b""
        yield self._control_line(self.layout.header)
        if self.layout.has_names:
            yield self._line(names, names)
        for start in range(0, len(table), BLOCK):
            yield self._block(table.slice(start, BLOCK).combine_chunks(), names, start)
        yield self._control_line(self.layout.trailer)

    def _block(self, table: pa.Table, names: Sequence[str], start: int) -> bytes:
        bad: dict[int, tuple[str, str]] = {}
        raws = []
        for name in names:
            texts = table.column(name).combine_chunks().cast(pa.string())
            raw, reasons = self._fields(texts, start + 1)
            raws.append(raw)
            for row, reason in reasons.items():
                bad.setdefault(row, (name, reason))
        self._set_aside(table, bad, start)
        if bad:
            keep = np.ones(len(table), dtype=bool)
            keep[list(bad)] = False
            table, raws = table.filter(pa.array(keep)), [raw.filter(pa.array(keep)) for raw in raws]
        self._add_up(table)
        raws[-1] = pc.binary_join_element_wise(raws[-1], b"", self.layout.eol)
        return _joined(raws, self.layout.delimiter.encode())

    def _fields(self, texts: pa.Array, first: int) -> tuple[pa.Array, dict[int, str]]:
        """The fields of one column as bytes, and why some have none."""
        refused: dict[int, str] = {}
        if _has_any(texts, "\0"):
            refused |= dict.fromkeys(_rows(pc.match_substring(texts, "\x00")), "E_BAD_CHARACTER NUL")
        if self.layout.null is None and texts.null_count:
            refused |= dict.fromkeys(_rows(texts.is_null()), "E_CSV_NULL")
        made, unquotable = self._quoted(texts.fill_null(""))
        refused |= dict.fromkeys(unquotable, "E_CSV_NO_QUOTE")
        if texts.null_count:
            made = pc.if_else(texts.is_valid(), made, self.layout.null or "")
        raws, reasons = self.layout.codec.encode_cells(made, first=first)
        return raws.fill_null(b""), {**reasons, **refused}

    def _quoted(self, texts: pa.Array) -> tuple[pa.Array, Sequence[int]]:
        """The texts with their quotes, and the rows that would need quotes where there are none."""
        layout, needs = self.layout, self._needs(texts)
        if not layout.quote:
            if not layout.escape:
                return texts, _rows(needs)
            return self._escaped(texts, layout.delimiter + "\r\n"), _rows(self._is_null_text(texts))
        if not pc.any(needs).as_py():
            return texts, ()
        inner = self._escaped(texts, layout.quote)
        if not layout.escape and _has_any(texts, layout.quote):
            inner = pc.replace_substring(texts, layout.quote, layout.quote * 2)
        quoted = pc.binary_join_element_wise(layout.quote, inner, layout.quote, "")
        return pc.if_else(needs, quoted, texts), ()

    def _escaped(self, texts: pa.Array, special: str) -> pa.Array:
        for char in self.layout.escape + special if self.layout.escape else "":
            texts = pc.replace_substring(texts, char, self.layout.escape + char)
        return texts

    def _needs(self, texts: pa.Array) -> pa.Array:
        """Which values are quoted: all, those that are no number, or those that would be misread."""
        layout = self.layout
        if layout.quote and layout.quoting == "all":
            return pa.array(np.ones(len(texts), dtype=bool))
        special = layout.delimiter + "\r\n" + layout.quote + layout.escape
        needs = self._is_null_text(texts)
        for char in special if _has_any(texts, special) else "":
            needs = pc.or_(needs, pc.match_substring(texts, char))
        if layout.quote and layout.quoting == "non-numeric":
            needs = pc.or_(needs, pc.invert(pc.match_substring_regex(texts, _NUMERIC)))
        return needs

    def _is_null_text(self, texts: pa.Array) -> pa.Array:
        """Values that unquoted would be read as nulls."""
        if self.layout.null is None:
            return pa.array(np.zeros(len(texts), dtype=bool))
        return pc.equal(texts, self.layout.null)

    def _set_aside(self, table: pa.Table, bad: Mapping[int, tuple[str, str]], start: int) -> None:
        for row, (name, reason) in sorted(bad.items()):
            code, _, detail = reason.partition(" ")
            number = table.column(REC_NO)[row].as_py() if REC_NO in table.column_names else start + row + 1
            key = key_value(table, row, self.layout.key)
            self.rejects.append(Reject(rec_no=number, field=name, code=code, detail=detail, source_key=key))

    def _add_up(self, table: pa.Table) -> None:
        self.records += len(table)
        for place, total in enumerate(self.layout.totals):
            if total.of in table.column_names:  # an optional column that is away adds nothing
                values = table.column(total.of).combine_chunks().cast(pa.binary())
                self.totals[place] = (self.totals[place] + sum_of_texts(values)) % total.modulo

    def _control_line(self, line: Line | None) -> bytes:
        """Mark, what was given, and what the records came to."""
        if line is None:
            return b""
        computed = self.computed if line is self.layout.trailer else {}
        values = {**self.control, **computed, line.columns[0]: line.mark}
        for name in line.columns:
            if name not in values:
                raise Stop("E_CONTROL_MISSING", feed=self.feed, field=name)
        return self._line([values[name] for name in line.columns], line.columns)

    def _line(self, texts: Sequence[str], names: Sequence[str]) -> bytes:
        """A line that is no record; ``names`` say which text cannot be written."""
        quoted, unquotable = self._quoted(pa.array(texts, pa.string()))
        raws, reasons = self.layout.codec.encode_cells(quoted)
        for row in (*unquotable, *reasons):
            raise Stop("E_CONTROL_VALUE", feed=self.feed, field=names[int(row)], width=0)
        return self.layout.delimiter.encode().join(raws.to_pylist()) + self.layout.eol


def _computed(layout: Layout) -> set[str]:
    """The names of control values that the records decide."""
    return {total.trailer for total in layout.totals} | {layout.count or ""}


def _rows(mask: pa.Array) -> Sequence[int]:
    found: Sequence[int] = np.flatnonzero(
        mask.fill_null(fill_value=False).to_numpy(zero_copy_only=False)
    ).tolist()
    return found


def _has_any(texts: pa.Array, characters: str) -> bool:
    """True when any of these ASCII characters occurs at all."""
    content = parts_of(texts)[1].tobytes()
    return any(character in content for character in characters.encode())


def _joined(columns: Sequence[pa.Array], delimiter: bytes) -> bytes:
    """All fields of all records, one after the other."""
    _, data = parts_of(pc.binary_join_element_wise(*columns, delimiter))
    return data.tobytes()
