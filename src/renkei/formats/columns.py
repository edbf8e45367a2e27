"""Byte columns → text columns, strictly: a cell decodes whole and alone, or it is reported."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from renkei.formats import cp932

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

#: What a fixed-length layout fills the end of a column with: half- and full-width spaces.
PADDING = " \u3000"

_NEWLINE = 10


def decode_one(raw: bytes, encoding: str) -> str:
    """Decode one cell; UnicodeDecodeError for anything the encoding does not define."""
    return _decoder(encoding)(raw)


def decode_column(cells: Bytes, encoding: str) -> tuple[pa.Array, dict[int, int]]:
    """Text of each row, padding dropped, and row → byte offset of cells that cannot be decoded.

    An undecodable row is null. ``cells`` is a (rows, width) view of the file.
    """
    cells = np.ascontiguousarray(cells)
    if not cells.size:
        return pa.array([""] * len(cells), pa.string()), {}
    if cells.max() < 0x80:
        return _wrap_ascii(cells), {}
    if not (cells == _NEWLINE).any():
        try:
            return _decode_joined(cells, encoding), {}
        except UnicodeDecodeError:
            pass  # some cell is bad: find which, row by row
    return _decode_rows(cells, encoding)


def _decoder(encoding: str) -> Callable[[bytes], str]:
    if encoding == "cp932":
        return cp932.decode
    return lambda raw: raw.decode(encoding)


def _wrap_ascii(cells: Bytes) -> pa.Array:
    """ASCII cells need no decoding: the bytes are the text."""
    rows, width = cells.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    array = pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(cells))
    return pc.utf8_rtrim(array, PADDING)


def _decode_joined(cells: Bytes, encoding: str) -> pa.Array:
    """Decode the block in one call; a newline after each cell marks where the next one starts.

    A lead byte at a cell's end meets the newline, which is no trail byte, so a cut character is an error.
    """
    ended = np.empty((cells.shape[0], cells.shape[1] + 1), dtype=np.uint8)
    ended[:, :-1] = cells
    ended[:, -1] = _NEWLINE
    text = np.frombuffer(_decoder(encoding)(ended.tobytes()).encode(), dtype=np.uint8)
    offsets = np.zeros(len(cells) + 1, dtype=np.int32)
    offsets[1:] = np.flatnonzero(text == _NEWLINE) + 1
    array = pa.StringArray.from_buffers(len(cells), pa.py_buffer(offsets), pa.py_buffer(text))
    return pc.utf8_rtrim(array, PADDING + "\n")


def _decode_rows(cells: Bytes, encoding: str) -> tuple[pa.Array, dict[int, int]]:
    decode = _decoder(encoding)
    values: list[str | None] = []
    errors = {}
    for row, cell in enumerate(cells):
        try:
            values.append(decode(cell.tobytes()).rstrip(PADDING))
        except UnicodeDecodeError as error:
            values.append(None)
            errors[row] = error.start
    return pa.array(values, pa.string()), errors
