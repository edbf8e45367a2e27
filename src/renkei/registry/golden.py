"""Derives the golden record (統合レコード) of touched residents from what the systems say.

Each group of fields is taken whole from the record that the city trusts most for it, so that one
person's name and reading, or town and number, never come from two systems. Protection is the
strictest of all sources.
"""

import json
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from renkei.records import GOLDEN

#: Group → its fields; the first one must be present for a record to win the group.
GROUPS = GOLDEN
FIELDS = tuple(field for fields in GROUPS.values() for field in fields)
#: The column of each group that names the record which won it.
RECORDS = tuple(f"{group}_record" for group in GROUPS)
#: Field → its group.
GROUP_OF = {field: group for group, fields in GROUPS.items() for field in fields}

_KEEP_RULE = "INSERT INTO golden_rule (body) VALUES (CAST(:body AS jsonb)) ON CONFLICT DO NOTHING"
_RULE = "SELECT golden_rule_id FROM golden_rule WHERE body = CAST(:body AS jsonb)"
_CLOSE = """
    UPDATE golden_version AS old
    SET known_to = greatest(:now, old.known_from)
    FROM touched AS t
    LEFT JOIN derived AS new ON new.resident_id = t.resident_id
    WHERE old.resident_id = t.resident_id AND old.known_to IS NULL
      AND (new.resident_id IS NULL OR ({new}) IS DISTINCT FROM ({old}))
"""
_OPEN = """
    INSERT INTO golden_version (resident_id, {names}, protected, {records}, golden_rule_id, valid_from,
                                known_from, unit_id)
    SELECT resident_id, {names}, protected, {records}, :rule, valid_from, :now, :unit_id
    FROM derived
    WHERE NOT EXISTS (
        SELECT FROM golden_version AS open
        WHERE open.resident_id = derived.resident_id AND open.known_to IS NULL
    )
    ORDER BY resident_id
"""


def derive(
    connection: sa.Connection, *, trust: Mapping[str, tuple[str, ...]], unit_id: int, now: datetime
) -> None:
    """Write a new golden version for each resident in the temporary table ``touched`` whose values changed.

    ``trust`` maps each group of :data:`GROUPS` to systems or feeds (``tax.taxpayer``), most trusted first; a
    feed that is named itself stands where its own name stands.
    """
    connection.execute(sa.text(_derived()), {f"trust_{group}": list(trust[group]) for group in GROUPS})
    names = [*FIELDS, "protected"]
    compared = {side: ", ".join(f"{side}.{name}" for name in names) for side in ("new", "old")}
    connection.execute(sa.text(_CLOSE.format(**compared)), {"now": now})
    opened = sa.text(_OPEN.format(names=", ".join(FIELDS), records=", ".join(RECORDS)))
    connection.execute(opened, {"now": now, "unit_id": unit_id, "rule": rule_id(connection, trust)})


def rule_id(connection: sa.Connection, trust: Mapping[str, tuple[str, ...]]) -> int:
    """The row that says by which order each group was taken; written when it is new."""
    body = json.dumps({group: "trust:" + ">".join(trust[group]) for group in GROUPS})
    asked = {"body": body}
    connection.execute(sa.text(_KEEP_RULE), asked)
    return int(connection.execute(sa.text(_RULE), asked).scalar_one())


def _derived() -> str:
    winners = ",\n".join(_winner(group, fields[0]) for group, fields in GROUPS.items())
    values = ", ".join(f"{group}.{field}" for group, fields in GROUPS.items() for field in fields)
    joins = "\n".join(
        f"LEFT JOIN person_record AS {group} ON {group}.record_id = won.{group}_record" for group in GROUPS
    )
    return f"""
        CREATE TEMP TABLE derived ON COMMIT DROP AS
        WITH claim AS (
            SELECT l.resident_id, split_part(p.feed, '.', 1) AS system, p.*
            FROM touched AS t
            JOIN open_link AS l ON l.resident_id = t.resident_id
            JOIN person_record AS p
                ON p.feed = l.feed AND p.source_key = l.source_key AND p.known_to IS NULL AND NOT p.removed
        ),
        -- a system that no longer holds its record has not thereby ended the protection
        left_protected AS (
            SELECT l.resident_id
            FROM touched AS t
            JOIN open_link AS l ON l.resident_id = t.resident_id
            JOIN person_record AS gone
                ON gone.feed = l.feed AND gone.source_key = l.source_key
                AND gone.known_to IS NULL AND gone.removed
            JOIN LATERAL (
                SELECT protected
                FROM person_record AS said
                WHERE said.feed = gone.feed AND said.source_key = gone.source_key AND NOT said.removed
                ORDER BY said.unit_id DESC
                LIMIT 1
            ) AS said ON said.protected = 'protected'
        ),
        won AS (
            SELECT resident_id, {winners},
                CASE
                    WHEN bool_or(protected = 'protected') THEN 'protected'
                    WHEN resident_id IN (SELECT resident_id FROM left_protected) THEN 'protected'
                    ELSE max(protected)
                END AS protected,
                max(valid_from) AS valid_from
            FROM claim
            GROUP BY resident_id
        )
        SELECT won.resident_id, {values}, won.protected, won.valid_from, {", ".join(RECORDS)}
        FROM won
        {joins}
    """


def _winner(group: str, key: str) -> str:
    trusted = f"CAST(:trust_{group} AS text[])"
    place = f"coalesce(array_position({trusted}, feed), array_position({trusted}, system))"
    order = f"{place}, valid_from DESC, record_id"
    return f"(array_agg(record_id ORDER BY {order}) FILTER (WHERE {key} IS NOT NULL))[1] AS {group}_record"
