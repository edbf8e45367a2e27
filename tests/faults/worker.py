"""A worker process that a failpoint may kill."""

import multiprocessing
import os
import signal
from pathlib import Path

from tests.city import DAY

KILLED = -signal.SIGKILL

#: A warm parent: each trial forks from a process that has already imported the hub.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.faults.warm"])

Verb = tuple[str, ...]


def run(root: Path, *verbs: Verb, failpoints: str = "") -> int:
    """Run verbs of the workflow in a process of their own; returns its exit code."""
    worker = _FORKS.Process(target=_work, args=(root, verbs, failpoints, dict(os.environ)))
    worker.start()
    worker.join(60)
    if worker.is_alive():
        worker.kill()
        worker.join()
        raise TimeoutError("the worker hung")
    assert worker.exitcode is not None
    return worker.exitcode


def _work(root: Path, verbs: tuple[Verb, ...], failpoints: str, environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    if failpoints:
        os.environ["RENKEI_FAILPOINTS"] = failpoints
    from renkei import project, workflow

    loaded = project.load(root)
    terms = {"as_of": DAY, "actor": "tester", "trigger": "test"}
    for verb, *arguments in verbs:
        act = getattr(workflow, verb)
        act(loaded, *arguments, **({} if verb == "seal" else terms))
