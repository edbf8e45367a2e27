"""The night batch: what 住基 learned on an earlier day reaches the tax and the welfare office."""

from random import Random

from renkei_sample.base import allowance_household, enrol_tax, enrol_welfare, start_benefit, welfare_household
from renkei_sample.desk import CHILD_ALLOWANCE, end_benefits, running, tell_mailing, tell_tax, tell_welfare
from renkei_sample.identifiers import from_ymd
from renkei_sample.offices import Hand
from renkei_sample.population import age_of, is_child
from renkei_sample.records import Resident
from renkei_sample.retyped import DESK, at_desk
from renkei_sample.state import CityState, Pending


def carry(state: CityState, rng: Random) -> int:
    """Apply everything that is due; returns how many changes were carried."""
    due = [item for item in state.pending if item.due <= state.day]
    state.pending = [item for item in state.pending if item.due > state.day]
    for item in due:
        people = [state.residents[number] for number in item.people]
        _APPLY[item.target](state, rng, item, people)
    return len(due)


def _to_tax(state: CityState, rng: Random, item: Pending, people: list[Resident]) -> None:
    hand = Hand(rng, state.day, kind="batch")
    for entry in people:
        if item.task == "new":
            if age_of(entry, state.day) >= 19:
                enrol_tax(state, rng, entry, day=state.day)
            continue
        tell_tax(state, entry, hand, kind=item.task)
        if item.task == "address":
            tell_mailing(state, entry, hand)


def _to_welfare(state: CityState, rng: Random, item: Pending, people: list[Resident]) -> None:
    hand = Hand(rng, state.day, kind="batch")
    for entry in people:
        household = state.welfare_number("W") if item.task == "parted" else None
        tell_welfare(
            state, entry, hand, kind="household" if item.task == "parted" else item.task, household=household
        )
        if item.task in ("death", "moved_out"):
            end_benefits(state, entry, hand)


def _enrol(state: CityState, rng: Random, _item: Pending, people: list[Resident]) -> None:
    """A child is born into a household, or a family arrives: the allowance counter enrols every child."""
    payee, *children = people
    members = state.household(payee.setai_no)
    if not running(state, payee.atena_no):
        allowance_household(state, members, payee, rng, day=state.day)
        return
    household, holder = welfare_household(state, members), state.recipient_of(payee.atena_no)
    for child in children:
        if household and holder and is_child(child, state.day):
            number = enrol_welfare(state, rng, child, household=household, day=state.day, by="person")
            start = from_ymd(child.seinengappi)
            start_benefit(
                state,
                rng,
                of=number,
                kind=CHILD_ALLOWANCE,
                start=start,
                day=state.day,
                payee=holder.bango,
                by="person",
            )


def _enrol_insured(state: CityState, rng: Random, item: Pending, people: list[Resident]) -> None:
    """Someone who moved in joins an insurance."""
    household = state.welfare_number("W")
    for entry in people:
        number = enrol_welfare(state, rng, entry, household=household, day=state.day)
        start_benefit(state, rng, of=number, kind=item.task, start=from_ymd(entry.jutei_ymd), day=state.day)


_APPLY = {
    "tax": _to_tax,
    "welfare": _to_welfare,
    "allowance": _enrol,
    "insurance": _enrol_insured,
    DESK: at_desk,
}
