"""Suppressions (抑止): a rule set aside by two people, for a subject or a class, for a time.

Rows that are never rewritten. What a suppression covers is derived (``suppressed_case`` in the registry), so
a case comes back by itself the day after its last day, or at once when it is lifted. Every write belongs to
the caller's transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

State = Literal["waiting", "in_force", "expired", "turned_down", "lifted"]

#: State of a suppression → its word in Japanese and English.
STATES: dict[State, tuple[str, str]] = {
    "waiting": ("承認待ち", "waits for approval"),
    "in_force": ("有効", "in force"),
    "expired": ("期限切れ", "expired"),
    "turned_down": ("却下", "turned down"),
    "lifted": ("解除", "lifted"),
}


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a rule is set aside for: a subject, or a class of differences, everywhere or in one place."""

    rule_id: str
    subject_kind: str | None = None
    subject_id: str | None = None
    class_: str | None = None
    place: str | None = None


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """One row. ``expires_on`` is its last day; ``cases`` are the open cases that it reaches now."""

    suppression_id: int
    scope: Scope
    reason: str
    asked_by: str
    asked_at: datetime
    expires_on: date
    approved_by: str | None
    approved_at: datetime | None
    ended_by: str | None
    ended_at: datetime | None
    ended_reason: str | None
    ended_as: Literal["turned_down", "lifted"] | None
    cases: int

    def state(self, day: date) -> State:
        """How it stands on that day."""
        if self.ended_as is not None:
            return self.ended_as
        if self.expires_on < day:
            return "expired"
        return "waiting" if self.approved_at is None else "in_force"


_REACHED = """
    SELECT count(DISTINCT m.case_id)
    FROM mismatch_place AS m
    WHERE m.rule_id = {0}rule_id
      AND ({0}subject_id IS NULL OR (m.subject_kind = {0}subject_kind AND m.subject_id = {0}subject_id))
      AND ({0}class IS NULL OR m.class = {0}class)
      AND ({0}place IS NULL OR {0}place = m.place)
"""
_FOUND = f"""
    SELECT s.*, ({_REACHED.format("s.")}) AS cases
    FROM suppression AS s
"""
_ASK = """
    INSERT INTO suppression (rule_id, subject_kind, subject_id, class, place, reason, asked_by, asked_at,
        asked_on, expires_on)
    VALUES (:rule_id, :subject_kind, :subject_id, :class, :place, :reason, :by, :now, :day, :until)
    RETURNING suppression_id
"""
_APPROVE = """
    UPDATE suppression SET approved_by = :by, approved_at = :now
    WHERE suppression_id = :id AND ended_at IS NULL
"""
_END = """
    UPDATE suppression SET ended_by = :by, ended_at = :now, ended_reason = :reason, ended_as = :ended_as
    WHERE suppression_id = :id AND ended_at IS NULL
"""


def _values(scope: Scope) -> dict[str, Any]:
    return {name.rstrip("_"): value for name, value in vars(scope).items()}


def reached(connection: sa.Connection, scope: Scope) -> int:
    """How many open cases have a difference in this scope."""
    bound = "CAST(:{0} AS text)"
    text = _REACHED.format("s.")
    for name in _values(scope):
        text = text.replace(f"s.{name}", bound.format(name))
    return int(connection.execute(sa.text(text), _values(scope)).scalar_one())


def ask(
    connection: sa.Connection, scope: Scope, *, reason: str, until: date, by: str, day: date, now: datetime
) -> int:
    """One person asks; nothing is set aside yet. The database refuses a term of more than a year."""
    values = {**_values(scope), "reason": reason, "until": until, "by": by, "day": day, "now": now}
    return int(connection.execute(sa.text(_ASK), values).scalar_one())


def approve(connection: sa.Connection, suppression_id: int, *, by: str, now: datetime) -> None:
    """From now on it counts. The database refuses who asked for it (``IntegrityError``)."""
    connection.execute(sa.text(_APPROVE), {"id": suppression_id, "by": by, "now": now})


def end(
    connection: sa.Connection,
    suppression_id: int,
    *,
    ended_as: Literal["turned_down", "lifted"],
    reason: str,
    by: str,
    now: datetime,
) -> None:
    """It counts no more, or never will; its cases are back at once."""
    values = {"id": suppression_id, "ended_as": ended_as, "reason": reason, "by": by, "now": now}
    connection.execute(sa.text(_END), values)


def found(connection: sa.Connection, suppression_id: int, *, lock: bool = False) -> Suppression | None:
    """One of them; with ``lock`` nobody else changes it until the transaction ends."""
    hold = " FOR UPDATE OF s" if lock else ""
    rows = connection.execute(sa.text(f"{_FOUND} WHERE s.suppression_id = :id{hold}"), {"id": suppression_id})
    row = rows.mappings().one_or_none()
    return None if row is None else _suppression(row)


def listed(connection: sa.Connection, *, after: int = 0, limit: int = 50) -> tuple[Suppression, ...]:
    """Those that wait, are in force or have expired without being ended, by number."""
    where = "WHERE s.ended_at IS NULL AND s.suppression_id > :after ORDER BY s.suppression_id LIMIT :limit"
    rows = connection.execute(sa.text(f"{_FOUND} {where}"), {"after": after, "limit": limit}).mappings()
    return tuple(_suppression(row) for row in rows)


def _suppression(row: Mapping[Any, Any]) -> Suppression:
    scope = Scope(
        rule_id=row["rule_id"], subject_kind=row["subject_kind"], subject_id=row["subject_id"],
        class_=row["class"], place=row["place"],
    )  # fmt: skip
    rest = {name: row[name] for name in Suppression.__dataclass_fields__ if name != "scope"}
    return Suppression(scope=scope, **rest)
