"""Cases follow what the nights find: they open, join, close by themselves, and come back."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.integration.reconcile.world import FIRST_NIGHT, Hub, night, plain_rule

from renkei.reconcile import Rule
from renkei.reconcile import cases as cases_module

TAX = "right_feed   | right_key\ntax.taxpayer | T1"
TAX_AND_WELFARE = "right_feed        | right_key\ntax.taxpayer      | T1\nwelfare.recipient | F1"
NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)
NEXT, THIRD = FIRST_NIGHT + timedelta(days=1), FIRST_NIGHT + timedelta(days=2)


@pytest.fixture
def hub(registry: sa.Engine) -> Hub:
    return Hub(registry)


@pytest.fixture
def rule(tmp_path: Path) -> Rule:
    return plain_rule(tmp_path / "rules")


@pytest.fixture
def lasting(tmp_path: Path) -> Rule:
    return plain_rule(tmp_path / "lasting", lasting="true")


def test_a_mismatch_opens_a_case_for_the_department_with_a_due_day(hub: Hub, rule: Rule) -> None:
    counts = hub.pass_night(night(rule, TAX))

    assert (counts.new_mismatches, counts.opened) == (1, 1)
    (case,) = hub.rows('SELECT subject_id, cause, rule_id, owner, severity, state, due_on FROM "case"')
    # five office days on from Friday 20 November 2026, over the holiday of the 23rd
    assert case == ("1", "R90:address", "R90", "市民課", 2, "open", date(2026, 11, 30))
    (mismatch,) = hub.rows("SELECT rule_digest, kind, resident_id, class, since, first_as_of FROM mismatch")
    assert mismatch == (rule.digest, "mismatch", 1, "other_place", date(2026, 11, 1), FIRST_NIGHT)


def test_one_subject_and_cause_is_one_case_whatever_the_systems(hub: Hub, rule: Rule) -> None:
    counts = hub.pass_night(night(rule, TAX_AND_WELFARE))

    assert (counts.new_mismatches, counts.opened) == (2, 1)
    assert hub.case() == ("open", 0, 2)


def test_a_second_identical_reconcile_changes_nothing(hub: Hub, rule: Rule) -> None:
    hub.pass_night(night(rule, TAX_AND_WELFARE))
    before = hub.rows('SELECT * FROM "case", mismatch, case_event')

    counts = hub.pass_night(night(rule, TAX_AND_WELFARE))

    assert set(vars(counts).values()) == {0}
    assert hub.rows('SELECT * FROM "case", mismatch, case_event') == before


def test_a_later_mismatch_of_the_same_cause_joins_the_case(hub: Hub, rule: Rule) -> None:
    hub.pass_night(night(rule, TAX))

    counts = hub.pass_night(night(rule, TAX_AND_WELFARE, as_of=NEXT))

    assert (counts.opened, counts.joined) == (0, 1)
    assert hub.case() == ("open", 0, 2)
    assert hub.events() == ["opened", "joined"]


def test_a_case_closes_itself_when_its_last_difference_is_gone(hub: Hub, rule: Rule) -> None:
    hub.pass_night(night(rule, TAX_AND_WELFARE))

    halfway = hub.pass_night(night(rule, TAX, as_of=NEXT))
    done = hub.pass_night(night(rule, as_of=THIRD))

    assert (halfway.closed, done.closed) == (0, 1)
    assert hub.case() == ("closed", 0, 0)
    assert hub.events() == ["opened", "left", "closed"]
    assert hub.rows('SELECT closed_as_of FROM "case"') == [(THIRD,)]
    actors = hub.rows("SELECT DISTINCT actor FROM case_event")
    assert actors == [("system",)]


def test_the_same_difference_back_again_reopens_the_same_case(hub: Hub, rule: Rule) -> None:
    hub.pass_night(night(rule, TAX))
    hub.pass_night(night(rule, as_of=NEXT))

    counts = hub.pass_night(night(rule, TAX, as_of=date(2026, 11, 25)))

    assert (counts.opened, counts.reopened) == (0, 1)
    assert hub.case() == ("open", 1, 1)
    assert hub.events() == ["opened", "closed", "reopened"]
    assert hub.rows('SELECT closed_at, closed_as_of, due_on FROM "case"') == [(None, None, date(2026, 12, 2))]
    assert hub.rows("SELECT count(*) FROM mismatch") == [(2,)]


def test_a_rule_that_was_not_compared_leaves_everything_as_it_is(hub: Hub, rule: Rule) -> None:
    hub.pass_night(night(rule, TAX))

    counts = hub.pass_night(night(rule, as_of=NEXT, state="not_compared", missing=["tax.taxpayer"]))

    assert set(vars(counts).values()) == {0}
    assert hub.case() == ("open", 0, 1)
    results = hub.rows("SELECT state, compared, found, missing_feeds FROM rule_result ORDER BY state DESC")
    assert results == [("not_compared", 2, 0, ["tax.taxpayer"]), ("compared", 2, 1, [])]


def test_without_that_guard_a_late_feed_would_close_cases(
    hub: Hub, rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = cases_module._text
    bad = {"settle.sql": read("settle.sql").replace("AND r.state = 'compared'", "")}
    assert bad["settle.sql"] != read("settle.sql")
    monkeypatch.setattr(cases_module, "_text", lambda name: bad.get(name) or read(name))
    hub.pass_night(night(rule, TAX))

    counts = hub.pass_night(night(rule, as_of=NEXT, state="not_compared", missing=["tax.taxpayer"]))

    assert counts.closed == 1


def test_a_rule_whose_law_has_ended_leaves_its_cases_to_people(hub: Hub, rule: Rule) -> None:
    hub.pass_night(night(rule, TAX))

    hub.pass_night(night(rule, as_of=NEXT, state="not_in_force"))

    assert hub.case() == ("open", 0, 1)


def test_a_difference_in_transit_opens_nothing(hub: Hub, rule: Rule) -> None:
    counts = hub.pass_night(night(rule, "right_key | in_transit\nT1 | true"))

    assert set(vars(counts).values()) == {0}
    assert hub.rows('SELECT * FROM "case"') == []


def test_a_difference_in_transit_again_does_not_close_its_case(hub: Hub, rule: Rule) -> None:
    hub.pass_night(night(rule, TAX))

    counts = hub.pass_night(night(rule, "right_key | in_transit | since\nT1 | true | 2026-11-21", as_of=NEXT))

    assert set(vars(counts).values()) == {0}
    assert hub.case() == ("open", 0, 1)
    assert hub.rows("SELECT since FROM mismatch") == [(date(2026, 11, 1),)]


def test_a_mismatch_that_changes_its_class_stays_the_same_mismatch(hub: Hub, rule: Rule) -> None:
    hub.pass_night(night(rule, TAX))

    counts = hub.pass_night(night(rule, "right_key | class\nT1 | one_digit", as_of=NEXT))

    assert set(vars(counts).values()) == {0}
    assert hub.rows("SELECT class, first_as_of FROM mismatch") == [("one_digit", FIRST_NIGHT)]


def test_an_event_stays_found_when_the_records_move_on(hub: Hub, lasting: Rule) -> None:
    hub.pass_night(night(lasting, TAX))

    counts = hub.pass_night(night(lasting, as_of=NEXT))

    assert set(vars(counts).values()) == {0}
    assert hub.case() == ("open", 0, 1)


def test_the_same_event_a_second_time_is_a_second_mismatch_of_the_case(hub: Hub, lasting: Rule) -> None:
    hub.pass_night(night(lasting, TAX))

    counts = hub.pass_night(night(lasting, "right_key | since\nT1 | 2026-11-20", as_of=NEXT))

    assert (counts.new_mismatches, counts.gone_mismatches, counts.joined, counts.closed) == (1, 1, 1, 0)
    assert hub.rows("SELECT since, gone_as_of FROM mismatch ORDER BY mismatch_id") == [
        (date(2026, 11, 1), NEXT),
        (date(2026, 11, 20), None),
    ]


def test_what_people_dismissed_stays_dismissed(hub: Hub, rule: Rule) -> None:
    hub.pass_night(night(rule, TAX))
    with hub.engine.begin() as connection:
        connection.exec_driver_sql("""UPDATE "case" SET state = 'dismissed'""")

    hub.pass_night(night(rule, as_of=NEXT))
    hub.pass_night(night(rule, TAX, as_of=THIRD))

    assert hub.case() == ("dismissed", 0, 1)
    assert hub.events() == ["opened", "left", "joined"]


def test_an_undone_night_leaves_no_trace(hub: Hub, rule: Rule) -> None:
    with hub.engine.connect() as connection:
        run = hub.open_run(connection, FIRST_NIGHT, kind="reconcile")
        cases_module.settle(connection, night(rule, TAX), run_id=run, now=NOW)
        connection.rollback()

    assert (
        hub.rows('SELECT 1 FROM "case" UNION ALL SELECT 1 FROM mismatch UNION ALL SELECT 1 FROM rule_result')
        == []
    )
    assert hub.pass_night(night(rule, TAX)).opened == 1


def test_settling_twice_in_one_transaction_is_settling_once(hub: Hub, rule: Rule) -> None:
    with hub.engine.begin() as connection:
        run = hub.open_run(connection, FIRST_NIGHT, kind="reconcile")
        first = cases_module.settle(connection, night(rule, TAX), run_id=run, now=NOW)
        second = cases_module.settle(connection, night(rule, TAX), run_id=run, now=NOW)

    assert (first.opened, second.opened) == (1, 0)
    assert hub.rows("SELECT opened FROM rule_result") == [(1,)]


def test_delivery_cases_have_no_resident(hub: Hub, rule: Rule) -> None:
    table = "subject_kind | subject_id | resident_id | right_key\ndelivery | 7 | | T1"

    hub.pass_night(night(rule, table))

    assert hub.rows("SELECT subject_kind, subject_id, resident_id FROM mismatch") == [("delivery", "7", None)]


@pytest.mark.parametrize("text", ["a,b", 'say "so"', "line\nbreak", "", "タブ\tと\\逆斜線", r"\N"])
def test_any_text_of_a_key_arrives_as_it_was(hub: Hub, rule: Rule, text: str) -> None:
    found = night(rule, TAX)
    index = found.mismatches.schema.get_field_index("right_key")
    changed = found.mismatches.set_column(index, "right_key", [[text]])

    hub.pass_night(type(found)(as_of=found.as_of, outcomes=found.outcomes, mismatches=changed))

    assert hub.rows("SELECT right_key FROM mismatch") == [(text,)]
