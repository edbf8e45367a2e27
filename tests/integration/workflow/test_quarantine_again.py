"""Records set aside and fed again by cause: nothing vanishes, nothing is taken twice, nothing overtakes."""

import importlib
import random
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from tests.integration.workflow.test_delta import MAPPING, NEXT, Ledger, ledger

from renkei import project, workflow
from renkei.landing import Landing
from renkei.quarantine.causes import EVERYTHING, Group, standing

#: The module: its verb of the same name hides it in the package.
refeeding = importlib.import_module("renkei.workflow.refeed")

__all__ = ["ledger"]

BAD_NAME, BAD_KEY = Group(code="E_BAD_CHARACTER"), Group(code="E_BAD_FORMAT")
TWICE = Group(code="E_KEY_TWICE")


def refeed(ledger: Ledger, group: Group = EVERYTHING) -> workflow.SyncResult:
    found = project.load(ledger.root)
    terms: dict[str, Any] = {"as_of": NEXT, "actor": "tester", "trigger": "test"}
    return workflow.refeed(found, "ledger.person", group=group, **terms)


def rejects(ledger: Ledger) -> list[tuple[str, str, str]]:
    query = "SELECT source_key, code, state FROM reject ORDER BY reject_id"
    with ledger.registry.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def declare(ledger: Ledger, *changes: tuple[str, str]) -> None:
    """Change the mapping's text, as an engineer would."""
    text = MAPPING
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (ledger.root / "mappings" / "ledger.toml").write_text(text, "utf-8")


WIDER = ("^[0-9]+$", "^[0-9a-z]+$")


def test_only_the_cause_that_is_meant_is_fed_again(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "\u0001", "x": "乙"}, whole=True)
    ledger.sync()
    declare(ledger, WIDER)

    made = refeed(ledger, BAD_KEY)

    assert (made.counts.records, ledger.held()) == (1, {"1": "甲", "x": "乙"})
    assert rejects(ledger) == [("2", "E_BAD_CHARACTER", "open"), ("x", "E_BAD_FORMAT", "refed")]


def test_a_cause_that_still_does_not_map_stays_as_it_is(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "\u0001", "x": "乙"}, whole=True)
    ledger.sync()
    before = rejects(ledger)

    assert refeed(ledger, BAD_NAME).units == ()
    assert rejects(ledger) == before


def test_what_was_not_tried_with_new_declarations_is_tried_after_a_part_was(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "\u0001", "x": "\u0001"}, whole=True)
    ledger.sync()
    declare(ledger, WIDER)
    refeed(ledger, BAD_NAME)

    refeed(ledger)

    # its key is right now, and its name was wrong all along
    assert [each for each in rejects(ledger) if each[2] == "open"] == [
        ("2", "E_BAD_CHARACTER", "open"),
        ("x", "E_BAD_CHARACTER", "open"),
    ]


def with_one_key_twice(ledger: Ledger) -> None:
    """Two records whose keys are one after padding; one of them has a second fault."""
    declare(ledger, ('steps = [{ matches = "^[0-9]+$" }]', "steps = [{ pad = 3 }]"))
    ledger.put({"1": "甲", "01": "\u0001", "2": "乙"}, whole=True)
    ledger.sync()
    assert rejects(ledger) == [("001", "E_KEY_TWICE", "open"), ("001", "E_BAD_CHARACTER", "open")]


def test_one_of_two_records_with_one_key_is_not_taken_because_only_its_cause_is_fed_again(
    ledger: Ledger,
) -> None:
    with_one_key_twice(ledger)

    for group in (TWICE, BAD_NAME, EVERYTHING):
        refeed(ledger, group)

    assert ledger.held() == {"002": "乙"}


def test_without_a_look_at_the_other_it_would_be_taken(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_one_key_twice(ledger)
    whole = refeeding._again_of

    def alone(*asked: Any) -> Any:
        made = whole(*asked)
        return replace(made, all=made.wanted)

    monkeypatch.setattr(refeeding, "_again_of", alone)
    refeed(ledger, TWICE)

    assert ledger.held() == {"001": "甲", "002": "乙"}


def test_what_is_expected_of_a_whole_delivery_is_not_asked_of_one_cause(ledger: Ledger) -> None:
    expected = '[[feed.expect]]\nfield = "full_name"\nmatches = "^甲"\nshare = 0.5\n'
    (ledger.root / "mappings" / "ledger.toml").write_text(f"{MAPPING}\n{expected}", "utf-8")
    usual = {str(number): "甲" for number in range(150)}
    ledger.put(usual | {f"x{number}": "乙" for number in range(100)}, whole=True)
    ledger.sync()
    declare(ledger, WIDER)
    place = ledger.root / "mappings" / "ledger.toml"
    place.write_text(f"{place.read_text('utf-8')}\n{expected}", "utf-8")

    made = refeed(ledger)

    assert (made.counts.merged, len(ledger.held())) == (100, 250)


def test_a_record_that_was_overtaken_stays_overtaken_when_its_cause_is_fed_again(ledger: Ledger) -> None:
    ledger.put({"1": "甲"}, whole=True)
    ledger.put({"x": "乙"})
    ledger.put({"x": None})
    ledger.put({"y": "丙"})
    ledger.sync()
    declare(ledger, WIDER)

    refeed(ledger, BAD_KEY)

    assert ledger.held() == {"1": "甲", "y": "丙"}


def test_a_dry_run_writes_nothing_and_says_what_the_refeed_then_does(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "\u0001", "x": "乙"}, whole=True)
    ledger.sync()
    declare(ledger, WIDER)
    units = rejects(ledger)

    planned = workflow.plan_refeed(project.load(ledger.root), "ledger.person", as_of=NEXT)
    assert rejects(ledger) == units
    made = refeed(ledger)

    [only] = planned.deliveries
    assert (only.counts, only.rejects) == (made.counts, {"E_BAD_CHARACTER": 1})


def test_a_dry_run_tries_the_folders_text_and_a_refeed_only_what_is_in_force(ledger: Ledger) -> None:
    config = ledger.root / "renkei.toml"
    text = config.read_text("utf-8")
    assert 'approval = "none"' in text
    config.write_text(text.replace('approval = "none"', 'approval = "two people"'), "utf-8")
    for rule in (ledger.root / "reconciliation").glob("*.toml"):  # what is put in force must load whole
        rule.unlink()
    lag = ('schedule = "0 5 * * *"', 'schedule = "0 5 * * *"\nlag = "26h"')
    declare(ledger, lag)
    ledger.put({"1": "甲", "x": "乙"}, whole=True)
    ledger.sync()
    declare(ledger, lag, WIDER)

    assert workflow.plan_refeed(project.load(ledger.root), "ledger.person", as_of=NEXT).changes == 1
    assert refeed(ledger).units == ()
    assert ledger.held() == {"1": "甲"}


def test_what_only_broke_a_contract_is_taken_in_only_when_it_is_named(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "x": "乙"}, whole=True)
    ledger.sync()
    with ledger.registry.begin() as connection:  # as if it could be read and were unlike all others
        connection.execute(sa.text("UPDATE reject SET code = 'E_CONTRACT'"))
    declare(ledger, WIDER)

    assert refeed(ledger).units == ()
    assert refeed(ledger, Group(field="no")).units == ()
    refeed(ledger, Group(code="E_CONTRACT"))

    assert ledger.held() == {"1": "甲", "x": "乙"}


NAMES, KEYS = ("甲", "乙", "丙", "\u0001", None), ("1", "2", "3", "x", "y", "A")


@pytest.mark.parametrize("seed", range(6))
def test_over_any_history_whatever_was_set_aside_is_open_taken_in_or_overtaken(
    ledger: Ledger, seed: int
) -> None:
    rolls = random.Random(seed)
    ledger.put({"1": "甲", "2": "乙"}, whole=True)
    ledger.sync(NEXT)
    for _ in range(12):
        step = rolls.choice(("part", "part", "whole", "mapping", "refeed", "cause"))
        if step in {"part", "whole"}:
            rows = {key: rolls.choice(NAMES) for key in rolls.sample(KEYS, rolls.randint(1, 4))}
            whole = step == "whole"
            ledger.put(
                {k: v for k, v in rows.items() if v or not whole}, **({"whole": True} if whole else {})
            )
            ledger.sync(NEXT)
        elif step == "mapping":
            declare(ledger, *([WIDER] if rolls.random() < 0.5 else []))
        else:
            refeed(ledger, EVERYTHING if step == "refeed" else rolls.choice((BAD_NAME, BAD_KEY)))
        assert_nothing_vanished(ledger)


def assert_nothing_vanished(ledger: Ledger) -> None:
    """The three states sum to what the units' own dispositions say was ever set aside."""
    stands = standing(ledger.registry, feed="ledger.person")
    assert stands.ever == len(ever_set_aside(ledger))
    with ledger.registry.connect() as connection:
        twice = connection.execute(sa.text(_OPEN_TWICE)).scalar_one()
        refed = connection.execute(sa.text(_REFED)).all()
    assert twice == 0
    for row in refed:  # taken in again: the unit that closed it says what became of it
        kinds = dict(dispositions(ledger, row.dispositions))
        assert kinds[row.rec_no] in {"merged", "unchanged", "superseded", "rejected"}


def ever_set_aside(ledger: Ledger) -> set[tuple[int, int]]:
    with ledger.registry.connect() as connection:
        units = connection.execute(sa.text("SELECT delivery_id, dispositions FROM unit")).all()
    return {
        (unit.delivery_id, number)
        for unit in units
        for number, kind in dispositions(ledger, unit.dispositions)
        if kind == "rejected"
    }


def dispositions(ledger: Ledger, sha256: str) -> list[tuple[int, str]]:
    place = Landing(ledger.root / "var" / "landing").proved(sha256)
    table = pq.read_table(place, columns=["rec_no", "kind"])
    return list(zip(table.column("rec_no").to_pylist(), table.column("kind").to_pylist(), strict=True))


_OPEN_TWICE = """
    SELECT count(*) FROM (
        SELECT FROM reject WHERE state = 'open' GROUP BY delivery_id, rec_no HAVING count(*) > 1
    ) AS twice
"""
_REFED = """
    SELECT r.rec_no, u.dispositions FROM reject r JOIN unit u ON u.unit_id = r.closed_by_unit
    WHERE r.state = 'refed'
"""
