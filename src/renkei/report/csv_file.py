"""CSV as municipal PCs open it: UTF-8 with a mark, CRLF, every cell quoted, no cell a formula."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

#: A spreadsheet runs a cell beginning with one of these as a formula; Japanese editions the wide ones too.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write(path: Path, *, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Write the table and return how many rows it has."""
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file, dialect="excel", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        out.writerow(header)
        for row in rows:
            out.writerow([inert(cell) for cell in row])
            count += 1
    return count


def inert(cell: str) -> str:
    """The cell with an apostrophe before it when a spreadsheet would run it; else as it is.

    A NUL, which no spreadsheet reads, is shown as its symbol.
    """
    cell = cell.replace("\0", "␀")
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
