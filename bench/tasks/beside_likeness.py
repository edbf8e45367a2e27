"""Who else compares people, on the pairs of our rules: Splink by its own comparisons; recordlinkage."""

import logging
import time
from functools import partial
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from bench.child import Done, Runs
from bench.desk import Desk
from bench.tasks.linked import present
from renkei.likeness import pairs
from renkei.likeness.columns import prepared
from renkei.likeness.model import default


def splink(desk: Desk) -> Runs:
    """Splink with the comparisons that it brings, trained as its manual says, on our blocking rules."""
    table = prepared(present(desk))
    while True:
        yield partial(_splink, table)


def _splink(table: pa.Table) -> Done:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET memory_limit = '4GB'")
        parts, scores = splink_scores(
            connection,
            table,
            comparisons=_japanese(),
            rules=default().rules,
            least=0.5,
            trained_on=("kana_key", "birth_text"),
        )
        (found,) = connection.execute(f"SELECT count(*) FROM {scores}").fetchone() or (0,)
    return Done(rows=table.num_rows, parts=parts, facts={"proposed": int(found)})


def _japanese() -> list[Any]:
    import splink.comparison_library as cl

    return [
        cl.JaroWinklerAtThresholds("name_key", [0.9, 0.7]).configure(term_frequency_adjustments=True),
        cl.JaroWinklerAtThresholds("kana_key", [0.9, 0.7]),
        cl.DateOfBirthComparison("birth_text", input_is_string=True),
        cl.ExactMatch("sex"),
        cl.LevenshteinAtThresholds("address_key", [2, 5]),
    ]


def splink_scores(
    connection: duckdb.DuckDBPyConnection,
    table: pa.Table,
    *,
    comparisons: list[Any],
    rules: tuple[pairs.Rule, ...],
    least: float,
    trained_on: tuple[str, ...],
) -> tuple[dict[str, float], str]:
    """Seconds of training and predicting, and the name of the table of scored pairs."""
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    connection.execute("SET enable_progress_bar = false")
    connection.register("given", table)
    connection.execute(
        "CREATE TABLE theirs AS SELECT *, strftime(birth_day, '%Y-%m-%d') AS birth_text FROM given"
    )
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=[{"blocking_rule": rule.sql} for rule in rules],
        probability_two_random_records_match=1 / max(2, table.num_rows),
        additional_columns_to_retain=["resident_id"],
    )
    api = DuckDBAPI(connection=connection)
    linker = Linker(api.register("theirs"), settings, log_level=None)
    begun = time.perf_counter()
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for column in trained_on:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(column), max_pairs=1e6)
    trained = time.perf_counter()
    scored = linker.inference.predict(threshold_match_probability=least or None, warning_mode="never")
    return {"train": trained - begun, "predict": time.perf_counter() - trained}, scored.physical_name


# recordlinkage ------------------------------------------------------------------------------------


def recordlinkage(desk: Desk, *, sample: int) -> Runs:
    """Its comparisons of names, readings, birth date, sex and address on a sample of our pairs.

    Pairs are what costs, so the rows told are those that the sample's pairs stand for.
    """
    table = present(desk)
    frame = pl.DataFrame(prepared(table))
    found, every = some_pairs(frame.to_arrow(), default().rules, sample)
    wide = frame.select("unique_id", "name_key", "kana_key", "birth_digits", "sex", "address_key").to_pandas()
    wide = wide.set_index("unique_id")
    rows = max(1, round(table.num_rows * len(found) / max(1, every)))
    while True:
        yield partial(_recordlinkage, wide, found, rows)


def some_pairs(
    table: pa.Table, rules: tuple[pairs.Rule, ...], most: int
) -> tuple[list[tuple[int, int]], int]:
    """At most so many of the rules' pairs, drawn evenly, and how many there are; none counts twice."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET memory_limit = '4GB'")
        connection.register("record", table)
        each = " UNION ".join(
            f"SELECT l.unique_id AS l, r.unique_id AS r FROM record AS l JOIN record AS r ON {rule.sql} "
            "AND l.unique_id < r.unique_id"
            for rule in rules
        )
        connection.execute(f"CREATE TEMP TABLE pair AS {each}")
        (every,) = connection.execute("SELECT count(*) FROM pair").fetchone() or (0,)
        drawn = f"SELECT l, r FROM pair ORDER BY hash(l, r) LIMIT {most}"
        return connection.execute(drawn).fetchall(), int(every)


def _recordlinkage(wide: Any, found: list[tuple[int, int]], rows: int) -> Done:  # noqa: ANN401 - a frame of pandas
    import pandas as pd
    import recordlinkage as rl

    compare = rl.Compare()
    compare.string("name_key", "name_key", method="jarowinkler", label="name")
    compare.string("kana_key", "kana_key", method="jarowinkler", label="kana")
    compare.string("birth_digits", "birth_digits", method="levenshtein", label="birth")
    compare.exact("sex", "sex", label="sex")
    compare.string("address_key", "address_key", method="levenshtein", label="address")
    features = compare.compute(pd.MultiIndex.from_tuples(found), wide, wide)
    likely = (features.sum(axis=1) > 4).sum()
    return Done(rows=rows, facts={"pairs": len(found), "likely": int(likely)})
