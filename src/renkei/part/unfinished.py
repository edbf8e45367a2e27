"""Unfinished files of ours: written beside their place, flushed, and named only when whole."""

import ctypes
import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from renkei.errors import Stop, TryAgain

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
#: What is compared with the source before a transfer goes on: the start, where a file says when it was made,
#: and the end of what is here.
_HEAD, _TAIL = 64 << 10, 1 << 20
#: How much may be read again after a crash: so many bytes lie between two notes of how far we are.
_NOTED_EVERY = 16 << 20
#: sync_file_range(2): begin to write out what is dirty, and do not wait for it.
_BEGIN_WRITING = 2

#: Gives the source's bytes from a place on, exactly as many as asked for unless it ends there.
ReadAt = Callable[[int, int], bytes]


def stem_of(feed: str, path: str) -> str:
    """The name of an unfinished file, made here: the sender's name is never a path of ours."""
    return f"{feed}.{hashlib.sha256(path.encode()).hexdigest()[:32]}"


def forget_others(folder: Path, feed: str, *, stems: Set[str]) -> None:
    """Clear away a feed's unfinished files that can never be finished: their names are no longer offered."""
    for leaving in folder.glob(f"{feed}.*"):
        if leaving.suffix in {".part", ".json", ".new", ".lock"} and leaving.stem not in stems:
            leaving.unlink(missing_ok=True)


@contextmanager
def held(part: Path, *, feed: str) -> Iterator[None]:
    """Only one process may write ``part``; a second one is told to come back (E_LEASE_HELD).

    The lock goes with the process, so a killed one leaves nothing to clear away.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TryAgain("E_LEASE_HELD", resource=feed, holder=part.stem) from None
        yield


@contextmanager
def disk_errors(*leavings: Path) -> Iterator[None]:
    """A full disk leaves nothing half behind, and is told apart from every other fault (Stop E_DISK)."""
    try:
        yield
    except OSError as broken:
        if broken.errno not in _FULL:
            raise
        for path in leavings:
            path.unlink(missing_ok=True)
        raise Stop("E_DISK", path_kind="work") from broken


def publish(part: Path, *, name: str) -> Path:
    """Give a whole, flushed file its name, and make the name survive a power cut."""
    path = part.with_name(name)
    part.rename(path)
    sync_folder(path.parent)
    return path


def sync_folder(place: Path) -> None:
    """Make the names in a folder survive a power cut."""
    folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Unfinished:
    """An unfinished file that hashes what it holds, and can be taken up again after a cut.

    Beside it a small state file says what it is a part of, how long it is and what it hashes to.
    """

    def __init__(self, part: Path, *, identity: Mapping[str, object]) -> None:
        self._identity = dict(identity)
        self._state = part.with_suffix(".json")
        self._file = part.open("ab+")
        self._file.seek(0)
        self._sha256 = hashlib.sha256()
        self._noted = 0

    @property
    def size(self) -> int:
        """How much is here and counted."""
        return self._file.tell()

    @property
    def sha256(self) -> str:
        """The hash of what is here."""
        return self._sha256.hexdigest()

    def resume(self, read_at: ReadAt) -> None:
        """Keep what an earlier attempt left if it is proved to be the same file; else start from nothing."""
        known = self._known()
        length = int(known.get("bytes", 0))
        while self.size < length and (data := self._file.read(min(_TAIL, length - self.size))):
            self._sha256.update(data)
        if known == self._description() and all(self._agrees(read_at, *place) for place in proofs(length)):
            self._file.seek(length)
            self._file.truncate()
            self._noted = length
        else:
            self.empty()

    def _agrees(self, read_at: ReadAt, start: int, end: int) -> bool:
        self._file.seek(start)
        return self._file.read(end - start) == read_at(start, end - start)

    def append(self, data: bytes) -> None:
        """Add bytes; every few megabytes it is written down how far we are."""
        self._file.write(data)
        self._sha256.update(data)
        if self.size - self._noted >= _NOTED_EVERY:
            self._note()

    def _note(self) -> None:
        self._file.flush()
        _begin_writing(self._file.fileno())
        fresh = self._state.with_suffix(".new")
        fresh.write_text(json.dumps(self._description()), "utf-8")
        fresh.rename(self._state)
        self._noted = self.size

    def empty(self) -> None:
        """Throw away what is here."""
        self._file.seek(0)
        self._file.truncate()
        self._sha256 = hashlib.sha256()
        self._noted = 0
        self._state.unlink(missing_ok=True)

    def to_disk(self) -> None:
        """Flush a whole file to the disk itself."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._noted = self.size  # whole: there is nothing to go on with

    def close(self) -> None:
        """Close the file; what it holds stays for a later attempt."""
        try:
            if self.size != self._noted:
                self._note()
        finally:
            self._file.close()

    def _description(self) -> dict[str, object]:
        return {**self._identity, "bytes": self.size, "sha256": self.sha256}

    def _known(self) -> dict[str, Any]:
        try:
            known: dict[str, Any] = json.loads(self._state.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return known


def _begin_writing(handle: int) -> None:
    """Have the kernel write meanwhile, so that the flush at the end is short; no matter if it cannot."""
    begin = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if begin is not None:
        begin(handle, ctypes.c_int64(0), ctypes.c_int64(0), _BEGIN_WRITING)


def proofs(length: int) -> tuple[tuple[int, int], ...]:
    """The places (start, end) of an unfinished file that are compared before it is gone on with."""
    return (0, min(_HEAD, length)), (max(0, length - _TAIL), length)


class HashedFile:
    """A file object that hashes what is written through it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.sha256 = hashlib.sha256()
        self.closed = False
        self._file = file

    def write(self, data: bytes) -> int:
        """Write and hash."""
        self.sha256.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        """Flush what was written."""
        self._file.flush()
