"""UTF-16 without a mark: what PIC N holds under compilers that know NATIONAL."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from renkei.formats.encodings.blocks import (
    NEWLINE,
    Bytes,
    Faults,
    Reasons,
    block_of,
    decode_rows,
    encode_rows,
    from_parts,
    trimmed,
)
from renkei.formats.encodings.codec import Codec
from renkei.formats.encodings.plain import Plain

_MARK = "\n"


@dataclass(frozen=True, kw_only=True)
class Utf16(Plain):
    """Two bytes a code unit; a character outside the BMP takes two units."""

    def decode_array(self, values: pa.Array, padding: str = "") -> tuple[pa.Array, Faults]:
        """Text of each cell without ``padding`` at its end; undecodable cells are null, with the offset."""
        block = block_of(values)
        if block is not None and block.size:
            try:
                if (text := self._joined(block, padding)) is not None:
                    return text, {}
            except UnicodeDecodeError:
                pass  # some cell is bad: find which, row by row
        return decode_rows(values, self.decode, padding)

    def encode_array(self, values: pa.Array) -> tuple[pa.Array, Reasons]:
        """Bytes of each text; what has none is null, with the reason."""
        return encode_rows(values, self.encode)

    def _joined(self, block: Bytes, padding: str) -> pa.Array | None:
        """All cells in one call, a line feed behind each; None where a cell holds one itself."""
        mark = np.frombuffer(self.encode(_MARK), dtype=np.uint8)
        ended = np.concatenate([block, np.tile(mark, (len(block), 1))], axis=1)
        text = np.frombuffer(self.decode(ended.tobytes()).encode(), dtype=np.uint8)
        ends = np.flatnonzero(text == NEWLINE) + 1
        if len(ends) != len(block):
            return None
        offsets = np.concatenate([[0], ends]).astype(np.int32)
        return trimmed(from_parts(offsets, text, pa.string()), padding + _MARK)


def national(order: Literal["utf-16be", "utf-16le"]) -> Codec:
    """The codec of UTF-16 fields, filled with spaces as NATIONAL items are."""
    return Codec(
        Utf16(
            name=order,
            decode=lambda raw: raw.decode(order),
            encode=lambda text: text.encode(order),
            blank=" ".encode(order),
            wide_blank="\u3000".encode(order),
        )
    )
