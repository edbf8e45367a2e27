"""A table of codes, compiled for blocks: code → code point, code point → code."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from renkei.formats.encodings.blocks import Bytes, Numbers
from renkei.formats.encodings.units import Codes

#: No such code; no such character.
NOTHING = np.uint32(0xFFFFFFFF)

#: From here on a "code point" is the number of a sequence of several.
FIRST_SEQUENCE = 0x110000

#: Code points above this are variation selectors and private; they are looked up one by one.
TOP = 0x30000

#: All codes of one to three bytes.
_SPAN = 0x20000


@dataclass(frozen=True, kw_only=True)
class CodeTable:
    """``meanings``: what each code is read as. ``written``: the code each text is written with.

    A code is its bytes as a number; one of three bytes, 0x8F and a pair, is 0x10000 and the pair.
    """

    meanings: Mapping[int, str]
    written: Mapping[str, int]

    @cached_property
    def doubles(self) -> "CodeTable":
        """The codes of two bytes alone; what is written with one byte elsewhere (€) has its own two here."""
        meanings = {code: text for code, text in self.meanings.items() if code > 0xFF}
        written = {text: code for text, code in self.written.items() if code > 0xFF}
        one_byte = {text for text, code in self.written.items() if code <= 0xFF}
        also = {text: code for code, text in sorted(meanings.items(), reverse=True) if text in one_byte}
        return CodeTable(meanings=meanings, written=also | written)

    @cached_property
    def points(self) -> Codes:
        """Code → code point, or the number of a sequence, or NOTHING."""
        table = np.full(_SPAN, NOTHING, dtype=np.uint32)
        for code, text in self.meanings.items():
            table[code] = ord(text) if len(text) == 1 else FIRST_SEQUENCE + self._numbers[text]
        return table

    @cached_property
    def _numbers(self) -> dict[str, int]:
        texts = sorted({text for text in self.meanings.values() if len(text) > 1})
        return {text: number for number, text in enumerate(texts)}

    @cached_property
    def ascii(self) -> Bytes:
        """Byte → ASCII character, 0xFF where it is none."""
        table = np.full(256, 0xFF, dtype=np.uint8)
        for code, text in self.meanings.items():
            if code < 0x100 and text.isascii():
                table[code] = ord(text)
        return table

    def spread(self, points: Codes, bounds: Numbers) -> tuple[Codes, Numbers]:
        """Sequences as their code points, and the cells' bounds moved along."""
        texts = list(self._numbers)
        places = np.flatnonzero(points >= FIRST_SEQUENCE)
        lengths = np.ones(len(points), dtype=np.int64)
        chosen = [texts[int(points[place]) - FIRST_SEQUENCE] for place in places]
        lengths[places] = [len(text) for text in chosen]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        spread = np.repeat(points, lengths)
        for place, text in zip(places, chosen, strict=True):
            spread[starts[place] : starts[place] + len(text)] = [ord(char) for char in text]
        return spread, starts[bounds]

    @cached_property
    def codes(self) -> Codes:
        """Code point → code, NOTHING where it has none or may be part of a sequence."""
        table = np.full(TOP + 1, NOTHING, dtype=np.uint32)
        followers = {text[1] for text in self.written if len(text) > 1}
        for text, code in self.written.items():
            if len(text) == 1 and ord(text) < TOP and text not in followers:
                table[ord(text)] = code
        return table

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.written), default=0)

    @cached_property
    def raws(self) -> Mapping[str, bytes]:
        """Character → its bytes, but for characters that may be part of a sequence."""
        parts = {char for text in self.written if len(text) > 1 for char in text}
        return {text: self.raw_of(text) for text in self.written if len(text) == 1 and text not in parts}

    def longest_at(self, text: str, at: int) -> int:
        """How many characters from here on make the longest text that has a code; 0 for none."""
        for size in range(min(self._longest, len(text) - at), 0, -1):
            if text[at : at + size] in self.written:
                return size
        return 0

    def raw_of(self, text: str) -> bytes:
        """The bytes of a text that has a code."""
        code = self.written[text]
        return with_lead(code).to_bytes(1 + (code > 0xFF) + (code > 0xFFFF), "big")


def with_lead(code: int) -> int:
    """The bytes of a code as one number: 0x1xxxx stands for 0x8Fxxxx."""
    return code | 0x8E0000 if code > 0xFFFF else code


def two_way(meanings: Mapping[int, str], *, read_only: Mapping[int, Any] | None = None) -> CodeTable:
    """A table in which every code but the ``read_only`` ones is written too."""
    skipped = read_only or {}
    written = {text: code for code, text in meanings.items() if code not in skipped}
    return CodeTable(meanings=meanings, written=written)
