"""Fixed-length and CSV files of nobody's data: ours, iconv, pyarrow, polars and Python's loops."""

import csv as python_csv
import subprocess
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from pyarrow import csv as arrow_reader

from bench.child import Done, Runs
from bench.desk import Desk
from renkei import formats

_WIDTHS = {
    "ATENA": 15, "SETAI": 15, "SHIMEI": 40, "KANA": 40, "SEIBETSU": 1, "UMARE": 8, "YUBIN": 7, "JUSHO": 80,
    "KATAGAKI": 40, "KBN": 2, "IDOBI": 8, "JIYU": 2, "KOSHIN": 14, "GAKU": 11, "BIKO": 31,
}  # fmt: skip
RECORD = 1 + sum(_WIDTHS.values())
_NAMES = ("髙橋　一郎", "山田　花子", "森　みどり", "渡邉　惠", "佐々木　太郎左衛門")
_KANA = ("ﾀｶﾊｼ ｲﾁﾛｳ", "ﾔﾏﾀﾞ ﾊﾅｺ", "ﾓﾘ ﾐﾄﾞﾘ", "ﾜﾀﾅﾍﾞ ﾒｸﾞﾐ", "ｻｻｷ ﾀﾛｳｻﾞｴﾓﾝ")
_TOWNS = ("葛原市中央一丁目２番３号", "葛原市本町４番５号", "葛原市大字東能見６７８番地の９")


def _columns() -> list[dict[str, Any]]:
    at, made = 2, []
    for name, width in _WIDTHS.items():
        pad = "wide" if name in {"SHIMEI", "JUSHO", "KATAGAKI"} else "space"
        made.append({"name": name, "at": at, "bytes": width, "pad": pad})
        at += width
    return made


FIXED: dict[str, Any] = {
    "kind": "fixed", "encoding": "cp932", "record": RECORD, "header": "1", "data": "2", "trailer": "8",
    "count": "KENSU",
    "trailer_columns": [{"name": "KENSU", "at": 2, "bytes": 9}, {"name": "GOKEI", "at": 11, "bytes": 15}],
    "totals": [{"trailer": "GOKEI", "of": "GAKU"}], "columns": _columns(),
}  # fmt: skip
CSV: dict[str, Any] = {
    "kind": "csv", "encoding": "cp932", "unproved": "bench", "columns": [{"name": name} for name in _WIDTHS],
}  # fmt: skip


def _rows(rows: int) -> Iterator[tuple[str, ...]]:
    for number in range(rows):
        at = number % 5
        yield (
            f"{number:015d}", f"{number // 3:015d}", _NAMES[at], _KANA[at], str(at % 2 + 1),
            f"19{number % 100:02d}0401", "1000001", _TOWNS[number % 3],
            "葛原ハイツ１０２号" if at == 3 else "", "01", "20261120", "10", "20261120235959",
            f"{number % 1000:011d}", "",
        )  # fmt: skip


def _table(rows: int) -> pa.Table:
    columns = zip(*_rows(rows), strict=True)
    return pa.table({name: pa.array(column) for name, column in zip(_WIDTHS, columns, strict=True)})


def _file(desk: Desk, form: dict[str, Any], rows: int) -> Path:
    """The file, made once by the first contender that needs it."""
    place = desk.folder / f"{form['kind']}.dat"
    if not place.exists():
        formats.write(_table(rows), form, place, feed="bench")
    return place


def fixed(desk: Desk, *, rows: int) -> Runs:
    """The reader, whole: structure, count and total proved."""
    place = _file(desk, FIXED, rows)
    while True:
        yield lambda: Done(rows=formats.read(place, FIXED, feed="bench").records)


def csv(desk: Desk, *, rows: int) -> Runs:
    """The reader, whole: every record's place known, every cell decoded strictly."""
    place = _file(desk, CSV, rows)
    while True:
        yield lambda: Done(rows=formats.read(place, CSV, feed="bench").records)


def iconv(desk: Desk, *, rows: int) -> Runs:
    """Convert the fixed-length file from CP932 to UTF-8 and throw it away."""
    command = ["iconv", "-f", "CP932", "-t", "UTF-8", str(_file(desk, FIXED, rows)), "-o", "/dev/null"]
    while True:
        yield lambda: Done(rows=rows, facts={"exit": subprocess.run(command, check=True).returncode})


def fixed_loop(desk: Desk, *, rows: int, sample: int) -> Runs:
    """Record by record: cut, decode, strip, append; nothing is proved."""
    place = _file(desk, FIXED, rows)
    while True:
        yield partial(_fixed_loop, place, sample)


def _fixed_loop(place: Path, sample: int) -> Done:
    spans = [slice(each["at"] - 1, each["at"] - 1 + each["bytes"]) for each in FIXED["columns"]]
    values: list[list[str]] = [[] for _ in spans]
    with place.open("rb") as file:
        file.seek(RECORD)
        for _ in range(sample):
            record = file.read(RECORD)
            for column, span in zip(values, spans, strict=True):
                column.append(record[span].decode("cp932").rstrip(" \u3000"))
    return Done(rows=pa.table(dict(zip(_WIDTHS, values, strict=True))).num_rows)


def arrow_csv(desk: Desk, *, rows: int) -> Runs:
    """pyarrow's own reader, told the encoding; it proves nothing and knows no places."""
    place = _file(desk, CSV, rows)
    reading = arrow_reader.ReadOptions(encoding="cp932")
    types = arrow_reader.ConvertOptions(column_types=dict.fromkeys(_WIDTHS, pa.string()))
    while True:
        yield lambda: Done(rows=arrow_reader.read_csv(place, reading, convert_options=types).num_rows)


def polars_csv(desk: Desk, *, rows: int) -> Runs:
    """polars, told the encoding."""
    place = _file(desk, CSV, rows)
    while True:
        yield lambda: Done(rows=pl.read_csv(place, encoding="cp932", infer_schema=False).height)


def csv_module(desk: Desk, *, rows: int, sample: int) -> Runs:
    """Python's csv module into columns."""
    place = _file(desk, CSV, rows)
    while True:
        yield partial(_csv_module, place, sample)


def _csv_module(place: Path, sample: int) -> Done:
    with place.open(encoding="cp932", newline="") as file:
        reader = python_csv.reader(file, strict=True)
        names = next(reader)
        columns = zip(*islice(reader, sample), strict=True)
        return Done(rows=pa.table(dict(zip(names, columns, strict=True))).num_rows)


def write_fixed(desk: Desk, *, rows: int) -> Runs:
    """Every value filled and checked, counts and totals computed, hashed and flushed to the disk."""
    yield from _writes(desk, FIXED, rows)


def write_csv(desk: Desk, *, rows: int) -> Runs:
    """Quoted where needed, encoded as Windows does, hashed and flushed to the disk."""
    yield from _writes(desk, CSV, rows)


def _writes(desk: Desk, form: dict[str, Any], rows: int) -> Runs:
    table, place = _table(rows), desk.folder / "written"
    while True:
        yield lambda: Done(rows=formats.write(table, form, place, feed="bench").records)


def write_loop(desk: Desk, *, rows: int, sample: int) -> Runs:
    """Record by record: encode, fill, join; nothing is checked."""
    del rows
    records, place = list(_rows(sample)), desk.folder / "looped"
    while True:
        yield partial(_write_loop, records, place)


def _write_loop(records: list[tuple[str, ...]], place: Path) -> Done:
    widths = list(_WIDTHS.values())
    with place.open("wb") as file:
        for record in records:
            cells = zip(record, widths, strict=True)
            file.write(b"2" + b"".join(text.encode("cp932").ljust(width) for text, width in cells))
    return Done(rows=len(records))


def csv_writer(desk: Desk, *, rows: int, sample: int) -> Runs:
    """Python's csv module."""
    del rows
    records, place = list(_rows(sample)), desk.folder / "listed"
    while True:
        yield partial(_csv_writer, records, place)


def _csv_writer(records: list[tuple[str, ...]], place: Path) -> Done:
    with place.open("w", encoding="cp932", newline="") as file:
        python_csv.writer(file).writerows(records)
    return Done(rows=len(records))
