"""Control totals (合計) over any kind of number: exact, however long, with its decimals."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Context

import pyarrow as pa
import pyarrow.compute as pc

from renkei.errors import Stop
from renkei.formats.cobol.block import Block
from renkei.formats.cobol.layout import Record
from renkei.formats.cobol.plan import Total, summed
from renkei.formats.layout import quotable

#: Room for the sum of any number of 38-digit items.
_DIGITS = 76
#: Python rounds to 28 digits unless it is told otherwise.
_EXACT = Context(prec=_DIGITS)


@dataclass(kw_only=True)
class Sums:
    """Sums of the declared totals, as whole numbers of their smallest unit."""

    record: Record
    totals: Sequence[Total]
    sums: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sums = [0] * len(self.totals)

    def add(self, block: Block) -> None:
        """Add what the records hold. What cannot be read adds nothing, so that the total will not agree."""
        for number, total in enumerate(self.totals):
            for column in summed(self.record, total.of):
                self.sums[number] += units(block.text(column), self.scale(total))

    def scale(self, total: Total) -> int:
        """Digits after the point in which a total is counted."""
        return max(0, *(column.cell.scale for column in summed(self.record, total.of)))

    def check(self, trailer: dict[str, str], *, feed: str) -> None:
        """Stop unless every total is what the trailer states."""
        for total, counted in zip(self.totals, self.sums, strict=True):
            scale = self.scale(total)
            stated = whole(trailer[total.trailer], scale)
            if stated is None or cut(stated, total) != cut(counted, total):
                facts = {"stated": quotable(trailer[total.trailer]), "counted": spelled(counted, scale)}
                raise Stop("E_TRAILER_TOTAL", feed=feed, field=total.of, **facts)

    def texts(self) -> dict[str, str]:
        """Trailer items by name, as they must be written."""
        return {
            total.trailer: spelled(cut(counted, total), self.scale(total))
            for total, counted in zip(self.totals, self.sums, strict=True)
        }


def cut(value: int, total: Total) -> int:
    """The part of a sum that the trailer has room for, where it is declared so."""
    return value % total.modulo if total.modulo else value


def units(texts: pa.Array, scale: int) -> int:
    """The exact sum of decimal texts, in units of their last digit."""
    kind = pa.decimal256(_DIGITS, scale)
    total = pc.sum(pc.cast(texts, kind)).as_py()
    return int(total.scaleb(scale, _EXACT)) if total is not None else 0


def whole(text: str, scale: int) -> int | None:
    """A decimal text in units of so many decimals; None for anything else, or where it has more of them."""
    match = _DECIMAL.fullmatch(text.strip(" "))
    rest = (match[2] or "").rstrip("0") if match else ""
    if match is None or len(rest) > scale:
        return None
    return int(match[1] + rest.ljust(scale, "0"))


_DECIMAL = re.compile(r"([+-]?[0-9]+)(?:\.([0-9]+))?")


def spelled(value: int, scale: int) -> str:
    """A whole number of units as decimal text."""
    digits = str(abs(value)).zfill(scale + 1)
    text = f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
    return f"-{text}" if value < 0 else text
