"""Cells of kanji in every encoding: ours in blocks, iconv on the same bytes, the usual loop over cells."""

import subprocess
from functools import partial
from itertools import cycle, islice
from typing import Any

import numpy as np
import pyarrow as pa

from bench.child import Done, Runs
from bench.desk import Desk
from renkei.formats import encodings

WIDTH = 46
_LENGTHS = (4, 7, 10, 13, 20)
_KANJI = "山川田中村木林森石井上下大小高橋佐藤鈴渡辺加吉東西南北京都府県市町一二三四五六七八九十"


def texts(rows: int) -> pa.Array:
    """Names and addresses of nobody."""
    kanji = cycle(_KANJI)
    some = ["".join(islice(kanji, length)) for length in _LENGTHS * 200]
    return pa.array(list(islice(cycle(some), rows)))


def _cells(encoding: str, rows: int) -> Any:  # noqa: ANN401 - numpy's own type says no more
    return encodings.named(encoding).encode_block(texts(rows), WIDTH)[0]


def read(_: Desk, *, encoding: str, rows: int) -> Runs:
    """A column, block by block."""
    cells = _cells(encoding, rows)
    while True:
        yield partial(_read, encoding, cells)


def _read(encoding: str, cells: Any) -> Done:  # noqa: ANN401
    codec = encodings.named(encoding)
    parts = [codec.decode_block(part) for part in np.array_split(cells, max(1, len(cells) // 200_000))]
    return Done(rows=len(cells), facts={"faults": sum(len(faults) for _, faults in parts)})


def write(_: Desk, *, encoding: str, rows: int) -> Runs:
    """The same column back to bytes."""
    values = texts(rows)
    while True:
        yield lambda: Done(rows=len(encodings.named(encoding).encode_block(values, WIDTH)[0]))


def iconv(desk: Desk, *, encoding: str, glibc: str, rows: int) -> Runs:
    """glibc's program on the same bytes as one text: no cells, no columns."""
    place = desk.folder / f"{encoding}.dat"
    place.write_bytes(_cells(encoding, rows).tobytes())
    command = ["iconv", "-f", glibc, "-t", "UTF-8", "-o", "/dev/null", str(place)]
    while True:
        yield lambda: Done(rows=rows, facts={"exit": subprocess.run(command, check=True).returncode})


def python_loop(_: Desk, *, encoding: str, python: str, rows: int) -> Runs:
    """``bytes.decode`` cell by cell."""
    cells = _cells(encoding, rows)
    while True:
        yield lambda: Done(rows=len([cell.tobytes().decode(python) for cell in cells]))


def icu_loop(_: Desk, *, encoding: str, rows: int) -> Runs:
    """ICU cell by cell."""
    from icu import UnicodeString

    cells = _cells(encoding, rows)
    while True:
        yield lambda: Done(rows=len([str(UnicodeString(cell.tobytes(), encoding)) for cell in cells]))
