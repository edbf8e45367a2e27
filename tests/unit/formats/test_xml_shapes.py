"""XML as systems really write it: records inside others, namespaces, lists, and encodings of Windows."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.formats.xml_city import HOUSEHOLDS, flat, nested

from renkei import formats
from renkei.errors import Stop
from renkei.formats import xml
from renkei.formats.xml import fast, slow
from renkei.model import Batch

MAKER = '<一覧 xmlns="urn:kuzuhara" 件数="{count}" 作成日="2026-11-20">{body}</一覧>'


def read(content: str | bytes, declaration: dict[str, Any], folder: Path) -> Batch:
    place = folder / "delivery.xml"
    place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return formats.read(place, declaration, feed="welfare.test")


def rows(batch: Batch) -> list[dict[str, Any]]:
    return batch.table.select([name for name in batch.table.column_names if name[:2] != "__"]).to_pylist()


def person(number: int, name: str = "山田", more: str = "") -> str:
    return f'<者 番号="{number}"><氏名>{name}</氏名>{more}</者>'


def test_records_inside_others_carry_what_stands_around_them(tmp_path: Path) -> None:
    found = rows(read(HOUSEHOLDS, nested(tmp_path), tmp_path))

    assert [(row["@番号"], row["../@世帯番号"], row["../世帯主"]) for row in found] == [
        ("1", "H1", "1"), ("2", "H1", "1"), ("3", "H2", "3"),
    ]  # fmt: skip
    assert [row["電話"] for row in found] == ["03-1、090-2", None, None]
    assert [(row["住所/町字"], row["住所/方書"], row["住所/@種別"]) for row in found] == [
        ("本町", None, "現"), (None, None, None), ("新町", "A棟", None),
    ]  # fmt: skip


def test_an_element_that_repeats_without_a_declared_joint_is_set_aside(tmp_path: Path) -> None:
    batch = read(HOUSEHOLDS, nested(tmp_path, lists={}), tmp_path)

    assert batch.rejects.select(["__rec_no", "field", "code", "source_key"]).to_pylist() == [
        {"__rec_no": 1, "field": "電話", "code": "E_XML_REPEATED", "source_key": "1"}
    ]
    assert batch.records == 3


def test_a_joint_that_stands_in_a_value_would_lose_where_it_ends(tmp_path: Path) -> None:
    batch = read(HOUSEHOLDS.replace("03-1", "03、1"), nested(tmp_path), tmp_path)

    assert batch.rejects.column("code").to_pylist() == ["E_XML_REPEATED"]


def test_a_household_that_breaks_the_schema_takes_its_members_with_it(tmp_path: Path) -> None:
    batch = read(HOUSEHOLDS.replace("<世帯主>1</世帯主>", ""), nested(tmp_path), tmp_path)

    assert batch.table.column("@番号").to_pylist() == ["3"]
    assert batch.rejects.column("__rec_no").to_pylist() == [1, 2]


@pytest.mark.parametrize("prefix", ["", "k:", "何でも:"])
def test_prefixes_are_the_senders_choice(tmp_path: Path, prefix: str) -> None:
    space = f"xmlns:{prefix[:-1]}" if prefix else "xmlns"
    body = f'<{prefix}者 番号="1"><{prefix}氏名>山田</{prefix}氏名></{prefix}者>'
    content = f'<{prefix}一覧 {space}="urn:kuzuhara" 件数="1" 作成日="2026-11-20">{body}</{prefix}一覧>'

    assert rows(read(content, flat(tmp_path), tmp_path))[0]["氏名"] == "山田"


def test_another_version_of_the_namespace_is_refused(tmp_path: Path) -> None:
    content = MAKER.format(count=1, body=person(1)).replace("urn:kuzuhara", "urn:kuzuhara:2")

    with pytest.raises(Stop, match="E_XML_SCHEMA"):
        read(content, flat(tmp_path), tmp_path)


def test_a_child_of_a_foreign_namespace_is_no_value_of_ours(tmp_path: Path) -> None:
    alien = '<者 番号="1"><x:氏名 xmlns:x="urn:other">他人</x:氏名></者>'

    batch = read(MAKER.format(count=1, body=alien), flat(tmp_path), tmp_path)

    assert batch.rejects.column("code").to_pylist() == ["E_XML_RECORD_SCHEMA"]


@pytest.mark.parametrize("called", ["Shift_JIS", "Windows-31J", "MS932"])
def test_shift_jis_of_windows_is_read_as_what_it_is(tmp_path: Path, called: str) -> None:
    content = f'<?xml version="1.0" encoding="{called}"?>' + MAKER.format(
        count=1, body=person(1, "髙﨑①～ソ表")
    )

    batch = read(content.encode("cp932"), flat(tmp_path, encoding="cp932"), tmp_path)

    assert rows(batch)[0]["氏名"] == "髙﨑①～ソ表"


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_by_its_mark(tmp_path: Path, order: str) -> None:
    content = '<?xml version="1.0" encoding="UTF-16"?>' + MAKER.format(count=1, body=person(1, "𠮷田"))
    raw = ("\ufeff" + content).encode(order)

    assert rows(read(raw, flat(tmp_path, encoding="utf-16"), tmp_path))[0]["氏名"] == "𠮷田"
    with pytest.raises(Stop, match="E_ENCODING"):
        read(raw[2:], flat(tmp_path, encoding="utf-16"), tmp_path)


def test_a_file_that_calls_itself_otherwise_than_declared_is_refused(tmp_path: Path) -> None:
    content = '<?xml version="1.0" encoding="EUC-JP"?>' + MAKER.format(count=0, body="")

    with pytest.raises(Stop, match="E_ENCODING"):
        read(content.encode("euc-jp"), flat(tmp_path, encoding="cp932"), tmp_path)


def test_a_byte_that_is_no_character_is_told_with_its_place(tmp_path: Path) -> None:
    raw = MAKER.format(count=1, body=person(1)).encode("cp932").replace("山".encode("cp932"), b"\x8e\x0a")

    with pytest.raises(Stop) as caught:
        read(raw, flat(tmp_path, encoding="cp932"), tmp_path)

    assert (caught.value.code, caught.value.facts["offset"]) == ("E_ENCODING", raw.index(b"\x8e\x0a"))


def test_an_envelope_and_a_record_may_each_have_a_schema(tmp_path: Path) -> None:
    declaration = flat(tmp_path)
    whole = Path(declaration.pop("schema"))
    envelope = tmp_path / "envelope.xsd"
    around = whole.read_text("utf-8")
    start, end = around.index('<xs:complexType name="人">'), around.rindex("</xs:schema>")
    envelope.write_text(
        around[:start].replace("k:者", "k:無") + '<xs:element name="無"/>' + around[end:], "utf-8"
    )
    declaration |= {"envelope": str(envelope), "record_schema": str(whole)}

    batch = read(MAKER.format(count=2, body=person(1) + person(2, "長" * 21)), declaration, tmp_path)

    assert batch.table.column("@番号").to_pylist() == ["1"]
    assert batch.rejects.column("code").to_pylist() == ["E_XML_RECORD_SCHEMA"]
    with pytest.raises(Stop, match="E_XML_SCHEMA"):
        read(MAKER.format(count=0, body="<余り/>"), declaration, tmp_path)


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")) | st.sampled_from("\t\n&<>'\"𠮷髙")
)
PEOPLE = st.lists(st.tuples(TEXT.map(lambda text: text[:20]), st.none() | TEXT, st.none() | TEXT), max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=PEOPLE)
def test_both_readers_always_find_the_same(
    tmp_path: Path, people: list[tuple[str, str | None, str | None]]
) -> None:
    from xml.sax.saxutils import escape  # noqa: TID251 - the sender's own program

    body = "".join(
        person(number, escape(name), "" if town is None else f"<住所><町字>{escape(town)}</町字>"
               + ("" if house is None else f"<方書>{escape(house)}</方書>") + "</住所>")
        for number, (name, town, house) in enumerate(people, 1)
    )  # fmt: skip
    place = tmp_path / "delivery.xml"
    place.write_text(MAKER.format(count=len(people), body=body), "utf-8")
    layout = xml.layout_of(flat(tmp_path))

    columns = fast.read(place, layout, schema=xml._schemas(layout).record, feed="f")
    records = slow.read(place, layout, schemas=xml._schemas(layout), feed="f")

    assert columns is not None
    assert columns.equals(records.table(layout))
