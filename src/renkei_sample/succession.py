"""Who heads a household once its head has gone."""

from dataclasses import replace
from datetime import date
from random import Random

from renkei_sample.desk import tell_tax, tell_welfare
from renkei_sample.offices import Hand
from renkei_sample.population import CHILD, HEAD, HUSBAND, MOTHER, WIFE, age_of, revised
from renkei_sample.records import Resident
from renkei_sample.state import CityState

_OTHER = "98"


def succeed(state: CityState, rng: Random, setai_no: str, *, day: date) -> list[Resident]:
    """Give a household without a head a new one in 住基 (世帯主変更); returns the rows that changed."""
    members = state.household(setai_no)
    if not members or any(member.zokugara == HEAD for member in members):
        return []
    head = max(members, key=lambda member: (member.zokugara in (WIFE, HUSBAND), age_of(member, day)))
    changed = []
    for member in members:
        role = HEAD if member is head else _role_beside(head, member)
        if role != member.zokugara:
            row = revised(
                rng, replace(member, zokugara=role), day, ido_jiyu="33", ido_ymd=day.strftime("%Y%m%d")
            )
            state.put_resident(row)
            changed.append(row)
    return changed


def can_succeed(state: CityState, entry: Resident, day: date) -> bool:
    """True where the household has an adult left to head it, or nobody at all."""
    others = [member for member in state.household(entry.setai_no) if member.atena_no != entry.atena_no]
    return not others or entry.zokugara != HEAD or any(age_of(member, day) >= 19 for member in others)


def carry_succession(state: CityState, rows: list[Resident], hand: Hand) -> None:
    """Tell tax and welfare of the new head."""
    for row in rows:
        tell_tax(state, row, hand, kind="household")
        tell_welfare(state, row, hand, kind="household")


def _role_beside(head: Resident, member: Resident) -> str:
    if head.zokugara in (WIFE, HUSBAND):
        return member.zokugara if member.zokugara == CHILD else _OTHER
    return MOTHER if member.zokugara == MOTHER and head.zokugara == MOTHER else _OTHER
