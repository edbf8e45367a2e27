"""report and seal: what a night leaves for people to read, and the proof that it cannot be rewritten."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from renkei.audit import events, keys
from renkei.audit.seal import seal as seal_events
from renkei.clock import Clock
from renkei.project import Project
from renkei.registry import store
from renkei.report.publish import Published, publish
from renkei.workflow.in_force import in_force
from renkei.workflow.run import run_of


@dataclass(frozen=True, kw_only=True)
class SealResult:
    """The newest checkpoint; ``size`` events are sealed. ``new`` is False when there was nothing to seal."""

    new: bool
    size: int

    def summary(self) -> dict[str, Any]:
        """Counts only."""
        return vars(self)


@dataclass(frozen=True, kw_only=True)
class ReportResult:
    """What was published, where, and each file's hash."""

    run_id: str
    published: Published

    def summary(self) -> dict[str, Any]:
        """The run's id and how many files."""
        return {"run_id": self.run_id, "files": len(self.published.files)}


def report(
    project: Project,
    *,
    as_of: date,
    actor: str,
    trigger: str,
    clock: Clock | None = None,
    out: Path | None = None,
    month: date | None = None,
    department: str | None = None,
    known_at: datetime | None = None,
) -> ReportResult:
    """Publish the reports of a day, or of a ``month`` as far as ``as_of``; again replaces them whole.

    Of the city and every department, or of one. Counted is what was known at ``known_at``, now unless given.
    """
    with run_of(
        project,
        kind="report",
        target=_target(month, department),
        as_of=as_of,
        actor=actor,
        trigger=trigger,
        clock=clock,
    ) as work:
        with work.stage("publish"):
            published = publish(
                work.engine,
                project=work.project,
                as_of=as_of,
                out=out,
                actor=actor,
                now=work.clock.now(),
                month=month,
                department=department,
                known_at=known_at,
            )
        with work.engine.begin() as connection:
            events.record(
                connection,
                action="report.published",
                actor=actor,
                object=f"run:{work.run_id}",
                detail={
                    "as_of": published.period.as_of.isoformat(),
                    "period": published.period.name,
                    "known_at": published.period.known_at.isoformat(),
                    "sha256": dict(published.sha256s),
                },
            )
        return ReportResult(run_id=str(work.run_id), published=published)


def _target(month: date | None, department: str | None) -> str:
    """One publication at a time of each folder."""
    about = [f"{month:%Y-%m}"] if month else []
    return ":".join(("report", *about, *([department] if department else [])))


def seal(project: Project) -> SealResult:
    """Seal every committed audit event, sign a checkpoint and copy it outside the database."""
    engine = store.connect(store.url_of(project.var))
    try:
        project = in_force(project, engine=engine, founds=False)
        ours = keys.ensure(project.var / "keys", origin=project.config.audit_origin)
        checkpoint = seal_events(engine, ours, project.witnesses)
    finally:
        engine.dispose()
    return SealResult(new=checkpoint is not None, size=checkpoint.size if checkpoint else 0)
