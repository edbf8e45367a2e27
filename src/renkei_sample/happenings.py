"""Life events as they are keyed at the resident counter, and what they leave to be carried over.

Each returns 1 if someone was found for it and 0 if not. Nobody in ``state.quiet`` is ever chosen.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

from renkei_sample.base import LONG_TERM_CARE, NATIONAL_HEALTH
from renkei_sample.desk import running
from renkei_sample.identifiers import ymd
from renkei_sample.names import Name
from renkei_sample.plants_entry import move_within
from renkei_sample.plants_person import other_surname
from renkei_sample.population import (
    CHILD,
    HEAD,
    HUSBAND,
    WIFE,
    age_of,
    dead,
    is_child,
    japanese,
    moved_out,
    person,
    revised,
)
from renkei_sample.records import Resident
from renkei_sample.state import CityState, Pending
from renkei_sample.succession import can_succeed, succeed
from renkei_sample.towns import Address, new_address

Wanted = Callable[[Resident], bool]


def choose(state: CityState, rng: Random, wanted: Wanted) -> Resident | None:
    """Someone in a household that nothing else touches; all of it is then left alone for good."""
    numbers = state.living_numbers()
    for _ in range(400):
        entry = state.residents[rng.choice(numbers)]
        if entry.jumin_jotai == "1" and wanted(entry) and _is_untouched(state, entry):
            state.quiet.update(member.atena_no for member in state.household(entry.setai_no))
            return entry
    return None


def tell_later(state: CityState, task: str, people: list[Resident], *targets: str, days: int = 1) -> None:
    """Leave a change to the batch of a later night."""
    numbers = tuple(entry.atena_no for entry in people)
    due = state.day + timedelta(days=days)
    state.pending += [Pending(due=due, task=task, target=target, people=numbers) for target in targets]


def move_within_city(state: CityState, rng: Random) -> int:
    """転居 of a whole household."""
    entry = choose(state, rng, lambda entry: entry.zokugara == HEAD)
    if entry is None:
        return 0
    tell_later(state, "address", relocate(state, rng, entry), "tax", "welfare")
    return 1


def relocate(state: CityState, rng: Random, entry: Resident) -> list[Resident]:
    """Everyone of a household gets a new address today."""
    there = new_address(rng)
    return [move_within(state, rng, member, state.day, there) for member in state.household(entry.setai_no)]


def move_out(state: CityState, rng: Random) -> int:
    """転出 of a whole household."""
    entry = choose(state, rng, lambda entry: entry.zokugara == HEAD)
    if entry is None:
        return 0
    gone = [moved_out(rng, member, on=state.day, day=state.day) for member in state.household(entry.setai_no)]
    for row in gone:
        state.put_resident(row)
    tell_later(state, "moved_out", gone, "tax", "welfare")
    return 1


def move_in(state: CityState, rng: Random) -> int:
    """転入: one person, a couple, or a family whose children are enrolled at the allowance counter."""
    members = arrive(state, rng, children=rng.choice((0, 0, 0, 1, 2)))
    if len(members) > 2:
        tell_later(state, "new", [members[0], *members[2:]], "allowance")
    elif len(members) == 1 and rng.random() < 0.4:
        tell_later(state, NATIONAL_HEALTH, members, "insurance")
    return 1


def arrive(state: CityState, rng: Random, *, children: int) -> list[Resident]:
    """A household moves in today; the tax office is told by the batch."""
    household, there, age = state.serials.next_household(), new_address(rng), rng.randint(22, 50)
    head_name = japanese(rng, "1")
    roles = [("1", age, HEAD)]
    if children or rng.random() < 0.2:
        roles.append(("2", max(21, age - rng.randint(0, 4)), WIFE))
    roles += [(rng.choice("12"), max(0, age - rng.randint(24, 32)), CHILD) for _ in range(children)]
    members = [_newcomer(state, rng, household, there, head_name, *role) for role in roles]
    state.quiet.update(member.atena_no for member in members)
    tell_later(state, "new", members, "tax")
    return members


def _newcomer(
    state: CityState, rng: Random, household: str, there: Address, family: Name, sex: str, age: int, role: str
) -> Resident:
    surname = Name(family.text.split("　")[0], family.kana.split("　")[0])
    born = state.day - timedelta(days=int(age * 365.25) + rng.randint(30, 350))
    name = family if role == HEAD else japanese(rng, sex, surname)
    row = person(
        state.serials,
        rng,
        household=household,
        address=there,
        name=name,
        sex=sex,
        born=born,
        relationship=role,
        since=state.day,
        reason="01",
    )
    state.put_resident(row)
    return row


def be_born(state: CityState, rng: Random) -> int:
    """出生: a second child of a family on the allowance, or the first of a couple."""
    mother = choose(state, rng, lambda entry: _may_have_child(state, entry))
    if mother is None:
        return 0
    born = state.day - timedelta(days=rng.randint(1, 6))
    surname = Name(mother.shimei.split("　")[0], mother.shimei_kana.split("　")[0])
    sex = rng.choice("12")
    here = Address(
        machiaza=mother.machiaza, banchi=mother.banchi, katagaki=mother.katagaki, yubin=mother.yubin_no
    )
    child = person(
        state.serials,
        rng,
        household=mother.setai_no,
        address=here,
        name=japanese(rng, sex, surname),
        sex=sex,
        born=born,
        relationship=CHILD,
        since=born,
        reason="03",
        stamped=state.day,
    )
    state.put_resident(child)
    state.quiet.add(child.atena_no)
    payee = allowance_payee(state, mother)
    tell_later(state, "new", [payee, child], "allowance", days=rng.randint(1, 4))
    return 1


def allowance_payee(state: CityState, member: Resident) -> Resident:
    """Who receives the allowance in a household: the present payee, or else its head."""
    members = state.household(member.setai_no)
    paid = next((entry for entry in members if _is_payee(state, entry)), None)
    return paid or next(entry for entry in members if entry.zokugara == HEAD)


def die(state: CityState, rng: Random) -> int:
    """死亡 of an old resident, reported a day or two later."""
    entry = choose(state, rng, lambda entry: may_die(state, entry))
    if entry is None:
        return 0
    gone = bury(state, rng, entry)
    tell_later(state, "death", [gone], "tax", "welfare")
    return 1


def bury(state: CityState, rng: Random, entry: Resident) -> Resident:
    """The death in 住基, and a new head for those who remain."""
    gone = dead(rng, entry, on=state.day - timedelta(days=rng.randint(1, 2)), day=state.day)
    state.put_resident(gone)
    heirs = succeed(state, rng, entry.setai_no, day=state.day)
    if heirs:
        tell_later(state, "household", heirs, "tax", "welfare")
    return gone


def may_die(state: CityState, entry: Resident) -> bool:
    """Old, no part in any child's allowance, and someone can head the household after."""
    return (
        age_of(entry, state.day) >= 68
        and can_succeed(state, entry, state.day)
        and not _is_payee(state, entry)
        and entry.seinengappi[6:] != "00"
    )


def marry(state: CityState, rng: Random) -> int:
    """氏名変更: a new surname by marriage."""
    entry = choose(state, rng, lambda entry: may_marry(state, entry))
    if entry is None:
        return 0
    tell_later(state, "name", [rename(state, rng, entry)], "tax", "welfare")
    return 1


def rename(state: CityState, rng: Random, entry: Resident) -> Resident:
    """A new surname in 住基 today."""
    text, kana = other_surname(entry, rng)
    row = revised(rng, entry, state.day, shimei=text, shimei_kana=kana, ido_jiyu="41", ido_ymd=ymd(state.day))
    state.put_resident(row)
    return row


def may_marry(state: CityState, entry: Resident) -> bool:
    """A Japanese adult who lives alone or with parents."""
    young = 20 <= age_of(entry, state.day) <= 45 and entry.jumin_shubetsu == "1" and entry.kyu_uji is None
    return young and (entry.zokugara == CHILD or len(state.household(entry.setai_no)) == 1)


def part_household(state: CityState, rng: Random) -> int:
    """世帯分離: a grown child or an old parent heads a household of one."""
    entry = choose(state, rng, lambda entry: may_part(state, entry))
    if entry is None:
        return 0
    row = part(state, rng, entry)
    tell_later(state, "household", [row], "tax")
    tell_later(state, "parted", [row], "welfare")
    return 1


def part(state: CityState, rng: Random, entry: Resident) -> Resident:
    """The new household in 住基 today."""
    alone = replace(entry, setai_no=state.serials.next_household(), zokugara=HEAD)
    row = revised(rng, alone, state.day, ido_jiyu="31", ido_ymd=ymd(state.day))
    state.put_resident(row)
    return row


def may_part(state: CityState, entry: Resident) -> bool:
    """An adult who is neither the head, nor a spouse, nor paid an allowance."""
    return (
        entry.zokugara not in (HEAD, HUSBAND, WIFE)
        and age_of(entry, state.day) >= 20
        and not _is_payee(state, entry)
    )


def ask_for_protection(state: CityState, rng: Random) -> int:
    """支援措置 for a whole household."""
    entry = choose(
        state, rng, lambda entry: entry.seibetsu == "2" and entry.zokugara == HEAD and entry.shien_kbn == "0"
    )
    if entry is None:
        return 0
    rows = [
        revised(rng, member, state.day, shien_kbn="1", ido_jiyu="51", ido_ymd=ymd(state.day))
        for member in state.household(entry.setai_no)
    ]
    for row in rows:
        state.put_resident(row)
    tell_later(state, "protection", rows, "tax", "welfare")
    return 1


def is_long_term_insured(state: CityState, entry: Resident) -> bool:
    """True where the welfare office runs a 介護保険 for the person."""
    return any(row.shubetsu == LONG_TERM_CARE for row in running(state, entry.atena_no))


def _is_payee(state: CityState, entry: Resident) -> bool:
    return any(row.jukyusha for row in running(state, entry.atena_no)) and not is_child(entry, state.day)


def _may_have_child(state: CityState, entry: Resident) -> bool:
    fertile = entry.seibetsu == "2" and entry.zokugara == WIFE and 20 <= age_of(entry, state.day) <= 44
    if not fertile:
        return False
    children = [member for member in state.household(entry.setai_no) if is_child(member, state.day)]
    return not children or any(_is_payee(state, member) for member in state.household(entry.setai_no))


def _is_untouched(state: CityState, entry: Resident) -> bool:
    return not any(member.atena_no in state.quiet for member in state.household(entry.setai_no))
