"""Who may write, what came, how far a feed is: runs, leases with fences, deliveries, units, cursors."""

import json
import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from renkei.errors import Stop, TryAgain
from renkei.failpoint import failpoint
from renkei.model import Checkpoint, Delivery, UnitCounts

#: A runner that has not renewed its lease for this long may be overtaken; the fence keeps it from writing.
LEASE = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Fence:
    """Permission to write for one resource: only the newest number may commit."""

    resource: str
    number: int


@dataclass(frozen=True, kw_only=True)
class Landed:
    """A delivery that is in the landing zone and has its row."""

    delivery_id: int
    feed: str
    name: str
    sha256: str
    as_of: date | None
    stated_records: int | None
    is_file: bool


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """How far a feed is merged, and the snapshot object of its present state."""

    feed: str
    as_of: date
    snapshot: str
    position: Mapping[str, Any]


def acquire(engine: sa.Engine, resource: str, *, now: datetime) -> Fence:
    """Take the lease of a resource with the next fence number; refused while another holder's runs."""
    holder = _myself()
    with engine.begin() as connection:
        row = connection.execute(
            sa.text("""
                INSERT INTO lease (resource, fence, holder, expires_at)
                VALUES (:resource, 1, :holder, :until)
                ON CONFLICT (resource) DO UPDATE
                SET fence = lease.fence + 1, holder = :holder, expires_at = :until
                WHERE lease.expires_at <= :now
                RETURNING fence
            """),
            {"resource": resource, "holder": holder, "until": now + LEASE, "now": now},
        ).one_or_none()
        if row is None:
            raise TryAgain("E_LEASE_HELD", resource=resource, holder=_holder(connection, resource))
    failpoint("lease.acquired")
    return Fence(resource=resource, number=row.fence)


def _holder(connection: sa.Connection, resource: str) -> str:
    query = sa.text("SELECT holder FROM lease WHERE resource = :resource")
    return str(connection.execute(query, {"resource": resource}).scalar())


def release(engine: sa.Engine, fence: Fence, *, now: datetime) -> None:
    """Let the next runner in; the fence number stays."""
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE lease SET expires_at = :now WHERE resource = :resource AND fence = :fence"),
            {"now": now, "resource": fence.resource, "fence": fence.number},
        )


def take_over_the_dead(engine: sa.Engine, resource: str, *, now: datetime) -> None:
    """End the lease of a holder on this machine whose process is gone, so that a crash costs no waiting."""
    with engine.begin() as connection:
        row = connection.execute(
            sa.text(
                "SELECT holder, fence FROM lease WHERE resource = :resource AND expires_at > :now FOR UPDATE"
            ),
            {"resource": resource, "now": now},
        ).one_or_none()
        if row is not None and _is_dead(row.holder):
            connection.execute(
                sa.text("UPDATE lease SET expires_at = :now WHERE resource = :resource AND fence = :fence"),
                {"now": now, "resource": resource, "fence": row.fence},
            )


def _myself() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def _is_dead(holder: str) -> bool:
    host, process, started = holder.rsplit(":", 2)
    return host == socket.gethostname() and _started(int(process)) != started


def _started(process: int) -> str:
    """The process's start in clock ticks since boot: a number re-used by another process differs here."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[19]


def check_fence(connection: sa.Connection, fence: Fence) -> None:
    """Inside the writing transaction: stop unless this runner is still the newest. Locks the lease row."""
    number = connection.execute(
        sa.text("SELECT fence FROM lease WHERE resource = :resource FOR UPDATE"), {"resource": fence.resource}
    ).scalar()
    if number != fence.number:
        raise Stop("E_FENCED", resource=fence.resource, fence=fence.number)


def open_run(
    engine: sa.Engine,
    *,
    kind: str,
    target: str,
    as_of: date,
    actor: str,
    trigger: str,
    project_digest: str,
    code_version: str,
    fence: Fence,
    now: datetime,
) -> uuid.UUID:
    """Write the run's row, pinned to the declarations that it will use."""
    run_id = uuid.uuid4()
    with engine.begin() as connection:
        connection.execute(
            sa.text("""
                INSERT INTO run (run_id, kind, target, as_of, state, actor, trigger, project_digest,
                                 code_version, fence, started_at)
                VALUES (:run_id, :kind, :target, :as_of, 'running', :actor, :trigger, :digest,
                        :version, :fence, :now)
            """),
            {
                "run_id": run_id,
                "kind": kind,
                "target": target,
                "as_of": as_of,
                "actor": actor,
                "trigger": trigger,
                "digest": project_digest,
                "version": code_version,
                "fence": fence.number,
                "now": now,
            },
        )
    return run_id


def close_run(
    connection: sa.Connection,
    run_id: uuid.UUID,
    *,
    state: str,
    counts: Mapping[str, Any],
    stages: list[dict[str, Any]],
    error: Mapping[str, Any] | None,
    now: datetime,
) -> None:
    """Write how a run ended: its counts, the seconds of each stage, and its error if it had one."""
    connection.execute(
        sa.text("""
            UPDATE run
            SET state = :state, counts = :counts, stages = :stages, error_code = :code,
                error_facts = :facts, finished_at = :now
            WHERE run_id = :run_id
        """),
        {
            "run_id": run_id,
            "state": state,
            "counts": json.dumps(dict(counts)),
            "stages": json.dumps(stages),
            "code": error["code"] if error else None,
            "facts": json.dumps(error["facts"], default=str) if error else None,
            "now": now,
        },
    )


def insert_object(connection: sa.Connection, sha256: str, *, size: int, now: datetime) -> None:
    """Say that an object exists; it must already be whole on disk."""
    connection.execute(
        sa.text("""
            INSERT INTO object (sha256, bytes, first_seen_at)
            VALUES (:sha256, :bytes, :now)
            ON CONFLICT (sha256) DO NOTHING
        """),
        {"sha256": sha256, "bytes": size, "now": now},
    )


def insert_delivery(
    connection: sa.Connection, delivery: Delivery, *, run_id: uuid.UUID, now: datetime
) -> bool:
    """Write the delivery's row; False when this name with these bytes is already known."""
    result = connection.execute(
        sa.text("""
            INSERT INTO delivery (feed, name, sha256, as_of, stated_records, remote_modified, received_at,
                                  run_id, verdict)
            VALUES (:feed, :name, :sha256, :as_of, :stated, :modified, :now, :run_id, 'landed')
            ON CONFLICT (feed, name, sha256) DO NOTHING
        """),
        {
            "feed": delivery.feed,
            "name": delivery.name,
            "sha256": delivery.sha256,
            "as_of": delivery.as_of,
            "stated": delivery.records,
            "modified": delivery.remote_modified,
            "now": now,
            "run_id": run_id,
        },
    )
    return result.rowcount == 1


def waiting(engine: sa.Engine, feed: str) -> list[Landed]:
    """Deliveries that are landed and not yet judged, oldest business day first."""
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("""
                SELECT delivery_id, feed, name, sha256, as_of, stated_records,
                       remote_modified IS NOT NULL AS is_file
                FROM delivery
                WHERE feed = :feed AND verdict = 'landed'
                ORDER BY as_of NULLS FIRST, delivery_id
            """),
            {"feed": feed},
        )
        return [Landed(**row) for row in rows.mappings()]


def same_content(connection: sa.Connection, landed: Landed) -> int | None:
    """An earlier judged delivery of this feed with the same bytes for the same business day."""
    found = connection.execute(
        sa.text("""
            SELECT delivery_id
            FROM delivery
            WHERE feed = :feed AND sha256 = :sha256 AND as_of IS NOT DISTINCT FROM :as_of
              AND delivery_id <> :self AND verdict = 'merged'
            ORDER BY delivery_id
            LIMIT 1
        """),
        {"feed": landed.feed, "sha256": landed.sha256, "as_of": landed.as_of, "self": landed.delivery_id},
    ).scalar()
    return int(found) if found is not None else None


def name_is_taken(connection: sa.Connection, landed: Landed) -> bool:
    """True when a merged file of this feed had the same name and other bytes."""
    return bool(
        connection.execute(
            sa.text("""
                SELECT EXISTS (
                    SELECT FROM delivery
                    WHERE feed = :feed AND name = :name AND sha256 <> :sha256 AND verdict = 'merged'
                )
            """),
            {"feed": landed.feed, "name": landed.name, "sha256": landed.sha256},
        ).scalar()
    )


def judge(
    connection: sa.Connection,
    landed: Landed,
    verdict: str,
    *,
    duplicate_of: int | None = None,
    code: str | None = None,
    facts: Mapping[str, Any] | None = None,
    as_of: date | None = None,
) -> None:
    """Write what became of a delivery."""
    connection.execute(
        sa.text("""
            UPDATE delivery
            SET verdict = :verdict, duplicate_of = :of, error_code = :code, error_facts = :facts,
                as_of = coalesce(:as_of, as_of)
            WHERE delivery_id = :delivery_id
        """),
        {
            "verdict": verdict,
            "of": duplicate_of,
            "code": code,
            "as_of": as_of,
            "facts": json.dumps(dict(facts), default=str) if facts else None,
            "delivery_id": landed.delivery_id,
        },
    )


def checkpoint(engine: sa.Engine, feed: str) -> Checkpoint:
    """What the connector may skip: every file already in the landing zone, and its own last position."""
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("""
                SELECT d.name, o.bytes, extract(epoch FROM d.remote_modified)::bigint AS modified, d.sha256
                FROM delivery AS d
                JOIN object AS o USING (sha256)
                WHERE d.feed = :feed AND d.remote_modified IS NOT NULL
                ORDER BY d.delivery_id
            """),
            {"feed": feed},
        ).all()
        position = connection.execute(
            sa.text("SELECT position FROM cursor WHERE feed = :feed"), {"feed": feed}
        ).scalar()
    seen = {row.name: [row.bytes, row.modified, row.sha256] for row in rows}
    return Checkpoint(feed=feed, position={**(position or {}), "seen": seen})


def cursor_of(connection: sa.Connection, feed: str) -> Cursor | None:
    """How far the feed is merged."""
    return cursors(connection).get(feed)


def cursors(connection: sa.Connection) -> dict[str, Cursor]:
    """How far each feed is merged."""
    rows = connection.execute(sa.text("SELECT feed, as_of, snapshot, position FROM cursor"))
    return {row["feed"]: Cursor(**row) for row in rows.mappings()}


def insert_unit(
    connection: sa.Connection,
    landed: Landed,
    *,
    unit_id: int,
    part: str,
    as_of: date,
    run_id: uuid.UUID,
    mapping_digest: str,
    fence: Fence,
    counts: UnitCounts,
    dispositions: str,
    snapshot: str,
    now: datetime,
) -> None:
    """Write the unit's row: the database itself refuses counts that do not add up."""
    connection.execute(
        sa.text("""
            INSERT INTO unit (unit_id, delivery_id, feed, part, as_of, run_id, mapping_digest, fence, records,
                              merged, unchanged, superseded, rejected, ended, dispositions, snapshot, done_at)
            OVERRIDING SYSTEM VALUE
            VALUES (:unit_id, :delivery_id, :feed, :part, :as_of, :run_id, :digest, :fence, :records, :merged,
                    :unchanged, :superseded, :rejected, :ended, :dispositions, :snapshot, :now)
        """),
        {
            "unit_id": unit_id,
            "delivery_id": landed.delivery_id,
            "feed": landed.feed,
            "part": part,
            "as_of": as_of,
            "run_id": run_id,
            "digest": mapping_digest,
            "fence": fence.number,
            **vars(counts),
            "dispositions": dispositions,
            "snapshot": snapshot,
            "now": now,
        },
    )


def next_unit_id(connection: sa.Connection) -> int:
    """The id of the unit that is about to be written."""
    found = connection.execute(
        sa.text("SELECT nextval(pg_get_serial_sequence('unit', 'unit_id'))")
    ).scalar_one()
    return int(found)


def unit_exists(connection: sa.Connection, landed: Landed, part: str) -> bool:
    """True when this part of this delivery is done."""
    return bool(
        connection.execute(
            sa.text("SELECT EXISTS (SELECT FROM unit WHERE delivery_id = :id AND part = :part)"),
            {"id": landed.delivery_id, "part": part},
        ).scalar()
    )


def move_cursor(
    connection: sa.Connection,
    feed: str,
    *,
    as_of: date,
    snapshot: str,
    position: Mapping[str, Any],
    unit_id: int,
    fence: Fence,
    now: datetime,
) -> None:
    """Move the watermark forward; it never goes back."""
    connection.execute(
        sa.text("""
            INSERT INTO cursor (feed, as_of, position, snapshot, unit_id, fence, moved_at)
            VALUES (:feed, :as_of, :position, :snapshot, :unit_id, :fence, :now)
            ON CONFLICT (feed) DO UPDATE
            SET as_of = excluded.as_of, position = excluded.position, snapshot = excluded.snapshot,
                unit_id = excluded.unit_id, fence = excluded.fence, moved_at = excluded.moved_at
            WHERE cursor.as_of <= excluded.as_of
        """),
        {
            "feed": feed,
            "as_of": as_of,
            "position": json.dumps(dict(position), default=str),
            "snapshot": snapshot,
            "unit_id": unit_id,
            "fence": fence.number,
            "now": now,
        },
    )
