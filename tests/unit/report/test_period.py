from datetime import UTC, date, datetime

import pytest

from renkei.report.period import of_day, of_month, short

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("month", "today", "as_of", "when"),
    [
        ("2026-11-01", "2026-12-09", "2026-11-30", "2026年11月"),
        ("2026-11-01", "2026-11-20", "2026-11-20", "2026年11月（20日まで、月の途中）"),
        ("2028-02-01", "2028-03-01", "2028-02-29", "2028年2月"),
        ("2026-12-01", "2026-11-20", "2026-12-01", "2026年12月（1日まで、月の途中）"),
    ],
)  # fmt: skip
def test_a_month_goes_as_far_as_it_has_come(month: str, today: str, as_of: str, when: str) -> None:
    made = of_month(date.fromisoformat(month), today=date.fromisoformat(today), known_at=NOW)

    assert (made.as_of.isoformat(), made.when) == (as_of, when)
    assert made.from_day.isoformat() == month
    assert made.name == month[:7]


def test_a_day_is_named_with_its_weekday_and_looks_two_weeks_back() -> None:
    made = of_day(date(2026, 11, 20), known_at=NOW)

    assert (made.when, made.name) == ("2026年11月20日（金）", "2026-11-20")
    assert made.nights_from == date(2026, 11, 7)


def test_the_month_stands_only_where_it_begins() -> None:
    assert short([date(2026, 10, 30), date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 2)]) == [
        "10/30", "31", "11/1", "2",
    ]  # fmt: skip
