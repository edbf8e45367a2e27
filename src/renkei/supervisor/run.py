"""Runs the whole hub and keeps it running: databases, then the API, then the scheduler and the rest."""

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from renkei.clock import Clock, SystemClock
from renkei.errors import Stop, TryAgain
from renkei.feeds import feeds_of, systems_of
from renkei.supervisor import health
from renkei.supervisor.airflow_api import AirflowApi, poll
from renkei.supervisor.databases import (
    Databases,
    airflow_schema,
    is_migrated,
    migrate_airflow,
    open_databases,
)
from renkei.supervisor.hold import Leash, end_leftovers, take_lock
from renkei.supervisor.parts import API, PARTS, SCHEDULER, Part, Running, trim_logs
from renkei.supervisor.places import Places, State, recall, remember, settle_port
from renkei.supervisor.settings import environment, write_configuration

if TYPE_CHECKING:
    from renkei.project import Project

#: Seconds that the first start may take on a slow machine before it is given up.
START_LIMIT = 180.0
#: Seconds between two looks at Airflow's health, and without any answer before the API is started anew.
LOOK_EVERY, API_SILENCE = 5.0, 45.0
#: Seconds that the parts together may take to end by themselves, and after that.
PATIENCE, IMPATIENCE = 5.0, 1.0


class Supervisor:
    """Starts, watches and ends the parts of one project's hub. One at a time, by a lock on the pid file."""

    def __init__(self, project: "Project", *, timed: bool = True, clock: Clock | None = None) -> None:
        self.project = project
        self.places = Places(project.var)
        self._timed = timed
        self._clock = clock or SystemClock()
        self._running: dict[str, Running] = {}
        self._start_again: dict[str, float] = {}
        self._backoff = health.Backoff()
        self._state = recall(self.places)
        self._lock: IO[str] | None = None
        self._leash: Leash | None = None
        self._began = time.monotonic()
        self._databases: Databases | None = None
        self._environment: dict[str, str] = {}
        self._api_heard = time.monotonic()

    @property
    def state(self) -> State:
        """What runs where."""
        return self._state

    @property
    def airflow(self) -> AirflowApi:
        """A client of the running Airflow."""
        return AirflowApi.of(self.places)

    def start(self) -> State:
        """Start everything and return when every part is healthy and every DAG is known."""
        self._lock = take_lock(self.places)
        try:
            end_leftovers(self.places, self._state)
            self._begin()
            self._start_parts()
        except BaseException:
            self.stop()
            raise
        self._note("ready", seconds=round(self._seconds_since_start(), 1))
        self._keep(ready_at=self._clock.now().isoformat())
        return self._state

    def watch(self, until: threading.Event) -> None:
        """Start again what dies or falls silent, until told to end."""
        looked = time.monotonic()
        while not until.wait(0.5):
            try:
                self._revive_the_dead()
                if time.monotonic() - looked >= LOOK_EVERY:
                    looked = time.monotonic()
                    self._look()
                    trim_logs(self.places.log)
            except OSError as fault:  # no memory or file handle left just now: look again
                self._note("could not act", errno=fault.errno)

    def stop(self) -> None:
        """End every part with everything it started, then the database; a second call changes nothing."""
        leaders = list(self._running.values())
        for running in leaders:
            running.ask_to_end()
        # the scheduler waits for its tasks; they are safe to cut and will be tried again
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not all(running.has_ended() for running in leaders):
            time.sleep(0.05)
        for running in leaders:
            running.end(patience=IMPATIENCE)
        self._running.clear()
        self._stop_rest()

    def _stop_rest(self) -> None:
        if self._databases and self._databases.cluster:
            self._databases.cluster.stop()
        self._databases = None
        if self._leash:
            self._leash.let_go()
            self._leash = None
        if self._lock:
            self._keep(pid=0, parts={})
            self._note("stopped")
            self._lock.close()
            self._lock = None

    def _begin(self) -> None:
        self._keep(pid=os.getpid(), started_at=self._clock.now().isoformat(), parts={}, restarts={})
        self._began = time.monotonic()
        self._leash = Leash()
        self._databases = databases = open_databases(self.project.var)
        self._hold_database()
        self._keep(api_port=settle_port(self._state.api_port))
        write_configuration(
            self.places, root=self.project.root, database=databases.airflow, port=self._state.api_port
        )
        self._environment = environment(self.places, root=self.project.root, timed=self._timed)
        self._migrate_airflow(databases.airflow)

    def _migrate_airflow(self, url: str) -> None:
        if self._state.airflow_schema == airflow_schema() and is_migrated(url):
            return
        migrate_airflow(self._environment, log=self.places.log)
        self._keep(airflow_schema=airflow_schema())

    def _start_parts(self) -> None:
        for part in PARTS:
            if part is not SCHEDULER:
                self._launch(part)
        self._await(self._api_answers, API.name)
        self._keep_pools()
        self._launch(SCHEDULER)
        self._await(self._all_healthy, "scheduler, dag-processor, triggerer")

    def _launch(self, part: Part) -> None:
        running = Running(part, environment=self._environment, log=self.places.log, cwd=self.project.root)
        self._running[part.name] = running
        self._say("hold", running.session)
        self._keep(parts={name: other.session for name, other in self._running.items()})
        self._note("started", part=part.name, pid=running.session)

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        for reached in poll(condition, timeout=START_LIMIT, every=0.25):
            if reached:
                return
            if dead := [name for name, running in self._running.items() if running.has_ended()]:
                raise Stop("E_PART_ENDED", part=", ".join(dead), log=str(self.places.log))
        raise Stop("E_PART_SILENT", part=what, seconds=int(START_LIMIT), log=str(self.places.log))

    def _api_answers(self) -> bool:
        try:
            return health.is_healthy(self._health(), "metadatabase")
        except TryAgain:
            return False

    def _all_healthy(self) -> bool:
        seen = self._health()
        if not all(health.is_healthy(seen, part.heartbeat) for part in PARTS if part.heartbeat):
            return False
        if broken := self.airflow.import_errors():
            raise Stop("E_DAG_BROKEN", files=", ".join(Path(name).name for name in broken))
        return len(self.airflow.dag_ids()) >= len(feeds_of(self.project.root)) + 3

    def _health(self) -> health.Health:
        answer = AirflowApi(self._state.url, user="", password="", timeout=5.0).health()
        self._api_heard = time.monotonic()
        return answer

    def _keep_pools(self) -> None:
        """The contract with each legacy system: how many pulls it bears at once."""
        client = self.airflow
        for system, slots in systems_of(feeds_of(self.project.root)).items():
            client.keep_pool(f"legacy_{system}", slots, description=f"pulls from {system} at once")
        client.keep_pool("reconcile", 1, description="one reconciliation at a time")
        client.keep_pool("bell", 1, description="one asset event at a time")

    def _revive_the_dead(self) -> None:
        for name, running in list(self._running.items()):
            if running.has_ended():
                self._put_down(name, reason="ended")
        for name, due in list(self._start_again.items()):
            if time.monotonic() >= due:
                del self._start_again[name]
                self._launch(next(part for part in PARTS if part.name == name))
        if self._leash and not self._leash.is_alive():
            self._renew_leash()

    def _look(self) -> None:
        try:
            seen = self._health()
        except (TryAgain, Stop):
            self._judge_api()
            return
        if not health.is_healthy(seen, "metadatabase"):
            self._revive_database()
            return
        now = self._clock.now()
        for name, running in list(self._running.items()):
            beat = running.part.heartbeat
            if beat and health.is_stale(seen, beat, now=now, age=running.age):
                self._put_down(name, reason="silent")

    def _judge_api(self) -> None:
        api = self._running.get(API.name)
        if api and min(api.age, time.monotonic() - self._api_heard) > API_SILENCE:
            self._put_down(API.name, reason="silent")
        self._revive_database()

    def _revive_database(self) -> None:
        cluster = self._databases.cluster if self._databases else None
        if cluster and not cluster.is_running():
            self._note("database started again")
            with suppress(Stop):
                cluster.start()
                self._hold_database()

    def _put_down(self, name: str, *, reason: str) -> None:
        running = self._running.pop(name)
        running.end(patience=0.0 if reason == "ended" else IMPATIENCE)
        self._say("drop", running.session)
        wait = self._backoff.after_failure(name, lived=running.age)
        self._start_again[name] = time.monotonic() + wait
        restarts = {**self._state.restarts, name: self._state.restarts.get(name, 0) + 1}
        self._keep(restarts=restarts)
        self._note("starts again", part=name, reason=reason, wait=wait)

    def _renew_leash(self) -> None:
        self._leash = Leash()
        for running in self._running.values():
            self._say("hold", running.session)
        self._hold_database()

    def _say(self, verb: str, number: int) -> None:
        if self._leash:
            self._leash.say(verb, number)

    def _hold_database(self) -> None:
        if self._databases:
            self._say("database", self._databases.postmaster)

    def _seconds_since_start(self) -> float:
        return time.monotonic() - self._began

    def _keep(self, **changes: object) -> None:
        self._state = self._state.having(**changes)
        remember(self.places, self._state)

    def _note(self, event: str, **facts: object) -> None:
        self.places.log.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"at": self._clock.now().isoformat(), "event": event, **facts})
        with (self.places.log / "supervisor.jsonl").open("a", encoding="utf-8") as log:
            log.write(line + "\n")
