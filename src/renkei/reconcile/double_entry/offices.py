"""Which office sits at a terminal: the city's own table, and the feed's owner where it says nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

#: Which office keyed is said of these three alone.
SEAT = ("feed", "terminal", "operator")


@dataclass(frozen=True, kw_only=True)
class Offices:
    """Beginnings of terminals' and operators' names → office, and feed → its owner.

    The longest beginning counts; a terminal says more than its operator, who may sit anywhere.
    """

    terminals: Mapping[str, str] = field(default_factory=dict)
    operators: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)

    def of(self, feed: str, terminal: str | None, operator: str | None) -> str | None:
        """The office, or None where neither the table nor the feed says one."""
        seated = _longest(self.terminals, terminal) or _longest(self.operators, operator)
        return seated or self.owners.get(feed)


NO_OFFICES = Offices()


def _longest(table: Mapping[str, str], name: str | None) -> str | None:
    found = [start for start in table if name and name.startswith(start)]
    return table[max(found, key=len)] if found else None


def with_office(rows: pl.DataFrame, offices: Offices) -> pl.DataFrame:
    """The rows with a column ``office``, asked once for each seat."""
    seats = rows.select(SEAT).unique()
    named = seats.with_columns(pl.Series("office", _named(seats.iter_rows(), offices), pl.String))
    return rows.join(named, on=SEAT, how="left", nulls_equal=True, maintain_order="left")


def _named(seats: Iterable[tuple[str, str | None, str | None]], offices: Offices) -> list[str | None]:
    return [offices.of(feed, terminal, operator) for feed, terminal, operator in seats]
