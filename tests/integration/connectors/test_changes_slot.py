"""The slot: advanced only after the merge, and when its position is no longer good."""

import contextlib
import time
from pathlib import Path

import pytest
from tests.integration.connectors import changes_peer
from tests.integration.connectors.changes_peer import Followed, Legacy, applied, table_of
from tests.integration.connectors.peers import without
from tests.integration.connectors.test_changes_outbox import COLUMNS, VALUES, expected, lost

from renkei.errors import FixDeclaration, Stop

legacy_cluster, legacy, slot = changes_peer.legacy_cluster, changes_peer.legacy, changes_peer.slot

CONFIRMED = "SELECT confirmed_flush_lsn::text FROM pg_replication_slots"


def killed(slot: Followed) -> None:
    """A pull ends before the hub merged anything of it."""
    (whole,) = slot.pull()
    slot.execute(slot.put("1", "一"), slot.put("1", "二"))
    connector = slot.module.connect(slot.connection, workdir=slot.workdir)
    dying = connector.pull(slot.feed, slot.since(whole))
    next(dying)
    dying.close()
    assert applied([whole, *slot.pull(whole)]) == {"1": "二"}


def test_a_pull_that_was_killed_gives_the_same_again(slot: Followed) -> None:
    killed(slot)


def test_taking_instead_of_peeking_would_lose_it(slot: Followed, tmp_path: Path) -> None:
    take = ("FROM pg_logical_slot_peek_binary_changes(", "FROM pg_logical_slot_get_binary_changes(")

    with pytest.raises(Stop):
        killed(slot.twin(without(tmp_path, "pg_slot.py", take)))


def test_the_slot_moves_only_to_what_is_merged(slot: Followed, legacy: Legacy) -> None:
    (whole,) = slot.pull()
    slot.execute(slot.put("1", "一"))
    before = legacy.execute(CONFIRMED)
    (change,) = slot.pull(whole)
    assert legacy.execute(CONFIRMED) == before

    slot.pull(change)

    assert legacy.execute(CONFIRMED) == [(change.position["lsn"],)]


def overlapping(slot: Followed) -> None:
    """The slot is older than the whole read: what is in both must not come a second time."""
    slot.pull()
    slot.execute(slot.put("1", "古い"), slot.put("1", "新しい"))
    (whole,) = slot.pull()
    slot.execute(slot.put("2", "後"))
    changes = slot.pull(whole)
    assert [table_of(change).num_rows for change in changes] == [1]
    assert applied([whole, *changes]) == {"1": "新しい", "2": "後"}


def test_what_the_whole_read_had_does_not_come_again(slot: Followed) -> None:
    overlapping(slot)


def test_without_the_snapshot_an_old_value_would_come_back(slot: Followed, tmp_path: Path) -> None:
    guard = ('return pgoutput.is_visible(begin.xid, place["snapshot"])', "return False")

    with pytest.raises(AssertionError):
        overlapping(slot.twin(without(tmp_path, "pg_slot.py", guard)))


def test_a_slot_that_was_dropped_ends_the_position(slot: Followed, legacy: Legacy) -> None:
    (whole,) = slot.pull()
    legacy.execute("SELECT pg_drop_replication_slot('renkei_kojin')")

    assert lost(slot, whole) == "slot renkei_kojin is gone"
    slot.pull()  # another system makes one of the same name
    slot.execute(slot.put("1", "一"))
    assert "advanced by somebody else" in lost(slot, whole)


def taken_away(slot: Followed, legacy: Legacy) -> str:
    """Another consumer reads from our slot."""
    (whole,) = slot.pull()
    slot.execute(slot.put("1", "横取り"))
    legacy.execute(
        "SELECT count(*) FROM pg_logical_slot_get_binary_changes('renkei_kojin', NULL, NULL,"
        " 'proto_version', '1', 'publication_names', 'renkei_kojin')"
    )
    slot.execute(slot.put("2", "残り"))
    return lost(slot, whole)


def test_a_slot_that_somebody_else_advanced_ends_the_position(slot: Followed, legacy: Legacy) -> None:
    assert "advanced by somebody else" in taken_away(slot, legacy)


def test_without_the_look_at_the_slot_a_row_would_be_missing(
    slot: Followed, legacy: Legacy, tmp_path: Path
) -> None:
    guard = ("if confirmed > merged:", "if confirmed > merged and False:")

    with pytest.raises(pytest.fail.Exception):
        taken_away(slot.twin(without(tmp_path, "pg_slot.py", guard)), legacy)


def test_a_slot_whose_log_was_thrown_away_ends_the_position(slot: Followed, legacy: Legacy) -> None:
    (whole,) = slot.pull()
    try:
        legacy.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'", "SELECT pg_reload_conf()")
        for _ in range(4):
            legacy.execute(
                "SELECT pg_logical_emit_message(false, 'x', repeat('x', 9000000)), pg_switch_wal()",
                "CHECKPOINT",
            )
        status = legacy.execute("SELECT wal_status FROM pg_replication_slots")
    finally:
        legacy.execute("ALTER SYSTEM RESET max_slot_wal_keep_size", "SELECT pg_reload_conf()")

    assert status == [("lost",)]
    assert lost(slot, whole) == "slot renkei_kojin is no longer valid"
    (again,) = slot.resnapshot()
    assert again.is_whole


def test_where_only_others_write_the_position_still_moves(slot: Followed, legacy: Legacy) -> None:
    (whole,) = slot.pull()
    assert slot.pull(whole) == []
    for _ in range(2):
        legacy.execute("SELECT pg_logical_emit_message(false, 'x', repeat('x', 9000000))")

    (nothing,) = slot.pull(whole)

    assert (nothing.records, nothing.is_whole) == (0, False)
    slot.execute(slot.put("1", "一"))
    assert applied([whole, nothing, *slot.pull(nothing)]) == {"1": "一"}
    assert legacy.execute(CONFIRMED) == [(nothing.position["lsn"],)]


def test_a_long_value_that_an_update_left_alone_is_there(slot: Followed, legacy: Legacy) -> None:
    legacy.execute(
        "ALTER TABLE juki.kojin ADD biko text, ALTER biko SET STORAGE EXTERNAL",
        "INSERT INTO juki.kojin VALUES ('1', '前', repeat('長い', 100000))",
    )
    (whole,) = slot.pull()
    slot.execute(slot.put("1", "後"))

    (change,) = slot.pull(whole)

    assert table_of(change)["biko"].to_pylist() == ["長い" * 100_000]


def test_without_full_identity_it_says_what_to_run(slot: Followed, legacy: Legacy) -> None:
    legacy.execute("ALTER TABLE juki.kojin REPLICA IDENTITY DEFAULT")

    with pytest.raises(FixDeclaration) as wrong:
        slot.pull()

    assert wrong.value.facts["remedy"] == 'ALTER TABLE "juki"."kojin" REPLICA IDENTITY FULL'


def test_identity_that_was_not_full_for_a_while_ends_the_position(slot: Followed, legacy: Legacy) -> None:
    slot.execute(slot.put("1", "前"))
    (whole,) = slot.pull()
    change = "ALTER TABLE juki.kojin REPLICA IDENTITY {}"
    legacy.execute(change.format("DEFAULT"), slot.put("1", "後"), change.format("FULL"))

    assert "REPLICA IDENTITY" in lost(slot, whole)


def test_a_publication_that_was_changed_ends_the_position(slot: Followed, legacy: Legacy) -> None:
    (whole,) = slot.pull()
    change = "ALTER PUBLICATION renkei_kojin {} TABLE juki.kojin"
    legacy.execute(change.format("DROP"), slot.put("1", "見えない"), change.format("ADD"))

    assert lost(slot, whole) == "its publication was changed"


@pytest.mark.parametrize("left_out", ["SET (publish = 'insert, update')", "SET TABLE juki.kojin (atena_no)"])
def test_a_publication_that_leaves_something_out_is_refused(
    slot: Followed, legacy: Legacy, left_out: str
) -> None:
    legacy.execute(f"ALTER PUBLICATION renkei_kojin {left_out}")

    with pytest.raises(FixDeclaration) as wrong:
        slot.pull()

    assert "leaves something out" in wrong.value.facts["problem"]


def test_transactions_come_in_the_order_of_their_commits(slot: Followed) -> None:
    (whole,) = slot.pull()
    with contextlib.closing(slot.session()) as one, contextlib.closing(slot.session()) as two:
        one.cursor().execute(slot.put("1", "一が先に書く"))
        two.cursor().execute(slot.put("2", "二が後に書く"))
        two.commit()
        one.cursor().execute(slot.put("3", "一"))
        one.commit()

    (change,) = slot.pull(whole)

    assert table_of(change)["atena_no"].to_pylist() == ["2", "1", "3"]


def test_a_pull_takes_no_more_than_it_may_and_the_next_goes_on(slot: Followed) -> None:
    (whole,) = slot.pull()
    slot.execute(slot.fill(1, 50), slot.fill(51, 100), slot.fill(101, 150))
    narrow = slot.wishing(most=60)

    first = narrow.pull(whole)
    rest = narrow.pull(first[-1])

    assert [len(applied(first)), len(applied(first + rest))] == [100, 150]


def test_values_read_as_a_select_of_text_gives_them(slot: Followed, legacy: Legacy) -> None:
    legacy.execute(COLUMNS)
    (whole,) = slot.pull()
    legacy.execute(VALUES)

    changes = [table_of(change).to_pylist()[0] for change in slot.pull(whole)]
    again = [{**row, "__gone": False} for row in table_of(slot.pull()[0]).to_pylist()]

    assert changes == again == expected(legacy)


def test_a_hundred_thousand_changes_drain_within_bounds(slot: Followed) -> None:
    (whole,) = slot.pull()
    for first in range(0, 100_000, 20_000):
        slot.execute(slot.fill(first + 1, first + 20_000))

    began = time.monotonic()
    parts = slot.pull(whole)

    assert [part.records for part in parts] == [40_000, 40_000, 20_000]
    assert time.monotonic() - began < 30
