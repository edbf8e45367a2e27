"""Codecs of every kind, and text that each of them can carry."""

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from renkei.formats import encodings
from renkei.formats.encodings.blocks import Bytes
from renkei.formats.encodings.codec import Codec
from renkei.formats.encodings.coded import Coded
from renkei.formats.encodings.gaiji import PRIVATE

TABLES = Path(__file__).parent / "tables"

#: One codec of every kind: stateless, EUC with three planes, shift codes of one byte and of two.
NAMES = (
    "ascii",
    "cp932",
    "cp51932",
    "euc-jp",
    "euc-jp-ms",
    "ibm-1027",
    "ibm-1399",
    "ibm-290",
    "ibm-930",
    "jef-sample",
    "jips-sample",
    "keis-sample",
    "utf-8",
)

#: Those in which a wide character is two bytes.
WIDE = tuple(name for name in NAMES if name not in ("ascii", "utf-8", "ibm-290", "ibm-1027"))


def declared(name: str) -> dict[str, str]:
    """The part of a format declaration that asks for the encoding."""
    if not name.endswith("-sample"):
        return {"encoding": name}
    table = TABLES / f"{name}.json"
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    return {"encoding": name, "table": str(table), "table_sha256": digest}


def codec_of(name: str, **more: str) -> Codec:
    """A codec with its own empty loss report."""
    return encodings.of({**declared(name), **more})


@cache
def repertoire(name: str) -> tuple[str, ...]:
    """Every text that the encoding has a code for, without 外字 and NUL."""
    charset = codec_of(name)._charset
    if name == "utf-8":
        return tuple("aZ9 é―～〜髙﨑𠮷か゚葛󠄀㐂€ｱ゙")
    if name == "ascii":
        return tuple(map(chr, range(1, 0x80)))
    table = charset.table if isinstance(charset, Coded) else charset.table()
    return tuple(text for text in sorted(table.written) if text != "\0" and not PRIVATE.search(text))


@cache
def wide_repertoire(name: str) -> tuple[str, ...]:
    """Every text that has a code of two bytes."""
    charset = codec_of(name)._charset
    table = charset.table if isinstance(charset, Coded) else charset.table()
    return tuple(text for text in repertoire(name) if 0xFF < table.written[text] < 0x10000)


def texts(name: str, *, most: int = 8) -> st.SearchStrategy[str]:
    """Text of the encoding's repertoire without padding at its end."""
    joined = st.lists(st.sampled_from(repertoire(name)), max_size=most).map("".join)
    return joined.map(lambda text: text.rstrip(encodings.PADDING))


def block(*rows: bytes) -> Bytes:
    """Cells of one width."""
    width = len(rows[0])
    return np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), width)


def rows_of(cells: Bytes) -> list[bytes]:
    return [cell.tobytes() for cell in cells]


def array(*values: str | None) -> pa.Array:
    return pa.array(values, pa.string())
