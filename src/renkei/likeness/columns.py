"""What two records are compared by: keys of the record, and columns derived from them for this alone.

Nothing of it is stored. A fold here is a way to find and to weigh, never equality.
"""

import polars as pl
import pyarrow as pa

from renkei.mapping import folds, variants

#: Goes up whenever a column here could come out otherwise: a model that was made with others is refused.
VERSION = 1

#: Whose record it is.
WHO = ("resident_id", "feed", "source_key", "content_hash")
#: Columns of ``person_record`` that are compared; equal ones of one resident are one row.
COMPARED = (
    "full_name",
    "full_name_kana",
    "former_surname",
    "name_key",
    "name_loose_key",
    "kana_key",
    "kana_loose_key",
    "common_name_key",
    "former_surname_key",
    "roman_name_key",
    "sex",
    "date_of_birth_lo",
    "date_of_birth_hi",
    "address_municipality_code",
    "address_key",
    "address_key_town",
    "address_key_block",
    "household_number",
)
#: The shape of the table that is compared.
SCHEMA = pa.schema(
    [
        ("resident_id", pa.int64()),
        *((name, pa.string()) for name in WHO[1:]),
        *((name, pa.date32() if name.endswith(("_lo", "_hi")) else pa.string()) for name in COMPARED),
    ]
)
#: Names whose commonness counts (加藤 is not 蝶野).
FREQUENT = ("name_key", "name_folded", "kana_key", "kana_loose_key")


def prepared(table: pa.Table, *, each_feed: bool = False) -> pa.Table:
    """One row a distinct content of a resident, numbered in order of resident, feed and key.

    ``table`` has the columns of :data:`SCHEMA`; with ``each_feed`` equal contents of two feeds stay two rows.
    Rows without any name are left out: nothing proposes them.
    """
    whose = ["resident_id", "feed"] if each_feed else ["resident_id"]
    content = [*whose, *(name for name in COMPARED if name != "household_number")]
    frame = pl.from_arrow(table.select([*WHO, *COMPARED]))
    assert isinstance(frame, pl.DataFrame)  # a table, not a column
    rows = (
        frame.lazy()
        .filter(pl.col("name_key").is_not_null() | pl.col("kana_key").is_not_null())
        .sort("resident_id", "feed", "source_key")
        .with_columns(_households())
        .unique(content, keep="first", maintain_order=True)
        .with_row_index("unique_id")
        .with_columns(*_names(), *_births())
        .with_columns(pl.concat_str("former_surname_key", "given_key").alias("former_name_key"))
        .drop("full_name", "full_name_kana", "former_surname", "household_number")
    )
    return rows.collect().to_arrow()


def _households() -> pl.Expr:
    """Every household of the resident, each in the numbering of its own feed."""
    of_feed = pl.concat_str(
        "feed", pl.lit(":"), pl.when(pl.col("household_number") != "").then("household_number")
    )
    return of_feed.drop_nulls().unique().sort().implode().over("resident_id").alias("households")


def _names() -> list[pl.Expr]:
    kanji, kana = pl.col("full_name"), pl.col("full_name_kana")
    return [
        pl.col("name_key").str.replace_many(dict(variants.representatives())).alias("name_folded"),
        folds.strict_key(_given(kanji)).alias("given_key"),
        folds.loose_key(_given(kana)).alias("given_kana"),
    ]


def _given(written: pl.Expr) -> pl.Expr:
    """What stands after the first space: the given name, where the source divides the two."""
    return written.str.strip_chars(" \u3000").str.extract("^[^ \u3000]+[ \u3000]+(.+)$", 1)


def _births() -> list[pl.Expr]:
    first, last = pl.col("date_of_birth_lo"), pl.col("date_of_birth_hi")
    exact = pl.when(first == last).then(first)
    return [
        exact.alias("birth_day"),
        pl.when(first.dt.year() == last.dt.year()).then(first.dt.year()).alias("birth_year"),
        exact.dt.strftime("%m%d").alias("birth_month_day"),
        exact.dt.strftime("%Y%m%d").alias("birth_digits"),
    ]
