"""Killed in the middle of ``renkei decide`` or ``renkei link``, the registry is as before or as after."""

from collections.abc import Iterator

import pytest
from tests.faults.worker import KILLED, command
from tests.integration.conftest import Terminal
from tests.integration.registry.judging import DAY, Bench, alike, person, variant

from renkei.cli import exits


@pytest.fixture(scope="module")
def bench(terminal: Terminal) -> Iterator[Bench]:
    """One registry for all: two pairs to decide on, and one that looks alike."""
    with terminal("killed_at_a_terminal", alone=True) as made:
        made.tell("juki.resident", person("a1"), person("b1"), alike("0a", 0))
        made.tell("tax.taxpayer", person("a2"), person("b2"), variant("0b", 0))
        yield made


def events(bench: Bench, action: str) -> int:
    query = "SELECT count(*) FROM audit_event WHERE body LIKE :action"
    return int(bench.rows(query, action=f'%"action":"{action}"%')[0][0])


def decided(name: str, *, failpoints: str = "") -> int:
    pair = (f"juki.resident:{name}1", f"tax.taxpayer:{name}2")
    return command("decide", "same", *pair, "--reason", "戸籍で確認", failpoints=failpoints)


def test_a_decision_that_is_killed_before_it_is_kept_was_never_made(bench: Bench) -> None:
    before, told = bench.state("a%"), events(bench, "decision.told")

    assert decided("a", failpoints="decide.before_commit=kill9") == KILLED

    assert bench.state("a%") == before
    assert events(bench, "decision.told") == told
    assert decided("a") == exits.OK
    assert bench.together("juki.resident:a1", "tax.taxpayer:a2")
    assert events(bench, "decision.told") == told + 1


def test_a_decision_that_is_killed_after_it_is_kept_stands_with_its_event_and_is_not_made_twice(
    bench: Bench,
) -> None:
    told = events(bench, "decision.told")

    assert decided("b", failpoints="decide.after_commit=kill9") == KILLED

    kept = bench.state("b%")
    assert bench.together("juki.resident:b1", "tax.taxpayer:b2")
    assert decided("b") == exits.REFUSED
    assert bench.state("b%") == kept
    assert events(bench, "decision.told") == told + 1


def test_candidates_of_a_killed_run_are_all_there_or_none_and_the_next_run_ends(bench: Bench) -> None:
    def proposed(failpoints: str = "") -> int:
        return command("link", "propose", "--as-of", f"{DAY}", failpoints=failpoints)

    def open_candidates() -> list[tuple[str, str]]:
        query = "SELECT source_key, other_key FROM link_candidate WHERE level = 3 AND state = 'open'"
        return bench.rows(query)

    linked = bench.state()[:3]

    assert proposed("link.before_commit=kill9") == KILLED
    assert (open_candidates(), events(bench, "link.proposed")) == ([], 0)

    assert proposed("link.after_commit=kill9") == KILLED
    assert (open_candidates(), events(bench, "link.proposed")) == ([("0b", "0a")], 1)

    assert proposed() == exits.OK
    assert (open_candidates(), events(bench, "link.proposed")) == ([("0b", "0a")], 2)
    assert bench.state()[:3] == linked
    states = "SELECT state, count(*) FROM run WHERE kind = 'link' GROUP BY state ORDER BY state"
    assert bench.rows(states) == [("done", 1), ("failed", 2)]
