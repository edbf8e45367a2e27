"""A table inside a record ↔ rows: each occurrence one row, which repeats what stands outside of the table.

A record whose table is empty is one row with the number 0, so that it is not lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from renkei.formats.cobol.block import Block
from renkei.formats.cobol.figures import Flags
from renkei.formats.cobol.numbers import Numbers
from renkei.formats.cobol.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Places:
    """Rows to be: of which record of the block, and which occurrence (from 1; 0 where there is none)."""

    records: Numbers
    numbers: Numbers


def places_of(block: Block, plan: Plan) -> Places:
    """The rows that a block's records make; one a record unless a table is exploded."""
    if plan.rows is None:
        return Places(records=np.arange(block.rows), numbers=np.zeros(block.rows, dtype=np.int64))
    depending = plan.data.depending
    is_variable = depending is not None and depending.table == plan.rows.table
    times = block.counts if is_variable else np.full(block.rows, plan.rows.most)
    made = np.maximum(times, 1)
    records = np.repeat(np.arange(block.rows), made)
    starts = np.repeat(np.cumsum(made) - made, made)
    numbers = np.arange(len(records)) - starts + 1
    return Places(records=records, numbers=np.where(np.repeat(times, made) > 0, numbers, 0))


def columns_of(block: Block, plan: Plan, places: Places) -> dict[str, pa.Array]:
    """Every column of the rows by its name; what is wrong with a record is in ``block.wrong``."""
    made: dict[str, pa.Array] = {}
    if plan.rows is None:
        return {column.name: block.text(column) for column in plan.columns}
    made[plan.rows.number] = pa.array(places.numbers).cast(pa.string())
    of_rows: dict[str, dict[int, pa.Array]] = {}
    for column in plan.columns:
        occurrence = plan.occurrence(column)
        texts = block.text(column)
        if occurrence is None:
            made[column.name] = texts.take(pa.array(places.records))
        else:
            of_rows.setdefault(plan.row_name(column), {})[occurrence] = texts
    for name, texts_by_number in of_rows.items():
        whole = pa.concat_arrays([texts_by_number[number] for number in sorted(texts_by_number)])
        at = (places.numbers - 1) * block.rows + places.records
        made[name] = whole.take(pa.array(at, mask=places.numbers == 0))
    return made


# rows → records -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """Records of rows: ``first`` and ``times`` say which rows, ``held`` how many occurrences they make.

    The rows of a ``broken`` record do not belong together.
    """

    table: pa.Table
    first: Numbers
    times: Numbers
    held: Numbers
    broken: Flags


def gather(table: pa.Table, plan: Plan) -> Gathered:
    """One record for each run of rows that are numbered 1, 2, 3 … (or for a single 0)."""
    if plan.rows is None:
        ones = np.ones(len(table), dtype=np.int64)
        return Gathered(table=table, first=np.arange(len(table)), times=ones, held=ones, broken=ones == 0)
    numbers = _numbers(table.column(plan.rows.number))
    starts = np.flatnonzero(numbers <= 1)
    if len(table) and (not len(starts) or starts[0] > 0):
        starts = np.concatenate([[0], starts])
    times = np.diff(np.append(starts, len(table)))
    record = np.repeat(np.arange(len(starts)), times)
    held = np.where(numbers[starts] == 0, 0, times)
    common = [column.name for column in plan.columns if plan.occurrence(column) is None]
    wrong = _out_of_order(numbers, starts[record], held[record], times[record])
    for name in common:
        if name in table.column_names:
            wrong |= _differs(table.column(name), starts[record])
    broken = np.bincount(record[wrong], minlength=len(starts)) > 0
    made = _wide(table, plan, starts, held, common)
    return Gathered(table=made, first=starts, times=times, held=held, broken=broken | _misfits(held, plan))


def _out_of_order(numbers: Numbers, first: Numbers, held: Numbers, times: Numbers) -> Flags:
    """Rows that are not numbered 1, 2, 3 …, or that stand beside a 0."""
    expected = np.where(held > 0, np.arange(len(numbers)) - first + 1, 0)
    return np.asarray((numbers != expected) | ((held == 0) & (times > 1)))


def _misfits(held: Numbers, plan: Plan) -> Flags:
    """Records with too many rows; or too few, where the table always has the same number."""
    assert plan.rows is not None
    depending = plan.data.depending
    is_variable = depending is not None and depending.table == plan.rows.table
    return np.asarray(held > plan.rows.most if is_variable else held != plan.rows.most)


def _numbers(values: pa.ChunkedArray) -> Numbers:
    texts = values.combine_chunks().cast(pa.string()).fill_null("")
    is_number = pc.match_substring_regex(texts, "^[0-9]{1,9}$")
    return np.asarray(pc.if_else(is_number, texts, "999999999").cast(pa.int64()))


def _differs(column: pa.ChunkedArray, first: Numbers) -> Flags:
    """Rows that do not say what the first row of their record says."""
    texts = column.combine_chunks().cast(pa.string()).fill_null("")
    differing = pc.not_equal(texts, texts.take(pa.array(first)))
    return np.asarray(differing.to_numpy(zero_copy_only=False))


def _wide(table: pa.Table, plan: Plan, starts: Numbers, held: Numbers, common: Sequence[str]) -> pa.Table:
    """The rows as records, with every occurrence under its own name."""
    made = {name: table.column(name).take(pa.array(starts)) for name in common if name in table.column_names}
    for column in plan.columns:
        number, name = plan.occurrence(column), plan.row_name(column)
        if number is not None and name in table.column_names:
            at = pa.array(starts + number - 1, mask=held < number)
            made[column.name] = table.column(name).take(at)
    return pa.table(made)
