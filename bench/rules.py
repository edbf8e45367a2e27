"""``bench rules``: every rule over three systems, beside a script for each rule."""

from bench.contest import alone, contest, entry
from bench.desk import Desk
from bench.lines import say, show
from bench.place import desk

#: Seconds and megabytes to reach with a million people in each of three systems.
SECONDS, MEGABYTES = 10.0, 2000


def measure(*, rows: int, rounds: int, memory: str = "1GB", seed: int = 1) -> None:
    """All rules in one run, the seconds of each, and the same rules one by one."""
    with desk() as here:
        made = alone(here, "rule_city.make", rows=rows, seed=seed)
        say(f"snapshots: {made.facts}, {made.seconds:.1f} s")
        _measure(here, rows=rows, rounds=rounds, memory=memory)


def _measure(here: Desk, *, rows: int, rounds: int, memory: str) -> None:
    ours, later, scripts = contest(
        here,
        entry("rules", "rules.ours", memory=memory),
        entry("rules a night later", "rules.looking_again", memory=memory),
        entry("a script for each rule, DuckDB on the same files", "rules.by_scripts", memory=memory),
        rounds=rounds,
    )
    show(ours, usual=scripts)
    if ours.facts["found"] != scripts.facts["found"]:
        say(f"the scripts found {scripts.facts['found']}, all together {ours.facts['found']}")
    for name, seconds in sorted(ours.parts.items(), key=lambda part: -part[1]):
        say(f"    {seconds:8.2f} s  {name}")
    show(later, usual=ours)
    say(f"    {later.facts['residents']} residents looked at again by {later.facts['rules_of_some']} rules")
    reach = SECONDS * rows / 1_000_000
    say(f"{ours.seconds:.1f} s of {reach:.1f} s, {ours.peak_mb:.0f} MB of {MEGABYTES} MB to reach")
