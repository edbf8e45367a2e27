"""Unfinished files of the connectors: written beside their place, flushed, and named only when whole."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from renkei.errors import Stop, TryAgain

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


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
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return path
