"""Plants around deaths, moves out, households and children: a benefit that should have changed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from renkei_sample import findings
from renkei_sample.base import start_benefit
from renkei_sample.desk import CHILD_ALLOWANCE, end_benefits, own_benefits, running, tell_tax, tell_welfare
from renkei_sample.identifiers import from_ymd, ymd
from renkei_sample.names import name_book
from renkei_sample.offices import Hand
from renkei_sample.picker import Picker, lives_alone
from renkei_sample.population import HEAD, HUSBAND, WIFE, age_of, dead, is_child, moved_out, removed, revised
from renkei_sample.records import Benefit, Resident
from renkei_sample.state import CityState
from renkei_sample.succession import carry_succession, succeed


def dead_child(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R01: a child died two months ago and is still paid for."""
    for entry in picker.take(count, lambda entry: _is_only_paid_for(state, entry)):
        on = state.day - timedelta(days=rng.randint(55, 300))
        gone = dead(rng, entry, on=on, day=on + timedelta(days=3))
        state.put_resident(gone)
        findings.deceased_child(state, gone, own_benefits(state, entry.atena_no)[0], klass="child")


def child_who_died_this_month(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R01, but not before the next month: the allowance is due for the month of the death."""
    for entry in picker.take(count, lambda entry: _is_only_paid_for(state, entry)):
        on = max(state.day.replace(day=1), state.day - timedelta(days=8))
        gone = dead(rng, entry, on=on, day=max(on, state.day - timedelta(days=5)))
        state.put_resident(gone)
        findings.deceased_child(state, gone, own_benefits(state, entry.atena_no)[0], klass="child")


def removed_child(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R01: a child removed from the registry ex officio is still paid for."""
    for entry in picker.take(count, lambda entry: _is_only_paid_for(state, entry)):
        on = state.day - timedelta(days=rng.randint(55, 200))
        gone = removed(rng, entry, on=on, day=on + timedelta(days=2))
        state.put_resident(gone)
        findings.deceased_child(state, gone, own_benefits(state, entry.atena_no)[0], klass="child")


def dead_payee(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R01: the parent who receives the allowance died; nobody named the other parent."""
    for entry in picker.take(count, lambda entry: _is_payee_with_spouse(state, entry)):
        on = state.day - timedelta(days=rng.randint(55, 150))
        day = on + timedelta(days=4)
        gone = dead(rng, entry, on=on, day=day)
        state.put_resident(gone)
        hand = Hand(rng, day + timedelta(days=1), kind="batch")
        tell_tax(state, gone, hand, kind="death")
        carry_succession(state, succeed(state, rng, entry.setai_no, day=day), hand)
        for benefit in running(state, entry.atena_no):
            findings.deceased_child(state, gone, benefit, klass="payee")


def insurance_not_ended(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R02: one insurance runs on after the death."""
    for entry in picker.take(count, lambda entry: _is_insured_alone(state, entry)):
        kept = rng.choice(running(state, entry.atena_no))
        findings.insurance_after_death(state, _bury(state, rng, entry, frozenset({kept.bango})), kept)


def insurance_ended_on_wrong_day(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R02: one insurance was ended on the day of the death instead of the day after."""
    for entry in picker.take(count, lambda entry: _is_insured_alone(state, entry)):
        wrong = rng.choice(running(state, entry.atena_no)).bango
        gone = _bury(state, rng, entry, frozenset())
        died = from_ymd(gone.shibo_ymd or gone.ido_ymd)
        row = replace(state.benefits[wrong], shuryo=died.isoformat())
        state.put_benefit(row)
        findings.insurance_after_death(state, gone, row)


def moved_out_with_insurance(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R05: the person moved out and one insurance runs on."""
    for entry in picker.take(count, lambda entry: _is_insured_alone(state, entry)):
        kept = rng.choice(running(state, entry.atena_no))
        gone = _see_off(state, rng, entry, frozenset({kept.bango}))
        findings.benefit_after_moving_out(state, gone, kept)


def family_moved_out(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R05: a family left, and the payee is still paid for a child."""
    for child in picker.take(count, lambda entry: _payee(state, entry) is not None):
        payee, kept = _payee(state, child), own_benefits(state, child.atena_no)[0]
        members = state.household(child.setai_no)
        on = _left_on(state, rng, members)
        for member in members:
            gone = _see_off(state, rng, member, frozenset({kept.bango}), on=on)
            if payee is not None and member.atena_no == payee.atena_no:
                findings.benefit_after_moving_out(state, gone, kept)


def child_at_school_elsewhere(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: a child moved to another city to go to school, and the payee lives here (別居監護)."""
    for entry in picker.take(count, lambda entry: _is_only_paid_for(state, entry)):
        kept = own_benefits(state, entry.atena_no)[0]
        _see_off(state, rng, entry, frozenset({kept.bango}))


def _payee(state: CityState, child: Resident) -> Resident | None:
    """Who of the household is paid for a child who has no other benefit."""
    held = own_benefits(state, child.atena_no) if _is_only_paid_for(state, child) else []
    payees = {row.jukyusha for row in held}
    members = state.household(child.setai_no)
    known = ((member, state.recipient_of(member.atena_no)) for member in members)
    return next((member for member, row in known if row is not None and row.bango in payees), None)


def parted_household(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R19: 世帯分離 in 住基, one household still at the welfare office."""
    for entry in picker.take(count, lambda entry: _stands_beside_head(state, entry)):
        day = state.day - timedelta(days=rng.randint(15, 400))
        head = next(member for member in state.household(entry.setai_no) if member.zokugara == HEAD)
        row = part(state, rng, entry, day=day)
        tell_tax(state, row, Hand(rng, day + timedelta(days=1), kind="batch"), kind="household")
        held = state.recipient_of(entry.atena_no)
        if held is not None:
            findings.other_household(state, row, head, held)


def child_left_out(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R22: brothers and sisters are paid for, this child was never claimed."""
    for entry in picker.take(
        count, lambda entry: _is_only_paid_for(state, entry) and _siblings(state, entry) > 1
    ):
        state.drop_benefit(own_benefits(state, entry.atena_no)[0].bango)
        findings.left_out_child(state, entry)


def child_unknown_to_juki(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R22: an allowance for a child whom the registry has never heard of."""
    for entry in picker.take(count, lambda entry: _is_only_paid_for(state, entry)):
        known, paid = state.recipient_of(entry.atena_no), own_benefits(state, entry.atena_no)[0]
        if known is None:
            continue
        number, keyed = state.welfare_number("F"), state.day - timedelta(days=rng.randint(60, 500))
        surname, reading = known.shimei.split("　")[0].split(" ")[0], known.kana.split("　")[0]
        given = _girl(rng)
        state.put_recipient(
            replace(
                known,
                bango=number,
                atena_no=None,
                shimei=f"{surname}　{given[0]}",
                kana=f"{reading}　{given[1]}",
                seinengappi=(state.day - timedelta(days=rng.randint(2000, 4000))).isoformat(),
                zokugara="子",
                **Hand(rng, keyed, kind="person").welfare(),
            )
        )
        row = start_benefit(
            state,
            rng,
            of=number,
            kind=CHILD_ALLOWANCE,
            start=keyed,
            day=keyed,
            payee=paid.jukyusha,
            by="person",
        )
        findings.unknown_child(state, row)


def _girl(rng: Random) -> tuple[str, str]:
    given = name_book().given_name(rng, "2")
    return given.text, given.kana


def part(state: CityState, rng: Random, entry: Resident, *, day: date) -> Resident:
    """世帯分離: the person heads a household of one at the same address."""
    row = revised(
        rng,
        replace(entry, setai_no=state.serials.next_household(), zokugara=HEAD),
        day,
        ido_jiyu="31",
        ido_ymd=ymd(day),
    )
    state.put_resident(row)
    state.quiet.add(row.atena_no)
    return row


def _bury(state: CityState, rng: Random, entry: Resident, forgotten: frozenset[str]) -> Resident:
    on = state.day - timedelta(days=rng.randint(15, 200))
    day = on + timedelta(days=2)
    gone = dead(rng, entry, on=on, day=day)
    state.put_resident(gone)
    hand = Hand(rng, day + timedelta(days=1), kind="batch")
    tell_tax(state, gone, hand, kind="death")
    tell_welfare(state, gone, hand, kind="death")
    end_benefits(state, gone, hand, keep=forgotten)
    return gone


def _left_on(state: CityState, rng: Random, members: Sequence[Resident]) -> date:
    """Within half a year, and not before the last of them had come."""
    came = max(from_ymd(member.jutei_ymd) for member in members) + timedelta(days=10)
    return max(came, state.day - timedelta(days=rng.randint(15, 200)))


def _see_off(
    state: CityState, rng: Random, entry: Resident, forgotten: frozenset[str], *, on: date | None = None
) -> Resident:
    on = on or _left_on(state, rng, [entry])
    gone = moved_out(rng, entry, on=on, day=on)
    state.put_resident(gone)
    hand = Hand(rng, on + timedelta(days=1), kind="batch")
    tell_tax(state, gone, hand, kind="moved_out")
    tell_welfare(state, gone, hand, kind="moved_out")
    end_benefits(state, gone, hand, keep=forgotten)
    return gone


def _is_only_paid_for(state: CityState, entry: Resident) -> bool:
    held = running(state, entry.atena_no)
    return is_child(entry, state.day) and len(held) == 1 and held[0].shubetsu == CHILD_ALLOWANCE


def _siblings(state: CityState, entry: Resident) -> int:
    return sum(is_child(member, state.day) for member in state.household(entry.setai_no))


def _is_payee_with_spouse(state: CityState, entry: Resident) -> bool:
    held = running(state, entry.atena_no)
    spouse = any(member.zokugara in (HUSBAND, WIFE) for member in state.household(entry.setai_no))
    return (
        bool(held)
        and entry.zokugara == HEAD
        and spouse
        and all(row.shubetsu == CHILD_ALLOWANCE for row in held)
    )


def _is_insured_alone(state: CityState, entry: Resident) -> bool:
    held: list[Benefit] = running(state, entry.atena_no)
    return bool(held) and lives_alone(state, entry) and age_of(entry, state.day) >= 40


def _stands_beside_head(state: CityState, entry: Resident) -> bool:
    own = state.recipient_of(entry.atena_no)
    if own is None or entry.zokugara == HEAD or is_child(entry, state.day):
        return False
    if any(row.jukyusha for row in running(state, entry.atena_no)):
        return False
    heads = [
        state.recipient_of(member.atena_no)
        for member in state.household(entry.setai_no)
        if member.zokugara == HEAD
    ]
    return any(head is not None and head.setai_no == own.setai_no for head in heads)
