"""Staff work cases: steps are added and taken back exactly, settled differences stay settled as they were seen."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.integration.reconcile.world import FIRST_NIGHT, Hub, night, plain_rule
from tests.integration.registry.judging import Bench, person, settings

from renkei.cli import exits, main
from renkei.cli import place as terminal
from renkei.clock import FixedClock
from renkei.errors import FixDeclaration, RenkeiError
from renkei.project import load
from renkei.reconcile import cases as cases_module
from renkei.registry.embedded import Cluster
from renkei.registry.store import connect
from renkei.views import cases as listed
from renkei.views import suppressed_cases
from renkei.workflow import case_cluster, case_work, clusters, suppress
from renkei.workflow.case_work import Judgement, Worked
from renkei_verify.source import COVERED

HANAKO, JIRO, CHIE = "cli:hanako", "cli:jiro", "cli:chie"  # chie may meet restricted persons
TODAY = FIRST_NIGHT  # Friday
NOON = FixedClock(datetime(2026, 11, 20, 3, tzinfo=UTC))
CONFIRM = Judgement(outcome="confirm", reason="届出で確認")
CORRECT = Judgement(outcome="correct", right="juki.resident", wrong="tax.taxpayer")


#: Four residents of one town each: more than one person settles at once here.
MANY, LATER, THIRD = (tuple(f"{each}{nth}" for nth in range(1, 5)) for each in "uvw")


def _edit(place: Path, old: str, new: str) -> None:
    text = place.read_text("utf-8")
    assert old in text
    place.write_text(text.replace(old, new), "utf-8")


@dataclass
class Office:
    """One registry and its project; every test has rules and residents of its own."""

    bench: Bench
    hub: Hub
    folder: Path
    nights: int = 0
    rules: dict[str, Any] = field(default_factory=dict)

    @property
    def project(self) -> Any:
        return self.bench.two

    def tell(self, *names: str, feed: str = "juki.resident", **values: Any) -> None:
        town = {"address_municipality_code": "132993", "address_key_town": "本町"}
        self.bench.tell(feed, *(person(name, **town | values) for name in names))

    def find(self, rule: str, *names: str, as_of: date = TODAY, **more: str) -> cases_module.CaseCounts:
        """A night in which this rule finds these residents: name-j against name-t."""
        if rule not in self.rules:
            self.rules[rule] = plain_rule(self.folder / rule, id=f'"{rule}"')
        head = ["rule_id", "cause", "subject_id", "left_key", "right_key", *more]
        rows = [
            [rule, f"{rule}:x", str(self.bench.resident(f"juki.resident:{name}-j")), f"{name}-j", f"{name}-t",
             *more.values()]
            for name in names
        ]  # fmt: skip
        table = "\n".join(" | ".join(row) for row in (head, *rows)) if rows else ""
        return self.hub.pass_night(night(self.rules[rule], table, as_of=as_of))

    def case(self, name: str) -> int:
        resident = self.bench.resident(f"juki.resident:{name}-j")
        query = "SELECT case_id FROM \"case\" WHERE subject_id = '{}' ORDER BY case_id"
        return int(self.bench.rows(query.format(resident))[0][0])

    def row(self, name: str) -> dict[str, Any]:
        query = sa.text('SELECT * FROM "case" WHERE case_id = :id')
        with self.bench.registry.connect() as connection:
            return dict(connection.execute(query, {"id": self.case(name)}).mappings().one())

    def state(self, name: str) -> str:
        return str(self.row(name)["state"])

    def kinds(self, name: str) -> list[str]:
        query = "SELECT kind FROM case_event WHERE case_id = :id ORDER BY case_event_id"
        return [row[0] for row in self.bench.rows(query, id=self.case(name))]

    def settle(self, name: str, judged: Judgement, **more: Any) -> Worked:
        more = {"actor": HANAKO, "clock": NOON, **more}
        return case_work.settle_case(self.project, self.case(name), judged, **more)

    def undo(self, name: str, **more: Any) -> Worked:
        more = {"actor": HANAKO, "clock": NOON, "reason": "取り違え", **more}
        return case_work.undo_case(self.project, self.case(name), **more)


@pytest.fixture(scope="module")
def office(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    name = "cases_are_worked"
    cluster.create_database(name, template="renkei_template")
    engine = connect(cluster.url(name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RENKEI_DATABASE_URL", cluster.url(name))
        patch.setenv("RENKEI_LANG", "en")
        patch.setattr(terminal, "_LOGIN", Path("/nowhere"))
        folder = tmp_path_factory.mktemp("office")
        project = settings(folder / "city", "two people")
        _edit(project.root / "renkei.toml", "alone = 50", "alone = 3")
        patch.setenv("RENKEI_PROJECT", str(project.root))
        bench = Bench(registry=engine, two=project, one=project)
        made = Office(bench=bench, hub=Hub(engine, residents=0), folder=folder)
        names = [*"abcdefghmnop", "k1", "k2", "k3", "s1", "s2", "z", *MANY, *LATER, *THIRD]
        made.tell(*(f"{each}-j" for each in names))
        made.tell(*(f"{each}-t" for each in names), feed="tax.taxpayer")
        for old, feed in (("渡邉 花", "juki.resident"), ("渡辺 花", "tax.taxpayer")):
            made.tell(*(f"{each}-{feed[0]}" for each in ("q1", "q2")), feed=feed, full_name=old)
        made.tell("r-j", protected=None)
        yield made
    engine.dispose()
    cluster.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def refused(code: str, act: Any, *words: Any, **more: Any) -> None:
    with pytest.raises(RenkeiError) as error:
        act(*words, **more)
    assert error.value.code == code


def office_days(number: int) -> date:
    from renkei.reconcile.calendar import office_days_after

    return office_days_after(TODAY, number)


def test_steps_lead_on_and_are_taken_back_one_by_one(office: Office) -> None:
    office.find("R101", "a")
    before = [office.row("a")]
    case, more = office.case("a"), {"actor": HANAKO, "clock": NOON}

    case_work.assign_case(office.project, case, to="hanako", **more)
    before.append(office.row("a"))
    case_work.hold_case(office.project, case, until=date(2026, 12, 11), reason="転入届の原本待ち", **more)
    before.append(office.row("a"))
    case_work.note_case(office.project, case, text="電話済み", **more)
    office.settle("a", CORRECT)

    assert [row["state"] for row in before] == ["open", "reviewing", "held"]
    assert (before[2]["assignee"], before[2]["due_on"]) == ("hanako", date(2026, 12, 11))
    now = office.row("a")
    assert (now["state"], now["outcome"], now["due_on"]) == ("waiting", "correct", office_days(10))
    for was in reversed(before):
        office.undo("a")
        assert office.row("a") == was
    assert office.kinds("a") == [
        "opened",
        "assigned",
        "held",
        "noted",
        "decided",
        "undone",
        "undone",
        "undone",
    ]
    refused("E_CASE_UNDO", office.undo, "a")


def test_a_case_that_has_changed_since_somebody_looked_is_refused(office: Office) -> None:
    office.find("R102", "b")
    seen = listed(office.bench.registry, rule="R102")[0].last_event
    case_work.note_case(
        office.project, office.case("b"), text="先に見た人", actor=JIRO, seen=seen, clock=NOON
    )
    before = office.row("b")

    refused("E_CASE_CHANGED", office.settle, "b", CONFIRM, seen=seen)

    assert office.row("b") == before
    newer = listed(office.bench.registry, rule="R102")[0].last_event
    office.settle("b", CONFIRM, seen=newer)
    assert office.state("b") == "dismissed"


def test_a_correction_that_is_seen_closes_its_case_as_corrected(office: Office) -> None:
    office.find("R103", "c")
    office.settle("c", CORRECT)

    office.find("R103", as_of=TODAY + timedelta(days=3))

    assert (office.state("c"), office.row("c")["outcome"]) == ("closed", "correct")
    query = "SELECT detail ->> 'outcome' FROM case_event WHERE case_id = :id AND kind = 'closed'"
    assert office.bench.rows(query, id=office.case("c")) == [("correct",)]
    refused("E_CASE_STATE", office.settle, "c", CONFIRM)
    refused("E_CASE_UNDO", office.undo, "c")


def test_a_correction_that_nobody_made_is_overdue_again(office: Office) -> None:
    office.find("R104", "d")
    case_work.assign_case(office.project, office.case("d"), to="hanako", actor=HANAKO, clock=NOON)
    office.settle("d", Judgement(outcome="correct", right="juki.resident", wrong="tax.taxpayer", days=3))
    due = office.row("d")["due_on"]

    on_time = office.find("R104", "d", as_of=due)
    late = office.find("R104", "d", as_of=due + timedelta(days=1))
    again = office.find("R104", "d", as_of=due + timedelta(days=1))

    assert (due, on_time.due_again, late.due_again, again.due_again) == (date(2026, 11, 26), 0, 1, 0)
    assert (office.state("d"), office.row("d")["due_on"]) == ("reviewing", due)
    overdue = listed(office.bench.registry, rule="R104", day=due + timedelta(days=1), overdue=True)
    assert [each.case_id for each in overdue] == [office.case("d")]
    office.find("R104", as_of=due + timedelta(days=2))
    assert (office.state("d"), office.row("d")["outcome"]) == ("closed", "correct")


def test_a_wait_ends_on_its_day_also_where_nothing_was_compared(office: Office) -> None:
    office.find("R105", "e")
    until = date(2026, 11, 25)
    case_work.hold_case(
        office.project, office.case("e"), until=until, reason="連絡待ち", actor=HANAKO, clock=NOON
    )

    office.find("R105", "e", as_of=until - timedelta(days=1))
    assert office.state("e") == "held"
    missing = night(office.rules["R105"], as_of=until, state="not_compared", missing=["tax.taxpayer"])
    office.hub.pass_night(missing)

    assert (office.state("e"), office.kinds("e")[-1]) == ("open", "due_again")


@pytest.mark.parametrize(
    "day", [date(2026, 11, 20), date(2026, 11, 22), date(2026, 11, 23), date(2026, 12, 31)]
)
def test_nobody_waits_for_a_day_on_which_the_office_is_closed(office: Office, day: date) -> None:
    office.find("R106", "f")

    refused(
        "E_CASE_DAY", case_work.hold_case, office.project, office.case("f"), until=day, reason="-",
        actor=HANAKO, clock=NOON,
    )  # fmt: skip


def test_what_is_confirmed_comes_back_with_another_value_and_only_then(office: Office) -> None:
    office.find("R107", "g")
    office.settle("g", CONFIRM)

    same = office.find("R107", "g", as_of=TODAY + timedelta(days=1))
    office.find("R107", as_of=TODAY + timedelta(days=2))
    back = office.find("R107", "g", as_of=TODAY + timedelta(days=3))
    assert (same.reopened, back.reopened, office.state("g")) == (0, 0, "dismissed")

    office.tell("g-t", feed="tax.taxpayer", source_version="2", household_number="H-other", address="本町g-t")
    other_field = office.find("R107", "g", as_of=TODAY + timedelta(days=4))
    assert (other_field.reopened, office.state("g")) == (0, "dismissed")
    office.tell("g-t", feed="tax.taxpayer", source_version="3", address="新町9", address_key="132993新町9")
    late = night(office.rules["R107"], as_of=TODAY + timedelta(days=4), state="not_compared")
    assert office.hub.pass_night(late).reopened == 0  # the other value may be the end of the difference
    changed = office.find("R107", "g", as_of=TODAY + timedelta(days=5))

    row = office.row("g")
    assert (changed.reopened, row["state"], row["outcome"], row["reopened"]) == (1, "open", None, 1)
    assert office.find("R107", "g", as_of=TODAY + timedelta(days=5)).reopened == 0


def test_without_that_digest_another_value_would_stay_hidden(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = cases_module._text
    bad = read("settle.sql").replace(
        "AND j.digest IS DISTINCT FROM mismatch_digest(m)", "AND j.digest IS NULL"
    )
    assert bad != read("settle.sql")
    monkeypatch.setattr(cases_module, "_text", lambda name: bad if name == "settle.sql" else read(name))
    office.find("R108", "h")
    office.settle("h", Judgement(outcome="withdraw", reason="住登外のため"))
    office.tell("h-t", feed="tax.taxpayer", source_version="2", address="新町8", address_key="132993新町8")

    hidden = office.find("R108", "h", as_of=TODAY + timedelta(days=1))
    monkeypatch.undo()

    assert hidden.reopened == 0
    assert office.find("R108", "h", as_of=TODAY + timedelta(days=2)).reopened == 1


def test_what_went_away_while_it_was_settled_is_closed_when_that_is_taken_back(office: Office) -> None:
    office.find("R109", "m")
    office.settle("m", CONFIRM)
    office.find("R109", as_of=TODAY + timedelta(days=1))

    office.undo("m")
    again = office.find("R109", "m", as_of=TODAY + timedelta(days=2))

    assert office.kinds("m")[-4:] == ["left", "undone", "closed", "reopened"]
    assert (again.reopened, office.state("m")) == (1, "open")


def test_an_outcome_names_feeds_and_records_of_its_case_and_types_no_value(office: Office) -> None:
    office.find("R110", "n")
    of_another = Judgement(outcome="correct", right="juki.resident", wrong="welfare.recipient")
    refused("E_CASE_FEED", office.settle, "n", of_another)
    elsewhere = Judgement(**{**vars(CORRECT), "record": "juki.resident:a-j"})
    refused("E_NOT_FOUND", office.settle, "n", elsewhere)
    refused("E_USAGE", office.settle, "n", Judgement(outcome="confirm"))
    refused("E_NUMBER_TYPED", office.settle, "n", Judgement(outcome="confirm", reason="123456789018"))

    office.settle("n", Judgement(**{**vars(CORRECT), "record": "juki.resident:n-j"}))

    (detail,) = office.bench.rows(
        "SELECT detail FROM case_event WHERE case_id = :id AND kind = 'decided'", id=office.case("n")
    )[0]
    record = "SELECT record_id FROM person_record WHERE source_key = 'n-j' AND known_to IS NULL"
    assert detail["record"] == {"feed": "juki.resident", "record_id": office.bench.rows(record)[0][0]}
    assert "n-j" not in json.dumps(detail)


def test_cases_of_restricted_persons_are_worked_by_who_has_the_right(office: Office) -> None:
    office.find("R111", "r")

    refused("E_NOT_FOUND", office.settle, "r", CONFIRM)
    refused("E_NOT_FOUND", case_work.settle_case, office.project, 999_999, CONFIRM, actor=HANAKO, clock=NOON)

    office.settle("r", CONFIRM, actor=CHIE)
    assert office.state("r") == "dismissed"


def test_every_step_of_a_person_has_its_audit_event(office: Office) -> None:
    office.find("R112", "o")
    office.settle("o", CONFIRM)
    case_work.note_case(office.project, office.case("o"), text="電話済み", actor=JIRO, clock=NOON)
    office.undo("o")

    bodies = office.bench.rows("SELECT body FROM audit_event ORDER BY event_id")
    told = [event for event in (json.loads(row[0]) for row in bodies) if event["object"].startswith("case:")]
    mine = [(each["action"], each["actor"]) for each in told if each["object"] == f"case:{office.case('o')}"]
    assert mine == [("case.decided", HANAKO), ("case.worked", JIRO), ("case.worked", HANAKO)]
    for action in ("case.decided", "case.worked"):
        events = [each["detail"]["event"] for each in told if each["action"] == action]
        assert [row[1] for row in office.bench.rows(COVERED[action])] == events
    assert "届出で確認" not in json.dumps(told, ensure_ascii=False)


# proposals ----------------------------------------------------------------------------------------


def test_cases_that_differ_alike_in_one_town_are_settled_and_taken_back_by_one_act(office: Office) -> None:
    office.find("R120", "k1", "k2", "k3")
    office.find("R121", "r")
    (found,) = clusters.clusters(office.bench.registry, day=TODAY, rule="R120")
    assert (found.cases, found.place, found.right_feeds) == (3, "town:132993本町", ("tax.taxpayer",))
    before = [office.row(name) for name in ("k1", "k2", "k3")]

    made = case_cluster.settle_cluster(office.project, found.cluster, CONFIRM, actor=HANAKO, clock=NOON)

    assert len(made.events) == 3
    assert {office.state(name) for name in ("k1", "k2", "k3")} == {"dismissed"}
    assert clusters.clusters(office.bench.registry, day=TODAY, rule="R120") == ()
    office.tell("k3-t", feed="tax.taxpayer", source_version="2", address="新町3", address_key="132993新町3")
    office.find("R120", "k1", "k2", "k3", as_of=TODAY + timedelta(days=1))
    undone = case_work.undo_act(office.project, made.act_id, reason="町名違い", actor=JIRO, clock=NOON)
    assert undone.left == (office.case("k3"),)
    assert [office.row(name) for name in ("k1", "k2")] == before[:2]
    refused(
        "E_CASE_UNDO", case_work.undo_act, office.project, made.act_id, reason="-", actor=JIRO, clock=NOON
    )


def test_a_proposal_stands_for_the_cases_that_were_seen_and_for_no_others(office: Office) -> None:
    glyph = {"field": "name", "class": "glyph_only"}
    office.find("R122", "q1", "q2", **glyph)
    (found,) = clusters.clusters(office.bench.registry, day=TODAY, rule="R122")
    assert (found.place, found.cases) == ("glyph:邉>辺", 2)
    case_work.note_case(office.project, office.case("q1"), text="確認中", actor=JIRO, clock=NOON)

    settle = case_cluster.settle_cluster
    refused("E_CLUSTER_CHANGED", settle, office.project, found.cluster, CONFIRM, actor=HANAKO, clock=NOON)
    refused("E_NOT_FOUND", settle, office.project, "00000000-0", CONFIRM, actor=HANAKO, clock=NOON)

    (newer,) = clusters.clusters(office.bench.registry, day=TODAY, rule="R122")
    assert settle(office.project, newer.cluster, CORRECT, actor=HANAKO, clock=NOON).kind == "decided"


def asked_for(office: Office, rule: str, *names: str, **more: Any) -> Worked:
    """A cluster of these residents, and what Hanako asks for it."""
    office.find(rule, *names)
    (found,) = clusters.clusters(office.bench.registry, day=TODAY, rule=rule)
    return case_cluster.settle_cluster(
        office.project, found.cluster, CONFIRM, actor=HANAKO, clock=NOON, **more
    )


def test_more_cases_than_one_person_settles_wait_for_another_and_are_taken_back_by_one_act(
    office: Office,
) -> None:
    asked = asked_for(office, "R124", *MANY)
    before = [office.row(name) for name in MANY]
    assert (asked.kind, len(asked.cases), asked.events) == ("asked", 4, ())
    assert {(row["state"], row["outcome"]) for row in before} == {("open", None)}
    assert asked.asked in {each.asked_act_id for each in case_cluster.waiting(office.bench.registry)}
    number, approve = asked.asked, case_cluster.approve_cluster
    assert number is not None
    refused("E_CLUSTER_WAITS", asked_for, office, "R124", *MANY)
    refused("E_CLUSTER_SAME_PERSON", approve, office.project, number, actor=HANAKO, clock=NOON)

    done = approve(office.project, number, actor=JIRO, clock=NOON)

    assert {office.state(name) for name in MANY} == {"dismissed"}
    query = "SELECT actor, detail ->> 'approved_by' FROM case_event WHERE act_id = :act"
    assert office.bench.rows(query, act=done.act_id) == [(HANAKO, JIRO)] * 4
    refused("E_CLUSTER_STATE", approve, office.project, number, actor=CHIE, clock=NOON)
    case_work.undo_act(office.project, done.act_id, reason="町名違い", actor=JIRO, clock=NOON)
    assert [office.row(name) for name in MANY] == before
    told = [json.loads(row[0]) for row in office.bench.rows("SELECT body FROM audit_event ORDER BY event_id")]
    mine = [(each["action"], each["actor"]) for each in told if each["object"] == f"cluster:{number}"]
    assert mine == [("cluster.asked", HANAKO), ("cluster.approved", JIRO)]


def test_what_was_asked_for_other_cases_than_stand_there_now_is_not_approved(office: Office) -> None:
    asked = asked_for(office, "R125", *LATER)
    number = asked.asked
    assert number is not None
    case_work.note_case(office.project, office.case("v1"), text="電話済み", actor=JIRO, clock=NOON)
    approve = {"actor": JIRO, "clock": NOON}
    refused("E_CLUSTER_CHANGED", case_cluster.approve_cluster, office.project, number, **approve)
    case_cluster.refuse_cluster(office.project, number, reason="案件が変わった", **approve)
    refused("E_CLUSTER_STATE", case_cluster.approve_cluster, office.project, number, **approve)

    again = asked_for(office, "R125", *LATER).asked
    office.tell("v4-j", source_version="2", protected=None)

    assert again is not None
    refused("E_NOT_FOUND", case_cluster.approve_cluster, office.project, 999_999, **approve)
    refused("E_CLUSTER_CHANGED", case_cluster.approve_cluster, office.project, again, **approve)
    assert {office.state(name) for name in LATER} == {"open"}
    assert (
        case_cluster.refuse_cluster(office.project, again, reason="閲覧制限", actor=HANAKO, clock=NOON).cases
        == ()
    )


@pytest.mark.parametrize("stated", ["-1", "true", '"many"'])
def test_how_many_one_person_settles_is_a_number_of_cases(tmp_path: Path, stated: str) -> None:
    project = settings(tmp_path / "city", "two people")
    assert project.config.cases_alone == 50
    _edit(project.root / "renkei.toml", "alone = 50", f"alone = {stated}")

    with pytest.raises(FixDeclaration, match=r"\[cases\] alone: expected a number of cases"):
        _ = load(project.root).config


@pytest.mark.parametrize("change", ["approved_by = asked_by, approved_at = now(), act_id = 1", "cases = 0"])
def test_the_registry_itself_refuses_one_person_for_many_cases(office: Office, change: str) -> None:
    row = """
        INSERT INTO asked_act (cluster, cases, outcome, days, asked_by, asked_at)
        VALUES ('0-0', 60, 'confirm', 10, 'cli:hanako', now())
    """
    with office.bench.registry.connect() as connection:
        connection.exec_driver_sql(row)
        with pytest.raises(sa.exc.IntegrityError):
            connection.exec_driver_sql(f"UPDATE asked_act SET {change} WHERE cluster = '0-0'")


# suppressions -------------------------------------------------------------------------------------


def test_a_suppression_counts_when_a_second_person_approves_and_until_its_last_day(office: Office) -> None:
    office.find("R130", "p")
    registry, until = office.bench.registry, date(2026, 12, 31)
    asked = suppress.suppress_case(
        office.project, office.case("p"), reason="施設入所", until=until, actor=HANAKO, clock=NOON
    )
    number = asked.suppression_id
    assert [each.suppressed_by for each in listed(registry, rule="R130", day=TODAY)] == [None]
    refused(
        "E_SUPPRESSION_SAME_PERSON", suppress.approve_suppression, office.project, number, actor=HANAKO,
        clock=NOON,
    )  # fmt: skip

    suppress.approve_suppression(office.project, number, actor=JIRO, clock=NOON)

    assert [each.suppressed_by for each in listed(registry, rule="R130", day=until)] == [number]
    assert listed(registry, rule="R130", day=until, suppressed=False) == ()
    assert suppressed_cases(registry, day=until) == 1
    after = until + timedelta(days=1)
    assert len(listed(registry, rule="R130", day=after, suppressed=False)) == 1
    suppress.lift_suppression(office.project, number, reason="退所", actor=JIRO, clock=NOON)
    assert suppressed_cases(registry, day=until) == 0
    refused(
        "E_SUPPRESSION_STATE", suppress.approve_suppression, office.project, number, actor=JIRO, clock=NOON
    )


def test_a_case_that_also_differs_elsewhere_is_not_set_aside(office: Office) -> None:
    office.find("R131", "s1", "s2")
    office.find("R132", "s1", cause="R131:x")
    where = {"place": "town:132993本町", "reason": "住居表示", "until": date(2027, 3, 31), "clock": NOON}

    asked = suppress.suppress_class(office.project, "R131", "other_place", actor=HANAKO, **where)
    suppress.approve_suppression(office.project, asked.suppression_id, actor=JIRO, clock=NOON)

    assert asked.cases == 2
    aside = {
        each.case_id: each.suppressed_by for each in listed(office.bench.registry, rule="R131", day=TODAY)
    }
    assert aside == {office.case("s1"): None, office.case("s2"): asked.suppression_id}
    suppress.lift_suppression(office.project, asked.suppression_id, reason="-", actor=JIRO, clock=NOON)


@pytest.mark.parametrize("until", [TODAY, TODAY + timedelta(days=366)])
def test_a_suppression_has_a_last_day_within_a_year(office: Office, until: date) -> None:
    office.find("R130", "p")

    refused(
        "E_SUPPRESSION_TERM", suppress.suppress_case, office.project, office.case("p"), reason="-", until=until,
        actor=HANAKO, clock=NOON,
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    ["approved_by = asked_by, approved_at = now()", "expires_on = asked_on + 400", "reason = ''"],
)
def test_the_registry_itself_refuses_one_person_and_no_end(office: Office, change: str) -> None:
    office.find("R130", "p")
    made = suppress.suppress_case(
        office.project,
        office.case("p"),
        reason="-",
        until=TODAY + timedelta(days=9),
        actor=HANAKO,
        clock=NOON,
    )

    query = sa.text(f"UPDATE suppression SET {change} WHERE suppression_id = :id")
    with office.bench.registry.connect() as connection, pytest.raises(sa.exc.IntegrityError):
        connection.execute(query, {"id": made.suppression_id})


# at a terminal ------------------------------------------------------------------------------------


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_case_is_worked_from_a_terminal(
    office: Office, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "hanako")
    office.find("R140", "z")
    case = f"C-{office.case('z'):06}"

    assert ask(capsys, "cases", "assign", case, "--to", "hanako")[1]["kind"] == "assigned"
    seen = ask(capsys, "cases", "show", case)[1]["case"]["last_event"]
    close = ["cases", "close", case, "--outcome", "confirm", "--reason", "by the notification"]
    assert ask(capsys, *close, "--seen", str(seen - 1))[0] == exits.REFUSED
    code, made = ask(capsys, *close, "--seen", str(seen))
    assert (code, made["schema"], made["cases"]) == (exits.OK, "renkei.case-work/1", [office.case("z")])
    assert main(["cases", "show", case]) == exits.OK
    assert "confirmed: both are right" in capsys.readouterr().out
    assert main(["cases", "reopen", "--act", str(made["act_id"]), "--reason", "wrong page"]) == exits.OK
    assert office.state("z") == "reviewing"

    code, made = ask(
        capsys, "cases", "suppress", "--case", case, "--until", _in_a_month(), "--reason", "in a home"
    )
    number = str(made["suppression_id"])
    assert (code, made["state"]) == (exits.OK, "waiting")
    assert ask(capsys, "cases", "approve", number)[0] == exits.REFUSED
    monkeypatch.setenv("SUDO_USER", "jiro")
    assert ask(capsys, "cases", "approve", number)[1]["state"] == "in_force"
    told = ask(capsys, "cases", "list", "--rule", "R140")[1]
    assert (told["cases"], told["suppressed"]) == ([], 1)
    assert main(["cases", "list", "--rule", "R140"]) == exits.OK
    assert "1 cases are set aside" in capsys.readouterr().err
    assert [each["case_id"] for each in ask(capsys, "cases", "list", "--suppressed")[1]["cases"]] == [
        office.case("z")
    ]
    assert main(["cases", "suppressions"]) == exits.OK
    assert ask(capsys, "cases", "lift", number, "--reason", "back home")[1]["state"] == "lifted"
    assert main(["cases", "clusters"]) == exits.OK
    assert main(["cases", "close", "--outcome", "confirm", "--reason", "-"]) == exits.USAGE


def test_many_cases_are_settled_and_approved_from_two_terminals(
    office: Office, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "hanako")
    office.find("R141", *THIRD)
    (found,) = ask(capsys, "cases", "clusters", "--rule", "R141")[1]["clusters"]
    close = [
        "cases",
        "close",
        "--cluster",
        found["cluster"],
        "--outcome",
        "confirm",
        "--reason",
        "新しい町名",
    ]

    assert main(close) == exits.OK
    number = str(ask(capsys, "cases", "clusters")[1]["waiting"][-1]["asked_act_id"])
    assert ask(capsys, "cases", "approve", number)[0] == exits.REFUSED
    assert main(["cases", "clusters", "--rule", "R141"]) == exits.OK
    shown = capsys.readouterr().out
    assert "Waiting for approval" in shown
    assert "新しい町名" in shown
    monkeypatch.setenv("SUDO_USER", "jiro")
    code, made = ask(capsys, "cases", "approve", number)

    assert (code, made["kind"], len(made["cases"])) == (exits.OK, "decided", 4)
    waiting = ask(capsys, "cases", "clusters")[1]["waiting"]
    assert number not in {str(each["asked_act_id"]) for each in waiting}


def _in_a_month() -> str:
    from renkei.clock import SystemClock

    return (SystemClock().now().date() + timedelta(days=30)).isoformat()
