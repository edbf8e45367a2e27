"""A new law with its date, in a registry that holds last year: nothing of last year changes, by no way.

Mapped anew, replayed, taken in again: each reads a delivery by the text of its own day. The bad twin is the
same change without its date, which the plan counts before it can be put in force.
"""

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.integration.workflow.town import MAPPING, Town, build, people

from renkei import project, workflow

THEN, LAW, NOW = date(2026, 11, 20), date(2027, 4, 1), date(2027, 4, 2)
KIND = Path("mappings", "codes", "kind.toml")
SECOND = 'code = "2"\nto = "foreign"\n'
VERSION = f"""
[[feed.version]]
from = {LAW}

[[feed.version.field]]
to = "full_name"
from = "name"
max = 2
"""


@pytest.fixture
def town(tmp_project: Path, registry: sa.Engine) -> Town:
    """Forty residents of last year, four of kind 2, and one of a kind that nobody knew then."""
    made = build(tmp_project, registry)
    made.deliver([*people(36), *kinds(36, "2222"), *kinds(40, "3")])
    made.sync(THEN)
    return made


def kinds(after: int, written: str) -> list[dict[str, str]]:
    return [{**people(after + nth)[-1], "kind": kind} for nth, kind in enumerate(written, 1)]


def enact(town: Town, *, dated: bool) -> workflow.Change:
    """Kind 2 comes to mean another word and names may no longer be long, from a date or at once."""
    if dated:
        closed, opened = f"valid_to = {LAW.replace(month=3, day=31)}\n", f"valid_from = {LAW}\n"
        new = '\n[[codes]]\ncode = "2"\nto = "non_registered"\n'
        town.edit(KIND, SECOND, f"{SECOND}{closed}{new}{opened}")
        place = town.root / MAPPING
        place.write_text(place.read_text("utf-8") + VERSION, "utf-8")
    else:
        town.edit(KIND, SECOND, SECOND.replace("foreign", "non_registered"))
    return town.propose(as_of=NOW)


def last_year(town: Town) -> list[tuple[object, ...]]:
    """Every version ever known of every record, and what waits aside."""
    known = "SELECT record_id, source_key, full_name, resident_kind, known_from, known_to FROM person_record"
    aside = "SELECT source_key, field, code FROM reject WHERE state = 'open'"
    return [*town.rows(f"{known} ORDER BY 1"), *town.rows(f"{aside} ORDER BY 1")]


def replayed(town: Town) -> tuple[int, int]:
    counts = workflow.replay(
        project.load(town.root), "town.person", as_of=NOW, actor="tester", trigger="test"
    )
    return counts.merged, counts.ended


def test_a_law_with_its_date_changes_nothing_of_last_year(town: Town) -> None:
    before = last_year(town)

    plan = enact(town, dated=True)
    town.apply(plan.plan_id)
    town.sync(NOW)  # nothing new has come; the run maps the newest delivery anew

    assert replayed(town) == (0, 0)
    assert last_year(town) == before


def test_the_next_delivery_is_of_the_new_law(town: Town) -> None:
    town.apply(enact(town, dated=True).plan_id, over_limit="the law of April")
    rows = [{**each, "name": "葛原"} for each in kinds(36, "22")]
    town.deliver(rows, is_part=True)

    town.sync(NOW)

    held = town.held("resident_kind")
    assert (held["37"], held["38"], held["39"]) == ("non_registered", "non_registered", "foreign")


def test_a_code_that_is_known_from_a_date_takes_in_no_record_of_before(town: Town) -> None:
    more = f'\n[[codes]]\ncode = "3"\nto = "foreign"\nvalid_from = {LAW}\n'
    place = town.root / KIND
    place.write_text(place.read_text("utf-8") + more, "utf-8")
    before = last_year(town)
    town.apply(town.propose(as_of=NOW).plan_id)

    workflow.refeed(project.load(town.root), "town.person", as_of=NOW, actor="tester", trigger="test")

    assert last_year(town) == before
    assert before[-1] == ("41", "kind", "E_UNKNOWN_CODE")


def test_a_change_without_its_date_is_counted_before_it_is_in_force(town: Town) -> None:
    """The bad twin: what the plan counts is what a replay would have changed."""
    plan = enact(town, dated=False)

    assert [(each.feed, each.changed) for each in plan.feeds] == [("town.person", 4)]
    town.apply(plan.plan_id)
    town.sync(NOW)
    assert set(town.held("resident_kind").values()) == {"japanese", "non_registered"}


def test_the_same_code_without_a_date_takes_it_in(town: Town) -> None:
    """The bad twin of the one before."""
    place = town.root / KIND
    place.write_text(f'{place.read_text("utf-8")}\n[[codes]]\ncode = "3"\nto = "foreign"\n', "utf-8")
    town.apply(town.propose(as_of=NOW).plan_id)

    workflow.refeed(project.load(town.root), "town.person", as_of=NOW, actor="tester", trigger="test")

    assert town.held("resident_kind")["41"] == "foreign"
