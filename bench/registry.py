"""``bench registry``: three systems' first load and the night after, through the hub's own path.

Beside: COPY of the very rows into tables without an index, and a merge with one ORM object a record.
"""

from collections import Counter
from datetime import timedelta

from bench.contest import Taken, contest, entry, side_by_side
from bench.desk import Desk
from bench.hub import FEEDS, deliver, labelled_hub
from bench.lines import say, show

#: An object a record is slow; it does this many of them and is scaled.
SAMPLE = 3000
#: Seconds to reach with a million residents.
FIRST, NIGHT = 120, 15


def measure(*, residents: int, seed: int = 1, sample: int = SAMPLE, prove: bool = False) -> None:
    """The first load, the night after with one household in a hundred moved, and what stands beside them."""
    with labelled_hub(people=residents, seed=seed) as here:
        first = together("registry_first", *load(here, 0, at_once=False))
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
        second = together("registry_night", *load(here, 1))
        show(second, usual=objects)
        _tell(first, FIRST, residents)
        _tell(second, NIGHT, residents)
        if prove:
            day = (here.day + timedelta(days=1)).isoformat()
            [proofs] = contest(here, entry("prove", "labelled_city.prove_all", as_of=day), rounds=1)
            show(proofs)


def load(here: Desk, night: int, *, at_once: bool = True) -> tuple[list[Taken], float]:
    """Every feed of a night in a process of its own: at once, as the scheduler rings them, or in turn.

    A first load goes in turn, the most trusted system first: the others then change nobody whom it describes.
    """
    day = (here.day + timedelta(days=night)).isoformat()
    entries = [entry(feed, "labelled_city.sync", feed=feed, as_of=day) for feed in FEEDS]
    if at_once:
        taken, seconds = side_by_side(here, *entries)
    else:
        taken = [one for each in entries for one in contest(here, each, rounds=1)]
        seconds = sum(one.seconds for one in taken)
    for one in taken:
        say(f"    {one.name}: {one.seconds:.2f} s, {one.peak_mb:.0f} MB, {one.facts}")
    return taken, seconds


def together(name: str, feeds: list[Taken], seconds: float) -> Taken:
    """The feeds' runs as one: its seconds by the clock; parts and counts added, the memory of the largest."""
    parts: Counter[str] = Counter()
    facts: Counter[str] = Counter()
    for each in feeds:
        parts.update(each.parts)
        facts.update({name: count for name, count in each.facts.items() if isinstance(count, int) and count})
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
