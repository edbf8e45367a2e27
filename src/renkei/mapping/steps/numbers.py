"""Steps on numbers that identify: their form and their check digits."""

import polars as pl

from renkei.mapping import digits
from renkei.mapping.steps.kinds import Fault, Step, StepKind, Surroundings, Value, must_match, one_of


def _check_digit(value: Value, step: Step, _around: Surroundings) -> Value:
    check = digits.CHECKS[step.argument]

    def wrong(result: pl.Expr, _source: pl.Expr) -> pl.Expr:
        return result.is_not_null() & ~check(result).fill_null(value=False)

    return value.then(value.expr, Fault(code="E_CHECK_DIGIT", bad=wrong))


def _postal(value: Value, _step: Step, _around: Surroundings) -> Value:
    bare = value.expr.str.replace(r"^(\d{3})-(\d{4})$", "${1}${2}")
    return value.then(bare, must_match(r"^[0-9]{7}$"))


STEPS: dict[str, StepKind] = {
    "check_digit": StepKind(
        build=_check_digit,
        says="atena (M11 W2-7) or dantai",
        argument="needed",
        misuses=one_of(*digits.CHECKS),
        keeps=True,
    ),
    "postal": StepKind(build=_postal, says="seven figures, the hyphen goes", keeps=True),
}
