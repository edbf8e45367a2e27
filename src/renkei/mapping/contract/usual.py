"""What a column usually looks like, and how far another one is from that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from renkei.mapping.contract.profile import Column, Profile, Shares

#: As many filled values say all that a histogram can say; fewer say less.
_ENOUGH = 40

#: So many deliveries before this one are its measure.
REMEMBERED = 10


@dataclass(frozen=True, kw_only=True)
class Usual:
    """The middle of the last deliveries: figure by figure, the median of each column."""

    records: float
    sampled: float
    columns: dict[str, Column]

    def of(self, column: Column) -> Column | None:
        """What the column usually looks like: known by what it fills, or else by its name."""
        found = self.columns.get(column.fills)
        if found is None:
            found = next((each for each in self.columns.values() if each.name == column.name), None)
        return found


def usual(past: Sequence[Profile]) -> Usual | None:
    """The measure that the last deliveries give; None where there is none."""
    if not past:
        return None
    by_fills: dict[str, list[Column]] = {}
    for profile in past:
        for column in profile.columns:
            by_fills.setdefault(column.fills, []).append(column)
    return Usual(
        records=median(profile.records for profile in past),
        sampled=median(profile.sampled for profile in past),
        columns={fills: _middle(columns) for fills, columns in by_fills.items()},
    )


def _middle(columns: Sequence[Column]) -> Column:
    """The newest one's name with the median of every figure; the longest value that there ever was."""
    return replace(
        columns[0],
        filled=median(column.filled for column in columns),
        longest=max(column.longest for column in columns),
        distinct=median(column.distinct for column in columns),
        passes=median(column.passes for column in columns),
        lengths=_medians([column.lengths for column in columns]),
        kinds=_medians([column.kinds for column in columns]),
        begins=_medians([column.begins for column in columns]),
        ends=_medians([column.ends for column in columns]),
    )


def _medians(shares: Sequence[Shares]) -> Shares:
    told = [each for each in shares if each]
    return tuple(median(places) for places in zip(*told, strict=True))


def distance(now: Column, then: Column, *, sampled: float) -> float:
    """How far a column is from what one usually looks like: 0 for the same, about 5 for nothing in common."""
    return sum(_parts(now, then, sampled=sampled))


def _parts(now: Column, then: Column, *, sampled: float) -> Iterator[float]:
    yield abs(now.filled - then.filled)
    fewest = min(now.filled, then.filled) * sampled
    weight = min(1.0, fewest / _ENOUGH)
    for mine, theirs in ((now.lengths, then.lengths), (now.begins, then.begins), (now.ends, then.ends)):
        yield weight * apart(mine, theirs)
    yield weight * unlike(now.kinds, then.kinds)


def apart(mine: Shares, theirs: Shares) -> float:
    """The part of the values that lies elsewhere: 0 the same, 1 nothing in common."""
    if not mine or not theirs:
        return 0.0
    return sum(abs(one - other) for one, other in zip(mine, theirs, strict=True)) / 2


def unlike(mine: Shares, theirs: Shares) -> float:
    """The greatest difference in one kind of character."""
    if not mine or not theirs:
        return 0.0
    return max(abs(one - other) for one, other in zip(mine, theirs, strict=True))
