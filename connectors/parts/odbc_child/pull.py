"""Read a table whole: every chunk proved by the source's own hash, all of them by its count."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from renkei.errors import Stop, TryAgain
from renkei.failpoint import failpoint

from . import lines
from .blocks import Blocks, Written, blocks
from .chunks import Chunk, Reader, ahead, reader_of
from .keep import Entry, Kept
from .orders import Order
from .ranges import Range
from .snapshot import Snapshot, opened

#: How often a table without snapshots is read until it stands still.
_ROUNDS = 5

#: Is told each chunk and its rows.
Told = Callable[[Chunk, pa.Table], None]


def pull(order: Order) -> dict[str, Any]:
    """One delivery, or none: rows into ``part``, and the position to go on from."""
    kept = Kept(Path(order["folder"]), order["feed"], identity=_identity(order))
    since = order.get("since") or {}
    with opened({**order, "seen": [since.get("server", {}), kept.seen]}) as snapshot:
        _refuse_longest(snapshot)
        if order.get("delta"):
            from .delta import take

            return take(snapshot, kept)
        written = whole(snapshot, kept)
        position = {"snapshot": snapshot.name, "server": dict(snapshot.server)}
        return {**vars(written), "position": position}


def _identity(order: Order) -> dict[str, Any]:
    """What chunks are chunks of, and since which beginning; not through which port they came."""
    return {name: order[name] for name in ("connection", "table", "key", "epoch")}


def _refuse_longest(snapshot: Snapshot) -> None:
    """A value beyond the feed's limit is refused before it is read."""
    limit = snapshot.order["text_bytes"]
    for column, length in snapshot.longest().items():
        if length > limit:
            raise Stop("E_PULL_TOO_LONG", feed=snapshot.order["feed"], column=column, limit=limit)


def whole(snapshot: Snapshot, kept: Kept, *, tell: Told | None = None) -> Written:
    """All rows; where the engine has no snapshots, again and again until nothing moves."""
    kept.take_up([f"{column.name} {column.type}" for column in snapshot.source.columns])
    for _ in range(_ROUNDS):
        stated = snapshot.count()
        failpoint("snap.opened")
        reader = reader_of(snapshot, snapshot.source.columns, count=stated)
        written, moved = _write(ahead(_chunks(reader, kept)), snapshot, kept, tell or _nobody)
        if snapshot.source.has_snapshot:
            prove_count(stated, written.rows, snapshot.order)
            return written
        if not moved and written.rows == stated:
            return written
        kept.again()
    raise TryAgain("E_SOURCE_BUSY", connection=snapshot.order["connection"], state="moving")


def _nobody(chunk: Chunk, rows: pa.Table) -> None:
    """Nobody wants to know."""


def _chunks(reader: Reader, kept: Kept) -> Iterator[Chunk]:
    """Every chunk in the order of the key: from the disk if the source says that it still stands so."""
    low = None
    for entry in kept.ahead:
        if entry.range.low != low:
            yield from reader.read(Range(low=low, high=entry.range.low))
        kept.pass_by(entry)
        yield from _again(entry, reader, kept)
        low = entry.range.high
        if low is None:
            return
    yield from reader.read(Range(low=low))


def _again(entry: Entry, reader: Reader, kept: Kept) -> Iterator[Chunk]:
    text = kept.text(entry)
    if text is None or reader.stated(entry.range, is_escaped=entry.is_escaped) != (entry.rows, entry.digest):
        yield from reader.read(entry.range)
        return
    yield Chunk(
        range=entry.range, rows=entry.rows, digest=entry.digest, is_escaped=entry.is_escaped, text=text,
        is_kept=True,
    )  # fmt: skip


def _write(chunks: Iterator[Chunk], snapshot: Snapshot, kept: Kept, tell: Told) -> tuple[Written, bool]:
    """Chunks to the disk and into the delivery; also whether any of them was new."""
    names = [column.name for column in snapshot.source.columns]
    schema = pa.schema([(name, pa.string()) for name in names])
    moved = False
    with blocks(Path(snapshot.order["part"]), schema) as file:
        for chunk in chunks:
            rows = proved(chunk, names, snapshot.order)
            kept.put(chunk, server=snapshot.server)
            _add(file, rows)
            tell(chunk, rows)
            moved |= not chunk.is_kept
        failpoint("pull.last")
    return file.written, moved


def _add(file: Blocks, rows: pa.Table) -> None:
    file.add(rows)
    failpoint("pull.chunk")


def proved(chunk: Chunk, names: list[str], order: Order) -> pa.Table:
    """The rows of a chunk, if its text is the very one that the source hashed."""
    if hashlib.md5(chunk.text, usedforsecurity=False).hexdigest() != chunk.digest:
        raise Stop("E_PULL_CHECKSUM", feed=order["feed"], column="*")
    rows = lines.table(chunk.text, names, rows=chunk.rows, escaped=chunk.is_escaped)
    prove_count(chunk.rows, rows.num_rows, order)
    return rows


def prove_count(stated: int, counted: int, order: Order) -> None:
    """Nothing less and nothing more than the source said it has."""
    if counted != stated:
        raise Stop("E_PULL_SHORT", feed=order["feed"], stated=stated, counted=counted)
