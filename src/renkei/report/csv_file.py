"""CSV as municipal PCs open it: UTF-8 with a mark, CRLF, every cell quoted, no cell a formula."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

Row = TypeVar("Row", bound=Sequence[str])

#: A spreadsheet runs a cell beginning with one of these as a formula; Japanese editions the wide ones too.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def through(path: Path, *, header: Sequence[str], rows: Iterable[Row]) -> Iterator[Row]:
    """Write each row and hand it on as it came, so that one reading of the rows makes several files.

    The file is finished when the rows are used up.
    """
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file, dialect="excel", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        out.writerow(header)
        for row in rows:
            out.writerow([inert(cell) for cell in row])
            yield row


def inert(cell: str) -> str:
    """The cell with an apostrophe before it when a spreadsheet would run it; else as it is.

    A NUL, which no spreadsheet reads, is shown as its symbol.
    """
    cell = cell.replace("\0", "␀")
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
