"""Three sources that tell of their changes, each a real server: the same table, followed in three ways.

``followed`` stands for all of them in turn; ``outbox``, ``slot`` and ``binlog`` are one each.
"""

import contextlib
import itertools
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from tests.conformance.kit import Subject
from tests.integration.connectors.mariadb_peer import MariadbServer
from tests.integration.connectors.peers import CONNECTORS, feed_of, free_port, private, server_folder

from renkei.model import GONE, Checkpoint, Connection, Delivery, Feed
from renkei.project import load_connector
from renkei.registry.embedded import Cluster

#: What a table holds: key → value.
State = dict[str, str | None]
PASSWORD = "p}w;{1} %+'é"
KEY, VALUE = "atena_no", "shimei"


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A table ``kojin (atena_no, shimei)`` whose changes are read. ``session`` opens a transaction's link."""

    module: ModuleType
    connection: Connection
    feed: Feed
    workdir: Path
    port: int
    table: str
    session: Callable[[], Any]
    log: Path

    def execute(self, *statements: str) -> None:
        """Each statement is a transaction of the owner."""
        with contextlib.closing(self.session()) as session:
            for statement in statements:
                session.cursor().execute(statement)
                session.commit()

    def transaction(self, *statements: str) -> None:
        """All statements in one transaction."""
        with contextlib.closing(self.session()) as session:
            for statement in statements:
                session.cursor().execute(statement)
            session.commit()

    def put(self, key: str, value: str | None) -> str:
        """The statement that makes a row or changes it."""
        slash = "\\\\" if self.feed.connector == "mariadb_binlog" else "\\"
        text = "NULL" if value is None else "'" + value.replace("\\", slash).replace("'", "''") + "'"
        upsert = f"INSERT INTO {self.table} ({KEY}, {VALUE}) VALUES ('{key}', {text})"
        if self.feed.connector == "mariadb_binlog":
            return f"{upsert} ON DUPLICATE KEY UPDATE {VALUE} = VALUES({VALUE})"
        return f"{upsert} ON CONFLICT ({KEY}) DO UPDATE SET {VALUE} = excluded.{VALUE}"

    def drop(self, key: str) -> str:
        """The statement that deletes a row."""
        return f"DELETE FROM {self.table} WHERE {KEY} = '{key}'"

    def fill(self, first: int, last: int) -> str:
        """The statement that makes many rows."""
        numbers = f"SELECT seq, concat('山田 太郎', seq) FROM seq_{first}_to_{last}"
        if self.feed.connector != "mariadb_binlog":
            numbers = f"SELECT seq, concat('山田 太郎', seq) FROM generate_series({first}, {last}) AS seq"
        return f"INSERT INTO {self.table} ({KEY}, {VALUE}) {numbers}"

    def truth(self) -> State:
        """What the table holds now."""
        with contextlib.closing(self.session()) as session, session.cursor() as cursor:
            cursor.execute(f"SELECT {KEY}, {VALUE} FROM {self.table}")
            return dict(cursor.fetchall())

    def at(self, port: int, **settings: str) -> Connection:
        """The same source behind another port."""
        changed = {**self.connection.settings, "port": str(port), "retry_seconds": "0", **settings}
        return Connection(name="peer", settings=changed)

    def wishing(self, **settings: Any) -> "Followed":
        """The same with other feed settings."""
        return replace(self, feed=replace(self.feed, settings={**self.feed.settings, **settings}))

    def twin(self, module: ModuleType) -> "Followed":
        """The same, read by a connector with a guard taken out."""
        return replace(self, module=module)

    def since(self, delivery: Delivery | None) -> Checkpoint | None:
        """The checkpoint after a merged delivery as the hub gives it, which keeps a ``seen`` of its own."""
        if delivery is None:
            return None
        position = json.loads(json.dumps(delivery.position))
        assert "seen" not in position
        return Checkpoint(feed=self.feed.id, position={**position, "seen": {}})

    def resnapshot(self) -> list[Delivery]:
        """What comes once an engineer gave up the place reached."""
        connector = self.module.connect(self.connection, workdir=self.workdir)
        return list(connector.pull(self.feed, Checkpoint(feed=self.feed.id, position={"seen": {}})))

    def pull(self, after: Delivery | None = None, *, connection: Connection | None = None) -> list[Delivery]:
        """All deliveries after one that is merged; None: from the beginning."""
        connector = self.module.connect(connection or self.connection, workdir=self.workdir)
        return list(connector.pull(self.feed, self.since(after)))

    def wait(self, after: Delivery, *, seconds: float) -> bool:
        """Wait for a change after a delivery that is merged."""
        connector = self.module.connect(self.connection, workdir=self.workdir)
        return bool(connector.wait(self.feed, self.since(after), seconds=seconds))


def table_of(delivery: Delivery) -> pa.Table:
    """What a delivery holds."""
    with pa.ipc.open_file(delivery.path) as file:
        return file.read_all()


def applied(deliveries: Sequence[Delivery], state: State | None = None) -> State:
    """The table that these deliveries leave behind, one after another."""
    held = dict(state or {})
    for delivery in deliveries:
        if delivery.is_whole:
            held = {}
        seen = set()
        for row in table_of(delivery).to_pylist():
            key = row[KEY].strip()
            assert key not in seen, "a key came twice in one delivery"
            seen.add(key)
            if row.get(GONE):
                held.pop(key, None)
            else:
                held[key] = row[VALUE]
    return held


# PostgreSQL ----------------------------------------------------------------------------------------

LEGACY = """
DROP SCHEMA IF EXISTS juki CASCADE;
DROP SCHEMA IF EXISTS renkei_outbox CASCADE;
DROP PUBLICATION IF EXISTS renkei_kojin;
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active;
CREATE SCHEMA juki;
CREATE TABLE juki.kojin (atena_no varchar(10) PRIMARY KEY, shimei text);
"""


@dataclass(frozen=True, kw_only=True)
class Legacy:
    """A PostgreSQL that stands for a business system, with one database."""

    cluster: Cluster
    connection: Connection

    def session(self) -> "psycopg.Connection[Any]":
        """A connection of the owner, not committed by itself."""
        return psycopg.connect(self.cluster.url("legacy").replace("+psycopg", ""))

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as the owner, each by itself; the rows of the last one."""
        with contextlib.closing(self.session()) as session:
            session.autocommit = True
            for statement in statements:
                found = session.execute(statement)
            return found.fetchall() if found.description else []


@pytest.fixture(scope="session")
def legacy_cluster() -> Iterator[Cluster]:
    """One server for the session; its log is kept for logical decoding."""
    folder = server_folder("legacy")
    settings = {
        "fsync": "off", "shared_buffers": "32MB", "log_connections": "on", "max_connections": "40",
        "wal_level": "logical", "max_replication_slots": "20", "wal_keep_size": "0",
    }  # fmt: skip
    made = Cluster(folder / "pg", settings=settings)
    made.start()
    made.create_database("legacy")
    made.execute("CREATE ROLE renkei_pull LOGIN")
    yield made
    made.stop()
    for place in (made.home, folder):
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def legacy(legacy_cluster: Cluster, tmp_path: Path) -> Legacy:
    """A fresh table, and a role with no right yet."""
    quoted = PASSWORD.replace("'", "''")
    legacy_cluster.execute(f"ALTER ROLE renkei_pull LOGIN NOREPLICATION PASSWORD '{quoted}'")
    connection = Connection(
        name="peer",
        settings={
            "host": "127.0.0.1", "port": str(legacy_cluster.port), "database": "legacy",
            "user": "renkei_pull", "password": private(tmp_path / "password", PASSWORD), "retry_seconds": "0",
        },
    )  # fmt: skip
    made = Legacy(cluster=legacy_cluster, connection=connection)
    made.execute(LEGACY)
    return made


def _followed(legacy: Legacy, name: str, folder: Path, **settings: Any) -> Followed:
    (folder / "work").mkdir(exist_ok=True)
    return Followed(
        module=load_connector(CONNECTORS, name),
        connection=legacy.connection,
        feed=replace(
            feed_of(name, table="juki.kojin", key=KEY, deadline="30s", **settings), delivers="delta"
        ),
        workdir=folder / "work",
        port=legacy.cluster.port,
        table="juki.kojin",
        session=legacy.session,
        log=legacy.cluster.home / "postgres.log",
    )


@pytest.fixture
def outbox(legacy: Legacy, tmp_path: Path) -> Followed:
    """The table with an outbox."""
    made = _followed(legacy, "pg_outbox", tmp_path)
    legacy.execute(made.module.install_sql(made.feed.settings, role="renkei_pull"))
    return made


@pytest.fixture
def slot(legacy: Legacy, tmp_path: Path) -> Followed:
    """The table with a publication."""
    made = _followed(legacy, "pg_slot", tmp_path, slot="renkei_kojin")
    legacy.execute(made.module.setup_sql(made.feed.settings, role="renkei_pull"))
    return made


# MariaDB -------------------------------------------------------------------------------------------


@pytest.fixture
def binlog(mariadb_server: MariadbServer, tmp_path: Path) -> Followed:
    """The table on the session's server."""
    return followed_log(mariadb_server, tmp_path)


def followed_log(mariadb_server: MariadbServer, tmp_path: Path) -> Followed:
    """The table in a database of its own, and an account that may follow the log."""
    mariadb_server.execute(
        "DROP DATABASE IF EXISTS legacy", "CREATE DATABASE legacy CHARACTER SET utf8mb4",
        "CREATE OR REPLACE USER renkei_follow@'127.0.0.1'",
        "GRANT SELECT ON legacy.* TO renkei_follow@'127.0.0.1'",
        "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO renkei_follow@'127.0.0.1'",
        "CREATE TABLE legacy.kojin (atena_no varchar(10) PRIMARY KEY, shimei text) ENGINE=InnoDB",
    )  # fmt: skip
    change = "SET PASSWORD FOR renkei_follow@'127.0.0.1' = PASSWORD(%s)"
    mariadb_server.execute(change, parameters=(PASSWORD,))

    def session() -> Any:
        opened = mariadb_server.connect("legacy")
        opened.autocommit(False)
        # two sessions with keys of their own must not wait for the gaps between them
        opened.cursor().execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        return opened

    settings = {
        "host": "127.0.0.1", "port": str(mariadb_server.port), "database": "legacy", "user": "renkei_follow",
        "password": private(tmp_path / "password_maria", PASSWORD), "retry_seconds": "0",
    }  # fmt: skip
    (tmp_path / "work").mkdir(exist_ok=True)
    return Followed(
        module=load_connector(CONNECTORS, "mariadb_binlog"),
        connection=Connection(name="peer", settings=settings),
        feed=replace(feed_of("mariadb_binlog", table="kojin", key=KEY, deadline="30s"), delivers="delta"),
        workdir=tmp_path / "work",
        port=mariadb_server.port,
        table="kojin",
        session=session,
        log=mariadb_server.folder / "error.log",
    )


@pytest.fixture(params=["outbox", "slot", "binlog"])
def followed(request: pytest.FixtureRequest) -> Followed:
    """Each of the three in turn."""
    made: Followed = request.getfixturevalue(request.param)
    return made


def subject_of(made: Followed) -> Subject:
    """The source for the conformance kit: three hundred residents, and more with every change."""
    made.execute(made.fill(1, 300))
    changes = itertools.count(1)

    def change() -> None:
        number = next(changes)
        made.execute(made.drop(str(number)), made.put("300", f"改姓{number}"), made.put(f"N{number}", "転入"))
        made.transaction(made.put("299", "途中"), made.put("299", f"確定{number}"))

    return Subject(
        module=made.module,
        connection=made.connection,
        unreachable=made.at(free_port()),
        feed=replace(made.feed, settings={**made.feed.settings, "deadline": "5s"}),
        workdir=made.workdir,
        secrets=(PASSWORD,),
        port=made.port,
        at=made.at,
        change=change,
        truth=lambda: {key: str(value) for key, value in made.truth().items()},
        held=lambda deliveries: {key: str(value) for key, value in applied(deliveries).items()},
    )
