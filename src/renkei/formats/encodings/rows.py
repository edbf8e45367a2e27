"""Find the few rows of a block that need a closer look, and put them back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from renkei.formats.encodings.blocks import Numbers, Offsets, parts_of


def private_rows(texts: pa.Array) -> list[int]:
    """Rows that hold a private-use character, found by the lead bytes of their UTF-8."""
    offsets, data = parts_of(texts)
    hits = np.flatnonzero(data >= 0xEE)  # EE, EF 80 to A3, F3 B0 to BF, F4: private use
    if not len(hits):
        return []
    lead, trail = data[hits], data[hits + 1]
    is_private = (lead == 0xEE) | (lead == 0xF4)
    is_private |= ((lead == 0xEF) & (trail < 0xA4)) | ((lead == 0xF3) & (trail >= 0xB0))
    return _rows_at(hits[is_private], offsets)


def _rows_at(places: Numbers, offsets: Offsets) -> list[int]:
    return [int(row) for row in np.unique(np.searchsorted(offsets, places, side="right") - 1)]


def rows_with(texts: pa.Array, pattern: str) -> list[int]:
    """Rows in which the pattern occurs."""
    rows: list[int] = pc.indices_nonzero(pc.match_substring_regex(texts, pattern)).to_pylist()
    return rows


def has_nul(texts: pa.Array) -> bool:
    """True when a NUL is anywhere, which no database takes."""
    _, data = parts_of(texts)
    return bool(data.size) and not data.min()


def patched(values: pa.Array, changed: Mapping[int, Any]) -> pa.Array:
    """The array with some rows exchanged."""
    if not changed:
        return values
    places = np.arange(len(values))
    places[list(changed)] = np.arange(len(values), len(values) + len(changed))
    exchanged = pa.array(list(changed.values()), values.type)
    return pa.concat_arrays([values, exchanged]).take(pa.array(places))
