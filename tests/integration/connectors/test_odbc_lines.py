"""Texts and times of change: whatever a value holds, it is read as it is; a time is written as it was."""

import hashlib
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from types import ModuleType

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.connectors.peers import CONNECTORS

VALUES = st.none() | st.text(
    st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from("\x1b\x1e\x1f\r\n01234")
)
ROWS = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.tuples(*([VALUES] * width)), min_size=1, max_size=5)
)


@pytest.fixture(scope="module")
def lines() -> Iterator[ModuleType]:
    """The module as the child process has it."""
    sys.path.append(str(CONNECTORS / "parts"))
    yield import_module("odbc_child.lines")
    sys.path.remove(str(CONNECTORS / "parts"))


@pytest.fixture(scope="module")
def stamps(lines: ModuleType) -> ModuleType:
    return import_module("odbc_child.stamps")


def said(value: str | None, *, escaped: bool) -> str:
    """A value as the source's expression says it."""
    if value is None:
        return "\x1e"
    pairs = (("\x1b", "0"), ("\x1f", "1"), ("\n", "2"), ("\r", "3"), ("\x1e", "4"))
    for sign, digit in pairs if escaped else ():
        value = value.replace(sign, "\x1b" + digit)
    return value


def text_of(rows: list[tuple[str | None, ...]], *, escaped: bool) -> pa.Buffer:
    text = "\n".join("\x1f".join(said(value, escaped=escaped) for value in row) for row in rows)
    return pa.py_buffer(text.encode())


@settings(max_examples=300, deadline=None)
@given(rows=ROWS)
def test_whatever_values_hold_escaped_lines_are_read_back(
    lines: ModuleType, rows: list[tuple[str | None, ...]]
) -> None:
    names = [str(number) for number in range(len(rows[0]))]

    table = lines.table(text_of(rows, escaped=True), names, rows=len(rows), escaped=True)

    assert list(zip(*(table[name].to_pylist() for name in names), strict=True)) == rows


@settings(max_examples=300, deadline=None)
@given(rows=ROWS)
def test_plain_lines_are_read_back_or_known_to_be_mistakable(
    lines: ModuleType, rows: list[tuple[str | None, ...]]
) -> None:
    names, text = [str(number) for number in range(len(rows[0]))], text_of(rows, escaped=False)
    missing = sum(value is None for row in rows for value in row)

    if lines.is_unmistakable(text, rows=len(rows), columns=len(names), missing=missing):
        table = lines.table(text, names, rows=len(rows), escaped=False)
        assert list(zip(*(table[name].to_pylist() for name in names), strict=True)) == rows
    else:
        assert any(sign in (value or "") for row in rows for value in row for sign in "\x1e\x1f\n\r")


@settings(max_examples=200, deadline=None)
@given(rows=ROWS)
def test_the_hash_of_a_row_is_that_of_its_plain_line(
    lines: ModuleType, rows: list[tuple[str | None, ...]]
) -> None:
    together = lines.hashes(text_of(rows, escaped=True), rows=len(rows), escaped=True)

    for row, digest in zip(rows, together, strict=True):
        plain = "\x1f".join(said(value, escaped=False) for value in row)
        assert digest == hashlib.md5(plain.encode()).hexdigest()


@pytest.mark.parametrize(
    ("told", "earlier"),
    [
        ("2026-04-01 00:05:00.25", "2026-03-31 23:55:00.25"),
        ("2026-04-01 00:05:00+09", "2026-03-31 23:55:00+09"),
        ("2026-04-01T00:05:00", "2026-03-31T23:55:00"),
        ("20260401000500", "20260331235500"),
        ("20260401000500123", "20260331235500123"),
        ("20260401", "20260331"),
        ("2026-04-01", "2026-03-31"),
    ],
)
def test_a_time_of_change_is_moved_and_written_as_it_was(stamps: ModuleType, told: str, earlier: str) -> None:
    assert stamps.read(told).before(timedelta(minutes=10)) == earlier


@pytest.mark.parametrize("told", ["", "infinity", "令和8年4月1日", "2026-13-01", "20260230", "12345"])
def test_what_is_no_time_is_not_read_as_one(stamps: ModuleType, told: str) -> None:
    assert stamps.read(told) is None
