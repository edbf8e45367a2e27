"""One supervisor a project, and nothing left behind: the lock, the leash, and yesterday's leftovers."""

import fcntl
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from renkei.errors import Stop
from renkei.supervisor import sessions
from renkei.supervisor.places import Places, State


def take_lock(places: Places) -> IO[str]:
    """Hold the pid file for as long as the supervisor lives; the kernel lets go of it when it dies."""
    places.var.mkdir(parents=True, exist_ok=True)
    lock = places.pid.open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as held:
        lock.close()
        raise Stop("E_ALREADY_UP", pid=holder_of(places)) from held
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def holder_of(places: Places) -> int:
    """The process id of the supervisor that holds the lock, or 0 when none does."""
    with suppress(FileNotFoundError), places.pid.open("r", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return int(lock.read().strip() or 0)
    return 0


def end_leftovers(places: Places, state: State) -> None:
    """End what an earlier supervisor could not, when even its leash was killed.

    Only sessions that carry this project's AIRFLOW_HOME: a process id may belong to another by now.
    """
    mark = f"AIRFLOW_HOME={places.airflow}".encode()
    left = [session for session in state.parts.values() if _carries(session, mark)]
    if left:
        sessions.end(left, patience=5.0)


def _carries(session: int, mark: bytes) -> bool:
    return any(mark in _environment_of(pid) for pid in sessions.members([session]))


def _environment_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


class Leash:
    """The small program that ends our parts when we are gone. It reads what we hold from a pipe.

    ``patience``: seconds that the parts have between being asked to end and being killed.
    """

    def __init__(self, *, patience: float = 10.0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("leash.py")), str(patience)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    def say(self, verb: str, number: int) -> None:
        """Tell it what to hold or to drop. A dead leash is noticed and renewed by the watch."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{verb} {number}\n")
            self._process.stdin.flush()

    def is_alive(self) -> bool:
        """True while it watches over us."""
        return self._process.poll() is None

    def let_go(self) -> None:
        """End it; what it still holds it ends first."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
