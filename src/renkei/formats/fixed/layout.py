"""A fixed-length format as declared: which record kinds there are, where their columns lie, what is proved.

One kind of data record is the feed's own. Others are its parent, whose columns may be joined to it, or are
left aside for a stated reason. A feed's column without a place of its own is found in the parent or in the
header of its group.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from renkei.formats import encodings
from renkei.formats.encodings import Codec
from renkei.formats.layout import Column, Key, Total, columns_of, key_of, total_of

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Rows = np.ndarray[Any, np.dtype[np.int64]]

SEPARATORS = {"none": b"", "crlf": b"\r\n", "lf": b"\n"}
#: How many bytes a length prefix takes of a record's stated length: IBM's RDW counts itself.
PREFIXES = {"rdw": 4, "varseq0": 0, "varseq1": 0}

Role = Literal["header", "data", "parent", "other", "trailer", "end"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A record kind (レコード区分): the text that marks it, and what such a record is."""

    text: str
    role: Role


@dataclass(frozen=True, kw_only=True)
class Count:
    """A count that the trailer states: of the records of ``kinds``, ``plus`` so many control records."""

    trailer: str
    kinds: tuple[str, ...]
    plus: int = 0
    where: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A fixed-length format. ``placed`` are the feed's own columns, ``joined`` those of parent or header."""

    codec: Codec
    record: int
    separator: bytes
    prefix: str
    fill: bytes
    kind_at: int
    kinds: tuple[Kind, ...]
    has_groups: bool
    columns: tuple[Column, ...]
    parent_columns: tuple[Column, ...]
    header_columns: tuple[Column, ...]
    trailer_columns: tuple[Column, ...]
    end_columns: tuple[Column, ...]
    other_columns: Mapping[str, tuple[Column, ...]]
    counts: tuple[Count, ...]
    end_count: str | None
    totals: tuple[Total, ...]
    as_of: str | None
    low_values: frozenset[str]
    key: Key

    @property
    def encoding(self) -> str:
        """What the codec is called."""
        return self.codec.name

    @property
    def placed(self) -> tuple[Column, ...]:
        """Columns of the feed's own records."""
        return tuple(each for each in self.columns if each.bytes)

    @property
    def data(self) -> str:
        """The kind of the feed's own records."""
        return self.kind("data") or ""

    def codec_of(self, column: Column) -> Codec:
        """The codec of a column: wide characters alone, or any."""
        return self.codec.national if column.national else self.codec

    def kind(self, role: Role) -> str | None:
        """The text of the first kind in a role, or None where no record has it."""
        return next((each.text for each in self.kinds if each.role == role), None)

    def columns_of(self, kind: str) -> tuple[Column, ...]:
        """Columns of a record kind, by its text; the feed's own for none."""
        if kind in ("", self.data):
            return self.placed
        return self.other_columns.get(kind, ())

    def joins(self, column: Column) -> Literal["parent", "header"]:
        """Where a column without a place of its own comes from."""
        return "parent" if any(each.name == column.name for each in self.parent_columns) else "header"


def layout_of(declaration: Mapping[str, Any]) -> Layout:
    """Read the declaration of a fixed-length format."""
    others = {each["kind"]: _others(each, declaration) for each in declaration.get("records", ())}
    padded = [_with_pad(each, declaration) for each in declaration["columns"]]
    return Layout(
        codec=encodings.of(declaration),
        record=declaration["record"],
        separator=SEPARATORS[declaration.get("separator", "none")],
        prefix=declaration.get("prefix", ""),
        fill=_fill(declaration.get("fill", ())),
        kind_at=declaration.get("kind_at", 1),
        kinds=tuple(kinds_of(declaration)),
        has_groups=declaration.get("groups", "one") == "many",
        columns=columns_of(padded),
        parent_columns=others.get(declaration.get("parent", ""), ()),
        header_columns=columns_of(declaration.get("header_columns", ())),
        trailer_columns=columns_of(declaration.get("trailer_columns", ())),
        end_columns=columns_of(declaration.get("end_columns", ())),
        other_columns=others,
        counts=tuple(_counts(declaration)),
        end_count=declaration.get("end_count"),
        totals=tuple(total_of(each) for each in declaration.get("totals", ())),
        as_of=declaration.get("as_of"),
        low_values=frozenset(declaration.get("low_values", ())),
        key=key_of(declaration),
    )


def kinds_of(declaration: Mapping[str, Any]) -> list[Kind]:
    """Every record kind of the file; a control record that is declared as "" does not occur."""
    marks: Sequence[tuple[Role, str]] = (("header", "1"), ("trailer", "8"), ("end", ""))
    found = [Kind(text=declaration.get(role, usual), role=role) for role, usual in marks]
    kinds = [each for each in found if each.text]
    data, parent = declaration.get("data", "2"), declaration.get("parent", "")
    kinds.append(Kind(text=data, role="data"))
    others = [each["kind"] for each in declaration.get("records", ()) if each["kind"] != data]
    return kinds + [Kind(text=text, role="parent" if text == parent else "other") for text in others]


def _others(record: Mapping[str, Any], declaration: Mapping[str, Any]) -> tuple[Column, ...]:
    """Columns of another kind; those of the parent are the feed's too, and stored as it says of them."""
    columns = record.get("columns", ())
    if record["kind"] == declaration.get("parent"):
        columns = [_with_pad(each, declaration) for each in columns]
    return columns_of(columns)


def _with_pad(column: Mapping[str, Any], declaration: Mapping[str, Any]) -> dict[str, Any]:
    """The column with the fill that the format declares for it by name."""
    name = column["name"]
    named = {key: declaration[key][name] for key in ("pad", "align") if name in declaration.get(key, {})}
    return {**named, "national": name in declaration.get("national", ()), **column}


def _fill(names: Sequence[str]) -> bytes:
    """The bytes that may follow the last record."""
    return bytes(FILLS[name] for name in names)


FILLS = {"eof": 0x1A, "blank": 0x20, "ebcdic_blank": 0x40, "null": 0x00}


def _counts(declaration: Mapping[str, Any]) -> list[Count]:
    data = declaration.get("data", "2")
    every = [each.text for each in kinds_of(declaration) if each.role in ("data", "parent", "other")]
    counts = [Count(trailer=declaration["count"], kinds=(data,))] if "count" in declaration else []
    for each in declaration.get("counts", ()):
        kinds = tuple(each.get("kinds", every))
        where = each.get("where")
        chosen = (where["column"], tuple(where["in"])) if where else None
        counts.append(Count(trailer=each["trailer"], kinds=kinds, plus=each.get("plus", 0), where=chosen))
    return counts
