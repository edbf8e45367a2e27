import re

import pytest

from renkei.report import chart
from renkei.report.html import Markup, table, tag
from renkei.report.run_html import _policy


def test_what_is_not_our_markup_is_escaped() -> None:
    made = tag("td", '<script>alert("x")</script>', title='" onload="x')

    assert made == '<td title="&quot; onload=&quot;x">&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;</td>'


def test_attributes_are_named_as_html_names_them() -> None:
    assert tag("th", "x", class_="a", aria_label="b", scope=None) == '<th class="a" aria-label="b">x</th>'


def test_a_table_has_headings_for_its_columns_and_rows() -> None:
    made = table("題", ["a", "b"], [("1", "2")])

    assert made.count('scope="col"') == 2
    assert '<th scope="row">1</th><td>2</td>' in made
    assert "<caption>題</caption>" in made


def test_every_drawing_has_a_title_and_a_description() -> None:
    strip = chart.strip(
        "s", title="鮮度", desc="説明", words=WORDS, days=["11/20"], rows=[("f<x>", ["merged"])]
    )
    shares = chart.shares(
        "f", title="流れ", desc="説明", kinds=[], rows=[("f", "1 = 1", {"merged": 1, "rejected": 0})]
    )
    bars = chart.bars("b", title="規則", desc="説明", kinds=[("opened", "新規")], rows=[("R01", [0])])

    for made in (strip, shares, bars):
        ids = re.search(r'aria-labelledby="(\S+) (\S+)"', made)
        assert ids
        assert f'<title id="{ids[1]}">' in made
        assert f'<desc id="{ids[2]}">' in made
        assert 'role="img"' in made
    assert "f&lt;x&gt;" in strip


WORDS = dict.fromkeys(("merged", "held", "refused", "missing"), "w")


def test_a_day_is_told_by_its_mark_not_by_colour_alone() -> None:
    made = chart.strip("s", title="t", desc="d", words=WORDS, days=list("abcd"), rows=[("f", list(WORDS))])

    marks = re.findall(r'class="mark \w+">(.)<', made)
    assert len(set(marks)) == 4


def test_a_small_part_of_a_bar_can_still_be_seen() -> None:
    made = chart.shares(
        "f", title="t", desc="d", kinds=[], rows=[("f", "", {"unchanged": 10**7, "rejected": 1})]
    )

    assert float(re.findall(r'width="([\d.]+)" height="16" class="rejected"', made)[0]) >= 1


@pytest.mark.parametrize(
    ("name", "shown"), [("短い", "短い"), ("あ" * 30, "あ" * 17 + "…"), ("a" * 40, "a" * 35 + "…")]
)
def test_a_long_name_is_cut_beside_the_drawing(name: str, shown: str) -> None:
    made = chart.bars("b", title="t", desc="d", kinds=[("opened", "w")], rows=[(name, [1])])

    assert f">{shown}</text>" in made


def test_the_policy_lets_nothing_in_but_our_own_style() -> None:
    assert _policy("p { }").startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in _policy("p { }")
    assert isinstance(tag("p", Markup("<b>x</b>")), Markup)
