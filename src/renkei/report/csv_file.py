"""CSV as municipal PCs open it: UTF-8 with a mark, CRLF, every cell quoted, no cell a formula."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

Row = TypeVar("Row", bound=Sequence[str])

#: A spreadsheet runs a cell beginning with one of these as a formula; Japanese editions the wide ones too.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class _Rows(Protocol):
    def writerow(self, row: Iterable[Any], /) -> object: ...


class Writer:
    """One file being written, row by row."""

    def __init__(self, out: _Rows) -> None:
        self._out = out

    def put(self, row: Sequence[str]) -> None:
        """Write one row; no cell of it acts in a spreadsheet."""
        self._out.writerow([inert(cell) for cell in row])


@contextmanager
def opened(path: Path, *, header: Sequence[str]) -> Iterator[Writer]:
    """A file with its heading, to write rows into."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file, dialect="excel", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        out.writerow(header)
        yield Writer(out)


def through(path: Path, *, header: Sequence[str], rows: Iterable[Row]) -> Iterator[Row]:
    """Write each row and hand it on as it came, so that one reading of the rows makes several files.

    The file is finished when the rows are used up.
    """
    with opened(path, header=header) as file:
        for row in rows:
            file.put(row)
            yield row


def inert(cell: str) -> str:
    """The cell with an apostrophe before it when a spreadsheet would run it; else as it is.

    A NUL, which no spreadsheet reads, is shown as its symbol.
    """
    cell = cell.replace("\0", "␀")
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
