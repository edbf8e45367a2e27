"""Transactions into deliveries: each version of a key is seen, each transaction whole, each place resumable."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.formats.changes.deltas import Change, Commit, Part, PositionDiffers, Writer, cut

COLUMNS = ("key", "value")

#: A transaction is a list of (key, value), None where the key goes.
HISTORY = st.lists(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["1", "2", None])), max_size=7), max_size=8
)


def stream(history, position):
    """What a connector gives from a position on; ``at`` counts whole transactions."""
    for number, changes in enumerate(history[position["at"] :], position["at"] + 1):
        for key, value in changes:
            yield Change(f"t{number}", (key,), COLUMNS, None if value is None else (key, value))
        yield Commit(f"t{number}", {"at": number})


def apply(parts, state=None):
    held = dict(state or {})
    for part in parts:
        for (key,), values in part.rows.items():
            held.pop(key, None)
            if values is not None:
                held[key] = values[1]
    return held


def state_after(history):
    held = {}
    for changes in history:
        for key, value in changes:
            held.pop(key, None)
            if value is not None:
                held[key] = value
    return held


@given(history=HISTORY, rows=st.integers(1, 5))
def test_every_place_leads_to_the_same_end(history, rows) -> None:
    parts = list(cut(stream(history, {"at": 0}), position={"at": 0}, rows=rows))

    assert apply(parts) == state_after(history)
    for number, part in enumerate(parts):
        rest = list(cut(stream(history, part.position), position=part.position, rows=rows))
        assert [each.rows for each in rest] == [each.rows for each in parts[number + 1 :]]


@given(history=HISTORY, rows=st.integers(1, 5))
def test_between_two_deliveries_no_transaction_is_half_done(history, rows) -> None:
    states = [state_after(history[:number]) for number in range(len(history) + 1)]
    parts = list(cut(stream(history, {"at": 0}), position={"at": 0}, rows=rows))

    for number, part in enumerate(parts, 1):
        if "inside" not in part.position:
            assert apply(parts[:number]) == states[part.position["at"]]
    assert all(len(part.rows) <= rows for part in parts)


@given(history=HISTORY)
def test_every_version_that_was_committed_is_in_a_delivery_of_its_own(history) -> None:
    parts = list(cut(stream(history, {"at": 0}), position={"at": 0}))

    seen = [(key[0], values and values[1]) for part in parts for key, values in part.rows.items()]
    committed = [pair for changes in history for pair in dict(changes).items()]
    assert sorted(seen, key=repr) == sorted(committed, key=repr)


def test_what_came_and_went_in_one_transaction_never_was() -> None:
    told = [
        Change("t1", ("a",), COLUMNS, ("a", "1"), is_new=True),
        Change("t1", ("a",), COLUMNS, None),
        Commit("t1", {}),
    ]

    assert list(cut(told, position={})) == []


def test_a_transaction_without_an_end_gives_nothing() -> None:
    told = [Change("t1", ("a",), COLUMNS, ("a", "1"))]

    assert list(cut(told, position={})) == []


def test_other_columns_begin_another_delivery() -> None:
    told = [
        Change("t1", ("a",), COLUMNS, ("a", "1")), Commit("t1", {"at": 1}),
        Change("t2", ("b",), (*COLUMNS, "more"), ("b", "1", "2")), Commit("t2", {"at": 2}),
    ]  # fmt: skip

    assert [part.columns for part in cut(told, position={})] == [COLUMNS, (*COLUMNS, "more")]


@pytest.mark.parametrize("told", [[], [Commit("t1", {})], [Change("t9", ("a",), COLUMNS, None)] * 3])
def test_another_transaction_at_the_place_is_noticed(told) -> None:
    with pytest.raises(PositionDiffers):
        list(cut(told, position={"inside": ["t1", 2]}))


def test_equal_changes_at_different_times_differ_in_their_bytes(tmp_path: Path) -> None:
    writer = Writer("s.f", tmp_path, name="t", key=["key"])
    part = {"columns": COLUMNS, "rows": {("a",): ("a", "1"), ("b",): None}, "position": {}}

    one, same, later = (
        writer.changes(Part(first=f"{mark}/0", last=mark, **part)) for mark in ("t1", "t1", "t2")
    )

    assert one.sha256 == same.sha256 != later.sha256
    with pa.ipc.open_file(later.path) as file:
        assert file.read_all().to_pylist() == [
            {"key": "a", "value": "1", "__gone": False},
            {"key": "b", "value": None, "__gone": True},
        ]
    assert [place.suffix for place in sorted(tmp_path.iterdir())] == [".arrow", ".arrow", ".lock"]
