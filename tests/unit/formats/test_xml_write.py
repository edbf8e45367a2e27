"""What is written is proved by the schema of whoever takes it, and reads back as it was."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from tests.unit.formats.xml_city import flat, nested

from renkei import formats
from renkei.errors import FixDeclaration, Stop

CONTROL = {"@作成日": "2026-11-20"}
PEOPLE = [
    {"@番号": "1", "氏名": "髙﨑 𠮷郎", "住所/町字": "本町", "住所/方書": None},
    {"@番号": "2", "氏名": 'A & B <"c">', "住所/町字": None, "住所/方書": None},
    {"@番号": "3", "氏名": "葛\U000e0101城～①", "住所/町字": "新町\t2\n丁目", "住所/方書": "A棟"},
]


def put(
    rows: list[dict[str, Any]], declaration: dict[str, Any], folder: Path
) -> tuple[Path, formats.Written]:
    place = folder / "out.xml"
    table = pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in PEOPLE[0]]))
    return place, formats.write(table, declaration, place, feed="welfare.out", control=CONTROL)


def back(place: Path, declaration: dict[str, Any]) -> list[dict[str, Any]]:
    table = formats.read(place, declaration, feed="welfare.out").table
    return table.select(list(PEOPLE[0])).to_pylist()


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "euc-jp", "utf-16"])
def test_what_is_written_reads_back_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    declaration = flat(tmp_path, encoding=encoding)

    place, written = put(PEOPLE, declaration, tmp_path)

    assert back(place, declaration) == PEOPLE
    assert (written.records, written.rejects.num_rows, written.losses.num_rows) == (3, 0, 0)
    assert not list(tmp_path.glob("*.part"))


def test_another_parser_finds_the_same_texts(tmp_path: Path) -> None:
    place, _ = put(PEOPLE, flat(tmp_path), tmp_path)

    root = etree.parse(str(place)).getroot()

    assert root.get("件数") == "3"
    assert [name.text for name in root.iter("{urn:kuzuhara}氏名")] == [row["氏名"] for row in PEOPLE]


def test_windows_finds_its_own_bytes(tmp_path: Path) -> None:
    place, _ = put(PEOPLE[:1], flat(tmp_path, encoding="cp932"), tmp_path)

    assert b"\xfb\xfc" in place.read_bytes()  # 髙 as Windows writes it
    assert b"&#x20BB7;" in place.read_bytes()  # 𠮷, which CP932 has not


def test_a_record_that_its_schema_forbids_is_set_aside_and_the_rest_is_written(tmp_path: Path) -> None:
    long = {**PEOPLE[1], "氏名": "長" * 21}

    place, written = put([PEOPLE[0], long, PEOPLE[2]], flat(tmp_path), tmp_path)

    assert [row["@番号"] for row in back(place, flat(tmp_path))] == ["1", "3"]
    assert written.rejects.select(["__rec_no", "field", "code", "source_key"]).to_pylist() == [
        {"__rec_no": 2, "field": "氏名", "code": "E_XML_RECORD_SCHEMA", "source_key": "2"}
    ]


def test_a_character_that_xml_cannot_hold_is_set_aside(tmp_path: Path) -> None:
    _, written = put([{**PEOPLE[0], "氏名": "a\x00b"}, PEOPLE[1]], flat(tmp_path), tmp_path)

    assert written.records == 1
    assert written.rejects.column("code").to_pylist() == ["E_BAD_CHARACTER"]


def test_an_envelope_that_its_schema_forbids_is_not_offered(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(PEOPLE)
    place = tmp_path / "out.xml"

    with pytest.raises(Stop, match="E_XML_SCHEMA"):
        formats.write(table, flat(tmp_path), place, feed="f", control={"@作成日": "11月20日"})

    assert not place.exists()


def test_records_inside_others_are_only_read(tmp_path: Path) -> None:
    with pytest.raises(FixDeclaration, match="E_DECLARATION"):
        formats.write(pa.table({}), nested(tmp_path), tmp_path / "out.xml", feed="f")


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(TEXT, max_size=5), encoding=st.sampled_from(["utf-8", "cp932", "utf-16"]))
def test_every_text_comes_back_or_is_set_aside(tmp_path: Path, names: list[str], encoding: str) -> None:
    declaration = flat(tmp_path, encoding=encoding)
    rows = [{**PEOPLE[1], "@番号": str(number), "氏名": name} for number, name in enumerate(names, 1)]

    place, written = put(rows, declaration, tmp_path)

    aside = set(written.rejects.column("__rec_no").to_pylist())
    fit = [{**row, "氏名": row["氏名"] or None} for number, row in enumerate(rows, 1) if number not in aside]
    assert back(place, declaration) == fit
    assert all(any(ord(char) < 32 or char in "\ufffe\uffff" for char in names[n - 1]) for n in aside)
