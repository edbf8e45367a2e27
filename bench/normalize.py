"""``bench normalize``: twelve fields of raw records through the plan, beside the same steps row by row."""

from collections.abc import Sequence

from bench.contest import alone, contest, entry
from bench.lines import say, show
from bench.place import desk

#: A loop over rows is long; it does this many of them and is scaled.
SAMPLE = 100_000


def measure(*, rows: Sequence[int], rounds: int, sample: int = SAMPLE) -> None:
    """Each size block by block beside the loop; the smallest also whole, as a run of a feed has it."""
    with desk() as here:
        for size in sorted(rows):
            alone(here, "people.make", rows=size)
            few = min(size, sample)
            blocks, loop = contest(
                here,
                entry("normalize", "normalized.by_blocks", rows=size),
                entry("python per row", "normalized.by_rows", rows=size, sample=few),
                rounds=rounds,
            )
            say(f"{loop.facts['differing']} of {loop.facts['compared']} records differ between the two ways")
            show(blocks, usual=loop)
        [whole] = contest(here, entry("normalize_whole", "normalized.whole", rows=min(rows)), rounds=rounds)
        show(whole)
