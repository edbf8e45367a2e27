"""What is kept of a mismatch's reason: the class, and places and kinds; the values stay in the records."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from importlib import resources

import polars as pl
import pyarrow as pa
import sqlalchemy as sa

from renkei.bulk import copy_in
from renkei.causes.around import COMPARED, WIDE, around
from renkei.causes.classes import NAMES
from renkei.causes.declared import declared
from renkei.causes.judge import classify
from renkei.causes.pairs import PAIRS
from renkei.causes.width import walls
from renkei.mapping.declaration import Mapping as FeedMapping

#: What a mismatch is known by while it is open.
IDENTITY = (
    "rule_id", "subject_kind", "subject_id", "field", "left_feed", "left_key", "right_feed", "right_key",
)  # fmt: skip
_STAGE = """
    DROP TABLE IF EXISTS why_now;
    CREATE TEMP TABLE why_now (
        rule_id text, subject_kind text, subject_id text, field text,
        left_feed text, left_key text, right_feed text, right_key text, why text, why_detail text
    ) ON COMMIT DROP
"""


def explain(
    connection: sa.Connection,
    mismatches: pa.Table,
    *,
    lags: Mapping[str, timedelta],
    states: Mapping[str, pl.LazyFrame],
    mappings: Iterable[FeedMapping] = (),
    as_of: date,
) -> pa.Table:
    """Mismatches → identity, ``why``, ``why_detail`` (JSON) of those that compare two values.

    Of a mismatch of two columns the graver class counts. ``why`` is null where the values are equal by now.
    ``states`` are the feeds' records as compared: where their values stop, or the feed's mapping says so,
    their columns end.
    """
    feeds = _feeds(mismatches)
    stated = declared((each for each in mappings if each.feed.id in feeds), WIDE, as_of=as_of)
    roomy = stated.filter(pl.col("most_in") != "chars").select("feed", "column").rows()
    ends = walls({feed: state for feed, state in states.items() if feed in feeds}, WIDE, roomy=roomy)
    pairs = around(connection, mismatches, lags=lags, walls=ends, declared=stated, as_of=as_of)
    told = classify(pairs.select(name for name in PAIRS if name in pairs.columns))
    place = pl.col("why").replace_strict({name: at for at, name in enumerate(NAMES)}, default=-1)
    graver = (
        pl.concat([pairs.select("row", "column"), told], how="horizontal")
        .sort("row", place, descending=[False, True], maintain_order=True)
        .unique("row", keep="first", maintain_order=True)
    )
    known = pl.DataFrame(pl.from_arrow(mismatches)).select(IDENTITY)[graver["row"].to_list()]
    return known.with_columns(graver["why"], _detail(graver)).to_arrow()


def _feeds(mismatches: pa.Table) -> set[str]:
    """The feeds whose values are compared."""
    known = pl.DataFrame(pl.from_arrow(mismatches)).filter(pl.col("field").is_in(list(COMPARED)))
    return {feed for side in ("left_feed", "right_feed") for feed in known[side].unique()}


def _detail(graver: pl.DataFrame) -> pl.Series:
    """JSON of what is known beside the class; null where there is no class."""
    parts = graver.select(
        pl.struct("column", "kind", "side", "also", "left_marks", "right_marks")
        .struct.json_encode()
        .alias("json"),
        "why",
    )
    return parts.select(pl.when(pl.col("why").is_not_null()).then("json").alias("why_detail")).to_series()


def keep(connection: sa.Connection, reasons: pa.Table) -> int:
    """Write them beside the open mismatches, in the caller's transaction; how many are new or otherwise.

    A second call with the same reasons changes nothing.
    """
    connection.exec_driver_sql(_STAGE)
    copy_in(connection, "why_now", reasons)
    statement = resources.files("renkei.causes").joinpath("sql", "keep.sql").read_text("utf-8")
    return connection.execute(sa.text(statement)).rowcount
