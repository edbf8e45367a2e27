"""The step that translates by a code table (コード表)."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from renkei.mapping.steps.kinds import Fault, Known, Misuse, Step, StepKind, Surroundings, Value, lost


def _code(value: Value, step: Step, around: Surroundings) -> Value:
    table = around.codes[step.argument]
    words = table.at(around.as_of)
    key = _prefix_of(value.expr, words) if table.by_prefix else value.expr
    said = {code: word for code, word in words.items() if word is not None}
    silent = [code for code, word in words.items() if word is None]
    nothing = pl.lit(None, pl.String)
    result = key.replace_strict(said, default=None, return_dtype=pl.String) if said else nothing

    def unknown(result: pl.Expr, source: pl.Expr) -> pl.Expr:
        bad = lost(result, source)
        return bad & ~source.is_in(silent) if silent else bad

    return value.then(result, Fault(code="E_UNKNOWN_CODE", bad=unknown))


def _prefix_of(text: pl.Expr, prefixes: Mapping[str, Any]) -> pl.Expr:
    """The longest known beginning of the text."""
    found = pl.lit(None, pl.String)
    for prefix in sorted(prefixes, key=len):
        found = pl.when(text.str.starts_with(prefix)).then(pl.lit(prefix)).otherwise(found)
    return found


def _table(step: Step, known: Known) -> Iterator[Misuse]:
    if step.argument not in known.tables:
        yield Misuse(expected="a table in codes/", found=str(step.argument), near=tuple(known.tables))


STEPS: dict[str, StepKind] = {
    "code": StepKind(build=_code, says="translate by a code table", argument="needed", misuses=_table),
}
