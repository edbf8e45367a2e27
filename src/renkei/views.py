"""Read-only questions to the registry: an engine in, frozen values out. Nothing here changes a row.

No answer holds a person's values, and no list names a restricted person (閲覧制限): whoever any system
marks, whoever no system clears, and everyone those share a household with in any system.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, text

View = TypeVar("View")

#: Common table expression ``restricted(resident_id)``: who may not be shown, now.
RESTRICTED = "restricted AS MATERIALIZED (SELECT resident_id FROM restricted_resident)"
_SHOWN = """
    (c.subject_kind = 'delivery' OR EXISTS (
        SELECT FROM golden_version g
        WHERE g.resident_id = c.subject_id::bigint AND g.known_to IS NULL
          AND g.resident_id NOT IN (SELECT resident_id FROM restricted)))
"""


@dataclass(frozen=True, kw_only=True)
class FeedStatus:
    """How far one feed has come, and what stands in its way."""

    feed: str
    as_of: date | None
    moved_at: datetime | None
    rejects_open: int
    held: int
    run_id: str | None
    run_state: str | None
    run_started_at: datetime | None
    error_code: str | None


@dataclass(frozen=True, kw_only=True)
class LossView:
    """One kind of character that one unit's conversion could not carry over unchanged."""

    feed: str
    as_of: date
    unit_id: int
    encoding: str
    character: str
    code: str
    became: str
    count: int
    records: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class RunView:
    """One run, as it stands."""

    run_id: str
    kind: str
    target: str
    as_of: date
    state: str
    actor: str
    trigger: str
    counts: Mapping[str, Any]
    stages: Sequence[Mapping[str, Any]]
    error_code: str | None
    error_facts: Mapping[str, Any] | None
    project_digest: str
    code_version: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class CaseView:
    """One case without its person's values; ``subject_id`` is the hub's own resident or delivery id."""

    case_id: int
    subject_kind: str
    subject_id: str
    cause: str
    rule_id: str
    owner: str
    severity: int
    state: str
    opened_as_of: date
    due_on: date
    closed_as_of: date | None
    reopened: int
    assignee: str | None
    wait_until: date | None
    outcome: str | None
    suppressed_by: int | None
    last_event: int


@dataclass(frozen=True, kw_only=True)
class MismatchView:
    """One finding of a rule inside a case: which field of which two records differs, not the values."""

    mismatch_id: int
    rule_id: str
    field: str
    class_: str
    left_feed: str
    right_feed: str
    since: date | None
    minutes: int | None
    first_as_of: date
    gone_as_of: date | None
    why: str | None
    why_kind: str | None


@dataclass(frozen=True, kw_only=True)
class CaseEvent:
    """One step in a case's life."""

    happened_at: datetime
    as_of: date
    kind: str
    actor: str
    run_id: str | None
    case_event_id: int
    act_id: int | None
    outcome: str | None
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class CaseDetail:
    """A case with its findings and its course."""

    case: CaseView
    mismatches: tuple[MismatchView, ...]
    events: tuple[CaseEvent, ...]


@dataclass(frozen=True, kw_only=True)
class RejectView:
    """One record set aside, by its place; never its content."""

    reject_id: int
    feed: str
    delivery_id: int
    delivery: str
    sha256: str
    rec_no: int
    byte_offset: int | None
    byte_length: int | None
    field: str
    code: str
    detail: str
    state: str


@dataclass(frozen=True, kw_only=True)
class DeliveryView:
    """One delivery with the equation of its unit, when it was merged."""

    delivery_id: int
    feed: str
    name: str
    sha256: str
    as_of: date | None
    received_at: datetime
    verdict: str
    stated_records: int | None
    duplicate_of: int | None
    error_code: str | None
    records: int | None
    merged: int | None
    unchanged: int | None
    superseded: int | None
    rejected: int | None
    ended: int | None


@dataclass(frozen=True, kw_only=True)
class RuleResult:
    """What one rule did in one reconciliation."""

    rule_id: str
    rule_digest: str
    state: str
    compared: int
    found: int
    in_transit: int
    opened: int
    closed: int
    reopened: int
    missing_feeds: tuple[str, ...]
    seconds: float
    looked_at: int
    error_code: str | None
    error_facts: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class GoldenCounts:
    """How many residents the registry knows, and how many versions and links carry them."""

    residents: int
    versions: int
    links: int
    candidates: int


_FEEDS = """
    SELECT f.feed, c.as_of, c.moved_at, r.run_id::text, r.state AS run_state, r.started_at AS run_started_at,
        r.error_code,
        (SELECT count(*) FROM reject j WHERE j.feed = f.feed AND j.state = 'open') AS rejects_open,
        (SELECT count(*) FROM delivery d WHERE d.feed = f.feed AND d.verdict = 'held') AS held
    FROM unnest(CAST(:feeds AS text[])) WITH ORDINALITY AS f(feed, place)
    LEFT JOIN cursor c ON c.feed = f.feed
    LEFT JOIN LATERAL (
        SELECT * FROM run WHERE kind IN ('sync_in', 'refeed') AND target = f.feed
        ORDER BY started_at DESC LIMIT 1
    ) r ON true
    ORDER BY f.place
"""
_RUN = """
    SELECT run_id::text, kind, target, as_of, state, actor, trigger, counts, stages, error_code, error_facts,
        project_digest, code_version, started_at, finished_at
    FROM run
"""
_CASE = f"""
    WITH {RESTRICTED}
    SELECT c.case_id, c.subject_kind, c.subject_id, c.cause, c.rule_id, c.owner, c.severity, c.state,
        c.opened_as_of, c.due_on, c.closed_as_of, c.reopened, c.assignee, c.wait_until, c.outcome,
        s.suppression_id AS suppressed_by,
        coalesce((SELECT max(e.case_event_id) FROM case_event e WHERE e.case_id = c.case_id), 0) AS last_event
    FROM "case" c
    LEFT JOIN suppressed_case(CAST(:day AS date)) s USING (case_id)
    WHERE {_SHOWN}
"""
_MISMATCHES = """
    SELECT mismatch_id, rule_id, field, class AS class_, left_feed, right_feed, since, minutes, first_as_of,
        gone_as_of, why, why_detail ->> 'kind' AS why_kind
    FROM mismatch WHERE case_id = :case_id ORDER BY mismatch_id
"""
_LOSSES = """
    SELECT l.feed, u.as_of, l.unit_id, l.encoding, l."character", l.code, l.became, l.count, l.records
    FROM loss l JOIN unit u USING (unit_id)
    WHERE CAST(:feed AS text) IS NULL OR l.feed = :feed
    ORDER BY l.unit_id DESC, l.count DESC, l.code LIMIT :limit
"""
_REJECT = """
    SELECT j.reject_id, j.feed, j.delivery_id, d.name AS delivery, d.sha256, j.rec_no, j.byte_offset,
        j.byte_length, j.field, j.code, j.detail, j.state
    FROM reject j JOIN delivery d USING (delivery_id)
"""
_DELIVERIES = """
    SELECT d.delivery_id, d.feed, d.name, d.sha256, coalesce(d.as_of, u.as_of) AS as_of, d.received_at,
        d.verdict, d.stated_records, d.duplicate_of, d.error_code, u.records, u.merged, u.unchanged,
        u.superseded, u.rejected, u.ended
    FROM delivery d JOIN run r USING (run_id)
    LEFT JOIN LATERAL (
        SELECT max(as_of) AS as_of, sum(records)::bigint AS records, sum(merged)::bigint AS merged,
            sum(unchanged)::bigint AS unchanged, sum(superseded)::bigint AS superseded,
            sum(rejected)::bigint AS rejected, sum(ended)::bigint AS ended
        FROM unit WHERE unit.delivery_id = d.delivery_id
    ) u ON true
    WHERE (CAST(:feed AS text) IS NULL OR d.feed = :feed)
      AND (CAST(:as_of AS date) IS NULL OR coalesce(u.as_of, d.as_of, r.as_of) = :as_of)
    ORDER BY d.delivery_id DESC LIMIT :limit
"""
_RULE_RESULTS = """
    SELECT rule_id, rule_digest, state, compared, found, in_transit, opened, closed, reopened, missing_feeds,
        seconds, looked_at, error_code, error_facts
    FROM rule_result WHERE run_id = CAST(:run_id AS uuid) ORDER BY rule_id
"""
_GOLDEN = """
    SELECT (SELECT count(*) FROM resident) AS residents, (SELECT count(*) FROM golden_version) AS versions,
        (SELECT count(*) FROM open_link WHERE known_to IS NULL) AS links,
        (SELECT count(*) FROM link_candidate) AS candidates
"""


def feeds_status(engine: Engine, *, feeds: Sequence[str]) -> tuple[FeedStatus, ...]:
    """The state of these feeds, in this order; one that never ran has empty places."""
    return _ask(engine, _FEEDS, FeedStatus, feeds=list(feeds))


def runs(
    engine: Engine, *, limit: int = 20, kind: str | None = None, as_of: date | None = None
) -> tuple[RunView, ...]:
    """The newest runs first."""
    where = """
        WHERE (CAST(:kind AS text) IS NULL OR kind = :kind)
          AND (CAST(:as_of AS date) IS NULL OR as_of = :as_of)
        ORDER BY started_at DESC LIMIT :limit
    """
    return _ask(engine, _RUN + where, RunView, kind=kind, as_of=as_of, limit=limit)


def run(engine: Engine, run_id: str) -> RunView | None:
    """One run by its id or the beginning of it; None when none or several fit."""
    where = "WHERE starts_with(run_id::text, :run_id) LIMIT 2"
    found = _ask(engine, _RUN + where, RunView, run_id=run_id.lower())
    return found[0] if len(found) == 1 else None


def cases(
    engine: Engine,
    *,
    states: Sequence[str] = ("open", "reviewing", "waiting", "held"),
    rule: str | None = None,
    owner: str | None = None,
    assignee: str | None = None,
    day: date | None = None,
    suppressed: bool | None = None,
    overdue: bool = False,
    after: tuple[date, int] | None = None,
    limit: int = 50,
) -> tuple[CaseView, ...]:
    """Cases by due day; ``after`` is the due day and id of the last one already seen.

    ``day`` tells what is overdue and what is set aside; ``suppressed`` wants only such or only others.
    """
    where = """
        AND c.state = ANY(:states)
        AND (CAST(:rule AS text) IS NULL OR c.rule_id = :rule)
        AND (CAST(:owner AS text) IS NULL OR c.owner = :owner)
        AND (CAST(:assignee AS text) IS NULL OR c.assignee = :assignee)
        AND (CAST(:suppressed AS boolean) IS NULL OR (s.suppression_id IS NOT NULL) = :suppressed)
        AND (NOT :overdue OR c.due_on < CAST(:day AS date))
        AND (CAST(:due AS date) IS NULL
            OR (c.due_on, c.case_id) > (CAST(:due AS date), CAST(:last AS bigint)))
        ORDER BY c.due_on, c.case_id LIMIT :limit
    """
    due, last = after or (None, None)
    bound = {"states": list(states), "rule": rule, "owner": owner, "due": due, "last": last, "limit": limit}
    more = {"assignee": assignee, "day": day, "suppressed": suppressed, "overdue": overdue}
    return _ask(engine, _CASE + where, CaseView, **bound, **more)


def suppressed_cases(engine: Engine, *, day: date) -> int:
    """How many cases are set aside on that day."""
    query = f"""
        WITH {RESTRICTED}
        SELECT count(*) FROM suppressed_case(:day) s JOIN "case" c USING (case_id) WHERE {_SHOWN}
    """
    with engine.connect() as connection:
        return int(connection.execute(text(query), {"day": day}).scalar_one())


def shown_cases(connection: Connection, ids: Collection[int]) -> frozenset[int]:
    """Those of these cases that are there and about nobody who is restricted."""
    query = f'WITH {RESTRICTED} SELECT c.case_id FROM "case" c WHERE c.case_id = ANY(:ids) AND {_SHOWN}'
    return frozenset(connection.execute(text(query), {"ids": sorted(ids)}).scalars())


def case(engine: Engine, case_id: int, *, day: date | None = None) -> CaseDetail | None:
    """One case; None when there is none or its person is restricted, and nothing tells the two apart."""
    found = _ask(engine, _CASE + "AND c.case_id = :case_id", CaseView, case_id=case_id, day=day)
    if not found:
        return None
    events = """
        SELECT happened_at, as_of, kind, actor, run_id::text, case_event_id, act_id,
            detail ->> 'outcome' AS outcome, detail ->> 'reason' AS reason
        FROM case_event WHERE case_id = :case_id ORDER BY case_event_id
    """
    return CaseDetail(
        case=found[0],
        mismatches=_ask(engine, _MISMATCHES, MismatchView, case_id=case_id),
        events=_ask(engine, events, CaseEvent, case_id=case_id),
    )


def losses(engine: Engine, *, feed: str | None = None, limit: int = 100) -> tuple[LossView, ...]:
    """Characters that a conversion could not carry over unchanged, newest units first."""
    return _ask(engine, _LOSSES, LossView, feed=feed, limit=limit)


def rejects(
    engine: Engine,
    *,
    feed: str | None = None,
    field: str | None = None,
    code: str | None = None,
    state: str = "open",
    after: int = 0,
    limit: int = 50,
) -> tuple[RejectView, ...]:
    """Records set aside, oldest first."""
    where = """
        WHERE j.reject_id > :after AND j.state = :state AND (CAST(:feed AS text) IS NULL OR j.feed = :feed)
          AND (CAST(:field AS text) IS NULL OR j.field = :field)
          AND (CAST(:code AS text) IS NULL OR j.code = :code)
        ORDER BY j.reject_id LIMIT :limit
    """
    bound = {"feed": feed, "field": field, "code": code, "state": state, "after": after, "limit": limit}
    return _ask(engine, _REJECT + where, RejectView, **bound)


def reject(engine: Engine, reject_id: int) -> RejectView | None:
    """One record set aside."""
    found = _ask(engine, _REJECT + "WHERE j.reject_id = :reject_id", RejectView, reject_id=reject_id)
    return found[0] if found else None


def deliveries(
    engine: Engine, *, feed: str | None = None, as_of: date | None = None, limit: int = 1000
) -> tuple[DeliveryView, ...]:
    """What came, newest first: for one day, for one feed, or all."""
    return _ask(engine, _DELIVERIES, DeliveryView, feed=feed, as_of=as_of, limit=limit)


def rule_results(engine: Engine, run_id: str) -> tuple[RuleResult, ...]:
    """What each rule did in a reconciliation."""
    return _ask(engine, _RULE_RESULTS, RuleResult, run_id=run_id)


def golden_counts(engine: Engine) -> GoldenCounts:
    """The size of the unified registry."""
    return _ask(engine, _GOLDEN, GoldenCounts)[0]


def restricted_digest(engine: Engine) -> str:
    """A fingerprint of who is restricted now; another one means that the set has changed."""
    query = "SELECT md5(string_agg(resident_id::text, ',' ORDER BY resident_id)) FROM restricted"
    with engine.connect() as connection:
        return str(connection.execute(text(f"WITH {RESTRICTED} {query}")).scalar_one())


def _ask(engine: Engine, query: str, view: type[View], **bound: object) -> tuple[View, ...]:
    names = [field.name for field in fields(view)]  # type: ignore[arg-type]  # every view is a dataclass
    with engine.connect() as connection:
        rows = connection.execute(text(query), bound).mappings()
        return tuple(view(**{name: _frozen(row[name]) for name in names}) for row in rows)


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
