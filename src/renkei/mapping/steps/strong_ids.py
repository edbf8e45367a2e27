"""Steps on numbers that nobody is shown: tokens of them, and the form of a residence card."""

from dataclasses import replace

import polars as pl

from renkei.mapping import digits
from renkei.mapping.steps.kinds import Fault, Step, StepKind, Surroundings, Value, must_match, one_of

#: Kind of number → its figures. An account: bank 4, branch 3, kind 1, number 7.
FIGURES = {"resident_code": 11, "individual_number": 12, "account": 15}

#: 在留カード番号 and 特別永住者証明書番号: two letters, eight figures, two letters.
RESIDENCE_CARD = r"^[A-Z]{2}[0-9]{8}[A-Z]{2}$"


def _token(value: Value, step: Step, around: Surroundings) -> Value:
    """The number's token. Nothing but zeros is how systems write that there is no number."""
    made = digits.figures(value.expr)
    number = pl.when(made.str.contains(r"^0*$")).then(None).otherwise(made)
    return _JUDGED[str(step.argument)](value, number, around)


def _individual_number(value: Value, number: pl.Expr, around: Surroundings) -> Value:
    """A wrong number is another person's or nobody's: its record is set aside."""

    def wrong(result: pl.Expr, _source: pl.Expr) -> pl.Expr:
        return number.is_not_null() & result.is_null()

    right = pl.when(digits.kojin(number)).then(number)
    token = right.map_batches(around.tokens.of("individual_number"), return_dtype=pl.String)
    made = value.then(token, Fault(code="E_CHECK_DIGIT", bad=wrong), kind="token")
    return replace(made, number=number)


def _resident_code(value: Value, number: pl.Expr, around: Surroundings) -> Value:
    """Eleven figures make a token whatever their check digit, for its formula is not published as such.

    What is doubtful is counted and told; what has not eleven figures makes no token either.
    """
    whole = pl.when(number.str.contains(rf"^[0-9]{{{FIGURES['resident_code']}}}$")).then(number)
    token = whole.map_batches(around.tokens.of("resident_code"), return_dtype=pl.String)
    doubt = number.is_not_null() & ~digits.jumin(number).fill_null(value=False)
    made = value.then(token, kind="token")
    return replace(made, doubts=(*made.doubts, doubt))


def _account(value: Value, number: pl.Expr, around: Surroundings) -> Value:
    """Fifteen figures, for without one of its zeros a joined number is another account's."""

    def wrong(result: pl.Expr, _source: pl.Expr) -> pl.Expr:
        return number.is_not_null() & result.is_null()

    whole = pl.when(number.str.contains(rf"^[0-9]{{{FIGURES['account']}}}$")).then(number)
    token = whole.map_batches(around.tokens.of("account"), return_dtype=pl.String)
    return value.then(token, Fault(code="E_BAD_FORMAT", bad=wrong), kind="token")


_JUDGED = {"resident_code": _resident_code, "individual_number": _individual_number, "account": _account}


def _residence_card(value: Value, _step: Step, _around: Surroundings) -> Value:
    return value.then(value.expr, must_match(RESIDENCE_CARD))


def _as_it_is(value: pl.Expr, _step: Step, _around: Surroundings) -> pl.Expr:
    return value


STEPS: dict[str, StepKind] = {
    "token": StepKind(
        build=_token,
        says="resident_code, individual_number or account: the keyed token of the number, kept in no record",
        gives="token",
        argument="needed",
        misuses=one_of(*FIGURES),
        lossy=("番号は残らない", "the number is not kept"),
    ),
    "residence_card": StepKind(
        build=_residence_card,
        says="two letters, eight figures, two letters; nothing is put right",
        undo=_as_it_is,
        keeps=True,
    ),
}
