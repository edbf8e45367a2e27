"""The only place that reads the wall clock; everything else is handed a Clock."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; tests and replays hand in their own."""

    def now(self) -> datetime:
        """The present instant, with a zone."""
        ...


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """The present instant in UTC."""
        return datetime.now(UTC)  # noqa: TID251  the one place that may


class FixedClock:
    """A clock that stands still, for tests and for a replayed day."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant

    def now(self) -> datetime:
        """The instant it was made with."""
        return self._instant
