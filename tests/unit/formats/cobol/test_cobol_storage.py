"""How machines store the same items: EBCDIC, UTF-16, shifts inside text, redefinitions, and what is declared."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from jsonschema import Draft202012Validator
from tests.unit.formats.cobol.gnucobol import FORMAT, HERE, HOST_FORMAT, iconv, on_host, without, written_by
from tests.unit.formats.cobol.test_cobol_gnucobol import EDGES

from renkei.errors import FixDeclaration, Stop
from renkei.formats import cobol
from renkei.model import Batch


def read(content: bytes, text: str, folder: Path, **declared: Any) -> Batch:
    """Read bytes by a copybook text."""
    (folder / "test.cpy").write_text(text, "utf-8")
    (folder / "delivery").write_bytes(content)
    declaration = {"kind": "cobol", "copybook": str(folder / "test.cpy"), "encoding": "cp932", **declared}
    return cobol.read(folder / "delivery", declaration, feed="tax.test")


def written(table: pa.Table, folder: Path, **declared: Any) -> tuple[bytes, list[tuple[int, str, str]]]:
    """What is written by the copybook that was read last, and the rejects."""
    declaration = {"kind": "cobol", "copybook": str(folder / "test.cpy"), "encoding": "cp932", **declared}
    made = cobol.write(table, declaration, folder / "offered", feed="tax.test")
    rejects = [(each["__rec_no"], each["field"], each["code"]) for each in made.rejects.to_pylist()]
    return (folder / "offered").read_bytes(), rejects


# EBCDIC -------------------------------------------------------------------------------------------


def test_a_mainframe_file_is_read_and_written_to_the_byte(
    program: Callable[..., Path], tmp_path: Path
) -> None:
    content = on_host(written_by(program("kjwrite", "-fsign=EBCDIC"), tmp_path, "40"))
    place = tmp_path / "host"
    place.write_bytes(content)

    batch = cobol.read(place, HOST_FORMAT, feed="tax.kj")
    made = cobol.write(batch.table, HOST_FORMAT, tmp_path / "back", feed="tax.kj", control=batch.control)

    edges = batch.table.slice(0, 5)
    assert {name: edges.column(name).to_pylist() for name in EDGES} == EDGES
    assert content[168 + 64 : 168 + 71] == b"\xf0\xf0\xf0\xf0\xf0\xf0\xc0"
    assert (tmp_path / "back").read_bytes() == content
    assert (made.rejects.num_rows, made.losses.num_rows) == (0, 0)


def test_ascii_files_with_overpunched_signs(program: Callable[..., Path], tmp_path: Path) -> None:
    content = written_by(program("kjwrite", "-fsign=EBCDIC"), tmp_path, "12")
    place = tmp_path / "over"
    place.write_bytes(content)
    declaration = {**FORMAT, "sign": "overpunch"}

    batch = cobol.read(place, declaration, feed="tax.kj")
    cobol.write(batch.table, declaration, tmp_path / "back", feed="tax.kj", control=batch.control)

    assert batch.table.column("ZANDAKA").to_pylist()[:3] == EDGES["ZANDAKA"][:3]
    assert (tmp_path / "back").read_bytes() == content
    with pytest.raises(Stop, match="E_NUMBER"):
        cobol.read(place, {**FORMAT, "totals": []}, feed="tax.kj")


def test_text_may_change_between_one_and_two_bytes_inside_a_host_item(tmp_path: Path) -> None:
    raw = iconv("A山田1".encode(), "IBM1399", source="UTF-8")
    content = raw.ljust(12, b"\x40") + iconv("ﾔﾏ".encode(), "IBM1399", source="UTF-8").ljust(12, b"\x40")

    batch = read(content, "01 R.\n05 A PIC X(12).\n", tmp_path, encoding="ibm-1399")

    assert batch.table.column("A").to_pylist() == ["A山田1", "ﾔﾏ"]
    assert written(batch.table, tmp_path, encoding="ibm-1399") == (content, [])


# PIC N --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["utf-16be", "utf-16le"])
def test_national_items_in_utf16(order: str, tmp_path: Path) -> None:
    names = ["山田《太》", "𠮷野", "", "A B"]
    content = b"".join(name.ljust(6 - (name == "𠮷野")).encode(order) for name in names)

    batch = read(content, "01 R.\n05 A PIC N(6).\n", tmp_path, national=order)

    assert batch.table.column("A").to_pylist() == names
    assert written(batch.table, tmp_path, national=order) == (content, [])


def test_a_half_of_a_pair_is_refused_with_its_place(tmp_path: Path) -> None:
    good = "山田".encode("utf-16be") * 25
    content = good + "山".encode("utf-16be") + b"\xd8\x42" + good

    batch = read(content, "01 R.\n05 A PIC N(2).\n", tmp_path, national="utf-16be")

    [reject] = batch.rejects.to_pylist()
    assert (reject["__rec_no"], reject["code"], reject["detail"]) == (26, "E_ENCODING", "byte=102")
    assert (batch.records, batch.table.num_rows) == (51, 50)


def test_a_half_width_character_in_a_double_byte_item_is_refused_both_ways(tmp_path: Path) -> None:
    wide = "山田".encode("cp932")
    content = wide * 30 + b"ab" + wide[:2] + wide * 30

    batch = read(content, "01 R.\n05 A PIC N(2).\n", tmp_path, national="dbcs")
    table = pa.table({"A": ["山", "a", "山田太", "髙"]})

    assert batch.rejects.column("__rec_no").to_pylist() == [31]
    raw, rejects = written(table, tmp_path, national="dbcs")
    assert raw == b"\x8e\x52\x81\x40" + b"\xfb\xfc\x81\x40"
    assert [(rec_no, code) for rec_no, _, code in rejects] == [(2, "E_UNENCODABLE"), (3, "E_TOO_WIDE")]


# redefinitions ------------------------------------------------------------------------------------

TWO_KINDS = """01 R.
05 K PIC X.
05 KOJIN.
10 SEI PIC X(4).
10 NEN PIC 9(4).
05 HOJIN REDEFINES KOJIN.
10 GAKU PIC S9(7) COMP-3.
"""
RULES = [
    {"item": "KOJIN", "when": {"field": "K", "equals": ["1", "2"]}, "take": "KOJIN"},
    {"item": "KOJIN", "when": {"field": "K", "equals": "3"}, "take": "HOJIN"},
]


def proves_that_the_field_decides(module: Any, folder: Path) -> None:
    good = (b"1abcd2001" + b"3\x00\x00\x12\x3c    " + b"2efgh1999") * 15
    (folder / "test.cpy").write_text(TWO_KINDS, "utf-8")
    (folder / "delivery").write_bytes(good + b"9abcd2001")
    declaration = {
        "kind": "cobol",
        "copybook": str(folder / "test.cpy"),
        "encoding": "cp932",
        "redefines": RULES,
    }
    batch = module.read(folder / "delivery", declaration, feed="tax.test")

    assert batch.table.slice(0, 3).select(["SEI", "NEN", "GAKU"]).to_pylist() == [
        {"SEI": "abcd", "NEN": "2001", "GAKU": None},
        {"SEI": None, "NEN": None, "GAKU": "123"},
        {"SEI": "efgh", "NEN": "1999", "GAKU": None},
    ]
    [reject] = batch.rejects.to_pylist()
    assert (reject["__rec_no"], reject["field"], reject["code"]) == (46, "KOJIN", "E_REDEFINES")
    module.write(batch.table, declaration, folder / "offered", feed="tax.test")
    assert (folder / "offered").read_bytes() == good


def test_a_field_decides_which_redefinition_a_record_has(tmp_path: Path) -> None:
    proves_that_the_field_decides(cobol, tmp_path)


def test_the_proof_catches_a_reader_that_leaves_a_doubt(tmp_path: Path) -> None:
    twin = without(tmp_path, "read.py", "        block.check_choices()\n", "")

    with pytest.raises((AssertionError, ValueError)):
        proves_that_the_field_decides(twin, tmp_path)


def test_a_value_for_a_redefinition_that_the_record_has_not_is_refused(tmp_path: Path) -> None:
    read(b"1abcd2001", TWO_KINDS, tmp_path, redefines=RULES)
    table = pa.table({"K": ["3", "3"], "SEI": ["abcd", None], "NEN": [None, None], "GAKU": ["1", "2"]})

    _, rejects = written(table, tmp_path, redefines=RULES)

    assert rejects == [(1, "SEI", "E_REDEFINES")]


def test_another_view_may_be_named_and_must_agree_when_it_is_written(tmp_path: Path) -> None:
    text = "01 R.\n05 YMD PIC 9(8).\n05 Y REDEFINES YMD.\n10 NEN PIC 9(4).\n10 GAPPI PIC 9(4).\n"
    columns = [{"name": name} for name in ("YMD", "NEN")]
    table = read(b"20261122", text, tmp_path, columns=columns).table
    wrong = pa.table({"YMD": ["20261122", "20261122"], "NEN": ["2026", "2025"]})

    assert table.select(["YMD", "NEN"]).to_pylist() == [{"YMD": "20261122", "NEN": "2026"}]
    assert written(wrong, tmp_path) == (b"20261122", [(2, "NEN", "E_REDEFINES")])


# what a file may be -------------------------------------------------------------------------------


def test_rejects_name_the_record_by_its_key(tmp_path: Path) -> None:
    text = "01 R.\n05 NO PIC 9(3).\n05 GAKU PIC S9(3) COMP-3.\n"
    content = b"".join(b"%03d\x12\x3c" % number for number in range(30)) + b"030\xaa\xaa"

    batch = read(content, text, tmp_path, key={"columns": ["NO"]})

    [reject] = batch.rejects.to_pylist()
    assert (reject["__rec_no"], reject["field"], reject["code"]) == (31, "GAKU", "E_NUMBER")
    assert (reject["source_key"], reject["detail"], reject["__byte_offset"]) == ("030", "byte=153", 150)


def test_more_than_one_in_twenty_bad_numbers_stop(tmp_path: Path) -> None:
    with pytest.raises(Stop) as caught:
        read(b"\xff\xff" * 3 + b"\x12\x3c" * 30, "01 R.\n05 A PIC S9(3) COMP-3.\n", tmp_path)

    assert (caught.value.code, caught.value.facts["offset"]) == ("E_NUMBER", 0)


def test_record_lengths_that_contradict_the_table_set_the_record_aside(tmp_path: Path) -> None:
    text = "01 R.\n05 N PIC 9.\n05 T PIC X(2) OCCURS 0 TO 3 DEPENDING ON N.\n"
    good = b"\0\x07\0\x001ab" + b"\0\x05\0\x000" + b"\0\x0b\0\x003abcdef"

    batch = read(good * 20 + b"\0\x09\0\x003abcd" + b"\0\x05\0\x009", text, tmp_path, prefix="rdw", bytes=9)

    assert (batch.records, batch.table.num_rows) == (62, 60)
    assert batch.rejects.column("code").to_pylist() == ["E_RECORD_SIZE", "E_OCCURS"]
    assert written(batch.table, tmp_path, prefix="rdw", bytes=9) == (good * 20, [])


def test_a_table_in_a_file_of_fixed_length_ends_in_nothing(tmp_path: Path) -> None:
    text = "01 R.\n05 N PIC 9.\n05 T PIC X(2) OCCURS 0 TO 3 DEPENDING ON N.\n"

    batch = read(b"1ab    \r\n0      \r\n", text, tmp_path, separator="crlf")

    assert batch.table.select(["T(1)", "T(3)"]).to_pylist() == [
        {"T(1)": "ab", "T(3)": None},
        {"T(1)": None, "T(3)": None},
    ]
    assert written(batch.table, tmp_path, separator="crlf") == (b"1ab    \r\n0      \r\n", [])


def test_a_count_that_hides_occurrences_sets_the_record_aside(tmp_path: Path) -> None:
    text = "01 R.\n05 N PIC 9.\n05 T PIC X(2) OCCURS 0 TO 3 DEPENDING ON N.\n"
    good, lying = b"1ab    \r\n", b"1abcd  \r\n"

    strict = read(good * 30 + lying, text, tmp_path, separator="crlf")
    lenient = read(good * 30 + lying, text, tmp_path, separator="crlf", unused="any")

    assert [(row["__rec_no"], row["code"]) for row in strict.rejects.to_pylist()] == [(31, "E_OCCURS")]
    assert (lenient.rejects.num_rows, lenient.table["T(2)"].null_count) == (0, 31)


@pytest.mark.parametrize("empty", [b"\0\0\0\0", b"    ", b"0000", b"\0\x0c\0\x0c"])
def test_unused_occurrences_may_be_blank_zero_or_as_they_were_set_up(tmp_path: Path, empty: bytes) -> None:
    text = "01 R.\n05 N PIC 9.\n05 T PIC S9(3) COMP-3 OCCURS 0 TO 3 DEPENDING ON N.\n"

    batch = read(b"1\x12\x3c" + empty, text, tmp_path)

    assert (batch.rejects.num_rows, batch.table["T(1)"].to_pylist()) == (0, ["123"])


# declarations -------------------------------------------------------------------------------------


def problems(columns: list[str], **declared: Any) -> list[str]:
    declaration = {**FORMAT, "copybook": "kj.cpy", **declared}
    Draft202012Validator.check_schema(cobol.SHAPE)
    wrong = [error.message for error in Draft202012Validator(cobol.SHAPE).iter_errors(declaration)]
    found = cobol.problems(declaration, [{"name": name} for name in columns], HERE)
    return wrong + [f"{'.'.join(map(str, place))}: {expected} / {what}" for place, expected, what in found]


def names() -> list[str]:
    rows = cobol.describe(HERE / "kj.cpy", FORMAT).to_pylist()
    filler = ["FILLER@129", "FILLER@156"]
    return [row["item"] for row in rows if row["record"] == "KJ-REC" and not row["view"]] + filler


def test_a_sound_declaration_has_no_problems() -> None:
    assert problems(names()) == []


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"sign": "ebcdic"}, "a sign convention of cp932"),
        ({"record": "KJ"}, "a record of KJ-HEADER, KJ-REC, KJ-TRAILER / KJ"),
        ({"count": "TR-KAZU"}, "count: an item of KJ-TRAILER / TR-KAZU"),
        ({"as_of": "TR-KENSU"}, "as_of: an item of KJ-HEADER"),
        ({"kind_item": "KBN"}, "kind_item: an item of KJ-REC"),
        ({"totals": [{"trailer": "TR-ZEI", "of": "KUBUN"}]}, "a number item for totals / KUBUN"),
        ({"bytes": 100}, "at least 168 bytes a record"),
        ({"data": ""}, "data: the text that marks a data record"),
        ({"trailer": ""}, "trailer: the text that marks its record"),
        ({"trailer": ""}, "the reason why nothing proves the count (unproved)"),
        ({"copybook": "gone.cpy"}, "gone.cpy:0: a copybook of the project"),
        ({"encoding": "cp999"}, "encoding: "),
        ({"rows": {"of": "KINGAKU", "number": "N"}}, "rows to name an OCCURS item"),
        (
            {"redefines": [{"item": "JUSHO-KOKUNAI", "take": "X"}]},
            "take to name a redefinition of JUSHO-KOKUNAI",
        ),
        ({"redefines": [{"item": "YUBIN", "take": "X"}]}, "an item that is redefined"),
        ({"wrong": 1}, "'wrong' was unexpected"),
    ],
)
def test_what_does_not_fit_together_is_said(declared: dict[str, Any], says: str) -> None:
    assert any(says in problem for problem in problems(names(), **declared))


def test_what_a_copybook_cannot_say_must_be_declared() -> None:
    for key in ("sign", "national", "native_order"):
        declaration = {name: value for name, value in FORMAT.items() if name != key}
        with pytest.raises(FixDeclaration) as caught:
            cobol.read(HERE / "kj.cpy", declaration, feed="tax.kj")
        assert f"{key} to be declared" in str(caught.value.facts["problems"])


def test_every_item_is_mapped_or_ignored() -> None:
    found = problems([name for name in names() if name != "KINGAKU"] + ["KINGAKV"])

    assert any("KINGAKU of KJ-REC, mapped or ignored" in problem for problem in found)
    assert any("an item of KJ-REC / KINGAKV" in problem for problem in found)


def test_a_copybook_is_described_and_makes_the_beginning_of_a_mapping() -> None:
    rows = {row["item"]: row for row in cobol.describe(HERE / "kj.cpy", FORMAT).to_pylist()}
    made = tomllib.loads("[[feed]]\n" + cobol.skeleton(HERE / "kj.cpy", FORMAT))

    assert rows["ZEIGAKU"] == {
        "record": "KJ-REC", "item": "ZEIGAKU", "level": 10, "picture": "S9(6)V99", "usage": "packed", "at": 57,
        "bytes": 5, "scale": 2, "sign": "signed", "occurs": None, "view": False, "codes": None, "line": 19,
    }  # fmt: skip
    assert rows["性別"]["codes"] == "1 = 男, 2 = 女, 0 = 不明, 3 THRU 9 = 不明"
    assert rows["GAKU(2)"]["occurs"] == "TSUKI-BETSU(2)"
    assert [field["from"] for field in made["feed"][0]["field"]] == names()[:-2]
