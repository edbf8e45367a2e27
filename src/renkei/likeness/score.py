"""Scores the pairs of a table of records by a model and keeps the likely ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from renkei.likeness import PAIR_BUDGET, PROPOSE_FROM, linker, pairs
from renkei.likeness.columns import prepared
from renkei.likeness.model import Model, default

if TYPE_CHECKING:
    import duckdb

#: Attributes of a pair whose level is told.
TOLD = ("name", "birth", "sex", "address")
#: One likely pair: the record of the younger resident, and the record of the elder that it looks like.
PROPOSED = pa.schema(
    [
        ("feed", pa.string()),
        ("source_key", pa.string()),
        ("younger_id", pa.int64()),
        ("other_feed", pa.string()),
        ("other_key", pa.string()),
        ("resident_id", pa.int64()),
        ("weight", pa.float64()),
        ("probability", pa.float64()),
        *((name, pa.string()) for name in TOLD),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two records by a model, the commonness of their names left aside. ``levels``: attribute → its level."""

    weight: float
    probability: float
    levels: Mapping[str, str]


def pair(left: pa.Table, right: pa.Table, model: Model) -> Pair | None:
    """Two tables of one row each, as :data:`renkei.likeness.columns.SCHEMA`; None where one has no name."""
    ids = {1: left, 2: right}
    both = pa.concat_tables(
        [
            table.set_column(
                table.column_names.index("resident_id"), "resident_id", pa.array([number], pa.int64())
            )
            for number, table in ids.items()
        ]
    )
    rows = prepared(both)
    if rows.num_rows < len(ids):
        return None
    with linker.rows_of(rows) as connection:
        levels = {name: model.code(name, gamma) for name, gamma in _gammas(connection, model).items()}
    weight = log2(model.prior / (1 - model.prior)) + sum(
        model.weights[name][code] for name, code in levels.items()
    )
    return Pair(weight=weight, probability=1 / (1 + 2**-weight), levels=levels)


def _gammas(connection: "duckdb.DuckDBPyConnection", model: Model) -> dict[str, int]:
    """Each comparison's level for the two rows, counted from the last one up; -1 is unknown."""
    cases = ", ".join(_case(each) for each in model.body["comparisons"])
    columns = connection.sql(f"SELECT * FROM {linker.ROWS} LIMIT 0").columns
    sides = ", ".join(f"{side}.{name} AS {name}_{side}" for side in "lr" for name in columns)
    query = f"""
        SELECT {cases}
        FROM (
            SELECT {sides}
            FROM {linker.ROWS} AS l
            JOIN {linker.ROWS} AS r ON l.resident_id = 1 AND r.resident_id = 2
        )
    """
    row = connection.sql(query).fetchall()[0]
    return {each["name"]: int(gamma) for each, gamma in zip(model.body["comparisons"], row, strict=True)}


def _case(comparison: Mapping[str, Any]) -> str:
    known = [level for level in comparison["levels"] if level["m"] is not None]
    gammas = {level["code"]: len(known) - 1 - place for place, level in enumerate(known)}
    whens = " ".join(
        f"WHEN {level['sql']} THEN {gammas.get(level['code'], -1)}"
        for level in comparison["levels"]
        if level["sql"] != "ELSE"
    )
    return f"CASE {whens} ELSE {gammas[known[-1]['code']]} END"


def estimate(table: pa.Table, model: Model | None = None) -> pairs.Estimate:
    """How many pairs each rule of the model makes of a table of :data:`renkei.likeness.columns.SCHEMA`."""
    with linker.rows_of(prepared(table)) as connection:
        return pairs.count(connection, linker.ROWS, (model or default()).rules)


def propose(
    table: pa.Table,
    model: Model | None = None,
    *,
    budget: int = PAIR_BUDGET,
    least: float = PROPOSE_FROM,
    memory: str = "1GB",
) -> pa.Table:
    """Rows of :data:`PROPOSED` for a table of :data:`renkei.likeness.columns.SCHEMA`, the likeliest first.

    One row for each two residents, their most alike records. Records of one resident are never compared.
    ``weight`` is in bits, the prior in it. Raises FixDeclaration E_PAIR_BUDGET, before anything is compared,
    where the rules make more than ``budget`` pairs.
    """
    return counted_and_proposed(table, model or default(), budget=budget, least=least, memory=memory)[1]


def counted_and_proposed(
    table: pa.Table, model: Model, *, budget: int, least: float, memory: str = "1GB", temp: Path | None = None
) -> tuple[pairs.Estimate, pa.Table]:
    """The estimate, and the proposals; nothing is compared over the budget. ``temp``: where it may spill."""
    with linker.rows_of(prepared(table), memory=memory, temp=temp) as connection:
        counted = pairs.count(connection, linker.ROWS, model.rules)
        pairs.hold_within(counted, budget)
        if not counted.pairs:
            return counted, PROPOSED.empty_table()
        with linker.quiet_errors():
            return counted, _scored(connection, model, least)


def _scored(connection: "duckdb.DuckDBPyConnection", model: Model, least: float) -> pa.Table:
    made = linker.linker_of(connection, model)
    predicted = made.inference.predict(threshold_match_probability=least, warning_mode="never")
    connection.execute(_codes(model))
    answer: pa.Table = connection.sql(_best(predicted.physical_name)).to_arrow_table()
    return answer.cast(PROPOSED)


def _codes(model: Model) -> str:
    """The name of each level of each comparison, for the comparison vectors."""
    rows = (
        (each, gamma, model.code(each, gamma))
        for each in TOLD
        for gamma in range(-1, len(model.weights[each]) - 1)
    )
    values = ", ".join(f"('{name}', {gamma}, '{code}')" for name, gamma, code in rows)
    return f"CREATE TABLE level AS SELECT * FROM (VALUES {values}) AS v (comparison, gamma, code)"


def _best(predicted: str) -> str:
    """Of each two residents the most alike records; ties go to the first feed and key."""
    told = ", ".join(f"{name}.code AS {name}" for name in TOLD)
    joins = "\n".join(
        f"JOIN level AS {name} ON {name}.comparison = '{name}' AND {name}.gamma = turned.gamma_{name}"
        for name in TOLD
    )
    gammas = ", ".join(f"gamma_{name}" for name in TOLD)
    sides = {
        "resident_id_l > resident_id_r": ("l", "r"),
        "resident_id_l < resident_id_r": ("r", "l"),
    }
    turned = " UNION ALL ".join(
        f"""
        SELECT feed_{young} AS feed, source_key_{young} AS source_key, resident_id_{young} AS younger_id,
            feed_{old} AS other_feed, source_key_{old} AS other_key, resident_id_{old} AS resident_id,
            match_weight AS weight, match_probability AS probability, {gammas}
        FROM {predicted}
        WHERE {where}
        """
        for where, (young, old) in sides.items()
    )
    return f"""
        SELECT feed, source_key, younger_id, other_feed, other_key, resident_id,
            round(weight, 6) AS weight, round(probability, 9) AS probability, {told}
        FROM ({turned}) AS turned
        {joins}
        QUALIFY row_number() OVER (
            PARTITION BY younger_id, resident_id
            ORDER BY round(weight, 6) DESC, feed, source_key, other_feed, other_key
        ) = 1
        ORDER BY weight DESC, younger_id, resident_id
    """
