"""Runs contenders in turn, each in a process of its own, and says what they took."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.desk import Desk

ROOT = Path(__file__).resolve().parents[1]
#: A contest whose first round takes longer than this many seconds is not repeated.
LONG = 15.0


class Failed(Exception):
    """A contender ended without an answer; its own words are on standard error."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One contender: how it is called in the result, and the task that it runs (``module.function``).

    ``packages`` names a folder of ``var/bench`` that its process alone imports from, before all others.
    """

    name: str
    task: str
    options: Mapping[str, Any]
    packages: str | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """One timed run. ``peak_mb`` is the largest resident set of one process; ``facts`` are counts."""

    rows: int
    seconds: float
    peak_mb: float
    parts: Mapping[str, float]
    facts: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a contender took: the medians of its runs, and the memory of the first one."""

    name: str
    rows: int
    seconds: float
    peak_mb: float
    runs: int
    is_sample: bool = False
    parts: Mapping[str, float]
    facts: Mapping[str, Any]


def entry(name: str, task: str, *, packages: str | None = None, **options: Any) -> Entry:  # noqa: ANN401 - plain JSON values of a task
    """A contender."""
    return Entry(name=name, task=task, options=options, packages=packages)


def alone(desk: Desk, task: str, **options: Any) -> Run:  # noqa: ANN401 - plain JSON values of a task
    """Run a task once, in a fresh process."""
    with _Contender(desk, entry(task, task, **options)) as contender:
        contender.wait()
        return contender.go()


def contest(desk: Desk, *entries: Entry, rounds: int) -> list[Taken]:
    """Run the entries in turn, round by round. Each keeps its process, so later rounds are warm for all."""
    runs: list[list[Run]] = [[] for _ in entries]
    with ExitStack() as stack:
        contenders = [stack.enter_context(_Contender(desk, each)) for each in entries]
        for contender in contenders:
            contender.wait()
        for number in range(rounds):
            if number and sum(run[0].seconds for run in runs) > LONG:
                break
            for mine, contender in zip(runs, contenders, strict=True):
                mine.append(contender.go())
    return [_taken(each, mine) for each, mine in zip(entries, runs, strict=True)]


def side_by_side(desk: Desk, *entries: Entry) -> tuple[list[Taken], float]:
    """Run all entries at once, once each; also the seconds from the first word to the last answer."""
    with ExitStack() as stack:
        contenders = [stack.enter_context(_Contender(desk, each)) for each in entries]
        for contender in contenders:
            contender.wait()
        with ThreadPoolExecutor(len(contenders)) as pool:
            begun = time.perf_counter()
            runs = list(pool.map(_Contender.go, contenders))
            wall = time.perf_counter() - begun
    return [_taken(each, [run]) for each, run in zip(entries, runs, strict=True)], wall


def _taken(each: Entry, runs: Sequence[Run]) -> Taken:
    first = runs[0]
    return Taken(
        name=each.name,
        rows=first.rows,
        seconds=statistics.median(run.seconds for run in runs),
        peak_mb=first.peak_mb,
        runs=len(runs),
        is_sample="sample" in each.options,
        parts={name: statistics.median(run.parts[name] for run in runs) for name in first.parts},
        facts=first.facts,
    )


class _Contender:
    """The process of one task. It waits for a word before each run, and ends when we do."""

    def __init__(self, desk: Desk, each: Entry) -> None:
        self._entry = each
        order = json.dumps({"task": each.task, "desk": desk.as_json(), "options": dict(each.options)})
        environment = _environment(each.packages)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.child", order], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._kill()
        self._process.communicate()

    def wait(self) -> None:
        """Until it has imported what it needs: nobody's clock runs while another still starts."""
        self._hear()

    def go(self) -> Run:
        """One run."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        return Run(**self._hear())

    def _hear(self) -> dict[str, Any]:
        """The next answer; Failed when the process ended instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"{self._entry.task} failed")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _kill(self) -> None:
        """The whole group: a program that the task started goes too."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)


def _environment(packages: str | None = None) -> dict[str, str]:
    """Nothing of the caller's own hub reaches a contender."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RENKEI_")}
    return ours if packages is None else {**ours, "PYTHONPATH": str(ROOT / "var" / "bench" / packages)}
