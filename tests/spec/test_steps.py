"""Every step does what its table of cases says, and every step has such a table."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from renkei.mapping import codes
from renkei.mapping.steps import STEPS, parse
from renkei.mapping.trial import trial

PLACE = Path(__file__).parent / "steps"
TABLES, _ = codes.load(Path(__file__).parents[2] / "mappings" / "codes")
DAY = date(2026, 11, 20)


def cases() -> list[Any]:
    return [
        pytest.param(case.get("steps", page["steps"]), case, id=f"{path.stem}-{number}-{case['given']}")
        for path in sorted(PLACE.glob("*.toml"))
        for page in [tomllib.loads(path.read_text("utf-8"))]
        for number, case in enumerate(page["case"], 1)
    ]


@pytest.mark.parametrize(("steps", "case"), cases())
def test_a_step_does_what_its_table_says(steps: list[Any], case: dict[str, Any]) -> None:
    made = trial(
        [parse(step) for step in steps],
        case["given"],
        codes=TABLES,
        as_of=case.get("day", DAY),
        raw=case.get("raw"),
    )

    assert (made.refused, plain(made.value)) == (case.get("refused"), case.get("gives"))


def plain(value: Any) -> Any:
    """As TOML can say it: parts that are nothing are left out."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items() if part is not None}
    return value


def test_every_step_has_a_table_of_cases() -> None:
    shown = {
        parse(step).name
        for path in PLACE.glob("*.toml")
        for page in [tomllib.loads(path.read_text("utf-8"))]
        for case in page["case"]
        for step in case.get("steps", page["steps"])
    }

    assert set(STEPS) - shown == set()
