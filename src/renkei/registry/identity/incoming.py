"""What a merged delivery means for who is who: new keys, keys given to somebody else, changed numbers."""

from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import sqlalchemy as sa

from renkei.bulk import copy_in
from renkei.failpoint import failpoint
from renkei.registry.identity.settle import settle
from renkei.registry.sql import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    "resident_code_token",
    "individual_number_token",
    "residence_card_number",
    "same_as_numbering",
    "same_as_party_number",
)
_STRONG = COLUMNS[-5:]
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
    values = {"feed": feed, "unit_id": unit_id, "now": now, "refuse": refuse}
    for name in ("reissued", "end_generation", "hold_reissued", "renumber"):
        _run(connection, name, values)
    if _is_bulk(connection, changed):
        from renkei.registry.identity import columns

        settled = columns.settle_all(connection, changed, feed=feed, unit_id=unit_id, now=now, refuse=refuse)
    else:
        _run(connection, "admit", values)
        _number_strongly(connection, changed, values)
        seeds: Sequence[int] = connection.execute(sa.text(_SEEDS), {"feed": feed}).scalars().all()
        settled = set(settle(connection, seeds, now=now, unit_id=unit_id, refuse=refuse).touched)
        _run(connection, "found_residents", values)
    failpoint("merge.linked")
    connection.exec_driver_sql("CREATE TEMP TABLE moved (resident_id bigint PRIMARY KEY) ON COMMIT DROP")
    copy_in(connection, "moved", pa.table({"resident_id": pa.array(sorted(settled), pa.int64())}))
    _run(connection, "touched", values)
    connection.exec_driver_sql("ANALYZE touched")


_SEEDS = """
    SELECT l.home_id
    FROM incoming AS i
    JOIN open_link AS l ON l.feed = :feed AND l.source_key = i.source_key
    UNION
    SELECT home_id FROM reissued
"""


def _is_bulk(connection: sa.Connection, changed: pa.Table) -> bool:
    if changed.num_rows < _BULK:
        return False
    known = connection.exec_driver_sql("SELECT reltuples FROM pg_class WHERE oid = 'link'::regclass").scalar()
    return bool(changed.num_rows >= _SHARE * max(float(known or 0), 0.0))


def _number_strongly(connection: sa.Connection, changed: pa.Table, values: dict[str, object]) -> None:
    said = any(changed[name].null_count < changed.num_rows for name in _STRONG)
    if said or connection.exec_driver_sql("SELECT EXISTS (SELECT FROM strong_number)").scalar():
        _run(connection, "number_strongly", values)


def _run(connection: sa.Connection, name: str, values: dict[str, object]) -> None:
    prepared = sa.text(statement(name))
    connection.execute(prepared, {each: values[each] for each in prepared.compile().params})
