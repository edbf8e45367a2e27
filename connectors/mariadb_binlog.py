"""Changes of one MariaDB table from its binary log, followed by GTID.

For a MariaDB (10.5 or later) that logs rows in full; docs/changes.md lists its settings. Nothing is installed
there, and nothing runs inside its transactions.

Connection settings: ``host port database user`` (an account with REPLICATION SLAVE, BINLOG MONITOR and the
right to SELECT from the table), ``password`` (a reference, ``file:/path`` or ``env:NAME``), and if wanted
``sslmode`` (``verify-full`` unless the host is this machine), ``sslrootcert`` and ``retry_seconds`` (20
unless said, 25 at most).
Feed settings: ``table`` (``name`` or ``database.name``), ``key`` (columns of a unique index, none of them
nullable), and if wanted ``deadline`` (``30m``).

What a pull promises:

- the first one reads the whole table in one snapshot, with the GTID of that very snapshot; every later one
  gives exactly the transactions after it, whole and in the order of the log;
- values are decoded here from the logged bytes, and read as a SELECT gives them, also from cp932 columns;
- a log that was purged or begun anew, a gap in the GTIDs, another server, TRUNCATE, and changes that were
  logged as statements are E_POSITION_LOST. ``renkei run --resnapshot`` makes the next pull read the whole
  table again; nothing else does;
- where only other tables change, a delivery without rows moves the position whenever the log has begun a new
  file, so that it stays clear of the purge.
"""

import logging
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import pymysql
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.event import (
    MariadbGtidEvent,
    NotImplementedEvent,
    QueryEvent,
    XAPrepareEvent,
    XidEvent,
)
from pymysqlreplication.row_event import DeleteRowsEvent, RowsEvent, UpdateRowsEvent, WriteRowsEvent

from renkei.errors import Stop, TryAgain
from renkei.failpoint import failpoint
from renkei.formats.changes import deltas, row_image
from renkei.formats.changes.deltas import Change, Commit, Row
from renkei.formats.changes.row_image import Described, Reader
from renkei.model import Checkpoint, Connection, Delivery, Feed

from .parts import mariadb_link

#: Events 165 to 171 hold rows or statements compressed, which the library would pass over in silence.
_COMPRESSED = range(165, 172)
#: A flag of a GTID: one statement that commits by itself, such as CREATE TABLE.
_STANDALONE = 1
_EVENTS = (
    MariadbGtidEvent, QueryEvent, XidEvent, WriteRowsEvent, UpdateRowsEvent, DeleteRowsEvent,
    XAPrepareEvent, NotImplementedEvent,
)  # fmt: skip


def connect(connection: Connection, *, workdir: Path) -> "MariadbBinlog":
    """A connector for one server; nothing is contacted yet."""
    # the library tells of every cut by itself; here a cut is a fault with a code
    logging.getLogger("pymysqlreplication").setLevel(logging.CRITICAL)
    return MariadbBinlog(connection, workdir)


class MariadbBinlog:
    """Reads the changes of tables of one server into files below ``workdir``."""

    replayable = True
    ordered = True
    idempotent = False

    def __init__(self, connection: Connection, workdir: Path) -> None:
        self.connection = connection
        self.notes: list[str] = []
        self._workdir = workdir

    def pull(self, feed: Feed, since: Checkpoint | None) -> Iterator[Delivery]:
        """The whole table first; from then on the net changes since the position, in the order of the log.

        TryAgain: E_LINK_DOWN, E_PULL_LOST, E_PULL_DEADLINE, E_SOURCE_BUSY. Stop: E_POSITION_LOST, E_AUTH,
        E_PULL_SHORT, E_DISK, E_DRIVER. FixDeclaration: E_CHANGES_SETUP, E_SOURCE_OBJECT, E_SECRET,
        E_DECLARATION.
        """
        wishes = mariadb_link.Wishes.of(feed, self.connection)
        place = since.place if since else None
        writer = deltas.Writer(feed.id, self._workdir, name=wishes.name, key=wishes.key)
        link = mariadb_link.Link(self.connection, feed=feed.id, seconds=wishes.deadline)
        with link.faults():
            server = link.open()
            link.prepare(server)
            mariadb_link.refuse_unlogged(server, wishes)
            if place is None:
                yield _whole(server, wishes, writer)
            else:
                yield from _changes(link, server, wishes, writer, place=place)

    def wait(self, feed: Feed, since: Checkpoint | None, *, seconds: float) -> bool:
        """True as soon as the log holds a change after the position, false when the time is up."""
        wishes = mariadb_link.Wishes.of(feed, self.connection)
        place = since.place if since else None
        if place is None or "inside" in place:
            return True
        link = mariadb_link.Link(self.connection, feed=feed.id, seconds=seconds)
        try:
            with link.faults():
                server = link.open()
                _check(server, wishes, place)
                log = _Log(link, wishes, place)
                return any(isinstance(each, Change) for each in log.stream()) or log.lost != ""
        except TryAgain as late:
            if late.code != "E_PULL_DEADLINE":
                raise
            return False

    def test(self) -> Mapping[str, str]:
        """Sign in once and say whether the log can be followed."""
        link = mariadb_link.Link(self.connection, feed=self.connection.name, seconds=30)
        with link.faults():
            names = ("version", "log_bin", "binlog_format", "binlog_row_metadata", "gtid_binlog_pos")
            found = mariadb_link.one(link.open(), f"SELECT {', '.join(f'@@global.{name}' for name in names)}")
        return {name: str(value) for name, value in zip(names, found, strict=True)}


def _position(server_id: str, place: "mariadb_link.Place") -> dict[str, Any]:
    return {
        "server": server_id,
        "gtid": place.gtid,
        "file": place.file,
        "at": place.at,
    }


def _server_id(server: "mariadb_link.Server") -> str:
    return str(mariadb_link.one(server, "SELECT @@global.server_id")[0])


def _whole(server: "mariadb_link.Server", wishes: "mariadb_link.Wishes", writer: deltas.Writer) -> Delivery:
    columns = mariadb_link.columns_of(server, wishes)
    place = mariadb_link.snapshot(server)
    failpoint("snap.opened")
    position = _position(_server_id(server), place)
    return writer.whole(list(columns), mariadb_link.whole_rows(server, wishes, columns), position=position)


def _check(server: "mariadb_link.Server", wishes: "mariadb_link.Wishes", place: Mapping[str, Any]) -> None:
    """Stop unless the log still has the place, and still says the same GTIDs there.

    After RESET MASTER the same GTIDs come again for other changes; they do not end at the same byte.
    """
    if _server_id(server) != place["server"]:
        raise wishes.lost("it is another server")
    found = mariadb_link.gtid_at(server, place["file"], place["at"])
    if found is None:
        raise wishes.lost("the binary log was purged or begun anew")
    if found != place["gtid"]:
        raise wishes.lost("the binary log has other GTIDs at this place")


def _changes(
    link: "mariadb_link.Link",
    server: "mariadb_link.Server",
    wishes: "mariadb_link.Wishes",
    writer: deltas.Writer,
    *,
    place: Mapping[str, Any],
) -> Iterator[Delivery]:
    """Everything up to where the log ends now; an answer that ends before that is a link that was lost."""
    _check(server, wishes, place)
    columns = list(mariadb_link.columns_of(server, wishes))
    end = mariadb_link.end_of_log(server)
    log, moved = _Log(link, wishes, place), False
    try:
        for part in deltas.cut(log.stream(until=end.gtid), position=place):
            yield writer.changes(part)
            moved = True
    except deltas.PositionDiffers:
        raise wishes.lost("the binary log holds other transactions than before") from None
    if log.lost:
        raise wishes.lost(log.lost)
    if not moved and end.file != place["file"]:
        position = _position(place["server"], end)
        yield writer.nothing(columns, mark=f"{end.file}:{end.at}", position=position)


@dataclass(kw_only=True)
class _Group:
    """The transaction under way."""

    gtid: str = ""
    flags: int = 0
    rows: int = 0


class _Log:
    """The log after a place, transaction by transaction. ``lost`` says why it cannot be followed further."""

    def __init__(
        self, link: "mariadb_link.Link", wishes: "mariadb_link.Wishes", place: Mapping[str, Any]
    ) -> None:
        self._link, self._wishes, self._place = link, wishes, place
        self._domains = dict(_parts(gtid) for gtid in place["gtid"].split(",") if gtid)
        self._group, self._is_between = _Group(), True
        self.lost = ""

    def stream(self, *, until: str | None = None) -> Iterator[Change | Commit]:
        """Changes and commits, ``until`` these GTIDs are reached; without them it waits for more."""
        reader = self._reader()
        with closing(reader):
            try:
                while not self.lost and not self._has_reached(until):
                    yield from self._told(reader.fetchone(), reader)
            except pymysql.OperationalError as error:
                if error.args[0] != 1236:
                    raise
                self.lost = "the server no longer has the log after the GTID"
            except (row_image.Unreadable, UnicodeDecodeError) as unreadable:
                state = f"row image: {unreadable if isinstance(unreadable, row_image.Unreadable) else 'text'}"
                raise Stop("E_DRIVER", connection=self._wishes.connection, state=state) from None

    def _has_reached(self, until: str | None) -> bool:
        """True between two transactions, when the last of each domain is behind us."""
        if until is None or not self._is_between:
            return False
        ends = [_parts(gtid) for gtid in until.split(",") if gtid]
        return all(self._domains.get(domain, (0, 0))[1] >= number for domain, (_, number) in ends)

    def _reader(self) -> BinLogStreamReader:
        # With is_mariadb and a file name the library begins at the first file there is: only GTIDs will do.
        # Without blocking it sends a byte too many, and the server's last answers can be lost by a reset.
        return BinLogStreamReader(
            connection_settings=self._link.with_secret(), pymysql_wrapper=self._link.again,
            server_id=secrets.randbelow(1 << 30) + (1 << 30), is_mariadb=True,
            auto_position=self._place["gtid"], blocking=True, only_events=_EVENTS,
            filter_non_implemented_events=False, only_schemas=[self._wishes.database],
            only_tables=[self._wishes.table], enable_logging=False, slave_heartbeat=None,
        )  # fmt: skip

    def _told(self, event: object, reader: BinLogStreamReader) -> Iterator[Change | Commit]:
        match event:
            case MariadbGtidEvent():
                self._begin(event)
            case RowsEvent():
                yield from self._rows(event)
            case XidEvent():
                yield self._commit(reader)
            case XAPrepareEvent():
                self._refuse_rows("its rows were changed in an XA transaction")
                yield self._commit(reader)
            case QueryEvent():
                yield from self._statement(event, reader)
            case NotImplementedEvent() if event.event_type in _COMPRESSED:
                self.lost = "events were logged compressed"

    def _begin(self, event: MariadbGtidEvent) -> None:
        domain, number = event.domain_id, event.gtid_seq_no
        if number != self._domains.get(domain, (0, 0))[1] + 1:
            self.lost = "a gap in the GTIDs"
        self._domains[domain] = (event.server_id, number)
        self._group, self._is_between = _Group(gtid=event.gtid, flags=event.flags), False

    def _commit(self, reader: BinLogStreamReader) -> Commit:
        gtids = sorted(f"{domain}-{server}-{number}" for domain, (server, number) in self._domains.items())
        end = mariadb_link.Place(gtid=",".join(gtids), file=reader.log_file, at=reader.log_pos)
        self._is_between = True
        return Commit(self._group.gtid, _position(self._place["server"], end))

    def _refuse_rows(self, reason: str) -> None:
        if self._group.rows:
            self.lost = reason

    def _rows(self, event: RowsEvent) -> Iterator[Change]:
        """Rows in pairs of before and after for an update; all images must be whole."""
        columns = tuple(_described(column) for column in event.columns)
        names, readers, key = _layout(columns, self._wishes.key)
        bitmaps = [event.columns_present_bitmap, getattr(event, "columns_present_bitmap2", b"")]
        if any(
            int.from_bytes(bits, "little") & (1 << len(names)) - 1 != (1 << len(names)) - 1
            for bits in bitmaps
            if bits
        ):
            self.lost = "rows were not logged in full"
            return
        data = event.packet.read(event.event_size - event.packet.read_bytes)
        images = row_image.images(data, readers)
        for image in images:
            self._group.rows += 1
            old = None if isinstance(event, WriteRowsEvent) else _key_of(image, key)
            new = next(images) if isinstance(event, UpdateRowsEvent) else image
            is_ = None if isinstance(event, DeleteRowsEvent) else _key_of(new, key)
            if old is not None and old != is_:
                yield Change(self._group.gtid, old, names, None)
            if is_ is not None:
                yield Change(self._group.gtid, is_, names, new, old != is_)

    def _statement(self, event: QueryEvent, reader: BinLogStreamReader) -> Iterator[Commit]:
        text = _COMMENT.sub(" ", event.query).strip()
        word = text.split(None, 1)[0].upper() if text else ""
        if word == "ROLLBACK":
            self._refuse_rows("its rows were changed in a transaction that was rolled back in part")
        elif _remakes(text, self._wishes.table):
            self.lost = f"the table was emptied or made anew by {word}"
        elif word in _CHANGING and self._is_ours(event):
            self.lost = "changes were logged as statements"
        if not self.lost and (word in {"COMMIT", "ROLLBACK"} or self._group.flags & _STANDALONE):
            yield self._commit(reader)

    def _is_ours(self, event: QueryEvent) -> bool:
        schema = bytes(event.schema).decode("utf-8", "replace")
        return schema == self._wishes.database or _names(event.query, self._wishes.table)


_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CHANGING = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "SELECT", "CALL"})
#: After these, rows are gone or others without a word on each; an ALTER that adds an empty column is not one.
_ANEW = re.compile(
    r"(TRUNCATE|DROP\s+TABLE|RENAME\s+TABLE|CREATE\s+(OR\s+REPLACE\s+)?TABLE"
    r"|ALTER\s+(ONLINE\s+)?(IGNORE\s+)?TABLE\b.*\b(PARTITION|TABLESPACE"
    r"|MODIFY|CHANGE|CONVERT|DEFAULT(?!\s+NULL)|NOT\s+NULL|GENERATED|AS|RENAME(?!\s+(COLUMN|INDEX|KEY))))\b",
    re.IGNORECASE | re.DOTALL,
)


def _remakes(text: str, table: str) -> bool:
    return _ANEW.match(text) is not None and _names(text, table)


def _names(text: str, table: str) -> bool:
    """True when a statement may speak of the table; in doubt it does."""
    return re.search(rf"(?<![\w$]){re.escape(table)}(?![\w$])", text, re.IGNORECASE) is not None


def _parts(gtid: str) -> tuple[int, tuple[int, int]]:
    domain, server, number = map(int, gtid.split("-"))
    return domain, (server, number)


def _key_of(row: Row, key: tuple[int, ...]) -> tuple[str, ...]:
    values = tuple(row[place] for place in key)
    if None in values:
        raise row_image.Unreadable("key")
    return cast("tuple[str, ...]", values)


def _described(column: Any) -> Described:  # noqa: ANN401 - the library has no types
    get = vars(column).get
    return Described(
        name=column.name or "",
        type=column.type,
        unsigned=bool(column.unsigned),
        charset=column.character_set_name or "",
        size=get("size") or get("length_size") or get("bytes") or 0,
        length=get("max_length") or 0,
        precision=get("precision") or 0,
        decimals=get("decimals") or get("fsp") or 0,
        values=tuple((get("enum_values") or ("",))[1:] or get("set_values") or ()),
    )


@lru_cache(maxsize=64)
def _layout(
    columns: tuple[Described, ...], key: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[Reader, ...], tuple[int, ...]]:
    """Names, readers, and where the key is; the log must have named its columns."""
    names = tuple(column.name for column in columns)
    if not all(names) or not set(key) <= set(names):
        raise row_image.Unreadable("names of columns")
    return names, row_image.readers_of(columns), tuple(map(names.index, key))
