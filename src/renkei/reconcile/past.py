"""What comparisons leave behind for later ones: the states they saw, and how late deliveries normally are."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from uuid import UUID

import pyarrow as pa
import sqlalchemy as sa

from renkei.bulk import copy_out
from renkei.reconcile.alone import is_alone
from renkei.reconcile.find import STANDING_SCHEMA, PairLag
from renkei.reconcile.relation import FeedTerms
from renkei.reconcile.rule import Rule

#: The place of the links among the states that a comparison saw.
LINKS = "hub.link"
#: Days of history that a lag is learned from, and how many arrivals there must be in them.
LEARN_DAYS, LEARN_LEAST = 90, 50
#: Of a hundred arrivals, how many are no later than the learned lag.
LEARN_SHARE = 0.99
#: However late a feed has become: beyond this many times its declared lag it is an error, not a delay.
LEARN_MOST = 2

_LAST = """
    SELECT
        run_id, as_of, code_version, project_digest,
        (SELECT max(r.as_of) FROM compared_state AS c JOIN run AS r USING (run_id)) AS newest
    FROM run
    WHERE run_id = (SELECT run_id FROM compared_state ORDER BY compared_id DESC LIMIT 1)
"""
_STATES = "SELECT feed, snapshot FROM compared_state WHERE run_id = :run_id"
_RULES = "SELECT rule_id, rule_digest FROM rule_result WHERE run_id = :run_id AND state = 'compared'"
_REMEMBER = """
    INSERT INTO compared_state (run_id, feed, as_of, snapshot) VALUES (:run_id, :feed, :as_of, :snapshot)
    ON CONFLICT (run_id, feed) DO NOTHING
"""
# Whoever is said to be late is no longer so when the declared time is over.
_WAITING = """
    SELECT resident_id FROM transit WHERE ended_at IS NULL AND resident_id IS NOT NULL
    UNION
    SELECT CAST(subject_id AS bigint) FROM mismatch
    WHERE gone_at IS NULL AND subject_kind = 'resident' AND why = 'delay'
"""
_STANDING = "SELECT DISTINCT rule_id, subject_id FROM mismatch WHERE gone_at IS NULL"
# What a delivery took away in the end came late; what people typed says nothing of deliveries.
_ARRIVALS = """
    SELECT left_feed, right_feed, days, count(*) AS arrivals
    FROM (
        SELECT left_feed, right_feed, ended_as_of - since AS days, ended_as_of
        FROM transit
        WHERE became = 'arrived'
        UNION ALL
        SELECT m.left_feed, m.right_feed, m.gone_as_of - m.since, m.gone_as_of
        FROM mismatch AS m
        JOIN "case" AS c USING (case_id)
        WHERE m.kind = 'mismatch' AND c.outcome IS NULL AND c.state = 'closed' AND EXISTS (
            SELECT FROM person_record AS r
            WHERE r.feed = m.right_feed AND r.source_key = m.right_key AND r.known_from >= m.found_at
                AND r.operator_kind <> 'person'
        )
    ) AS a
    WHERE ended_as_of > CAST(:as_of AS date) - CAST(:days AS integer) AND ended_as_of <= :as_of AND days > 0
    GROUP BY left_feed, right_feed, days
"""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """An earlier comparison: state (by hash) of each feed and of the links, and its rules' digests.

    ``newest`` is the latest day that was ever compared.
    """

    run_id: UUID
    as_of: date
    code_version: str
    project_digest: str
    newest: date
    states: Mapping[str, str]
    rules: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class NormalLag:
    """How late one feed is against another: as declared, as learned of ``arrivals``, and what is used."""

    left_feed: str
    right_feed: str
    declared_hours: float
    learned_hours: float | None
    used_hours: float
    arrivals: int


def last(connection: sa.Connection) -> Comparison | None:
    """The newest comparison that was settled."""
    run = connection.execute(sa.text(_LAST)).mappings().one_or_none()
    if run is None:
        return None
    bound = {"run_id": run["run_id"]}
    states = {str(feed): str(state) for feed, state in connection.execute(sa.text(_STATES), bound)}
    rules = {str(rule): str(digest) for rule, digest in connection.execute(sa.text(_RULES), bound)}
    return Comparison(**run, states=states, rules=rules)


def remember(connection: sa.Connection, run_id: UUID, states: Mapping[str, tuple[date | None, str]]) -> None:
    """Keep the day and hash of each state that a comparison saw, the links among them."""
    rows = [
        {"run_id": run_id, "feed": feed, "as_of": as_of, "snapshot": digest}
        for feed, (as_of, digest) in states.items()
    ]
    connection.execute(sa.text(_REMEMBER), rows)


def still_known(
    then: Comparison, rules: Sequence[Rule], *, as_of: date, code_version: str, project_digest: str
) -> frozenset[str]:
    """Ids of the rules that need only look at residents who have changed since that comparison.

    A rule compared then, under the same declarations and by the same program, of which each row is one
    resident's own.
    """
    if then.as_of > as_of or (then.code_version, then.project_digest) != (code_version, project_digest):
        return frozenset()
    same = compared_by(then, rules)
    passing = (rule for rule in rules if rule.id in same and not rule.lasting)
    return frozenset(rule.id for rule in passing if is_alone(rule.query))


def compared_by(then: Comparison, rules: Sequence[Rule]) -> frozenset[str]:
    """Ids of the rules that the comparison carried out by the same text: their joins are bearable."""
    return frozenset(rule.id for rule in rules if then.rules.get(rule.id) == rule.digest)


def waiting(connection: sa.Connection) -> list[int]:
    """Residents of differences in transit, and of those whose reason is a delay: both change by time."""
    return [int(row[0]) for row in connection.execute(sa.text(_WAITING))]


def standing(connection: sa.Connection) -> pa.Table:
    """Whom each rule has open mismatches of, in the columns of ``STANDING_SCHEMA``."""
    return copy_out(connection, _STANDING, STANDING_SCHEMA)


def normal_lags(
    connection: sa.Connection, terms: Mapping[str, FeedTerms], *, as_of: date
) -> tuple[NormalLag, ...]:
    """What deliveries of the last :data:`LEARN_DAYS` days say of each pair of feeds that has any.

    Learned is the smallest number of whole days that :data:`LEARN_SHARE` of the arrivals keep to. It is used
    where it is longer than what was declared, up to :data:`LEARN_MOST` times that.
    """
    found: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    bound = {"as_of": as_of, "days": LEARN_DAYS}
    for left, right, days, arrivals in connection.execute(sa.text(_ARRIVALS), bound):
        found[left, right].append((int(days), int(arrivals)))
    return tuple(_lag(pair, counts, terms) for pair, counts in sorted(found.items()))


def learned(lags: Sequence[NormalLag]) -> tuple[PairLag, ...]:
    """The pairs whose lag is another than the declared one."""
    return tuple(
        PairLag(left_feed=lag.left_feed, right_feed=lag.right_feed, hours=lag.used_hours)
        for lag in lags
        if lag.used_hours > lag.declared_hours
    )


def _lag(
    pair: tuple[str, str], counts: Sequence[tuple[int, int]], terms: Mapping[str, FeedTerms]
) -> NormalLag:
    hours = [terms[feed].lag / timedelta(hours=1) for feed in pair if feed in terms]
    declared = max(hours, default=0.0)
    in_time = sorted((days, n) for days, n in counts if (days - 1) * 24 < declared * LEARN_MOST)
    arrivals = sum(n for _, n in in_time)
    seen = _quantile(in_time, ceil(arrivals * LEARN_SHARE)) * 24.0 if arrivals >= LEARN_LEAST else None
    return NormalLag(
        left_feed=pair[0],
        right_feed=pair[1],
        declared_hours=declared,
        learned_hours=seen,
        used_hours=min(max(declared, seen or 0.0), declared * LEARN_MOST),
        arrivals=arrivals,
    )


def _quantile(counts: Sequence[tuple[int, int]], wanted: int) -> int:
    """The value of the ``wanted``-th, of values with their counts in order."""
    for value, count in counts:
        wanted -= count
        if wanted <= 0:
            return value
    return 0
