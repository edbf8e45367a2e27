"""One record through its mapping, field by field: what was read, what each step made of it, what became."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from renkei.mapping import compile as plan
from renkei.mapping import segments
from renkei.mapping.declaration import FieldRule
from renkei.mapping.declaration import Mapping as FeedMapping
from renkei.mapping.diff import written
from renkei.mapping.examples import one_record
from renkei.mapping.masking import HIDDEN
from renkei.mapping.trial import PADDING, Trial, trial
from renkei.vault.tokens import VEILED

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class StepTold:
    """A step as the mapping writes it, and what came out of it."""

    step: str
    value: Any


@dataclass(frozen=True, kw_only=True)
class FieldTold:
    """How one target came about. ``raw`` are the source's columns and texts, ``text`` what the steps were
    given, ``value`` what the target would hold; ``refused`` is the code that set the record aside here.
    """

    to: str
    raw: tuple[tuple[str, str | None], ...]
    text: str | None
    steps: tuple[StepTold, ...]
    value: Any
    refused: str | None


@dataclass(frozen=True, kw_only=True)
class RecordTold:
    """A record's whole way: every field, and the first fault that set it aside with its raw column.

    ``values`` are the columns of the record made, none when it was set aside; ``key`` is its source key;
    ``day`` is one of the version and the codes that it was mapped by.
    """

    day: date
    fields: tuple[FieldTold, ...]
    values: Row
    key: str | None
    refused: str | None
    refused_field: str | None


def explain(mapping: FeedMapping, raw: Mapping[str, str | None], *, as_of: date) -> RecordTold:
    """Take one record through the mapping of a day; the values are those that the real plan gives."""
    mapping = mapping.keyed(VEILED)  # what is told never holds a token, not even behind a veil
    mapped = plan.apply(mapping, one_record(mapping, raw), as_of=as_of)
    record: Row = next(iter(mapped.records.to_pylist()), {})
    refused: Row = next(iter(mapped.rejects.to_pylist()), {})
    day = day_of(mapping, raw, as_of=as_of)
    there = mapping.at(day)
    return RecordTold(
        day=day,
        fields=tuple(_field(there, rule, raw, record, as_of=day) for rule in there.fields),
        values=record,
        key=record.get("source_key") or refused.get("source_key"),
        refused=refused.get("code"),
        refused_field=refused.get("field"),
    )


def day_of(mapping: FeedMapping, raw: Mapping[str, str | None], *, as_of: date) -> date:
    """A day of the version and the codes that a record is mapped by: the delivery's, or one of its own."""
    frame = pl.from_arrow(one_record(mapping, raw).table)
    assert isinstance(frame, pl.DataFrame)  # a table never becomes a Series
    reader = plan.Plan(mapping=mapping.at(as_of).keyed(VEILED), as_of=as_of)
    [(day, _)] = segments.split(mapping, frame, reader=reader, as_of=as_of)
    return day


def _field(
    mapping: FeedMapping, rule: FieldRule, raw: Mapping[str, str | None], record: Row, *, as_of: date
) -> FieldTold:
    text = source_text(rule, raw)
    made = trial(rule.steps, text, codes=mapping.codes, as_of=as_of, raw=raw, towns=mapping.towns)
    if rule.is_secret:
        return _secret(rule, made)
    return FieldTold(
        to=rule.to,
        raw=tuple((name, raw.get(name)) for name in rule.sources),
        text=text,
        steps=tuple(StepTold(step=written([stage.step]), value=stage.value) for stage in made.stages),
        value=record.get(rule.to),
        refused=made.refused,
    )


def _secret(rule: FieldRule, made: Trial) -> FieldTold:
    """The way of a number that nobody is shown: which steps it took, and whether it was refused."""
    return FieldTold(
        to=rule.to,
        raw=tuple((name, HIDDEN) for name in rule.sources),
        text=HIDDEN,
        steps=tuple(StepTold(step=written([stage.step]), value=HIDDEN) for stage in made.stages),
        value=HIDDEN,
        refused=made.refused,
    )


def source_text(rule: FieldRule, raw: Mapping[str, str | None]) -> str | None:
    """What a field starts from: its constant, its column, the first filled one, or several joined."""
    if rule.value is not None:
        return rule.value
    parts = [(raw.get(name) or "").rstrip(PADDING) or None for name in rule.sources]
    filled = [part for part in parts if part is not None]
    if rule.pick_first or len(parts) == 1:
        return next(iter(filled), None)
    if rule.required and len(filled) < len(parts):
        return None
    return rule.join.join(filled) or None
