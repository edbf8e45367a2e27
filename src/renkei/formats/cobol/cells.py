"""Cells ↔ text by what an item is: characters, double bytes, packed, zoned, binary, or bytes of no kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from renkei.formats.cobol import numbers
from renkei.formats.cobol.figures import Figures, Flags, figures_of, text_of
from renkei.formats.cobol.numbers import Order, Read, Zones
from renkei.formats.cobol.tree import Cell
from renkei.formats.encodings.blocks import Bytes, from_parts, parts_of
from renkei.formats.encodings.codec import PADDING, Codec
from renkei.formats.losses import Losses

#: Row → (code, byte of the cell); row → reason (a code, and facts without any value).
Bad = dict[int, tuple[str, int]]
Reasons = dict[int, str]

_HALF_WIDTH = "[\x00-\x7f\uff61-\uff9f]"
_HEX = "0123456789ABCDEF"


@dataclass(frozen=True, kw_only=True)
class Storage:
    """How the machine that wrote the file stores what a copybook describes.

    ``is_tolerant`` reads every sign that the machine takes; ``blank_is_null`` reads a number item of
    blanks as nothing. ``wide_pad`` is what fills the end of a double-byte item.
    """

    codec: Codec
    national: Codec
    zones: Zones | None
    is_tolerant: bool = False
    blank_is_null: bool = False
    is_truncated: bool = True
    binary: Order = "big"
    native: Order = "big"
    wide_pad: Literal["wide", "blank"] = "wide"
    losses: Losses = field(default_factory=Losses)

    def wide(self, cell: Cell) -> Codec:
        """The codec of a double-byte item."""
        return self.national if cell.kind == "national" else self.codec.national


# bytes → text -------------------------------------------------------------------------------------


def read_cells(cells: Bytes, cell: Cell, storage: Storage, *, first: int) -> tuple[pa.Array, Bad]:
    """Text of each row (null where it has none), and what is wrong with which. ``first`` is its record."""
    cells = np.ascontiguousarray(cells)
    if cell.kind == "bytes":
        return _hex_of(cells), {}
    if cell.kind == "text":
        return _characters(*storage.codec.decode_block(cells, first=first))
    if cell.kind in {"dbcs", "national"}:
        codec = storage.wide(cell)
        is_wide = cell.kind == "dbcs" or codec.name == storage.codec.national.name
        return _characters(*codec.decode_block(cells, first=first, wide=is_wide))
    return _read_number(cells, cell, storage, first=first)


def _characters(texts: pa.Array, faults: Mapping[int, int]) -> tuple[pa.Array, Bad]:
    return texts, {row: ("E_ENCODING", at) for row, at in faults.items()}


def _read_number(cells: Bytes, cell: Cell, storage: Storage, *, first: int) -> tuple[pa.Array, Bad]:
    found = _read_figures(cells, cell, storage)
    bad_at, is_null = found.bad_at, np.zeros(len(cells), dtype=np.bool_)
    if storage.blank_is_null and cell.kind in {"zoned", "packed"} and bad_at.max(initial=-1) >= 0:
        is_null = (bad_at >= 0) & (cells == storage.codec.blank[0]).all(axis=1)
        bad_at = np.where(is_null, -1, bad_at)
    _note_signs(found.odd_signs, cell, storage, first=first)
    figures, nothing = found.figures, is_null | (bad_at >= 0)
    if nothing.any():
        figures.digits[nothing] = 0
        figures = Figures(digits=figures.digits, negative=figures.negative & ~nothing)
    keep = 0 if cell.is_signed else cell.digits - cell.scale
    texts = text_of(figures, scale=cell.scale, keep=keep)
    if nothing.any():
        texts = pc.if_else(pa.array(nothing), pa.scalar(None, pa.string()), texts)
    return texts, {int(row): ("E_NUMBER", int(bad_at[row])) for row in np.flatnonzero(bad_at >= 0)}


def _read_figures(cells: Bytes, cell: Cell, storage: Storage) -> Read:
    signed = {"is_signed": cell.is_signed}
    if cell.kind == "packed":
        return numbers.read_packed(cells, places=cell.digits, is_tolerant=storage.is_tolerant, **signed)
    if cell.kind == "zoned":
        assert storage.zones is not None
        how = {"is_leading": cell.is_sign_leading, "is_separate": cell.is_sign_separate}
        return numbers.read_zoned(cells, storage.zones, is_tolerant=storage.is_tolerant, **how, **signed)
    order, is_truncated = _order(cell, storage)
    return numbers.read_binary(cells, places=cell.digits, order=order, is_truncated=is_truncated, **signed)


def _order(cell: Cell, storage: Storage) -> tuple[Order, bool]:
    """COMP-5 always holds what its bytes can hold; COMP holds what its picture says, unless declared."""
    if cell.kind == "native":
        return storage.native, False
    return storage.binary, storage.is_truncated


def _note_signs(odd: Bytes, cell: Cell, storage: Storage, *, first: int) -> None:
    """A sign that will be written otherwise than it was read stands in the loss report."""
    if not odd.any():
        return
    for code in np.unique(odd[odd > 0]):
        rows = np.flatnonzero(odd == code)
        row = {
            "encoding": f"{cell.kind} sign",
            "character": "",
            "code": f"{code:02X}",
            "became": "the usual sign",
            "count": len(rows),
            "records": (rows[:20] + first).tolist(),
        }
        storage.losses.take(row)


def _hex_of(cells: Bytes) -> pa.Array:
    """Bytes that are no text and no decimal number, as hexadecimal figures."""
    pairs = np.frombuffer(bytes(range(256)).hex().upper().encode(), dtype=np.uint16)[cells]
    rows, width = cells.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * (2 * width)
    return from_parts(offsets, pairs.view(np.uint8), pa.string())


# text → bytes -------------------------------------------------------------------------------------


def write_cells(texts: pa.Array, cell: Cell, storage: Storage, *, first: int) -> tuple[Bytes, Reasons]:
    """Cells that read back as the texts, and why some rows have none. Nothing is cut or rounded."""
    if cell.kind == "bytes":
        return _of_hex(texts, cell)
    if cell.kind == "text":
        cells, reasons = storage.codec.encode_block(texts.fill_null(""), cell.bytes, first=first)
        return cells, dict(reasons)
    if cell.kind in {"dbcs", "national"}:
        return _write_wide(texts, cell, storage, first=first)
    return _write_number(texts, cell, storage)


def _write_wide(texts: pa.Array, cell: Cell, storage: Storage, *, first: int) -> tuple[Bytes, Reasons]:
    codec = storage.wide(cell)
    texts = texts.fill_null("")
    refused: Reasons = {}
    if cell.kind == "dbcs" or codec.name == storage.codec.national.name:
        is_half = pc.match_substring_regex(pc.utf8_rtrim(texts, PADDING), _HALF_WIDTH)
        rows = pc.indices_nonzero(is_half).to_pylist()
        refused = dict.fromkeys(rows, "E_UNENCODABLE half-width in a double-byte item")
        texts = pc.if_else(is_half, "", texts)
    if storage.wide_pad == "blank":
        return _filled_with_blanks(texts, cell, storage, codec, first=first, refused=refused)
    cells, reasons = codec.encode_block(texts, cell.bytes, first=first, pad="wide")
    return cells, {**reasons, **refused}


def _filled_with_blanks(
    texts: pa.Array, cell: Cell, storage: Storage, codec: Codec, *, first: int, refused: Reasons
) -> tuple[Bytes, Reasons]:
    """Some compilers fill double-byte items with half-width spaces; UTF-16 has a space of its own."""
    raws, reasons = codec.encode_cells(texts, first=first)
    offsets, data = parts_of(raws)
    lengths = np.diff(offsets)
    blank = codec.blank if codec.name == storage.national.name else storage.codec.blank
    fill = np.frombuffer((blank * cell.bytes)[: cell.bytes], dtype=np.uint8)
    cells = np.tile(fill, (len(texts), 1))
    is_long = lengths > cell.bytes
    data, kept = data[np.repeat(~is_long, lengths)], np.where(is_long, 0, lengths)
    cells[np.arange(cell.bytes) < kept[:, None]] = data
    long = {int(row): f"E_TOO_WIDE bytes={lengths[row]} width={cell.bytes}" for row in is_long.nonzero()[0]}
    return cells, {**long, **reasons, **refused}


def _write_number(texts: pa.Array, cell: Cell, storage: Storage) -> tuple[Bytes, Reasons]:
    places = cell.digits
    if cell.kind in {"binary", "native"} and not _order(cell, storage)[1]:
        places = numbers.digits_of(cell.bytes, cell.digits)
    figures, why = figures_of(texts, places=places, scale=cell.scale)
    if not cell.is_signed:
        why |= {
            int(row): "E_OVERFLOW sign" for row in np.flatnonzero(figures.negative) if int(row) not in why
        }
    cells, too_big = _stored(figures, cell, storage)
    why |= dict.fromkeys(map(int, np.flatnonzero(too_big)), "E_OVERFLOW")
    is_empty = np.diff(parts_of(texts)[0]) == 0
    if storage.blank_is_null and cell.kind in {"zoned", "packed"}:
        cells[is_empty] = storage.codec.blank[0]
    else:
        why |= dict.fromkeys(map(int, np.flatnonzero(is_empty)), "E_NUMBER empty")
    return cells, why


def _stored(figures: Figures, cell: Cell, storage: Storage) -> tuple[Bytes, Flags]:
    fits = np.zeros(len(figures.digits), dtype=np.bool_)
    if cell.kind == "packed":
        return numbers.write_packed(figures, is_signed=cell.is_signed), fits
    if cell.kind == "zoned":
        assert storage.zones is not None
        how = {"is_leading": cell.is_sign_leading, "is_separate": cell.is_sign_separate}
        return numbers.write_zoned(figures, storage.zones, is_signed=cell.is_signed, **how), fits
    order, _ = _order(cell, storage)
    return numbers.write_binary(figures, size=cell.bytes, is_signed=cell.is_signed, order=order)


def _of_hex(texts: pa.Array, cell: Cell) -> tuple[Bytes, Reasons]:
    """Hexadecimal figures as bytes; an empty text is bytes of zero."""
    pattern = f"^[{_HEX}]{{{2 * cell.bytes}}}$"
    texts = pc.if_else(pc.equal(texts.fill_null(""), ""), "00" * cell.bytes, texts)
    is_hex = pc.match_substring_regex(texts, pattern)
    wrong = pc.indices_nonzero(pc.invert(is_hex)).to_pylist()
    whole = pc.if_else(is_hex, texts, "00" * cell.bytes)
    _, data = parts_of(whole)
    values: Any = np.zeros(256, dtype=np.uint8)
    values[np.frombuffer(_HEX.encode(), dtype=np.uint8)] = range(16)
    halves = values[data].reshape(len(texts), 2 * cell.bytes)
    return halves[:, ::2] << 4 | halves[:, 1::2], dict.fromkeys(wrong, "E_NUMBER not hexadecimal")
