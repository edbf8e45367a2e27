"""Proposals of one cause: open cases of one rule that differ in one way in one place, to be settled at once.

A proposal's number says which cases it is about and how each stood, so that it is never settled for others.
No restricted person is in one, and no case that is set aside.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from renkei.errors import FixDeclaration, Stop
from renkei.views import RESTRICTED

#: Fewer are no cluster.
FEWEST = 2
_FIGURES = 8


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Cases that differ alike. ``place``: ``town:`` and the town (町字), or ``glyph:`` and two characters."""

    cluster: str
    rules: tuple[str, ...]
    causes: tuple[str, ...]
    fields: tuple[str, ...]
    classes: tuple[str, ...]
    left_feeds: tuple[str, ...]
    right_feeds: tuple[str, ...]
    place: str
    cases: int
    oldest_due_on: date


# All that a case differs in must be alike: a case that also differs elsewhere is not settled with the others.
_CLUSTERS = f"""
    WITH {RESTRICTED}, hidden AS MATERIALIZED (
        SELECT l.feed, l.source_key FROM open_link AS l JOIN restricted USING (resident_id)
    ), found AS MATERIALIZED (
        SELECT m.case_id, m.rule_id, m.cause, m.field, m.class, m.left_feed, m.right_feed, p.place
        FROM mismatch AS m
        JOIN mismatch_place AS p USING (mismatch_id)
        JOIN "case" AS c ON c.case_id = m.case_id AND c.state IN ('open', 'reviewing', 'held')
        WHERE m.subject_kind = 'resident'
          AND (CAST(:rule AS text) IS NULL OR c.rule_id = :rule)
          AND m.resident_id NOT IN (SELECT resident_id FROM restricted)
          AND (m.left_feed, m.left_key) NOT IN (SELECT feed, source_key FROM hidden)
          AND (m.right_feed, m.right_key) NOT IN (SELECT feed, source_key FROM hidden)
          AND EXISTS (
            SELECT FROM golden_version AS g WHERE g.resident_id = m.resident_id AND g.known_to IS NULL)
          AND c.case_id NOT IN (SELECT case_id FROM suppressed_case(:day))
    ), alike AS (
        SELECT
            case_id,
            array_agg(DISTINCT rule_id ORDER BY rule_id) AS rules,
            array_agg(DISTINCT cause ORDER BY cause) AS causes,
            array_agg(DISTINCT field ORDER BY field) AS fields,
            array_agg(DISTINCT class ORDER BY class) AS classes,
            array_agg(DISTINCT left_feed ORDER BY left_feed) AS left_feeds,
            array_agg(DISTINCT right_feed ORDER BY right_feed) AS right_feeds,
            min(place) AS place
        FROM found
        GROUP BY case_id
        HAVING count(*) = count(place) AND min(place) = max(place)
    )
    SELECT a.rules, a.causes, a.fields, a.classes, a.left_feeds, a.right_feeds, a.place,
        array_agg(a.case_id ORDER BY a.case_id) AS ids,
        array_agg(e.last ORDER BY a.case_id) AS lasts,
        min(c.due_on) AS oldest_due_on
    FROM alike AS a
    JOIN "case" AS c USING (case_id)
    CROSS JOIN LATERAL (
        SELECT coalesce(max(case_event_id), 0) AS last FROM case_event WHERE case_id = a.case_id
    ) AS e
    GROUP BY a.rules, a.causes, a.fields, a.classes, a.left_feeds, a.right_feeds, a.place
    HAVING count(*) >= :fewest
    ORDER BY count(*) DESC, a.rules, a.place, a.classes, a.right_feeds
"""
_KEY = ("rules", "causes", "fields", "classes", "left_feeds", "right_feeds")


def clusters(
    engine: sa.Engine, *, day: date, rule: str | None = None, fewest: int = FEWEST
) -> tuple[Cluster, ...]:
    """Proposals on that day, the largest first."""
    with engine.connect() as connection:
        rows = _rows(connection, day=day, rule=rule, fewest=max(fewest, FEWEST))
    return tuple(
        Cluster(
            cluster=_number(row),
            place=row["place"],
            cases=len(row["ids"]),
            oldest_due_on=row["oldest_due_on"],
            **{name: tuple(row[name]) for name in _KEY},
        )
        for row in rows
    )


def members(connection: sa.Connection, cluster: str, *, day: date) -> tuple[int, ...]:
    """The cases of a proposal. FixDeclaration E_NOT_FOUND; Stop E_CLUSTER_CHANGED when it is another."""
    kind = cluster.partition("-")[0]
    for row in _rows(connection, day=day, rule=None, fewest=FEWEST):
        number = _number(row)
        if number == cluster:
            return tuple(row["ids"])
        if number.partition("-")[0] == kind:
            raise Stop("E_CLUSTER_CHANGED", cluster=cluster, now=number)
    names = {"ja": "同じ原因のまとまり", "en": "cluster"}
    raise FixDeclaration("E_NOT_FOUND", kind=names, name=cluster, nearest="renkei cases clusters")


def alike(connection: sa.Connection, cluster: str, *, day: date) -> tuple[str, str, str]:
    """Rule, class and place of a proposal of one rule and one class; Stop E_CLUSTER_CHANGED else."""
    for row in _rows(connection, day=day, rule=None, fewest=FEWEST):
        if _number(row) == cluster and len(row["rules"]) == len(row["classes"]) == 1:
            return row["rules"][0], row["classes"][0], row["place"]
    raise Stop("E_CLUSTER_CHANGED", cluster=cluster, now="-")


def _rows(connection: sa.Connection, *, day: date, rule: str | None, fewest: int) -> list[Mapping[str, Any]]:
    asked = {"day": day, "rule": rule, "fewest": fewest}
    return [dict(row) for row in connection.execute(sa.text(_CLUSTERS), asked).mappings()]


def _number(row: Mapping[str, Any]) -> str:
    """Of what it is one, and which cases it has and how they stand."""
    kind = repr([row[name] for name in (*_KEY, "place")])
    whole = repr([row["ids"], row["lasts"]])
    return "-".join(sha256(part.encode()).hexdigest()[:_FIGURES] for part in (kind, whole))
