"""CSV samples, written by Python's csv module and encoded by iconv."""

import csv
import io
import subprocess
from typing import Any

import pyarrow as pa
from tests.conformance.format_kit import Sample

PEOPLE = (
    ("0001", "髙﨑,ソ表", "120", "一行目\r\n二行目"),
    ("0002", '"能"予', "-20", ""),
    ("0003", "～－∥①㈱", "99999999999999999999", "=1+1"),
)
NAMES = ("BANGO", "SHIMEI", "GAKU", "BIKO")


def encoded(text: str, encoding: str) -> bytes:
    program = ["iconv", "-f", "UTF-8", "-t", encoding]
    return subprocess.run(program, input=text.encode(), capture_output=True, check=True).stdout


def written(rows: list[tuple[str, ...]], *, quoting: int, end: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting, lineterminator=end).writerows(rows)
    return text.getvalue()


def table(rows: tuple[tuple[str | None, ...], ...], names: tuple[str, ...] = NAMES) -> pa.Table:
    return pa.table({name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(names)})


QUOTED: dict[str, Any] = {
    "kind": "csv",
    "encoding": "cp932",
    "quoting": "all",
    "eol": "crlf",
    "header": {"mark": "H", "columns": ["KUBUN", "SAKUSEI"]},
    "trailer": {"mark": "T", "columns": ["KUBUN", "KENSU", "GOKEI"]},
    "as_of": "SAKUSEI",
    "count": "KENSU",
    "totals": [{"trailer": "GOKEI", "of": "BANGO"}],
    "columns": [{"name": name} for name in NAMES],
    "key": {"columns": ["BANGO"], "join": "-"},
}
QUOTED_DATA = encoded(
    written([("H", "20261120"), NAMES, *PEOPLE, ("T", "3", "6")], quoting=csv.QUOTE_ALL, end="\r\n"), "CP932"
)

NULLS = (("1", None, "𠮷田"), ("2", "", "葛\U000e0100城"), ("3", "a,b", "森"))
BARE: dict[str, Any] = {
    "kind": "csv",
    "encoding": "utf-8",
    "bom": "required",
    "quoting": "needed",
    "eol": "lf",
    "null": "",
    "names": "none",
    "trailer": {"mark": "#", "columns": ["KUBUN", "KENSU"]},
    "count": "KENSU",
    "columns": [{"name": "NO", "at": 1}, {"name": "BIKO", "at": 2}, {"name": "NAMAE", "at": 3}],
    "key": {"columns": ["NO"], "join": "-"},
}
BARE_DATA = b"\xef\xbb\xbf" + '1,,𠮷田\n2,"",葛\U000e0100城\n3,"a,b",森\n#,3\n'.encode()

SAMPLES = (
    Sample(
        name="quoted",
        declaration=QUOTED,
        table=table(PEOPLE),
        control={"SAKUSEI": "20261120"},
        data=QUOTED_DATA,
    ),
    Sample(name="bare", declaration=BARE, table=table(NULLS, ("NO", "BIKO", "NAMAE")), data=BARE_DATA),
)
