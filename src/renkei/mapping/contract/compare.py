"""A delivery beside its declaration and the deliveries before it: everything that is odd, at once.

Two columns that changed places are told from each other by what they usually look like: a pair that fits the
other's past far better than its own. Of findings that one cause explains only the cause is told.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from statistics import median

from renkei.mapping.contract.declared import Contract
from renkei.mapping.contract.finding import Finding
from renkei.mapping.contract.profile import Column, Profile
from renkei.mapping.contract.usual import REMEMBERED, Usual, distance, unlike, usual

#: Fewer records than these say nothing of what a delivery usually looks like.
LEAST = 100

#: A pair is swapped where its own past is at least this far, and the other's at most half as far.
_FAR, _NEARER = 0.2, 0.5

#: Other characters in this part of the values: the column holds something else.
_RETYPED = 0.5

#: A column with so many values that suddenly has none lost them, however few of the records that is.
_FEW = 30


def findings(
    now: Profile, past: Sequence[Profile], contract: Contract, *, taken: Profile | None = None
) -> tuple[Finding, ...]:
    """What breaks the contract. ``past`` are profiles of the same kind of delivery, the newest first.

    ``taken`` is the last delivery that a person took as it was: what it had set aside is not told again.
    """
    found = [*_declared(now, taken, contract)]
    measure, newest = usual(past[:REMEMBERED]), usual(past[:1])
    if measure is None or newest is None:
        return tuple(found)
    if now.sampled >= LEAST and measure.sampled >= LEAST:
        swapped = [*_swapped(now, [measure, newest])]
        touched = {name for each in swapped for name in (each.column, each.other)}
        others = [each for each in _beside(now, measure, contract) if each.column not in touched]
        found = [*swapped, *(each for each in found if each.column not in touched), *others]
    return tuple(found)


def volume(records: int, sizes: Sequence[int], *, limit: float) -> tuple[Finding, ...]:
    """Far fewer or far more records than usually: by more than the share ``limit`` of their median."""
    usually = median(sizes[:REMEMBERED]) if sizes else 0
    if usually < LEAST or abs(records - usually) <= limit * usually:
        return ()
    most = usually * limit
    return (Finding(kind="volume", column="*", usual=float(usually), now=float(records), limit=most),)


# beside the declaration --------------------------------------------------------------------------


def _declared(now: Profile, taken: Profile | None, contract: Contract) -> Iterator[Finding]:
    for name in now.strangers:
        yield Finding(kind="unexpected", column=name)
    if now.records < LEAST:
        return
    limits = {"E_UNKNOWN_CODE": ("unknown_code", contract.codes), "E_TOO_LONG": ("too_long", contract.length)}
    for name in now.aside:
        for code, (kind, limit) in limits.items():
            share, before = _share(now, name, code), _share(taken, name, code)
            if share - before > limit:
                yield Finding(kind=kind, column=name, usual=before or None, now=share, limit=limit)  # type: ignore[arg-type]  # literals


def _share(profile: Profile | None, name: str, code: str) -> float:
    """The part of the records that was set aside for a column and a reason."""
    return profile.aside.get(name, {}).get(code, 0) / max(1, profile.records) if profile else 0.0


# beside the deliveries before --------------------------------------------------------------------


def _beside(now: Profile, measure: Usual, contract: Contract) -> Iterator[Finding]:
    for column in now.columns:
        then = measure.of(column)
        if then is not None:
            yield from _first(_changed(column, then, sampled=now.sampled, contract=contract))


def _first(found: Iterable[Finding]) -> Iterator[Finding]:
    """A column that is empty is not also one of other lengths."""
    yield from list(found)[:1]


def _changed(now: Column, then: Column, *, sampled: int, contract: Contract) -> Iterator[Finding]:
    lost = then.filled - now.filled
    if lost > contract.null_share or (not now.filled and then.filled * sampled >= _FEW):
        yield Finding(
            kind="emptied", column=now.name, usual=then.filled, now=now.filled, limit=contract.null_share
        )
    if "#" not in now.fills and not then.filled and now.filled > contract.null_share:
        yield Finding(kind="begun", column=now.name, usual=0.0, now=now.filled, limit=contract.null_share)
    if min(now.filled, then.filled) * sampled < _FEW:
        return
    other = unlike(now.kinds, then.kinds)
    if other > _RETYPED:
        yield Finding(kind="retyped", column=now.name, now=other, limit=_RETYPED)
    longer = sum(now.lengths[then.longest + 1 :])
    if longer > contract.length and not now.most:  # what the mapping says goes before what was usual
        yield Finding(kind="widened", column=now.name, usual=float(then.longest), now=float(now.longest))


def _swapped(now: Profile, measures: Sequence[Usual]) -> Iterator[Finding]:
    """Pairs of columns that each look as the other usually does; a column is in one pair, the clearest.

    By every measure: two columns that drift past each other over the weeks are near the newest delivery.
    """
    first, *others = ([*_candidates(now, measure)] for measure in measures)
    confirmed = [{(mine.name, theirs.name) for _, mine, theirs in pairs} for pairs in others]
    taken: set[str] = set()
    for _, mine, theirs in sorted(first, key=lambda pair: -pair[0]):
        names = (mine.name, theirs.name)
        if all(names in each for each in confirmed) and not set(names) & taken:
            taken |= {mine.name, theirs.name}
            yield Finding(kind="swapped", column=mine.name, other=theirs.name)


def _candidates(now: Profile, measure: Usual) -> Iterator[tuple[float, Column, Column]]:
    known = [(column, then) for column in now.columns if (then := measure.of(column)) is not None]
    own = {column.name: distance(column, then, sampled=now.sampled) for column, then in known}
    moved = [pair for pair in known if own[pair[0].name] > _FAR / 4]
    for (mine, my_past), (theirs, their_past) in combinations(moved, 2):
        before = own[mine.name] + own[theirs.name]
        if before < _FAR:
            continue
        after = distance(mine, their_past, sampled=now.sampled)
        after += distance(theirs, my_past, sampled=now.sampled)
        if after < _NEARER * before:
            yield before - after, mine, theirs
