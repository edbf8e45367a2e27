"""Decisions on a real registry: what they join and part, who may take them, and that they come back exactly."""

import json
from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa
from tests.integration.conftest import Terminal
from tests.integration.registry.judging import ASAKO, BUNTA, CHIE, Bench, person

from renkei.errors import RenkeiError
from renkei.registry import sql


@pytest.fixture(scope="module")
def bench(terminal: Terminal) -> Iterator[Bench]:
    """One registry for all: every test has keys of its own."""
    with terminal("decisions_of_people") as made:
        move_in(made)
        yield made


BORN = {"date_of_birth_lo": date(1975, 5, 5), "date_of_birth_hi": date(1975, 5, 5)}


def refused(code: str) -> "pytest.RaisesContext[RenkeiError]":  # type: ignore[name-defined]
    return pytest.raises(RenkeiError, match=code)


_BORN = {name: date(1931, 2, 3) for name in ("date_of_birth", "date_of_birth_lo", "date_of_birth_hi")}
STRANGERS: dict[str, dict[str, object]] = {
    **{
        name: {}
        for name in [
            "aa",
            "af",
            "ba",
            "bb",
            "bc",
            "bf",
            "da",
            "db",
            "dc",
            "dd",
            "dg",
            "dh",
            "ea",
            "eb",
            "ec",
            "fa",
        ]
    },
    "ag": {**_BORN},
    "ah": {**_BORN},
    "bd": {"protected": "protected"},
    "be": {"protected": "protected", "address": "本町1", "address_key": "132993本町1"},
    "ca": {"protected": None},
}
#: One number each, in three systems.
NUMBERED: dict[str, dict[str, object]] = {
    **{name: {} for name in ["ab", "ac", "ad", "ae", "de", "df"]},
    "bg": {"protected": "protected"},
}


def move_in(bench: Bench) -> None:
    """Everybody at once: strangers with two records that nothing joins, and people known by a number."""
    feeds = ("juki.resident", "tax.taxpayer", "welfare.recipient")
    for nth, feed in enumerate(feeds):
        strangers = (
            [person(f"{name}{nth + 1}", **values) for name, values in STRANGERS.items()] if nth < 2 else []
        )
        known = [
            person(f"{name}{feed[0]}", numbering="resident", party_number=name, **BORN, **values)
            | ({"address": None, "address_key": None} if (name, nth) == ("ae", 1) else {})
            for name, values in NUMBERED.items()
        ]
        bench.tell(feed, *strangers, *known)


def strangers(name: str) -> tuple[str, str]:
    """Two records that nothing joins."""
    return f"juki.resident:{name}1", f"tax.taxpayer:{name}2"


def numbered(name: str) -> tuple[str, str, str]:
    """Three records that one number makes one resident."""
    return f"juki.resident:{name}j", f"tax.taxpayer:{name}t", f"welfare.recipient:{name}w"


# both ways ----------------------------------------------------------------------------------------


def test_same_makes_one_resident_of_two_and_its_withdrawal_gives_both_back(bench: Bench) -> None:
    left, right = strangers("aa")
    older, younger = bench.resident(left), bench.resident(right)
    before = bench.state("aa%")

    made = bench.decide("same", left, right)

    assert (made.state, bench.together(left, right), bench.resident(right)) == ("in_force", True, older)
    assert [(each.resident_id, each.of) for each in made.effect.joined] == [(older, (older, younger))]
    assert bench.golden(right)["full_name"] == "葛原 aa1"

    taken_back = bench.withdraw(made.number)

    assert [(each.resident_id, each.into) for each in taken_back.effect.parted] == [(older, (older, younger))]
    assert bench.state("aa%") == before


def test_different_parts_what_a_number_had_joined_and_its_withdrawal_joins_it_again(bench: Bench) -> None:
    first, second, third = numbered("ab")
    before = bench.state("ab%")
    assert bench.together(first, second, third)

    made = bench.decide("different", first, second)

    assert not bench.together(first, second)
    assert made.effect.parted
    bench.withdraw(made.number)
    assert bench.state("ab%") == before


def test_listed_records_part_from_a_resident_and_stay_together_themselves(bench: Bench) -> None:
    first, second, third = numbered("ac")

    made = bench.decide("different", str(bench.resident(first)), second, third)

    assert (bench.together(second, third), bench.together(first, second)) == (True, False)
    assert bench.rows("SELECT count(*) FROM decision WHERE :n IN (decision_id, act_id)", n=made.number) == [
        (2,)
    ]
    bench.withdraw(made.number)
    assert bench.together(first, second, third)


def test_a_value_outranks_trust_until_it_is_withdrawn(bench: Bench) -> None:
    first, second, _ = numbered("ad")
    before = bench.state("ad%")

    made = bench.decide("value", str(bench.resident(first)), second, group="address")

    assert bench.golden(first)["address"] == "本町adt"
    assert bench.golden(first)["full_name"] == "葛原 adj"
    assert [(each.group, each.before, each.after) for each in made.effect.golden] == [
        ("address", "juki.resident", "tax.taxpayer")
    ]
    rules = bench.rows(
        "SELECT body ->> 'address' FROM golden_rule WHERE golden_rule_id = :id",
        id=bench.golden(first)["golden_rule_id"],
    )
    assert rules == [(f"decision:{made.number}",)]
    bench.withdraw(made.number)
    assert bench.state("ad%") == before


def test_a_value_must_be_said_by_the_record_that_is_chosen(bench: Bench) -> None:
    first, silent, _ = numbered("ae")
    resident = str(bench.resident(first))

    with refused("E_DECISION_NO_VALUE"):
        bench.decide("value", resident, silent, group="address")
    with refused("E_NOT_FOUND"):
        bench.decide("value", resident, silent, group="adress")


def test_a_dry_run_tells_what_would_change_and_leaves_nothing(bench: Bench) -> None:
    left, right = strangers("af")
    before = bench.state("af%"), bench.rows("SELECT count(*) FROM decision")

    made = bench.decide("same", left, right, dry_run=True)

    assert (made.number, made.dry_run, len(made.effect.joined)) == (None, True, 1)
    assert (bench.state("af%"), bench.rows("SELECT count(*) FROM decision")) == before


def test_a_delivery_in_between_is_what_it_would_have_been(bench: Bench) -> None:
    alike = STRANGERS["ag"]
    made = bench.decide("same", "juki.resident:ag1", "tax.taxpayer:ag2")

    for twin in ("ag", "ah"):
        house = {"address": "新町", "address_key": "132993新町", "match_key": f"n{twin}"}
        moved = {"source_version": "2", **house, **alike}
        bench.tell("tax.taxpayer", person(f"{twin}2", **moved))
        bench.tell("welfare.recipient", person(f"{twin}3", **moved))
    assert bench.together("juki.resident:ag1", "tax.taxpayer:ag2", "welfare.recipient:ag3")
    bench.withdraw(made.number)

    assert not bench.together("juki.resident:ag1", "tax.taxpayer:ag2")
    assert bench.together("tax.taxpayer:ag2", "welfare.recipient:ag3")
    said = [json.dumps(bench.state(f"{twin}%"), default=str).replace(twin, "xx") for twin in ("ag", "ah")]
    assert said[0] == said[1]


# two people ---------------------------------------------------------------------------------------


def test_where_two_must_agree_nothing_happens_before_another_person_approves(bench: Bench) -> None:
    left, right = strangers("ba")

    made = bench.decide("same", left, right, alone=False)

    assert (made.state, made.code, len(made.effect.joined)) == ("waiting", "E_DECISION_WAITS", 1)
    assert not bench.together(left, right)
    with refused("E_DECISION_SAME_PERSON"):
        bench.approve(made.number, by=ASAKO)
    with refused("E_DECISION_SAME_PERSON"):
        bench.approve(made.number, by="cli:asako>root")
    assert not bench.together(left, right)
    assert bench.approve(made.number).state == "in_force"
    assert bench.together(left, right)


def test_a_withdrawal_waits_for_another_person_too(bench: Bench) -> None:
    left, right = strangers("bb")
    number = bench.decide("same", left, right).number

    asked = bench.withdraw(number, by=BUNTA, alone=False)

    assert (asked.state, asked.code, bench.together(left, right)) == ("withdrawing", "E_DECISION_WAITS", True)
    with refused("E_DECISION_SAME_PERSON"):
        bench.approve(number, by=BUNTA)
    assert (bench.approve(number, by=ASAKO).state, bench.together(left, right)) == ("withdrawn", False)
    with refused("E_DECISION_SETTLED"):
        bench.withdraw(number)


def test_what_waits_can_be_refused_and_a_refused_withdrawal_leaves_it_in_force(bench: Bench) -> None:
    from renkei import workflow

    left, right = strangers("bc")
    first = bench.decide("same", left, right, alone=False).number
    told = {"actor": BUNTA, "reason": "資料なし", "clock": bench}
    assert workflow.refuse_decision(bench.two, first, **told).state == "withdrawn"

    second = bench.decide("same", left, right).number
    bench.withdraw(second, alone=False)
    assert workflow.refuse_decision(bench.two, second, **told).state == "in_force"
    assert bench.together(left, right)


def test_joining_a_protected_person_with_another_address_takes_two_whatever_is_set(bench: Bench) -> None:
    left, right = strangers("bd")

    made = bench.decide("same", left, right, by=CHIE)

    assert (made.state, made.code) == ("waiting", "E_JOINS_PROTECTED")
    assert not bench.together(left, right)
    with refused("E_DECISION_SAME_PERSON"):
        bench.approve(made.number, by=CHIE, alone=True)
    assert bench.approve(made.number, by="cli:dan", alone=True).state == "in_force"
    assert bench.together(left, right)


def test_one_address_or_two_people_known_not_to_be_protected_take_one(bench: Bench) -> None:
    left, right = strangers("be")
    assert bench.decide("same", left, right, by=CHIE).state == "in_force"

    left, right = strangers("bf")
    assert bench.decide("same", left, right).state == "in_force"


def test_taking_back_what_keeps_protected_people_apart_is_a_merge_as_well(bench: Bench) -> None:
    first, second, third = numbered("bg")
    made = bench.decide("different", str(bench.resident(first)), second, third, by=CHIE)
    # one of the parts may be free afterwards, so parting takes two as well
    assert (made.state, made.code) == ("waiting", "E_DECISION_WAITS")
    assert bench.together(first, second)
    bench.approve(made.number, by="cli:dan", alone=True)
    assert not bench.together(first, second)

    asked = bench.withdraw(made.number, by=CHIE)

    assert (asked.state, asked.code) == ("withdrawing", "E_JOINS_PROTECTED")
    assert not bench.together(first, second)


# whoever may not be met ---------------------------------------------------------------------------


def test_a_restricted_person_is_answered_as_one_who_is_not_there(bench: Bench) -> None:
    left, right = strangers("ca")
    asked = {"same": (left, right), "different": (left, right), "cannot_say": (left, right)}
    number = bench.decide("same", left, right, by=CHIE).number

    for kind, names in asked.items():
        with refused("E_NOT_FOUND") as there:
            bench.decide(kind, *names)
        with refused("E_NOT_FOUND") as nobody:
            bench.decide(kind, "juki.resident:nobody", right)
        assert there.value.facts == {**nobody.value.facts, "name": left}
    with refused("E_NOT_FOUND") as there:
        bench.approve(number)
    with refused("E_NOT_FOUND") as nobody:
        bench.approve(999_999)
    assert there.value.facts == {**nobody.value.facts, "name": str(number)}


# nothing is overridden in silence -----------------------------------------------------------------


def test_a_decision_against_one_in_force_is_refused_with_its_number(bench: Bench) -> None:
    left, right = strangers("da")
    apart = bench.decide("different", left, right).number

    with refused("E_DECISION_CONTRADICTS") as told:
        bench.decide("same", left, right)

    assert told.value.facts == {"decision": f"{apart}"}
    bench.withdraw(apart)
    assert bench.decide("same", left, right).state == "in_force"
    with refused("E_DECISION_CONTRADICTS"):
        bench.decide("different", left, right)
    with refused("E_DECISION_CONTRADICTS"):
        bench.decide("cannot_say", left, right)


def test_what_would_follow_from_other_decisions_is_refused_too(bench: Bench) -> None:
    first, second = strangers("db")
    third, fourth = strangers("dc")
    one, other = bench.decide("same", first, second).number, bench.decide("same", third, fourth).number
    apart = bench.decide("different", second, third).number

    with refused("E_DECISION_CONTRADICTS") as told:
        bench.decide("same", first, fourth)
    assert told.value.facts == {"decision": f"{apart}"}

    bench.withdraw(apart)
    joined = bench.decide("same", second, third).number
    with refused("E_DECISION_CONTRADICTS") as told:
        bench.decide("different", first, fourth)
    assert told.value.facts == {"decision": f"{one}, {joined}, {other}"}


def test_what_has_come_to_contradict_while_it_waited_is_refused_at_its_approval(bench: Bench) -> None:
    left, right = strangers("dd")
    waiting = bench.decide("same", left, right, alone=False).number
    bench.decide("different", left, right)

    with refused("E_DECISION_CONTRADICTS"):
        bench.approve(waiting)

    assert not bench.together(left, right)


def test_two_values_of_one_group_never_meet_in_one_resident(bench: Bench) -> None:
    first, second, _ = numbered("de")
    other, more, _ = numbered("df")
    one = bench.decide("value", str(bench.resident(first)), second, group="name").number
    with refused("E_DECISION_CONTRADICTS"):
        bench.decide("value", str(bench.resident(first)), first, group="name")
    two = bench.decide("value", str(bench.resident(other)), more, group="name").number

    with refused("E_DECISION_CONTRADICTS") as told:
        bench.decide("same", first, other)

    assert told.value.facts == {"decision": f"{one}, {two}"}


def test_the_same_decision_twice_is_one(bench: Bench) -> None:
    left, right = strangers("dg")
    number = bench.decide("same", left, right, alone=False).number

    with refused("E_DECISION_STANDS") as told:
        bench.decide("same", right, left)

    assert told.value.facts == {"decision": number}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("same", ("juki.resident:dh1", "juki.resident:dh1")),
        ("same", ("juki.resident:dh1",)),
        ("different", ("juki.resident:dh1", "1")),
        ("value", ("juki.resident:dh1", "juki.resident:dh1")),
    ],
)
def test_what_is_no_pair_is_no_decision(bench: Bench, kind: str, names: tuple[str, ...]) -> None:
    with refused("E_DECISION_NAMES"):
        bench.decide(kind, *names, group="name")


# what was on the table ----------------------------------------------------------------------------


def candidate(bench: Bench, left: str, right: str) -> int:
    (feed, _, key), (other_feed, _, other_key) = left.partition(":"), right.partition(":")
    query = """
        INSERT INTO link_candidate (feed, source_key, resident_id, reason, level, other_feed, other_key, weight,
                                    found_at)
        VALUES (:feed, :key, :resident, 'alike', 3, :other_feed, :other_key, 9.5, :now)
        RETURNING link_candidate_id
    """
    values = {"feed": feed, "key": key, "resident": bench.resident(right), "other_feed": other_feed,
              "other_key": other_key, "now": bench.now()}  # fmt: skip
    with bench.registry.begin() as connection:
        return int(connection.execute(sa.text(query), values).scalar_one())


def test_cannot_say_closes_the_candidate_and_joins_nobody(bench: Bench) -> None:
    left, right = strangers("ea")
    number = candidate(bench, left, right)

    made = bench.decide("cannot_say", right, left, alone=False)

    query = "SELECT state, decision_id FROM link_candidate WHERE link_candidate_id = :id"
    assert (made.state, bench.together(left, right)) == ("in_force", False)
    assert bench.rows(query, id=number) == [("decided", made.number)]
    ((seen,),) = bench.rows("SELECT seen FROM decision WHERE decision_id = :id", id=made.number)
    assert (seen["link_candidate_id"], seen["weight"], seen["model"]) == (number, 9.5, None)
    assert seen["left_hash"] != seen["right_hash"]
    bench.withdraw(made.number)
    assert bench.rows(query, id=number) == [("open", None)]


def test_cannot_say_may_be_said_again_when_a_record_has_changed(bench: Bench) -> None:
    left, right = strangers("eb")
    bench.decide("cannot_say", left, right)
    with refused("E_DECISION_STANDS"):
        bench.decide("cannot_say", right, left)

    bench.tell("tax.taxpayer", person("eb2", source_version="2"))

    assert bench.decide("cannot_say", left, right).state == "in_force"


def one_number_for_two(bench: Bench, name: str) -> str:
    """Two systems give one number to two people; the question that this raises."""
    bench.tell("juki.resident", person(f"{name}1", numbering="resident", party_number=name, match_key=name))
    bench.tell("tax.taxpayer", person(f"{name}2", numbering="resident", party_number=name))
    return f"SELECT state FROM link_candidate WHERE source_key = '{name}2' ORDER BY link_candidate_id"


def third_record(bench: Bench, name: str) -> None:
    """A record of the first one comes, so that all three are looked at again; of the other two nothing is new."""
    query = "SELECT date_of_birth FROM person_record WHERE source_key = :key"
    ((born,),) = bench.rows(query, key=f"{name}1")
    same = {
        "date_of_birth": born,
        "date_of_birth_lo": born,
        "date_of_birth_hi": born,
        "name_key": f"葛原{name}1",
    }
    bench.tell("welfare.recipient", person(f"{name}3", numbering="resident", party_number=name, **same))
    assert bench.together(f"juki.resident:{name}1", f"welfare.recipient:{name}3")


def test_a_question_of_numbers_that_nobody_could_answer_is_asked_again_only_of_a_newer_record(
    bench: Bench,
) -> None:
    states = one_number_for_two(bench, "ed")
    bench.decide("cannot_say", "juki.resident:ed1", "tax.taxpayer:ed2")
    assert bench.rows(states) == [("decided",)]

    third_record(bench, "ed")
    assert bench.rows(states) == [("decided",)]

    bench.tell("tax.taxpayer", person("ed2", numbering="resident", party_number="ed", source_version="2"))
    assert bench.rows(states) == [("decided",), ("open",)]


def test_a_registry_that_forgets_the_answer_asks_the_same_question_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    states, text = one_number_for_two(bench, "ee"), sql.statement("candidates_held")
    assert "still_cannot_say" in text
    forgetful = text.replace("still_cannot_say", "(SELECT * FROM still_cannot_say WHERE false)")
    monkeypatch.setattr(
        sql,
        "statement",
        lambda name, known=sql.statement: forgetful if name == "candidates_held" else known(name),
    )
    bench.decide("cannot_say", "juki.resident:ee1", "tax.taxpayer:ee2")

    third_record(bench, "ee")

    assert bench.rows(states) == [("decided",), ("open",)]


def test_a_decision_stays_with_the_person_when_the_key_is_given_to_somebody_else(bench: Bench) -> None:
    left, right = strangers("ec")
    home = bench.resident(left)
    number = bench.decide("same", left, right).number

    born = date(1999, 9, 9)
    stranger = person("ec1", source_version="2", name_key="別人", kana_key="ベツジン", date_of_birth=born,
                      date_of_birth_lo=born, date_of_birth_hi=born, valid_from=date(2026, 11, 25))  # fmt: skip
    bench.tell("juki.resident", stranger)

    assert not bench.together(left, right)
    assert bench.resident(right) == home
    bench.withdraw(number)
    assert bench.resident(right) != home


# the trail ----------------------------------------------------------------------------------------


def test_the_trail_tells_each_step_and_nobody(bench: Bench) -> None:
    left, right = strangers("fa")
    number = bench.decide("same", left, right, alone=False, reason="本人の申出 090-0000-0000").number
    with refused("E_DECISION_SAME_PERSON"):
        bench.approve(number, by=ASAKO)
    bench.approve(number)
    bench.withdraw(number)

    told = [json.loads(row[0]) for row in bench.rows("SELECT body FROM audit_event ORDER BY occurred_at")]
    mine = [each for each in told if each["object"] == f"decision:{number}"]

    assert [(each["action"], each["detail"]["state"], each["detail"]["happened"]) for each in mine] == [
        ("decision.told", "waiting", False),
        ("decision.moved", "in_force", True),
        ("decision.moved", "withdrawn", True),
    ]
    assert mine[0]["detail"]["joined"]
    refusals = [each["detail"] for each in told if each["action"] == "decision.refused"]
    assert {"verb": "approve", "code": "E_DECISION_SAME_PERSON", "decision": number} in refusals
    assert not any(word in json.dumps(mine, ensure_ascii=False) for word in ("fa1", "fa2", "090", "葛原"))
