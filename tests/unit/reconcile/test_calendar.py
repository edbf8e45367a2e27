"""Due days count the days on which the office is open."""

from datetime import date

import pytest

from renkei.reconcile.calendar import due_on, is_office_day


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (date(2026, 11, 21), "Saturday"),
        (date(2026, 11, 23), "勤労感謝の日"),
        (date(2026, 9, 22), "国民の休日 between two holidays"),
        (date(2026, 12, 29), "turn of the year"),
        (date(2027, 1, 3), "turn of the year"),
        (date(2026, 5, 6), "振替休日"),
    ],
)
def test_the_office_is_closed(day: date, why: str) -> None:
    assert not is_office_day(day), why


@pytest.mark.parametrize("day", [date(2026, 11, 20), date(2026, 12, 28), date(2027, 1, 4)])
def test_the_office_is_open(day: date) -> None:
    assert is_office_day(day)


@pytest.mark.parametrize(
    ("found_on", "severity", "due"),
    [
        (date(2026, 11, 20), 1, date(2026, 11, 24)),
        (date(2026, 11, 20), 2, date(2026, 11, 30)),
        (date(2026, 11, 20), 3, date(2026, 12, 21)),
        (date(2026, 12, 28), 1, date(2027, 1, 4)),
        (date(2026, 11, 22), 1, date(2026, 11, 24)),
    ],
)
def test_a_case_is_due_after_so_many_office_days(found_on: date, severity: int, due: date) -> None:
    assert due_on(found_on, severity) == due
