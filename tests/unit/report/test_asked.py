"""What ``renkei report`` may be asked."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from renkei.cli import report
from renkei.cli.parser import Parser
from renkei.errors import FixDeclaration
from renkei.workflow import evidence


def asked(*words: str) -> Any:
    parser = Parser(prog="renkei report")
    report.declare(parser)
    return parser.parse_args(words)


def test_a_month_a_department_and_an_instant_can_be_named() -> None:
    made = asked("--month", "2026-11", "--department", "市民課", "--known-at", "2026-11-21T05:30:00+00:00")

    assert (made.month, made.department) == (date(2026, 11, 1), "市民課")
    assert made.known_at == datetime(2026, 11, 21, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "words",
    [
        ("--month", "2026-13"),
        ("--month", "2026-11-20"),
        ("--month", "11"),
        ("--known-at", "2026-11-21T05:30:00"),
    ],
)
def test_what_is_no_month_or_an_instant_without_a_zone_is_refused(words: tuple[str, str]) -> None:
    with pytest.raises(FixDeclaration, match="E_USAGE"):
        asked(*words)


def test_a_day_and_a_month_are_not_asked_at_once() -> None:
    made = asked("--month", "2026-11", "--as-of", "2026-11-20")

    with pytest.raises(FixDeclaration, match="E_USAGE"):
        made.run(made)


@pytest.mark.parametrize(
    ("month", "department"),
    [
        (None, None),
        (date(2026, 11, 1), None),
        (None, "市民課"),
        (date(2026, 11, 1), "課:甲"),
        (None, "課:甲"),
    ],
)
def test_a_retried_report_is_of_the_same_month_and_department(
    month: date | None, department: str | None
) -> None:
    assert report.about(evidence._target(month, department)) == (month, department)
