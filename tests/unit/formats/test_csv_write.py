"""CSV written for machines: as declared to the byte, and read back equal by us and by another program."""

import csv
import hashlib
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.formats.test_csv import FORM
from tests.unit.formats.twins import twin

from renkei import formats
from renkei.errors import Stop
from renkei.formats import Written
from renkei.formats.csv import writer as csv_write

Rows = list[tuple[str | None, ...]]


def write(rows: Rows, folder: Path, **changes: Any) -> tuple[bytes, Written]:
    path = folder / "out"
    table = pa.table(
        {name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate("ABC")}
    )
    control = changes.pop("control", {})
    written = formats.write(table, {**FORM, **changes}, path, feed="f", control=control)
    return path.read_bytes(), written


def read_back(folder: Path, **changes: Any) -> Rows:
    batch = formats.read(folder / "out", {**FORM, **changes}, feed="f")
    assert batch.rejects.num_rows == 0
    return [(row["A"], row["B"], row["C"]) for row in batch.table.to_pylist()]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"quoting": "needed"}, b'1,"x,""y""",-2.5\r\n'),
        ({"quoting": "all"}, b'"1","x,""y""","-2.5"\r\n'),
        ({"quoting": "non-numeric"}, b'1,"x,""y""",-2.5\r\n'),
        ({"eol": "lf"}, b'1,"x,""y""",-2.5\n'),
        ({"delimiter": "\t"}, b'1\t"x,""y"""\t-2.5\r\n'),
        ({"quote": "'"}, b"1,'x,\"y\"',-2.5\r\n"),
        ({"escape": "\\"}, b'1,"x,\\"y\\"",-2.5\r\n'),
        ({"quote": "", "escape": "\\"}, b'1,x\\,"y",-2.5\r\n'),
    ],
)
def test_quotes_and_line_ends_are_as_declared(changes: dict[str, Any], line: bytes, tmp_path: Path) -> None:
    content, written = write([("1", 'x,"y"', "-2.5")], tmp_path, **changes)

    assert content.endswith(line)
    assert read_back(tmp_path, **changes) == [("1", 'x,"y"', "-2.5")]
    assert (written.records, written.bytes) == (1, len(content))
    assert written.sha256 == hashlib.sha256(content).hexdigest()


def test_the_mark_and_the_windows_order_are_written(tmp_path: Path) -> None:
    assert write([], tmp_path, encoding="utf-8", bom="required")[0] == b"\xef\xbb\xbfA,B,C\r\n"
    assert b"\xfb\xfc" in write([("髙", "", "")], tmp_path)[0]


def test_a_null_an_empty_text_and_the_text_of_a_null_stay_apart(tmp_path: Path) -> None:
    rows: Rows = [(None, "", "NULL"), ("a", "b", None)]

    assert write(rows, tmp_path, null="NULL")[0].endswith(b'NULL,,"NULL"\r\na,b,NULL\r\n')
    assert read_back(tmp_path, null="NULL") == rows
    assert write(rows, tmp_path, null="")[0].endswith(b',"",NULL\r\na,b,\r\n')
    assert read_back(tmp_path, null="") == rows


@pytest.mark.parametrize(
    ("row", "changes", "expected"),
    [
        ((None, "x", "y"), {}, ("A", "E_CSV_NULL")),
        (("1", "𠮷", "y"), {}, ("B", "E_UNENCODABLE")),
        (("1", "x\0", "y"), {}, ("B", "E_BAD_CHARACTER")),
        (("1", "x,y", "y"), {"quote": ""}, ("B", "E_CSV_NO_QUOTE")),
        (("1", "x\ny", "y"), {"quote": ""}, ("B", "E_CSV_NO_QUOTE")),
    ],
)
def test_what_cannot_be_written_as_it_is_is_set_aside(
    row: tuple[str | None, ...], changes: dict[str, Any], expected: tuple[str, str], tmp_path: Path
) -> None:
    _, written = write([("0", "森", ""), row], tmp_path, **changes)

    [reject] = written.rejects.to_pylist()
    assert (reject["__rec_no"], reject["field"], reject["code"]) == (2, *expected)
    assert (written.records, read_back(tmp_path, **changes)) == (1, [("0", "森", "")])


def test_a_writer_that_makes_nulls_empty_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twin(
        monkeypatch,
        csv_write,
        ("if self.layout.null is None and texts.null_count:", "if self.layout.null == 0:"),
    )

    with pytest.raises((AssertionError, ValueError)):
        test_what_cannot_be_written_as_it_is_is_set_aside((None, "x", "y"), {}, ("A", "E_CSV_NULL"), tmp_path)


def test_control_lines_state_what_was_written(tmp_path: Path) -> None:
    changes = {
        "header": {"mark": "H", "columns": ["K", "DAY", "N"]},
        "trailer": {"mark": "T", "columns": ["K", "SUM"]},
        "count": "N",
        "totals": [{"trailer": "SUM", "of": "A"}],
    }

    content, _ = write(
        [("5", "", ""), ("7", "𠮷", ""), ("-2", "", "")], tmp_path, **changes, control={"DAY": "20261120"}
    )

    assert content == b"H,20261120,2\r\nA,B,C\r\n5,,\r\n-2,,\r\nT,3\r\n"
    with pytest.raises(Stop, match="E_CONTROL_MISSING"):
        write([], tmp_path, **changes)


def test_blocks_make_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: Rows = [(str(number), "森", "") for number in range(10)]
    whole, _ = write(rows, tmp_path)
    monkeypatch.setattr(csv_write, "BLOCK", 3)

    assert write(rows, tmp_path)[0] == whole


TEXTS = st.text(st.sampled_from("ab1 ,;\"'\\\r\n\t|ソ表能髙～ｶﾞ=@-"), max_size=6)
SHAPES = st.fixed_dictionaries(
    {
        "encoding": st.sampled_from(["cp932", "utf-8", "euc-jp-ms"]),
        "delimiter": st.sampled_from([",", "\t", "|", ";"]),
        "quote": st.sampled_from(['"', "'"]),
        "escape": st.sampled_from(["", "\\"]),
        "quoting": st.sampled_from(["all", "needed", "non-numeric"]),
        "eol": st.sampled_from(["crlf", "lf"]),
        "null": st.sampled_from(["", "NULL", "\\N"]),
    }
)


@settings(max_examples=400, deadline=None)
@given(rows=st.lists(st.tuples(*[st.none() | TEXTS] * 3), max_size=4), shape=SHAPES)
def test_whatever_is_written_is_read_as_it_was(
    rows: Rows, shape: dict[str, Any], tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    if shape["null"] == "\\N" and shape["escape"]:
        shape = {**shape, "null": ""}

    _, written = write(rows, folder, **shape)

    assert written.rejects.num_rows == 0
    assert read_back(folder, **shape) == rows


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=4), quoting=st.sampled_from(["all", "needed"]))
def test_pythons_own_reader_reads_the_same(rows: Rows, quoting: str, tmp_path_factory: Any) -> None:
    content, _ = write(rows, tmp_path_factory.mktemp("csv"), quoting=quoting, encoding="utf-8")

    theirs = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))

    assert [tuple(row) for row in theirs] == [("A", "B", "C"), *rows]
