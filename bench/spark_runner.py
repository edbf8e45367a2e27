"""Runs inside ``var/bench/spark``, without the hub: answers SQL over Parquet files, a JSON line for a line.

In: {"do": "table", "name", "parquet"} · {"do": "sql", "query", "parameters", "out"} · {"do": "fresh"}.
Out: {"ok": true} or {"ok": false, "why": …}. A parameter is {"type": "date" | "plain" | "list", "value": …}.
"""

import json
import sys
from collections.abc import Mapping
from datetime import date
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - Spark's own usage

_WAREHOUSE = sys.argv[1]


def _session() -> SparkSession:
    return (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "Asia/Tokyo")
        .config("spark.sql.ansi.enabled", "true")
        .config("spark.sql.warehouse.dir", _WAREHOUSE)
        .config("spark.driver.memory", "2g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )


def _parameter(told: Mapping[str, Any]) -> object:
    if told["type"] == "date":
        return date.fromisoformat(told["value"])
    if told["type"] == "list":
        return F.array(*[F.lit(each) for each in told["value"]])
    return told["value"]


def _table(spark: SparkSession, asked: Mapping[str, Any]) -> None:
    schema, _, _ = asked["name"].rpartition(".")
    spark.sql(f"CREATE DATABASE IF NOT EXISTS {schema}")
    spark.sql(f"CREATE TABLE {asked['name']} USING parquet LOCATION '{asked['parquet']}'")


def _sql(spark: SparkSession, asked: Mapping[str, Any]) -> None:
    bound = {name: _parameter(told) for name, told in asked["parameters"].items()}
    spark.sql(asked["query"], args=bound).coalesce(1).write.parquet(asked["out"])


def _fresh(spark: SparkSession, asked: Mapping[str, Any]) -> None:
    del asked  # nothing to say
    for database in spark.catalog.listDatabases():
        if database.name != "default":
            spark.sql(f"DROP DATABASE {database.name} CASCADE")


_VERBS = {"table": _table, "sql": _sql, "fresh": _fresh}


def main() -> None:
    """Answer until the input ends."""
    told = sys.stdout
    sys.stdout = sys.stderr
    spark = _session()
    told.write(json.dumps({"ok": True, "version": spark.version}) + "\n")
    told.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            _VERBS[asked["do"]](spark, asked)
            answer = {"ok": True}
        except (PySparkException, ValueError) as wrong:
            answer = {"ok": False, "why": str(wrong).partition("JVM stacktrace")[0][:2000]}
        told.write(json.dumps(answer) + "\n")
        told.flush()
    spark.stop()


main()
