"""Changes of a table → Arrow deliveries: net changes in the order of commits, each transaction whole.

A connector gives a flat stream: every :class:`Change` of one transaction, then its :class:`Commit`, then the
next. A delivery holds as many transactions as touch different keys, so that no committed version of a row is
lost; inside one transaction only the last state of a key counts, as nobody else ever saw the others. It is
also cut at so many rows or bytes, and where the columns change. Only a transaction that is larger than a
delivery is cut in its midst; the position then says after how many of its changes (``inside``). A stream that
ends without a commit gives nothing of the transaction that was open.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa

from renkei.failpoint import failpoint
from renkei.model import GONE, Delivery
from renkei.part import HashedFile, disk_errors, held, publish

#: A delivery of changes ends at so many rows or so many characters; a block of a file is a part of that.
ROWS, CHARACTERS = 50_000, 64 << 20
BLOCK_ROWS, BLOCK_CHARACTERS = 10_000, 16 << 20

#: One row as text, in the order of its columns.
Row = tuple[str | None, ...]


class Change(NamedTuple):
    """What became of one key in a transaction. ``values`` is None where the key is gone.

    ``is_new``: the key was not there before this change; if it also leaves in the same transaction, nothing
    happened.
    """

    transaction: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    values: Row | None
    is_new: bool = False


class Commit(NamedTuple):
    """The end of a transaction, and the position of a feed that has taken it in."""

    transaction: str
    position: Mapping[str, Any]


class PositionDiffers(Exception):
    """The transaction that a pull should go on with is not the one that comes first."""


@dataclass(kw_only=True)
class Part:
    """Net changes that go into one delivery: key → its row, or None and gone."""

    columns: tuple[str, ...] = ()
    rows: dict[tuple[str, ...], Row | None] = field(default_factory=dict)
    new: set[tuple[str, ...]] = field(default_factory=set)
    characters: int = 0
    first: str = ""
    last: str = ""
    position: Mapping[str, Any] = field(default_factory=dict)

    def is_full(self, rows: int) -> bool:
        """No more than this goes into one delivery."""
        return len(self.rows) >= rows or self.characters >= CHARACTERS

    def put(self, change: Change) -> None:
        """Add a change; what the same transaction did to the key before is overtaken."""
        self.columns = change.columns
        known = change.key in self.rows
        if change.values is None and change.key in self.new:
            del self.rows[change.key]
            self.new.discard(change.key)
            return
        if known:
            del self.rows[change.key]
        elif change.is_new:
            self.new.add(change.key)
        self.rows[change.key] = change.values
        self.characters += sum(len(value) for value in change.values or () if value is not None)

    def takes(self, other: "Part", rows: int) -> bool:
        """True when the other's transaction fits in behind ours without hiding a version of a key."""
        if not self.rows or not other.rows:
            return True
        fits = len(self.rows) + len(other.rows) <= rows and self.characters + other.characters <= CHARACTERS
        return fits and self.columns == other.columns and self.rows.keys().isdisjoint(other.rows)

    def absorb(self, other: "Part", commit: Commit) -> None:
        """Put a whole transaction behind ours."""
        if other.rows:
            self.columns = other.columns
            self.first = self.first or f"{commit.transaction}/{other.first}"
            self.last = commit.transaction
        self.rows.update(other.rows)
        self.characters += other.characters
        self.position = commit.position


def cut(
    stream: Iterable[Change | Commit], *, position: Mapping[str, Any], rows: int = ROWS
) -> Iterator[Part]:
    """Net changes, delivery by delivery, from ``position`` on; each carries the position that follows it.

    ``rows`` is the most that one delivery holds.
    """
    committed = {name: value for name, value in position.items() if name != "inside"}
    _, done = position.get("inside", ("", 0))
    skip, ready, open_ = done, Part(), Part(first=str(done))
    for each in _from_inside(stream, position):
        if isinstance(each, Commit):
            if not ready.takes(open_, rows):
                yield ready
                ready = Part()
            ready.absorb(open_, each)
            committed, skip, open_ = dict(each.position), 0, Part(first="0")
            continue
        if open_.is_full(rows) or (open_.rows and open_.columns != each.columns):
            if ready.rows:
                yield ready
            yield _midst(open_, each.transaction, skip, committed)
            ready, open_ = Part(), Part(first=str(skip))
        skip += 1
        open_.put(each)
    if ready.rows:
        yield ready


def _midst(part: Part, transaction: str, done: int, committed: Mapping[str, Any]) -> Part:
    part.first, part.last = f"{transaction}/{part.first}", f"{transaction}/{done}"
    part.position = {**committed, "inside": [transaction, done]}
    return part


def _from_inside(stream: Iterable[Change | Commit], position: Mapping[str, Any]) -> Iterator[Change | Commit]:
    """Leave out what of the first transaction is already merged; it must be the very one."""
    transaction, done = position.get("inside", ("", 0))
    rest = iter(stream)
    for _ in range(done):
        each = next(rest, None)
        if not isinstance(each, Change) or each.transaction != transaction:
            raise PositionDiffers(transaction)
    yield from rest


class Writer:
    """Writes the deliveries of one feed below a work folder. ``name`` is what the source calls the table."""

    def __init__(self, feed: str, workdir: Path, *, name: str, key: Sequence[str]) -> None:
        self._feed, self._workdir, self._name, self._key = feed, workdir, name, tuple(key)

    def changes(self, part: Part) -> Delivery:
        """One delivery of net changes; the same changes give the same bytes."""
        schema = pa.schema([*((name, pa.string()) for name in part.columns), (GONE, pa.bool_())])
        # the place in the source's order makes two deliveries that say the same at different times differ
        marked = schema.with_metadata({"changes": f"{part.first}..{part.last}"})
        rows = (self._row(part, key, values) for key, values in part.rows.items())
        name = f"{self._name}@{part.last}" if part.last else self._name
        return self._deliver(marked, rows, name=name, position=part.position, is_whole=False)

    def nothing(self, columns: Sequence[str], *, mark: str, position: Mapping[str, Any]) -> Delivery:
        """A delivery without rows: it only moves the position past changes that are not of this table."""
        return self.changes(Part(columns=tuple(columns), first=mark, last=mark, position=position))

    def whole(self, columns: Sequence[str], rows: Iterable[Row], *, position: Mapping[str, Any]) -> Delivery:
        """One delivery of all rows, in their order."""
        schema = pa.schema([(name, pa.string()) for name in columns])
        return self._deliver(schema, rows, name=self._name, position=position, is_whole=True)

    def _row(self, part: Part, key: tuple[str, ...], values: Row | None) -> tuple[str | bool | None, ...]:
        if values is not None:
            return (*values, False)
        named = dict(zip(self._key, key, strict=True))
        return (*(named.get(column) for column in part.columns), True)

    def _deliver(
        self,
        schema: pa.Schema,
        rows: Iterable[Sequence[object]],
        *,
        name: str,
        position: Mapping[str, Any],
        is_whole: bool,
    ) -> Delivery:
        part = self._workdir / f"{self._feed}.part"
        with held(part, feed=self._feed):
            try:
                with disk_errors(part), part.open("wb") as file:
                    count, size, digest = _write(file, schema, rows)
                failpoint("part.fsynced")
                path = publish(part, name=f"{digest}.arrow")
            finally:
                part.unlink(missing_ok=True)
        return Delivery(
            feed=self._feed, name=name, path=path, bytes=size, sha256=digest, records=count,
            position=json.loads(json.dumps(position)), is_whole=is_whole,
        )  # fmt: skip


def _write(file: IO[bytes], schema: pa.Schema, rows: Iterable[Sequence[object]]) -> tuple[int, int, str]:
    hashed, count = HashedFile(file), 0
    with pa.ipc.new_file(hashed, schema) as writer:
        for block in _blocks(rows):
            columns = zip(*block, strict=True)
            arrays = [pa.array(values, each.type) for values, each in zip(columns, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            count += len(block)
            failpoint("pull.chunk")
    failpoint("pull.last")
    file.flush()
    failpoint("part.written")
    os.fsync(file.fileno())
    return count, file.tell(), hashed.sha256.hexdigest()


def _blocks(rows: Iterable[Sequence[object]]) -> Iterator[list[Sequence[object]]]:
    """Rows in blocks that depend on nothing but the rows: equal rows, equal bytes."""
    block: list[Sequence[object]] = []
    characters = 0
    for row in rows:
        block.append(row)
        characters += sum(len(value) for value in row if isinstance(value, str))
        if len(block) >= BLOCK_ROWS or characters >= BLOCK_CHARACTERS:
            yield block
            block, characters = [], 0
    if block:
        yield block
