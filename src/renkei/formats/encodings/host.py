"""The host codes of IBM (EBCDIC with kanji between shift codes), by the tables of ICU.

ICU is asked once for the whole repertoire, and only for codes that mean something in both directions or
are listed as read only. Its own conversion replaces what it does not know (0xFEFE, U+FFFD); ours never
sees such a code.
"""

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any

from renkei.errors import FixDeclaration
from renkei.formats.encodings.code_table import CodeTable
from renkei.formats.encodings.coded import Coded
from renkei.formats.encodings.units import Shifts, pairs, singles

#: Mixed sets: single bytes and kanji between SO and SI.
MIXED = ("ibm-930", "ibm-939", "ibm-1390", "ibm-1399")

#: Single bytes alone (kana first, and Latin first), by the mixed set that they are part of.
SINGLE = {"ibm-290": "ibm-930", "ibm-1027": "ibm-939"}

#: Double bytes alone, for fields without shift codes.
DOUBLE = {"ibm-300": "ibm-939", "ibm-16684": "ibm-1399"}

SHIFTS = Shifts(into=(b"\x0e",), out=(b"\x0f",))

_BLANK, _WIDE_BLANK = b"\x40", b"\x40\x40"
_LINE_FEED = b"\x25"


@cache
def charset(name: str) -> Coded:
    """The set of this name; FixDeclaration where ICU is not installed."""
    if name in SINGLE:
        return _single(name)
    if name in DOUBLE:
        return _double(name)
    table, private = _table(name), {}
    for code, text in table.meanings.items():
        if "\ue000" <= text <= "\uf8ff":
            private[text] = code.to_bytes(2, "big")
    return Coded(
        name=name,
        table=table,
        split=SHIFTS.split,
        blank=_BLANK,
        wide_blank=_WIDE_BLANK,
        shifts=SHIFTS,
        private=private,
    )


def _single(name: str) -> Coded:
    mixed = _table(SINGLE[name])
    table = CodeTable(
        meanings={code: text for code, text in mixed.meanings.items() if code <= 0xFF},
        written={text: code for text, code in mixed.written.items() if code <= 0xFF},
    )
    return Coded(name=name, table=table, split=singles, blank=_BLANK, wide_blank=_BLANK * 2)


def _double(name: str) -> Coded:
    mixed = charset(DOUBLE[name])
    return Coded(
        name=name,
        table=mixed.table.doubles,
        split=pairs,
        blank=_WIDE_BLANK,
        wide_blank=_WIDE_BLANK,
        private=mixed.private,
    )


@cache
def _table(name: str) -> CodeTable:
    meanings = dict(_meanings(name))
    raw = bytes(_icu().UnicodeString("\n".join(meanings.values())).encode(name))
    codes = [int.from_bytes(each.strip(b"\x0e\x0f")) for each in raw.split(_LINE_FEED)]
    written = dict(zip(meanings.values(), codes, strict=True))
    line_feed = int.from_bytes(_LINE_FEED)
    return CodeTable(meanings={**meanings, line_feed: "\n"}, written={**written, "\n": line_feed})


def _meanings(name: str) -> Mapping[int, str]:
    """Every code that ICU reads, but for the line feed."""
    shifts = (0x0E, 0x0F, *_LINE_FEED)
    found = {code: _read(bytes((code,)), name) for code in range(256) if code not in shifts}
    for lead in range(0x40, 0xFF):
        for trail in range(0x40, 0xFF):
            found[lead << 8 | trail] = _read(bytes((0x0E, lead, trail, 0x0F)), name)
    return {code: text for code, text in found.items() if text}


def _read(raw: bytes, name: str) -> str:
    try:
        return str(_icu().UnicodeString(raw, name))
    except ValueError:
        return ""


@cache
def _icu() -> Any:  # noqa: ANN401 (the library has no types)
    try:
        return importlib.import_module("icu")
    except ImportError:
        raise FixDeclaration("E_HOST_CODES") from None
