"""The mapping's steps as people usually write them: one record after the other, in Python.

Written for speed within that way (translation tables and compiled expressions are made once), and it gives
the same values: the contests count the records in which it does not.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from bench.tasks import by_row_address
from renkei.mapping import folds
from renkei.mapping.address import Towns
from renkei.mapping.eras import ERAS

_PADDING = " \u3000"
_SEXES = {"1", "2", "0", "9"}
_POSTAL = re.compile(r"([0-9]{3})-?([0-9]{4})")
_REPEATED = re.compile("([^々〻ヽヾ])[々〻ヽヾ]+")
_LONG = re.compile("([オコソトノホモヨロ])[ウオ]+")
_BAD = re.compile("[\x00-\x1f\x7f-\x9f\ufffd]")
_ERAS = {era.digit: era for era in ERAS}


def _folder(table: Mapping[str, str]) -> Callable[[str], str]:
    """Pairs first (ｶﾞ before ｶ), then single characters."""
    pairs = {old: new for old, new in table.items() if len(old) > 1}
    singles = str.maketrans({old: new for old, new in table.items() if len(old) == 1})
    found = re.compile("|".join(map(re.escape, sorted(pairs, key=len, reverse=True))))
    return lambda text: found.sub(lambda match: pairs[match[0]], text).translate(singles)


_seen = str.maketrans(
    dict.fromkeys((*folds.SPACES, *map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))), "")
)
_strict = _folder(folds.strict())
_loose = _folder(folds.loose())
_wide = _folder(folds.half_to_wide())


def strict_key(text: str | None) -> str | None:
    """A name or a reading, folded."""
    return (_strict(text.rstrip(_PADDING).translate(_seen)) or None) if text else None


def loose_key(strict: str | None) -> str | None:
    """A strict key, folded further."""
    if not strict:
        return None
    return _LONG.sub(r"\1", _REPEATED.sub(r"\1\1", _loose(strict))) or None


def era_date(text: str | None) -> date | None:
    """GYYMMDD; None unless it is known to the day and lies in its era."""
    said = era_interval((text or "").rstrip(_PADDING))
    return said[0] if said else None


def era_interval(text: str) -> tuple[date | None, date | None, date | None, str] | None:
    """GYYMMDD → day, first day, last day, precision; None where there is no such date."""
    if len(text) != 7 or not (text.isascii() and text.isdigit()):
        return None
    era, year, month, day = _ERAS.get(text[0]), int(text[1:3]), int(text[3:5]), int(text[5:])
    if year == 0 and (era or text == "0000000") and month <= 12 and day <= 31:
        return None, None, None, "X"
    if era is None or year == 0:
        return None
    return _within(era.offset + year, month, day, first=era.first, last=era.end)


def plain_date(text: str) -> tuple[date | None, date | None, date | None, str] | None:
    """YYYYMMDD, in the same way."""
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return None
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:])
    if year == 0 and month <= 12 and day <= 31:
        return None, None, None, "X"
    if not 1868 <= year <= 2199:
        return None
    return _within(year, month, day, first=date.min, last=date.max)


def _within(
    year: int, month: int, day: int, *, first: date, last: date
) -> tuple[date | None, date | None, date | None, str] | None:
    if month > 12 or (month == 0 and day):
        return None
    length = monthrange(year, month or 12)[1]
    if (month, day) == (2, 29) and length == 28:
        low, high = date(year, 2, 28), date(year, 3, 1)
        return (None, low, high, "D") if low >= first and high <= last else None
    if day > length:
        return None
    low, high = (
        max(date(year, month or 1, day or 1), first),
        min(date(year, month or 12, day or length), last),
    )
    if low > high:
        return None
    precision = "D" if day else "M" if month else "Y"
    return (low if day else None), low, high, precision


def address_key(text: str | None, municipality: str | None, *, city: str, towns: Towns | None) -> str | None:
    """Municipality, town and numbers."""
    place, code = (text or "").rstrip(_PADDING), (municipality or "").rstrip(_PADDING)
    return by_row_address.place(place, code, strip=(city,), towns=towns).key if place and code else None


def atena(number: str) -> bool:
    """Is its last figure its check digit?"""
    if not (2 <= len(number) <= 15 and number.isascii() and number.isdigit()):
        return False
    total = sum(int(figure) * (at % 6 + 2) for at, figure in enumerate(reversed(number[:-1])))
    return int(number[-1]) == (11 - total % 11) % 11 % 10


def record(
    number: int, key: str, name: str, kana: str, sex: str, born: str, moved: str, place: str, postal: str
) -> tuple[Any, ...] | None:
    """The twelve fields of one record of the measurement; None where one of them is at fault."""
    key, name, kana, sex = (text.rstrip(_PADDING) for text in (key, name, kana, sex))
    birth, since = era_interval(born.rstrip(_PADDING)), plain_date(moved.rstrip(_PADDING))
    code = _POSTAL.fullmatch(postal.rstrip(_PADDING))
    wide = _wide(kana)
    faults = _BAD.search(name) or _BAD.search(wide) or _BAD.search(key)
    if not (atena(key) and name and sex in _SEXES and birth and since and code) or faults:
        return None
    strict, reading = strict_key(name), strict_key(kana)
    address = by_row_address.place(place.rstrip(_PADDING), "132055", strip=("東京都", "青梅市"))
    return (
        number, key, name, strict, loose_key(strict), wide, reading, loose_key(reading), sex, *birth,
        since[0], *address, code[1] + code[2],
    )  # fmt: skip
