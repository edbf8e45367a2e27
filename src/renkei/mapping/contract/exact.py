"""What only the delivery itself can tell about a finding: the longest value, and which codes are unknown.

A name in the place of a code is an unknown code too. So codes are told only where all that are unknown look
like codes: few, of letters and figures, and hardly longer than those that the code table has.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from renkei.mapping.contract.finding import Finding
from renkei.mapping.declaration import FieldRule, Mapping
from renkei.model import Batch

#: More unknown codes than these are none.
MOST_CODES = 50

_CODE = re.compile("[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]+")


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
    longest = max((len(code) for code in known), default=0)
    are_codes = all(_CODE.fullmatch(code) and len(code) <= longest + 1 for code in unknown)
    return unknown if are_codes and len(unknown) <= MOST_CODES else None


def code_columns(mapping: Mapping) -> frozenset[str]:
    """Raw columns that nothing is made of but plain codes."""
    coded = {name for rule in mapping.fields if _is_plain_code(rule) for name in rule.sources}
    others = {name for rule in mapping.fields if not _is_plain_code(rule) for name in rule.sources}
    return frozenset(coded - others)


def _is_plain_code(rule: FieldRule) -> bool:
    return bool(rule.steps) and rule.steps[0].name == "code" and rule.sensitivity == "plain"


def _coded(column: str, mapping: Mapping) -> Iterator[FieldRule]:
    for rule in mapping.fields:
        if rule.sources == (column,) and rule.steps and rule.steps[0].name == "code":
            yield rule
