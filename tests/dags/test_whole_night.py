"""One whole Airflow under the supervisor, driven by REST. Started once; the tests run in this order."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.dags.city import KANA, NAME, TOWN, ShelfCity, build

from renkei import project, supervisor
from renkei.errors import Stop, TryAgain
from renkei.registry import store
from renkei.registry.embedded import Cluster
from renkei.supervisor import sessions
from renkei.supervisor.airflow_api import AirflowApi
from renkei.supervisor.hold import holder_of
from renkei.supervisor.night import night
from renkei.supervisor.places import Places, recall

#: The suite shares its two cores; alone a start takes 11 to 25 s and a night 6 to 11 s.
START_LIMIT, NIGHT_LIMIT = 120, 90
D1, D2, D3 = date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22)

UP = """
import sys, pathlib
from renkei import project, supervisor
supervisor.up(project.load(pathlib.Path(sys.argv[1])), timed=False)
"""

pytestmark = [pytest.mark.slow_airflow, pytest.mark.timeout(600)]


class Hub:
    """A hub started as a program of its own, so that it can be killed."""

    def __init__(self, city: ShelfCity) -> None:
        self.city = city
        self.places = Places(city.root / "var")
        env = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "RENKEI_"))}
        self.process = subprocess.Popen([sys.executable, "-c", UP, str(city.root)], env=env)
        self.ready_after = wait_for(
            lambda: bool(recall(self.places).ready_at), seconds=START_LIMIT, of=self.process
        )

    @property
    def client(self) -> AirflowApi:
        return AirflowApi.of(self.places)

    def night(self, day: date) -> dict:
        return night(self.client, self.city.feeds, day, timeout=NIGHT_LIMIT)

    def airflow_database(self) -> sa.Engine:
        return sa.create_engine(
            Cluster(self.places.var / "pg").url("airflow", "airflow"), poolclass=sa.NullPool
        )


def wait_for(condition: Callable[[], bool], *, seconds: float, of: subprocess.Popen | None = None) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "waited too long"
        assert of is None or of.poll() is None, "the supervisor ended"
        time.sleep(0.1)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    city = build(tmp_path_factory.mktemp("night") / "city")
    made = Hub(city)
    yield made
    made.process.terminate()
    made.process.wait(60)
    Cluster(made.places.var / "pg").stop()
    shutil.rmtree(Cluster(made.places.var / "pg").home)


#: 127.0.0.1 as the kernel writes it.
LOOPBACK = "0100007F"


def listening(processes: Iterable[int]) -> set[str]:
    """The addresses that these processes listen on, from the kernel's own tables."""
    sockets = set()
    for pid in processes:
        for handle in Path(f"/proc/{pid}/fd").glob("*"):
            with suppress(OSError):
                sockets.add(str(handle.readlink()))
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {line[1].split(":")[0] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in sockets}


def test_everything_is_healthy_soon_and_nothing_listens_beyond_loopback(hub: Hub):
    seen = hub.client.health()
    mine = listening(sessions.members(recall(hub.places).parts.values()))

    assert {entry["status"] for entry in seen.values()} == {"healthy"}
    assert mine == {LOOPBACK}


def test_a_night_by_rest_is_reconciled_once_when_every_feed_has_delivered(hub: Hub):
    hub.city.deliver(D1)

    made = hub.night(D1)

    runs = [run["dag_id"] for run in hub.client.runs_of_day(D1.isoformat())]
    assert made["by"] == "bell"
    assert {feed["state"] for feed in made["feeds"].values()} == {"success"}
    assert {feed["counts"]["merged"] for feed in made["feeds"].values()} == {1}
    assert made["reconcile"]["state"] == "success"
    assert made["reconcile"]["reconcile"]["as_of"] == D1.isoformat()
    assert made["reconcile"]["seal"]["size"] > 0
    assert made["reconcile"]["link"]["opened"] == 0
    assert runs.count("reconcile_day") == 1


def test_memory_of_all_parts_stays_below_two_gigabytes(hub: Hub):
    assert sessions.memory_of(recall(hub.places).parts.values()) < 2 * 1024**3


def test_no_value_of_a_record_reaches_airflow_or_a_log(hub: Hub):
    planted = [NAME, KANA, TOWN, NAME.split()[0]]
    planted += [text.encode("unicode_escape").decode() for text in planted]
    with hub.airflow_database().connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        rows = [str(connection.exec_driver_sql(f'SELECT t::text FROM "{table}" t').all()) for table in tables]
    logs = [
        place.read_text("utf-8", errors="replace") for place in hub.places.log.rglob("*") if place.is_file()
    ]

    assert any("welfare.recipient" in row for row in rows)
    assert any("sync_welfare_recipient" in log for log in logs)
    assert not [text for text in planted for row in (*rows, *logs) if text in row]


def test_a_held_feed_hinders_no_other_and_the_day_is_swept(hub: Hub):
    hub.city.deliver(D2)
    hub.city.fail_next("welfare.recipient", "Stop:E_AUTH")

    made = hub.night(D2)

    assert made["feeds"]["welfare.recipient"]["state"] == "failed"
    assert made["feeds"]["welfare.benefit"]["state"] == "success"
    assert made["by"] == "sweep"
    assert made["reconcile"]["state"] == "success"
    assert made["reconcile"]["reconcile"]["as_of"] == D2.isoformat()


def test_a_second_supervisor_of_the_same_project_is_refused(hub: Hub, monkeypatch):
    monkeypatch.delenv("RENKEI_VAR", raising=False)

    with pytest.raises(Stop, match="E_ALREADY_UP"):
        supervisor.up(project.load(hub.city.root))


def test_a_scheduler_that_is_killed_starts_again_and_the_next_night_runs(hub: Hub):
    before = recall(hub.places).parts["scheduler"]
    os.kill(before, signal.SIGKILL)

    wait_for(lambda: recall(hub.places).parts.get("scheduler", before) != before, seconds=30)
    hub.city.deliver(D3)
    made = hub.night(D3)

    assert {feed["state"] for feed in made["feeds"].values()} == {"success"}
    assert made["reconcile"]["state"] == "success"
    assert recall(hub.places).restarts == {"scheduler": 1}
    assert sessions.members([before]) == set()


def test_airflow_still_splits_a_day_whose_bells_ring_at_once(hub: Hub):
    """The reason for the pool of one: when this no longer finds a split day, the pool may go."""
    client = hub.client
    assets = [entry["id"] for entry in client.get("/assets", limit=100)["assets"]]
    days = [f"2027-01-{number:02d}" for number in range(1, 13)]

    for day in days:
        ring_at_once(hub, assets, day)

    with hub.airflow_database().connect() as connection:
        pending = connection.exec_driver_sql(
            "SELECT max(n) FROM (SELECT count(*) AS n FROM asset_partition_dag_run"
            " WHERE partition_key LIKE '2027-01-%%' GROUP BY partition_key) AS split"
        ).scalar_one()
    assert pending > 1
    assert client.get("/pools/bell")["slots"] == 1


def ring_at_once(hub: Hub, assets: list[int], day: str) -> None:
    gate = threading.Barrier(len(assets))

    def ring(asset: int) -> None:
        client = hub.client
        client.get("/version")
        gate.wait()
        client.call("POST", "/assets/events", {"asset_id": asset, "partition_key": day})

    threads = [threading.Thread(target=ring, args=(asset,)) for asset in assets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_start_that_is_interrupted_leaves_nothing_behind(tmp_path):
    city = build(tmp_path / "city")
    env = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "RENKEI_"))}
    started = subprocess.Popen([sys.executable, "-c", UP, str(city.root)], env=env)
    places = Places(city.root / "var")
    wait_for(lambda: "api-server" in recall(places).parts, seconds=START_LIMIT, of=started)
    parts = recall(places).parts

    started.send_signal(signal.SIGINT)

    assert started.wait(60) == 0
    assert sessions.members(parts.values()) == set()
    cluster = Cluster(places.var / "pg")
    assert not cluster.is_running()
    shutil.rmtree(cluster.home)


def test_nothing_is_left_when_the_supervisor_is_killed(hub: Hub):
    parts = recall(hub.places).parts
    cluster = Cluster(hub.places.var / "pg")

    hub.process.kill()
    hub.process.wait()

    wait_for(lambda: not sessions.members(parts.values()), seconds=30)
    wait_for(lambda: not cluster.is_running(), seconds=30)
    assert holder_of(hub.places) == 0


def test_after_a_kill_it_starts_again_on_the_same_port_with_the_same_password(hub: Hub):
    port, sign_in = recall(hub.places).api_port, hub.places.sign_in.read_text("utf-8")
    hub.places.state.write_text(
        hub.places.state.read_text("utf-8").replace("ready_at", "was_ready_at"), "utf-8"
    )

    again = Hub(hub.city)

    assert recall(hub.places).api_port == port
    assert hub.places.sign_in.read_text("utf-8") == sign_in
    assert again.client.dag_ids()
    assert supervisor.down(project.load(hub.city.root))
    again.process.wait(60)
    assert sessions.members(recall(hub.places).parts.values()) == set()
    with pytest.raises(TryAgain):
        again.client.health()
    assert not store.url_of(hub.places.var).endswith("/airflow")
