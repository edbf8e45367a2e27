"""The figures of a report, asked of a real registry over three nights."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa
from tests.integration.report.seeded import AS_OF, NOW, seed

from renkei.reconcile.double_entry import Offices, summary
from renkei.registry.embedded import Cluster
from renkei.registry.store import connect
from renkei.report import figures, period
from renkei.report.figures import Figures, RuleCount

OFFICES = Offices(owners={"tax.taxpayer": "市民税課"})
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
EARLIER, LATER = AS_OF - DAY, AS_OF + DAY
ZONE = "Asia/Tokyo"
CITIZENS, TAX, CHILDREN = "市民課", "市民税課", "こども課"

#: Run of a night (day, instant of its end) and what it makes of mismatches; R11 is not compared on the last one.
NIGHTS = """
    INSERT INTO run (run_id, kind, target, as_of, state, actor, trigger, project_digest, code_version, counts,
        started_at, finished_at)
    VALUES (:run, 'reconcile', 'night', :day, 'done', 'test', 'manual', 'd', '0', '{}',
        CAST(:at AS timestamptz) - interval '1 minute', :at);
    INSERT INTO rule_result (run_id, rule_id, rule_digest, state, compared, looked_at, found, in_transit, opened,
        closed, reopened, seconds, missing_feeds)
    SELECT :run, rule, 'r', CASE WHEN rule = :absent THEN 'not_compared' ELSE 'compared' END, 9, 9, 0, 0, 0, 0, 0, 0,
        '{}'
    FROM unnest(ARRAY['R10', 'R11', 'R19', 'R38']) AS rule
"""
AFTER = """
    -- the night after: one is gone, one is new; then the day itself is compared again and shows one more
    UPDATE mismatch SET gone_as_of = :later, gone_at = :after, gone_by_run = found_by_run WHERE case_id = 1;
    INSERT INTO mismatch (rule_id, rule_digest, kind, subject_kind, subject_id, resident_id, cause, field, class,
        left_feed, left_key, right_feed, right_key, case_id, first_as_of, found_by_run, found_at)
    SELECT rule_id, rule_digest, kind, subject_kind, subject_id, resident_id, cause, field, class, left_feed,
        left_key, right_feed, new.key, case_id, new.day, found_by_run, new.at
    FROM mismatch
    CROSS JOIN (VALUES ('new', CAST(:later AS date), CAST(:after AS timestamptz)),
        ('late', CAST(:day AS date), CAST(:again AS timestamptz))) AS new (key, day, at)
    WHERE case_id = 2
"""
DECIDED = """
    INSERT INTO case_event (case_id, happened_at, as_of, kind, actor, detail)
    SELECT c, :now, :day, 'decided', 'hanako', jsonb_build_object('outcome', o)
    FROM (VALUES (1, 'correct'), (3, 'withdraw'), (2, 'correct')) AS x (c, o);
    INSERT INTO case_event (case_id, happened_at, as_of, kind, actor, detail)
    SELECT 2, :now, :day, 'undone', 'hanako', jsonb_build_object('undoes', max(case_event_id))
    FROM case_event WHERE case_id = 2
"""
ASIDE = """
    INSERT INTO suppression (rule_id, subject_kind, subject_id, class, reason, asked_by, asked_at, asked_on,
        expires_on, approved_by, approved_at)
    VALUES ('R10', 'resident', '1', NULL, 'x', 'a', :now, :day, :day, 'b', :now),
        ('R19', NULL, NULL, 'other_household', 'x', 'a', :now, :day, :end, 'b', :now)
"""
AGAIN, AFTERWARDS = NOW + timedelta(hours=12), NOW + DAY


def run(connection: sa.Connection, text: str, **bound: object) -> None:
    for statement in text.split(";\n"):
        named = {name: value for name, value in bound.items() if f":{name}" in statement}
        connection.execute(sa.text(statement), named)


@pytest.fixture(scope="module")
def told(cluster: Cluster) -> Iterator[sa.Engine]:
    """Nights of the 19th, 20th (seeded) and 21st, then the 20th once more; decisions and suppressions."""
    cluster.create_database("report_figures", template="renkei_template")
    engine = connect(cluster.url("report_figures"))
    seed(engine)
    with engine.begin() as connection:
        run(connection, "UPDATE golden_version SET resident_status = 'resident' WHERE resident_id <= 4")
        run(connection, "UPDATE mismatch SET first_as_of = :day WHERE case_id IN (3, 5)", day=EARLIER)
        run(connection, "UPDATE mismatch SET found_at = :at WHERE case_id IN (3, 5)", at=NOW - DAY)
        run(connection, f"UPDATE \"case\" SET owner = '{TAX}' WHERE case_id = 2")
        night = "00000000-0000-0000-0000-00000000000"
        run(connection, NIGHTS, run=f"{night}1", day=EARLIER, at=NOW - DAY, absent="")
        run(connection, DECIDED, now=NOW, day=AS_OF)
        run(connection, ASIDE, now=NOW - 12 * HOUR, day=AS_OF, end=LATER + 30 * DAY)
        run(connection, NIGHTS, run=f"{night}3", day=LATER, at=AFTERWARDS, absent="R11")
        run(connection, AFTER, day=AS_OF, later=LATER, after=AFTERWARDS, again=AGAIN)
        run(connection, NIGHTS, run=f"{night}2", day=AS_OF, at=AGAIN, absent="")
    yield engine
    engine.dispose()
    cluster.execute('DROP DATABASE "report_figures" WITH (FORCE)')


def ask(
    engine: sa.Engine,
    day: date,
    known_at: datetime,
    *,
    department: str | None = None,
    rules: tuple[str, ...] = (),
    month: bool = False,
) -> Figures:
    about = period.of_day(day, known_at=known_at)
    if month:
        about = period.of_month(day, today=day, known_at=known_at)
    with engine.connect() as connection:
        aside = figures.suppressed_cases(connection, about, zone=ZONE)
        keyed = figures.keyed_twice(connection, about, offices=OFFICES)
        return figures.read(
            connection,
            about,
            suppressed=aside,
            department=department,
            rules=rules,
            lasting=("R38",),
            entries=keyed.get(department, ()),
        )


def counts(of: Figures) -> tuple[int, int, int]:
    opened, closed, standing = (of.sum(name) for name in ("opened", "closed", "standing"))
    return opened, closed, standing


def rule(of: Figures, rule_id: str) -> RuleCount:
    return next(each for each in of.rules if each.rule_id == rule_id)


def test_each_day_has_its_own_numbers(told: sa.Engine) -> None:
    assert counts(ask(told, EARLIER, AFTERWARDS)) == (1, 0, 1)
    assert counts(ask(told, AS_OF, NOW)) == (4, 0, 5)
    assert counts(ask(told, LATER, AFTERWARDS)) == (1, 1, 6)


def test_the_numbers_of_a_past_day_are_the_same_when_asked_later(told: sa.Engine) -> None:
    then, since = ask(told, EARLIER, NOW - DAY), ask(told, EARLIER, AFTERWARDS)

    assert replace(since, period=then.period) == then


def test_a_day_that_was_compared_again_differs_only_by_what_was_known(told: sa.Engine) -> None:
    assert counts(ask(told, AS_OF, NOW)) == (4, 0, 5)
    assert counts(ask(told, AS_OF, AFTERWARDS)) == (5, 0, 6)
    assert ask(told, AS_OF, NOW).reconcile_run != ask(told, AS_OF, AFTERWARDS).reconcile_run


def test_a_night_that_is_not_known_yet_is_no_comparison(told: sa.Engine) -> None:
    made = ask(told, EARLIER, NOW - 2 * DAY)

    assert (made.reconcile_run, made.was_compared, made.rules) == (None, False, ())


def test_a_rule_that_was_not_compared_has_the_number_that_was_left_out(told: sa.Engine) -> None:
    made = ask(told, LATER, AFTERWARDS)

    assert (rule(made, "R11").state, rule(made, "R11").compared) == ("not_compared", 9)
    assert rule(made, "R11").nights_not_compared == 1
    assert rule(made, "R22").state is None  # something stands of it, and that night has no word of it
    assert {each.rule_id for each in made.not_compared} == {"R11", "R22"}


def test_the_departments_make_up_the_city(told: sa.Engine) -> None:
    city = ask(told, AS_OF, NOW)
    parts = [ask(told, AS_OF, NOW, department=name) for name in (CITIZENS, TAX, CHILDREN)]

    assert [sum(numbers) for numbers in zip(*map(counts, parts), strict=True)] == list(counts(city))
    assert {each.department: each.standing for each in city.shares} == {CITIZENS: 4, TAX: 1}


def test_a_department_with_nothing_hears_of_its_rules(told: sa.Engine) -> None:
    made = ask(told, AS_OF, NOW, department=CHILDREN, rules=("R01", "R22", "R99"))

    assert {each.rule_id: each.state for each in made.rules} == {
        "R01": "compared", "R22": "not_compared", "R99": None,
    }  # fmt: skip
    assert not made.is_clear or made.not_compared
    assert ask(told, AS_OF, NOW, department=CHILDREN, rules=("R01",)).is_clear


def test_the_course_of_days_has_gaps_where_nothing_was_compared(told: sa.Engine) -> None:
    made = {day.day: day for day in ask(told, AS_OF, NOW).days}

    assert len(made) == period.LOOK_BACK
    assert [day.day for day in made.values() if day.is_compared] == [EARLIER, AS_OF]
    assert [(made[day].opened, made[day].standing) for day in (EARLIER, AS_OF)] == [(1, 1), (4, 5)]


def test_a_case_set_aside_is_counted_and_marked_until_its_last_day(told: sa.Engine) -> None:
    on_day, after = ask(told, AS_OF, AFTERWARDS), ask(told, LATER, AFTERWARDS)

    # case 1 by its subject and case 4 by its class
    assert (on_day.sum("suppressed"), rule(on_day, "R10").suppressed, rule(on_day, "R10").standing) == (
        2,
        1,
        2,
    )
    assert (after.sum("suppressed"), rule(after, "R19").suppressed) == (1, 1)
    assert ask(told, EARLIER, AFTERWARDS).sum("suppressed") == 0
    assert sum(age.suppressed for age in on_day.ages) == 2


def test_a_suppression_that_was_lifted_later_counts_for_the_days_before(told: sa.Engine) -> None:
    lift = """
        UPDATE suppression SET ended_by = 'c', ended_at = :at, ended_reason = 'x', ended_as = 'lifted'
        WHERE rule_id = 'R19'
    """
    with told.connect() as connection:
        connection.execute(sa.text(lift), {"at": AFTERWARDS})
        known = AFTERWARDS + DAY
        before, after = (
            figures.suppressed_cases(connection, period.of_day(day, known_at=known), zone=ZONE)
            for day in (AS_OF, LATER + DAY)
        )
        connection.rollback()

    assert (before, after) == ((1, 4), ())
    with told.connect() as connection:
        unlifted = period.of_day(LATER + DAY, known_at=known)
        assert figures.suppressed_cases(connection, unlifted, zone=ZONE) == (4,)


def test_only_decisions_that_stand_tell_how_often_a_rule_is_right(told: sa.Engine) -> None:
    made = {each.rule_id: (each.confirmed, each.decided) for each in ask(told, AS_OF, NOW).rules}

    assert made["R10"] == (1, 2)
    assert made["R11"] == (0, 0)  # taken back
    assert rule(ask(told, EARLIER, AFTERWARDS), "R10").decided == 0


def test_standing_mismatches_fall_into_bands_of_age(told: sa.Engine) -> None:
    made = {age.band: age.standing for age in ask(told, AS_OF, NOW).ages}

    assert (made["当日"], made["1〜7日"], sum(made.values())) == (4, 1, 5)


def test_minutes_are_those_that_the_summary_of_double_entry_counts(told: sa.Engine) -> None:
    made = ask(told, AS_OF, AFTERWARDS)
    with told.connect() as connection:
        counted = summary(connection, month=AS_OF, as_of=AS_OF)

    [entries] = made.entries
    assert (entries.field, entries.entries, entries.minutes) == ("address", counted.entries, counted.minutes)
    assert entries.minutes == 6


def test_an_event_is_counted_when_it_is_found_and_never_stands(told: sa.Engine) -> None:
    found, after, month = (
        ask(told, EARLIER, AFTERWARDS),
        ask(told, AS_OF, AFTERWARDS),
        ask(told, LATER, AFTERWARDS, month=True),
    )

    assert [rule(of, "R38").events for of in (found, after, month)] == [1, 0, 1]
    assert {(rule(of, "R38").opened, rule(of, "R38").standing) for of in (found, after, month)} == {(0, 0)}
    assert rule(after, "R38").is_event
    assert {share.department: share.events for share in found.shares} == {CITIZENS: 1}


def test_a_repetition_of_an_event_is_nothing_that_was_resolved(told: sa.Engine) -> None:
    with told.connect() as connection:
        connection.execute(
            sa.text("UPDATE mismatch SET gone_as_of = :day, gone_at = :at WHERE rule_id = 'R38'"),
            {"day": AS_OF, "at": NOW},
        )
        about = period.of_day(AS_OF, known_at=NOW)
        made = figures.read(connection, about, suppressed=())
        connection.rollback()

    assert rule(made, "R38").closed == 0
    assert [day.closed for day in made.days if day.day == AS_OF] == [0]


def test_a_department_hears_of_what_was_keyed_twice_in_its_own_office(told: sa.Engine) -> None:
    keyed_there, owns_the_case = (ask(told, AS_OF, AFTERWARDS, department=name) for name in (TAX, CITIZENS))

    assert [(each.field, each.minutes) for each in keyed_there.entries] == [("address", 6)]
    assert owns_the_case.entries == ()


def test_what_was_keyed_on_the_last_day_of_a_month_is_of_that_month(told: sa.Engine) -> None:
    last, next_night = date(2026, 11, 30), NOW + 11 * DAY
    with told.connect() as connection:
        connection.execute(
            sa.text("""
                UPDATE mismatch SET since = :last, first_as_of = :next, found_at = :at WHERE rule_id = 'R38'
            """),
            {"last": last, "next": last + DAY, "at": next_night},
        )
        asked = {
            (day, known_at): figures.keyed_twice(
                connection,
                period.of_month(day, today=last + 9 * DAY, known_at=known_at),
                offices=OFFICES,
            )[None]
            for day in (last, last + DAY)
            for known_at in (next_night - HOUR, next_night)
        }
        connection.rollback()

    minutes = {about: sum(each.minutes for each in entries) for about, entries in asked.items()}
    assert minutes == {
        (last, next_night - HOUR): 0,
        (last, next_night): 6,
        (last + DAY, next_night - HOUR): 0,
        (last + DAY, next_night): 0,
    }


def test_residents_are_those_that_deliveries_up_to_the_day_spoke_of(told: sa.Engine) -> None:
    assert ask(told, AS_OF, NOW).residents == 4
    assert ask(told, EARLIER, NOW).residents == 0
    assert ask(told, EARLIER, NOW).rate(6) is None
    assert ask(told, AS_OF, NOW).rate(6) == pytest.approx(15_000)


def test_a_month_adds_its_days_and_counts_its_nights(told: sa.Engine) -> None:
    made = ask(told, LATER, AFTERWARDS, month=True)

    assert counts(made) == (7, 1, 6)
    assert (rule(made, "R11").nights_compared, rule(made, "R11").nights_not_compared) == (2, 1)
    assert len(made.days) == LATER.day
    assert sum(day.opened for day in made.days) == 7
