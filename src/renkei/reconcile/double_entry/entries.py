"""Makes ``hub.entry``: each value keyed in the window, from every version that the registry knows."""

from datetime import date, datetime, time, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import sqlalchemy as sa

from renkei.bulk import copy_out
from renkei.reconcile.double_entry.offices import NO_OFFICES, Offices, with_office
from renkei.reconcile.relation import ENTRY_SCHEMA

#: How far back entries are read: the rules' longest window, and a month for what comes late.
WINDOW_DAYS = 62

_ZONE = ZoneInfo("Asia/Tokyo")
_NEWEST = "SELECT max(as_of) FROM cursor"
_SENT = """
    SELECT feed, system, source_key, resident_id, field, value,
        to_char(entered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS entered_at,
        operator, operator_kind, terminal, change_kind, event_date
    FROM ({query}) AS e
"""
_READ = pa.schema([each for each in ENTRY_SCHEMA if each.name != "office"])


def entries(
    connection: sa.Connection,
    *,
    as_of: date | None = None,
    offices: Offices = NO_OFFICES,
    window_days: int = WINDOW_DAYS,
) -> pa.Table:
    """The rows of ``hub.entry`` up to the end of a day: unless given, the newest that a feed speaks for.

    A registry that nothing has come to has no entries.
    """
    until = as_of or connection.execute(sa.text(_NEWEST)).scalar()
    if until is None:
        return ENTRY_SCHEMA.empty_table()
    query = _SENT.format(query=query_of(until, window_days=window_days))
    return seated(copy_out(connection, query, _READ), offices)


def query_of(until: date, *, window_days: int = WINDOW_DAYS) -> str:
    """The SELECT over the registry's tables, in words that PostgreSQL and DuckDB both know."""
    end = datetime.combine(until + timedelta(days=1), time(), _ZONE)
    return _text().format(begin=(end - timedelta(days=window_days)).isoformat(), end=end.isoformat())


def seated(rows: pa.Table, offices: Offices) -> pa.Table:
    """The rows with their offices, as :data:`ENTRY_SCHEMA`."""
    frame = pl.DataFrame(pl.from_arrow(rows))
    return with_office(frame, offices).select(ENTRY_SCHEMA.names).to_arrow().cast(ENTRY_SCHEMA)


@cache
def _text() -> str:
    return resources.files("renkei.reconcile.double_entry").joinpath("entry.sql").read_text("utf-8")
