"""Pages on disk while they come, and the Arrow file that is made of them once they are proved."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from renkei.failpoint import failpoint
from renkei.model import GONE
from renkei.part import HashedFile

#: Rows of one block of the Arrow file. Part of the file's bytes: a change makes every delivery look new.
BLOCK = 20_000
#: Bytes of a line beside its text: the hash, a blank and the line's end.
_FRAME = 66


class Spool:
    """Pages that came, one a line with its hash; a line that a cut left unfinished does not count.

    ``identity`` says what they are pages of; ``follow`` of a page is where the next one is, or None.
    """

    def __init__(self, place: Path, *, identity: str) -> None:
        self.place = place
        self._identity = identity

    def pages(self) -> Iterator[dict[str, Any]]:
        """The pages that are here, in order."""
        for text in self._lines():
            yield json.loads(text)["page"]

    def keep(self, page: Mapping[str, Any]) -> None:
        """Add a page."""
        text = json.dumps({"for": self._identity, "page": dict(page)}, ensure_ascii=False)
        with self.place.open("a", encoding="utf-8") as file:
            file.write(f"{_hash(text)} {text}\n")

    def clear(self) -> None:
        """Throw all of it away."""
        self.place.unlink(missing_ok=True)

    def trim(self) -> None:
        """Keep what an earlier attempt left only if it can go on: whole lines of ours, and more to come."""
        size, follow = 0, None
        for text in self._lines():
            told = json.loads(text)
            follow = told["page"]["follow"] if told["for"] == self._identity else None
            size += len(text.encode()) + _FRAME
        if follow is None:
            self.clear()
        else:
            os.truncate(self.place, size)

    def _lines(self) -> Iterator[str]:
        if not self.place.exists():
            return
        with self.place.open("rb") as file:
            for raw in file:
                digest, _, text = raw.decode("utf-8", "replace").rstrip("\n").partition(" ")
                if not raw.endswith(b"\n") or _hash(text) != digest:
                    return
                yield text


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def write(rows: Iterable[Sequence[Any]], names: Sequence[str], place: Path, *, with_gone: bool) -> str:
    """Write rows (their columns, and last whether they are gone) as an Arrow file; gives its hash.

    The same rows give the same bytes, whatever the pages were.
    """
    fields = [(name, pa.string()) for name in names] + [(GONE, pa.bool_())] * with_gone
    schema = pa.schema(fields)
    with place.open("wb") as file:
        hashed = HashedFile(file)
        with pa.ipc.new_file(hashed, schema) as target:
            for block in _blocks(rows):
                columns = list(zip(*block, strict=True))[: len(schema)]
                target.write(pa.record_batch(list(map(pa.array, columns, schema.types)), schema=schema))
        failpoint("part.written")
        file.flush()
        os.fsync(file.fileno())
    failpoint("part.fsynced")
    return hashed.sha256.hexdigest()


def _blocks(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    block: list[Sequence[Any]] = []
    for row in rows:
        block.append(row)
        if len(block) == BLOCK:
            yield block
            block = []
    if block:
        yield block
