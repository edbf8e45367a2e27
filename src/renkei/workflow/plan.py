"""plan: what a run of a feed would do, pulled and mapped for real, with nothing written."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from renkei import mapping as mappings
from renkei.errors import FixDeclaration, Hold, Stop, explain
from renkei.model import Delivery, Mapped, UnitCounts
from renkei.project import Project
from renkei.registry import control
from renkei.registry.difference import Difference, compare
from renkei.workflow import contract
from renkei.workflow.in_force import in_force
from renkei.workflow.remap import approved_anew
from renkei.workflow.run import Work, only_reading
from renkei.workflow.unit import is_whole, limit_blast, present_of


@dataclass(frozen=True, kw_only=True)
class PlannedDelivery:
    """What one waiting delivery would do: its counts, its rejects by code, and why it would be refused.

    ``why`` says that in a sentence by language; what cannot be read has no counts.
    """

    name: str
    as_of: date
    counts: UnitCounts
    rejects: dict[str, int]
    refused: str | None
    why: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a run of the feed would take in now."""

    feed: str
    deliveries: tuple[PlannedDelivery, ...]
    notes: tuple[str, ...] = ()

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
    with (
        only_reading(project, as_of=as_of) as work,
        tempfile.TemporaryDirectory(prefix="renkei-plan-") as folder,
    ):
        since = control.checkpoint(work.engine, feed_id)
        connector = project.connector(mapping.feed, workdir=Path(folder))
        if getattr(connector, "advances", False):
            raise FixDeclaration("E_PLAN_ADVANCES", feed=feed_id, connector=mapping.feed.connector)
        _remember(project.var / "work" / feed_id, Path(folder))
        planned = [_planned(work, mapping, delivery) for delivery in connector.pull(mapping.feed, since)]
        return Plan(feed=feed_id, deliveries=tuple(planned), notes=tuple(work.notes))


def _remember(work: Path, folder: Path) -> None:
    """Copy what a connector keeps beside its position (``*.known``), so that a delta is planned as one.

    Copies, for a connector may clear what it finds old.
    """
    for place in work.glob("*.known"):
        shutil.copy2(place, folder / place.name)


def _planned(work: Work, mapping: mappings.Mapping, delivery: Delivery) -> PlannedDelivery:
    landed = _as_if_landed(work, mapping, delivery)
    day = landed.as_of or work.as_of
    try:
        batch = mappings.read(delivery.path, mapping, day=day)
        day = batch.control.as_of or day
        landed = replace(landed, as_of=day)
        mappings.hold_odd_size(mapping, batch, as_of=day)
        mapped = mappings.apply(mapping, batch, as_of=day)
    except Stop as refused:
        return PlannedDelivery(
            name=delivery.name, as_of=day, counts=UnitCounts(), rejects={}, refused=refused.code,
            why=_why(refused),
        )  # fmt: skip
    try:
        judged = contract.judge(work, mapping.at(day), landed, batch, mapped)
        difference = _compared(work, mapping, landed, judged.mapped, day)
        held = _held_later(work, mapping, landed, judged, difference)
    except Hold as broken:
        difference, held = _compared(work, mapping, landed, mapped, day), broken
    codes = Counter(difference.rejects.column("code").to_pylist())
    return PlannedDelivery(
        name=delivery.name,
        as_of=day,
        counts=difference.counts,
        rejects=dict(sorted(codes.items())),
        refused=held.code if held else None,
        why=_why(held) if held else {},
    )


def _as_if_landed(work: Work, mapping: mappings.Mapping, delivery: Delivery) -> control.Landed:
    """The delivery as its row would say; it has no number."""
    return control.Landed(
        delivery_id=0,
        feed=mapping.feed.id,
        name=delivery.name,
        sha256=delivery.sha256,
        as_of=delivery.as_of or work.as_of,
        stated_records=delivery.records,
        is_file=delivery.remote_modified is not None,
        made_at=work.clock.now(),
        is_whole=is_whole(delivery, mapping.feed),
        position=delivery.position,
    )


def _compared(
    work: Work, mapping: mappings.Mapping, landed: control.Landed, mapped: Mapped, day: date
) -> Difference:
    with work.engine.connect() as connection:
        cursor = control.cursor_of(connection, mapping.feed.id)
        explained = control.explained_rejects(connection, mapping.feed.id)
    return compare(
        mapped,
        present_of(work.landing, cursor, mapped, explained=explained),
        as_of=day,
        is_late=cursor is not None and day < cursor.as_of,
        full=landed.is_whole,
        in_any_order=landed.is_file,
    )


def _held_later(
    work: Work,
    mapping: mappings.Mapping,
    landed: control.Landed,
    judged: contract.Judged,
    difference: Difference,
) -> Hold | None:
    """Why a run would hold it for what it changes, in a run's order."""
    anew = approved_anew(work, mapping, landed)
    try:
        judged = contract.limit_emptied(work, mapping, landed, difference, judged, anew=anew)
        limit_blast(work, mapping, difference, approved=anew)
        contract.judge_volume(work, mapping, landed, judged)
    except Hold as held:
        return held
    return None


def _why(refused: Stop) -> dict[str, str]:
    return {
        way: explain(refused.code, language=way, facts=refused.facts, parts=("what",)) for way in ("ja", "en")
    }
