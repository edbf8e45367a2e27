"""Why two cells differ, as far as the two texts tell it: one cause for each, the first that fits."""

from typing import Final

import polars as pl

from renkei.acceptance.conversion import UNREAD
from renkei.mapping import folds

#: Cause → what it means, in Japanese and English, in the order in which they are tried.
CAUSES: Final[dict[str, tuple[str, str]]] = {
    "unread": ("変換できない値", "a value that the declared conversion refuses"),
    "new_empty": ("新システムで空", "empty in the new system"),
    "old_empty": ("旧システムで空", "empty in the old system"),
    "lost_character": ("文字が置き換わっている（〓・?など）", "a character was replaced (〓, ? …)"),
    "notation": ("全角・半角・空白の違い", "width or spaces"),
    "variant": ("異体字・読みの揺れ", "a variant of a character or sound"),
    "zeros": ("左の零の有無", "zeros on the left"),
    "cut": ("途中で切れている", "cut off"),
    "next_day": ("一日ずれている", "one day off"),
    "other_year": ("月日が同じで年が違う", "same month and day, another year"),
    "other": ("その他", "something else"),
}
_LOST = "[〓？?\ufffd●■]"


def with_cause(cells: pl.DataFrame) -> pl.DataFrame:
    """``cells`` (``left``, ``right``) with the column ``cause``."""
    old, new = pl.col("left"), pl.col("right")
    days = [each.str.to_date("%Y-%m-%d", strict=False) for each in (old, new)]
    tests = {
        "unread": old.str.starts_with(UNREAD["old"]) | new.str.starts_with(UNREAD["new"]),
        "new_empty": new.is_null(),
        "old_empty": old.is_null(),
        "lost_character": new.str.contains(_LOST) & ~old.str.contains(_LOST),
        "notation": folds.strict_key(old) == folds.strict_key(new),
        "variant": folds.loose_key(old) == folds.loose_key(new),
        "zeros": old.str.strip_chars_start("0") == new.str.strip_chars_start("0"),
        "cut": old.str.starts_with(new) | new.str.starts_with(old),
        "next_day": (days[0] - days[1]).dt.total_days().abs() == 1,
        "other_year": (days[0].dt.month() == days[1].dt.month()) & (days[0].dt.day() == days[1].dt.day()),
    }
    found = pl.lit("other")
    for cause, test in reversed(tests.items()):
        found = pl.when(test.fill_null(value=False)).then(pl.lit(cause)).otherwise(found)
    return cells.with_columns(found.alias("cause"))


def shown(text: str | None) -> str | None:
    """The text without the mark of a value that could not be read."""
    if text is None:
        return None
    mark = next((each for each in UNREAD.values() if text.startswith(each)), "")
    return text.removeprefix(mark)
