"""``bench reconcile``: two tables of 15 columns compared, beside others that compare tables."""

from bench.contest import Failed, Taken, alone, contest, entry
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


def measure(*, rows: int, rounds: int) -> None:
    """Ours and each other in turn; one that cannot run is told and leaves the rest."""
    with desk() as here:
        alone(here, "compares.make", rows=rows)
        for name, task in OTHERS.items():
            _beside(here, name, task, rows=rows, rounds=rounds)


def _beside(here: Desk, name: str, task: str, *, rows: int, rounds: int) -> None:
    try:
        ours, other = contest(
            here,
            entry("reconcile", "compares.ours", rows=rows),
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
