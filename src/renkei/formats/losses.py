"""The loss report (文字の変換報告): every character that a conversion could not carry over unchanged."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from renkei.model import LOSS_SCHEMA

#: How many record numbers a row of the report names; more would not help anybody to find the first.
NAMED_RECORDS = 20


@dataclass(frozen=True, kw_only=True, order=True)
class Conversion:
    """One kind of conversion: ``code`` is the bytes as hex (read) or the code point ``U+301C`` (written).

    ``became`` is what stands there now; nothing, where the record was set aside instead.
    """

    encoding: str
    character: str
    code: str
    became: str


@dataclass
class _Seen:
    count: int = 0
    records: list[int] = field(default_factory=list)


class Losses:
    """Collects conversions while a file is read or written; counts all, names the first records."""

    def __init__(self) -> None:
        self._seen: dict[Conversion, _Seen] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def __iter__(self) -> Iterator[Conversion]:
        return iter(sorted(self._seen))

    def add(
        self, *, encoding: str, character: str, code: str, became: str, record: int | None = None
    ) -> None:
        """Count one character; ``record`` is its record's number, where it is known."""
        kind = Conversion(encoding=encoding, character=character, code=code, became=became)
        seen = self._seen.setdefault(kind, _Seen())
        seen.count += 1
        if record is not None and len(seen.records) < NAMED_RECORDS and record not in seen.records:
            seen.records.append(record)

    def take(self, row: Mapping[str, Any]) -> None:
        """Add one row of another report."""
        kind = Conversion(**{name: row[name] for name in ("encoding", "character", "code", "became")})
        seen = self._seen.setdefault(kind, _Seen())
        seen.count += row["count"]
        seen.records = sorted({*seen.records, *row["records"]})[:NAMED_RECORDS]

    def table(self) -> pa.Table:
        """The report as :data:`renkei.model.LOSS_SCHEMA`, in order of encoding, character and code."""
        rows = [
            {**vars(kind), "count": self._seen[kind].count, "records": sorted(self._seen[kind].records)}
            for kind in self
        ]
        return pa.Table.from_pylist(rows, schema=LOSS_SCHEMA)


def merged(tables: Iterable[pa.Table]) -> pa.Table:
    """Several reports as one, for a file set or a batch of several columns' codecs."""
    whole = Losses()
    for table in tables:
        for row in table.to_pylist():
            whole.take(row)
    return whole.table()


_HEADINGS = {
    "ja": (
        "文字コード",
        "文字",
        "符号位置",
        "コード",
        "変換後",
        "変換後の符号位置",
        "種別",
        "件数",
        "レコード番号",
    ),
    "en": (
        "Encoding",
        "Character",
        "Code points",
        "Code",
        "Became",
        "Its code points",
        "Kind",
        "Count",
        "Records",
    ),
}
_KINDS = {
    "aside": {"ja": "外字・未対応（保留）", "en": "外字, not mapped: record set aside"},
    "kept": {"ja": "外字・未対応（目印で保持）", "en": "外字, not mapped: kept as a mark"},
    "mapped": {"ja": "外字・対応表で変換", "en": "外字, converted by the table"},
    "written": {"ja": "別の文字で書き出し", "en": "written as another character"},
}


def report(table: pa.Table, language: Literal["ja", "en"] = "ja") -> str:
    """The report as CSV for a person: each character with its glyph, code points, code and what it became."""
    made = io.StringIO()
    rows = csv.writer(made)
    rows.writerow(_HEADINGS[language])
    for row in table.to_pylist():
        rows.writerow(_line(row, language))
    return made.getvalue()


def _line(row: Mapping[str, Any], language: Literal["ja", "en"]) -> list[str]:
    character = "" if _is_mark(row["character"]) else row["character"]
    became = "" if _is_mark(row["became"]) else row["became"]
    return [
        row["encoding"],
        row["character"],
        points(character),
        row["code"],
        row["became"],
        points(became),
        _KINDS[_kind(row)][language],
        str(row["count"]),
        " ".join(map(str, row["records"])) + (" …" if len(row["records"]) == NAMED_RECORDS else ""),
    ]


def _kind(row: Mapping[str, Any]) -> str:
    if row["code"].startswith("U+"):
        return "written"
    if not row["became"]:
        return "aside"
    return "kept" if _is_mark(row["became"]) else "mapped"


def _is_mark(text: str) -> bool:
    from renkei.formats.encodings.gaiji import MARK  # the codecs import this module

    return bool(MARK.fullmatch(text))


def points(text: str) -> str:
    """The code points of a text: U+845B U+E0100."""
    return " ".join(f"U+{ord(char):04X}" for char in text)
