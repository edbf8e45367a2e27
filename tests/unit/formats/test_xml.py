"""XML deliveries: one door, two readers, one bad record at a time."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from renkei import formats
from renkei.errors import Stop
from renkei.formats import safe_xml, xml
from renkei.formats.xml import fast

SCHEMA = """<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="一覧"><xs:complexType>
    <xs:sequence><xs:element ref="者" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
    <xs:attribute name="作成日" type="xs:date" use="required"/>
    <xs:attribute name="件数" type="xs:nonNegativeInteger" use="required"/>
  </xs:complexType></xs:element>
  <xs:element name="者"><xs:complexType>
    <xs:sequence>
      <xs:element name="氏名" type="xs:string"/>
      <xs:element name="性別" type="xs:string"/>
      <xs:element name="方書" type="xs:string" minOccurs="0"/>
    </xs:sequence>
    <xs:attribute name="番号" type="xs:string" use="required"/>
  </xs:complexType></xs:element>
</xs:schema>"""
COLUMNS = [{"name": "@番号"}, {"name": "氏名"}, {"name": "性別"}, {"name": "方書", "optional": True}]
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., object]:
    schema = tmp_path / "schema.xsd"
    schema.write_text(SCHEMA, "utf-8")

    def reading(content: str | bytes, **changes: object) -> object:
        path = tmp_path / "delivery.xml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        declaration = {
            "kind": "xml",
            "root": "一覧",
            "record": "者",
            "schema": str(schema),
            "count": "@件数",
            "as_of": "@作成日",
            "columns": COLUMNS,
            "key": {"columns": ["@番号"]},
        }
        return formats.read(path, declaration | changes, feed="welfare.test")

    return reading


def person(number: int, inside: str = "<氏名>山田　太郎</氏名><性別>M</性別><方書></方書>") -> str:
    return f'<者 番号="F{number}">{inside}</者>\n'


def listing(*people: str, count: int | None = None, head: str = HEAD, made: str = "2026-11-20") -> str:
    count = len(people) if count is None else count
    return f'{head}<一覧 作成日="{made}" 件数="{count}">\n{"".join(people)}</一覧>\n'


GOOD = listing(person(1), person(2), person(3))


def test_elements_and_attributes_become_text_columns(read) -> None:
    batch = read(listing(person(1), person(2, "<氏名>A &amp; <![CDATA[B]]></氏名><性別>F</性別>")))

    assert batch.table.column("@番号").to_pylist() == ["F1", "F2"]
    assert batch.table.column("氏名").to_pylist() == ["山田　太郎", "A & B"]
    assert batch.table.column("方書").to_pylist() == [None, None]
    assert batch.table.column("__rec_no").to_pylist() == [1, 2]
    assert batch.control.as_of == date(2026, 11, 20)


def test_no_records_is_a_delivery_too(read) -> None:
    assert read(listing()).records == 0


def test_a_byte_order_mark_is_not_part_of_the_data(read) -> None:
    assert read(b"\xef\xbb\xbf" + GOOD.encode()).records == 3


def test_the_slow_reader_reads_what_the_fast_one_reads(read, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = read(GOOD)
    monkeypatch.setattr(xml, "_read_fast", lambda *_, **__: None)

    slow = read(GOOD)

    assert slow.table.equals(fast.table)
    assert slow.control == fast.control


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (listing(person(1), count=2), "E_TRAILER_COUNT"),
        (listing(person(1), count=0), "E_TRAILER_COUNT"),
        (GOOD.replace("件数", "件"), "E_XML_SCHEMA"),
        (GOOD.replace("一覧", "一らん"), "E_XML_SCHEMA"),
        (GOOD.replace("</一覧>", "<余り/></一覧>"), "E_XML_SCHEMA"),
        (GOOD.replace("</一覧>", "文字</一覧>"), "E_XML_SCHEMA"),
        (GOOD[:-10], "E_XML_SYNTAX"),
        ("", "E_XML_SYNTAX"),
        (GOOD + "<もう一つ/>", "E_XML_SYNTAX"),
        (GOOD.replace("山田", "&知らない;"), "E_XML_SYNTAX"),
        (GOOD.encode("utf-16"), "E_ENCODING"),
        (GOOD.replace("UTF-8", "Shift_JIS").encode("cp932"), "E_ENCODING"),
        (GOOD.encode().replace("山".encode(), b"\x8e\x52"), "E_ENCODING"),
        (listing(person(1, "<a>" * 9 + "</a>" * 9)), "E_XML_LIMIT"),
        (listing(person(1, "<a>" * 400 + "</a>" * 400)), "E_XML_LIMIT"),
        (HEAD + "<!-- " + "x" * 70_000 + " -->" + GOOD.removeprefix(HEAD), "E_XML_LIMIT"),
        (GOOD.replace("2026-11-20", "2026-11-20Z"), "E_HEADER_DATE"),
    ],
)
def test_a_file_that_is_not_sound_is_refused_as_a_whole(read, content: str | bytes, code: str) -> None:
    with pytest.raises(Stop) as caught:
        read(content)

    assert caught.value.code == code


def test_a_file_over_its_size_is_refused_unread(read) -> None:
    with pytest.raises(Stop, match="E_XML_LIMIT"):
        read(GOOD, limits={"bytes": 100})


def test_a_file_cut_at_any_byte_is_refused(read) -> None:
    content = GOOD.rstrip().encode()

    for cut in range(0, len(content), 3):
        with pytest.raises(Stop):
            read(content[:cut])


def test_the_proof_catches_a_reader_without_the_second_opinion(read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_xml, "is_valid", lambda *_, **__: True)
    content = listing(person(1), person(2), count=1).encode()
    cut = content[: content.index("</者>".encode()) + len("</者>".encode())]

    assert read(cut).records == 1  # xml2arrow alone takes the cut file for a whole one


DOCTYPES = [
    "<!DOCTYPE 一覧>",
    "<!doctype 一覧>",
    '<!DOCTYPE 一覧 SYSTEM "{canary}">',
    '<!DOCTYPE 一覧 [<!ENTITY x SYSTEM "{canary}">]>',
    '<!DOCTYPE 一覧 [<!ENTITY % p SYSTEM "{canary}"> %p;]>',
    '<!DOCTYPE 一覧 [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    "<!-- first a comment --><?and an instruction?>\n<!DOCTYPE 一覧>",
]


@pytest.mark.parametrize("doctype", DOCTYPES)
def test_any_doctype_is_refused_before_a_parser_sees_the_file(
    read, doctype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    canary.write_text("秘密", "utf-8")
    monkeypatch.setattr(xml, "_read_fast", lambda *_, **__: pytest.fail("a parser was reached"))

    with pytest.raises(Stop) as caught:
        read(GOOD.replace(HEAD, HEAD + doctype.format(canary=canary)).replace("山田", "&x;"))

    assert caught.value.code == "E_XML_DOCTYPE"


def test_the_word_doctype_in_the_data_is_data(read) -> None:
    batch = read(listing(person(1, "<氏名><![CDATA[<!DOCTYPE x>]]></氏名><性別>M</性別>")))

    assert batch.table.column("氏名").to_pylist() == ["<!DOCTYPE x>"]


BAD = "<氏名>山田</氏名>"


def test_a_record_that_breaks_the_schema_falls_alone(read) -> None:
    batch = read(listing(person(1), person(2, BAD), person(3)))

    [reject] = batch.rejects.to_pylist()
    assert (reject["__rec_no"], reject["code"], reject["source_key"]) == (2, "E_XML_RECORD_SCHEMA", "F2")
    assert batch.table.column("@番号").to_pylist() == ["F1", "F3"]
    assert batch.table.column("__rec_no").to_pylist() == [1, 3]
    assert batch.records == 3
    assert "山田" not in str(batch.rejects.to_pylist())


def test_a_record_tag_inside_a_comment_is_not_counted(read) -> None:
    batch = read(GOOD.replace("</一覧>", '<!-- <者 番号="x"> --></一覧>'))

    assert batch.records == 3


@pytest.mark.parametrize(
    ("inside", "code", "column"),
    [
        ("<氏名>山田</氏名><性別>M</性別><新項目>1</新項目>", "E_COLUMN_UNEXPECTED", "新項目"),
        ("<氏名>山田</氏名><性>M</性>", "E_COLUMN_MISSING", "性別"),
    ],
)
def test_the_same_change_in_every_record_is_a_change_of_layout(
    read, inside: str, code: str, column: str
) -> None:
    with pytest.raises(Stop) as caught:
        read(listing(person(1, inside), person(2, inside)))

    assert (caught.value.code, caught.value.facts["column"]) == (code, column)


def test_a_schema_that_knows_more_than_the_mapping_stops(read) -> None:
    with pytest.raises(Stop, match="E_COLUMN_UNEXPECTED"):
        read(GOOD, columns=COLUMNS[:-1])


def test_the_columns_come_in_blocks(read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "BLOCK", 100)

    batch = read(listing(*(person(number) for number in range(1000))))

    assert isinstance(batch.table, pa.Table)
    assert batch.table.column("氏名").num_chunks == 10
