"""The mismatch report as an XLSX workbook: written row by row, every cell text, the same bytes each time."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from renkei.errors import Stop

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

#: Excel's limits: characters in a cell, and rows on a sheet less the heading.
CELL_LIMIT = 32_767
ROWS_A_SHEET = 1_048_575

#: Width of each column in half-width characters; the systems' columns take the width of the last.
_WIDTHS = (12, 6, 26, 7, 14, 12, 16, 18, 12, 18)
_SAID, _DAY = 34, 12


class Workbook:
    """One report being written; ``add_table`` first, then ``add_facts``, then ``close``."""

    def __init__(self, path: Path, *, title: str, made_at: datetime) -> None:
        import xlsxwriter

        # its scratch files hold the same values as the report, so they stay beside it
        options = {"constant_memory": True, "tmpdir": str(path.parent), "strings_to_formulas": False}
        self._book = xlsxwriter.Workbook(str(path), options)
        # the file states the time without its zone
        self._book.set_properties({"title": title, "created": made_at.astimezone(UTC).replace(tzinfo=None)})
        heading = {"bold": True, "bg_color": "#E8F1FE", "bottom": 1, "text_wrap": True}
        self._head = self._book.add_format(heading)
        self._cell = self._book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
        self._title = title

    def add_table(self, name: str, *, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
        """Write the rows, on further sheets where one is full, and return how many there were."""
        count, source = 0, iter(rows)
        for number in range(1, 1000):
            written = self._add_sheet(name if number == 1 else f"{name}{number}", header, source)
            count += written
            if written < ROWS_A_SHEET:
                break
        return count

    def add_facts(self, name: str, facts: Iterable[tuple[str, str]]) -> None:
        """Write the sheet that says under which conditions, by whom, when and from what this was made."""
        sheet = self._sheet(name, ("項目", "内容"))
        sheet.set_column(0, 0, 28)
        sheet.set_column(1, 1, 90)
        for place, (term, text) in enumerate(facts, start=1):
            _put(sheet, place, 0, term, self._cell)
            _put(sheet, place, 1, text, self._cell)

    def close(self) -> None:
        """Finish the file."""
        self._book.close()

    def _add_sheet(self, name: str, header: Sequence[str], source: Iterator[Sequence[str]]) -> int:
        sheet, last = self._sheet(name, header), 0
        for column, width in enumerate(_column_widths(len(header))):
            sheet.set_column(column, column, width)
        for last, row in enumerate(islice(source, ROWS_A_SHEET), start=1):
            for column, text in enumerate(row):
                _put(sheet, last, column, text, self._cell)
        sheet.autofilter(0, 0, max(last, 1), len(header) - 1)
        return last

    def _sheet(self, name: str, header: Sequence[str]) -> "Worksheet":
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 1)
        sheet.repeat_rows(0)
        sheet.set_landscape()
        sheet.set_paper(8)  # A3
        sheet.fit_to_pages(1, 0)
        sheet.set_header(f"&L{self._title}&R取扱注意")
        sheet.set_footer("&L&A&R&P / &N")
        for column, text in enumerate(header):
            _put(sheet, 0, column, text, self._head)
        return sheet


def _column_widths(columns: int) -> Iterator[int]:
    yield from _WIDTHS
    yield from (_SAID,) * (columns - len(_WIDTHS) - 4)
    yield from (_DAY,) * 4


def _put(sheet: "Worksheet", row: int, column: int, text: str, look: "Format") -> None:
    if len(text) > CELL_LIMIT:
        text = text[: CELL_LIMIT - 1] + "…"
    if sheet.write_string(row, column, text, look) != 0:
        raise Stop("E_REPORT", part=f"xlsx {row}:{column}")
