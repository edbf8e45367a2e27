"""Ages at which insurance changes by itself: long-term care at 65, the insurance of the old at 75."""

from dataclasses import replace
from datetime import date, timedelta

from renkei_sample.base import (
    ELDERLY_HEALTH,
    LONG_TERM_CARE,
    NATIONAL_HEALTH,
    enrol_welfare,
    start_benefit,
    welfare_household,
)
from renkei_sample.chance import draws
from renkei_sample.desk import own_benefits
from renkei_sample.identifiers import ymd
from renkei_sample.offices import Hand
from renkei_sample.records import Resident
from renkei_sample.state import CityState


def come_of_age(state: CityState) -> int:
    """The welfare office's batch enrols whoever reaches an age today; returns how many."""
    rng, count = draws("ages", state.seed, state.day), 0
    care, elderly = _birthday(state.day + timedelta(days=1), 65), _birthday(state.day, 75)
    for number in state.living_numbers():
        entry = state.residents[number]
        kind = {care: LONG_TERM_CARE, elderly: ELDERLY_HEALTH}.get(entry.seinengappi)
        if kind is None or entry.jumin_jotai != "1":
            continue
        home = welfare_household(state, state.household(entry.setai_no)) or state.welfare_number("W")
        held = enrol_welfare(state, rng, entry, household=home, day=state.day)
        start_benefit(state, rng, of=held, kind=kind, start=state.day, day=state.day)
        if kind == ELDERLY_HEALTH:
            _leave_national_health(state, entry, Hand(rng, state.day, kind="batch"))
        count += 1
    return count


def _leave_national_health(state: CityState, entry: Resident, hand: Hand) -> None:
    for row in own_benefits(state, entry.atena_no):
        if row.shubetsu == NATIONAL_HEALTH:
            left = replace(
                row,
                jotai="消滅",
                shuryo=state.day.isoformat(),
                shuryo_jiyu="その他",
                jiyu="その他",
                **hand.welfare(),
            )
            state.put_benefit(left)


def _birthday(day: date, years: int) -> str:
    """The birth date, as 住基 writes it, of whoever has that birthday on a day."""
    return f"{day.year - years}{ymd(day)[4:]}"
