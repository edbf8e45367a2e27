"""apply: put a planned text in force, by another person than its author, on the data it was planned on."""

import re

import sqlalchemy as sa

from renkei.audit import events
from renkei.clock import Clock, SystemClock
from renkei.errors import FixDeclaration, RenkeiError, Stop
from renkei.landing import Landing
from renkei.project import Project
from renkei.registry import declarations, store
from renkei.registry.declarations import Declaration, PlanRow
from renkei.vault.typed import refuse_number
from renkei.workflow.in_force import of_archive

_ACTOR = re.compile(r"(?:[a-z]+:)?(?:(?P<person>[^>]+)>)?(?P<account>[^>]+)")


def apply(
    project: Project,
    plan_id: int,
    *,
    actor: str,
    reason: str = "",
    over_limit: str | None = None,
    clock: Clock | None = None,
) -> Declaration:
    """Close what is in force and open what was planned, in one transaction with its audit event.

    What is applied is the archive that was planned. Stop E_SAME_PERSON (the author may not approve),
    E_OVER_LIMIT (more would change than the limit, and ``over_limit`` gives no reason), E_PLAN_SETTLED;
    E_PLAN_STALE when another text is in force by now, a feed has moved on, or the archive is damaged.
    FixDeclaration E_NUMBER_TYPED where a reason holds an individual number.
    """
    refuse_number(reason, over_limit)
    clock = clock or SystemClock()
    engine = store.connect(store.url_of(project.var))
    try:
        try:
            with engine.begin() as connection:
                plan, base = _open(connection, plan_id)
                _check_person(_approval(project, base), plan, actor)
                _check_limit(plan, over_limit)
                declarations.hold_data(connection)
                _check_fresh(connection, project, plan, base)
                return _put_in_force(
                    connection, plan, base, actor=actor, reason=reason, over_limit=over_limit, clock=clock
                )
        except RenkeiError as refused:
            _tell_refused(engine, plan_id, refused, actor=actor, clock=clock)
            raise
    finally:
        engine.dispose()


def refuse(project: Project, plan_id: int, *, actor: str, reason: str, clock: Clock | None = None) -> PlanRow:
    """Say no to an open plan, for a reason; it can then not be applied. Its author may withdraw it so."""
    refuse_number(reason)
    clock = clock or SystemClock()
    engine = store.connect(store.url_of(project.var))
    try:
        with engine.begin() as connection:
            plan, _ = _open(connection, plan_id)
            declarations.settle(connection, plan_id, "refused", by=actor, now=clock.now())
            detail = {"author": plan.author, "digest": plan.digest, "reason": reason}
            events.record(
                connection, action="plan.refused", actor=actor, object=f"plan:{plan_id}", detail=detail
            )
        return plan
    finally:
        engine.dispose()


def same_person(one: str, other: str) -> bool:
    """True unless the two accounts surely belong to two people.

    Who came by sudo is the person behind the account; whoever signed in to that account itself may be anybody
    who can reach it, also the one who came by sudo.
    """
    me, other_one = _ACTOR.fullmatch(one), _ACTOR.fullmatch(other)
    if me is None or other_one is None:  # nobody can say who that is
        return True
    (mine, account), (theirs, their_account) = me.groups(), other_one.groups()
    if mine and theirs:
        return mine == theirs
    if not mine and not theirs:
        return account == their_account
    named, behind, direct = (mine, account, their_account) if mine else (theirs, their_account, account)
    return direct in (named, behind)


def _open(connection: sa.Connection, plan_id: int) -> tuple[PlanRow, Declaration | None]:
    base = declarations.current(connection, lock=True)
    plan = declarations.plan(connection, plan_id, lock=True)
    if plan is None:
        raise FixDeclaration("E_NOT_FOUND", kind="plan", name=str(plan_id), nearest="renkei plan --list")
    if plan.state == "expired":
        raise Stop("E_PLAN_STALE", plan=plan_id)
    if plan.state != "open":
        raise Stop(
            "E_PLAN_SETTLED",
            plan=plan_id,
            state=dict(zip(("ja", "en"), plan.state_said, strict=True)),
        )
    return plan, base


def _approval(project: Project, base: Declaration | None) -> str:
    """What the text in force asks for; the draft and the plan have no say in it."""
    if base is None:
        raise FixDeclaration("E_NOTHING_IN_FORCE")
    ruling = of_archive(project, digest=base.digest, sha256=base.object, in_force=base.declaration_id)
    if ruling.config.approval == "none":
        raise FixDeclaration("E_NOTHING_IN_FORCE")
    return ruling.config.approval


def _check_person(approval: str, plan: PlanRow, actor: str) -> None:
    if approval == "two people" and same_person(plan.author, actor):
        raise Stop("E_SAME_PERSON", plan=plan.plan_id)


def _check_limit(plan: PlanRow, over_limit: str | None) -> None:
    if plan.is_over and not over_limit:
        over = [feed["feed"] for feed in plan.result["feeds"] if feed["is_over"]]
        raise Stop("E_OVER_LIMIT", plan=plan.plan_id, feeds=", ".join(over))


def _check_fresh(
    connection: sa.Connection, project: Project, plan: PlanRow, base: Declaration | None
) -> None:
    is_whole = Landing(project.var / "landing").verify(plan.object)
    same_base = base is not None and base.digest == plan.base_digest
    if not is_whole or not same_base or declarations.units(connection) != dict(plan.data):
        raise Stop("E_PLAN_STALE", plan=plan.plan_id)


def _put_in_force(
    connection: sa.Connection, plan: PlanRow, base: Declaration | None, *, actor: str, reason: str,
    over_limit: str | None, clock: Clock,
) -> Declaration:  # fmt: skip
    now = clock.now()
    why = "\n".join(filter(None, (plan.reason, reason)))
    over = over_limit if plan.is_over else None
    made = declarations.put_in_force(
        connection, plan, approved_by=actor, reason=why, over_limit=over, now=now
    )
    declarations.settle(connection, plan.plan_id, "applied", by=actor, now=now)
    declarations.expire_others(connection, plan.plan_id, by=actor, now=now)
    detail = {
        "plan": plan.plan_id, "author": plan.author, "approver": actor, "reason": why, "over_limit": over,
        "before": base.digest if base else None, "digest": made.digest, "archive": made.object,
    }  # fmt: skip
    events.record(
        connection, action="declarations.applied", actor=actor,
        object=f"declaration:{made.declaration_id}", detail=detail,
    )  # fmt: skip
    return made


def _tell_refused(engine: sa.Engine, plan_id: int, refused: RenkeiError, *, actor: str, clock: Clock) -> None:
    """That it was tried is part of the trail; a plan that is out of date is closed."""
    if refused.code == "E_NOT_FOUND":
        return
    with engine.begin() as connection:
        if refused.code == "E_PLAN_STALE":
            declarations.settle(connection, plan_id, "expired", by=actor, now=clock.now())
        events.record(
            connection, action="apply.refused", actor=actor, object=f"plan:{plan_id}",
            detail={"code": refused.code},
        )  # fmt: skip
