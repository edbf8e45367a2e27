"""The figures of one day, each a query over the registry; the run report only draws them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, text

from renkei.quarantine.causes import Cause, causes_in

#: How many days the freshness strip goes back.
STRIP_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """Which days one feed delivered: ``states`` has one of merged held refused missing for each day."""

    feed: str
    as_of: date | None
    states: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What became of every record that one feed delivered for the day."""

    feed: str
    records: int
    merged: int
    unchanged: int
    superseded: int
    rejected: int
    ended: int

    @property
    def balances(self) -> bool:
        """True when every record read is accounted for exactly once."""
        return self.records == self.merged + self.unchanged + self.superseded + self.rejected


@dataclass(frozen=True, kw_only=True)
class RuleDay:
    """How many mismatches of one rule were new, resolved and open that day; ``reopened`` counts cases.

    What an event rule finds happened, and is neither resolved nor open: ``opened`` alone means something.
    """

    rule_id: str
    rule_digest: str
    state: str
    compared: int
    in_transit: int
    opened: int
    closed: int
    reopened: int
    standing: int
    missing_feeds: tuple[str, ...]
    is_event: bool


@dataclass(frozen=True, kw_only=True)
class DoubleEntry:
    """How often a field was found that day to have been typed twice, and the minutes that cost."""

    field: str
    count: int
    minutes: int


@dataclass(frozen=True, kw_only=True)
class RunDay:
    """One run of the day."""

    run_id: str
    kind: str
    target: str
    state: str
    seconds: float | None
    error_code: str | None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A delivery that was not merged."""

    feed: str
    name: str
    verdict: str
    error_code: str | None
    error_facts: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Day:
    """Everything the run report of a day draws. ``aside`` are the causes of rejects still open when asked."""

    as_of: date
    days: tuple[date, ...]
    reconcile_run: str | None
    freshness: tuple[Freshness, ...]
    flows: tuple[Flow, ...]
    rules: tuple[RuleDay, ...]
    double_entries: tuple[DoubleEntry, ...]
    runs: tuple[RunDay, ...]
    refusals: tuple[Refusal, ...]
    aside: tuple[Cause, ...]


_STRIP = """
    SELECT f.feed, c.as_of, array_agg(coalesce(s.state, 'missing') ORDER BY d.day) AS states
    FROM unnest(CAST(:feeds AS text[])) WITH ORDINALITY AS f(feed, place)
    CROSS JOIN unnest(CAST(:days AS date[])) AS d(day)
    LEFT JOIN cursor c ON c.feed = f.feed
    LEFT JOIN LATERAL (
        SELECT 'merged' AS state, 1 AS rank FROM unit u WHERE u.feed = f.feed AND u.as_of = d.day
        UNION SELECT v.verdict, 2 FROM delivery v
        WHERE v.feed = f.feed AND v.as_of = d.day AND v.verdict IN ('held', 'refused')
        ORDER BY rank, state LIMIT 1
    ) s ON true
    GROUP BY f.feed, f.place, c.as_of ORDER BY f.place
"""
_FLOWS = """
    SELECT f.feed, coalesce(sum(u.records), 0)::bigint AS records,
        coalesce(sum(u.merged), 0)::bigint AS merged, coalesce(sum(u.unchanged), 0)::bigint AS unchanged,
        coalesce(sum(u.superseded), 0)::bigint AS superseded,
        coalesce(sum(u.rejected), 0)::bigint AS rejected, coalesce(sum(u.ended), 0)::bigint AS ended
    FROM unnest(CAST(:feeds AS text[])) WITH ORDINALITY AS f(feed, place)
    LEFT JOIN unit u ON u.feed = f.feed AND u.as_of = :as_of
    GROUP BY f.feed, f.place ORDER BY f.place
"""
_RECONCILE = """
    SELECT run_id::text FROM run
    WHERE kind = 'reconcile' AND as_of = :as_of AND state IN ('done', 'held')
    ORDER BY started_at DESC LIMIT 1
"""
_RULES = """
    SELECT r.rule_id, r.rule_digest, r.state, r.compared, r.in_transit, r.reopened, r.missing_feeds,
        count(*) FILTER (WHERE m.first_as_of = :as_of) AS opened,
        count(*) FILTER (WHERE m.gone_as_of = :as_of) AS closed,
        count(m.mismatch_id) FILTER (WHERE m.gone_as_of IS NULL OR m.gone_as_of > :as_of) AS standing,
        r.rule_id = ANY(CAST(:lasting AS text[]))
            OR coalesce(bool_or(m.kind <> 'mismatch'), false) AS is_event
    FROM rule_result r
    LEFT JOIN mismatch m ON m.rule_id = r.rule_id AND m.first_as_of <= :as_of
    WHERE r.run_id = CAST(:run_id AS uuid)
    GROUP BY r.run_id, r.rule_id ORDER BY r.rule_id
"""
_DOUBLE = """
    SELECT field, count(*) AS count, coalesce(sum(minutes), 0)::bigint AS minutes
    FROM mismatch
    WHERE kind = 'double_entry' AND first_as_of = :as_of
    GROUP BY field ORDER BY minutes DESC, field
"""
_RUNS = """
    SELECT run_id::text, kind, target, state, error_code,
        extract(epoch FROM finished_at - started_at)::float AS seconds
    FROM run WHERE as_of = :as_of AND kind <> 'report' ORDER BY started_at, run_id
"""
_REFUSALS = """
    SELECT d.feed, d.name, d.verdict, d.error_code, d.error_facts
    FROM delivery d JOIN run r USING (run_id)
    WHERE d.verdict IN ('held', 'refused') AND coalesce(d.as_of, r.as_of) = :as_of ORDER BY d.delivery_id
"""


def read(connection: Connection, *, as_of: date, feeds: Sequence[str], lasting: Sequence[str] = ()) -> Day:
    """Ask for the figures of a day; a day without a reconciliation has no rules, not zero mismatches.

    The ``lasting`` rules find events.
    """
    days = tuple(as_of - timedelta(days=back) for back in reversed(range(STRIP_DAYS)))
    named = {"feeds": list(feeds)}
    day = {"as_of": as_of}
    run_id = connection.execute(text(_RECONCILE), day).scalar()
    strip = connection.execute(text(_STRIP), {**named, "days": list(days)}).mappings()
    rules = connection.execute(text(_RULES), {**day, "run_id": run_id, "lasting": list(lasting)}).mappings()
    return Day(
        as_of=as_of,
        days=days,
        reconcile_run=run_id,
        freshness=tuple(Freshness(**{**row, "states": tuple(row["states"])}) for row in strip),
        flows=tuple(Flow(**row) for row in connection.execute(text(_FLOWS), {**named, **day}).mappings()),
        rules=tuple(RuleDay(**{**row, "missing_feeds": tuple(row["missing_feeds"])}) for row in rules),
        double_entries=tuple(DoubleEntry(**row) for row in connection.execute(text(_DOUBLE), day).mappings()),
        runs=tuple(RunDay(**row) for row in connection.execute(text(_RUNS), day).mappings()),
        refusals=tuple(Refusal(**row) for row in connection.execute(text(_REFUSALS), day).mappings()),
        aside=tuple(each for each in causes_in(connection, today=as_of) if each.first_as_of <= as_of),
    )
