"""Steps that bring a text into the character set of the banks; each change is a loss and is listed."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from renkei.formats.losses import Losses
from renkei.formats.zengin.layout import SMALL, Field, pattern_of
from renkei.model import REC_NO


def normalised(
    table: pa.Table, declaration: Mapping[str, Any], fields: Sequence[Field]
) -> tuple[pa.Table, pa.Table]:
    """The table with its text fields as the declared steps make them, and the report of what changed."""
    names: Sequence[str] = declaration.get("normalise", ())
    report = Losses()
    for field in fields:
        if names and field.form == "C" and field.name in table.column_names:
            at = table.column_names.index(field.name)
            texts = table.column(field.name).combine_chunks().cast(pa.string())
            fits = pc.match_substring_regex(texts.fill_null(""), pattern_of(field, declaration))
            values = texts.to_pylist() if not pc.all(fits).as_py() else []
            for row in np.flatnonzero(~fits.to_numpy(zero_copy_only=False)):
                values[row] = _changed(values[row], names, report, record=_number(table, int(row)))
            if values:
                table = table.set_column(at, field.name, pa.array(values, pa.string()))
    return table, report.table()


def _changed(text: str, names: Sequence[str], report: Losses, *, record: int) -> str:
    """Each character through the steps in their order."""
    made = []
    for char in text:
        became = char
        for name in names:
            became = "".join(STEPS[name](each) for each in became)
        if became != char:
            code = f"U+{ord(char):04X}"
            report.add(encoding="zengin", character=char, code=code, became=became, record=record)
        made.append(became)
    return "".join(made)


def _number(table: pa.Table, row: int) -> int:
    return int(table.column(REC_NO)[row].as_py()) if REC_NO in table.column_names else row + 1


def _half_width(char: str) -> str:
    return _half_widths().get(char, char)


@cache
def _half_widths() -> dict[str, str]:
    """Full-width kana, letters, digits and symbols → half-width; ガ becomes two characters."""
    import unicodedata

    halves = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF61, 0xFFA0)}
    table = {full: half for half, full in halves.items() if full != half}
    table |= {"゛": "ﾞ", "゜": "ﾟ", "\u3000": " ", "￥": "\\", "−": "-", "ー": "ｰ"}
    for mark, sound in (("\u3099", "ﾞ"), ("\u309a", "ﾟ")):
        for full, half in list(table.items()):
            whole = unicodedata.normalize("NFC", full + mark)
            if len(whole) == 1:
                table[whole] = half + sound
    return table | {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}


#: Name → what becomes of one character.
STEPS: Mapping[str, Callable[[str], str]] = {
    "half_width": _half_width,
    "upper": str.upper,
    "small_kana": lambda char: SMALL.get(char, char),
    "long_vowel": lambda char: "-" if char in "ｰー―－" else char,
    "wo": lambda char: "ｵ" if char == "ｦ" else char,
}
