"""What goes wrong under a clerk's fingers: readings, eras, days, glyphs."""

from datetime import date
from random import Random

from renkei_sample.names import COMMON_FORM

_KANA_SLIPS = dict(
    zip(
        "ガギグゲゴザジズゼゾダデドバビブベボシツソンマヤ",
        "カキクケコサシスセソタテトハヒフヘホツシンソアユ",
        strict=True,
    )
)
_KANA_SLIPS |= {
    "ラ": "ヲ",
    "キ": "ケ",
    "タ": "ダ",
    "カ": "ガ",
    "コ": "ユ",
    "ト": "ド",
    "ミ": "シ",
    "イ": "ト",
    "リ": "ソ",
    "ル": "レ",
    "エ": "ユ",
}


def slip_in_reading(kana: str) -> str | None:
    """A reading with one kana misread in the given name; ``None`` if nothing there looks like another."""
    for place in range(len(kana) - 1, 0, -1):
        if kana[place] == "　":
            return None
        if kana[place] in _KANA_SLIPS:
            return kana[:place] + _KANA_SLIPS[kana[place]] + kana[place + 1 :]
    return None


def without_variants(name: str) -> str:
    """A name with each variant glyph replaced by the common one."""
    return "".join(COMMON_FORM.get(glyph, glyph) for glyph in name)


def wrong_birth(born: date, klass: str, rng: Random) -> date | None:
    """A birth date with one kind of error; ``None`` where this date cannot have it."""
    if klass == "era_error":
        return (
            _safe(born.year + 63, born.month, born.day)
            if date(1926, 12, 25) < born < date(1956, 1, 1)
            else None
        )
    if klass == "day_month_swap":
        return _safe(born.year, born.day, born.month) if born.day <= 12 and born.day != born.month else None
    other = born.day // 10 * 10 + (born.day % 10 + rng.choice((1, 3, 7))) % 10
    return _safe(born.year, born.month, other)


def _safe(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
