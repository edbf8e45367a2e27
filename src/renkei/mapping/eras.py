"""The eras (元号). This is the only module that knows them; a new one is a new row.

The day of change belongs to both eras (明治45年7月30日 is 大正元年7月30日), for both were written.
Days before the Gregorian calendar came in (明治6年) are taken as they are written.
"""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class Era:
    """One era. ``digit`` and ``letter`` are what systems write for it; ``last`` is None while it runs."""

    name: str
    digit: str
    letter: str
    first: date
    last: date | None = None

    @property
    def offset(self) -> int:
        """Year in the calendar = offset + year in the era (元年 is 1)."""
        return self.first.year - 1


ERAS = (
    Era(name="明治", digit="1", letter="M", first=date(1868, 1, 25), last=date(1912, 7, 30)),
    Era(name="大正", digit="2", letter="T", first=date(1912, 7, 30), last=date(1926, 12, 25)),
    Era(name="昭和", digit="3", letter="S", first=date(1926, 12, 25), last=date(1989, 1, 7)),
    Era(name="平成", digit="4", letter="H", first=date(1989, 1, 8), last=date(2019, 4, 30)),
    Era(name="令和", digit="5", letter="R", first=date(2019, 5, 1)),
)

#: Further spellings: one-character signs and compatibility glyphs.
SIGNS = {"明": "明治", "大": "大正", "昭": "昭和", "平": "平成", "令": "令和"}
GLYPHS = {"㍾": "明治", "㍽": "大正", "㍼": "昭和", "㍻": "平成", "㋿": "令和"}
