"""The return slip on paper: its text, its tags, and the very glyphs of its characters."""

import json
from dataclasses import replace
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typst

from renkei.errors import FixDeclaration
from renkei.quarantine.remedy import correction, reason
from renkei.report import slip_pdf
from renkei.report.slip import Line, Section, Slip
from renkei.report.slip_pdf import MOST_LINES, Front, pages, render

DUE = date(2026, 11, 30)
FRONT = Front(
    city="葛原市",
    actor="tester",
    made_at=datetime(2026, 11, 20, 9, 0, 1, 234567, tzinfo=ZoneInfo("Asia/Tokyo")),
    code_version="0",
    purpose="訂正の依頼",
)


def section(field: str, records: int = 2) -> Section:
    lines = (
        Line(
            reject_id=n, delivery="髙﨑𠮷.DAT", as_of=date(2026, 11, 20), rec_no=n, byte_offset=420 * n,
            byte_length=420, key="0000000019",
        )
        for n in range(1, records + 1)
    )  # fmt: skip
    code = "E_BAD_CHARACTER"
    return Section(
        field=field, code=code, reason=reason(code), correct=correction(code), due_on=DUE, lines=tuple(lines)
    )


def slip(*sections: Section) -> Slip:
    return Slip(
        feed="tax.taxpayer",
        title="宛名",
        department="市民税課",
        issued_on=date(2026, 11, 20),
        sections=sections,
        open=sum(len(each.lines) for each in sections),
        withheld=0,
        with_keys=True,
    )


def text_of(made: Slip) -> str:
    """All text of the document in order, as its own compiler holds it."""
    data = {"slip": json.dumps(slip_pdf._data(made, FRONT), ensure_ascii=False)}
    body = resources.files("renkei.report").joinpath("slip.typ").read_bytes()
    found = [
        json.loads(typst.query(body, kind, sys_inputs=data, ignore_system_fonts=True))
        for kind in ("heading", "table", "<addressee>")
    ]
    return "".join(texts(found))


def texts(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [str(node["text"])] if isinstance(node.get("text"), str) else []
        return own + [each for value in node.values() if not isinstance(value, str) for each in texts(value)]
    return [each for child in node for each in texts(child)] if isinstance(node, list) else []


def test_the_same_slip_gives_the_same_tagged_document() -> None:
    made = slip(section("SHIMEI"))

    first, again = render(made, front=FRONT), render(made, front=FRONT)

    assert first == again
    assert first.startswith(b"%PDF-")
    assert b"/MarkInfo" in first
    assert b"/StructTreeRoot" in first


def test_the_document_says_what_the_slip_holds() -> None:
    said = text_of(slip(section("SHIMEI", 3), section("JOTAI", 1)))

    for words in ("市民税課", "SHIMEI", "JOTAI", "0000000019", "髙﨑𠮷.DAT", "訂正の依頼", "1,260＋420"):
        assert words in said, words


def test_a_text_is_never_markup_and_what_cannot_be_printed_is_shown_as_such() -> None:
    field = '#panic("x") *太* \x07 \u202e'

    said = text_of(slip(section(field)))

    assert '#panic("x") *太* ␦ ␦' in said


def test_each_variation_of_a_character_is_drawn_as_its_own_glyph() -> None:
    plain, varied = (pages(slip(section(field)), front=FRONT, ppi=60) for field in ("葛", "葛\U000e0102"))

    assert plain != varied


def test_only_so_many_records_of_a_cause_are_on_paper() -> None:
    made = slip(section("SHIMEI", MOST_LINES + 2))

    assert len(slip_pdf._data(made, FRONT)["sections"][0]["lines"]) == MOST_LINES
    assert f"{MOST_LINES + 2}" in text_of(made)


def test_without_its_fonts_nothing_is_drawn_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slip_pdf, "FONTS", {name: tmp_path / name for name in slip_pdf.FONTS})

    with pytest.raises(FixDeclaration, match="IPAexGothic, IPAmjMincho"):
        render(slip(section("SHIMEI")), front=FRONT)


def test_figures_that_do_not_tie_are_told_on_the_slip_itself() -> None:
    assert "一致しません" not in text_of(slip(section("SHIMEI")))
    assert "一致しません" in text_of(replace(slip(section("SHIMEI")), open=7))
