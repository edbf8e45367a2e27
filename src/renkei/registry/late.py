"""Versions that come after a newer one: part of what was ever said, never of the present.

So the set of a key's history is the same in every order of arrival.
"""

from typing import TYPE_CHECKING

import sqlalchemy as sa

from renkei.bulk import copy_in
from renkei.model import REC_NO
from renkei.records import RECORD_TYPES

if TYPE_CHECKING:
    from renkei.registry.difference import Difference
    from renkei.registry.merge import UnitOfWork

# a feed without versions of its own has the day in their stead: there the content tells one from another
_KEEP = """
    INSERT INTO {table} (feed, {names}, content_hash, superseded, known_from, known_to, unit_id, rec_no)
    SELECT :feed, {names}, content_hash, true, :now, :now, :unit_id, rec_no
    FROM late
    WHERE NOT EXISTS (
        SELECT
        FROM {table} AS kept
        WHERE kept.feed = :feed AND kept.source_key = late.source_key AND NOT kept.removed
          AND CASE
              WHEN late.source_version = :day THEN kept.content_hash = late.content_hash
              ELSE kept.source_version = late.source_version
          END
    )
    ORDER BY source_key
"""
_KEEP_END = """
    INSERT INTO {table} (feed, source_key, source_version, valid_from, content_hash, removed, superseded,
                         doubted, known_from, known_to, unit_id)
    SELECT :feed, source_key, :day, :as_of, '', true, true, was_there, :now, :now, :unit_id
    FROM late_end
    WHERE NOT EXISTS (
        SELECT
        FROM {table} AS kept
        WHERE kept.feed = :feed AND kept.source_key = late_end.source_key AND kept.removed
          AND kept.valid_from = :as_of
    )
    ORDER BY source_key
"""


def keep(connection: sa.Connection, difference: "Difference", unit: "UnitOfWork") -> None:
    """Add what is superseded to the history, once: known at ``now`` and overtaken at the same instant.

    Also that a key was gone on a day, where the source said so of a key that was there (which is doubted, for
    it may have come back since) or was gone already.
    """
    kind = RECORD_TYPES[unit.record]
    about = {"feed": unit.feed, "day": unit.as_of.isoformat(), "now": unit.now, "unit_id": unit.unit_id}
    if difference.superseded.num_rows:
        names = [field.name for field in kind.schema if field.name != REC_NO]
        listed = ", ".join(names)
        connection.exec_driver_sql(
            f"CREATE TEMP TABLE late ON COMMIT DROP AS"
            f" SELECT rec_no, {listed}, content_hash FROM {kind.table} WITH NO DATA"
        )
        rows = difference.superseded.select([REC_NO, *names, "content_hash"])
        copy_in(connection, "late", rows.rename_columns(["rec_no", *names, "content_hash"]))
        connection.execute(sa.text(_KEEP.format(table=kind.table, names=listed)), about)
    if difference.late_ends.num_rows:
        connection.exec_driver_sql(
            "CREATE TEMP TABLE late_end (source_key text, was_there boolean) ON COMMIT DROP"
        )
        copy_in(connection, "late_end", difference.late_ends)
        ended = {**about, "as_of": unit.as_of}
        connection.execute(sa.text(_KEEP_END.format(table=kind.table)), ended)
