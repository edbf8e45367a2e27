"""``bench encodings``: a column of kanji to text and back, in each kind of encoding."""

from bench.contest import Entry, contest, entry
from bench.desk import Desk
from bench.lines import show
from bench.place import desk

_STATELESS = (("cp932", "CP932", "cp932"), ("euc-jp-ms", "EUC-JP-MS", "euc_jp"))
_HOST = (("ibm-930", "IBM930"), ("ibm-1399", "IBM1399"))


def measure(*, rows: int, rounds: int) -> None:
    """Reading beside iconv, which knows no cells, and beside the usual loop over cells."""
    with desk() as here:
        for encoding, glibc, python in _STATELESS:
            options = {"encoding": encoding, "python": python, "rows": rows}
            usual = entry("bytes.decode per cell", "encodings.python_loop", **options)
            _measure(here, encoding, glibc, usual, rows=rows, rounds=rounds)
        for encoding, glibc in _HOST:
            usual = entry("ICU per cell", "encodings.icu_loop", encoding=encoding, rows=rows)
            _measure(here, encoding, glibc, usual, rows=rows, rounds=rounds)


def _measure(here: Desk, encoding: str, glibc: str, usual: Entry, *, rows: int, rounds: int) -> None:
    ours, written, floor, loop = contest(
        here,
        entry(f"read_{encoding}", "encodings.read", encoding=encoding, rows=rows),
        entry(f"write_{encoding}", "encodings.write", encoding=encoding, rows=rows),
        entry("iconv", "encodings.iconv", encoding=encoding, glibc=glibc, rows=rows),
        usual,
        rounds=rounds,
    )
    show(ours, floor=floor, usual=loop)
    show(written)
