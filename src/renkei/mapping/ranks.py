"""Which feed wins a field of the golden record: the ranks that mappings give, lower before higher."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING

from renkei.mapping.problems import Problem

if TYPE_CHECKING:
    from renkei.mapping.declaration import FieldRule, Mapping


def ranked(mappings: Iterable["Mapping"], field: str, *, day: date) -> tuple[str, ...]:
    """Feeds with a rank for the field on that day, the winner first; feeds without one are not named."""
    claims = [(rule.rank, mapping.feed.id) for mapping, rule in _claims(mappings, field, day)]
    return tuple(feed for _, feed in sorted(claims))


def problems(mappings: Sequence["Mapping"]) -> list[Problem]:
    """Two feeds that claim one field with the same rank on some day; both places are told."""
    days = {date.min, *(since for mapping in mappings for since, _ in mapping.versions)}
    fields = {
        rule.to for mapping in mappings for each in _states(mapping) for rule in each.fields if rule.rank
    }
    found = (
        _twice(field, each)
        for day in days
        for field in fields
        for each in _by_rank([*_claims(mappings, field, day)])
        if len(each) > 1
    )
    return list(dict.fromkeys(found))


Claim = tuple["Mapping", "FieldRule"]


def _states(mapping: "Mapping") -> list["Mapping"]:
    return [mapping, *(version for _, version in mapping.versions)]


def _claims(mappings: Iterable["Mapping"], field: str, day: date) -> list[Claim]:
    now = (mapping.at(day) for mapping in mappings if mapping.feed.record == "person")
    return [(each, rule) for each in now for rule in each.fields if rule.to == field and rule.rank]


def _by_rank(claims: list[Claim]) -> list[list[Claim]]:
    def rank(claim: Claim) -> int:
        return claim[1].rank or 0

    return [list(same) for _, same in groupby(sorted(claims, key=rank), key=rank)]


def _twice(field: str, claims: Sequence[Claim]) -> Problem:
    places = [f"{mapping.file}:{rule.line}" for mapping, rule in claims]
    mapping, rule = claims[-1]
    found = f"rank {rule.rank} in {' and '.join(places)}"
    return Problem(file=mapping.file, line=rule.line, expected=f"one feed a rank for {field}", found=found)
