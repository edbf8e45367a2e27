"""slip: what a department is asked to correct, as files; a person's number only for a recorded purpose."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from renkei.audit import events
from renkei.clock import Clock
from renkei.project import Project
from renkei.report.slip import Slip
from renkei.report.slip_files import Issued, issue
from renkei.vault.typed import refuse_number
from renkei.workflow.run import Work, run_of


@dataclass(frozen=True, kw_only=True)
class SlipResult:
    """What was issued, and where; None when there was nothing to return."""

    run_id: str
    issued: Issued | None


def slip(
    project: Project,
    feed_id: str,
    *,
    as_of: date,
    actor: str,
    trigger: str,
    clock: Clock | None = None,
    out: Path | None = None,
    purpose: str | None = None,
) -> SlipResult:
    """Issue the return slip of a feed; issuing it again on the same day replaces it whole.

    With a ``purpose`` the records' keys are in it, but for those of restricted people, and the trail has it
    before the files can be read; FixDeclaration E_NUMBER_TYPED where it holds an individual number.
    """
    refuse_number(purpose)
    with run_of(
        project,
        kind="report",
        target=f"slip:{feed_id}",
        as_of=as_of,
        actor=actor,
        trigger=trigger,
        clock=clock,
    ) as work:
        with work.stage("publish"):
            issued = issue(
                work.engine,
                project=work.project,
                feed=work.project.mapping(feed_id).feed,
                issued_on=as_of,
                out=out,
                actor=actor,
                now=work.clock.now(),
                purpose=purpose,
                tell=lambda made, sums: _tell(work, made, sums, purpose),
            )
        return SlipResult(run_id=str(work.run_id), issued=issued)


def _tell(work: Work, made: Slip, sums: Mapping[str, str], purpose: str | None) -> None:
    detail = {"feed": made.feed, "records": made.records, "withheld": made.withheld, "sha256": dict(sums)}
    with work.engine.begin() as connection:
        events.record(
            connection, action="slip.issued", actor=work.actor, object=f"run:{work.run_id}", detail=detail
        )
        if purpose is not None:
            revealed = {"purpose": purpose, "feed": made.feed, "rows": made.records - made.withheld}
            events.record(
                connection,
                action="personal.revealed",
                actor=work.actor,
                object=f"run:{work.run_id}",
                detail=revealed,
            )
