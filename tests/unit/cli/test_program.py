import json
import subprocess
import sys

import pytest

from renkei.cli import explain, main
from renkei.errors import TryAgain


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENKEI_LANG", "en")


def failing(error: BaseException) -> object:
    def act(_asked: object) -> int:
        raise error

    return act


def test_an_error_is_told_in_three_sentences_with_its_code_last(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        explain, "_run", failing(TryAgain("E_LEASE_HELD", resource="tax.taxpayer", holder="pc1"))
    )

    assert main(["explain"]) == 75

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "tax.taxpayer: a run is already under way (pc1). This run did nothing. "
        "Try again when it has ended. [E_LEASE_HELD]\n"
    )


def test_an_error_of_a_command_with_json_is_one_object_on_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(explain, "_run", failing(TryAgain("E_LEASE_HELD", resource="r", holder="h")))

    assert main(["explain", "--json"]) == 75

    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["code"], told["exit_code"]) == ("renkei.error/1", "E_LEASE_HELD", 75)
    assert told["retryable"] is True
    assert "実行中" in told["ja"]
    assert "under way" in told["en"]


def test_an_unexpected_fault_is_told_by_kind_and_place_never_by_its_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(explain, "_run", failing(ValueError("invalid literal: '隠岐 花子'")))

    assert main(["explain", "--json"]) == 2

    said = capsys.readouterr()
    assert "隠岐" not in said.out + said.err
    assert "builtins.ValueError" in said.err
    assert "E_UNEXPECTED" in said.err


def test_control_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "_run", failing(KeyboardInterrupt()))

    assert main(["explain"]) == 130


def test_a_reader_that_stops_reading_is_no_error() -> None:
    program = f"{sys.executable} -m renkei.cli explain | head -c 10; exit ${{PIPESTATUS[0]}}"

    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "japanese", "english"),
    [
        (["run"], "FEED が必要です", "FEED"),
        (["run", "tax.taxpayer", "--limit", "-1"], "--limit", "--limit"),
        (["run", "tax.taxpayer", "--as-of", "31/12/2026"], "--as-of に '31/12/2026' は使えません", "--as-of"),
        (["cases", "list", "--state", "gone"], "--state に 'gone' は使えません", "invalid choice"),
        (["status", "--fast"], "--fast は使えません", "--fast"),
        (["cases"], "操作 が必要です", "OPERATION"),
    ],
)
def test_a_mistake_on_the_command_line_is_3_and_said_in_the_language(
    words: list[str],
    japanese: str,
    english: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(words) == 3
    assert english in capsys.readouterr().err

    monkeypatch.setenv("RENKEI_LANG", "ja")
    assert main(words) == 3
    assert japanese in capsys.readouterr().err


def test_an_unknown_command_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rejetcs"]) == 3
    assert "rejects" in capsys.readouterr().err


def test_outside_a_project_the_next_step_is_named(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENKEI_PROJECT", str(tmp_path))

    assert main(["status"]) == 3
    assert "renkei init" in capsys.readouterr().err
