"""The link to a PostgreSQL whose changes are read: settings, sign-in, one deadline, and the whole table.

A part of ``pg_outbox.py`` and ``pg_slot.py``, loaded by path as they are. Values leave as text, in the same
form in a whole read and in a change: what ``::text`` gives, except that char(n) keeps its padding as it does
over ODBC; timestamps in Japan's time; bytea as ``\\x…``.
"""

import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, LiteralString, NamedTuple, cast

import psycopg
from psycopg import sql

from renkei.errors import FixDeclaration, RenkeiError, Stop, TryAgain
from renkei.formats.changes.deltas import Row
from renkei.model import Connection, Feed
from renkei.secrets import secret

Server = psycopg.Connection[Any]

#: How the session writes values; ``pg_outbox.sql`` sets the same for its trigger.
TEXT_FORM = {
    "client_encoding": "UTF8",
    "datestyle": "ISO, YMD",
    "timezone": "Asia/Tokyo",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_SSL = ("disable", "require", "verify-ca", "verify-full")


class Table(NamedTuple):
    """``schema.name``, as the source spells it."""

    schema: str
    relation: str

    @classmethod
    def of(cls, name: str) -> "Table":
        """Read a setting."""
        schema, _, relation = name.partition(".")
        if not (schema and relation):
            raise FixDeclaration("E_DECLARATION", problems=f"table {name!r} is not written as schema.name")
        return cls(schema, relation)

    @property
    def name(self) -> str:
        """As it is called in positions and messages."""
        return f"{self.schema}.{self.relation}"

    @property
    def quoted(self) -> sql.Identifier:
        """As it stands in SQL."""
        return sql.Identifier(self.schema, self.relation)


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What every feed of changes says: its table and key, and how long a pull may take."""

    feed: str
    connection: str
    table: Table
    key: tuple[str, ...]
    deadline: float

    @classmethod
    def of(cls, feed: Feed) -> "Wishes":
        """Read the feed's settings."""
        settings = feed.settings
        key = settings.get("key", ())
        if not settings.get("table") or not key:
            problem = f"{feed.id}: settings of a {feed.connector} feed need table and key"
            raise FixDeclaration("E_DECLARATION", problems=problem)
        return cls(
            feed=feed.id,
            connection=feed.connection,
            table=Table.of(str(settings["table"])),
            key=(key,) if isinstance(key, str) else tuple(key),
            deadline=seconds_of(settings.get("deadline", "30m")),
        )

    def lost(self, reason: str) -> Stop:
        """The changes after the position are no longer all there."""
        return Stop("E_POSITION_LOST", feed=self.feed, reason=reason)

    def setup(self, problem: str, remedy: str) -> FixDeclaration:
        """The source is not set up so that every change can be read; ``remedy`` is what to run there."""
        return FixDeclaration(
            "E_CHANGES_SETUP",
            connection=self.connection, object=self.table.name, problem=problem, remedy=remedy,
        )  # fmt: skip


def seconds_of(value: float | str) -> float:
    """``90``, ``"90s"``, ``"30m"`` or ``"2h"``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", str(value))
    if match is None:
        raise FixDeclaration("E_DECLARATION", problems=f"{value!r} is no duration such as 90s, 30m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


# sign in -------------------------------------------------------------------------------------------


@contextmanager
def session(connection: Connection, *, feed: str, seconds: float) -> Iterator[Server]:
    """A signed-in connection that is hung up when its time is over, whatever the server does.

    The driver's own texts stay here: they may quote a row.
    """
    settings = _settings(connection)
    _reach(connection, settings, seconds=seconds)
    server = _sign_in(connection, settings, seconds=seconds)
    leash = _Leash(server, seconds)
    try:
        with leash:
            _prepare(server, seconds)
            yield server
    except psycopg.Error as error:
        if leash.is_over:
            raise TryAgain("E_PULL_DEADLINE", feed=feed, seconds=seconds) from None
        raise _read_error(error, connection=connection.name, feed=feed, seconds=seconds) from None
    finally:
        server.close()


def _settings(connection: Connection) -> dict[str, str]:
    """Settings with their defaults; all that is wrong with them is said at once."""
    given, name = connection.settings, connection.name
    default = "disable" if given.get("host") in _LOCAL else "verify-full"
    settings = {
        "host": given.get("host", ""),
        "port": given.get("port", "5432"),
        "dbname": given.get("database", ""),
        "user": given.get("user", ""),
        "sslmode": given.get("sslmode", default),
    }
    problems = [f"{name}: setting {key} is missing" for key, value in settings.items() if not value]
    if settings["sslmode"] not in _SSL:
        problems.append(f"{name}: sslmode is not one of {', '.join(_SSL)}")
    if problems:
        raise FixDeclaration("E_DECLARATION", problems="; ".join(problems))
    if "sslrootcert" in given:
        settings["sslrootcert"] = given["sslrootcert"]
    return settings


def _reach(connection: Connection, settings: Mapping[str, str], *, seconds: float) -> None:
    """Knock without a credential, so that trying again can never lock an account."""
    patience = min(seconds_of(connection.settings.get("retry_seconds", "20")), 25, seconds)
    end = time.monotonic() + patience
    while True:
        with suppress(OSError):
            socket.create_connection((settings["host"], int(settings["port"])), timeout=5).close()
            return
        if time.monotonic() >= end:
            raise TryAgain("E_LINK_DOWN", connection=connection.name)
        time.sleep(0.3)


def _sign_in(connection: Connection, settings: Mapping[str, str], *, seconds: float) -> Server:
    patience = max(2, min(10, int(seconds)))
    try:
        return psycopg.connect(
            **cast("dict[str, Any]", settings), password=secret(connection, "password"),
            connect_timeout=patience, application_name="renkei", autocommit=True, prepare_threshold=None,
            keepalives_idle=30, keepalives_interval=10, keepalives_count=3,
        )  # fmt: skip
    except psycopg.Error as error:
        raise _login_error(str(error), connection.name) from None


#: What libpq and a starting server say of a fault that passes. Anything else the server refused for a reason.
_PASSING_LOGIN = re.compile(
    r"refused|timeout expired|timed out|server closed the connection|could not (receive|send|translate)"
    r"|reset by peer|unreachable|SYSCALL|starting up|shutting down|in recovery mode"
    r"|too many (clients|connections)|remaining connection slots"
)


def _login_error(text: str, connection: str) -> RenkeiError:
    """In doubt the login was refused: it is not tried again."""
    if _PASSING_LOGIN.search(text):
        return TryAgain("E_LINK_DOWN", connection=connection)
    if "does not exist" in text and "database" in text:
        return FixDeclaration("E_SOURCE_OBJECT", connection=connection, object="database", state="3D000")
    return Stop("E_AUTH", connection=connection)


def _prepare(server: Server, seconds: float) -> None:
    limit = str(int(seconds * 1000))
    limits = {
        "statement_timeout": limit,
        "idle_in_transaction_session_timeout": limit,
        "lock_timeout": "5000",
        # rows that a policy hides from us are an error, not rows that went
        "row_security": "off",
    }
    wanted = {**TEXT_FORM, **limits}
    calls = sql.SQL(", ").join(sql.SQL("set_config({}, {}, false)").format(*each) for each in wanted.items())
    server.execute(sql.SQL("SELECT {}").format(calls))


class _Leash:
    """Shuts the socket down when the time is over; the driver then returns at once with an error."""

    def __init__(self, server: Server, seconds: float) -> None:
        self.is_over = False
        # our own handle of the socket: the driver may have closed its own, and its number may be another's
        self._socket = socket.socket(fileno=os.dup(server.fileno()))
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._socket.close()

    def _hang_up(self) -> None:
        self.is_over = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def _read_error(error: psycopg.Error, *, connection: str, feed: str, seconds: float) -> RenkeiError:
    """SQLSTATE → what to do next."""
    state = error.sqlstate or ""
    if state.startswith("28"):
        return Stop("E_AUTH", connection=connection)
    if state == "57014":
        return TryAgain("E_PULL_DEADLINE", feed=feed, seconds=seconds)
    if state in {"40001", "40P01", "55P03", "55006"} or state.startswith("53"):
        return TryAgain("E_SOURCE_BUSY", connection=connection, state=state)
    if not state or state.startswith(("08", "57P", "25P03")):
        return TryAgain("E_PULL_LOST", feed=feed, bytes=0)
    if state in {"42501", "42P01", "42703", "3F000", "42883"}:
        return FixDeclaration("E_SOURCE_OBJECT", connection=connection, object=feed, state=state)
    return Stop("E_DRIVER", connection=connection, state=state)


# queries -------------------------------------------------------------------------------------------


def one(
    server: Server,
    query: LiteralString | sql.SQL | sql.Composed,
    values: Mapping[str, Any] | Sequence[Any] | None = None,
) -> tuple[Any, ...]:
    """The one row that a query gives."""
    row = server.execute(query, values).fetchone()
    assert row is not None
    return cast("tuple[Any, ...]", row)


#: Which server and which course of its history: a promoted standby and a restored backup have another.
SERVER: LiteralString = (
    "SELECT system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)"
    " FROM pg_control_system()"
)


def refuse_standby(server: Server, wishes: Wishes) -> None:
    """Changes are read where they are made."""
    if one(server, "SELECT pg_is_in_recovery()")[0]:
        raise wishes.setup("this server is a standby", "connect to the primary")


def columns_of(server: Server, wishes: Wishes, *, generated: bool = True) -> dict[str, sql.Composable]:
    """Every column, and how it is read as text: a new one must be seen, not overlooked.

    Generated ones are left out where the log does not have them either.
    """
    rows = server.execute(_COLUMNS, (wishes.table.quoted.as_string(), generated)).fetchall()
    if missing := set(wishes.key) - {name for name, _ in rows}:
        what = f"{wishes.table.name} ({', '.join(sorted(missing))})" if rows else wishes.table.name
        raise FixDeclaration("E_SOURCE_OBJECT", connection=wishes.connection, object=what, state="42P01")
    return {
        name: sql.Identifier(name) if is_padded else sql.SQL("{}::text").format(sql.Identifier(name))
        for name, is_padded in rows
    }


_COLUMNS: LiteralString = """
SELECT a.attname::text, coalesce(nullif(t.typbasetype, 0), t.oid) = 'bpchar'::regtype
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
  AND (%s OR a.attgenerated = '')
ORDER BY a.attnum
"""


def lock(server: Server, wishes: Wishes) -> None:
    """Before the snapshot: to an older one a table that was rewritten since is empty, without an error."""
    server.execute(sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE").format(wishes.table.quoted))


def marks_of(server: Server, wishes: Wishes) -> dict[str, str]:
    """Each column's number and what tells that it is as it was: every ALTER of it leaves another mark."""
    rows = server.execute(_MARKS, (wishes.table.quoted.as_string(),)).fetchall()
    return dict(rows)


#: A column that stands on its own is marked "=": rows that were there before may have a value in it.
_MARKS: LiteralString = """
SELECT a.attnum::text,
       a.xmin::text || CASE WHEN a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '' OR a.atthasmissing
                            THEN '=' ELSE '' END
FROM pg_attribute AS a
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""


def refuse_altered(wishes: Wishes, was: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Stop where an ALTER may have written values: no log and no trigger tells of those.

    A column that went, or came without values of its own, is no such case.
    """
    changed = any(now[column] != mark for column, mark in was.items() if column in now)
    if changed or any(mark.endswith("=") for column, mark in now.items() if column not in was):
        raise wishes.lost("columns of the table were altered, which may have changed its rows")


def refuse_loose_key(server: Server, wishes: Wishes) -> None:
    """The key must name one row: a unique index on exactly these columns, none of them nullable."""
    query: LiteralString = """
        SELECT EXISTS (
            SELECT
            FROM pg_index AS i
            WHERE i.indrelid = to_regclass(%(table)s) AND i.indisunique AND i.indisvalid AND i.indimmediate
              AND i.indpred IS NULL AND i.indexprs IS NULL
              AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute AS a
                   WHERE a.attrelid = i.indrelid AND a.attnotnull
                     AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])) = %(key)s
              AND i.indnkeyatts = cardinality(%(key)s))
    """
    values = {"table": wishes.table.quoted.as_string(), "key": sorted(wishes.key)}
    if not one(server, query, values)[0]:
        key = ", ".join(wishes.key)
        raise wishes.setup("no unique index of columns that are never null is on the key", f"key = {key}")


def whole_rows(server: Server, wishes: Wishes, columns: Mapping[str, sql.Composable]) -> Iterator[Row]:
    """All rows in the order of the key; their number must be what the same snapshot counted."""
    (stated,) = one(server, sql.SQL("SELECT count(*) FROM ONLY {}").format(wishes.table.quoted))
    query = sql.SQL("COPY (SELECT {} FROM ONLY {} ORDER BY {}) TO STDOUT").format(
        sql.SQL(", ").join(columns.values()),
        wishes.table.quoted,
        sql.SQL(", ").join(map(sql.Identifier, wishes.key)),
    )
    counted = 0
    with server.cursor() as cursor, cursor.copy(query) as copy:
        for row in copy.rows():
            counted += 1
            yield cast("Row", row)
    if counted != stated:
        raise Stop("E_PULL_SHORT", feed=wishes.feed, stated=stated, counted=counted)
