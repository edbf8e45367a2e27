"""The city on its first day: everyone in 住基, and what the tax and welfare offices hold about them."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random

from renkei_sample.arrivals import hear_of_arrivals
from renkei_sample.chance import draws, lot
from renkei_sample.desk import CHILD_ALLOWANCE, ended
from renkei_sample.identifiers import from_ymd, half_kana, numbers, wareki
from renkei_sample.offices import Hand, assessment, benefit, recipient, taxpayer
from renkei_sample.population import (
    HEAD,
    HUSBAND,
    QUIET_DAYS,
    WIFE,
    Household,
    Serials,
    age_of,
    born_at,
    is_child,
    japanese,
    populate,
)
from renkei_sample.records import Benefit, Resident, Taxpayer
from renkei_sample.state import CityState
from renkei_sample.towns import new_address, tax_text
from renkei_sample.truth import Ledger

NATIONAL_HEALTH, LONG_TERM_CARE, ELDERLY_HEALTH = "国民健康保険", "介護保険", "後期高齢者医療"
PUBLIC_ASSISTANCE, CERTIFICATE = "生活保護", "障害者手帳"
_MONTHLY = {CHILD_ALLOWANCE: 10_000, PUBLIC_ASSISTANCE: 120_000}
#: Other municipalities in which people live who owe tax here (住登外).
_ELSEWHERE = (("131016", "1000001"), ("141003", "2310001"), ("112089", "3590001"), ("122041", "2730001"))
_NON_REGISTERED_SHARE = 0.10
_NUMBERLESS_SHARE = 0.004
_ASSISTED_SHARE, _CERTIFICATE_SHARE, _FACILITY_SHARE = 0.005, 0.01, 0.25
#: Whoever was of this age on the day has a record at the tax office.
TAX_AGE = 16


def found(*, residents: int, seed: int, day: date) -> CityState:
    """A consistent city: no system contradicts another."""
    rng, serials = draws("population", seed), Serials()
    state = CityState(day=day, seed=seed, size=residents, serials=serials, ledger=Ledger())
    households, former = populate(rng, serials, residents=residents, day=day)
    for home in households:
        _settle(state, rng, home)
    for entry in former:
        _settle_former(state, rng, entry)
    _settle_elsewhere(state, rng)
    _lose_some_numbers(state, rng)
    rest = draws("rest", seed)
    _record_the_rest(state, rest)
    _assist_some(state, rest)
    _certify_some(state, rest)
    _keep_insured_elsewhere(state)
    hear_of_arrivals(state, in_new_versions=False)
    return state


def enrol_tax(state: CityState, rng: Random, entry: Resident, *, day: date) -> Taxpayer:
    """Give a person a tax record, as the batch of the night after makes it."""
    hand = Hand(rng, day, kind="batch")
    row = taxpayer(entry, hand, kana_of_common_name=state.serials.common_kana.get(entry.atena_no))
    state.taxpayers[entry.atena_no] = row
    return row


def enrol_welfare(
    state: CityState, rng: Random, entry: Resident, *, household: str, day: date, by: str = "batch"
) -> str:
    """Give a person a 対象者 record; an existing one is kept. Returns its number."""
    held = state.recipient_of(entry.atena_no)
    if held is not None:
        return held.bango
    row = recipient(entry, Hand(rng, day, kind=by), number=state.welfare_number("F"), household=household)
    state.put_recipient(row, owner=entry.atena_no)
    return row.bango


def start_benefit(
    state: CityState,
    rng: Random,
    *,
    of: str,
    kind: str,
    start: date,
    day: date,
    payee: str | None = None,
    by: str = "batch",
) -> Benefit:
    """A benefit for a 対象者 from a day on."""
    amount = _MONTHLY.get(kind, 0)
    row = benefit(
        state.welfare_number("K"),
        Hand(rng, day, kind=by),
        of=of,
        kind=kind,
        start=start,
        amount=amount,
        payee=payee,
    )
    state.put_benefit(row)
    return row


def allowance_household(
    state: CityState, members: list[Resident], payee: Resident, rng: Random, *, day: date
) -> None:
    """Child allowance for every child of a household, paid to one parent."""
    household = welfare_household(state, members) or state.welfare_number("W")
    holder = enrol_welfare(state, rng, payee, household=household, day=day)
    for member in members:
        if is_child(member, day):
            start = max(from_ymd(member.seinengappi), from_ymd(member.jutei_ymd))
            number = enrol_welfare(state, rng, member, household=household, day=day, by="person")
            start_benefit(
                state, rng, of=number, kind=CHILD_ALLOWANCE, start=start, day=day, payee=holder, by="person"
            )


def welfare_household(state: CityState, members: list[Resident]) -> str | None:
    """The 認定世帯 number that the welfare office already uses for any of these people."""
    held = (state.recipient_of(member.atena_no) for member in members)
    return next((row.setai_no for row in held if row is not None), None)


def _settle(state: CityState, rng: Random, home: Household) -> None:
    for member in home.members:
        state.put_resident(member)
        if age_of(member, state.day) >= 19 and rng.random() < 0.93:
            row = enrol_tax(state, rng, member, day=from_ymd(member.ido_ymd) + timedelta(days=6))
            _assess(state, rng, member, row)
    _settle_welfare(state, rng, home)


def _assess(state: CityState, rng: Random, entry: Resident, row: Taxpayer) -> None:
    age = age_of(entry, state.day)
    if rng.random() > 0.75 or row.jotai != "1":
        return
    levy = "3" if age >= 65 and rng.random() < 0.7 else rng.choices("12", weights=(45, 55))[0]
    hand = Hand(rng, date(state.day.year - (state.day.month < 6), 6, 10), kind="batch")
    year = state.day.year - (state.day.month < 6)
    made = assessment(entry, hand, levy=levy, amount=rng.randrange(40, 5200) * 100, year=year)
    if levy == "1" and rng.random() < 0.03:
        elsewhere = new_address(rng)
        made = replace(
            made,
            sofu_shitei="1",
            sofu_yubin=elsewhere.yubin,
            sofu_jusho=tax_text(elsewhere.machiaza, elsewhere.banchi, 0),
            sofu_katagaki=elsewhere.katagaki or "",
        )
    # Whoever came after 1 January is taxed where they lived on that day.
    if (entry.tennyu_ymd or "") <= f"{year}0101":
        state.assessments[entry.atena_no] = made


def _settle_welfare(state: CityState, rng: Random, home: Household) -> None:
    household = state.welfare_number("W")
    on_national_health = rng.random() < 0.25
    day = state.day - timedelta(days=QUIET_DAYS + 2)
    for member in home.members:
        kinds = _insurances(age_of(member, state.day), on_national_health=on_national_health)
        start = max(from_ymd(member.jutei_ymd), state.day - timedelta(days=3000))
        for kind in kinds:
            number = enrol_welfare(
                state, rng, member, household=household, day=min(start + timedelta(days=2), day)
            )
            start_benefit(state, rng, of=number, kind=kind, start=start, day=start)
    children = [member for member in home.members if is_child(member, state.day)]
    payee = next((member for member in home.members if member.zokugara in (HEAD, HUSBAND, WIFE)), None)
    if children and payee and rng.random() < 0.92:
        allowance_household(state, home.members, payee, rng, day=day)
        if welfare_household(state, home.members) is None:
            raise AssertionError("a payee always has a welfare household")


def _insurances(age: int, *, on_national_health: bool) -> list[str]:
    if age >= 75:
        return [LONG_TERM_CARE, ELDERLY_HEALTH]
    return ([NATIONAL_HEALTH] if on_national_health else []) + ([LONG_TERM_CARE] if age >= 65 else [])


def _settle_former(state: CityState, rng: Random, entry: Resident) -> None:
    state.put_resident(entry)
    left = from_ymd(entry.todoke_ymd)
    enrol_tax(state, rng, entry, day=left + timedelta(days=1))
    kinds = _insurances(age_of(entry, left), on_national_health=rng.random() < 0.4)
    household = state.welfare_number("W")
    for kind in kinds:
        number = enrol_welfare(state, rng, entry, household=household, day=left + timedelta(days=1))
        running = start_benefit(state, rng, of=number, kind=kind, start=left - timedelta(days=90), day=left)
        state.put_benefit(ended(running, entry, Hand(rng, left + timedelta(days=1), kind="batch")))


def _settle_elsewhere(state: CityState, rng: Random) -> None:
    series = numbers(9_000_000)
    for _ in range(round(len(state.taxpayers) * _NON_REGISTERED_SHARE / (1 - _NON_REGISTERED_SHARE))):
        number = next(series)
        state.counters["elsewhere"] = int(number[:-1])
        row = _non_registered(state, rng, number)
        state.taxpayers[number] = row


def _non_registered(state: CityState, rng: Random, number: str) -> Taxpayer:
    sex, there = rng.choice("12"), new_address(rng)
    name, (code, postal_code) = japanese(rng, sex), rng.choice(_ELSEWHERE)
    keyed = state.day - timedelta(days=rng.randint(60, 3000))
    return Taxpayer(
        atena_no=number,
        atena_kbn="2",
        shimei=name.text,
        shimei_kana=half_kana(name.kana),
        seibetsu=sex,
        seinengappi=wareki(born_at(rng, state.day, rng.randint(25, 85))),
        setai_no="",
        zokugara="",
        yubin=postal_code,
        shikuchoson=code,
        jusho=tax_text(there.machiaza, there.banchi, 0),
        katagaki=there.katagaki or "",
        jotai="1",
        ido_ymd=wareki(keyed),
        koshin_jiyu="05",
        **Hand(rng, keyed, kind="person").tax(),
        shien="0" if rng.random() < 0.5 else "",
    )


def _lose_some_numbers(state: CityState, rng: Random) -> None:
    """A few 対象者 who live alone have no 住民宛名番号: only their four attributes tell who they are."""
    alone = [
        row
        for row in state.recipients.values()
        if row.jotai == "有効"
        and row.zokugara == "本人"
        and "不詳" not in row.seinengappi
        and len(row.seinengappi) == 10
        if len(state.household(state.residents[state.owners[row.bango]].setai_no)) == 1
        if state.residents[state.owners[row.bango]].jumin_shubetsu == "1"
    ]
    for row in rng.sample(alone, min(len(alone), max(2, round(state.size * _NUMBERLESS_SHARE)))):
        state.put_recipient(replace(row, atena_no=None))
        state.quiet.add(state.owners[row.bango])


def _record_the_rest(state: CityState, rng: Random) -> None:
    """Whoever else is old enough has a tax record too: students, and those who are claimed by another."""
    for entry in list(state.residents.values()):
        if (
            entry.jumin_jotai == "1"
            and entry.atena_no not in state.taxpayers
            and age_of(entry, state.day) >= TAX_AGE
        ):
            enrol_tax(state, rng, entry, day=from_ymd(entry.ido_ymd) + timedelta(days=6))


def _assist_some(state: CityState, rng: Random) -> None:
    """生活保護 for people who live alone, in no health insurance of the city and without a tax to pay."""
    poor = [
        entry
        for entry in state.residents.values()
        if _is_free(state, entry)
        and 30 <= age_of(entry, state.day) <= 62
        and len(state.household(entry.setai_no)) == 1
        and state.recipient_of(entry.atena_no) is None
        and entry.atena_no not in state.assessments
    ]
    for entry in rng.sample(poor, min(len(poor), max(2, round(state.size * _ASSISTED_SHARE)))):
        start = max(
            from_ymd(entry.jutei_ymd) + timedelta(days=30), state.day - timedelta(days=rng.randint(60, 2000))
        )
        start = min(start, state.day - timedelta(days=QUIET_DAYS + 1))
        _start_for_good(state, rng, entry, kind=PUBLIC_ASSISTANCE, start=start)


def _certify_some(state: CityState, rng: Random) -> None:
    """障害者手帳, and the deduction that comes with it for whoever had it on 1 January."""
    grown = [
        entry
        for entry in state.residents.values()
        if _is_free(state, entry) and 20 <= age_of(entry, state.day) <= 60
    ]
    for entry in rng.sample(grown, min(len(grown), max(2, round(state.size * _CERTIFICATE_SHARE)))):
        start = from_ymd(entry.jutei_ymd) + timedelta(days=30)
        # whoever came too lately to have one has none
        if start > date(state.day.year - 2, 12, 1):
            continue
        _start_for_good(state, rng, entry, kind=CERTIFICATE, start=start)
        taxed = state.assessments.get(entry.atena_no)
        if taxed is not None:
            state.assessments[entry.atena_no] = replace(taxed, shogaisha="1")


def _is_free(state: CityState, entry: Resident) -> bool:
    return (
        entry.jumin_jotai == "1"
        and entry.jumin_shubetsu == "1"
        and entry.shien_kbn == "0"
        and known_birth(entry)
        and entry.atena_no not in state.quiet
    )


def _start_for_good(state: CityState, rng: Random, entry: Resident, *, kind: str, start: date) -> None:
    """A benefit that no event will end: its person is left alone."""
    home = welfare_household(state, state.household(entry.setai_no)) or state.welfare_number("W")
    number = enrol_welfare(state, rng, entry, household=home, day=start, by="person")
    start_benefit(state, rng, of=number, kind=kind, start=start, day=start, by="person")
    state.quiet.add(entry.atena_no)


def _keep_insured_elsewhere(state: CityState) -> None:
    """住所地特例: some of the old who left went into a facility, and stay insured here."""
    for row in list(state.benefits.values()):
        entry = state.residents[state.owners[row.taishosha]]
        left = entry.tenshutsu_ymd
        if (
            left is not None
            and row.jotai == "消滅"
            and age_of(entry, state.day) >= 66
            and lot("住所地特例", entry.atena_no) % 100 < _FACILITY_SHARE * 100
        ):
            state.put_benefit(
                replace(
                    row,
                    jotai="受給中",
                    shuryo=None,
                    shuryo_jiyu=None,
                    jiyu="住所",
                    tokurei="該当",
                    nyusho=from_ymd(left).isoformat(),
                )
            )


def known_birth(entry: Resident) -> bool:
    """True where the birth date is known to the day."""
    return "00" not in (entry.seinengappi[4:6], entry.seinengappi[6:]) and not entry.seinengappi.startswith(
        "0000"
    )
