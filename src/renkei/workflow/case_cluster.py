"""One outcome for every case of a proposal: at once, or, for many cases, when a second person approves it."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

import sqlalchemy as sa

from renkei.audit import events
from renkei.clock import Clock
from renkei.errors import FixDeclaration, Stop
from renkei.project import Project
from renkei.reconcile import asked, work
from renkei.reconcile.asked import AskedAct
from renkei.reconcile.work import Desk, Standing, Step
from renkei.workflow.apply import same_person
from renkei.workflow.case_work import (
    Judgement,
    Worked,
    at_the_desk,
    check_judgement,
    check_reason,
    check_sides,
    check_workable,
    give_outcome,
    unknown,
)
from renkei.workflow.clusters import members
from renkei.workflow.in_force import in_force


def settle_cluster(
    project: Project, cluster: str, judged: Judgement, *, actor: str, clock: Clock | None = None
) -> Worked:
    """Give every case of a proposal one outcome: one event a case, one act.

    Its number stands for exactly the cases that were proposed, as they stood: Stop E_CLUSTER_CHANGED when one
    of them has changed, has gone or has come. No restricted person is ever among them. More cases than
    ``[cases] alone`` allows wait for another person (``asked``): Stop E_CLUSTER_WAITS when they do already.
    """
    check_judgement(judged)
    if judged.record is not None:
        raise FixDeclaration("E_USAGE", problem="--as", command="renkei cases close --cluster")
    waits: list[int] = []
    found: list[int] = []

    def act(connection: sa.Connection, desk: Desk) -> tuple[Step, ...]:
        cases = _cases(connection, desk, cluster)
        found.extend(case.case_id for case in cases)
        if len(cases) <= in_force(project, engine=connection.engine, founds=False).config.cases_alone:
            return give_outcome(connection, desk, cases, judged)
        waits.append(_ask(connection, desk, cluster, cases, judged))
        return ()

    worked = at_the_desk(project, act, (), actor=actor, why=judged.reason, clock=clock)
    return replace(worked, kind="asked", asked=waits[0], cases=tuple(found)) if waits else worked


def _ask(
    connection: sa.Connection, desk: Desk, cluster: str, cases: Sequence[Standing], judged: Judgement
) -> int:
    check_sides(cases, judged)
    standing = asked.waiting(connection, cluster=cluster)
    if standing:
        raise Stop("E_CLUSTER_WAITS", cluster=cluster, number=standing[0].asked_act_id)
    values = {
        "cluster": cluster, "cases": len(cases), "outcome": judged.outcome, "right_feed": judged.right,
        "wrong_feed": judged.wrong, "days": judged.days, "reason": judged.reason or None,
    }  # fmt: skip
    made = asked.ask(connection, values, by=desk.actor, now=desk.now)
    _tell(connection, "asked", made, actor=desk.actor, why=judged.reason)
    return made.asked_act_id


def approve_cluster(project: Project, number: int, *, actor: str, clock: Clock | None = None) -> Worked:
    """Let happen what another person asked for: each case has the step of who asked, approved by this one.

    Stop E_CLUSTER_SAME_PERSON, E_CLUSTER_STATE; E_CLUSTER_CHANGED when a case has changed since, has come or
    has gone, or a person of them is restricted by now.
    """

    def act(connection: sa.Connection, desk: Desk) -> tuple[Step, ...]:
        made = _waiting(connection, number)
        if same_person(made.asked_by, actor):
            raise Stop("E_CLUSTER_SAME_PERSON", number=number)
        judged = Judgement(
            outcome=made.outcome, reason=made.reason, right=made.right_feed, wrong=made.wrong_feed,
            days=made.days,
        )  # fmt: skip
        cases = _cases(connection, desk, made.cluster)
        asker = replace(desk, actor=made.asked_by)
        steps = give_outcome(connection, asker, cases, judged, approved_by=actor)
        asked.approve(connection, number, by=actor, now=desk.now, act_id=desk.act_id)
        _tell(connection, "approved", made, actor=actor, act=desk.act_id)
        return steps

    return at_the_desk(project, act, (), actor=actor, clock=clock)


def refuse_cluster(
    project: Project, number: int, *, reason: str, actor: str, clock: Clock | None = None
) -> Worked:
    """Say no to what waits; who asked may take it back so. No case is changed. Stop E_CLUSTER_STATE."""
    check_reason(reason, command="renkei cases approve --refuse")

    def act(connection: sa.Connection, desk: Desk) -> tuple[Step, ...]:
        _waiting(connection, number)
        made = asked.refuse(connection, number, by=actor, now=desk.now, reason=reason)
        _tell(connection, "turned_down", made, actor=actor, why=reason)
        return ()

    worked = at_the_desk(project, act, (), actor=actor, why=reason, clock=clock)
    return replace(worked, kind="turned_down", asked=number)


def waiting(engine: sa.Engine) -> tuple[AskedAct, ...]:
    """What waits for a second person, by number."""
    with engine.connect() as connection:
        return asked.waiting(connection)


def is_asked(engine: sa.Engine, number: int) -> bool:
    """True where the number is that of an act over many cases; else it may be a suppression's."""
    with engine.connect() as connection:
        return asked.found(connection, number) is not None


def _cases(connection: sa.Connection, desk: Desk, cluster: str) -> tuple[Standing, ...]:
    cases = work.standing(connection, members(connection, cluster, day=desk.day))
    for case in cases:
        check_workable(case)
    return cases


def _waiting(connection: sa.Connection, number: int) -> AskedAct:
    made = asked.found(connection, number, lock=True)
    if made is None:
        raise unknown({"ja": "承認待ちの操作", "en": "act that waits for approval"}, str(number))
    if made.state != "waiting":
        ja, en = asked.STATES[made.state]
        raise Stop("E_CLUSTER_STATE", number=number, state={"ja": ja, "en": en})
    return made


def _tell(
    connection: sa.Connection,
    verb: str,
    made: AskedAct,
    *,
    actor: str,
    why: str | None = None,
    act: int | None = None,
) -> None:
    detail = {
        "cluster": made.cluster,
        "cases": made.cases,
        "outcome": made.outcome,
        "asked_by": made.asked_by,
        "act": act,
        "reason_sha256": sha256(why.encode()).hexdigest() if why else None,
    }
    place = f"cluster:{made.asked_act_id}"
    events.record(connection, action=f"cluster.{verb}", actor=actor, object=place, detail=detail)
