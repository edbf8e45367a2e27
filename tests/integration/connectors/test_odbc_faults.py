"""Faults of the link, the driver and the source, each with the twin that has no guard against it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.connectors.peers import ROOT, Juki, without
from tests.integration.connectors.reading import left_in, pull, rows_of
from tests.integration.connectors.wire import Alter, data_rows, lost, replaced, swapped, without_line

from renkei.errors import RenkeiError, Stop, TryAgain
from renkei.model import Delivery

NO_HASH = (
    "    if hashlib.md5(chunk.text, usedforsecurity=False).hexdigest() != chunk.digest:",
    "    if False:",
)
NO_COUNT = ("    if counted != stated:", "    if False:")
ANY_ANSWER = (
    '            raise Stop("E_PULL_SHORT", feed=snapshot.order["feed"], stated=1, counted=0)',
    '            return {"n": 0, "filled": 0, "size": 0, "proof": None, "data": None}',
)

ALTERED = {
    "a row is lost": (without_line("0000000027"), "E_PULL_CHECKSUM"),
    "an answer is lost": (lost("0000000027"), "E_PULL_SHORT"),
    "a character becomes another of the same length": (replaced("髙", "高"), "E_PULL_CHECKSUM"),
    "two residents are mixed up": (swapped("山田 太郎1", "山田 太郎2"), "E_PULL_CHECKSUM"),
}


@pytest.mark.parametrize(("alter", "code"), ALTERED.values(), ids=ALTERED)
def test_what_the_source_did_not_say_is_refused(
    odbc: ModuleType, juki: Juki, tmp_path: Path, alter: Alter, code: str
) -> None:
    juki.fill(2)
    with FaultProxy(juki.cluster.port, rewrite=data_rows(alter)) as proxy, pytest.raises(Stop, match=code):
        pull(odbc, juki.at(proxy.port), tmp_path / "work")

    assert left_in(tmp_path / "work") == []


@pytest.mark.parametrize(("alter", "code"), ALTERED.values(), ids=ALTERED)
def test_twin_without_proof_takes_what_the_source_did_not_say(
    juki: Juki, tmp_path: Path, alter: Alter, code: str
) -> None:
    juki.fill(2)
    without(tmp_path, "parts/odbc_child/chunks.py", ANY_ANSWER)
    twin = without(tmp_path, "parts/odbc_child/pull.py", NO_HASH, NO_COUNT)

    with FaultProxy(juki.cluster.port, rewrite=data_rows(alter)) as proxy:
        names = [row["shimei"] for row in rows_of(pull(twin, juki.at(proxy.port), tmp_path / "work"))]

    assert names != ["髙﨑　𠮷郎", "葛\U000e0101城 花子", "渡邉 惠", "山田 太郎1", "山田 太郎2"]


# one snapshot -------------------------------------------------------------------------------------

READ_COMMITTED = (
    ("LEVEL REPEATABLE READ, {mode}", "LEVEL READ COMMITTED, {mode}"),
    ('return query, "repeatable read on"', 'return query, "read committed on"'),
)


def change_once_the_snapshot_is_open(juki: Juki) -> None:
    """A clerk adds one resident and renames another while the pull stands between count and rows."""
    with psycopg.connect(juki.cluster.url("juki").replace("+psycopg", ""), autocommit=True) as clerk:
        for _ in range(200):
            query = (
                "SELECT count(*) FROM pg_stat_activity WHERE usename = 'renkei_pull'"
                " AND state = 'idle in transaction' AND clock_timestamp() - state_change > interval '0.3 s'"
            )
            row = clerk.execute(query).fetchone()
            if row and row[0]:
                break
            time.sleep(0.02)
        clerk.execute("INSERT INTO juki.kojin VALUES ('0000000043', 1, '新田 一', NULL, NULL, NULL)")
        clerk.execute("UPDATE juki.kojin SET shimei = '改名 花子' WHERE atena_no = '0000000027'")


def pull_while_a_clerk_works(
    module: ModuleType, juki: Juki, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    monkeypatch.setenv("RENKEI_FAILPOINTS", "snap.opened=sleep:1")
    clerk = threading.Thread(target=change_once_the_snapshot_is_open, args=(juki,))
    clerk.start()
    try:
        return [row["shimei"] for row in rows_of(pull(module, juki.connection, workdir))]
    finally:
        clerk.join()


def test_rows_count_and_checksum_are_of_one_moment(
    odbc: ModuleType, juki: Juki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = pull_while_a_clerk_works(odbc, juki, tmp_path / "work", monkeypatch)

    assert names == ["髙﨑　𠮷郎", "葛\U000e0101城 花子", "渡邉 惠"]


def test_twin_without_a_snapshot_sees_two_moments(
    juki: Juki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = without(tmp_path, "parts/odbc_child/dialects/postgresql.py", *READ_COMMITTED)

    with pytest.raises(Stop, match="E_PULL_SHORT"):
        pull_while_a_clerk_works(twin, juki, tmp_path / "work", monkeypatch)


def test_a_driver_that_forgets_the_snapshot_is_refused(juki: Juki, tmp_path: Path) -> None:
    forgetful = without(tmp_path, "parts/odbc_child/dialects/postgresql.py", READ_COMMITTED[0])

    with pytest.raises(Stop, match="E_DRIVER"):
        pull(forgetful, juki.connection, tmp_path / "work")


# the link -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "after"), [("cut", 300_000), ("reset", 2_500), ("reset", 300_000)])
def test_a_cut_link_leaves_nothing_and_is_tried_again(
    odbc: ModuleType, juki: Juki, tmp_path: Path, action: str, after: int
) -> None:
    juki.fill(5_000)
    fault = Fault(direction="down", after=after, action=action)  # type: ignore[arg-type]  # from the list above
    with FaultProxy(juki.cluster.port, faults=[fault]) as proxy, pytest.raises(TryAgain) as lost_link:
        pull(odbc, juki.at(proxy.port), tmp_path / "work")

    assert lost_link.value.code == "E_PULL_LOST"
    assert left_in(tmp_path / "work") == []


SO_FAR = """
def _so_far(following):
    try:
        return following.result()
    except Exception:
        return None


"""


def pull_while_the_backend_is_ended(
    module: ModuleType, juki: Juki, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> Delivery:
    juki.fill(65_000)
    monkeypatch.setenv("RENKEI_FAILPOINTS", "pull.chunk=sleep:1")

    def end() -> None:
        wait_until(lambda: any(place.stat().st_size for place in workdir.glob("*.part")))
        juki.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'renkei_pull'")

    administrator = threading.Thread(target=end)
    administrator.start()
    try:
        return pull(module, juki.connection, workdir)
    finally:
        administrator.join()


def test_a_backend_that_is_ended_leaves_only_proved_chunks(
    odbc: ModuleType, juki: Juki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TryAgain, match="E_PULL_LOST"):
        pull_while_the_backend_is_ended(odbc, juki, tmp_path / "work", monkeypatch)

    assert {Path(name).suffix for name in left_in(tmp_path / "work")} == {".chunk", ".chunks"}


def test_twin_that_keeps_the_rows_fetched_so_far_loses_residents(
    juki: Juki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    until_it_breaks = ("def ahead(", SO_FAR + "def ahead(")
    keeps = ("(item := following.result())", "(item := _so_far(following))")
    without(tmp_path, "parts/odbc_child/chunks.py", until_it_breaks, keeps)
    without(
        tmp_path,
        "parts/odbc_child/snapshot.py",
        ("        )  # fmt: skip\n        connection.rollback()\n", "        )\n"),
    )
    twin = without(tmp_path, "parts/odbc_child/pull.py", NO_COUNT)

    delivery = pull_while_the_backend_is_ended(twin, juki, tmp_path / "work", monkeypatch)

    assert delivery.records is not None
    assert 0 < delivery.records < 65_003


def test_a_passing_cut_heals_within_seconds(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    first_login = Fault(direction="down", after=3_000, action="reset", connection=2)
    with FaultProxy(juki.cluster.port, faults=[first_login], delay=0.01, seed=7) as proxy:
        delivery = pull(odbc, juki.at(proxy.port, retry_seconds="10"), tmp_path / "work")

    assert delivery.records == 3
    assert proxy.connections == 4  # each attempt knocks once and signs in once


# signing in ---------------------------------------------------------------------------------------


def expire(juki: Juki) -> int:
    juki.cluster.execute("ALTER ROLE renkei_pull VALID UNTIL '2020-01-01'")
    return juki.log.stat().st_size


def test_an_expired_password_is_tried_exactly_once(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    mark = expire(juki)

    with pytest.raises(Stop, match="E_AUTH"):
        pull(odbc, juki.at(juki.cluster.port, retry_seconds="4"), tmp_path / "work")

    assert juki.logins_seen("password authentication failed", since=mark) == 1


def test_twin_that_retries_every_login_would_lock_the_account(juki: Juki, tmp_path: Path) -> None:
    every = (
        'return not fault.state.startswith("28") and bool(_PASSING_LOGIN.search(fault.text))',
        "return True",
    )
    without(tmp_path, "parts/odbc_child/dialects/postgresql.py", every)
    twin = without(
        tmp_path, "odbc.py", ("tenacity.stop_after_delay(patience)", "tenacity.stop_after_attempt(2)")
    )
    mark = expire(juki)

    with pytest.raises(RenkeiError):
        pull(twin, juki.connection, tmp_path / "work")

    assert juki.logins_seen("password authentication failed", since=mark) == 2


# the deadline -------------------------------------------------------------------------------------

DEADLINE = 2.5


def children_of(connectors: Path) -> list[int]:
    """Processes that run this copy of the reading program."""
    program, folder = b"odbc_child", str(connectors).encode()
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            ours = program in place.read_bytes() and folder in place.with_name("environ").read_bytes()
            found += [int(place.parent.name)] if ours else []
        except OSError:
            continue
    return found


def black_hole() -> Fault:
    return Fault(direction="down", after=200_000, action="black_hole")


def test_a_black_holed_pull_is_killed_at_its_deadline(juki: Juki, tmp_path: Path) -> None:
    juki.fill(5_000)
    odbc = without(tmp_path, "odbc.py")
    started = time.monotonic()
    with FaultProxy(juki.cluster.port, faults=[black_hole()]) as proxy:
        with pytest.raises(TryAgain, match="E_PULL_DEADLINE"):
            pull(odbc, juki.at(proxy.port), tmp_path / "work", deadline=f"{DEADLINE}s")
        took = time.monotonic() - started

    assert DEADLINE <= took < DEADLINE + 2
    assert children_of(tmp_path / "twin") == []
    assert left_in(tmp_path / "work") == []


def test_twin_without_the_kill_hangs_past_its_deadline(juki: Juki, tmp_path: Path) -> None:
    juki.fill(5_000)
    twin = without(tmp_path, "odbc.py", ("child.wait(timeout=seconds)", "child.wait()"))
    ended: list[str] = []

    def read() -> None:
        with pytest.raises(RenkeiError) as error:
            pull(twin, juki.at(proxy.port), tmp_path / "work", deadline=f"{DEADLINE}s")
        ended.append(error.value.code)

    with FaultProxy(juki.cluster.port, faults=[black_hole()]) as proxy:
        reader = threading.Thread(target=read)
        reader.start()
        reader.join(DEADLINE + 2)
        hangs = reader.is_alive()
    reader.join(10)  # the end of the proxy frees it

    assert hangs
    assert ended == ["E_PULL_LOST"]


def test_a_slow_source_gives_up_by_itself_at_the_deadline(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    juki.execute(
        "CREATE VIEW juki.slow AS SELECT atena_no, pg_sleep(60)::text AS t FROM juki.kojin;"
        "GRANT SELECT ON juki.slow TO renkei_pull"
    )

    with pytest.raises(TryAgain, match="E_PULL_DEADLINE"):
        pull(odbc, juki.connection, tmp_path / "work", table="juki.slow", deadline="2s")

    with psycopg.connect(juki.cluster.url("juki").replace("+psycopg", ""), autocommit=True) as server:
        query = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'renkei_pull'"
        wait_until(lambda: server.execute(query).fetchone() == (0,))


def test_the_reader_ends_with_its_parent(juki: Juki, tmp_path: Path) -> None:
    juki.fill(5_000)
    without(tmp_path, "odbc.py")
    with FaultProxy(juki.cluster.port, faults=[black_hole()]) as proxy:
        program = (
            "from pathlib import Path\n"
            "from renkei.model import Connection\n"
            "from renkei.project import load_connector\n"
            "from tests.integration.connectors.reading import pull\n"
            f"module = load_connector(Path({str(tmp_path / 'twin')!r}), 'odbc')\n"
            f"connection = Connection(name='peer', settings={dict(juki.at(proxy.port).settings)!r})\n"
            f"pull(module, connection, Path({str(tmp_path / 'work')!r}))\n"
        )
        parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.DEVNULL)
        wait_until(lambda: bool(children_of(tmp_path / "twin")))
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()

        wait_until(lambda: not children_of(tmp_path / "twin"))


def test_two_pulls_of_one_feed_do_not_share_a_file(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    juki.fill(5_000)
    with FaultProxy(juki.cluster.port, faults=[black_hole()]) as proxy:

        def first() -> None:
            with pytest.raises(TryAgain, match="E_PULL_DEADLINE"):
                pull(odbc, juki.at(proxy.port), tmp_path / "work", deadline=f"{DEADLINE}s")

        reader = threading.Thread(target=first)
        reader.start()
        wait_until(lambda: proxy.connections == 2)
        with pytest.raises(TryAgain, match="E_LEASE_HELD"):
            pull(odbc, juki.connection, tmp_path / "work")
        reader.join()


def wait_until(holds: Callable[[], bool], *, seconds: float = 8) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)
