"""State at (D, K) in plain Python, by a stack of events: what ``person_span`` is held against."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a key. ``told_on`` is the day of its delivery, ``arrival`` and ``known`` count up."""

    key: str
    version: str
    valid_from: date
    told_on: date
    known: int
    arrival: int
    kind: str = "moved_in"
    removed: bool = False
    superseded: bool = False
    doubted: bool = False


def believed(versions: Iterable[Version]) -> list[Version]:
    """Without the removals that came late and that nothing told later confirms."""
    known = list(versions)
    sure = [(v.told_on, not v.superseded) for v in known if not v.doubted]
    return [v for v in known if not v.doubted or any(each > (v.told_on, False) for each in sure)]


def ordered(versions: Iterable[Version]) -> list[tuple[int, Version]]:
    """The source's order: a life, and the version in it."""
    lives, life = [], 0
    for each in sorted(believed(versions), key=lambda v: (v.told_on, not v.superseded, v.arrival)):
        lives.append((life, each))
        life += each.removed
    return sorted(lives, key=lambda pair: (pair[0], pair[1].removed, pair[1].version, pair[1].arrival))


def effective(versions: Iterable[Version]) -> list[tuple[date, Version]]:
    """Each version with the day from which it says what held, in the source's order."""
    events: list[date] = []
    cancelled: date | None = None
    seen: set[tuple[int, str]] = set()
    found = []
    for life, each in ordered(versions):
        day = min(each.valid_from, each.told_on)
        again = (life, each.version) in seen
        if each.removed:
            pass
        elif each.kind == "correction":
            day = min([day, *events[-1:]])
        elif each.kind == "cancelled":
            if not again:
                cancelled = events.pop() if events else None
            day = min(day, cancelled) if cancelled else day
        elif not again:
            events.append(day)
        if not each.removed:
            seen.add((life, each.version))
        found.append((day, each))
    return found


def state(versions: Iterable[Version], as_of: date, known_at: int) -> dict[str, Version]:
    """Key → the last version that says what held on the day; a removed key is not there."""
    known = sorted((v for v in versions if v.known <= known_at), key=lambda v: v.key)
    found = {}
    for key, group in groupby(known, key=lambda v: v.key):
        begun = [version for day, version in effective(group) if day <= as_of]
        if begun and not begun[-1].removed:
            found[key] = begun[-1]
    return found


def forgetting(versions: Iterable[Version]) -> list[Version]:
    """The known-bad twin: cancellations and corrections hold only from the day on which they were entered."""
    return [replace(v, kind="other") if v.kind in ("cancelled", "correction") else v for v in versions]
