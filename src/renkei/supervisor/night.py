"""Drives one night by REST: every feed of a day, then the reconciliation that follows of itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from renkei.errors import TryAgain
from renkei.feeds import FeedHead
from renkei.supervisor.airflow_api import ENDED, AirflowApi, poll

#: Seconds that the reconciliation may stay away after the last feed before its bell counts as lost.
BELL_LIMIT = 20.0
RECONCILE_DAG, SWEEP_DAG = "reconcile_day", "sweep"

Progress = Callable[[str, str, float], None]


@dataclass(kw_only=True)
class _Night:
    client: AirflowApi
    day: str
    tell: Progress
    began: float = field(default_factory=time.monotonic)
    told: dict[str, str] = field(default_factory=dict)

    def say(self, what: str, state: str) -> None:
        if self.told.get(what) != state:
            self.told[what] = state
            self.tell(what, state, time.monotonic() - self.began)


def night(
    client: AirflowApi,
    feeds: tuple[FeedHead, ...],
    as_of: date,
    *,
    on_progress: Progress | None = None,
    timeout: float = 900.0,
) -> dict[str, Any]:
    """Run one day and return states, ids and counts.

    When a feed failed, or the bell was lost, the sweep is asked to reconcile the day with what is there.
    ``on_progress(what, state, seconds)`` is called at each change; ``by`` says who rang: bell or sweep.
    """
    this = _Night(client=client, day=as_of.isoformat(), tell=on_progress or _say_nothing)
    earlier = {run["dag_run_id"] for run in client.runs_of_day(this.day)}
    started = {dag_of(feed): client.trigger_dag(dag_of(feed), partition_key=this.day) for feed in feeds}
    states = _follow(this, started, timeout=timeout)
    whole = all(state == "success" for state in states.values())
    reconciled = _follow_reconcile(this, earlier, timeout=timeout) if whole else None
    by = "bell" if reconciled else "sweep"
    dag_id, run_id, state = reconciled or _sweep(this, timeout=timeout)
    return {
        "as_of": this.day,
        "seconds": round(time.monotonic() - this.began, 1),
        "by": by,
        "feeds": {
            feed.id: {
                "state": states[dag_of(feed)],
                "run_id": started[dag_of(feed)],
                "counts": client.result(dag_of(feed), started[dag_of(feed)], "sync_in"),
            }
            for feed in feeds
        },
        "reconcile": {
            "dag_id": dag_id,
            "run_id": run_id,
            "state": state,
            **{task: client.result(dag_id, run_id, task) for task in ("reconcile", "report", "seal", "link")},
        },
    }


def _say_nothing(_what: str, _state: str, _seconds: float) -> None:
    return None


def dag_of(feed: FeedHead) -> str:
    """The DAG that takes a feed in."""
    return f"sync_{feed.system}_{feed.name}"


def _follow(this: _Night, started: dict[str, str], *, timeout: float) -> dict[str, str]:
    """Wait until every started run of the day has ended."""

    def ask() -> dict[str, str]:
        wanted = set(started.values())
        return {
            run["dag_id"]: run["state"]
            for run in this.client.runs_of_day(this.day)
            if run["dag_run_id"] in wanted
        }

    for states in poll(ask, timeout=timeout):
        for dag_id, state in states.items():
            this.say(dag_id, state)
        if len(states) == len(started) and ENDED.issuperset(states.values()):
            return states
    raise TryAgain("E_AIRFLOW_SLOW", what=f"night {this.day}", seconds=int(timeout))


def _follow_reconcile(this: _Night, earlier: set[str], *, timeout: float) -> tuple[str, str, str] | None:
    """Wait for the run that the bells ring into being, or None when it does not come."""

    def ask() -> tuple[str, str] | None:
        for run in this.client.runs_of_day(this.day):
            if run["dag_id"] == RECONCILE_DAG and run["dag_run_id"] not in earlier:
                return run["dag_run_id"], run["state"]
        return None

    rung = time.monotonic()
    for found in poll(ask, timeout=timeout):
        if found:
            this.say(RECONCILE_DAG, found[1])
            if found[1] in ENDED:
                return (RECONCILE_DAG, *found)
        elif time.monotonic() - rung > BELL_LIMIT:
            return None
    raise TryAgain("E_AIRFLOW_SLOW", what=f"{RECONCILE_DAG} {this.day}", seconds=int(timeout))


def _sweep(this: _Night, *, timeout: float) -> tuple[str, str, str]:
    run_id = this.client.trigger_dag(SWEEP_DAG, conf={"day": this.day})
    this.say(SWEEP_DAG, "queued")
    state = this.client.wait(SWEEP_DAG, run_id, timeout=timeout)
    this.say(SWEEP_DAG, state)
    return SWEEP_DAG, run_id, state
