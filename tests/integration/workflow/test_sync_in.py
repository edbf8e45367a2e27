"""What one run of a feed does with good and bad deliveries, over a real SFTP server into a real registry."""

import threading
import time
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from tests.city import DAY
from tests.integration.workflow.conftest import RECORD, TERMS, Desk, dated

from renkei import project, workflow
from renkei.clock import SystemClock
from renkei.errors import Stop, TryAgain
from renkei.registry import lease

NEXT, LATER = date(2026, 11, 21), date(2026, 11, 22)


def records_of(desk: Desk) -> int:
    return len(desk.original) // RECORD - 2


def test_a_whole_file_is_merged_and_its_equation_balances(desk: Desk) -> None:
    desk.send("KJ_20261120.DAT", desk.original)

    result = desk.sync()

    assert (result.state, result.delivered) == ("done", True)
    assert result.counts.records == records_of(desk)
    assert result.counts.balances
    assert desk.count("person_record", "known_to IS NULL") == result.counts.merged


def test_a_second_run_changes_nothing(desk: Desk) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    desk.sync()

    again = desk.sync()

    assert again.counts.records == 0
    assert again.delivered
    assert desk.count("unit") == 1


def test_the_next_day_sends_only_changes_to_the_registry(desk: Desk) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    first = desk.sync()
    changed = bytearray(dated(desk.original, NEXT))
    changed[RECORD + 325 : RECORD + 326] = b"2"  # the first person's state: moved out
    desk.send("KJ_20261121.DAT", bytes(changed))

    second = desk.sync(NEXT)

    assert (second.counts.merged, second.counts.unchanged) == (1, first.counts.merged - 1)
    assert desk.count("person_record", "known_to IS NOT NULL") == 1


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda whole: whole[:-RECORD], "E_TRAILER_MISSING"),
        (lambda whole: whole[: RECORD * 3 + 101], "E_RECORD_LENGTH"),
        (lambda whole: whole[:RECORD] + whole[RECORD * 2 :], "E_TRAILER_COUNT"),
        (
            lambda whole: whole[: RECORD + 1] + b"9999999999" + whole[RECORD + 11 :],
            "E_TRAILER_TOTAL",
        ),
        (lambda whole: whole[:RECORD] + b"7" + whole[RECORD + 1 :], "E_RECORD_KIND"),
        (lambda whole: b"", "E_TRAILER_MISSING"),
        (lambda whole: whole[:RECORD] + b"".join(
            bytes([b]) if i % RECORD < 12 or i % RECORD > 71 else b"\xff" for i, b in enumerate(whole[RECORD:-RECORD])
        ) + whole[-RECORD:], "E_ENCODING"),
    ],
    ids=["no trailer", "cut in a record", "one record less", "wrong total", "unknown kind", "empty", "encoding"],
)  # fmt: skip
def test_a_damaged_file_is_refused_whole_and_the_right_one_under_its_name_is_taken(
    desk: Desk, damage, code: str
) -> None:
    desk.send("KJ_20261120.DAT", damage(desk.original))

    refused = desk.sync()

    assert (refused.state, refused.refused, refused.delivered) == ("held", (code,), False)
    assert desk.count("person_record") == 0
    assert desk.count("audit_event", f"body LIKE '%{code}%'") == 1

    desk.send("KJ_20261120.DAT", desk.original)
    assert desk.sync().counts.records == records_of(desk)


def test_a_cut_in_the_middle_of_a_two_byte_character_sets_that_record_aside(desk: Desk) -> None:
    whole = bytearray(desk.original)
    name = RECORD + 12  # first record, SHIMEI @13(60)
    whole[name + 58 : name + 60] = b" \x8e"  # a lead byte as the field's last byte
    desk.send("KJ_20261120.DAT", bytes(whole))

    result = desk.sync()

    assert desk.count("reject", "code = 'E_ENCODING' AND rec_no = 1 AND byte_offset = 420") == 1
    assert result.counts.balances


def test_the_same_file_under_another_name_has_no_effect(desk: Desk) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    desk.send("KJ_20261120_RESENT.DAT", desk.original)

    result = desk.sync()

    assert result.counts.records == records_of(desk)
    assert sorted(verdict for _, verdict, _ in desk.verdicts()) == ["duplicate", "merged"]


def test_a_known_name_with_other_bytes_is_held(desk: Desk) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    desk.sync()
    before = desk.count("person_record")
    changed = bytearray(desk.original)
    changed[RECORD + 325 : RECORD + 326] = b"2"
    desk.send("KJ_20261120.DAT", bytes(changed))

    result = desk.sync()

    assert result.refused == ("E_NAME_REUSED",)
    assert desk.count("person_record") == before


def test_files_out_of_order_leave_the_newest_state(desk: Desk) -> None:
    older = bytearray(desk.original)
    older[RECORD + 325 : RECORD + 326] = b"2"
    desk.send("KJ_20261121.DAT", dated(desk.original, NEXT))
    desk.sync(NEXT)
    desk.send("KJ_20261120.DAT", bytes(older))

    late = desk.sync(NEXT)

    assert (late.counts.merged, late.counts.superseded, late.counts.ended) == (0, 1, 0)
    assert (
        desk.count("person_record", "known_to IS NULL AND resident_status = 'moved_out' AND rec_no = 1") == 0
    )
    assert desk.count("cursor", "as_of = '2026-11-21'") == 1
    assert desk.verdicts()[-1] == ("KJ_20261120.DAT", "merged", "E_DELIVERY_OLD")


def test_a_file_without_its_done_file_waits(desk: Desk) -> None:
    desk.send("KJ_20261120.DAT", desk.original, done=False)

    with pytest.raises(TryAgain, match="E_FILE_GROWING"):
        desk.sync()

    assert desk.verdicts() == []
    desk.send("KJ_20261120.DAT", desk.original)
    assert desk.sync().counts.records == records_of(desk)


def test_most_of_the_city_vanishing_from_a_sound_file_is_held(desk: Desk) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    first = desk.sync()
    kept = [desk.original[RECORD * n : RECORD * (n + 1)] for n in range(1, 21)]
    total = sum(int(record[1:11]) for record in kept)
    trailer = b"8" + b"%08d" % len(kept) + b"%015d" % total + desk.original[-RECORD + 24 :]
    desk.send("KJ_20261121.DAT", dated(desk.original[:RECORD], NEXT) + b"".join(kept) + trailer)

    result = desk.sync(NEXT)

    assert result.refused == ("E_BLAST",)
    assert desk.count("person_record", "known_to IS NULL AND NOT removed") == first.counts.merged


def test_two_runs_of_one_feed_at_once_merge_once(desk: Desk) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    ended: list[object] = []

    def run() -> None:
        try:
            ended.append(desk.sync().counts.records)
        except TryAgain as held:
            ended.append(held.code)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert desk.count("unit") == 1
    assert records_of(desk) in ended


def test_a_runner_that_was_overtaken_cannot_write(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    acquire = lease.acquire

    def overtaken(engine: sa.Engine, resource: str, *, now):
        mine = acquire(engine, resource, now=now)
        lease.release(engine, mine, now=now)
        acquire(engine, resource, now=now)  # another runner, while this one slept
        return mine

    monkeypatch.setattr(lease, "acquire", overtaken)

    with pytest.raises(Stop, match="E_FENCED"):
        desk.sync()

    assert desk.count("person_record") == 0
    assert desk.count("delivery") == 0


def test_without_the_fence_the_overtaken_runner_would_write(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    monkeypatch.setattr(lease, "check_fence", lambda *_: None)
    test = test_a_runner_that_was_overtaken_cannot_write

    with pytest.raises(pytest.fail.Exception):
        test(desk, monkeypatch)


def test_a_full_disk_leaves_no_row_that_points_at_a_partial_file(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    monkeypatch.setenv("RENKEI_FAILPOINTS", "part.written=enospc")

    with pytest.raises(Stop, match="E_DISK"):
        desk.sync()

    assert desk.count("delivery") == 0
    monkeypatch.delenv("RENKEI_FAILPOINTS")
    assert desk.sync().counts.records == records_of(desk)


def test_a_rejected_record_is_merged_after_its_code_is_known(desk: Desk) -> None:
    whole = bytearray(desk.original)
    whole[RECORD + 325 : RECORD + 326] = b"5"  # a state that the code table does not know
    desk.send("KJ_20261120.DAT", bytes(whole))
    first = desk.sync()
    assert desk.count("reject", "rec_no = 1 AND code = 'E_UNKNOWN_CODE' AND state = 'open'") == 1

    table = desk.root / "mappings" / "codes" / "resident_status_digit.toml"
    table.write_text(table.read_text("utf-8").replace('code = "9"', 'code = "5"', 1), "utf-8")
    again = workflow.refeed(project.load(desk.root), "tax.taxpayer", as_of=DAY, **TERMS)

    assert again.counts.balances
    assert again.counts.merged >= 1
    assert desk.count("reject", "rec_no = 1 AND state = 'open'") == 0
    assert desk.count("person_record", "known_to IS NULL") == first.counts.merged + again.counts.merged


def test_the_same_refeed_twice_changes_nothing(desk: Desk) -> None:
    whole = bytearray(desk.original)
    whole[RECORD + 325 : RECORD + 326] = b"5"
    desk.send("KJ_20261120.DAT", bytes(whole))
    desk.sync()
    units = desk.count("unit")

    workflow.refeed(project.load(desk.root), "tax.taxpayer", as_of=DAY, **TERMS)

    assert desk.count("unit") == units


def test_applying_a_done_unit_again_changes_nothing_and_says_so(desk: Desk) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    desk.sync()
    before = desk.count("person_record")

    counts = workflow.replay(project.load(desk.root), "tax.taxpayer", as_of=DAY, **TERMS)

    assert (counts.merged, counts.ended) == (0, 0)
    assert desk.count("person_record") == before
    assert desk.count("audit_event", "body LIKE '%replay.noop%'") == 1


def test_a_plan_writes_nothing(desk: Desk) -> None:
    desk.send("KJ_20261120.DAT", desk.original)

    planned = workflow.plan(project.load(desk.root), "tax.taxpayer", as_of=DAY)

    assert planned.changes == planned.deliveries[0].counts.merged > 0
    assert (desk.count("delivery"), desk.count("run"), desk.count("audit_event")) == (0, 0, 0)


def test_a_held_delivery_is_merged_once_its_cause_is_mended_and_it_is_retried(desk: Desk) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    desk.sync()
    kept = [desk.original[RECORD * n : RECORD * (n + 1)] for n in range(1, 21)]
    total = sum(int(record[1:11]) for record in kept)
    trailer = b"8" + b"%08d" % len(kept) + b"%015d" % total + desk.original[-RECORD + 24 :]
    desk.send("KJ_20261121.DAT", dated(desk.original[:RECORD], NEXT) + b"".join(kept) + trailer)
    assert desk.sync(NEXT).refused == ("E_BLAST",)
    assert desk.sync(NEXT).refused == ("E_BLAST",), "it still waits for a person"

    config = desk.root / "renkei.toml"
    config.write_text(config.read_text("utf-8").replace("share = 0.05", "share = 1.0"), "utf-8")
    again = desk.sync(NEXT, release=True)

    assert (again.state, again.delivered) == ("done", True)
    assert desk.count("person_record", "known_to IS NULL AND NOT removed") == len(kept)
    assert desk.count("audit_event", "body LIKE '%delivery.released%'") == 1


def test_a_refeed_that_would_change_too_much_is_held_too(desk: Desk) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    desk.sync()
    table = desk.root / "mappings" / "codes" / "resident_status_digit.toml"
    known = table.read_text("utf-8")
    config = desk.root / "renkei.toml"
    strict = config.read_text("utf-8")
    config.write_text(strict.replace("share = 0.05", "share = 1.0"), "utf-8")
    table.write_text(known.replace('code = "1"', 'code = "7"', 1), "utf-8")
    desk.send("KJ_20261121.DAT", dated(desk.original, NEXT))
    assert desk.sync(NEXT).refused == ("E_CONTRACT",)
    desk.sync(NEXT, release=True, accept="試験")
    assert desk.count("reject", "state = 'open'") > 100

    config.write_text(strict, "utf-8")
    changed = known.replace('to = "resident"', 'to = "removed"', 1)
    table.write_text(changed, "utf-8")

    with pytest.raises(Stop, match="E_BLAST"):
        workflow.refeed(project.load(desk.root), "tax.taxpayer", as_of=NEXT, **TERMS)


def test_a_source_that_went_back_to_an_earlier_state_of_the_day_is_followed(desk: Desk) -> None:
    changed = bytearray(desk.original)
    changed[RECORD + 325 : RECORD + 326] = b"2"
    desk.send("KJ_20261120_1.DAT", desk.original)
    desk.sync()
    desk.send("KJ_20261120_2.DAT", bytes(changed))
    desk.sync()
    assert (
        desk.count("person_record", "known_to IS NULL AND resident_status = 'moved_out' AND rec_no = 1") == 1
    )

    desk.send("KJ_20261120_3.DAT", desk.original)
    desk.sync()

    assert (
        desk.count("person_record", "known_to IS NULL AND resident_status = 'moved_out' AND rec_no = 1") == 0
    )


def test_a_damaged_landed_file_is_fetched_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    monkeypatch.setenv("RENKEI_FAILPOINTS", "parse.block=raise,damaged=0")
    with pytest.raises(OSError, match="Input/output"):
        desk.sync()
    monkeypatch.delenv("RENKEI_FAILPOINTS")
    (landed,) = (desk.root / "var" / "landing" / "objects").glob("??/*")
    landed.chmod(0o600)
    landed.write_bytes(b"bit rot")

    result = desk.sync()

    assert result.counts.records == records_of(desk)
    assert desk.count("person_record") > 0


def test_an_unforeseen_failure_closes_its_run_and_says_only_its_kind(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    monkeypatch.setenv("RENKEI_FAILPOINTS", "merge.staged=raise,unforeseen=0")

    with pytest.raises(OSError, match="Input/output"):
        desk.sync()

    assert desk.count("run", "state = 'failed' AND error_code = 'E_UNEXPECTED'") == 1
    assert desk.count("audit_event", "body LIKE '%run.failed%'") == 1


def test_what_the_database_says_of_a_row_never_leaves_it(desk: Desk) -> None:
    desk.send("KJ_20261120.DAT", desk.original)
    with desk.registry.begin() as connection:
        connection.execute(sa.text("ALTER TABLE person_record ADD CHECK (full_name = 'nobody')"))

    with pytest.raises(Stop, match="E_DATABASE") as told:
        desk.sync()

    assert told.value.__cause__ is None
    assert told.value.facts == {"sqlstate": "23514", "kind": "CheckViolation"}


def test_a_live_run_keeps_its_lease(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LEASE", timedelta(seconds=0.6))
    monkeypatch.setenv("RENKEI_FAILPOINTS", "snapshot.written=sleep:1.5,lease=0")
    desk.send("KJ_20261120.DAT", desk.original)

    ended: list[object] = []
    slow = threading.Thread(target=lambda: ended.append(desk.sync().counts.merged))
    slow.start()
    time.sleep(1.2)
    with pytest.raises(TryAgain, match="E_LEASE_HELD"):
        lease.acquire(desk.registry, "tax.taxpayer", now=SystemClock().now())
    slow.join()

    assert ended[0] > 0


def test_a_plan_ends_whom_the_run_would_end_beside_a_reject_that_was_always_there(desk: Desk) -> None:
    first = bytearray(desk.original)
    first[RECORD + 325 : RECORD + 326] = b"5"  # a state that no code table knows, today and tomorrow
    desk.send("KJ_20261120.DAT", bytes(first))
    desk.sync()
    rows = [bytes(first[RECORD * n : RECORD * (n + 1)]) for n in range(1, records_of(desk) + 1)]
    kept = [rows[0], *rows[2:]]
    total = sum(int(row[1:11]) for row in kept) % 10**15
    trailer = b"8" + b"%08d" % len(kept) + b"%015d" % total + desk.original[-RECORD + 24 :]
    desk.send("KJ_20261121.DAT", dated(desk.original[:RECORD], NEXT) + b"".join(kept) + trailer)

    planned = workflow.plan(project.load(desk.root), "tax.taxpayer", as_of=NEXT).deliveries[0].counts
    done = desk.sync(NEXT).counts

    assert planned == done
    assert (done.ended, done.withheld) == (1, 0)
