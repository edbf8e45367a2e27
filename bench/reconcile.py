"""``bench reconcile``: two tables of 15 columns compared, beside others that compare tables."""

from bench.contest import Entry, Failed, Taken, contest, entry
from bench.contest import alone as once
from bench.desk import Desk
from bench.lines import say, show
from bench.place import desk

#: Another tool → its task. Each runs with the packages of ``var/bench/compare``.
OTHERS = {
    "datacompy on Polars": "datacompy_polars",
    "datacompy on pandas": "datacompy_pandas",
    "reladiff, joined in DuckDB": "reladiff",
    "fastrecon, counts and samples only": "fastrecon",
}
PACKAGES = "compare"


def measure(*, rows: int, rounds: int, memory: str = "1GB", alone: bool = False) -> None:
    """Ours and each other in turn; one that cannot run is told and leaves the rest."""
    with desk() as here:
        once(here, "compares.make", rows=rows)
        if alone:
            [ours] = contest(here, _ours(rows, memory), rounds=rounds)
            show(ours)
            say(f"memory: {ours.peak_mb:.0f} MB; DuckDB may hold {memory}")
            return
        for name, task in OTHERS.items():
            _beside(here, name, task, rows=rows, rounds=rounds, memory=memory)


def _ours(rows: int, memory: str) -> Entry:
    return entry("reconcile", "compares.ours", rows=rows, memory=memory)


def _beside(here: Desk, name: str, task: str, *, rows: int, rounds: int, memory: str) -> None:
    try:
        ours, other = contest(
            here,
            _ours(rows, memory),
            entry(name, f"beside_compares.{task}", packages=PACKAGES, rows=rows),
            rounds=rounds,
        )
    except Failed as failed:
        say(f"{name}: {failed}; its own words are above")
        return
    show(ours, usual=other)
    _differ(ours, other)


def _differ(ours: Taken, other: Taken) -> None:
    """Say so where the other found something else than we did."""
    odd = {
        each: (ours.facts[each], other.facts[each])
        for each in ours.facts.keys() & other.facts.keys()
        if ours.facts[each] != other.facts[each]
    }
    if odd:
        say(f"{other.name} found something else: {odd}")
    say(f"memory: {ours.peak_mb / other.peak_mb:.2f} of {other.name}")
