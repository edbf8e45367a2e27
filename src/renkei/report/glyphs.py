"""Which font draws a text with its very glyphs: a variation selector counts where a font has the sequence.

A typesetter shows the plain character for a sequence that its font lacks and says nothing. So each character
is given to a font that has it, and one that no font has is followed by its code: ``葛［U+845B U+E01EF］``.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_SELECTORS = range(0xE0100, 0xE01F0)


@dataclass(frozen=True)
class Coverage:
    """What one font draws: characters, and sequences of a character and a variation selector."""

    characters: frozenset[int]
    sequences: frozenset[tuple[int, int]]

    def has(self, character: int, selector: int | None) -> bool:
        """True when the font has that very glyph."""
        if selector is None:
            return character in self.characters
        return (character, selector) in self.sequences


def pieces(text: str, fonts: Mapping[str, Coverage]) -> list[tuple[str, str]]:
    """The text in runs of (font, text), the first font that has each character; the rest with its code."""
    first = next(iter(fonts))
    runs: list[tuple[str, str]] = []
    for character, selector in _clusters(text):
        font = next((name for name, each in fonts.items() if each.has(character, selector)), None)
        shown = chr(character) + (chr(selector) if selector else "")
        if font is None:
            codes = " ".join(f"U+{code:04X}" for code in (character, selector) if code)
            known = fonts[first].has(character, None)
            font, shown = first, f"{shown if known else '〓'}［{codes}］"
        if runs and runs[-1][0] == font:
            runs[-1] = (font, runs[-1][1] + shown)
        else:
            runs.append((font, shown))
    return runs


def _clusters(text: str) -> Iterator[tuple[int, int | None]]:
    place = 0
    while place < len(text):
        after = ord(text[place + 1]) if place + 1 < len(text) else 0
        selector = after if after in _SELECTORS else None
        yield ord(text[place]), selector
        place += 1 if selector is None else 2


@cache
def coverage(place: Path, face: int = 0) -> Coverage:
    """Read from the font's own table (``cmap``); ``face`` of a collection."""
    data = place.read_bytes()
    cmap = _cmap(data, face)
    (count,) = struct.unpack_from(">H", data, cmap + 2)
    characters: set[int] = set()
    sequences: set[tuple[int, int]] = set()
    for number in range(count):
        (offset,) = struct.unpack_from(">I", data, cmap + 8 + 8 * number)
        (format_,) = struct.unpack_from(">H", data, cmap + offset)
        if format_ == 12:
            characters |= _characters(data, cmap + offset)
        elif format_ == 14:
            sequences |= _sequences(data, cmap + offset)
    return Coverage(frozenset(characters), frozenset(sequences))


def _cmap(data: bytes, face: int) -> int:
    start = struct.unpack_from(">I", data, 12 + 4 * face)[0] if data[:4] == b"ttcf" else 0
    (tables,) = struct.unpack_from(">H", data, start + 4)
    entries = (struct.unpack_from(">4s4xI", data, start + 12 + 16 * n) for n in range(tables))
    return int(next(offset for tag, offset in entries if tag == b"cmap"))


def _characters(data: bytes, at: int) -> set[int]:
    (groups,) = struct.unpack_from(">I", data, at + 12)
    found: set[int] = set()
    for first, last, _glyph in _rows(data, at + 16, groups, ">III"):
        found.update(range(first, last + 1))
    return found


def _sequences(data: bytes, at: int) -> set[tuple[int, int]]:
    (records,) = struct.unpack_from(">I", data, at + 6)
    found: set[tuple[int, int]] = set()
    for record in range(records):
        place = at + 10 + 11 * record
        selector = int.from_bytes(data[place : place + 3], "big")
        usual, others = struct.unpack_from(">II", data, place + 3)
        if usual:
            for row in _fixed(data, at + usual, 4):
                first = int.from_bytes(row[:3], "big")
                found.update((code, selector) for code in range(first, first + row[3] + 1))
        if others:
            found.update((int.from_bytes(row[:3], "big"), selector) for row in _fixed(data, at + others, 5))
    return found


def _rows(data: bytes, at: int, count: int, shape: str) -> Iterator[Sequence[int]]:
    step = struct.calcsize(shape)
    return (struct.unpack_from(shape, data, at + step * n) for n in range(count))


def _fixed(data: bytes, at: int, width: int) -> Iterator[bytes]:
    (count,) = struct.unpack_from(">I", data, at)
    return (data[at + 4 + width * n : at + 4 + width * (n + 1)] for n in range(count))
