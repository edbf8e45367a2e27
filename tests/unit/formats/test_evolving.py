"""A layout that evolves: new columns are named and left unread, in every kind of file that can hold them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from renkei import formats
from renkei.errors import Stop
from renkei.formats import arrow
from renkei.formats.csv import frame
from renkei.formats.xml import slow

XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:element name="L"><xs:complexType><xs:sequence><xs:element ref="R" minOccurs="0" maxOccurs="unbounded"/>
</xs:sequence></xs:complexType></xs:element>
<xs:element name="R"><xs:complexType><xs:sequence><xs:element name="A" type="xs:string"/>
<xs:element name="B" type="xs:string"/></xs:sequence></xs:complexType></xs:element></xs:schema>"""
COLUMNS = [{"name": "A"}, {"name": "B"}]


def csv_file(place: Path) -> dict[str, Any]:
    place.write_bytes(b"A,NEW,B\r\n1,x,2\r\n3,y,4\r\n")
    return {"kind": "csv", "encoding": "utf-8", "unproved": "試験"}


def arrow_file(place: Path) -> dict[str, Any]:
    table = pa.table({"A": ["1", "3"], "NEW": ["x", "y"], "B": ["2", "4"]})
    with pa.OSFile(str(place), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return {"kind": "arrow"}


def xml_file(place: Path) -> dict[str, Any]:
    (place.parent / "l.xsd").write_text(XSD, "utf-8")
    rows = "".join(f"<R><A>{a}</A><NEW>x</NEW><B>{b}</B></R>" for a, b in ((1, 2), (3, 4)))
    place.write_text(f"<L>{rows}</L>", "utf-8")
    return {"kind": "xml", "root": "L", "record": "R", "schema": str(place.parent / "l.xsd")}


FILES = [csv_file, arrow_file, xml_file]


@pytest.mark.parametrize("make", FILES)
def test_a_new_column_stops_a_frozen_layout(make, tmp_path: Path) -> None:
    form = make(tmp_path / "d")

    with pytest.raises(Stop, match="E_COLUMN_UNEXPECTED"):
        formats.read(tmp_path / "d", {**form, "columns": COLUMNS}, feed="f")


@pytest.mark.parametrize("make", FILES)
def test_a_new_column_is_named_and_left_unread_where_the_layout_evolves(make, tmp_path: Path) -> None:
    form = make(tmp_path / "d")

    batch = formats.read(tmp_path / "d", {**form, "columns": COLUMNS, "evolves": True}, feed="f")

    assert batch.strangers == ("NEW",)
    assert (batch.table.column("A").to_pylist(), batch.table.column("B").to_pylist()) == (
        ["1", "3"],
        ["2", "4"],
    )
    assert "NEW" not in batch.table.column_names


@pytest.mark.parametrize("make", FILES)
def test_a_missing_column_stops_a_layout_that_evolves_too(make, tmp_path: Path) -> None:
    columns = [*COLUMNS, {"name": "C"}]

    with pytest.raises(Stop, match="E_COLUMN_MISSING"):
        formats.read(tmp_path / "d", {**make(tmp_path / "d"), "columns": columns, "evolves": True}, feed="f")


@pytest.mark.parametrize(("make", "reader"), [(csv_file, frame), (arrow_file, arrow)])
def test_a_new_column_that_nobody_names_is_noticed(make, reader, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(reader, "check_columns", lambda *_, **__: ())

    with pytest.raises(AssertionError):
        test_a_new_column_is_named_and_left_unread_where_the_layout_evolves(make, tmp_path)
    with pytest.raises(pytest.fail.Exception):
        test_a_new_column_stops_a_frozen_layout(make, tmp_path)


def test_a_record_that_breaks_its_schema_otherwise_is_still_set_aside(tmp_path: Path, monkeypatch) -> None:
    form = {**xml_file(tmp_path / "d"), "columns": COLUMNS, "evolves": True}
    good = "<R><A>1</A><B>2</B></R>" * 30
    (tmp_path / "d").write_text(f"<L>{good}<R><B>1</B><A>2</A></R></L>", "utf-8")
    assert formats.read(tmp_path / "d", form, feed="f").rejects.num_rows == 1

    monkeypatch.setattr(
        slow, "_pass_over", lambda top, layout: [top.remove(each) for each in list(top)] and ["X"]
    )

    with pytest.raises(AssertionError):
        assert formats.read(tmp_path / "d", form, feed="f").strangers == ()
