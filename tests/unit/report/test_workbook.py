import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from renkei.errors import Stop
from renkei.report import workbook
from renkei.report.workbook import CELL_LIMIT, Workbook

NOW = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
NS = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
SAFE = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def write(place: Path, rows: list[tuple[str, ...]], *, now: datetime = NOW) -> Path:
    book = Workbook(place, title="葛原市 不一致一覧", made_at=now)
    book.add_table("不一致", header=[f"c{n}" for n in range(14)], rows=rows)
    book.add_facts("条件", [("件数", str(len(rows)))])
    book.close()
    return place


def part(place: Path, name: str) -> etree._Element:
    with zipfile.ZipFile(place) as archive:
        return etree.fromstring(archive.read(name), SAFE)


def row(*cells: str) -> tuple[str, ...]:
    return (*cells, *[""] * (14 - len(cells)))


def test_every_cell_is_text_and_none_a_formula_or_a_link(tmp_path: Path) -> None:
    evil = (
        "=1+1",
        "@SUM(1)",
        "0000000019",
        "http://example.invalid",
        "-5",
        "1e5",
        "mailto:a@b",
        "2026-11-20",
    )

    sheet = part(write(tmp_path / "x.xlsx", [row(*evil)]), "xl/worksheets/sheet1.xml")

    assert not sheet.findall(".//m:f", NS)
    assert not sheet.findall(".//m:hyperlink", NS)
    kinds = {cell.get("t") for cell in sheet.findall(".//m:c", NS) if len(cell)}
    assert kinds == {"inlineStr"}
    shown = [text.text for text in sheet.findall(".//m:row[@r='2']/m:c/m:is/m:t", NS)]
    assert shown[: len(evil)] == list(evil)


def test_the_same_rows_and_time_give_the_same_bytes(tmp_path: Path) -> None:
    rows = [row("𠮷田", str(n)) for n in range(200)]

    first, second = (write(tmp_path / f"{n}.xlsx", rows).read_bytes() for n in (1, 2))
    later = write(tmp_path / "3.xlsx", rows, now=NOW.replace(hour=6)).read_bytes()

    assert first == second
    assert first != later


def test_the_sheet_is_ready_to_be_read_and_printed(tmp_path: Path) -> None:
    place = write(tmp_path / "x.xlsx", [row("1"), row("2")])

    sheet = part(place, "xl/worksheets/sheet1.xml")
    assert sheet.find(".//m:pane", NS).get("topLeftCell") == "B2"
    assert sheet.find(".//m:autoFilter", NS).get("ref") == "A1:N3"
    assert "&P / &N" in sheet.find(".//m:oddFooter", NS).text
    names = part(place, "xl/workbook.xml").findall(".//m:definedName", NS)
    assert any(name.get("name") == "_xlnm.Print_Titles" and "$1:$1" in name.text for name in names)


def test_glyph_variants_and_characters_beyond_the_plane_survive(tmp_path: Path) -> None:
    names = ("𠮷田", "葛󠄀城", "辻\U000e0101", "髙﨑", "邉󠄁")

    sheet = part(write(tmp_path / "x.xlsx", [row(*names)]), "xl/worksheets/sheet1.xml")

    assert [text.text for text in sheet.findall(".//m:row[@r='2']/m:c/m:is/m:t", NS)][:5] == list(names)


@pytest.mark.parametrize("count", [0, 3, 5, 6])
def test_the_rows_are_used_up_even_when_a_sheet_is_exactly_full(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "ROWS_A_SHEET", 3)
    rows = iter([row(str(n)) for n in range(count)])
    book = Workbook(tmp_path / "x.xlsx", title="t", made_at=NOW)

    assert book.add_table("t", header=["a"] * 14, rows=rows) == count

    assert next(rows, None) is None
    book.close()


def test_rows_beyond_a_sheet_go_on_a_second_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "ROWS_A_SHEET", 3)

    place = write(tmp_path / "x.xlsx", [row(str(n)) for n in range(7)])

    names = [sheet.get("name") for sheet in part(place, "xl/workbook.xml").findall(".//m:sheet", NS)]
    assert names == ["不一致", "不一致2", "不一致3", "条件"]


def test_a_text_longer_than_a_cell_is_cut_visibly(tmp_path: Path) -> None:
    sheet = part(write(tmp_path / "x.xlsx", [row("あ" * 40_000)]), "xl/worksheets/sheet1.xml")

    text = sheet.find(".//m:row[@r='2']/m:c/m:is/m:t", NS).text
    assert len(text) == CELL_LIMIT
    assert text.endswith("…")


def test_a_cell_that_cannot_be_written_stops_the_report(tmp_path: Path) -> None:
    book = Workbook(tmp_path / "x.xlsx", title="t", made_at=NOW)

    with pytest.raises(Stop, match="E_REPORT"):
        book.add_table("t", header=["x"] * 20_000, rows=[])
    book.close()


def test_scratch_files_stay_beside_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere-that-does-not-exist"))

    assert re.match(rb"PK", write(tmp_path / "x.xlsx", [row("1")]).read_bytes())
    assert [place.name for place in tmp_path.iterdir()] == ["x.xlsx"]
