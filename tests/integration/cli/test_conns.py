"""``renkei conns test`` on a real driver: a table for people, an object for machines, an exit code for scripts."""

import json
import sqlite3
from pathlib import Path

import pytest

from renkei.cli import main
from renkei.cli.probed import check_of, row_of


@pytest.fixture
def project(tmp_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A city whose resident register is a SQLite file: its driver makes floats of decimals."""
    monkeypatch.setenv("RENKEI_PROJECT", str(tmp_project))
    monkeypatch.setenv("RENKEI_LANG", "ja")
    place = tmp_project / "var" / "juki.sqlite3"
    sqlite3.connect(place).close()
    (tmp_project / "var" / "connections.toml").write_text(
        f'[juki_odbc]\ndriver = "SQLite3"\ndatabase = "{place}"\n', "utf-8"
    )
    return tmp_project


def test_what_is_wrong_and_not_remedied_is_told_and_is_exit_1(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["conns", "test", "juki_odbc"])

    told = capsys.readouterr().out
    lines = {line.split("  ")[0]: line for line in told.splitlines()}
    assert code == 1
    assert told.startswith("✕ juki_odbc\n検査")
    assert "✕ 誤り" in lines["十進数"]
    assert "届いた型 float" in lines["十進数"]
    assert "✓ 正しい" in lines["文字（一件ずつの読み書き）"]
    assert "－ 対象外" in lines["ログインの時間制限"]
    assert "◎ 対策済み" in lines["問合せの時間制限"]


def test_a_quick_test_only_signs_in_and_a_machine_is_answered_in_json(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["conns", "test", "juki_odbc", "--quick", "--json"])

    told = json.loads(capsys.readouterr().out)
    [tried] = told["connections"]
    assert (code, told["schema"]) == (0, "renkei.conns-test/1")
    assert list(tried) == ["name", "ok", "found", "checks", "error_code", "text", "exit_code"]
    assert tried["found"]["dialect"] == "sqlite"
    assert tried["checks"][0] == {"check": "server", "verdict": "", "facts": {"": tried["found"]["server"]}}


def test_a_connection_without_a_host_is_listed_by_its_file(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["conns", "list"])

    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("juki_odbc")]
    assert str(project / "var" / "juki.sqlite3") in line
    assert "None" not in line


@pytest.mark.parametrize(
    ("found", "ja", "en"),
    [
        (
            "remedied texts=31251 damaged_read=0 without_read=177 such_as=高髙 setting=utf-8",
            "◎ 対策済み|文字列 31,251、読み取りの破損 0、対策なしの読み取りの破損 177、例 高髙、対策 utf-8",
            (
                "◎ remedied|texts 31,251, damaged in reading 0, damaged in reading without it 177, such as 高髙,"
                " setting utf-8"
            ),
        ),
        ("right by=kill", "✓ 正しい|手段 プロセスの強制終了", "✓ right|by killing the process"),
        ("right", "✓ 正しい|", "✓ right|"),
        ("OpenSSH_9.2p1 rightly", "|OpenSSH_9.2p1 rightly", "|OpenSSH_9.2p1 rightly"),
    ],
)
def test_a_finding_is_told_in_the_persons_language(
    found: str, ja: str, en: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for language, said in (("ja", ja), ("en", en)):
        monkeypatch.setenv("RENKEI_LANG", language)

        _, verdict, facts = row_of(check_of("text_by_row", found))

        assert f"{verdict}|{facts}" == said


def test_what_a_connector_of_another_kind_finds_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENKEI_LANG", "ja")

    assert row_of(check_of("host_key", "ssh-ed25519 SHA256:abc")) == (
        "ホスト鍵",
        "",
        "ssh-ed25519 SHA256:abc",
    )
    assert row_of(check_of("own", "anything")) == ("own", "", "anything")


def test_a_connection_can_be_tested_before_a_feed_uses_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = project / "var" / "connections.toml"
    text = place.read_text("utf-8")
    place.write_text(f'{text}\n[new]\nconnector = "odbc"\n{text.partition("]")[2]}', "utf-8")

    code = main(["conns", "test", "new", "--quick", "--json"])

    [tried] = json.loads(capsys.readouterr().out)["connections"]
    assert (code, tried["name"], tried["ok"]) == (0, "new", True)
