"""Why two values differ (相違の原因): classes instead of cells, with the characters that differ.

``classify(pairs)`` answers for a whole table; ``marks(left, right)`` shows where two values part. Both are
pure. ``kept`` works out the reasons of the night's mismatches from the records, and keeps them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from renkei.causes.classes import CLASSES, KINDS, Class, say_class, say_kind, say_why
from renkei.causes.marks import Marks, Span, as_html, as_line, marks

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = [
    "CLASSES",
    "KINDS",
    "Class",
    "Marks",
    "Span",
    "as_html",
    "as_line",
    "classify",
    "marks",
    "say_class",
    "say_kind",
    "say_why",
]


def classify(rows: pa.Table | pl.DataFrame) -> pl.DataFrame:
    """Rows of ``pairs.PAIRS`` → rows of ``judge.ANSWER``; see :mod:`renkei.causes.judge`."""
    from renkei.causes.judge import classify as judged

    return judged(rows)
