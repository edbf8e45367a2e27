"""Every rule of the city finds what its own tables say, and nothing else."""

from datetime import timedelta

import pytest
from tests.unit.reconcile.support import ROOT, TERMS

from renkei.engine.duck import DuckEngine
from renkei.reconcile import FeedTerms, Rule, load_rules
from renkei.reconcile.example import Example
from renkei.reconcile.rehearse import rehearse

RULES = load_rules(ROOT / "reconciliation", terms=TERMS)
BUILT = [
    "R01", "R02", "R03", "R04", "R05", "R06", "R07", "R08", "R09", "R10", "R11", "R12", "R13", "R14", "R15",
    "R16", "R17", "R18", "R19", "R20", "R21", "R22", "R23", "R24", "R25", "R26", "R27", "R28", "R29", "R30",
    "R31", "R32", "R33", "R34", "R35", "R36", "R37", "R38", "R39", "R40", "R41", "R42",
    "R50",
]  # fmt: skip
EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.id}-{kind}-{nth}")
    for rule in RULES
    for kind in ("must_find", "must_not_find")
    for nth, example in enumerate(getattr(rule, kind), start=1)
]
IN_TRANSIT = [
    pytest.param(rule, example, id=rule.id)
    for rule in RULES
    for example in rule.must_not_find
    if "反映待ち" in example.story
]


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_a_rule_finds_exactly_what_its_table_says(rule: Rule, example: Example) -> None:
    with DuckEngine(threads=1) as engine:
        result = rehearse(engine, rule, example, terms=TERMS)

    assert result.is_right, f"{example.story}: missing {result.missing}, unexpected {result.unexpected}"


@pytest.mark.parametrize(("rule", "example"), IN_TRANSIT)
def test_a_hub_without_declared_lag_would_report_what_is_in_transit(rule: Rule, example: Example) -> None:
    prompt = {feed: FeedTerms(record=terms.record, lag=timedelta(0)) for feed, terms in TERMS.items()}

    with DuckEngine(threads=1) as engine:
        result = rehearse(engine, rule, example, terms=prompt)

    assert result.unexpected


def test_the_built_rules_are_all_here() -> None:
    assert [rule.id for rule in RULES] == BUILT


def test_every_rule_that_compares_systems_shows_a_difference_in_transit() -> None:
    shown = {parameter.id for parameter in IN_TRANSIT}

    assert shown >= {rule.id for rule in RULES if rule.kind == "mismatch" and not rule.lasting} - {"R22"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_shows_what_it_finds_and_what_it_leaves(rule: Rule) -> None:
    assert rule.must_find
    assert rule.must_not_find
    assert all(example.finds for example in rule.must_find)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_cause_begins_with_the_rule_so_that_no_case_mixes_two(rule: Rule) -> None:
    assert f"'{rule.id}:" in rule.query
