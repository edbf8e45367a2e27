"""What a city says beside its rules, in ``reconciliation/city.toml``: its names of feeds, shares let through.

Packs of rules lie unchanged in ``reconciliation/packs/NAME/``; the names of feeds in them are exchanged for
those of this table as whole words, in every place of the text at once, so that lines stay where they are.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renkei.reconcile.query import nearest
from renkei.reconcile.shape import RELATION, RULE_ID, TEXT, Problem, RuleFile, departures, read, table

FILE = "city.toml"
PACKS = "packs"

#: The city's own table. It names every departure from the packs, and the reason of every share let through.
SCHEMA: dict[str, Any] = table(
    {
        "feeds": {
            "type": "object",
            "propertyNames": RELATION,
            "additionalProperties": RELATION,
            "description": "a feed as packs name it → the feed of this city",
        },
        "most": {
            "type": "object",
            "propertyNames": RULE_ID,
            "additionalProperties": table(
                {"share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "reason": TEXT},
                ("share", "reason"),
            ),
            "description": "rule → the share that it may find, and why that is right here",
        },
    },
    (),
)


@dataclass(frozen=True, kw_only=True)
class City:
    """``feeds``: as packs name them → as they are called here; ``most``: rule → share that it may find."""

    feeds: Mapping[str, str]
    most: Mapping[str, float]
    file: RuleFile | None = None


@dataclass(frozen=True, kw_only=True)
class NotHere:
    """A rule of a pack that wants feeds which the city has not got."""

    rule_id: str
    file: str
    wants: tuple[str, ...]


def city_of(folder: Path, feeds: Collection[str]) -> City | list[Problem]:
    """The table of the folder, empty where there is none; or everything that is wrong with it."""
    place = folder / FILE
    if not place.exists():
        return City(feeds={}, most={})
    file = read(place)
    if isinstance(file, Problem):
        return [file]
    wrong = departures(file, SCHEMA) or [*_unknown_feeds(file, feeds)]
    if wrong:
        return wrong
    shares = {rule: each["share"] for rule, each in file.values.get("most", {}).items()}
    return City(feeds=file.values.get("feeds", {}), most=shares, file=file)


def _unknown_feeds(file: RuleFile, feeds: Collection[str]) -> Iterator[Problem]:
    for role, feed in file.values.get("feeds", {}).items():
        if feed not in feeds:
            near = nearest(feed, feeds)
            yield file.problem(role, expected="a feed of this city", found=feed, near=near)


def unknown_rules(city: City, rules: Collection[str]) -> Iterator[Problem]:
    """Rules that the table speaks of and nobody brought."""
    for rule in city.most:
        if city.file is not None and rule not in rules:
            yield city.file.problem(
                rule, expected="a rule of this city", found=rule, near=nearest(rule, rules)
            )


def own_files(folder: Path) -> list[RuleFile | Problem]:
    """The city's own rules."""
    return [read(place) for place in sorted(folder.glob("*.toml")) if place.name != FILE]


def pack_files(folder: Path, city: City) -> list[RuleFile | Problem]:
    """The rules of every pack, their feeds by the names of this city."""
    places = sorted((folder / PACKS).glob("*/*.toml"))
    return [read(place, shown=str(place.relative_to(folder)), feeds=city.feeds) for place in places]


def not_here(file: RuleFile, feeds: Collection[str]) -> NotHere | None:
    """Whether a rule of a pack wants a feed that the city has not got."""
    wants = tuple(name for name in file.values["compare"] if name not in feeds)
    return NotHere(rule_id=file.values["id"], file=file.shown, wants=wants) if wants else None
