"""JSON from a provider that is broken or worse: refused in no time, and never read as something else."""

import time

import pytest

from renkei.formats.json_text import Layout, Unreadable, parse


@pytest.mark.parametrize("tail", [b"", b"\\", b"\\\\", b"["])
def test_a_page_of_quotes_that_never_ends_is_refused_at_once(tail: bytes) -> None:
    page = b'["' + b'\\"' * 500_000 + tail

    begun = time.perf_counter()
    with pytest.raises(Unreadable):
        parse(page, depth=32)

    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize(
    ("text", "deep"), [(b'{"a":"[[[["}', 1), (b'{"a":"\\"[[[","b":[1]}', 2), (b'["\\\\",[["]"]]]', 3)]
)
def test_brackets_inside_strings_are_no_depth(text: bytes, deep: int) -> None:
    parse(text, depth=deep)

    with pytest.raises(Unreadable, match="nested deeper"):
        parse(text, depth=deep - 1)


@pytest.mark.parametrize("text", [b'{"a":1,"a":1}', b'{"a":NaN}', b'{"a":1}{}', b"\xff", b"", b'{"a":01}'])
def test_json_with_no_meaning_or_two_is_refused(text: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(text, depth=32)


def test_half_a_character_is_refused() -> None:
    item = parse(b'{"a":"\\ud800"}', depth=32)

    with pytest.raises(Unreadable, match="half a character"):
        Layout({"a": "a"}, ()).row(item)
