"""A small client of Airflow's REST API, standard library only."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from renkei.errors import Stop, TryAgain
from renkei.supervisor.places import Places, administrator, recall

T = TypeVar("T")
#: Whatever the API answers, and what we send it.
Json = Any
Body = Mapping[str, object] | None
#: States in which a run has come to its end.
ENDED = frozenset({"success", "failed"})


class AirflowApi:
    """Speaks to one Airflow as one user. The token is fetched when first needed and again when refused."""

    def __init__(self, url: str, user: str, password: str, *, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._user, self._password, self._timeout = user, password, timeout
        self._token = ""
        # a municipal proxy in the environment must never see a loopback call
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @classmethod
    def of(cls, places: Places) -> "AirflowApi":
        """The Airflow that the supervisor of this ``var`` runs."""
        user, password = administrator(places)
        return cls(recall(places).url, user=user, password=password)

    def health(self) -> dict[str, dict[str, str | None]]:
        """Airflow's own view of its parts: status and last heartbeat of each; needs no sign-in."""
        answer: dict[str, dict[str, str | None]] = self._send("GET", "/api/v2/monitor/health", None, {})
        return answer

    def dag_ids(self) -> tuple[str, ...]:
        """Every DAG that the scheduler knows."""
        return tuple(entry["dag_id"] for entry in self.get("/dags", limit=100)["dags"])

    def import_errors(self) -> tuple[str, ...]:
        """Names of DAG files that cannot be parsed."""
        return tuple(entry["filename"] for entry in self.get("/importErrors")["import_errors"])

    def keep_pool(self, name: str, slots: int, *, description: str = "") -> None:
        """Make the pool, or set its size; doing it twice changes nothing."""
        pool = {"name": name, "slots": slots, "description": description, "include_deferred": True}
        if name in {entry["name"] for entry in self.get("/pools", limit=100)["pools"]}:
            self.call("PATCH", f"/pools/{quote(name)}", pool)
        else:
            self.call("POST", "/pools", pool)

    def trigger_dag(
        self, dag_id: str, *, partition_key: str | None = None, conf: Mapping[str, object] | None = None
    ) -> str:
        """Start a run and return its id."""
        body = {"logical_date": None, "partition_key": partition_key, "conf": dict(conf or {})}
        return str(self.call("POST", f"/dags/{quote(dag_id)}/dagRuns", body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """queued, running, success or failed."""
        return str(self.get(f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}")["state"])

    def runs_of_day(self, day: str) -> list[dict[str, Any]]:
        """Every run of every DAG whose partition is the day, oldest first."""
        answer = self.get("/dags/~/dagRuns", partition_key_prefix_pattern=day, order_by="id", limit=100)
        return [run for run in answer["dag_runs"] if run["partition_key"] == day]

    def wait(self, dag_id: str, run_id: str, *, timeout: float = 600.0) -> str:
        """Wait until the run has ended and return its state."""
        for state in poll(lambda: self.run_state(dag_id, run_id), timeout=timeout):
            if state in ENDED:
                return state
        raise TryAgain("E_AIRFLOW_SLOW", what=f"{dag_id} {run_id}", seconds=int(timeout))

    def result(self, dag_id: str, run_id: str, task_id: str) -> Json:
        """What a task returned (ids and counts), or None if it returned nothing."""
        place = f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}/taskInstances/{quote(task_id)}/xcomEntries"
        try:
            return self.get(f"{place}/return_value", deserialize="true")["value"]
        except Stop as refused:
            if refused.facts.get("status") == 404:
                return None
            raise

    def get(self, path: str, **query: object) -> Json:
        """GET below /api/v2 as the signed-in user."""
        return self.call("GET", f"{path}?{urlencode(query)}" if query else path)

    def call(self, method: str, path: str, body: Body = None) -> Json:
        """Any call below /api/v2; a token that is no longer taken is fetched once more."""
        for attempt in (1, 2):
            token = self._token or self._sign_in()
            try:
                return self._send(method, f"/api/v2{path}", body, {"Authorization": f"Bearer {token}"})
            except Stop as refused:
                if refused.facts.get("status") != 401 or attempt == 2:
                    raise
                self._token = ""
        raise AssertionError("unreachable")

    def _sign_in(self) -> str:
        body = {"username": self._user, "password": self._password}
        self._token = str(self._send("POST", "/auth/token", body, {})["access_token"])
        return self._token

    def _send(self, method: str, path: str, body: Body, headers: dict[str, str]) -> Json:
        data = None if body is None else json.dumps(body).encode()
        # S310: the address is our own, always http on loopback
        request = urllib.request.Request(f"{self.url}{path}", data=data, method=method, headers=headers)  # noqa: S310
        request.add_header("Content-Type", "application/json")
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as refused:
            with refused:
                raise _refusal(refused, method, path) from None
        except (OSError, HTTPException, ValueError) as down:
            raise TryAgain("E_AIRFLOW_DOWN", url=self.url) from down


def poll(ask: Callable[[], T], *, timeout: float, every: float = 0.4) -> Iterator[T]:
    """Ask again and again until ``timeout`` seconds have passed."""
    deadline = time.monotonic() + timeout
    while True:
        yield ask()
        if time.monotonic() > deadline:
            return
        time.sleep(every)


def _refusal(refused: urllib.error.HTTPError, method: str, path: str) -> Stop | TryAgain:
    facts = {"status": refused.code, "method": method, "path": path.partition("?")[0]}
    if refused.code >= 500:
        return TryAgain("E_AIRFLOW_REFUSED", **facts)
    return Stop("E_AIRFLOW_REFUSED", **facts)
