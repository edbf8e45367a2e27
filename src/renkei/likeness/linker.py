"""The one door to Splink: a linker over the prepared columns, without charts, logs or a network."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from renkei.errors import Stop
from renkei.likeness.columns import FREQUENT
from renkei.likeness.levels import ONE_EDIT
from renkei.likeness.model import FREQUENCY_PRIOR, Model

if TYPE_CHECKING:
    import duckdb

#: The prepared rows in DuckDB.
ROWS = "record"


@contextmanager
def rows_of(
    prepared: pa.Table, *, memory: str = "1GB", temp: Path | None = None, threads: int | None = None
) -> Iterator["duckdb.DuckDBPyConnection"]:
    """A DuckDB of its own that holds the prepared rows as :data:`ROWS`, spilling below ``temp``.

    It reaches no file but what it spills and no network, whatever the SQL of a model says.
    """
    import tempfile

    import duckdb

    with tempfile.TemporaryDirectory(prefix="renkei-likeness-", dir=temp) as folder:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory,
            "temp_directory": folder,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if threads is not None:
            settings["threads"] = threads
        connection = duckdb.connect(":memory:", config=settings)
        try:
            connection.execute("SET enable_progress_bar = false")
            connection.execute(ONE_EDIT)
            connection.register("prepared", prepared)
            connection.execute(f"CREATE TABLE {ROWS} AS SELECT * FROM prepared")
            connection.unregister("prepared")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
        finally:
            connection.close()


def linker_of(connection: "duckdb.DuckDBPyConnection", model: Model) -> Any:  # noqa: ANN401 - Splink's own class, imported where it is used
    """Splink's linker on the rows of ``connection`` with the model's comparisons, weights and rules."""
    from splink import DuckDBAPI, Linker, SettingsCreator

    logging.getLogger("splink").setLevel(logging.ERROR)
    api = DuckDBAPI(connection=connection)
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[_comparison(each) for each in model.body["comparisons"]],
        blocking_rules_to_generate_predictions=[{"blocking_rule": rule.sql} for rule in model.rules],
        probability_two_random_records_match=model.prior,
        retain_matching_columns=True,
        retain_intermediate_calculation_columns=False,
        additional_columns_to_retain=["resident_id", "feed", "source_key"],
        linker_uid="renkei",
    )
    made = Linker(api.register(ROWS), settings, log_level=None, validate_settings=False)
    for column in filter(_used_by(model).__contains__, FREQUENT):
        made.table_management.register_term_frequency_lookup(
            api.register(_frequencies(connection, column, _u_of(model, column))), column
        )
    return made


def _used_by(model: Model) -> set[str | None]:
    return {level["often"] for each in model.body["comparisons"] for level in each["levels"]}


def _comparison(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "output_column_name": body["name"],
        "comparison_levels": [_level(level) for level in body["levels"]],
    }


def _level(body: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"sql_condition": body["sql"], "label_for_charts": body["code"]}
    if body["m"] is None:
        return made | {"is_null_level": True}
    if body["often"] is not None:
        made |= {"tf_adjustment_column": body["often"], "disable_tf_exact_match_detection": True}
    return made | {"m_probability": body["m"], "u_probability": body["u"]}


def _u_of(model: Model, column: str) -> float:
    told = (
        level["u"]
        for each in model.body["comparisons"]
        for level in each["levels"]
        if level["often"] == column
    )
    return float(next(told))


def _frequencies(connection: "duckdb.DuckDBPyConnection", column: str, u: float) -> str:
    """Term → its share, drawn towards ``u`` as if the model had met it a few times already."""
    name, prior = f"often_{column}", FREQUENCY_PRIOR
    connection.execute(
        f"""
        CREATE TABLE {name} AS
        SELECT {column}, (count(DISTINCT resident_id) + $prior) / (max(total) + $prior / $u) AS tf_{column}
        FROM {ROWS}, (SELECT count(DISTINCT resident_id) AS total FROM {ROWS} WHERE {column} IS NOT NULL)
        WHERE {column} IS NOT NULL
        GROUP BY {column}
        """,
        {"prior": prior, "u": u},
    )
    return name


@contextmanager
def quiet_errors() -> Iterator[None]:
    """Splink's errors hold whole statements; only their kind goes on."""
    from splink.internals.exceptions import SplinkException

    try:
        yield
    except SplinkException as broken:
        raise Stop("E_UNEXPECTED", kind=type(broken.__cause__ or broken).__name__) from None
