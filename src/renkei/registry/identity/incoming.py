"""What a merged delivery means for who is who: new keys, keys given to somebody else, changed numbers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import sqlalchemy as sa

from renkei.bulk import copy_in
from renkei.failpoint import failpoint
from renkei.registry.identity.definition import MOST_OF_A_NUMBER
from renkei.registry.identity.numbers import STRONG, number_strongly
from renkei.registry.identity.settle import settle
from renkei.registry.sql import run

if TYPE_CHECKING:
    from renkei.registry.identity.columns import Joining

#: What an incoming record says of who it is, as the table ``incoming`` has it.
COLUMNS = (
    "source_key",
    "numbering",
    "party_number",
    "valid_from",
    "name_key",
    "kana_key",
    "common_name_key",
    "date_of_birth_lo",
    "date_of_birth_hi",
    "match_key",
    *STRONG,
)
#: From so many records on, and this share of all, everything is solved anew in columns.
_BULK, _SHARE = 20_000, 0.1
_ONE_LINKER = "SELECT pg_advisory_xact_lock(hashtext('renkei.link'))"


def one_linker(connection: sa.Connection) -> None:
    """Wait until nobody else says who is who; held until this transaction ends."""
    connection.exec_driver_sql(_ONE_LINKER)


def stage(connection: sa.Connection, changed: pa.Table) -> None:
    """The temporary table ``incoming``: of each changed record, what tells whose it is."""
    connection.exec_driver_sql(
        "CREATE TEMP TABLE incoming ON COMMIT DROP AS"
        f" SELECT {', '.join(COLUMNS)} FROM person_record WITH NO DATA"
    )
    copy_in(connection, "incoming", changed.select(list(COLUMNS)))
    connection.exec_driver_sql("CREATE INDEX ON incoming (source_key)")
    connection.exec_driver_sql("ANALYZE incoming")


def identify(
    connection: sa.Connection, changed: pa.Table, *, feed: str, unit_id: int, now: datetime, refuse: bool
) -> None:
    """Link every record of ``incoming`` and whomever that concerns; leaves tables ``touched`` and ``moved``.

    ``incoming`` and ``ended`` are there, the records are in their table, the linker's lock is held.
    """
    values = {
        "feed": feed, "unit_id": unit_id, "now": now, "refuse": refuse, "most": MOST_OF_A_NUMBER + 1,
    }  # fmt: skip
    is_bulk = _is_bulk(connection, changed)
    if is_bulk:  # in bulk everybody is looked at anew
        connection.exec_driver_sql("CREATE TEMP TABLE as_before (source_key text) ON COMMIT DROP")
    else:
        run(connection, "as_before", values)
        connection.exec_driver_sql("ANALYZE as_before")
    for name in ("reissued", "end_generation", "hold_reissued"):
        run(connection, name, values)
    if not is_bulk:
        run(connection, "left_behind", values)
    run(connection, "renumber", values)
    settled: Iterable[int]
    if is_bulk:
        from renkei.registry.identity import columns

        number_strongly(connection, changed, feed=feed)
        with columns.joining(connection, changed, feed=feed, is_first=False) as homes:
            settled = columns.settle_all(connection, homes, unit_id=unit_id, now=now, refuse=refuse).moved
    else:
        run(connection, "admit", values)
        number_strongly(connection, changed, feed=feed)
        seeds = connection.execute(sa.text(_seeds(connection)), {"feed": feed}).scalars().all()
        settled = settle(connection, seeds, now=now, unit_id=unit_id, refuse=refuse).touched
        run(connection, "found_residents", values)
    failpoint("merge.linked")
    _keep_moved(connection, settled)
    run(connection, "touched", values)
    connection.exec_driver_sql("ANALYZE touched")


@contextmanager
def joining_first(connection: sa.Connection, changed: pa.Table, *, feed: str) -> "Iterator[Joining | None]":
    """Begin to find out who a feed's very first records are while they are written; None where they are few.

    Takes the linker's lock, so that what is known of the other feeds stays as it is read.
    """
    if not _is_bulk(connection, changed):
        yield None
        return
    from renkei.registry.identity import columns

    one_linker(connection)
    with columns.joining(connection, changed, feed=feed, is_first=True) as homes:
        yield homes


def identify_first(
    connection: sa.Connection, homes: "Joining", *, unit_id: int, now: datetime, refuse: bool
) -> None:
    """Link a feed's very first records as :func:`identify` does, from what is in memory alone."""
    from renkei.registry.identity import columns

    linked = columns.settle_all(connection, homes, unit_id=unit_id, now=now, refuse=refuse)
    failpoint("merge.linked")
    _keep_moved(connection, linked.moved)
    connection.exec_driver_sql("CREATE TEMP TABLE touched (resident_id bigint) ON COMMIT DROP")
    copy_in(connection, "touched", linked.told)
    connection.exec_driver_sql("ANALYZE touched")


def _keep_moved(connection: sa.Connection, residents: Iterable[int]) -> None:
    connection.exec_driver_sql("CREATE TEMP TABLE moved (resident_id bigint PRIMARY KEY) ON COMMIT DROP")
    copy_in(connection, "moved", pa.table({"resident_id": pa.array(sorted(residents), pa.int64())}))


_SEEDS = """
    SELECT l.home_id
    FROM incoming AS i
    JOIN open_link AS l ON l.feed = :feed AND l.source_key = i.source_key
    WHERE NOT EXISTS (SELECT FROM as_before AS b WHERE b.source_key = i.source_key)
    UNION
    SELECT home_id FROM reissued
    UNION
    SELECT home_id FROM left_behind
"""
# a version that came late is part of all that was ever said
_LATE_SEEDS = """
    UNION
    SELECT l.home_id
    FROM late
    JOIN link AS l ON l.feed = :feed AND l.source_key = late.source_key AND l.known_to IS NULL
"""


def _seeds(connection: sa.Connection) -> str:
    came_late = connection.exec_driver_sql("SELECT to_regclass('pg_temp.late') IS NOT NULL").scalar()
    return _SEEDS + _LATE_SEEDS if came_late else _SEEDS


def _is_bulk(connection: sa.Connection, changed: pa.Table) -> bool:
    if changed.num_rows < _BULK:
        return False
    known = connection.exec_driver_sql("SELECT reltuples FROM pg_class WHERE oid = 'link'::regclass").scalar()
    return bool(changed.num_rows >= _SHARE * max(float(known or 0), 0.0))
