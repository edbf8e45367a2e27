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

_UNDEFINED_BYTE = re.compile(rb"[\x80\xa0\xfd-\xff]")


def decode(raw: bytes) -> str:
    """Text of the bytes; UnicodeDecodeError, with its offset, for anything CP932 does not define."""
    text = raw.decode("cp932")
    if any(char in text for char in UNDEFINED):
        at = _first_undefined(raw)
        raise UnicodeDecodeError("cp932", raw, at, at + 1, "undefined byte")
    return text


def encode(text: str) -> bytes:
    """Bytes in the order Windows and glibc write them; UnicodeEncodeError for what has no code."""
    if text.isascii():
        return text.encode("ascii")
    special = _special_cells()
    return b"".join(special.get(char) or char.encode("cp932") for char in text)


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
    cells = {wide: chosen.encode("cp932") for wide, chosen in FOLD.items()}
    for lead in (0xFA, 0xFB, 0xFC):
        for trail in range(0x40, 0xFD):
            raw = bytes((lead, trail))
            char = raw.decode("cp932", "ignore")
            if len(char) == 1 and char.encode("cp932")[0] in (0xED, 0xEE):
                cells[char] = raw
    return cells
