"""A delivery beside its contract, before anything of it is merged: go on, set records aside, or hold it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import sqlalchemy as sa

from renkei import mapping as mappings
from renkei import snapshot
from renkei.audit import events
from renkei.errors import Hold
from renkei.language import say
from renkei.mapping.contract import aside, compare
from renkei.mapping.contract.exact import told_exactly
from renkei.mapping.contract.finding import Finding
from renkei.mapping.contract.profile import Profile, from_json, profile_of
from renkei.mapping.contract.usual import REMEMBERED
from renkei.model import Batch, Mapped
from renkei.registry import control, profiles
from renkei.registry.difference import Difference
from renkei.registry.emptied import Emptied, emptied
from renkei.workflow import remapped
from renkei.workflow.run import Work


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a delivery looks like, what of it goes on, and what a person accepted of what is odd.

    ``sizes`` are numbers of records of the deliveries before it; ``lost`` are columns that may become empty.
    """

    profile: Profile
    mapped: Mapped
    sizes: tuple[int, ...] = ()
    accepted: tuple[Finding, ...] = ()
    lost: tuple[Emptied, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Look:
    """A delivery beside its contract: what would hold it, and new columns that its contract lets pass."""

    judged: Judged
    found: tuple[Finding, ...]
    passed: tuple[Finding, ...]


def look(
    engine: sa.Engine,
    mapping: mappings.Mapping,
    landed: control.Landed,
    batch: Batch,
    mapped: Mapped,
    *,
    as_of: date,
) -> Look:
    """What breaks the contract, but for the number of records. ``mapping`` is the version of the day."""
    past, taken, sizes = _before(engine, landed)
    now = profile_of(mapping, batch, mapped)
    found = told_exactly(
        compare.findings(now, past, mapping.contract, taken=taken), mapping, batch, as_of=as_of
    )
    judged = Judged(profile=now, mapped=mapped, sizes=sizes)
    passed: tuple[Finding, ...] = ()
    if mapping.contract.mode == "evolve":
        passed = tuple(each for each in found if each.kind in ("unexpected", "begun"))
        found = tuple(each for each in found if each not in passed)
    if mapping.contract.mode == "quarantine" and found:
        less, found = aside.set_aside(mapping, batch, mapped, found, past=past)
        judged = replace(judged, mapped=less)
    return Look(judged=judged, found=found, passed=passed)


def judge(
    work: Work, mapping: mappings.Mapping, landed: control.Landed, batch: Batch, mapped: Mapped
) -> Judged:
    """Hold a delivery that breaks its feed's contract, unless a person accepted it or few records do."""
    seen = look(work.engine, mapping, landed, batch, mapped, as_of=landed.as_of or work.as_of)
    work.notes += [_note(each) for each in seen.passed]
    found = seen.found
    if found:  # whoever is asked is asked for everything at once
        found = (*found, *_volume(work, mapping, seen.judged))
    return replace(seen.judged, accepted=_accept_or_hold(work, mapping, landed, found))


def _before(
    engine: sa.Engine, landed: control.Landed
) -> tuple[tuple[Profile, ...], Profile | None, tuple[int, ...]]:
    """Deliveries that are a measure, the last one that a person took as it was, and numbers of records."""
    feed = landed.feed
    with engine.connect() as connection:
        taken = profiles.taken(connection, feed)
        told, sizes = [], []
        if landed.is_whole:
            told = profiles.past(connection, feed, most=REMEMBERED, least=compare.LEAST)
            sizes = profiles.sizes(connection, feed, most=REMEMBERED)
    return tuple(map(from_json, told)), from_json(taken) if taken else None, tuple(sizes)


def judge_volume(work: Work, mapping: mappings.Mapping, landed: control.Landed, judged: Judged) -> Judged:
    """Hold a whole delivery with far fewer or far more records than usually."""
    if any(each.kind == "volume" for each in judged.accepted):
        return judged
    found = _volume(work, mapping, judged)
    accepted = _accept_or_hold(work, mapping, landed, found, before=judged.accepted)
    return replace(judged, accepted=(*judged.accepted, *accepted))


def _volume(work: Work, mapping: mappings.Mapping, judged: Judged) -> tuple[Finding, ...]:
    """What the city's own limit lets change at once is never too much here."""
    limit = max(mapping.contract.volume, work.project.config.blast_share)
    return compare.volume(judged.profile.records, judged.sizes, limit=limit)


def limit_emptied(
    work: Work,
    mapping: mappings.Mapping,
    landed: control.Landed,
    difference: Difference,
    judged: Judged,
    *,
    anew: int = 0,
    state: snapshot.Snapshot | None = None,
) -> Judged:
    """Hold a delivery under which a column that was filled becomes empty in too many records.

    Not for a column that a person knows to be odd, nor for as many records as ``anew``, which two people
    have agreed to change. ``state`` is the feed's present one where that is proved already.
    """
    if difference.is_moot:
        return judged
    with work.engine.connect() as connection:
        cursor = control.cursor_of(connection, landed.feed)
    if cursor is None:
        return judged
    worst = emptied(difference.changed, state or snapshot.proved(work.landing, cursor.snapshot))
    known = _known_to_be_odd(mapping, judged)
    worst = tuple(each for each in worst if each.column not in known and _is_too_much(each, mapping, anew))
    accepted = work.accepted.get(landed.delivery_id)
    if all(accepted and accepted.covers("lost", each.column) for each in worst):
        return replace(judged, lost=worst)
    facts = {"column": worst[0].column, "emptied": worst[0].emptied, "filled": worst[0].filled}
    raise Hold(
        "E_EMPTIED", feed=landed.feed, **facts, limit=f"{mapping.contract.null_share:.1%}",
        lost=[each.column for each in worst], findings=[each.as_json() for each in judged.accepted],
        **remapped.facts(work, mapping, cursor),
    )  # fmt: skip


def _known_to_be_odd(mapping: mappings.Mapping, judged: Judged) -> frozenset[str]:
    """Targets of raw columns that a person accepted as they are."""
    raw = {name for each in judged.accepted for name in (each.column, each.other)}
    return frozenset(rule.to for rule in mapping.fields if raw & set(rule.sources))


#: Fewer emptied values than these are a day's work, not a fault.
_LEAST_EMPTIED = 20


def _is_too_much(each: Emptied, mapping: mappings.Mapping, anew: int) -> bool:
    most = max(_LEAST_EMPTIED - 1, anew, mapping.contract.null_share * each.filled)
    return each.emptied > most


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
        is_start=any(each.kind != "volume" for each in judged.accepted),
        is_volume_start=any(each.kind == "volume" for each in judged.accepted),
    )
    if judged.accepted or judged.lost:
        detail = {
            "feed": landed.feed,
            "reason": work.accepted[landed.delivery_id].reason,
            "findings": [each.as_json() for each in judged.accepted],
            "lost": [vars(each) for each in judged.lost],
            "run_id": str(work.run_id),
        }
        events.record(
            connection, action="contract.accepted", actor=work.actor, object=f"unit:{unit_id}", detail=detail
        )


def told_of(facts: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """What a person was told of a delivery that was held: kinds of findings with the column."""
    found = {(each["kind"], each["column"]) for each in facts.get("findings", ())}
    return frozenset(found | {("lost", column) for column in facts.get("lost", ())})


def _note(new: Finding) -> str:
    return say(
        f"新しい列 {new.column} は読んでいません: renkei mapping propose",
        f"column {new.column} is new and was not read: see renkei mapping propose",
    )


def _accept_or_hold(
    work: Work,
    mapping: mappings.Mapping,
    landed: control.Landed,
    found: tuple[Finding, ...],
    *,
    before: tuple[Finding, ...] = (),
) -> tuple[Finding, ...]:
    """The findings, where a person knew of all; else a hold that tells them and those accepted before."""
    accepted = work.accepted.get(landed.delivery_id)
    if all(accepted and accepted.covers(each.kind, each.column) for each in found):
        return found
    found = (*before, *found)
    facts = {"feed": landed.feed, "findings": [each.as_json() for each in found]}
    swapped = [each for each in found if each.kind == "swapped"]
    if swapped:
        names = {"column": swapped[0].column, "other": swapped[0].other}
        raise Hold("E_COLUMNS_SWAPPED", **facts, **names)
    says = "; ".join(each.says() for each in found[:_MOST_TOLD])
    raise Hold("E_CONTRACT", **facts, says=says, count=len(found), mode=mapping.contract.mode)


#: An error that names more findings than these is read by nobody; all of them are in its facts.
_MOST_TOLD = 5
