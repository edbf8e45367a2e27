import csv
from pathlib import Path

import pytest

from renkei.report import csv_file
from renkei.report.csv_file import FORMULA_STARTS, inert

#: What people have put into cells to make a spreadsheet act.
CORPUS = [
    "=1+1", "=HYPERLINK(\"http://x\",\"y\")", "=cmd|' /C calc'!A0", "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0", "\t=1+1", "\r=1+1", "\n=1+1", "=IMPORTXML(CONCAT(\"http://x\"),\"//a\")",
    "＝１＋１", "＋１", "－１", "＠SUM(1)", "=\"a\"&\"b\"", "==1", "=\n1",
]  # fmt: skip


def written(tmp_path: Path, *rows: list[str]) -> bytes:
    place = tmp_path / "x.csv"
    assert list(csv_file.through(place, header=["a"] * max(map(len, rows)), rows=rows)) == list(rows)
    return place.read_bytes()


@pytest.mark.parametrize("evil", CORPUS)
def test_no_cell_of_the_corpus_begins_as_a_formula(evil: str, tmp_path: Path) -> None:
    raw = written(tmp_path, [evil, f'x"{evil}'])

    [_, cells] = list(csv.reader(raw.decode("utf-8-sig").splitlines(keepends=True)))
    assert not any(cell.startswith(FORMULA_STARTS) for cell in cells)
    assert cells[0] == f"'{evil}"


def test_a_writer_without_the_guard_is_caught_by_the_corpus() -> None:
    assert all(evil.startswith(FORMULA_STARTS) for evil in CORPUS)
    assert not any(inert(evil) == evil for evil in CORPUS)


@pytest.mark.parametrize(
    "plain", ["0000000019", "C-000001", "2026-11-20", "葛原市本町1-2-3", "", "ー", "𠮷田 太郎", "a=1"]
)
def test_ordinary_cells_stay_as_they_are(plain: str) -> None:
    assert inert(plain) == plain


def test_the_file_opens_in_japanese_spreadsheets(tmp_path: Path) -> None:
    raw = written(tmp_path, ["0019", "葛󠄀城"], ["", 'quote " and, comma'])

    assert raw.startswith(b"\xef\xbb\xbf")
    assert raw.decode("utf-8-sig") == ('"a","a"\r\n"0019","葛󠄀城"\r\n"","quote "" and, comma"\r\n')


def test_a_nul_is_shown_not_written() -> None:
    assert inert("a\0b") == "a␀b"
