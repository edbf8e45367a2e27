"""Which records of a batch are mapped by which day's version and code tables.

Time is cut wherever the mapping says something else than on the day before: where a version begins, and where
a row of a code table begins or has ended. Between two cuts every day gives the same plan, so that a batch
needs as many plans as it has records in different segments, and not one a day.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from renkei.mapping.declaration import BY_DELIVERY, Mapping
from renkei.mapping.steps import STEPS

if TYPE_CHECKING:
    from renkei.mapping.compile import Plan


def turns(mapping: Mapping) -> tuple[date, ...]:
    """Every day from which the mapping says something else than on the day before, in order."""
    states = [mapping, *(version for _, version in mapping.versions)]
    found = {since for since, _ in mapping.versions}
    for state in states:
        around = state.surroundings(date.min)
        for rule in state.fields:
            for step in rule.steps:
                found.update(STEPS[step.name].turns(step, around))
    return tuple(sorted(found - {date.min}))


def day_of(number: int, cuts: tuple[date, ...], *, as_of: date) -> date:
    """A day of the segment: the delivery's own where it lies there, or else one of its two ends."""
    if number == segment_of(as_of, cuts):
        return as_of
    return cuts[number - 1] if number else cuts[0] - timedelta(days=1)


def segment_of(day: date, cuts: tuple[date, ...]) -> int:
    """Number of the segment that holds the day; 0 is before the first cut."""
    return sum(cut <= day for cut in cuts)


def split(
    mapping: Mapping, raw: pl.DataFrame, *, reader: "Plan", as_of: date
) -> Iterator[tuple[date, pl.DataFrame]]:
    """The records of each segment, with a day of it, in order of time.

    A record has the day that ``reader`` reads from it. An unknown day or month does no harm while the whole
    interval lies in one segment; where it does not, and where there is no date, the delivery's day holds.
    """
    cuts = turns(mapping)
    if mapping.version_by == BY_DELIVERY or not cuts:
        yield as_of, raw
        return
    numbers = numbers_of(reader.days(raw.lazy()), cuts, as_of=as_of)
    for number in sorted(numbers.unique()):
        yield day_of(number, cuts, as_of=as_of), raw.filter(numbers == number)


def numbers_of(days: pl.DataFrame, cuts: tuple[date, ...], *, as_of: date) -> pl.Series:
    """The segment of each row's interval ``lo`` to ``hi``; the delivery's where it has none or spans two."""
    edges = pl.Series(cuts, dtype=pl.Date).to_physical()
    first, last = (
        edges.search_sorted(days[name].to_physical().fill_null(0), side="right") for name in ("lo", "hi")
    )
    known = days["lo"].is_not_null() & days["hi"].is_not_null() & (first == last)
    placed = pl.DataFrame({"known": known, "first": first}).select(
        pl.when("known").then("first").otherwise(segment_of(as_of, cuts))
    )
    return placed.to_series()
