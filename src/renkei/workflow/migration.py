"""migration check: the acceptance of a migration, as a sealed report that nobody can change unseen."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from renkei import __version__, snapshot
from renkei.acceptance import Checked, Migration, State, check
from renkei.acceptance import report as reports
from renkei.acceptance.declared import declared
from renkei.audit import events
from renkei.clock import Clock
from renkei.errors import TryAgain
from renkei.failpoint import failpoint
from renkei.landing import digest_of
from renkei.lineage import guard
from renkei.project import Project
from renkei.records import SENSITIVITIES, Sensitivity, sensitivity_of
from renkei.report import folder
from renkei.views import restricted_digest
from renkei.workflow.evidence import SealResult, seal
from renkei.workflow.run import Work, run_of

_TRIES = 3
#: The state of a feed at the end of a day, as it was known before any later day was merged.
_STATE = """
    SELECT u.as_of, u.snapshot
    FROM unit AS u
    WHERE u.feed = :feed AND u.as_of <= :day
      AND u.unit_id < coalesce(
          (SELECT min(later.unit_id) FROM unit AS later WHERE later.feed = :feed AND later.as_of > :day),
          9223372036854775807
      )
    ORDER BY u.unit_id DESC
    LIMIT 1
"""
_NOW = "SELECT as_of, snapshot FROM cursor WHERE feed = :feed AND as_of <= :day"


@dataclass(frozen=True, kw_only=True)
class MigrationResult:
    """What was found, where the report is, and the digest under which the audit trail knows it."""

    run_id: str
    checked: Checked
    folder: Path
    sha256s: Mapping[str, str]
    digest: str
    sealed: SealResult

    def summary(self) -> dict[str, Any]:
        """Counts and digests only."""
        return {
            "run_id": self.run_id,
            "name": self.checked.migration.name,
            "verdict": self.checked.verdict,
            "digest": self.digest,
        }


def check_migration(
    project: Project, name: str, *, as_of: date, actor: str, trigger: str, clock: Clock | None = None,
    out: Path | None = None, purpose: str | None = None,
) -> MigrationResult:  # fmt: skip
    """Compare the two feeds as they stood on a day and publish the report; again replaces it whole.

    The trail has the report's digest before anybody can read it, and is sealed at once. With a ``purpose``
    the samples are in clear, but for those of restricted persons. TryAgain E_MIGRATION_NO_STATE where a feed
    has delivered nothing by that day: that is no verdict.
    """
    target_of_run = f"migration:{name}"
    with run_of(
        project, kind="report", target=target_of_run, as_of=as_of, actor=actor, trigger=trigger, clock=clock
    ) as work:
        migration = declared(work.project, name)
        old, new = (_state(work, migration.feed(side), as_of) for side in ("old", "new"))
        with work.stage("compare"):
            checked = _compare(work, migration, old, new)
        target = (out or work.project.var / "reports" / f"migration-{name}-{as_of}").resolve()
        with work.stage("publish"):
            sums, digest = _publish(work, checked, target, purpose)
        run_id = str(work.run_id)
    return MigrationResult(
        run_id=run_id, checked=checked, folder=target, sha256s=sums, digest=digest, sealed=seal(project)
    )


def _state(work: Work, feed: str, day: date) -> State:
    asked = {"feed": feed, "day": day}
    with work.engine.connect() as connection:
        # what came late is in the feed's present state, and in no unit's
        found = connection.execute(sa.text(_NOW), asked).one_or_none()
        found = found or connection.execute(sa.text(_STATE), asked).one_or_none()
    if found is None:
        raise TryAgain("E_MIGRATION_NO_STATE", feed=feed, day=day.isoformat())
    return State(
        feed=feed, record=work.project.mapping(feed).feed.record, as_of=found.as_of, sha256=found.snapshot,
        snapshot=snapshot.proved(work.landing, found.snapshot),
    )  # fmt: skip


def _compare(work: Work, migration: Migration, old: State, new: State) -> Checked:
    place = work.project.var / "work"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="migration-", dir=place) as scratch:
        return check(migration, old, new, scratch=Path(scratch))


def _publish(work: Work, checked: Checked, target: Path, purpose: str | None) -> tuple[dict[str, str], str]:
    """Write the folder; should someone come under restriction meanwhile, it is written again."""
    sensitivity = {
        pair.name: max(
            (_sensitivity(work.project, state, pair.side(side).column)
             for side, state in (("old", checked.old), ("new", checked.new))),
            key=SENSITIVITIES.index,
        )
        for pair in checked.migration.fields
    }  # fmt: skip
    zone = ZoneInfo(work.project.config.time_zone)
    front = reports.Front(
        city=work.project.config.name, actor=work.actor, made_at=work.clock.now().astimezone(zone),
        project_digest=work.project.digest, code_version=__version__, purpose=purpose,
    )  # fmt: skip
    for _ in range(_TRIES):
        before = restricted_digest(work.engine)
        shown = _may_be_shown(work, checked) if purpose is not None else frozenset()
        told = reports.told(checked, front, sensitivity=sensitivity, shown=shown)
        with folder.staged(target) as stage:
            reports.write(stage, told, checked.migration.text)
            sums = folder.seal(stage)
            digest = digest_of(stage / folder.SUMS)
            failpoint("migration.rendered")
            if restricted_digest(work.engine) != before:
                continue
            _tell(work, checked, digest, purpose, shown=len(shown))
            folder.swap_in(stage, target)
        return sums, digest
    raise TryAgain("E_REPORT_MOVED")


def _sensitivity(project: Project, state: State, column: str) -> Sensitivity:
    fields = project.mapping(state.feed).every_field
    raised = (rule.sensitivity for rule in fields if rule.to == column)
    return max((sensitivity_of(state.record, column), *raised), key=SENSITIVITIES.index)


def _may_be_shown(work: Work, checked: Checked) -> frozenset[int]:
    """Places of the samples whose records are, on each side that has one, of somebody not restricted."""
    sides = {"old": checked.old, "new": checked.new}
    with work.engine.connect() as connection:
        return frozenset(
            at
            for at, each in enumerate(checked.samples)
            if any(each.whose.values())
            and all(
                _is_shown(connection, sides[side], keys) for side, keys in each.whose.items() if keys
            )
        )  # fmt: skip


def _is_shown(connection: sa.Connection, state: State, keys: tuple[str, ...]) -> bool:
    is_person = state.record == "person"
    return guard.of_record(connection, feed=state.feed, is_person=is_person, keys=keys) == "shown"


def _tell(work: Work, checked: Checked, digest: str, purpose: str | None, *, shown: int) -> None:
    migration = checked.migration
    detail = {
        "name": migration.name,
        "as_of": work.as_of.isoformat(),
        "verdict": checked.verdict,
        "report": digest,
        "declaration": migration.digest,
        "old": {"feed": checked.old.feed, "snapshot": checked.old.sha256},
        "new": {"feed": checked.new.feed, "snapshot": checked.new.sha256},
    }
    with work.engine.begin() as connection:
        about = f"run:{work.run_id}"
        events.record(connection, action="migration.checked", actor=work.actor, object=about, detail=detail)
        if purpose is not None:
            events.record(
                connection, action="personal.revealed", actor=work.actor, object=about,
                detail={"purpose": purpose, "migration": migration.name, "rows": shown},
            )  # fmt: skip
