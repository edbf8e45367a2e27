"""What is on the disk of a pull under way: chunks as the source sent them, and the list of them.

A chunk's file is named by the MD5 of the text in it, which is also what the source says of those rows; so a
later attempt keeps a chunk when the source, in its new snapshot, says the same again.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from .chunks import Chunk
from .ranges import Range


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One chunk on the disk: its low and high key marks, and the source's count and hash of it."""

    range: Range
    rows: int
    digest: str
    is_escaped: bool


class Kept:
    """Chunks of one feed below ``folder``; ``identity`` says what they are chunks of."""

    def __init__(self, folder: Path, feed: str, *, identity: Mapping[str, Any]) -> None:
        self._stem = folder / feed
        self._identity = identity
        held = self._read()
        if held.get("identity") != identity:
            held = {}
        self.seen: Mapping[str, str] = held.get("server", {})
        self._columns: Sequence[str] = held.get("columns", ())
        self._ahead = [_entry(each) for each in held.get("chunks", ())]
        self._done: list[Entry] = []

    def take_up(self, columns: Sequence[str]) -> None:
        """Chunks are of use only while the table has the same columns."""
        if list(self._columns) != list(columns):
            self._columns, self._ahead = list(columns), []

    @property
    def ahead(self) -> tuple[Entry, ...]:
        """Chunks of an earlier attempt that were not passed yet."""
        return tuple(self._ahead)

    def again(self) -> None:
        """Begin anew with all that is here."""
        self._ahead, self._done = [*self._done, *self._ahead], []

    def text(self, entry: Entry) -> pa.Buffer | None:
        """A chunk's text, unless it is missing or damaged."""
        try:
            text = self._place(entry.digest).read_bytes()
        except FileNotFoundError:
            return None
        digest = hashlib.md5(text, usedforsecurity=False).hexdigest()
        return pa.py_buffer(text) if digest == entry.digest else None

    def pass_by(self, entry: Entry) -> None:
        """An entry's range is done with, whatever becomes of it."""
        self._ahead.remove(entry)

    def put(self, chunk: Chunk, *, server: Mapping[str, str]) -> None:
        """Keep a chunk; one that was here already is only counted among those done."""
        if not chunk.is_kept:
            self._place(chunk.digest).write_bytes(chunk.text)
        self._done.append(
            Entry(range=chunk.range, rows=chunk.rows, digest=chunk.digest, is_escaped=chunk.is_escaped)
        )
        if not chunk.is_kept:
            self._write(server)

    def _place(self, digest: str) -> Path:
        return self._stem.with_name(f"{self._stem.name}.{digest}.chunk")

    @property
    def _list(self) -> Path:
        return self._stem.with_name(f"{self._stem.name}.chunks")

    def _read(self) -> dict[str, Any]:
        try:
            held: dict[str, Any] = json.loads(self._list.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return held

    def _write(self, server: Mapping[str, str]) -> None:
        held = {
            "identity": self._identity,
            "columns": self._columns,
            "server": dict(server),
            "chunks": [asdict(entry) for entry in (*self._done, *self._ahead)],
        }
        fresh = self._list.with_name(f"{self._list.name}.new")
        fresh.write_text(json.dumps(held), "utf-8")
        fresh.rename(self._list)


def _entry(held: Mapping[str, Any]) -> Entry:
    low, high = held["range"]["low"], held["range"]["high"]
    return Entry(
        range=Range(low=tuple(low) if low else None, high=tuple(high) if high else None),
        rows=held["rows"], digest=held["digest"], is_escaped=held["is_escaped"],
    )  # fmt: skip
