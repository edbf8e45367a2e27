"""One contender's process: a run for each line on standard input, an answer for each on standard output."""

import gc
import importlib
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.desk import Desk


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a run did: how many rows, seconds by part where it knows them, and counts worth telling."""

    rows: int
    parts: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


#: A task prepares a run, gives it away to be timed, and cleans up and prepares the next when asked again.
Runs = Iterator[Callable[[], Done]]


def main() -> None:
    """Answer until the parent hangs up."""
    order = json.loads(sys.argv[1])
    module, _, name = order["task"].rpartition(".")
    task: Callable[..., Runs] = getattr(importlib.import_module(f"bench.tasks.{module}"), name)
    runs = task(Desk.of_json(order["desk"]), **order["options"])
    _answer({})  # ready: everything is imported
    for _ in sys.stdin:
        _answer(_timed(next(runs)))


def _answer(told: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _timed(run: Callable[[], Done]) -> dict[str, Any]:
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak starts anew from here
    begun = time.perf_counter()
    done = run()
    seconds = time.perf_counter() - begun
    told = {"rows": done.rows, "parts": dict(done.parts), "facts": dict(done.facts)}
    return {**told, "seconds": seconds, "peak_mb": _peak() / 1024}


def _peak() -> int:
    """KiB of the largest process: this one since the clock began, or one that it started and waited for."""
    status = Path("/proc/self/status").read_text("ascii")
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


if __name__ == "__main__":
    main()
