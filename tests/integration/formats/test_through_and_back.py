"""Files that other programs made, in every encoding, come through and back without an unreported change."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.conformance.format_kit import POSITION
from tests.conformance.formats.cobol import SAMPLES as COBOL

from renkei import formats

JEF = Path(__file__).resolve().parents[2] / "unit" / "formats" / "tables" / "jef-sample.json"
PEOPLE = (("000017", "山田花子", "ﾔﾏﾀﾞ"), ("900025", "森　一", "ﾓﾘ"), ("700033", "神", ""))
#: Encoding as declared → glibc's name, and what only that encoding can carry.
ENCODINGS = {
    "cp932": ("CP932", "髙﨑～①ソ表"),
    "euc-jp-ms": ("EUC-JP-MS", "髙﨑～①黑"),
    "ibm-1399": ("IBM1399", "髙﨑①葛"),
}


def iconv(text: str, encoding: str) -> bytes:
    program = ["iconv", "-f", "UTF-8", "-t", encoding]
    return subprocess.run(program, input=text.encode(), capture_output=True, check=True).stdout


def jef(text: str) -> bytes:
    """glibc's EUC-JP with JEF's shifts around it: JEF is JIS X 0208 with 0x80 added, its space 4040."""
    wide = iconv(text, "EUC-JP").replace(b"\xa1\xa1", b"\x40\x40")
    return b"\x28" + wide + b"\x29" if text else b""


def declaration(**more: Any) -> dict[str, Any]:
    return {
        "kind": "fixed", "record": 46, "header": "1", "data": "2", "trailer": "8", "count": "KENSU",
        "trailer_columns": [{"name": "KENSU", "at": 2, "bytes": 6}],
        "columns": [
            {"name": "BANGO", "at": 2, "bytes": 6}, {"name": "SHIMEI", "at": 8, "bytes": 28},
            {"name": "KANA", "at": 36, "bytes": 11},
        ],
        "pad": {"BANGO": "zero"}, "key": {"columns": ["BANGO"], "join": "-"}, **more,
    }  # fmt: skip


def file_of(people, plain, kanji, kana, blank: bytes) -> bytes:
    lines = [plain("1")]
    for number, name, reading in people:
        lines.append(plain(f"2{number}") + kanji(name).ljust(28, blank) + kana(reading).ljust(11, blank))
    lines.append(plain(f"8{len(people):06d}"))
    return b"".join(line.ljust(46, blank) for line in lines)


def through(data: bytes, declared: dict[str, Any], folder: Path) -> tuple[pa.Table, bytes, int]:
    """What is read, the bytes that are written from it, and how many conversions were reported."""
    theirs, ours = folder / "theirs", folder / "ours"
    theirs.write_bytes(data)
    batch = formats.read(theirs, declared, feed="mainframe.file")
    assert batch.rejects.num_rows == 0
    values = batch.table.drop_columns([name for name in POSITION if name in batch.table.column_names])
    written = formats.write(values, declared, ours, feed="mainframe.file")
    assert written.rejects.num_rows == 0
    losses = written.losses.num_rows + (batch.losses.num_rows if batch.losses else 0)
    return values, ours.read_bytes(), losses


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_another_programs_bytes_come_through_and_back_the_same(encoding: str, tmp_path: Path) -> None:
    called, special = ENCODINGS[encoding]

    def raw(text: str) -> bytes:
        return iconv(text, called)

    people = (*PEOPLE, ("000041", special, "ﾀｶｻｷ"))
    data = file_of(people, raw, raw, raw, blank=raw(" "))

    values, back, losses = through(data, declaration(encoding=encoding), tmp_path)

    assert values.column("SHIMEI").to_pylist() == [name for _, name, _ in people]
    assert values.column("KANA").to_pylist() == [kana for *_, kana in people]
    assert (back, losses) == (data, 0)


def test_a_fujitsu_file_comes_through_and_back_by_the_citys_table(tmp_path: Path) -> None:
    def single(text: str) -> bytes:
        return iconv(text, "IBM930")  # its single bytes are those of CP290

    people = (("000017", "一二三", "ﾔﾏﾀﾞ"), ("900025", "あ　ア", "ﾓﾘ"))
    data = file_of(people, single, jef, single, blank=b"\x40")
    table = {"table": str(JEF), "table_sha256": hashlib.sha256(JEF.read_bytes()).hexdigest()}

    values, back, losses = through(data, declaration(encoding="jef-sample", **table), tmp_path)

    assert values.column("SHIMEI").to_pylist() == [name for _, name, _ in people]
    assert (back, losses) == (data, 0)


@pytest.mark.parametrize("sample", COBOL, ids=lambda sample: sample.name)
def test_packed_and_binary_numbers_of_gnucobol_come_through_and_back(sample, tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.write_bytes(sample.data)
    batch = formats.read(theirs, sample.declaration, feed="mainframe.file")
    values = batch.table.drop_columns([name for name in POSITION if name in batch.table.column_names])

    written = formats.write(values, sample.declaration, ours, feed="mainframe.file", control=sample.control)

    assert values.to_pylist() == sample.table.to_pylist()
    assert ours.read_bytes() == sample.data
    assert written.losses.num_rows == 0
