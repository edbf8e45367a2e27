"""Judges from Airflow's health answer which part no longer lives."""

from collections.abc import Mapping
from datetime import datetime, timedelta

#: Seconds without a heartbeat after which a part is started anew. Airflow itself says unhealthy after 30.
SILENCE = timedelta(seconds=60)

Health = Mapping[str, Mapping[str, str | None]]


def is_healthy(health: Health, name: str) -> bool:
    """True when Airflow itself calls the part healthy."""
    return health.get(name, {}).get("status") == "healthy"


def silence_of(health: Health, name: str, *, now: datetime) -> timedelta | None:
    """How long the part has not been heard; None when it never was."""
    heard = health.get(name, {}).get(f"latest_{name}_heartbeat")
    return now - datetime.fromisoformat(heard) if heard else None


def is_stale(health: Health, name: str, *, now: datetime, age: float) -> bool:
    """True when a part old enough to have been heard has been silent for too long."""
    if age < SILENCE.total_seconds():
        return False
    silence = silence_of(health, name, now=now)
    return silence is None or silence > SILENCE


class Backoff:
    """How long to wait before the next start of a part that keeps dying: 1, 2, 4 … 60 seconds."""

    def __init__(self, *, most: float = 60.0, forgiven_after: float = 120.0) -> None:
        self._most, self._forgiven_after = most, forgiven_after
        self._failures: dict[str, int] = {}

    def after_failure(self, name: str, *, lived: float) -> float:
        """Seconds to wait now, given how long the part had lived."""
        before = 0 if lived > self._forgiven_after else self._failures.get(name, 0)
        self._failures[name] = before + 1
        return float(min(self._most, 2.0**before))
