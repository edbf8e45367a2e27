"""One run in progress: its lease and fence, its row, its stages, and how it ends."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from renkei import __version__
from renkei.audit import events
from renkei.clock import Clock, SystemClock
from renkei.errors import RenkeiError, Stop, TryAgain
from renkei.landing import Landing
from renkei.model import UnitCounts
from renkei.project import Project
from renkei.registry import lease, runs, store
from renkei.workflow.in_force import in_force

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A delivery that a person takes although it breaks its contract: why, and what they were told of it.

    ``told`` are kinds of findings with the column; None where all of it was planned and applied.
    """

    reason: str
    told: frozenset[tuple[str, str]] | None = None

    def covers(self, kind: str, column: str) -> bool:
        """True when the person knew of it."""
        return self.told is None or (kind, column) in self.told


@dataclass(kw_only=True)
class Work:
    """One run in progress: what it holds and what it has counted so far.

    ``reasons`` say why deliveries were refused in this run; ``refused`` are their codes, and those of
    deliveries that wait since earlier.
    """

    project: Project
    engine: sa.Engine
    landing: Landing
    clock: Clock
    fence: lease.Fence
    run_id: uuid.UUID
    actor: str
    as_of: date
    counts: UnitCounts = field(default_factory=UnitCounts)
    units: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reasons: list[RenkeiError] = field(default_factory=list)
    accepted: dict[int, Accepted] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage, for the run's row and the report."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.stages.append({"stage": name, "seconds": round(time.perf_counter() - begun, 4)})


@contextmanager
def run_of(
    project: Project, *, kind: str, target: str, as_of: date, actor: str, trigger: str, clock: Clock | None
) -> Iterator[Work]:
    """Hold the target's lease, write the run's row, and close both however the block ends.

    The run's own project is what is in force now, and stays so to its end. A feed that it does not know
    leaves no run.
    """
    clock = clock or SystemClock()
    engine = store.connect(store.url_of(project.var))
    try:
        project = in_force(project, engine=engine, actor=actor, clock=clock)
        if kind in _OF_A_FEED:
            project.mapping(target)
        lease.take_over_the_dead(engine, target, now=clock.now())
        fence = lease.acquire(engine, target, now=clock.now())
        run_id = runs.open_run(
            engine,
            kind=kind,
            target=target,
            as_of=as_of,
            actor=actor,
            trigger=trigger,
            project_digest=project.digest,
            code_version=__version__,
            fence=fence,
            now=clock.now(),
        )
        work = Work(
            project=project,
            engine=engine,
            landing=Landing(project.var / "landing"),
            clock=clock,
            fence=fence,
            run_id=run_id,
            actor=actor,
            as_of=as_of,
        )
        try:
            with _heartbeat(work), _database_errors():
                yield work
        except BaseException as broken:
            _close(work, state="failed", error=_told(broken))
            raise
        else:
            _close(work, state="held" if work.refused else "done", error=None)
        finally:
            lease.release(engine, fence, now=clock.now())
    finally:
        engine.dispose()


@contextmanager
def only_reading(project: Project, *, as_of: date) -> Iterator[Work]:
    """A run's surroundings without its lease: the fence is nobody's, so that a write would be refused."""
    engine = store.connect(store.url_of(project.var))
    try:
        yield Work(
            project=project,
            engine=engine,
            landing=Landing(project.var / "landing"),
            clock=SystemClock(),
            fence=lease.Fence(resource="", number=0),
            run_id=uuid.UUID(int=0),
            actor="",
            as_of=as_of,
        )
    finally:
        engine.dispose()


#: Kinds of runs whose target is a feed.
_OF_A_FEED = frozenset({"sync_in", "refeed"})


@contextmanager
def _database_errors() -> Iterator[None]:
    """What the database says of a failing row holds that row, so only its class goes on."""
    try:
        yield
    except sa.exc.DBAPIError as broken:
        state = str(getattr(broken.orig, "sqlstate", None) or "")
        kind = TryAgain if state[:2] in _PASSING or broken.connection_invalidated else Stop
        raise kind("E_DATABASE", sqlstate=state, kind=type(broken.orig).__name__) from None


#: SQLSTATE classes that pass: connection, transaction rollback, resources, operator intervention.
_PASSING = frozenset({"08", "40", "53", "57"})


def _told(broken: BaseException) -> RenkeiError:
    if isinstance(broken, RenkeiError):
        return broken
    return RenkeiError("E_UNEXPECTED", kind=type(broken).__name__)


@contextmanager
def _heartbeat(work: Work) -> Iterator[None]:
    """Keep the lease of a live run; a frozen or dead one loses it."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(lease.LEASE.total_seconds() / 3):
            with suppress(sa.exc.DBAPIError):
                lease.renew(work.engine, work.fence, now=work.clock.now())

    beating = threading.Thread(target=beat, name=f"lease {work.fence.resource}", daemon=True)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()


def _close(work: Work, *, state: str, error: RenkeiError | None) -> None:
    now = work.clock.now()
    facts = {"code": error.code, "facts": error.facts} if error else None
    with work.engine.begin() as connection:
        runs.close_run(
            connection,
            work.run_id,
            state=state,
            counts=vars(work.counts),
            stages=work.stages,
            error=facts,
            now=now,
        )
        if error:
            events.record(
                connection,
                action="run.failed",
                actor=work.actor,
                object=f"run:{work.run_id}",
                detail={"code": error.code},
            )


def keep(work: Work, table: "pa.Table") -> str:
    """Write a table as Parquet into the landing zone; equal content gets an equal name."""
    import pyarrow.parquet as pq

    place = work.project.var / "work" / f"{work.run_id}.parquet"
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # DuckDB reads a file in parallel by its row groups
    pq.write_table(table, place, compression="zstd", row_group_size=122_880)
    try:
        return work.landing.adopt(place)
    finally:
        place.unlink(missing_ok=True)
