"""``renkei decide`` and ``renkei decisions``: their words, their shapes, and the number that a script acts on."""

import json
from collections.abc import Iterator

import pytest
from tests.integration.conftest import Terminal
from tests.integration.registry.judging import Bench, person

from renkei.cli import exits, main

LEFT, RIGHT = "juki.resident:{}1", "tax.taxpayer:{}2"


@pytest.fixture(scope="module")
def bench(terminal: Terminal) -> Iterator[Bench]:
    """One registry for all: every test has two people of its own."""
    with terminal("decided_at_a_terminal") as made:
        more = {"d": {"protected": None}}
        for feed, nth in (("juki.resident", 1), ("tax.taxpayer", 2)):
            made.tell(feed, *(person(f"{name}{nth}", **more.get(name, {})) for name in "abcde"))
        yield made


@pytest.fixture(autouse=True)
def _asako_sits_down(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    sit_down(monkeypatch, "asako")


def sit_down(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SUDO_USER", name)


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def same(capsys: pytest.CaptureFixture[str], name: str, *more: str) -> tuple[int, dict[str, object]]:
    return ask(
        capsys, "decide", "same", LEFT.format(name), RIGHT.format(name), "--reason", "family register", *more
    )


def test_a_decision_goes_from_one_person_to_another_and_back(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, made = same(capsys, "a")
    assert (code, made["schema"], made["state"], made["code"]) == (
        exits.OK, "renkei.decided/1", "waiting", "E_DECISION_WAITS",
    )  # fmt: skip
    number = str(made["number"])
    assert ask(capsys, "decide", "approve", number)[0] == exits.REFUSED

    sit_down(monkeypatch, "bunta")
    assert ask(capsys, "decide", "approve", number)[1]["state"] == "in_force"
    assert bench.together("juki.resident:a1", "tax.taxpayer:a2")
    assert ask(capsys, "decide", "withdraw", number, "--reason", "wrong page")[1]["state"] == "withdrawing"

    sit_down(monkeypatch, "asako")
    assert ask(capsys, "decide", "approve", number)[1]["state"] == "withdrawn"
    assert not bench.together("juki.resident:a1", "tax.taxpayer:a2")
    assert ask(capsys, "decide", "approve", number)[0] == exits.REFUSED


def test_a_dry_run_says_what_would_change_without_a_value(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right = LEFT.format("b"), RIGHT.format("b")

    code = main(["decide", "same", left, right, "--reason", "-", "--dry-run"])

    said = capsys.readouterr()
    older, younger = bench.resident(left), bench.resident(right)
    assert code == exits.OK
    assert f"{older} + {younger}" in said.out
    assert "tax.taxpayer → none" in said.out
    assert "Only tried (same); nothing was written." in said.err
    assert "葛原" not in said.out + said.err
    assert not bench.together(left, right)


def test_the_list_and_one_of_it_show_keys_only_for_a_purpose(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    number = str(same(capsys, "c")[1]["number"])
    resident = str(bench.resident("juki.resident:c1"))

    listed = ask(capsys, "decisions", "--state", "waiting", "--of", resident)[1]["decisions"]
    assert [(str(each["number"]), each["reason"], each["author"][:9]) for each in listed] == [  # type: ignore[attr-defined, index]
        (number, "family register", "cli:asako")
    ]
    assert ask(capsys, "decisions", "--state", "in-force", "--of", resident)[1]["decisions"] == []
    masked = ask(capsys, "decisions", "--show", number)[1]
    assert "c1" not in json.dumps(masked["records"])
    assert ask(capsys, "decisions", "--show", number, "--reveal")[0] == exits.REFUSED
    clear = ask(capsys, "decisions", "--show", number, "--reveal", "--purpose", "check")[1]
    assert clear["records"][0]["left"]["source_key"] == "c1"  # type: ignore[index]
    told = bench.rows("SELECT body FROM audit_event WHERE body LIKE '%personal.revealed%'")
    assert [json.loads(row[0])["object"] for row in told] == [f"decision:{number}"]
    assert main(["decisions", "--show", number]) == exits.OK
    assert "family register" in capsys.readouterr().out
    assert main(["decisions"]) == exits.OK


def test_decisions_about_restricted_persons_are_there_for_nobody_without_the_right(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sit_down(monkeypatch, "chie")
    code, made = same(capsys, "d")
    number = str(made["number"])
    assert (code, made["code"]) == (exits.OK, "E_JOINS_PROTECTED")
    assert ask(capsys, "decisions", "--show", number)[0] == exits.OK

    sit_down(monkeypatch, "asako")
    assert number not in {str(each["number"]) for each in ask(capsys, "decisions")[1]["decisions"]}  # type: ignore[attr-defined, index]
    there, nobody = ask(capsys, "decisions", "--show", number), ask(capsys, "decisions", "--show", "987654")
    assert (there[0], there[1]["code"]) == (nobody[0], nobody[1]["code"])
    assert there[1]["en"] == str(nobody[1]["en"]).replace("987654", number)
    known, unknown = same(capsys, "d"), same(capsys, "x")
    assert (known[0], known[1]["code"]) == (unknown[0], unknown[1]["code"])
    assert str(known[1]["en"]).replace("d1", "N") == str(unknown[1]["en"]).replace("x1", "N")


def test_refusing_what_waits_ends_it(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    number = str(same(capsys, "e")[1]["number"])

    assert ask(capsys, "decide", "approve", number, "--refuse", "no paper")[1]["state"] == "withdrawn"
    code, told = ask(capsys, "decide", "value", "1", "adress", RIGHT.format("e"), "--reason", "-")
    assert (code, told["code"]) == (exits.USAGE, "E_NOT_FOUND")
    code, told = ask(capsys, "decide", "same", "--reason", "-", "x")
    assert (code, told["code"]) == (exits.USAGE, "E_USAGE")
