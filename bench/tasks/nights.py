"""Feeds and rules of a whole night, as the scheduler calls them."""

from collections import Counter
from datetime import date
from functools import partial
from typing import Any

import duckdb
import polars as pl

from bench.child import Done, Runs
from bench.desk import Desk
from bench.tasks.beside import snapshots
from renkei import workflow
from renkei.engine import duck
from renkei.formats import arrow, fixed, xml
from renkei.mapping import compile as plan
from renkei.project import Project

#: Imported before the clock starts, for every verb alike.
WARM = (duckdb, pl, duck, arrow, fixed, xml, plan)
_TERMS: dict[str, Any] = {"actor": "bench", "trigger": "bench"}


def sync_in(desk: Desk, *, feed: str, as_of: str) -> Runs:
    """One feed's night: pull, land, read, map, compare, merge."""
    yield partial(run_feed, desk.project("nights"), feed, date.fromisoformat(as_of))


def run_feed(project: Project, feed: str, as_of: date) -> Done:
    """One feed, with the seconds that the run itself recorded for each of its stages."""
    made = workflow.sync_in(project, feed, as_of=as_of, **_TERMS)
    parts: Counter[str] = Counter()
    for stage in made.stages:
        parts[stage["stage"]] += stage["seconds"]
    return Done(rows=made.counts.records, parts=parts, facts=vars(made.counts))


def reconcile(desk: Desk, *, as_of: str) -> Runs:
    """Every rule, and the cases brought up to what was found."""
    yield partial(_reconcile, desk.project("nights"), date.fromisoformat(as_of))


def _reconcile(project: Project, as_of: date) -> Done:
    made = workflow.reconcile(project, as_of=as_of, **_TERMS)
    rows = sum(_rows(project).values())
    return Done(rows=rows, facts={"found": made.found, "rules": len(project.rules) - len(made.not_compared)})


def _rows(project: Project) -> dict[str, int]:
    import pyarrow.parquet as pq

    return {feed: int(pq.read_metadata(place).num_rows) for feed, place in snapshots(project).items()}
