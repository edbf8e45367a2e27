"""Fixed-length files written: read back equal, counted and totalled, and nothing ever cut or replaced."""

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.conformance.formats import fixed as samples
from tests.unit.formats.twins import twin

from renkei import formats
from renkei.errors import Stop
from renkei.formats import Written
from renkei.formats.fixed import records as fixed_records
from renkei.formats.fixed import writer as fixed_write
from renkei.model import Batch

GIVEN = {"MADE": "20261120"}


def write(rows: list[tuple[str | None, ...]], folder: Path, **changes: Any) -> tuple[bytes, Written]:
    path = folder / "out"
    names = [column["name"] for column in samples.PLAIN["columns"]]
    table = pa.table(
        {name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(names)}
    )
    written = formats.write(table, {**samples.PLAIN, **changes}, path, feed="tax.test", control=GIVEN)
    return path.read_bytes(), written


def read_back(folder: Path, **changes: Any) -> Batch:
    return formats.read(folder / "out", {**samples.PLAIN, **changes}, feed="tax.test")


def test_values_fill_their_columns_from_the_declared_side(tmp_path: Path) -> None:
    content, written = write([("17", "山田", "ﾔﾏﾀﾞ", "120")], tmp_path)

    assert content[:30] == b"120261120".ljust(30)
    assert content[30:60] == b"2000017" + samples.wide("山田", 10) + samples.raw("ﾔﾏﾀﾞ").ljust(8) + b"00120"
    assert content[60:] == b"8000001000017".ljust(30)
    assert (written.records, written.bytes) == (1, 90)
    assert written.sha256 == hashlib.sha256(content).hexdigest()


def test_text_from_the_right_and_empty_numbers_stay_as_they_are(tmp_path: Path) -> None:
    content, _ = write([("1", "", "ｱ", ""), ("2", None, "", None)], tmp_path, align={"KANA": "right"})

    assert content[30:60] == b"2000001" + b"\x81\x40" * 5 + b"       \xb1" + b" " * 5
    assert read_back(tmp_path).table.column("GAKU").to_pylist() == ["", ""]


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        (("1", "山田山田山田", "", "1"), "SHIMEI", "E_TOO_WIDE"),
        (("1", "𠮷田", "", "1"), "SHIMEI", "E_UNENCODABLE"),
        (("1", "山田", "", "123456"), "GAKU", "E_TOO_WIDE"),
        (("1", "山田", "", "-12"), "GAKU", "E_BAD_FORMAT"),
        (("1", "山田", "", "12.5"), "GAKU", "E_BAD_FORMAT"),
    ],
)
def test_what_does_not_fit_is_set_aside_whole(
    row: tuple[str, ...], field: str, code: str, tmp_path: Path
) -> None:
    sound = ("7", "森", "ﾓﾘ", "5")

    _, written = write([sound, row, sound], tmp_path)

    [reject] = written.rejects.to_pylist()
    assert (reject["__rec_no"], reject["field"], reject["code"], reject["source_key"]) == (
        2,
        field,
        code,
        "1",
    )
    assert written.records == 2
    assert read_back(tmp_path).table.column("SHIMEI").to_pylist() == ["森", "森"]


def test_a_writer_that_cuts_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = "_cells(column, pc.utf8_slice_codeunits(texts, 0, column.bytes // 2), self.layout, first=start + 1)"
    twin(monkeypatch, fixed_write, ("_cells(column, texts, self.layout, first=start + 1)", cut))

    with pytest.raises((AssertionError, ValueError)):
        test_what_does_not_fit_is_set_aside_whole(
            ("1", "山田山田山田", "", "1"), "SHIMEI", "E_TOO_WIDE", tmp_path
        )


def test_a_look_alike_that_the_code_does_not_have_is_in_the_loss_report(tmp_path: Path) -> None:
    _, written = write([("1", "1〜2", "", "1")], tmp_path)

    assert read_back(tmp_path).table.column("SHIMEI").to_pylist() == ["1～2"]
    [loss] = written.losses.to_pylist()
    assert (loss["character"], loss["became"], loss["count"], loss["records"]) == ("〜", "～", 1, [1])


def test_counts_and_totals_are_of_what_was_written(tmp_path: Path) -> None:
    content, _ = write(
        [("900000", "森", "", "1"), ("900000", "𠮷", "", "1"), ("900000", "森", "", "1")], tmp_path
    )

    assert content[-30:] == b"8000002800000".ljust(30)


def test_households_are_written_as_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixed_records, "BLOCK", 2)
    monkeypatch.setattr(fixed_write, "BLOCK", 2)
    path = tmp_path / "out"
    table = samples.table(samples.HOUSEHOLDS, samples.MEMBERS)

    formats.write(table, samples.HOUSEHOLDS, path, feed="f", control={"SAKUSEI": "20261120"})

    assert path.read_bytes() == samples.households_file()


def test_a_household_that_does_not_fit_leaves_none_of_its_members(tmp_path: Path) -> None:
    rows = (
        *samples.MEMBERS[:2],
        ("000003", "髙橋　一", "500002", "長い名前の世帯主さん", "132993"),
        samples.MEMBERS[3],
    )
    path = tmp_path / "out"

    written = formats.write(
        samples.table(samples.HOUSEHOLDS, rows),
        samples.HOUSEHOLDS,
        path,
        feed="f",
        control={"SAKUSEI": "20261120"},
    )

    assert written.rejects.column("__rec_no").to_pylist() == [3]
    batch = formats.read(path, samples.HOUSEHOLDS, feed="f")
    assert batch.table.column("ATENA").to_pylist() == ["000001", "000002", "000004"]


def test_no_records_make_a_whole_file(tmp_path: Path) -> None:
    content, written = write([], tmp_path)

    assert len(content) == 60
    assert (written.records, read_back(tmp_path).records) == (0, 0)


def test_what_was_read_is_written_with_the_same_controls(tmp_path: Path) -> None:
    path, again = tmp_path / "theirs", tmp_path / "ours"
    path.write_bytes(samples.plain_file())
    batch = formats.read(path, samples.PLAIN, feed="f")

    formats.write(batch.table, samples.PLAIN, again, feed="f", control=batch.control)  # type: ignore[arg-type] # also taken

    assert again.read_bytes() == samples.plain_file()


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({}, "E_CONTROL_MISSING", "MADE"),
        ({"MADE": "2026-11-20 09:00"}, "E_CONTROL_VALUE", "MADE"),
        ({"MADE": "𠮷"}, "E_CONTROL_VALUE", "MADE"),
    ],
)
def test_a_header_that_cannot_be_filled_stops_the_file(
    given: dict[str, str], code: str, field: str, tmp_path: Path
) -> None:
    with pytest.raises(Stop) as caught:
        formats.write(
            samples.table(samples.PLAIN, samples.PEOPLE),
            samples.PLAIN,
            tmp_path / "out",
            feed="f",
            control=given,
        )

    assert (caught.value.code, caught.value.facts["field"]) == (code, field)


def test_a_total_with_too_many_digits_stops_the_file(tmp_path: Path) -> None:
    totals = [{"trailer": "GOKEI", "of": "BANGO", "digits": 9}]

    with pytest.raises(Stop, match="E_CONTROL_VALUE"):
        write([("900000", "森", "", "1")] * 2, tmp_path, totals=totals)


def test_a_column_that_is_not_there_stops_the_file(tmp_path: Path) -> None:
    table = samples.table(samples.PLAIN, samples.PEOPLE)

    for wrong, code in ((table.drop_columns(["KANA"]), "E_COLUMN_MISSING"),
                        (table.append_column("X", table.column("KANA")), "E_COLUMN_UNEXPECTED")):  # fmt: skip
        with pytest.raises(Stop, match=code):
            formats.write(wrong, samples.PLAIN, tmp_path / "out", feed="f", control=GIVEN)
