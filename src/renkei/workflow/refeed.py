"""refeed and replay: take set-aside records in again, and prove that a done unit changes nothing twice."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from renkei import mapping as mappings
from renkei.audit import events
from renkei.clock import Clock
from renkei.errors import FixDeclaration, Hold
from renkei.model import REC_NO, Batch, Mapped, UnitCounts
from renkei.project import Project
from renkei.quarantine.causes import EVERYTHING, Group
from renkei.registry import control, order
from renkei.registry.difference import Difference
from renkei.workflow.plan import Plan, PlannedDelivery
from renkei.workflow.run import Work, only_reading, run_of
from renkei.workflow.sync_in import SyncResult, result_of
from renkei.workflow.unit import (
    commit_unit,
    compare_with_present,
    limit_blast,
    merge_delivery,
    read_landed,
)

_OPEN = """
    SELECT r.rec_no, r.field, r.code, u.mapping_digest
    FROM reject AS r
    JOIN unit AS u USING (unit_id)
    WHERE r.delivery_id = :delivery_id AND r.state = 'open'
    ORDER BY r.rec_no
"""
_CLOSE = """
    UPDATE reject
    SET state = 'refed', closed_by_unit = :unit_id
    WHERE delivery_id = :delivery_id AND state = 'open' AND unit_id <> :unit_id AND rec_no = ANY(:records)
"""


def refeed(
    project: Project,
    feed_id: str,
    *,
    as_of: date,
    actor: str,
    trigger: str,
    clock: Clock | None = None,
    group: Group = EVERYTHING,
) -> SyncResult:
    """Map the feed's set-aside records again, delivery by delivery, with the declarations of now.

    What maps is merged, unless a later delivery told otherwise; what still does not is set aside anew. The
    same declarations twice change nothing. With a ``group`` all other rejects stay as they are.
    """
    with run_of(
        project, kind="refeed", target=feed_id, as_of=as_of, actor=actor, trigger=trigger, clock=clock
    ) as work:
        mapping = work.project.mapping(feed_id)
        _newest(work, feed_id)
        for landed in _with_rejects(work, feed_id):
            _merge_again(work, mapping, landed, group)
        return result_of(work, feed_id, ())


def plan_refeed(project: Project, feed_id: str, *, as_of: date, group: Group = EVERYTHING) -> Plan:
    """What :func:`refeed` would do with the declarations of this folder, in force or not; nothing is written.

    Each delivery is compared with the registry as it stands, not as the delivery before it would leave it.
    """
    mapping = project.mapping(feed_id)
    with only_reading(project, as_of=as_of) as work:
        planned = (_planned(work, mapping, landed, group) for landed in _with_rejects(work, feed_id))
        return Plan(feed=feed_id, deliveries=tuple(each for each in planned if each is not None))


def replay(
    project: Project, feed_id: str, *, as_of: date, actor: str, trigger: str, clock: Clock | None = None
) -> UnitCounts:
    """Read, map and apply the feed's newest delivery once more; returns what it would have changed.

    Nothing changes but one ``replay.noop`` event; merged and ended must be zero.
    """
    with run_of(
        project, kind="refeed", target=feed_id, as_of=as_of, actor=actor, trigger=trigger, clock=clock
    ) as work:
        mapping = work.project.mapping(feed_id)
        return merge_delivery(work, mapping, _newest(work, feed_id))


def _newest(work: Work, feed_id: str) -> control.Landed:
    with work.engine.connect() as connection:
        landed = order.newest(connection, feed_id)
    if landed is None:
        raise FixDeclaration("E_NOT_FOUND", kind="merged delivery", name=feed_id, nearest="-")
    return landed


def _with_rejects(work: Work, feed_id: str) -> list[control.Landed]:
    with work.engine.connect() as connection:
        return order.with_rejects(connection, feed_id)


@dataclass(frozen=True, kw_only=True)
class _Again:
    """The open rejects of one delivery, by record number: ``all`` of them and those that are ``wanted``.

    ``digests`` are the mappings that set the wanted ones aside.
    """

    landed: control.Landed
    as_of: date
    all: list[int]
    wanted: list[int]
    digests: frozenset[str]

    def mapped(self, work: Work, mapping: mappings.Mapping) -> Mapped:
        """The wanted records. That two records share a key is seen only where both are looked at.

        They are like one another and unlike their delivery, so it is not asked how much of them is as usual.
        """
        batch = _only(read_landed(work, mapping, self.landed), self.all)
        mapped = mappings.apply(mapping, batch, as_of=self.as_of, is_delivery=False)
        return _chosen(mapped, self.wanted)


def _again_of(work: Work, landed: control.Landed, group: Group) -> _Again:
    with work.engine.connect() as connection:
        rows = connection.execute(sa.text(_OPEN), {"delivery_id": landed.delivery_id}).all()
    wanted = [row for row in rows if group.takes(row.field, row.code)]
    return _Again(
        landed=landed,
        as_of=landed.as_of or work.as_of,
        all=[int(row.rec_no) for row in rows],
        wanted=[int(row.rec_no) for row in wanted],
        digests=frozenset(row.mapping_digest for row in wanted),
    )


def _only(batch: Batch, records: list[int]) -> Batch:
    numbers = pa.array(records, type=pa.int64())
    kept = {name: _rows(getattr(batch, name), numbers) for name in ("table", "rejects")}
    if batch.gone is not None:
        kept["gone"] = _rows(batch.gone, numbers)
    return replace(batch, **kept, losses=None, records=sum(table.num_rows for table in kept.values()))


def _chosen(mapped: Mapped, records: list[int]) -> Mapped:
    numbers = pa.array(records, type=pa.int64())
    gone = None if mapped.gone is None else _rows(mapped.gone, numbers)
    return replace(
        mapped, records=_rows(mapped.records, numbers), rejects=_rows(mapped.rejects, numbers), gone=gone
    )


def _rows(table: pa.Table, numbers: pa.Array) -> pa.Table:
    return table.filter(pc.is_in(table.column(REC_NO), value_set=numbers))


def _merge_again(work: Work, mapping: mappings.Mapping, landed: control.Landed, group: Group) -> None:
    again = _again_of(work, landed, group)
    if not again.wanted:
        return
    mapped = again.mapped(work, mapping)
    difference = _compared(work, again, mapped)
    if difference.counts.rejected == len(again.wanted) and again.digests == {mapped.mapping_digest}:
        return  # these very declarations set them aside

    def close_old(connection: sa.Connection, unit_id: int) -> None:
        asked = {"delivery_id": landed.delivery_id, "unit_id": unit_id, "records": again.wanted}
        connection.execute(sa.text(_CLOSE), asked)
        detail: dict[str, Any] = {"feed": landed.feed, **vars(group), **vars(difference.counts)}
        events.record(
            connection, action="rejects.refed", actor=work.actor, object=f"unit:{unit_id}", detail=detail
        )

    limit_blast(work, mapping, difference)
    commit_unit(
        work, mapping, landed, mapped, difference, as_of=again.as_of, part=_part(work, landed), also=close_old
    )


def _planned(
    work: Work, mapping: mappings.Mapping, landed: control.Landed, group: Group
) -> PlannedDelivery | None:
    again = _again_of(work, landed, group)
    if not again.wanted:
        return None
    difference = _compared(work, again, again.mapped(work, mapping))
    return PlannedDelivery(
        name=landed.name,
        as_of=again.as_of,
        counts=difference.counts,
        rejects=dict(sorted(Counter(difference.rejects.column("code").to_pylist()).items())),
        refused=_would_be_held(work, mapping, difference),
    )


def _would_be_held(work: Work, mapping: mappings.Mapping, difference: Difference) -> str | None:
    try:
        limit_blast(work, mapping, difference)
    except Hold as held:
        return held.code
    return None


def _compared(work: Work, again: _Again, mapped: Mapped) -> Difference:
    return compare_with_present(work, again.landed, mapped, as_of=again.as_of, full=False, in_any_order=True)


def _part(work: Work, landed: control.Landed) -> str:
    query = "SELECT count(*) FROM unit WHERE delivery_id = :id"
    with work.engine.connect() as connection:
        parts = connection.execute(sa.text(query), {"id": landed.delivery_id}).scalar_one()
    return f"refeed:{parts}"
