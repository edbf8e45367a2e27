"""The report on paper: what it says, and what its file is to a reader that sees nothing."""

import re
import zlib
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.unit.report.drawn import ABSENT, CLEAR, COMPARED, FRONT, MONTH, NEVER, figures, line

from renkei.errors import FixDeclaration
from renkei.report import drawings, paper, slip_pdf, typeset, words
from renkei.report.figures import Figures

#: Sequences of Adobe-Japan1 are drawn by the second font, where it is installed.
ADOBE = pytest.mark.skipif(
    not all(place.is_file() for place in typeset.SECOND.values()), reason="no fonts-noto-cjk on this machine"
)
NAMES = ("𠮷田 太郎", "髙橋 葛\U000e0103子", "渡邉 辻\U000e0102子")


def data(of: Figures, **changed: Any) -> dict[str, Any]:
    return paper.data_of(of, **({"front": FRONT, "lines": [], "rows": 0, "hidden": 0} | changed))


@pytest.fixture(scope="module")
def made() -> bytes:
    lines = [line(name, number) for number, name in enumerate(NAMES, start=1)]
    return paper.render(figures(COMPARED, ABSENT), front=FRONT, lines=lines, rows=3, hidden=0)


# the file -----------------------------------------------------------------------------------------


def test_the_document_is_tagged_and_says_its_language_and_title(made: bytes) -> None:
    title = "不一致日報 2026年11月20日（金） 市民税課"

    for fact in (b"/MarkInfo", b"/StructTreeRoot", b"/Lang(ja-JP)", b"/DisplayDocTitle true"):
        assert fact in made, fact
    assert b"<pdfuaid:part>1</pdfuaid:part>" in made
    assert f'<rdf:li xml:lang="ja-JP">{title}</rdf:li>'.encode() in made or title.encode() in made


def test_every_font_is_in_the_file(made: bytes) -> None:
    descriptors = re.findall(rb"/Type/FontDescriptor.*?>>", made, re.DOTALL)

    assert len(descriptors) >= 2
    assert all(re.search(rb"/FontFile\d? \d+ 0 R", each) for each in descriptors)


def test_each_drawing_has_words_for_those_who_do_not_see_it(made: bytes) -> None:
    assert made.count(b"/S/Figure") == 6
    assert made.count(b"/Alt") == 6
    assert made.count(b"/S/Table\n") + made.count(b"/S/Table/") + made.count(b"/S/Table ") >= 4


def test_a_copied_name_keeps_its_variation_selectors(made: bytes) -> None:
    inside = b"".join(unpacked(made))

    for sequence in ("葛\U000e0103", "辻\U000e0102", "𠮷"):
        assert sequence.encode("utf-16-be").hex().upper().encode() in inside.upper(), sequence


def unpacked(pdf: bytes) -> list[bytes]:
    found = []
    for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(match[1]))
        except zlib.error:
            continue
    return found


def test_the_same_figures_give_the_same_bytes(made: bytes) -> None:
    lines = [line(name, number) for number, name in enumerate(NAMES, start=1)]

    assert paper.render(figures(COMPARED, ABSENT), front=FRONT, lines=lines, rows=3, hidden=0) == made


@pytest.mark.parametrize("selector", ["\U000e0102", pytest.param("\U000e0101", marks=ADOBE)])
def test_each_variation_of_a_character_is_drawn_as_its_own_glyph(selector: str) -> None:
    plain, varied = (
        paper.pages(figures(COMPARED), front=FRONT, lines=[line(name)], rows=1, hidden=0)
        for name in ("辻", f"辻{selector}")
    )

    assert plain[:2] == varied[:2]
    assert plain[2] != varied[2]


def test_without_its_fonts_nothing_is_drawn_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slip_pdf, "FONTS", {name: tmp_path / name for name in slip_pdf.FONTS})

    with pytest.raises(FixDeclaration, match="IPAexGothic, IPAmjMincho"):
        paper.render(figures(COMPARED), front=FRONT, lines=None, rows=0, hidden=0)


# what it says -------------------------------------------------------------------------------------


def test_nothing_found_is_a_report_of_what_was_compared() -> None:
    said = data(figures(CLEAR))

    assert said["headline"] == "異常なし。見つかった不一致は 0 件です。"
    assert (
        "2026年11月20日を基準日として 1 規則で照合しました（一規則で最大 19,876 件の対象）。"
        in said["compared"]
    )
    assert [number for _, number, _ in said["key"]] == ["0", "0", "0", "0", "0", "0.0", "0"]


def test_a_rule_not_compared_says_how_many_were_left_out_and_never_nought() -> None:
    said = data(figures(CLEAR, ABSENT))

    assert said["headline"] == "照合できた規則では、見つかった不一致は 0 件です。"
    assert said["warnings"] == ["R22 児童手当未申請 — 照合していません：2,143 件（未着：福祉 受給）"]
    [_, row] = said["rules"]["rows"]
    assert row[:2] == ["R22 児童手当未申請", "照合していません：2,143 件（未着：福祉 受給）"]
    assert set(row[2:]) == {"–"}


@pytest.mark.parametrize("rule", [ABSENT, NEVER])
def test_without_any_comparison_no_number_stands_at_all(rule: Any) -> None:
    said = data(figures(rule, is_compared=False))

    assert said["headline"] == "照合していません。０件という意味ではありません。"
    assert {number for _, number, _ in said["key"]} == {"–"}
    assert {cell for row in said["days"]["rows"] for cell in row[1:]} == {"–"}
    assert "0 件" not in said["ages"]["nothing"]


def test_what_stands_from_before_is_told_when_a_night_is_missing() -> None:
    said = data(figures(replace(ABSENT, standing=5), is_compared=False))

    assert "前回の照合から残る不一致は 5 件です。" in said["headline"]
    assert ("残", "5", "前回の照合から") in said["key"]


def test_a_department_without_rules_hears_what_the_city_compared() -> None:
    said = data(figures())

    assert said["headline"] == "この課が受け持つ規則はなく、この課の案件は 0 件です。"
    assert "市全体では 30 規則で照合しました" in said["compared"]


def test_a_held_rule_is_told_with_its_reason() -> None:
    held = replace(ABSENT, state="held", missing_feeds=(), error_code="E_X")

    assert words.state(held, FRONT) == "保留し、照合していません：2,143 件（E_X）"


def test_many_warnings_are_cut_and_say_how_many_more() -> None:
    said = data(figures(*[replace(ABSENT, rule_id=f"R{n}") for n in range(7)]))

    assert len(said["warnings"]) == 4
    assert said["warnings"][-1].startswith("ほか 4 規則も照合していません")


def test_every_page_says_as_of_and_known_at() -> None:
    said = data(figures(COMPARED))

    assert (said["as_of"], said["known_at"]) == ("2026-11-20", "2026-11-21 05:30:00+09:00")


def test_the_figures_of_a_month_say_how_many_nights_were_compared() -> None:
    nightly = replace(COMPARED, nights_compared=28, nights_not_compared=2)

    said = data(figures(nightly, about=MONTH))

    assert said["title"] == "不一致月報"
    assert "2026年11月1日から2026年11月30日までの夜間照合 29 回で 1 規則で照合しました" in said["compared"]
    assert said["rules"]["rows"][0][2] == "28/30"


def test_what_is_in_transit_or_set_aside_stands_beside_the_count() -> None:
    key = {name: (number, note) for name, number, note in data(figures(COMPARED))["key"]}

    assert key["残"] == ("66", "")
    assert key["うち抑止中"] == ("12", "残に含む")
    assert key["反映待ち"] == ("3", "残に含まない")
    assert key["1万人当たり"] == ("33.2", "住民 19,876 人")


def test_a_row_of_a_restricted_person_has_nothing_but_the_word() -> None:
    hidden = line("閲覧制限", party_number="閲覧制限", said=("閲覧制限", "閲覧制限"), is_restricted=True)

    [said] = data(figures(COMPARED), lines=[hidden], rows=1, hidden=1)["lines"]

    assert said["said"] == [["", [("IPAmjMincho", "閲覧制限")]]]
    assert "町" not in repr(said)
    assert "発生" not in said["days"]


def test_a_row_says_how_grave_it_is_and_since_when_the_values_differ() -> None:
    rows = [line("甲", since=date(2026, 11, 4)), line("乙", since=date(1900, 1, 1)), line("丙")]

    known, unknown, unsaid = data(figures(COMPARED), lines=rows, rows=3)["lines"]

    assert known["number"] == "C-000001\n重要度 中"
    assert known["days"] == "検出 2026-11-20\n発生 2026-11-04\n期限 2026-11-20"
    assert "発生 不明" in unknown["days"]
    assert "発生" not in unsaid["days"]


def test_a_long_name_of_a_delivery_can_be_broken_and_stays_whole() -> None:
    name = "TAX_ASSESSMENT_ALL_20261122_0001.DAT"

    [said] = data(figures(COMPARED), lines=[line("", party_number=name)], rows=1)["lines"]

    assert "".join(said["party_number"]) == name
    assert max(map(len, said["party_number"])) <= 12


def test_events_are_told_apart_and_never_stand() -> None:
    typed = replace(CLEAR, rule_id="R38", events=7, is_event=True)

    said = data(figures(CLEAR, typed))

    assert said["headline"] == "見つかった不一致は 0 件です。ほかに事象 7 件がありました。"
    assert ("事象", "7", "残に含まない") in said["key"]
    rows = {
        row[0].split()[0]: dict(zip(said["rules"]["header"], row, strict=True))
        for row in said["rules"]["rows"]
    }
    assert (rows["R38"]["事象"], rows["R10"]["事象"]) == ("7", "–")
    assert {rows["R38"][name] for name in ("新規", "解消", "残", "うち抑止", "1万人当たり")} == {"–"}


def test_a_rule_left_out_on_the_last_night_of_a_month_says_nothing_of_what_stands() -> None:
    left_out = replace(ABSENT, nights_compared=27, nights_not_compared=1, opened=3, closed=3)

    said = data(figures(CLEAR, left_out, about=MONTH))
    alone = data(figures(left_out, about=MONTH))

    row = dict(zip(said["rules"]["header"], said["rules"]["rows"][1], strict=True))
    assert (row["新規"], row["解消"]) == ("3", "3")
    assert {row[name] for name in ("残", "うち抑止", "1万人当たり")} == {"–"}
    assert {number for name, number, _ in alone["key"] if name in ("残", "1万人当たり")} == {"–"}


def test_a_refused_rule_is_told_as_one_that_was_not_run() -> None:
    refused = replace(ABSENT, state="refused", missing_feeds=(), error_code="E_X")

    assert words.state(refused, FRONT) == "規則を実行せず、照合していません：2,143 件（E_X）"


def test_only_so_many_rows_are_on_paper_and_the_rest_is_counted() -> None:
    lines = [line("甲", number) for number in range(paper.MOST_LINES)]

    said = data(figures(COMPARED), lines=lines, rows=paper.MOST_LINES + 7)

    assert (len(said["lines"]), said["more"]) == (paper.MOST_LINES, 7)


# drawings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [0, 1, 3, 4, 5, 9, 19, 20, 21, 99, 140, 207, 1_000, 65_432])
def test_an_axis_holds_its_highest_number_and_has_few_ticks(most: int) -> None:
    made = drawings.axis(most)

    assert made["top"] >= max(1, most)
    assert made["ticks"][0] == 0
    assert made["ticks"][-1] == made["top"]
    assert 2 <= len(made["ticks"]) <= 6
    assert len({after - before for before, after in pairwise(made["ticks"])}) == 1


def test_a_rule_that_is_often_wrong_is_marked() -> None:
    poor = replace(COMPARED, rule_id="R22", decided=10, confirmed=6)

    rows = drawings.precision(figures(COMPARED, poor), FRONT)["rows"]

    assert [row["words"] for row in rows] == ["82%（41/50）", "▲60%（6/10）"]


def test_a_drawing_of_nothing_is_a_sentence() -> None:
    said = data(figures(CLEAR))

    for name, sentence in (
        ("precision", "まだ判定がありません。"),
        ("entries", "この課で入力された二重入力は見つかっていません。"),
    ):
        assert (said[name]["rows"], said[name]["nothing"]) == ([], sentence)


def test_the_words_of_a_drawing_hold_its_numbers() -> None:
    said = data(figures(COMPARED))

    assert "照合のない日 1 日。" in said["days"]["alt_flow"]
    assert "R10 住所相違 82%（41/50）" in said["precision"]["alt"]
    assert "住所 720分（120回）" in said["entries"]["alt"]


def test_a_long_name_is_cut_beside_a_bar_and_visibly() -> None:
    name = "R99 " + "長" * 40

    assert drawings.cut(name).endswith("長…")
    assert drawings.width(drawings.cut(name)) <= 30
    assert drawings.cut("R10 住所相違") == "R10 住所相違"


def test_the_two_kinds_of_bar_differ_on_a_grey_printer() -> None:
    text = (Path(paper.__file__).parent / "chart.typ").read_text("utf-8")
    [dark] = re.findall(r'#let dark = rgb\("#([0-9a-f]{6})"\)', text)
    red, green, blue = (int(dark[n : n + 2], 16) / 255 for n in (0, 2, 4))

    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    assert grey < 0.25  # the other kind is hatched on white, well above
    assert "place(rect(width: 100%, height: 100%, fill: white))" in text
