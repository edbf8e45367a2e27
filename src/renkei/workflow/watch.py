"""watch: take a feed in as soon as its source changes, until somebody says stop."""

import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import cast

from renkei.errors import FixDeclaration, TryAgain
from renkei.model import Checkpoint, Watcher
from renkei.project import Project
from renkei.registry import control, store
from renkei.workflow.in_force import in_force
from renkei.workflow.sync_in import SyncResult, sync_in

#: Seconds of one wait, and the longest pause after a fault that passes.
WAIT, LONGEST_PAUSE = 30.0, 60.0


def watch(
    project: Project,
    feed_id: str,
    *,
    actor: str,
    today: Callable[[], date],
    go_on: Callable[[], bool] = lambda: True,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[SyncResult | TryAgain]:
    """Sync, wait for a change or a new day, sync again; yields what each run did, or the passing fault.

    After a fault, and while something is held, it pauses longer each time instead of asking at once.
    FixDeclaration E_NO_WATCH when the feed's connector cannot wait for changes. A Stop ends it.
    """
    ruling = in_force(project)
    watcher, pause = _watcher(ruling, feed_id), 1.0
    while go_on():
        day = today()
        try:
            made = sync_in(project, feed_id, as_of=day, actor=actor, trigger="watch")
            yield made
            if made.state != "held":
                if (newer := in_force(project)) is not ruling:
                    ruling, watcher = newer, _watcher(newer, feed_id)
                feed = ruling.mapping(feed_id).feed
                while go_on() and today() == day and in_force(project) is ruling:
                    if watcher.wait(feed, _since(project, feed_id), seconds=WAIT):
                        break
                pause = 1.0
                continue
        except TryAgain as passing:
            yield passing
        # what is held stands at the source as before, so waiting for news would end at once
        sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _watcher(project: Project, feed_id: str) -> Watcher:
    feed = project.mapping(feed_id).feed
    made = project.connector(feed, workdir=project.var / "work" / feed.id)
    if not hasattr(made, "wait"):
        raise FixDeclaration("E_NO_WATCH", feed=feed_id, connector=feed.connector)
    return cast(Watcher, made)


def _since(project: Project, feed_id: str) -> Checkpoint:
    engine = store.connect(store.url_of(project.var))
    try:
        return control.checkpoint(engine, feed_id)
    finally:
        engine.dispose()
