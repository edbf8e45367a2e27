"""外字: (system, code) by a table of the city's own, both ways, counted; and 縮退, one way and counted."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.unit.formats.encoding_cases import array, block, codec_of, rows_of

from renkei.errors import FixDeclaration
from renkei.formats import encodings
from renkei.formats.encodings.codec import Codec
from renkei.formats.losses import Conversion

TABLE = """
system = "tax"
encoding = "cp932"
unmapped = "{unmapped}"

[[glyph]]
code = "F040"
text = "葛󠄀"
mj = "MJ022335"
note = "葛飾の葛（人偏でない）"
date = 2026-04-01

[[glyph]]
code = "f041"
text = "高"
one_way = true
note = "読み替え。書き出しは標準の 高"

[[glyph]]
code = "F042"
text = "𠮷"

[[glyph]]
code = "F043"
note = "調査中"
"""


def tax(folder: Path, *, unmapped: str = "reject", substitute: str = "") -> Codec:
    (folder / "tax.toml").write_text(TABLE.replace("{unmapped}", unmapped), "utf-8")
    (folder / "shrink.toml").write_text(substitute or "[substitute]\n", "utf-8")
    tables = {"gaiji": str(folder / "tax.toml"), "substitute": str(folder / "shrink.toml")}
    return codec_of("cp932", **tables)


def seen(codec: Codec) -> list[tuple[str, ...]]:
    rows = codec.losses.table().to_pylist()
    return [(row["character"], row["code"], row["became"], row["count"], row["records"]) for row in rows]


# reading ------------------------------------------------------------------------------------------


def test_a_mapped_character_is_read_as_the_table_says_and_reported(tmp_path: Path) -> None:
    codec = tax(tmp_path)

    texts, faults = codec.decode_block(
        block(b"\xf0\x40\x8e\x52  ", b"\x8e\x52    ", b"\xf0\x42\xf0\x40  "), first=7
    )

    assert faults == {}
    assert texts.to_pylist() == ["葛󠄀山", "山", "𠮷葛󠄀"]
    assert seen(codec) == [
        ("〔外字:tax:F040〕", "F040", "葛󠄀", 2, [7, 9]),
        ("〔外字:tax:F042〕", "F042", "𠮷", 1, [9]),
    ]


@pytest.mark.parametrize("code", ["F043", "F9FC"])
def test_an_unmapped_character_sets_its_record_aside_and_is_counted(code: str, tmp_path: Path) -> None:
    codec = tax(tmp_path)

    texts, faults = codec.decode_block(block(b"A" + bytes.fromhex(code), b"ABC"), first=1)

    assert (texts.to_pylist(), faults) == ([None, "ABC"], {0: 1})
    assert seen(codec) == [(f"〔外字:tax:{code}〕", code, "", 1, [1])]


def test_without_a_table_every_one_sets_its_record_aside() -> None:
    for name, code in (("cp932", "F040"), ("euc-jp-ms", "8FF5A1"), ("jef-sample", "80A1")):
        codec = codec_of(name)
        raw = bytes.fromhex(code) if codec.is_stateless else b"\x28" + bytes.fromhex(code) + b"\x29"

        assert codec.decode_block(block(raw))[0].to_pylist() == [None]
        assert seen(codec) == [(f"〔外字:{name}:{code}〕", code, "", 1, [0])]


def test_kept_characters_carry_system_and_code(tmp_path: Path) -> None:
    codec = tax(tmp_path, unmapped="keep")

    text = codec.decode(b"\xf9\xfc\x8e\x52", record=3)

    assert text == "〔外字:tax:F9FC〕山"
    assert seen(codec) == [("〔外字:tax:F9FC〕", "F9FC", "〔外字:tax:F9FC〕", 1, [3])]


def test_text_that_only_looks_like_a_mark_is_not_taken_for_one(tmp_path: Path) -> None:
    literal = "〔外字:tax:F040〕".encode("cp932")

    texts, faults = tax(tmp_path, unmapped="keep").decode_block(block(literal))

    assert (texts.to_pylist(), faults) == ([None], {0: 0})


# writing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unmapped", ["reject", "keep"])
def test_what_was_read_is_written_back_with_the_same_code(unmapped: str, tmp_path: Path) -> None:
    codec = tax(tmp_path, unmapped=unmapped)
    raws = [b"\xf0\x40\x8e\x52  ", b"\xf0\x42AB  ", *([b"\xf9\xfc\xf0\x43  "] * (unmapped == "keep"))]

    texts, faults = codec.decode_block(block(*raws))
    cells, reasons = codec.encode_block(texts, 6)

    assert (faults, reasons) == ({}, {})
    assert rows_of(cells) == raws
    assert [codec.encode(text) for text in texts.to_pylist()] == [raw.rstrip(b" ") for raw in raws]


def test_a_one_way_character_is_written_with_its_own_code(tmp_path: Path) -> None:
    codec = tax(tmp_path)

    assert codec.decode(b"\xf0\x41") == "高"
    assert codec.encode("高") == "高".encode("cp932")


def test_a_character_of_another_system_is_never_written(tmp_path: Path) -> None:
    codec = tax(tmp_path, unmapped="keep")
    texts = array("〔外字:juki:F040〕", "〔外字:tax:F040〕", "〔外字:tax:8140〕", "\ue000")

    cells, reasons = codec.encode_block(texts, 20)

    assert set(reasons) == {0, 2, 3}
    assert rows_of(cells)[1].rstrip() == b"\xf0\x40"
    assert set(codec_of("utf-8").encode_block(texts, 40)[1]) == {0, 1, 2, 3}


def test_the_private_code_point_alone_is_no_identity(tmp_path: Path) -> None:
    """CP932 F040 and JEF 80A1 are both U+E000 in somebody's table; here they never meet."""
    codec = tax(tmp_path, unmapped="keep")
    jef = codec_of("jef-sample", gaiji=jef_table(tmp_path))

    assert jef.decode(bytes.fromhex("2880a129")) == "〔外字:kokuho:80A1〕"
    with pytest.raises(UnicodeEncodeError):
        codec.encode(jef.decode(bytes.fromhex("2880a129")))


def jef_table(folder: Path) -> str:
    path = folder / "kokuho.toml"
    path.write_text('system = "kokuho"\nencoding = "jef-sample"\nunmapped = "keep"\n', "utf-8")
    return str(path)


# 縮退 ---------------------------------------------------------------------------------------------

SHRINK = """
[substitute]
"𠮟" = "叱"
"葛󠄁" = "葛"
"か゚" = "が"
"""


def test_a_character_without_a_code_is_written_as_the_city_says_and_reported(tmp_path: Path) -> None:
    codec = tax(tmp_path, substitute=SHRINK)

    cells, reasons = codec.encode_block(array("𠮟る", "葛󠄁城か゚", "葛󠄀", "〜𠮟"), 8, first=1)

    assert reasons == {}
    assert codec.decode_block(cells)[0].to_pylist() == ["叱る", "葛城が", "葛󠄀", "～叱"]
    assert seen(codec)[1:] == [
        ("〜", "U+301C", "～", 1, [4]),
        ("か゚", "U+304B U+309A", "が", 1, [2]),
        ("葛󠄁", "U+845B U+E0101", "葛", 1, [2]),
        ("𠮟", "U+20B9F", "叱", 2, [1, 4]),
    ]


def test_a_selector_that_no_table_names_is_not_dropped(tmp_path: Path) -> None:
    _, reasons = tax(tmp_path, substitute=SHRINK).encode_block(array("葛󠄂", "辻󠄀"), 8)

    assert set(reasons) == {0, 1}


def test_a_record_that_is_not_written_reports_no_conversion(tmp_path: Path) -> None:
    codec = tax(tmp_path, substitute=SHRINK)

    codec.encode_block(array("𠮟😀"), 8)

    assert len(codec.losses) == 0


# declarations -------------------------------------------------------------------------------------


def problems(folder: Path, table: str, *, substitute: str = "[substitute]") -> Sequence[str]:
    (folder / "gaiji.toml").write_text(table, "utf-8")
    (folder / "shrink.toml").write_text(substitute, "utf-8")
    declaration = {"encoding": "cp932", "gaiji": "gaiji.toml", "substitute": "shrink.toml"}
    return [expected for _, expected, _ in encodings.problems(declaration, folder)]


HEAD = 'system = "tax"\nencoding = "cp932"\n'


@pytest.mark.parametrize(
    ("glyph", "problem"),
    [
        ('code = "8140"\ntext = "𠮷"', "code: a 外字 code of cp932 in hex"),
        ('code = "F040"\ntext = "高"', "has a code of its own"),
        ('code = "F040"\ntext = "\ue000"', "no private use"),
        ('code = "F040"\ntext = "\U000e0100"', "no private use"),
        ('code = "F040"\ntext = 1', "no private use"),
        ('code = "F040"\nmj = "MJ1"', "mj: MJ and six digits"),
        ('code = "F040"\ndate = "today"', "date: a day"),
        ('code = "F040"\nfont = "x"', "font: one of"),
        ('code = "F040"\n[[glyph]]\ncode = "f040"', "each code once"),
        ('code = "F040"\ntext = "𠮷"\n[[glyph]]\ncode = "F041"\ntext = "𠮷"', "is written as another code"),
    ],
)
def test_a_wrong_glyph_is_told(glyph: str, problem: str, tmp_path: Path) -> None:
    told = problems(tmp_path, f"{HEAD}[[glyph]]\n{glyph}\n")

    assert any(problem in each for each in told), told


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    told = problems(
        tmp_path, 'unmapped = "drop"\nglyph = "x"\nextra = 1', substitute='[substitute]\n"𠮷" = "🀄"\n'
    )

    assert len(told) == 6
    with pytest.raises(FixDeclaration):
        encodings.of({"encoding": "cp932", "gaiji": str(tmp_path / "gaiji.toml")})


@pytest.mark.parametrize("text", ["x = ", "x = 1", "[substitute]\n'' = 'a'", "[substitute]\n'a' = ''"])
def test_a_wrong_table_of_substitutes_is_told(text: str, tmp_path: Path) -> None:
    assert len(problems(tmp_path, HEAD, substitute=text)) == 1


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    found = list(encodings.problems({"encoding": "cp932", "gaiji": "none.toml"}, tmp_path))

    assert found == [(("gaiji",), "none.toml is not a file that can be read", "otherwise")]


def test_a_report_names_the_first_twenty_records_and_counts_all(tmp_path: Path) -> None:
    codec = tax(tmp_path)
    codec.decode_block(block(*[b"\xf0\x40"] * 50), first=1)

    [row] = codec.losses.table().to_pylist()

    assert (row["count"], row["records"]) == (50, list(range(1, 21)))
    assert list(codec.losses) == [
        Conversion(encoding="cp932", character="〔外字:tax:F040〕", code="F040", became="葛󠄀")
    ]
