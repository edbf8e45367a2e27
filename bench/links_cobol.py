"""``bench cobol``: a COBOL file, ten items of which four are packed, to columns and back."""

from bench.contest import contest, entry
from bench.desk import Desk
from bench.lines import show
from bench.place import desk

#: A loop over records is long; it does this many of them and is scaled.
SAMPLE = 100_000


def measure(*, rows: int, rounds: int) -> None:
    """Reading beside iconv, which knows no items, and beside a loop over records; then writing."""
    with desk() as here:
        _measure(here, rows=rows, rounds=rounds)


def _measure(here: Desk, *, rows: int, rounds: int) -> None:
    ours, written, floor, loop = contest(
        here,
        entry("read_cobol", "cobol_files.read", rows=rows),
        entry("write_cobol", "cobol_files.write", rows=rows),
        entry("iconv", "cobol_files.iconv", rows=rows),
        entry("decode per record", "cobol_files.loop", rows=rows, sample=min(rows, SAMPLE)),
        rounds=rounds,
    )
    show(ours, floor=floor, usual=loop)
    show(written)
