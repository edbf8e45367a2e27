"""Due days count the days on which the office is open."""

from datetime import date, timedelta

import pytest

from renkei.reconcile.calendar import due_on, is_office_day, office_days_after


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


# the law, written once more --------------------------------------------------------------------------


def nth_monday(year: int, month: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(7 - first.weekday()) % 7 + 7 * (nth - 1))


def equinox(year: int, month: int, offset: float) -> date:
    """春分・秋分: the usual approximation, good for 1980 to 2099; the day itself is gazetted the year before."""
    since = year - 1980
    return date(year, month, int(offset + 0.242194 * since) - since // 4)


def named_holidays(year: int) -> set[date]:
    """国民の祝日に関する法律2条 as it stands since 2020, without the moves of the Olympic years 2020 and 2021."""
    fixed = ((1, 1), (2, 11), (2, 23), (4, 29), (5, 3), (5, 4), (5, 5), (8, 11), (11, 3), (11, 23))
    named = {date(year, month, day) for month, day in fixed}
    named |= {nth_monday(year, month, nth) for month, nth in ((1, 2), (7, 3), (9, 3), (10, 2))}
    return named | {equinox(year, 3, 20.8431), equinox(year, 9, 23.2488)}


def substitutes(named: set[date]) -> set[date]:
    """振替休日 (3条2項): of a holiday on a Sunday, the next day that is no holiday."""
    found = set()
    for day in (each for each in named if each.weekday() == 6):
        while day in named:
            day += timedelta(days=1)
        found.add(day)
    return found


def between(named: set[date]) -> set[date]:
    """国民の休日 (3条3項): a day that is no holiday, with one before and one after it."""
    one = timedelta(days=1)
    return {day + one for day in named if day + 2 * one in named and day + one not in named}


@pytest.mark.parametrize("year", range(2022, 2036))
def test_every_day_to_2035_is_as_the_law_says(year: int) -> None:
    first, last, named = date(year, 1, 1), date(year, 12, 31), named_holidays(year)
    closed = named | substitutes(named) | between(named)
    turn = {date(year, 12, day) for day in (29, 30, 31)} | {date(year, 1, day) for day in (1, 2, 3)}

    for day in (first + timedelta(days=number) for number in range((last - first).days + 1)):
        assert is_office_day(day) == (day.weekday() < 5 and day not in closed | turn), day


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (date(2015, 9, 22), "国民の休日: between 敬老の日 and 秋分の日"),
        (date(2026, 9, 22), "国民の休日"),
        (date(2032, 9, 21), "国民の休日"),
        (date(2024, 2, 12), "振替休日 of 建国記念の日"),
        (date(2025, 2, 24), "振替休日 of 天皇誕生日"),
        (date(2025, 5, 6), "振替休日 over 5 May, which is a holiday itself"),
        (date(2030, 5, 6), "振替休日 of こどもの日"),
        (date(2033, 3, 21), "振替休日 of 春分の日"),
        (date(2028, 12, 29), "年末"),
        (date(2034, 1, 3), "年始"),
    ],
)
def test_days_that_moved_are_closed(day: date, why: str) -> None:
    assert not is_office_day(day), why


@pytest.mark.parametrize("day", [date(2026, 9, 22), date(2032, 9, 21), date(2025, 2, 24), date(2025, 5, 6)])
def test_the_named_holidays_alone_would_leave_those_days_open(day: date) -> None:
    assert day not in named_holidays(day.year)


def test_office_days_are_counted_from_the_next_day() -> None:
    assert office_days_after(date(2026, 11, 20), 0) == date(2026, 11, 20)
    assert office_days_after(date(2026, 11, 20), 10) == date(2026, 12, 7)
    assert office_days_after(date(2028, 12, 28), 1) == date(2029, 1, 4)
