"""A delivery that is not what its feed always delivers is held, and its change of text takes it."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.integration.workflow.counter import MAPPING, Counter, build, people

from renkei import project, workflow
from renkei.cli import main
from renkei.mapping.contract import compare
from renkei.mapping.contract.propose import Proposal, propose, told_by
from renkei.workflow import contract, unit

FILE, CODES = "counter.toml", "codes/counter_kind.toml"


@pytest.fixture
def counter(tmp_project: Path, registry: sa.Engine) -> Counter:
    made = build(tmp_project, registry)
    assert made.send(people()).state == "done"
    return made


def but(rows: list[dict[str, str]], **changes: Any) -> list[dict[str, str]]:
    """Every row with some columns made anew from itself."""
    return [{**row, **{name: make(row) for name, make in changes.items()}} for row in rows]


def with_new_column(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return but(rows, phone=lambda row: "099")


def swapped(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return but(rows, address=lambda row: row["household"], household=lambda row: row["address"])


def with_new_code(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return but(rows, kind=lambda row: "7" if int(row["no"]) % 10 == 0 else row["kind"])


def with_long_names(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return but(rows, name=lambda row: row["name"] * 3 if int(row["no"]) % 10 == 0 else row["name"])


def renamed(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{("addresses" if name == "address" else name): row[name] for name in row} for row in rows]


def without_household(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return but(rows, household=lambda row: "" if int(row["no"]) % 3 else row["household"])


DRIFT = {
    "column added": (with_new_column, "E_COLUMN_UNEXPECTED"),
    "column renamed": (renamed, "E_COLUMN_MISSING"),
    "columns swapped": (swapped, "E_COLUMNS_SWAPPED"),
    "column emptied": (without_household, "E_CONTRACT"),
    "column retyped": (lambda rows: but(rows, household=lambda row: row["name"][:5]), "E_CONTRACT"),
    "column widened": (lambda rows: but(rows, household=lambda row: row["household"] * 2), "E_CONTRACT"),
    "values too long": (with_long_names, "E_CONTRACT"),
    "unknown codes": (with_new_code, "E_CONTRACT"),
}


@pytest.mark.parametrize(("drift", "code"), DRIFT.values(), ids=DRIFT)
def test_what_drifted_is_held_and_nothing_of_it_is_merged(drift, code: str, counter: Counter) -> None:
    result = counter.send(drift(people()))

    assert (result.state, result.refused, counter.merged) == ("held", (code,), 1)
    assert "葛原" not in str(counter.facts)


def test_without_the_comparison_swapped_columns_would_be_merged(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.edit("share = 0.4", "share = 1.0", Path("renkei.toml"))
    monkeypatch.setattr(compare, "_swapped", lambda *_: ())
    monkeypatch.setattr(compare, "_beside", lambda *_: ())

    assert counter.send(swapped(people())).state == "done"
    assert counter.one("SELECT count(*) FROM person_record WHERE address LIKE 'S%'") == 200


def proposal(counter: Counter) -> Proposal:
    row = counter.rows("SELECT error_code, error_facts FROM delivery ORDER BY delivery_id DESC LIMIT 1")[0]
    folder = counter.root / "mappings"
    files = {name: (folder / name).read_text("utf-8") for name in (FILE, CODES)}
    return propose(files, told_by(row[0], row[1]), file=FILE, feed="person")


def apply(counter: Counter, made: Proposal) -> None:
    """The diff as a person applies it."""
    patch = ["patch", "-p1", "--quiet"]
    subprocess.run(patch, input=made.diff.encode(), cwd=counter.root, check=True)


@pytest.mark.parametrize(
    ("drift", "rejects"),
    [(with_new_column, 0), (renamed, 0), (swapped, 0), (with_long_names, 0), (with_new_code, 0)],
    ids=["added", "renamed", "swapped", "too long", "unknown code"],
)
def test_the_proposed_change_of_text_takes_the_delivery(drift, rejects: int, counter: Counter) -> None:
    counter.send(drift(people()))

    apply(counter, proposal(counter))
    result = counter.run(release=True)

    assert (result.state, result.counts.records, result.counts.rejected) == ("done", 200, rejects)
    assert (
        counter.one("SELECT count(*) FROM person_record WHERE known_to IS NULL AND address LIKE '本町%'")
        == 200
    )


def test_a_column_that_came_empty_has_no_text_that_answers_it(counter: Counter) -> None:
    counter.send(without_household(people()))

    made = proposal(counter)

    assert (made.diff, [each.kind for each in made.unanswered]) == ("", ["emptied"])


def test_the_command_prints_the_change_of_text(counter: Counter, monkeypatch, capsys) -> None:
    counter.send(with_new_column(people()))
    monkeypatch.chdir(counter.root)

    assert main(["mapping", "propose", "counter.person"]) == 0
    assert '+name = "phone"' in capsys.readouterr().out


def test_a_retry_alone_is_held_again_and_one_with_a_reason_is_the_new_measure(counter: Counter) -> None:
    counter.send(without_household(people()))
    assert counter.run(release=True).state == "held"

    accepted = counter.run(release=True, accept="世帯番号の付番をやめた")
    again = counter.send(without_household(people(199)))

    assert (accepted.state, again.state) == ("done", "done")
    assert counter.one("SELECT count(*) FROM audit_event WHERE body LIKE '%contract.accepted%'") == 1


def test_where_the_layout_evolves_a_new_column_is_named_and_left_unread(counter: Counter) -> None:
    counter.edit('mode = "freeze"', 'mode = "evolve"')

    result = counter.send(with_new_column(people(199)))

    assert result.state == "done"
    assert [note for note in result.notes if "新しい列 phone" in note]
    body = counter.one("SELECT body FROM profile ORDER BY unit_id DESC LIMIT 1")
    assert body["strangers"] == ["phone"]


def test_a_note_is_in_the_language_of_its_reader(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    counter.edit('mode = "freeze"', 'mode = "evolve"')
    monkeypatch.setenv("RENKEI_LANG", "en")

    result = counter.send(with_new_column(people(199)))

    assert [note for note in result.notes if "column phone is new" in note]


def test_evolving_takes_new_columns_and_nothing_else(counter: Counter) -> None:
    counter.edit('mode = "freeze"', 'mode = "evolve"')

    assert counter.send(swapped(with_new_column(people()))).refused == ("E_COLUMNS_SWAPPED",)


def some_without_household(rows: list[dict[str, str]], *, of: int) -> list[dict[str, str]]:
    return but(rows, household=lambda row: "" if int(row["no"]) % of == 0 else row["household"])


def test_in_quarantine_the_records_that_break_the_contract_are_set_aside(counter: Counter) -> None:
    counter.edit('mode = "freeze"', 'mode = "quarantine"\nshare = 0.2\nnull_share = 0.05')

    result = counter.send(some_without_household(people(), of=10))

    assert (result.state, result.counts.rejected, result.counts.balances) == ("done", 20, True)
    assert counter.one("SELECT count(*) FROM reject WHERE code = 'E_CONTRACT' AND field = 'household'") == 20


def test_in_quarantine_more_than_the_declared_share_holds_the_delivery(counter: Counter) -> None:
    counter.edit('mode = "freeze"', 'mode = "quarantine"\nshare = 0.2\nnull_share = 0.05')

    assert counter.send(some_without_household(people(), of=3)).refused == ("E_CONTRACT",)


def test_a_record_that_breaks_the_contract_would_be_merged_if_nothing_set_it_aside(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.edit('mode = "freeze"', 'mode = "quarantine"\nshare = 0.2\nnull_share = 0.05')
    monkeypatch.setattr(contract.aside, "set_aside", lambda _mapping, _batch, mapped, *_, **__: (mapped, ()))

    result = counter.send(some_without_household(people(), of=13))

    assert (result.state, result.counts.rejected) == ("done", 0)
    assert counter.one(
        "SELECT count(*) FROM person_record WHERE known_to IS NULL AND household_number IS NULL"
    )


# planned -----------------------------------------------------------------------------------------


def test_a_plan_of_a_feed_says_for_what_a_run_would_hold_it(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    counter.lay(swapped(people()))
    monkeypatch.chdir(counter.root)

    [planned] = workflow.plan(project.load(counter.root), "counter.person", as_of=counter.day).deliveries

    assert (planned.refused, planned.counts.merged) == ("E_COLUMNS_SWAPPED", 200)
    assert "address と household" in planned.why["ja"]
    assert main(["plan", "counter.person"]) == 2
    assert "address と household" in capsys.readouterr().err
    assert counter.run().refused == (planned.refused,)


def test_a_plan_of_a_feed_names_what_would_become_empty(counter: Counter) -> None:
    poison(counter)
    counter.lay(people())

    [planned] = workflow.plan(project.load(counter.root), "counter.person", as_of=counter.day).deliveries

    assert planned.refused == "E_EMPTIED"
    assert "counter_kind.1" in planned.why["en"]


def test_an_ordinary_delivery_is_planned_without_a_word(counter: Counter) -> None:
    counter.lay(people(199))

    [planned] = workflow.plan(project.load(counter.root), "counter.person", as_of=counter.day).deliveries

    assert (planned.refused, planned.why) == (None, {})


def test_a_plan_of_a_draft_says_what_breaks_the_contract(tmp_project: Path, registry: sa.Engine) -> None:
    counter = build(tmp_project, registry)
    counter.edit('approval = "none"', 'approval = "two people"', Path("renkei.toml"))
    assert counter.send(people()).state == "done"
    counter.edit("max = 8", "max = 4")

    plan = workflow.propose(project.load(counter.root), author="cli:asako", reason="")

    assert plan is not None
    assert plan.feeds[0].findings == ("name too_long 100.0% (5.0%)",)


# what a person takes -----------------------------------------------------------------------------


def test_what_a_person_was_not_told_still_holds_the_delivery(counter: Counter) -> None:
    counter.send(without_household(people()))
    counter.edit(
        'to = "address"\nfrom = "address"', 'to = "address"\nfrom = { name = "gone", optional = true }'
    )
    counter.edit("[feed.contract]", '[[feed.ignored]]\nname = "address"\nreason = "試験"\n\n[feed.contract]')
    counter.edit("share = 0.4", "share = 1.0", Path("renkei.toml"))

    again = counter.run(release=True, accept="世帯番号の付番をやめた")

    assert set(again.refused) == {"E_CONTRACT"}
    assert {each["column"] for each in counter.facts["findings"]} == {"household", "gone"}
    assert counter.run(release=True, accept="住所も受け取らない").state == "done"


def test_whoever_is_asked_is_asked_for_everything_at_once(counter: Counter) -> None:
    counter.edit("least = 150", "least = 1000", Path("renkei.toml"))
    counter.send(without_household(people(320)))
    assert {each["kind"] for each in counter.facts["findings"]} == {"emptied", "volume"}

    assert counter.run(release=True, accept="合併").state == "done"


def test_codes_that_a_person_took_do_not_hold_the_next_delivery(counter: Counter) -> None:
    counter.send(with_new_code(people()))
    assert counter.run(release=True, accept="新しい種別は来月から").state == "done"

    assert counter.send(with_new_code(people(199))).state == "done"
    more = but(people(198), kind=lambda row: "7" if int(row["no"]) % 5 == 0 else row["kind"])
    assert counter.send(more).refused == ("E_CONTRACT",)


def test_a_small_delivery_that_was_taken_does_not_hide_what_comes_after(counter: Counter) -> None:
    counter.edit("least = 150", "least = 1000", Path("renkei.toml"))
    assert counter.send(people(20)).refused == ("E_CONTRACT",)
    assert counter.run(release=True, accept="閉庁日の試験送信").state == "done"

    assert counter.send(swapped(people())).refused == ("E_COLUMNS_SWAPPED",)
    counter.send(people(30))
    assert counter.merged == 3, "few records are now usual"


def test_a_name_in_the_place_of_a_code_is_in_no_fact_and_no_profile(counter: Counter) -> None:
    counter.send(but(people(), kind=lambda row: row["name"] if int(row["no"]) % 7 == 0 else row["kind"]))
    [found] = [each for each in counter.facts["findings"] if each["kind"] == "unknown_code"]

    assert (found["column"], found.get("codes")) == ("kind", None)
    counter.run(release=True, accept="試験")
    assert "葛原" not in counter.one("SELECT string_agg(body::text, '') FROM profile")
    assert "葛原" not in counter.one("SELECT string_agg(body, '') FROM audit_event")


# a poisoned mapping ------------------------------------------------------------------------------


def poison(counter: Counter) -> None:
    """A code table that loads, and says nothing any more where it said who is Japanese."""
    counter.edit('to = "japanese"', 'to = ""', Path("mappings", CODES))
    counter.edit("share = 0.4", "share = 1.0", Path("renkei.toml"))


def test_a_mapping_that_reads_a_column_that_is_not_there_is_held(counter: Counter) -> None:
    gone = 'to = "address"\nfrom = { name = "gone", optional = true }'
    counter.edit('to = "address"\nfrom = "address"', gone)
    counter.edit("[feed.contract]", '[[feed.ignored]]\nname = "address"\nreason = "試験"\n\n[feed.contract]')
    counter.edit("share = 0.4", "share = 1.0", Path("renkei.toml"))

    assert counter.send(people()).refused == ("E_CONTRACT",)


def test_a_mapping_that_empties_a_column_is_held_with_both_counts(counter: Counter) -> None:
    poison(counter)

    result = counter.send(people())

    assert (result.state, result.refused, counter.merged) == ("held", ("E_EMPTIED",), 1)
    assert {name: counter.facts[name] for name in ("column", "emptied", "filled")} == {
        "column": "resident_kind", "emptied": 178, "filled": 200,
    }  # fmt: skip


def test_a_hold_says_what_changed_in_the_mapping(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    poison(counter)
    counter.send(people())
    monkeypatch.chdir(counter.root)
    run_id = counter.one("SELECT run_id::text FROM run ORDER BY started_at DESC LIMIT 1")

    assert "counter_kind.1 を変更：= japanese → = ∅" in counter.facts["changes"]["ja"]
    main(["retry", run_id])
    told = capsys.readouterr().err
    assert "counter_kind.1 を変更：= japanese → = ∅" in told
    assert "resident_kind" in told


def test_a_hold_under_an_unchanged_mapping_speaks_of_no_change(counter: Counter) -> None:
    counter.edit("share = 0.4", "share = 0.05", Path("renkei.toml"))
    counter.edit("least = 150", "least = 10", Path("renkei.toml"))
    counter.send(people(140))

    assert (counter.facts["changes"]["ja"], counter.facts["changes"]["en"]) == ("", "")


def test_where_the_earlier_mapping_was_not_kept_a_hold_says_so(counter: Counter) -> None:
    poison(counter)
    shutil.rmtree(counter.root / "var" / "declarations")
    counter.send(people())

    assert counter.facts["changes"]["en"] == " The mapping has changed (the earlier one was not kept)."


def test_a_person_who_takes_an_emptied_column_is_in_the_audit_trail(counter: Counter) -> None:
    poison(counter)
    counter.send(people())

    assert counter.run(release=True, accept="種別は使わない").state == "done"

    [body] = [json.loads(row.body) for row in counter.rows("SELECT body FROM audit_event")
              if "contract.accepted" in row.body]  # fmt: skip
    assert body["detail"]["reason"] == "種別は使わない"
    assert [each["column"] for each in body["detail"]["lost"]] == ["resident_kind"]
    assert counter.one("SELECT count(*) FROM profile WHERE is_start") == 0, "the delivery itself is as ever"


def with_other_keys(counter: Counter) -> list[dict[str, str]]:
    """A mapping that writes six in twenty keys otherwise: these people end, and as many others begin."""
    rows = but(people(), no=lambda row: str(int(row["no"]) + 39))
    assert counter.send(rows).state == "done"
    counter.edit('from = "no"', 'from = "no"\nsteps = [{ pad = 3 }]')
    return rows


def test_a_mapping_that_deletes_three_in_ten_is_held_and_says_what_changed(counter: Counter) -> None:
    counter.edit("least = 150", "least = 1000", Path("renkei.toml"))
    rows = with_other_keys(counter)
    counter.edit("share = 0.4", "share = 0.05", Path("renkei.toml"))
    counter.edit("least = 1000", "least = 10", Path("renkei.toml"))

    result = counter.send(rows)

    assert (result.refused, counter.merged) == (("E_BLAST",), 2)
    assert counter.facts["changed"] == 120
    assert "source_key" in counter.facts["changes"]["ja"]
    assert "pad = 3" in counter.facts["changes"]["en"]


def test_without_the_gate_three_in_ten_would_be_deleted(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.edit("least = 150", "least = 1000", Path("renkei.toml"))
    rows = with_other_keys(counter)
    monkeypatch.setattr(unit, "limit_blast", lambda *_, **__: None)

    result = counter.send(rows)

    assert (result.state, result.counts.ended) == ("done", 60)


def test_without_the_gate_the_emptied_column_would_be_merged(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(counter)
    monkeypatch.setattr(contract, "emptied", lambda *_: ())

    assert counter.send(people()).state == "done"
    assert (
        counter.one("SELECT count(*) FROM person_record WHERE known_to IS NULL AND resident_kind IS NULL")
        == 178
    )


def test_a_delivery_without_a_third_of_its_records_is_held(counter: Counter) -> None:
    counter.edit("share = 0.4", "share = 0.05", Path("renkei.toml"))
    counter.edit("least = 150", "least = 10", Path("renkei.toml"))

    assert counter.send(people(140)).refused == ("E_BLAST",)


def test_far_more_records_than_usual_are_held(counter: Counter) -> None:
    result = counter.send(people(320))

    assert result.refused == ("E_CONTRACT",)
    assert [each["kind"] for each in counter.facts["findings"]] == ["volume"]


def test_without_the_measure_far_more_records_would_be_merged(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "volume", lambda *_, **__: ())

    result = counter.send(people(320))

    assert (result.state, result.counts.merged) == ("done", 120)


def test_a_profile_is_kept_with_its_unit_and_holds_no_value_of_a_person(counter: Counter) -> None:
    [row] = counter.rows("SELECT body::text AS body, is_whole, is_start FROM profile")

    assert (row.is_whole, row.is_start) == (True, False)
    assert not [text for text in ("葛原", "本町", "S70", "00001") if text in row.body]
    assert project.load(counter.root).mapping("counter.person").contract.mode == "freeze"
    assert (counter.root / MAPPING).is_file()
