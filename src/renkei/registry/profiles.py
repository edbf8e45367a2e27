"""What each delivery looked like (取込の特徴), kept with its unit; what the next one is measured by."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

_INSERT = """
    INSERT INTO profile (unit_id, feed, is_whole, is_start, is_volume_start, body)
    VALUES (:unit_id, :feed, :is_whole, :is_start, :is_volume_start, :body)
"""
_PAST = """
    SELECT body
    FROM profile
    WHERE feed = :feed AND is_whole AND unit_id >= coalesce(
        (SELECT max(unit_id) FROM profile WHERE feed = :feed AND is_whole AND is_start), 0
    ) AND (body ->> 'sampled')::bigint >= :least
    ORDER BY unit_id DESC
    LIMIT :most
"""
_SIZES = """
    SELECT (body ->> 'records')::bigint
    FROM profile
    WHERE feed = :feed AND is_whole AND unit_id >= coalesce(
        (SELECT max(unit_id) FROM profile WHERE feed = :feed AND is_whole AND is_volume_start), 0
    )
    ORDER BY unit_id DESC
    LIMIT :most
"""
_BROKEN = """
    SELECT delivery_id, name, as_of, error_code, error_facts
    FROM delivery
    WHERE feed = :feed AND verdict IN ('held', 'refused')
    ORDER BY delivery_id DESC
    LIMIT 1
"""


def insert(
    connection: sa.Connection,
    body: Mapping[str, Any],
    *,
    unit_id: int,
    feed: str,
    is_whole: bool,
    is_start: bool,
    is_volume_start: bool,
) -> None:
    """Keep a unit's profile, in its transaction.

    With ``is_start`` it is the first of a new measure, with ``is_volume_start`` of one of numbers of records.
    """
    terms = {
        "unit_id": unit_id, "feed": feed, "is_whole": is_whole, "is_start": is_start,
        "is_volume_start": is_volume_start, "body": json.dumps(body, ensure_ascii=False),
    }  # fmt: skip
    connection.execute(sa.text(_INSERT), terms)


def past(connection: sa.Connection, feed: str, *, most: int, least: int) -> list[dict[str, Any]]:
    """Profiles of the feed's last whole deliveries that were merged, the newest first.

    Those of fewer than ``least`` records say nothing of the others and are left out.
    """
    rows = connection.execute(sa.text(_PAST), {"feed": feed, "most": most, "least": least})
    return [dict(body) for body in rows.scalars()]


def taken(connection: sa.Connection, feed: str) -> dict[str, Any] | None:
    """The profile of the feed's last delivery that a person took as it was."""
    query = "SELECT body FROM profile WHERE feed = :feed AND is_start ORDER BY unit_id DESC LIMIT 1"
    return connection.execute(sa.text(query), {"feed": feed}).scalar()


def sizes(connection: sa.Connection, feed: str, *, most: int) -> list[int]:
    """How many records the feed's last whole deliveries had, the newest first."""
    return [int(size) for size in connection.execute(sa.text(_SIZES), {"feed": feed, "most": most}).scalars()]


def waiting(connection: sa.Connection, feed: str) -> dict[str, Any] | None:
    """The feed's newest delivery that a person must look at: its name, day, code and facts."""
    row = connection.execute(sa.text(_BROKEN), {"feed": feed}).mappings().one_or_none()
    return dict(row) if row is not None else None
