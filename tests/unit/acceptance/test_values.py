"""Values of a migration: brought to comparable text, told apart by cause, and never silently lost."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from renkei.acceptance import State, check
from renkei.acceptance.causes import CAUSES, shown, with_cause
from renkei.acceptance.conversion import UNREAD, convert
from renkei.acceptance.declaration import SCHEMA, load
from renkei.mapping.codes import Code, CodeTable
from renkei.snapshot import Snapshot, as_patch

ROOT = Path(__file__).resolve().parents[3]
DAY = date(2026, 11, 20)
COLUMNS = ("no", "value")
HEAD = """
title = "移行"
title_en = "a move"
owner = "市民課"
old = "old.person"
new = "new.person"

[[key]]
old = "no"
new = "no"

[[field]]
old = "value"
new = "value"
"""
SEX = CodeTable(
    name="sex", by_prefix=False, declared={},
    codes=(Code(source="M", to="1"), Code(source="-", to=None)),
)  # fmt: skip


def snapshot(place: Path, values: list[Any]) -> Path:
    numbers = [str(number) for number in range(len(values))]
    pq.write_table(pa.table({"no": numbers, "value": pa.array(values)}), place)
    return place


def declared(folder: Path, more: str) -> Any:
    place = folder / "reconciliation" / "migrations"
    place.mkdir(parents=True, exist_ok=True)
    (place / "m.toml").write_text(HEAD + more, "utf-8")
    columns = {"old.person": COLUMNS, "new.person": COLUMNS}
    return load(folder, "m", codes={"sex": SEX}, columns=columns)


def converted(folder: Path, more: str, values: list[Any], *, side: str = "old") -> list[str | None]:
    migration = declared(folder, more)
    unspoken = convert(
        Snapshot(whole=snapshot(folder / "s.parquet", values)),
        migration,
        side,
        as_of=DAY,
        place=folder / "c.parquet",
    )
    assert unspoken == ()
    return pq.read_table(folder / "c.parquet")["value"].to_pylist()


@pytest.mark.parametrize(
    ("more", "values", "expected"),
    [
        ("", ["葛原 ", "　", None], ["葛原", None, None]),
        ("", [date(2026, 1, 2), None], ["2026-01-02", None]),
        ("", [7, 0], ["7", "0"]),
        ('old_strip = "0"', ["007", "000", "0070"], ["7", "0", "70"]),
        ('old_empty = "none"', ["a", None, " "], ["a", "none", "none"]),
        ("old_steps = [{ pad = 5 }]", ["42"], ["00042"]),
        ('old_steps = [{ code = "sex" }]', ["M", "-", None, "X"], ["1", None, None, UNREAD["old"] + "X"]),
        (
            'old_steps = [{ wareki = "EYYMMDD" }]', ["S640107", "S500000", "S640230"],
            ["1989-01-07", "1975-01-01/1975-12-31", UNREAD["old"] + "S640230"],
        ),
        ('fold = "display"', ["ｶﾅ　Ａ", "髙"], ["カナ　A", "髙"]),
        ('fold = "loose"', ["髙"], ["高"]),
    ],
)  # fmt: skip
def test_a_side_is_brought_to_comparable_text(
    tmp_path: Path, more: str, values: list[Any], expected: list[str | None]
) -> None:
    assert converted(tmp_path, more, values) == expected


def test_a_value_that_neither_side_can_read_is_no_agreement(tmp_path: Path) -> None:
    steps = 'old_steps = [{ code = "sex" }]\nnew_steps = [{ code = "sex" }]'

    old, new = (converted(tmp_path, steps, ["X"], side=side) for side in ("old", "new"))

    assert old != new
    assert [shown(old[0]), shown(new[0])] == ["X", "X"]


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        (UNREAD["old"] + "X", "1", "unread"), ("a", None, "new_empty"), (None, "a", "old_empty"),
        ("髙橋", "〓橋", "lost_character"), ("〓橋", "〓端", "other"), ("ｶﾅ", "カナ", "notation"),
        ("髙橋", "高橋", "variant"), ("007", "7", "zeros"), ("本町1番", "本町1", "cut"),
        ("2020-01-31", "2020-02-01", "next_day"), ("1950-03-01", "1975-03-01", "other_year"), ("a", "b", "other"),
    ],
)  # fmt: skip
def test_each_difference_has_the_first_cause_that_fits(old: str | None, new: str | None, cause: str) -> None:
    cells = pl.DataFrame({"left": [old], "right": [new]}, schema={"left": pl.String, "right": pl.String})

    assert with_cause(cells)["cause"].to_list() == [cause]
    assert cause in CAUSES


def checked(folder: Path, old: list[Any], new: list[Any], more: str, *, days: int = 0) -> Any:
    states = [
        State(
            feed=f"{side}.person", record="person", as_of=date(2026, 11, 20 + at * days), sha256=side,
            snapshot=Snapshot(whole=with_key(snapshot(folder / f"{side}-s.parquet", values))),
        )
        for at, (side, values) in enumerate((("old", old), ("new", new)))
    ]  # fmt: skip
    return check(declared(folder, more), *states, scratch=folder)


def with_key(place: Path) -> Path:
    rows = pq.read_table(place)
    pq.write_table(rows.append_column("source_key", rows["no"]), place)
    return place


def test_numbers_within_a_tolerance_are_equal_and_one_further_is_not(tmp_path: Path) -> None:
    within = '[[tolerance]]\nfield = "value"\nwithin = 1\nreason = "端数処理"\napproved_by = "課長"\n'

    found = checked(tmp_path, [10, 20, 30], [11, 22, None], within)

    assert (found.counts.equal, found.counts.cells) == (1, 2)
    assert ("cells", 2) in {(each.of, each.found) for each in found.breaches}


def test_a_state_that_is_a_whole_file_and_a_patch_is_read_as_both(tmp_path: Path) -> None:
    whole = with_key(snapshot(tmp_path / "whole.parquet", ["a", "b", "c"]))
    told = pa.table({"no": ["1", "2"], "value": ["B", "c"], "source_key": ["1", "2"], "gone": [False, True]})
    pq.write_table(as_patch(told, digest="x", told_on=None), tmp_path / "patch.parquet")
    state = Snapshot(whole=whole, patch=tmp_path / "patch.parquet")

    convert(state, declared(tmp_path, ""), "old", as_of=DAY, place=tmp_path / "c.parquet")

    assert sorted(pq.read_table(tmp_path / "c.parquet")["value"].to_pylist()) == ["B", "a"]


def test_states_of_two_days_are_refused_unless_declared(tmp_path: Path) -> None:
    told = checked(tmp_path, ["a"], ["a"], "", days=2)

    assert ("days_apart", 2, 0) in {(each.of, each.found, each.most) for each in told.breaches}


def test_what_is_refused_by_shape_says_so(tmp_path: Path) -> None:
    for wrong in (
        '[[tolerance]]\nof = "cells"\nfield = "value"\nmost = 3\napproved_by = "課長"\n',  # no reason
        '[[tolerance]]\nof = "cells"\nfield = "value"\nmost = 3\nreason = "x"\n',  # nobody's name
        '[[tolerance]]\nof = "cells"\nmost = 3\nreason = "x"\napproved_by = "課長"\n',  # of which field
        'fold = "away"\n',
    ):
        with pytest.raises(Exception, match="E_DECLARATION"):
            declared(tmp_path, wrong)


def test_the_published_schema_is_the_one_that_declarations_are_checked_by() -> None:
    text = (ROOT / "docs" / "schemas" / "migration.schema.json").read_text("utf-8")

    assert text == json.dumps(SCHEMA, ensure_ascii=False, indent=2) + "\n"
    jsonschema.Draft202012Validator.check_schema(json.loads(text))
