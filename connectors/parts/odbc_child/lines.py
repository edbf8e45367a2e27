"""Many rows as one text: a line for each row, U+001F between its values, U+001E where a value is null.

The source makes the text and says its MD5, so one hash on either side binds every value to its row and
column; and a driver carries one long text much faster than a million short ones. A value that holds one of
the signs itself is noticed by counting them, and the rows are then asked for again with such values escaped.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .dialects import Column, Dialect

NULL, VALUE_END, LINE_END, RETURN, ESCAPE = 0x1E, 0x1F, 0x0A, 0x0D, 0x1B
#: Signs that must not stand in a value, and the digit that stands for each after ESCAPE; ESCAPE itself first.
_ESCAPED = ((ESCAPE, "0"), (VALUE_END, "1"), (LINE_END, "2"), (RETURN, "3"), (NULL, "4"))


def line(columns: Sequence[Column], dialect: Dialect, *, escaped: bool = False) -> str:
    """The SQL expression of one row's line."""
    values = [_value(column, dialect, escaped=escaped) for column in columns]
    return dialect.joined(values, dialect.character(VALUE_END))


def _value(column: Column, dialect: Dialect, *, escaped: bool) -> str:
    text = column.text
    for sign, digit in _ESCAPED if escaped else ():
        text = f"replace({text}, {dialect.character(sign)}, {_escape(dialect, digit)})"
    return f"coalesce({text}, {dialect.character(NULL)})" if column.is_nullable else text


def _escape(dialect: Dialect, digit: str) -> str:
    return dialect.joined([dialect.character(ESCAPE), f"'{digit}'"], "''")


def filled(columns: Sequence[Column]) -> str:
    """The SQL expression of how many values there are in the columns that may be null."""
    return " + ".join(f"count({column.quoted})" for column in columns if column.is_nullable) or "0"


def is_unmistakable(text: pa.Buffer, *, rows: int, columns: int, missing: int) -> bool:
    """True when every sign in the text is one of ours: then it can be read in one way only."""
    data = np.frombuffer(text, np.uint8)
    expected = {
        LINE_END: max(0, rows - 1),
        VALUE_END: rows * (columns - 1),
        NULL: missing,
        RETURN: 0,
    }
    return all(np.count_nonzero(data == sign) == count for sign, count in expected.items())


def table(text: pa.Buffer, names: Sequence[str], *, rows: int, escaped: bool) -> pa.Table:
    """The rows of a text, every value as text or null."""
    from pyarrow import csv

    schema = pa.schema([(name, pa.string()) for name in names])
    if not rows:
        return schema.empty_table()
    if len(names) == 1:  # a last line that is empty is a row too
        text = pa.py_buffer(text.to_pybytes() + bytes([LINE_END]))
    numbered = [f"c{number}" for number in range(len(names))]
    read: pa.Table = csv.read_csv(
        pa.BufferReader(text),
        csv.ReadOptions(column_names=numbered, use_threads=False, block_size=text.size + 1),
        csv.ParseOptions(
            delimiter=chr(VALUE_END), quote_char=False, escape_char=False, ignore_empty_lines=False
        ),
        csv.ConvertOptions(
            column_types=dict.fromkeys(numbered, pa.string()), null_values=[chr(NULL)],
            strings_can_be_null=True,
        ),
    )  # fmt: skip
    columns = [_unescaped(column) if escaped else column for column in read.columns]
    return pa.Table.from_arrays(columns, schema=schema)


def _unescaped(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pc.any(pc.match_substring(column, chr(ESCAPE))).as_py():
        return column
    for sign, digit in reversed(_ESCAPED):
        column = pc.replace_substring(column, chr(ESCAPE) + digit, chr(sign))
    return column


def hashes(text: pa.Buffer, *, rows: int, escaped: bool) -> list[str]:
    """The MD5 of each line as it is without escapes: what the source says of a row on any other day."""
    if not rows:
        return []
    found = text.to_pybytes().split(bytes([LINE_END]))
    if escaped:
        found = [_plain(each) if ESCAPE in each else each for each in found]
    return [hashlib.md5(each, usedforsecurity=False).hexdigest() for each in found]


def _plain(escaped: bytes) -> bytes:
    for sign, digit in reversed(_ESCAPED):
        escaped = escaped.replace(bytes([ESCAPE]) + digit.encode(), bytes([sign]))
    return escaped
