"""``bench fixed``: fixed-length and CSV files in CP932 to columns and back."""

from bench.contest import contest, entry
from bench.lines import show
from bench.place import desk

#: A loop over records is long; it does this many of them and is scaled.
SAMPLE = 100_000


def measure(*, rows: int, rounds: int) -> None:
    """Reading beside iconv and beside loops over records, CSV beside other readers, writing beside joins."""
    sample = min(rows, SAMPLE)
    with desk() as here:
        ours, floor, loop = contest(
            here,
            entry("read_fixed_cp932", "flat_files.fixed", rows=rows),
            entry("iconv", "flat_files.iconv", rows=rows),
            entry("decode per record", "flat_files.fixed_loop", rows=rows, sample=sample),
            rounds=rounds,
        )
        show(ours, floor=floor, usual=loop)
        csv, arrow, polars, module = contest(
            here,
            entry("read_csv_cp932", "flat_files.csv", rows=rows),
            entry("pyarrow.csv", "flat_files.arrow_csv", rows=rows),
            entry("polars.read_csv", "flat_files.polars_csv", rows=rows),
            entry("csv module", "flat_files.csv_module", rows=rows, sample=sample),
            rounds=rounds,
        )
        for other in (polars, module):
            show(csv, floor=arrow, usual=other)
        fixed, join, lines, writer = contest(
            here,
            entry("write_fixed_cp932", "flat_files.write_fixed", rows=rows),
            entry("join per record", "flat_files.write_loop", rows=rows, sample=sample),
            entry("write_csv_cp932", "flat_files.write_csv", rows=rows),
            entry("csv module", "flat_files.csv_writer", rows=rows, sample=sample),
            rounds=rounds,
        )
        show(fixed, usual=join)
        show(lines, usual=writer)
