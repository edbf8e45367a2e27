"""Days on which the office is open (開庁日): what a case's due date counts in."""

from datetime import date, timedelta

#: Severity → office days until a case is due: same day's work, a week, a month.
DAYS_TO_DECIDE = {1: 1, 2: 5, 3: 20}
#: Office days until a correction that was asked for should be seen, unless somebody says otherwise.
DAYS_TO_CORRECT = 10


def is_office_day(day: date) -> bool:
    """False on Saturdays, Sundays, national holidays and 29 December to 3 January (地方自治法4条の2)."""
    import jpholiday

    turn_of_year = (day.month, day.day) >= (12, 29) or (day.month, day.day) <= (1, 3)
    return not (day.weekday() >= 5 or turn_of_year or jpholiday.is_holiday(day))


def office_days_after(day: date, number: int) -> date:
    """The day on which so many office days have passed since, the day itself not counted."""
    while number:
        day += timedelta(days=1)
        number -= is_office_day(day)
    return day


def due_on(found_on: date, severity: int) -> date:
    """The day by which a case of this severity is to be decided, when found on that day."""
    return office_days_after(found_on, DAYS_TO_DECIDE[severity])
