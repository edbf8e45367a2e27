"""What a rule answers is not believed at once: nothing to compare, far too many found, a join of everyone."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.reconcile.support import AS_OF, RULE, TERMS, rules_of, sources_of

from renkei.engine.duck import DuckEngine
from renkei.errors import catalogue
from renkei.reconcile import FeedTerms, Rule, Source
from renkei.reconcile.find import Found, find
from renkei.reconcile.limits import compared_nothing, held, nothing
from renkei.reconcile.relation import LINK_SCHEMA

MANY = 2_400
OTHER = (
    RULE.replace('"R90"', '"R91"', 1).replace("R90:", "R91:").replace("<> t.address_key", "= t.address_key")
)


def tables(*, differ: int, of: int) -> dict[str, str]:
    """Residents of two systems; of the first ones the address differs."""
    head = "source_key | address_key | address_since"
    juki = [f"J{number} | 本町{number} | 2026-11-01" for number in range(of)]
    tax = [f"T{number} | {'新町' if number < differ else '本町'}{number} | " for number in range(of)]
    return {"juki.resident": "\n".join([head, *juki]), "tax.taxpayer": "\n".join([head, *tax])}


def links(of: int) -> pa.Table:
    numbers = list(range(of))
    columns = {
        "feed": ["juki.resident"] * of + ["tax.taxpayer"] * of,
        "source_key": [f"J{number}" for number in numbers] + [f"T{number}" for number in numbers],
        "resident_id": numbers * 2,
    }
    return pa.Table.from_pydict(columns, schema=LINK_SCHEMA)


def found_in(rules: Iterable[Rule], sources: list[Source], *, of: int, as_of: date = AS_OF) -> Found:
    with DuckEngine(threads=1) as engine:
        return find(engine, list(rules), sources=sources, links=links(of), hub={}, as_of=as_of)


def test_a_rule_that_finds_everyone_is_held_and_the_others_go_on(tmp_path: Path) -> None:
    rules = rules_of(tmp_path / "rules", RULE, OTHER)
    sources = sources_of(tmp_path, tables(differ=MANY - 40, of=MANY))

    found = found_in(rules, sources, of=MANY)

    assert [outcome.state for outcome in found.outcomes] == ["held", "compared"]
    assert found.mismatches["rule_id"].unique().to_pylist() == ["R91"]
    told = found.outcomes[0].fault
    assert told is not None
    assert told.code == "E_RULE_HELD"
    assert told.facts == {"rule": "R90", "found": MANY - 40, "compared": MANY, "limit": 120}


def test_the_same_rule_on_an_ordinary_night_is_not_held(tmp_path: Path) -> None:
    rules = rules_of(tmp_path / "rules", RULE)

    found = found_in(rules, sources_of(tmp_path, tables(differ=120, of=MANY)), of=MANY)

    assert [(outcome.state, outcome.found) for outcome in found.outcomes] == [("compared", 120)]


def test_a_share_that_a_person_let_through_counts(tmp_path: Path) -> None:
    (rule,) = rules_of(tmp_path / "rules", RULE.replace("severity = 2", "severity = 2\nmost = 0.99"))

    found = found_in([rule], sources_of(tmp_path, tables(differ=MANY - 40, of=MANY)), of=MANY)

    assert [(outcome.state, outcome.found) for outcome in found.outcomes] == [("compared", MANY - 40)]


@pytest.mark.parametrize(("subjects", "compared", "is_held"), [
    (100, 150, False), (101, 150, True), (5_000, 100_000, False), (5_001, 100_000, True),
])  # fmt: skip
def test_the_limit_is_a_share_and_never_less_than_a_hundred(
    tmp_path: Path, subjects: int, compared: int, is_held: bool
) -> None:
    (rule,) = rules_of(tmp_path, RULE)

    assert (held(rule, subjects=subjects, compared=compared) is not None) is is_held


def test_a_rule_with_nobody_to_compare_is_not_compared_and_never_clear(tmp_path: Path) -> None:
    rules = rules_of(tmp_path / "rules", RULE)
    whole = tables(differ=0, of=3)
    empty = whole | {"juki.resident": "source_key"}

    found = found_in(rules, sources_of(tmp_path, empty), of=3)
    clear = found_in(rules, sources_of(tmp_path, whole), of=3)

    (outcome,) = found.outcomes
    assert (outcome.state, outcome.compared) == ("not_compared", 0)
    assert outcome.fault is not None
    assert outcome.fault.code == "E_RULE_EMPTY"
    assert [(each.state, each.found) for each in clear.outcomes] == [("compared", 0)]


def test_a_night_without_deliveries_is_not_a_feed_that_came_empty(tmp_path: Path) -> None:
    (rule,) = rules_of(tmp_path, RULE)

    assert not compared_nothing(replace(rule, compare=("hub.delivery",)), 0)
    assert compared_nothing(rule, 0)
    assert not compared_nothing(rule, 1)


def test_a_join_of_everyone_with_everyone_is_refused_and_the_others_go_on(tmp_path: Path) -> None:
    text = RULE.replace("t.resident_id = j.resident_id", "t.resident_status = j.resident_status")
    plain = RULE.replace('"R90"', '"R91"', 1)
    rules = rules_of(tmp_path / "rules", text, plain)
    given = tables(differ=0, of=MANY)
    rows = {feed: _every_resident(text) for feed, text in given.items()}

    found = found_in(rules, sources_of(tmp_path, rows), of=MANY)

    assert [outcome.state for outcome in found.outcomes] == ["refused", "compared"]
    assert found.outcomes[0].fault is not None
    assert found.outcomes[0].fault.code == "E_RULE_PAIRS"
    assert found.outcomes[0].fault.facts["pairs"] == f"{MANY * MANY:,}"


def _every_resident(text: str) -> str:
    head, *rows = text.splitlines()
    return "\n".join([f"resident_status | {head}", *(f"resident | {row}" for row in rows)])


def test_a_fault_names_the_rule_and_what_to_do_in_both_languages(tmp_path: Path) -> None:
    (rule,) = rules_of(tmp_path, RULE)

    said = catalogue()[nothing(rule).code]

    assert "R90" in str(nothing(rule))
    assert said["next_ja"]
    assert said["next_en"]


def test_sources_read_at_different_times_raise_no_false_alarm(tmp_path: Path) -> None:
    """Each night somebody moves; the tax system hears of it the night after. Row 43 of the fault matrix."""
    rules = rules_of(tmp_path / "rules", RULE)
    prompt = {feed: FeedTerms(record=terms.record, lag=timedelta(0)) for feed, terms in TERMS.items()}
    alarms, alarms_without_lag = 0, 0
    for night in range(2, 5):
        day = date(2026, 11, night)
        tables_ = _moved(until=day, heard=day - timedelta(days=1))
        late = sources_of(tmp_path, tables_, as_of=day)
        alarms += found_in(rules, late, of=9, as_of=day).outcomes[0].found
        bare = [Source(feed=s.feed, terms=prompt[s.feed], snapshot=s.snapshot, as_of=s.as_of) for s in late]
        alarms_without_lag += found_in(rules, bare, of=9, as_of=day).outcomes[0].found

    assert (alarms, alarms_without_lag) == (0, 3)


def _moved(*, until: date, heard: date) -> dict[str, str]:
    juki, tax = ["source_key | address_key | address_since"], ["source_key | address_key"]
    for number in range(9):
        day = date(2026, 11, 1 + number)
        juki.append(f"J{number} | {'新町' if day <= until else '本町'} | {day if day <= until else ''}")
        tax.append(f"T{number} | {'新町' if day <= heard else '本町'}")
    return {"juki.resident": "\n".join(juki), "tax.taxpayer": "\n".join(tax)}


def test_a_missing_source_is_counted_and_never_none_found(tmp_path: Path) -> None:
    """Row 44 of the fault matrix."""
    rules = rules_of(tmp_path / "rules", RULE)

    found = found_in(rules, sources_of(tmp_path, tables(differ=5, of=9), late={"tax.taxpayer": None}), of=9)

    (outcome,) = found.outcomes
    assert (outcome.state, outcome.compared, outcome.missing_feeds) == ("not_compared", 9, ("tax.taxpayer",))


def test_finding_takes_nothing_out_of_any_system(tmp_path: Path) -> None:
    """Row 45 of the fault matrix: what was found, entered twice or otherwise, stays until people settle it."""
    rules = rules_of(tmp_path / "rules", RULE)
    sources = sources_of(tmp_path, tables(differ=5, of=9))
    before = [sha256(place.read_bytes()).hexdigest() for place in sorted(tmp_path.glob("*.parquet"))]

    found = found_in(rules, sources, of=9)

    after = [sha256(place.read_bytes()).hexdigest() for place in sorted(tmp_path.glob("*.parquet"))]
    assert found.outcomes[0].found == 5
    assert before == after
