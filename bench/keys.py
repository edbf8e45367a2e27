"""``bench keys``: the key sets of two feeds, and the digests of their buckets."""

from bench.contest import contest, entry
from bench.lines import show
from bench.place import desk


def measure(*, rows: int, rounds: int) -> None:
    """Key sets beside pandas and beside EXCEPT; then buckets of a whole state and of a night's hundredth."""
    with desk() as here:
        ours, pandas, sql = contest(
            here,
            entry("renkei keys", "key_sets.ours", rows=rows),
            entry("pandas merge, outer, with indicator", "key_sets.pandas_merge", rows=rows),
            entry("EXCEPT both ways and HAVING", "key_sets.sql_except", rows=rows),
            rounds=rounds,
        )
        show(ours, usual=pandas)
        show(ours, floor=sql)
        night, whole = contest(
            here,
            entry("buckets moved by a hundredth", "key_sets.moved", rows=rows),
            entry("buckets of the whole state", "key_sets.whole", rows=rows),
            rounds=rounds,
        )
        show(night)
        show(whole)
