"""Killed at every named place, twice over, the hub comes to the same state and keeps every promise."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.state import broken_promises, state_of
from tests.faults.worker import KILLED, run

from renkei.failpoint import NAMES

Attempt = Callable[..., int]
SYNC = (("sync_in", "tax.taxpayer"),)
#: These places are inside the child that reads over ODBC; its death is a lost connection to the run.
IN_THE_CHILD = ("snap.opened", "pull.chunk", "pull.last")


def verbs_reaching(place: str) -> tuple[tuple[str, ...], ...]:
    verb = place.partition(".")[0]
    if verb in ("reconcile", "seal", "report"):
        return (*SYNC, (verb,))
    return (("sync_in", "juki.resident"),) if place in IN_THE_CHILD else SYNC


_expected: dict[tuple[tuple[str, ...], ...], dict[str, list[str]]] = {}


@pytest.mark.parametrize("again", [False, True], ids=["once", "again while recovering"])
@pytest.mark.parametrize("place", NAMES)
def test_a_kill_at_any_place_loses_nothing_and_doubles_nothing(
    place: str, again: bool, hub: Path, attempt: Attempt, registry_url: str, city, untouched
) -> None:
    verbs = verbs_reaching(place)
    expected = untouched(verbs)

    died = [attempt(*verbs, failpoints=f"{place}=kill9")]
    if again:
        died.append(attempt(*verbs, failpoints=f"{place}=kill9"))
    assert attempt(*verbs) == 0

    assert died[0] != 0, f"{place} was never reached"
    if place not in IN_THE_CHILD:
        assert died[0] == KILLED
    assert state_of(registry_url) == expected
    assert broken_promises(registry_url, hub / "var") == []


@pytest.fixture
def untouched(cluster, hub: Path, tmp_path_factory, monkeypatch: pytest.MonkeyPatch):
    """The state that the same verbs leave when nothing fails, made once for each set of verbs."""

    def state(verbs) -> dict[str, list[str]]:
        if verbs not in _expected:
            name = f"untouched_{os.getpid()}_{len(_expected)}"
            cluster.create_database(name, template="renkei_template")
            with monkeypatch.context() as patched:
                patched.setenv("RENKEI_DATABASE_URL", cluster.url(name))
                patched.setenv("RENKEI_CONNECTIONS", str(hub / "var" / "connections.toml"))
                patched.setenv("RENKEI_VAR", str(tmp_path_factory.mktemp("untouched")))
                assert run(hub, *verbs) == 0
            _expected[verbs] = state_of(cluster.url(name))
        return _expected[verbs]

    return state
