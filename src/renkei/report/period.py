"""What a report is about: a day or a month, up to which day, and as known at which instant."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

#: How many days a report of a day looks back in its drawings.
LOOK_BACK = 14

_WEEKDAYS = "月火水木金土日"


@dataclass(frozen=True, kw_only=True)
class Period:
    """``as_of`` is the last day looked at, ``known_at`` the instant up to which is known."""

    from_day: date
    as_of: date
    known_at: datetime
    is_month: bool

    @property
    def name(self) -> str:
        """As files are called: ``2026-11-20`` or ``2026-11``."""
        return f"{self.as_of:%Y-%m}" if self.is_month else self.as_of.isoformat()

    @property
    def nights_from(self) -> date:
        """The first day of the drawings."""
        return self.from_day if self.is_month else self.as_of - timedelta(days=LOOK_BACK - 1)

    @property
    def is_whole(self) -> bool:
        """False of a month of which days are still to come."""
        return not self.is_month or self.as_of == last_of(self.as_of)

    @property
    def title(self) -> str:
        """``不一致日報`` or ``不一致月報``."""
        return "不一致月報" if self.is_month else "不一致日報"

    @property
    def when(self) -> str:
        """The period in words."""
        if not self.is_month:
            return f"{in_words(self.as_of)}（{_WEEKDAYS[self.as_of.weekday()]}）"
        month = f"{self.as_of.year}年{self.as_of.month}月"
        return month if self.is_whole else f"{month}（{self.as_of.day}日まで、月の途中）"


def of_day(as_of: date, *, known_at: datetime) -> Period:
    """One business day."""
    return Period(from_day=as_of, as_of=as_of, known_at=known_at, is_month=False)


def of_month(month: date, *, today: date, known_at: datetime) -> Period:
    """The month of that day, as far as it has come."""
    first, last = month.replace(day=1), last_of(month)
    return Period(from_day=first, as_of=max(first, min(last, today)), known_at=known_at, is_month=True)


def last_of(day: date) -> date:
    """The last day of its month."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def in_words(day: date) -> str:
    """``2026年11月20日``."""
    return f"{day.year}年{day.month}月{day.day}日"


def short(days: Sequence[date]) -> list[str]:
    """Days as they stand under a drawing: the month only where it begins."""
    return [
        f"{day.month}/{day.day}" if place == 0 or day.day == 1 else str(day.day)
        for place, day in enumerate(days)
    ]
