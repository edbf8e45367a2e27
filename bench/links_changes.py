"""``bench changes``: how soon the hub knows of a commit, and how fast a backlog of changes is read."""

import contextlib
import os
import resource
import shutil
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pymysql

from bench.contest import ROOT, Taken
from bench.lines import say, show
from bench.place import desk
from renkei.model import Checkpoint, Connection, Delivery, Feed
from renkei.project import load_connector
from renkei.registry.embedded import Cluster

#: Commits of which the delay is measured, in each round; and how long a wait stands before one.
COMMITS, STANDING = 40, 0.12
_CONFIGURATION = """
[mariadbd]
datadir={folder}/data
socket={folder}/mariadb.sock
pid-file={folder}/pid
log-error={folder}/error.log
port={port}
bind-address=127.0.0.1
skip-name-resolve
innodb-buffer-pool-size=256M
character-set-server=utf8mb4
server-id=1
log-bin={folder}/data/binlog
binlog-format=ROW
binlog-row-metadata=FULL
"""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A table ``kojin`` that is followed, and how its owner works on it."""

    name: str
    module: Any
    connection: Connection
    feed: Feed
    folder: Path
    run: Callable[[str], object]
    fill: str
    floor: Callable[[Delivery], int]
    floor_name: str

    def pull(self, after: Delivery | None) -> list[Delivery]:
        """Everything after a delivery."""
        return list(self._connector().pull(self.feed, self._since(after)))

    def wait(self, after: Delivery) -> bool:
        """Until something comes after a delivery."""
        return bool(self._connector().wait(self.feed, self._since(after), seconds=10.0))

    def _connector(self) -> Any:  # noqa: ANN401 - loaded by path
        return self.module.connect(self.connection, workdir=self.folder)

    def _since(self, after: Delivery | None) -> Checkpoint | None:
        return Checkpoint(feed=self.feed.id, position=after.position) if after else None


def measure(*, rows: int, rounds: int) -> None:
    """Each of the three ways on a real server: delay of a commit, then the drain of ``rows`` changes."""
    with desk() as here:
        with _postgresql(here.folder / "legacy") as cluster:
            for make in (_outbox, _slot):
                _measured(make(cluster, here.folder), rows=rows, rounds=rounds)
        with _mariadb() as port:
            _measured(_binlog(port, here.folder), rows=rows, rounds=rounds)


def _measured(source: Source, *, rows: int, rounds: int) -> None:
    say(f"{source.name}: delay of {COMMITS * rounds} commits")
    (last,) = source.pull(None)
    delays = []
    for number in range(COMMITS * rounds):
        delays.append(_delay(source, last, number))
        last = source.pull(last)[-1]
    ranked = sorted(delays)
    facts = {f"p{at}_ms": 1000 * ranked[len(ranked) * at // 100] for at in (50, 95, 99)}
    show(
        _taken(f"{source.name}: commit to wait() returned", len(ranked), statistics.median(delays), 1, facts)
    )
    _drained(source, last, rows=rows, rounds=rounds)


def _delay(source: Source, last: Delivery, number: int) -> float:
    """Seconds from the end of the COMMIT to the end of a wait that stood before it."""
    ended: list[float] = []
    waiting = threading.Thread(target=lambda: (source.wait(last), ended.append(time.perf_counter())))
    waiting.start()
    time.sleep(STANDING)
    source.run(f"INSERT INTO kojin VALUES ('L{time.time_ns()}{number}', '山田 太郎')")
    began = time.perf_counter()
    waiting.join()
    return max(0.0, ended[0] - began)


def _drained(source: Source, last: Delivery, *, rows: int, rounds: int) -> None:
    began = time.perf_counter()
    for first in range(0, rows, max(1, rows // 10)):
        source.run(source.fill.format(first=first + 1, last=min(rows, first + max(1, rows // 10))))
    writing = time.perf_counter() - began
    took, floors, deliveries = [], [], []
    for _ in range(rounds):
        began = time.perf_counter()
        deliveries = source.pull(last)
        took.append(time.perf_counter() - began)
        began = time.perf_counter()
        source.floor(last)
        floors.append(time.perf_counter() - began)
    facts = {"deliveries": len(deliveries), "seconds_to_write": writing}
    drained = sum(delivery.records or 0 for delivery in deliveries)
    show(
        _taken(f"{source.name}: drain", drained, statistics.median(took), rounds, facts),
        floor=_taken(source.floor_name, drained, statistics.median(floors), rounds, {}),
    )


def _taken(name: str, rows: int, seconds: float, runs: int, facts: dict[str, Any]) -> Taken:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Taken(name=name, rows=rows, seconds=seconds, peak_mb=peak, runs=runs, parts={}, facts=facts)


def _feed(connector: str, **settings: Any) -> Feed:  # noqa: ANN401 - plain TOML values
    return Feed(
        system="bench", name=connector, title="", owner="", connector=connector, connection="bench",
        settings={"key": "atena_no", **settings}, format={}, delivers="delta", record="person",
        schedule="0 5 * * *", lag=timedelta(hours=1),
    )  # fmt: skip


def _secret(folder: Path, word: str) -> str:
    place = folder / "word"
    place.write_text(word, "utf-8")
    place.chmod(0o600)
    return f"file:{place}"


# PostgreSQL ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def _postgresql(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder, settings={"wal_level": "logical"})
    cluster.start()
    try:
        cluster.create_database("bench")
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(cluster.home, ignore_errors=True)


def _session(cluster: Cluster) -> "psycopg.Connection[Any]":
    return psycopg.connect(cluster.url("bench").replace("+psycopg", ""), autocommit=True)


def _made(cluster: Cluster, folder: Path, name: str, floor: str, floor_name: str, **settings: str) -> Source:
    owner = _session(cluster)
    owner.execute("DROP TABLE IF EXISTS kojin; CREATE TABLE kojin (atena_no text PRIMARY KEY, shimei text)")
    info = owner.info
    place = {"host": "127.0.0.1", "port": str(info.port), "database": info.dbname, "user": info.user}
    work = folder / name
    work.mkdir()
    fill = "INSERT INTO kojin SELECT g, '山田 太郎' FROM generate_series({first}, {last}) AS g"
    return Source(
        name=name, module=load_connector(ROOT / "connectors", name), folder=work, fill=fill,
        connection=Connection(name="bench", settings={**place, "password": _secret(work, info.password)}),
        feed=_feed(name, table="public.kojin", **settings), run=owner.execute,
        floor=lambda _: len(owner.execute(floor).fetchall()), floor_name=floor_name,
    )  # fmt: skip


def _outbox(cluster: Cluster, folder: Path) -> Source:
    floor = "SELECT xid, seq, op, key, row::text FROM renkei_outbox.change ORDER BY seq"
    made = _made(cluster, folder, "pg_outbox", floor, "SELECT of the outbox, rows dropped")
    role = made.connection.settings["user"]
    made.run(made.module.install_sql(made.feed.settings, role=role))
    return made


def _slot(cluster: Cluster, folder: Path) -> Source:
    floor = (
        "SELECT data FROM pg_logical_slot_peek_binary_changes('bench', NULL, NULL,"
        " 'proto_version', '1', 'publication_names', 'bench')"
    )
    made = _made(cluster, folder, "pg_slot", floor, "SELECT of the peek, messages dropped", slot="bench")
    role = made.connection.settings["user"]
    made.run(made.module.setup_sql(made.feed.settings, role=role))
    return made


# MariaDB ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _mariadb() -> Iterator[Path]:
    """A server with a binary log, in a folder of its own."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="renkei-bench-binlog-"))
    folder.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "my.cnf").write_text(_CONFIGURATION.format(folder=folder, port=port), "ascii")
    (folder / "port").write_text(str(port), "ascii")
    as_user = ["--user=mysql"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "mysql", "mysql")
    defaults = f"--defaults-file={folder}/my.cnf"
    install = ["mariadb-install-db", defaults, *as_user, "--skip-test-db"]
    subprocess.run(
        [*install, "--auth-root-authentication-method=normal"], check=True, stdin=subprocess.DEVNULL,
        capture_output=True, cwd=folder,
    )  # fmt: skip
    program = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
    server = subprocess.Popen([program, defaults, *as_user], stdin=subprocess.DEVNULL, cwd=folder)
    try:
        _own(folder)
        yield folder
    finally:
        server.terminate()
        server.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _own(folder: Path) -> None:
    for _ in range(600):
        if (folder / "mariadb.sock").exists():
            break
        time.sleep(0.05)
    root = pymysql.connect(unix_socket=str(folder / "mariadb.sock"), user="root", autocommit=True)
    with root, root.cursor() as cursor:
        cursor.execute("CREATE DATABASE bench")
        cursor.execute("CREATE USER bench@'127.0.0.1' IDENTIFIED BY 'bench'")
        cursor.execute("GRANT ALL ON *.* TO bench@'127.0.0.1'")


def _binlog(server: Path, folder: Path) -> Source:
    port = int((server / "port").read_text("ascii"))
    owner = pymysql.connect(
        host="127.0.0.1", port=port, user="bench", password="bench", database="bench", autocommit=True
    )
    cursor = owner.cursor()
    cursor.execute("CREATE TABLE kojin (atena_no varchar(40) PRIMARY KEY, shimei text) ENGINE=InnoDB")
    place = {"host": "127.0.0.1", "port": str(port), "database": "bench", "user": "bench"}
    work = folder / "mariadb_binlog"
    work.mkdir()
    return Source(
        name="mariadb_binlog", module=load_connector(ROOT / "connectors", "mariadb_binlog"), folder=work,
        connection=Connection(name="bench", settings={**place, "password": _secret(work, "bench")}),
        feed=_feed("mariadb_binlog", table="kojin"), run=cursor.execute,
        fill="INSERT INTO kojin SELECT seq, '山田 太郎' FROM seq_{first}_to_{last}",
        floor=lambda last: _library(port, last), floor_name="mysql-replication alone, rows dropped",
    )  # fmt: skip


def _library(port: int, last: Delivery) -> int:
    """The library's own rows, to the end of the log."""
    from pymysqlreplication import BinLogStreamReader
    from pymysqlreplication.event import MariadbGtidEvent
    from pymysqlreplication.row_event import WriteRowsEvent

    place = {"host": "127.0.0.1", "port": port, "user": "bench", "password": "bench"}
    with pymysql.connect(**place) as asking, asking.cursor() as cursor:
        cursor.execute("SELECT @@global.gtid_binlog_pos")
        end = cursor.fetchall()[0][0]
    reader = BinLogStreamReader(
        connection_settings=place, server_id=99, is_mariadb=True, auto_position=last.position["gtid"],
        blocking=True, only_events=[WriteRowsEvent, MariadbGtidEvent], enable_logging=False,
    )  # fmt: skip
    rows, is_last = 0, False
    for event in reader:
        if isinstance(event, MariadbGtidEvent):
            is_last = event.gtid == end
        else:
            rows += len(event.rows)
            if is_last and event.flags & 1:  # the statement's last event
                break
    reader.close()
    return rows
