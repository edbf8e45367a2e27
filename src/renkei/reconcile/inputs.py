"""What the rules read from the registry, as Arrow: whose record is whose, and what was delivered."""

from datetime import date

import pyarrow as pa
import sqlalchemy as sa

from renkei.bulk import copy_out
from renkei.reconcile.double_entry import NO_OFFICES, Offices, entries
from renkei.reconcile.relation import DELIVERY, DELIVERY_SCHEMA, ENTRY, LINK_SCHEMA

_LINKS = """
    SELECT feed, source_key, resident_id
    FROM open_link
    WHERE known_to IS NULL
"""
_DELIVERIES = """
    SELECT
        d.delivery_id, d.feed, d.name, d.as_of, d.verdict, d.error_code, d.stated_records,
        u.records, u.merged, d.duplicate_of,
        to_char(d.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS received_at
    FROM delivery AS d
    LEFT JOIN (
        SELECT delivery_id, sum(records) AS records, sum(merged) AS merged
        FROM unit
        GROUP BY delivery_id
    ) AS u ON u.delivery_id = d.delivery_id
"""


def links(connection: sa.Connection) -> pa.Table:
    """Every open link, in the columns of :data:`LINK_SCHEMA`."""
    return copy_out(connection, _LINKS, LINK_SCHEMA)


def hub(
    connection: sa.Connection, *, as_of: date | None = None, offices: Offices = NO_OFFICES
) -> dict[str, pa.Table]:
    """What the hub says of itself, a table for each of ``HUB_RELATIONS``; entries up to that day."""
    return {
        DELIVERY: copy_out(connection, _DELIVERIES, DELIVERY_SCHEMA),
        ENTRY: entries(connection, as_of=as_of, offices=offices),
    }
