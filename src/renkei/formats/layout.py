"""What a feed's format says, as types: columns, controls and the key, read from plain TOML values.

``mapping.declaration`` puts ``columns`` and ``key`` into the format from the feed's fields; the rest is
what the feed's author wrote. Values were validated there; here they are only given names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from renkei.model import BYTE_LENGTH, BYTE_OFFSET, REC_NO, REJECT_SCHEMA


@dataclass(frozen=True, kw_only=True)
class Column:
    """One raw column. ``at`` (from 1) and ``bytes`` are set in fixed-length layouts only."""

    name: str
    at: int = 0
    bytes: int = 0
    optional: bool = False

    @property
    def span(self) -> slice:
        """Where the column lies in its record."""
        return slice(self.at - 1, self.at - 1 + self.bytes)


@dataclass(frozen=True, kw_only=True)
class Total:
    """A control total (合計): ``trailer`` states the sum of column ``of``, modulo ``modulo``."""

    trailer: str
    of: str
    modulo: int


@dataclass(frozen=True, kw_only=True)
class Key:
    """The raw columns that make a record's key, so that a record that cannot be read still has a name."""

    columns: tuple[str, ...] = ()
    join: str = "-"


def columns_of(declared: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    """Columns in the order they are declared."""
    return tuple(Column(**{name: each[name] for name in each if name in _COLUMN_KEYS}) for each in declared)


_COLUMN_KEYS = ("name", "at", "bytes", "optional")


def key_of(declaration: Mapping[str, Any]) -> Key:
    """The declared key, or none."""
    key = declaration.get("key", {})
    return Key(columns=tuple(key.get("columns", ())), join=key.get("join", "-"))


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
