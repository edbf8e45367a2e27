"""Desks of the tax office that key what is there already: another desk's work, or the night batch's."""

from random import Random

from renkei_sample import findings
from renkei_sample.desk import tell_mailing, tell_tax
from renkei_sample.happenings import tell_later
from renkei_sample.offices import Hand
from renkei_sample.records import Resident
from renkei_sample.state import CityState, Pending

#: Target of what a desk of the tax office, not the batch, does on a later day.
DESK = "tax_desk"


def at_desk(state: CityState, rng: Random, item: Pending, people: list[Resident]) -> None:
    """Do what the task says for each person: typed, then again; or carried, then after_carry."""
    for entry in people:
        _TASKS[item.task](state, rng, entry)


def _type(state: CityState, rng: Random, entry: Resident) -> None:
    """R38: a day after the resident counter."""
    _key(state, rng, entry)
    findings.double_entry(state, entry, state.taxpayers[entry.atena_no])
    tell_later(state, "again", [entry], DESK)


def _type_again(state: CityState, rng: Random, entry: Resident) -> None:
    """R50: a day after the desk beside it."""
    _key(state, rng, entry)
    findings.typed_again(state, state.taxpayers[entry.atena_no])


def _carry(state: CityState, rng: Random, entry: Resident) -> None:
    """The batch brings it, and a desk that does not look keys it all the same: nobody lacked a feed."""
    hand = Hand(rng, state.day, kind="batch")
    tell_tax(state, entry, hand, kind="address")
    tell_mailing(state, entry, hand)
    tell_later(state, "after_carry", [entry], DESK)


def _key(state: CityState, rng: Random, entry: Resident) -> None:
    before = state.taxpayers[entry.atena_no].sosa_id
    while state.taxpayers[entry.atena_no].sosa_id == before:
        tell_tax(state, entry, Hand(rng, state.day, kind="person"), kind="address")


_TASKS = {"typed": _type, "again": _type_again, "carried": _carry, "after_carry": _key}
