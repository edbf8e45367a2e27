import argparse
import re
from collections.abc import Iterator

import pytest

from renkei.cli import COMMANDS, main, overview
from renkei.cli.program import parser_of

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def texts(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str | None]]:
    """Every sentence that a person may read of a parser and what is below it."""
    yield parser.prog, parser.description
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                yield f"{parser.prog} {choice.dest}", choice.help
            for below in action.choices.values():
                yield from texts(below)
        else:
            yield f"{parser.prog} {action.dest}", action.help


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_explained_in_both_languages(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENKEI_LANG", "ja")
    japanese = dict(texts(parser_of(command)))
    monkeypatch.setenv("RENKEI_LANG", "en")
    english = dict(texts(parser_of(command)))

    assert japanese.keys() == english.keys()
    for place, text in japanese.items():
        assert text is not None, place
        assert JAPANESE.search(text), place
    for place, text in english.items():
        assert text is not None, place
        assert not JAPANESE.search(text), place


@pytest.mark.parametrize(
    ("language", "word"), [("ja", "使い方: renkei cases"), ("en", "usage: renkei cases")]
)
def test_the_frame_of_the_help_is_in_the_language_too(
    language: str, word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENKEI_LANG", language)

    assert main(["cases", "list", "--help"]) == 0

    assert word in capsys.readouterr().out


def test_the_overview_names_every_command_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    for language in ("ja", "en"):
        monkeypatch.setenv("RENKEI_LANG", language)
        said = overview()
        assert all(re.search(rf"^  {name} ", said, re.MULTILINE) for name in COMMANDS)
        assert bool(JAPANESE.search(said)) is (language == "ja")


def test_lang_decides_when_renkei_lang_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RENKEI_LANG", raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    assert "usage:" in overview()
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert "使い方:" in overview()


def test_no_command_at_all_is_a_mistake_and_shows_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 3

    said = capsys.readouterr()
    assert said.out == ""
    assert "renkei" in said.err


def test_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(r"renkei \S+\n", capsys.readouterr().out)
