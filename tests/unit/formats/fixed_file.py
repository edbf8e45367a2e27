"""A small fixed-length layout and a writer for it that is not the reader's own codec: iconv."""

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from renkei import formats
from renkei.model import Batch

RECORD = 40
FORMAT = {
    "kind": "fixed",
    "encoding": "cp932",
    "record": RECORD,
    "header": "1",
    "data": "2",
    "trailer": "8",
    "as_of": "MADE",
    "count": "KENSU",
    "totals": [{"trailer": "GOKEI", "of": "BANGO", "digits": 15}],
    "header_columns": [{"name": "MADE", "at": 2, "bytes": 8}],
    "trailer_columns": [{"name": "KENSU", "at": 2, "bytes": 8}, {"name": "GOKEI", "at": 10, "bytes": 15}],
    "columns": [
        {"name": "BANGO", "at": 2, "bytes": 4},
        {"name": "SHIMEI", "at": 6, "bytes": 10},
        {"name": "KANA", "at": 16, "bytes": 10},
        {"name": "KBN", "at": 26, "bytes": 1},
        {"name": "FILLER", "at": 27, "bytes": 14},
    ],
    "key": {"columns": ["BANGO"], "join": "-"},
}


def to_cp932(text: str) -> bytes:
    """Bytes as glibc writes them."""
    program = ["iconv", "-f", "UTF-8", "-t", "CP932"]
    return subprocess.run(program, input=text.encode(), capture_output=True, check=True).stdout


def wide(text: str, size: int) -> bytes:
    """Full-width text padded with full-width spaces."""
    return to_cp932(text).ljust(size, b"\x00").replace(b"\x00\x00", b"\x81\x40")


def data(number: int, name: str = "山田　太郎", kana: str = "ﾔﾏﾀﾞ ﾀﾛｳ", kind: str = "1") -> bytes:
    """One data record."""
    cells = [b"2", b"%04d" % number, wide(name, 10), to_cp932(kana).ljust(10), kind.encode(), b" " * 14]
    return b"".join(cells)


@dataclass(frozen=True, kw_only=True)
class File:
    """A file in parts, so that a test can break exactly one of them."""

    records: tuple[bytes, ...] = ()
    header: bytes = b"120261120".ljust(RECORD)
    count: int | None = None
    total: int | None = None
    trailer: bool = True

    def but(self, **changes: object) -> "File":
        """The same file with something else."""
        return replace(self, **changes)

    @property
    def bytes(self) -> bytes:
        """The file as it lies on the disk."""
        count = len(self.records) if self.count is None else self.count
        total = sum(int(each[1:5]) for each in self.records) if self.total is None else self.total
        trailer = (b"8%08d%015d" % (count, total)).ljust(RECORD) if self.trailer else b""
        return b"".join([self.header, *self.records, trailer])


def read(content: bytes, folder: Path) -> Batch:
    """Read the bytes as a delivery."""
    path = folder / "delivery"
    path.write_bytes(content)
    return formats.read(path, FORMAT, feed="tax.test")
