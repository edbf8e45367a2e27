"""Named places where a test may stop the program, as a crash or a fault would.

A no-op unless ``RENKEI_FAILPOINTS`` is set, e.g. ``merge.before_commit=kill9`` or
``pull.chunk=kill9@3`` (the third time the place is reached). Several are separated by commas.
Actions: ``kill9`` (SIGKILL to this process), ``raise`` (OSError EIO), ``enospc`` (OSError ENOSPC),
``sleep:SECONDS``, ``freeze`` (SIGSTOP).
"""

import errno
import os
import signal
import time
from collections import Counter

NAMES = (
    "lease.acquired",
    "snap.opened",
    "pull.chunk",
    "pull.last",
    "part.written",
    "part.fsynced",
    "obj.renamed",
    "dir.fsynced",
    "delivery.inserted",
    "parse.block",
    "snapshot.written",
    "merge.begin",
    "merge.staged",
    "merge.history",
    "merge.linked",
    "merge.golden",
    "merge.watermark",
    "merge.audit",
    "merge.before_commit",
    "merge.after_commit",
    "reconcile.found",
    "reconcile.before_commit",
    "reconcile.after_commit",
    "seal.leaves",
    "seal.signed",
    "seal.copied",
    "report.rendered",
    "report.published",
)

#: Places of a push of rows, by an order of its steps.
PUSH_NAMES = ("push.target_begin", "push.target_written", "push.target_committed", "push.readback")

#: Places that the night's verbs do not reach; the tests of what does reach them stop there.
ELSEWHERE = (
    *PUSH_NAMES,
    *("push.chunk", "push.proved", "push.renamed", "push.done"),  # of files
    "declaration.archived",
    "slip.rendered",
    "migration.rendered",
    *("decide.before_commit", "decide.after_commit"),
    *("link.before_commit", "link.after_commit"),
)

#: How often each place was reached under each plan: another plan begins to count anew.
_reached: Counter[tuple[str, str]] = Counter()


def failpoint(name: str) -> None:
    """Pass through, unless the environment asks this place to fail."""
    plan = os.environ.get("RENKEI_FAILPOINTS")
    if not plan:
        return
    _reached[plan, name] += 1
    for entry in plan.split(","):
        place, _, action = entry.strip().partition("=")
        action, _, nth = action.partition("@")
        if place == name and _reached[plan, name] == int(nth or 1):
            _act(action, name)


def _act(action: str, name: str) -> None:
    verb, _, argument = action.partition(":")
    if verb == "kill9":
        os.kill(os.getpid(), signal.SIGKILL)
    elif verb == "freeze":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif verb == "sleep":
        time.sleep(float(argument))
    elif verb == "enospc":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
    elif verb == "raise":
        raise OSError(errno.EIO, os.strerror(errno.EIO), name)
    else:
        raise ValueError(f"unknown failpoint action {action!r}")
