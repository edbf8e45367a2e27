"""支援措置 (protection): on at once with the delivery that says so, off only when two people end it.

A mark is a row of ``protection``, hung on the record that made it: it outlives the record, its term and its
source's change of mind. The strictest of all systems holds, and whom no system clears is protected without a
row. ``restricted_resident`` is everyone who may not be shown: those, and who shares a household with them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import sqlalchemy as sa

from renkei.registry import sql

#: What a source says of its mark by now: still ``None``, or that there is none, no record, nothing.
EndTold = Literal["none", "gone", "silent"]

#: ``golden.protected`` of a group of records that are one resident's, with ``resident_id`` and ``protected``.
STANDING = """
    CASE
        WHEN bool_or(protected = 'protected') OR resident_id IN (SELECT resident_id FROM protected_resident)
            THEN 'protected'
        ELSE max(protected) FILTER (WHERE protected = 'none')
    END
"""


@dataclass(frozen=True, kw_only=True)
class Protection:
    """One mark. ``why``: ``record``, ``gone`` (its record is no more) or ``co_protected``.

    ``resident_ids`` are those whom it protects by itself, without their households.
    """

    protection_id: int
    feed: str
    source_key: str
    resident_ids: tuple[int, ...]
    why: str
    kind: str | None
    term_from: date | None
    term_until: date | None
    known_from: datetime
    known_to: datetime | None
    end_told: EndTold | None
    end_told_at: datetime | None
    end_asked_by: str | None
    end_asked_at: datetime | None
    end_reason: str | None
    closed_as: str | None


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one unit brought: ids of marks that it made, and of those whose source no longer says so."""

    marked: tuple[int, ...]
    ending: tuple[int, ...]


def refresh(connection: sa.Connection, *, unit_id: int | None, now: datetime) -> None:
    """Take over what a unit's person records say, before golden records are derived.

    Works on the unit's marks and the marks in force, never on all records; adds to the temporary table
    ``touched`` the residents of new marks. A decision (``unit_id`` None) marks and clears nobody: rows
    follow their records.
    """
    if unit_id is None:
        return
    for text in (_SAID_AGAIN, _MARK, _TELL_END, _TOUCH):
        sql.execute(connection, text, {"unit_id": unit_id, "now": now})


# OFFSET 0: from few rows to many each is looked up by its index, also while a unit plans for many and nobody
# has counted them yet
#: The last mark of each key in the unit; one that came late (superseded) counts, and renews nothing.
_MARKED = """
    WITH marked AS MATERIALIZED (
        SELECT DISTINCT ON (p.feed, p.source_key)
            p.feed, p.source_key, l.home_id, p.record_id, p.superseded, p.protected_kind AS kind,
            p.protected_from AS term_from, p.protected_until AS term_until
        FROM person_record AS p
        CROSS JOIN LATERAL (
            SELECT home_id FROM open_link WHERE feed = p.feed AND source_key = p.source_key OFFSET 0
        ) AS l
        WHERE p.protected = 'protected' AND p.unit_id = :unit_id
        ORDER BY p.feed, p.source_key, p.superseded, p.record_id DESC
    )
"""
_SAID_AGAIN = f"""
    {_MARKED}
    UPDATE protection AS p
    SET known_to = greatest(:now, p.known_from), closed_as = 'said_again'
    FROM marked AS m
    WHERE p.feed = m.feed AND p.source_key = m.source_key AND p.home_id = m.home_id AND p.known_to IS NULL
      AND NOT m.superseded
      AND (p.end_told IS NOT NULL
        OR (p.kind, p.term_from, p.term_until) IS DISTINCT FROM (m.kind, m.term_from, m.term_until))
"""
_MARK = f"""
    {_MARKED}
    INSERT INTO protection (feed, source_key, home_id, record_id, kind, term_from, term_until, known_from,
        unit_id)
    SELECT feed, source_key, home_id, record_id, kind, term_from, term_until, :now, :unit_id
    FROM marked AS m
    WHERE NOT EXISTS (
        SELECT FROM protection AS p
        WHERE p.feed = m.feed AND p.source_key = m.source_key AND p.home_id = m.home_id AND p.known_to IS NULL
    )
    ORDER BY feed, source_key
"""
# a key that is somebody else's now says nothing more of the one whom it marked
_TELL_END = """
    UPDATE protection AS p
    SET end_told = now_said.what, end_told_at = :now, end_told_unit = :unit_id
    FROM (
        SELECT o.protection_id, CASE
                WHEN r.record_id IS NULL OR r.removed OR l.home_id IS DISTINCT FROM o.home_id THEN 'gone'
                WHEN r.protected = 'none' THEN 'none'
                ELSE 'silent'
            END AS what
        FROM protection AS o
        LEFT JOIN LATERAL (
            SELECT record_id, removed, protected
            FROM person_record
            WHERE feed = o.feed AND source_key = o.source_key AND known_to IS NULL
            OFFSET 0
        ) AS r ON true
        LEFT JOIN LATERAL (
            SELECT home_id FROM open_link WHERE feed = o.feed AND source_key = o.source_key OFFSET 0
        ) AS l ON true
        WHERE o.known_to IS NULL
          AND (r.protected IS DISTINCT FROM 'protected' OR l.home_id IS DISTINCT FROM o.home_id)
    ) AS now_said
    WHERE p.protection_id = now_said.protection_id AND p.end_told IS DISTINCT FROM now_said.what
"""
_TOUCH = """
    INSERT INTO touched (resident_id)
    SELECT r.resident_id
    FROM protected_resident AS r
    JOIN protection AS p USING (protection_id)
    WHERE p.unit_id = :unit_id
    EXCEPT
    SELECT resident_id FROM touched
"""


def told_in(connection: sa.Connection, unit_id: int) -> Told:
    """The marks that a unit made, and those that it told the end of."""
    row = connection.execute(sa.text(_TOLD), {"unit_id": unit_id}).one()
    return Told(marked=tuple(row.marked), ending=tuple(row.ending))


_TOLD = """
    SELECT
        ARRAY(SELECT protection_id FROM protection WHERE unit_id = :unit_id ORDER BY 1) AS marked,
        ARRAY(SELECT protection_id FROM protection WHERE end_told_unit = :unit_id ORDER BY 1) AS ending
"""


# facilities --------------------------------------------------------------------------------------


def keep_facilities(connection: sa.Connection, declared: Iterable[tuple[str, str]]) -> int:
    """Make the list of facilities' households (feed, number) what is declared; how many lines changed."""
    wanted = set(declared)
    query = "SELECT feed, household_number FROM facility_household"
    known = {(row.feed, row.household_number) for row in connection.execute(sa.text(query))}
    for place, statement in ((known - wanted, _FORGET_FACILITY), (wanted - known, _KEEP_FACILITY)):
        if place:
            rows = [{"feed": feed, "number": number} for feed, number in sorted(place)]
            connection.execute(sa.text(statement), rows)
    return len(known ^ wanted)


_FORGET_FACILITY = "DELETE FROM facility_household WHERE feed = :feed AND household_number = :number"
_KEEP_FACILITY = """
    INSERT INTO facility_household (feed, household_number) VALUES (:feed, :number) ON CONFLICT DO NOTHING
"""


# what people do ----------------------------------------------------------------------------------


def listed(
    connection: sa.Connection, *, ending: bool = False, after: int = 0, limit: int = 50
) -> tuple[Protection, ...]:
    """Marks in force by id; with ``ending`` only those whose source no longer says so."""
    where = "WHERE p.known_to IS NULL AND p.protection_id > :after"
    only = " AND p.end_told IS NOT NULL" if ending else ""
    text = f"{_LISTED} {where}{only} ORDER BY p.protection_id LIMIT :limit"
    rows = connection.execute(sa.text(text), {"after": after, "limit": limit})
    return tuple(_protection(row) for row in rows)


def found(connection: sa.Connection, protection_id: int, *, lock: bool = False) -> Protection | None:
    """One mark, in force or closed; with ``lock`` nobody else changes it until the transaction ends."""
    if lock:
        hold = "SELECT FROM protection WHERE protection_id = :protection_id FOR UPDATE"
        connection.execute(sa.text(hold), {"protection_id": protection_id})
    text = f"{_LISTED} WHERE p.protection_id = :protection_id"
    row = connection.execute(sa.text(text), {"protection_id": protection_id}).one_or_none()
    return None if row is None else _protection(row)


_LISTED = """
    SELECT p.protection_id, p.feed, p.source_key, p.kind, p.term_from, p.term_until, p.known_from, p.known_to,
        p.end_told, p.end_told_at, p.end_asked_by, p.end_asked_at, p.end_reason, p.closed_as,
        CASE WHEN p.end_told = 'gone' THEN 'gone' WHEN p.kind = 'joint' THEN 'co_protected' ELSE 'record' END
            AS why,
        ARRAY(
            SELECT l.resident_id FROM link AS l WHERE l.home_id = p.home_id AND l.known_to IS NULL
            UNION
            SELECT o.resident_id FROM open_link AS o WHERE o.feed = p.feed AND o.source_key = p.source_key
            ORDER BY 1
        ) AS resident_ids
    FROM protection AS p
"""


def _protection(row: sa.Row[tuple[object, ...]]) -> Protection:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
    return Protection(**{**values, "resident_ids": tuple(values["resident_ids"])})


def ask_end(connection: sa.Connection, protection_id: int, *, by: str, reason: str, now: datetime) -> None:
    """One person asks that a mark end; nothing ends yet."""
    text = """
        UPDATE protection SET end_asked_by = :by, end_reason = :reason, end_asked_at = :now
        WHERE protection_id = :protection_id AND known_to IS NULL
    """
    asked = {"protection_id": protection_id, "by": by, "reason": reason, "now": now}
    connection.execute(sa.text(text), asked)


def refuse_end(connection: sa.Connection, protection_id: int) -> None:
    """The mark stays as if nobody had asked for its end."""
    text = """
        UPDATE protection SET end_asked_by = NULL, end_reason = NULL, end_asked_at = NULL
        WHERE protection_id = :protection_id AND known_to IS NULL
    """
    connection.execute(sa.text(text), {"protection_id": protection_id})


def end(connection: sa.Connection, protection_id: int, *, by: str, now: datetime) -> None:
    """Close a mark whose end was asked for; leaves its residents in the temporary table ``touched``.

    The database itself refuses (``IntegrityError``) an end by one person, and one of a mark that its source
    still makes.
    """
    of_mark = "SELECT resident_id FROM protected_resident WHERE protection_id = :protection_id"
    connection.exec_driver_sql("CREATE TEMP TABLE touched (resident_id bigint) ON COMMIT DROP")
    connection.execute(sa.text(f"INSERT INTO touched {of_mark}"), {"protection_id": protection_id})
    text = """
        UPDATE protection
        SET known_to = greatest(:now, known_from), closed_as = 'ended', end_approved_by = :by
        WHERE protection_id = :protection_id AND known_to IS NULL
    """
    connection.execute(sa.text(text), {"protection_id": protection_id, "by": by, "now": now})


def still_restricted(connection: sa.Connection, resident_ids: Iterable[int]) -> bool:
    """True where one of these residents may still not be shown, for whatever reason."""
    text = "SELECT coalesce(bool_or(is_restricted(id)), false) FROM unnest(CAST(:ids AS bigint[])) AS id"
    return bool(connection.execute(sa.text(text), {"ids": list(resident_ids)}).scalar_one())
