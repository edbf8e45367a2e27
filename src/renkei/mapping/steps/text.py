"""Steps on any text: form, width, yes and no, whole numbers."""

from collections.abc import Iterator, Sequence

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
    are_texts,
    lost,
    must_match,
)

#: No identifier of any register is wider.
_WIDEST = 99


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


def _as_it_is(value: pl.Expr, _step: Step, _around: Surroundings) -> pl.Expr:
    return value


def _padded(value: pl.Expr, step: Step, _around: Surroundings) -> pl.Expr:
    return value.str.zfill(int(step.argument))


def _figures(value: pl.Expr, _step: Step, _around: Surroundings) -> pl.Expr:
    return value.cast(pl.String)


def _answer(value: pl.Expr, step: Step, _around: Surroundings) -> pl.Expr:
    yes, no = (_only(step.options[name]) for name in ("yes", "no"))
    return pl.when(value).then(pl.lit(yes, pl.String)).when(~value).then(pl.lit(no, pl.String))


def _only(answers: Sequence[str]) -> str | None:
    return answers[0] if len(answers) == 1 else None


def _several_answers(step: Step, _around: Surroundings) -> tuple[str, str] | None:
    several = [", ".join(step.options[name]) for name in ("yes", "no") if len(step.options[name]) != 1]
    if not several:
        return None
    codes = " / ".join(several)
    return f"{codes} のどれだったかが残らない", f"which of {codes} it was is not kept"


def _expression(step: Step, _known: Known) -> Iterator[Misuse]:
    if not isinstance(step.argument, str) or misspelt(step.argument):
        yield Misuse(expected="an RE2 expression", found=repr(step.argument))


def _width(step: Step, _known: Known) -> Iterator[Misuse]:
    if type(step.argument) is not int or not 1 <= step.argument <= _WIDEST:
        yield Misuse(expected=f"a width from 1 to {_WIDEST}", found=repr(step.argument))


def _word(step: Step, _known: Known) -> Iterator[Misuse]:
    if not isinstance(step.argument, str) or not step.argument:
        yield Misuse(expected=f"a word for {step.name}", found=repr(step.argument))


def _yes_and_no(step: Step, _known: Known) -> Iterator[Misuse]:
    if step.argument is not None and step.argument is not True:
        yield Misuse(expected="boolean = true", found=repr(step.argument))
    if {"yes", "no"} - set(step.options):
        yield Misuse(expected="yes and no", found=", ".join(step.options) or "neither")
        return
    yes, no = (step.options[name] for name in ("yes", "no"))
    if not (are_texts(yes) and are_texts(no)):
        yield Misuse(expected="yes and no: lists of texts", found=f"{yes!r}, {no!r}")
    elif both := sorted(set(yes) & set(no)):
        yield Misuse(expected="either yes or no", found=f"{', '.join(both)} in both")


STEPS: dict[str, StepKind] = {
    "trim": StepKind(
        build=_trim, says="padding goes; blank is nothing (always done)", undo=_as_it_is, keeps=True
    ),
    "pad": StepKind(
        build=_pad,
        says="zeros on the left up to a width",
        argument="needed",
        misuses=_width,
        undo=_padded,
        lossy=("左の零は幅いっぱいに書く", "written with zeros up to the width"),
        keeps=True,
    ),
    "matches": StepKind(
        build=_matches,
        says="must match an RE2 expression",
        argument="needed",
        misuses=_expression,
        undo=_as_it_is,
        keeps=True,
    ),
    "integer": StepKind(
        build=_integer,
        says="whole number, money in yen",
        gives="integer",
        undo=_figures,
        lossy=("左の零と空白は残らない", "zeros and spaces on the left are not kept"),
    ),
    "boolean": StepKind(
        build=_boolean,
        says="yes and no by lists",
        gives="boolean",
        argument="optional",
        options=("yes", "no"),
        misuses=_yes_and_no,
        undo=_answer,
        partly=_several_answers,
    ),
    "equals": StepKind(
        build=_equals,
        says="is it this word?",
        gives="boolean",
        argument="needed",
        misuses=_word,
        lossy=("ほかのどの語だったかが残らない", "which other word it was is not kept"),
    ),
    "present": StepKind(
        build=_present,
        says="this word where there is a value",
        argument="needed",
        misuses=_word,
        lossy=("値があったことしか残らない", "only that there was a value is kept"),
    ),
}
