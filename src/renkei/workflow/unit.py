"""One delivery into the registry: read, map, compare, and one transaction that carries everything."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from renkei import mapping as mappings
from renkei import snapshot
from renkei.audit import events
from renkei.errors import Hold, Stop
from renkei.failpoint import failpoint
from renkei.landing import Landing
from renkei.model import Batch, Delivery, Feed, Mapped, UnitCounts
from renkei.project import CityConfig
from renkei.registry import buckets, control, golden, lease, merge, order
from renkei.registry.difference import Difference, Present, compare
from renkei.snapshot import Snapshot
from renkei.workflow import contract, protection, remapped, vault
from renkei.workflow.run import Accepted, Work, keep


def merge_delivery(
    work: Work,
    mapping: mappings.Mapping,
    landed: control.Landed,
    *,
    part: str = "all",
    approved: int = 0,
    anew: int = 0,
) -> UnitCounts:
    """Read, map, compare and merge one landed delivery; one that is merged already changes nothing.

    ``part`` names this reading of it where it is read again, so that it is told from the first.
    ``approved`` is how many records two people have agreed to change at once, having seen this delivery;
    ``anew`` is how many they have agreed to where its source is read whole again, which they have not seen.
    """
    with work.stage("read"):
        batch = read_landed(work, mapping, landed)
    as_of = batch.control.as_of or landed.as_of or work.as_of
    _check_count(landed, batch)
    if as_of != landed.as_of:
        landed = replace(landed, as_of=as_of)
    mappings.hold_odd_size(mapping, batch, as_of=as_of)
    with work.stage("map"):
        state = _state(work, landed)
        mapped = _mapped(mapping, batch, state if landed.is_whole else None, as_of=as_of)
    work.notes += vault.doubts_of(mapped)
    if approved:
        work.accepted.setdefault(landed.delivery_id, Accepted(reason="applied plan"))
    there = mapping.at(as_of)
    with work.stage("contract"):
        judged = contract.judge(work, there, landed, batch, mapped)
        mapped = judged.mapped
    with work.stage("compare"):
        difference = compare_with_present(
            work, landed, mapped, as_of=as_of, full=landed.is_whole, in_any_order=landed.is_file, state=state
        )
    judged = contract.limit_emptied(work, mapping, landed, difference, judged, anew=anew, state=state)
    limit_blast(work, mapping, difference, approved=approved or anew)
    judged = contract.judge_volume(work, mapping, landed, judged)

    def tell_beside(connection: sa.Connection, unit_id: int) -> None:
        control.insert_losses(connection, batch.losses, feed=landed.feed, unit_id=unit_id)
        contract.keep(connection, work, landed, judged, unit_id=unit_id)

    with work.stage("merge"):
        remapped.remember(work)
        commit_unit(work, mapping, landed, mapped, difference, as_of=as_of, part=part, also=tell_beside)
    return difference.counts


def _mapped(mapping: mappings.Mapping, batch: Batch, state: Snapshot | None, *, as_of: date) -> Mapped:
    """The batch mapped; of a whole delivery only what the present state was not made from."""
    batch, known = mappings.recalled(mapping, batch, state, as_of=as_of)
    return mappings.apply(mapping, batch, as_of=as_of, known=known)


def _state(work: Work, landed: control.Landed) -> Snapshot | None:
    """The feed's present state, proved once for all that look at it: the run's lease keeps it where it is."""
    with work.engine.connect() as connection:
        cursor = control.cursor_of(connection, landed.feed)
    return None if cursor is None else snapshot.proved(work.landing, cursor.snapshot)


def is_whole(delivery: Delivery, feed: Feed) -> bool:
    """True when a delivery holds all that its source has: what it lacks has then ended."""
    return feed.delivers == "full" if delivery.is_whole is None else delivery.is_whole


def read_landed(work: Work, mapping: mappings.Mapping, landed: control.Landed) -> Batch:
    """The delivery's records, by the layout in force on its day, from bytes proved to be the landed ones."""
    return mappings.read(work.landing.proved(landed.sha256), mapping, day=landed.as_of or work.as_of)


def _check_count(landed: control.Landed, batch: Batch) -> None:
    if landed.stated_records is not None and landed.stated_records != batch.records:
        raise Stop("E_PULL_SHORT", feed=landed.feed, stated=landed.stated_records, counted=batch.records)


def compare_with_present(
    work: Work, landed: control.Landed, mapped: Mapped, *, as_of: date, full: bool, in_any_order: bool,
    state: Snapshot | None = None,
) -> Difference:  # fmt: skip
    """What the batch changes beside the feed's present snapshot, its ``state`` where that is proved already.

    Files may come ``in_any_order``; of two parts that were read from places in a source, the later one was
    read from where the earlier one was not merged, so it says all that the earlier one said.
    """
    with work.engine.connect() as connection:
        cursor = control.cursor_of(connection, landed.feed)
        explained = control.explained_rejects(connection, landed.feed)
        is_late = cursor is not None and cursor.is_past(as_of, landed.made_at)
        later = order.told_since(connection, replace(landed, as_of=as_of)) if is_late else []
    return compare(
        mapped,
        replace(
            present_of(work.landing, cursor, mapped, explained=explained, state=state),
            told_since=frozenset().union(*(_keys_of(work.landing.proved(each)) for each, _ in later)),
            is_whole_since=any(is_whole for _, is_whole in later),
        ),
        as_of=as_of,
        is_late=is_late,
        full=full,
        in_any_order=in_any_order,
        patches=True,
        scratch=work.project.var / "work" / "spill",
    )


def _keys_of(dispositions: Path) -> frozenset[str]:
    import pyarrow.parquet as pq

    keys = pq.read_table(dispositions, columns=["source_key"]).column(0)
    return frozenset(keys.drop_null().to_pylist())


def present_of(
    landing: Landing, cursor: control.Cursor | None, mapped: Mapped, *,
    explained: Mapping[str | None, int], state: Snapshot | None = None,
) -> Present:  # fmt: skip
    """What the comparison must know of the feed: nothing at its first load."""
    if cursor is None:
        return Present()
    return Present(
        snapshot=state or snapshot.proved(landing, cursor.snapshot),
        is_remapped=cursor.mapping_digest != mapped.mapping_digest,
        explained=explained,
    )


def mapped_otherwise(state: Snapshot, digest: str) -> int:
    """How many records of a state another mapping made; ones that do not say so are not counted."""
    import pyarrow.compute as pc

    if "mapped_by" not in state.names:
        return 0
    others = pc.not_equal(state.table(["mapped_by"]).column(0), digest)
    return int(pc.sum(others).as_py() or 0)


def limit_blast(work: Work, mapping: mappings.Mapping, difference: Difference, *, approved: int = 0) -> None:
    """Hold what would change, end or set aside too much at once; a first load has nothing to protect.

    What an applied plan has ``approved`` is not too much, where that is more than the limit.
    """
    worst, limit = worst_of(difference.counts), limit_of(work.project.config, difference.known)
    if difference.known and not difference.is_moot and worst > max(limit, approved):
        with work.engine.connect() as connection:
            cursor = control.cursor_of(connection, mapping.feed.id)
        numbers = {"total": difference.known, "changed": worst, "limit": limit}
        raise Hold("E_BLAST", feed=mapping.feed.id, **numbers, **remapped.facts(work, mapping, cursor))


def worst_of(counts: UnitCounts) -> int:
    """What the limit is held against: records that change or end, or those set aside, whichever is more."""
    return max(counts.merged + counts.ended + counts.withheld, counts.rejected)


def limit_of(config: CityConfig, known: int) -> int:
    """How many records of a feed with so many may change at once."""
    return max(config.blast_least, int(known * config.blast_share))


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
    now = work.clock.now()
    # while the server takes the rows in, the state is written to disk: both are done before the commit
    with ThreadPoolExecutor(1) as beside, work.engine.begin() as connection:
        lease.check_fence(connection, work.fence)
        unit_id = control.next_unit_id(connection)
        keeping = beside.submit(_keep_files, work, difference)
        unit = _unit_of_work(work, mapping, landed, unit_id, as_of=as_of, now=now)
        protection.keep_facilities(connection, work.project, actor=work.actor)
        merge.absorb(connection, difference, unit)
        protection.tell_unit(connection, actor=work.actor, unit_id=unit_id)
        kept = keeping.result()
        failpoint("snapshot.written")
        for digest in kept.values():
            control.insert_object(connection, digest, size=work.landing.path(digest).stat().st_size, now=now)
        state = partial(snapshot.found, work.landing, kept["snapshot"])
        held = buckets.move(connection, difference.moved, feed=landed.feed, unit_id=unit_id, state=state)
        vault.keep_numbers(connection, work.project, mapped, difference, unit_id=unit_id, now=now)
        control.insert_unit(
            connection, landed, unit_id=unit_id, part=part, as_of=as_of, run_id=work.run_id,
            mapping_digest=mapped.mapping_digest, fence=work.fence, counts=difference.counts, now=now, **kept,
        )  # fmt: skip
        _move_on(connection, work, landed, difference, unit=unit, snapshot=kept["snapshot"], part=part)
        failpoint("merge.watermark")
        _tell_done(
            connection,
            work,
            landed,
            mapped,
            difference,
            unit_id=unit_id,
            snapshot=kept["snapshot"],
            held=held,
        )
        if also is not None:
            also(connection, unit_id)
        failpoint("merge.audit")
        failpoint("merge.before_commit")
    failpoint("merge.after_commit")
    work.counts += difference.counts
    work.units.append(unit_id)


def _keep_files(work: Work, difference: Difference) -> dict[str, str]:
    return {name: keep(work, getattr(difference, name)) for name in ("dispositions", "snapshot")}


def _move_on(
    connection: sa.Connection,
    work: Work,
    landed: control.Landed,
    difference: Difference,
    *,
    unit: merge.UnitOfWork,
    snapshot: str,
    part: str,
) -> None:
    """The watermark and the delivery's verdict; what came late moves no watermark."""
    if difference.is_late:
        _move_only_state(connection, work, landed, difference, unit=unit, snapshot=snapshot, part=part)
        return
    control.judge(connection, landed, "merged", as_of=unit.as_of)
    control.move_cursor(
        connection, landed.feed, as_of=unit.as_of, snapshot=snapshot, position=landed.position,
        unit_id=unit.unit_id, fence=work.fence, now=unit.now,
    )  # fmt: skip


def _move_only_state(
    connection: sa.Connection,
    work: Work,
    landed: control.Landed,
    difference: Difference,
    *,
    unit: merge.UnitOfWork,
    snapshot: str,
    part: str,
) -> None:
    """What came late and was still news is part of the state that the next delivery is compared with."""
    if difference.counts.merged:
        control.keep_snapshot(connection, landed.feed, snapshot=snapshot, fence=work.fence, now=unit.now)
    if part == "all":
        facts = {"feed": landed.feed, "as_of": unit.as_of}
        control.judge(connection, landed, "merged", as_of=unit.as_of, code="E_DELIVERY_OLD", facts=facts)


def _tell_done(
    connection: sa.Connection,
    work: Work,
    landed: control.Landed,
    mapped: Mapped,
    difference: Difference,
    *,
    unit_id: int,
    snapshot: str,
    held: str,
) -> None:
    detail = {
        "feed": landed.feed,
        "run_id": str(work.run_id),
        "delivery_id": landed.delivery_id,
        "sha256": landed.sha256,
        "mapping_digest": mapped.mapping_digest,
        "snapshot": snapshot,
        "buckets": held,
        **vars(difference.counts),
    }
    events.record(connection, action="unit.done", actor=work.actor, object=f"unit:{unit_id}", detail=detail)


def _is_done(work: Work, landed: control.Landed, part: str) -> bool:
    """A done unit is not applied again; only the fact that it was asked for is written."""
    with work.engine.begin() as connection:
        lease.check_fence(connection, work.fence)
        done = control.unit_exists(connection, landed, part)
        if done:
            tell(connection, work, "replay.noop", landed, {})
    return done


def _unit_of_work(
    work: Work, mapping: mappings.Mapping, landed: control.Landed, unit_id: int, *, as_of: date, now: datetime
) -> merge.UnitOfWork:
    config = work.project.config
    return merge.UnitOfWork(
        feed=mapping.feed.id,
        record=mapping.feed.record,
        unit_id=unit_id,
        delivery_id=landed.delivery_id,
        as_of=as_of,
        now=now,
        trust={
            group: work.project.trusted(fields[0], group=group, day=as_of)
            for group, fields in golden.GROUPS.items()
        },
        refuse_contradictions=config.refuse_contradictions,
    )


def tell(
    connection: sa.Connection, work: Work, action: str, landed: control.Landed, detail: Mapping[str, Any]
) -> None:
    """Write an audit event about a delivery, in the caller's transaction."""
    events.record(
        connection,
        action=action,
        actor=work.actor,
        object=f"delivery:{landed.delivery_id}",
        detail={"feed": landed.feed, "sha256": landed.sha256, "run_id": str(work.run_id), **detail},
    )
