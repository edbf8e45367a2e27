"""Runs a mapping's own examples, and tells how a delivery stands to what the mapping expects of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import polars as pl
import pyarrow as pa

from renkei.errors import RenkeiError
from renkei.formats.layout import rejects_table
from renkei.mapping import apply, expectations
from renkei.mapping import compile as plan
from renkei.mapping.declaration import Example, Expectation, FieldRule
from renkei.mapping.declaration import Mapping as FeedMapping
from renkei.model import BYTE_LENGTH, BYTE_OFFSET, REC_NO, Batch, Control, Mapped
from renkei.vault.tokens import VEILED

#: The place of the code in a miss, where a column's name would stand.
REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Miss:
    """One column that did not come out as the example says; ``refused`` stands for the fault's code."""

    column: str
    expected: Any
    found: Any


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one example."""

    feed: str
    title: str
    misses: tuple[Miss, ...]

    @property
    def passed(self) -> bool:
        """True when everything came out as the example says."""
        return not self.misses


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one expectation stands: the share found of the share wanted."""

    field: str
    matches: str | None
    least: int | date | None
    most: int | date | None
    wanted: float
    found: float

    @property
    def holds(self) -> bool:
        """True when the delivery would pass it."""
        return self.found >= self.wanted


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a delivery would give: its records, its rejects by code, its expectations, and why it is held."""

    records: int
    mapped: int
    rejects: Mapping[str, int]
    standings: tuple[Standing, ...]
    held: str | None


def run(mapping: FeedMapping, *, as_of: date) -> tuple[Outcome, ...]:
    """Every example through the real plan, for its own day or the one given.

    An example gives only the raw columns that it is about: fields that read none of them are left out.
    """
    return tuple(_outcome(mapping, example, as_of=example.day or as_of) for example in mapping.examples)


def read(mapping: FeedMapping, batch: Batch, *, as_of: date) -> Reading:
    """Map a whole delivery as a run would, without merging it."""
    there = mapping.at(as_of)
    mapped = plan.apply(_without_expectations(mapping), batch, as_of=as_of)
    return Reading(
        records=batch.records,
        mapped=mapped.records.num_rows,
        rejects=dict(sorted(Counter(mapped.rejects.column("code").to_pylist()).items())),
        standings=tuple(_standing(mapped.records, wanted) for wanted in there.expect),
        held=_held(mapping, batch, as_of=as_of),
    )


def one_record(mapping: FeedMapping, raw: Mapping[str, str | None]) -> Batch:
    """A batch of one record; raw columns that are not given are empty."""
    every = dict.fromkeys((*_all_raw_columns(mapping), *raw))
    columns = {name: pa.array([raw.get(name)], pa.string()) for name in every}
    places = {
        REC_NO: pa.array([1], pa.int64()),
        BYTE_OFFSET: pa.array([None], pa.int64()),
        BYTE_LENGTH: pa.array([None], pa.int64()),
    }
    return Batch(
        feed=mapping.feed.id,
        table=pa.table(places | columns),
        rejects=rejects_table(()),
        records=1,
        control=Control(),
    )


def _outcome(mapping: FeedMapping, example: Example, *, as_of: date) -> Outcome:
    about = _about(mapping, frozenset(example.given))
    mapped = plan.apply(about, one_record(about, example.given), as_of=as_of)
    misses = _misses(example.gives, example.refused, mapped)
    return Outcome(feed=mapping.feed.id, title=example.title, misses=tuple(misses))


def _misses(gives: Mapping[str, Any], refused: str | None, mapped: Mapped) -> list[Miss]:
    code = next(iter(mapped.rejects.column("code").to_pylist()), None)
    if code != refused:
        return [Miss(column=REFUSED, expected=refused, found=code)]
    found: Mapping[str, Any] = next(iter(mapped.records.to_pylist()), {})
    pairs = [(column, None if value == "" else value, found.get(column)) for column, value in gives.items()]
    return [
        Miss(column=column, expected=wanted, found=got)
        for column, wanted, got in pairs
        if refused is None and not _equal(wanted, got)
    ]


def _equal(wanted: object, got: object) -> bool:
    if isinstance(wanted, datetime) and isinstance(got, datetime) and wanted.tzinfo is None:
        return wanted == got.replace(tzinfo=None)  # a clock without a zone is the clock of the city
    return wanted == got


def _about(mapping: FeedMapping, given: frozenset[str]) -> FeedMapping:
    """The mapping with only the fields that read something given, in each of its versions.

    The key and the date that chooses the version stay, and are asked for only where they are given.
    """
    kept = ("source_key", mapping.version_by)
    rules = [_asked(rule, given) for rule in mapping.fields if rule.to in kept or _reads(rule, given)]
    versions = tuple((since, _about(version, given)) for since, version in mapping.versions)
    return replace(_without_expectations(mapping), fields=tuple(rules), versions=versions)


def _asked(rule: FieldRule, given: frozenset[str]) -> FieldRule:
    return rule if _reads(rule, given) else replace(rule, required=False)


def _reads(rule: FieldRule, given: frozenset[str]) -> bool:
    return rule.value is not None or bool(given & set(rule.sources))


def _all_raw_columns(mapping: FeedMapping) -> list[str]:
    return [
        name for each in (mapping, *(version for _, version in mapping.versions)) for name in each.raw_columns
    ]


def _without_expectations(mapping: FeedMapping) -> FeedMapping:
    versions = tuple((since, _without_expectations(version)) for since, version in mapping.versions)
    return replace(mapping, expect=(), versions=versions, tokens=VEILED)


def _held(mapping: FeedMapping, batch: Batch, *, as_of: date) -> str | None:
    """The code with which the delivery would be held or refused, if it would."""
    try:
        expectations.hold_odd_size(mapping, batch, as_of=as_of)
        apply(mapping, batch, as_of=as_of)
    except RenkeiError as refused:
        return refused.code
    return None


def _standing(records: pa.Table, wanted: Expectation) -> Standing:
    column = pl.Series(wanted.field, records.column(wanted.field))
    return Standing(
        field=wanted.field,
        matches=wanted.matches,
        least=wanted.least,
        most=wanted.most,
        wanted=wanted.share,
        found=expectations.share_of(column, wanted) if len(column) else 1.0,
    )
