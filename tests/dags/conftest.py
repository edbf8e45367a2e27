import json
import os
import subprocess
import sys
import uuid
from datetime import date
from pathlib import Path

import pytest
from tests.dags.city import ShelfCity, build

from renkei.registry.embedded import Cluster


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One hub lives through its whole file: those tests keep the order in which they are written."""
    places = [number for number, item in enumerate(items) if item.get_closest_marker("slow_airflow")]
    written = sorted((items[number] for number in places), key=lambda item: item.reportinfo()[:2])
    for number, item in zip(places, written, strict=True):
        items[number] = item


@pytest.fixture
def city(tmp_path: Path) -> ShelfCity:
    """A small city whose deliveries lie on a shelf."""
    return build(tmp_path / "city")


@pytest.fixture(scope="session")
def rehearsal(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What every DAG looks like, and what became of a few runs in one process against a real registry."""
    root = tmp_path_factory.mktemp("rehearsal") / "city"
    city = build(root)
    name = f"rehearsal_{uuid.uuid4().hex[:8]}"
    cluster.create_database(name, template="renkei_template")
    city.deliver(date(2100, 1, 1))
    plan = [
        {"dag": "sync_welfare_recipient", "faults": ["TryAgain:E_LINK_DOWN", "TryAgain:E_LINK_DOWN"]},
        {"dag": "sync_welfare_benefit", "faults": ["Stop:E_AUTH"]},
        {"dag": "sweep"},
        {"dag": "sweep"},
    ]
    env = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("rehearse.py")), str(root), json.dumps(plan)],
        env={**env, "RENKEI_DATABASE_URL": cluster.url(name)},
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    for line in done.stdout.splitlines():
        if line.startswith("REHEARSED "):
            return {**json.loads(line.removeprefix("REHEARSED ")), "output": done.stdout + done.stderr}
    pytest.fail(done.stdout[-3000:] + done.stderr[-3000:])
