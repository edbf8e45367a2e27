"""The supervisor's parts, each alone: sessions, leash, lock, settings, health, the REST client."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from renkei.errors import Stop, TryAgain
from renkei.supervisor import health, sessions
from renkei.supervisor.airflow_api import AirflowApi
from renkei.supervisor.hold import Leash, end_leftovers, holder_of, take_lock
from renkei.supervisor.parts import API, PARTS, SCHEDULER, trim_logs
from renkei.supervisor.places import Places, State, administrator, recall, remember, secret_of, settle_port
from renkei.supervisor.settings import environment, write_configuration

#: Starts a child in a process group of its own, as Airflow does with each task, and both ignore SIGTERM.
STUBBORN = r"""
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgid(0, 0)
os.write(1, b"up\n")
time.sleep(60)
"""


@pytest.fixture
def stubborn() -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True, text=True
    )
    assert started.stdout is not None
    assert [started.stdout.readline() for _ in range(2)] == ["up\n", "up\n"]
    yield started
    sessions.end([started.pid], patience=0)
    started.wait()
    started.stdout.close()


def wait_until_gone(session: int, *, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while sessions.members([session]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not sessions.members([session])


def test_the_api_starts_first_and_the_scheduler_last():
    assert PARTS[0] is API
    assert PARTS[-1] is SCHEDULER
    assert [part.name for part in PARTS] == ["api-server", "dag-processor", "triggerer", "scheduler"]


def test_no_part_serves_its_logs_on_the_network():
    for part in PARTS:
        if part.name in ("scheduler", "triggerer"):
            assert "--skip-serve-logs" in part.arguments


def test_ending_a_session_ends_children_in_other_process_groups(stubborn):
    assert len(sessions.members([stubborn.pid])) == 2

    sessions.end([stubborn.pid], patience=0.2)

    assert sessions.members([stubborn.pid]) == set()


def test_a_process_group_alone_would_have_left_the_child(stubborn):
    os.killpg(stubborn.pid, signal.SIGKILL)
    stubborn.wait()

    assert len(sessions.members([stubborn.pid])) == 1


def test_the_leash_ends_what_it_holds_when_the_pipe_breaks(stubborn):
    leash = Leash(patience=0.5)
    leash.say("hold", stubborn.pid)

    leash._process.stdin.close()

    assert wait_until_gone(stubborn.pid)
    leash._process.wait()


def test_the_leash_leaves_alone_what_was_dropped(stubborn):
    leash = Leash()
    leash.say("hold", stubborn.pid)
    leash.say("drop", stubborn.pid)

    leash.let_go()

    assert len(sessions.members([stubborn.pid])) == 2


def test_leftovers_are_ended_only_when_they_are_ours(tmp_path, stubborn):
    places = Places(tmp_path)

    end_leftovers(places, State(parts={"scheduler": stubborn.pid}))

    assert len(sessions.members([stubborn.pid])) == 2


def test_leftovers_of_an_earlier_supervisor_are_ended(tmp_path):
    places = Places(tmp_path)
    left = subprocess.Popen(
        ["sleep", "60"],
        env={"AIRFLOW_HOME": str(places.airflow), "PATH": os.environ["PATH"]},
        start_new_session=True,
    )
    time.sleep(0.2)

    end_leftovers(places, State(parts={"scheduler": left.pid}))

    assert left.wait(5) == -signal.SIGTERM


def test_a_second_supervisor_is_refused(tmp_path):
    places = Places(tmp_path)
    lock = take_lock(places)

    with pytest.raises(Stop, match="E_ALREADY_UP"):
        take_lock(places)

    assert holder_of(places) == os.getpid()
    lock.close()
    assert holder_of(places) == 0


def test_a_long_log_is_set_aside_while_its_part_goes_on_writing(tmp_path):
    place = tmp_path / "scheduler.log"
    with place.open("ab", buffering=0) as log:
        log.write(b"x" * 100)

        trim_logs(tmp_path, limit=50)
        log.write(b"after")

    assert place.read_bytes() == b"after"
    assert place.with_suffix(".log.1").read_bytes() == b"x" * 100


def test_a_port_is_kept_while_it_is_free():
    port = settle_port(0)

    assert settle_port(port) == port


def test_notes_survive_a_restart_and_unknown_ones_are_ignored(tmp_path):
    places = Places(tmp_path)
    remember(places, State(pid=7, api_port=4711, parts={"scheduler": 8}))
    known = json.loads(places.state.read_text("utf-8"))
    places.state.write_text(json.dumps({**known, "of_a_later_version": 1}), "utf-8")

    assert recall(places) == State(pid=7, api_port=4711, parts={"scheduler": 8})


def mode(place: Path) -> int:
    return stat.S_IMODE(place.stat().st_mode)


def test_secrets_are_long_random_private_and_kept(tmp_path):
    places, other = Places(tmp_path / "a"), Places(tmp_path / "b")
    name, password = administrator(places)

    assert administrator(places) == (name, password)
    assert administrator(other)[1] != password
    assert len(password) >= 20
    assert len(secret_of(places.airflow / "token.secret")) >= 64
    assert mode(places.sign_in) == 0o600
    assert mode(places.airflow / "token.secret") == 0o600


def test_the_configuration_is_private_and_the_environment_holds_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    monkeypatch.setenv("https_proxy", "http://proxy.example:8080")
    places = Places(tmp_path)
    write_configuration(
        places, root=tmp_path, database="postgresql+psycopg://a:geheim@127.0.0.1:5/airflow", port=8
    )

    seen = environment(places, root=tmp_path)
    written = places.configuration.read_text("utf-8")

    assert mode(places.configuration) == 0o600
    assert "AIRFLOW__CORE__LOAD_EXAMPLES" not in seen
    assert "https_proxy" not in seen
    secrets = (administrator(places)[1], secret_of(places.airflow / "token.secret"), "geheim")
    assert not any(secret in value for secret in secrets for value in seen.values())
    assert "load_examples = False" in written
    assert "host = 127.0.0.1" in written
    assert "postgresql+asyncpg://a:geheim@" in written
    assert "0.0.0.0" not in written


NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def beat(seconds: float) -> dict:
    at = (NOW - timedelta(seconds=seconds)).isoformat()
    return {"scheduler": {"status": "healthy", "latest_scheduler_heartbeat": at}}


@pytest.mark.parametrize(
    ("seen", "age", "stale"),
    [
        (beat(5), 500, False),
        (beat(61), 500, True),
        (beat(61), 30, False),
        ({}, 500, True),
        ({}, 30, False),
    ],
)
def test_a_part_is_stale_when_it_was_silent_for_a_minute_of_its_life(seen, age, stale):
    assert health.is_stale(seen, "scheduler", now=NOW, age=age) is stale


def test_a_part_that_keeps_dying_waits_longer_each_time_and_is_forgiven_later():
    backoff = health.Backoff(most=10)

    waits = [backoff.after_failure("scheduler", lived=1) for _ in range(6)]

    assert waits == [1, 2, 4, 8, 10, 10]
    assert backoff.after_failure("scheduler", lived=1000) == 1


class Handler(BaseHTTPRequestHandler):
    tokens: list[str]

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.issued += 1
        self._answer(201, {"access_token": f"t{self.server.issued}"})

    def do_GET(self):
        if self.path.endswith("/broken"):
            self._answer(500, {})
        elif self.headers["Authorization"] == f"Bearer t{self.server.taken}":
            self._answer(200, {"dags": [{"dag_id": "sweep"}]})
        else:
            self._answer(401, {})

    def _answer(self, status: int, body: dict) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.issued, made.taken = 0, 1
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def client_of(server: ThreadingHTTPServer) -> AirflowApi:
    return AirflowApi(f"http://127.0.0.1:{server.server_port}", "u", "p")


def test_a_token_that_is_no_longer_taken_is_fetched_once_more(server):
    client = client_of(server)
    assert client.dag_ids() == ("sweep",)

    server.taken = 2

    assert client.dag_ids() == ("sweep",)
    assert server.issued == 2


def test_a_refused_user_is_told_so_and_not_tried_for_ever(server):
    server.taken = 99

    with pytest.raises(Stop, match="E_AIRFLOW_REFUSED"):
        client_of(server).dag_ids()

    assert server.issued == 2


def test_a_server_fault_may_be_tried_again(server):
    with pytest.raises(TryAgain, match="E_AIRFLOW_REFUSED"):
        client_of(server).get("/broken")


def test_an_airflow_that_is_down_may_be_tried_again(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    with pytest.raises(TryAgain, match="E_AIRFLOW_DOWN"):
        AirflowApi(f"http://127.0.0.1:{settle_port(0)}", "u", "p").health()


def test_celery_stays_below_the_version_that_breaks_its_provider():
    import tomllib

    from tests.dags.city import ROOT

    pins = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"][
        "airflow"
    ]

    assert {"apache-airflow==3.3.2", "celery<5.7", "fastapi<0.137"} <= set(pins)
