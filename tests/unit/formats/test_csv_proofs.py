"""CSV: what is in the file adds up exactly, two files are never one, and no error quotes a resident."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.formats.test_csv import read, refusal, rejected
from tests.unit.formats.test_csv_write import write
from tests.unit.formats.twins import twin

from renkei.errors import Stop
from renkei.formats import csv as csv_file

CONTROLS: dict[str, Any] = {
    "header": {"mark": "H", "columns": ["MARK", "MADE", "BY"]},
    "trailer": {"mark": "T", "columns": ["MARK", "GOKEI"]},
    "totals": [{"trailer": "GOKEI", "of": "A"}],
}
NAMES = b"A,B,C\r\n"


def file(*amounts: int, total: int | None = None) -> bytes:
    """A file with both control lines; neither has as many fields as a record has."""
    body = b"".join(b"%d,x,y\r\n" % each for each in amounts)
    return b"H,20260101,1\r\n" + NAMES + body + b"T,%d\r\n" % (sum(amounts) if total is None else total)


@pytest.mark.parametrize("second", [b"T,1\r\n", b"H,20260101\r\n", b'"T",1\r\n', b"T,\r\n"])
def test_a_control_line_among_the_records_stops_the_file_whatever_its_length(
    second: bytes, tmp_path: Path
) -> None:
    content = file(*range(1, 41)).replace(b"20,x,y\r\n", b"20,x,y\r\n" + second)

    found = refusal(content, tmp_path, **CONTROLS)

    assert (found.code, found.facts["rec_no"]) == ("E_RECORD_KIND", 21)


def test_two_files_in_one_are_refused_though_nothing_counts_them(tmp_path: Path) -> None:
    controls = {key: CONTROLS[key] for key in ("header", "trailer")}

    assert refusal(file(1, 2) + file(3, 4), tmp_path, **controls).code == "E_RECORD_KIND"


@pytest.mark.parametrize("amount", [10**17, 10**37, 10**38 - 1, 10**60 + 7])
def test_a_total_is_exact_however_long_its_numbers_are(amount: int, tmp_path: Path) -> None:
    controls = {**CONTROLS, "totals": [{"trailer": "GOKEI", "of": "A", "digits": 80}]}

    assert read(file(*[amount] * 30), tmp_path, **controls).records == 30
    refused = refusal(file(*[amount] * 30, total=30 * amount - 1), tmp_path, **controls)
    assert (refused.code, refused.facts["counted"]) == ("E_TRAILER_TOTAL", 30 * amount)


def test_leading_zeros_do_not_spoil_a_total(tmp_path: Path) -> None:
    content = file(7).replace(b"\r\n7,", b"\r\n" + b"7".zfill(60) + b",")

    assert read(content, tmp_path, **CONTROLS).records == 1


def test_the_total_of_an_optional_column_that_is_away_is_nothing(tmp_path: Path) -> None:
    controls = {**CONTROLS, "totals": [{"trailer": "GOKEI", "of": "C"}]}
    content = file(5, total=0).replace(NAMES, b"A,B\r\n").replace(b",x,y", b",x")

    assert read(content, tmp_path, **controls).records == 1
    assert refusal(content.replace(b"T,0", b"T,5"), tmp_path, **controls).code == "E_TRAILER_TOTAL"


def test_a_null_may_be_a_word_of_any_script(tmp_path: Path) -> None:
    batch = read('A,B,C\r\n1,空,"空"\r\n'.encode("cp932"), tmp_path, null="空")

    assert batch.table.select(["A", "B", "C"]).to_pylist() == [{"A": "1", "B": None, "C": "空"}]


@pytest.mark.parametrize("line", ["氏家,住吉,1", "A1,B2,C3"])
def test_a_file_without_its_line_of_names_is_refused_without_quoting_it(line: str, tmp_path: Path) -> None:
    columns = [{"name": "氏名"}, {"name": "住所"}, {"name": "A"}]
    found = refusal(f"{line}\r\n".encode("cp932") * 3, tmp_path, columns=columns)

    assert (found.code, found.facts) == ("E_CSV_HEADER", {"feed": "welfare.test", "line": 1})


def test_a_control_value_that_cannot_be_written_is_named_not_quoted(tmp_path: Path) -> None:
    control = {"MADE": "🏯山田", "BY": "1"}

    with pytest.raises(Stop) as caught:
        write([("1", "x", "y")], tmp_path, control=control, **CONTROLS)

    assert caught.value.facts["field"] == "MADE"


@pytest.mark.parametrize("stated", ["山田太郎", "12A", ""])
def test_a_stated_total_that_is_no_number_is_not_quoted(stated: str, tmp_path: Path) -> None:
    content = file(1, 2).replace(b"T,3", b"T," + stated.encode("cp932"))

    assert refusal(content, tmp_path, **CONTROLS).facts["stated"] == "—"


def test_a_record_of_another_length_is_still_only_set_aside(tmp_path: Path) -> None:
    content = file(*range(1, 41)).replace(b"20,x,y\r\n", b"20,x\r\n")

    assert refusal(content, tmp_path, **CONTROLS).code == "E_TRAILER_TOTAL"
    assert rejected(read(content, tmp_path, **{**CONTROLS, "totals": []}))[0][2] == "E_CSV_FIELDS"


def test_control_lines_sought_among_sound_records_only_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin(monkeypatch, csv_file, ("if row.fields[0] in marks", "if False"))

    with pytest.raises(pytest.fail.Exception):
        test_a_control_line_among_the_records_stops_the_file_whatever_its_length(b"T,1\r\n", tmp_path)
