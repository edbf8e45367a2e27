"""A file as records: mapped into memory and not read, cut by length, by line ends or by length prefixes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from renkei.errors import Stop
from renkei.formats.fixed.layout import PREFIXES, Bytes, Layout, Rows

#: Records in one block: bounds the memory that decoding takes beside the result.
BLOCK = 200_000
_CHUNK = 1 << 20


class Records(Protocol):
    """Records of a file, by number from 0."""

    def __len__(self) -> int:
        """How many records there are."""
        ...

    def cells(self, rows: Rows, span: slice) -> Bytes:
        """The bytes of one column for these records."""
        ...

    def offsets(self, rows: Rows) -> Rows:
        """Where the records begin in the file."""
        ...

    def lengths(self, rows: Rows) -> Rows:
        """How long the records are."""
        ...


@dataclass(frozen=True, kw_only=True)
class Even:
    """Records of one length, ``step`` bytes apart."""

    view: Bytes
    step: int

    def __len__(self) -> int:
        return len(self.view)

    def cells(self, rows: Rows, span: slice) -> Bytes:
        """A view where the records stand together, a copy of the column otherwise."""
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
            return self.view[rows[0] : rows[-1] + 1, span]
        cells: Bytes = self.view[:, span][rows]
        return cells

    def offsets(self, rows: Rows) -> Rows:
        """A multiple of the step."""
        return rows * self.step

    def lengths(self, rows: Rows) -> Rows:
        """The same for all."""
        return np.full(len(rows), self.view.shape[1], dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Prefixed:
    """Records with a length before each; what a short record lacks at its end reads as ``blank``."""

    content: Bytes
    starts: Rows
    sizes: Rows
    blank: int

    def __len__(self) -> int:
        return len(self.starts)

    def cells(self, rows: Rows, span: slice) -> Bytes:
        """A copy of the column."""
        within = np.arange(span.start, span.stop)
        is_there = within < self.sizes[rows][:, None]
        places = self.starts[rows][:, None] + within
        found = self.content[np.where(is_there, places, 0)]
        return np.where(is_there, found, np.uint8(self.blank))

    def offsets(self, rows: Rows) -> Rows:
        """After the prefix."""
        return self.starts[rows]

    def lengths(self, rows: Rows) -> Rows:
        """As the prefixes say."""
        return self.sizes[rows]


def open_records(path: Path, layout: Layout, *, feed: str) -> Records:
    """The file as records, or Stop where its length cannot be right."""
    size = path.stat().st_size
    content = np.memmap(path, dtype=np.uint8, mode="r") if size else np.empty(0, dtype=np.uint8)
    if layout.prefix:
        return _prefixed(content, layout, feed=feed)
    return _even(content, layout, feed=feed)


def blocks(rows: Rows) -> Iterator[Rows]:
    """Record numbers, a block at a time."""
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK]


def _even(content: Bytes, layout: Layout, *, feed: str) -> Even:
    step = layout.record + len(layout.separator)
    count = _count(content, layout, feed=feed)
    view = np.lib.stride_tricks.as_strided(
        content, shape=(count, layout.record), strides=(step, 1), writeable=False
    )
    _check_separators(content, count, layout, feed=feed)
    return Even(view=view, step=step)


def _count(content: Bytes, layout: Layout, *, feed: str) -> int:
    """How many records there are: the last line end may be missing, and declared fill may follow."""
    size, step, ending = len(content), layout.record + len(layout.separator), layout.separator
    fill = _fill_at_end(content, layout.fill)
    written = size - fill
    if ending and content[: max(written, 0)][-len(ending) :].tobytes() == ending:
        written -= len(ending)
    count = max(0, -(-(written - layout.record) // step) + 1)
    end = (count - 1) * step + layout.record if count else 0
    rest = size - end
    if rest >= len(ending) and content[end : end + len(ending)].tobytes() == ending:
        rest -= len(ending)
    if not 0 <= rest <= fill:
        raise Stop("E_RECORD_LENGTH", feed=feed, bytes=size, record=layout.record)
    return count


def _fill_at_end(content: Bytes, fill: bytes) -> int:
    """How many bytes at the file's end may be fill."""
    end = len(content)
    while fill and end:
        chunk = content[max(0, end - _CHUNK) : end]
        others = np.flatnonzero(~np.isin(chunk, np.frombuffer(fill, dtype=np.uint8)))
        if len(others):
            return len(content) - (end - len(chunk) + int(others[-1]) + 1)
        end -= len(chunk)
    return len(content) - end


def _check_separators(content: Bytes, count: int, layout: Layout, *, feed: str) -> None:
    """Every record but the last ends as declared; a file with mixed line ends is refused."""
    width, step = len(layout.separator), layout.record + len(layout.separator)
    if not width or count < 2:
        return
    found = np.lib.stride_tricks.as_strided(
        content[layout.record :], shape=(count - 1, width), strides=(step, 1), writeable=False
    )
    wrong = np.flatnonzero((found != np.frombuffer(layout.separator, dtype=np.uint8)).any(axis=1))
    if len(wrong):
        first = int(wrong[0])
        raise Stop("E_SEPARATOR", feed=feed, rec_no=first, offset=first * step + layout.record)


def _prefixed(content: Bytes, layout: Layout, *, feed: str) -> Prefixed:
    """Follow the length prefixes from the start to the end, which the last record must reach exactly."""
    places: list[tuple[int, int]] = []
    memory, at = memoryview(cast(Any, content)), 0
    written = len(content) - _fill_at_end(content, layout.fill)
    while at < written:
        length = _stated(bytes(memory[at : at + 4]), layout.prefix)
        if not 0 < length <= layout.record or at + 4 + length > len(memory):
            raise Stop("E_RECORD_PREFIX", feed=feed, rec_no=len(places), offset=at)
        places.append((at + 4, length))
        at += 4 + length
    made = np.array(places, dtype=np.int64).reshape(-1, 2)
    return Prefixed(content=content, starts=made[:, 0], sizes=made[:, 1], blank=layout.codec.blank[0])


def _stated(prefix: bytes, kind: str) -> int:
    """The length of the data behind a prefix; -1 where the prefix cannot be one."""
    if len(prefix) < 4 or (kind != "varseq1" and prefix[2:] != b"\0\0"):
        return -1
    return int.from_bytes(prefix if kind == "varseq1" else prefix[:2], "big") - PREFIXES[kind]
