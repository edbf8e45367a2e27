"""Deltas in trouble: held, released, overtaken, mapped anew, set aside and read again; nothing lost or doubled."""

import dataclasses
import json
import re
from datetime import date
from functools import partial
from itertools import permutations
from typing import Any

import pytest
import sqlalchemy as sa
from tests.integration.workflow.test_delta import DAY, MAPPING, NEXT, SHELF, Ledger, ledger

from renkei import project, workflow
from renkei.prove import ground_of, prove

__all__ = ["ledger"]

EVERYBODY = {str(number): "甲" for number in range(1, 400)}


def broken(ledger: Ledger, as_of: date = NEXT) -> list[str]:
    """Every proof that does not hold; nobody sealed the trail here."""
    found = project.load(ledger.root)
    replay = partial(workflow.replay, found, as_of=as_of, actor="tester", trigger="test")
    ground = ground_of(found, ledger.registry, replay=lambda feed: replay(feed))
    # other surroundings are processes of their own: one test of deltas waits for them, not each of these
    proofs = prove(dataclasses.replace(ground, elsewhere=lambda _parts: {}))
    return [f"{proof.id} {proof.detail}" for proof in proofs if not proof.holds and proof.id != "I20"]


def refeed(ledger: Ledger, as_of: date = NEXT) -> workflow.SyncResult:
    found = project.load(ledger.root)
    return workflow.refeed(found, "ledger.person", as_of=as_of, actor="tester", trigger="test")


def rejects(ledger: Ledger) -> list[tuple[str | None, str]]:
    query = "SELECT source_key, state FROM reject ORDER BY reject_id"
    with ledger.registry.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def verdicts(ledger: Ledger) -> list[tuple[str, str | None]]:
    query = "SELECT verdict, error_code FROM delivery ORDER BY delivery_id"
    with ledger.registry.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def mapped_with(ledger: Ledger, *changes: str) -> None:
    """Change the mapping's text, as an engineer would."""
    text = MAPPING
    for change in changes:
        assert _CHANGES[change][0] in text
        text = text.replace(*_CHANGES[change])
    (ledger.root / "mappings" / "ledger.toml").write_text(text, "utf-8")


_CHANGES = {
    "wider_keys": ("^[0-9]+$", "^[0-9a-z]+$"),
    "longer_names": ('from = "name" }', 'from = ["no", "name"], join = "-" }'),
}


# held, and what comes behind it -------------------------------------------------------------------


def test_what_follows_a_held_delta_waits_with_it_and_the_place_stands(ledger: Ledger) -> None:
    ledger.put(EVERYBODY, whole=True)
    ledger.sync()
    ledger.put({"1": "乙", "2": None})
    ledger.put(dict.fromkeys(EVERYBODY))
    ledger.put({"3": "丙"})

    held = ledger.sync(NEXT)

    assert held.refused == ("E_BLAST", "E_FOLLOWS_HELD")
    assert ledger.position() == {"taken": 1}
    assert ledger.held()["3"] == "甲"


def test_what_was_released_is_merged_in_the_order_of_the_source(ledger: Ledger) -> None:
    ledger.put(EVERYBODY, whole=True)
    ledger.sync()
    ledger.put(dict.fromkeys(EVERYBODY))
    ledger.put({"3": "丙"})
    ledger.sync(NEXT)
    settings = ledger.root / "renkei.toml"
    settings.write_text(re.sub(r"(?m)^share = .*$", "share = 1.0", settings.read_text("utf-8")), "utf-8")

    result = ledger.sync(NEXT, release=True)

    assert (result.state, ledger.held(), ledger.position()) == ("done", {"3": "丙"}, {"taken": 2})
    assert broken(ledger) == []


def test_a_held_delta_that_the_next_pull_overtook_changes_nothing_when_it_is_released(ledger: Ledger) -> None:
    ledger.put(EVERYBODY, whole=True)
    ledger.sync()
    ledger.put({**dict.fromkeys(EVERYBODY), "500": "幽霊"})
    ledger.sync(NEXT)
    ledger.shelf[1] = {"rows": {"1": "乙", "2": None}, "version": "009"}  # the source, asked again
    ledger.put({"3": "丙"})
    ledger.sync(NEXT)
    before = (ledger.held(), ledger.position())

    ledger.sync(NEXT, release=True)

    assert (ledger.held(), ledger.position()) == before
    assert broken(ledger) == []


def test_the_same_delta_held_again_and_again_is_kept_once(ledger: Ledger) -> None:
    ledger.put(EVERYBODY, whole=True)
    ledger.sync()
    ledger.put(dict.fromkeys(EVERYBODY))
    results = [ledger.sync(NEXT) for _ in range(3)]

    assert [result.refused for result in results] == [("E_BLAST",)] * 3
    assert [verdict for verdict, _ in verdicts(ledger)] == ["merged", "held"]


def test_a_watch_pauses_while_something_is_held(ledger: Ledger) -> None:
    ledger.put(EVERYBODY, whole=True)
    ledger.sync()
    ledger.put(dict.fromkeys(EVERYBODY))
    rounds, pauses = iter(range(9)), []

    made = list(
        workflow.watch(
            project.load(ledger.root), "ledger.person", actor="tester", today=lambda: NEXT,
            go_on=lambda: next(rounds) < 3, sleep=pauses.append,
        )
    )  # fmt: skip

    assert [each.state for each in made] == ["held"] * 3
    assert pauses == [1.0, 2.0, 4.0]


def test_a_watch_asks_again_when_a_new_day_begins(ledger: Ledger) -> None:
    ledger.put({"1": "甲"}, whole=True)
    ledger.sync()
    days, rounds = iter([DAY, DAY, NEXT, NEXT, NEXT]), iter(range(9))

    made = workflow.watch(
        project.load(ledger.root), "ledger.person", actor="tester", today=lambda: next(days, NEXT),
        go_on=lambda: next(rounds) < 4,
    )  # fmt: skip

    assert [each.as_of for each in made][:2] == [DAY, NEXT]


# a new mapping ------------------------------------------------------------------------------------


def test_records_that_an_earlier_mapping_made_are_told_until_they_are_read_again(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "甲", "3": "甲"}, whole=True)
    ledger.sync()
    mapped_with(ledger, "longer_names")
    ledger.put({"2": "丙"})

    told = ledger.sync(NEXT)
    ledger.shelf[-1:] = []
    again = ledger.sync(NEXT)

    assert [note.split()[0] for note in (*told.notes, *again.notes)] == ["2", "2"]


def test_a_resnapshot_after_a_new_mapping_and_a_delta_brings_every_record_up_to_it(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "甲", "3": "甲"}, whole=True)
    ledger.sync()
    mapped_with(ledger, "longer_names")
    ledger.put({"2": "丙"})
    ledger.sync(NEXT)
    ledger.shelf = [{**ledger.shelf[0], "rows": {"1": "甲", "3": "甲", "2": "丙"}}]  # equal versions

    result = ledger.sync(NEXT, resnapshot="new mapping")

    assert (result.counts.rejected, ledger.held()) == (0, {"1": "1-甲", "2": "2-丙", "3": "3-甲"})


# set aside, and read again ------------------------------------------------------------------------


def test_a_reject_of_an_earlier_delta_is_read_again_when_its_mapping_is_corrected(ledger: Ledger) -> None:
    ledger.put({"1": "甲"}, whole=True)
    ledger.put({"x": "乙"})
    ledger.put({"1": "丙"})
    ledger.sync()
    mapped_with(ledger, "wider_keys")

    refeed(ledger)

    assert ledger.held() == {"1": "丙", "x": "乙"}
    assert [state for _, state in rejects(ledger)] == ["refed"]
    assert ledger.position() == {"taken": 2}
    assert broken(ledger) == []


def test_after_an_earlier_reject_was_read_again_the_next_delta_knows_of_it(ledger: Ledger) -> None:
    ledger.put({"1": "甲"}, whole=True)
    ledger.put({"x": "乙"})
    ledger.put({"1": "丙"})
    ledger.sync()
    mapped_with(ledger, "wider_keys")
    refeed(ledger)

    ledger.put({"x": None})
    result = ledger.sync(NEXT)

    assert (result.counts.gone, ledger.held()) == (1, {"1": "丙"})
    assert broken(ledger) == []


def test_a_reject_whose_key_a_later_delta_ended_comes_back_from_nowhere(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "乙"}, whole=True)
    ledger.put({"2": "\u0001"})
    ledger.put({"2": None})
    ledger.sync()

    refeed(ledger)

    assert ledger.held() == {"1": "甲"}
    assert rejects(ledger) == [("2", "overtaken")]
    assert broken(ledger, DAY) == []


def test_a_reject_is_answered_when_a_later_delta_brings_its_key_again(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "乙"}, whole=True)
    ledger.put({"2": "\u0001", "1": "\u0001"})
    ledger.put({"2": "丙"})

    ledger.sync()

    assert rejects(ledger) == [("2", "overtaken"), ("1", "open")]


def test_a_nameless_reject_of_a_delta_explains_nobody_who_is_missing_later(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "乙"}, whole=True)
    ledger.put({"": "丙"})
    ledger.sync()
    ledger.put({"1": "甲", "": "丙"}, whole=True)

    result = ledger.sync(NEXT)

    assert (result.counts.withheld, ledger.held()) == (1, {"1": "甲", "2": "乙"})


# the place ----------------------------------------------------------------------------------------


def test_a_whole_delivery_may_say_that_a_key_is_gone(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "乙"}, whole=True)
    ledger.put({"1": "甲", "2": None}, whole=True)

    result = ledger.sync()

    assert ledger.held() == {"1": "甲"}
    assert (result.counts.gone, result.counts.ended) == (1, 0)
    assert broken(ledger, DAY) == []


def test_a_whole_answer_of_equal_bytes_still_moves_the_place(ledger: Ledger) -> None:
    ledger.put({"1": "甲"}, whole=True)
    ledger.sync()

    ledger.sync(resnapshot="a new slot")

    assert ledger.position() == {"taken": 0}


def test_reading_rejects_again_does_not_bring_back_a_place_that_was_given_up(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "x": "乙"}, whole=True)
    ledger.sync()
    with ledger.registry.begin() as connection:  # given up, and the pull behind it failed
        connection.execute(sa.text("UPDATE cursor SET position = '{}'"))
    mapped_with(ledger, "wider_keys")

    refeed(ledger)

    assert (ledger.held(), ledger.position()) == ({"1": "甲", "x": "乙"}, {})


# files that come in any order ---------------------------------------------------------------------


def in_files(ledger: Ledger) -> None:
    """From now on each delivery that says ``at`` is a file of that second."""
    made = "datetime.fromtimestamp(1_795_000_000 + each['at'], UTC) if 'at' in each else None"
    text = SHELF.replace('name="shelf"', f'name=f"file-{{number}}", remote_modified={made}')
    text = "from datetime import UTC, datetime\n" + text
    (ledger.root / "connectors" / "shelf.py").write_text(text, "utf-8")


def one_by_one(ledger: Ledger, *files: dict[str, Any]) -> None:
    """Each file in a run of its own, as they come."""
    ledger.put({"1": "甲", "2": "乙"}, whole=True, at=0)
    ledger.sync()
    for each in files:
        ledger.shelf.append(each)
        (ledger.root / "shelf.json").write_text(json.dumps(ledger.shelf), "utf-8")
        ledger.sync()


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_files_of_changes_give_one_state_in_every_order(ledger: Ledger, order: tuple[int, ...]) -> None:
    in_files(ledger)
    files = [
        {"rows": {"1": "丙", "3": "丁"}, "version": "010", "at": 10},
        {"rows": {"1": "戊"}, "version": "020", "at": 20},
        {"rows": {"4": "己", "3": "庚"}, "version": "030", "at": 30},
    ]

    one_by_one(ledger, *(files[number] for number in order))

    assert ledger.held() == {"1": "戊", "2": "乙", "3": "庚", "4": "己"}
    assert broken(ledger, DAY) == []


def test_a_late_file_does_not_bring_back_whom_a_later_one_ended(ledger: Ledger) -> None:
    in_files(ledger)

    one_by_one(
        ledger,
        {"rows": {"2": None, "9": None}, "version": "020", "at": 20},
        {"rows": {"2": "丙", "9": "丁", "5": "戊"}, "version": "010", "at": 10},
    )

    assert ledger.held() == {"1": "甲", "5": "戊"}
    assert broken(ledger, DAY) == []


def test_a_late_file_that_changes_too_much_is_held(ledger: Ledger) -> None:
    in_files(ledger)
    ledger.put(EVERYBODY, whole=True, at=0)
    ledger.put({"1": "乙"}, at=20)
    ledger.sync()
    ledger.put(dict.fromkeys(EVERYBODY, "丙"), at=10)

    held = ledger.sync()

    assert held.refused == ("E_BLAST",)


def test_a_plan_of_a_delta_says_what_a_run_would_do_and_changes_nothing(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "乙"}, whole=True)
    ledger.sync()
    ledger.put({"1": "丙", "2": None, "x": "丁"})

    planned = workflow.plan(project.load(ledger.root), "ledger.person", as_of=NEXT)

    (delivery,) = planned.deliveries
    assert (delivery.counts.merged, delivery.counts.gone, delivery.counts.ended) == (2, 1, 0)
    assert delivery.rejects == {"E_BAD_FORMAT": 1}
    assert (ledger.held(), ledger.position()) == ({"1": "甲", "2": "乙"}, {"taken": 0})
