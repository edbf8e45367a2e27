"""The same pulls from MariaDB and SQLite, through their own drivers: nothing lost that PostgreSQL keeps."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from tests.conformance.kit import CHECKS, Subject
from tests.conformance.subjects.odbc import odbc_mariadb_subject
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.connectors.mariadb_peer import DATABASE_932, Mariadb, behind
from tests.integration.connectors.peers import PEOPLE, Juki, free_port, without
from tests.integration.connectors.reading import pull, pull_since, rows_of, taken_in
from tests.integration.connectors.sqlite_peer import Sqlite
from tests.integration.connectors.test_odbc_faults import wait_until

from renkei.errors import FixDeclaration, RenkeiError, Stop, TryAgain
from renkei.model import GONE, Connection, Delivery

__all__ = ["odbc_mariadb_subject"]

KEY = {"table": "kojin", "key": "atena_no"}
TEXT = ("atena_no", "shimei", "kana", "biko")


def texts(delivery: Delivery) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in TEXT) for row in rows_of(delivery)]


def test_difficult_text_comes_out_of_mariadb_unchanged(
    odbc: ModuleType, mariadb: Mariadb, tmp_path: Path
) -> None:
    delivery = pull(odbc, mariadb.connection, tmp_path, **KEY)

    assert texts(delivery) == list(PEOPLE)
    assert rows_of(delivery)[0]["koshin_ts"] == "2026-04-01 12:34:56.789000"


def test_difficult_text_comes_out_of_sqlite_unchanged(
    odbc: ModuleType, sqlite: Sqlite, tmp_path: Path
) -> None:
    delivery = pull(odbc, sqlite.connection, tmp_path, **KEY)

    assert texts(delivery) == list(PEOPLE)


def test_a_cp932_database_is_read_as_text(odbc: ModuleType, mariadb: Mariadb, tmp_path: Path) -> None:
    mariadb.server.execute(
        f"INSERT INTO {DATABASE_932}.kojin VALUES ('0000000043', 1, '髙﨑①', '～－∥', '', NULL)"
    )
    old = Connection(name="peer", settings={**mariadb.connection.settings, "database": DATABASE_932})

    delivery = pull(odbc, old, tmp_path, **KEY)

    assert texts(delivery)[-1] == ("0000000043", "髙﨑①", "～－∥", "")


@pytest.mark.slow
def test_a_hundred_thousand_rows_of_mariadb_are_those_that_were_written(
    odbc: ModuleType, mariadb: Mariadb, tmp_path: Path
) -> None:
    mariadb.execute(
        "INSERT INTO kojin SELECT lpad(seq + 1000, 10, '0'), seq % 7, concat('髙橋𠮷',"
        " convert(char(0x4E00 + seq % 20000 USING utf16) USING utf8mb4)),"
        " convert(char(0x9AD8 + seq % 4 USING utf16) USING utf8mb4),"
        " if(seq % 5 = 0, NULL, if(seq % 5 = 1, '', concat('備考', seq))), NULL FROM seq_1_to_100000"
    )
    delivery = pull(odbc, mariadb.connection, tmp_path, **KEY)

    assert delivery.records == 100_003
    with pa.OSFile(str(delivery.path)) as file:
        table = pa.ipc.open_file(file).read_all()
    written = mariadb.execute(
        "SELECT atena_no, CAST(rireki_no AS CHAR), shimei, kana, biko FROM kojin ORDER BY 1"
    )
    assert list(zip(*(table[name].to_pylist() for name in table.column_names[:5]), strict=True)) == written


def test_sqlite_and_mariadb_and_postgresql_give_the_same_bytes_for_the_same_rows(
    odbc: ModuleType, juki: Juki, mariadb: Mariadb, sqlite: Sqlite, tmp_path: Path
) -> None:
    narrow = "SELECT atena_no, rireki_no, shimei, kana, biko FROM {}kojin"
    for peer, schema in ((juki, "juki."), (mariadb, ""), (sqlite, "")):
        peer.execute(f"CREATE VIEW {schema}narrow AS {narrow.format(schema)}")
    juki.execute("GRANT SELECT ON juki.narrow TO renkei_pull")

    found = [
        pull(odbc, peer.connection, tmp_path, table=f"{schema}narrow", key="atena_no", chunk=2).sha256
        for peer, schema in ((juki, "juki."), (mariadb, ""), (sqlite, ""))
    ]

    assert len(set(found)) == 1


ODD = "改行\nタブ\t復帰\r単位\x1f記録\x1e脱出\x1b終"


@pytest.mark.parametrize("engine", ["juki", "mariadb", "sqlite"])
def test_signs_of_our_own_inside_values_are_read_as_what_they_are(
    odbc: ModuleType, request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    peer, schema = request.getfixturevalue(engine), "juki." if engine == "juki" else ""
    values = [ODD, "\x1e", "\n", "\r", "", "\x1b0", "\\"]
    for number, value in enumerate(values):
        insert_text(peer, schema, f"9{number:09}", value)

    delivery = pull(
        odbc, peer.connection, tmp_path, table=f"{schema}kojin{'_genzai' if schema else ''}", key="atena_no"
    )

    assert [row["biko"] for row in rows_of(delivery)][3:] == values


def insert_text(peer: Juki | Mariadb | Sqlite, schema: str, number: str, value: str) -> None:
    digits = value.encode().hex()
    text = {
        "Juki": f"convert_from('\\x{digits}'::bytea, 'UTF8')",
        "Mariadb": f"CONVERT(X'{digits}' USING utf8mb4)",
        "Sqlite": f"CAST(X'{digits}' AS TEXT)",
    }[type(peer).__name__]
    peer.execute(f"INSERT INTO {schema}kojin VALUES ('{number}', 1, '記号', NULL, {text}, NULL)")


def test_odd_types_of_mariadb_are_exact(odbc: ModuleType, mariadb: Mariadb, tmp_path: Path) -> None:
    mariadb.execute(
        "CREATE TABLE odd (no int, city char(5), n decimal(38,0), d double, f float, b bit(8), x varbinary(9),"
        " day date, j json, e enum('甲', '乙'), PRIMARY KEY (city, no)) CHARSET utf8mb4",
        "INSERT INTO odd VALUES (1, '01100', 99999999999999999999999999999999999999, 0.1, 16777217, 5, x'00ff',"
        " '1000-01-01', '{}', '乙'), (2, '01100', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),"
        " (1, '13101', -1, 1e300, 0.5, 0, '', '9999-12-31', '[]', '甲')",
    )
    delivery = pull(odbc, mariadb.connection, tmp_path, table="odd", key=["city", "no"], chunk=1)

    first, second, third = rows_of(delivery)
    assert (first["n"], first["d"], first["f"], first["b"], first["x"]) == (
        "9" * 38, "0.1", "16777216", "5", "\\x00ff",
    )  # fmt: skip
    assert (first["day"], first["e"], set(second.values())) == ("1000-01-01", "乙", {"2", "01100", None})
    assert (third["city"], third["d"], third["x"]) == ("13101", "1e300", "\\x")


def test_mariadb_delivers_deltas_and_sweeps(odbc: ModuleType, mariadb: Mariadb, tmp_path: Path) -> None:
    mariadb.fill(500)
    (whole,) = pull_since(odbc, mariadb.connection, tmp_path, **KEY)
    mariadb.execute("UPDATE kojin SET shimei = '改名', koshin_ts = now(6) WHERE atena_no = '0000000027'")
    (delta,) = pull_since(odbc, mariadb.connection, tmp_path, since=whole, sweep="9999h", **KEY)
    mariadb.execute("DELETE FROM kojin WHERE atena_no = '0000000035'")
    (swept,) = pull_since(odbc, mariadb.connection, tmp_path, since=delta, sweep="0s", **KEY)

    assert [(row["atena_no"], row[GONE]) for row in (*rows_of(delta), *rows_of(swept))] == [
        ("0000000027", False), ("0000000035", True),
    ]  # fmt: skip
    (now,) = pull_since(odbc, mariadb.connection, tmp_path / "again", **KEY)
    assert taken_in([whole, delta, swept]) == taken_in([now])


def test_sqlite_delivers_deltas_and_sweeps(odbc: ModuleType, sqlite: Sqlite, tmp_path: Path) -> None:
    sqlite.fill(500)
    (whole,) = pull_since(odbc, sqlite.connection, tmp_path, **KEY)
    sqlite.execute(
        "UPDATE kojin SET shimei = '改名', koshin_ts = '2026-04-01 12:34:57.000' WHERE atena_no = '0000000027'"
    )
    (delta,) = pull_since(odbc, sqlite.connection, tmp_path, since=whole, sweep="9999h", **KEY)
    sqlite.execute("DELETE FROM kojin WHERE atena_no = '0000000035'")
    (swept,) = pull_since(odbc, sqlite.connection, tmp_path, since=delta, sweep="0s", **KEY)

    assert [(row["atena_no"], row[GONE]) for row in (*rows_of(delta), *rows_of(swept))] == [
        ("0000000027", False), ("0000000035", True),
    ]  # fmt: skip


# faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [100, 3_000, 90_000, 250_000])
def test_a_cut_link_to_mariadb_is_taken_up_again(
    odbc: ModuleType, mariadb: Mariadb, tmp_path: Path, after: int
) -> None:
    mariadb.fill(5_000)
    fault = Fault(direction="down", after=after, action="reset")
    with (
        FaultProxy(int(mariadb.connection.settings["port"]), faults=[fault]) as proxy,
        pytest.raises(TryAgain),
    ):
        pull(odbc, mariadb.at(proxy.port), tmp_path / "work", chunk=1_000, **KEY)

    resumed = pull(odbc, mariadb.connection, tmp_path / "work", chunk=1_000, **KEY)

    assert resumed.sha256 == pull(odbc, mariadb.connection, tmp_path / "uncut", **KEY).sha256


def test_a_silent_mariadb_is_given_up_at_the_deadline(
    odbc: ModuleType, mariadb: Mariadb, tmp_path: Path
) -> None:
    mariadb.fill(5_000)
    fault = Fault(direction="down", after=100_000, action="black_hole")
    port = int(mariadb.connection.settings["port"])
    with FaultProxy(port, faults=[fault]) as proxy, pytest.raises(TryAgain, match="E_PULL_DEADLINE"):
        pull(odbc, mariadb.at(proxy.port), tmp_path, deadline="2s", **KEY)


def test_a_wrong_password_is_a_refusal_and_a_dead_port_is_not(
    odbc: ModuleType, mariadb: Mariadb, tmp_path: Path
) -> None:
    wrong = {**mariadb.connection.settings, "user": "nobody"}
    with pytest.raises(Stop, match="E_AUTH"):
        pull(odbc, Connection(name="peer", settings=wrong), tmp_path, **KEY)
    with pytest.raises(TryAgain, match="E_LINK_DOWN"):
        pull(odbc, behind(mariadb.connection, free_port()), tmp_path, **KEY)


def test_a_locked_table_keeps_us_waiting_no_longer_than_the_lock_wait(
    odbc: ModuleType, mariadb: Mariadb, tmp_path: Path
) -> None:
    with contextlib.closing(mariadb.server.connect("juki")) as clerk, clerk.cursor() as cursor:
        cursor.execute("LOCK TABLES kojin WRITE")
        with pytest.raises(TryAgain, match="E_SOURCE_BUSY"):
            pull(odbc, mariadb.connection, tmp_path, lock_wait="1s", **KEY)


# one moment ---------------------------------------------------------------------------------------


def pull_while_a_clerk_works(
    module: ModuleType, mariadb: Mariadb, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """A clerk adds one resident and renames another once the snapshot is open."""
    monkeypatch.setenv("RENKEI_FAILPOINTS", "snap.opened=sleep:1")

    def change() -> None:
        wait_until(lambda: bool(mariadb.execute(_READING)), seconds=20)
        mariadb.execute(
            "UPDATE kojin SET shimei = '改名 花子' WHERE atena_no = '0000000027'",
            "INSERT INTO kojin VALUES ('0000000043', 1, '新田 一', NULL, NULL, NULL)",
        )

    clerk = threading.Thread(target=change)
    clerk.start()
    try:
        return [row["shimei"] for row in rows_of(pull(module, mariadb.connection, workdir, **KEY))]
    finally:
        clerk.join()


#: A session of ours that has asked its last question and waits.
_READING = (
    "SELECT 1 FROM information_schema.processlist WHERE user = 'renkei_pull' AND command = 'Sleep'"
    " AND time_ms > 400"
)


def test_rows_and_count_of_mariadb_are_of_one_moment(
    odbc: ModuleType, mariadb: Mariadb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = pull_while_a_clerk_works(odbc, mariadb, tmp_path, monkeypatch)

    assert names == ["髙﨑　𠮷郎", "葛\U000e0101城 花子", "渡邉 惠"]


def test_twin_without_a_snapshot_of_mariadb_sees_two_moments(
    mariadb: Mariadb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = without(
        tmp_path, "parts/odbc_child/dialects/mariadb.py",
        ("ISOLATION LEVEL REPEATABLE READ", "ISOLATION LEVEL READ COMMITTED"),
        ('return query, "REPEATABLE-READ read-only 1 utf8mb4"', 'return query, "READ-COMMITTED read-only 1 utf8mb4"'),
    )  # fmt: skip

    with pytest.raises(Stop, match="E_PULL_SHORT"):
        pull_while_a_clerk_works(twin, mariadb, tmp_path / "work", monkeypatch)


def pull_a_moving_table(
    module: ModuleType, mariadb: Mariadb, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Any], list[Any]]:
    """The table of an old engine changes behind us; what was delivered, and what is there."""
    mariadb.fill(50)
    mariadb.execute("CREATE TABLE old ENGINE=MyISAM AS SELECT * FROM kojin")
    monkeypatch.setenv("RENKEI_FAILPOINTS", "pull.chunk=sleep:1@2")

    def change() -> None:
        wait_until(lambda: len(list(workdir.glob("*.chunk"))) > 1, seconds=20)
        mariadb.execute("UPDATE old SET shimei = '改名 花子' WHERE atena_no = '0000000027'")

    clerk = threading.Thread(target=change)
    clerk.start()
    try:
        delivery = pull(module, mariadb.connection, workdir, table="old", key="atena_no", chunk=20)
    finally:
        clerk.join()
    there = mariadb.execute("SELECT shimei FROM old ORDER BY atena_no")
    return [row["shimei"] for row in rows_of(delivery)], [name for (name,) in there]


def test_a_table_without_snapshots_is_read_until_it_stands_still(
    odbc: ModuleType, mariadb: Mariadb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered, there = pull_a_moving_table(odbc, mariadb, tmp_path / "work", monkeypatch)

    assert delivered == there


def test_twin_that_trusts_every_engine_to_have_snapshots_delivers_the_past(
    mariadb: Mariadb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = ('has_snapshot=engine in {None, "", "InnoDB"}', "has_snapshot=True")
    twin = without(tmp_path, "parts/odbc_child/dialects/mariadb.py", every)

    delivered, there = pull_a_moving_table(twin, mariadb, tmp_path / "work", monkeypatch)

    assert delivered != there


def test_a_replica_that_lags_may_not_answer(odbc: ModuleType, mariadb: Mariadb, tmp_path: Path) -> None:
    (whole,) = pull_since(odbc, mariadb.connection, tmp_path, **KEY)
    ahead = {**whole.position, "server": {"timeline": "1", "place": "0-1-99999999"}}

    with pytest.raises(Stop, match="E_STALE_SOURCE"):
        pull_since(odbc, mariadb.connection, tmp_path, since=replace(whole, position=ahead), **KEY)


def test_an_unverified_dialect_is_refused_unless_it_is_asked_for(odbc: ModuleType, tmp_path: Path) -> None:
    settings = {"driver": "ODBC Driver 18 for SQL Server", "database": "x", "unverified": "no"}
    with pytest.raises(FixDeclaration, match="not verified against a real server"):
        pull(odbc, Connection(name="peer", settings=settings), tmp_path)


def test_a_dialect_that_nobody_knows_is_named(odbc: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(RenkeiError, match="dialect is not one of"):
        pull(odbc, Connection(name="peer", settings={"dialect": "adabas"}), tmp_path)


def test_twin_without_the_text_settings_of_mariadb_loses_characters(mariadb: Mariadb, tmp_path: Path) -> None:
    twin = without(tmp_path, "parts/odbc_child/dialects/mariadb.py", ("CHARSET=utf8mb4;", "CHARSET=latin1;"))

    with pytest.raises(Stop):
        pull(twin, mariadb.connection, tmp_path / "work", **KEY)


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_mariadb_conforms_too(odbc_mariadb_subject: Subject, check: Callable[[Subject], None]) -> None:
    check(odbc_mariadb_subject)
