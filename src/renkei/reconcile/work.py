"""What people do with cases: steps that are added and never rewritten, in the caller's transaction.

A step keeps how the case stood before it, so that it can be taken back exactly. Steps that one person takes
at once, over one case or many, are one act and share its number. Who may do what is the caller's to say.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

from renkei.records import RECORD_TYPES

#: What a person makes of a case: one side is to be corrected; the rule is wrong here; both sides are right.
OutcomeKind = Literal["correct", "withdraw", "confirm"]
#: Where an outcome leaves its case.
STATE_AFTER: dict[OutcomeKind, str] = {
    "correct": "waiting",
    "withdraw": "dismissed",
    "confirm": "dismissed",
}
#: States in which a case can be worked on.
WORKABLE = ("open", "reviewing", "waiting", "held")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A case as it stands, locked. ``feeds`` and ``keys`` are the two sides of its open differences."""

    case_id: int
    rule_id: str
    subject_kind: str
    subject_id: str
    state: str
    last_event: int
    feeds: frozenset[str]
    keys: frozenset[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Who takes a step, when, on which day of the city, and under which number."""

    actor: str
    now: datetime
    day: date
    act_id: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """One event of a person: its number, its case, its kind, and what else is said of it (never a value)."""

    event_id: int
    case_id: int
    kind: str
    about: Mapping[str, Any] = field(default_factory=dict)


_ALONE = "SELECT pg_advisory_xact_lock(hashtext('renkei.cases'))"
_STANDING = """
    SELECT c.case_id, c.rule_id, c.subject_kind, c.subject_id, c.state,
        coalesce((SELECT max(case_event_id) FROM case_event WHERE case_id = c.case_id), 0) AS last_event,
        ARRAY(
            SELECT ARRAY[m.left_feed, m.left_key, m.right_feed, m.right_key]
            FROM mismatch AS m
            WHERE m.case_id = c.case_id AND m.gone_at IS NULL
        ) AS sides
    FROM "case" AS c
    WHERE c.case_id = ANY(:ids)
    ORDER BY c.case_id
    FOR UPDATE
"""
#: How a case stands, as a step keeps it.
_BEFORE = """
    jsonb_build_object(
        'state', c.state, 'assignee', c.assignee, 'wait_until', c.wait_until, 'due_on', c.due_on,
        'outcome', c.outcome, 'outcome_event', c.outcome_event)
"""
_ADD = f"""
    INSERT INTO case_event (case_id, happened_at, as_of, kind, actor, act_id, detail)
    SELECT c.case_id, :now, :day, :kind, :actor, :act_id,
        CAST(:detail AS jsonb) || jsonb_build_object('before', {_BEFORE})
    FROM "case" AS c
    WHERE c.case_id = ANY(:ids)
    ORDER BY c.case_id
    RETURNING case_event_id, case_id
"""
_ASSIGN = """
    UPDATE "case"
    SET assignee = :to, state = CASE WHEN state = 'open' THEN 'reviewing' ELSE state END
    WHERE case_id = ANY(:ids)
"""
_HOLD = """
    UPDATE "case"
    SET state = 'held', wait_until = :until, due_on = greatest(due_on, :until)
    WHERE case_id = ANY(:ids)
"""
_DECIDE = """
    UPDATE "case" AS c
    SET state = :state, outcome = :outcome, outcome_event = e.case_event_id, wait_until = NULL,
        due_on = coalesce(CAST(:due AS date), c.due_on)
    FROM case_event AS e
    WHERE e.case_event_id = ANY(:events) AND e.case_id = c.case_id
"""
_JUDGE = """
    INSERT INTO case_judged (
        case_event_id, rule_id, field, left_feed, left_key, right_feed, right_key, digest
    )
    SELECT e.case_event_id, m.rule_id, m.field, m.left_feed, m.left_key, m.right_feed, m.right_key,
        mismatch_digest(m)
    FROM case_event AS e
    JOIN mismatch AS m ON m.case_id = e.case_id AND m.gone_at IS NULL
    WHERE e.case_event_id = ANY(:events)
"""


def work_alone(connection: sa.Connection) -> None:
    """Wait until nobody else changes cases, a night's reconciliation included; until the transaction ends."""
    connection.exec_driver_sql(_ALONE)


def new_act(connection: sa.Connection) -> int:
    """The number of an act."""
    return int(connection.exec_driver_sql("SELECT nextval('case_act')").scalar_one())


def standing(connection: sa.Connection, ids: Collection[int]) -> tuple[Standing, ...]:
    """These cases, locked, by number; whoever is not there is left out."""
    rows = connection.execute(sa.text(_STANDING), {"ids": sorted(ids)}).mappings()
    return tuple(_standing(dict(row)) for row in rows)


def _standing(row: dict[str, Any]) -> Standing:
    sides = row.pop("sides")
    keys = {(left, left_key) for left, left_key, _, _ in sides} | {(right, key) for _, _, right, key in sides}
    keys = {(feed, key) for feed, key in keys if feed}
    return Standing(**row, feeds=frozenset(feed for feed, _ in keys), keys=frozenset(keys))


def assign(connection: sa.Connection, ids: Sequence[int], desk: Desk, *, to: str) -> tuple[Step, ...]:
    """Give cases to a person; what nobody had begun is under review from now on."""
    steps = _add(connection, ids, desk, "assigned", {"to": to})
    connection.execute(sa.text(_ASSIGN), {"ids": list(ids), "to": to})
    return steps


def hold(
    connection: sa.Connection, ids: Sequence[int], desk: Desk, *, until: date, reason: str
) -> tuple[Step, ...]:
    """Put cases off until a day; it is not overdue before."""
    steps = _add(connection, ids, desk, "held", {"until": until.isoformat(), "reason": reason})
    connection.execute(sa.text(_HOLD), {"ids": list(ids), "until": until})
    return steps


def note(connection: sa.Connection, ids: Sequence[int], desk: Desk, *, text: str) -> tuple[Step, ...]:
    """Leave a note; nothing else changes."""
    return _add(connection, ids, desk, "noted", {"reason": text})


def decide(
    connection: sa.Connection,
    ids: Sequence[int],
    desk: Desk,
    *,
    outcome: OutcomeKind,
    detail: Mapping[str, Any],
    due: date | None = None,
) -> tuple[Step, ...]:
    """Give cases an outcome, and keep a digest of what it was said of; ``due`` is a new due day."""
    steps = _add(connection, ids, desk, "decided", {"outcome": outcome, **detail}, about={"outcome": outcome})
    events = [step.event_id for step in steps]
    after = {"state": STATE_AFTER[outcome], "outcome": outcome, "due": due, "events": events}
    connection.execute(sa.text(_DECIDE), after)
    connection.execute(sa.text(_JUDGE), {"events": events})
    return steps


def _add(
    connection: sa.Connection,
    ids: Sequence[int],
    desk: Desk,
    kind: str,
    detail: Mapping[str, Any],
    *,
    about: Mapping[str, Any] | None = None,
) -> tuple[Step, ...]:
    values = {**vars(desk), "ids": list(ids), "kind": kind, "detail": json.dumps(detail, ensure_ascii=False)}
    rows = connection.execute(sa.text(_ADD), values)
    made = (Step(event_id=event, case_id=case, kind=kind, about=about or {}) for event, case in rows)
    return tuple(sorted(made, key=lambda step: step.event_id))


# taking back --------------------------------------------------------------------------------------

#: The last step that changed each case and stands: not a note, not taken back, and no taking back itself.
_LAST_CHANGE = """
    SELECT DISTINCT ON (e.case_id) e.case_id, e.case_event_id, e.act_id
    FROM case_event AS e
    WHERE e.case_id = ANY(:ids)
      AND e.kind NOT IN ('noted', 'joined', 'left', 'undone')
      AND NOT EXISTS (
        SELECT FROM case_event AS u
        WHERE u.case_id = e.case_id AND u.kind = 'undone'
          AND (u.detail ->> 'undoes')::bigint = e.case_event_id)
    ORDER BY e.case_id, e.case_event_id DESC
"""
_CASES_OF_ACT = """
    SELECT DISTINCT case_id FROM case_event WHERE act_id = :act AND kind NOT IN ('noted', 'undone')
"""
_UNDO = f"""
    INSERT INTO case_event (case_id, happened_at, as_of, kind, actor, act_id, detail)
    SELECT c.case_id, :now, :day, 'undone', :actor, :act_id,
        CAST(:detail AS jsonb) || jsonb_build_object('undoes', e.case_event_id, 'before', {_BEFORE})
    FROM case_event AS e
    JOIN "case" AS c ON c.case_id = e.case_id
    WHERE e.case_event_id = ANY(:events)
    ORDER BY c.case_id
    RETURNING case_event_id, case_id
"""
_RESTORE = """
    UPDATE "case" AS c
    SET state = was.state, assignee = was.assignee, wait_until = was.wait_until, due_on = was.due_on,
        outcome = was.outcome, outcome_event = was.outcome_event
    FROM case_event AS e
    CROSS JOIN LATERAL jsonb_to_record(e.detail -> 'before') AS was (
        state text, assignee text, wait_until date, due_on date, outcome text, outcome_event bigint)
    WHERE e.case_event_id = ANY(:events) AND c.case_id = e.case_id
"""
# what went away while people had settled it: there is nothing left to open
_EMPTY = """
    UPDATE "case" AS c
    SET state = 'closed', closed_at = :now, closed_as_of = :day, wait_until = NULL
    WHERE c.case_id = ANY(:ids) AND c.state NOT IN ('closed', 'dismissed')
      AND NOT EXISTS (SELECT FROM mismatch AS m WHERE m.case_id = c.case_id AND m.gone_at IS NULL)
    RETURNING c.case_id
"""
_CLOSED = """
    INSERT INTO case_event (case_id, happened_at, as_of, kind, actor, detail)
    SELECT id, :now, :day, 'closed', 'system', '{"why": "nothing_left"}'
    FROM unnest(CAST(:ids AS bigint[])) AS id
    ORDER BY id
"""


def cases_of_act(connection: sa.Connection, act_id: int) -> tuple[int, ...]:
    """The cases that an act changed; empty where there is no such act, or it only noted or took back."""
    return tuple(sorted(connection.execute(sa.text(_CASES_OF_ACT), {"act": act_id}).scalars()))


def last_changes(connection: sa.Connection, ids: Collection[int]) -> dict[int, tuple[int, int | None]]:
    """Case → the event that brought it where it is, and its act; None where the hub did it."""
    rows = connection.execute(sa.text(_LAST_CHANGE), {"ids": sorted(ids)})
    return {row.case_id: (row.case_event_id, row.act_id) for row in rows}


def undo(connection: sa.Connection, events: Sequence[int], desk: Desk, *, reason: str) -> tuple[Step, ...]:
    """Take these steps back: their cases stand exactly as before them.

    A case of which nothing is open any more is closed instead, as the night would have closed it.
    """
    values = {
        **vars(desk),
        "events": list(events),
        "detail": json.dumps({"reason": reason}, ensure_ascii=False),
    }
    made = connection.execute(sa.text(_UNDO), values).all()
    connection.execute(sa.text(_RESTORE), {"events": list(events)})
    ids = [row.case_id for row in made]
    when = {"now": desk.now, "day": desk.day}
    empty = connection.execute(sa.text(_EMPTY), {**when, "ids": ids}).scalars().all()
    if empty:
        connection.execute(sa.text(_CLOSED), {**when, "ids": list(empty)})
    steps = (Step(event_id=row.case_event_id, case_id=row.case_id, kind="undone") for row in made)
    return tuple(sorted(steps, key=lambda step: step.event_id))


def version_of(connection: sa.Connection, feed: str, source_key: str) -> int | None:
    """The number of the version of a record that stands now; None where there is none."""
    query = " UNION ALL ".join(
        f"SELECT record_id FROM {table} WHERE feed = :feed AND source_key = :key AND known_to IS NULL"
        for table in (kind.table for kind in RECORD_TYPES.values())
    )
    found = connection.execute(sa.text(query), {"feed": feed, "key": source_key}).scalars().all()
    return int(found[0]) if len(found) == 1 else None
