"""What differs is marked as a person sees characters, and shown without harm."""

import pytest

from renkei.causes import as_html, as_line, marks


def spans(left: str | None, right: str | None) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    both = marks(left, right)
    return [(s.start, s.end) for s in both.left], [(s.start, s.end) for s in both.right]


@pytest.mark.parametrize(
    ("left", "right", "places"),
    [
        ("渡邉太郎", "渡辺太郎", ([(1, 2)], [(1, 2)])),
        ("渡邉\U000e0101太郎", "渡邉太郎", ([(1, 2)], [(1, 2)])),
        ("1963-05-12", "1963-05-21", ([(8, 10)], [(8, 10)])),
        ("ﾜﾀﾅﾍﾞ ｲﾁ", "ﾜﾀﾅﾍ ｲﾁ", ([(3, 4)], [(3, 4)])),
        ("か\u3099く", "が\u304f", ([(0, 1)], [(0, 1)])),
        ("本町1-2", "本町1-2-3", ([], [(5, 7)])),
        ("", "山", ([], [(0, 1)])),
        (None, None, ([], [])),
        ("同じ", "同じ", ([], [])),
        ("甲乙丙丁", "甲丙丁", ([(1, 2)], [])),
        ("甲乙丙丁", "丁乙丙甲", ([(0, 1), (3, 4)], [(0, 1), (3, 4)])),
    ],
)
def test_only_the_characters_that_differ_are_marked(
    left: str | None, right: str | None, places: object
) -> None:
    assert spans(left, right) == places


def test_a_span_says_the_code_points_of_its_glyph() -> None:
    (span,) = marks("渡邉\U000e0101", "渡辺").left

    assert (span.text, span.code_points) == ("邉\U000e0101", "U+9089 U+E0101")


def test_html_is_escaped_inside_and_outside_of_a_mark() -> None:
    both = marks('<b>"甲', '<b>"<乙')

    assert as_html('<b>"甲', both.left) == '&lt;b&gt;&quot;<mark title="U+7532">甲</mark>'
    assert as_html('<b>"<乙', both.right) == '&lt;b&gt;&quot;<mark title="U+003C U+4E59">&lt;乙</mark>'


def test_a_line_for_a_terminal_shows_what_would_steer_it() -> None:
    both = marks("甲\x1b[2J乙", "甲\u202e丙")

    assert as_line("甲\x1b[2J乙", both.left) == "甲⟦<U+001B>[2J乙⟧"
    assert as_line("甲\u202e丙", both.right) == "甲⟦<U+202E>丙⟧"
    assert as_line("甲", ()) == "甲"
