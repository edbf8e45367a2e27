"""Changes of one PostgreSQL table as they happen: triggers write them into an outbox, NOTIFY wakes us.

For a PostgreSQL (13 or later) where the table's owner runs ``install_sql()`` once; see docs/changes.md.

Connection settings: ``host port database user``, ``password`` (a reference, ``file:/path`` or ``env:NAME``),
and if wanted ``sslmode`` (``verify-full`` unless the host is this machine), ``sslrootcert`` and
``retry_seconds`` (how long an unreachable server is knocked at, 20 unless said, 25 at most).
Feed settings: ``table`` (``schema.name``), ``key`` (columns of a unique index, none of them nullable), and if
wanted ``prune = true`` (merged rows leave the outbox) and ``deadline`` (``30m``).

What a pull promises:

- the first one reads the whole table in one snapshot; every later one gives exactly what was committed after,
  each transaction whole, in an order in which no row ever goes back;
- a transaction that commits late is never skipped: a position is a snapshot, not a number that grew;
- the same position gives the same deliveries again until they are pruned, and only merged ones are;
- a position that the source can no longer continue is E_POSITION_LOST, and so is a TRUNCATE.
  ``renkei run --resnapshot`` makes the next pull read the whole table again; nothing else does.
"""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from renkei.failpoint import failpoint
from renkei.formats.changes import deltas
from renkei.formats.changes.deltas import Change, Commit
from renkei.model import Checkpoint, Connection, Delivery, Feed

from .parts import pg_link

#: The channel of NOTIFY; its message is the name of the table.
CHANNEL = "renkei_outbox"
#: One each for INSERT, UPDATE, DELETE and TRUNCATE.
_TRIGGERS = 4


def connect(connection: Connection, *, workdir: Path) -> "PgOutbox":
    """A connector for one database; nothing is contacted yet."""
    return PgOutbox(connection, workdir)


def install_sql(settings: Mapping[str, Any], *, role: str) -> str:
    """The SQL that makes the outbox and the triggers of one feed's table, to be run by the table's owner.

    ``settings`` are the feed's, ``role`` is the one that pulls. Running it again changes nothing.
    """
    table = pg_link.Table.of(str(settings["table"]))
    key = [settings["key"]] if isinstance(settings["key"], str) else list(settings["key"])
    quoted = table.quoted.as_string()
    return (
        Path(__file__)
        .with_name("pg_outbox.sql")
        .read_text("utf-8")
        .format(
            table=quoted,
            literal=sql.Literal(quoted).as_string(),
            name=sql.Literal(table.name).as_string(),
            arguments=", ".join(sql.Literal(value).as_string() for value in (table.name, *key)),
            schema=sql.Identifier(table.schema).as_string(),
            role=sql.Identifier(role).as_string(),
        )
    )


class PgOutbox:
    """Reads the changes of tables of one database into files below ``workdir``."""

    replayable = True
    ordered = True
    idempotent = False
    #: A pull of a feed that prunes removes what is merged.
    advances = True

    def __init__(self, connection: Connection, workdir: Path) -> None:
        self.connection = connection
        self.notes: list[str] = []
        self._workdir = workdir

    def pull(self, feed: Feed, since: Checkpoint | None) -> Iterator[Delivery]:
        """The whole table first; from then on the net changes since the position, oldest first.

        TryAgain: E_LINK_DOWN, E_PULL_LOST, E_PULL_DEADLINE, E_SOURCE_BUSY. Stop: E_POSITION_LOST, E_AUTH,
        E_PULL_SHORT, E_DISK. FixDeclaration: E_CHANGES_SETUP, E_SOURCE_OBJECT, E_SECRET, E_DECLARATION.
        """
        wishes = pg_link.Wishes.of(feed)
        place = since.place if since else None
        writer = deltas.Writer(feed.id, self._workdir, name=wishes.table.name, key=wishes.key)
        with pg_link.session(self.connection, feed=feed.id, seconds=wishes.deadline) as server:
            _guard(server, wishes)
            if place and feed.settings.get("prune") is True:
                _check(server, wishes, place)
                server.execute("SELECT renkei_outbox.prune(%s, %s)", (wishes.table.name, place["visible"]))
            server.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            server.read_only = True
            with server.transaction():
                pg_link.lock(server, wishes)
                if place is None:
                    yield _whole(server, wishes, writer)
                else:
                    place = {**place, **_check(server, wishes, place)}
                    yield from _changes(server, wishes, writer, place=place)

    def wait(self, feed: Feed, since: Checkpoint | None, *, seconds: float) -> bool:
        """True as soon as the outbox holds something after the position, false when the time is up."""
        wishes = pg_link.Wishes.of(feed)
        place = since.place if since else None
        if place is None:
            return True
        with pg_link.session(self.connection, feed=feed.id, seconds=seconds + 10) as server:
            # listen first, then look: what is committed in between is in one of the two
            server.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
            return (
                _has_more(server, wishes, place)
                or _is_told(server, wishes, seconds=seconds)
                or _has_more(server, wishes, place)
            )

    def test(self) -> Mapping[str, str]:
        """Sign in once and say which tables have an outbox here."""
        with pg_link.session(self.connection, feed=self.connection.name, seconds=30) as server:
            (version,) = pg_link.one(server, "SELECT current_setting('server_version')")
            query: LiteralString = "SELECT string_agg(source, ', ' ORDER BY source) FROM renkei_outbox.source"
            (tables,) = pg_link.one(server, query) if _is_installed(server) else ("",)
        return {"server": f"PostgreSQL {version}", "outbox": tables or "not installed"}


# is the position still good ------------------------------------------------------------------------


def _is_installed(server: "pg_link.Server") -> bool:
    return bool(pg_link.one(server, "SELECT to_regclass('renkei_outbox.source') IS NOT NULL")[0])


def _guard(server: "pg_link.Server", wishes: "pg_link.Wishes") -> dict[str, Any]:
    """What must stay the same for the outbox to hold every change: the server and the untouched triggers."""
    pg_link.refuse_standby(server, wishes)
    remedy = "what install_sql() of connectors/pg_outbox.py gives"
    if not _is_installed(server):
        raise wishes.setup("it has no outbox", remedy)
    names = {"table": wishes.table.quoted.as_string(), "name": wishes.table.name}
    count, born, arguments, triggers = pg_link.one(server, _GUARD, names)
    if count != _TRIGGERS or born is None:
        raise wishes.setup("the triggers of its outbox are missing or switched off", remedy)
    if bytes.fromhex(arguments).decode().split("\0")[:-1] != [wishes.table.name, *wishes.key]:
        raise wishes.setup("its outbox was installed for another key", remedy)
    if not pg_link.one(server, _ALONE, names)[0]:
        # statements on the other one change rows here, and fire no trigger of ours
        raise wishes.setup("it is a part of another table, or another one is of it", "follow it by pg_slot")
    return {
        "server": pg_link.one(server, pg_link.SERVER)[0], "outbox": born, "triggers": triggers,
        "columns": pg_link.marks_of(server, wishes),
    }  # fmt: skip


#: A trigger that was switched off and on again has another xmin: what happened in between is not known.
_GUARD: LiteralString = r"""
SELECT count(*),
       (SELECT born::text FROM renkei_outbox.source WHERE source = %(name)s),
       (array_agg(encode(tgargs, 'hex') ORDER BY oid))[1],
       string_agg(oid || ':' || xmin, ',' ORDER BY oid)
FROM pg_trigger
WHERE tgrelid = to_regclass(%(table)s) AND tgname LIKE 'renkei\_outbox\_%%' AND tgenabled = 'A'
"""


_ALONE: LiteralString = """
SELECT NOT EXISTS (SELECT FROM pg_inherits WHERE to_regclass(%(table)s) IN (inhrelid, inhparent))
"""


def _check(server: "pg_link.Server", wishes: "pg_link.Wishes", place: Mapping[str, Any]) -> dict[str, Any]:
    """Stop unless everything after the position is still in the outbox; what is so now."""
    guard = _guard(server, wishes)
    for name, reason in _REASONS.items():
        if guard[name] != place.get(name):
            raise wishes.lost(reason)
    pg_link.refuse_altered(wishes, place.get("columns", {}), guard["columns"])
    snapshots = {"last": place.get("to", place["visible"]), "seen": place["visible"]}
    is_ahead, is_pruned = pg_link.one(server, _PLACE, {**snapshots, "name": wishes.table.name})
    if is_ahead:
        raise wishes.lost("the source was restored to an earlier time")
    if is_pruned:
        raise wishes.lost("the outbox was pruned past the position")
    return guard


_REASONS = {
    "server": "it is another server, or one that was restored or promoted",
    "outbox": "the outbox was made anew",
    "triggers": "the triggers of the outbox were switched off or made anew",
}
#: The position must lie in the source's past, and nothing that it has not seen may be pruned.
_PLACE: LiteralString = """
SELECT pg_snapshot_xmax(%(last)s::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot()),
       pruned IS NOT NULL AND (
           pg_snapshot_xmax(pruned) > pg_snapshot_xmax(%(seen)s::pg_snapshot)
           OR EXISTS (SELECT FROM pg_snapshot_xip(%(seen)s::pg_snapshot) AS x
                      WHERE pg_visible_in_snapshot(x, pruned)))
FROM renkei_outbox.source
WHERE source = %(name)s
"""


# the whole table -----------------------------------------------------------------------------------


def _whole(server: "pg_link.Server", wishes: "pg_link.Wishes", writer: deltas.Writer) -> Delivery:
    guard = _guard(server, wishes)
    columns = pg_link.columns_of(server, wishes)
    pg_link.refuse_loose_key(server, wishes)
    (seen,) = pg_link.one(server, "SELECT pg_current_snapshot()::text")
    failpoint("snap.opened")
    position = {**guard, "visible": seen}
    return writer.whole(list(columns), pg_link.whole_rows(server, wishes, columns), position=position)


# changes -------------------------------------------------------------------------------------------

#: Rows of one window: visible in snapshot ``to``, not in snapshot ``seen``. A transaction's place is its last
#: number: whoever changes a row after it had to wait for its commit, so his own last number is higher. The id
#: of a transaction has no such order: it is given when it begins to write.
_WINDOW: LiteralString = """
SELECT c.xid::text, w.last, c.op::text, c.key, c.row::text
FROM renkei_outbox.change AS c
JOIN (
    SELECT xid, max(seq) AS last
    FROM renkei_outbox.change
    WHERE source = %(name)s
      AND xid >= pg_snapshot_xmin(%(seen)s::pg_snapshot)
      AND NOT pg_visible_in_snapshot(xid, %(seen)s::pg_snapshot)
      AND pg_visible_in_snapshot(xid, %(to)s::pg_snapshot)
    GROUP BY xid
) AS w USING (xid)
WHERE c.source = %(name)s AND w.last > %(after)s
ORDER BY w.last, c.seq
"""


def _changes(
    server: "pg_link.Server", wishes: "pg_link.Wishes", writer: deltas.Writer, *, place: Mapping[str, Any]
) -> Iterator[Delivery]:
    """Finish the window that the position is in, then take the one from there to now."""
    (now,) = pg_link.one(server, "SELECT pg_current_snapshot()::text")
    failpoint("snap.opened")
    if "to" in place:
        window = _Window(server, wishes, place)
        yield from window.deliveries(writer)
        place = window.end
    window = _Window(server, wishes, {**place, "to": now, "after": 0})
    yield from window.deliveries(writer)


class _Window:
    """What was committed between two snapshots."""

    def __init__(self, server: "pg_link.Server", wishes: "pg_link.Wishes", place: Mapping[str, Any]) -> None:
        self._server, self._wishes, self._place = server, wishes, place
        kept = ("server", "outbox", "triggers", "columns")
        self.end = {**{name: place[name] for name in kept}, "visible": place["to"]}
        self._columns = tuple(pg_link.columns_of(server, wishes))
        self._is_truncated = False

    def deliveries(self, writer: deltas.Writer) -> Iterator[Delivery]:
        """Its net changes; what was committed before a TRUNCATE still comes, then the pull stops."""
        try:
            for part in deltas.cut(self._stream(), position=self._place):
                yield writer.changes(part)
        except deltas.PositionDiffers:
            raise self._wishes.lost("the outbox holds other changes than before") from None
        if self._is_truncated:
            raise self._wishes.lost("the table was emptied by TRUNCATE")

    def _stream(self) -> Iterator[Change | Commit]:
        xid, last = "", 0
        for next_xid, next_last, op, key, row in self._rows():
            if xid and next_xid != xid:
                yield Commit(xid, self._after(last))
            xid, last = next_xid, next_last
            if op == "T":
                self._is_truncated = True
                return
            yield self._change(xid, op, key, row)
        if xid:
            yield Commit(xid, self.end)

    def _change(self, xid: str, op: str, key: list[str], row: str | None) -> Change:
        if row is None:
            return Change(xid, tuple(key), self._columns, None)
        values = json.loads(row)
        if self._columns != (columns := tuple(values)):
            self._columns = columns
        return Change(xid, tuple(key), self._columns, tuple(values.values()), op == "I")

    def _after(self, last: int) -> dict[str, Any]:
        return {**self.end, "visible": self._place["visible"], "to": self._place["to"], "after": last}

    def _rows(self) -> Iterator[tuple[str, int, str, list[str], str | None]]:
        names = {"seen": self._place["visible"], "to": self._place["to"], "after": self._place["after"]}
        with self._server.cursor(name="renkei_window") as cursor:
            cursor.itersize = 5_000
            cursor.execute(_WINDOW, {**names, "name": self._wishes.table.name})
            yield from cursor


def _has_more(server: "pg_link.Server", wishes: "pg_link.Wishes", place: Mapping[str, Any]) -> bool:
    """True when a commit is visible that the position does not know of, or its window is not finished."""
    query: LiteralString = """
        SELECT EXISTS (
            SELECT
            FROM renkei_outbox.change
            WHERE source = %(name)s
              AND xid >= pg_snapshot_xmin(%(seen)s::pg_snapshot)
              AND NOT pg_visible_in_snapshot(xid, %(seen)s::pg_snapshot))
    """
    values = {"name": wishes.table.name, "seen": place["visible"]}
    return "to" in place or bool(pg_link.one(server, query, values)[0])


def _is_told(server: "pg_link.Server", wishes: "pg_link.Wishes", *, seconds: float) -> bool:
    """True when a trigger of our table tells of a commit before the time is up."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for told in server.notifies(timeout=left, stop_after=1):
            if told.payload == wishes.table.name:
                return True
    return False
