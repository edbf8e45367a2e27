"""The pairs behind the night's mismatches, with what is known around them, as the registry holds it."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from importlib import resources

import polars as pl
import pyarrow as pa
import sqlalchemy as sa

from renkei.bulk import copy_in, copy_out
from renkei.causes.declared import DECLARED
from renkei.causes.pairs import PAIRS
from renkei.causes.width import WALL

#: Field of a rule → the columns that it compares. What is not here compares no two values.
COMPARED: Mapping[str, tuple[str, ...]] = {
    "name": ("full_name", "full_name_kana"),
    "date_of_birth": ("date_of_birth",),
    "address": ("address",),
    "mailing_address": ("address",),
    "household": ("household_number",),
}
#: Texts whose columns end somewhere → what they are called here.
WIDE = {
    "full_name": "full_name",
    "full_name_kana": "full_name_kana",
    "address": "address",
    "mailing_address": "address",
}

#: The next version says that this one should not have been.
_TAKEN_BACK = ("cancelled", "correction")

_COLUMNS = ("full_name", "full_name_kana", "date_of_birth", "address", "household_number")
_VERSIONS = pa.schema(
    [
        ("feed", pa.string()),
        ("source_key", pa.string()),
        ("unit_id", pa.int64()),
        ("is_now", pa.bool_()),
        ("change_kind", pa.string()),
        ("told_on", pa.date32()),
        *((name, pa.string()) for name in _COLUMNS),
    ]
)
_ASKED = pa.schema(
    [
        ("row", pa.int64()),
        *((n, pa.string()) for n in ("field", "left_feed", "left_key", "right_feed", "right_key")),
    ]
)
_OTHERS = pa.schema([(name, pa.string()) for name in ("feed", "source_key", "place", *_COLUMNS[:3])])
_KEY = ["feed", "source_key", "column"]
#: Of a mismatch these name the two records; of a pair, what is compared instead of the two values.
_NAMING = ("left_key", "right_key")


def around(
    connection: sa.Connection,
    mismatches: pa.Table,
    *,
    lags: Mapping[str, timedelta],
    walls: pl.DataFrame,
    declared: pl.DataFrame,
    as_of: date,
) -> pl.DataFrame:
    """Rows of :data:`renkei.causes.pairs.PAIRS` behind ``row``, the mismatch's place, and ``column``.

    A mismatch of names has two rows, one for the reading; one whose field is not in COMPARED has none.
    ``walls`` are rows of :data:`renkei.causes.width.WALL`, ``declared`` of
    :data:`renkei.causes.declared.DECLARED`. Writes nothing but tables of this transaction.
    """
    asked = _asked(mismatches)
    if asked.is_empty():
        return pl.DataFrame(schema={"row": pl.Int64, "column": pl.String, **PAIRS})
    asked, versions, others = _fetched(connection, asked)
    ends = walls.cast(WALL).join(declared.cast(DECLARED), on=["feed", "column"], how="full", coalesce=True)
    return _pairs(asked, _said(versions), _with_others(others), lags=lags, ends=ends, as_of=as_of)


def _asked(mismatches: pa.Table) -> pl.DataFrame:
    every = pl.DataFrame(pl.from_arrow(mismatches)).with_row_index("row")
    known = every.filter(pl.col("field").is_in(list(COMPARED)) & (pl.col("subject_kind") == "resident"))
    sides = ("left_feed", "left_key", "right_feed", "right_key")
    two = known.filter(pl.all_horizontal(pl.col(name) != "" for name in sides))
    return two.select(pl.col("row").cast(pl.Int64), "field", *sides)


def _fetched(
    connection: sa.Connection, asked: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """What is asked, every version of the records that it names, and the people around them."""
    connection.exec_driver_sql(_text("stage.sql"))
    copy_in(connection, "why_asked", asked.to_arrow())
    connection.exec_driver_sql(_text("households.sql"))
    connection.exec_driver_sql(_text("keys.sql"))
    answers = (
        copy_out(connection, "TABLE why_asked", _ASKED),
        copy_out(connection, _text("versions.sql"), _VERSIONS),
        copy_out(connection, _text("others.sql"), _OTHERS),
    )
    named, versions, others = (pl.DataFrame(pl.from_arrow(table)) for table in answers)
    return named, versions, others


def _said(versions: pl.DataFrame) -> pl.DataFrame:
    """feed, source_key, column → value, before, cancelled: what the record says, said, and took back."""
    long = versions.unpivot(
        on=_COLUMNS,
        index=["feed", "source_key", "unit_id", "is_now", "change_kind", "told_on"],
        variable_name="column",
    ).sort("unit_id")
    following = [pl.col(name).shift(-1).over(_KEY) for name in ("value", "told_on", "change_kind")]
    stepped = long.with_columns(
        pl.col("value").filter(pl.col("is_now")).first().over(_KEY).alias("now"),
        *(
            each.alias(f"next_{name}")
            for each, name in zip(following, ("value", "told_on", "kind"), strict=True)
        ),
        pl.len().over(_KEY).alias("versions"),
    )
    left = stepped.filter(
        ~pl.col("is_now")
        & (pl.col("value") != pl.col("now"))
        & pl.col("value").ne_missing(pl.col("next_value"))
    )
    old = left.group_by(_KEY).agg(
        pl.struct("value", pl.col("next_told_on").alias("until")).alias("before"),
        pl.col("value").filter(pl.col("next_kind").is_in(_TAKEN_BACK)).alias("cancelled"),
    )
    now = long.filter("is_now").select(*_KEY, "value")
    return now.join(old, on=_KEY, how="left")


def _with_others(others: pl.DataFrame) -> pl.DataFrame:
    """feed, source_key, column → household, neighbours: the values of other people."""
    long = others.unpivot(on=_COLUMNS[:3], index=["feed", "source_key", "place"], variable_name="column")
    of = {place: pl.col("value").filter(pl.col("place") == place) for place in ("household", "neighbours")}
    return long.drop_nulls("value").group_by(_KEY).agg(each.alias(place) for place, each in of.items())


def _pairs(
    asked: pl.DataFrame,
    said: pl.DataFrame,
    others: pl.DataFrame,
    *,
    lags: Mapping[str, timedelta],
    ends: pl.DataFrame,
    as_of: date,
) -> pl.DataFrame:
    columns = pl.DataFrame({"field": list(COMPARED), "column": list(COMPARED.values())})
    pairs = asked.join(columns.explode("column"), on="field")
    every = said.join(others, on=_KEY, how="left").join(ends, on=["feed", "column"], how="left")
    for side in ("left", "right"):
        pairs = pairs.join(
            every.rename({name: f"{side}_{name}" for name in every.columns if name != "column"}),
            left_on=[f"{side}_feed", f"{side}_key", "column"],
            right_on=[f"{side}_feed", f"{side}_source_key", "column"],
            how="left",
        )
    return _named(_written(pairs), lags=lags, as_of=as_of)


def _written(pairs: pl.DataFrame) -> pl.DataFrame:
    """Beside each reading the name that it is the reading of."""
    names = pairs.filter(pl.col("column") == "full_name").select(
        "row", pl.lit("full_name_kana").alias("column"), pl.col("left_value").alias("left_written"),
        pl.col("right_value").alias("right_written"),
    )  # fmt: skip
    return pairs.join(names, on=["row", "column"], how="left")


def _named(pairs: pl.DataFrame, *, lags: Mapping[str, timedelta], as_of: date) -> pl.DataFrame:
    hours = {feed: lag / timedelta(hours=1) for feed, lag in lags.items()}
    lag = [
        pl.col(f"{side}_feed").replace_strict(hours, default=None, return_dtype=pl.Float64)
        for side in ("left", "right")
    ]
    around = [_joined("household"), _joined("neighbours")]
    made = pairs.with_columns(
        pl.col("column").alias("field"),
        pl.col("left_value").alias("left"), pl.col("right_value").alias("right"),
        pl.lit(as_of, pl.Date).alias("as_of"), pl.max_horizontal(lag).alias("lag_hours"), *around,
    )  # fmt: skip
    known = [name for name in PAIRS if name in made.columns and name not in _NAMING]
    return made.select("row", "column", *known).sort("row", "column")


def _joined(place: str) -> pl.Expr:
    """The lists of both sides as one."""
    lists = [pl.col(f"{side}_{place}").fill_null([]) for side in ("left", "right")]
    return pl.concat_list(lists).alias(place)


@cache
def _text(name: str) -> str:
    return resources.files("renkei.causes").joinpath("sql", name).read_text("utf-8")
