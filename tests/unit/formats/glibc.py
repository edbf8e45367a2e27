"""glibc's iconv, called in this process: another program's tables, fast enough to ask for every cell."""

import ctypes
import ctypes.util
from collections.abc import Iterator

_LIBC = ctypes.CDLL(None)
_LIBC.iconv_open.restype = ctypes.c_void_p
_LIBC.iconv_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
_LIBC.iconv.restype = ctypes.c_size_t
_LIBC.iconv.argtypes = [ctypes.c_void_p, *[ctypes.c_void_p] * 4]

_FAILED = ctypes.c_size_t(-1).value


class Iconv:
    """One conversion; a new text starts in the initial shift state, and ends in it."""

    def __init__(self, source: str, target: str) -> None:
        self._cd = _LIBC.iconv_open(target.encode(), source.encode())
        assert self._cd != _FAILED, f"glibc has no {source} or no {target}"

    def __call__(self, raw: bytes) -> bytes | None:
        """The converted bytes, or None where glibc refuses them."""
        out = ctypes.create_string_buffer(8 * len(raw) + 16)
        target, room = ctypes.c_void_p(ctypes.addressof(out)), ctypes.c_size_t(len(out))
        inner = ctypes.create_string_buffer(raw, len(raw))
        source, left = ctypes.c_void_p(ctypes.addressof(inner)), ctypes.c_size_t(len(raw))
        _LIBC.iconv(self._cd, None, None, None, None)
        places = [ctypes.byref(each) for each in (source, left, target, room)]
        failed = _LIBC.iconv(self._cd, *places) == _FAILED or left.value
        flushed = not failed and _LIBC.iconv(self._cd, None, None, *places[2:]) != _FAILED
        return out.raw[: len(out) - room.value] if flushed else None


def pairs(leads: range, trails: range) -> Iterator[bytes]:
    """Every pair of bytes in the rectangle."""
    return (bytes((lead, trail)) for lead in leads for trail in trails)
