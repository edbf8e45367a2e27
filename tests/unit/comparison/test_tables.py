"""Two tables compared: every kind of difference is found, each row is counted once, and nothing is invented."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from renkei.comparison import Comparison, compare
from renkei.comparison import tables as implementation
from renkei.comparison.hashes import Hashes
from renkei.errors import FixDeclaration

OLD = """
    no | name   | born       | sum
    1  | 葛原花 | 1950-01-01 | 100
    2  | 山田   | 1960-02-02 | 200
    3  | 佐藤   |            | 300
    4  | 田中   | 1970-03-03 | 400
    5  | 鈴木   | 1980-04-04 | 500
    5  | 鈴木   | 1980-04-04 | 500
       | 高橋   | 1990-05-05 | 600
    8  | 渡辺   |            |
"""
NEW = """
    no | name   | born       | sum
    1  | 葛原花 | 1950-01-01 | 100
    2  | 山田   | 1960-02-03 | 201
    3  | 佐藤   | 1965-01-01 | 300
    5  | 鈴木   | 1980-04-04 | 500
    6  | 伊藤   | 1985-06-06 | 700
    8  | 渡辺   |            |
    9  | 中村   | 1999-09-09 | 900
    9  | 中村   | 1999-09-09 | 901
"""


def table(text: str) -> pa.Table:
    head, *lines = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    rows = [dict(zip(head, (cell or None for cell in line), strict=True)) for line in lines]
    return pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in head]))


def listed(found: Comparison) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in found.cells().read_all().to_pylist()]


def test_every_kind_of_difference_is_found_and_each_row_is_counted_once() -> None:
    with compare(table(OLD), table(NEW), keys=["no"], threads=1) as found:
        counts = found.counts
        only = [found.only(side).read_all()["no"].to_pylist() for side in ("left", "right")]
        twice = [found.repeated(side).read_all().to_pylist() for side in ("left", "right")]

        assert listed(found) == [
            ("2", "born", "1960-02-02", "1960-02-03"), ("2", "sum", "200", "201"),
            ("3", "born", None, "1965-01-01"),
        ]  # fmt: skip
        assert [(each.name, each.differing, each.samples) for each in found.fields] == [
            ("name", 0, ()), ("born", 2, (("2",), ("3",))), ("sum", 1, (("2",),)),
        ]  # fmt: skip
    assert only == [["4"], ["6"]]
    assert twice == [[{"no": "5", "times": 2}], [{"no": "9", "times": 2}]]
    assert (counts.left_keyless, counts.right_keyless) == (1, 0)
    assert (counts.both, counts.equal, counts.differing, counts.cells) == (4, 2, 2, 3)
    assert counts.left_rows == counts.left_keyless + counts.left_only + counts.left_unclear + counts.both
    assert counts.right_rows == counts.right_keyless + counts.right_only + counts.right_unclear + counts.both


def test_a_table_equals_itself_in_any_order(tmp_path: Path) -> None:
    rows = table(NEW).slice(0, 6)
    pq.write_table(rows, tmp_path / "a.parquet")
    with pa.OSFile(str(tmp_path / "b.arrow"), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
        writer.write_table(rows.take(list(range(5, -1, -1))))

    with compare(tmp_path / "a.parquet", [tmp_path / "b.arrow"], keys=["no"], scratch=tmp_path) as found:
        assert found.counts.is_equal
        assert listed(found) == []


def test_two_columns_that_swap_values_are_no_equal_row() -> None:
    left = pa.table({"no": [1], "a": ["x"], "b": ["y"]})
    right = pa.table({"no": [1], "a": ["y"], "b": ["x"]})

    with compare(left, right, keys=["no"]) as found:
        assert listed(found) == [(1, "a", "x", "y"), (1, "b", "y", "x")]


def test_what_is_declared_the_same_is_no_difference_and_nothing_else_is_hidden() -> None:
    left, right = (pa.table({"no": [1, 2, 3], "sum": sums}) for sums in ([10, 20, None], [11, 25, 30]))

    with compare(left, right, keys=["no"], same={"sum": "abs(l - r) <= 1"}) as found:
        assert listed(found) == [(2, "sum", "20", "25"), (3, "sum", None, "30")]
        assert (found.counts.equal, found.counts.differing) == (1, 2)


@pytest.mark.parametrize(
    ("right", "named"),
    [
        (pa.table({"no": [1], "sum": ["1"]}), "sum: BIGINT / VARCHAR"),
        (pa.table({"no": [1]}), "sum: BIGINT / -"),
        (pa.table({"no": [1], "sum": [1], "more": [1]}), "more: - / BIGINT"),
    ],
)
def test_tables_of_other_columns_are_refused(right: pa.Table, named: str) -> None:
    with (
        pytest.raises(FixDeclaration, match="E_COMPARE_COLUMNS") as refused,
        compare(pa.table({"no": [1], "sum": [1]}), right, keys=["no"]),
    ):
        pass

    assert refused.value.facts["columns"] == named


@pytest.mark.parametrize(
    ("keys", "fields"),
    [(["no", "no"], None), (["field"], None), (["gone"], None), (["no"], ["gone"]), ([], None)],
)
def test_keys_that_cannot_be_told_apart_are_refused(keys: list[str], fields: list[str] | None) -> None:
    rows = pa.table({"no": [1], "field": [2]})

    with (
        pytest.raises(FixDeclaration, match="E_COMPARE_COLUMNS"),
        compare(rows, rows, keys=keys, fields=fields),
    ):
        pass


def test_whole_numbers_of_other_width_are_the_same_numbers() -> None:
    left = pa.table({"no": pa.array([1, 2], pa.int32()), "sum": pa.array([7, 8], pa.int16())})
    right = pa.table({"no": pa.array([1, 2], pa.int64()), "sum": pa.array([7, 9], pa.int64())})

    with compare(left, right, keys=["no"]) as found:
        assert listed(found) == [(2, "sum", "8", "9")]


def counted_by_hand(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> tuple[int, ...]:
    """The same counts by a loop over dictionaries."""
    sides = [{}, {}]  # type: list[dict[Any, list[dict[str, Any]]]]
    for rows, side in zip((left, right), sides, strict=True):
        for row in rows:
            if row["a"] is not None and row["b"] is not None:
                side.setdefault((row["a"], row["b"]), []).append(row)
    twice = {key for side in sides for key, rows in side.items() if len(rows) > 1}
    both = (sides[0].keys() & sides[1].keys()) - twice
    cells = sum(sides[0][key][0][name] != sides[1][key][0][name] for key in both for name in ("x", "y"))
    equal = sum(sides[0][key][0] == sides[1][key][0] for key in both)
    only = [len(sides[at].keys() - sides[1 - at].keys() - twice) for at in (0, 1)]
    return (len(both), equal, cells, *only)


@pytest.mark.parametrize("seed", range(4))
def test_seeded_tables_are_counted_as_a_loop_counts_them(seed: int) -> None:
    rng = random.Random(seed)
    sides = [
        [
            {"a": rng.choice((None, *"pqr")), "b": rng.randrange(12), "x": rng.choice((None, 1, 2)),
             "y": rng.choice((None, "", "あ"))}
            for _ in range(30)
        ]
        for _ in range(2)
    ]  # fmt: skip
    schema = pa.schema([("a", pa.string()), ("b", pa.int64()), ("x", pa.int64()), ("y", pa.string())])
    left, right = (pa.Table.from_pylist(side, schema) for side in sides)

    with compare(left, right, keys=["a", "b"], threads=1) as found:
        counts = found.counts

    told = (counts.both, counts.equal, counts.cells, counts.left_only, counts.right_only)
    assert told == counted_by_hand(*sides)


def test_keys_that_agree_by_hash_alone_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    # every key the same hash: the second pass must find by the keys themselves what the first one could not
    monkeypatch.setattr(Hashes, "key", lambda _self: "0::UBIGINT")

    with compare(table(OLD), table(NEW), keys=["no"], threads=1) as found:
        assert (found.counts.both, found.counts.equal, found.counts.cells) == (4, 2, 3)
        assert found.only("left").read_all()["no"].to_pylist() == ["4"]


def test_a_hash_that_forgets_a_column_would_lose_its_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Hashes.content
    monkeypatch.setattr(Hashes, "content", lambda self: whole(replace(self, fields=())))
    left, right = (pa.table({"no": [1], "sum": [sums]}) for sums in (10, 11))

    with compare(left, right, keys=["no"]) as found:
        assert found.counts.cells == 0


MANY = [f"f{number}" for number in range(150)]


@pytest.mark.parametrize(
    "sketch",
    [
        "0::UBIGINT",  # tells of no field at all
        f"""hash("f9") & {63 << 54}::UBIGINT""",  # of one, and misses the other
    ],
)
def test_a_field_that_the_sketch_misses_is_found_all_the_same(
    sketch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = dict.fromkeys(MANY[:10], 1)
    left = pa.Table.from_pylist([{"no": 1, **row}, {"no": 2, **row}])
    right = pa.Table.from_pylist([{"no": 1, **row, "f7": 8, "f9": 9}, {"no": 2, **row}])
    cells = [(1, "f7", "1", "8"), (1, "f9", "1", "9")]

    with compare(left, right, keys=["no"], threads=1) as found:
        assert listed(found) == cells
    monkeypatch.setattr(Hashes, "sketch", lambda _self: sketch)
    with compare(left, right, keys=["no"], threads=1) as found:
        assert listed(found) == cells

    # without the sum of differences the same sketch loses them
    monkeypatch.setattr(implementation, "_unexplained", lambda *_: False)
    with compare(left, right, keys=["no"], threads=1) as found:
        assert listed(found) != cells


def test_each_of_many_fields_has_bits_of_the_sketch() -> None:
    for count in (1, 3, 14, 63, 64, 65, 150):
        hashes = Hashes(keys=("no",), fields=tuple(MANY[:count]))
        by_bit = [hashes.told(1 << bit) for bit in range(64)]

        assert hashes.told(0) == ()
        assert hashes.told(2**64 - 1) == hashes.fields
        assert {name for names in by_bit for name in names} == set(hashes.fields)
        assert all(len(names) <= -(-count // 64) for names in by_bit)


def test_more_fields_than_a_sketch_has_bits_are_compared_one_by_one() -> None:
    row = dict.fromkeys(MANY, 1)
    left = pa.Table.from_pylist([{"no": 1, **row}, {"no": 2, **row}])
    right = pa.Table.from_pylist([{"no": 1, **row, "f7": 8}, {"no": 2, **row, "f149": 9}])

    with compare(left, right, keys=["no"], threads=1) as found:
        assert listed(found) == [(1, "f7", "1", "8"), (2, "f149", "1", "9")]


def test_more_than_fits_in_memory_is_compared_all_the_same(tmp_path: Path) -> None:
    rows = 200_000
    numbers = pa.array(range(rows))
    texts = pa.array([f"葛原市本町{number}番地の{number * 7}" for number in range(rows)])
    pq.write_table(pa.table({"no": numbers, "t": texts}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"no": numbers, "t": texts}).slice(1), tmp_path / "b.parquet")

    with compare(
        tmp_path / "a.parquet", tmp_path / "b.parquet", keys=["no"], scratch=tmp_path / "s",
        memory="40MB", threads=1,
    ) as found:  # fmt: skip
        assert (found.counts.both, found.counts.equal, found.counts.left_only) == (rows - 1, rows - 1, 1)
