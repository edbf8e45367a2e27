"""plan: what a run of a feed would do, pulled and mapped for real, with nothing written."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from renkei import mapping as mappings
from renkei.errors import FixDeclaration, Stop
from renkei.landing import Landing
from renkei.model import Delivery, UnitCounts
from renkei.project import Project
from renkei.registry import control, store
from renkei.registry.difference import compare
from renkei.workflow.in_force import in_force
from renkei.workflow.unit import is_whole, present_of


@dataclass(frozen=True, kw_only=True)
class PlannedDelivery:
    """What one waiting delivery would do: its counts, its rejects by code, or why it would be refused."""

    name: str
    as_of: date
    counts: UnitCounts
    rejects: dict[str, int]
    refused: str | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a run of the feed would take in now."""

    feed: str
    deliveries: tuple[PlannedDelivery, ...]

    @property
    def changes(self) -> int:
        """Records that would be merged or ended."""
        return sum(each.counts.merged + each.counts.ended for each in self.deliveries)

    def summary(self) -> dict[str, Any]:
        """Counts by delivery."""
        return {
            "feed": self.feed,
            "deliveries": [
                {**vars(each), "as_of": each.as_of.isoformat(), "counts": vars(each.counts)}
                for each in self.deliveries
            ],
        }


def plan(project: Project, feed_id: str, *, as_of: date) -> Plan:
    """Fetch, read, map and compare what is waiting at the source; land nothing and change nothing.

    By the declarations in force. FixDeclaration E_PLAN_ADVANCES where a look would move the place in the
    source.
    """
    project = in_force(project, founds=False)
    mapping = project.mapping(feed_id)
    engine = store.connect(store.url_of(project.var))
    try:
        since = control.checkpoint(engine, feed_id)
        with engine.connect() as connection:
            cursor = control.cursor_of(connection, feed_id)
            explained = control.explained_rejects(connection, feed_id)
    finally:
        engine.dispose()
    with tempfile.TemporaryDirectory(prefix="renkei-plan-") as folder:
        connector = project.connector(mapping.feed, workdir=Path(folder))
        if getattr(connector, "advances", False):
            raise FixDeclaration("E_PLAN_ADVANCES", feed=feed_id, connector=mapping.feed.connector)
        _remember(project.var / "work" / feed_id, Path(folder))
        planned = [
            _planned(project, mapping, delivery, cursor=cursor, explained=explained, as_of=as_of)
            for delivery in connector.pull(mapping.feed, since)
        ]
    return Plan(feed=feed_id, deliveries=tuple(planned))


def _remember(work: Path, folder: Path) -> None:
    """Copy what a connector keeps beside its position (``*.known``), so that a delta is planned as one.

    Copies, for a connector may clear what it finds old.
    """
    for place in work.glob("*.known"):
        shutil.copy2(place, folder / place.name)


def _planned(
    project: Project,
    mapping: mappings.Mapping,
    delivery: Delivery,
    *,
    cursor: control.Cursor | None,
    explained: Mapping[str | None, int],
    as_of: date,
) -> PlannedDelivery:
    day = delivery.as_of or as_of
    try:
        batch = mappings.read(delivery.path, mapping, day=day)
        day = batch.control.as_of or day
        mappings.hold_odd_size(mapping, batch, as_of=day)
        mapped = mappings.apply(mapping, batch, as_of=day)
    except Stop as refused:
        return PlannedDelivery(
            name=delivery.name, as_of=day, counts=UnitCounts(), rejects={}, refused=refused.code
        )
    difference = compare(
        mapped,
        present_of(Landing(project.var / "landing"), cursor, mapped, explained=explained),
        as_of=day,
        is_late=cursor is not None and day < cursor.as_of,
        full=is_whole(delivery, mapping.feed),
        in_any_order=delivery.remote_modified is not None,
    )
    codes = Counter(difference.rejects.column("code").to_pylist())
    return PlannedDelivery(
        name=delivery.name,
        as_of=day,
        counts=difference.counts,
        rejects=dict(sorted(codes.items())),
        refused=None,
    )
