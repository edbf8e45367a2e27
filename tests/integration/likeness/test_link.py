"""Candidates of level 3 on a real registry: proposed, judged, explained; never a link."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from tests.integration.conftest import Terminal
from tests.integration.registry.judging import DAY, Bench, alike, nobody_yet, person, variant

from renkei import workflow
from renkei.cli import exits, main
from renkei.errors import FixDeclaration, Stop
from renkei.likeness import models
from renkei.likeness.model import Model, default
from renkei.workflow.propose_links import LinkResult, adopt_model, train_model

TERMS = {"as_of": DAY, "actor": "cli:asako", "trigger": "test"}


@pytest.fixture(scope="module")
def bench(terminal: Terminal) -> Iterator[Bench]:
    """One registry for all: every test has people of its own."""
    nobody_yet()
    with terminal("who_is_alike", alone=True) as made:
        yield made


def propose(bench: Bench, **more: Any) -> LinkResult:
    return workflow.propose_links(bench.one, **TERMS, **more)


def pair(bench: Bench, nth: int, **values: Any) -> tuple[str, str]:
    """Two records of two systems that look like one person, delivered."""
    left, right = f"juki.resident:{nth}a", f"tax.taxpayer:{nth}b"
    bench.tell("juki.resident", alike(f"{nth}a", nth))
    bench.tell("tax.taxpayer", variant(f"{nth}b", nth, **values))
    return left, right


def states(bench: Bench, key: str) -> list[str]:
    query = (
        "SELECT state FROM link_candidate WHERE source_key = :key AND level = 3 ORDER BY link_candidate_id"
    )
    return [row[0] for row in bench.rows(query, key=key)]


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_likely_pair_is_proposed_once_with_model_and_weight_and_nothing_is_linked(bench: Bench) -> None:
    left, right = pair(bench, 0)
    before = bench.state("0%")

    first, second = propose(bench), propose(bench)

    assert states(bench, "0b") == ["open"]
    assert first.settled is not None
    assert first.settled.opened >= 1
    assert second.settled is not None
    assert (second.settled.opened, second.settled.gone) == (0, 0)
    assert bench.state("0%")[:3] == before[:3]
    assert not bench.together(left, right)
    query = """
        SELECT c.other_key, c.resident_id, c.reason, m.digest, c.weight > 10, c.probability > 0.9, c.run_id
        FROM link_candidate AS c JOIN link_model AS m USING (link_model_id) WHERE c.source_key = '0b'
    """
    reason = "name:variant birth:equal sex:equal address:number"
    row = bench.rows(query)[0]
    assert row == ("0a", bench.resident(left), reason, default().digest, True, True, first.run_id)
    events = bench.rows("SELECT body::json ->> 'action' FROM audit_event")
    assert ("link.proposed",) in events


def test_a_dry_run_counts_and_writes_nothing_at_all(bench: Bench) -> None:
    pair(bench, 1)
    tables = ("run", "link_candidate", "link_model", "audit_event", "lease")
    counts = [bench.rows(f"SELECT count(*) FROM {table}") for table in tables]

    result = propose(bench, is_dry=True)

    assert [bench.rows(f"SELECT count(*) FROM {table}") for table in tables] == counts
    assert result.run_id is None
    assert result.bands[">=0.99"] >= 1
    assert result.estimate.pairs >= 1


def test_who_was_decided_to_be_two_people_is_not_proposed_again_until_that_is_withdrawn(bench: Bench) -> None:
    left, right = pair(bench, 2)
    propose(bench)

    number = bench.decide("different", left, right).number
    # another record of the same resident is the same question
    bench.tell("welfare.recipient", variant("2c", 2, match_key="m2b"))
    result = propose(bench)

    assert states(bench, "2b") == ["decided"]
    assert states(bench, "2c") == []
    assert result.settled is not None
    assert result.settled.decided >= 1
    bench.withdraw(number)
    propose(bench)
    assert states(bench, "2b") == ["open"]


def test_who_nobody_could_tell_is_asked_again_when_a_record_says_something_new(bench: Bench) -> None:
    left, right = pair(bench, 3)
    with bench.registry.begin() as connection:
        models.ensured(connection, now=bench.now())
    bench.decide("cannot_say", left, right)
    propose(bench)
    assert states(bench, "3b") == []

    bench.tell("tax.taxpayer", variant("3b", 3, source_version="2", address="本町3-2-3 A棟"))
    propose(bench)

    assert states(bench, "3b") == ["open"]


def test_another_model_asks_again_what_nobody_could_tell_and_leaves_decisions_as_they_are(
    bench: Bench,
) -> None:
    unsure, sure = pair(bench, 4), pair(bench, 5)
    with bench.registry.begin() as connection:
        usual = models.ensured(connection, now=bench.now())
    bench.decide("cannot_say", *unsure)
    bench.decide("different", *sure)
    before = bench.rows("SELECT * FROM decision ORDER BY 1")
    with bench.registry.begin() as connection:
        other = models.keep(connection, tilted(), by="cli:asako", on={}, now=bench.now())

    adopt_model(bench.registry, other.link_model_id, actor="cli:asako", reason="試行", clock=bench)
    try:
        propose(bench)
        assert states(bench, "4b") == ["open"]
        assert states(bench, "5b") == []
        assert bench.rows("SELECT * FROM decision ORDER BY 1") == before
        query = "SELECT DISTINCT link_model_id FROM link_candidate WHERE state = 'open' AND level = 3"
        assert bench.rows(query) == [(other.link_model_id,)]
    finally:
        adopt_model(bench.registry, usual.link_model_id, actor="cli:asako", reason="戻す", clock=bench)


def tilted() -> Model:
    """Another model: the prior is another one."""
    return Model(body={**default().body, "prior": default().prior * 2})


def test_a_candidate_that_no_longer_holds_is_gone(bench: Bench) -> None:
    pair(bench, 6)
    propose(bench)

    bench.tell("tax.taxpayer", person("6b", source_version="2", match_key="m6b"))
    propose(bench)

    assert states(bench, "6b")[0] == "gone"
    assert "open" not in states(bench, "6b")


def test_too_many_pairs_fail_the_run_with_a_code_and_leave_the_candidates(bench: Bench) -> None:
    pair(bench, 7)
    candidates = "SELECT * FROM link_candidate ORDER BY 1"
    before = bench.rows(candidates)
    toml = bench.one.root / "renkei.toml"
    text = toml.read_text("utf-8")
    toml.write_text(text.replace("pair_budget = 20_000_000", "pair_budget = 1"), "utf-8")
    from renkei import project

    try:
        with pytest.raises(FixDeclaration) as refused:
            workflow.propose_links(project.load(bench.one.root), **TERMS)
    finally:
        toml.write_text(text, "utf-8")

    assert refused.value.code == "E_PAIR_BUDGET"
    assert bench.rows(candidates) == before
    query = "SELECT state, error_code FROM run WHERE kind = 'link' ORDER BY started_at DESC, run_id LIMIT 1"
    assert bench.rows(query) == [("failed", "E_PAIR_BUDGET")]


def test_the_worklist_names_no_restricted_person_and_why_knows_none(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right = pair(bench, 8, protected="protected")
    shown, other = pair(bench, 9)
    propose(bench)

    _, listed = ask(capsys, "candidates", "--level", "3", "--min-probability", "0.9")

    named = {each["younger_id"] for each in listed["candidates"]}
    assert bench.resident(other) in named
    assert bench.resident(right) not in named
    assert states(bench, "8b") == ["open"]  # it is kept; it is only shown to nobody
    assert main(["why", left, right]) == main(["why", left, "tax.taxpayer:nobody"]) == exits.USAGE
    assert main(["why", shown, other]) == exits.OK
    capsys.readouterr()
    assert main(["candidates"]) == exits.OK
    out = capsys.readouterr().out
    assert "name: variant" in out
    assert "橋" not in out  # nor any other value of a person
    assert "9b" not in out


def test_why_says_how_two_alike_records_agree_and_shows_values_only_for_a_purpose(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right = pair(bench, 11)
    propose(bench)

    _, told = ask(capsys, "why", left, right)
    _, clear = ask(capsys, "why", left, right, "--reveal", "--purpose", "名寄せの確認")

    verdicts = {each["attribute"]: (each["verdict"], each["reasons"][0]) for each in told["evidence"]}
    assert not told["same"]
    assert verdicts["name"] == ("similar", "variant")
    assert verdicts["birth"] == ("agree", "equal")
    assert told["candidate"]["level"] == 3
    assert told["score"]["levels"]["name"] == "variant"
    assert "橋" not in json.dumps(told, ensure_ascii=False)
    assert "U+9AD9" not in json.dumps(told)
    name = next(each for each in clear["evidence"] if each["attribute"] == "name")
    assert name["marks"][0]["left_code"] == "U+9AD9"
    query = """
        SELECT count(*) FROM audit_event
        WHERE body::json ->> 'action' = 'personal.revealed' AND body::json ->> 'object' LIKE 'resident:%'
    """
    assert bench.rows(query) == [(1,)]


def test_why_names_the_chain_of_links_and_the_decision_that_made_one(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right = pair(bench, 12)
    bench.tell("welfare.recipient", variant("12c", 12, match_key="m12b"))
    number = bench.decide("same", left, right).number

    code, told = ask(capsys, "why", left, "welfare.recipient:12c")

    assert (code, told["same"]) == (exits.OK, True)
    assert [step["rule"] for step in told["chain"]] == ["decision", "four_attributes"]
    assert told["chain"][0]["decision_id"] == number
    resident = str(bench.resident(left))
    assert ask(capsys, "why", resident, "welfare.recipient:12c")[1]["same"]
    assert ask(capsys, "how", resident)[1]["links"][0]["rule"] == "founder"


def test_a_model_is_made_of_the_registry_listed_and_put_in_use_with_a_reason(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.tell("juki.resident", *(person(f"crowd{number}") for number in range(220)))

    one = train_model(bench.registry, actor="cli:asako", clock=bench)
    code, listed = ask(capsys, "link", "models")

    assert code == exits.OK
    assert one.digest in {each["digest"] for each in listed["models"]}
    assert not one.is_in_use
    assert main(["link", "adopt", str(one.link_model_id), "--reason", " "]) == exits.USAGE
    assert main(["link", "adopt", "999", "--reason", "試行"]) == exits.USAGE


def test_a_model_of_other_columns_is_not_adopted(bench: Bench) -> None:
    with bench.registry.begin() as connection:
        body = {**default().body, "columns": 0}
        kept = models.keep(connection, Model(body=body), by="cli:asako", on={}, now=bench.now())

    with pytest.raises(Stop) as refused:
        adopt_model(bench.registry, kept.link_model_id, actor="cli:asako", reason="試行", clock=bench)

    assert refused.value.code == "E_LINK_MODEL"


def test_the_command_proposes_and_says_what_became_of_it(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    pair(bench, 13)

    code, told = ask(capsys, "link", "propose", "--as-of", DAY.isoformat())

    assert (code, told["schema"], told["opened"] >= 1) == (exits.OK, "renkei.link.propose/1", True)
    assert ask(capsys, "link", "propose", "--dry-run")[1]["run_id"] is None


def test_a_decision_on_two_residents_settles_the_candidate_of_whichever_of_their_records(
    bench: Bench,
) -> None:
    # the elder resident's oldest record is not the one that looks alike
    bench.tell(
        "juki.resident",
        alike("16z", 16, name_key="王秀英", full_name="王　秀英", numbering="n", party_number="16"),
    )
    bench.tell("welfare.recipient", alike("16a", 16, numbering="n", party_number="16"))
    bench.tell("tax.taxpayer", variant("16b", 16))
    elder, younger = bench.resident("juki.resident:16z"), bench.resident("tax.taxpayer:16b")
    assert bench.resident("welfare.recipient:16a") == elder
    propose(bench)
    assert states(bench, "16b") == ["open"]

    number = bench.decide("different", str(elder), str(younger)).number
    assert states(bench, "16b") == ["decided"]
    bench.withdraw(number)
    assert states(bench, "16b") == ["open"]
    bench.decide("same", str(elder), str(younger))

    assert states(bench, "16b") == ["decided"]


def test_two_who_have_become_one_are_in_no_list(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    pair(bench, 13)
    propose(bench)
    number = "SELECT link_candidate_id FROM link_candidate WHERE source_key = '13b'"
    [(candidate,)] = bench.rows(number)
    bench.tell("juki.resident", alike("13a", 13, numbering="n", party_number="13"))
    bench.tell("tax.taxpayer", variant("13b", 13, numbering="n", party_number="13"))
    assert bench.together("juki.resident:13a", "tax.taxpayer:13b")

    _, told = ask(capsys, "candidates")

    assert candidate not in [each["link_candidate_id"] for each in told["candidates"]]


def test_why_answers_when_the_record_of_a_candidate_has_gone_to_somebody_else(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right = pair(bench, 14)
    propose(bench)
    with bench.registry.begin() as connection:
        connection.execute(
            sa.text("UPDATE link_candidate SET other_key = '13a' WHERE source_key = '14b' AND state = 'open'")
        )

    code, told = ask(capsys, "why", str(bench.resident(left)), str(bench.resident(right)))

    assert code == exits.OK
    assert told["residents"] == [bench.resident(left), bench.resident(right)]


def test_a_model_that_was_rewritten_in_the_database_proposes_nothing(bench: Bench) -> None:
    pair(bench, 15)
    propose(bench)
    rewrite = "UPDATE link_model SET body = jsonb_set(body, '{prior}', :prior) WHERE retired_at IS NULL AND adopted_at IS NOT NULL"
    [(kept,)] = bench.rows(
        "SELECT body -> 'prior' FROM link_model WHERE retired_at IS NULL AND adopted_at IS NOT NULL"
    )
    for prior, is_refused in (("0.9", True), (json.dumps(kept), False)):
        with bench.registry.begin() as connection:
            connection.execute(sa.text(rewrite), {"prior": prior})
        if is_refused:
            with pytest.raises(Stop, match="E_LINK_MODEL_CHANGED"):
                propose(bench)
        else:
            propose(bench)


def test_a_candidate_says_which_decision_on_it_waits_and_no_digest_is_told_unasked(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right = pair(bench, 17)
    propose(bench)
    number = bench.decide("different", left, right, alone=False).number

    _, told = ask(capsys, "candidates", "--limit", "500")
    _, shown = ask(capsys, "decisions", "--show", str(number))
    _, clear = ask(capsys, "decisions", "--show", str(number), "--reveal", "--purpose", "名寄せ")

    waits = {each["younger_id"]: each["waiting_decision"] for each in told["candidates"]}
    assert waits[bench.resident(right)] == number
    assert not {"left_hash", "right_hash"} & shown["seen"].keys()
    assert clear["seen"].keys() >= {"left_hash", "right_hash"}
