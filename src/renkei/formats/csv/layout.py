"""A CSV format as declared: what parts fields and records, what is around them, what is proved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from renkei.formats import encodings
from renkei.formats.encodings import Codec
from renkei.formats.layout import Column, Key, Total, columns_of, key_of, total_of

BOM = b"\xef\xbb\xbf"
EOLS = {"crlf": b"\r\n", "lf": b"\n"}
QUOTING = ("all", "needed", "non-numeric")
#: Encodings in which a byte that looks like one of these ASCII characters may be half of another.
_MIXED = frozenset({"cp932"})
_SAFE = frozenset(map(chr, range(0x40)))


@dataclass(frozen=True, kw_only=True)
class Line:
    """A control line before or after the records: its first field is ``mark``, its fields have names."""

    mark: str
    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A CSV format. ``null`` is the unquoted text of a null; without it there are no nulls.

    Where it ``evolves``, columns that are not declared are passed over.
    """

    codec: Codec
    delimiter: str
    quote: str
    escape: str
    quoting: str
    has_names: bool
    order: tuple[str, ...]
    bom: str
    eol: bytes
    needs_last_eol: bool
    fill: bytes
    null: str | None
    header: Line | None
    trailer: Line | None
    columns: tuple[Column, ...]
    count: str | None
    totals: tuple[Total, ...]
    as_of: str | None
    key: Key
    evolves: bool = False

    @property
    def is_mixed(self) -> bool:
        """True where a byte of a wide character may look like the delimiter, the quote or the escape."""
        marks = {self.delimiter, self.quote, self.escape} - {""}
        return self.codec.name in _MIXED and not marks <= _SAFE

    @property
    def is_plain(self) -> bool:
        """True where the fast parser sees the fields as we do."""
        return not self.escape and not self.is_mixed and (self.null or "").isascii()

    @property
    def places(self) -> tuple[str, ...]:
        """The columns in the order of the file, where the file does not say it itself."""
        if self.order:
            return self.order
        return tuple(each.name for each in sorted(self.columns, key=lambda each: each.at))


def layout_of(declaration: Mapping[str, Any]) -> Layout:
    """Read the declaration of a CSV format."""
    return Layout(
        codec=encodings.of({"encoding": "utf-8", **declaration}),
        delimiter=declaration.get("delimiter", ","),
        quote=declaration.get("quote", '"'),
        escape=declaration.get("escape", ""),
        quoting=declaration.get("quoting", "needed"),
        has_names=declaration.get("names", "header") == "header",
        order=tuple(declaration.get("order", ())),
        bom=declaration.get("bom", "absent"),
        eol=EOLS[declaration.get("eol", "crlf")],
        needs_last_eol=declaration.get("last_eol", "required") == "required",
        fill=b"\x1a" if "eof" in declaration.get("fill", ()) else b"",
        null=declaration.get("null"),
        header=_line(declaration.get("header")),
        trailer=_line(declaration.get("trailer")),
        columns=columns_of(declaration["columns"]),
        count=declaration.get("count"),
        totals=tuple(total_of(each) for each in declaration.get("totals", ())),
        as_of=declaration.get("as_of"),
        key=key_of(declaration),
        evolves=bool(declaration.get("evolves")),
    )


def _line(declared: Mapping[str, Any] | None) -> Line | None:
    if declared is None:
        return None
    return Line(mark=declared["mark"], columns=tuple(declared["columns"]))
