"""Steps on any text: form, width, yes and no, whole numbers."""

from collections.abc import Iterator

import polars as pl

from renkei.mapping.expression import misspelt
from renkei.mapping.steps.kinds import (
    Fault,
    Known,
    Misuse,
    Step,
    StepKind,
    Surroundings,
    Value,
    lost,
    must_match,
)


def _trim(value: Value, _step: Step, _around: Surroundings) -> Value:
    """Padding goes before any step; naming it says so to the reader."""
    return value


def _pad(value: Value, step: Step, _around: Surroundings) -> Value:
    return value.then(value.expr.str.zfill(int(step.argument)))


def _matches(value: Value, step: Step, _around: Surroundings) -> Value:
    return value.then(value.expr, must_match(step.argument))


def _integer(value: Value, _step: Step, _around: Surroundings) -> Value:
    figures = value.expr.str.strip_chars(" ")
    whole = pl.when(figures.str.contains(r"^-?[0-9]{1,18}$")).then(figures.cast(pl.Int64, strict=False))
    return value.then(whole, Fault(code="E_BAD_FORMAT", bad=lost), kind="integer")


def _boolean(value: Value, step: Step, _around: Surroundings) -> Value:
    answers = dict.fromkeys(step.options["yes"], True) | dict.fromkeys(step.options["no"], False)
    result = value.expr.replace_strict(answers, default=None, return_dtype=pl.Boolean)
    return value.then(result, Fault(code="E_UNKNOWN_CODE", bad=lost), kind="boolean")


def _equals(value: Value, step: Step, _around: Surroundings) -> Value:
    return value.then(value.expr == step.argument, kind="boolean")


def _present(value: Value, step: Step, _around: Surroundings) -> Value:
    return value.then(pl.when(value.expr.is_not_null()).then(pl.lit(step.argument)).otherwise(None))


def _expression(step: Step, _known: Known) -> Iterator[Misuse]:
    if misspelt(step.argument):
        yield Misuse(expected="an RE2 expression", found=repr(step.argument))


def _yes_and_no(step: Step, _known: Known) -> Iterator[Misuse]:
    if {"yes", "no"} - set(step.options):
        yield Misuse(expected="yes and no", found=", ".join(step.options) or "neither")


STEPS: dict[str, StepKind] = {
    "trim": StepKind(build=_trim, says="padding goes; blank is nothing (always done)", keeps=True),
    "pad": StepKind(build=_pad, says="zeros on the left up to a width", argument="needed", keeps=True),
    "matches": StepKind(
        build=_matches,
        says="must match an RE2 expression",
        argument="needed",
        misuses=_expression,
        keeps=True,
    ),
    "integer": StepKind(build=_integer, says="whole number, money in yen", gives="integer"),
    "boolean": StepKind(
        build=_boolean,
        says="yes and no by lists",
        gives="boolean",
        argument="optional",
        options=("yes", "no"),
        misuses=_yes_and_no,
    ),
    "equals": StepKind(build=_equals, says="is it this word?", gives="boolean", argument="needed"),
    "present": StepKind(build=_present, says="this word where there is a value", argument="needed"),
}
