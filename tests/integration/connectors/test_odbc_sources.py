"""Faults of the source itself: who answers, what locks it, how long its values are, what encoding it has."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
from tests.integration.connectors.peers import Juki, free_port, without
from tests.integration.connectors.reading import pull, pull_since, rows_of

from renkei.errors import Stop, TryAgain
from renkei.model import Connection, Delivery
from renkei.registry.embedded import Cluster

# a standby that lags -------------------------------------------------------------------------------


class Pair:
    """The register's PostgreSQL, and a standby of it that may be held back and promoted."""

    def __init__(self, juki: Juki, standby: Cluster, url: str) -> None:
        self.juki = juki
        self._standby, self._url = standby, url

    @property
    def behind(self) -> Connection:
        """The standby as the hub would reach it."""
        return self.juki.at(self._standby.port)

    def run(self, statement: str) -> None:
        """On the standby."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement)

    def catch_up(self) -> None:
        """Until the standby has replayed all that the primary wrote."""
        with psycopg.connect(self.juki.cluster.url("juki").replace("+psycopg", "")) as primary:
            # what is not committed need not be sent
            place = primary.execute("SELECT pg_logical_emit_message(true, 'standby', '')::text").fetchone()
        assert place
        with psycopg.connect(self._url, autocommit=True) as standby:
            for _ in range(100):
                row = standby.execute(f"SELECT pg_last_wal_replay_lsn() >= '{place[0]}'").fetchone()
                if row == (True,):
                    return
                standby.execute("SELECT pg_sleep(0.05)")
        raise TimeoutError("the standby does not catch up")


@pytest.fixture
def pair(juki: Juki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A real standby, made by pg_basebackup."""
    home = Path(tmp_path_factory.mktemp("standby"))
    standby = Cluster(home / "pg", settings={"fsync": "off", "primary_conninfo": _conninfo(juki.cluster)})
    url = juki.cluster.url("postgres").replace("+psycopg", "")
    standby.home.mkdir(parents=True, exist_ok=True)
    for place in juki.cluster.home.glob("*.password"):
        shutil.copy(place, standby.home / place.name)
    (standby.home / "port").write_text(str(free_port()), "ascii")
    shutil.rmtree(standby.data, ignore_errors=True)
    if standby._account:
        shutil.chown(standby.home, standby._account.pw_name)
    standby._run("pg_basebackup", "-d", url, "-D", str(standby.data), "-R", "-X", "stream", "-c", "fast")
    standby.start()
    yield Pair(juki, standby, standby.url("juki").replace("+psycopg", ""))
    standby.stop()
    shutil.rmtree(standby.home, ignore_errors=True)


def _conninfo(primary: Cluster) -> str:
    return (
        f"host=127.0.0.1 port={primary.port} user=renkei_owner password={primary._password('renkei_owner')}"
    )


def test_a_standby_that_lags_may_not_answer(odbc: ModuleType, pair: Pair, tmp_path: Path) -> None:
    pair.catch_up()
    pair.run("SELECT pg_wal_replay_pause()")
    pair.juki.fill(500)
    (whole,) = pull_since(odbc, pair.juki.connection, tmp_path)

    with pytest.raises(Stop, match="E_STALE_SOURCE"):
        pull_since(odbc, pair.behind, tmp_path, since=whole)

    pair.run("SELECT pg_wal_replay_resume()")
    pair.catch_up()
    assert pull_since(odbc, pair.behind, tmp_path, since=whole) == []


def test_twin_that_does_not_ask_who_answers_takes_the_past(juki: Juki, pair: Pair, tmp_path: Path) -> None:
    twin = without(
        tmp_path, "parts/odbc_child/snapshot.py", ("        _refuse_stale(server, order, dialect)\n", "")
    )
    pair.catch_up()
    pair.run("SELECT pg_wal_replay_pause()")
    juki.fill(100)
    (whole,) = pull_since(twin, juki.connection, tmp_path / "work")

    (swept,) = pull_since(twin, pair.behind, tmp_path / "work", since=whole, sweep="0s")

    assert sum(row["__gone"] for row in rows_of(swept)) == 100


def test_a_standby_that_was_promoted_is_compared_with_all_that_is_known(
    odbc: ModuleType, pair: Pair, tmp_path: Path
) -> None:
    (whole,) = pull_since(odbc, pair.juki.connection, tmp_path)
    pair.catch_up()
    pair.run("SELECT pg_promote()")
    pair.run("DELETE FROM juki.kojin WHERE atena_no = '0000000035'")
    pair.run("CHECKPOINT")

    (swept,) = pull_since(odbc, pair.behind, tmp_path, since=whole, sweep="9999h")

    assert [(row["atena_no"], row["__gone"]) for row in rows_of(swept)] == [("0000000035", True)]


def test_another_database_may_not_answer_for_the_one_we_know(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    (whole,) = pull_since(odbc, juki.connection, tmp_path)
    other = {**whole.position, "server": {**whole.position["server"], "system": "7000000000000000000"}}

    with pytest.raises(Stop, match="E_STALE_SOURCE"):
        pull_since(odbc, juki.connection, tmp_path, since=moved(whole, other))


def moved(delivery: Delivery, position: dict[str, object]) -> Delivery:
    return Delivery(**{**vars(delivery), "position": position})


# locks ---------------------------------------------------------------------------------------------


def test_a_locked_table_is_waited_for_no_longer_than_the_lock_wait(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    with psycopg.connect(juki.cluster.url("juki").replace("+psycopg", "")) as clerk:
        clerk.execute("LOCK TABLE juki.kojin IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(TryAgain, match="E_SOURCE_BUSY"):
            pull(odbc, juki.connection, tmp_path, lock_wait="0.3s")


def test_a_lock_that_passes_is_waited_out(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    clerk = subprocess.Popen(
        ["psql", juki.cluster.url("juki").replace("+psycopg", ""), "-qc",
         "BEGIN; LOCK TABLE juki.kojin IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1.5); COMMIT"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        delivery = pull(odbc, juki.at(juki.cluster.port, retry_seconds="15"), tmp_path, lock_wait="0.3s")
    finally:
        clerk.wait()

    assert delivery.records == 3


# values --------------------------------------------------------------------------------------------


def test_a_value_beyond_the_limit_is_refused_before_it_is_read(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    juki.execute(
        "CREATE TABLE juki.huge AS SELECT 1 AS no, repeat('髙', 30000000) AS zu;"
        "GRANT SELECT ON juki.huge TO renkei_pull"
    )

    with pytest.raises(Stop, match="E_PULL_TOO_LONG") as refused:
        pull(odbc, juki.connection, tmp_path, table="juki.huge", key="no")

    assert (refused.value.facts["column"], refused.value.facts["limit"]) == ("zu", 32_768)


def test_a_row_that_no_answer_holds_is_refused(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    juki.execute(
        "CREATE TABLE juki.huge AS SELECT 1 AS no, repeat('髙', 3000000) AS zu;"
        "GRANT SELECT ON juki.huge TO renkei_pull"
    )

    with pytest.raises(Stop, match="E_PULL_TOO_LONG"):
        pull(odbc, juki.connection, tmp_path, table="juki.huge", key="no", text_bytes=99_000_000)


def test_rows_that_fill_an_answer_are_asked_for_in_smaller_chunks(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    juki.execute(
        "CREATE TABLE juki.wide AS SELECT g AS no, repeat('髙', 400000) AS zu FROM generate_series(1, 20) AS g;"
        "GRANT SELECT ON juki.wide TO renkei_pull"
    )

    delivery = pull(odbc, juki.connection, tmp_path, table="juki.wide", key="no", text_bytes=2_000_000)

    assert {row["zu"] for row in rows_of(delivery)} == {"髙" * 400_000}
    assert delivery.records == 20


def test_a_row_without_a_key_is_missed_and_therefore_refused(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    juki.execute(
        "CREATE TABLE juki.keyless AS SELECT CASE WHEN g <> 7 THEN g END AS no FROM generate_series(1, 9) AS g;"
        "GRANT SELECT ON juki.keyless TO renkei_pull"
    )

    with pytest.raises(Stop, match="E_PULL_SHORT") as refused:
        pull(odbc, juki.connection, tmp_path, table="juki.keyless", key="no", chunk=3)

    assert (refused.value.facts["stated"], refused.value.facts["counted"]) == (9, 8)


@pytest.mark.parametrize("encoding", ["EUC_JP", "EUC_JIS_2004"])
def test_a_database_of_another_encoding_is_read_as_text(
    odbc: ModuleType, juki: Juki, tmp_path: Path, encoding: str
) -> None:
    database = f"old_{encoding.lower()}"
    juki.cluster.execute(f"DROP DATABASE IF EXISTS {database}")
    juki.cluster.execute(f"CREATE DATABASE {database} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    digits = "高橋　花子ｶﾞ～".encode().hex()
    juki.cluster.execute(
        f"CREATE TABLE kojin AS SELECT '1' AS no, convert_from('\\x{digits}', 'UTF8') AS shimei;"
        " GRANT SELECT ON kojin TO PUBLIC",
        database=database,
    )
    old = Connection(name="peer", settings={**juki.connection.settings, "database": database})

    (row,) = rows_of(pull(odbc, old, tmp_path, table="kojin", key="no"))

    assert row["shimei"] == "高橋　花子ｶﾞ～"
