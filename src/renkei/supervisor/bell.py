"""What a scheduled task does: call one verb, hand back ids and counts, say whether the day may ring.

Loaded inside running tasks only. The verbs are the same that the command line and the console call.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from renkei import project, workflow
from renkei.errors import Hold, TryAgain
from renkei.supervisor.slim import ids_and_counts
from renkei.supervisor.sweep import day_to_reconcile

ACTOR = "airflow"


def sync_in(root: Path, feed_id: str, *, day: str, trigger: str) -> dict[str, Any]:
    """Take a feed in; ids and counts of what came."""
    made = workflow.sync_in(_load(root), feed_id, as_of=date.fromisoformat(day), actor=ACTOR, trigger=trigger)
    return ids_and_counts(made.summary())


def check_delivered(counts: Mapping[str, Any], feed_id: str, *, day: str) -> None:
    """Refuse to ring for a feed that does not speak for the day: held needs a person, late needs time."""
    if counts.get("delivered", True):
        return
    if counts.get("refused"):
        raise Hold("E_NOTHING_MERGED", feed=feed_id, day=day, codes=", ".join(map(str, counts["refused"])))
    raise TryAgain("E_NOT_DELIVERED", feed=feed_id, day=day)


def for_day(verb: str, root: Path, *, day: str, trigger: str) -> dict[str, Any]:
    """``reconcile``, ``report``, ``seal``, ``link`` or ``verify`` after a day; ids and counts of it."""
    city, as_of = _load(root), date.fromisoformat(day)
    if verb == "seal":
        return ids_and_counts(workflow.seal(city).summary())
    if verb == "verify":
        return ids_and_counts(workflow.verify_every(city, actor=ACTOR))
    if verb == "link":
        return ids_and_counts(
            workflow.propose_links(city, as_of=as_of, actor=ACTOR, trigger=trigger).summary()
        )
    if verb == "report":
        return ids_and_counts(workflow.report(city, as_of=as_of, actor=ACTOR, trigger=trigger).summary())
    return ids_and_counts(workflow.reconcile(city, as_of=as_of, actor=ACTOR, trigger=trigger).summary())


def day_left_over(root: Path, *, day: str) -> str | None:
    """The day up to ``day`` that was taken in and that nobody reconciled, or None."""
    left = day_to_reconcile(_load(root), today=date.fromisoformat(day))
    return left.isoformat() if left else None


def _load(root: Path) -> project.Project:
    return project.load(root)
