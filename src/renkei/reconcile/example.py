"""The little tables of a rule file: what must be found, what must not; run as tests, shown in the manual."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from renkei.reconcile.query import nearest

_ZONE = ZoneInfo("Asia/Tokyo")
_RULER = re.compile(r"^[\s|:+-]+$")


@dataclass(frozen=True, kw_only=True)
class Example:
    """Rows of each relation on a day; ``finds`` names the rows to be found, and is None in must_not_find."""

    story: str
    as_of: date
    given: Mapping[str, pa.Table]
    finds: tuple[Mapping[str, str], ...] | None


class NotATable(ValueError):
    """A text table that cannot be read; ``nearest`` may name the column that was meant."""

    def __init__(self, expected: str, found: str, near: str | None = None) -> None:
        super().__init__(expected, found)
        self.expected, self.found, self.near = expected, found, near


def rows_of(text: str) -> list[dict[str, str]]:
    """A text table's rows: a header line, cells between bars, an empty cell for null."""
    lines = [line.strip() for line in text.strip().splitlines()]
    cells = [[cell.strip() for cell in line.split("|")] for line in lines if line and not _RULER.match(line)]
    if not cells:
        raise NotATable("a header line", "nothing")
    header = cells[0]
    for row in cells[1:]:
        if len(row) != len(header):
            raise NotATable(f"{len(header)} cells", f"{len(row)} in {' | '.join(row)}")
    return [dict(zip(header, row, strict=True)) for row in cells[1:]]


# A table is read when its file is checked and again when the rule is made; nobody changes one.
@lru_cache(maxsize=4096)
def table_of(text: str, schema: pa.Schema, *, as_of: date) -> pa.Table:
    """Typed rows with every column of the relation; columns not written are null.

    A relation's own ``as_of`` is the example's day unless the table says otherwise.
    """
    rows = rows_of(text)
    for name in rows[0] if rows else ():
        if name not in schema.names:
            raise NotATable("a known column", name, nearest(name, schema.names))
    written = set(rows[0]) if rows else set()
    columns = [[_typed(row.get(field.name, ""), field) for row in rows] for field in schema]
    if "as_of" in schema.names and "as_of" not in written:
        columns[schema.get_field_index("as_of")] = [as_of for _ in rows]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _typed(cell: str, field: pa.Field) -> object:
    if not cell:
        return None
    read = next((parse for fits, parse in _PARSERS if fits(field.type)), str)
    try:
        return read(cell)
    except (KeyError, ValueError) as wrong:
        raise NotATable(f"{field.name} as {field.type}", cell) from wrong


def _instant(cell: str) -> datetime:
    return datetime.fromisoformat(cell).replace(tzinfo=_ZONE)


_PARSERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[str], Any]], ...] = (
    (pa.types.is_date, date.fromisoformat),
    (pa.types.is_timestamp, _instant),
    (pa.types.is_integer, int),
    (pa.types.is_boolean, {"true": True, "false": False}.__getitem__),
)
