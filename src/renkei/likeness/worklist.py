"""Candidates (同一人候補): what is compared, what is kept of the proposals, and what people are shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa
import sqlalchemy as sa

from renkei.bulk import copy_in, copy_out
from renkei.likeness.columns import COMPARED, SCHEMA
from renkei.likeness.score import PROPOSED, TOLD
from renkei.views import RESTRICTED

if TYPE_CHECKING:
    from renkei.likeness.models import Kept

_RECORDS = f"""
    SELECT l.resident_id, p.feed, p.source_key, p.content_hash, {", ".join(f"p.{name}" for name in COMPARED)}
    FROM open_link AS l
    JOIN person_record AS p
        ON p.feed = l.feed AND p.source_key = l.source_key AND p.known_to IS NULL AND NOT p.removed
"""


def records(connection: sa.Connection) -> pa.Table:
    """What every system says now of every resident, as :data:`renkei.likeness.columns.SCHEMA`."""
    return copy_out(connection, _RECORDS, SCHEMA)


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What became of the proposals: new ones, those that stood already, those that no longer hold.

    ``decided``: pairs that people have decided and that nothing new speaks for.
    """

    opened: int
    kept: int
    gone: int
    decided: int


_STAGE = f"""
    CREATE TEMP TABLE proposed (
        feed text, source_key text, younger_id bigint, other_feed text, other_key text, resident_id bigint,
        weight double precision, probability double precision, {", ".join(f"{name} text" for name in TOLD)}
    ) ON COMMIT DROP
"""
# between reading and writing a record may have gone to somebody else
_STALE = """
    DELETE FROM proposed AS p
    WHERE NOT EXISTS (
            SELECT FROM open_link AS l
            WHERE l.feed = p.feed AND l.source_key = p.source_key AND l.resident_id = p.younger_id)
       OR NOT EXISTS (
            SELECT FROM open_link AS l
            WHERE l.feed = p.other_feed AND l.source_key = p.other_key AND l.resident_id = p.resident_id)
"""
# a decision is about two homes; whoever the homes' residents are now, that pair is decided. Who could not say
# is asked again when one of the two records or the model is another one.
_DECIDED = """
    DELETE FROM proposed AS p
    USING decision AS d, link AS a, link AS b
    WHERE d.in_force_from IS NOT NULL AND d.in_force_until IS NULL
      AND a.home_id = d.left_home AND a.known_to IS NULL AND b.home_id = d.right_home AND b.known_to IS NULL
      AND least(a.resident_id, b.resident_id) = p.resident_id
      AND greatest(a.resident_id, b.resident_id) = p.younger_id
      AND (d.kind = 'different'
        OR d.decision_id IN (SELECT decision_id FROM still_cannot_say WHERE model = :digest))
"""
_GONE = """
    UPDATE link_candidate AS c
    SET state = 'gone', closed_at = :now
    WHERE c.level = 3 AND c.state = 'open' AND (
        c.link_model_id IS DISTINCT FROM :model
        OR NOT EXISTS (
            SELECT
            FROM open_link AS l
            JOIN proposed AS p ON p.younger_id = l.resident_id
            WHERE l.feed = c.feed AND l.source_key = c.source_key AND p.resident_id = c.resident_id))
"""
_OPEN = """
    INSERT INTO link_candidate (feed, source_key, resident_id, other_feed, other_key, reason, level,
                                link_model_id, weight, probability, run_id, found_at)
    SELECT p.feed, p.source_key, p.resident_id, p.other_feed, p.other_key, {reason}, 3, :model, p.weight,
           p.probability, :run_id, :now
    FROM proposed AS p
    WHERE NOT EXISTS (
        SELECT
        FROM link_candidate AS c
        JOIN open_link AS l ON l.feed = c.feed AND l.source_key = c.source_key
        WHERE c.state = 'open' AND c.level = 3 AND c.resident_id = p.resident_id
          AND l.resident_id = p.younger_id)
    ORDER BY p.weight DESC, p.younger_id, p.resident_id
    ON CONFLICT DO NOTHING
"""
_REASON = " || ' ' || ".join(f"'{name}:' || p.{name}" for name in TOLD)


def settle(
    connection: sa.Connection, proposed: pa.Table, *, kept: "Kept", run_id: UUID, now: datetime
) -> Settled:
    """Bring the open candidates of level 3 up to what is proposed; what people decided stays decided.

    A pair stands once, with the weight that it was found with. The caller holds the linker's lock, so that no
    record changes hands meanwhile, and commits.
    """
    assert proposed.schema == PROPOSED
    values = {"now": now, "model": kept.link_model_id, "digest": kept.digest, "run_id": run_id}
    connection.exec_driver_sql(_STAGE)
    copy_in(connection, "proposed", proposed)
    connection.exec_driver_sql("ANALYZE proposed")
    connection.exec_driver_sql(_STALE)
    decided = _run(connection, _DECIDED, values)
    gone = _run(connection, _GONE, values)
    opened = _run(connection, _OPEN.format(reason=_REASON), values)
    left = int(connection.exec_driver_sql("SELECT count(*) FROM proposed").scalar_one())
    return Settled(opened=opened, kept=left - opened, gone=gone, decided=decided)


def _run(connection: sa.Connection, text: str, values: dict[str, Any]) -> int:
    statement = sa.text(text)
    bound = {name: values[name] for name in statement.compile().params}
    return connection.execute(statement, bound).rowcount


# the worklist -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One open pair, without a value of either person. ``younger_id`` is whose record it is now.

    ``waiting_decision`` is one on the two that another person has still to approve. ``reason`` are codes: of
    level 1 and 2 why the numbers do not join, of level 3 each attribute's level.
    """

    link_candidate_id: int
    level: int
    younger_id: int
    resident_id: int
    feed: str
    other_feed: str | None
    reason: str
    weight: float | None
    probability: float | None
    link_model_id: int | None
    found_at: datetime | None
    waiting_decision: int | None


_OPEN_ONES = f"""
    WITH {RESTRICTED}
    SELECT c.link_candidate_id, c.level, l.resident_id AS younger_id, c.resident_id, c.feed, c.other_feed,
        c.reason, c.weight, c.probability, c.link_model_id, c.found_at,
        (SELECT min(coalesce(d.act_id, d.decision_id))
         FROM decision AS d
         JOIN link AS a ON a.home_id = d.left_home AND a.known_to IS NULL
         JOIN link AS b ON b.home_id = d.right_home AND b.known_to IS NULL
         WHERE d.in_force_from IS NULL AND d.in_force_until IS NULL
           AND (a.resident_id, b.resident_id) IN (
               (l.resident_id, c.resident_id), (c.resident_id, l.resident_id))) AS waiting_decision
    FROM link_candidate AS c
    JOIN open_link AS l ON l.feed = c.feed AND l.source_key = c.source_key
    WHERE c.state = 'open' AND l.resident_id <> c.resident_id
      AND (CAST(:level AS integer) IS NULL OR c.level = :level)
      AND (CAST(:least AS double precision) IS NULL OR c.probability >= :least)
      AND (CAST(:after AS bigint) IS NULL OR (c.level, -coalesce(c.weight, 0), c.link_candidate_id) > (
          SELECT level, -coalesce(weight, 0), link_candidate_id FROM link_candidate
          WHERE link_candidate_id = :after))
      AND EXISTS (
          SELECT FROM golden_version AS g WHERE g.resident_id = l.resident_id AND g.known_to IS NULL)
      AND EXISTS (
          SELECT FROM golden_version AS g WHERE g.resident_id = c.resident_id AND g.known_to IS NULL)
      AND l.resident_id NOT IN (SELECT resident_id FROM restricted)
      AND c.resident_id NOT IN (SELECT resident_id FROM restricted)
    ORDER BY c.level, -coalesce(c.weight, 0), c.link_candidate_id
    LIMIT :limit
"""


def candidates(
    connection: sa.Connection,
    *,
    level: int | None = None,
    least: float | None = None,
    after: int | None = None,
    limit: int = 50,
) -> tuple[Candidate, ...]:
    """Open candidates, numbers that contradict first, then the likeliest; no restricted person is named."""
    asked = {"level": level, "least": least, "after": after, "limit": limit}
    rows = connection.execute(sa.text(_OPEN_ONES), asked).mappings()
    return tuple(Candidate(**row) for row in rows)


def bands(probabilities: Iterable[float], edges: tuple[float, ...] = (0.99, 0.9, 0.5, 0.0)) -> dict[str, int]:
    """Band of probability → how many proposals fall into it, the likeliest band first."""
    made = {f">={edge}": 0 for edge in edges}
    for probability in probabilities:
        band = next((edge for edge in edges if probability >= edge), edges[-1])
        made[f">={band}"] += 1
    return made
