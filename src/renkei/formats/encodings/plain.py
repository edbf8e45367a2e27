"""The character sets that Python's own codecs read: CP932, UTF-8 and ASCII."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property

import pyarrow as pa

from renkei.formats.encodings import cp932
from renkei.formats.encodings.blocks import (
    NEWLINE,
    Faults,
    Reasons,
    as_text,
    decode_joined,
    decode_rows,
    encode_rows,
    is_ascii,
    parts_of,
)
from renkei.formats.encodings.code_table import CodeTable
from renkei.formats.encodings.gaiji import PRIVATE
from renkei.formats.encodings.written import write


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A stateless character set in which ASCII is ASCII and a newline is never part of a character."""

    name: str
    decode: Callable[[bytes], str]
    encode: Callable[[str], bytes]
    blank: bytes = b" "
    wide_blank: bytes = b"  "
    shift_out: bytes = b""
    table: Callable[[], CodeTable] | None = None
    private: Mapping[str, bytes] = field(default_factory=dict)
    lookalikes: Mapping[str, str] = field(default_factory=dict)

    @property
    def national(self) -> "Plain":
        """Fields of wide characters hold the same bytes."""
        return self

    def code_of(self, char: str) -> str:
        """The code of a 外字 in hex: its bytes, or its code point where the set is Unicode."""
        return self.private[char].hex().upper() if self.private else f"{ord(char):X}"

    def char_of(self, code: str) -> str | None:
        """The private-use character that stands for a 外字 while it is inside."""
        return self._chars.get(code) if self.private else _private_char(code)

    @cached_property
    def _chars(self) -> dict[str, str]:
        return {raw.hex().upper(): char for char, raw in self.private.items()}

    def place_of(self, raw: bytes, index: int) -> int:
        """The byte at which the character of this index starts."""
        return len(self.encode(self.decode(raw)[:index]))

    def decode_array(self, values: pa.Array, padding: str = "") -> tuple[pa.Array, Faults]:
        """Text of each cell without ``padding`` at its end; undecodable cells are null, with the offset."""
        if is_ascii(values):
            return as_text(values, padding), {}
        if not (parts_of(values)[1] == NEWLINE).any():
            try:
                return decode_joined(values, self.decode, padding), {}
            except UnicodeDecodeError:
                pass  # some cell is bad: find which, row by row
        return decode_rows(values, self.decode, padding)

    def encode_array(self, values: pa.Array) -> tuple[pa.Array, Reasons]:
        """Bytes of each text; what has none is null, with the reason."""
        if is_ascii(values):
            return values.cast(pa.binary()), {}
        if self.table:
            return write(values, self.table(), encode=self.encode)
        return encode_rows(values, self.encode)


def _private_char(code: str) -> str | None:
    char = chr(int(code, 16)) if re.fullmatch("[0-9A-F]{4,6}", code) and int(code, 16) < 0x110000 else ""
    return char if PRIVATE.fullmatch(char) else None


def cp932_set() -> Plain:
    """CP932 as Windows writes it; F040 to F9FC are 外字."""
    return Plain(
        name="cp932",
        decode=cp932.decode,
        encode=cp932.encode_strictly,
        wide_blank=b"\x81\x40",
        table=_cp932_table,
        private=cp932.private_cells(),
        lookalikes=cp932.FOLD,
    )


@cache
def _cp932_table() -> CodeTable:
    """Every character of CP932 and the code that Windows writes it with."""
    singles = {code: bytes((code,)).decode("cp932") for code in (*range(0x80), *range(0xA1, 0xE0))}
    chars = [*singles.values(), *cp932.two_byte_characters()]
    return CodeTable(meanings=singles, written={char: int.from_bytes(cp932.encode(char)) for char in chars})


def utf8_set() -> Plain:
    """UTF-8, strictly: no surrogates, nothing overlong."""
    return Plain(name="utf-8", decode=lambda raw: raw.decode(), encode=str.encode, wide_blank="　".encode())


def ascii_set() -> Plain:
    """ASCII; there is no wide blank, so two half-width ones stand for it."""
    return Plain(
        name="ascii", decode=lambda raw: raw.decode("ascii"), encode=lambda text: text.encode("ascii")
    )
