"""Reasons and purposes go into a trail that is never rewritten: none of them may hold an individual number."""

from collections.abc import Iterator
from datetime import date

import pytest
from tests.integration.registry.judging import settings

from renkei import workflow
from renkei.cli import COMMANDS, main
from renkei.cli.completion import _verbs
from renkei.cli.parser import Parser
from renkei.cli.program import parser_of
from renkei.errors import FixDeclaration
from renkei.project import Project

#: A number that was made up (TEST), with a right check digit, and one of as many figures with a wrong one.
NUMBER, NONE = "申出 1234-5678-9018 による", "申出 1234-5678-9017 による"
#: Command and option → the words before it.
TYPED = {
    ("plan", "--reason"): [],
    ("apply", "--reason"): ["1"],
    ("apply", "--over-limit"): ["1"],
    ("apply", "--refuse"): ["1"],
    ("run", "--resnapshot"): ["tax.taxpayer"],
    ("decide same", "--reason"): ["a:1", "b:2"],
    ("decide different", "--reason"): ["a:1", "b:2"],
    ("decide cannot-say", "--reason"): ["a:1", "b:2"],
    ("decide value", "--reason"): ["1", "name", "a:1"],
    ("decide withdraw", "--reason"): ["1"],
    ("decide approve", "--refuse"): ["1"],
    ("cases wait", "--reason"): ["1", "--until", "2026-12-11"],
    ("cases close", "--reason"): ["1", "--outcome", "confirm"],
    ("cases reopen", "--reason"): ["1"],
    ("cases suppress", "--reason"): ["--case", "1", "--until", "2026-12-11"],
    ("cases approve", "--refuse"): ["1"],
    ("cases lift", "--reason"): ["1"],
    ("link adopt", "--reason"): ["1"],
    ("protection end", "--reason"): ["1"],
    ("protection approve", "--refuse"): ["1"],
    ("rejects slip", "--purpose"): ["tax.taxpayer"],
    ("audit export", "--purpose"): ["/nowhere/trail"],
}
#: Asked only where a run or a resident was found before; their own tests say the same.
LATER = {("retry", "--accept"), ("vault show", "--reason"), ("vault forget", "--reason")}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose registry does not answer: what reaches for it ends with another code."""
    made = settings(tmp_path_factory.mktemp("cities") / "typed", "two people")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RENKEI_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
        patch.setenv("RENKEI_LANG", "en")
        patch.setenv("RENKEI_PROJECT", str(made.root))
        yield made


@pytest.mark.parametrize(("command", "option"), TYPED)
def test_a_reason_with_an_individual_number_is_refused_before_anything_is_asked(
    city: Project, capsys: pytest.CaptureFixture[str], command: str, option: str
) -> None:
    words = [*command.split(), *TYPED[command, option], option]

    main([*words, NUMBER])
    refused = capsys.readouterr().err
    main([*words, NONE])
    other = capsys.readouterr().err

    assert "[E_NUMBER_TYPED]" in refused
    assert "5678" not in refused
    assert "E_NUMBER_TYPED" not in other


def test_a_reason_to_take_a_held_delivery_in_holds_no_number_either(city: Project) -> None:
    terms = {"as_of": date(2026, 11, 20), "actor": "cli:asako", "trigger": "retry", "release": True}

    with pytest.raises(FixDeclaration, match="E_NUMBER_TYPED"):
        workflow.sync_in(city, "tax.taxpayer", accept=NUMBER, **terms)


def test_every_command_that_asks_for_a_reason_is_looked_at_here() -> None:
    found = {each for name in COMMANDS for each in _asking(parser_of(name), name)}

    assert found == {*TYPED, *LATER}


def _asking(parser: Parser, command: str) -> Iterator[tuple[str, str]]:
    """Options for words of a person's own; ``--reveal``'s purpose has one reader for all commands."""
    wanted = {"理由", "REASON", "目的", "PURPOSE"}
    options = {name: action for action in parser._actions for name in action.option_strings}
    for name, action in options.items():
        if action.metavar in wanted and not (name == "--purpose" and "--reveal" in options):
            yield command, name
    for verb, below in _verbs(parser).items():
        yield from _asking(below, f"{command} {verb}")
