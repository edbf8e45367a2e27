"""XML whose schema lets more pass than it names: nothing of it may change a value or vanish without a word."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.formats.test_xml_shapes import read, rows

from renkei.errors import Stop
from renkei.formats.xml import fast, layout_of, schema, slow
from renkei.model import Batch

XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
HEAD = f'<xs:schema {XS} targetNamespace="urn:x" xmlns="urn:x" elementFormDefault="qualified">'
ROOT = (
    '<xs:element name="R"><xs:complexType><xs:sequence>'
    '<xs:element ref="P" minOccurs="0" maxOccurs="unbounded"/>'
    "</xs:sequence></xs:complexType></xs:element>"
)
PERSON = (
    '<xs:element name="P"><xs:complexType{mixed}><xs:sequence>'
    '<xs:element name="a" type="xs:string" minOccurs="0"/><xs:element name="b" type="xs:string" minOccurs="0"/>'
    '{more}</xs:sequence><xs:attribute name="n" type="xs:string"/>{attributes}</xs:complexType></xs:element>'
)
ANY = '<xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="9"/>'
COLUMNS = ("@n", "a", "b")


def declared(folder: Path, *, mixed: str = "", more: str = "", attributes: str = "") -> dict[str, Any]:
    place = folder / "person.xsd"
    person = PERSON.format(mixed=mixed, more=more, attributes=attributes)
    place.write_text(f"{HEAD}{ROOT}{person}</xs:schema>", "utf-8")
    return declaration(place)


def declaration(place: Path, *columns: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "xml", "root": "R", "record": "P", "schema": str(place),
        "columns": [{"name": name, "optional": True} for name in columns or COLUMNS],
        "key": {"columns": ["@n"], "join": "-"}, **more,
    }  # fmt: skip


def people(*records: str) -> str:
    return f'<R xmlns="urn:x" xmlns:y="urn:y">{"".join(records)}</R>'


def codes(batch: Batch) -> list[tuple[str, str]]:
    return [(row["code"], row["field"]) for row in batch.rejects.to_pylist()]


GOOD = '<P n="2"><a>甲</a></P>'


def test_an_element_of_another_namespace_is_never_taken_for_ours(tmp_path: Path) -> None:
    stranger = '<P n="1"><b>乙</b><y:a>丙</y:a></P>'

    batch = read(people(stranger, GOOD), declared(tmp_path, more=ANY), tmp_path)

    assert [row["@n"] for row in rows(batch)] == ["2"]
    assert codes(batch) == [("E_XML_RECORD_SCHEMA", "a")]


def test_an_attribute_of_another_namespace_is_never_taken_for_ours(tmp_path: Path) -> None:
    loose = declared(tmp_path, attributes='<xs:anyAttribute namespace="##other" processContents="lax"/>')

    batch = read(people('<P y:n="1"><a>乙</a></P>', GOOD), loose, tmp_path)

    assert [row["@n"] for row in rows(batch)] == ["2"]
    assert codes(batch) == [("E_XML_RECORD_SCHEMA", "n")]


def test_a_namespace_that_was_declared_may_stand_beside_ours(tmp_path: Path) -> None:
    loose = declared(tmp_path, more=ANY) | {"namespaces": {"y": "urn:y"}}

    batch = read(people('<P n="1"><b>乙</b><y:a>丙</y:a></P>', GOOD), loose, tmp_path)

    assert rows(batch) == [{"@n": "1", "a": None, "b": "乙"}, {"@n": "2", "a": "甲", "b": None}]


@pytest.mark.parametrize("record", ['<P n="1">丙<a>乙</a></P>', '<P n="1"><a>乙</a>丙</P>'])
def test_text_among_elements_is_set_aside_not_dropped(tmp_path: Path, record: str) -> None:
    batch = read(people(record, GOOD), declared(tmp_path, mixed=' mixed="true"'), tmp_path)

    assert [row["@n"] for row in rows(batch)] == ["2"]
    assert codes(batch) == [("E_XML_REPEATED", "P")]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_line_ends_inside_a_value_are_one_line_feed_for_both_readers(tmp_path: Path, end: str) -> None:
    batch = read(people(f'<P n="1"><a>甲{end}乙</a></P>'), declared(tmp_path), tmp_path)

    assert rows(batch)[0]["a"] == "甲\n乙"


def test_a_carriage_return_that_was_meant_stays(tmp_path: Path) -> None:
    batch = read(people('<P n="1"><a>甲&#13;乙</a></P>'), declared(tmp_path), tmp_path)

    assert rows(batch)[0]["a"] == "甲\r乙"


@pytest.mark.parametrize(
    "inside",
    ["<![CDATA[<甲>]]>", "甲<!-- c -->乙", "甲<?p i?>乙", "&#x9AD9;&amp;", "　甲 ", "   ", "", "<!-- c -->"],
)
def test_both_readers_give_the_same_text(tmp_path: Path, inside: str) -> None:
    strict, place = declared(tmp_path), tmp_path / "delivery.xml"
    layout = layout_of(strict)
    place.write_text(people(f'<P n="甲&quot;\t乙"><a>{inside}</a></P>', GOOD), "utf-8")
    judge = slow.Schemas(envelope=None, record=_schema(tmp_path))

    quick = fast.read(place, layout, schema=_schema(tmp_path), feed="t.f")
    careful = slow.read(place, layout, schemas=judge, feed="t.f").table(layout)

    assert quick is not None
    assert quick.select(COLUMNS).to_pylist() == careful.select(COLUMNS).to_pylist()


def _schema(folder: Path) -> Any:
    from renkei.formats import safe_xml

    return safe_xml.schema(folder / "person.xsd")


@pytest.mark.parametrize("tail", [b"\x41", b"\x00\xd8"])
def test_half_a_character_at_the_end_of_utf16_is_refused(tmp_path: Path, tail: bytes) -> None:
    content = people(GOOD).encode("utf-16") + tail

    with pytest.raises(Stop, match="E_ENCODING"):
        read(content, declared(tmp_path) | {"encoding": "utf-16"}, tmp_path)


@pytest.mark.parametrize("encoding", ["cp932", "euc-jp", "utf-16"])
def test_a_doctype_is_seen_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    content = '<!DOCTYPE R [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + people('<P n="1"><a>&e;</a></P>')

    with pytest.raises(Stop, match="E_XML_DOCTYPE"):
        read(content.encode(encoding), declared(tmp_path) | {"encoding": encoding}, tmp_path)


def test_a_schema_in_several_files_names_its_columns(tmp_path: Path) -> None:
    person = PERSON.format(mixed="", more="", attributes="")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "person.xsd").write_text(f"{HEAD}{person}</xs:schema>", "utf-8")
    include = '<xs:include schemaLocation="parts/person.xsd"/>'
    (tmp_path / "main.xsd").write_text(f"{HEAD}{include}{ROOT}</xs:schema>", "utf-8")

    assert sorted(schema.columns(tmp_path / "main.xsd", root="R", record=["P"])) == ["@n", "a", "b"]


def test_a_column_that_only_an_included_schema_names_is_not_overlooked(tmp_path: Path) -> None:
    person = PERSON.format(mixed="", more="", attributes="")
    (tmp_path / "person.xsd").write_text(f"{HEAD}{person}</xs:schema>", "utf-8")
    include = '<xs:include schemaLocation="person.xsd"/>'
    (tmp_path / "main.xsd").write_text(f"{HEAD}{include}{ROOT}</xs:schema>", "utf-8")

    with pytest.raises(Stop, match="E_COLUMN"):
        read(people(GOOD), declaration(tmp_path / "main.xsd", "@n", "a"), tmp_path)


def test_the_careful_reader_keeps_columns_not_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow, "_BLOCK", 3)
    records = [f'<P n="{number}"><a>甲</a></P>' for number in range(8)]

    found = slow.read(
        _placed(tmp_path, people(*records)), layout_of(declared(tmp_path)),
        schemas=slow.Schemas(envelope=None, record=_schema(tmp_path)), feed="t.f",
    )  # fmt: skip

    assert (len(found.blocks), len(found.rows)) == (2, 2)
    assert found.table(layout_of(declared(tmp_path))).column("__rec_no").to_pylist() == list(range(1, 9))


def _placed(folder: Path, content: str) -> Path:
    place = folder / "delivery.xml"
    place.write_text(content, "utf-8")
    return place
