"""The link to a MariaDB whose binary log is read: settings, sign-in, one deadline, and faults by what to do.

Here is also what must be so that the log misses nothing, and the whole table in one snapshot. A part of
``mariadb_binlog.py``, loaded by path as it is.
"""

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import pymysql
from pymysql import converters
from pymysql.cursors import SSCursor

from renkei.errors import FixDeclaration, RenkeiError, Stop, TryAgain
from renkei.formats.changes.deltas import Row
from renkei.formats.changes.row_image import CODECS
from renkei.model import Connection, Feed
from renkei.secrets import secret

Server: TypeAlias = "pymysql.Connection[Any]"

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_SSL = ("disable", "require", "verify-ca", "verify-full")
#: Values leave as the server writes them; TIMESTAMP in Japan's time.
_SESSION = (
    "SET SESSION sql_mode = '', time_zone = '+09:00', lock_wait_timeout = 5, innodb_lock_wait_timeout = 5,"
    " max_statement_time = {seconds}, net_write_timeout = {seconds}"
)


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a feed says: its table and key, and how long a pull may take."""

    feed: str
    connection: str
    database: str
    table: str
    key: tuple[str, ...]
    deadline: float

    @classmethod
    def of(cls, feed: Feed, connection: Connection) -> "Wishes":
        """Read the feed's settings; a table without a database is in the connection's."""
        settings, key = feed.settings, feed.settings.get("key", ())
        if not settings.get("table") or not key:
            problem = f"{feed.id}: settings of a {feed.connector} feed need table and key"
            raise FixDeclaration("E_DECLARATION", problems=problem)
        database, _, table = str(settings["table"]).rpartition(".")
        return cls(
            feed=feed.id,
            connection=connection.name,
            database=database or connection.settings.get("database", ""),
            table=table,
            key=(key,) if isinstance(key, str) else tuple(key),
            deadline=seconds_of(settings.get("deadline", "30m")),
        )

    @property
    def name(self) -> str:
        """As it is called in messages."""
        return f"{self.database}.{self.table}"

    @property
    def quoted(self) -> str:
        """As it stands in SQL."""
        return f"{quoted(self.database)}.{quoted(self.table)}"

    def lost(self, reason: str) -> Stop:
        """The changes after the position are no longer all there."""
        return Stop("E_POSITION_LOST", feed=self.feed, reason=reason)

    def setup(self, problem: str, remedy: str) -> FixDeclaration:
        """The source is not set up so that every change can be read; ``remedy`` is what to do there."""
        return FixDeclaration(
            "E_CHANGES_SETUP", connection=self.connection, object=self.name, problem=problem, remedy=remedy
        )


def quoted(name: str) -> str:
    """A name as it stands in SQL."""
    return "`" + name.replace("`", "``") + "`"


def seconds_of(value: float | str) -> float:
    """``90``, ``"90s"``, ``"30m"`` or ``"2h"``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", str(value))
    if match is None:
        raise FixDeclaration("E_DECLARATION", problems=f"{value!r} is no duration such as 90s, 30m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


class Over(Exception):
    """The link ended in the midst of the log; the library would begin again where it began before."""


class Link:
    """The connections of one pull or wait. When the time is over, all of them are hung up."""

    def __init__(self, connection: Connection, *, feed: str, seconds: float) -> None:
        self.is_over = False
        # we can hang up a link once the server has greeted us; until then the driver's own limit holds
        self.settings = {**_settings(connection), "read_timeout": seconds + 3}
        self._connection, self._feed, self._seconds = connection, feed, seconds
        self._opened: list[Server] = []
        self._end = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True

    def open(self) -> Server:
        """Sign in; tried once, after a knock without a credential."""
        self._reach()
        try:
            # no decoders: what is asked is answered in the server's own text
            return self._kept(pymysql.connect(**self.with_secret(), conv=dict(converters.encoders)))
        except pymysql.Error as error:
            raise _login_error(_number(error), self._connection.name) from None

    def with_secret(self) -> dict[str, Any]:
        """All that a driver needs to sign in."""
        # as text the driver would write it in Latin-1
        return {**self.settings, "password": secret(self._connection, "password").encode()}

    def again(self, **settings: Any) -> Server:  # noqa: ANN401 - the library's own settings
        """For the library: one for the log, one for its questions; a third would read the log twice."""
        if len(self._opened) >= 3:
            raise Over
        return self._kept(pymysql.connect(**settings))

    def _kept(self, server: Server) -> Server:
        self._opened.append(server)
        return server

    def _reach(self) -> None:
        """Knock without a credential, so that trying again can never lock an account."""
        patience = min(seconds_of(self._connection.settings.get("retry_seconds", "20")), 25, self._seconds)
        end = time.monotonic() + patience
        while True:
            with suppress(OSError):
                socket.create_connection((self.settings["host"], self.settings["port"]), timeout=5).close()
                return
            if time.monotonic() >= end:
                raise TryAgain("E_LINK_DOWN", connection=self._connection.name)
            time.sleep(0.3)

    def _hang_up(self) -> None:
        self.is_over = True
        for server in self._opened:
            with suppress(OSError, AttributeError):
                server._sock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001 - a driver that waits notices nothing less

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Errors of the driver → what to do next. Its texts stay here: they may quote a row."""
        self._timer.start()
        try:
            yield
        except (pymysql.Error, Over) as error:
            if self.is_over:
                raise TryAgain("E_PULL_DEADLINE", feed=self._feed, seconds=self._seconds) from None
            raise _read_error(_number(error), connection=self._connection.name, feed=self._feed) from None
        finally:
            self._timer.cancel()
            for server in self._opened:
                with suppress(pymysql.Error, OSError):
                    server.close()

    def prepare(self, server: Server) -> None:
        """Say in which form values are wanted, and for how long at most the server may work."""
        left = max(1, int(self._end - time.monotonic()))
        rows(server, _SESSION.format(seconds=left))


def _settings(connection: Connection) -> dict[str, Any]:
    """Settings with their defaults; all that is wrong with them is said at once."""
    given, name = connection.settings, connection.name
    needed = {key: given.get(key, "") for key in ("host", "database", "user")}
    problems = [f"{name}: setting {key} is missing" for key in needed if not needed[key]]
    mode = given.get("sslmode", "disable" if needed["host"] in _LOCAL else "verify-full")
    if mode not in _SSL:
        problems.append(f"{name}: sslmode is not one of {', '.join(_SSL)}")
    if not given.get("port", "3306").isdigit():
        problems.append(f"{name}: port is not a number")
    if problems:
        raise FixDeclaration("E_DECLARATION", problems="; ".join(problems))
    return {
        **needed, "port": int(given.get("port", "3306")), "charset": "utf8mb4", "autocommit": True,
        "connect_timeout": 10, "local_infile": False,
        **({"ssl_disabled": True} if mode == "disable" else _encrypted(mode, given.get("sslrootcert"))),
    }  # fmt: skip


def _encrypted(mode: str, authorities: str | None) -> dict[str, Any]:
    context = ssl.create_default_context(cafile=authorities)
    context.check_hostname = mode == "verify-full"
    if mode == "require":
        context.verify_mode = ssl.CERT_NONE
    return {"ssl": context}


def _number(error: Exception) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def _login_error(number: int, connection: str) -> RenkeiError:
    """In doubt the login was refused: it is not tried again."""
    if number in {2003, 2006, 2013, 1040, 1203, 1226, 1053}:
        return TryAgain("E_LINK_DOWN", connection=connection)
    if number == 1049:
        return FixDeclaration("E_SOURCE_OBJECT", connection=connection, object="database", state="1049")
    return Stop("E_AUTH", connection=connection)


def _read_error(number: int, *, connection: str, feed: str) -> RenkeiError:
    """Error number → what to do next."""
    if number in {1045, 1698, 1820, 1862, 4151}:
        return Stop("E_AUTH", connection=connection)
    if number in {1044, 1142, 1143, 1146, 1054, 1227}:
        return FixDeclaration("E_SOURCE_OBJECT", connection=connection, object=feed, state=str(number))
    if number in {1205, 1213, 1040, 1203, 1226, 1412, 1969}:
        return TryAgain("E_SOURCE_BUSY", connection=connection, state=str(number))
    if number in {0, 2003, 2006, 2013, 2014, 1053, 1927, 1158, 1159, 1160, 1161}:
        return TryAgain("E_PULL_LOST", feed=feed, bytes=0)
    return Stop("E_DRIVER", connection=connection, state=str(number))


# queries -------------------------------------------------------------------------------------------


def rows(server: Server, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of a short answer, every value as text."""
    with server.cursor() as cursor:
        cursor.execute(query, tuple(values) or None)
        return list(cursor.fetchall())


def one(server: Server, query: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    """The one row that a query gives."""
    (row,) = rows(server, query, values)
    return row


def streamed(server: Server, query: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a long answer, as they come; the connection is of no more use after it."""
    cursor = server.cursor(SSCursor)
    try:
        cursor.execute(query)
        while block := cursor.fetchmany(2_000):
            yield from block
    finally:
        _drop(cursor)


def _drop(cursor: SSCursor) -> None:
    """The driver would read the rest of an answer that nobody wants, or that a cut link no longer gives."""
    if cursor._result is not None:  # noqa: SLF001 - it offers no other way
        cursor._result.unbuffered_active = False  # noqa: SLF001 - see above
    cursor.connection = None


# is everything logged ------------------------------------------------------------------------------

#: What the server must be set to, so that every change of a row is in the log, whole and with its names.
_LOGGING = {
    "log_bin": ("1", "log_bin"),
    "binlog_format": ("ROW", "binlog_format = ROW"),
    "binlog_row_image": ("FULL", "binlog_row_image = FULL"),
    "binlog_row_metadata": ("FULL", "binlog_row_metadata = FULL"),
    "log_bin_compress": ("0", "log_bin_compress = OFF"),
}
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
#: Types that the log and a SELECT tell alike.
_TYPES = _BYTES | {
    "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "bit", "year", "enum", "set",
    "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "date", "datetime", "timestamp", "time",
}  # fmt: skip


def refuse_unlogged(server: Server, wishes: Wishes) -> None:
    """FixDeclaration unless the server and the table are such that the log misses nothing."""
    for name, (needed, remedy) in _LOGGING.items():
        (found,) = one(server, f"SELECT @@global.{name}")
        if str(found).upper() != needed:
            raise wishes.setup(f"{name} is {found}", f"set {remedy}")
    table = rows(server, _TABLE, (wishes.database, wishes.table))
    if not table:
        raise FixDeclaration(
            "E_SOURCE_OBJECT", connection=wishes.connection, object=wishes.name, state="1146"
        )
    if table[0] != ("BASE TABLE", "InnoDB"):
        raise wishes.setup("it is no ordinary InnoDB table", "ALTER TABLE … ENGINE = InnoDB")
    if any(only := rows(server, "SHOW MASTER STATUS")[0][2:4]):
        raise wishes.setup("not every database is logged", f"remove binlog_do_db, binlog_ignore_db {only}")
    # the tables of constraints stay empty for an account that may only read; this does not
    (_, made) = one(server, f"SHOW CREATE TABLE {wishes.quoted}")
    if _CASCADE.search(made):
        problem = "a foreign key with CASCADE or SET NULL changes its rows, and the log does not say so"
        raise wishes.setup(problem, "follow it with the odbc connector instead")
    indexes = rows(server, _UNIQUE, (wishes.database, wishes.table))
    if ",".join(sorted(wishes.key)).lower() not in {str(names).lower() for (names,) in indexes}:
        key = ", ".join(wishes.key)
        raise wishes.setup("no unique index of columns that are never null is on the key", f"key = {key}")


#: Letter by letter: the log names it as the server does, and there another case is another table.
_TABLE = """SELECT table_type, engine FROM information_schema.tables
WHERE BINARY table_schema = %s AND BINARY table_name = %s"""
_CASCADE = re.compile(r"^\s*CONSTRAINT .* FOREIGN KEY .* ON (DELETE|UPDATE) (CASCADE|SET NULL)", re.MULTILINE)
_UNIQUE = """
SELECT group_concat(column_name ORDER BY column_name)
FROM information_schema.statistics
WHERE table_schema = %s AND table_name = %s AND non_unique = 0
GROUP BY index_name
HAVING max(nullable) = '' AND count(sub_part) = 0
"""


# the whole table -----------------------------------------------------------------------------------


def columns_of(server: Server, wishes: Wishes) -> dict[str, str]:
    """Every column and how it is read as text; one that the log tells otherwise is refused."""
    query = """
        SELECT column_name, data_type, column_type, extra, character_set_name
        FROM information_schema.columns
        WHERE table_schema = %s AND table_name = %s
        ORDER BY ordinal_position
    """
    columns = {}
    for name, kind, full, extra, charset in rows(server, query, (wishes.database, wishes.table)):
        odd = kind not in _TYPES or "zerofill" in full or "COMPRESSED" in full or "VIRTUAL" in extra
        if odd or charset not in {None, *CODECS} or (kind in {"enum", "set"} and charset == "cp932"):
            remedy = "follow it with the odbc connector, or leave the column out of the table"
            raise wishes.setup(f"column {name} is {full} {charset or ''} {extra}".rstrip(), remedy)
        text = f"HEX({quoted(name)})" if kind in _BYTES else quoted(name)
        columns[name] = f"CAST({text} + 0 AS CHAR)" if kind == "bit" else text
    if missing := set(wishes.key) - set(columns):
        what = f"{wishes.name} ({', '.join(sorted(missing))})"
        raise FixDeclaration("E_SOURCE_OBJECT", connection=wishes.connection, object=what, state="1054")
    return columns


def whole_rows(server: Server, wishes: Wishes, columns: Mapping[str, str]) -> Iterator[Row]:
    """All rows in the order of the key; their number must be what the same snapshot counted."""
    (stated,) = one(server, f"SELECT count(*) FROM {wishes.quoted}")
    keys = ", ".join(map(quoted, wishes.key))
    counted = 0
    for row in streamed(server, f"SELECT {', '.join(columns.values())} FROM {wishes.quoted} ORDER BY {keys}"):
        counted += 1
        yield row
    if counted != int(stated):
        raise Stop("E_PULL_SHORT", feed=wishes.feed, stated=int(stated), counted=counted)


# places in the log ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place between two transactions: the last GTID of each domain, and where in the log that is."""

    gtid: str
    file: str
    at: int


def snapshot(server: Server) -> Place:
    """Open a snapshot, and say where in the log it is: nothing is locked for that."""
    rows(server, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    rows(server, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    found = dict(rows(server, "SHOW SESSION STATUS LIKE 'binlog_snapshot_%%'"))
    file, at = found["Binlog_snapshot_file"], int(found["Binlog_snapshot_position"])
    return Place(gtid=gtid_at(server, file, at) or "", file=file, at=at)


def end_of_log(server: Server) -> Place:
    """Where the log ends now."""
    file, at = rows(server, "SHOW MASTER STATUS")[0][:2]
    return Place(gtid=gtid_at(server, file, int(at)) or "", file=file, at=int(at))


def gtid_at(server: Server, file: str, at: int) -> str | None:
    """The last GTID of each domain before a place; None where the log has no such place."""
    (found,) = one(server, "SELECT BINLOG_GTID_POS(%s, %s)", (file, at))
    return None if found is None else ",".join(sorted(str(found).split(",")))
