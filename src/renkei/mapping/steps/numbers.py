"""Steps on numbers that identify: their form and their check digits."""

import polars as pl

from renkei.mapping import digits
from renkei.mapping.steps.kinds import Fault, Step, StepKind, Surroundings, Value, must_match, one_of


def _check_digit(value: Value, step: Step, _around: Surroundings) -> Value:
    right = digits.CHECKS[step.argument](value.expr).fill_null(value=False)
    if step.argument in digits.NEVER_STORED:
        return value.then(
            pl.when(right).then(None).otherwise(value.expr), Fault(code="E_CHECK_DIGIT", bad=_remains)
        )
    check = digits.CHECKS[step.argument]

    def wrong(result: pl.Expr, _source: pl.Expr) -> pl.Expr:
        return result.is_not_null() & ~check(result).fill_null(value=False)

    return value.then(value.expr, Fault(code="E_CHECK_DIGIT", bad=wrong))


def _remains(result: pl.Expr, _source: pl.Expr) -> pl.Expr:
    """A right number has become nothing by now; whatever is left was wrong, and goes with its record."""
    return result.is_not_null()


def _as_it_is(value: pl.Expr, _step: Step, _around: Surroundings) -> pl.Expr:
    return value


def _as_checked(value: pl.Expr, step: Step, _around: Surroundings) -> pl.Expr:
    """A checked number is itself; of a number that is never stored nothing is known."""
    return pl.lit(None, pl.String) if step.argument in digits.NEVER_STORED else value


def _never_stored(step: Step, _around: Surroundings) -> tuple[str, str] | None:
    if step.argument not in digits.NEVER_STORED:
        return None
    return "個人番号は保存しない", "an individual number is never stored"


def _postal(value: Value, _step: Step, _around: Surroundings) -> Value:
    bare = value.expr.str.replace(r"^(\d{3})-(\d{4})$", "${1}${2}")
    return value.then(bare, must_match(r"^[0-9]{7}$"))


def _phone(value: Value, _step: Step, _around: Surroundings) -> Value:
    return value.then(digits.phone(value.expr), must_match(digits.PHONE))


STEPS: dict[str, StepKind] = {
    "check_digit": StepKind(
        build=_check_digit,
        says="atena (M11 W2-7), dantai, hojin or jumin; kojin is checked and becomes nothing",
        argument="needed",
        misuses=one_of(*digits.CHECKS),
        undo=_as_checked,
        cannot=_never_stored,
        keeps=True,
    ),
    "postal": StepKind(build=_postal, says="seven figures, the hyphen goes", undo=_as_it_is, keeps=True),
    "phone": StepKind(
        build=_phone,
        says="ten or eleven figures from 0, +81 becomes 0",
        lossy=("区切りの場所が残らない", "where the parts were divided is not kept"),
    ),
}
