"""list, ask, approve, refuse: the end of a protection (支援措置) by two people, always."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from renkei.audit import events
from renkei.clock import Clock, SystemClock
from renkei.errors import FixDeclaration, RenkeiError, Stop
from renkei.project import Project
from renkei.registry import golden, identity, protection, store
from renkei.registry.protection import Protection
from renkei.vault.typed import refuse_number
from renkei.workflow.apply import same_person
from renkei.workflow.in_force import in_force

_STATES = {
    "closed": {"ja": "すでに解除済み、または新しい措置に引き継がれた", "en": "no longer in force"},
    "asked": {"ja": "解除の承認待ち", "en": "its end waits for approval"},
    "unasked": {"ja": "解除の申し出がない", "en": "nobody has asked for its end"},
}


def listed(
    project: Project, *, ending: bool = False, after: int = 0, limit: int = 50
) -> tuple[Protection, ...]:
    """Marks in force by id; with ``ending`` those whose source no longer says so."""
    engine = store.connect(store.url_of(project.var))
    try:
        with engine.connect() as connection:
            return protection.listed(connection, ending=ending, after=after, limit=limit)
    finally:
        engine.dispose()


def ask_end(
    project: Project, protection_id: int, *, actor: str, reason: str, clock: Clock | None = None
) -> Protection:
    """Ask that a mark end. It holds until another person approves.

    Stop E_STILL_MARKED where its source still says it, E_END_STATE where it is closed or asked for already.
    """
    now = (clock or SystemClock()).now()
    if not reason.strip():
        raise FixDeclaration("E_USAGE", problem="--reason", command="renkei protection end")
    refuse_number(reason)
    with _one_mark(project, protection_id, actor=actor) as (connection, mark):
        _check_state(mark, is_asked=False)
        _check_source(mark)
        protection.ask_end(connection, protection_id, by=actor, reason=reason, now=now)
        _tell(connection, "protection.end_asked", mark, actor=actor, detail={"reason": reason})
        return _again(connection, protection_id)


def refuse_end(project: Project, protection_id: int, *, actor: str, reason: str) -> Protection:
    """Say no to an end that was asked for, or withdraw it: the mark stays."""
    refuse_number(reason)
    with _one_mark(project, protection_id, actor=actor) as (connection, mark):
        _check_state(mark, is_asked=True)
        protection.refuse_end(connection, protection_id)
        detail = {"asked_by": mark.end_asked_by, "reason": reason}
        _tell(connection, "protection.end_refused", mark, actor=actor, detail=detail)
        return _again(connection, protection_id)


def approve_end(
    project: Project, protection_id: int, *, actor: str, clock: Clock | None = None
) -> tuple[Protection, bool]:
    """End a mark that another person asked to end; with it whether its resident may still not be shown.

    Mark, golden record and audit event are one transaction, and no delivery is merged meanwhile. Stop
    E_END_SAME_PERSON, E_END_STATE, and E_STILL_MARKED where the source has marked again.
    """
    now = (clock or SystemClock()).now()
    trust = _trust(project, now)
    with _one_mark(project, protection_id, actor=actor) as (connection, mark):
        _check_state(mark, is_asked=True)
        _check_source(mark)
        if same_person(mark.end_asked_by or "", actor):
            raise Stop("E_END_SAME_PERSON", protection=protection_id)
        protection.end(connection, protection_id, by=actor, now=now)
        golden.derive(connection, trust=trust, unit_id=None, now=now)
        restricted = protection.still_restricted(connection, mark.resident_ids)
        detail = {"asked_by": mark.end_asked_by, "reason": mark.end_reason, "still_restricted": restricted}
        _tell(connection, "protection.ended", mark, actor=actor, detail=detail)
        return _again(connection, protection_id), restricted


def tell_unit(connection: sa.Connection, *, actor: str, unit_id: int) -> None:
    """Leave in the trail which marks a unit made, and which sources no longer say so."""
    told = protection.told_in(connection, unit_id)
    for action, ids in (("protection.marked", told.marked), ("protection.end_told", told.ending)):
        if ids:
            detail = {"count": len(ids), "protections": list(ids)}
            events.record(connection, action=action, actor=actor, object=f"unit:{unit_id}", detail=detail)


def keep_facilities(connection: sa.Connection, project: Project, *, actor: str) -> None:
    """Make the households of facilities what the declarations in force say; a change is in the trail."""
    declared = project.config.facilities
    if changed := protection.keep_facilities(connection, declared):
        detail = {"changed": changed, "declared": len(declared), "project_digest": project.digest}
        events.record(
            connection, action="protection.facilities", actor=actor, object="facilities", detail=detail
        )


@contextmanager
def _one_mark(
    project: Project, protection_id: int, *, actor: str
) -> Iterator[tuple[sa.Connection, Protection]]:
    """One transaction on one mark, beside no merge; that it was refused is part of the trail."""
    engine = store.connect(store.url_of(project.var))
    try:
        try:
            with engine.begin() as connection:
                identity.one_linker(connection)
                yield connection, _again(connection, protection_id, lock=True)
        except RenkeiError as refused:
            if refused.code != "E_NOT_FOUND":
                with engine.begin() as connection:
                    events.record(
                        connection, action="protection.refused", actor=actor,
                        object=f"protection:{protection_id}", detail={"code": refused.code},
                    )  # fmt: skip
            raise
    finally:
        engine.dispose()


def _again(connection: sa.Connection, protection_id: int, *, lock: bool = False) -> Protection:
    mark = protection.found(connection, protection_id, lock=lock)
    if mark is None:
        near = "renkei protection list"
        raise FixDeclaration(
            "E_NOT_FOUND", kind={"ja": "支援措置", "en": "protection"}, name=str(protection_id), nearest=near
        )
    return mark


def _check_state(mark: Protection, *, is_asked: bool) -> None:
    state = "closed" if mark.known_to else "asked" if mark.end_asked_by else "unasked"
    if state != ("asked" if is_asked else "unasked"):
        raise Stop("E_END_STATE", protection=mark.protection_id, state=_STATES[state])


def _check_source(mark: Protection) -> None:
    if mark.end_told is None:
        raise Stop("E_STILL_MARKED", protection=mark.protection_id, feed=mark.feed)


def _trust(project: Project, now: datetime) -> dict[str, tuple[str, ...]]:
    used = in_force(project)
    day = now.astimezone(ZoneInfo(used.config.time_zone)).date()
    return {group: used.trusted(fields[0], group=group, day=day) for group, fields in golden.GROUPS.items()}


def _tell(
    connection: sa.Connection, action: str, mark: Protection, *, actor: str, detail: Mapping[str, Any]
) -> None:
    about = {"feed": mark.feed, "end_told": mark.end_told}
    events.record(
        connection, action=action, actor=actor, object=f"protection:{mark.protection_id}",
        detail={**about, **detail},
    )  # fmt: skip
