"""A pull that is cut is taken up again at its chunks, and ends with the bytes of a pull that was never cut."""

import json
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.connectors.peers import Juki, feed_of, without
from tests.integration.connectors.reading import ODBC, left_in, pull
from tests.integration.connectors.test_odbc_faults import wait_until

from renkei.errors import Stop, TryAgain
from renkei.model import Checkpoint, Delivery

CHUNK = 1_000
#: Bytes after which the link is cut: in the first login, in the catalogue, in and between chunks.
CUTS = (500, 9_000, 60_000, 200_000, 420_000, 700_000)


def cut_after(juki: Juki, module: ModuleType, workdir: Path, *, after: int) -> int:
    """One attempt through a link that is reset; how many chunks it leaves."""
    fault = Fault(direction="down", after=after, action="reset")
    with FaultProxy(juki.cluster.port, faults=[fault]) as proxy, pytest.raises(TryAgain):
        pull(module, juki.at(proxy.port), workdir, chunk=CHUNK)
    return sum(name.endswith(".chunk") for name in left_in(workdir))


def bytes_pulled(juki: Juki, module: ModuleType, workdir: Path) -> tuple[Delivery, int]:
    """A whole attempt, and what flowed to us in it."""
    with FaultProxy(juki.cluster.port) as proxy:
        delivery = pull(module, juki.at(proxy.port), workdir, chunk=CHUNK)
        return delivery, proxy.passed["down"]


@pytest.mark.parametrize("after", CUTS)
def test_wherever_it_is_cut_the_file_is_the_same_in_the_end(
    odbc: ModuleType, juki: Juki, tmp_path: Path, after: int
) -> None:
    juki.fill(10_000)
    never_cut = pull(odbc, juki.connection, tmp_path / "uncut")
    cut_after(juki, odbc, tmp_path / "work", after=after)

    resumed = pull(odbc, juki.connection, tmp_path / "work", chunk=CHUNK)

    assert (resumed.sha256, resumed.bytes, resumed.records) == (never_cut.sha256, never_cut.bytes, 10_003)
    assert left_in(tmp_path / "work") == [resumed.path.name]


def test_chunks_that_still_stand_are_not_fetched_again(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    juki.fill(10_000)
    _, whole = bytes_pulled(juki, odbc, tmp_path / "uncut")
    kept = cut_after(juki, odbc, tmp_path / "work", after=700_000)

    _, rest = bytes_pulled(juki, odbc, tmp_path / "work")

    assert kept >= 6
    assert rest < whole * 0.6


def test_a_chunk_that_changed_meanwhile_is_fetched_again(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    juki.fill(10_000)
    cut_after(juki, odbc, tmp_path / "work", after=700_000)
    change_every_kind(juki)

    resumed = pull(odbc, juki.connection, tmp_path / "work", chunk=CHUNK)

    assert resumed.sha256 == pull(odbc, juki.connection, tmp_path / "uncut").sha256


def change_every_kind(juki: Juki) -> None:
    """One row changes, one goes, and many come between two that were there."""
    juki.execute("UPDATE juki.kojin SET shimei = '改名 花子' WHERE atena_no = '0000005000'")
    juki.execute("DELETE FROM juki.kojin WHERE atena_no = '0002500000'")
    juki.execute(
        "INSERT INTO juki.kojin SELECT '00012' || lpad(g::text, 5, '0'), 1, '新田 一', NULL, NULL, NULL"
        " FROM generate_series(1, 2500) AS g WHERE g % 1000 <> 0"
    )


def test_twin_that_does_not_ask_the_source_keeps_what_is_no_longer_so(juki: Juki, tmp_path: Path) -> None:
    trusting = (
        "reader.stated(entry.range, is_escaped=entry.is_escaped) != (entry.rows, entry.digest)",
        "False",
    )
    twin = without(
        tmp_path, "parts/odbc_child/pull.py", trusting, ("    if counted != stated:", "    if False:")
    )
    juki.fill(10_000)
    cut_after(juki, twin, tmp_path / "work", after=700_000)
    change_every_kind(juki)

    resumed = pull(twin, juki.connection, tmp_path / "work", chunk=CHUNK)

    assert resumed.sha256 != pull(twin, juki.connection, tmp_path / "uncut").sha256


def test_a_chunk_that_rotted_on_our_disk_is_fetched_again(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    juki.fill(10_000)
    cut_after(juki, odbc, tmp_path / "work", after=700_000)
    for place in (tmp_path / "work").glob("*.chunk"):
        place.write_bytes(place.read_bytes().replace("山田".encode(), "山口".encode(), 1))

    resumed = pull(odbc, juki.connection, tmp_path / "work", chunk=CHUNK)

    assert resumed.sha256 == pull(odbc, juki.connection, tmp_path / "uncut").sha256


def test_twin_that_trusts_its_disk_delivers_the_rot(juki: Juki, tmp_path: Path) -> None:
    without(
        tmp_path, "parts/odbc_child/keep.py", ("if digest == entry.digest else None", "if digest else None")
    )
    no_hash = (
        "    if hashlib.md5(chunk.text, usedforsecurity=False).hexdigest() != chunk.digest:",
        "    if False:",
    )
    twin = without(tmp_path, "parts/odbc_child/pull.py", no_hash)
    juki.fill(10_000)
    cut_after(juki, twin, tmp_path / "work", after=700_000)
    for place in (tmp_path / "work").glob("*.chunk"):
        place.write_bytes(place.read_bytes().replace("山田".encode(), "山口".encode(), 1))

    resumed = pull(twin, juki.connection, tmp_path / "work", chunk=CHUNK)

    assert resumed.sha256 != pull(twin, juki.connection, tmp_path / "uncut").sha256


def test_it_may_be_cut_again_and_again(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    juki.fill(10_000)
    kept = [cut_after(juki, odbc, tmp_path / "work", after=250_000) for _ in range(3)]

    resumed = pull(odbc, juki.connection, tmp_path / "work", chunk=CHUNK)

    assert kept == sorted(set(kept)), "every attempt gets further"
    assert resumed.sha256 == pull(odbc, juki.connection, tmp_path / "uncut").sha256


def test_chunks_of_another_table_are_not_taken_up(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    juki.fill(10_000)
    juki.execute(
        "CREATE VIEW juki.other AS SELECT atena_no, rireki_no, kana AS shimei, shimei AS kana, biko, koshin_ts"
        " FROM juki.kojin; GRANT SELECT ON juki.other TO renkei_pull"
    )
    cut_after(juki, odbc, tmp_path / "work", after=700_000)

    other = pull(odbc, juki.connection, tmp_path / "work", chunk=CHUNK, table="juki.other")

    assert other.sha256 == pull(odbc, juki.connection, tmp_path / "uncut", table="juki.other").sha256


def test_a_new_beginning_takes_up_no_old_chunks(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    juki.fill(10_000)
    cut_after(juki, odbc, tmp_path / "work", after=700_000)
    feed = feed_of("odbc", **{**ODBC, "chunk": CHUNK})
    anew = Checkpoint(feed=feed.id, position={}, epoch=2)

    with FaultProxy(juki.cluster.port) as proxy:
        list(odbc.connect(juki.at(proxy.port), workdir=tmp_path / "work").pull(feed, anew))

        _, whole = bytes_pulled(juki, odbc, tmp_path / "uncut")
        assert proxy.passed["down"] > whole * 0.9


@pytest.mark.parametrize("rows", [1, 999, 1_000, 7_777, 20_000, 50_000])
def test_the_size_of_the_chunks_leaves_no_trace_in_the_file(
    odbc: ModuleType, juki: Juki, tmp_path: Path, rows: int
) -> None:
    juki.fill(200 if rows == 1 else 24_997)

    delivery = pull(odbc, juki.connection, tmp_path / "work", chunk=rows)

    assert delivery.sha256 == pull(odbc, juki.connection, tmp_path / "usual").sha256


def test_chunks_are_marked_by_key_count_and_hash(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    juki.fill(3_000)
    cut_after(juki, odbc, tmp_path / "work", after=200_000)

    (place,) = (tmp_path / "work").glob("*.chunks")
    first, second, *_ = json.loads(place.read_text("utf-8"))["chunks"]

    assert (first["range"]["low"], first["rows"]) == (None, CHUNK)
    assert first["range"]["high"] == second["range"]["low"]
    assert (tmp_path / "work" / f"sample.odbc.{first['digest']}.chunk").exists()


# several sessions ---------------------------------------------------------------------------------


def pull_while_a_clerk_works(
    module: ModuleType, juki: Juki, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Delivery, int]:
    """A clerk renames all once the first session has its snapshot; also how many sessions there were."""
    mark = juki.log.stat().st_size
    monkeypatch.setenv("RENKEI_FAILPOINTS", "snap.opened=sleep:1.5")

    def logins() -> int:
        return juki.logins_seen("connection authorized: user=renkei_pull", since=mark)

    def change() -> None:
        wait_until(lambda: logins() == 1)
        time.sleep(0.7)
        juki.execute("UPDATE juki.kojin SET shimei = '改名'")

    clerk = threading.Thread(target=change)
    clerk.start()
    try:
        delivery = pull(module, juki.connection, workdir, chunk=700)
    finally:
        clerk.join()
    return delivery, logins()


MANY = ("_LONG = 100_000", "_LONG = 1_000")


def test_a_long_table_is_read_by_several_sessions_in_one_snapshot(
    juki: Juki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odbc = without(tmp_path, "parts/odbc_child/snapshot.py", MANY)
    juki.fill(3_000)
    alone = pull(odbc, juki.connection, tmp_path / "alone", sessions=1)

    together, sessions = pull_while_a_clerk_works(odbc, juki, tmp_path / "work", monkeypatch)

    assert (together.sha256, sessions) == (alone.sha256, 3)


def test_twin_whose_sessions_share_no_snapshot_is_refused(
    juki: Juki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = without(
        tmp_path, "parts/odbc_child/snapshot.py", MANY, ("        connection.execute(joins)\n", "")
    )
    juki.fill(3_000)

    with pytest.raises(Stop, match="E_DRIVER"):
        pull_while_a_clerk_works(twin, juki, tmp_path / "work", monkeypatch)
