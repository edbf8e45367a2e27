"""Whose values may be shown: of a resident, or of a record by its key."""

from collections.abc import Iterable, Sequence
from typing import Literal

import sqlalchemy as sa

from renkei.views import RESTRICTED

#: ``nobody``: no resident known to be unrestricted has the record, so it may be anybody's.
Standing = Literal["shown", "restricted", "nobody"]

_OF_RESIDENT = """
    SELECT EXISTS (
        SELECT FROM golden_version
        WHERE resident_id = :resident AND known_to IS NULL AND NOT is_restricted(resident_id))
"""
_OF_RECORD = """
    WITH owners AS MATERIALIZED (
        SELECT DISTINCT resident_id
        FROM open_link
        WHERE split_part(feed, '.', 1) = split_part(:feed, '.', 1)
          AND (CASE WHEN :is_person THEN feed = :feed ELSE true END) AND source_key = ANY(:keys)
    )
    SELECT count(*) AS owners, count(*) FILTER (WHERE is_restricted(resident_id)) AS restricted
    FROM owners
"""
_OWNERS = """
    SELECT DISTINCT resident_id
    FROM open_link
    WHERE (feed, source_key) IN (
        SELECT * FROM unnest(CAST(:feeds AS text[]), CAST(:keys AS text[])))
"""
_RECORDS = f"SELECT EXISTS (SELECT FROM ({_OWNERS} OFFSET 0) AS owner WHERE is_restricted(resident_id))"
_MANY_RECORDS = f"""
    WITH {RESTRICTED}
    SELECT EXISTS (SELECT FROM ({_OWNERS}) AS owner WHERE resident_id IN (SELECT resident_id FROM restricted))
"""
_NAMEABLE = f"""
    WITH {RESTRICTED}
    SELECT source_key
    FROM open_link
    WHERE split_part(feed, '.', 1) = split_part(:feed, '.', 1)
      AND (CASE WHEN :is_person THEN feed = :feed ELSE true END) AND source_key = ANY(:keys)
    GROUP BY source_key
    HAVING bool_and(resident_id NOT IN (SELECT resident_id FROM restricted))
"""
#: So many are asked one by one; of more the whole set is read once.
_FEW = 20


def of_resident(connection: sa.Connection, resident: int) -> bool:
    """True for a resident who exists and is known not to be restricted."""
    return bool(connection.execute(sa.text(_OF_RESIDENT), {"resident": resident}).scalar_one())


def touches_restricted(connection: sa.Connection, records: Iterable[tuple[str, str]]) -> bool:
    """True where one of these persons' records, by feed and key, is now known to be a restricted person's.

    A golden version of the past may hold what has since turned out to be somebody else's.
    """
    pairs = sorted(set(records))
    asked = {"feeds": [feed for feed, _ in pairs], "keys": [key for _, key in pairs]}
    query = _RECORDS if len(pairs) <= _FEW else _MANY_RECORDS
    return bool(connection.execute(sa.text(query), asked).scalar_one())


def of_record(
    connection: sa.Connection, *, feed: str, is_person: bool, keys: Sequence[str | None]
) -> Standing:
    """Whose a record is: ``keys`` is its own key, or of a tax or benefit record the keys of its persons."""
    known = [key for key in keys if key]
    asked = {"feed": feed, "is_person": is_person, "keys": known}
    row = connection.execute(sa.text(_OF_RECORD), asked).one()
    if row.restricted:
        return "restricted"
    return "shown" if known and row.owners else "nobody"


def nameable(connection: sa.Connection, *, feed: str, is_person: bool, keys: Sequence[str]) -> frozenset[str]:
    """Of these keys of persons in a feed, or in its system, those of residents known not to be restricted."""
    if not keys:
        return frozenset()
    asked = {"feed": feed, "is_person": is_person, "keys": list(keys)}
    return frozenset(connection.execute(sa.text(_NAMEABLE), asked).scalars())
