"""The sample city's own work: never timed, but in processes of their own all the same."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial

from bench.child import Done, Runs
from bench.desk import Desk
from renkei_sample.city import City, build


def found(desk: Desk, *, residents: int, seed: int, extras: Sequence[str] = ()) -> Runs:
    """Build the city, servers stopped."""
    yield partial(_found, desk, residents=residents, seed=seed, extras=frozenset(extras))


def _found(desk: Desk, *, residents: int, seed: int, extras: frozenset[str]) -> Done:
    city = build(desk.city, residents=residents, seed=seed, day=desk.day, extras=extras)
    return Done(rows=residents, facts=city.meta()["records"])


def pass_days(desk: Desk, *, until: str) -> Runs:
    """Replay life events up to a day."""
    yield partial(_pass_days, desk, date.fromisoformat(until))


def _pass_days(desk: Desk, until: date) -> Done:
    city = City.open(desk.city)
    facts = {}
    while city.day < until:
        facts = dict(city.advance(city.day + timedelta(days=1)))
    return Done(rows=sum(facts.values()), facts=facts)
