"""Which characters of two values differ, as a person sees characters: a letter with its marks is one.

A kanji and its variation selector stay together, a kana and its voicing mark too, in either width.
"""

import html
import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

#: What belongs to the character before it: selectors, combining marks, half-width voicing.
_FOLLOWS = "\u0300-\u036f\u3099\u309a\uff9e\uff9f\ufe00-\ufe0f\U000e0100-\U000e01ef\u200d"
_CLUSTER = re.compile(f".[{_FOLLOWS}]*", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Span:
    """Characters ``start`` up to, not with, ``end``; ``code_points`` of what stands there, U+9089 U+E0101."""

    start: int
    end: int
    text: str

    @property
    def code_points(self) -> str:
        """As a person looks them up in a table."""
        return " ".join(f"U+{ord(each):04X}" for each in self.text)


@dataclass(frozen=True, kw_only=True)
class Marks:
    """The spans that differ, of each side in its order. An empty side of a difference has no span."""

    left: tuple[Span, ...]
    right: tuple[Span, ...]


def clusters(text: str) -> list[str]:
    """The characters of a text as a person counts them."""
    return _CLUSTER.findall(text)


def marks(left: str | None, right: str | None) -> Marks:
    """Where the two differ; nothing is marked in equal texts."""
    one, other = clusters(left or ""), clusters(right or "")
    places = spans(left or "", right or "")
    return Marks(left=_of(one, places[0]), right=_of(other, places[1]))


Place = tuple[int, int]


@lru_cache(maxsize=65_536)
def spans(left: str, right: str) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """The same as places only: (start, end) in characters, of the left and of the right side."""
    one, other = clusters(left), clusters(right)
    head = _common(one, other)
    tail = _common(one[head:][::-1], other[head:][::-1])
    a, b = one[head : len(one) - tail], other[head : len(other) - tail]
    blocks = _blocks(a, b)
    return (
        tuple((head + i, head + j) for i, j, _, _ in blocks if j > i),
        tuple((head + k, head + m) for _, _, k, m in blocks if m > k),
    )


Block = tuple[int, int, int, int]


def _blocks(a: list[str], b: list[str]) -> list[Block]:
    """What differs, from and to on both sides. Equal lengths are compared place by place."""
    if len(a) == len(b):
        return _by_place(a, b)
    if len(a) <= 1 or len(b) <= 1 or not set(a) & set(b):
        return [(0, len(a), 0, len(b))]
    steps = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    return [(i, j, k, m) for tag, i, j, k, m in steps if tag != "equal"]


def _by_place(a: list[str], b: list[str]) -> list[Block]:
    made: list[Block] = []
    for at, (one, other) in enumerate(zip(a, b, strict=True)):
        if one == other:
            continue
        start = made.pop()[0] if made and made[-1][1] == at else at
        made.append((start, at + 1, start, at + 1))
    return made


def as_html(text: str | None, places: tuple[Span, ...]) -> str:
    """Escaped, each span a ``mark`` element whose title are its code points."""
    made = [
        f'<mark title="{html.escape(span.code_points)}">{_harmless_html(piece)}</mark>'
        if span
        else _harmless_html(piece)
        for piece, span in _pieces(text or "", places)
    ]
    return "".join(made)


def as_line(text: str | None, places: tuple[Span, ...]) -> str:
    """One line for a terminal: spans in ⟦ ⟧, and what would move the cursor shown by its number."""
    made = [
        f"⟦{_harmless(piece)}⟧" if span else _harmless(piece) for piece, span in _pieces(text or "", places)
    ]
    return "".join(made)


def _of(characters: list[str], places: tuple[Place, ...]) -> tuple[Span, ...]:
    return tuple(Span(start=i, end=j, text="".join(characters[i:j])) for i, j in places)


def _pieces(text: str, places: tuple[Span, ...]) -> list[tuple[str, Span | None]]:
    characters, at, made = clusters(text), 0, list[tuple[str, Span | None]]()
    for span in places:
        made += [("".join(characters[at : span.start]), None), (span.text, span)]
        at = span.end
    return [*made, ("".join(characters[at:]), None)]


def _common(one: list[str], other: list[str]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _harmless_html(text: str) -> str:
    return html.escape(_harmless(text))


def _harmless(text: str) -> str:
    """Control and direction characters as their numbers: they could hide or rewrite what is shown."""
    return "".join(f"<U+{ord(each):04X}>" if _moves(each) else each for each in text)


def _moves(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs")
