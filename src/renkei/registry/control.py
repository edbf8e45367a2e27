"""What came and what became of it: objects, deliveries, units, cursors, rejects."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from renkei.model import Checkpoint, Delivery, UnitCounts
from renkei.registry.lease import Fence


@dataclass(frozen=True, kw_only=True)
class Landed:
    """A delivery that is in the landing zone and has its row."""

    delivery_id: int
    feed: str
    name: str
    sha256: str
    as_of: date | None
    stated_records: int | None
    is_file: bool
    made_at: datetime
    is_whole: bool
    position: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """How far a feed is merged, and the snapshot object of its present state."""

    feed: str
    as_of: date
    made_at: datetime
    delivery_id: int
    mapping_digest: str
    snapshot: str
    position: Mapping[str, Any]

    def is_past(self, as_of: date, made_at: datetime) -> bool:
        """True when a delivery speaks for a state before the one already merged."""
        return (as_of, made_at) < (self.as_of, self.made_at)


def insert_object(connection: sa.Connection, sha256: str, *, size: int, now: datetime) -> None:
    """Say that an object exists; it must already be whole on disk."""
    connection.execute(
        sa.text("""
            INSERT INTO object (sha256, bytes, first_seen_at)
            VALUES (:sha256, :bytes, :now)
            ON CONFLICT (sha256) DO NOTHING
        """),
        {"sha256": sha256, "bytes": size, "now": now},
    )


def insert_delivery(
    connection: sa.Connection, delivery: Delivery, *, run_id: uuid.UUID, now: datetime
) -> bool:
    """Write the delivery's row; False when this name with these bytes is already known.

    Which files were seen is kept apart from the position, for it holds even where nothing is merged.
    """
    seen = delivery.position.get("seen")
    result = connection.execute(
        sa.text("""
            INSERT INTO delivery (feed, name, sha256, as_of, stated_records, remote_modified, received_at,
                                  run_id, verdict, is_whole, position, seen)
            VALUES (:feed, :name, :sha256, :as_of, :stated, :modified, :now, :run_id, 'landed', :whole,
                    :position, :seen)
            ON CONFLICT (feed, name, sha256) DO UPDATE
            SET verdict = 'landed', error_code = NULL, error_facts = NULL, seen = excluded.seen
            WHERE delivery.error_code = 'E_OBJECT_DAMAGED'
        """),
        {
            "feed": delivery.feed,
            "name": delivery.name,
            "sha256": delivery.sha256,
            "as_of": delivery.as_of,
            "stated": delivery.records,
            "modified": delivery.remote_modified,
            "now": now,
            "run_id": run_id,
            "whole": delivery.is_whole is not False,
            "position": json.dumps(position_of(delivery)),
            "seen": json.dumps(seen) if seen else None,
        },
    )
    if result.rowcount == 0 and seen:
        # the same bytes under the same name, touched since
        connection.execute(
            sa.text(_SEEN_AGAIN),
            {
                "feed": delivery.feed,
                "name": delivery.name,
                "sha256": delivery.sha256,
                "seen": json.dumps(seen),
            },
        )
    return result.rowcount == 1


_SEEN_AGAIN = """
    UPDATE delivery
    SET seen = coalesce(seen, '{}') || :seen
    WHERE feed = :feed AND name = :name AND sha256 = :sha256
"""


def waiting(engine: sa.Engine, feed: str) -> list[Landed]:
    """Deliveries that are landed and not yet judged, oldest business day first."""
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("""
                SELECT delivery_id, feed, name, sha256, as_of, stated_records, is_whole, position,
                       remote_modified IS NOT NULL AS is_file,
                       coalesce(remote_modified, received_at) AS made_at
                FROM delivery
                WHERE feed = :feed AND verdict = 'landed'
                ORDER BY as_of NULLS FIRST, made_at, delivery_id
            """),
            {"feed": feed},
        )
        return [Landed(**row) for row in rows.mappings()]


def same_content(connection: sa.Connection, landed: Landed) -> int | None:
    """The merged delivery that this one only repeats, if it does.

    Equal bytes for a day that is overtaken, or the very ones that hold now. Equal bytes after others of the
    same day are no repetition: the source went back to an earlier state.
    """
    found = connection.execute(
        sa.text("""
            SELECT d.delivery_id
            FROM delivery AS d
            JOIN cursor AS c USING (feed)
            JOIN unit AS u ON u.unit_id = c.unit_id
            WHERE d.feed = :feed AND d.sha256 = :sha256 AND d.delivery_id <> :self AND d.verdict = 'merged'
              AND (CAST(:as_of AS date) IS NULL OR d.as_of = :as_of)
              AND (d.as_of < c.as_of OR d.delivery_id = u.delivery_id)
            ORDER BY d.delivery_id
            LIMIT 1
        """),
        {"feed": landed.feed, "sha256": landed.sha256, "as_of": landed.as_of, "self": landed.delivery_id},
    ).scalar()
    return int(found) if found is not None else None


def explained_rejects(connection: sa.Connection, feed: str) -> dict[str | None, int]:
    """How many open rejects each key has (None: no key) that cannot be a resident who is missing.

    A part is never asked who is missing, so its rejects explain nothing.
    """
    query = """
        SELECT r.source_key, count(*) AS rejects
        FROM reject AS r
        JOIN delivery AS d USING (delivery_id)
        WHERE r.feed = :feed AND r.state = 'open' AND NOT r.suspect AND d.is_whole
        GROUP BY r.source_key
    """
    rows = connection.execute(sa.text(query), {"feed": feed})
    return {row.source_key: int(row.rejects) for row in rows}


def release_deliveries(connection: sa.Connection, feed: str, as_of: date) -> dict[int, dict[str, Any]]:
    """Put what was held or refused for a day (or before its day was known) back to be judged.

    Their ids, each with the facts of the reason that it had.
    """
    query = """
        WITH apart AS (
            SELECT delivery_id, error_facts
            FROM delivery
            WHERE feed = :feed AND (as_of = :as_of OR as_of IS NULL) AND verdict IN ('held', 'refused')
            FOR UPDATE
        )
        UPDATE delivery AS d
        SET verdict = 'landed', error_code = NULL, error_facts = NULL
        FROM apart AS a
        WHERE d.delivery_id = a.delivery_id
        RETURNING d.delivery_id, a.error_facts
    """
    rows = connection.execute(sa.text(query), {"feed": feed, "as_of": as_of})
    return {int(row.delivery_id): row.error_facts or {} for row in rows}


def apart(connection: sa.Connection, feed: str, as_of: date) -> list[str]:
    """Codes of deliveries of that day that were held or refused and still wait for a person."""
    query = """
        SELECT error_code
        FROM delivery
        WHERE feed = :feed AND as_of = :as_of AND verdict IN ('held', 'refused')
        ORDER BY delivery_id
    """
    return list(connection.execute(sa.text(query), {"feed": feed, "as_of": as_of}).scalars())


def position_of(delivery: Delivery) -> dict[str, Any]:
    """Its position but for the files that were seen: those the rows themselves tell."""
    return {name: value for name, value in delivery.position.items() if name != "seen"}


def holds(connection: sa.Connection, feed: str, *, sha256: str, as_of: date) -> bool:
    """True when the delivery behind the feed's present state has these bytes, for this day."""
    query = """
        SELECT EXISTS (
            SELECT
            FROM cursor AS c
            JOIN unit AS u USING (unit_id)
            JOIN delivery AS d ON d.delivery_id = u.delivery_id
            WHERE c.feed = :feed AND d.sha256 = :sha256 AND d.as_of = :as_of
        )
    """
    return bool(connection.execute(sa.text(query), {"feed": feed, "sha256": sha256, "as_of": as_of}).scalar())


def name_is_taken(connection: sa.Connection, landed: Landed) -> bool:
    """True when a merged file of this feed had the same name and other bytes."""
    return bool(
        connection.execute(
            sa.text("""
                SELECT EXISTS (
                    SELECT FROM delivery
                    WHERE feed = :feed AND name = :name AND sha256 <> :sha256 AND verdict = 'merged'
                )
            """),
            {"feed": landed.feed, "name": landed.name, "sha256": landed.sha256},
        ).scalar()
    )


def judge(
    connection: sa.Connection,
    landed: Landed,
    verdict: str,
    *,
    duplicate_of: int | None = None,
    code: str | None = None,
    facts: Mapping[str, Any] | None = None,
    as_of: date | None = None,
) -> None:
    """Write what became of a delivery."""
    connection.execute(
        sa.text("""
            UPDATE delivery
            SET verdict = :verdict, duplicate_of = :of, error_code = :code, error_facts = :facts,
                as_of = coalesce(:as_of, as_of)
            WHERE delivery_id = :delivery_id
        """),
        {
            "verdict": verdict,
            "of": duplicate_of,
            "code": code,
            "as_of": as_of,
            "facts": json.dumps(dict(facts), default=str) if facts else None,
            "delivery_id": landed.delivery_id,
        },
    )


def checkpoint(engine: sa.Engine, feed: str) -> Checkpoint:
    """What the connector may skip: every file that is whole in the landing zone."""
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("""
                SELECT d.name, o.bytes, extract(epoch FROM d.remote_modified)::bigint AS modified, d.sha256,
                       d.seen
                FROM delivery AS d
                JOIN object AS o USING (sha256)
                WHERE d.feed = :feed AND d.remote_modified IS NOT NULL
                  AND d.error_code IS DISTINCT FROM 'E_OBJECT_DAMAGED'
                ORDER BY d.delivery_id
            """),
            {"feed": feed},
        ).all()
        place = connection.execute(
            sa.text("SELECT position, epoch FROM cursor WHERE feed = :feed"), {"feed": feed}
        ).one_or_none()
    seen: dict[str, Any] = {}
    for row in rows:
        seen |= row.seen or {row.name: [row.bytes, row.modified, row.sha256]}
    if place is None:
        return Checkpoint(feed=feed, position={"seen": seen})
    return Checkpoint(feed=feed, position={**place.position, "seen": seen}, epoch=place.epoch)


def cursor_of(connection: sa.Connection, feed: str) -> Cursor | None:
    """How far the feed is merged."""
    return cursors(connection).get(feed)


def cursors(connection: sa.Connection) -> dict[str, Cursor]:
    """How far each feed is merged."""
    rows = connection.execute(
        sa.text("""
            SELECT c.feed, c.as_of, coalesce(d.remote_modified, d.received_at) AS made_at, d.delivery_id,
                   u.mapping_digest, c.snapshot, c.position
            FROM cursor AS c
            JOIN unit AS u USING (unit_id)
            JOIN delivery AS d ON d.delivery_id = u.delivery_id
        """)
    )
    return {row["feed"]: Cursor(**row) for row in rows.mappings()}


def states_on(connection: sa.Connection, day: date) -> dict[str, str]:
    """Snapshot of each feed that has gone on since, as it was when the day was the newest that it spoke for.

    A feed that was never there on that day, or whose mapping is another since, has none.
    """
    rows = connection.execute(
        sa.text("""
            WITH later AS (
                SELECT feed, min(unit_id) AS unit_id FROM unit WHERE as_of > :day GROUP BY feed
            ),
            newest AS (
                SELECT u.feed, max(u.unit_id) AS unit_id
                FROM unit AS u
                JOIN later AS l ON l.feed = u.feed AND u.unit_id < l.unit_id
                GROUP BY u.feed
                HAVING max(u.as_of) = :day
            )
            SELECT u.feed, u.snapshot
            FROM newest AS n
            JOIN unit AS u USING (unit_id)
            JOIN cursor AS c ON c.feed = u.feed
            JOIN unit AS present ON present.unit_id = c.unit_id AND present.mapping_digest = u.mapping_digest
        """),
        {"day": day},
    )
    return {str(feed): str(state) for feed, state in rows}


def insert_unit(
    connection: sa.Connection,
    landed: Landed,
    *,
    unit_id: int,
    part: str,
    as_of: date,
    run_id: uuid.UUID,
    mapping_digest: str,
    fence: Fence,
    counts: UnitCounts,
    dispositions: str,
    snapshot: str,
    now: datetime,
) -> None:
    """Write the unit's row: the database itself refuses counts that do not add up."""
    connection.execute(
        sa.text("""
            INSERT INTO unit (unit_id, delivery_id, feed, part, as_of, run_id, mapping_digest, fence,
                              records, merged, unchanged, superseded, rejected, ended, withheld, gone,
                              dispositions, snapshot, done_at)
            OVERRIDING SYSTEM VALUE
            VALUES (:unit_id, :delivery_id, :feed, :part, :as_of, :run_id, :digest, :fence, :records, :merged,
                    :unchanged, :superseded, :rejected, :ended, :withheld, :gone, :dispositions, :snapshot,
                    :now)
        """),
        {
            "unit_id": unit_id,
            "delivery_id": landed.delivery_id,
            "feed": landed.feed,
            "part": part,
            "as_of": as_of,
            "run_id": run_id,
            "digest": mapping_digest,
            "fence": fence.number,
            **vars(counts),
            "dispositions": dispositions,
            "snapshot": snapshot,
            "now": now,
        },
    )


def insert_losses(connection: sa.Connection, losses: pa.Table | None, *, feed: str, unit_id: int) -> None:
    """Write which characters a unit's conversion could not carry over unchanged."""
    if losses is not None and losses.num_rows:
        rows = [{**row, "feed": feed, "unit_id": unit_id} for row in losses.to_pylist()]
        connection.execute(sa.text(_LOSS), rows)


_LOSS = """
    INSERT INTO loss (unit_id, feed, encoding, "character", code, became, count, records)
    VALUES (:unit_id, :feed, :encoding, :character, :code, :became, :count, :records)
"""


def next_unit_id(connection: sa.Connection) -> int:
    """The id of the unit that is about to be written."""
    found = connection.execute(
        sa.text("SELECT nextval(pg_get_serial_sequence('unit', 'unit_id'))")
    ).scalar_one()
    return int(found)


def unit_exists(connection: sa.Connection, landed: Landed, part: str) -> bool:
    """True when this part of this delivery is done."""
    return bool(
        connection.execute(
            sa.text("SELECT EXISTS (SELECT FROM unit WHERE delivery_id = :id AND part = :part)"),
            {"id": landed.delivery_id, "part": part},
        ).scalar()
    )


def start_epoch(connection: sa.Connection, feed: str) -> int:
    """Forget the place reached in a feed's source, not what was taken from it; returns the new epoch."""
    query = "UPDATE cursor SET position = '{}', epoch = epoch + 1 WHERE feed = :feed RETURNING epoch"
    return int(connection.execute(sa.text(query), {"feed": feed}).scalar() or 1)


def keep_snapshot(
    connection: sa.Connection, feed: str, *, snapshot: str, fence: Fence, now: datetime
) -> None:  # fmt: skip
    """What came late changed the present state, and neither the day nor the place reached."""
    connection.execute(
        sa.text("""
            UPDATE cursor SET snapshot = :snapshot, fence = :fence, moved_at = :now WHERE feed = :feed
        """),
        {"feed": feed, "snapshot": snapshot, "fence": fence.number, "now": now},
    )


def move_cursor(
    connection: sa.Connection,
    feed: str,
    *,
    as_of: date,
    snapshot: str,
    position: Mapping[str, Any],
    unit_id: int,
    fence: Fence,
    now: datetime,
) -> None:
    """Move the watermark forward; it never goes back."""
    connection.execute(
        sa.text("""
            INSERT INTO cursor (feed, as_of, position, snapshot, unit_id, fence, moved_at)
            VALUES (:feed, :as_of, :position, :snapshot, :unit_id, :fence, :now)
            ON CONFLICT (feed) DO UPDATE
            SET as_of = greatest(cursor.as_of, excluded.as_of), position = excluded.position,
                snapshot = excluded.snapshot, unit_id = excluded.unit_id, fence = excluded.fence,
                moved_at = excluded.moved_at
        """),
        {
            "feed": feed,
            "as_of": as_of,
            "position": json.dumps(dict(position), default=str),
            "snapshot": snapshot,
            "unit_id": unit_id,
            "fence": fence.number,
            "now": now,
        },
    )
