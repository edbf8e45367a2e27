"""CP932 (Windows-31J) as Windows, glibc and PostgreSQL read and write it.

Python's own codec decodes the same cells but encodes the 374 IBM-extension kanji (髙 﨑 …) to the
NEC-selected area 0xED/0xEE, where Windows writes 0xFA to 0xFC; it also lets five undefined single bytes
through. Both are put right here. The fold table is for derived keys only, never for stored values.
"""

import re
from functools import cache

#: Look-alikes that another table or platform decodes differently (0x8160 is ～ here, 〜 in Shift_JIS).
FOLD = {
    "\u301c": "\uff5e",  # 〜 ～
    "\u2016": "\u2225",  # ‖ ∥
    "\u2212": "\uff0d",  # − －
    "\u00a2": "\uffe0",  # ¢ ￠
    "\u00a3": "\uffe1",  # £ ￡
    "\u00ac": "\uffe2",  # ¬ ￢
    "\u2014": "\u2015",  # — ―
}

#: What Python makes of the bytes 80 A0 FD FE FF, which CP932 does not define and glibc refuses.
UNDEFINED = "\x80\uf8f0\uf8f1\uf8f2\uf8f3"

_FOLDED = str.maketrans(FOLD)
_REFUSED = re.compile(f"[{''.join(FOLD)}{UNDEFINED}]")
_UNDEFINED_BYTE = re.compile(rb"[\x80\xa0\xfd-\xff]")


def decode(raw: bytes) -> str:
    """Text of the bytes; UnicodeDecodeError, with its offset, for anything CP932 does not define."""
    text = raw.decode("cp932")
    if any(char in text for char in UNDEFINED):
        at = _first_undefined(raw)
        raise UnicodeDecodeError("cp932", raw, at, at + 1, "undefined byte")
    return text


def encode(text: str) -> bytes:
    """Bytes in the order Windows and glibc write them, look-alikes folded, as iconv does it."""
    return encode_strictly(text.translate(_FOLDED))


def encode_strictly(text: str) -> bytes:
    """Bytes that read back as the very same text; UnicodeEncodeError for what has no code of its own."""
    if text.isascii():
        return text.encode("ascii")
    special = _special_cells()
    refused = _REFUSED.search(text)
    if refused:
        raise UnicodeEncodeError("cp932", text, refused.start(), refused.end(), "no code of its own")
    try:
        return b"".join([special.get(char) or char.encode("cp932") for char in text])
    except UnicodeEncodeError:
        return text.encode("cp932")  # the error, with its place in the whole text


@cache
def private_cells() -> dict[str, bytes]:
    """The 1,880 cells of the 外字 area by the private-use character that Windows decodes them to."""
    trails = (*range(0x40, 0x7F), *range(0x80, 0xFD))
    cells = [bytes((lead, trail)) for lead in range(0xF0, 0xFA) for trail in trails]
    return {raw.decode("cp932"): raw for raw in cells}


def two_byte_characters() -> list[str]:
    """Every character that CP932 has a two-byte code for, once each."""
    trails = (*range(0x40, 0x7F), *range(0x80, 0xFD))
    leads = (*range(0x81, 0xA0), *range(0xE0, 0xFD))
    found = (bytes((lead, trail)).decode("cp932", "replace") for lead in leads for trail in trails)
    return sorted({char for char in found if len(char) == 1 and char != "\ufffd"})


def _first_undefined(raw: bytes) -> int:
    at = 0
    while at < len(raw):
        if _UNDEFINED_BYTE.match(raw, at):
            return at
        at += 2 if 0x81 <= raw[at] <= 0x9F or 0xE0 <= raw[at] <= 0xFC else 1
    raise ValueError("every byte is defined")


@cache
def _special_cells() -> dict[str, bytes]:
    """Characters whose cell differs from the one Python's codec writes."""
    cells: dict[str, bytes] = {}
    for lead in (0xFA, 0xFB, 0xFC):
        for trail in range(0x40, 0xFD):
            raw = bytes((lead, trail))
            char = raw.decode("cp932", "ignore")
            if len(char) == 1 and char.encode("cp932")[0] in (0xED, 0xEE):
                cells[char] = raw
    return cells
