"""What became of a table since the position: by its own time of change, and now and then by every hash.

A delta reads the rows changed since the mark less an overlap, and leaves out those known with the same hash:
so a tie is never cut, and a transaction that committed late is found while it is no later than the overlap.
A sweep compares the key and hash of every row: it finds later commits, changes without a time, and deletes.
"""

from collections.abc import Sequence
from copy import copy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from renkei.errors import FixDeclaration, Stop
from renkei.failpoint import failpoint
from renkei.model import GONE

from . import known, lines, stamps
from .blocks import blocks
from .chunks import Chunk, Reader, ahead, reader_of
from .dialects import Column
from .keep import Kept
from .known import HASH
from .pull import prove_count, proved, whole
from .ranges import Condition, Range, one_of, value_of
from .snapshot import Snapshot, differs

#: Keys that are asked for at once, and the share of rows beyond which all of them are read instead.
_AT_ONCE, _MANY = 400, 0.2


class Taken:
    """Rows that were read, and beside each its key and hash."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._keys = [key.name for key in snapshot.keys]
        columns = [(column.name, pa.string()) for column in snapshot.source.columns]
        self.rows: pa.Table = pa.schema(columns).empty_table()
        self.known: pa.Table = known.schema(self._keys).empty_table()

    def note(self, chunk: Chunk, rows: pa.Table) -> None:
        """Only the hashes: the rows themselves went elsewhere."""
        hashes = pa.array(lines.hashes(chunk.text, rows=chunk.rows, escaped=chunk.is_escaped), pa.string())
        self.note_told(rows.select(self._keys).append_column(HASH, hashes))

    def note_told(self, hashed: pa.Table) -> None:
        """Keys with the hashes that the source told."""
        self.known = pa.concat_tables([self.known, hashed])

    def add(self, chunk: Chunk, rows: pa.Table) -> None:
        """Rows too."""
        self.note(chunk, rows)
        self.rows = pa.concat_tables([self.rows, rows])

    def only(self, these: pa.Array) -> "Taken":
        """Those that are marked true."""
        picked = copy(self)
        picked.rows, picked.known = self.rows.filter(these), self.known.filter(these)
        return picked


def take(snapshot: Snapshot, kept: Kept) -> dict[str, Any]:
    """Whole, swept, or the delta: whichever the position and its age ask for."""
    order = snapshot.order
    since: dict[str, Any] = order["since"]
    folder, names = Path(order["folder"]), [key.name for key in snapshot.keys]
    before = known.load(folder, order["feed"], since.get("known", ""), names)
    if before is None or not since.get("mark") or since.get("columns") != _columns(snapshot):
        return _whole(snapshot, kept)
    if _is_due(since, snapshot):
        return _sweep(snapshot, kept, before)
    return _delta(snapshot, before)


def _columns(snapshot: Snapshot) -> list[str]:
    """What the hashes are hashes of."""
    return [column.name for column in snapshot.source.columns]


def _is_due(since: dict[str, Any], snapshot: Snapshot) -> bool:
    """A sweep is due when the last is too old, and when another server took over."""
    age = _moment(snapshot.now) - _moment(since["swept_at"])
    is_old = age >= timedelta(seconds=snapshot.order["delta"]["sweep"]) or age < timedelta(0)
    return is_old or differs(snapshot.server, since.get("server", {}), "timeline")


def _whole(snapshot: Snapshot, kept: Kept) -> dict[str, Any]:
    taken = Taken(snapshot)
    written = whole(snapshot, kept, tell=taken.note)
    return {**vars(written), "is_whole": True, **_position(snapshot, taken.known, swept=True)}


def _position(snapshot: Snapshot, now_known: pa.Table, *, swept: bool) -> dict[str, Any]:
    """Where the next pull goes on from, once the delivery is merged."""
    order = snapshot.order
    doubled = known.doubled(now_known)
    if doubled:
        raise Stop("E_PULL_KEY", feed=order["feed"], key=", ".join(order["key"]), rows=doubled)
    position = {
        "mark": _mark(snapshot) or order["since"].get("mark"),
        "known": known.save(now_known, Path(order["folder"]), order["feed"]),
        "swept_at": snapshot.now if swept else order["since"]["swept_at"],
        "columns": _columns(snapshot),
        "server": dict(snapshot.server),
        "snapshot": snapshot.name,
    }
    return {"position": position}


# the time of change -------------------------------------------------------------------------------


def _changed_at(snapshot: Snapshot) -> Column:
    return snapshot.source.column(snapshot.order["delta"]["changed_at"])


def _mark(snapshot: Snapshot) -> list[str] | None:
    """The latest change and its key; a time that the source's clock has not reached yet marks nothing."""
    latest = _latest(snapshot, Condition())
    if not latest:
        return None
    column, now, stamp = _changed_at(snapshot), _moment(snapshot.now), stamps.read(latest[0])
    if stamp and stamp.moment <= now:
        return latest
    reached = stamp.at(now) if stamp else snapshot.now
    latest = _latest(snapshot, Condition(sql=f"{column.quoted} <= {value_of(column)}", parameters=(reached,)))
    if latest:
        _stamp(latest[0], snapshot)
    return latest


def _moment(told: str) -> datetime:
    stamp = stamps.read(told)
    assert stamp is not None, "every dialect tells its time as a date and a time"
    return stamp.moment


def _latest(snapshot: Snapshot, condition: Condition) -> list[str] | None:
    column, dialect = _changed_at(snapshot), snapshot.dialect
    names = [column, *snapshot.keys]
    texts = ", ".join(f"{each.text} AS c{number}" for number, each in enumerate(names))
    by = ", ".join(f"{each.quoted} DESC" for each in names)
    query = (
        f"SELECT {texts} FROM {snapshot.source.quoted}"
        f" WHERE {column.quoted} IS NOT NULL AND ({condition.sql}) ORDER BY {by}"
    )
    rows = snapshot.ask(dialect.page(query, skip=0), condition.parameters)
    return [str(value) for value in rows[0].values()] if rows else None


def _stamp(text: str, snapshot: Snapshot) -> stamps.Stamp:
    stamp = stamps.read(text)
    if stamp is None:
        name = snapshot.order["delta"]["changed_at"]
        problem = f"{snapshot.order['feed']}: changed_at {name} holds no date or time of change"
        raise FixDeclaration("E_DECLARATION", problems=problem)
    return stamp


# a delta ------------------------------------------------------------------------------------------


def _delta(snapshot: Snapshot, before: pa.Table) -> dict[str, Any]:
    order, column = snapshot.order, _changed_at(snapshot)
    failpoint("snap.opened")
    stamp = _stamp(order["since"]["mark"][0], snapshot)
    start = stamp.before(timedelta(seconds=order["delta"]["overlap"]))
    since = Condition(sql=f"{column.quoted} >= {value_of(column)}", parameters=(start,))
    taken = _read(snapshot, [since])
    changed = taken.only(known.differ(taken.known, before))
    if not changed.known.num_rows:
        return {"sha256": None}
    return _deliver(snapshot, changed, before.slice(0, 0), before, swept=False)


def _read(snapshot: Snapshot, conditions: Sequence[Condition]) -> Taken:
    """The rows that fulfil any of the conditions, proved like all others."""
    columns = snapshot.source.columns
    taken, names = Taken(snapshot), [column.name for column in columns]
    for condition in conditions:
        reader = Reader(snapshot=snapshot, columns=columns, rows=snapshot.order["chunk"], condition=condition)
        for chunk in ahead(reader.read(Range())):
            taken.add(chunk, proved(chunk, names, snapshot.order))
            failpoint("pull.chunk")
    return taken


def _deliver(
    snapshot: Snapshot, changed: Taken, gone: pa.Table, before: pa.Table, *, swept: bool
) -> dict[str, Any]:
    """Changed rows as they are, gone ones by their key."""
    rows = changed.rows.append_column(GONE, pa.repeat(pa.scalar(value=False), changed.rows.num_rows))
    ended = gone.drop_columns([HASH]).append_column(GONE, pa.repeat(pa.scalar(value=True), gone.num_rows))
    with blocks(Path(snapshot.order["part"]), rows.schema) as file:
        file.add(rows)
        file.add(pa.concat_tables([rows.slice(0, 0), ended], promote_options="default"))
        failpoint("pull.last")
    now_known = known.replaced(before, changed.known, gone)
    return {**vars(file.written), "is_whole": False, **_position(snapshot, now_known, swept=swept)}


# a sweep ------------------------------------------------------------------------------------------


def _sweep(snapshot: Snapshot, kept: Kept, before: pa.Table) -> dict[str, Any]:
    failpoint("snap.opened")
    stands = _survey(snapshot)
    wanted = stands.filter(known.differ(stands, before))
    if wanted.num_rows > max(_AT_ONCE, _MANY * stands.num_rows):
        return _whole(snapshot, kept)
    keys = list(zip(*(wanted[key.name].to_pylist() for key in snapshot.keys), strict=True))
    parts = [keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE)]
    changed = _read(snapshot, [one_of(snapshot.keys, part) for part in parts])
    if snapshot.source.has_snapshot and pc.any(known.differ(wanted, changed.known)).as_py():
        raise Stop("E_PULL_CHECKSUM", feed=snapshot.order["feed"], column="*")
    gone = known.missing_from(before, stands)
    # delivered even when nothing differs: only a delivery that is merged says that the sweep was made
    return _deliver(snapshot, changed, gone, before, swept=True)


def _survey(snapshot: Snapshot) -> pa.Table:
    """Key and hash of every row: computed by the source, or here where it has no hash."""
    taken, columns = Taken(snapshot), snapshot.source.columns
    here = snapshot.dialect.proof == "hex"
    asked = columns if here else (*snapshot.keys, _hash_of(columns, snapshot))
    names = [column.name for column in asked]
    count = snapshot.count()
    reader = reader_of(snapshot, asked, count=count)
    for chunk in ahead(reader.read(Range())):
        rows = proved(chunk, names, snapshot.order)
        if here:
            taken.note(chunk, rows)
        else:
            taken.note_told(rows)
        failpoint("pull.chunk")
    stands = taken.known
    prove_count(count, stands.num_rows, snapshot.order)
    return stands


def _hash_of(columns: Sequence[Column], snapshot: Snapshot) -> Column:
    dialect = snapshot.dialect
    text = dialect.hashed(lines.line(columns, dialect))
    return Column(name=HASH, quoted="", type="", text=text, is_nullable=False)
