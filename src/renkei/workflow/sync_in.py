"""sync_in: pull, land, read, map, compare, merge. One transaction a delivery."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from renkei import formats
from renkei import mapping as mappings
from renkei.audit import events
from renkei.clock import Clock
from renkei.errors import Hold, RenkeiError, Stop
from renkei.failpoint import failpoint
from renkei.model import Batch, Delivery, Mapped, UnitCounts
from renkei.project import Project
from renkei.registry import control, golden, merge
from renkei.registry.difference import Difference, compare
from renkei.workflow.run import Work, keep, run_of


@dataclass(frozen=True, kw_only=True)
class SyncResult:
    """What one run of a feed did. ``delivered`` says whether the feed now speaks for ``as_of``."""

    run_id: uuid.UUID
    feed: str
    as_of: date
    state: str
    delivered: bool
    counts: UnitCounts
    units: tuple[int, ...]
    refused: tuple[str, ...]
    notes: tuple[str, ...]
    stages: tuple[Mapping[str, Any], ...] = ()

    def summary(self) -> dict[str, Any]:
        """Ids and counts only, small enough for any scheduler."""
        return {
            "run_id": str(self.run_id),
            "feed": self.feed,
            "as_of": self.as_of.isoformat(),
            "state": self.state,
            "delivered": self.delivered,
            "units": list(self.units),
            "refused": list(self.refused),
            **vars(self.counts),
        }


def sync_in(
    project: Project, feed_id: str, *, as_of: date, actor: str, trigger: str, clock: Clock | None = None
) -> SyncResult:
    """Fetch what a feed has, land it, and merge it; running it again changes nothing.

    A delivery that breaks its own control is refused and the others go on; the run then ends ``held``.
    Raises TryAgain when the link is down or another run holds the feed, Stop when nothing may be read.
    """
    mapping = project.mapping(feed_id)
    with run_of(
        project, kind="sync_in", target=feed_id, as_of=as_of, actor=actor, trigger=trigger, clock=clock
    ) as work:
        notes: tuple[str, ...] = ()
        _merge_waiting(work, mapping)
        with work.stage("pull"):
            notes = _pull(work, mapping)
        _merge_waiting(work, mapping)
        return result_of(work, feed_id, notes)


def result_of(work: Work, feed_id: str, notes: tuple[str, ...]) -> SyncResult:
    """What the run has done so far."""
    with work.engine.connect() as connection:
        cursor = control.cursor_of(connection, feed_id)
    return SyncResult(
        run_id=work.run_id,
        feed=feed_id,
        as_of=work.as_of,
        state="held" if work.refused else "done",
        delivered=cursor is not None and cursor.as_of >= work.as_of,
        counts=work.counts,
        units=tuple(work.units),
        refused=tuple(work.refused),
        notes=notes,
        stages=tuple(work.stages),
    )


# pull and land -----------------------------------------------------------------------------------


def _pull(work: Work, mapping: mappings.Mapping) -> tuple[str, ...]:
    feed = mapping.feed
    workdir = work.project.var / "work" / feed.id
    connector = work.project.connector(feed, workdir=workdir)
    for delivery in connector.pull(feed, control.checkpoint(work.engine, feed.id)):
        _land(work, delivery)
    return tuple(getattr(connector, "notes", ()))


def _land(work: Work, delivery: Delivery) -> None:
    """Raw bytes first, then the row that names them."""
    if delivery.as_of is None and delivery.remote_modified is None:
        # a query has no name of its own for the day it was asked
        delivery = replace(delivery, as_of=work.as_of, name=f"{delivery.name}@{work.as_of}")
    work.landing.adopt(delivery.path, sha256=delivery.sha256)
    now = work.clock.now()
    with work.engine.begin() as connection:
        control.check_fence(connection, work.fence)
        control.insert_object(connection, delivery.sha256, size=delivery.bytes, now=now)
        if control.insert_delivery(connection, delivery, run_id=work.run_id, now=now):
            events.record(
                connection,
                action="delivery.landed",
                actor=work.actor,
                object=f"object:{delivery.sha256}",
                detail={"feed": delivery.feed, "bytes": delivery.bytes, "run_id": str(work.run_id)},
            )
    failpoint("delivery.inserted")
    delivery.path.unlink(missing_ok=True)


# judge and merge ---------------------------------------------------------------------------------


def _merge_waiting(work: Work, mapping: mappings.Mapping) -> None:
    for landed in control.waiting(work.engine, mapping.feed.id):
        try:
            if not _set_apart(work, mapping, landed):
                merge_delivery(work, mapping, landed)
        except Hold as held:
            _refuse(work, landed, held, verdict="held")
        except Stop as refused:
            if refused.code in _OURS:
                raise
            _refuse(work, landed, refused, verdict="refused")


#: Faults of this hub, not of the delivery: the delivery stays landed and is taken up by the next run.
_OURS = frozenset({"E_DISK", "E_FENCED", "E_DATABASE", "E_OBJECT_DAMAGED", "E_AUTH", "E_HOSTKEY"})


def _set_apart(work: Work, mapping: mappings.Mapping, landed: control.Landed) -> bool:
    """True when the bytes are already merged, or a known name came with other bytes."""
    with work.engine.begin() as connection:
        control.check_fence(connection, work.fence)
        original = control.same_content(connection, landed)
        if original is not None:
            control.judge(connection, landed, "duplicate", duplicate_of=original)
            _tell(connection, work, "delivery.duplicate", landed, {"of": original})
            return True
        resends = bool(mapping.feed.settings.get("allow_resend", False))
        if landed.is_file and not resends and control.name_is_taken(connection, landed):
            raise Hold("E_NAME_REUSED", feed=landed.feed)
    return False


def _refuse(work: Work, landed: control.Landed, error: RenkeiError, *, verdict: str) -> None:
    work.refused.append(error.code)
    with work.engine.begin() as connection:
        control.check_fence(connection, work.fence)
        control.judge(connection, landed, verdict, code=error.code, facts=error.facts)
        _tell(connection, work, f"delivery.{verdict}", landed, {"code": error.code})


def _tell(
    connection: sa.Connection, work: Work, action: str, landed: control.Landed, detail: Mapping[str, Any]
) -> None:
    events.record(
        connection,
        action=action,
        actor=work.actor,
        object=f"delivery:{landed.delivery_id}",
        detail={"feed": landed.feed, "sha256": landed.sha256, "run_id": str(work.run_id), **detail},
    )


def merge_delivery(work: Work, mapping: mappings.Mapping, landed: control.Landed) -> UnitCounts:
    """Read, map, compare and merge one landed delivery; one that is merged already changes nothing."""
    with work.stage("read"):
        batch = read_landed(work, mapping, landed)
    as_of = batch.control.as_of or landed.as_of or work.as_of
    _check_count(landed, batch)
    if as_of != landed.as_of:
        landed = replace(landed, as_of=as_of)
    with work.stage("map"):
        mapped = mappings.apply(mapping, batch, as_of=as_of)
    with work.stage("compare"):
        difference, cursor = compare_with_present(
            work, mapping, mapped, as_of=as_of, full=mapping.feed.delivers == "full"
        )
    if cursor is not None:
        _limit_blast(work.project, mapping, difference)
    with work.stage("merge"):
        commit_unit(work, mapping, landed, mapped, difference, as_of=as_of, part="all")
    return difference.counts


def read_landed(work: Work, mapping: mappings.Mapping, landed: control.Landed) -> Batch:
    """The delivery's records, by the layout in force on its day, from bytes proved to be the landed ones."""
    layout = mapping.at(landed.as_of or work.as_of).feed.format
    return formats.read(work.landing.proved(landed.sha256), layout, feed=landed.feed)


def _check_count(landed: control.Landed, batch: Batch) -> None:
    if landed.stated_records is not None and landed.stated_records != batch.records:
        raise Stop("E_PULL_SHORT", feed=landed.feed, stated=landed.stated_records, counted=batch.records)


def compare_with_present(
    work: Work, mapping: mappings.Mapping, mapped: Mapped, *, as_of: date, full: bool
) -> tuple[Difference, control.Cursor | None]:
    """What the batch changes beside the feed's present snapshot, and how far the feed was."""
    with work.engine.connect() as connection:
        cursor = control.cursor_of(connection, mapping.feed.id)
    difference = compare(
        mapped,
        work.landing.proved(cursor.snapshot) if cursor else None,
        as_of=as_of,
        current_as_of=cursor.as_of if cursor else None,
        full=full,
    )
    return difference, cursor


def _limit_blast(project: Project, mapping: mappings.Mapping, difference: Difference) -> None:
    counts = difference.counts
    total = difference.snapshot.num_rows
    limit = max(project.config.blast_least, int(total * project.config.blast_share))
    if counts.merged + counts.ended > limit:
        raise Hold(
            "E_BLAST", feed=mapping.feed.id, total=total, changed=counts.merged + counts.ended, limit=limit
        )


def commit_unit(
    work: Work,
    mapping: mappings.Mapping,
    landed: control.Landed,
    mapped: Mapped,
    difference: Difference,
    *,
    as_of: date,
    part: str,
    also: Callable[[sa.Connection, int], None] | None = None,
) -> None:
    """Data, history, watermark, audit event and "unit done": all in one transaction, or none.

    ``also`` writes what belongs to the same transaction, given the unit's id.
    """
    if _is_done(work, landed, part):
        return
    dispositions = keep(work, difference.dispositions)
    snapshot = keep(work, difference.snapshot)
    failpoint("snapshot.written")
    now = work.clock.now()
    with work.engine.begin() as connection:
        control.check_fence(connection, work.fence)
        for digest in (dispositions, snapshot):
            control.insert_object(connection, digest, size=work.landing.path(digest).stat().st_size, now=now)
        unit_id = control.next_unit_id(connection)
        merge.absorb(
            connection, difference, _unit_of_work(work, mapping, landed, unit_id, as_of=as_of, now=now)
        )
        control.insert_unit(
            connection,
            landed,
            unit_id=unit_id,
            part=part,
            as_of=as_of,
            run_id=work.run_id,
            mapping_digest=mapped.mapping_digest,
            fence=work.fence,
            counts=difference.counts,
            dispositions=dispositions,
            snapshot=snapshot,
            now=now,
        )
        control.move_cursor(
            connection,
            landed.feed,
            as_of=as_of,
            snapshot=snapshot,
            position={},
            unit_id=unit_id,
            fence=work.fence,
            now=now,
        )
        failpoint("merge.watermark")
        overtaken = {"feed": landed.feed, "as_of": as_of} if difference.is_late else None
        code = "E_DELIVERY_OLD" if difference.is_late else None
        control.judge(connection, landed, "merged", as_of=as_of, code=code, facts=overtaken)
        events.record(
            connection,
            action="unit.done",
            actor=work.actor,
            object=f"unit:{unit_id}",
            detail={
                "feed": landed.feed,
                "run_id": str(work.run_id),
                "delivery_id": landed.delivery_id,
                "sha256": landed.sha256,
                "mapping_digest": mapped.mapping_digest,
                "snapshot": snapshot,
                **vars(difference.counts),
            },
        )
        if also is not None:
            also(connection, unit_id)
        failpoint("merge.audit")
        failpoint("merge.before_commit")
    failpoint("merge.after_commit")
    work.counts += difference.counts
    work.units.append(unit_id)


def _is_done(work: Work, landed: control.Landed, part: str) -> bool:
    """A done unit is not applied again; only the fact that it was asked for is written."""
    with work.engine.begin() as connection:
        control.check_fence(connection, work.fence)
        done = control.unit_exists(connection, landed, part)
        if done:
            _tell(connection, work, "replay.noop", landed, {})
    return done


def _unit_of_work(
    work: Work, mapping: mappings.Mapping, landed: control.Landed, unit_id: int, *, as_of: date, now: datetime
) -> merge.UnitOfWork:
    config = work.project.config
    return merge.UnitOfWork(
        feed=mapping.feed.id,
        system=mapping.feed.system,
        record=mapping.feed.record,
        unit_id=unit_id,
        delivery_id=landed.delivery_id,
        as_of=as_of,
        now=now,
        trust={group: config.trusted(group) for group in golden.GROUPS},
        refuse_contradictions=config.refuse_contradictions,
    )
