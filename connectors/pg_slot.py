"""Changes of one PostgreSQL table from its log: a replication slot, peeked, and advanced after the merge.

For a PostgreSQL (13 or later) with ``wal_level = logical``; nothing runs inside its transactions. The
engineer makes a publication of the table (``setup_sql()``, docs/changes.md), the first pull makes the slot.

Connection settings: ``host port database user`` (a role with REPLICATION, and SELECT on the table),
``password`` (a reference, ``file:/path`` or ``env:NAME``), and if wanted ``sslmode`` (``verify-full`` unless
the host is this machine), ``sslrootcert`` and ``retry_seconds`` (20 unless said, 25 at most).
Feed settings: ``table`` (``schema.name``), ``key`` (columns of a unique index, none of them nullable),
``slot`` (one of this feed's own), and if wanted ``publication`` (named as the slot unless said), ``deadline``
(``30m``) and ``most`` (a pull ends after the transaction that reaches so many changes, 500000).

What a pull promises:

- the first one reads the whole table in one snapshot; every later one gives exactly the transactions that are
  not in it, whole and in the order of their commits;
- the slot is advanced only to a position that is merged, so a pull that was killed gives the same again;
- where only other tables change, a delivery without rows moves the position, so that the source can recycle
  its log;
- a slot that is gone, invalid, or ahead of the position is E_POSITION_LOST, and so is a TRUNCATE.
  ``renkei run --resnapshot`` makes the next pull read the whole table again; nothing else does.
"""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from renkei.errors import FixDeclaration, Stop
from renkei.failpoint import failpoint
from renkei.formats.changes import deltas, pgoutput
from renkei.formats.changes.deltas import Change, Commit
from renkei.formats.changes.pgoutput import Relation, Written
from renkei.model import Checkpoint, Connection, Delivery, Feed

from .parts import pg_link

#: How far the log may grow by other tables' changes before a delivery without rows moves the position.
IDLE_BYTES = 16 << 20
#: Seconds between two looks at the end of the log.
LOOK = 0.05


def connect(connection: Connection, *, workdir: Path) -> "PgSlot":
    """A connector for one database; nothing is contacted yet."""
    return PgSlot(connection, workdir)


def setup_sql(settings: Mapping[str, Any], *, role: str) -> str:
    """The SQL that lets ``role`` follow a feed's table, to be run once by the table's owner."""
    table = pg_link.Table.of(str(settings["table"]))
    publication = str(settings.get("publication", settings["slot"]))
    lines = (
        sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL;").format(table.quoted),
        sql.SQL("CREATE PUBLICATION {} FOR TABLE {};").format(sql.Identifier(publication), table.quoted),
        sql.SQL("GRANT USAGE ON SCHEMA {} TO {};").format(sql.Identifier(table.schema), sql.Identifier(role)),
        sql.SQL("GRANT SELECT ON {} TO {};").format(table.quoted, sql.Identifier(role)),
        sql.SQL("ALTER ROLE {} REPLICATION;").format(sql.Identifier(role)),
    )
    return "\n".join(line.as_string() for line in lines) + "\n"


@dataclass(frozen=True, kw_only=True)
class _Slot:
    """What a feed says of its slot."""

    name: str
    publication: str
    most: int

    @classmethod
    def of(cls, feed: Feed) -> "_Slot":
        name = str(feed.settings.get("slot", ""))
        if not re.fullmatch(r"[a-z0-9_]{1,63}", name):
            problem = f"{feed.id}: settings of a pg_slot feed need slot, in small letters, digits and _"
            raise FixDeclaration("E_DECLARATION", problems=problem)
        publication = str(feed.settings.get("publication", name))
        return cls(name=name, publication=publication, most=int(feed.settings.get("most", 500_000)))


class PgSlot:
    """Reads the changes of tables of one database into files below ``workdir``."""

    replayable = True
    ordered = True
    idempotent = False
    #: A pull makes the slot, or moves it on to what is merged.
    advances = True

    def __init__(self, connection: Connection, workdir: Path) -> None:
        self.connection = connection
        self.notes: list[str] = []
        self._workdir = workdir

    def pull(self, feed: Feed, since: Checkpoint | None) -> Iterator[Delivery]:
        """The whole table first; from then on the net changes since the position, in the order of commits.

        TryAgain: E_LINK_DOWN, E_PULL_LOST, E_PULL_DEADLINE, E_SOURCE_BUSY. Stop: E_POSITION_LOST, E_AUTH,
        E_PULL_SHORT, E_DISK, E_DRIVER. FixDeclaration: E_CHANGES_SETUP, E_SOURCE_OBJECT, E_SECRET,
        E_DECLARATION.
        """
        wishes = pg_link.Wishes.of(feed)
        slot, place = _Slot.of(feed), since.place if since else None
        writer = deltas.Writer(feed.id, self._workdir, name=wishes.table.name, key=wishes.key)
        with pg_link.session(self.connection, feed=feed.id, seconds=wishes.deadline) as server:
            source = _Source(server, wishes, slot)
            if place is None:
                yield from source.whole(writer, anew=since is not None)
            else:
                source.acknowledge(place)
                yield from source.changes(writer, place)

    def wait(self, feed: Feed, since: Checkpoint | None, *, seconds: float) -> bool:
        """True as soon as the log holds a change after the position, false when the time is up.

        It looks at the end of the log twenty times a second, and reads the log only where that has moved.
        """
        wishes = pg_link.Wishes.of(feed)
        place = since.place if since else None
        if place is None or "inside" in place:
            return True
        end = time.monotonic() + seconds
        with pg_link.session(self.connection, feed=feed.id, seconds=seconds + 10) as server:
            source = _Source(server, wishes, _Slot.of(feed))
            source.acknowledge(place)
            looked = -1
            while True:
                if (written := source.written()) > looked:
                    looked = written
                    if source.has_change(place):
                        return True
                left = end - time.monotonic()
                if left <= 0:
                    return False
                time.sleep(min(LOOK, left))

    def test(self) -> Mapping[str, str]:
        """Sign in once and say whether the log can be followed."""
        with pg_link.session(self.connection, feed=self.connection.name, seconds=30) as server:
            version, level, right = pg_link.one(
                server,
                "SELECT current_setting('server_version'), current_setting('wal_level'),"
                " rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user",
            )
        return {
            "server": f"PostgreSQL {version}",
            "wal_level": level,
            "replication": "yes" if right else "no",
        }


class _Source:
    """One table, its publication and its slot, seen through one session."""

    def __init__(self, server: "pg_link.Server", wishes: "pg_link.Wishes", slot: _Slot) -> None:
        self._server, self._wishes, self._slot = server, wishes, slot
        self._is_truncated = False
        self._messages = self._passed = 0
        self._guard = self._ready()

    # is everything there

    def _ready(self) -> dict[str, Any]:
        """What must be so for the log to hold every change; and what tells that it always was."""
        pg_link.refuse_standby(self._server, self._wishes)
        (level,) = pg_link.one(self._server, "SELECT current_setting('wal_level')")
        if level != "logical":
            raise self._wishes.setup(f"wal_level is {level}", "ALTER SYSTEM SET wal_level = logical; restart")
        names = {"table": self._wishes.table.quoted.as_string(), "publication": self._slot.publication}
        row = self._server.execute(_PUBLISHED, names).fetchone()
        publication = sql.Identifier(self._slot.publication).as_string()
        if row is None:
            remedy = f"CREATE PUBLICATION {publication} FOR TABLE {names['table']}"
            raise self._wishes.setup(f"it is not in publication {publication} by its own name", remedy)
        oid, identity, is_full, marks = row
        if not is_full:
            remedy = f"make {publication} publish all operations, rows and columns"
            raise self._wishes.setup(f"publication {publication} leaves something out", remedy)
        if identity != "f":
            remedy = f"ALTER TABLE {names['table']} REPLICA IDENTITY FULL"
            raise self._wishes.setup("old rows and unchanged long values are not logged", remedy)
        (server,) = pg_link.one(self._server, pg_link.SERVER)
        columns = pg_link.marks_of(self._server, self._wishes)
        return {"server": server, "table": oid, "publication": marks, "columns": columns}

    def written(self) -> int:
        """The end of the log."""
        (end,) = pg_link.one(self._server, "SELECT pg_current_wal_flush_lsn()::text")
        return pgoutput.number_of(end)

    def _found(self) -> dict[str, Any] | None:
        query = "SELECT to_jsonb(s) FROM pg_replication_slots AS s WHERE slot_name = %s"
        row = self._server.execute(query, (self._slot.name,)).fetchone()
        return row[0] if row else None

    def acknowledge(self, place: Mapping[str, Any]) -> None:
        """Advance the slot to what is merged; stop unless everything after it is still there."""
        for name, reason in _REASONS.items():
            if self._guard[name] != place.get(name):
                raise self._wishes.lost(reason)
        pg_link.refuse_altered(self._wishes, place.get("columns", {}), self._guard["columns"])
        found, merged = self._found(), pgoutput.number_of(place["lsn"])
        if found is None:
            raise self._wishes.lost(f"slot {self._slot.name} is gone")
        if _is_invalid(found) or self._is_strange(found):
            raise self._wishes.lost(f"slot {self._slot.name} is no longer valid")
        confirmed = pgoutput.number_of(found["confirmed_flush_lsn"])
        if confirmed > merged:
            raise self._wishes.lost(f"slot {self._slot.name} was advanced by somebody else, or made anew")
        if merged > self.written():
            raise self._wishes.lost("the source was restored to an earlier time")
        if confirmed < merged:
            query = "SELECT pg_replication_slot_advance(%s, %s)"
            self._server.execute(query, (self._slot.name, place["lsn"]))

    def _is_strange(self, found: Mapping[str, Any]) -> bool:
        (database,) = pg_link.one(self._server, "SELECT current_database()")
        return bool(found["plugin"] != "pgoutput" or found["database"] != database)

    # the whole table

    def whole(self, writer: deltas.Writer, *, anew: bool) -> Iterator[Delivery]:
        """The table in one snapshot. Transactions that are in it are left out when the slot gives them.

        A slot that stands was made by an earlier attempt, and is used; a given up place makes it ``anew``.
        """
        confirmed = self._slot_made(anew=anew)["confirmed_flush_lsn"]
        self._server.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._server.read_only = True
        with self._server.transaction():
            pg_link.lock(self._server, self._wishes)
            self._guard["columns"] = pg_link.marks_of(self._server, self._wishes)
            (snapshot,) = pg_link.one(self._server, "SELECT pg_current_snapshot()::text")
            (until,) = pg_link.one(self._server, "SELECT pg_current_wal_insert_lsn()::text")
            failpoint("snap.opened")
            columns = pg_link.columns_of(self._server, self._wishes, generated=False)
            pg_link.refuse_loose_key(self._server, self._wishes)
            rows = pg_link.whole_rows(self._server, self._wishes, columns)
            place = {"lsn": confirmed, "snapshot": snapshot, "until": until}
            yield writer.whole(list(columns), rows, position=self._place(place))

    def _slot_made(self, *, anew: bool) -> dict[str, Any]:
        found = self._found()
        if found is not None and self._is_strange(found):
            raise self._wishes.setup(f"slot {self._slot.name} belongs to something else", "name another slot")
        if found is not None and (anew or _is_invalid(found)):
            # an invalid one keeps nothing any more, for nobody
            self._server.execute("SELECT pg_drop_replication_slot(%s)", (self._slot.name,))
            found = None
        if found is None:
            query = "SELECT pg_create_logical_replication_slot(%s, 'pgoutput')"
            self._server.execute(query, (self._slot.name,))
            found = self._found()
        assert found is not None
        return found

    # changes

    def changes(self, writer: deltas.Writer, place: Mapping[str, Any]) -> Iterator[Delivery]:
        """Net changes after the place; what was committed before a TRUNCATE still comes, then it stops."""
        written, moved = self.written(), False
        try:
            with self._server.transaction():
                for part in deltas.cut(self._stream(place), position=place):
                    yield writer.changes(part)
                    moved = True
        except deltas.PositionDiffers:
            raise self._wishes.lost("the log holds other transactions than before") from None
        except pgoutput.Unreadable as unreadable:
            state = f"pgoutput {unreadable}"
            raise Stop("E_DRIVER", connection=self._wishes.connection, state=state) from None
        if self._is_truncated:
            raise self._wishes.lost("the table was emptied by TRUNCATE")
        if not moved and written - pgoutput.number_of(place["lsn"]) > IDLE_BYTES:
            yield self._idle(writer, place, written)

    def _idle(self, writer: deltas.Writer, place: Mapping[str, Any], written: int) -> Delivery:
        """Everything up to where the log ended before we looked is passed, or to where we stopped looking."""
        end = pgoutput.lsn(self._passed if self._messages >= self._slot.most else written)
        columns = pg_link.columns_of(self._server, self._wishes, generated=False)
        return writer.nothing(list(columns), mark=end, position=self._place({**place, "lsn": end}))

    def has_change(self, place: Mapping[str, Any]) -> bool:
        """True when the log holds a change of the table after the place."""
        with self._server.transaction():
            found = any(isinstance(each, Change) for each in self._stream(place))
        return found or self._is_truncated

    def _place(self, place: Mapping[str, Any]) -> dict[str, Any]:
        """A position; the snapshot of the whole read is forgotten once the log is past it."""
        kept = {**self._guard, "lsn": place["lsn"]}
        until = place.get("until")
        if until is None or pgoutput.number_of(place["lsn"]) >= pgoutput.number_of(until):
            return kept
        return {**kept, "snapshot": place["snapshot"], "until": until}

    def _stream(self, place: Mapping[str, Any]) -> Iterator[Change | Commit]:
        """Every transaction that the place has not seen, as the slot gives it without moving."""
        known: dict[int, Relation] = {}
        transaction, is_seen = "", False
        for data in self._peeked():
            message = pgoutput.parse(data)
            match message:
                case pgoutput.Begin():
                    transaction, is_seen = pgoutput.lsn(message.commit), _is_seen(message, place)
                case pgoutput.Relation():
                    known[message.oid] = message
                case pgoutput.Written() if message.oid == self._guard["table"] and not is_seen:
                    yield from self._changed(message, known[message.oid], transaction)
                case pgoutput.Truncated() if self._guard["table"] in message.oids and not is_seen:
                    self._is_truncated = True
                    return
                case pgoutput.Commit():
                    self._passed = message.end
                    yield Commit(transaction, self._place({**place, "lsn": pgoutput.lsn(message.end)}))

    def _peeked(self) -> Iterator[bytes]:
        query: LiteralString = """
            SELECT data
            FROM pg_logical_slot_peek_binary_changes(
                %s, NULL, %s, 'proto_version', '1', 'publication_names', %s)
        """
        publication = sql.Identifier(self._slot.publication).as_string()
        with self._server.cursor(name="renkei_log", scrollable=False) as cursor:
            cursor.itersize = 5_000
            cursor.execute(query, (self._slot.name, self._slot.most, publication))
            for self._messages, (data,) in enumerate(cursor, start=1):
                yield data

    def _changed(self, written: Written, relation: Relation, transaction: str) -> Iterator[Change]:
        if relation.identity != "f" or not set(self._wishes.key) <= set(relation.columns):
            raise self._wishes.lost("REPLICA IDENTITY was not FULL all the time, or the key was renamed")
        key, columns = self._wishes.key, relation.columns
        was = pgoutput.key_of(written.old, relation, key) if written.old else None
        if written.new is None:
            assert was is not None
            yield Change(transaction, was, columns, None)
            return
        new = pgoutput.filled(written.new, written.old)
        is_ = pgoutput.key_of(new, relation, key)
        if was is not None and was != is_:
            yield Change(transaction, was, columns, None)
        yield Change(transaction, is_, columns, pgoutput.texts(new, relation), was != is_)


_REASONS = {
    "server": "it is another server, or one that was restored or promoted",
    "table": "the table was made anew",
    "publication": "its publication was changed",
}
#: A table that was taken out of the publication and put back has another row there: what happened in between
#: is not in the log.
_PUBLISHED: LiteralString = """
SELECT c.oid::bigint, c.relreplident::text,
       p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate
           AND to_jsonb(r) ->> 'prqual' IS NULL AND to_jsonb(r) ->> 'prattrs' IS NULL,
       format('%%s:%%s/%%s:%%s', p.oid, p.xmin, r.oid, r.xmin)
FROM pg_class AS c
JOIN pg_publication_rel AS r ON r.prrelid = c.oid
JOIN pg_publication AS p ON p.oid = r.prpubid
WHERE c.oid = to_regclass(%(table)s) AND p.pubname = %(publication)s AND c.relkind = 'r'
"""


def _is_invalid(found: Mapping[str, Any]) -> bool:
    """True when the source no longer keeps what the slot stands for."""
    return bool(found["wal_status"] == "lost" or found.get("invalidation_reason") or found.get("conflicting"))


def _is_seen(begin: pgoutput.Begin, place: Mapping[str, Any]) -> bool:
    """True when the whole read already had what this transaction did."""
    until = place.get("until")
    if until is None or begin.commit >= pgoutput.number_of(until):
        return False
    return pgoutput.is_visible(begin.xid, place["snapshot"])
