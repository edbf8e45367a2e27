"""Reading a table in chunks of one snapshot, each with the source's own count and hash of it."""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, TypeVar

import pyarrow as pa

from renkei.errors import Stop

from . import lines
from .dialects import Column
from .ranges import Condition, Key, Range
from .snapshot import Snapshot

Item = TypeVar("Item")

#: Room for the first answer; later ones go by the size of the last, for making room takes time.
_FIRST_ROOM = 4 << 20


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Rows of one range as one text. ``digest`` is what the source said; ``is_kept``: it was here already."""

    range: Range
    rows: int
    digest: str
    is_escaped: bool
    text: pa.Buffer
    is_kept: bool = False


@dataclass(kw_only=True)
class Reader:
    """Asks for chunks. ``rows`` a chunk shrink where rows are long; escaping begins where it is needed.

    ``others`` read in sessions of their own, in the same snapshot, while this one says where a chunk ends.
    """

    snapshot: Snapshot
    columns: Sequence[Column]
    rows: int
    condition: Condition = field(default_factory=Condition)
    others: "Sequence[Reader]" = ()
    is_escaped: bool = False
    room: int = _FIRST_ROOM
    limit: int = 0

    def __post_init__(self) -> None:
        self.limit = self.snapshot.dialect.chunk_bytes(self.snapshot.ask)
        self.room = min(self.room, self.limit)

    def read(self, wanted: Range) -> Iterator[Chunk]:
        """The rows of a range, chunk by chunk in the order of the key."""
        if not self.others:
            for part in self._parts(wanted):
                yield from self.in_full(part)
            return
        waiting: deque[Future[list[Chunk]]] = deque()
        pool, turn = ThreadPoolExecutor(len(self.others)), cycle(self.others)
        try:
            for part in self._parts(wanted):
                if len(waiting) == len(self.others):  # the oldest is of the one whose turn it is
                    yield from waiting.popleft().result()
                waiting.append(pool.submit(next(turn).in_full, part))
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(wait=False)

    def _parts(self, wanted: Range) -> Iterator[Range]:
        """A range cut after so many rows each, never inside a tie."""
        low = wanted.low
        while (edge := self._edge(Range(low=low, high=wanted.high))) is not None:
            yield Range(low=low, high=edge)
            low = edge
        yield Range(low=low, high=wanted.high)

    def in_full(self, part: Range) -> list[Chunk]:
        """The range in one chunk, or in several where no answer holds it."""
        chunk = self._fetch(part)
        if chunk is not None:
            return [chunk]
        self._ask_for_less()
        return [chunk for smaller in self._parts(part) for chunk in self.in_full(smaller)]

    def stated(self, wanted: Range, *, is_escaped: bool) -> tuple[int, str]:
        """Count and hash that the source gives for a range, without sending its rows."""
        row = self._answer(wanted, is_escaped=is_escaped, room=self.limit, sends=False)
        return int(row["n"]), self._digest(row["proof"])

    def _edge(self, wanted: Range) -> Key | None:
        """The key of the last row of a chunk; None where fewer rows are left."""
        snapshot, dialect = self.snapshot, self.snapshot.dialect
        condition = self.condition & wanted.condition(snapshot.keys, dialect)
        texts = ", ".join(f"{key.text} AS k{number}" for number, key in enumerate(snapshot.keys))
        by = ", ".join(key.quoted for key in snapshot.keys)
        query = f"SELECT {texts} FROM {snapshot.source.quoted} WHERE {condition.sql} ORDER BY {by}"
        rows = snapshot.ask(dialect.page(query, skip=self.rows - 1), condition.parameters)
        return tuple(rows[0].values()) if rows else None

    def _ask_for_less(self) -> None:
        if self.rows == 1:
            raise Stop("E_PULL_TOO_LONG", feed=self.snapshot.order["feed"], column="*", limit=self.limit)
        self.rows = max(1, self.rows // 2)

    def _fetch(self, wanted: Range) -> Chunk | None:
        """The range in one answer; None when no answer holds it."""
        while True:
            row = self._answer(wanted, is_escaped=self.is_escaped, room=self.room)
            size, rows = int(row["size"] or 0), int(row["n"])
            if size > self.limit:
                return None
            had, self.room = self.room, min(self.limit, size * 11 // 10 + 1000)
            if size > had:
                continue
            text = row["data"] if rows else pa.py_buffer(b"")
            if not self.is_escaped and self._is_mistakable(text, row):
                self.is_escaped = True
                continue
            return Chunk(
                range=wanted, rows=rows, digest=self._digest(row["proof"]), text=text,
                is_escaped=self.is_escaped,
            )  # fmt: skip

    def _is_mistakable(self, text: pa.Buffer, row: dict[str, Any]) -> bool:
        rows, optional = int(row["n"]), sum(column.is_nullable for column in self.columns)
        missing = rows * optional - int(row["filled"])
        return not lines.is_unmistakable(text, rows=rows, columns=len(self.columns), missing=missing)

    def _answer(self, wanted: Range, *, is_escaped: bool, room: int, sends: bool = True) -> dict[str, Any]:
        """Count, how many values are there, size, proof, and the text if there is room for it."""
        snapshot = self.snapshot
        condition = self.condition & wanted.condition(snapshot.keys, snapshot.dialect)
        found = snapshot.answer(
            self._query(condition.sql, is_escaped=is_escaped, room=room, sends=sends),
            condition.parameters,
            room=room * (2 if self._is_twice else 1),
        )
        if not found:
            raise Stop("E_PULL_SHORT", feed=snapshot.order["feed"], stated=1, counted=0)
        return dict(zip(("n", "filled", "size", "proof", "data"), found, strict=True))

    def _query(self, where: str, *, is_escaped: bool, room: int, sends: bool) -> str:
        snapshot, dialect = self.snapshot, self.snapshot.dialect
        text = lines.line(self.columns, dialect, escaped=is_escaped)
        rows = dialect.in_order(
            snapshot.source, where, [key.name for key in snapshot.keys], by_key=not self.condition.parameters
        )
        size, proof = dialect.in_bytes("data"), dialect.hashed("data")
        fits = f"CASE WHEN {size} <= {room} THEN {{}} END"
        return (
            f"SELECT n, filled, {size} AS size, {fits.format(proof) if self._is_twice else proof} AS proof,"
            f" {fits.format('data') if sends else 'NULL'} AS data"
            f" FROM (SELECT count(*) AS n, {lines.filled(self.columns)} AS filled,"
            f" {dialect.gathered(text)} AS data FROM {rows}) AS b"
        )

    @property
    def _is_twice(self) -> bool:
        return self.snapshot.dialect.proof == "hex"

    def _digest(self, proof: str | None) -> str:
        """The MD5 that the source states, or that of the text it sent once more in digits."""
        if proof is None or self._is_twice:
            return hashlib.md5(bytes.fromhex(proof or ""), usedforsecurity=False).hexdigest()
        return proof


def reader_of(snapshot: Snapshot, columns: Sequence[Column], *, count: int) -> Reader:
    """A reader for a whole table of so many rows, with others beside it where that pays."""
    rows = snapshot.order["chunk"]
    others = [Reader(snapshot=each, columns=columns, rows=rows) for each in snapshot.others(count)]
    return Reader(snapshot=snapshot, columns=columns, rows=rows, others=others)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Fetch the next one while the last one is worked on."""
    thread = ThreadPoolExecutor(1)
    try:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item
    finally:
        # whoever stops on what has come does not wait for what is still on its way
        thread.shutdown(wait=False)
