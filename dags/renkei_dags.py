"""Rings the bell: a DAG a feed, one that reconciles a day once all have delivered, one that sweeps up.

Airflow says when; the hub's own verbs do the work and keep the truth. A task may run twice or late and
nothing changes. Arguments and results are ids, days and counts, never a resident's data.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import (
    DAG,
    Asset,
    CronPartitionTimetable,
    CronTriggerTimetable,
    ExceptionRetryPolicy,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
    RetryAction,
    RetryRule,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowSkipException

from renkei.feeds import FeedHead, feeds_of

ROOT = Path(os.environ.get("RENKEI_PROJECT") or Path(__file__).resolve().parents[1])
ZONE = "Asia/Tokyo"
START = datetime(2026, 1, 1, tzinfo=UTC)
SWEEP_AT = "30 7 * * *"  # after every feed's hour, before the counters open
#: A rehearsal replays days of its own choosing: nothing starts by the wall clock, and waiting is short.
TIMED = os.environ.get("RENKEI_TIMED", "1") != "0"
PAUSE = timedelta(minutes=2) if TIMED else timedelta(seconds=2)
#: A passing fault is tried again; what a person must mend fails at once; a lost process by the plain count.
POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule("renkei.errors.TryAgain", RetryAction.RETRY, PAUSE, "a passing fault"),
        RetryRule("renkei.errors.RenkeiError", RetryAction.FAIL, reason="a person must act"),
    ]
)
WORK = {
    "retries": 5 if TIMED else 2,
    "retry_delay": PAUSE,
    "retry_policy": POLICY,
    "execution_timeout": timedelta(hours=2),
}


def asset_of(feed_id: str) -> Asset:
    """The bell of one feed; its partitions are days."""
    return Asset(name=feed_id, uri=f"renkei://{feed_id.replace('.', '/')}")


def this_run() -> tuple[str, str]:
    """This run's day (its partition; today when started without one) and its id."""
    from renkei.supervisor import bell

    run = get_current_context()["dag_run"]
    return run.partition_key or bell.today(ROOT), run.run_id


@task(**WORK)
def sync_in(feed_id: str) -> None:
    """Take one feed in, then ring its bell for the day. The counts are kept even when it may not ring."""
    from renkei.supervisor import bell

    context, (day, run_id) = get_current_context(), this_run()
    counts = bell.sync_in(ROOT, feed_id, day=day, trigger=run_id)
    context["ti"].xcom_push("return_value", counts)
    bell.check_delivered(counts, feed_id, day=day)
    context["outlet_events"][asset_of(feed_id)].add_partitions(day)


@task(**WORK, pool="reconcile")
def for_day(verb: str, day: str | None = None) -> dict[str, object]:
    """Reconcile a day or write its reports; a system that did not deliver is reported as not compared."""
    from renkei.supervisor import bell

    own_day, run_id = this_run()
    return bell.for_day(verb, ROOT, day=day or own_day, trigger=run_id)


@task(**WORK, pool="reconcile")
def seal() -> dict[str, object]:
    """Seal the audit trail and sign a checkpoint."""
    from renkei.supervisor import bell

    return bell.seal(ROOT)


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
    """reconcile → report → seal."""
    reconcile, report = (for_day.override(task_id=verb)(verb, day) for verb in ("reconcile", "report"))
    reconcile >> report >> seal()


def feed_dag(feed: FeedHead) -> DAG:
    """A feed's own DAG: what holds or fails here hinders no other feed."""
    daily = CronPartitionTimetable(feed.schedule, timezone=ZONE, key_format="%Y-%m-%d")
    with dag(f"sync_{feed.system}_{feed.name}", feed.title, daily if TIMED else PartitionedAtRuntime()) as made:
        sync_in.override(pool=f"legacy_{feed.system}", outlets=[asset_of(feed.id)])(feed.id)
    return made


def dag(dag_id: str, title: str, schedule: object) -> DAG:
    """What all of ours share: a fixed start, no catching up, one run at a time."""
    shared = {"start_date": START, "catchup": False, "max_active_runs": 1, "tags": ["renkei"]}
    return DAG(dag_id, schedule=schedule, dag_display_name=title, **shared)


feeds = feeds_of(ROOT)
bells = asset_of(feeds[0].id)
for feed in feeds:
    globals()[f"sync_{feed.system}_{feed.name}"] = feed_dag(feed)
    bells = bells & asset_of(feed.id)

with dag("reconcile_day", "突合", PartitionedAssetTimetable(assets=bells)) as reconcile_day:
    compare()

mornings = CronTriggerTimetable(SWEEP_AT, timezone=ZONE) if TIMED else None
with dag("sweep", "未着・取りこぼしの掃引", mornings) as sweep:
    compare(day_left_over())
