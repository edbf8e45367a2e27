"""A worker process that a failpoint may kill."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.city import DAY

KILLED = -signal.SIGKILL

#: A warm parent: each trial forks from a process that has already imported the hub.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.faults.warm"])

Verb = tuple[str, ...]


def run(root: Path, *verbs: Verb, failpoints: str = "") -> int:
    """Run verbs of the workflow in a process of their own; returns its exit code."""
    return _ended(_work, root, verbs, failpoints)


def command(*words: str, failpoints: str = "") -> int:
    """Give a command of the terminal in a process of its own, which says nothing; returns its exit code."""
    return _ended(_command, words, failpoints)


def _ended(act: Callable[..., None], *arguments: object) -> int:
    worker = _FORKS.Process(target=act, args=(*arguments, dict(os.environ)))
    worker.start()
    worker.join(60)
    if worker.is_alive():
        worker.kill()
        worker.join()
        raise TimeoutError("the worker hung")
    assert worker.exitcode is not None
    return worker.exitcode


def _work(root: Path, verbs: tuple[Verb, ...], failpoints: str, environment: dict[str, str]) -> None:
    _set(environment, failpoints)
    from renkei import project, workflow

    loaded = project.load(root)
    terms = {"as_of": DAY, "actor": "tester", "trigger": "test"}
    for verb, *arguments in verbs:
        act = getattr(workflow, verb)
        act(loaded, *arguments, **({} if verb == "seal" else terms))


def _command(words: tuple[str, ...], failpoints: str, environment: dict[str, str]) -> None:
    _set(environment, failpoints)
    from renkei.cli import main

    with Path(os.devnull).open("w", encoding="utf-8") as nothing:
        sys.stdout = sys.stderr = nothing
        sys.exit(main(words))


def _set(environment: dict[str, str], failpoints: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    if failpoints:
        os.environ["RENKEI_FAILPOINTS"] = failpoints
