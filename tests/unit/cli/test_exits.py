import pytest

from renkei.cli.exits import code_of, code_of_refusals
from renkei.errors import FixDeclaration, Hold, RejectRecord, RenkeiError, Stop, TryAgain


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TryAgain("E_LEASE_HELD"), 75),
        (FixDeclaration("E_DECLARATION"), 3),
        (Hold("E_BLAST"), 4),
        (Stop("E_TRAILER_COUNT"), 2),
        (RejectRecord("E_UNKNOWN_CODE"), 2),
        (Stop("E_PLAN_STALE"), 5),
        (Stop("E_DATABASE"), 75),
        (FixDeclaration("E_PURPOSE"), 4),
    ],
)
def test_the_exit_code_follows_from_the_error_tree(error: RenkeiError, code: int) -> None:
    assert code_of(error) == code


def test_a_run_that_held_something_is_refused_and_one_that_failed_outweighs_it() -> None:
    assert code_of_refusals(()) == 0
    assert code_of_refusals(("E_BLAST", "E_NAME_REUSED")) == 4
    assert code_of_refusals(("E_BLAST", "E_TRAILER_COUNT")) == 2
