"""``renkei plan`` and ``renkei apply``: their words, their shapes, and the number that a script acts on."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.integration.workflow.town import DAY, RULE, Town, build, people

from renkei.cli import exits, main
from renkei.cli import place as desk


@pytest.fixture
def town(tmp_project: Path, registry: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Town:
    monkeypatch.setenv("RENKEI_PROJECT", str(tmp_project))
    monkeypatch.setenv("RENKEI_LANG", "en")
    sit_down(monkeypatch, "asako")
    made = build(tmp_project, registry)
    made.deliver(people(40))
    made.sync()
    return made


def sit_down(monkeypatch: pytest.MonkeyPatch, person: str) -> None:
    """Who works at the terminal from now on, whoever signed in to the machine that tests."""
    monkeypatch.setattr(desk, "_LOGIN", Path("/nowhere"))
    monkeypatch.setenv("SUDO_USER", person)


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_change_goes_from_one_person_to_another(
    town: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    town.edit(RULE, "severity = 2", "severity = 1")

    code, plan = ask(capsys, "plan", "--reason", "優先度の見直し")
    assert (code, plan["schema"], plan["state"], plan["is_over"]) == (0, "renkei.change/1", "open", False)
    number = str(plan["plan_id"])
    assert ask(capsys, "apply", number)[0] == exits.REFUSED

    sit_down(monkeypatch, "bunta")
    code, made = ask(capsys, "apply", number)
    assert (code, made["schema"], made["digest"]) == (0, "renkei.declaration/1", plan["digest"])
    assert str(made["author"]).startswith("cli:asako>")
    assert str(made["approved_by"]).startswith("cli:bunta>")

    code, listed = ask(capsys, "plan", "--list")
    assert [(each["plan_id"], each["state"]) for each in listed["plans"]] == [(plan["plan_id"], "applied")]  # type: ignore[attr-defined]
    assert ask(capsys, "apply", number)[1]["code"] == "E_PLAN_SETTLED"


def test_a_plan_over_the_limit_is_exit_1_and_needs_a_reason(
    town: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    town.edit(Path("mappings/codes/kind.toml"), 'to = "japanese"', 'to = "foreign"')

    assert main(["plan"]) == exits.ABOVE_LIMIT

    said = capsys.readouterr()
    assert "town.person: of 40 records 40 change" in said.out
    assert "over the limit" in said.out
    assert "japanese → foreign  ×40" in said.out
    assert "renkei apply 1 --over-limit" in said.err
    sit_down(monkeypatch, "bunta")
    assert ask(capsys, "apply", "1")[0] == exits.REFUSED
    assert main(["apply", "1", "--over-limit", "all of them"]) == exits.OK


def test_a_plan_out_of_date_is_exit_5(
    town: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    town.edit(RULE, "severity = 2", "severity = 1")
    assert main(["plan"]) == exits.OK
    town.deliver(people(41))
    town.sync()
    sit_down(monkeypatch, "bunta")

    code, told = ask(capsys, "apply", "1")

    assert (code, told["code"]) == (exits.STALE, "E_PLAN_STALE")


def test_a_plan_can_be_refused_for_a_reason(
    town: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    town.edit(RULE, "severity = 2", "severity = 1")
    main(["plan"])
    sit_down(monkeypatch, "bunta")

    code, told = ask(capsys, "apply", "1", "--refuse", "no ground in law")

    assert (code, told["state"]) == (exits.OK, "refused")


def test_nothing_edited_is_nothing_to_plan(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = ask(capsys, "plan")

    assert (code, told["plan_id"]) == (exits.OK, None)


def test_a_feed_is_still_planned_as_a_run(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    town.deliver(people(42))

    code, told = ask(capsys, "plan", "town.person", "--as-of", f"{DAY}")

    assert (code, told["schema"], told["changes"]) == (exits.OK, "renkei.plan/1", 2)
    assert ask(capsys, "plan", "town.person", "--list")[0] == exits.USAGE


def test_the_account_that_signed_in_outweighs_what_a_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "somebody-else")
    kept = tmp_path / "loginuid"
    monkeypatch.setattr(desk, "_LOGIN", kept)

    assert desk.actor().startswith("cli:somebody-else>")

    kept.write_text("1", "ascii")
    assert desk.actor().startswith("cli:daemon>")
    kept.write_text(str(2**32 - 1), "ascii")
    assert desk.actor().startswith("cli:somebody-else>")
