"""Runs DAGs of a city in one process with ``dag.test()`` and prints what became of each task, as JSON.

Started as a program of its own: Airflow reads its settings at the first import and warns a lot.
"""

import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def main(root: str, plan: str) -> None:
    home = tempfile.mkdtemp(prefix="airflow-")
    os.environ.update(
        AIRFLOW_HOME=home,
        AIRFLOW__CORE__UNIT_TEST_MODE="True",
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__DAGS_FOLDER=f"{root}/dags",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home}/airflow.db",
        AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR",
        RENKEI_PROJECT=root,
        RENKEI_TIMED="0",
    )
    from airflow.utils.db import initdb

    initdb()
    from airflow.dag_processing.dagbag import DagBag
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session

    with create_session() as session:
        for name in ("legacy_welfare", "reconcile", "bell"):
            Pool.create_or_update_pool(name, 1, "", True, session=session)
    bag = DagBag(dag_folder=f"{root}/dags")
    made: dict[str, Any] = {
        "import_errors": {str(key): str(value) for key, value in bag.import_errors.items()}
    }
    made["dags"] = {dag_id: describe(dag) for dag_id, dag in bag.dags.items()}
    made["runs"] = [run(bag.dags[step["dag"]], step, Path(root)) for step in json.loads(plan)]
    sys.stdout.write("\nREHEARSED " + json.dumps(made) + "\n")


def describe(dag: Any) -> dict[str, Any]:
    return {
        "timetable": type(dag.timetable).__name__,
        "max_active_runs": dag.max_active_runs,
        "catchup": dag.catchup,
        "start": dag.start_date.isoformat(),
        "tasks": {task.task_id: describe_task(task) for task in dag.tasks},
    }


def describe_task(task: Any) -> dict[str, Any]:
    return {
        "pool": task.pool,
        "retries": task.retries,
        "outlets": [outlet.name for outlet in task.outlets],
        "downstream": sorted(task.downstream_task_ids),
        "arguments": [str(value) for value in task.op_args],
        "deferrable": bool(getattr(task, "deferrable", False)),
    }


def run(dag: Any, step: dict[str, Any], root: Path) -> dict[str, Any]:
    if "faults" in step:
        feed = dag.dag_id.removeprefix("sync_").replace("_", ".")
        (root / "shelf" / f"{feed}.faults").write_text("\n".join(step["faults"]), "utf-8")
    made = dag.test(run_conf=step.get("conf"))
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        of_run = {"run_id": made.run_id, "dag_id": dag.dag_id}
        values = session.query(XComModel).filter_by(**of_run).all()
        xcoms = {entry.task_id: entry.value for entry in values if entry.key == "return_value"}
        tasks = {
            ti.task_id: {"state": str(ti.state), "tries": ti.try_number}
            for ti in session.query(TaskInstance).filter_by(**of_run)
        }
    return {"dag": dag.dag_id, "state": str(made.state), "tasks": tasks, "xcoms": xcoms}


if __name__ == "__main__":
    logging.disable(logging.ERROR)
    main(*sys.argv[1:3])
