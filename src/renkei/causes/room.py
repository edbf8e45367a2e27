"""How much of a column a text takes, as its encoding counts."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache

_WIDE_RUN = re.compile("[^\u0020-\u007e\uff61-\uff9f\u00a5\u203e]+")


def columns(text: str) -> int:
    """Half-width columns: bytes of a Japanese code page without shifts."""
    return sum(map(_width, text))


@cache
def _width(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WFA" else 1


def _shifted(text: str) -> int:
    """Bytes of a host code: each run of wide characters stands between two shifts."""
    return columns(text) + 2 * len(_WIDE_RUN.findall(text))


def _euc(text: str) -> int:
    """Bytes of EUC: half-width kana take two."""
    return columns(text) + sum("\uff61" <= each <= "\uff9f" for each in text)


#: How a column's length is counted → the length of a text.
MEASURES: Mapping[str, Callable[[str], int]] = {
    "chars": len,
    "columns": columns,
    "shifted": _shifted,
    "euc": _euc,
    "utf-8": lambda text: len(text.encode("utf-8", "replace")),
    "utf-16": lambda text: len(text.encode("utf-16-le", "replace")),
}


def is_full(text: str, following: str, *, most: int, measure: str) -> bool:
    """True where the text fits a column of ``most``, and not with what follows it as well."""
    length = MEASURES[measure]
    return length(text) <= most < length(text + following)
