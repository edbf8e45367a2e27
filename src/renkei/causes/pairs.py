"""The table that is asked about: a row for each pair of values, with what is known around it."""

import polars as pl
import pyarrow as pa

_BEFORE = pl.List(pl.Struct({"value": pl.String, "until": pl.Date}))
_VALUES = pl.List(pl.String)

#: ``field``, ``left`` and ``right`` must be there; whatever else is not there is unknown.
PAIRS = pl.Schema(
    {
        "field": pl.String(),
        "left": pl.String(),
        "right": pl.String(),
        "left_written": pl.String(),  # of a reading: the name that it is the reading of
        "right_written": pl.String(),
        "left_key": pl.String(),  # what the mapping compares instead of the value
        "right_key": pl.String(),
        "left_before": _BEFORE,  # older values of this side, each with the day since which it says another
        "right_before": _BEFORE,
        "left_cancelled": _VALUES,  # values that this side took back or corrected
        "right_cancelled": _VALUES,
        "household": _VALUES,  # the field's values of the other members of the household
        "neighbours": _VALUES,  # and of the records of the neighbouring numbers
        "as_of": pl.Date(),
        "lag_hours": pl.Float64(),  # how long a change may take from one side to the other
        "left_chars": pl.Int32(),  # where the column's values end: in characters,
        "left_units": pl.Int32(),  # and in half-width columns (bytes of a Japanese code page)
        "left_most": pl.Int32(),  # the column's declared length,
        "left_most_in": pl.String(),  # and how it is counted: a word of renkei.causes.room.MEASURES
        "right_chars": pl.Int32(),
        "right_units": pl.Int32(),
        "right_most": pl.Int32(),
        "right_most_in": pl.String(),
    }
)
_NEEDED = ("field", "left", "right")


def taken(rows: pa.Table | pl.DataFrame) -> pl.DataFrame:
    """The rows with every column of :data:`PAIRS`, in its type; ValueError for a column that is unknown."""
    frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(pl.from_arrow(rows))
    absent = [name for name in _NEEDED if name not in frame.columns]
    strange = [name for name in frame.columns if name not in PAIRS]
    if absent or strange:
        raise ValueError(f"a table of pairs: lacks {absent}, does not know {strange}")
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in PAIRS.items()
    )
