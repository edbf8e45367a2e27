"""assign, wait, note, settle, take back: what staff do with a case, one transaction an act.

Nobody types a value here: the owning system is corrected, and the next comparison shows that it was. Every
step is a ``case_event`` with an audit event beside it. A case that has changed meanwhile is refused.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from renkei import views
from renkei.audit import events
from renkei.clock import Clock, SystemClock
from renkei.errors import FixDeclaration, RenkeiError, Stop
from renkei.project import Project
from renkei.reconcile import work
from renkei.reconcile.calendar import DAYS_TO_CORRECT, is_office_day, office_days_after
from renkei.reconcile.work import Desk, OutcomeKind, Standing, Step
from renkei.registry import store
from renkei.report.labels import label
from renkei.vault.typed import refuse_number
from renkei.workflow.decide_whom import person_of
from renkei.workflow.in_force import in_force

_CASE = {"ja": "案件", "en": "case"}
_LONGEST_NAME = 64


@dataclass(frozen=True, kw_only=True)
class Worked:
    """What an act did: its number, its cases with the event of each, and cases left as they are.

    ``asked``: nothing was done to its cases; the number by which another person approves it.
    """

    act_id: int
    kind: str
    cases: tuple[int, ...]
    events: tuple[int, ...]
    left: tuple[int, ...] = ()
    asked: int | None = None


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """An outcome, with a reason.

    Of ``correct``: which feed is right, which one is to be corrected within how many office days, and, if one
    likes, the record (``feed:key``) that says what it should be.
    """

    outcome: OutcomeKind
    reason: str | None = None
    right: str | None = None
    wrong: str | None = None
    record: str | None = None
    days: int = DAYS_TO_CORRECT


Act = Callable[[sa.Connection, Desk], tuple[Step, ...]]


def assign_case(
    project: Project,
    case_id: int,
    *,
    to: str,
    actor: str,
    seen: int | None = None,
    clock: Clock | None = None,
) -> Worked:
    """Give a case to a named person. Stop E_CASE_STATE once it is settled."""
    if not to.strip() or len(to) > _LONGEST_NAME or not to.isprintable():
        raise FixDeclaration("E_USAGE", problem="--to", command="renkei cases assign")
    refuse_number(to)

    def act(connection: sa.Connection, desk: Desk) -> tuple[Step, ...]:
        check_workable(_one(connection, case_id, seen=seen))
        return work.assign(connection, [case_id], desk, to=to)

    return at_the_desk(project, act, [case_id], actor=actor, clock=clock)


def hold_case(
    project: Project,
    case_id: int,
    *,
    until: date,
    reason: str,
    actor: str,
    seen: int | None = None,
    clock: Clock | None = None,
) -> Worked:
    """Put a case off until an office day after today. Stop E_CASE_DAY, E_CASE_STATE."""
    check_reason(reason, command="renkei cases wait")

    def act(connection: sa.Connection, desk: Desk) -> tuple[Step, ...]:
        check_workable(_one(connection, case_id, seen=seen))
        if until <= desk.day or not is_office_day(until):
            raise Stop("E_CASE_DAY", day=until.isoformat())
        return work.hold(connection, [case_id], desk, until=until, reason=reason)

    return at_the_desk(project, act, [case_id], actor=actor, why=reason, clock=clock)


def note_case(
    project: Project,
    case_id: int,
    *,
    text: str,
    actor: str,
    seen: int | None = None,
    clock: Clock | None = None,
) -> Worked:
    """Leave a note on a case, whatever its state."""
    check_reason(text, command="renkei cases note")

    def act(connection: sa.Connection, desk: Desk) -> tuple[Step, ...]:
        _one(connection, case_id, seen=seen)
        return work.note(connection, [case_id], desk, text=text)

    return at_the_desk(project, act, [case_id], actor=actor, why=text, clock=clock)


def settle_case(
    project: Project,
    case_id: int,
    judged: Judgement,
    *,
    actor: str,
    seen: int | None = None,
    clock: Clock | None = None,
) -> Worked:
    """Give a case its outcome.

    `correct` waits until the difference is gone, and is due again after ``days`` office days. `withdraw` and
    `confirm` hold for what the person saw: another value opens the case again. FixDeclaration E_CASE_FEED,
    E_NOT_FOUND; Stop E_CASE_STATE, E_CASE_CHANGED.
    """
    check_judgement(judged)

    def act(connection: sa.Connection, desk: Desk) -> tuple[Step, ...]:
        case = _one(connection, case_id, seen=seen)
        check_workable(case)
        return give_outcome(connection, desk, [case], judged)

    return at_the_desk(project, act, [case_id], actor=actor, why=judged.reason, clock=clock)


def undo_case(
    project: Project,
    case_id: int,
    *,
    reason: str,
    actor: str,
    seen: int | None = None,
    clock: Clock | None = None,
) -> Worked:
    """Take back the last step that a person took with a case: it stands exactly as before it.

    Stop E_CASE_UNDO where nobody took one, or the hub has moved the case since.
    """
    check_reason(reason, command="renkei cases reopen")

    def act(connection: sa.Connection, desk: Desk) -> tuple[Step, ...]:
        _one(connection, case_id, seen=seen)
        event, by_act = work.last_changes(connection, [case_id]).get(case_id, (0, None))
        if by_act is None:
            raise Stop("E_CASE_UNDO", case=_number(case_id))
        return work.undo(connection, [event], desk, reason=reason)

    return at_the_desk(project, act, [case_id], actor=actor, why=reason, clock=clock)


def undo_act(project: Project, act_id: int, *, reason: str, actor: str, clock: Clock | None = None) -> Worked:
    """Take an act back, in every case that still stands where it left it; the others are told (``left``).

    FixDeclaration E_NOT_FOUND; Stop E_CASE_UNDO where all have moved on.
    """
    check_reason(reason, command="renkei cases reopen --act")
    left: list[int] = []

    def act(connection: sa.Connection, desk: Desk) -> tuple[Step, ...]:
        cases = work.cases_of_act(connection, act_id)
        if not cases or not _meets(project, connection, cases, actor):
            raise unknown({"ja": "操作", "en": "act"}, str(act_id))
        work.standing(connection, cases)
        last = work.last_changes(connection, cases)
        standing = [event for event, by_act in last.values() if by_act == act_id]
        left.extend(case for case, (_, by_act) in last.items() if by_act != act_id)
        if not standing:
            raise Stop("E_CASE_UNDO", case=f"act {act_id}")
        return work.undo(connection, standing, desk, reason=reason)

    worked = at_the_desk(project, act, (), actor=actor, why=reason, clock=clock)
    return Worked(**{**vars(worked), "left": tuple(sorted(left))})


# what an outcome needs ----------------------------------------------------------------------------


def give_outcome(
    connection: sa.Connection,
    desk: Desk,
    cases: Sequence[Standing],
    judged: Judgement,
    *,
    approved_by: str | None = None,
) -> tuple[Step, ...]:
    """Give workable cases an outcome; where two people agreed to it, each step says who approved it."""
    check_sides(cases, judged)
    detail: dict[str, Any] = {"reason": judged.reason} if judged.reason else {}
    detail |= {"approved_by": approved_by} if approved_by else {}
    due = None
    if judged.outcome == "correct":
        detail |= {"right": judged.right, "wrong": judged.wrong, "days": judged.days}
        detail |= _pointed_at(connection, cases, judged)
        due = office_days_after(desk.day, judged.days)
    ids = [case.case_id for case in cases]
    return work.decide(connection, ids, desk, outcome=judged.outcome, detail=detail, due=due)


def check_sides(cases: Sequence[Standing], judged: Judgement) -> None:
    """The two feeds that a correction names are those of each case: FixDeclaration E_CASE_FEED."""
    named = {judged.right or "", judged.wrong or ""}
    for case in cases if judged.outcome == "correct" else ():
        if len(named) != 2 or not named <= case.feeds:
            feeds = ", ".join(sorted(case.feeds))
            raise FixDeclaration("E_CASE_FEED", case=_number(case.case_id), feeds=feeds)


def _pointed_at(connection: sa.Connection, cases: Sequence[Standing], judged: Judgement) -> dict[str, Any]:
    """The version of the record that says what is right; its key is not kept, for it names a person."""
    if judged.record is None:
        return {}
    feed, _, key = judged.record.partition(":")
    is_of_case = feed == judged.right and all((feed, key) in case.keys for case in cases)
    record_id = work.version_of(connection, feed, key) if is_of_case else None
    if record_id is None:
        raise unknown({"ja": "記載", "en": "record"}, judged.record)
    return {"record": {"feed": feed, "record_id": record_id}}


def check_judgement(judged: Judgement) -> None:
    """An outcome has what it needs and nothing else: FixDeclaration E_USAGE, E_NUMBER_TYPED."""
    command = f"renkei cases close --outcome {judged.outcome}"
    if judged.outcome == "correct":
        if judged.days < 1 or not judged.right or not judged.wrong:
            raise FixDeclaration("E_USAGE", problem="--right --wrong --days", command=command)
        refuse_number(judged.reason)
        return
    if judged.right or judged.wrong or judged.record:
        raise FixDeclaration("E_USAGE", problem="--right --wrong --as", command=command)
    check_reason(judged.reason or "", command=command)


def check_reason(reason: str, *, command: str) -> None:
    """There is one, and no individual number in it."""
    if not reason.strip():
        raise FixDeclaration("E_USAGE", problem="--reason", command=command)
    refuse_number(reason)


def check_workable(case: Standing) -> None:
    """Stop E_CASE_STATE where the case is settled or closed."""
    if case.state not in work.WORKABLE:
        state = {language: label("state", case.state, language=language) for language in ("ja", "en")}
        raise Stop("E_CASE_STATE", case=_number(case.case_id), state=state)


# one transaction ----------------------------------------------------------------------------------


def _one(connection: sa.Connection, case_id: int, *, seen: int | None) -> Standing:
    found = work.standing(connection, [case_id])
    if not found:
        raise unknown(_CASE, _number(case_id))
    if seen is not None and seen != found[0].last_event:
        raise Stop("E_CASE_CHANGED", case=_number(case_id), seen=seen, last=found[0].last_event)
    return found[0]


def at_the_desk(
    project: Project,
    act: Act,
    cases: Collection[int],
    *,
    actor: str,
    why: str | None = None,
    clock: Clock | None,
) -> Worked:
    """Do an act in one transaction with its audit events; a refusal is on the trail too."""
    with desk_of(project, actor=actor, clock=clock) as (engine, open_desk):
        try:
            with engine.begin() as connection:
                work.work_alone(connection)
                desk = open_desk(work.new_act(connection))
                if cases and not _meets(project, connection, cases, actor):
                    raise unknown(_CASE, _number(next(iter(cases))))
                steps = act(connection, desk)
                for step in steps:
                    _tell(connection, desk, step, why=why)
        except RenkeiError as refused:
            detail = {"code": refused.code, "cases": sorted(cases)}
            with engine.begin() as connection:
                events.record(connection, action="case.refused", actor=actor, object="case:-", detail=detail)
            raise
    return Worked(
        act_id=desk.act_id,
        kind=steps[0].kind if steps else "",
        cases=tuple(step.case_id for step in steps),
        events=tuple(step.event_id for step in steps),
    )


@contextmanager
def desk_of(
    project: Project, *, actor: str, clock: Clock | None
) -> Iterator[tuple[sa.Engine, Callable[[int], Desk]]]:
    """The registry, and a desk for an act's number: who, when, and the city's day."""
    now = (clock or SystemClock()).now()
    engine = store.connect(store.url_of(project.var))
    try:
        zone = in_force(project, engine=engine, founds=False).config.time_zone
        day = now.astimezone(ZoneInfo(zone)).date()
        yield engine, lambda act_id: Desk(actor=actor, now=now, day=day, act_id=act_id)
    finally:
        engine.dispose()


def _meets(project: Project, connection: sa.Connection, cases: Collection[int], actor: str) -> bool:
    """True when all are there and about nobody who is restricted, or the actor has the right."""
    ruling = in_force(project, engine=connection.engine, founds=False)
    if person_of(actor) in ruling.config.decide_restricted:
        return True
    return views.shown_cases(connection, cases) == frozenset(cases)


def _tell(connection: sa.Connection, desk: Desk, step: Step, *, why: str | None) -> None:
    detail: Mapping[str, Any] = {
        "event": step.event_id,
        "kind": step.kind,
        "act": desk.act_id,
        "reason_sha256": sha256(why.encode()).hexdigest() if why else None,
        **step.about,
    }
    action = "case.decided" if step.kind == "decided" else "case.worked"
    events.record(connection, action=action, actor=desk.actor, object=f"case:{step.case_id}", detail=detail)


def _number(case_id: int) -> str:
    return f"C-{case_id:06}"


def unknown(kind: Mapping[str, str], name: str) -> FixDeclaration:
    """E_NOT_FOUND, for what is not there or not for this person."""
    return FixDeclaration("E_NOT_FOUND", kind=kind, name=name, nearest="renkei cases list")
