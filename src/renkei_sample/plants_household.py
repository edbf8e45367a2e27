"""Plants in 住基 itself: a household without a head, and relationships that cannot be."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random

from renkei_sample import findings
from renkei_sample.base import known_birth
from renkei_sample.desk import end_benefits, running, tell_tax, tell_welfare
from renkei_sample.identifiers import from_ymd
from renkei_sample.offices import Hand
from renkei_sample.picker import Picker
from renkei_sample.population import CHILD, HEAD, MOTHER, WIFE, dead, is_child, moved_out
from renkei_sample.records import Resident
from renkei_sample.state import CityState

NOTICE_DAYS = 14
_OTHER, _COHABITANT = "98", "99"


# R20 ----------------------------------------------------------------------------------------------


def headless_household(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R20: the head died or left, two or more stayed, and nobody named a head."""
    for number, head in enumerate(picker.take(count, lambda entry: _heads(state, entry, least=2))):
        gone = _go(state, rng, head, days=rng.randint(20, 200), dies=number % 2 == 0)
        _no_head(state, gone)


def head_just_gone(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R20, but only after the fourteen days of the notification; the head died within the last days."""
    for head in picker.take(count, lambda entry: _heads(state, entry, least=2)):
        _no_head(state, _go(state, rng, head, days=rng.randint(9, 12), dies=True))


def left_alone(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: one who stays behind alone need not notify anybody."""
    for head in picker.take(count, lambda entry: _heads(state, entry, least=1, most=1)):
        _go(state, rng, head, days=rng.randint(30, 200), dies=True)


def never_had_a_head(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Not a mismatch: 世帯主未設定, as an institution's household stands in 住基."""
    for head in picker.take(count, lambda entry: _heads(state, entry, least=1) and _is_unknown(state, entry)):
        for member in state.household(head.setai_no):
            _relate(state, member, _COHABITANT)


def _go(state: CityState, rng: Random, head: Resident, *, days: int, dies: bool) -> Resident:
    on = state.day - timedelta(days=days)
    gone = dead(rng, head, on=on, day=on) if dies else moved_out(rng, head, on=on, day=on)
    state.put_resident(gone)
    hand, kind = Hand(rng, on + timedelta(days=1), kind="batch"), "death" if dies else "moved_out"
    tell_tax(state, gone, hand, kind=kind)
    tell_welfare(state, gone, hand, kind=kind)
    end_benefits(state, gone, hand)
    return gone


def _no_head(state: CityState, gone: Resident) -> None:
    stayed = state.household(gone.setai_no)[0]
    left = from_ymd(gone.shibo_ymd or gone.tenshutsu_ymd or gone.ido_ymd)
    findings.stand(
        state,
        "R20",
        "no_head",
        field="household_head",
        left=(findings.JUKI, gone.atena_no),
        right=(findings.JUKI, stayed.atena_no),
        since=max(left + timedelta(days=NOTICE_DAYS + 1), findings.keyed_on(gone)),
    )


def _heads(state: CityState, entry: Resident, *, least: int, most: int = 9) -> bool:
    """The head of a household of adults in which nobody has part in an allowance."""
    members = state.household(entry.setai_no)
    adults = not any(is_child(member, state.day) for member in members)
    paid = any(row.jukyusha for member in members for row in running(state, member.atena_no))
    return entry.zokugara == HEAD and adults and not paid and least <= len(members) - 1 <= most


# R21 ----------------------------------------------------------------------------------------------


def impossible_relationship(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R21: two heads, a child older than the head, a parent younger than the head."""
    kinds = (
        ("two_heads", WIFE, HEAD),
        ("older_than_head", MOTHER, CHILD),
        ("younger_than_head", CHILD, MOTHER),
    )
    for number in range(count):
        klass, role, wrong = kinds[number % 3]
        for entry in picker.take(1, partial(_stands_as, state, role)):
            head = next(row for row in state.household(entry.setai_no) if row.zokugara == HEAD)
            row = _relate(state, entry, wrong)
            left, right = (
                sorted((head, row), key=lambda each: each.atena_no) if wrong == HEAD else (head, row)
            )
            kinds_told = {"household", "new", "birth", "moved_in", "correction"}
            findings.stand(
                state,
                "R21",
                klass,
                field="relationship",
                left=(findings.JUKI, left.atena_no),
                right=(findings.JUKI, right.atena_no),
                since=findings.fresh(kinds_told, left, right),
            )


def born_with_the_head(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Not a mismatch: a younger sister born on the head's own day, and one related in another way."""
    for number, head in enumerate(
        picker.take(count, lambda entry: _heads(state, entry, least=1, most=1) and _is_unknown(state, entry))
    ):
        other = next(row for row in state.household(head.setai_no) if row.zokugara != HEAD)
        if number % 2:
            _relate(state, other, _OTHER)
            continue
        twin = replace(other, seinengappi=head.seinengappi, seinengappi_hyoki=head.seinengappi_hyoki)
        state.put_resident(twin)
        own, heads = state.taxpayers.get(twin.atena_no), state.taxpayers.get(head.atena_no)
        if own is not None and heads is not None:
            state.taxpayers[twin.atena_no] = replace(own, seinengappi=heads.seinengappi)
        _relate(state, twin, "84")


def _relate(state: CityState, entry: Resident, role: str) -> Resident:
    row = replace(entry, zokugara=role)
    state.put_resident(row)
    known = state.taxpayers.get(entry.atena_no)
    if known is not None:
        state.taxpayers[entry.atena_no] = replace(known, zokugara=role)
    return row


def _stands_as(state: CityState, role: str, entry: Resident) -> bool:
    """A grown member with a known birth beside a head with one."""
    heads = [member for member in state.household(entry.setai_no) if member.zokugara == HEAD]
    fits = entry.zokugara == role and not is_child(entry, state.day)
    return fits and bool(heads) and known_birth(entry) and known_birth(heads[0])


def _is_unknown(state: CityState, entry: Resident) -> bool:
    """No one of the household is on the welfare office's books, and everyone's birth is known to the day."""
    members = state.household(entry.setai_no)
    return all(
        state.recipient_of(member.atena_no) is None
        and member.atena_no in state.taxpayers
        and known_birth(member)
        for member in members
    )
