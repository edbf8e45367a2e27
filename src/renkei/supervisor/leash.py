"""Ends the parts when the supervisor itself is gone, however it went (kill -9 included).

A tiny program of its own, run as ``python -I -S leash.py SECONDS``; the supervisor's pipe is its standard
input. Lines: ``hold SESSION``, ``drop SESSION``, ``database PID``. At the pipe's end it ends what it holds.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path


def main() -> None:
    """Read until the supervisor is gone, then end every session it left behind."""
    sys.path.insert(0, str(Path(__file__).parent))
    from sessions import end  # type: ignore[import-not-found]  # beside this file: renkei is not on the path

    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    held: set[int] = set()
    database = 0
    for line in sys.stdin:
        verb, number = line.split()
        if verb == "hold":
            held.add(int(number))
        elif verb == "drop":
            held.discard(int(number))
        elif verb == "database":
            database = int(number)
    end(held, patience=float(sys.argv[1]))
    if database:
        with suppress(OSError):
            os.kill(database, signal.SIGINT)  # PostgreSQL's fast shutdown


if __name__ == "__main__":
    main()
