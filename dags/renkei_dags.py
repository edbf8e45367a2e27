"""Rings the bell: a DAG a feed, one that reconciles a day once all have delivered, one that sweeps up.

Airflow says when; the hub's own verbs do the work and keep the truth. A task may run twice or late and
nothing changes. Arguments and results are ids, days and counts, never a resident's data.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from airflow import sdk
from airflow.sdk import DAG, Asset, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from renkei.feeds import FeedHead, feeds_of

ROOT = Path(os.environ.get("RENKEI_PROJECT") or Path(__file__).resolve().parents[1])
ZONE = "Asia/Tokyo"
TIMES = "30 7 * * *", "0 9 * * 6"  # the sweep: after every feed's hour, before the counters open; verify
#: A rehearsal replays days of its own choosing: nothing starts by the wall clock, and waiting is short.
TIMED = os.environ.get("RENKEI_TIMED", "1") != "0"
PAUSE = timedelta(minutes=2) if TIMED else timedelta(seconds=2)
#: A passing fault is tried again; what a person must mend fails at once; a lost process by the plain count.
POLICY = sdk.ExceptionRetryPolicy(
    rules=[
        sdk.RetryRule("renkei.errors.TryAgain", sdk.RetryAction.RETRY, PAUSE, "a passing fault"),
        sdk.RetryRule("renkei.errors.RenkeiError", sdk.RetryAction.FAIL, reason="a person must act"),
    ]
)
WORK = {"retries": 5, "retry_delay": PAUSE, "retry_policy": POLICY, "execution_timeout": timedelta(hours=2)}


def asset_of(feed_id: str) -> Asset:
    """The bell of one feed; its partitions are days."""
    return Asset(name=feed_id, uri=f"renkei://{feed_id.replace('.', '/')}")


def this_run() -> tuple[str, str]:
    """This run's day (its partition, or the day it was started on when it has none) and its id."""
    run = get_current_context()["dag_run"]
    return run.partition_key or run.run_after.astimezone(ZoneInfo(ZONE)).date().isoformat(), run.run_id


@task(**WORK)
def sync_in(feed_id: str) -> None:
    """Take one feed in. The counts are kept even when the feed then may not ring for the day."""
    from renkei.supervisor import bell

    day, run_id = this_run()
    counts = bell.sync_in(ROOT, feed_id, day=day, trigger=run_id)
    get_current_context()["ti"].xcom_push("return_value", counts)
    bell.check_delivered(counts, feed_id, day=day)


# one slot: Airflow 3.3 splits a day over two pending runs, and starts neither, when two assets ring at once
@task(**WORK, pool="bell")
def ring(feed_id: str) -> None:
    """Say that the feed speaks for the day."""
    get_current_context()["outlet_events"][asset_of(feed_id)].add_partitions(this_run()[0])


@task(**WORK, pool="reconcile")
def for_day(verb: str, day: str | None) -> dict[str, object]:
    """Do one verb after a day; a system that did not deliver is reported as not compared."""
    from renkei.supervisor import bell

    own_day, run_id = this_run()
    return bell.for_day(verb, ROOT, day=day or own_day, trigger=run_id)


@task(**WORK)
def day_left_over() -> str:
    """The day that nobody reconciled, asked of the hub's own books; without one the rest is skipped."""
    from renkei.supervisor import bell

    wanted = (get_current_context()["dag_run"].conf or {}).get("day")
    day = wanted or bell.day_left_over(ROOT, day=this_run()[0])
    if day is None:
        raise AirflowSkipException("every day that was taken in is reconciled")
    return str(day)


def compare(day: str | None = None) -> None:
    """reconcile → report → seal → link, which comes last: what stops it hinders nothing."""
    reconcile, report, seal, link = (
        for_day.override(task_id=verb)(verb, day) for verb in ("reconcile", "report", "seal", "link")
    )
    reconcile >> report >> seal >> link


def dag(dag_id: str, title: str, schedule: object) -> DAG:
    """What all of ours share: a fixed start, no catching up, one run at a time."""
    shared = {"start_date": datetime(2026, 1, 1, tzinfo=UTC), "catchup": False, "max_active_runs": 1}
    return DAG(dag_id, schedule=schedule, dag_display_name=title, tags=["renkei"], **shared)


def feed_dag(feed: FeedHead) -> DAG:
    """A feed's own DAG: what holds or fails here hinders no other feed."""
    daily = sdk.CronPartitionTimetable(feed.schedule, timezone=ZONE, key_format="%Y-%m-%d")
    name, schedule = f"sync_{feed.system}_{feed.name}", daily if TIMED else sdk.PartitionedAtRuntime()
    with dag(name, feed.title, schedule) as made:
        pull = sync_in.override(pool=f"legacy_{feed.system}")(feed.id)
        pull >> ring.override(outlets=[asset_of(feed.id)])(feed.id)
    return made


feeds = feeds_of(ROOT)
bells = asset_of(feeds[0].id)
for feed in feeds:
    globals()[f"sync_{feed.system}_{feed.name}"] = feed_dag(feed)
    bells = bells & asset_of(feed.id)
with dag("reconcile_day", "突合", sdk.PartitionedAssetTimetable(assets=bells)) as reconcile_day:
    compare()
mornings, saturdays = (sdk.CronTriggerTimetable(at, timezone=ZONE) if TIMED else None for at in TIMES)
with dag("sweep", "未着・取りこぼしの掃引", mornings) as sweep:
    compare(day_left_over())
with dag("verify", "内容の検証", saturdays) as verify:
    for_day.override(task_id="verify")("verify", None)
