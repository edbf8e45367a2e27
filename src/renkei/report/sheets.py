"""The list of one department, or of the city, as workbook and CSV, written while the rows are read."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from renkei.report import csv_file, mismatch
from renkei.report.mismatch import Line
from renkei.report.paper import MOST_LINES
from renkei.report.workbook import Table, Workbook


@dataclass
class Sheets:
    """One list being written. ``kept`` are its first rows, for paper; ``seen`` counts all of them."""

    book: Workbook
    table: Table
    file: csv_file.Writer
    kept: list[Line] = field(default_factory=list)
    seen: "Counter[str]" = field(default_factory=lambda: Counter(rows=0, restricted=0, suppressed=0))

    def put(self, line: Line, cells: Sequence[str]) -> None:
        """Write one row into both."""
        self.file.put(cells)
        self.table.put(cells)
        if len(self.kept) < MOST_LINES:
            self.kept.append(line)
        self.seen["rows"] += 1
        self.seen["restricted"] += line.is_restricted
        self.seen["suppressed"] += line.is_suppressed
        self.seen[line.rule_id] += line.gone_as_of is None


@contextmanager
def opened(place: Path, *, title: str, systems: Sequence[str], made_at: datetime) -> Iterator[Sheets]:
    """``place`` with .csv and .xlsx, to put rows into; the caller ends the table and closes the book."""
    header = mismatch.header(systems)
    book = Workbook(place.with_name(f"{place.name}.xlsx"), title=title, made_at=made_at)
    with csv_file.opened(place.with_name(f"{place.name}.csv"), header=header) as file:
        yield Sheets(book=book, table=book.table("不一致", header=header), file=file)
