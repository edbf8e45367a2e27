"""decide: what people say of two records, as data that outranks every rule and can be taken back exactly.

One transaction carries the decision, the links, the golden records and the audit event. Whether it does its
work at once or waits for a second person is in ``renkei.toml`` (``[decisions]``); what it would do is worked
out for real in either case, and told.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from renkei.audit import events
from renkei.clock import Clock, SystemClock
from renkei.errors import FixDeclaration, RenkeiError, Stop
from renkei.failpoint import failpoint
from renkei.project import Project
from renkei.registry import decision_effect, decisions, golden, identity, store
from renkei.registry.decision_effect import Effect
from renkei.registry.decisions import Decision, Kind, State
from renkei.vault.typed import refuse_number
from renkei.workflow.apply import same_person
from renkei.workflow.decide_whom import (
    Desk,
    as_judged,
    kind_of,
    not_found,
    not_yet_said,
    pairs_of,
    refuse_contradiction,
    taken_of,
)
from renkei.workflow.in_force import in_force

#: Why a decision or its withdrawal waits for a second person.
WAITS, JOINS_PROTECTED = "E_DECISION_WAITS", "E_JOINS_PROTECTED"


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What became of an act: ``code`` says why it waits; ``effect`` is what it did, or would do.

    A ``dry_run`` has no number where the decision is new.
    """

    number: int | None
    kind: Kind
    state: State
    code: str | None
    effect: Effect
    dry_run: bool


def decide(
    project: Project,
    kind: Kind,
    names: Sequence[str],
    *,
    actor: str,
    reason: str,
    group: str | None = None,
    dry_run: bool = False,
    clock: Clock | None = None,
) -> Decided:
    """Take a decision about records (``feed:key``) or residents (a number: its oldest record).

    `different` takes two records, or a resident and those of its records that part from the rest; `value` a
    resident, a ``group`` and the record that fills it. FixDeclaration E_NOT_FOUND (also for a restricted
    person, without the right); Stop E_DECISION_CONTRADICTS, E_DECISION_STANDS, E_DECISION_NO_VALUE.
    """

    def act(desk: Desk, connection: sa.Connection) -> Decided:
        pairs = pairs_of(connection, desk, kind, names, group=group)
        pairs = not_yet_said(connection, kind, pairs, group=group)
        refuse_contradiction(connection, kind, pairs, group=group)
        number = decisions.write(
            connection, kind, pairs, author=actor, reason=reason, now=desk.now, field_group=group
        )
        taken = decisions.act(connection, number)
        effect, code = _tried(
            desk, connection, taken, lambda: _put_in_force(desk, connection, taken),
            unknown=not_found(kind_of(names[0]), names[0]),
        )  # fmt: skip
        return _told(desk, connection, taken, effect, code, new=True)

    return _at_the_desk(project, act, actor=actor, about=kind, why=reason, dry_run=dry_run, clock=clock)


def approve_decision(
    project: Project, number: int, *, actor: str, dry_run: bool = False, clock: Clock | None = None
) -> Decided:
    """Let what waits happen: a decision, or the withdrawal of one; by another person than who asked for it.

    Stop E_DECISION_SAME_PERSON, E_DECISION_SETTLED, E_DECISION_CONTRADICTS.
    """

    def act(desk: Desk, connection: sa.Connection) -> Decided:
        taken = taken_of(connection, desk, number, expected=("waiting", "withdrawing"))
        first = taken[0]
        if first.state == "waiting":
            pairs = [as_judged(connection, each) for each in taken]
            refuse_contradiction(connection, first.kind, pairs, group=first.field_group)

        def happen() -> None:
            if first.state == "waiting":
                _put_in_force(desk, connection, taken, approved_by=actor)
            else:
                _end(desk, connection, taken, approved_by=actor)

        asker = first.author if first.state == "waiting" else first.withdrawn_by or ""
        is_alone = same_person(asker, actor)
        effect, code = _tried(desk, connection, taken, happen, second=not is_alone)
        if code is not None and not dry_run:
            raise Stop("E_DECISION_SAME_PERSON", decision=first.act_id)
        return _told(desk, connection, taken, effect, code)

    return _at_the_desk(project, act, actor=actor, about="approve", dry_run=dry_run, clock=clock)


def withdraw_decision(
    project: Project,
    number: int,
    *,
    actor: str,
    reason: str,
    dry_run: bool = False,
    clock: Clock | None = None,
) -> Decided:
    """Take a decision back: there is then exactly what there would have been without it.

    One that waits is withdrawn at once, for it has done nothing. Stop E_DECISION_SETTLED.
    """

    def act(desk: Desk, connection: sa.Connection) -> Decided:
        taken = taken_of(connection, desk, number, expected=("waiting", "in_force"))
        if taken[0].state == "waiting":
            _end_unborn(desk, connection, taken, reason=reason)
            return _told(desk, connection, taken, Effect(), None)
        decisions.ask_withdrawal(connection, taken, by=actor, reason=reason, now=desk.now)
        effect, code = _tried(desk, connection, taken, lambda: _end(desk, connection, taken))
        return _told(desk, connection, taken, effect, code)

    return _at_the_desk(project, act, actor=actor, about="withdraw", why=reason, dry_run=dry_run, clock=clock)


def refuse_decision(
    project: Project, number: int, *, actor: str, reason: str, clock: Clock | None = None
) -> Decided:
    """Say no to what waits: a decision ends without having been in force, a withdrawal leaves it in force.

    Who asked may take it back so. Stop E_DECISION_SETTLED.
    """

    def act(desk: Desk, connection: sa.Connection) -> Decided:
        taken = taken_of(connection, desk, number, expected=("waiting", "withdrawing"))
        if taken[0].state == "waiting":
            _end_unborn(desk, connection, taken, reason=reason)
        else:
            decisions.keep(connection, taken)
        return _told(desk, connection, taken, Effect(), None, reason=reason)

    return _at_the_desk(project, act, actor=actor, about="refuse", why=reason, clock=clock)


# one transaction ----------------------------------------------------------------------------------


@contextmanager
def _desk(project: Project, *, actor: str, dry_run: bool, clock: Clock | None) -> Iterator[Desk]:
    clock = clock or SystemClock()
    engine = store.connect(store.url_of(project.var))
    try:
        ruling = in_force(project, engine=engine, actor=actor, clock=clock)
        yield Desk(project=ruling, engine=engine, actor=actor, now=clock.now(), dry_run=dry_run)
    finally:
        engine.dispose()


def _at_the_desk(
    project: Project,
    act: Callable[[Desk, sa.Connection], Decided],
    *,
    actor: str,
    about: str,
    why: str | None = None,
    dry_run: bool = False,
    clock: Clock | None,
) -> Decided:
    if why is not None and not why.strip():
        raise FixDeclaration("E_USAGE", problem="--reason", command="renkei decide")
    refuse_number(why)
    with _desk(project, actor=actor, dry_run=dry_run, clock=clock) as desk:
        try:
            with desk.engine.connect() as connection, connection.begin() as transaction:
                identity.one_linker(connection)
                decision_effect.expect_few(connection)
                made = act(desk, connection)
                if dry_run:
                    transaction.rollback()
                else:
                    failpoint("decide.before_commit")
            failpoint("decide.after_commit")
            return made
        except RenkeiError as refused:
            _tell_refused(desk, about, refused)
            raise


def _tell_refused(desk: Desk, about: str, refused: RenkeiError) -> None:
    """That it was tried is part of the trail, without whose records it was about."""
    detail = {"verb": about, "code": refused.code, "decision": refused.facts.get("decision")}
    with desk.engine.begin() as connection:
        events.record(
            connection, action="decision.refused", actor=desk.actor, object="decision:-", detail=detail
        )


def _told(
    desk: Desk,
    connection: sa.Connection,
    taken: Sequence[Decision],
    effect: Effect,
    code: str | None,
    *,
    new: bool = False,
    reason: str | None = None,
) -> Decided:
    """The act as it stands now, and its audit event."""
    now = decisions.act(connection, taken[0].act_id)
    first = now[0]
    why = reason or (first.withdrawn_reason if first.withdrawn_by else first.reason) or ""
    detail = {
        "kind": first.kind,
        "was": None if new else taken[0].state,
        "state": first.state,
        "decisions": [each.decision_id for each in now],
        "homes": [list(each.homes) for each in now],
        "group": first.field_group,
        "author": first.author,
        "code": code,
        "reason_sha256": sha256(why.encode()).hexdigest(),
        "joined": [[each.resident_id, list(each.of)] for each in effect.joined],
        "parted": [[each.resident_id, list(each.into)] for each in effect.parted],
        "happened": code is None,
    }
    events.record(
        connection, action="decision.told" if new else "decision.moved", actor=desk.actor,
        object=f"decision:{first.act_id}", detail=detail,
    )  # fmt: skip
    return Decided(
        number=None if new and desk.dry_run else first.act_id,
        kind=first.kind,
        state=first.state,
        code=code,
        effect=effect,
        dry_run=desk.dry_run,
    )


# what it does, and whether one person is enough ---------------------------------------------------


def _put_in_force(
    desk: Desk, connection: sa.Connection, taken: Sequence[Decision], *, approved_by: str | None = None
) -> None:
    decisions.put_in_force(connection, taken, approved_by=approved_by, now=desk.now)


def _end(
    desk: Desk, connection: sa.Connection, taken: Sequence[Decision], *, approved_by: str | None = None
) -> None:
    decisions.end(connection, taken, approved_by=approved_by, now=desk.now)
    decisions.reopen_candidates(connection, taken)


def _end_unborn(desk: Desk, connection: sa.Connection, taken: Sequence[Decision], *, reason: str) -> None:
    decisions.ask_withdrawal(connection, taken, by=desk.actor, reason=reason, now=desk.now)
    decisions.end(connection, taken, approved_by=None, now=desk.now)


def _tried(
    desk: Desk,
    connection: sa.Connection,
    taken: Sequence[Decision],
    happen: Callable[[], None],
    *,
    second: bool = False,
    unknown: FixDeclaration | None = None,
) -> tuple[Effect, str | None]:
    """Do it, look what it did, and undo it again where it waits for a ``second`` person.

    What would reach somebody who is not to be met here is answered as ``unknown``.
    """
    trial = connection.begin_nested()
    happen()
    effect = _effect(desk, connection, taken)
    if not desk.may_meet(effect.residents):
        raise unknown or not_found("decision", str(taken[0].act_id))
    code = None if second else _waits_for(desk, taken, effect)
    if code is None:
        decisions.close_candidates(connection, _in_force(connection, taken), now=desk.now)
        trial.commit()
    else:
        trial.rollback()
        decisions.wait_for(connection, taken, code)
    return effect, code


def _in_force(connection: sa.Connection, taken: Sequence[Decision]) -> list[Decision]:
    now = decisions.act(connection, taken[0].act_id)
    return [each for each in now if each.state == "in_force"]


def _effect(desk: Desk, connection: sa.Connection, taken: Sequence[Decision]) -> Effect:
    if taken[0].kind == "cannot_say":
        return Effect()
    homes = {home for each in taken for home in each.homes}
    config = desk.project.config
    residents = decision_effect.take_effect(
        connection, homes, trust=_trust(desk), now=desk.now, refuse=config.refuse_contradictions
    )
    with desk.engine.connect() as before:
        return decision_effect.compare(before, connection, residents)


def _trust(desk: Desk) -> dict[str, tuple[str, ...]]:
    day = desk.now.astimezone(ZoneInfo(desk.project.config.time_zone)).date()
    return {
        group: desk.project.trusted(fields[0], group=group, day=day)
        for group, fields in golden.GROUPS.items()
    }


def _waits_for(desk: Desk, taken: Sequence[Decision], effect: Effect) -> str | None:
    """Why one person is not enough; None when one is."""
    first = taken[0]
    was_told = first.state == "waiting" and first.seen.get("waits") == JOINS_PROTECTED
    if was_told or _joins_protected(desk, effect):
        return JOINS_PROTECTED
    is_new_and_harmless = first.kind == "cannot_say" and first.state == "waiting"
    one_is_enough = desk.project.config.decisions_approval == "one person"
    if is_new_and_harmless or (one_is_enough and not _parts_protected(desk, effect)):
        return None
    return WAITS


def _parts_protected(desk: Desk, effect: Effect) -> bool:
    """True when a restricted resident's records part: one of the parts may be free afterwards."""
    return bool(desk.restricted({parted.resident_id for parted in effect.parted}))


def _joins_protected(desk: Desk, effect: Effect) -> bool:
    """True when residents of different addresses become one and any of them is restricted.

    An address that nobody knows differs from every other.
    """
    restricted = desk.restricted({each for joined in effect.joined for each in joined.of})
    doubtful = [joined.of for joined in effect.joined if restricted.intersection(joined.of)]
    if not doubtful:
        return False
    with desk.engine.connect() as before:
        places = decision_effect.addresses(before, {each for of in doubtful for each in of})
    return any(not _one_place([places.get(each) for each in of]) for of in doubtful)


def _one_place(places: Sequence[str | None]) -> bool:
    return None not in places and len(set(places)) == 1
