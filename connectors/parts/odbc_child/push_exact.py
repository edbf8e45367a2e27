"""What a column would round, cut or move without a word: found in the text, before any database sees it."""

import re
from decimal import Decimal, InvalidOperation

import pyarrow as pa

from .dialects import Column, Source
from .push_judge import SHORTENED

#: Types of PostgreSQL that keep six digits of a second unless told otherwise; MariaDB's keep none.
_MICROSECONDS = {"timestamp": 6, "time": 6}
#: How numbers with a letter are read differs: 15e-1 is 1.5 or 2, and 0x10 may be sixteen.
_LETTER = "[A-Za-z]"


def exact_patterns(source: Source) -> dict[str, str]:
    """For each column that rounds or cuts: what a value looks like that would not survive it."""
    patterns = {column.name: _too_fine(column.type.lower()) for column in source.columns}
    return {name: pattern for name, pattern in patterns.items() if pattern}


def _too_fine(kind: str) -> str | None:
    decimals = re.match(r"(?:numeric|decimal)\((\d+)(?:,\s*(\d+))?\)", kind)
    if decimals:
        return rf"\.\d{{{decimals[2] or 0}}}0*[1-9]|{_LETTER}"
    if re.match(r"(?:small|big)?int|(?:un)?signed", kind):
        return rf"\.0*[1-9]|{_LETTER}"
    moment = re.match(r"(?:timestamp|datetime|time)(?:\((\d)\))?", kind)
    if moment:
        fine = rf":\d\d\.\d{{{moment[1] or _MICROSECONDS.get(kind.split()[0], 0)}}}0*[1-9]"
        # PostgreSQL drops a zone that such a column cannot keep, and leaves the hour as it is
        return rf"{fine}|:.*[+\-A-Za-z]" if "without time zone" in kind else fine
    return r"[ T:].*[1-9]" if kind == "date" else None


def adrift(rows: pa.Table, source: Source) -> dict[int, str]:
    """Rows (from 0) with a number that a column of binary fractions holds as another one."""
    found: dict[int, str] = {}
    for column in source.columns:
        width = _width(column)
        if width and column.name in rows.column_names:
            texts = enumerate(rows[column.name].to_pylist())
            found |= {row: SHORTENED for row, text in texts if text and not _is_kept(text, width)}
    return found


def _width(column: Column) -> str | None:
    """What numpy calls it; a FLOAT of MariaDB is compared and read as a DOUBLE, but keeps half of it."""
    kind = column.type.lower()
    if kind.startswith("double"):
        return "float32" if "AS DOUBLE" in column.text else "float64"
    return "float32" if kind == "real" else None


def _is_kept(text: str, width: str) -> bool:
    """True too where it is no number: that is for the target to say."""
    import numpy as np

    try:
        sent = Decimal(text)
        with np.errstate(over="ignore"):
            return not sent.is_finite() or Decimal(str(np.dtype(width).type(text))) == sent
    except (InvalidOperation, ValueError):
        return True
