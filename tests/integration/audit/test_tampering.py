"""A database owner rewrites real tables; the verifier finds each case and says where it begins."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.audit.conftest import Log

from renkei.audit import keys
from renkei_verify import main

_RENUMBER = "UPDATE audit_seal SET seq = seq - 1 WHERE seq > 4"
_REHASH = """
    UPDATE audit_seal s SET leaf = sha256('\\x00'::bytea || convert_to(concat_ws(chr(10), e.event_id,
        (extract(epoch FROM e.occurred_at) * 1000000)::bigint, encode(e.salt, 'hex'), e.body), 'UTF8'))
    FROM audit_event e WHERE e.event_id = s.event_id
"""
ATTACKS = {
    "a bit of a body": (
        ["UPDATE audit_event SET body = replace(body, 'night', 'nighs') WHERE event_id = 4"],
        4,
    ),
    "a bit of a salt": (
        ["UPDATE audit_event SET salt = set_bit(salt, 9, 1 - get_bit(salt, 9)) WHERE event_id = 4"],
        4,
    ),
    "a bit of a leaf": (
        ["UPDATE audit_seal SET leaf = set_bit(leaf, 9, 1 - get_bit(leaf, 9)) WHERE seq = 4"],
        4,
    ),
    "an event deleted": (["DELETE FROM audit_event WHERE event_id = 4"], 4),
    "an event and its seal deleted": (
        ["DELETE FROM audit_event WHERE event_id = 4", "DELETE FROM audit_seal WHERE seq = 4"],
        4,
    ),
    "the gap closed": (["DELETE FROM audit_seal WHERE seq = 4", _RENUMBER], 4),
    "bodies swapped": (
        [
            """UPDATE audit_event e SET body = o.body FROM audit_event o
            WHERE e.event_id IN (4, 6) AND o.event_id = 10 - e.event_id"""
        ],
        4,
    ),
    "places swapped": (
        [
            "UPDATE audit_seal SET seq = 100 - seq WHERE seq IN (4, 6)",
            "UPDATE audit_seal SET seq = seq - 90 WHERE seq > 90",
        ],
        4,
    ),
    "the end cut off": (
        [
            "DELETE FROM audit_checkpoint WHERE size > 6",
            "DELETE FROM audit_seal WHERE seq > 6",
            "DELETE FROM audit_event WHERE event_id > 6",
        ],
        7,
    ),
    "everything emptied": (["TRUNCATE audit_checkpoint, audit_seal, audit_event"], 1),
    "rehashed": (
        ["UPDATE audit_event SET body = replace(body, 'night', 'other') WHERE event_id = 5", _REHASH],
        4,
    ),
    "a time forged": (
        ["UPDATE audit_event SET occurred_at = occurred_at - interval '1 second' WHERE event_id = 4"],
        4,
    ),
    "a time forged and rehashed": (
        ["UPDATE audit_event SET occurred_at = occurred_at - interval '1 day' WHERE event_id = 4", _REHASH],
        4,
    ),
    "a seal gap": (["UPDATE audit_seal SET seq = seq + 1 WHERE seq = 9"], 9),
    "a forged event sealed without a signature": (
        [
            """INSERT INTO audit_event (occurred_at, salt, body)
            SELECT occurred_at, salt, body FROM audit_event WHERE event_id = 2""",
            "INSERT INTO audit_seal SELECT 10, max(event_id), sha256('') FROM audit_event",
            _REHASH,
        ],
        10,
    ),
}


@pytest.fixture
def sealed(log: Log) -> Log:
    """Nine events in three seals."""
    for _ in range(3):
        log.write(3)
        log.seal()
    return log


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_database_owner_is_found_out(sealed: Log, attack: str):
    statements, first_bad = ATTACKS[attack]
    assert sealed.verify()["result"] == "proven"

    sealed.tamper(*statements)

    answer = sealed.verify()
    assert (answer["exit_code"], answer["first_bad_seq"]) == (1, first_bad), answer["findings"]
    assert answer["proven"] < first_bad


def test_an_owner_who_also_signs_with_a_key_of_his_own_is_found_out(sealed: Log, tmp_path: Path):
    forger = keys.ensure(tmp_path / "forged", origin="city.example/audit")
    sealed.tamper(
        "UPDATE audit_event SET body = replace(body, 'night', 'other') WHERE event_id = 1",
        "TRUNCATE audit_checkpoint",
        "TRUNCATE audit_seal",
    )
    from renkei.audit.seal import seal

    seal(sealed.engine, forger, [tmp_path / "x", tmp_path / "y"])

    answer = sealed.verify()
    assert answer["exit_code"] == 1
    assert {"signature", "not_in_database", "root"} <= {found["code"] for found in answer["findings"]}
    assert answer["first_bad_seq"] == 1


def test_a_unit_row_that_is_changed_added_or_deleted_is_found(log: Log):
    log.tamper(_unit(1), _unit(2))
    _tell_units(log, 1, 2)
    log.seal()
    assert log.verify()["result"] == "proven"
    assert log.verify()["rows"] == 2

    log.tamper(
        "UPDATE unit SET merged = 4, unchanged = 6 WHERE unit_id = 1",
        "DELETE FROM unit WHERE unit_id = 2",
        _unit(3),
    )

    findings = log.verify()["findings"]
    assert [(found["code"], found["facts"]["object"]) for found in findings] == [
        ("row_differs", "unit:1"),
        ("row_without_event", "unit:3"),
        ("event_without_row", "unit:2"),
    ]
    assert findings[0]["facts"]["columns"] == ["merged", "unchanged"]
    assert "unit:1" in findings[0]["text_ja"]
    assert "unit:1" in findings[0]["text_en"]


def _unit(number: int) -> str:
    return f"""
        INSERT INTO unit OVERRIDING SYSTEM VALUE VALUES ({number}, {number}, 'tax.taxpayer', 'all',
            '2026-11-20', '00000000-0000-0000-0000-000000000001', 'digest', 1,
            10, 5, 5, 0, 0, 0, 0, 'a', 'b', now())
    """


def _tell_units(log: Log, *numbers: int) -> None:
    from renkei.audit import events

    with log.engine.begin() as connection:
        for number in numbers:
            events.record(
                connection, action="unit.done", actor="night", object=f"unit:{number}",
                detail={"feed": "tax.taxpayer", "records": 10, "merged": 5, "unchanged": 5, "rejected": 0},
            )  # fmt: skip


def test_a_reconciliation_without_its_event_is_found(log: Log):
    log.tamper("""
        INSERT INTO run VALUES ('00000000-0000-0000-0000-000000000001', 'reconcile', 'all', '2026-11-20',
            'done', 'night', 'test', 'digest', '0', 1, '{}', '[]', NULL, NULL, NULL, now(), now())
    """)

    findings = log.verify()["findings"]

    assert [found["code"] for found in findings] == ["row_without_event"]


def _offline(log: Log, place: Path) -> list[str]:
    keys_and_copies = ["--public-key", str(log.public_key), "--witness", *map(str, log.witnesses)]
    return ["--export", str(place), *keys_and_copies]


def test_an_export_is_proven_without_the_database(
    sealed: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    place = tmp_path / "export.jsonl"
    assert sealed.verify("--write-export", str(place))["result"] == "proven"

    assert main(_offline(sealed, place)) == 0
    place.write_text(place.read_text("utf-8").replace("night", "other", 1), "utf-8")
    assert main(_offline(sealed, place)) == 1
    assert "最初の不整合：連番 1" in capsys.readouterr().out or os.environ.get("LANG", "").startswith("en")


def test_an_export_that_is_cut_short_is_not_checked(sealed: Log, tmp_path: Path):
    place = tmp_path / "export.jsonl"
    sealed.verify("--write-export", str(place))
    lines = place.read_text("utf-8").splitlines(keepends=True)
    place.write_text("".join(lines[:-3]), "utf-8")

    assert main(_offline(sealed, place)) == 2


def test_only_what_came_since_a_proven_checkpoint_is_hashed_again(sealed: Log, tmp_path: Path):
    kept = tmp_path / "kept"
    kept.write_text(json.loads(sealed.witnesses[0].read_text("utf-8").splitlines()[1])["note"], "utf-8")
    assert sealed.verify("--since", "6")["result"] == "proven"
    assert sealed.verify("--since", str(kept))["result"] == "proven"

    sealed.tamper("UPDATE audit_event SET body = replace(body, 'night', 'other') WHERE event_id = 8")

    assert sealed.verify("--since", str(kept))["first_bad_seq"] == 8


def test_a_checkpoint_the_auditor_kept_outlives_every_witness(
    sealed: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    kept = tmp_path / "kept"
    kept.write_text(json.loads(sealed.witnesses[0].read_text("utf-8").splitlines()[-1])["note"], "utf-8")
    sealed.tamper("DELETE FROM audit_checkpoint WHERE size > 6", "DELETE FROM audit_seal WHERE seq > 6")
    for place in sealed.witnesses:
        place.write_text("".join(place.read_text("utf-8").splitlines(keepends=True)[:2]), "utf-8")

    without = sealed.verify()
    with_kept = sealed.verify("--since", str(kept))

    assert (without["exit_code"], with_kept["exit_code"]) == (0, 1)
    assert with_kept["first_bad_seq"] == 7


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--public-key", "{folder}/none", "--witness", "{folder}/a/checkpoints"], "FileNotFoundError"),
        (["--public-key", "{folder}/url", "--witness", "{folder}/a/checkpoints"], "ValueError"),
        (
            ["--database-url", "postgresql://127.0.0.1:1/none", "--witness", "{folder}/a/checkpoints"],
            "OperationalError",
        ),
        (["--since", "4", "--witness", "{folder}/a/checkpoints"], "ValueError"),
        (["--export", "{folder}/url", "--witness", "{folder}/a/checkpoints"], "JSONDecodeError"),
    ],
)
def test_what_cannot_be_checked_is_never_called_proven(
    sealed: Log, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
):
    (sealed.folder / "url").write_text("nothing", "utf-8")
    given = [argument.format(folder=sealed.folder) for argument in arguments]
    defaults = ["--database-url", sealed.url, "--public-key", str(sealed.public_key), "--json"]

    code = main([*defaults, *given])

    answer = json.loads(capsys.readouterr().out)
    assert (code, answer["result"]) == (2, "unchecked")
    assert answer["reason"].startswith(reason)
    assert "password" not in answer["reason"]


def test_without_a_witness_the_answer_is_not_proven(sealed: Log, capsys: pytest.CaptureFixture[str]):
    arguments = ["--database-url", sealed.url, "--public-key", str(sealed.public_key)]

    assert main(arguments) == 2
    assert main([*arguments, "--witness", str(sealed.folder / "nowhere")]) == 2


def test_it_runs_as_a_program_of_its_own_in_both_languages(sealed: Log):
    said = {}
    for language in ("ja", "en"):
        ended = subprocess.run(
            [
                sys.executable, "-m", "renkei_verify",
                "--public-key", sealed.public_key, "--witness", *sealed.witnesses,
            ],
            env={**os.environ, "RENKEI_LANG": language, "RENKEI_DATABASE_URL": sealed.url},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        said[language] = ended.stdout.splitlines()[0]

    assert said == {
        "ja": "証明できました。改ざん・欠落はありません。",
        "en": "Proven: nothing is changed, nothing is missing.",
    }
