"""Values of any length → cells of one width, filled up and never cut."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from renkei.formats.encodings.blocks import Bytes, Numbers, Reasons, parts_of

#: The code of a text that its cell has no room for.
TOO_WIDE = "E_TOO_WIDE"


def padded(raws: pa.Array, width: int, *, blank: bytes) -> tuple[Bytes, Reasons]:
    """Each value at the start of a cell of ``width`` bytes; one that is too long leaves its cell blank."""
    offsets, data = parts_of(raws)
    lengths = np.diff(offsets)
    cells = _blanks(len(raws), width, blank=blank)
    misfits = (lengths > width) | ((width - lengths) % len(blank) != 0)
    if misfits.any():
        data, lengths = data[np.repeat(~misfits, lengths)], np.where(misfits, 0, lengths)
    cells[np.arange(width) < lengths[:, None]] = data
    original = np.diff(offsets)
    return cells, {
        int(row): f"{TOO_WIDE} bytes={original[row]} width={width}" for row in misfits.nonzero()[0]
    }


def _blanks(rows: int, width: int, *, blank: bytes) -> Bytes:
    line = np.frombuffer((blank * (width // len(blank) + 1))[:width], dtype=np.uint8)
    return np.array(np.tile(line, (rows, 1)))


def filled_with_wide(
    texts: pa.Array, raws: pa.Array, width: int, *, wide_blank: bytes, shift_out: bytes
) -> pa.Array:
    """The texts with as many full-width spaces at the end as their cells still have room for.

    A text that does not end inside the shifts needs room for a pair of them first.
    """
    room = width - _lengths(raws)
    if shift_out:
        is_inside = np.asarray(pc.ends_with(raws.fill_null(b""), shift_out).to_numpy(zero_copy_only=False))
        room = room - np.where(is_inside, 0, 2 * len(shift_out))
    spaces = pc.binary_repeat("\u3000", pa.array(np.maximum(room // len(wide_blank), 0)))
    return pc.binary_join_element_wise(texts, spaces, "")


def _lengths(raws: pa.Array) -> Numbers:
    lengths: Numbers = np.diff(parts_of(raws)[0]).astype(np.int64)
    return lengths
