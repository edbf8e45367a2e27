"""What a mapping may say of a date, and what it is told when it says something else."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from renkei.mapping.steps import STEPS, Known, Surroundings, parse

KNOWN = Known(tables={}, columns=frozenset(), folder=Path())
AROUND = Surroundings(codes={}, as_of=date(2026, 11, 20), raw=pl.col)

RIGHT: list[dict[str, Any]] = [
    {"wareki": "TEXT", "about": 0},
    {"wareki": "GYYMMDD", "overrun": "by_rule", "unknown": ["00", "99"]},
    {"wareki": "GGYYMMDD", "eras": {"21": "昭和"}},
    {"seireki": "YYYY/MM/DD"},
    {"seireki": "YYYY/MM/DD", "unknown": ["0", "00"], "words": "不明"},
    {"iso_date": "ISO"},
    {"iso_date": True},
    {"timestamp": "ISO", "zone": "UTC"},
]

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"wareki": "YYYYMMDD"}, "YYYYMMDD"),
    ({"wareki": "TEXT", "overrun": "by rule"}, "by rule"),
    ({"wareki": "TEXT", "about": -1}, "-1"),
    ({"wareki": "TEXT", "about": True}, "True"),
    ({"wareki": "TEXT", "eras": {"3": "昭和"}}, "{'3': '昭和'}"),
    ({"wareki": "GGYYMMDD", "eras": {"3": "昭和"}}, "3"),
    ({"wareki": "GGYYMMDD", "eras": {"03": "照和"}}, "照和"),
    ({"wareki": "GYYMMDD", "unknown": ["00", "9"]}, "'9'"),
    ({"wareki": "GYYMMDD", "unknown": 99}, "99"),
    ({"wareki": "GYYMMDD", "words": [9]}, "[9]"),
    ({"iso_date": "GYYMMDD"}, "GYYMMDD"),
    ({"seireki": "MM/DD/YYYY"}, "MM/DD/YYYY"),
    ({"timestamp": "ISO", "zone": "Japan"}, "Japan"),
    ({"timestamp": "hhmmss"}, "hhmmss"),
]


@pytest.mark.parametrize("declared", RIGHT, ids=str)
def test_these_declarations_are_taken(declared: dict[str, Any]) -> None:
    step = parse(declared)

    assert list(STEPS[step.name].misuses(step, KNOWN)) == []
    assert set(step.options) <= set(STEPS[step.name].options)


@pytest.mark.parametrize(("declared", "found"), WRONG, ids=str)
def test_these_are_told_with_what_was_found(declared: dict[str, Any], found: str) -> None:
    step = parse(declared)

    assert [misuse.found for misuse in STEPS[step.name].misuses(step, KNOWN)] == [found]


@pytest.mark.parametrize(
    ("declared", "written"),
    [
        ({"wareki": "GYYMMDD"}, "3630102"),
        ({"wareki": "GGYYMMDD", "eras": {"21": "昭和"}}, "21630102"),
        ({"wareki": "TEXT"}, "昭和63年1月2日"),
        ({"seireki": "YYYYMMDD"}, "19880102"),
        ({"iso_date": True}, "1988-01-02"),
    ],
    ids=str,
)
def test_a_day_goes_back_as_the_source_writes_it(declared: dict[str, Any], written: str) -> None:
    step = parse(declared)
    undo = STEPS[step.name].undo
    assert undo is not None

    made = pl.DataFrame({"day": [date(1988, 1, 2), None]}).select(
        undo(pl.col("day"), step, AROUND).alias("t")
    )

    assert made["t"].to_list() == [written, None]
