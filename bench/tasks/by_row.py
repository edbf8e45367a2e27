"""Four of the mapping's steps as people usually write them: one record after the other, in Python.

Written for speed within that way (translation tables and compiled expressions are made once), and it gives
the same keys: the contest counts the records in which it does not.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date

from renkei.mapping import address, folds
from renkei.mapping.eras import ERAS

_PADDING = " \u3000"
_FIGURES = "〇一二三四五六七八九"
_VALUES = {figure: value for value, figure in enumerate(_FIGURES)}
_MORE = "二三四五六七八九"
_NUMERAL = re.compile(f"([一{_MORE}]?千)?([{_MORE}]?百)?([{_MORE}]?十)?([一{_MORE}])?|〇")
_BETWEEN = re.compile(r"(\d)[番号ノー][番号ノー\-]*(\d)")
_CHOME = re.compile(r"(\d)-?(?:丁目|番地)[ノ\-]?")
_TAIL = re.compile(r"(\d)[番号ノー\-]+$")


def _folder(table: Mapping[str, str]) -> Callable[[str], str]:
    """Pairs first (ｶﾞ before ｶ), then single characters."""
    pairs = {old: new for old, new in table.items() if len(old) > 1}
    singles = str.maketrans({old: new for old, new in table.items() if len(old) == 1})
    found = re.compile("|".join(map(re.escape, sorted(pairs, key=len, reverse=True))))
    return lambda text: found.sub(lambda match: pairs[match[0]], text).translate(singles)


_strict = _folder(folds.strict())
_place = _folder(address._characters())  # noqa: SLF001 - the same table, so that the keys can be compared


def strict_key(text: str | None) -> str | None:
    """A name or a reading, folded."""
    return (_strict(text.rstrip(_PADDING)) or None) if text else None


def era_date(text: str | None) -> date | None:
    """GYYMMDD; None unless it is known to the day and lies in its era."""
    text = (text or "").rstrip(_PADDING)
    era = next((each for each in ERAS if each.digit == text[:1]), None)
    if era is None or len(text) != 7 or not text.isdigit():
        return None
    try:
        day = date(era.offset + int(text[1:3]), int(text[3:5]), int(text[5:7]))
    except ValueError:
        return None
    return day if era.first <= day <= (era.last or date.max) else None


def address_key(text: str | None, municipality: str | None, *, city: str) -> str | None:
    """Municipality, town and numbers."""
    text, municipality = (text or "").rstrip(_PADDING), (municipality or "").rstrip(_PADDING)
    key = _NUMERAL.sub(_number, _place(text).removeprefix(_place(city)))
    key = _TAIL.sub(r"\1", _CHOME.sub(r"\1-", key))
    key = _BETWEEN.sub(r"\1-\2", _BETWEEN.sub(r"\1-\2", key))
    return f"{municipality}|{key}" if key and municipality else None


def _number(match: re.Match[str]) -> str:
    """二十三 → 23; a figure alone is itself."""
    if not match[0] or match[0] == "〇":
        return match[0] and "0"
    parts = zip(match.groups(), (1000, 100, 10, 1), strict=True)
    return str(sum(_VALUES.get(part[0], 1) * unit for part, unit in parts if part))
