"""``renkei up``: runs the databases and Airflow's four parts, and keeps them running until told to end."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from renkei.supervisor.hold import holder_of
from renkei.supervisor.places import Places, State, recall

if TYPE_CHECKING:
    from renkei.project import Project
    from renkei.supervisor.run import Supervisor

__all__ = ["State", "down", "running", "status", "up"]


def up(
    project: "Project",
    *,
    until: threading.Event | None = None,
    on_ready: Callable[[State], None] | None = None,
    timed: bool = True,
) -> None:
    """Start the hub, watch over it, and end it when ``until`` is set or SIGTERM or SIGINT comes.

    ``timed=False`` starts nothing by the clock: days are run when they are asked for.
    """
    from renkei.supervisor.run import Supervisor

    enough, ready = until or threading.Event(), threading.Event()
    supervisor = Supervisor(project, timed=timed)
    with _signals_set(enough, ready), suppress(KeyboardInterrupt):
        try:
            state = supervisor.start()
            ready.set()
            if on_ready:
                on_ready(state)
            supervisor.watch(enough)
        finally:
            supervisor.stop()


@contextmanager
def running(project: "Project", *, timed: bool = True) -> "Iterator[Supervisor]":
    """The hub running for as long as the block lasts, watched from a thread."""
    from renkei.supervisor.run import Supervisor

    enough, supervisor = threading.Event(), Supervisor(project, timed=timed)
    supervisor.start()
    watch = threading.Thread(target=supervisor.watch, args=(enough,), name="supervisor", daemon=True)
    watch.start()
    try:
        yield supervisor
    finally:
        enough.set()
        watch.join()
        supervisor.stop()


def status(project: "Project") -> State | None:
    """What runs where, or None when no supervisor of this project is alive."""
    places = Places(project.var)
    return recall(places) if holder_of(places) else None


def down(project: "Project", *, timeout: float = 60.0) -> bool:
    """Ask the project's supervisor to end and wait for it; False when none was running."""
    places = Places(project.var)
    pid = holder_of(places)
    if not pid:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while holder_of(places) == pid and time.monotonic() < deadline:
        time.sleep(0.1)
    return holder_of(places) != pid


@contextmanager
def _signals_set(enough: threading.Event, ready: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set ``enough``, and cut the start short, where we own the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        enough.set()
        if not ready.is_set():
            raise KeyboardInterrupt

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
