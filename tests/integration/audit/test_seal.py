"""Sealing on a real database: commit-safe, re-runnable after a crash anywhere, never over damage."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.integration.audit.conftest import Log

from renkei.audit import events
from renkei.audit.seal import backlog, seal
from renkei.errors import FixDeclaration, Stop


def test_sealing_twice_signs_once(log: Log):
    log.write(5)

    first, second = log.seal(), log.seal()

    assert first is not None
    assert (first.size, second) == (5, None)
    assert log.verify()["proven"] == 5


def test_an_event_exists_exactly_when_its_transaction_does(log: Log):
    with log.engine.connect() as connection, connection.begin() as transaction:
        events.record(connection, action="unit.done", actor="night", object="unit:1")
        transaction.rollback()

    assert log.seal() is None


def test_each_witness_holds_every_checkpoint(log: Log):
    for _ in range(3):
        log.write()
        log.seal()

    lines = [place.read_text("utf-8").splitlines() for place in log.witnesses]

    assert lines[0] == lines[1]
    assert [json.loads(line)["size"] for line in lines[0]] == [1, 2, 3]


def test_a_transaction_that_commits_late_is_sealed_late_and_not_lost(log: Log):
    with log.engine.connect() as slow, slow.begin():
        events.record(slow, action="unit.done", actor="slow", object="unit:1")  # takes event id 1
        log.write(3)
        before = log.seal()
        assert before is None  # the slow transaction might still commit something older
        assert log.verify()["unsealed"] == 3
    after = log.seal()

    assert after is not None
    assert after.size == 4
    assert sorted(log.seals()) == [1, 2, 3, 4]


def test_sealing_by_event_id_alone_loses_the_late_transaction(log: Log):
    # the known-bad twin: the same night, sealed by "everything after the last event id I saw"
    def sealed_by_id(last: int) -> list[int]:
        with log.engine.connect() as connection:
            query = sa.text("SELECT event_id FROM audit_event WHERE event_id > :last ORDER BY event_id")
            return list(connection.execute(query, {"last": last}).scalars())

    with log.engine.connect() as slow, slow.begin():
        events.record(slow, action="unit.done", actor="slow", object="unit:1")
        log.write(3)
        first = sealed_by_id(0)
    second = sealed_by_id(max(first))

    assert 1 not in first + second
    log.seal()
    assert 1 in log.seals()


def test_a_transaction_that_only_reads_holds_nothing_up(log: Log):
    log.write(2)
    with log.engine.connect() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM audit_event")
        sealed = log.seal()

    assert sealed is not None


@pytest.mark.parametrize("place", ["seal.leaves", "seal.signed", "seal.copied"])
def test_a_seal_killed_anywhere_and_killed_again_is_made_good_by_the_next(log: Log, place: str):
    log.write(3)
    log.seal()
    for _ in range(2):
        log.write(2)
        assert _killed_at(log, place)
    if place == "seal.copied":  # the second run finished the first one's copies and died on its own
        assert log.verify()["result"] == "proven"
    log.write(1)
    log.seal()

    answer = log.verify()

    assert (answer["result"], answer["proven"], answer["pending_copies"]) == ("proven", 8, 0)
    assert log.witnesses[0].read_bytes() == log.witnesses[1].read_bytes()


@pytest.mark.parametrize(
    ("place", "sealed", "pending"), [("seal.leaves", 3, 0), ("seal.signed", 5, 2), ("seal.copied", 5, 1)]
)
def test_between_the_kill_and_the_next_seal_the_trail_is_whole(
    log: Log, place: str, sealed: int, pending: int
):
    log.write(3)
    log.seal()
    log.write(2)

    assert _killed_at(log, place)

    answer = log.verify()
    assert (answer["result"], answer["sealed"], answer["pending_copies"]) == ("proven", sealed, pending)


_SEAL_ONCE = """
import sys
from pathlib import Path
from renkei.audit import keys, seal
from renkei.registry import store

folder = Path(sys.argv[1])
witnesses = [folder / "a" / "checkpoints", folder / "b" / "checkpoints"]
seal.seal(store.connect((folder / "url").read_text()), keys.load(folder / "keys"), witnesses)
"""


def _killed_at(log: Log, place: str) -> bool:
    (log.folder / "url").write_text(log.url, "utf-8")
    environment = {**os.environ, "RENKEI_FAILPOINTS": f"{place}=kill9"}
    ended = subprocess.run([sys.executable, "-c", _SEAL_ONCE, str(log.folder)], env=environment, check=False)
    return ended.returncode == -signal.SIGKILL


def test_sealers_at_once_give_each_event_one_place(log: Log):
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                log.write(3)
                log.seal()
        except BaseException as failure:  # noqa: BLE001 - told to the test below
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.seal()

    assert failures == []
    assert len(log.seals()) == 45
    assert log.verify()["result"] == "proven"
    assert log.witnesses[0].read_bytes() == log.witnesses[1].read_bytes()


def test_a_line_that_a_crash_cut_short_is_written_again_and_is_no_alarm(log: Log):
    log.write()
    log.seal()
    whole = log.witnesses[1].read_bytes()
    log.write()
    log.seal()
    line = log.witnesses[1].read_bytes().removeprefix(whole)
    for cut in (1, 30, line.index("\u2014".encode()) + 1, len(line) - 1):
        log.witnesses[1].write_bytes(whole + line[:cut])
        assert log.verify()["result"] == "proven", cut

        log.seal()

        assert log.verify()["result"] == "proven", cut
        assert log.verify()["pending_copies"] == 0


def test_a_witness_that_cannot_be_written_stops_the_next_signature(log: Log):
    log.write()
    log.seal()
    log.write()
    log.witnesses[1].unlink()
    log.witnesses[1].mkdir()

    with pytest.raises(Stop, match="E_AUDIT_WITNESS"):
        log.seal()

    assert len(log.seals()) == 1


def test_a_disk_that_is_full_loses_nothing(log: Log, monkeypatch: pytest.MonkeyPatch):
    log.write(3)
    monkeypatch.setenv("RENKEI_FAILPOINTS", "seal.leaves=enospc")
    with pytest.raises(OSError, match=r"seal\.leaves"):
        log.seal()
    monkeypatch.delenv("RENKEI_FAILPOINTS")

    sealed = log.seal()

    assert sealed is not None
    assert sealed.size == 3


def test_one_witness_is_not_enough(log: Log):
    with pytest.raises(FixDeclaration, match="E_AUDIT_WITNESSES"):
        seal(log.engine, log.keys, [log.witnesses[0], log.witnesses[0]])


def test_a_new_witness_gets_every_earlier_checkpoint(log: Log):
    for _ in range(2):
        log.write()
        log.seal()
    third = log.folder / "c"

    seal(log.engine, log.keys, [*log.witnesses, third])

    assert third.read_bytes() == log.witnesses[0].read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE audit_seal SET leaf = sha256(leaf) WHERE seq = 2",
        "DELETE FROM audit_seal WHERE seq = 2",
        "UPDATE audit_checkpoint SET root = sha256(root)",
        "DELETE FROM audit_checkpoint",
        "DELETE FROM audit_checkpoint; DELETE FROM audit_seal",
        "UPDATE audit_checkpoint SET note = replace(note, 'city', 'town')",
    ],
)
def test_a_damaged_log_is_never_signed_over(log: Log, damage: str):
    log.write(3)
    log.seal()
    log.tamper(damage)
    log.write()

    with pytest.raises(Stop, match="E_AUDIT_BROKEN"):
        log.seal()

    assert log.verify()["result"] == "broken"


def test_events_that_wait_are_counted_with_their_age(log: Log):
    log.write(2)
    with log.engine.connect() as connection:
        waiting = backlog(connection)
    log.seal()
    with log.engine.connect() as connection:
        sealed = backlog(connection)

    assert (waiting.events, sealed.events, sealed.oldest) == (2, 0, None)
    assert waiting.oldest is not None


def test_the_trail_cannot_be_rewritten_by_its_own_program(log: Log):
    log.write()
    log.seal()

    for table in ("audit_event", "audit_seal", "audit_checkpoint"):
        for verb in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with (
                pytest.raises(sa.exc.ProgrammingError, match="append-only"),
                log.engine.begin() as connection,
            ):
                connection.exec_driver_sql(verb)


def test_no_secret_of_the_key_reaches_the_witnesses_or_the_database(log: Log, tmp_path: Path):
    log.write()
    log.seal()
    seed = (tmp_path / "keys" / "audit.key").read_text("utf-8").strip().split("+", 4)[-1]

    with log.engine.connect() as connection:
        note = connection.exec_driver_sql("SELECT note FROM audit_checkpoint").scalar_one()

    assert seed not in note
    assert all(seed not in place.read_text("utf-8") for place in log.witnesses)
