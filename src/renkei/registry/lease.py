"""Who may write: a lease a resource, and a fence number that only the newest runner holds."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from renkei.errors import Stop, TryAgain
from renkei.failpoint import failpoint

#: A runner that has not renewed its lease for this long may be overtaken; the fence keeps it from writing.
LEASE = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Fence:
    """Permission to write for one resource: only the newest number may commit."""

    resource: str
    number: int


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


def renew(engine: sa.Engine, fence: Fence, *, now: datetime) -> None:
    """Keep the lease while the work goes on; an overtaken one stays overtaken."""
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE lease SET expires_at = :until WHERE resource = :resource AND fence = :fence"),
            {"until": now + LEASE, "resource": fence.resource, "fence": fence.number},
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
