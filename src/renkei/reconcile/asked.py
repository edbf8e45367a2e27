"""Outcomes for many cases at once that one person has asked for: they wait for a second person.

Rows that are never rewritten but for how they ended. Every write belongs to the caller's transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from renkei.reconcile.work import OutcomeKind

State = Literal["waiting", "approved", "refused"]

#: State of what was asked for → its word in Japanese and English.
STATES: dict[State, tuple[str, str]] = {
    "waiting": ("承認待ち", "waits for approval"),
    "approved": ("承認済", "approved"),
    "refused": ("却下", "turned down"),
}


@dataclass(frozen=True, kw_only=True)
class AskedAct:
    """One row: the outcome, and the cluster whose number stands for exactly ``cases`` cases as they stood."""

    asked_act_id: int
    cluster: str
    cases: int
    outcome: OutcomeKind
    right_feed: str | None
    wrong_feed: str | None
    days: int
    reason: str | None
    asked_by: str
    asked_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    act_id: int | None
    refused_by: str | None
    refused_at: datetime | None
    refused_reason: str | None

    @property
    def state(self) -> State:
        """How it stands."""
        return "approved" if self.approved_by else "refused" if self.refused_by else "waiting"


_WAITING = "approved_by IS NULL AND refused_by IS NULL"
_ASK = """
    INSERT INTO asked_act (cluster, cases, outcome, right_feed, wrong_feed, days, reason, asked_by, asked_at)
    VALUES (:cluster, :cases, :outcome, :right_feed, :wrong_feed, :days, :reason, :by, :now)
    RETURNING *
"""
_APPROVE = f"""
    UPDATE asked_act SET approved_by = :by, approved_at = :now, act_id = :act
    WHERE asked_act_id = :id AND {_WAITING}
"""
_REFUSE = f"""
    UPDATE asked_act SET refused_by = :by, refused_at = :now, refused_reason = :reason
    WHERE asked_act_id = :id AND {_WAITING}
    RETURNING *
"""


def ask(connection: sa.Connection, values: Mapping[str, Any], *, by: str, now: datetime) -> AskedAct:
    """Keep what a person asks for: ``cluster cases outcome right_feed wrong_feed days reason``."""
    return _row(connection.execute(sa.text(_ASK), {**values, "by": by, "now": now}))


def approve(connection: sa.Connection, number: int, *, by: str, now: datetime, act_id: int) -> None:
    """It has become an act. The database refuses who asked for it (``IntegrityError``)."""
    connection.execute(sa.text(_APPROVE), {"id": number, "by": by, "now": now, "act": act_id})


def refuse(connection: sa.Connection, number: int, *, by: str, now: datetime, reason: str) -> AskedAct:
    """It never will."""
    return _row(connection.execute(sa.text(_REFUSE), {"id": number, "by": by, "now": now, "reason": reason}))


def found(connection: sa.Connection, number: int, *, lock: bool = False) -> AskedAct | None:
    """One of them; with ``lock`` nobody else changes it until the transaction ends."""
    hold = " FOR UPDATE" if lock else ""
    query = sa.text(f"SELECT * FROM asked_act WHERE asked_act_id = :id{hold}")
    row = connection.execute(query, {"id": number}).mappings().one_or_none()
    return None if row is None else AskedAct(**dict(row))


def waiting(connection: sa.Connection, *, cluster: str | None = None) -> tuple[AskedAct, ...]:
    """Those that wait, by number; of one cluster at most one does."""
    query = f"""
        SELECT * FROM asked_act
        WHERE {_WAITING} AND (CAST(:cluster AS text) IS NULL OR cluster = :cluster)
        ORDER BY asked_act_id
    """
    rows = connection.execute(sa.text(query), {"cluster": cluster}).mappings()
    return tuple(AskedAct(**dict(row)) for row in rows)


def _row(result: sa.CursorResult[Any]) -> AskedAct:
    return AskedAct(**dict(result.mappings().one()))
