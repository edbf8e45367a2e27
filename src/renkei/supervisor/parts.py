"""The programs that make up the running hub, and one process of one of them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from renkei.supervisor import sessions

#: A log of more than this is set aside (one generation).
LOG_LIMIT = 20_000_000


@dataclass(frozen=True, kw_only=True)
class Part:
    """One program. ``heartbeat`` is its name in Airflow's health answer; the API answers for itself."""

    name: str
    arguments: tuple[str, ...]
    heartbeat: str | None = None


# log servers are left out: they would listen on every interface, and the pages read the files directly
API = Part(name="api-server", arguments=("api-server",))
SCHEDULER = Part(name="scheduler", arguments=("scheduler", "--skip-serve-logs"), heartbeat="scheduler")
#: The scheduler comes last, once the API answers: tasks that it starts before that fail.
PARTS = (
    API,
    Part(name="dag-processor", arguments=("dag-processor",), heartbeat="dag_processor"),
    Part(name="triggerer", arguments=("triggerer", "--skip-serve-logs"), heartbeat="triggerer"),
    SCHEDULER,
)


class Running:
    """A started part: the leader of a session of its own."""

    def __init__(self, part: Part, *, environment: Mapping[str, str], log: Path, cwd: Path) -> None:
        self.part = part
        self.started = time.monotonic()
        with _open_log(log / f"{part.name}.log") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "airflow", *part.arguments],
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def session(self) -> int:
        """The session that holds the part and everything it starts."""
        return self._process.pid

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    def has_ended(self) -> bool:
        """True when the part's own process is gone; its children may not be."""
        return self._process.poll() is not None

    def ask_to_end(self) -> None:
        """Send SIGTERM; to the scheduler's leader only, which lets running tasks come to their end."""
        asked = [self.session] if self.part is SCHEDULER else sessions.members([self.session])
        for pid in asked:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def end(self, *, patience: float) -> None:
        """End the whole session and reap the leader."""
        sessions.end([self.session], patience=patience)
        self._process.wait()


def trim_logs(folder: Path, *, limit: int = LOG_LIMIT) -> None:
    """Set aside what has grown too long. The parts append, so an emptied file goes on from its start."""
    for place in folder.glob("*.log"):
        if place.stat().st_size > limit:
            shutil.copyfile(place, place.with_suffix(".log.1"))
            os.truncate(place, 0)


def _open_log(place: Path) -> IO[bytes]:
    place.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640), "ab")
