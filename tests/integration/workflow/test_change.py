"""A changed declaration is planned by one person, approved by another, and does exactly what was planned."""

import json
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.integration.workflow.town import (
    APPROVER,
    AUTHOR,
    MAPPING,
    NEXT,
    NOBODY,
    ONE_PERSON,
    RULE,
    TWO_PEOPLE,
    Town,
    build,
    people,
)

from renkei import archive, project, workflow
from renkei.errors import FixDeclaration, Stop
from renkei.landing import Landing
from renkei.prove import ground_of, prove
from renkei.workflow.apply import same_person

#: A slip: the address goes into another column, and its own stays empty.
NULLED = ('{ to = "address", from', '{ to = "address_town", from')
JOINED = (
    '{ to = "full_name", from = "name" }',
    '{ to = "full_name", from = ["name", "address"], join = "" }',
)
REJECTING = (
    '{ to = "full_name", from = "name" }',
    '{ to = "full_name", from = "name", steps = [{ matches = "^葛原 花[1-6][0-9]$" }] }',
)
PADDED = ('steps = ["trim"] },\n  { to = "resident', 'steps = [] },\n  { to = "resident')


@pytest.fixture
def town(tmp_project: Path, registry: sa.Engine) -> Town:
    made = build(tmp_project, registry)
    made.deliver(people(40))
    assert made.sync().counts.merged == 40
    return made


def test_the_first_run_puts_the_folder_in_force(town: Town) -> None:
    assert town.events()[0] == "declarations.founded"
    assert town.rows("SELECT approved_by, plan_id, in_force_until FROM declaration") == [(None, None, None)]


def test_an_edit_alone_changes_no_run(town: Town) -> None:
    town.edit(MAPPING, *NULLED)
    town.deliver(people(40))

    town.sync(NEXT)

    assert town.held("address")["1"] == "本町1番"
    assert len(town.rows("SELECT DISTINCT project_digest FROM run")) == 1


def test_where_no_approval_is_asked_the_folder_itself_runs(town: Town) -> None:
    # the twin: the same edit under the other setting does reach the run
    with town.registry.begin() as connection:
        connection.execute(sa.text("DELETE FROM declaration"))
    town.edit(Path("renkei.toml"), TWO_PEOPLE, NOBODY)
    town.edit(MAPPING, *JOINED)
    town.edit(Path("renkei.toml"), "least = 5", "least = 100")
    town.deliver(people(40))

    town.sync(NEXT)

    assert town.held("full_name")["1"] == "葛原 花1本町1番"


def test_a_draft_cannot_free_itself_from_approval(town: Town) -> None:
    town.edit(Path("renkei.toml"), TWO_PEOPLE, NOBODY)
    town.edit(MAPPING, *NULLED)
    town.deliver(people(40))

    town.sync(NEXT)

    assert town.held("address")["1"] == "本町1番"


def test_a_plan_that_would_null_every_address_shows_it(town: Town) -> None:
    town.edit(MAPPING, *NULLED)
    before = town.state()

    made = town.propose(reason="試し")

    [feed] = made.feeds
    address = next(each for each in feed.fields if each.field == "address")
    assert (feed.known, feed.changed, feed.is_over, made.is_over) == (40, 40, True, True)
    assert (address.field, address.changed, address.emptied, address.filled) == ("address", 40, 40, 0)
    assert [(each.before, each.after) for each in address.samples] == [("漢漢99漢", None), ("漢漢9漢", None)]
    assert [(each.rule_id, each.owner, each.opens, each.closes) for each in made.cases] == [
        ("R01", "市民課", 40, 0)
    ]
    assert town.state() == before


def test_a_plan_that_changes_little_is_not_over(town: Town) -> None:
    rows = people(40)
    rows[2]["address"] = " 北町3番"
    town.deliver(rows)
    town.sync(NEXT)
    town.edit(MAPPING, *PADDED)

    made = town.propose()

    [feed] = made.feeds
    assert (feed.changed, feed.ended, feed.newly_rejected, made.is_over) == (0, 0, 0, False)


def test_a_plan_that_would_set_a_third_aside_shows_it(town: Town) -> None:
    town.edit(MAPPING, *REJECTING)

    [feed] = town.propose().feeds

    assert (feed.newly_rejected, feed.no_longer_rejected, feed.is_over) == (9, 0, True)
    assert feed.rejects == {"E_BAD_FORMAT": 9}


def test_a_plan_shows_no_value_of_a_person(town: Town) -> None:
    town.edit(MAPPING, *JOINED)
    town.edit(Path("mappings/codes/kind.toml"), 'to = "japanese"', 'to = "non_registered"')

    made = town.propose()

    kept = json.dumps(town.rows("SELECT result, data FROM plan"), ensure_ascii=False, default=str)
    assert "葛原" not in kept
    assert "本町" not in kept
    fields = {each.field: each for each in made.feeds[0].fields}
    assert fields["resident_kind"].samples[0].before == "japanese"
    assert (fields["full_name"].samples[0].before, fields["full_name"].samples[0].after) == (
        "漢漢 漢99",
        "漢漢 漢99漢漢99漢",
    )


def test_a_plan_tells_what_differs_in_words(town: Town) -> None:
    town.edit(Path("mappings/codes/kind.toml"), 'code = "2"', 'code = "3"')
    town.edit(RULE, "severity = 2", "severity = 1")
    town.edit(Path("renkei.toml"), "least = 5", "least = 6")
    (town.root / "connectors" / "shelf.py").write_text(
        "# 注\n" + (town.root / "connectors" / "shelf.py").read_text()
    )

    made = town.propose()

    assert made.files == {
        "connectors/shelf.py": "changed",
        "mappings/codes/kind.toml": "changed",
        RULE.as_posix(): "changed",
        "renkei.toml": "changed",
    }
    said = [change.en for change in made.text]
    assert any(text.startswith("code kind.2 removed") for text in said)
    assert any(text.startswith("code kind.3 added") for text in said)
    assert "rule R01, severity changed: 2 → 1" in said
    assert "setting blast.least changed: 5 → 6" in said
    assert "file connectors/shelf.py changed: +1 −0" in said


def test_a_folder_like_what_is_in_force_makes_no_plan(town: Town) -> None:
    assert workflow.propose(project.load(town.root), author=AUTHOR) is None
    assert town.rows("SELECT * FROM plan") == []


def test_everything_wrong_with_a_draft_is_said_at_once_and_nothing_planned(town: Town) -> None:
    town.edit(MAPPING, "^[0-9]+$", "(a(?=b))+")
    town.edit(RULE, "severity = 2", "severity = 9")

    with pytest.raises(FixDeclaration) as refused:
        town.propose()

    assert "town.toml" in str(refused.value.facts["problems"])
    assert RULE.name in str(refused.value.facts["problems"])
    assert town.rows("SELECT * FROM plan") == []


@pytest.mark.parametrize("place", [MAPPING, RULE, Path("mappings/codes/kind.toml"), Path("renkei.toml")])
def test_a_file_that_cannot_be_read_is_named(town: Town, place: Path) -> None:
    for text in (b"[[feed", "名".encode("cp932")):
        (town.root / place).write_bytes(text)

        with pytest.raises(FixDeclaration) as refused:
            town.propose()

        assert place.name in refused.value.facts["problems"]


def test_a_connector_that_is_no_program_is_refused(town: Town) -> None:
    (town.root / "connectors" / "shelf.py").write_text("def connect(:\n")

    with pytest.raises(FixDeclaration, match=r"shelf\.py"):
        town.propose()


def put_in_force(town: Town, place: Path, content: bytes) -> None:
    """A text that an older version took."""
    files = archive.read(town.root) | {place.as_posix(): content}
    kept = town.root / "var" / "work" / "old.tar"
    kept.write_bytes(archive.pack(files))
    values = {"digest": archive.digest_of(files), "object": Landing(town.root / "var/landing").adopt(kept)}
    with town.registry.begin() as connection:
        connection.execute(sa.text("INSERT INTO object SELECT :object, 0, now()"), values)
        connection.execute(sa.text("UPDATE declaration SET digest = :digest, object = :object"), values)


@pytest.mark.parametrize("place", [MAPPING, RULE])
def test_what_this_version_no_longer_understands_can_be_replaced(town: Town, place: Path) -> None:
    put_in_force(town, place, (town.root / place).read_bytes().replace(b"owner =", b"holder ="))
    with pytest.raises(FixDeclaration):
        town.sync(NEXT), town.reconcile(NEXT)

    plan = town.propose()

    assert [change.about for change in plan.text] == ["mappings, reconciliation"]
    assert plan.not_compared == ("R01",)
    town.apply(plan.plan_id)
    assert town.sync(NEXT).state == "done"


def test_before_anything_is_in_force_there_is_nothing_to_plan_against(
    tmp_project: Path, registry: sa.Engine
) -> None:
    with pytest.raises(FixDeclaration) as refused:
        build(tmp_project, registry).propose()

    assert refused.value.code == "E_NOTHING_IN_FORCE"


# apply -------------------------------------------------------------------------------------------


def test_what_was_planned_is_what_comes_to_be(town: Town) -> None:
    town.edit(Path("mappings/codes/kind.toml"), 'to = "japanese"', 'to = "non_registered"')
    plan = town.propose(reason="種別の見直し")

    made = town.apply(plan.plan_id, reason="確認済み", over_limit="全員が対象")

    assert (made.author, made.approved_by, made.over_limit) == (AUTHOR, APPROVER, "全員が対象")
    assert town.plan_state(plan.plan_id) == "applied"
    assert town.events()[-1] == "declarations.applied"
    assert set(town.held("resident_kind").values()) == {"japanese"}

    # nothing new at the source: the delivery that is known is mapped anew
    result = town.sync(NEXT)

    assert (result.state, result.counts.merged) == ("done", plan.feeds[0].changed)
    assert set(town.held("resident_kind").values()) == {"non_registered"}
    assert town.sync(NEXT).counts.merged == 0
    found = project.load(town.root)
    replay = partial(workflow.replay, found, as_of=NEXT, actor="tester", trigger="test")
    ground = ground_of(found, town.registry, replay=lambda feed: replay(feed))
    assert [proof for proof in prove(ground) if not proof.holds and proof.id != "I20"] == []


def test_more_than_was_approved_is_held(town: Town) -> None:
    # the twin of the one before: the same text without a plan that counted it
    town.edit(Path("mappings/codes/kind.toml"), 'to = "japanese"', 'to = "non_registered"')
    plan = town.propose()
    town.apply(plan.plan_id, over_limit="全員が対象")
    with town.registry.begin() as connection:
        connection.execute(sa.text("UPDATE plan SET result = jsonb_set(result, '{feeds,0,worst}', '7')"))

    result = town.sync(NEXT)

    assert (result.state, result.refused) == ("held", ("E_BLAST",))
    assert set(town.held("resident_kind").values()) == {"japanese"}
    assert "remap.held" in town.events()


def test_what_was_approved_once_is_no_licence_for_later_deliveries(town: Town) -> None:
    town.edit(Path("mappings/codes/kind.toml"), 'to = "japanese"', 'to = "non_registered"')
    town.apply(town.propose().plan_id, over_limit="全員が対象")
    town.sync(NEXT)
    town.deliver(people(40, address="北町"))

    result = town.sync(NEXT)

    assert (result.state, result.refused) == ("held", ("E_BLAST",))


def test_the_author_may_not_approve(town: Town) -> None:
    town.edit(RULE, "severity = 2", "severity = 1")
    plan = town.propose()

    with pytest.raises(Stop) as refused:
        town.apply(plan.plan_id, actor=AUTHOR)

    assert refused.value.code == "E_SAME_PERSON"
    assert town.plan_state(plan.plan_id) == "open"
    assert town.events()[-1] == "apply.refused"
    town.apply(plan.plan_id)


def test_where_one_person_is_enough_the_author_may(town: Town) -> None:
    town.edit(Path("renkei.toml"), TWO_PEOPLE, ONE_PERSON)
    town.apply(town.propose().plan_id)
    town.edit(RULE, "severity = 2", "severity = 1")

    town.apply(town.propose().plan_id, actor=AUTHOR)

    assert len(town.rows("SELECT * FROM declaration WHERE in_force_until IS NULL")) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("cli:asako", "cli:asako", True),
        ("cli:asako", "cli:asako>root", True),
        ("cli:asako>root", "cli:asako>renkei", True),
        ("cli:asako>root", "cli:bunta>root", False),
        ("cli:asako", "cli:bunta", False),
        ("cli:asako", "cli:bunta>root", False),
        ("cli:root", "cli:asako>root", True),
        ("cli:root", "cli:root", True),
        ("web:asako", "cli:asako", True),
        # no account is called so: somebody made it up
        ("cli:asako", "cli:x>y>asako", True),
    ],
)
def test_an_account_that_may_be_the_authors_is_the_author(one: str, other: str, same: bool) -> None:
    assert same_person(one, other) is same
    assert same_person(other, one) is same


def test_more_than_the_limit_needs_a_reason(town: Town) -> None:
    town.edit(MAPPING, *NULLED)
    plan = town.propose()

    with pytest.raises(Stop) as refused:
        town.apply(plan.plan_id)

    assert refused.value.code == "E_OVER_LIMIT"
    assert town.plan_state(plan.plan_id) == "open"


def test_a_plan_expires_when_the_data_moved_on(town: Town) -> None:
    town.edit(RULE, "severity = 2", "severity = 1")
    plan = town.propose()
    town.deliver(people(41))
    town.sync(NEXT)

    with pytest.raises(Stop) as refused:
        town.apply(plan.plan_id)

    assert refused.value.code == "E_PLAN_STALE"
    assert town.plan_state(plan.plan_id) == "expired"


def test_a_plan_expires_when_another_was_applied(town: Town) -> None:
    town.edit(RULE, "severity = 2", "severity = 1")
    first = town.propose()
    town.edit(RULE, "severity = 1", "severity = 3")
    second = town.propose()
    town.apply(second.plan_id)

    with pytest.raises(Stop) as refused:
        town.apply(first.plan_id)

    assert refused.value.code == "E_PLAN_STALE"
    assert town.plan_state(first.plan_id) == "expired"


def test_a_plan_expires_when_its_archive_is_damaged(town: Town) -> None:
    town.edit(RULE, "severity = 2", "severity = 1")
    plan = town.propose()
    [(sha256,)] = town.rows("SELECT object FROM plan")
    place = town.root / "var" / "landing" / "objects" / sha256[:2] / sha256
    place.chmod(0o600)
    place.write_bytes(place.read_bytes().replace(b"severity = 1", b"severity = 3"))

    with pytest.raises(Stop) as refused:
        town.apply(plan.plan_id)

    assert refused.value.code == "E_PLAN_STALE"


def test_what_is_applied_is_what_was_planned_whatever_the_folder_says_by_then(town: Town) -> None:
    town.edit(RULE, "severity = 2", "severity = 1")
    plan = town.propose()
    town.edit(MAPPING, *NULLED)

    made = town.apply(plan.plan_id)

    assert made.digest == plan.digest
    town.sync(NEXT)
    assert town.held("address")["1"] == "本町1番"


def test_a_refused_plan_is_not_applied(town: Town) -> None:
    town.edit(RULE, "severity = 2", "severity = 1")
    plan = town.propose()
    workflow.refuse(project.load(town.root), plan.plan_id, actor=APPROVER, reason="根拠なし")

    with pytest.raises(Stop) as refused:
        town.apply(plan.plan_id)

    assert refused.value.code == "E_PLAN_SETTLED"
    assert town.plan_state(plan.plan_id) == "refused"


def test_a_changed_rule_does_to_the_cases_what_was_planned(town: Town) -> None:
    rows = people(40)
    rows[0]["address"] = ""
    town.deliver(rows)
    town.sync(NEXT)
    town.reconcile(NEXT)
    town.edit(RULE, "WHERE p.address IS NULL", "WHERE p.full_name = '葛原 花7'")
    town.edit(RULE, "1           | 1          |\n", "1           | 1          | 葛原 花7\n")
    town.edit(RULE, "resident_id | source_key | address\n", "resident_id | source_key | full_name\n")

    plan = town.propose()
    town.apply(plan.plan_id)
    made = town.reconcile(NEXT)

    [effect] = plan.cases
    assert (effect.opens, effect.closes) == (1, 1)
    assert (made.cases.opened, made.cases.closed) == (effect.opens, effect.closes)


# a feed of parts ---------------------------------------------------------------------------------


@pytest.fixture
def parts(tmp_project: Path, registry: sa.Engine) -> Town:
    """The same town, whose source tells only what changed."""
    made = build(tmp_project, registry)
    made.edit(MAPPING, 'delivers = "full"', 'delivers = "delta"')
    made.deliver(people(40))
    made.sync()
    made.deliver([{**people(1)[0], "address": "北町1番"}], is_part=True)
    made.sync(NEXT)
    return made


def test_a_feed_of_parts_is_planned_from_its_whole_delivery_and_the_parts_since(parts: Town) -> None:
    parts.edit(MAPPING, *NULLED)

    [feed] = parts.propose().feeds

    assert (feed.known, feed.changed, feed.new, feed.ended, feed.is_whole) == (40, 40, 0, 0, False)
    address = next(each for each in feed.fields if each.field == "address")
    assert address.emptied == 40


def test_a_feed_of_parts_comes_under_its_new_mapping_when_it_is_read_anew(parts: Town) -> None:
    parts.edit(Path("mappings/codes/kind.toml"), 'to = "japanese"', 'to = "non_registered"')
    plan = parts.propose()
    parts.apply(plan.plan_id, over_limit="全員が対象")

    waiting = parts.sync(NEXT)
    parts.deliver([{**people(1)[0], "address": "北町1番"}, *people(40)[1:]])
    result = parts.sync(NEXT, resnapshot="新しい対応表")

    assert any("--resnapshot" in note for note in waiting.notes)
    assert (result.state, result.counts.merged) == ("done", 40)
    assert set(parts.held("resident_kind").values()) == {"non_registered"}
    assert parts.held("address")["1"] == "北町1番"


def test_one_reading_anew_uses_up_what_was_approved_for_it(parts: Town) -> None:
    parts.edit(Path("mappings/codes/kind.toml"), 'to = "japanese"', 'to = "non_registered"')
    parts.apply(parts.propose().plan_id, over_limit="全員が対象")
    # one record is set aside
    *most, last = people(40)
    parts.deliver([*most, {**last, "kind": "9"}])
    assert parts.sync(NEXT, resnapshot="新しい対応表").state == "done"
    parts.deliver([{**each, "address": "南町"} for each in most] + [{**last, "kind": "9"}])

    result = parts.sync(NEXT, resnapshot="もう一度")

    assert (result.state, result.refused) == ("held", ("E_BLAST",))
