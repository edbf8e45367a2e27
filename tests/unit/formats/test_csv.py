"""CSV files: whole and proved, or refused, or one record set aside with its line and its byte."""

from pathlib import Path
from typing import Any

import pytest
from tests.conformance.formats import csv as samples
from tests.unit.formats.twins import twin

from renkei import formats
from renkei.errors import Stop
from renkei.formats import csv as csv_file
from renkei.formats.csv import exact as csv_rows
from renkei.formats.csv import scan as csv_scan
from renkei.model import Batch

FORM: dict[str, Any] = {
    "kind": "csv",
    "encoding": "cp932",
    "unproved": "試験",
    "columns": [{"name": "A"}, {"name": "B"}, {"name": "C", "optional": True}],
    "key": {"columns": ["A"], "join": "-"},
}
SOUND = b"".join(b"%03d,x,y\r\n" % number for number in range(100, 140))


def read(content: bytes, folder: Path, **changes: Any) -> Batch:
    path = folder / "delivery"
    path.write_bytes(content)
    return formats.read(path, {**FORM, **changes}, feed="welfare.test")


def refusal(content: bytes, folder: Path, **changes: Any) -> Stop:
    with pytest.raises(Stop) as caught:
        read(content, folder, **changes)
    return caught.value


def rejected(batch: Batch) -> list[tuple[int, str, str, str]]:
    names = ("__rec_no", "field", "code", "detail")
    return [tuple(row[name] for name in names) for row in batch.rejects.to_pylist()]  # type: ignore[misc] # a row


def test_every_record_knows_where_it_lies(tmp_path: Path) -> None:
    batch = read(b'A,C,B\r\n1,,"x\r\ny"\r\n2,"",\x83\x5c\r\n', tmp_path)

    assert batch.table.to_pylist() == [
        {"__rec_no": 1, "__byte_offset": 7, "__byte_length": 11, "A": "1", "B": "x\r\ny", "C": ""},
        {"__rec_no": 2, "__byte_offset": 18, "__byte_length": 9, "A": "2", "B": "ソ", "C": ""},
    ]


def test_only_a_bare_null_is_a_null(tmp_path: Path) -> None:
    columns = read(b'A,B,C\r\n1,,""\r\n2,NULL,"NULL"\r\n', tmp_path, null="").table.to_pydict()
    named = read(b'A,B,C\r\n1,,""\r\n2,NULL,"NULL"\r\n', tmp_path, null="NULL").table.to_pydict()

    assert (columns["B"], columns["C"]) == ([None, "NULL"], ["", "NULL"])
    assert (named["B"], named["C"]) == (["", None], ["", "NULL"])


def test_an_optional_column_may_be_away(tmp_path: Path) -> None:
    assert read(b"B,A\r\nx,1\r\n", tmp_path).table.column("C").to_pylist() == [None]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "E_CSV_HEADER"),
        (b"A,B,C", "E_CSV_LINE"),
        (b"A,B,C\n1,x,y\r\n", "E_CSV_LINE"),
        (b"A,C\r\n", "E_COLUMN_MISSING"),
        (b"A,B,C,D\r\n", "E_COLUMN_UNEXPECTED"),
        (b"A,B,A\r\n", "E_COLUMN_UNEXPECTED"),
        (b"\xef\xbb\xbfA,B,C\r\n", "E_BOM"),
        (b"A,B,C\xff\r\n", "E_ENCODING"),
        (b'A,B,C\r\n1,"x,y\r\n' + SOUND, "E_CSV_OPEN_QUOTE"),
        (b"A,B,C\r\n" + SOUND.replace(b",y", b",y,z"), "E_MANY_REJECTS"),
        (b"A,B,C\r\n" + SOUND.replace(b"\r\n", b"\n"), "E_MANY_REJECTS"),
        (b"A,B,C\r\n" + SOUND.replace(b"x", b"\xff"), "E_ENCODING"),
    ],
)
def test_a_file_that_is_not_as_declared_is_refused(content: bytes, code: str, tmp_path: Path) -> None:
    assert refusal(content, tmp_path).code == code


@pytest.mark.parametrize(
    ("bom", "content", "is_taken"),
    [
        ("required", b"\xef\xbb\xbfA,B\r\n", True),
        ("required", b"A,B\r\n", False),
        ("either", b"\xef\xbb\xbfA,B\r\n", True),
        ("either", b"A,B\r\n", True),
        ("absent", b"\xef\xbb\xbfA,B\r\n", False),
    ],
)
def test_the_byte_order_mark_is_as_declared(bom: str, content: bytes, is_taken: bool, tmp_path: Path) -> None:
    if is_taken:
        assert read(content, tmp_path, bom=bom, encoding="utf-8").records == 0
    else:
        assert refusal(content, tmp_path, bom=bom, encoding="utf-8").code == "E_BOM"


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (b"200,x\r\n", (41, "*", "E_CSV_FIELDS", "line=42 byte=367 fields=2 of 3")),
        (b"200,x,y,z\r\n", (41, "*", "E_CSV_FIELDS", "line=42 byte=367 fields=4 of 3")),
        (b"\r\n", (41, "*", "E_CSV_FIELDS", "line=42 byte=367 fields=1 of 3")),
        (b"200,\x8e,y\r\n", (41, "B", "E_ENCODING", "line=42 byte=371")),
        (b'200,"ab\xffc",y\r\n', (41, "B", "E_ENCODING", "line=42 byte=374")),
        (b"200,x\0,y\r\n", (41, "B", "E_BAD_CHARACTER", "line=42 byte=372")),
        (b'200,x"x,y\r\n', (41, "B", "E_CSV_QUOTE", "line=42 byte=372")),
        (b'200,"x"x,y\r\n', (41, "B", "E_CSV_QUOTE", "line=42 byte=374")),
    ],
)
def test_a_record_that_cannot_be_taken_falls_alone(
    bad: bytes, expected: tuple[int, str, str, str], tmp_path: Path
) -> None:
    batch = read(b"A,B,C\r\n" + SOUND + bad + SOUND.replace(b"1", b"3"), tmp_path)

    assert rejected(batch) == [expected]
    assert batch.records == 81
    assert batch.table.column("__rec_no").to_pylist() == [*range(1, 41), *range(42, 82)]
    assert batch.table.column("__byte_offset")[40].as_py() == 367 + len(bad)


def test_ragged_records_that_are_filled_up_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = (
        '            if len(row.fields) != fields:\n                row.refuse("E_CSV_FIELDS", row.start)\n'
    )
    twin(monkeypatch, csv_file, (guard, "            row.fields = (row.fields + [b''] * 3)[:fields]\n"))

    with pytest.raises(AssertionError):
        test_a_record_that_cannot_be_taken_falls_alone(
            b"200,x\r\n", (41, "*", "E_CSV_FIELDS", "line=42 byte=367 fields=2 of 3"), tmp_path
        )


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n\r"])
def test_a_damaged_line_end_sets_aside_what_it_touches(end: bytes, tmp_path: Path) -> None:
    content = b"A,B,C\r\n" + SOUND[:-2] + end + b"200,x,y\r\n" + SOUND * 2

    batch = read(content, tmp_path)

    assert set(batch.rejects.column("code").to_pylist()) <= {"E_CSV_EOL", "E_CSV_FIELDS"}
    assert "200" not in batch.table.column("A").to_pylist()
    assert batch.records == batch.table.num_rows + batch.rejects.num_rows
    assert batch.table.num_rows in (119, 120)


def test_line_ends_that_are_taken_as_they_come_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin(monkeypatch, csv_scan, ("    return np.array_equal(returns, wanted)\n", "    return True\n"))

    with pytest.raises((AssertionError, IndexError)):
        test_a_damaged_line_end_sets_aside_what_it_touches(b"\n", tmp_path)


def test_a_missing_last_line_end_is_a_cut_unless_declared(tmp_path: Path) -> None:
    content = b"A,B,C\r\n" + SOUND[:-2]

    assert rejected(read(content, tmp_path)) == [(40, "*", "E_CSV_EOL", "line=41 byte=365")]
    assert read(content, tmp_path, last_eol="optional").rejects.num_rows == 0


def test_a_line_feed_inside_quotes_belongs_to_its_value(tmp_path: Path) -> None:
    batch = read(b'A,B,C\n1,"a\nb","c\r\nd"\n', tmp_path, eol="lf")

    assert batch.table.column("B").to_pylist() == ["a\nb"]
    assert batch.table.column("C").to_pylist() == ["c\r\nd"]


@pytest.mark.parametrize("delimiter", [",", "\t", "|", ";"])
@pytest.mark.parametrize("quote", ['"', "'", "|", ""])
def test_a_trail_byte_that_looks_like_a_mark_is_none(delimiter: str, quote: str, tmp_path: Path) -> None:
    if delimiter == quote:
        return
    row = delimiter.join(("1", "ポ表|".replace("|", "") + "ソ", "～"))
    content = f"A{delimiter}B{delimiter}C\r\n{row}\r\n".encode("cp932")

    batch = read(content, tmp_path, delimiter=delimiter, quote=quote)

    assert batch.table.column("B").to_pylist() == ["ポ表ソ"]


def test_an_escape_is_undone_and_a_wide_character_is_not_taken_for_one(tmp_path: Path) -> None:
    content = 'A,B,C\r\n1,"表\\"ソ\\\\",a\\,b\r\n'.encode("cp932")

    batch = read(content, tmp_path, escape="\\")

    assert batch.table.to_pydict()["B"] == ['表"ソ\\']
    assert batch.table.to_pydict()["C"] == ["a,b"]


def test_wide_characters_cut_into_bytes_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twin(
        monkeypatch,
        csv_rows,
        ('_WIDE = rb"[\\x81-\\x9f\\xe0-\\xfc][\\x40-\\x7e\\x80-\\xfc]|"', '_WIDE = b""'),
    )

    with pytest.raises((AssertionError, Stop)):
        test_an_escape_is_undone_and_a_wide_character_is_not_taken_for_one(tmp_path)


def test_formulas_are_data(tmp_path: Path) -> None:
    assert read(b"A,B,C\r\n=1+1,@SUM,-2\r\n", tmp_path).table.column("A").to_pylist() == ["=1+1"]


# what control lines state -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b'"T","3"', b'"T","4"', "E_TRAILER_COUNT"),
        (b'"3","6"', b'"3","7"', "E_TRAILER_TOTAL"),
        (b'"0002"', b'"0003"', "E_TRAILER_TOTAL"),
        (b'"T",', b'"X",', "E_TRAILER_MISSING"),
        (b'"T","3","6"\r\n', b"", "E_TRAILER_MISSING"),
        (b'"T","3","6"\r\n', b'"T","3","6"\r\n"0004","","",""\r\n', "E_TRAILER_MISSING"),
        (b'"0003"', b'"T"', "E_RECORD_KIND"),
        (b'"0003"', b'"H"', "E_RECORD_KIND"),
        (b'"H",', b'"J",', "E_CSV_HEADER"),
        (b"20261120", b"20261320", "E_HEADER_DATE"),
    ],
)
def test_a_file_that_its_control_lines_do_not_prove_is_refused(
    old: bytes, new: bytes, code: str, tmp_path: Path
) -> None:
    assert samples.QUOTED_DATA.count(old) == 1
    form = {**samples.QUOTED, "key": {"columns": ["BANGO"], "join": "-"}}

    error = refusal(samples.QUOTED_DATA.replace(old, new), tmp_path, **form)

    assert error.code == code
    if code == "E_TRAILER_COUNT":
        assert (error.facts["stated"], error.facts["counted"]) == ("4", 3)


def test_pieces_of_a_file_give_what_the_whole_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(samples.QUOTED_DATA, tmp_path, **samples.QUOTED).table
    for size in (1, 2, 3, 7, 50):
        monkeypatch.setattr(csv_file, "CHUNK", size)

        assert read(samples.QUOTED_DATA, tmp_path, **samples.QUOTED).table.equals(whole)


def test_a_quote_that_never_closes_is_not_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "CHUNK", 16)
    monkeypatch.setattr(csv_file, "LONGEST", 64)

    error = refusal(b'A,B,C\r\n1,"x,y\r\n' + SOUND, tmp_path)

    assert (error.code, error.facts["offset"]) == ("E_CSV_OPEN_QUOTE", 7)


def test_the_fast_and_the_slow_parser_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = read(samples.QUOTED_DATA, tmp_path, **samples.QUOTED).table
    monkeypatch.setattr(csv_file, "ends_of", lambda *_, **__: None)

    assert read(samples.QUOTED_DATA, tmp_path, **samples.QUOTED).table.equals(fast)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"delimiter": '"'}, ("delimiter",)),
        ({"encoding": "ibm-1399"}, ("encoding",)),
        ({"bom": "either"}, ("bom",)),
        ({"count": "KENSU"}, ("count",)),
        ({"as_of": "DAY"}, ("as_of",)),
        ({"order": ["X"]}, ("order",)),
        ({"names": "none"}, ("names",)),
        ({"totals": [{"trailer": "G", "of": "Z"}]}, ("totals", 0, "of")),
        ({"set": {"part": "REN", "parts": "SU"}}, ("set", "part")),
    ],
)
def test_a_declaration_that_cannot_work_is_told(changes: dict[str, Any], place: Any, tmp_path: Path) -> None:
    form = {**FORM, **changes}

    assert place in [where for where, _, _ in csv_file.problems(form, form["columns"], tmp_path)]
    assert list(csv_file.problems(FORM, FORM["columns"], tmp_path)) == []
