import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from renkei.cli import COMMANDS, main
from renkei.cli.completion import _options, _verbs, candidates
from renkei.cli.output import plain
from renkei.cli.parser import Parser
from renkei.cli.program import parser_of
from renkei.errors import catalogue

ROOT = Path(__file__).resolve().parents[3]


def test_explain_tells_what_is_safe_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENKEI_LANG", "en")

    assert main(["explain", "e_trailer_count"]) == 0

    said = capsys.readouterr().out
    assert said.splitlines()[0] == "E_TRAILER_COUNT"
    assert "Nothing of this file was merged." in said


def test_explain_as_json_has_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "E_TRAILER_COUNT", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert set(told) == {
        "schema",
        "code",
        *(f"{p}_{w}" for p in ("what", "safe", "next") for w in ("ja", "en")),
    }


def test_explain_without_a_code_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["codes"] == list(catalogue())


def test_an_unknown_code_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "E_TRAILER_COUTN"]) == 3
    assert "E_TRAILER_COUNT" in capsys.readouterr().err


def test_every_error_code_has_six_texts() -> None:
    six = {f"{part}_{way}" for part in ("what", "safe", "next") for way in ("ja", "en")}
    assert all(set(texts) == six for texts in catalogue().values())


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["re"], ["retry", "reconcile", "rejects", "resident", "report"]),
        (["cases", "s"], ["show", "suppress", "suppressions"]),
        (["conns", ""], ["list", "test", "-h", "--help"]),
        (["cases", "show", "--p"], ["--purpose"]),
        (["explain", "E_TRAILER_C"], ["E_TRAILER_COUNT"]),
        (["nonsense", ""], []),
        ([], list(COMMANDS)),
    ],
)
def test_completion_answers_what_may_follow(words: list[str], found: list[str]) -> None:
    assert candidates(words) == found


def test_completion_knows_the_feeds_and_rules_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENKEI_PROJECT", str(ROOT))

    assert "tax.taxpayer" in candidates(["run", "tax."])
    assert "R10" in candidates(["cases", "list", "--rule", "R1"])


def test_completion_outside_a_project_stays_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENKEI_PROJECT", str(tmp_path))

    assert candidates(["run", "t"]) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_accepted_by_their_shell(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0

    script = capsys.readouterr().out
    assert "renkei completion reply" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_the_bash_script_completes_a_word() -> None:
    typed = "COMP_WORDS=(renkei cas); COMP_CWORD=1; _renkei"
    words = f'source <(renkei completion bash); {typed}; echo "${{COMPREPLY[@]}}"'
    program = f'renkei() {{ {sys.executable} -m renkei.cli "$@"; }}; {words}'

    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["cases"]


def test_init_makes_a_project_and_names_the_next_three_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "city")]) == 0

    made = {place.name for place in (tmp_path / "city").iterdir()}
    assert {"renkei.toml", "dags", "connectors", "mappings", "reconciliation", "var", ".gitignore"} == made
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_init_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "mine.toml").write_text("x")

    assert main(["init", str(tmp_path)]) == 4

    assert [place.name for place in tmp_path.iterdir()] == ["mappings"]
    assert "E_EXISTS" in capsys.readouterr().err


def test_what_has_no_json_is_refused_rather_than_guessed() -> None:
    with pytest.raises(TypeError):
        plain(object())


def options_of(parsers: list[Parser]) -> set[str]:
    below = [verb for parser in parsers for verb in _verbs(parser).values()]
    own = {name for parser in parsers for name in _options(parser)}
    return own | options_of(below) if below else own


def test_the_manual_names_every_command_option_and_shape() -> None:
    manual = (ROOT / "docs" / "cli.md").read_text("utf-8")
    source = "".join(place.read_text("utf-8") for place in (ROOT / "src/renkei/cli").glob("*.py"))

    for name in COMMANDS:
        assert f"`renkei {name}" in manual
    for option in options_of([parser_of(name) for name in COMMANDS]):
        assert option in manual
    for shape in sorted(set(re.findall(r'"(renkei\.[a-z-]+/\d)"', source))):
        assert shape in manual


def test_outgoing_tells_how_each_column_is_made_or_why_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENKEI_PROJECT", str(ROOT))
    monkeypatch.setenv("RENKEI_LANG", "en")

    assert main(["mapping", "outgoing", "juki.resident", "--as-of", "2026-11-20", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    columns = {each["column"]: each for each in told["columns"]}
    assert (told["schema"], told["feed"], told["day"]) == ("renkei.outgoing/1", "juki.resident", "2026-11-20")
    assert columns["shimei"] == {
        "column": "shimei", "how": "kept", "from": "full_name", "fill": None, "note": None
    }  # fmt: skip
    assert columns["shien_kbn"]["how"] == "partly"
    assert "1・2 → protected" in columns["shien_kbn"]["note"]
    assert main(["mapping", "outgoing", "juki.resident"]) == 0
    assert "in part" in capsys.readouterr().out
