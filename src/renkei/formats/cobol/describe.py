"""A copybook shown to a person: its items as a table, and the beginning of a mapping for it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from renkei.formats.cobol.copybook import load
from renkei.formats.cobol.entries import Condition
from renkei.formats.cobol.layout import Column, Record
from renkei.formats.cobol.plan import reading_of

#: ``at`` counts from 1, as people do. ``scale`` is the number of decimals; ``codes`` the level 88 values.
SCHEMA = pa.schema(
    [
        pa.field("record", pa.string(), nullable=False),
        pa.field("item", pa.string(), nullable=False),
        pa.field("level", pa.int64(), nullable=False),
        pa.field("picture", pa.string()),
        pa.field("usage", pa.string(), nullable=False),
        pa.field("at", pa.int64(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("scale", pa.int64()),
        pa.field("sign", pa.string()),
        pa.field("occurs", pa.string()),
        pa.field("view", pa.bool_(), nullable=False),
        pa.field("codes", pa.string()),
        pa.field("line", pa.int64(), nullable=False),
    ]
)


def describe(copybook: Path, declaration: Mapping[str, Any] | None = None) -> pa.Table:
    """One row an item, in the order of the copybook. A ``view`` shares its bytes with an earlier item."""
    records = load(copybook, reading_of(declaration or {}))
    rows = [_row(record, column) for record in records for column in record.columns if not column.is_filler]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def codes(copybook: Path, declaration: Mapping[str, Any] | None = None) -> dict[str, tuple[Condition, ...]]:
    """Item → its level 88 conditions, for a mapping that checks them."""
    records = load(copybook, reading_of(declaration or {}))
    columns = (column for record in records for column in record.columns)
    return {column.name: column.entry.codes for column in columns if column.entry.codes}


def _row(record: Record, column: Column) -> dict[str, Any]:
    cell, entry = column.cell, column.entry
    is_number = bool(cell.digits)
    return {
        "record": record.name,
        "item": column.name,
        "level": entry.level,
        "picture": entry.picture.text if entry.picture else None,
        "usage": cell.kind,
        "at": column.at + 1,
        "bytes": cell.bytes,
        "scale": cell.scale if is_number else None,
        "sign": _sign(column) if is_number else None,
        "occurs": _occurs(record, column),
        "view": column.is_extra,
        "codes": _codes(entry.codes),
        "line": entry.line,
    }


def _sign(column: Column) -> str:
    cell = column.cell
    if not cell.is_signed:
        return "unsigned"
    if cell.kind != "zoned":
        return "signed"
    return ("leading" if cell.is_sign_leading else "trailing") + (
        " separate" if cell.is_sign_separate else ""
    )


def _occurs(record: Record, column: Column) -> str | None:
    if not column.tables:
        return None
    depending = record.depending
    if depending and depending.table in column.tables:
        return f"{depending.least} to {depending.most} by {depending.on}"
    return ", ".join(
        f"{table}({number})" for table, number in zip(column.tables, column.subscripts, strict=True)
    )


def _codes(conditions: tuple[Condition, ...]) -> str | None:
    """``1 = 男, 2 THRU 4 = その他``."""
    if not conditions:
        return None
    return ", ".join(
        f"{first if first == last else f'{first} THRU {last}'} = {condition.name}"
        for condition in conditions
        for first, last in condition.values
    )


# the beginning of a mapping -----------------------------------------------------------------------


def skeleton(copybook: Path, declaration: Mapping[str, Any] | None = None) -> str:
    """``[[feed.field]]`` tables for every item of the copybook's first record, as TOML to be completed.

    ``to`` is left for a person to fill in: until then the mapping is refused, and says where.
    """
    given = declaration or {}
    records = load(copybook, reading_of(given))
    wanted = given.get("record", records[0].name).upper()
    record = next(each for each in records if each.name.upper() == wanted)
    return "\n".join(_fields(record, rows=given.get("rows")))


def _fields(record: Record, *, rows: Mapping[str, str] | None) -> Iterator[str]:
    if rows:
        yield _field(rows["number"], f"which {rows['of']} of its record: 1, 2, 3")
    seen = set()
    for column in record.offered:
        name = column.name
        if rows and column.tables and column.tables[0].upper() == rows["of"].upper():
            rest = column.subscripts[1:]
            name = column.base + (f"({','.join(map(str, rest))})" if rest else "")
        if name not in seen:
            yield _field(name, _comment(column))
        seen.add(name)


def _comment(column: Column) -> str:
    picture = f"PIC {column.entry.picture.text}" if column.entry.picture else "no picture"
    shown = _codes(column.entry.codes)
    return f"{picture}, {column.cell.kind}, byte {column.at + 1}" + (f": {shown}" if shown else "")


def _field(name: str, comment: str) -> str:
    """A literal TOML string needs no escapes; COBOL names have no quotes."""
    return f"[[feed.field]]  # {comment}\nto = ''\nfrom = '{name}'\n"
