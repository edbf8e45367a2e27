"""How well records are linked, beside the truth: shares of pairs, and what went wrong by its kind."""

from collections.abc import Sequence
from typing import Any

import polars as pl

#: Weights are told at these probabilities.
STEPS = (0.5, 0.9, 0.99, 0.999, 0.9999)
#: A kind of which a wrong resident is made stands first in its name.
ORDINARY = "ordinary"


def links(linked: pl.DataFrame) -> dict[str, Any]:
    """Pairs of records that the links join, beside those of one person.

    ``linked`` has a row a record: ``resident, person, kinds`` (words with spaces between them). ``precision``
    and ``recall`` are shares of pairs; ``recall_by_kind`` counts a pair for each of its records that is of
    the kind; ``wrong_by_kind`` counts wrong pairs by the kinds of both their records.
    """
    found, true = _pairs(linked, "resident"), _pairs(linked, "person")
    right = _pairs(linked, "resident", "person")
    return {
        "records": linked.height,
        "pairs_found": found,
        "pairs_true": true,
        "pairs_wrong": found - right,
        "precision": right / found if found else 1.0,
        "recall": right / true if true else 1.0,
        "recall_by_kind": _recall_by_kind(linked),
        "wrong_by_kind": _wrong_by_kind(linked),
    }


def _pairs(linked: pl.DataFrame, *keys: str) -> int:
    sizes = linked.group_by(keys).len().select(pl.col("len").cast(pl.Int64))["len"]
    return int((sizes * (sizes - 1) // 2).sum())


def _recall_by_kind(linked: pl.DataFrame) -> dict[str, list[float | int]]:
    """Kind → share of its records' pairs that were found, and how many such pairs there are."""
    counted = linked.select(
        _words().alias("kind"),
        (pl.len().over("person").cast(pl.Int64) - 1).alias("true"),
        (pl.len().over("person", "resident").cast(pl.Int64) - 1).alias("found"),
    )
    by_kind = counted.explode("kind").group_by("kind").agg(pl.col("true").sum(), pl.col("found").sum())
    rows = by_kind.filter(pl.col("true") > 0).sort("kind").rows()
    return {kind: [found / true, true] for kind, true, found in rows}


def _words() -> pl.Expr:
    return pl.when(pl.col("kinds") == "").then(pl.lit(ORDINARY)).otherwise("kinds").str.split(" ")


def _wrong_by_kind(linked: pl.DataFrame) -> dict[str, int]:
    """Only residents that hold several people are looked at, pair by pair."""
    mixed = linked.filter(pl.col("person").n_unique().over("resident") > 1).with_row_index("row")
    both = mixed.join(mixed, on="resident", suffix="_other").filter(
        (pl.col("row") < pl.col("row_other")) & (pl.col("person") != pl.col("person_other"))
    )
    words = pl.concat_str("kinds", "kinds_other", separator=" ").str.strip_chars().str.split(" ")
    kinds = words.list.unique().list.sort().list.join("+")
    named = both.select(pl.when(kinds == "").then(pl.lit(ORDINARY)).otherwise(kinds).alias("kind"))
    return dict(named.group_by("kind").len().sort("len", "kind", descending=[True, False]).rows())


def candidates(proposed: pl.DataFrame, *, true: int) -> dict[str, Any]:
    """Precision and recall of proposals by what they weigh.

    ``proposed`` has ``probability, weight, is_right``, a row a pair; ``true`` counts the pairs to be found.
    ``average_precision`` is the mean precision at each right pair, where a pair that was not proposed
    counts 0; pairs of one weight stand together, so their order decides nothing.
    """
    by_weight = (
        proposed.group_by("weight").agg(pl.len(), pl.col("is_right").sum()).sort("weight", descending=True)
    )
    seen = by_weight.with_columns(
        pl.col("len").cum_sum().alias("all"), pl.col("is_right").cum_sum().alias("right")
    )
    average = (seen["is_right"] * seen["right"] / seen["all"]).sum() / true if true else 1.0
    return {
        "proposed": proposed.height,
        "true": true,
        "average_precision": average,
        "by_probability": {str(step): _at(proposed, step, true) for step in STEPS},
    }


def _at(proposed: pl.DataFrame, least: float, true: int) -> dict[str, float | int]:
    kept = proposed.filter(pl.col("probability") >= least)["is_right"]
    right = int(kept.sum())
    return {
        "proposed": len(kept),
        "precision": right / len(kept) if len(kept) else 1.0,
        "recall": right / true if true else 1.0,
    }


def best_f1(scores: pl.DataFrame, *, true: int) -> dict[str, float]:
    """The best balance of precision and recall over all thresholds; ``scores`` has ``weight, is_right``."""
    by_weight = (
        scores.group_by("weight").agg(pl.len(), pl.col("is_right").sum()).sort("weight", descending=True)
    )
    right, kept = by_weight["is_right"].cum_sum(), by_weight["len"].cum_sum()
    f1 = 2 * right / (kept + true)
    if not len(f1):
        return {"f1": 0.0, "precision": 1.0, "recall": 0.0}
    best = int(f1.arg_max() or 0)
    return {
        "f1": float(f1[best]),
        "precision": float(right[best] / kept[best]),
        "recall": float(right[best] / true),
        "weight": float(by_weight["weight"][best]),
    }


def table(rows: Sequence[Sequence[Any]], head: Sequence[str]) -> str:
    """A table for a person."""
    texts = [[str(cell) if not isinstance(cell, float) else f"{cell:.5f}" for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in [list(head), *texts]) for place in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in [head, *texts]
    ]
    return "\n".join(line.rstrip() for line in lines)
