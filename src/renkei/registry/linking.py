"""Which record belongs to whom: strong numbers first, then all four attributes, else a new resident.

A name, a birth date and a sex alone never join two people. Links are rows with validity, never rewritten.
"""

from datetime import datetime

import sqlalchemy as sa

from renkei.registry.sql import statement

#: One linker at a time: feeds of a night run side by side and look for each other's people.
_ONE_LINKER = "SELECT pg_advisory_xact_lock(hashtext('renkei.link'))"
_PENDING = """
    CREATE TEMP TABLE pending ON COMMIT DROP AS
    SELECT i.*
    FROM incoming AS i
    LEFT JOIN link AS l ON l.feed = :feed AND l.source_key = i.source_key AND l.known_to IS NULL
    WHERE l.link_id IS NULL
"""
_STEPS = (
    "link_strong",
    "keep_resident",
    "hold_contradicted",
    "link_four_attributes",
    "founding",
    "found_residents",
)
_RESIDENTS = """
    INSERT INTO resident (resident_id, founded_at, founded_by_unit)
    OVERRIDING SYSTEM VALUE
    SELECT resident_id, :now, :unit_id FROM founded ORDER BY resident_id
"""


def link_incoming(
    connection: sa.Connection, *, feed: str, unit_id: int, now: datetime, refuse_contradictions: bool
) -> None:
    """Link every record of the temporary table ``incoming`` that has no open link, or none that still holds.

    Leaves a temporary table ``unlinked``: links that were closed, with the residents that they belonged to.
    """
    values = {"feed": feed, "unit_id": unit_id, "now": now, "refuse_contradictions": refuse_contradictions}
    for name in ("contradicted", "unlink", "close_links", "hold_reissued"):
        _run(connection, statement(name), values)
    connection.execute(sa.text(_PENDING), {"feed": feed})
    connection.exec_driver_sql("ANALYZE pending")
    for name in _STEPS:
        _run(connection, statement(name), values)
    _run(connection, _RESIDENTS, values)
    _run(connection, statement("link_founders"), values)


def one_linker(connection: sa.Connection) -> None:
    """Wait until no other unit is linking; held until this transaction ends."""
    connection.exec_driver_sql(_ONE_LINKER)


def _run(connection: sa.Connection, text: str, values: dict[str, object]) -> None:
    prepared = sa.text(text)
    connection.execute(prepared, {name: values[name] for name in prepared.compile().params})
