"""refeed and replay: take set-aside records in again, and prove that a done unit changes nothing twice."""

from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from renkei import mapping as mappings
from renkei.audit import events
from renkei.clock import Clock
from renkei.errors import FixDeclaration
from renkei.model import REC_NO, Batch, UnitCounts
from renkei.project import Project
from renkei.registry import control
from renkei.workflow.run import Work, run_of
from renkei.workflow.sync_in import SyncResult, result_of
from renkei.workflow.unit import (
    commit_unit,
    compare_with_present,
    limit_blast,
    merge_delivery,
    read_landed,
)

# what is read again brings the feed no further in its source, so the place is where the feed is now
_LANDED = """
    SELECT d.delivery_id, d.feed, d.name, d.sha256, d.as_of, d.stated_records, d.is_whole, c.position,
           d.remote_modified IS NOT NULL AS is_file, coalesce(d.remote_modified, d.received_at) AS made_at
    FROM cursor AS c
"""
_NEWEST = f"""{_LANDED}
    JOIN unit AS u USING (unit_id)
    JOIN delivery AS d ON d.delivery_id = u.delivery_id
    WHERE c.feed = :feed
"""
_WITH_REJECTS = f"""{_LANDED}
    JOIN delivery AS d USING (feed)
    WHERE c.feed = :feed AND EXISTS (
        SELECT FROM reject AS r WHERE r.delivery_id = d.delivery_id AND r.feed = d.feed AND r.state = 'open'
    )
    ORDER BY d.as_of, made_at, d.delivery_id
"""
_OPEN = "SELECT rec_no FROM reject WHERE delivery_id = :delivery_id AND state = 'open' ORDER BY rec_no"
_CLOSE = """
    UPDATE reject
    SET state = 'refed', closed_by_unit = :unit_id
    WHERE delivery_id = :delivery_id AND state = 'open' AND unit_id <> :unit_id
"""


def refeed(
    project: Project, feed_id: str, *, as_of: date, actor: str, trigger: str, clock: Clock | None = None
) -> SyncResult:
    """Map the feed's set-aside records again, delivery by delivery, with the declarations of now.

    What maps is merged, unless a later delivery told otherwise; what still does not is set aside anew. The
    same declarations twice change nothing.
    """
    mapping = project.mapping(feed_id)
    with run_of(
        project, kind="refeed", target=feed_id, as_of=as_of, actor=actor, trigger=trigger, clock=clock
    ) as work:
        _newest(work, feed_id)
        for landed in _with_rejects(work, feed_id):
            _merge_again(work, mapping, landed, _only_open(work, landed, mapping))
        return result_of(work, feed_id, ())


def replay(
    project: Project, feed_id: str, *, as_of: date, actor: str, trigger: str, clock: Clock | None = None
) -> UnitCounts:
    """Read, map and apply the feed's newest delivery once more; returns what it would have changed.

    Nothing changes but one ``replay.noop`` event; merged and ended must be zero.
    """
    mapping = project.mapping(feed_id)
    with run_of(
        project, kind="refeed", target=feed_id, as_of=as_of, actor=actor, trigger=trigger, clock=clock
    ) as work:
        return merge_delivery(work, mapping, _newest(work, feed_id))


def _newest(work: Work, feed_id: str) -> control.Landed:
    with work.engine.connect() as connection:
        row = connection.execute(sa.text(_NEWEST), {"feed": feed_id}).mappings().one_or_none()
    if row is None:
        raise FixDeclaration("E_NOT_FOUND", kind="merged delivery", name=feed_id, nearest="-")
    return control.Landed(**row)


def _with_rejects(work: Work, feed_id: str) -> list[control.Landed]:
    """Oldest first. A whole delivery answers all before it, a part only what it speaks of."""
    with work.engine.connect() as connection:
        rows = connection.execute(sa.text(_WITH_REJECTS), {"feed": feed_id}).mappings()
        return [control.Landed(**row) for row in rows]


def _only_open(work: Work, landed: control.Landed, mapping: mappings.Mapping) -> Batch:
    with work.engine.connect() as connection:
        wanted = connection.execute(sa.text(_OPEN), {"delivery_id": landed.delivery_id}).scalars().all()
    numbers = pa.array(wanted, type=pa.int64())
    batch = read_landed(work, mapping, landed)
    kept = {name: _rows(getattr(batch, name), numbers) for name in ("table", "rejects")}
    if batch.gone is not None:
        kept["gone"] = _rows(batch.gone, numbers)
    return replace(batch, **kept, losses=None, records=sum(table.num_rows for table in kept.values()))


def _rows(table: pa.Table, numbers: pa.Array) -> pa.Table:
    return table.filter(pc.is_in(table.column(REC_NO), value_set=numbers))


def _merge_again(work: Work, mapping: mappings.Mapping, landed: control.Landed, batch: Batch) -> None:
    if not batch.records:
        return
    as_of = landed.as_of or work.as_of
    mapped = mappings.apply(mapping, batch, as_of=as_of)
    difference = compare_with_present(work, landed, mapped, as_of=as_of, full=False, in_any_order=True)
    with work.engine.connect() as connection:
        if difference.counts.rejected == batch.records and _was_tried(
            connection, landed, mapped.mapping_digest
        ):
            return

    def close_old(connection: sa.Connection, unit_id: int) -> None:
        connection.execute(sa.text(_CLOSE), {"delivery_id": landed.delivery_id, "unit_id": unit_id})
        detail: dict[str, Any] = {"feed": landed.feed, **vars(difference.counts)}
        events.record(
            connection, action="rejects.refed", actor=work.actor, object=f"unit:{unit_id}", detail=detail
        )

    limit_blast(work, mapping, difference)
    commit_unit(
        work, mapping, landed, mapped, difference, as_of=as_of, part=_part(work, landed), also=close_old
    )


def _was_tried(connection: sa.Connection, landed: control.Landed, digest: str) -> bool:
    query = "SELECT EXISTS (SELECT FROM unit WHERE delivery_id = :id AND mapping_digest = :digest)"
    return bool(connection.execute(sa.text(query), {"id": landed.delivery_id, "digest": digest}).scalar())


def _part(work: Work, landed: control.Landed) -> str:
    query = "SELECT count(*) FROM unit WHERE delivery_id = :id"
    with work.engine.connect() as connection:
        parts = connection.execute(sa.text(query), {"id": landed.delivery_id}).scalar_one()
    return f"refeed:{parts}"
