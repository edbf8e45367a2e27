"""A COBOL file of nobody's data, ten items of which four are packed: ours, cat, and a loop over records."""

import subprocess
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench.child import Done, Runs
from bench.desk import Desk
from renkei import formats

COPYBOOK = """\
       01  KJ-REC.
           05  KUBUN       PIC X(1).
           05  BANGO       PIC 9(10).
           05  KANA        PIC X(30).
           05  SHIMEI      PIC X(30).
           05  UMARE       PIC 9(8).
           05  SHUNYU      PIC S9(11)    COMP-3.
           05  SHOTOKU     PIC S9(11)    COMP-3.
           05  ZEIGAKU     PIC S9(9)V99  COMP-3.
           05  KISU        PIC 9(3)      COMP-3.
           05  ZANDAKA     PIC S9(9).
       01  KJ-END.
           05  END-KUBUN   PIC X(1).
           05  KENSU       PIC 9(9).
           05  GOKEI       PIC S9(15)    COMP-3.
"""
_NAMES = ("髙橋　一郎", "山田　花子", "森　みどり", "渡邉　惠", "佐々木　太郎左衛門")
_KANA = ("ﾀｶﾊｼ ｲﾁﾛｳ", "ﾔﾏﾀﾞ ﾊﾅｺ", "ﾓﾘ ﾐﾄﾞﾘ", "ﾜﾀﾅﾍﾞ ﾒｸﾞﾐ", "ｻｻｷ ﾀﾛｳｻﾞｴﾓﾝ")
_RECORD = 108


def _form(desk: Desk) -> dict[str, Any]:
    copybook = desk.folder / "kj.cpy"
    if not copybook.exists():
        copybook.write_text(COPYBOOK, "utf-8")
    return {
        "kind": "cobol", "copybook": str(copybook), "encoding": "cp932", "sign": "ascii", "record": "KJ-REC",
        "trailer_record": "KJ-END", "kind_item": "KUBUN", "data": "2", "trailer": "8", "count": "KENSU",
        "totals": [{"trailer": "GOKEI", "of": "SHUNYU"}],
    }  # fmt: skip


def _table(rows: int) -> pa.Table:
    numbers = range(rows)
    return pa.table(
        {
            "KUBUN": ["2"] * rows,
            "BANGO": [f"{number:010d}" for number in numbers],
            "KANA": [_KANA[number % 5] for number in numbers],
            "SHIMEI": [_NAMES[number % 5] for number in numbers],
            "UMARE": [f"19{number % 100:02d}0401" for number in numbers],
            "SHUNYU": [str(number * 37 % 9_999_999 - 1_000_000) for number in numbers],
            "SHOTOKU": [str(number * 31 % 9_999_999) for number in numbers],
            "ZEIGAKU": [f"{number * 7 % 999_999 - 999}.{number % 100:02d}" for number in numbers],
            "KISU": [f"{number % 1000:03d}" for number in numbers],
            "ZANDAKA": [str(500_000 - number % 1_000_000) for number in numbers],
        }
    )


def _file(desk: Desk, rows: int) -> Path:
    """The file, made once by the first contender that needs it."""
    place = desk.folder / "cobol.dat"
    if not place.exists():
        formats.write(_table(rows), _form(desk), place, feed="bench")
    return place


def read(desk: Desk, *, rows: int) -> Runs:
    """The reader, whole: the copybook parsed, every item decoded strictly, count and total proved."""
    place, form = _file(desk, rows), _form(desk)
    while True:
        yield lambda: Done(rows=formats.read(place, form, feed="bench").records)


def write(desk: Desk, *, rows: int) -> Runs:
    """The writer, whole: flushed, hashed, count and total computed."""
    table, form = _table(rows), _form(desk)
    while True:
        yield lambda: Done(rows=formats.write(table, form, desk.folder / "ours.dat", feed="bench").records)


def iconv(desk: Desk, *, rows: int) -> Runs:
    """The bytes of the file through iconv, as if they were text of one-byte characters."""
    command = ["iconv", "-f", "LATIN1", "-t", "UTF-8", str(_file(desk, rows)), "-o", "/dev/null"]
    while True:
        yield lambda: Done(rows=rows, facts={"exit": subprocess.run(command, check=True).returncode})


def loop(desk: Desk, *, rows: int, sample: int) -> Runs:
    """As it is usually programmed: a record at a time, a function an item by a table of items, no proof."""
    place = _file(desk, rows)
    while True:
        yield partial(_loop, place, sample)


def _loop(place: Path, sample: int) -> Done:
    columns: list[list[str]] = [[] for _ in _ITEMS]
    with place.open("rb") as file:
        for _ in range(sample):
            record = file.read(_RECORD)
            for column, (read_item, start, end, scale) in zip(columns, _ITEMS, strict=True):
                column.append(read_item(record[start:end], scale))
    table = pa.table(columns, names=[f"c{number}" for number in range(len(columns))])
    return Done(rows=table.num_rows)


def _text(raw: bytes, _: int) -> str:
    return raw.decode("cp932").rstrip(" \u3000")


def _packed(raw: bytes, scale: int) -> str:
    figures = raw.hex()
    value = -int(figures[:-1]) if figures[-1] == "d" else int(figures[:-1])
    return str(Decimal(value).scaleb(-scale)) if scale else str(value)


def _zoned(raw: bytes, _: int) -> str:
    last = raw[-1]
    return str(-int(raw[:-1] + bytes([last - 0x40])) if last >= 0x70 else int(raw))


#: What a reader makes of the copybook: for each item a function, its place and its decimals.
_ITEMS = (
    (_text, 0, 1, 0), (_text, 1, 11, 0), (_text, 11, 41, 0), (_text, 41, 71, 0), (_text, 71, 79, 0),
    (_packed, 79, 85, 0), (_packed, 85, 91, 0), (_packed, 91, 97, 2), (_packed, 97, 99, 0),
    (_zoned, 99, 108, 0),
)  # fmt: skip
