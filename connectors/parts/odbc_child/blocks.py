"""Rows into an Arrow file of text columns: equal rows give equal bytes, however they came."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa

from renkei.failpoint import failpoint
from renkei.part import HashedFile, disk_errors

#: Rows of one block of the Arrow file. Part of the file's bytes: a change makes every delivery look new.
BLOCK = 20_000


@dataclass(kw_only=True)
class Written:
    """What a finished file is; complete once it is closed."""

    rows: int = 0
    bytes: int = 0
    sha256: str = ""


class Blocks:
    """Writes blocks of exactly BLOCK rows and a rest."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        self.written = Written()
        self._file = file
        self._hashed = HashedFile(file)
        self._writer = pa.ipc.new_file(self._hashed, schema)
        self._held = schema.empty_table()

    def add(self, table: pa.Table) -> None:
        """More rows, in their order."""
        self.written.rows += table.num_rows
        if not self._held.num_rows and table.num_rows == BLOCK:
            self._writer.write_table(table.combine_chunks())
            return
        self._held = pa.concat_tables([self._held, table])
        while self._held.num_rows >= BLOCK:
            self._writer.write_table(_copied(self._held.slice(0, BLOCK)))
            self._held = self._held.slice(BLOCK)
        self._file.flush()

    def close(self) -> None:
        """The rest, the end of the file, and all of it on to the disk."""
        self._writer.write_table(_copied(self._held))
        self._writer.close()
        self._file.flush()
        failpoint("part.written")
        os.fsync(self._file.fileno())
        self.written.bytes, self.written.sha256 = self._file.tell(), self._hashed.sha256.hexdigest()


def _copied(rows: pa.Table) -> pa.Table:
    """Rows in memory of their own: a slice would be written with what stands behind it."""
    return pa.concat_tables([rows.slice(0, 1), rows.slice(1)]).combine_chunks()


@contextmanager
def blocks(part: Path, schema: pa.Schema) -> Iterator[Blocks]:
    """An unfinished file to add rows to; it is whole when the block ends without an error."""
    with disk_errors(part), part.open("wb") as file:
        made = Blocks(file, schema)
        yield made
        made.close()
