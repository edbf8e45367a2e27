"""Control totals (合計): exact sums of number columns, a block of digits at a time, for each group."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from renkei.formats.encodings import Codec
from renkei.formats.fixed.groups import Structure
from renkei.formats.fixed.layout import Bytes, Count, Layout, Rows
from renkei.formats.fixed.records import Records, blocks
from renkei.formats.layout import Column, Total, number


def totals_of(records: Records, structure: Structure, layout: Layout, total: Total) -> list[int]:
    """The total of each group, modulo as declared."""
    column = _column(layout, total.kind, total.of)
    sums = [0] * len(structure.groups)
    for rows in blocks(structure.by_kind[total.kind or layout.data]):
        cells = records.cells(rows, column.span)
        chosen = _chosen(records, rows, layout, total.where, kind=total.kind)
        for group, first, last in _parts(structure, rows):
            sums[group] += sum_of(cells[first:last][chosen[first:last]], layout.codec)
    return [each % total.modulo for each in sums]


def count_of(records: Records, structure: Structure, layout: Layout, count: Count) -> list[int]:
    """The count of each group."""
    if count.where is None:
        return [structure.count(group, count) for group in structure.groups]
    counts = [count.plus] * len(structure.groups)
    for kind in count.kinds:
        for rows in blocks(structure.by_kind[kind]):
            chosen = _chosen(records, rows, layout, count.where, kind=kind)
            for group, first, last in _parts(structure, rows):
                counts[group] += int(chosen[first:last].sum())
    return counts


def _column(layout: Layout, kind: str, name: str) -> Column:
    return next(each for each in layout.columns_of(kind) if each.name == name)


def _parts(structure: Structure, rows: Rows) -> Iterator[tuple[int, int, int]]:
    """Group number and part of the block, for each group that the block touches."""
    edges = np.searchsorted(rows, [*structure.firsts, rows[-1] + 1])
    for group, (first, last) in enumerate(pairwise(edges)):
        if first < last:
            yield group, int(first), int(last)


def _chosen(
    records: Records,
    rows: Rows,
    layout: Layout,
    where: tuple[str, tuple[str, ...]] | None,
    *,
    kind: str,
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which records a total or count is about: those whose column has one of the values."""
    if where is None:
        return np.ones(len(rows), dtype=np.bool_)
    column = _column(layout, kind, where[0])
    cells = records.cells(rows, column.span)
    chosen = np.zeros(len(rows), dtype=np.bool_)
    for value in where[1]:
        raw = layout.codec.encode(value).ljust(column.bytes, layout.codec.blank)
        if len(raw) == column.bytes:
            chosen |= (cells == np.frombuffer(raw, dtype=np.uint8)).all(axis=1)
    return chosen


def sum_of(cells: Bytes, codec: Codec) -> int:
    """Exact sum of a number column. Blanks before the digits are zeros; a sign may stand at either end.

    A cell that is no number adds nothing, so that the total no longer agrees.
    """
    digits = cells.astype(np.int64) - codec.encode("0")[0]
    is_digit = (digits >= 0) & (digits <= 9)
    if is_digit.all():
        return _weighed(digits)
    is_blank = np.logical_and.accumulate(cells == codec.blank[0], axis=1)
    is_plain = (is_digit | is_blank).all(axis=1)
    others = sum(number(_text(cell, codec)) or 0 for cell in cells[~is_plain])
    return _weighed(np.where(is_digit, digits, 0)[is_plain]) + others


def _weighed(digits: np.ndarray[Any, np.dtype[np.int64]]) -> int:
    """Rows of digits as one number, exactly, however long."""
    return sum(int(total) * 10**power for power, total in enumerate(digits.sum(axis=0)[::-1]))


def _text(cell: Bytes, codec: Codec) -> str:
    try:
        return codec.decode(cell.tobytes())
    except UnicodeDecodeError:
        return ""
