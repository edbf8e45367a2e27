"""A column's length is read from its mapping; what fits it to the last place is full, and nothing else is."""

from datetime import date
from pathlib import Path

import pytest

from renkei import mapping
from renkei.causes import host_kana
from renkei.causes.declared import declared
from renkei.causes.room import is_full
from renkei.errors import FixDeclaration
from renkei.formats import encodings

DAY = date(2026, 11, 20)
COLUMNS = {name: name for name in ("full_name", "full_name_kana", "address", "common_name")}
HEAD = """
system = "town"
title = "住民"
owner = "市民課"

[[feed]]
name = "person"
connector = "folder"
connection = "town"
delivers = "full"
schedule = "0 5 * * *"
record = "person"
"""
FIXED = """
format = { kind = "fixed", encoding = "cp932", record = 71, data = "2", header = "", trailer = "", unproved = "試験" }
field = [
  { to = "source_key", from = { name = "NO", at = 2, bytes = 10 } },
  { to = "full_name", from = { name = "MEI", at = 12, bytes = 40 }, steps = ["trim"] },
  { to = "full_name_kana", from = { name = "KANA", at = 52, bytes = 10 }, steps = ["wide_kana"] },
  { to = "address", from = [{ name = "CHO", at = 62, bytes = 5 }, { name = "BAN", at = 67, bytes = 5 }], max = 9 },
]
"""
XML = """
format = { kind = "xml", root = "全", record = "人", schema = "town.xsd" }
field = [
  { to = "source_key", from = "@番号" },
  { to = "full_name", from = "氏名" },
  { to = "full_name_kana", from = "カナ", max = 20 },
  { to = "address", from = "住所/全文" },
  { to = "common_name", from = "通称" },
]
"""
XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:element name="全"><xs:complexType><xs:sequence>
  <xs:element ref="人" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>
<xs:element name="人"><xs:complexType><xs:sequence>
  <xs:element name="氏名" type="名"/>
  <xs:element name="カナ" type="名"/>
  <xs:element name="通称" type="xs:string"/>
  <xs:element name="住所"><xs:complexType><xs:sequence><xs:element name="全文">
    <xs:simpleType><xs:restriction base="xs:string"><xs:length value="8"/></xs:restriction></xs:simpleType>
  </xs:element></xs:sequence></xs:complexType></xs:element>
</xs:sequence><xs:attribute name="番号" type="xs:string"/></xs:complexType></xs:element>
<xs:simpleType name="名"><xs:restriction base="短"/></xs:simpleType>
<xs:simpleType name="短"><xs:restriction base="xs:string"><xs:maxLength value="30"/></xs:restriction></xs:simpleType>
</xs:schema>"""
COBOL = """
format = { kind = "cobol", encoding = "ibm-1399", copybook = "town.cpy", national = "dbcs", unproved = "試験" }
field = [
  { to = "source_key", from = "NO-1" },
  { to = "full_name", from = "MEI" },
  { to = "full_name_kana", from = "KANA" },
]
"""
COPYBOOK = """\
       01  KOJIN.
           03  NO-1     PIC X(10).
           03  MEI      PIC N(12).
           03  KANA     PIC X(20).
"""


def rooms(folder: Path, text: str) -> dict[str, tuple[int, str]]:
    (folder / "codes").mkdir()
    (folder / "town.toml").write_text(HEAD + text, "utf-8")
    (folder / "town.xsd").write_text(XSD, "utf-8")
    (folder / "town.cpy").write_text(COPYBOOK, "utf-8")
    found = declared(mapping.load_all(folder), COLUMNS, as_of=DAY)
    assert set(found["feed"]) == {"town.person"}
    return {column: (most, measure) for _, column, most, measure in found.rows()}


def test_a_fixed_layout_says_bytes_where_the_text_is_stored_as_it_came(tmp_path: Path) -> None:
    assert rooms(tmp_path, FIXED) == {"full_name": (40, "columns"), "address": (9, "chars")}


def test_a_schema_says_characters_through_its_types_and_a_shorter_max_goes_before(tmp_path: Path) -> None:
    found = rooms(tmp_path, XML)

    assert found == {"full_name": (30, "chars"), "full_name_kana": (20, "chars"), "address": (8, "chars")}


def test_a_copybook_says_bytes_of_its_pictures(tmp_path: Path) -> None:
    assert rooms(tmp_path, COBOL) == {"full_name": (24, "utf-16"), "full_name_kana": (20, "shifted")}


@pytest.mark.parametrize(
    ("text", "following", "most", "measure"),
    [
        ("葛原市本", "町", 8, "columns"),
        ("葛原市本", "町", 9, "columns"),
        ("葛原 ", "本", 6, "columns"),
        ("ﾜﾀﾅﾍ", "ﾞ", 4, "columns"),
        ("ﾜﾀﾅﾍ", "ﾞ", 8, "euc"),
        ("葛原A市", "本", 11, "shifted"),
        ("葛原", "市", 8, "utf-8"),
        ("葛原", "市", 4, "utf-16"),
        ("葛原", "市", 2, "chars"),
    ],
)
def test_a_text_is_full_where_the_next_character_would_not_fit(
    text: str, following: str, most: int, measure: str
) -> None:
    assert is_full(text, following, most=most, measure=measure)
    assert not is_full(text, following, most=most + 9, measure=measure)  # its column has room
    assert not is_full(text, following, most=1, measure=measure)  # it could never have been stored


# kana of a host -----------------------------------------------------------------------------------

READ_BY = {("ibm-290", "ibm-1027"), ("ibm-1027", "ibm-290")}


@pytest.fixture(scope="module")
def pages() -> dict[str, encodings.Charset]:
    try:
        return {name: encodings.charset(name) for name in ("ibm-290", "ibm-1027")}
    except FixDeclaration:
        pytest.skip("the tables of the host codes are not installed")


@pytest.mark.parametrize(("wrote", "read"), sorted(READ_BY))
def test_every_character_of_a_page_is_known_as_the_other_page_reads_it(
    pages: dict[str, encodings.Charset], wrote: str, read: str
) -> None:
    letters = [*map(chr, range(0xFF66, 0xFF9E)), *"abcdefghijklmnopqrstuvwxyz"]
    made = {each: misread(pages, each, wrote, read) for each in letters}

    page = host_kana._pages()[0 if wrote == "ibm-290" else 1]

    assert {each: page.get(each, each) for each in letters} == made


@pytest.mark.parametrize(
    ("real", "wrote", "read", "damaged"),
    [
        ("ﾜﾀﾅﾍﾞ ﾊﾅｺ", "ibm-290", "ibm-1027", "left"),
        ("Nguyen Van An", "ibm-1027", "ibm-290", "left"),
        ("ｱｲ", "ibm-290", "ibm-1027", None),  # ab: which of the two it was cannot be told
    ],
)
def test_a_name_read_with_the_other_page_is_recognised(
    pages: dict[str, encodings.Charset], real: str, wrote: str, read: str, damaged: str | None
) -> None:
    seen = "".join(misread(pages, each, wrote, read) for each in real)

    assert host_kana.is_misread(seen, real)
    assert host_kana.damaged(seen, real) == damaged
    assert not host_kana.is_misread(seen, f"{real}ｲ")
    assert not host_kana.is_misread(real, real)


def test_a_reading_read_by_the_western_page_is_recognised(pages: dict[str, encodings.Charset]) -> None:
    seen = pages["ibm-290"].encode("ﾜﾀﾅﾍﾞ").decode("cp037")

    assert host_kana.is_misread(seen, "ワタナベ")
    assert not host_kana.is_misread(seen, "ワタナカ")


def misread(pages: dict[str, encodings.Charset], text: str, wrote: str, read: str) -> str:
    try:
        return pages[read].decode(pages[wrote].encode(text))
    except Exception:  # noqa: BLE001 (what the page does not read is a lost character)
        return "\ufffd"
