"""The DAG file itself: what it imports, how long it parses, which DAGs it makes."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.dags.city import ROOT, ShelfCity

from renkei.errors import FixDeclaration
from renkei.feeds import feeds_of, systems_of

DAGS = ROOT / "dags"
ALLOWED = sys.stdlib_module_names | {"airflow.sdk", "renkei"}
HEAVY = {
    "polars",
    "pyarrow",
    "duckdb",
    "lxml",
    "pyodbc",
    "paramiko",
    "psycopg",
    "sqlalchemy",
    "pandas",
    "numpy",
}

MEASURE = """
import json, resource, runpy, sys
from datetime import datetime
from airflow import sdk
from airflow.sdk import DAG, Asset, task
with DAG("warm", schedule=sdk.CronPartitionTimetable("0 1 * * *", timezone="Asia/Tokyo")):
    task(task_id="t", outlets=[Asset("a")])(lambda: 0)()
sdk.CronTriggerTimetable, sdk.PartitionedAssetTimetable, sdk.PartitionedAtRuntime, sdk.ExceptionRetryPolicy
from airflow.sdk.exceptions import AirflowSkipException
before, began = set(sys.modules), resource.getrusage(resource.RUSAGE_SELF).ru_utime
made = runpy.run_path(sys.argv[1])
used = resource.getrusage(resource.RUSAGE_SELF).ru_utime - began
modules = sorted(set(sys.modules) - before)
dags = {dag.dag_id: type(dag.timetable).__name__ for dag in made.values() if isinstance(dag, DAG)}
from airflow.timetables.trigger import CronPartitionTimetable
daily = CronPartitionTimetable("0 5 * * *", timezone=made.get("ZONE", "UTC"), key_format="%Y-%m-%d")
days = [datetime.fromisoformat(f"2026-11-2{number}T00:00:00+00:00") for number in (0, 2)]
ticks = [[str(tick.run_after), tick.partition_key]
         for tick in daily.iter_partition_dagrun_infos(earliest=days[0], latest=days[1])]
print("MEASURED", json.dumps({"seconds": used, "modules": modules, "dags": dags, "ticks": ticks}))
"""


def measure(place: Path, root: Path) -> dict:
    env = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(place)], env={**env, "RENKEI_PROJECT": str(root)},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("MEASURED ")]
    assert lines, done.stderr[-2000:]
    return json.loads(lines[0].removeprefix("MEASURED "))


@pytest.fixture(scope="module")
def parsed() -> dict:
    return measure(DAGS / "renkei_dags.py", ROOT)


def foreign_imports(source: str) -> set[str]:
    """Whatever a DAG file imports beyond airflow.sdk, the standard library and renkei."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if node.module == "airflow" else {str(node.module)}
    return {name for name in found if not _is_allowed(name)}


def _is_allowed(name: str) -> bool:
    return name.split(".")[0] in ALLOWED or name == "airflow.sdk" or name.startswith("airflow.sdk.")


@pytest.mark.parametrize("place", sorted(DAGS.glob("*.py")), ids=lambda place: place.name)
def test_a_dag_file_imports_only_the_sdk_the_standard_library_and_the_hub(place):
    assert foreign_imports(place.read_text("utf-8")) == set()


@pytest.mark.parametrize(
    "line",
    [
        "from airflow.models import Variable",
        "import polars",
        "from airflow import DAG",
        "from airflow.operators.python import X",
    ],
)
def test_the_import_ban_catches_a_forbidden_import(line):
    assert foreign_imports(f"import os\n{line}\n") != set()


def test_a_dag_file_stays_short():
    assert all(len(place.read_text("utf-8").splitlines()) < 120 for place in DAGS.glob("*.py"))


def test_parsing_takes_less_than_a_tenth_of_a_second(parsed):
    assert parsed["seconds"] < 0.1


def test_parsing_loads_no_heavy_library(parsed):
    assert {name.split(".")[0] for name in parsed["modules"]} & HEAVY == set()


def test_the_heavy_import_guard_sees_a_file_that_loads_polars(tmp_path):
    bad = tmp_path / "bad_dags.py"
    bad.write_text("import polars\n", "utf-8")

    assert "polars" in measure(bad, ROOT)["modules"]


def test_there_is_a_dag_for_each_declared_feed_and_three_more(parsed):
    declared = {f"sync_{feed.system}_{feed.name}" for feed in feeds_of(ROOT)}

    assert declared
    assert set(parsed["dags"]) == declared | {"reconcile_day", "sweep", "verify"}
    assert len(parsed["dags"]) == len(declared) + 3


def test_feeds_run_by_the_clock_and_the_reconciliation_by_its_bells(parsed):
    assert parsed["dags"]["reconcile_day"] == "PartitionedAssetTimetable"
    assert parsed["dags"]["sweep"] == parsed["dags"]["verify"] == "CronTriggerTimetable"
    assert {parsed["dags"][dag] for dag in parsed["dags"] if dag.startswith("sync_")} == {
        "CronPartitionTimetable"
    }


def test_the_partition_of_a_run_at_five_in_the_morning_is_the_japanese_day(parsed):
    assert parsed["ticks"] == [
        ["2026-11-19 20:00:00+00:00", "2026-11-20"],
        ["2026-11-20 20:00:00+00:00", "2026-11-21"],
    ]


def test_the_heads_agree_with_the_compiled_mappings():
    from renkei.project import load

    compiled = {feed.id: (feed.schedule, feed.record) for feed in load(ROOT).feeds}

    assert {head.id: (head.schedule, head.record) for head in feeds_of(ROOT)} == compiled


def test_a_system_bears_as_many_pulls_at_once_as_it_declares(city: ShelfCity):
    place = city.root / "mappings" / "welfare.toml"
    assert systems_of(city.feeds) == {"welfare": 1}

    place.write_text("slots = 2\n" + place.read_text("utf-8"), "utf-8")

    assert systems_of(city.feeds) == {"welfare": 2}


@pytest.mark.parametrize("text", ["system = ", 'system = "x"\n', 'system = "x"\n[[feed]]\nname = "y"\n'])
def test_one_unreadable_mapping_refuses_them_all_and_names_the_file(city: ShelfCity, text):
    (city.root / "mappings" / "broken.toml").write_text(text, "utf-8")

    with pytest.raises(FixDeclaration, match=r"broken\.toml"):
        feeds_of(city.root)
