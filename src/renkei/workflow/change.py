"""propose: what a draft of the declarations would do, worked out for real on landed data, and kept as a plan.

Nothing is written to the registry but the plan and its audit event. The draft is read once; what was read is
archived, planned, and in the end applied, whatever becomes of the folder meanwhile.
"""

import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from renkei.audit import events
from renkei.clock import Clock, SystemClock
from renkei.errors import FixDeclaration
from renkei.landing import Landing
from renkei.project import Project
from renkei.registry import control, declarations, store
from renkei.registry.declarations import Declaration
from renkei.vault.typed import refuse_number
from renkei.workflow.change_cases import CaseEffect, cases_of
from renkei.workflow.change_effect import FeedEffect, Ground, effect_of
from renkei.workflow.change_text import TextChange, changed_files, changes
from renkei.workflow.in_force import current, keep, loads


@dataclass(frozen=True, kw_only=True)
class Change:
    """A planned change of declarations. ``feeds`` are those whose present state the draft makes otherwise.

    ``not_compared`` names rules whose feeds have not come for ``as_of``: of their cases nothing is said.
    """

    plan_id: int
    author: str
    reason: str
    as_of: date
    base_digest: str
    digest: str
    files: Mapping[str, str]
    text: tuple[TextChange, ...]
    feeds: tuple[FeedEffect, ...]
    cases: tuple[CaseEffect, ...]
    not_compared: tuple[str, ...]
    seconds: float

    @property
    def is_over(self) -> bool:
        """True when applying it needs a reason of its own."""
        return any(feed.is_over for feed in self.feeds)

    def result(self) -> dict[str, Any]:
        """What is kept and shown: counts, names, and values as far as their class lets them be seen."""
        return {
            "files": dict(self.files),
            "text": [asdict(each) for each in self.text],
            "feeds": [{**asdict(each), "is_over": each.is_over} for each in self.feeds],
            "cases": [asdict(each) for each in self.cases],
            "not_compared": list(self.not_compared),
            "seconds": self.seconds,
        }


def propose(
    draft: Project, *, author: str, reason: str = "", as_of: date | None = None, clock: Clock | None = None
) -> Change | None:
    """Plan the draft against what is in force; None when they are the same.

    Unless ``as_of`` is given, the day is the newest for which every feed has come. FixDeclaration
    E_NOTHING_IN_FORCE where no text is in force that could be changed, or with all that is wrong in the
    draft; E_NUMBER_TYPED where the reason holds an individual number.
    """
    refuse_number(reason)
    clock, began = clock or SystemClock(), time.monotonic()
    engine = store.connect(store.url_of(draft.var))
    try:
        present = current(draft, engine)
        if present is None:
            raise FixDeclaration("E_NOTHING_IN_FORCE")
        row, base = present
        proposed, sha256 = keep(draft)
        if proposed.digest == row.digest:
            return None
        worked_out = _worked_out(engine, base, proposed, as_of=as_of)
        return _kept(
            engine, row, proposed, worked_out, sha256=sha256, author=author, reason=reason, clock=clock,
            seconds=round(time.monotonic() - began, 1),
        )  # fmt: skip
    finally:
        engine.dispose()


@dataclass(frozen=True, kw_only=True)
class _WorkedOut:
    as_of: date
    data: Mapping[str, int]
    files: Mapping[str, str]
    text: tuple[TextChange, ...]
    feeds: tuple[FeedEffect, ...]
    cases: tuple[CaseEffect, ...]
    not_compared: tuple[str, ...]


def _worked_out(engine: sa.Engine, base: Project, draft: Project, *, as_of: date | None) -> _WorkedOut:
    landing = Landing(draft.var / "landing")
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        data, cursors = declarations.units(connection), control.cursors(connection)
    day, is_read = as_of or _day(draft, cursors), loads(base)
    with tempfile.TemporaryDirectory(prefix=f"plan-{uuid.uuid4().hex[:8]}-", dir=_work(draft)) as folder:
        ground = Ground(engine=engine, landing=landing, scratch=Path(folder), config=base.config)
        feeds, after = _feeds(ground, draft, cursors)
        cases: tuple[CaseEffect, ...] = ()
        absent = tuple(rule.id for rule in draft.rules)
        if is_read:
            cases, absent = cases_of(
                engine, base=base, draft=draft, landing=landing, after=after, as_of=day,
                scratch=ground.scratch,
            )  # fmt: skip
    text = changes(base, draft, is_read=is_read)
    return _WorkedOut(
        as_of=day, data=data, files=changed_files(base, draft), text=text, feeds=feeds, cases=cases,
        not_compared=absent,
    )  # fmt: skip


def _work(draft: Project) -> Path:
    folder = draft.var / "work"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _day(draft: Project, cursors: Mapping[str, control.Cursor]) -> date:
    """The newest day that every feed which ever came speaks for."""
    days = [cursors[feed.id].as_of for feed in draft.feeds if feed.id in cursors]
    return min(days, default=SystemClock().now().date())


def _feeds(
    ground: Ground, draft: Project, cursors: Mapping[str, control.Cursor]
) -> tuple[tuple[FeedEffect, ...], dict[str, Path]]:
    """Feed by feed, so that no two are in memory together: its effect, and the state it would come to."""
    told, after = [], {}
    for feed, mapping in draft.mappings.items():
        cursor = cursors.get(feed)
        if cursor is None or cursor.mapping_digest == mapping.digest:
            continue
        effect, state = effect_of(ground, mapping, cursor)
        told.append(effect)
        if state is not None:
            after[feed] = state
    return tuple(told), after


def _kept(
    engine: sa.Engine, base: Declaration, draft: Project, made: _WorkedOut, *, sha256: str, author: str,
    reason: str, clock: Clock, seconds: float,
) -> Change:  # fmt: skip
    change = Change(
        plan_id=0, author=author, reason=reason, as_of=made.as_of, base_digest=base.digest,
        digest=draft.digest, files=made.files, text=made.text, feeds=made.feeds, cases=made.cases,
        not_compared=made.not_compared, seconds=seconds,
    )  # fmt: skip
    now = clock.now()
    size = Landing(draft.var / "landing").path(sha256).stat().st_size
    with engine.begin() as connection:
        control.insert_object(connection, sha256, size=size, now=now)
        plan_id = declarations.insert_plan(
            connection, author=author, reason=reason, as_of=made.as_of, base=base.digest, digest=draft.digest,
            sha256=sha256, data=made.data, is_over=change.is_over, result=change.result(), now=now,
        )  # fmt: skip
        detail = {
            "base": base.digest, "digest": draft.digest, "archive": sha256, "is_over": change.is_over,
            "data": declarations.digest_of_data(made.data),
        }  # fmt: skip
        events.record(connection, action="plan.made", actor=author, object=f"plan:{plan_id}", detail=detail)
    return Change(**{**vars(change), "plan_id": plan_id})
