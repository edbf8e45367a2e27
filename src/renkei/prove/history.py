"""What was known when (I10): knowledge of a key, a link or a golden record has no overlap and no gap."""

import random
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from renkei.prove.ground import Findings, Ground
from renkei.records import RECORD_TYPES

_TABLES = tuple(kind.table for kind in RECORD_TYPES.values())
#: Residents and instants that are asked for what held then.
_SAMPLE, _INSTANTS, _SEED = 100, 3, 20_261_120


def history(ground: Ground, findings: Findings) -> None:
    """Versions, links and golden records follow each other without overlap or gap, one of them open."""
    for table in _TABLES:
        ground.progress(table)
        findings.checked += ground.count(f"SELECT count(*) FROM {table}")
        _told(ground, findings, table, _VERSIONS.format(table=table))
    ground.progress("link")
    findings.checked += ground.count("SELECT count(*) FROM link")
    _told(ground, findings, "link", _LINKS)
    ground.progress("golden_version")
    findings.checked += ground.count("SELECT count(*) FROM golden_version")
    _told(ground, findings, "golden_version", _GOLDEN)
    _as_of(ground, findings)


def _told(ground: Ground, findings: Findings, table: str, query: str) -> None:
    with ground.engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL work_mem = '256MB'")
        for row in connection.exec_driver_sql(query):
            findings.broken(f"{table}:{row.id} {row.problem}")


# A closed version ends where the next one of its key begins; what came when it was already overtaken was
# never what was known, so it lasted no time.
_VERSIONS = """
    WITH chain AS (
        SELECT record_id, known_from, known_to,
            lead(known_from) OVER key AS next_from,
            lead(record_id) OVER key IS NULL AS is_last
        FROM {table}
        WHERE NOT superseded
        WINDOW key AS (PARTITION BY feed, source_key ORDER BY record_id)
    )
    SELECT record_id AS id,
        CASE
            WHEN is_last THEN 'closed and nothing follows'
            WHEN known_to IS NULL THEN 'still open though another follows'
            WHEN known_to > next_from THEN 'overlaps the next version'
            ELSE 'a gap before the next version'
        END AS problem
    FROM chain
    WHERE CASE WHEN is_last THEN known_to IS NOT NULL ELSE known_to IS DISTINCT FROM next_from END
    UNION ALL
    SELECT record_id, 'overtaken when it came, yet known for some time'
    FROM {table}
    WHERE superseded AND known_to IS DISTINCT FROM known_from
"""
# of a home that a correction took back nothing follows; of a key with records something always holds
_LINKS = """
    WITH chain AS (
        SELECT link_id, known_from, known_to,
            lead(known_from) OVER home AS next_from,
            lead(link_id) OVER home IS NULL AS is_last
        FROM link
        WINDOW home AS (PARTITION BY home_id ORDER BY link_id)
    )
    SELECT link_id AS id,
        CASE
            WHEN known_to IS NULL THEN 'still open though another follows'
            WHEN known_to > next_from THEN 'overlaps the next link of its home'
            ELSE 'a gap before the next link of its home'
        END AS problem
    FROM chain
    WHERE NOT is_last AND known_to IS DISTINCT FROM next_from
    UNION ALL
    SELECT link_id, problem
    FROM (
        SELECT max(link_id) AS link_id, 'no link of its key holds, or several' AS problem
        FROM link
        GROUP BY feed, source_key
        HAVING count(*) FILTER (WHERE known_to IS NULL AND valid_to IS NULL) <> 1
    ) AS keys
    UNION ALL
    SELECT p.record_id, 'a record that no link knows'
    FROM person_record AS p
    LEFT JOIN open_link AS l ON l.feed = p.feed AND l.source_key = p.source_key
    WHERE p.known_to IS NULL AND NOT p.removed AND l.link_id IS NULL
"""
# a resident without any record has no golden record: only then is there a gap
_GOLDEN = """
    WITH chain AS (
        SELECT golden_id, resident_id, known_from, known_to,
            lead(known_from) OVER resident AS next_from
        FROM golden_version
        WINDOW resident AS (PARTITION BY resident_id ORDER BY golden_id)
    ), apart AS MATERIALIZED (
        SELECT * FROM chain WHERE next_from IS NOT NULL AND known_to IS DISTINCT FROM next_from
    )
    SELECT golden_id AS id,
        CASE
            WHEN known_to IS NULL THEN 'still open though another follows'
            ELSE 'overlaps the next version'
        END AS problem
    FROM apart
    WHERE known_to IS NULL OR known_to > next_from
    UNION ALL
    SELECT golden_id, 'a gap before the next version, though a record was there'
    FROM apart
    WHERE known_to < next_from AND EXISTS (
        SELECT
        FROM link AS l
        JOIN person_record AS p USING (feed, source_key)
        WHERE l.resident_id = apart.resident_id AND l.valid_to IS NULL AND NOT p.removed AND NOT p.superseded
          AND greatest(l.known_from, p.known_from, apart.known_to)
              < least(coalesce(l.known_to, 'infinity'), coalesce(p.known_to, 'infinity'), apart.next_from)
    )
"""


# what held then ----------------------------------------------------------------------------------


def _as_of(ground: Ground, findings: Findings) -> None:
    """Ask what held for some residents at some instants: twice, and where nothing later is known at all."""
    ground.progress("as of")
    dice = random.Random(_SEED)  # noqa: S311 - a sample that can be drawn again, no secret
    with ground.engine.connect() as connection, connection.begin() as never:
        homes = connection.exec_driver_sql(_HOMES).scalars().all()
        asked = {"residents": dice.sample(homes, min(_SAMPLE, len(homes)))}
        connection.execute(text(_ASKED), asked)
        units = connection.exec_driver_sql(_UNITS).all()
        for instant in dice.sample(units, min(_INSTANTS, len(units))):
            _as_it_was(connection, findings, as_of=instant.as_of, known_at=instant.known_at)
        now = _answer(connection, as_of=date.max, known_at=datetime.max.replace(tzinfo=UTC))
        present = {tuple(row) for row in connection.exec_driver_sql(_PRESENT)}
        missed = len({row for row in now if row[0] == "record"} ^ present)
        findings.checked += len(present)
        findings.expect(not missed, f"{missed} keys hold another version at last than they do now")
        never.rollback()


def _as_it_was(connection: Connection, findings: Findings, *, as_of: date, known_at: datetime) -> None:
    """The same answer now, asked again, and from a registry that has forgotten what it learned since."""
    said = _answer(connection, as_of=as_of, known_at=known_at)
    findings.checked += len(said)
    again = _answer(connection, as_of=as_of, known_at=known_at)
    findings.expect(said == again, "a question was answered differently the second time")
    then = connection.begin_nested()
    try:
        for forget in (_FORGET, _REOPEN):
            for table in ("person_record", "link"):
                connection.execute(text(forget.format(table=table)), {"known_at": known_at})
        missed = len(set(said) ^ set(_answer(connection, as_of=as_of, known_at=known_at)))
        findings.expect(not missed, f"{missed} answers about the past changed with what was learned since")
    except IntegrityError:
        findings.broken("what was known then was not one version a key")
    then.rollback()


def _answer(connection: Connection, *, as_of: date, known_at: datetime) -> list[tuple[Any, ...]]:
    asked = {"as_of": as_of, "known_at": known_at}
    return [tuple(row) for row in connection.execute(text(_SAID), asked)]


_HOMES = "SELECT DISTINCT resident_id FROM link WHERE known_to IS NULL ORDER BY 1"
_UNITS = "SELECT done_at AS known_at, as_of FROM unit ORDER BY unit_id"
_ASKED = """
    CREATE TEMP TABLE asked ON COMMIT DROP AS
    SELECT DISTINCT feed, source_key FROM link WHERE resident_id = ANY(:residents)
"""
_SAID = """
    SELECT 'record' AS what, p.feed, p.source_key, p.record_id::text AS answer
    FROM asked AS a
    CROSS JOIN LATERAL (
        SELECT * FROM person_at(:as_of, :known_at) AS p WHERE p.feed = a.feed AND p.source_key = a.source_key
    ) AS p
    UNION ALL
    SELECT 'link', l.feed, l.source_key, l.resident_id || ' ' || l.home_id || ' ' || l.rule
    FROM asked AS a
    CROSS JOIN LATERAL (
        SELECT * FROM link_at(:as_of, :known_at) AS l WHERE l.feed = a.feed AND l.source_key = a.source_key
    ) AS l
    ORDER BY 1, 2, 3, 4
"""
_PRESENT = """
    SELECT 'record', p.feed, p.source_key, p.record_id::text
    FROM asked AS a
    JOIN person_record AS p ON p.feed = a.feed AND p.source_key = a.source_key
        AND p.known_to IS NULL AND NOT p.removed
"""
_FORGET = """
    DELETE FROM {table} AS t
    USING asked AS a
    WHERE t.feed = a.feed AND t.source_key = a.source_key AND t.known_from > :known_at
"""
_REOPEN = """
    UPDATE {table} AS t
    SET known_to = NULL
    FROM asked AS a
    WHERE t.feed = a.feed AND t.source_key = a.source_key AND t.known_to > :known_at
"""
