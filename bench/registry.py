"""``bench registry``: three systems' first load and the night after, through the hub's own path.

Beside: COPY of the very rows into tables without an index, and a merge with one ORM object a record.
"""

from collections import Counter
from datetime import timedelta

from bench.contest import Taken, contest, entry
from bench.desk import Desk
from bench.hub import FEEDS, deliver, labelled_hub
from bench.lines import say, show

#: An object a record is slow; it does this many of them and is scaled.
SAMPLE = 3000
#: Seconds to reach with a million residents.
FIRST, NIGHT = 120, 15


def measure(*, residents: int, seed: int = 1, sample: int = SAMPLE) -> None:
    """The first load, the night after with one household in a hundred moved, and what stands beside them."""
    with labelled_hub(people=residents, seed=seed) as here:
        first = together("registry_first", load(here, 0))
        floor, objects = contest(
            here,
            entry("COPY into logged tables without indexes", "beside_registry.plain_copy"),
            entry(
                "SQLAlchemy ORM, an object a record",
                "beside_registry.by_objects",
                sample=min(sample, residents),
            ),
            rounds=1,
        )
        show(first, floor=floor, usual=objects)
        deliver(here, people=residents, seed=seed, night=1)
        second = together("registry_night", load(here, 1))
        show(second, usual=objects)
        _tell(first, FIRST, residents)
        _tell(second, NIGHT, residents)


def load(here: Desk, night: int) -> list[Taken]:
    """Every feed of a night, one after the other, each in a process of its own."""
    day = (here.day + timedelta(days=night)).isoformat()
    taken = []
    for feed in FEEDS:
        [one] = contest(here, entry(feed, "labelled_city.sync", feed=feed, as_of=day), rounds=1)
        say(f"    {one.name}: {one.seconds:.2f} s, {one.peak_mb:.0f} MB, {one.facts}")
        taken.append(one)
    return taken


def together(name: str, feeds: list[Taken]) -> Taken:
    """The feeds' runs as one: seconds and counts added, the memory of the largest."""
    parts: Counter[str] = Counter()
    facts: Counter[str] = Counter()
    for each in feeds:
        parts.update(each.parts)
        facts.update({name: count for name, count in each.facts.items() if isinstance(count, int) and count})
    # the counting beside the run is not the run's
    seconds = sum(value for name, value in parts.items() if "." not in name)
    return Taken(
        name=name, rows=sum(each.rows for each in feeds), seconds=seconds,
        peak_mb=max(each.peak_mb for each in feeds), runs=1, parts=parts, facts=facts,
    )  # fmt: skip


def _tell(taken: Taken, reach: float, residents: int) -> None:
    """Where the time went, and rows written for each changed record."""
    merged = max(1, taken.facts.get("merged", 0) + taken.facts.get("ended", 0))
    written = taken.facts.get("rows_written", 0)
    say(f"{taken.name}: {taken.seconds:.1f} s of {reach * residents / 1_000_000:.1f} s to reach at this size")
    say(f"    {merged} changed records, {written} rows written, {written / merged:.1f} a changed record")
    for name, seconds in sorted(taken.parts.items(), key=lambda part: -part[1]):
        say(f"    {seconds:8.2f} s  {name}")
