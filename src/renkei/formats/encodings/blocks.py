"""Blocks of cells: the (rows, width) bytes of a fixed-length column ↔ Arrow arrays, without copying."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Numbers = np.ndarray[Any, np.dtype[np.int64]]
Offsets = np.ndarray[Any, np.dtype[np.int32]]

#: Row → byte offset of what could not be decoded; row → why it could not be encoded.
Faults = dict[int, int]
Reasons = dict[int, str]

#: The code of a text that the encoding has no bytes for.
UNENCODABLE = "E_UNENCODABLE"

NEWLINE = 10
BLANK = " "

#: Bytes that are worked on at once: more would only fall out of the processor's cache.
CHUNK = 1 << 18


def cells_of(block: Bytes) -> pa.Array:
    """The rows of a (rows, width) block as binary values."""
    rows, width = block.shape
    offsets = np.arange(0, (rows + 1) * width, width or 1, dtype=np.int32)[: rows + 1]
    offsets = offsets if width else np.zeros(rows + 1, dtype=np.int32)
    return from_parts(offsets, np.ascontiguousarray(block), pa.binary())


def from_parts(offsets: Offsets, data: Bytes, kind: pa.DataType) -> pa.Array:
    """An array over buffers that exist already."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(offsets, dtype=np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(kind, len(offsets) - 1, buffers)


def parts_of(values: pa.Array) -> tuple[Offsets, Bytes]:
    """Offsets (from 0) and bytes of a binary or text array; a null counts as empty."""
    if values.null_count:
        values = values.fill_null(b"" if pa.types.is_binary(values.type) else "")
    _, offsets, data = values.buffers()
    if offsets is None or not len(values):
        return np.zeros(len(values) + 1, dtype=np.int32), np.empty(0, dtype=np.uint8)
    ends = np.frombuffer(offsets, dtype=np.int32)[values.offset : values.offset + len(values) + 1]
    content = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, dtype=np.uint8)
    return ends - ends[0], content[ends[0] : ends[-1]]


def block_of(values: pa.Array) -> Bytes | None:
    """The values as one (rows, width) block where all have one width."""
    offsets, data = parts_of(values)
    widths = np.diff(offsets)
    if not len(widths) or (widths != widths[0]).any():
        return None
    return data.reshape(len(values), int(widths[0]))


def chunks(values: pa.Array) -> Iterator[tuple[int, pa.Array]]:
    """The values in parts of a quarter of a megabyte, with the row that each starts at."""
    size = len(parts_of(values)[1])
    step = max(1, len(values) * CHUNK // size) if size else max(1, len(values))
    for first in range(0, len(values), step):
        yield first, values.slice(first, step)


def is_ascii(values: pa.Array) -> bool:
    """True when no byte of any cell is above 0x7F."""
    _, data = parts_of(values)
    return not data.size or bool(data.max() < 0x80)


def as_text(values: pa.Array, padding: str = "") -> pa.Array:
    """Bytes that are known to be UTF-8 need no decoding: they are the text."""
    offsets, data = parts_of(values)
    return trimmed(from_parts(offsets, data, pa.string()), padding)


def trimmed(texts: pa.Array, padding: str) -> pa.Array:
    """The texts without what a layout fills the end of a cell with."""
    return pc.utf8_rtrim(texts, padding) if padding else texts


def decode_rows(
    values: pa.Array, decode: Callable[[bytes], str], padding: str = ""
) -> tuple[pa.Array, Faults]:
    """Row by row: slow, and it finds which one is bad. A bad row is null."""
    texts: list[str | None] = []
    faults: Faults = {}
    for row, raw in enumerate(values.to_pylist()):
        try:
            texts.append(decode(raw or b"").rstrip(padding) if padding else decode(raw or b""))
        except UnicodeDecodeError as error:
            texts.append(None)
            faults[row] = error.start
    return pa.array(texts, pa.string()), faults


def decode_joined(values: pa.Array, decode: Callable[[bytes], str], padding: str = "") -> pa.Array:
    """Decode all cells in one call; a newline after each marks where the next one starts.

    For encodings in which a newline is never part of a character: a lead byte at a cell's end meets the
    newline, so a cut character is an error. No cell may hold a newline itself. Blanks are never part of a
    character either: those that are padding are taken off first, since decoding costs more than trimming.
    """
    short = _without_blanks(values) if BLANK in padding else values
    text = np.frombuffer(decode(_ended(short)).encode(), dtype=np.uint8)
    offsets = np.zeros(len(values) + 1, dtype=np.int32)
    offsets[1:] = np.flatnonzero(text == NEWLINE) + 1
    return trimmed(from_parts(offsets, text, pa.string()), padding + "\n")


def _without_blanks(values: pa.Array) -> pa.Array:
    """The cells without the blanks at their ends; bytes pass for text here, as Arrow trims ASCII by bytes."""
    offsets, data = parts_of(values)
    return pc.ascii_rtrim(from_parts(offsets, data, pa.string()), BLANK).view(pa.binary())


def _ended(values: pa.Array) -> bytes:
    """All cells, a newline after each."""
    block = block_of(values)
    if block is None:
        _, data = parts_of(pc.binary_join_element_wise(values.fill_null(b""), b"", b"\n"))
        return data.tobytes()
    ended = np.empty((block.shape[0], block.shape[1] + 1), dtype=np.uint8)
    ended[:, :-1] = block
    ended[:, -1] = NEWLINE
    return ended.tobytes()


def encode_rows(values: pa.Array, encode: Callable[[str], bytes]) -> tuple[pa.Array, Reasons]:
    """Row by row; a row that has no bytes is null, with the reason."""
    raws: list[bytes | None] = []
    reasons: Reasons = {}
    for row, text in enumerate(values.to_pylist()):
        try:
            raws.append(encode(text or ""))
        except UnicodeEncodeError as error:
            raws.append(None)
            reasons[row] = unencodable(error)
    return pa.array(raws, pa.binary()), reasons


def unencodable(error: UnicodeEncodeError) -> str:
    """The reason as a code and facts: the character's number in its cell (from 0) and its code point."""
    char = error.object[error.start]
    return f"{UNENCODABLE} char={error.start} code=U+{ord(char):04X}"
