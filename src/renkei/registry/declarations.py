"""Which declarations are in force, and the plans to change them; every write is the caller's transaction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Literal

import sqlalchemy as sa

State = Literal["open", "applied", "expired", "refused"]


#: State of a plan → its word in Japanese and English.
STATES = {
    "open": ("承認待ち", "open"),
    "applied": ("適用済み", "applied"),
    "expired": ("期限切れ", "expired"),
    "refused": ("却下", "refused"),
}


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One text and the time for which it was in force. ``object`` is the hash of its archive."""

    declaration_id: int
    digest: str
    object: str
    author: str
    approved_by: str | None
    reason: str
    over_limit: str | None
    plan_id: int | None
    in_force_from: datetime
    in_force_until: datetime | None


@dataclass(frozen=True, kw_only=True)
class PlanRow:
    """A planned change: whose, from which text to which, on which data, and what it would do."""

    plan_id: int
    author: str
    reason: str
    made_at: datetime
    as_of: date
    base_digest: str
    digest: str
    object: str
    data: Mapping[str, int]
    is_over: bool
    result: Mapping[str, Any]
    state: State
    settled_at: datetime | None
    settled_by: str | None

    @property
    def state_said(self) -> tuple[str, str]:
        """The state in Japanese and English."""
        return STATES[self.state]


_COLUMNS = """
    declaration_id, digest, object, author, approved_by, reason, over_limit, plan_id, in_force_from,
    in_force_until
"""
_PLAN = """
    plan_id, author, reason, made_at, as_of, base_digest, digest, object, data, is_over, result, state,
    settled_at, settled_by
"""
_FOUND = f"""
    INSERT INTO declaration (digest, object, author, reason, in_force_from)
    VALUES (:digest, :object, :author, :reason, :now)
    ON CONFLICT DO NOTHING
    RETURNING {_COLUMNS}
"""
_REPLACE = f"""
    INSERT INTO declaration (digest, object, author, approved_by, reason, over_limit, plan_id, in_force_from)
    VALUES (:digest, :object, :author, :approved_by, :reason, :over_limit, :plan_id, :now)
    RETURNING {_COLUMNS}
"""
_CLOSE = """
    UPDATE declaration
    SET in_force_until = greatest(:now, in_force_from)
    WHERE in_force_until IS NULL
"""
_NEW_PLAN = """
    INSERT INTO plan (author, reason, made_at, as_of, base_digest, digest, object, data, data_digest, is_over,
                      result)
    VALUES (:author, :reason, :now, :as_of, :base, :digest, :object, :data, :data_digest, :is_over, :result)
    RETURNING plan_id
"""
_SETTLE = """
    UPDATE plan
    SET state = :state, settled_at = :now, settled_by = :by
    WHERE plan_id = :plan_id AND state = 'open'
"""
_SETTLE_OTHERS = """
    UPDATE plan
    SET state = 'expired', settled_at = :now, settled_by = :by
    WHERE plan_id <> :plan_id AND state = 'open'
"""


def current(connection: sa.Connection, *, lock: bool = False) -> Declaration | None:
    """The declarations in force, or None before the first run; with ``lock`` nobody else may close them."""
    query = f"SELECT {_COLUMNS} FROM declaration WHERE in_force_until IS NULL"
    row = connection.execute(sa.text(query + (" FOR UPDATE" if lock else ""))).mappings().one_or_none()
    return None if row is None else Declaration(**row)


def at(connection: sa.Connection, instant: datetime) -> Declaration | None:
    """The declarations that were in force at an instant."""
    query = f"""
        SELECT {_COLUMNS}
        FROM declaration
        WHERE in_force_from <= :at AND (in_force_until IS NULL OR :at < in_force_until)
        ORDER BY declaration_id DESC
        LIMIT 1
    """
    row = connection.execute(sa.text(query), {"at": instant}).mappings().one_or_none()
    return None if row is None else Declaration(**row)


def found(
    connection: sa.Connection, *, digest: str, sha256: str, author: str, reason: str, now: datetime
) -> Declaration | None:
    """Put a first text in force; None where another run has just done so."""
    values = {"digest": digest, "object": sha256, "author": author, "reason": reason, "now": now}
    row = connection.execute(sa.text(_FOUND), values).mappings().one_or_none()
    return None if row is None else Declaration(**row)


def close(connection: sa.Connection, *, now: datetime) -> None:
    """End what is in force; the caller puts something else there in the same transaction."""
    connection.execute(sa.text(_CLOSE), {"now": now})


def put_in_force(
    connection: sa.Connection,
    plan: PlanRow,
    *,
    approved_by: str,
    reason: str,
    over_limit: str | None,
    now: datetime,
) -> Declaration:
    """Close what was in force and open what the plan holds."""
    close(connection, now=now)
    values = {
        "digest": plan.digest, "object": plan.object, "author": plan.author, "approved_by": approved_by,
        "reason": reason, "over_limit": over_limit, "plan_id": plan.plan_id, "now": now,
    }  # fmt: skip
    return Declaration(**connection.execute(sa.text(_REPLACE), values).mappings().one())


def insert_plan(
    connection: sa.Connection,
    *,
    author: str,
    reason: str,
    as_of: date,
    base: str,
    digest: str,
    sha256: str,
    data: Mapping[str, int],
    is_over: bool,
    result: Mapping[str, Any],
    now: datetime,
) -> int:
    """Keep a plan; its id."""
    values = {
        "author": author, "reason": reason, "as_of": as_of, "base": base, "digest": digest, "object": sha256,
        "data": json.dumps(data), "data_digest": digest_of_data(data), "is_over": is_over,
        "result": json.dumps(result, ensure_ascii=False), "now": now,
    }  # fmt: skip
    return int(connection.execute(sa.text(_NEW_PLAN), values).scalar_one())


def digest_of_data(data: Mapping[str, int]) -> str:
    """One hash for the state of every feed."""
    return sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def plan(connection: sa.Connection, plan_id: int, *, lock: bool = False) -> PlanRow | None:
    """One plan; with ``lock`` nobody else may settle it."""
    query = f"SELECT {_PLAN} FROM plan WHERE plan_id = :id" + (" FOR UPDATE" if lock else "")
    row = connection.execute(sa.text(query), {"id": plan_id}).mappings().one_or_none()
    return None if row is None else PlanRow(**row)


def plans(connection: sa.Connection, *, limit: int) -> tuple[PlanRow, ...]:
    """The newest plans, newest first."""
    query = f"SELECT {_PLAN} FROM plan ORDER BY plan_id DESC LIMIT :limit"
    return tuple(PlanRow(**row) for row in connection.execute(sa.text(query), {"limit": limit}).mappings())


def settle(connection: sa.Connection, plan_id: int, state: State, *, by: str, now: datetime) -> None:
    """Say what became of a plan; one that is settled stays as it is."""
    values = {"plan_id": plan_id, "state": state, "by": by, "now": now}
    connection.execute(sa.text(_SETTLE), values)


def expire_others(connection: sa.Connection, plan_id: int, *, by: str, now: datetime) -> None:
    """Every other open plan was made for a text that is no longer in force."""
    connection.execute(sa.text(_SETTLE_OTHERS), {"plan_id": plan_id, "by": by, "now": now})


def units(connection: sa.Connection) -> dict[str, int]:
    """Feed → the unit that its present state comes from."""
    rows = connection.execute(sa.text("SELECT feed, unit_id FROM cursor ORDER BY feed"))
    return {row.feed: int(row.unit_id) for row in rows}


def hold_data(connection: sa.Connection) -> None:
    """Let no run move a feed on until this transaction ends; waits half a minute for one that is merging."""
    connection.exec_driver_sql("SET LOCAL lock_timeout = '30s'")
    connection.exec_driver_sql("LOCK TABLE cursor IN SHARE MODE")


def approved(connection: sa.Connection, declaration_id: int, *, feed: str, mapping_digest: str) -> int | None:
    """How many records of a feed the declarations in force may change at once, as their plan counted them.

    None where their plan says nothing of this mapping of the feed.
    """
    query = """
        SELECT effect ->> 'worst'
        FROM declaration AS d
        JOIN plan AS p USING (plan_id)
        CROSS JOIN jsonb_array_elements(p.result -> 'feeds') AS effect
        WHERE d.declaration_id = :id AND effect ->> 'feed' = :feed
          AND effect ->> 'mapping_digest' = :mapping_digest
    """
    values = {"id": declaration_id, "feed": feed, "mapping_digest": mapping_digest}
    found = connection.execute(sa.text(query), values).scalar()
    return None if found is None else int(found)
