"""What a feed's format says, as types: columns, controls and the key, read from plain TOML values.

``mapping.declaration`` puts ``columns`` and ``key`` into the format from the feed's fields; the rest is
what the feed's author wrote. Values were validated there; here they are only given names.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from renkei.model import BYTE_LENGTH, BYTE_OFFSET, REC_NO, REJECT_SCHEMA, Control

Pad = Literal["space", "zero", "wide"]
Align = Literal["left", "right"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One raw column. ``at`` (from 1) and ``bytes`` are set in fixed-length layouts only.

    ``pad`` and ``align`` say how a value that is shorter than its column is written. ``at`` without
    ``bytes`` is the place of a field in a CSV file that has no header line. ``national`` columns hold wide
    characters alone, without shifts (PIC N).
    """

    name: str
    at: int = 0
    bytes: int = 0
    optional: bool = False
    pad: Pad = "space"
    align: Align = "left"
    national: bool = False

    @property
    def span(self) -> slice:
        """Where the column lies in its record."""
        return slice(self.at - 1, self.at - 1 + self.bytes)


@dataclass(frozen=True, kw_only=True)
class Total:
    """A control total (合計): ``trailer`` states the sum of column ``of``, modulo ``modulo``.

    ``kind`` is the record kind that has the column, where it is not the feed's own; ``where`` a column of
    the same record and the values that count (振替済 only, say).
    """

    trailer: str
    of: str
    modulo: int
    kind: str = ""
    where: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, kw_only=True)
class Key:
    """The raw columns that make a record's key, so that a record that cannot be read still has a name."""

    columns: tuple[str, ...] = ()
    join: str = "-"


def columns_of(declared: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    """Columns in the order they are declared. A zero-filled column is written from the right."""
    return tuple(_column(each) for each in declared)


def _column(declared: Mapping[str, Any]) -> Column:
    known = {name: declared[name] for name in declared if name in _COLUMN_KEYS}
    return Column(**{"align": "right" if known.get("pad") == "zero" else "left", **known})


_COLUMN_KEYS = ("name", "at", "bytes", "optional", "pad", "align", "national")


def total_of(declared: Mapping[str, Any]) -> Total:
    """One declared control total."""
    where = declared.get("where")
    return Total(
        trailer=declared["trailer"],
        of=declared["of"],
        modulo=10 ** declared.get("digits", 15),
        kind=declared.get("kind", ""),
        where=(where["column"], tuple(where["in"])) if where else None,
    )


def key_of(declaration: Mapping[str, Any]) -> Key:
    """The declared key, or none."""
    key = declaration.get("key", {})
    return Key(columns=tuple(key.get("columns", ())), join=key.get("join", "-"))


def key_value(table: pa.Table, row: int, key: Key) -> str | None:
    """The key of a record by its columns, where all of them can be read."""
    names = [name for name in key.columns if name in table.column_names]
    values = [table.column(name)[row].as_py() for name in names if names == list(key.columns)]
    return key.join.join(values) if values and all(values) else None


#: The columns that every raw batch carries beside the source's own.
POSITION = [
    pa.field(REC_NO, pa.int64()),
    pa.field(BYTE_OFFSET, pa.int64()),
    pa.field(BYTE_LENGTH, pa.int64()),
]


@dataclass(frozen=True, kw_only=True)
class Reject:
    """One record that could not be read: where it is and why, never what it says."""

    rec_no: int
    field: str
    code: str
    detail: str = ""
    offset: int | None = None
    length: int | None = None
    source_key: str | None = None


def rejects_table(rejects: Sequence[Reject]) -> pa.Table:
    """The rejects as a table, in record order."""
    ordered = sorted(rejects, key=lambda each: each.rec_no)
    columns = [
        [each.rec_no for each in ordered],
        [each.offset for each in ordered],
        [each.length for each in ordered],
        [each.source_key for each in ordered],
        [each.field for each in ordered],
        [each.code for each in ordered],
        [each.detail for each in ordered],
    ]
    return pa.table(columns, schema=REJECT_SCHEMA)


def control_values(control: Control | Mapping[str, Any] | None) -> dict[str, str]:
    """Header and trailer values by name, whether they were read from a file or made for one."""
    if isinstance(control, Control):
        return {**control.header, **control.trailer}
    flat: dict[str, str] = {}
    for name, value in (control or {}).items():
        flat |= value if isinstance(value, Mapping) else {name: value}
    return {name: str(value) for name, value in flat.items() if isinstance(value, str | int)}


def in_groups(groups: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Values by name; those of the second and later groups as ``NAME#2``."""
    flat = dict(groups[0]) if groups else {}
    for place, group in enumerate(groups[1:], start=2):
        flat |= {f"{name}#{place}": value for name, value in group.items()}
    return flat


def number(text: str) -> int | None:
    """The whole number that a column holds, its sign before or after it; None where it holds none."""
    match = _NUMBER.fullmatch(text.strip(" "))
    if match is None or (match[1] and match[3]):
        return None
    return -int(match[2]) if "-" in match[1] + match[3] else int(match[2])


_NUMBER = re.compile(r"([+-]?)([0-9]+)([+-]?)")


def quotable(stated: str) -> str:
    """What a control field states, for an error: figures as they stand, and nothing that may be a name."""
    return stated if _FIGURES.fullmatch(stated) else "—"


_FIGURES = re.compile(r"[0-9+\-., ]+")


def sum_of_texts(values: pa.Array) -> int:
    """Exact sum of the whole numbers in a column of bytes; what is no number adds nothing."""
    # numbers of 18 digits cannot overflow a sum of 38, however many they are; longer ones are added in Python
    short = pc.match_substring_regex(values, "^ *[0-9]{1,18} *$").fill_null(fill_value=False)
    texts = pc.utf8_trim(values.filter(short).cast(pa.string()), " ")
    others = values.filter(pc.and_not(values.is_valid(), short))
    others = others.filter(pc.match_substring_regex(others, "^ *[+-]?[0-9]+[+-]? *$"))
    rest = sum(number(each.decode("ascii")) or 0 for each in others.to_pylist())
    return int(pc.sum(texts.cast(pa.decimal128(38, 0))).as_py() or 0) + rest


def is_too_many(bad: int, records: int) -> bool:
    """One bad record is set aside; over 5 % of them, something is wrong with the file itself."""
    return bad > max(1, 0.05 * records)
