"""The real counterparts: a PostgreSQL reached by psqlODBC and a Debian sshd, with small tables and files."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

from renkei import failpoint as failpoint_module
from renkei.model import Connection, Feed
from renkei.project import load_connector
from renkei.registry.embedded import Cluster

ROOT = Path(__file__).resolve().parents[3]
CONNECTORS = ROOT / "connectors"

#: Difficult text: outside the BMP, with a variation selector, CP932-only, half-width, empty, padded.
PEOPLE = (
    ("0000000019", "髙﨑　𠮷郎", "ﾀｶｻｷ ﾖｼﾛｳ", None),
    ("0000000027", "葛\U000e0101城 花子", "", "～－∥①㈱"),
    ("0000000035", "渡邉 惠", "ワタナベ メグミ ", 'O\'Neil "x" \\ % ;'),
)
PASSPHRASE = "合言葉 2026"
SCHEMA = """
DROP SCHEMA IF EXISTS juki CASCADE;
CREATE SCHEMA juki;
CREATE TABLE juki.kojin (
    atena_no char(10) PRIMARY KEY, rireki_no integer NOT NULL, shimei varchar(80), kana varchar(120),
    biko varchar(200), koshin_ts timestamp(6)
);
CREATE VIEW juki.kojin_genzai AS SELECT * FROM juki.kojin;
GRANT USAGE ON SCHEMA juki TO renkei_pull;
GRANT SELECT ON juki.kojin_genzai TO renkei_pull;
"""


def feed_of(connector: str, **settings: Any) -> Feed:
    """A feed of no particular system."""
    return Feed(
        system="sample", name=connector, title="試験", owner="情報課", connector=connector, connection="peer",
        settings=settings, format={}, delivers="full", record="person", schedule="0 5 * * *",
        lag=timedelta(hours=1),
    )  # fmt: skip


def server_folder(name: str) -> Path:
    """A folder that no other run has or had, and that a server's own account can reach."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    folder.chmod(0o755)
    return folder


def private(place: Path, text: str) -> str:
    """A reference to a secret file that only we may read."""
    place.write_text(text, "utf-8")
    place.chmod(0o600)
    return f"file:{place}"


def without(folder: Path, file: str, *patches: tuple[str, str]) -> ModuleType:
    """The connector with a guard taken out: the known-bad twin. A second call patches the same twin."""
    twin = folder / "twin"
    if not twin.exists():
        shutil.copytree(CONNECTORS, twin, ignore=shutil.ignore_patterns("__pycache__"))
    text = (twin / file).read_text("utf-8")
    for guard, nothing in patches:
        assert text.count(guard) == 1, f"{file} has no longer exactly one: {guard}"
        text = text.replace(guard, nothing)
    (twin / file).write_text(text, "utf-8")
    return load_connector(twin, _connector_of(file))


def _connector_of(file: str) -> str:
    """The connector that a file or a part belongs to: of the same name, or the same first word."""
    name = file.removeprefix("parts/").partition("/")[0].removesuffix(".py")
    known = sorted((place.stem for place in CONNECTORS.glob("*.py")), key=len, reverse=True)
    word = name.partition("_")[0]
    return next(
        (each for each in known if name.startswith(each)), next(e for e in known if e.startswith(word))
    )


@dataclass(frozen=True, kw_only=True)
class Juki:
    """A resident register in a database of its own."""

    cluster: Cluster
    connection: Connection
    log: Path

    def execute(self, statement: str) -> None:
        """Run one statement as the owner."""
        self.cluster.execute(statement, database="juki")

    def fill(self, rows: int) -> None:
        """Residents numbered from 1, beside those of PEOPLE."""
        self.execute(
            "INSERT INTO juki.kojin SELECT lpad((g * 1000)::text, 10, '0'), 1, '山田 太郎' || g, 'ヤマダ',"
            f" NULL, timestamp '2026-01-01' + g * interval '1.000001 s' FROM generate_series(1, {rows}) AS g"
        )

    def at(self, port: int, **settings: str) -> Connection:
        """The same database behind another port, without patience unless asked for."""
        return Connection(
            name="peer",
            settings={**self.connection.settings, "port": str(port), "retry_seconds": "0", **settings},
        )

    def logins_seen(self, text: str, *, since: int) -> int:
        """Lines of the server's log, from a byte on, that hold ``text``."""
        return self.log.read_bytes()[since:].decode().count(text)


@pytest.fixture(scope="session")
def juki_cluster() -> Iterator[Cluster]:
    """A PostgreSQL that stands for the resident register; it logs who knocks."""
    folder = server_folder("juki")
    settings = {"fsync": "off", "shared_buffers": "32MB", "log_connections": "on", "max_connections": "30"}
    made = Cluster(folder / "pg", settings=settings)
    made.start()
    made.execute("CREATE ROLE renkei_pull LOGIN")
    made.create_database("juki")
    yield made
    made.stop()
    for place in (made.home, folder):
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def juki(juki_cluster: Cluster, tmp_path: Path) -> Juki:
    """A fresh register with the three residents of PEOPLE, and a role that may read its view only."""
    password = "p}w;{1} %+'é"
    juki_cluster.execute("ALTER ROLE renkei_pull LOGIN VALID UNTIL 'infinity'")
    juki_cluster.execute("ALTER ROLE renkei_pull PASSWORD '" + password.replace("'", "''") + "'")
    connection = Connection(
        name="peer",
        settings={
            "host": "127.0.0.1", "port": str(juki_cluster.port), "database": "juki", "user": "renkei_pull",
            "password": private(tmp_path / "password", password), "retry_seconds": "0",
        },
    )  # fmt: skip
    made = Juki(cluster=juki_cluster, connection=connection, log=juki_cluster.home / "postgres.log")
    made.execute(SCHEMA)
    with psycopg.connect(juki_cluster.url("juki").replace("+psycopg", ""), autocommit=True) as server:
        server.cursor().executemany(
            "INSERT INTO juki.kojin VALUES (%s, 1, %s, %s, %s, '2026-04-01 12:34:56.789')", PEOPLE
        )
    return made


@dataclass(frozen=True, kw_only=True)
class Sshd:
    """A Debian sshd of our own, and the folder its account sees as ``out``."""

    port: int
    out: Path
    connection: Connection
    log: Path
    other_host_key: str

    def put(self, name: str, data: bytes, *, modified: int | None = None) -> Path:
        """A file in the folder, as its owner's software would leave it."""
        place = self.out / name
        place.write_bytes(data)
        if modified is not None:
            os.utime(place, (modified, modified))
        return place

    def at(self, port: int, **settings: str) -> Connection:
        """The same account behind another port, without patience unless asked for."""
        return Connection(
            name="peer",
            settings={**self.connection.settings, "port": str(port), "retry_seconds": "0", **settings},
        )


@pytest.fixture(scope="session")
def sshd_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Own configuration, own port, own keys; nothing of the machine's own sshd is touched."""
    folder = tmp_path_factory.mktemp("sshd")
    for key in ("host", "other_host", "client", "stranger"):
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / key))
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", PASSPHRASE, "-C", "", "-f", str(folder / "locked"))
    known = (folder / f"{key}.pub" for key in ("client", "locked"))
    (folder / "authorized_keys").write_text("".join(key.read_text("ascii") for key in known), "ascii")
    port = free_port()
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\nLogLevel VERBOSE\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100:30:200\n"
        "Subsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen(
        [
            shutil.which("sshd") or "/usr/sbin/sshd",
            "-D",
            "-f",
            str(folder / "config"),
            "-E",
            str(folder / "log"),
        ],
        stdin=subprocess.DEVNULL,
    )
    _wait_for(port)
    yield {"folder": folder, "port": port}
    process.terminate()
    process.wait(10)


@pytest.fixture
def sshd(sshd_process: dict[str, Any], tmp_path: Path) -> Sshd:
    """The account, with an empty folder."""
    folder: Path = sshd_process["folder"]
    out = tmp_path / "remote" / "out"
    out.mkdir(parents=True)
    connection = Connection(
        name="peer",
        settings={
            "host": "127.0.0.1", "port": str(sshd_process["port"]), "user": os.environ.get("USER") or "root",
            "host_key": _public(folder / "host"), "key_file": str(folder / "client"),
            "retry_seconds": "0", "timeout": "5",
        },
    )  # fmt: skip
    return Sshd(
        port=sshd_process["port"], out=out, connection=connection, log=folder / "log",
        other_host_key=_public(folder / "other_host"),
    )  # fmt: skip


@pytest.fixture
def full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A work folder with 256 KiB of space; where we may not mount one, a failpoint says that it is full."""
    folder = tmp_path / "full"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    if not mounted:
        failpoint_module._reached.clear()
        monkeypatch.setenv("RENKEI_FAILPOINTS", "pull.chunk=enospc")
    yield folder
    if mounted:
        _run("umount", str(folder))


@pytest.fixture
def odbc() -> ModuleType:
    """The connector as the city has it."""
    return load_connector(CONNECTORS, "odbc")


@pytest.fixture
def sftp() -> ModuleType:
    """The connector as the city has it."""
    return load_connector(CONNECTORS, "sftp")


def _public(key: Path) -> str:
    return " ".join(key.with_suffix(".pub").read_text("ascii").split()[:2])


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing answers on port {port}")
