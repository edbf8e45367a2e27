"""What only the delivery itself can tell about a finding: the longest value, and which codes are unknown."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from renkei.mapping.contract.finding import Finding
from renkei.mapping.contract.profile import MOST_VALUES, code_columns
from renkei.mapping.declaration import FieldRule, Mapping
from renkei.model import Batch


def told_exactly(
    found: Sequence[Finding], mapping: Mapping, batch: Batch, *, as_of: date
) -> tuple[Finding, ...]:
    """The findings with what a change of text needs to know: codes of plain columns only, not too many."""
    return tuple(_told(each, mapping, batch, as_of=as_of) for each in found)


def _told(finding: Finding, mapping: Mapping, batch: Batch, *, as_of: date) -> Finding:
    if finding.column not in batch.table.column_names:
        return finding
    if finding.kind == "too_long":
        return replace(finding, longest=int(str(_texts(batch, finding.column).str.len_chars().max() or 0)))
    if finding.kind == "unknown_code" and finding.column in code_columns(mapping):
        return replace(finding, codes=_unknown(finding.column, mapping, batch, as_of=as_of))
    return finding


def _texts(batch: Batch, column: str) -> pl.Series:
    texts = pl.Series(column, batch.table.column(column), dtype=pl.String).str.strip_chars_end(" \u3000")
    return texts.filter(texts != "")


def _unknown(column: str, mapping: Mapping, batch: Batch, *, as_of: date) -> dict[str, int] | None:
    known: set[str] = set()
    for rule in _coded(column, mapping):
        table = mapping.codes[str(rule.steps[0].argument)]
        if table.by_prefix:
            return None
        known |= set(table.at(as_of))
    counted = _texts(batch, column).value_counts(sort=True, name="n").rows()
    unknown = {str(code): int(count) for code, count in counted if code not in known}
    return unknown if len(unknown) <= MOST_VALUES else None


def _coded(column: str, mapping: Mapping) -> Iterator[FieldRule]:
    for rule in mapping.fields:
        if rule.sources == (column,) and rule.steps and rule.steps[0].name == "code":
            yield rule
