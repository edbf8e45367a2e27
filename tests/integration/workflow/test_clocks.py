"""The registry follows the day that a delivery speaks for, whatever the clocks of the machines say."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from tests.integration.workflow.counter import Counter, build, people

from renkei.clock import Clock, FixedClock

EVE = date(2027, 3, 31)
MIDNIGHT = datetime(2027, 3, 31, 15, tzinfo=UTC)  # of 1 April in Japan


class Walking:
    """A clock that goes on (or back) by a step each time it is asked."""

    def __init__(self, start: datetime, step: timedelta) -> None:
        self._now, self._step = start, step

    def now(self) -> datetime:
        self._now += self._step
        return self._now


CLOCKS = {
    "before midnight": FixedClock(MIDNIGHT - timedelta(minutes=1)),
    "after midnight": FixedClock(MIDNIGHT + timedelta(minutes=1)),
    "across midnight": Walking(MIDNIGHT - timedelta(seconds=3), timedelta(seconds=1)),
    "stepping back": Walking(MIDNIGHT + timedelta(seconds=3), timedelta(seconds=-1)),
    "a day ahead": FixedClock(MIDNIGHT + timedelta(days=1)),
    "a day behind": FixedClock(MIDNIGHT - timedelta(days=1)),
}


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
def test_the_registry_is_the_same_by_any_clock(clock: Clock, tmp_project, registry: sa.Engine) -> None:
    counter: Counter = build(tmp_project, registry)
    counter.edit('[[feed.field]]\nto = "valid_from"\nfrom = "since"\nsteps = ["iso_date"]\n', "")
    counter.edit("[feed.contract]", '[[feed.ignored]]\nname = "since"\nreason = "試験"\n\n[feed.contract]')
    counter.day = EVE - timedelta(days=1)

    result = counter.send(people(20), clock=clock)

    assert (result.state, result.as_of) == ("done", EVE)
    rows = counter.rows("SELECT source_key, valid_from, source_version FROM person_record ORDER BY 1")
    assert [tuple(row) for row in rows] == [(row["no"], EVE, "2027-03-31") for row in people(20)]
    assert counter.one("SELECT as_of FROM cursor") == EVE
