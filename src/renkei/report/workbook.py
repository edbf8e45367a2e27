"""The mismatch report as an XLSX workbook: written row by row, every cell text, the same bytes each time."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from renkei.errors import Stop

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

#: Excel's limits: characters in a cell, and rows on a sheet less the heading.
CELL_LIMIT = 32_767
ROWS_A_SHEET = 1_048_575

#: Width of each column in half-width characters; between these and the last ones stand the systems' columns.
_WIDTHS = (12, 6, 26, 7, 14, 12, 8, 16, 18, 12, 18, 22)
_SAID, _DAY, _DAYS = 34, 12, 5


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
        self.cell = self._book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
        self._whole = self._book.add_format({"valign": "top", "num_format": "#,##0"})
        self._part = self._book.add_format({"valign": "top", "num_format": "#,##0.0"})
        self._title = title

    def add_table(self, name: str, *, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
        """Write the rows, on further sheets where one is full, and return how many there were."""
        table = self.table(name, header=header)
        for row in rows:
            table.put(row)
        return table.end()

    def table(self, name: str, *, header: Sequence[str]) -> "Table":
        """A table to put rows into, one after the other; no other sheet is added before its ``end``."""
        return Table(self, name, header)

    def add_counts(
        self, name: str, *, header: Sequence[str], rows: Iterable[Sequence[str | int | float | None]]
    ) -> None:
        """Write figures: what is a number is one for the spreadsheet too, None an empty cell."""
        sheet = self.sheet(name, header)
        for column, title in enumerate(header):
            sheet.set_column(column, column, max(10, 2 * len(title) + 2))
        for place, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    _put(sheet, place, column, value, self.cell)
                elif value is not None:
                    look = self._whole if isinstance(value, int) else self._part
                    sheet.write_number(place, column, value, look)

    def add_facts(self, name: str, facts: Iterable[tuple[str, str]]) -> None:
        """Write the sheet that says under which conditions, by whom, when and from what this was made."""
        sheet = self.sheet(name, ("項目", "内容"))
        sheet.set_column(0, 0, 28)
        sheet.set_column(1, 1, 90)
        for place, (term, text) in enumerate(facts, start=1):
            _put(sheet, place, 0, term, self.cell)
            _put(sheet, place, 1, text, self.cell)

    def close(self) -> None:
        """Finish the file."""
        self._book.close()

    def sheet(self, name: str, header: Sequence[str]) -> "Worksheet":
        """A sheet with its heading, as it is to be read and printed."""
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


class Table:
    """Rows of text on one sheet, and on further ones where it is full."""

    def __init__(self, book: Workbook, name: str, header: Sequence[str]) -> None:
        self._book, self._name, self._header = book, name, header
        self._full, self._row = 0, 0
        self._sheet = self._begin(name)

    def put(self, row: Sequence[str]) -> None:
        """Write one row; every cell is text."""
        if self._row == ROWS_A_SHEET:
            self._close()
            self._full += 1
            self._row = 0
            self._sheet = self._begin(f"{self._name}{self._full + 1}")
        self._row += 1
        for column, text in enumerate(row):
            _put(self._sheet, self._row, column, text, self._book.cell)

    def end(self) -> int:
        """Close the table; how many rows it has."""
        self._close()
        return self._full * ROWS_A_SHEET + self._row

    def _begin(self, name: str) -> "Worksheet":
        sheet = self._book.sheet(name, self._header)
        for column, width in enumerate(_column_widths(len(self._header))):
            sheet.set_column(column, column, width)
        return sheet

    def _close(self) -> None:
        self._sheet.autofilter(0, 0, max(self._row, 1), len(self._header) - 1)


def _column_widths(columns: int) -> Iterator[int]:
    yield from _WIDTHS
    yield from (_SAID,) * (columns - len(_WIDTHS) - _DAYS)
    yield from (_DAY,) * _DAYS


def _put(sheet: "Worksheet", row: int, column: int, text: str, look: "Format") -> None:
    if len(text) > CELL_LIMIT:
        text = text[: CELL_LIMIT - 1] + "…"
    if sheet.write_string(row, column, text, look) != 0:
        raise Stop("E_REPORT", part=f"xlsx {row}:{column}")
