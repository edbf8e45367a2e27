"""The truth against a second opinion: other code reads the rows, and the rules of the hub compare them."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from tests.unit.sample import oracle
from tests.unit.sample.conftest import DAY

from renkei_sample.events import replay
from renkei_sample.state import CityState
from renkei_sample.truth import Truth

RULES = {
    "R01",
    "R02",
    "R05",
    "R06",
    "R07",
    "R08",
    "R09",
    "R10",
    "R11",
    "R12",
    "R13",
    "R14",
    "R15",
    "R16",
    "R17",
}
RULES |= {
    "R19",
    "R20",
    "R21",
    "R22",
    "R23",
    "R24",
    "R28",
    "R32",
    "R33",
    "R34",
    "R38",
    "R39",
    "R41",
    "R42",
    "R50",
}


def is_named(truth: Truth, found: tuple[str, ...]) -> bool:
    named = (truth.rule_id, truth.left_feed, truth.left_key, truth.right_feed, truth.right_key)
    return all(wanted is None or wanted == held for wanted, held in zip(named, found, strict=True))


def disagreements(
    state: CityState, seen: set[Truth], keyed: set[tuple[object, ...]] | None = None
) -> tuple[list[Truth], list[tuple[str, ...]]]:
    """What is due and not found (lasting ones count once seen), and what is found and not due."""
    found, due = (
        oracle.findings(state, keyed),
        [truth for truth in state.ledger.due(state.day) if truth.rule_id not in {"R39", *oracle.UNREAD}],
    )
    missed = [truth for truth in due if not any(is_named(truth, row) for row in found)]
    false = [row for row in found if not any(is_named(truth, row) for truth in due)]
    still = [truth for truth in missed if not (truth.lasting and truth in seen)]
    seen.update(truth for truth in due if truth.lasting)
    return still, false


def test_every_built_rule_has_its_plants_even_in_a_small_city(planted: CityState) -> None:
    counts = Counter(truth.rule_id for truth in planted.ledger.due(DAY))

    assert set(counts) == RULES | oracle.UNREAD
    assert min(counts.values()) >= 2


def test_the_base_day_holds_what_the_truth_says_and_nothing_else(planted: CityState) -> None:
    missed, false = disagreements(planted, set())

    assert missed == []
    assert false == []


def test_an_unplanted_difference_would_be_noticed(city: CityState) -> None:
    entry = next(
        row for row in city.residents.values() if row.jumin_jotai == "1" and row.atena_no in city.taxpayers
    )
    city.taxpayers[entry.atena_no] = replace(city.taxpayers[entry.atena_no], jusho="本町９９９番地")

    _, false = disagreements(city, set())

    assert ("R10", "juki.resident", entry.atena_no, "tax.taxpayer", entry.atena_no) in false


def test_day_by_day_the_systems_hold_what_the_truth_says_and_nothing_else(city: CityState) -> None:
    seen: set[Truth] = set()
    keyed: set[tuple[object, ...]] = set()
    disagreements(city, seen, keyed)

    for days in (1, 2, 3, 4, 7, 12):
        replay(city, DAY + timedelta(days=days))
        missed, false = disagreements(city, seen, keyed)
        assert missed == []
        assert false == []


def test_addresses_that_differ_are_exactly_the_planted_ones(planted: CityState) -> None:
    """R10 once more, without any rule text: places compared one by one."""
    residents = {number: row for number, row in planted.residents.items() if row.jumin_jotai == "1"}
    here = {
        number: oracle.place(row.shikuchoson_cd, row.machiaza + row.banchi)
        for number, row in residents.items()
    }
    tax = {
        ("tax.taxpayer", row.atena_no)
        for row in planted.taxpayers.values()
        if row.atena_no in here
        and row.jotai == "1"
        and oracle.place(row.shikuchoson, row.jusho) != here[row.atena_no]
    }
    welfare = {
        ("welfare.recipient", row.bango)
        for row in planted.recipients.values()
        if row.atena_no in here
        and row.jotai == "有効"
        and oracle.place(row.shikuchoson, row.jusho) != here[str(row.atena_no)]
    }

    due = [truth for truth in planted.ledger.due(DAY) if truth.rule_id == "R10"]

    assert {(truth.right_feed, truth.right_key) for truth in due} == tax | welfare


def test_rejected_records_belong_to_people_without_any_other_plant(planted: CityState) -> None:
    bad = {item.source_key for item in planted.ledger.rejects}
    named = {key for truth in planted.ledger.truths for key in (truth.left_key, truth.right_key)}

    assert {item.feed for item in planted.ledger.rejects} == {
        "tax.taxpayer",
        "welfare.recipient",
        "welfare.benefit",
    }
    assert not bad & named


def test_a_death_of_this_month_is_due_only_in_the_next(planted: CityState) -> None:
    waiting = [truth for truth in planted.ledger.truths if truth.rule_id == "R01" and not truth.is_due(DAY)]

    assert waiting
    assert {truth.found_from for truth in waiting} == {date(2026, 12, 3)}
