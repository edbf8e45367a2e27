"""What waits, and for how long: in transit, two pairs of days, learned lags, residents not looked at again."""

from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.integration.reconcile.world import FIRST_NIGHT, Hub, night, plain_rule
from tests.unit.reconcile.support import TERMS

from renkei.reconcile import Rule, cases, past

TAX = "right_key\nT1"
WAITS = "right_key | in_transit\nT1 | true"
UNDATED = "right_key | since\nT1 |"
NEXT = FIRST_NIGHT + timedelta(days=1)
THIRD = FIRST_NIGHT + timedelta(days=2)
PAIR = ("juki.resident", "tax.taxpayer")


@pytest.fixture
def hub(registry: sa.Engine) -> Hub:
    return Hub(registry)


@pytest.fixture
def rule(tmp_path: Path) -> Rule:
    return plain_rule(tmp_path / "rules")


def waiting(hub: Hub) -> list[tuple[object, ...]]:
    return hub.rows("SELECT became, first_as_of, ended_as_of FROM transit ORDER BY transit_id")


def last_result(hub: Hub) -> tuple[object, ...]:
    return hub.rows("""
        SELECT r.found, r.in_transit FROM rule_result AS r JOIN run USING (run_id)
        ORDER BY run.as_of DESC, run.started_at DESC LIMIT 1
    """)[0]


def test_a_difference_that_arrives_leaves_how_long_it_took(hub: Hub, rule: Rule) -> None:
    hub.pass_night(night(rule, WAITS))
    assert last_result(hub) == (0, 1)

    hub.pass_night(night(rule, WAITS))
    hub.pass_night(night(rule, as_of=NEXT))

    assert waiting(hub) == [("arrived", FIRST_NIGHT, NEXT)]
    assert last_result(hub) == (0, 0)


def test_one_that_does_not_arrive_is_raised(hub: Hub, rule: Rule) -> None:
    hub.pass_night(night(rule, WAITS))

    hub.pass_night(night(rule, TAX, as_of=NEXT))

    assert waiting(hub) == [("raised", FIRST_NIGHT, NEXT)]
    assert last_result(hub) == (1, 0)


def test_what_was_raised_does_not_wait_again(hub: Hub, rule: Rule) -> None:
    hub.pass_night(night(rule, TAX))

    hub.pass_night(night(rule, WAITS, as_of=NEXT))

    assert (hub.case(), waiting(hub), last_result(hub)) == (("open", 0, 1), [], (1, 0))


@pytest.mark.parametrize(("why", "again"), [("delay", [1]), ("transposed", [])])
def test_whoever_is_said_to_be_late_is_looked_at_again_until_another_reason_is_known(
    hub: Hub, rule: Rule, why: str, again: list[int]
) -> None:
    hub.pass_night(night(rule, TAX))

    with hub.engine.begin() as connection:
        connection.execute(sa.text("UPDATE mismatch SET why = :why, why_detail = '{}'"), {"why": why})
        assert past.waiting(connection) == again


def test_a_difference_of_unknown_age_is_raised_by_the_second_pair_of_days(hub: Hub, rule: Rule) -> None:
    hub.pass_night(night(rule, UNDATED))
    hub.pass_night(night(rule, UNDATED, as_of=NEXT, days=dict.fromkeys(PAIR, FIRST_NIGHT)))
    assert (last_result(hub), hub.rows('SELECT * FROM "case"')) == ((0, 1), [])

    hub.pass_night(night(rule, UNDATED, as_of=THIRD, days={PAIR[0]: THIRD, PAIR[1]: NEXT}))

    assert waiting(hub) == [("raised", FIRST_NIGHT, THIRD)]
    assert hub.case() == ("open", 0, 1)


def test_a_row_without_a_feed_goes_by_the_nights(hub: Hub, rule: Rule) -> None:
    nameless = "subject_id | left_feed | left_key | right_feed | right_key | since\n1 | | | | |"
    hub.pass_night(night(rule, nameless))
    assert last_result(hub) == (0, 1)

    hub.pass_night(night(rule, nameless, as_of=NEXT))

    assert last_result(hub) == (1, 0)


@pytest.mark.parametrize("change", ["law", "text"])
def test_what_waits_by_a_rule_that_is_no_more_is_dropped(
    hub: Hub, rule: Rule, tmp_path: Path, change: str
) -> None:
    hub.pass_night(night(rule, WAITS))
    other = plain_rule(tmp_path / "other", title='"別の題"')

    if change == "law":
        hub.pass_night(night(rule, as_of=NEXT, state="not_in_force"))
    else:
        hub.pass_night(night(other, as_of=NEXT))

    assert waiting(hub) == [("dropped", FIRST_NIGHT, NEXT)]


def test_an_event_needs_no_second_pair(hub: Hub, tmp_path: Path) -> None:
    event = plain_rule(tmp_path / "rules", lasting="true")

    hub.pass_night(night(event, UNDATED))

    assert hub.case() == ("open", 0, 1)


def test_of_residents_not_looked_at_again_nothing_is_gone(hub: Hub, rule: Rule) -> None:
    both = "subject_id | right_key | in_transit\n1 | T1 | false\n2 | T2 | false\n2 | T3 | true"
    hub.pass_night(night(rule, both))

    counts = hub.pass_night(night(rule, as_of=NEXT, again=[1]))

    assert (counts.gone_mismatches, counts.closed) == (1, 1)
    assert last_result(hub) == (1, 1)
    assert waiting(hub) == [(None, FIRST_NIGHT, None)]
    hub.pass_night(night(rule, as_of=THIRD, again=[2]))
    assert last_result(hub) == (0, 0)
    assert waiting(hub) == [("arrived", FIRST_NIGHT, THIRD)]


def test_without_that_guard_a_part_would_close_everything(
    hub: Hub, rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = cases._text
    bad = read("settle.sql").replace("r.whole OR a.resident_id IS NOT NULL", "TRUE")
    assert bad != read("settle.sql")
    monkeypatch.setattr(cases, "_text", lambda name: bad if name == "settle.sql" else read(name))
    hub.pass_night(night(rule, "subject_id | right_key\n1 | T1\n2 | T2"))

    assert hub.pass_night(night(rule, as_of=NEXT, again=[1])).closed == 2


@pytest.mark.parametrize(
    ("arrivals", "learned", "used"),
    [
        ({1: 49}, None, 26),  # too few to learn from
        ({1: 60}, 24, 26),  # quicker than declared: what was declared stands
        ({1: 40, 2: 20}, 48, 48),
        ({1: 40, 3: 20}, 72, 52),  # never beyond twice what was declared
        ({1: 60, 9: 60}, 24, 26),  # nine days is an error, not a delay
        ({1: 199, 2: 1}, 24, 26),  # one late in two hundred is not normal
    ],
)
def test_the_lag_of_a_pair_is_learned_from_its_arrivals(
    registry: sa.Engine, arrivals: dict[int, int], learned: float | None, used: float
) -> None:
    hub = Hub(registry)
    with registry.begin() as connection:
        run = hub.open_run(connection, FIRST_NIGHT, kind="reconcile")
        for days, count in arrivals.items():
            connection.exec_driver_sql(f"""
                INSERT INTO transit (
                    rule_id, rule_digest, subject_kind, subject_id, resident_id, field, class, left_feed, left_key,
                    right_feed, right_key, since, first_as_of, found_by_run, found_at,
                    became, ended_as_of, ended_by_run, ended_at
                )
                SELECT 'R90', 'x', 'resident', '1', 1, 'address', 'x', '{PAIR[0]}', n::text, '{PAIR[1]}', 'T',
                    '{FIRST_NIGHT - timedelta(days=days)}', '{FIRST_NIGHT}', '{run}', now(),
                    'arrived', '{FIRST_NIGHT}', '{run}', now()
                FROM generate_series(1, {count}) AS n
            """)
        (lag,) = past.normal_lags(connection, TERMS, as_of=FIRST_NIGHT)
        assert past.normal_lags(connection, TERMS, as_of=date(2027, 6, 1)) == ()

    assert (lag.declared_hours, lag.learned_hours, lag.used_hours) == (26, learned, used)
    assert [pair.hours for pair in past.learned([lag])] == ([used] if used > 26 else [])
