"""Tables that line up on a terminal where a character takes two columns, one, or none."""

import unicodedata
from collections.abc import Sequence
from itertools import zip_longest

_NONE = frozenset({"Mn", "Me", "Cf"})  # variation selectors are Mn


def columns(text: str) -> int:
    """How many columns the text takes."""
    return sum(_columns(character) for character in text)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Heading, a rule, and a line for each row; two spaces between columns."""
    lines = [[visible(str("" if cell is None else cell)) for cell in row] for row in (header, *rows)]
    widths = [max(map(columns, cells)) for cells in zip_longest(*lines, fillvalue="")]
    drawn = [
        "  ".join(
            cell + " " * (width - columns(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
    rule = "  ".join("─" * width for width in widths)
    return "\n".join((drawn[0], rule, *drawn[1:]))


def visible(text: str) -> str:
    """The text with control characters shown as symbols: what a system sent never steers a terminal."""
    return "".join("␦" if unicodedata.category(c) in ("Cc", "Cs") or c in _STEERING else c for c in text)


#: Characters that turn the direction of what follows.
_STEERING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")


def _columns(character: str) -> int:
    if unicodedata.category(character) in _NONE:
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
