"""Where a delivery stands among the others of its feed: what it follows, repeats, or came too late for."""

import json
from datetime import date

import sqlalchemy as sa

from renkei.model import Delivery
from renkei.registry.control import Landed, position_of


def follows_apart(connection: sa.Connection, landed: Landed) -> bool:
    """True when something before it in its pull was held or refused, and nothing whole came between."""
    query = """
        SELECT EXISTS (
            SELECT
            FROM delivery AS mine
            JOIN delivery AS before USING (feed, run_id)
            WHERE mine.delivery_id = :self AND before.delivery_id < :self
              AND before.verdict IN ('held', 'refused')
              AND NOT EXISTS (
                  SELECT
                  FROM delivery AS whole
                  WHERE whole.feed = mine.feed AND whole.run_id = mine.run_id AND whole.is_whole
                    AND whole.verdict = 'merged'
                    AND whole.delivery_id > before.delivery_id AND whole.delivery_id < :self
              )
        )
    """
    return bool(connection.execute(sa.text(query), {"self": landed.delivery_id}).scalar())


def judged_alike(
    connection: sa.Connection, delivery: Delivery, *, as_of: date, project_digest: str
) -> str | None:
    """The code under which the very same was held or refused for the day, by the same declarations."""
    query = """
        SELECT d.error_code
        FROM delivery AS d
        JOIN run AS r USING (run_id)
        WHERE d.feed = :feed AND d.as_of = :as_of AND d.sha256 = :sha256 AND d.position = :position
          AND d.verdict IN ('held', 'refused') AND d.error_code <> 'E_OBJECT_DAMAGED'
          AND r.project_digest = :digest
        ORDER BY d.delivery_id DESC
        LIMIT 1
    """
    asked = {
        "feed": delivery.feed, "as_of": as_of, "sha256": delivery.sha256, "digest": project_digest,
        "position": json.dumps(position_of(delivery)),
    }  # fmt: skip
    return connection.execute(sa.text(query), asked).scalar()


def speaks_in_files(connection: sa.Connection, feed: str) -> bool:
    """True when what comes are files, so that none coming says nothing of the source."""
    query = "SELECT EXISTS (SELECT FROM delivery WHERE feed = :feed AND remote_modified IS NOT NULL)"
    return bool(connection.execute(sa.text(query), {"feed": feed}).scalar())


def told_since(connection: sa.Connection, landed: Landed) -> list[tuple[str, bool]]:
    """Dispositions of the units after a delivery's day and time, and whether each told of every key."""
    query = """
        SELECT u.dispositions, d.is_whole AND u.part = 'all' AS is_whole
        FROM unit AS u
        JOIN delivery AS d USING (delivery_id)
        WHERE u.feed = :feed AND d.delivery_id <> :self
          AND (u.as_of, coalesce(d.remote_modified, d.received_at)) > (:as_of, :made_at)
    """
    asked = {
        "feed": landed.feed, "self": landed.delivery_id, "as_of": landed.as_of, "made_at": landed.made_at
    }  # fmt: skip
    return [(row.dispositions, row.is_whole) for row in connection.execute(sa.text(query), asked)]


def deliveries_named(connection: sa.Connection, feed: str, beginning: str) -> int:
    """How many deliveries have names that begin so; what they turned out to speak for does not matter."""
    query = "SELECT count(*) FROM delivery WHERE feed = :feed AND starts_with(name, :beginning)"
    return int(connection.execute(sa.text(query), {"feed": feed, "beginning": beginning}).scalar_one())


# what is read again brings the feed no further in its source, so the place is where the feed is now
_LANDED = """
    SELECT d.delivery_id, d.feed, d.name, d.sha256, d.as_of, d.stated_records, d.is_whole, c.position,
           d.remote_modified IS NOT NULL AS is_file, coalesce(d.remote_modified, d.received_at) AS made_at
    FROM cursor AS c
"""
_NEWEST = f"""{_LANDED}
    JOIN unit AS u USING (unit_id)
    JOIN delivery AS d ON d.delivery_id = u.delivery_id
    WHERE c.feed = :feed
"""
_SINCE_WHOLE = f"""
    WITH landed AS ({_LANDED} JOIN delivery AS d USING (feed) WHERE c.feed = :feed AND d.verdict = 'merged')
    SELECT *
    FROM landed
    WHERE (as_of, made_at, delivery_id) >= (
        SELECT as_of, made_at, delivery_id
        FROM landed
        WHERE is_whole
        ORDER BY as_of DESC, made_at DESC, delivery_id DESC
        LIMIT 1
    )
    ORDER BY as_of, made_at, delivery_id
"""
_WITH_REJECTS = f"""{_LANDED}
    JOIN delivery AS d USING (feed)
    WHERE c.feed = :feed AND EXISTS (
        SELECT FROM reject AS r WHERE r.delivery_id = d.delivery_id AND r.feed = d.feed AND r.state = 'open'
    )
    ORDER BY d.as_of, made_at, d.delivery_id
"""


def newest(connection: sa.Connection, feed: str) -> Landed | None:
    """The delivery that the feed's present state comes from, to be read once more."""
    row = connection.execute(sa.text(_NEWEST), {"feed": feed}).mappings().one_or_none()
    return None if row is None else Landed(**row)


def since_whole(connection: sa.Connection, feed: str) -> list[Landed]:
    """The newest whole delivery that was merged, and the parts merged after it, oldest first."""
    rows = connection.execute(sa.text(_SINCE_WHOLE), {"feed": feed}).mappings()
    return [Landed(**row) for row in rows]


def with_rejects(connection: sa.Connection, feed: str) -> list[Landed]:
    """Deliveries with open rejects, oldest first: a whole one answers all before it, a part what it tells."""
    rows = connection.execute(sa.text(_WITH_REJECTS), {"feed": feed}).mappings()
    return [Landed(**row) for row in rows]
