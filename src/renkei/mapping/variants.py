"""Pairs of kanji that are written for one another (異体字), and what a pair is worth as evidence.

A pair is never equality: 斎 and 斉 are two characters by law, and a strict key keeps them apart. The table
only says how far two spellings may still be one person, and which characters a search puts together.
"""

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

#: shape: the same character drawn otherwise · printed: an old and a new printed form of one character ·
#: exchanged: two characters by law, though one is often written for the other.
Class = Literal["shape", "printed", "exchanged"]

#: Pairs that weigh less are evidence only: a search does not put them together (坂 阪).
SEARCHED_FROM = 0.5

_TABLE = Path(__file__).parent / "data" / "variants.csv"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two characters; ``weight`` from 0 to 1: how far the difference still speaks for one person."""

    one: str
    other: str
    weight: float
    kind: Class
    note: str


@cache
def pairs() -> tuple[Pair, ...]:
    """The whole table, in its order."""
    with _TABLE.open(encoding="utf-8", newline="") as lines:
        return tuple(_pair(row) for row in csv.DictReader(lines))


def _pair(row: Mapping[str, str]) -> Pair:
    kind = next(each for each in get_args(Class) if each == row["class"])
    one, other = _character(row["one"]), _character(row["other"])
    return Pair(one=one, other=other, weight=float(row["weight"]), kind=kind, note=row["note"])


def _character(written: str) -> str:
    """One character, or its number: an editor that normalizes would turn U+FA19 into 神 without a word."""
    return chr(int(written.partition("+")[2], 16)) if written.startswith("U+") else written


def evidence(one: str, other: str) -> float:
    """How far two strict keys of names still speak for one person: the product over their characters.

    1.0 when they are equal, 0.0 when a place holds two characters that are no pair or the lengths differ.
    """
    if len(one) != len(other):
        return 0.0
    both = zip(one, other, strict=True)
    return prod(1.0 if a == b else _weights().get(frozenset((a, b)), 0.0) for a, b in both)


@cache
def _weights() -> Mapping[frozenset[str], float]:
    return {frozenset((pair.one, pair.other)): pair.weight for pair in pairs()}


@cache
def representatives() -> Mapping[str, str]:
    """Character → the one that stands for its class in a loose key; that one itself is left out.

    A class is what pairs of :data:`SEARCHED_FROM` and more hold together, however many steps apart.
    """
    chosen = {char: min(members, key=_commonness) for members in classes() for char in members}
    return MappingProxyType({char: stands for char, stands in chosen.items() if char != stands})


@cache
def classes() -> tuple[frozenset[str], ...]:
    """The characters that a search takes for one another."""
    of: dict[str, set[str]] = {}
    for pair in pairs():
        if pair.weight >= SEARCHED_FROM:
            joined = of.get(pair.one, {pair.one}) | of.get(pair.other, {pair.other})
            of |= dict.fromkeys(joined, joined)
    return tuple(dict.fromkeys(frozenset(members) for members in of.values()))


def _commonness(char: str) -> tuple[bool, bytes]:
    """JIS X 0208 first, in its order: level one holds the everyday characters."""
    try:
        return False, char.encode("shift_jis")
    except UnicodeEncodeError:
        return True, char.encode("utf-32-be")


@cache
def digest() -> str:
    """sha256 of the table: keys that were made with another table are other keys."""
    return hashlib.sha256(_TABLE.read_bytes()).hexdigest()
