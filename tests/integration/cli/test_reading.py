import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.integration.report.seeded import HIDDEN, rows, seed

from renkei.cli import main
from renkei.landing import Landing


@pytest.fixture(autouse=True)
def project(tmp_project: Path, registry: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A city with a seeded registry, spoken to in Japanese."""
    seed(registry)
    monkeypatch.setenv("RENKEI_PROJECT", str(tmp_project))
    monkeypatch.setenv("RENKEI_LANG", "ja")
    return tmp_project


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main([*words, "--json"]) == 0
    said = capsys.readouterr()
    [line] = said.out.splitlines()
    told: dict[str, object] = json.loads(line)
    return told


SHAPES = """
command             | schema            | fields                  | items      | of each item
status              | renkei.status/1   | at hub feeds runs rejects | feeds      | feed as_of moved_at rejects_open held run_id run_state run_started_at error_code
status              | renkei.status/1   | at hub feeds runs rejects | runs       | run_id kind target as_of state actor trigger counts stages error_code error_facts project_digest code_version started_at finished_at
cases list          | renkei.cases/1    | cases next suppressed   | cases      | case_id subject_kind subject_id cause rule_id owner severity state opened_as_of due_on closed_as_of reopened assignee wait_until outcome suppressed_by last_event
cases show C-000001 | renkei.case/1     | case mismatches events  | mismatches | mismatch_id rule_id field class left_feed right_feed since minutes first_as_of gone_as_of why why_kind
cases show C-000001 | renkei.case/1     | case mismatches events  | events     | happened_at as_of kind actor run_id case_event_id act_id outcome reason
status              | renkei.status/1   | at hub feeds runs rejects | rejects    | feed field code target records suspects first_as_of last_as_of age
rejects groups --no-values | renkei.rejects-groups/1 | groups standing | groups     | group feed field code target records suspects first_as_of last_as_of age department reason values remedy suggested
rejects list        | renkei.rejects/1  | rejects next            | rejects    | reject_id feed delivery_id delivery sha256 rec_no byte_offset byte_length field code detail state
double-entry --month 2026-11 --as-of 2026-11-20 | renkei.double-entry/1 | month as_of entries with_error minutes by_field by_office by_month by_feed observed_days | by_feed | left_feed right_feed a_feed_would_help entries with_error minutes entries_a_year minutes_a_year
conns list          | renkei.conns/1    | connections             | connections | name connector host port database user driver feeds declared
"""


@pytest.mark.parametrize("shape", list(rows(SHAPES)), ids=lambda row: f"{row['command']} {row['items']}")
def test_every_reading_command_answers_in_its_documented_shape(
    shape: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    told = ask(capsys, *shape["command"].split())

    assert list(told) == ["schema", *shape["fields"].split()]
    assert told["schema"] == shape["schema"]
    items = told[shape["items"]]
    assert isinstance(items, list)
    assert items
    assert all(list(item) == shape["of each item"].split() for item in items)


def test_status_tells_how_far_each_feed_is(capsys: pytest.CaptureFixture[str]) -> None:
    told = ask(capsys, "status")

    feeds = {feed["feed"]: feed for feed in told["feeds"]}  # type: ignore[attr-defined]
    assert (feeds["tax.taxpayer"]["as_of"], feeds["tax.taxpayer"]["rejects_open"]) == ("2026-11-20", 1)
    assert (feeds["welfare.benefit"]["as_of"], feeds["welfare.benefit"]["run_state"]) == (None, "held")
    assert told["hub"] is None


def test_tables_for_people_go_to_stdout_in_their_language(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["cases", "list"]) == 0
    japanese = capsys.readouterr().out
    monkeypatch.setenv("RENKEI_LANG", "en")
    assert main(["cases", "list"]) == 0
    english = capsys.readouterr().out

    assert "未着手" in japanese
    assert "not begun" in english
    assert "C-000001" in japanese


def test_restricted_persons_are_in_no_list_and_no_case(capsys: pytest.CaptureFixture[str]) -> None:
    told = ask(capsys, "cases", "list")
    assert [case["case_id"] for case in told["cases"]] == [1, 2, 5, 6]  # type: ignore[attr-defined]

    answers = []
    for case in ("C-000003", "C-000004", "C-999999"):
        code = main(["cases", "show", case, "--reveal", "--purpose", "窓口"])
        answers.append((code, capsys.readouterr().err.replace(case, "X")))
    assert len(set(answers)) == 1


def test_cases_come_by_due_day_and_go_on_where_they_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[int] = []
    following: list[str] = []
    for _ in range(4):
        told = ask(capsys, "cases", "list", "--limit", "1", *following)
        seen += [case["case_id"] for case in told["cases"]]  # type: ignore[attr-defined]
        following = ["--after", str(told["next"])]

    assert seen == [1, 2, 5, 6]
    assert main(["cases", "list", "--after", "nonsense"]) == 3


def test_cases_can_be_narrowed(capsys: pytest.CaptureFixture[str]) -> None:
    def found(*words: str) -> list[int]:
        return [case["case_id"] for case in ask(capsys, "cases", "list", *words)["cases"]]  # type: ignore[attr-defined]

    assert found("--rule", "R10") == [1]
    assert found("--state", "closed") == []
    assert found("--owner", "市民課") == [1, 2, 5, 6]


def test_no_command_shows_a_value_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    commands = ("status", "cases list", "cases show C-000001", "rejects list", "rejects show 1", "conns list")
    for command in commands:
        for mode in ([], ["--json"]):
            assert main([*command.split(), *mode]) == 0

    said = capsys.readouterr()
    for value in ("𠮷田", "ヨシダ", "本町1丁目", "0000000019", *HIDDEN):
        assert value not in said.out + said.err


def test_revealing_needs_a_purpose(registry: sa.Engine, capsys: pytest.CaptureFixture[str]) -> None:
    for purpose in ([], ["--purpose", "  "]):
        assert main(["cases", "show", "C-000001", "--reveal", *purpose]) == 4

    said = capsys.readouterr()
    assert said.out == ""
    assert "E_PURPOSE" in said.err
    assert events(registry) == []


def test_what_is_revealed_is_in_the_audit_trail(
    registry: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ask(capsys, "cases", "show", "C-000001", "--reveal", "--purpose", "住所確認 届出12号")

    assert told["revealed"] == [
        {
            "party_number": "0000000019",
            "full_name": "𠮷田 太郎",
            "field": "address",
            "said": {
                "juki": "葛原市本町1丁目2番3号 〃101",
                "tax": "葛原市新町5番6号",
                "welfare": "",
            },
        }
    ]
    [event] = events(registry)
    assert event["action"] == "personal.revealed"
    assert event["object"] == "case:1"
    assert event["detail"] == {"purpose": "住所確認 届出12号", "fields": ["address"], "rows": 1}
    assert event["actor"].startswith("cli:")
    assert "𠮷田" not in json.dumps(event, ensure_ascii=False)


def test_nothing_is_revealed_when_the_audit_trail_cannot_be_written(
    registry: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with registry.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_event RENAME TO audit_gone")

    assert main(["cases", "show", "C-000001", "--reveal", "--purpose", "確認"]) == 2

    said = capsys.readouterr()
    assert "𠮷田" not in said.out + said.err


def test_a_reject_shows_its_bytes_only_when_its_person_may_be_shown(
    project: Path, registry: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = "１０２吉田太郎".encode("cp932")
    source = project / "delivered"
    source.write_bytes(raw)
    digest = Landing(project / "var" / "landing").adopt(source)
    with registry.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO object VALUES ('{digest}', {len(raw)}, now())")
        connection.exec_driver_sql(f"UPDATE delivery SET sha256 = '{digest}' WHERE feed = 'tax.taxpayer'")
        connection.exec_driver_sql(
            f"UPDATE reject SET byte_offset = 6, byte_length = {len(raw) - 6}, source_key = '0000000019'"
            " WHERE feed = 'tax.taxpayer'"
        )

    def shown() -> object:
        return ask(capsys, "rejects", "show", "2", "--reveal", "--purpose", "確認")["content"]

    assert shown() == "吉田太郎"
    for key in ("'0000000909'", "NULL", "'unknown'"):
        with registry.begin() as connection:
            connection.exec_driver_sql(f"UPDATE reject SET source_key = {key} WHERE feed = 'tax.taxpayer'")
        assert shown() == "閲覧制限"
    assert [event["detail"]["shown"] for event in events(registry)] == [True, False, False, False]


def test_a_reject_that_does_not_exist_is_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rejects", "show", "999"]) == 3
    assert "E_NOT_FOUND" in capsys.readouterr().err


def test_retrying_a_run_that_is_done_does_nothing(
    registry: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with registry.connect() as connection:
        query = "SELECT run_id::text FROM run WHERE target = 'tax.taxpayer'"
        run_id = connection.exec_driver_sql(query).scalar_one()

    told = ask(capsys, "retry", run_id[:8])

    assert told == {"schema": "renkei.retry/1", "run_id": run_id, "state": "done", "retried": False}
    assert main(["retry", "ffffffff"]) == 3


def test_a_registry_that_is_down_is_try_later(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENKEI_DATABASE_URL", "postgresql+psycopg://nobody:secret@127.0.0.1:1/none")

    assert main(["status"]) == 75

    said = capsys.readouterr()
    assert "E_DATABASE" in said.err
    assert "secret" not in said.out + said.err


def test_watching_answers_one_line_a_look(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = iter([None, None])

    def pause(_seconds: float) -> None:
        if next(looks, "enough") == "enough":
            raise KeyboardInterrupt

    monkeypatch.setattr("renkei.cli.status.time.sleep", pause)

    assert main(["status", "--watch", "--json"]) == 130

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(json.loads(line)["schema"] == "renkei.status/1" for line in lines)


def test_connections_are_listed_without_secrets(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = project / "var" / "connections.toml"
    place.write_text(
        '[tax_sftp]\nhost = "10.0.0.5"\nport = "22"\nuser = "pull"\nkey_file = "/k/secret-name"\n'
    )

    told = ask(capsys, "conns", "list")

    known = {each["name"]: each for each in told["connections"]}  # type: ignore[attr-defined]
    assert (known["tax_sftp"]["host"], known["tax_sftp"]["declared"]) == ("10.0.0.5", True)
    assert set(known["tax_sftp"]["feeds"]) == {
        "tax.taxpayer",
        "tax.assessment",
        "tax.property",
        "tax.dependant",
        "tax.returned_mail",
        "tax.representation",
    }
    assert "secret-name" not in json.dumps(told)


def test_a_link_that_does_not_answer_is_told_and_is_try_later(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = project / "var" / "key"
    key.write_text("x")
    key.chmod(0o600)
    (project / "var" / "connections.toml").write_text(
        f'[tax_sftp]\nhost = "127.0.0.1"\nport = "1"\nuser = "u"\nkey_file = "{key}"\n'
        'host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"\n'
        'retry_seconds = "0"\n'
    )

    code = main(["conns", "test", "tax_sftp", "--json"])

    [tried] = json.loads(capsys.readouterr().out)["connections"]
    assert code == tried["exit_code"] != 0
    assert tried["ok"] is False
    assert main(["conns", "test", "tax_stfp"]) == 3
    assert "tax_sftp" in capsys.readouterr().err


def events(registry: sa.Engine) -> list[dict[str, object]]:
    with registry.connect() as connection:
        bodies = connection.exec_driver_sql("SELECT body FROM audit_event ORDER BY event_id").scalars()
        return [json.loads(body) for body in bodies]
