"""A delivery beside its contract, before anything of it is merged: go on, set records aside, or hold it."""

from dataclasses import dataclass, replace

import sqlalchemy as sa

from renkei import mapping as mappings
from renkei.audit import events
from renkei.errors import Hold
from renkei.mapping.contract import aside, compare
from renkei.mapping.contract.exact import told_exactly
from renkei.mapping.contract.finding import Finding
from renkei.mapping.contract.profile import Profile, from_json, profile_of
from renkei.mapping.contract.usual import REMEMBERED
from renkei.model import Batch, Mapped
from renkei.registry import control, profiles
from renkei.registry.difference import Difference
from renkei.registry.emptied import Emptied, emptied
from renkei.workflow.run import Work


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a delivery looks like, what of it goes on, and what a person accepted of what is odd."""

    profile: Profile
    mapped: Mapped
    past: tuple[Profile, ...]
    accepted: tuple[Finding, ...] = ()


def judge(
    work: Work, mapping: mappings.Mapping, landed: control.Landed, batch: Batch, mapped: Mapped
) -> Judged:
    """Hold a delivery that breaks its feed's contract, unless a person accepted it or few records do."""
    with work.engine.connect() as connection:
        told = profiles.past(connection, landed.feed, most=REMEMBERED) if landed.is_whole else []
    now = profile_of(mapping, batch, mapped)
    past = tuple(from_json(body) for body in told)
    found = compare.findings(now, past, mapping.contract)
    found = told_exactly(found, mapping, batch, as_of=landed.as_of or work.as_of)
    judged = Judged(profile=now, mapped=mapped, past=past)
    if mapping.contract.mode == "evolve":
        found = _take_note(work, found)
    if mapping.contract.mode == "quarantine" and found:
        mapped, found = aside.set_aside(mapping, batch, mapped, found, past=past)
        judged = replace(judged, mapped=mapped)
    return replace(judged, accepted=_accept_or_hold(work, mapping, landed, found))


def judge_volume(work: Work, mapping: mappings.Mapping, landed: control.Landed, judged: Judged) -> Judged:
    """Hold a whole delivery with far fewer or far more records than usually.

    What the city's own limit lets change at once is never too much here.
    """
    limit = max(mapping.contract.volume, work.project.config.blast_share)
    found = compare.volume(judged.profile, judged.past, replace(mapping.contract, volume=limit))
    return replace(judged, accepted=(*judged.accepted, *_accept_or_hold(work, mapping, landed, found)))


def limit_emptied(
    work: Work, mapping: mappings.Mapping, landed: control.Landed, difference: Difference
) -> None:
    """Hold a delivery under which a column that was filled becomes empty in too many records."""
    if landed.delivery_id in work.accepted or difference.is_moot:
        return
    with work.engine.connect() as connection:
        cursor = control.cursor_of(connection, landed.feed)
    if cursor is None:
        return
    worst = emptied(difference.changed, work.landing.proved(cursor.snapshot))
    for each in worst:
        if _is_too_much(each, mapping):
            facts = {"column": each.column, "emptied": each.emptied, "filled": each.filled}
            limit = f"{mapping.contract.null_share:.1%}"
            remapped = cursor.mapping_digest != mapping.digest
            raise Hold("E_EMPTIED", feed=landed.feed, **facts, limit=limit, is_remapped=remapped)


#: Fewer emptied values than these are a day's work, not a fault.
_LEAST_EMPTIED = 20


def _is_too_much(each: Emptied, mapping: mappings.Mapping) -> bool:
    return each.emptied >= _LEAST_EMPTIED and each.emptied > mapping.contract.null_share * each.filled


def keep(
    connection: sa.Connection, work: Work, landed: control.Landed, judged: Judged, *, unit_id: int
) -> None:
    """Write the profile with its unit, and what a person accepted."""
    profiles.insert(
        connection,
        judged.profile.as_json(),
        unit_id=unit_id,
        feed=landed.feed,
        is_whole=landed.is_whole,
        is_start=bool(judged.accepted),
    )
    if judged.accepted:
        detail = {
            "feed": landed.feed,
            "reason": work.accepted[landed.delivery_id],
            "findings": [each.as_json() for each in judged.accepted],
            "run_id": str(work.run_id),
        }
        events.record(
            connection, action="contract.accepted", actor=work.actor, object=f"unit:{unit_id}", detail=detail
        )


def _take_note(work: Work, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """New columns are named and go on unread; the rest is judged as ever."""
    new = [each for each in found if each.kind in ("unexpected", "begun")]
    work.notes += [
        f"column {each.column} is new and was not read: see renkei mapping propose" for each in new
    ]
    return tuple(each for each in found if each not in new)


def _accept_or_hold(
    work: Work, mapping: mappings.Mapping, landed: control.Landed, found: tuple[Finding, ...]
) -> tuple[Finding, ...]:
    if not found or landed.delivery_id in work.accepted:
        return found
    facts = {"feed": landed.feed, "findings": [each.as_json() for each in found]}
    swapped = [each for each in found if each.kind == "swapped"]
    if swapped:
        names = {"column": swapped[0].column, "other": swapped[0].other}
        raise Hold("E_COLUMNS_SWAPPED", **facts, **names)
    says = "; ".join(each.says() for each in found[:_MOST_TOLD])
    raise Hold("E_CONTRACT", **facts, says=says, count=len(found), mode=mapping.contract.mode)


#: An error that names more findings than these is read by nobody; all of them are in its facts.
_MOST_TOLD = 5
