"""``bench link``: levels 1 and 2 through the registry, and level 3, beside others that compare people."""

from dataclasses import replace

from bench.contest import contest, entry
from bench.hub import labelled_hub
from bench.lines import say, show
from bench.registry import load, together

#: Seconds to reach with a million records.
RULES, LIKENESS = 10, 90
#: An object a record, and a pair at a time, are slow; they do this many and are scaled.
RECORDS, PAIRS = 3000, 200_000


def measure(*, rows: int, seed: int = 1, records: int = RECORDS, pairs: int = PAIRS) -> None:
    """``rows`` records of three systems; what links them is a part of the merge and is told by itself."""
    with labelled_hub(people=rows // 3, seed=seed) as here:
        merged = together("link_rules", *load(here, 0, at_once=False))
        linked = {"merge.linked": merged.parts["merge.linked"]}
        rules = replace(merged, seconds=linked["merge.linked"], parts=linked)
        [objects] = contest(
            here,
            entry(
                "SQLAlchemy ORM, an object a record", "beside_registry.by_objects", sample=min(records, rows)
            ),
            rounds=1,
        )
        show(rules, usual=objects)
        ours, splink, others = contest(
            here,
            entry("link_likeness", "linked.level_3"),
            entry("Splink, its own comparisons, trained, the same rules", "beside_likeness.splink"),
            entry("recordlinkage, a sample of the same pairs", "beside_likeness.recordlinkage", sample=pairs),
            rounds=1,
        )
        show(ours, usual=splink)
        show(replace(ours, name="link_likeness_beside_recordlinkage"), usual=others)
        for taken, reach in ((rules, RULES), (ours, LIKENESS)):
            reached = f"{taken.seconds:.1f} s of {reach * rows / 1_000_000:.1f} s to reach at this size"
            say(f"{taken.name}: {reached}")
