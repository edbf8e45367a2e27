"""Exit codes, from the error tree: a script may act on the number alone."""

from renkei.errors import FixDeclaration, Hold, RenkeiError, TryAgain

OK, ABOVE_LIMIT, FAILED, USAGE, REFUSED, STALE, LATER, INTERRUPTED = 0, 1, 2, 3, 4, 5, 75, 130

#: Codes whose meaning is narrower than their place in the tree.
_BY_CODE = {
    "E_PLAN_STALE": STALE,
    "E_PURPOSE": REFUSED,
    "E_VAULT_PURPOSE": REFUSED,
    "E_EXISTS": REFUSED,
    "E_DATABASE": LATER,
    "E_BLAST": REFUSED,
    "E_NAME_REUSED": REFUSED,
    "E_SAME_PERSON": REFUSED,
    "E_OVER_LIMIT": REFUSED,
    "E_PLAN_SETTLED": REFUSED,
    "E_DECISION_STANDS": REFUSED,
    "E_DECISION_CONTRADICTS": REFUSED,
    "E_DECISION_SETTLED": REFUSED,
    "E_DECISION_SAME_PERSON": REFUSED,
    "E_DECISION_NO_VALUE": REFUSED,
    "E_STILL_MARKED": REFUSED,
    "E_END_STATE": REFUSED,
    "E_END_SAME_PERSON": REFUSED,
    "E_CASE_STATE": REFUSED,
    "E_CASE_CHANGED": REFUSED,
    "E_CASE_DAY": REFUSED,
    "E_CASE_UNDO": REFUSED,
    "E_CLUSTER_CHANGED": REFUSED,
    "E_CLUSTER_WAITS": REFUSED,
    "E_CLUSTER_STATE": REFUSED,
    "E_CLUSTER_SAME_PERSON": REFUSED,
    "E_SUPPRESSION_TERM": REFUSED,
    "E_SUPPRESSION_STATE": REFUSED,
    "E_SUPPRESSION_SAME_PERSON": REFUSED,
}
_BY_KIND = ((TryAgain, LATER), (FixDeclaration, USAGE), (Hold, REFUSED))


def code_of(error: RenkeiError) -> int:
    """The exit code for an error that ended the command."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    return next((code for kind, code in _BY_KIND if isinstance(error, kind)), FAILED)


def code_of_refusals(codes: tuple[str, ...]) -> int:
    """The exit code of a run that ended although deliveries were refused: failed outweighs held."""
    known = {_BY_CODE.get(code, FAILED) for code in codes}
    return FAILED if FAILED in known else next(iter(known), OK)
