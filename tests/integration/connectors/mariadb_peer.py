"""A MariaDB of our own: own port, own folder, an unprivileged user, a binary log that can be followed.

``mariadb_server`` runs for the whole session; ``mariadb`` is a fresh pair of databases on it: ``juki`` in
utf8mb4 and ``juki_932`` in cp932, an account ``renkei_pull`` that may read both and follow the binary log,
and an account ``renkei_push`` that may write to both.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest
from tests.integration.connectors.peers import PEOPLE, free_port, private

from renkei.model import Connection

OWNER_PASSWORD = "owner-of-the-test-server"
PULL_PASSWORD = "p}w;{1} %+'é"
PUSH_PASSWORD = "push;{2}}='"
DATABASE, DATABASE_932 = "juki", "juki_932"

CONFIGURATION = """
[mariadbd]
datadir={folder}/data
socket={folder}/mariadb.sock
pid-file={folder}/pid
log-error={folder}/error.log
port={port}
bind-address=127.0.0.1
skip-name-resolve
performance-schema=off
innodb-buffer-pool-size=64M
innodb-log-file-size=16M
innodb-flush-log-at-trx-commit=0
innodb-stats-persistent=0
sync-binlog=0
innodb-flush-method=nosync
innodb-doublewrite=0
character-set-server=utf8mb4
collation-server=utf8mb4_bin
server-id=1
log-bin={folder}/data/binlog
binlog-format=ROW
binlog-row-metadata=FULL
gtid-strict-mode=1
max-connections=100
local-infile=0
"""
SCHEMA = """
CREATE TABLE {database}.kojin (
    atena_no char(10) PRIMARY KEY, rireki_no integer NOT NULL, shimei varchar(80), kana varchar(120),
    biko varchar(200), koshin_ts datetime(6)
) ENGINE=InnoDB DEFAULT CHARSET={charset}
"""


@dataclass(frozen=True, kw_only=True)
class MariadbServer:
    """The running server, and how its owner talks to it."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"

    def connect(self, database: str | None = None) -> "pymysql.Connection[Any]":
        """A connection of the owner; every statement is committed at once."""
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="renkei_owner", password=OWNER_PASSWORD,
            database=database, charset="utf8mb4", autocommit=True,
        )  # fmt: skip

    def execute(self, *statements: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run statements as the owner; the rows of the last one. ``parameters`` go with each."""
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement, tuple(parameters) or None)
            return list(cursor.fetchall())


@dataclass(frozen=True, kw_only=True)
class Mariadb:
    """A resident register in MariaDB: ``connection`` reads it, ``pusher`` may also write."""

    server: MariadbServer
    connection: Connection
    pusher: Connection

    def execute(self, *statements: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run statements as the owner in ``juki``; the rows of the last one."""
        with contextlib.closing(self.server.connect(DATABASE)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement, tuple(parameters) or None)
            return list(cursor.fetchall())

    def fill(self, rows: int) -> None:
        """Residents numbered from 1, beside those of PEOPLE."""
        self.execute(
            "INSERT INTO kojin SELECT lpad(seq * 1000, 10, '0'), 1, concat('山田 太郎', seq), 'ヤマダ', NULL,"
            f" timestampadd(MICROSECOND, seq * 1000001, '2026-01-01') FROM seq_1_to_{rows}"
        )

    def at(self, port: int, **settings: str) -> Connection:
        """The same database for reading, behind another port, without patience unless asked for."""
        return behind(self.connection, port, **settings)


def behind(connection: Connection, port: int, **settings: str) -> Connection:
    """The same connection through another port."""
    return Connection(name=connection.name, settings={**connection.settings, "port": str(port), **settings})


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """One server for each test process, gone with it."""
    folder = Path(tempfile.mkdtemp(prefix="renkei-mariadb-"))
    folder.chmod(0o755)  # the server's account must reach its folder
    server = started(folder)
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def mariadb(mariadb_server: MariadbServer, tmp_path: Path) -> Mariadb:
    """A fresh register with the three residents of PEOPLE in both databases."""
    with contextlib.closing(mariadb_server.connect()) as owner, owner.cursor() as cursor:
        for database, charset in ((DATABASE, "utf8mb4"), (DATABASE_932, "cp932")):
            _fill(cursor, database, charset)
        _accounts(cursor)
    return Mariadb(
        server=mariadb_server,
        connection=_connection(mariadb_server, "renkei_pull", PULL_PASSWORD, tmp_path),
        pusher=_connection(mariadb_server, "renkei_push", PUSH_PASSWORD, tmp_path),
    )


def _fill(cursor: Any, database: str, charset: str) -> None:
    cursor.execute(f"DROP DATABASE IF EXISTS {database}")
    cursor.execute(f"CREATE DATABASE {database} CHARACTER SET {charset}")
    cursor.execute(SCHEMA.format(database=database, charset=charset))
    people = [person for person in PEOPLE if charset == "utf8mb4" or _fits_cp932(person[1])]
    insert = f"INSERT INTO {database}.kojin VALUES (%s, 1, %s, %s, %s, '2026-04-01 12:34:56.789')"
    cursor.executemany(insert, people)


def _accounts(cursor: Any) -> None:
    accounts = (("renkei_pull", PULL_PASSWORD, "SELECT"), ("renkei_push", PUSH_PASSWORD, "ALL"))
    for name, password, right in accounts:
        cursor.execute(f"CREATE USER IF NOT EXISTS {name}@'127.0.0.1'")
        cursor.execute(f"SET PASSWORD FOR {name}@'127.0.0.1' = PASSWORD(%s)", (password,))
        for database in (DATABASE, DATABASE_932):
            cursor.execute(f"GRANT {right} ON {database}.* TO {name}@'127.0.0.1'")
    cursor.execute(
        "GRANT REPLICATION SLAVE, REPLICATION CLIENT, BINLOG MONITOR ON *.* TO renkei_pull@'127.0.0.1'"
    )


def _connection(server: MariadbServer, user: str, password: str, folder: Path) -> Connection:
    return Connection(
        name="peer",
        settings={
            "driver": "MariaDB Unicode", "host": "127.0.0.1", "port": str(server.port), "database": DATABASE,
            "user": user, "password": private(folder / f"password_{user}", password), "retry_seconds": "0",
        },
    )  # fmt: skip


def _fits_cp932(text: str) -> bool:
    try:
        text.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True


def started(folder: Path, *settings: str) -> MariadbServer:
    """A server in a folder, with more settings than the usual ones."""
    port, configuration = free_port(), folder / "my.cnf"
    text = CONFIGURATION.format(folder=folder, port=port)
    configuration.write_text("\n".join([text, *settings]), "utf-8")
    account = _account()
    if account:
        shutil.chown(folder, account, account)
    as_user = [f"--user={account}"] if account else []
    subprocess.run(
        [
            "mariadb-install-db", f"--defaults-file={configuration}", *as_user, "--skip-test-db",
            "--auth-root-authentication-method=normal",
        ],
        check=True, stdin=subprocess.DEVNULL, capture_output=True, cwd=folder,
    )  # fmt: skip
    process = subprocess.Popen(
        [shutil.which("mariadbd") or "/usr/sbin/mariadbd", f"--defaults-file={configuration}", *as_user],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    _wait_for(port, process)
    _own(folder)
    return MariadbServer(folder=folder, port=port, process=process)


def _account() -> str | None:
    """Root starts the server as somebody else; anybody else as himself."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "mysql" if "mysql" in known else "nobody"


def _own(folder: Path) -> None:
    """The installer's account has no password and no network: make an owner that has both."""
    with (
        contextlib.closing(
            pymysql.connect(unix_socket=str(folder / "mariadb.sock"), user="root", autocommit=True)
        ) as root,
        root.cursor() as cursor,
    ):
        cursor.execute(f"CREATE USER renkei_owner@'127.0.0.1' IDENTIFIED BY '{OWNER_PASSWORD}'")
        cursor.execute("GRANT ALL ON *.* TO renkei_owner@'127.0.0.1' WITH GRANT OPTION")


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            raise RuntimeError(f"mariadbd ended with {process.returncode}")
        time.sleep(0.05)
    raise TimeoutError(f"mariadbd does not answer on port {port}")
