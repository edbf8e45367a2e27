"""The labelled city's deliveries, and the same feeds through the hub, timed by their parts."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from types import ModuleType

import polars as pl
import pyarrow as pa
import sqlalchemy as sa

from bench.child import Done, Runs
from bench.desk import Desk
from bench.hub import root
from bench.tasks.nights import WARM, run_feed
from renkei import project, prove, workflow
from renkei.failpoint import failpoint
from renkei.registry import store
from renkei_sample.labelled import label

_ = WARM


def make(desk: Desk, *, people: int, seed: int, night: int) -> Runs:
    """Put a night's three deliveries on the shelf, and the truth beside it."""
    yield partial(_make, desk, people, seed, night)


def _make(desk: Desk, people: int, seed: int, night: int) -> Done:
    moved_on = desk.day + timedelta(days=night) if night else None
    made = label(people, seed=seed, day=desk.day, moved_on=moved_on)
    for system, frame in made.systems.items():
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        table = table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))
        with pa.ipc.new_file(root(desk) / "shelf" / f"{system}-{night}.arrow", table.schema) as file:
            file.write_table(table)
    made.truth.write_parquet(truth_of(desk, night))
    return Done(
        rows=made.truth.height, facts={system: frame.height for system, frame in made.systems.items()}
    )


def truth_of(desk: Desk, night: int = 0) -> Path:
    """Who is who, which the hub never reads."""
    return desk.scratch / f"truth-{night}.parquet"


def sync(desk: Desk, *, feed: str, as_of: str) -> Runs:
    """One feed's night as the scheduler calls it; ``merge`` is also told by its steps."""
    yield partial(_sync, desk, feed, date.fromisoformat(as_of))


def _sync(desk: Desk, feed: str, as_of: date) -> Done:
    hub = project.load(root(desk))
    with _written(hub.var) as written, _steps() as steps:
        done = run_feed(hub, feed, as_of)
    if not done.rows:
        raise RuntimeError(f"{feed} was held: {_held(hub.var)}")
    return Done(rows=done.rows, parts={**done.parts, **steps}, facts={**done.facts, **written})


def prove_all(desk: Desk, *, as_of: str) -> Runs:
    """Every proof of ``renkei doctor --prove`` over the whole hub, each with its seconds."""
    yield partial(_prove_all, project.load(root(desk)), date.fromisoformat(as_of))


def _prove_all(hub: project.Project, as_of: date) -> Done:
    workflow.seal(hub)
    engine = store.connect(store.url_of(hub.var))

    def again(feed: str) -> None:
        workflow.replay(hub, feed, as_of=as_of, actor="bench", trigger="bench")

    proofs = prove.prove(prove.ground_of(hub, engine, replay=again))
    engine.dispose()
    return Done(
        rows=sum(proof.checked for proof in proofs),
        parts={proof.id: proof.seconds for proof in proofs},
        facts={"broken": {proof.id: proof.detail for proof in proofs if not proof.holds}},
    )


def _held(var: Path) -> list[str]:
    engine = store.connect(store.url_of(var))
    with engine.connect() as connection:
        query = "SELECT DISTINCT error_code FROM delivery WHERE verdict <> 'merged'"
        held = [str(code) for code in connection.exec_driver_sql(query).scalars()]
    engine.dispose()
    return held


@contextmanager
def _steps() -> Iterator[Counter[str]]:
    """Seconds from one of the places that a merge names to the next, under the name of the later one."""
    steps: Counter[str] = Counter()
    last = time.perf_counter()

    def pass_by(name: str) -> None:
        nonlocal last
        if not name.startswith("merge."):
            return
        now = time.perf_counter()
        if name != "merge.begin":
            steps[name] += now - last
        last = now

    passed = [
        module for name, module in sys.modules.items() if name.startswith("renkei.") and _passes(module)
    ]
    for module in passed:
        vars(module)["failpoint"] = pass_by
    try:
        yield steps
    finally:
        for module in passed:
            vars(module)["failpoint"] = failpoint


def _passes(module: ModuleType) -> bool:
    return vars(module).get("failpoint") is failpoint


_ROWS = """
    SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint,
           pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint
    FROM pg_stat_user_tables
    WHERE schemaname = 'public'
"""


@contextmanager
def _written(var: Path) -> Iterator[dict[str, int]]:
    """What PostgreSQL wrote: rows of the registry's tables, and megabytes of its log."""
    facts: dict[str, int] = {}
    engine = store.connect(store.url_of(var))
    before = _counted(engine)
    yield facts
    rows, log = (after - earlier for after, earlier in zip(_counted(engine), before, strict=True))
    facts |= {"rows_written": rows, "log_mb": log >> 20}
    engine.dispose()


def _counted(engine: sa.Engine) -> tuple[int, int]:
    with engine.connect() as connection:
        time.sleep(0.3)  # a server process tells its counts when it ends
        connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
        rows, log = connection.exec_driver_sql(_ROWS).one()
    return int(rows), int(log)
