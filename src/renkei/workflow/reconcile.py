"""reconcile: compare what the systems say of one day, and keep the cases that staff work on."""

import uuid
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from renkei import snapshot
from renkei.audit import events
from renkei.causes.kept import explain, keep
from renkei.clock import Clock
from renkei.engine.duck import DuckEngine
from renkei.failpoint import failpoint
from renkei.project import Project
from renkei.reconcile import FeedTerms, Source, inputs
from renkei.reconcile.cases import CaseCounts, settle
from renkei.reconcile.find import Found, find
from renkei.registry import control, lease
from renkei.workflow.run import Work, run_of


@dataclass(frozen=True, kw_only=True)
class ReconcileResult:
    """What one reconciliation found and changed. ``not_compared`` names rules whose feeds had not come."""

    run_id: uuid.UUID
    as_of: date
    found: int
    in_transit: int
    not_compared: tuple[str, ...]
    cases: CaseCounts

    def summary(self) -> dict[str, Any]:
        """Ids and counts only."""
        return {
            "run_id": str(self.run_id),
            "as_of": self.as_of.isoformat(),
            "found": self.found,
            "in_transit": self.in_transit,
            "not_compared": list(self.not_compared),
            **vars(self.cases),
        }


def reconcile(
    project: Project, *, as_of: date, actor: str, trigger: str, clock: Clock | None = None
) -> ReconcileResult:
    """Run every rule for a day and bring the cases up to it; a second time changes nothing.

    A rule whose feeds have not delivered for the day is "not compared" and leaves its cases as they are.
    """
    with run_of(
        project, kind="reconcile", target="reconcile", as_of=as_of, actor=actor, trigger=trigger, clock=clock
    ) as work:
        with work.stage("find"):
            sources, found = _find(work)
        failpoint("reconcile.found")
        with work.stage("explain"):
            reasons = _explain(work, found, sources)
        with work.stage("settle"):
            cases = _settle(work, found, reasons)
        return _result(work, found, cases)


def _find(work: Work) -> tuple[list[Source], Found]:
    with work.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        cursors = control.cursors(connection)
        links, hub = inputs.links(connection), inputs.hub(connection)
    sources = [
        Source(
            feed=feed.id,
            terms=FeedTerms(record=feed.record, lag=feed.lag),
            snapshot=snapshot.proved(work.landing, cursors[feed.id].snapshot) if feed.id in cursors else None,
            as_of=cursors[feed.id].as_of if feed.id in cursors else None,
        )
        for feed in work.project.feeds
    ]
    with DuckEngine(temp=_temp(work)) as engine:
        found = find(engine, work.project.rules, sources=sources, links=links, hub=hub, as_of=work.as_of)
    return sources, found


def _explain(work: Work, found: Found, sources: list[Source]) -> pa.Table:
    """Why the values of each mismatch differ; in a transaction that writes nothing."""
    lags = {source.feed: source.terms.lag for source in sources}
    states = {source.feed: source.snapshot.scan() for source in sources if source.snapshot}
    with work.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        return explain(connection, found.mismatches, lags=lags, states=states, as_of=work.as_of)


def _temp(work: Work) -> Path:
    folder = work.project.var / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _settle(work: Work, found: Found, reasons: pa.Table) -> CaseCounts:
    now = work.clock.now()
    with work.engine.begin() as connection:
        lease.check_fence(connection, work.fence)
        cases = settle(connection, found, run_id=work.run_id, now=now)
        keep(connection, reasons)
        _tell(connection, work, found, cases)
        failpoint("reconcile.before_commit")
    failpoint("reconcile.after_commit")
    return cases


def _tell(connection: sa.Connection, work: Work, found: Found, cases: CaseCounts) -> None:
    events.record(
        connection,
        action="reconcile.done",
        actor=work.actor,
        object=f"run:{work.run_id}",
        detail={
            "as_of": work.as_of.isoformat(),
            "rules": {outcome.rule.id: outcome.found for outcome in found.outcomes},
            "not_compared": [each.rule.id for each in found.outcomes if each.state == "not_compared"],
            **vars(cases),
        },
    )


def _result(work: Work, found: Found, cases: CaseCounts) -> ReconcileResult:
    return ReconcileResult(
        run_id=work.run_id,
        as_of=work.as_of,
        found=sum(outcome.found for outcome in found.outcomes),
        in_transit=sum(outcome.in_transit for outcome in found.outcomes),
        not_compared=tuple(each.rule.id for each in found.outcomes if each.state == "not_compared"),
        cases=cases,
    )
