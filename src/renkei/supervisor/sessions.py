"""Ends a program with everything it started.

Airflow puts each running task into a process group of its own, so a group is not enough; the kernel's
session is. A part is started as the leader of a new session, and the session is what is ended.
"""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def members(sessions: Iterable[int]) -> set[int]:
    """Process ids that live in one of the sessions (zombies do not count)."""
    wanted, found = set(sessions), set()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and _session_of(int(entry.name)) in wanted:
            found.add(int(entry.name))
    return found


def end(sessions: Iterable[int], *, patience: float = 10.0) -> None:
    """Ask every member to end, and kill whoever is still there after ``patience`` seconds."""
    wanted = set(sessions)
    _send(members(wanted), signal.SIGTERM)
    deadline = time.monotonic() + patience
    while (left := members(wanted)) and time.monotonic() < deadline:
        time.sleep(0.05)
    while left:
        _send(left, signal.SIGKILL)
        time.sleep(0.05)
        left = members(wanted)


def memory_of(sessions: Iterable[int]) -> int:
    """Bytes that the sessions' processes really use together (PSS: shared pages counted once)."""
    total = 0
    for pid in members(sessions):
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _session_of(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return None
    # the program's name may hold spaces and brackets; state, ppid, pgrp, session follow the last bracket
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[3])
