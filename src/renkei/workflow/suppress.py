"""suppress, approve, turn down, lift: a rule set aside for a while, by two people, and never out of sight."""

from collections.abc import Callable, Collection
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from renkei.audit import events
from renkei.clock import Clock
from renkei.errors import FixDeclaration, RenkeiError, Stop
from renkei.project import Project
from renkei.reconcile import suppress, work
from renkei.reconcile.suppress import Scope, Suppression
from renkei.reconcile.work import Desk
from renkei.vault.typed import refuse_number
from renkei.workflow.apply import same_person
from renkei.workflow.case_work import desk_of
from renkei.workflow.clusters import alike
from renkei.workflow.decide_whom import person_of, restricted_among
from renkei.workflow.in_force import in_force

#: The longest term, the day of asking not counted; the database allows no more than a calendar year.
LONGEST = timedelta(days=365)
_NAME = {"ja": "抑止", "en": "suppression"}


def suppress_case(
    project: Project,
    case_id: int,
    *,
    reason: str,
    until: date,
    actor: str,
    rule: str | None = None,
    clock: Clock | None = None,
) -> Suppression:
    """Ask that a rule (the case's own) be set aside for the case's subject, to ``until`` inclusive."""

    def scope(connection: sa.Connection, _: Desk) -> Scope:
        found = work.standing(connection, [case_id])
        if not found or not _meets(project, connection, found[0].subject_kind, found[0].subject_id, actor):
            kind = {"ja": "案件", "en": "case"}
            raise FixDeclaration(
                "E_NOT_FOUND", kind=kind, name=f"C-{case_id:06}", nearest="renkei cases list"
            )
        case = found[0]
        return Scope(rule_id=rule or case.rule_id, subject_kind=case.subject_kind, subject_id=case.subject_id)

    return _ask(project, scope, reason=reason, until=until, actor=actor, clock=clock)


def suppress_class(
    project: Project,
    rule: str,
    class_: str,
    *,
    place: str | None = None,
    reason: str,
    until: date,
    actor: str,
    clock: Clock | None = None,
) -> Suppression:
    """Ask that a rule be set aside for a class of differences, everywhere or in one place."""
    wanted = Scope(rule_id=rule, class_=class_, place=place)
    return _ask(project, lambda *_: wanted, reason=reason, until=until, actor=actor, clock=clock)


def suppress_cluster(
    project: Project, cluster: str, *, reason: str, until: date, actor: str, clock: Clock | None = None
) -> Suppression:
    """Ask that what a proposal (``renkei cases clusters``) has in common be set aside."""

    def scope(connection: sa.Connection, desk: Desk) -> Scope:
        rule, class_, place = alike(connection, cluster, day=desk.day)
        return Scope(rule_id=rule, class_=class_, place=place)

    return _ask(project, scope, reason=reason, until=until, actor=actor, clock=clock)


def approve_suppression(
    project: Project, suppression_id: int, *, actor: str, clock: Clock | None = None
) -> Suppression:
    """Bring into force what another person asked for. Stop E_SUPPRESSION_SAME_PERSON, E_SUPPRESSION_STATE."""

    def act(connection: sa.Connection, desk: Desk) -> int:
        asked = _expect(connection, project, desk, suppression_id, states=("waiting",))
        if same_person(asked.asked_by, actor):
            raise Stop("E_SUPPRESSION_SAME_PERSON", suppression=suppression_id)
        suppress.approve(connection, suppression_id, by=actor, now=desk.now)
        return suppression_id

    return _at_the_desk(project, act, verb="approved", actor=actor, clock=clock)


def refuse_suppression(
    project: Project, suppression_id: int, *, reason: str, actor: str, clock: Clock | None = None
) -> Suppression:
    """Say no to what waits; who asked may take it back so."""

    def act(connection: sa.Connection, desk: Desk) -> int:
        _expect(connection, project, desk, suppression_id, states=("waiting",))
        suppress.end(
            connection, suppression_id, ended_as="turned_down", reason=reason, by=actor, now=desk.now
        )
        return suppression_id

    return _at_the_desk(project, act, verb="turned_down", why=reason, actor=actor, clock=clock)


def lift_suppression(
    project: Project, suppression_id: int, *, reason: str, actor: str, clock: Clock | None = None
) -> Suppression:
    """End one before its last day; one person is enough, for it only shows more. Stop E_SUPPRESSION_STATE."""

    def act(connection: sa.Connection, desk: Desk) -> int:
        _expect(connection, project, desk, suppression_id, states=("in_force",))
        suppress.end(connection, suppression_id, ended_as="lifted", reason=reason, by=actor, now=desk.now)
        return suppression_id

    return _at_the_desk(project, act, verb="lifted", why=reason, actor=actor, clock=clock)


def suppressions(project: Project, *, actor: str, after: int = 0, limit: int = 50) -> tuple[Suppression, ...]:
    """Those that wait, are in force or ran out; of restricted persons only for who has the right."""
    with desk_of(project, actor=actor, clock=None) as (engine, _), engine.connect() as connection:
        found = suppress.listed(connection, after=after, limit=limit)
        residents = {int(each.scope.subject_id or 0) for each in found if _is_of_resident(each)}
        hidden = _hidden(project, connection, residents, actor)
    return tuple(
        each for each in found if not _is_of_resident(each) or int(each.scope.subject_id or 0) not in hidden
    )


def _ask(
    project: Project,
    scope_of: Callable[[sa.Connection, Desk], Scope],
    *,
    reason: str,
    until: date,
    actor: str,
    clock: Clock | None,
) -> Suppression:
    def act(connection: sa.Connection, desk: Desk) -> int:
        if not desk.day < until <= desk.day + LONGEST:
            raise Stop("E_SUPPRESSION_TERM", until=until.isoformat())
        scope = scope_of(connection, desk)
        if not suppress.reached(connection, scope):
            raise _not_found(f"{scope.rule_id} {scope.class_ or ''}".strip(), _OPEN)
        return suppress.ask(
            connection, scope, reason=reason, until=until, by=actor, day=desk.day, now=desk.now
        )

    return _at_the_desk(project, act, verb="asked", why=reason, actor=actor, clock=clock)


_OPEN = {"ja": "これに当たる開いた不一致", "en": "open difference of this kind"}


def _expect(
    connection: sa.Connection, project: Project, desk: Desk, number: int, *, states: Collection[str]
) -> Suppression:
    found = suppress.found(connection, number, lock=True)
    subject = (found.scope.subject_kind or "", found.scope.subject_id or "") if found else ("", "")
    if found is None or not _meets(project, connection, *subject, desk.actor):
        raise _not_found(str(number), _NAME)
    state = found.state(desk.day)
    if state not in states:
        ja, en = suppress.STATES[state]
        raise Stop("E_SUPPRESSION_STATE", suppression=number, state={"ja": ja, "en": en})
    return found


def _at_the_desk(
    project: Project,
    act: Callable[[sa.Connection, Desk], int],
    *,
    verb: str,
    actor: str,
    why: str | None = None,
    clock: Clock | None,
) -> Suppression:
    if why is not None and not why.strip():
        raise FixDeclaration("E_USAGE", problem="--reason", command="renkei cases suppress")
    refuse_number(why)
    with desk_of(project, actor=actor, clock=clock) as (engine, open_desk):
        try:
            with engine.begin() as connection:
                work.work_alone(connection)
                number = act(connection, open_desk(0))
                made = suppress.found(connection, number)
                assert made is not None  # it was just written
                _tell(connection, verb, made, actor=actor, why=why)
                return made
        except RenkeiError as refused:
            detail = {"verb": verb, "code": refused.code}
            with engine.begin() as connection:
                events.record(
                    connection, action="suppression.refused", actor=actor, object="suppression:-",
                    detail=detail,
                )  # fmt: skip
            raise


def _tell(connection: sa.Connection, verb: str, made: Suppression, *, actor: str, why: str | None) -> None:
    scope = made.scope
    detail: dict[str, Any] = {
        "rule_id": scope.rule_id,
        "subject": f"{scope.subject_kind}:{scope.subject_id}" if scope.subject_id else None,
        "class": scope.class_,
        "place_sha256": sha256(scope.place.encode()).hexdigest() if scope.place else None,
        "expires_on": made.expires_on.isoformat(),
        "asked_by": made.asked_by,
        "cases": made.cases,
        "reason_sha256": sha256(why.encode()).hexdigest() if why else None,
    }
    events.record(
        connection, action=f"suppression.{verb}", actor=actor, object=f"suppression:{made.suppression_id}",
        detail=detail,
    )  # fmt: skip


def _is_of_resident(each: Suppression) -> bool:
    return each.scope.subject_kind == "resident"


def _meets(project: Project, connection: sa.Connection, kind: str, subject: str, actor: str) -> bool:
    return kind != "resident" or not _hidden(project, connection, {int(subject)}, actor)


def _hidden(
    project: Project, connection: sa.Connection, residents: Collection[int], actor: str
) -> frozenset[int]:
    ruling = in_force(project, engine=connection.engine, founds=False)
    if not residents or person_of(actor) in ruling.config.decide_restricted:
        return frozenset()
    return restricted_among(connection, residents)


def _not_found(name: str, kind: dict[str, str]) -> FixDeclaration:
    return FixDeclaration("E_NOT_FOUND", kind=kind, name=name, nearest="renkei cases suppressions")
