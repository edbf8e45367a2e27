"""What the scheduler needs to know of each feed, read without compiling a mapping.

A DAG file is parsed over and over, so this imports nothing heavy: no Arrow, no Polars, no mapping.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from renkei.errors import FixDeclaration

#: How long a change may take to show when the feed says nothing: one night and its morning.
DEFAULT_LAG = "26h"

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """``26h`` → a span of time; units m, h, d."""
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


@dataclass(frozen=True, kw_only=True)
class FeedHead:
    """The head of one feed's declaration: when it runs, what it fills, which system it burdens."""

    system: str
    name: str
    title: str
    owner: str
    record: str
    schedule: str
    lag: str
    slots: int = 1

    @property
    def id(self) -> str:
        """``system.name``, as everywhere."""
        return f"{self.system}.{self.name}"


def feeds_of(root: Path) -> tuple[FeedHead, ...]:
    """Every feed that ``mappings/*.toml`` declares, in the order of the files.

    One unreadable file refuses all of them: a feed left out silently would let a day be reconciled
    as complete without it.
    """
    return tuple(head for place in sorted((root / "mappings").glob("*.toml")) for head in _heads(place))


def systems_of(heads: tuple[FeedHead, ...]) -> dict[str, int]:
    """System → how many of its feeds may be pulled at once, the most that any of its feeds allows."""
    slots: dict[str, int] = {}
    for head in heads:
        slots[head.system] = max(slots.get(head.system, 1), head.slots)
    return slots


def _heads(place: Path) -> Iterator[FeedHead]:
    try:
        text = tomllib.loads(place.read_text("utf-8"))
        for feed in text["feed"]:
            yield _head(text, feed)
    except (KeyError, TypeError, ValueError) as wrong:
        problem = f"{place.name}: {type(wrong).__name__}: {wrong}"
        raise FixDeclaration("E_DECLARATION", problems=problem) from wrong


def _head(system: dict[str, Any], feed: dict[str, Any]) -> FeedHead:
    return FeedHead(
        system=system["system"],
        name=feed["name"],
        title=feed.get("title", system.get("title", feed["name"])),
        owner=feed.get("owner", system.get("owner", "")),
        record=feed["record"],
        schedule=feed["schedule"],
        lag=feed.get("lag", DEFAULT_LAG),
        slots=int(system.get("slots", 1)),
    )
