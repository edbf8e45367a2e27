"""remap: bring a feed's present state under the mapping now in force, from the delivery that it came from.

A new mapping changes nothing by itself, and a source without changes brings nothing that could be mapped
anew. So the run of a feed whose present state another mapping made first reads that delivery once more.
"""

import sqlalchemy as sa

from renkei import mapping as mappings
from renkei import snapshot
from renkei.audit import events
from renkei.errors import RenkeiError, Stop
from renkei.registry import control, declarations, lease, order
from renkei.workflow.run import Work
from renkei.workflow.unit import mapped_otherwise, merge_delivery

#: Faults of this hub, not of the delivery or its mapping.
_OURS = frozenset({"E_DISK", "E_FENCED", "E_DATABASE"})


def remap(work: Work, mapping: mappings.Mapping) -> None:
    """Map the newest whole delivery anew where another mapping made the present state; else change nothing.

    As much may change as the applied plan counted, or the limit allows. What may not, or can no longer be
    read so, is told (``remap.held``) and the state stays as it is; the next delivery is mapped in any case.
    Parts are not mapped anew: only the source knows what they left out.
    """
    if work.project.in_force is None:
        return
    landed, approved = _outdated(work, work.project.in_force, mapping)
    if landed is None:
        return
    try:
        with work.stage("remap"):
            merge_delivery(work, mapping, landed, part=_part(work, landed), approved=approved)
    except Stop as held:
        if held.code in _OURS:
            raise
        _tell(work, mapping, landed, held)


def approved_anew(work: Work, mapping: mappings.Mapping, landed: control.Landed) -> int:
    """How many records a whole read of a feed of parts may change, while another mapping made some of them.

    What the plan counted, and the least that may change any day, for the source has gone on since.
    """
    declaration_id, feed = work.project.in_force, mapping.feed
    if declaration_id is None or feed.delivers == "full" or not landed.is_whole or landed.is_file:
        return 0
    with work.engine.connect() as connection:
        cursor = control.cursor_of(connection, feed.id)
        planned = declarations.approved(
            connection, declaration_id, feed=feed.id, mapping_digest=mapping.digest
        )
    if cursor is None or planned is None:
        return 0
    others = mapped_otherwise(snapshot.proved(work.landing, cursor.snapshot), mapping.digest)
    return planned + work.project.config.blast_least if others else 0


def _outdated(
    work: Work, declaration_id: int, mapping: mappings.Mapping
) -> tuple[control.Landed | None, int]:
    feed = mapping.feed.id
    with work.engine.connect() as connection:
        cursor = control.cursor_of(connection, feed)
        if cursor is None or cursor.mapping_digest == mapping.digest:
            return None, 0
        landed = order.newest(connection, feed)
        planned = declarations.approved(connection, declaration_id, feed=feed, mapping_digest=mapping.digest)
    # a plan that counts no change has still been seen by two people
    approved = 0 if planned is None else max(planned, 1)
    return (landed if landed is not None and landed.is_whole else None), approved


def _part(work: Work, landed: control.Landed) -> str:
    query = "SELECT count(*) FROM unit WHERE delivery_id = :id"
    with work.engine.connect() as connection:
        parts = connection.execute(sa.text(query), {"id": landed.delivery_id}).scalar_one()
    return f"remap:{parts}"


def _tell(work: Work, mapping: mappings.Mapping, landed: control.Landed, held: RenkeiError) -> None:
    work.refused.append(held.code)
    work.reasons.append(held)
    with work.engine.begin() as connection:
        lease.check_fence(connection, work.fence)
        events.record(
            connection,
            action="remap.held",
            actor=work.actor,
            object=f"delivery:{landed.delivery_id}",
            detail={"feed": landed.feed, "mapping_digest": mapping.digest, "code": held.code},
        )
