"""reconcile: compare what the systems say of one day, and keep the cases that staff work on."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from renkei import __version__, snapshot
from renkei.audit import events
from renkei.causes.kept import explain, keep
from renkei.clock import Clock
from renkei.engine.duck import DuckEngine
from renkei.errors import FixDeclaration
from renkei.failpoint import failpoint
from renkei.project import Project
from renkei.reconcile import FeedTerms, Source, again, inputs, past
from renkei.reconcile.cases import CaseCounts, results_of, settle
from renkei.reconcile.find import Again, Found, find
from renkei.registry import control, lease
from renkei.workflow.run import Work, run_of

#: What the rules of a night may hold: three systems of a million people each; the rest goes to disk.
MEMORY = "1500MB"


@dataclass(frozen=True, kw_only=True)
class ReconcileResult:
    """What one reconciliation found and changed. ``not_compared`` names rules whose feeds had not come.

    ``held`` are those that found too many of their subjects at once, ``refused`` those whose joins would make
    too many pairs: of neither has a case been touched.
    """

    run_id: uuid.UUID
    as_of: date
    found: int
    in_transit: int
    not_compared: tuple[str, ...]
    held: tuple[str, ...]
    refused: tuple[str, ...]
    cases: CaseCounts

    def summary(self) -> dict[str, Any]:
        """Ids and counts only."""
        return {
            "run_id": str(self.run_id),
            "as_of": self.as_of.isoformat(),
            "found": self.found,
            "in_transit": self.in_transit,
            **{name: list(getattr(self, name)) for name in ("not_compared", "held", "refused")},
            **vars(self.cases),
        }


def reconcile(
    project: Project,
    *,
    as_of: date,
    actor: str,
    trigger: str,
    whole: bool = False,
    clock: Clock | None = None,
) -> ReconcileResult:
    """Run every rule for a day and bring the cases up to it; a second time changes nothing.

    A rule whose feeds have not delivered for the day is "not compared" and leaves its cases as they are.
    Unless ``whole``, a rule that speaks of one resident at a time looks only at those of whom anything has
    changed since the comparison before.
    """
    with run_of(
        project, kind="reconcile", target="reconcile", as_of=as_of, actor=actor, trigger=trigger, clock=clock
    ) as work:
        with work.stage("find"):
            seen = _see(work)
            found = _find(work, seen, whole=whole)
        failpoint("reconcile.found")
        with work.stage("explain"):
            reasons = _explain(work, found, seen.sources)
        with work.stage("settle"):
            cases, results = _settle(work, found, reasons, seen)
        _forget_but(work, seen)
        return _result(work, found, cases, results)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What is compared tonight, as of one instant, and what earlier nights left behind."""

    sources: list[Source]
    links: pa.Table
    hub: Mapping[str, pa.Table]
    lags: tuple[past.NormalLag, ...]
    last: past.Comparison | None
    waiting: list[int]
    standing: pa.Table
    #: Feed (and the links) → day and hash of its state.
    states: Mapping[str, tuple[date | None, str]]
    kept_links: Path


def _see(work: Work) -> _Seen:
    with work.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        cursors, on_the_day = control.cursors(connection), control.states_on(connection, work.as_of)
        links = inputs.links(connection)
        hub = inputs.hub(connection, as_of=work.as_of, offices=work.project.offices)
        last, waiting = past.last(connection), past.waiting(connection)
        standing = past.standing(connection)
        terms = {feed.id: FeedTerms(record=feed.record, lag=feed.lag) for feed in work.project.feeds}
        lags = past.normal_lags(connection, terms, as_of=work.as_of)
    states = {feed: (cursors[feed].as_of, cursors[feed].snapshot) for feed in terms if feed in cursors}
    if last is None or last.newest <= work.as_of:
        # a day before one that is settled is compared with what is known now: its cases are not brought back
        states |= {feed: (work.as_of, state) for feed, state in on_the_day.items() if feed in states}
    sources = [
        Source(
            feed=feed,
            terms=term,
            snapshot=snapshot.proved(work.landing, states[feed][1]) if feed in states else None,
            as_of=states[feed][0] if feed in states else None,
        )
        for feed, term in terms.items()
    ]
    kept = again.keep_links(links, _kept(work))
    return _Seen(
        sources=sources, links=links, hub=hub, lags=lags, last=last, waiting=waiting,
        standing=standing, kept_links=kept, states={**states, past.LINKS: (None, kept.stem)},
    )  # fmt: skip


def _find(work: Work, seen: _Seen, *, whole: bool) -> Found:
    some = None if whole else _again(work, seen)
    then = None if whole else seen.last
    proven = past.compared_by(then, work.project.rules) if then else frozenset[str]()
    with DuckEngine(memory=MEMORY, temp=_temp(work)) as engine:
        return find(
            engine, work.project.rules, sources=seen.sources, links=seen.links, hub=seen.hub,
            as_of=work.as_of, learned=past.learned(seen.lags), again=some, standing=seen.standing,
            proven=proven,
        )  # fmt: skip


def _again(work: Work, seen: _Seen) -> Again | None:
    """Which rules need only look at whom; None where a night before, or its files, cannot say."""
    rules = work.project.rules
    if seen.last is None:
        return None
    known = past.still_known(
        seen.last, rules,
        as_of=work.as_of, code_version=__version__, project_digest=work.project.digest,
    )  # fmt: skip
    then = dict(seen.last.states)
    links = again.kept_links(_kept(work), then.pop(past.LINKS))
    if not known or links is None:
        return None
    try:
        states = {feed: snapshot.found(work.landing, digest) for feed, digest in then.items()}
        with DuckEngine(temp=_temp(work)) as engine:
            residents = again.residents(
                engine,
                again.Past(states=states, links=links),
                {source.feed: source.snapshot for source in seen.sources if source.snapshot},
                terms={source.feed: source.terms for source in seen.sources},
                links=seen.links,
                waiting=seen.waiting,
            )
    except (OSError, pa.ArrowException, FixDeclaration):
        # tonight's states were proved by their hashes, so it is an old one that cannot be read any more
        return None
    return Again(rules=known, residents=residents)


def _forget_but(work: Work, seen: _Seen) -> None:
    """Only the newest comparison is ever asked for its links."""
    for place in _kept(work).iterdir():
        if place != seen.kept_links and place.suffix == ".parquet":
            place.unlink(missing_ok=True)


def _kept(work: Work) -> Path:
    return work.project.var / "work" / "compared"


def _explain(work: Work, found: Found, sources: list[Source]) -> pa.Table:
    """Why the values of each mismatch differ; in a transaction that writes nothing."""
    lags = {source.feed: source.terms.lag for source in sources}
    states = {source.feed: source.snapshot.scan() for source in sources if source.snapshot}
    with work.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        return explain(
            connection, found.mismatches, lags=lags, states=states, mappings=work.project.mappings.values(),
            as_of=work.as_of,
        )  # fmt: skip


def _temp(work: Work) -> Path:
    folder = work.project.var / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _settle(
    work: Work, found: Found, reasons: pa.Table, seen: _Seen
) -> tuple[CaseCounts, Mapping[str, tuple[int, int]]]:
    now = work.clock.now()
    with work.engine.begin() as connection:
        lease.check_fence(connection, work.fence)
        cases = settle(connection, found, run_id=work.run_id, now=now)
        keep(connection, reasons)
        past.remember(connection, work.run_id, seen.states)
        results = results_of(connection, work.run_id)
        _tell(connection, work, found, cases, results)
        failpoint("reconcile.before_commit")
    failpoint("reconcile.after_commit")
    return cases, results


def _tell(
    connection: sa.Connection,
    work: Work,
    found: Found,
    cases: CaseCounts,
    results: Mapping[str, tuple[int, int]],
) -> None:
    events.record(
        connection,
        action="reconcile.done",
        actor=work.actor,
        object=f"run:{work.run_id}",
        detail={
            "as_of": work.as_of.isoformat(),
            "rules": {rule: standing for rule, (standing, _) in results.items()},
            **{state: list(rules) for state, rules in _left_out(found).items()},
            **vars(cases),
        },
    )


def _result(
    work: Work, found: Found, cases: CaseCounts, results: Mapping[str, tuple[int, int]]
) -> ReconcileResult:
    return ReconcileResult(
        run_id=work.run_id,
        as_of=work.as_of,
        found=sum(standing for standing, _ in results.values()),
        in_transit=sum(waiting for _, waiting in results.values()),
        **_left_out(found),
        cases=cases,
    )


def _left_out(found: Found) -> dict[str, tuple[str, ...]]:
    """State → rules of which no case was touched, for another reason than the days of their law."""
    return {
        state: tuple(each.rule.id for each in found.outcomes if each.state == state)
        for state in ("not_compared", "held", "refused")
    }
