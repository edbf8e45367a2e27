"""One feed into the registry: the first load, and a later delivery with one changed record in a hundred."""

from datetime import date
from functools import partial
from pathlib import Path

from bench.child import Runs
from bench.desk import NIGHTS, TEMPLATE, Desk
from bench.tasks.beside import FEED, FIRST, registry
from bench.tasks.nights import run_feed
from renkei.landing import Landing


def first(desk: Desk) -> Runs:
    """A whole first delivery; the part ``merge`` is one transaction with all that hangs on a record."""
    while True:
        _forget_objects(desk, "stages", kept=frozenset())
        with registry(desk, FIRST, template=TEMPLATE):
            yield partial(run_feed, desk.project("stages"), FEED, desk.day)


def second(desk: Desk, *, as_of: str) -> Runs:
    """A whole later delivery; its parts ``compare`` and ``merge`` are what is measured."""
    project, kept = desk.project("nights"), _objects(desk, "nights")
    while True:
        _forget_objects(desk, "nights", kept=kept)
        with registry(desk, "bench_second", template=NIGHTS):
            yield partial(run_feed, project, FEED, date.fromisoformat(as_of))


def _objects(desk: Desk, hub: str) -> frozenset[Path]:
    return frozenset(Landing(desk.project(hub).var / "landing").stored())


def _forget_objects(desk: Desk, hub: str, *, kept: frozenset[Path]) -> None:
    """What an earlier run wrote is written anew, not found."""
    for place in _objects(desk, hub) - kept:
        place.unlink()
