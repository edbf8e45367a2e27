"""The seam between a codec and what bytes mean in one encoding."""

from collections.abc import Mapping
from typing import Protocol

import pyarrow as pa

from renkei.formats.encodings.blocks import Faults, Reasons


class Charset(Protocol):
    """What bytes mean, with 外字 as private-use characters; strict, and reversible on its repertoire."""

    @property
    def name(self) -> str:
        """What a declaration calls it."""
        ...

    @property
    def blank(self) -> bytes:
        """One half-width space; in a set of double bytes alone, one full-width space."""
        ...

    @property
    def wide_blank(self) -> bytes:
        """One full-width space, without shifts."""
        ...

    @property
    def shift_out(self) -> bytes:
        """What leaves the double bytes; nothing in a set without shifts."""
        ...

    @property
    def lookalikes(self) -> Mapping[str, str]:
        """What is written for characters that the set knows under another code point only."""
        ...

    @property
    def national(self) -> "Charset":
        """The set of fields that hold double bytes alone, without shifts."""
        ...

    def decode(self, raw: bytes) -> str:
        """Text, or UnicodeDecodeError with its place."""
        ...

    def encode(self, text: str) -> bytes:
        """Bytes that read back as the very same text, or UnicodeEncodeError with its place."""
        ...

    def code_of(self, char: str) -> str:
        """The code, in hex, of a 外字 that is a private-use character for now."""
        ...

    def char_of(self, code: str) -> str | None:
        """The private-use character of a 外字's code; None where the set has no such code."""
        ...

    def place_of(self, raw: bytes, index: int) -> int:
        """The byte at which the character of this index starts."""
        ...

    def decode_array(self, values: pa.Array, padding: str = "") -> tuple[pa.Array, Faults]:
        """Text of each value without ``padding`` at its end; null and the byte offset where there is none."""
        ...

    def encode_array(self, values: pa.Array) -> tuple[pa.Array, Reasons]:
        """Bytes of each text; null and the reason where there are none."""
        ...


def has_codes(charset: Charset, text: str) -> bool:
    """True when the set has a code for all of the text."""
    try:
        charset.encode(text)
    except UnicodeEncodeError:
        return False
    return True
