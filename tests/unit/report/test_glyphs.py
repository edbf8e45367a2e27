"""Each character of a name is given to a font that has its very glyph, or says that there is none."""

from pathlib import Path

import pytest

from renkei.report.glyphs import Coverage, coverage, pieces
from renkei.report.slip_pdf import FONTS

KATSU, TSUJI = 0x845B, 0x8FBB
FIRST = Coverage(frozenset(map(ord, "葛辻城𠮷田 ")), frozenset({(TSUJI, 0xE0102)}))
SECOND = Coverage(frozenset(map(ord, "葛彅")), frozenset({(KATSU, 0xE0100)}))
BOTH = {"first": FIRST, "second": SECOND}


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("𠮷田", [("first", "𠮷田")]),
        ("葛\U000e0100城", [("second", "葛\U000e0100"), ("first", "城")]),
        ("辻\U000e0102 葛", [("first", "辻\U000e0102 葛")]),
        ("彅", [("second", "彅")]),
        ("", []),
    ],
)
def test_a_character_goes_to_the_first_font_that_has_it(text: str, runs: list[tuple[str, str]]) -> None:
    assert pieces(text, BOTH) == runs


def test_a_sequence_that_no_font_has_is_followed_by_its_code() -> None:
    assert pieces("辻\U000e0101", BOTH) == [("first", "辻\U000e0101［U+8FBB U+E0101］")]
    assert pieces("😀", BOTH) == [("first", "〓［U+1F600］")]


def test_without_the_second_font_its_glyphs_are_not_taken_for_others() -> None:
    [(_, shown)] = pieces("葛\U000e0100", {"first": FIRST})

    assert shown.endswith("［U+845B U+E0100］")


def test_a_font_is_read_as_it_is() -> None:
    mincho = coverage(next(Path(FONTS["IPAmjMincho"]).glob("*.ttf")))

    assert mincho.has(0x20BB7, None)
    assert mincho.has(TSUJI, 0xE0102)
    assert not mincho.has(TSUJI, 0xE0101)  # of another collection
    assert not mincho.has(0x1F600, None)
