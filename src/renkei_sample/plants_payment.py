"""Plants in money that goes out or in: accounts, insurance beside assistance, lists of the insurers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from renkei_sample import findings
from renkei_sample.base import (
    ELDERLY_HEALTH,
    LONG_TERM_CARE,
    NATIONAL_HEALTH,
    PUBLIC_ASSISTANCE,
    start_benefit,
)
from renkei_sample.desk import CHILD_ALLOWANCE, end_benefits, own_benefits, running, tell_tax, tell_welfare
from renkei_sample.identifiers import from_ymd, ymd
from renkei_sample.offices import Hand
from renkei_sample.picker import Picker, is_plain_adult, lives_alone
from renkei_sample.population import age_of, dead, japanese, removed
from renkei_sample.records import Account, Benefit, DoubleEntitlement, Recipient, Resident
from renkei_sample.state import CityState

_ACCOUNT = "welfare.account"
_KINDS = {
    NATIONAL_HEALTH: "national_health",
    LONG_TERM_CARE: "long_term_care",
    ELDERLY_HEALTH: "elderly_health",
    CHILD_ALLOWANCE: "child_allowance",
}
#: Days until the next planned payment or debit: later than the last night that is replayed.
_PLANNED = 90
_LIST_DAY = 10
#: Banks write no small kana.
_LARGE = str.maketrans("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ")


# R03, R37 -----------------------------------------------------------------------------------------


def account_of_the_dead(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R03: a payment or a debit is still planned on the account of somebody who died."""
    for number, (entry, holder) in enumerate(_who_died(state, picker, rng, count)):
        use = ("引落", "給付")[number % 2]
        row = account(state, holder, use=use, planned=state.day + timedelta(days=_PLANNED))
        findings.stand(
            state,
            "R03",
            ("debit_planned", "payment_planned")[number % 2],
            field="scheduled_on",
            left=(findings.JUKI, entry.atena_no),
            right=(_ACCOUNT, row.bango),
            since=max(from_ymd(entry.shibo_ymd or ""), findings.keyed_on(entry)),
        )


def account_settled_after_death(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: nothing is planned any more, or the heirs have put in an account of their own."""
    for number, (entry, holder) in enumerate(_who_died(state, picker, rng, count)):
        planned = state.day + timedelta(days=_PLANNED)
        if number % 2:
            changed = from_ymd(entry.shibo_ymd or "") + timedelta(days=5)
            account(state, holder, use="引落", planned=planned, changed=changed, name="ソウゾク　ダイヒョウ")
        else:
            account(state, holder, use="引落", planned=state.day - timedelta(days=3))


def account_of_a_stranger(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R37: the allowance goes to an account whose holder nobody of the household can be."""
    for entry in picker.take(count, lambda entry: is_paid_parent(state, entry)):
        holder = state.recipient_of(entry.atena_no)
        if holder is None:
            continue
        row = account(
            state,
            holder,
            use="給付",
            planned=state.day + timedelta(days=_PLANNED),
            name=strange_kana(state, rng, [entry]),
        )
        findings.stand(
            state,
            "R37",
            "other_holder",
            field="account_holder",
            left=(findings.JUKI, entry.atena_no),
            right=(_ACCOUNT, row.bango),
            since=findings.fresh({"moved_in", "household", "address", "name"}, entry),
        )


def account_of_a_child(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Not a mismatch: the account is in the name of another member of the household."""
    for entry in picker.take(count, lambda entry: is_paid_parent(state, entry)):
        holder = state.recipient_of(entry.atena_no)
        others = [row for row in state.household(entry.setai_no) if row.atena_no != entry.atena_no]
        if holder is not None and others:
            planned = state.day + timedelta(days=_PLANNED)
            account(state, holder, use="給付", planned=planned, name=others[0].shimei_kana)


def account(
    state: CityState,
    holder: Recipient,
    *,
    use: str,
    planned: date,
    name: str | None = None,
    changed: date | None = None,
    koza: str | None = None,
) -> Account:
    """An account that takes the place of the one that the office would have."""
    row = Account(
        bango=("Y" if use == "引落" else "Z") + holder.bango[1:],
        taishosha=holder.bango,
        yoto=use,
        ginko="9900",
        shiten="199",
        shumoku="1",
        koza=koza or f"{9_000_000 + state.next_number('account'):07d}",
        meigi=name or holder.kana,
        henkobi=changed.isoformat() if changed else None,
        yoteibi=planned.isoformat(),
        jotai="有効",
        koshin=holder.koshin,
        koshinsha=holder.koshinsha,
    )
    state.accounts[row.bango] = row
    return row


def _who_died(state: CityState, picker: Picker, rng: Random, count: int) -> list[tuple[Resident, Recipient]]:
    gone = []
    for entry in picker.take(count, lambda entry: _is_insured_alone(state, entry, least=40)):
        on = state.day - timedelta(days=rng.randint(15, 120))
        row = dead(rng, entry, on=on, day=on + timedelta(days=2))
        state.put_resident(row)
        hand = Hand(rng, on + timedelta(days=3), kind="batch")
        tell_tax(state, row, hand, kind="death")
        tell_welfare(state, row, hand, kind="death")
        end_benefits(state, row, hand)
        holder = state.recipient_of(entry.atena_no)
        if holder is not None:
            gone.append((row, holder))
    return gone


def strange_kana(state: CityState, rng: Random, entries: Sequence[Resident]) -> str:
    """A name that nobody of these households can be taken for."""
    while True:
        kana = japanese(rng, entries[0].seibetsu).kana
        if is_strange(state, kana, entries):
            return kana


def is_strange(state: CityState, kana: str, entries: Sequence[Resident]) -> bool:
    """Whether a name neither begins nor ends like any in these households."""
    plain = _as_banks_write(kana)
    near = {_as_banks_write(row.shimei_kana) for each in entries for row in state.household(each.setai_no)}
    return not any(plain[:2] == each[:2] or plain[-2:] == each[-2:] for each in near)


def _as_banks_write(kana: str) -> str:
    return kana.replace("　", "").translate(_LARGE)


# R25, R35, R31's removed --------------------------------------------------------------------------


def assisted_and_insured(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R25: public assistance began, and the national health insurance runs on."""
    for entry in picker.take(count, lambda entry: _is_insured_young(state, entry)):
        insured = _national(state, entry)
        start = state.day - timedelta(days=rng.randint(40, 90))
        assisted = _assist(state, rng, insured.taishosha, start)
        findings.stand(
            state,
            "R25",
            "national_health",
            field="status",
            left=(findings.BENEFIT, assisted.bango),
            right=(findings.BENEFIT, insured.bango),
            since=start + timedelta(days=14),
        )


def assisted_and_in_care(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: from 65 on the assisted are insured for long-term care like everyone."""
    for entry in picker.take(count, lambda entry: _is_in_care_only(state, entry)):
        number = own_benefits(state, entry.atena_no)[0].taishosha
        _assist(state, rng, number, state.day - timedelta(days=rng.randint(40, 90)))


def insured_elsewhere(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R35: two monthly lists in a row say that somebody is insured by an employer."""
    last, before = _lists(state.day)
    for entry in picker.take(count, lambda entry: _is_insured_young(state, entry)):
        insured = _national(state, entry)
        for day in (before, last):
            _listed(state, insured, day)
        truth = findings.stand(
            state,
            "R35",
            "insured_elsewhere",
            field="status",
            left=(findings.BENEFIT, insured.bango),
            right=(findings.BENEFIT, insured.bango),
            since=last,
        )
        # on the next list the insurer no longer names the person
        state.ledger.end(truth, (last.replace(day=1) + timedelta(days=32)).replace(day=_LIST_DAY))


def listed_once(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Not a mismatch: on the latest list for the first time."""
    for entry in picker.take(count, lambda entry: _is_insured_young(state, entry)):
        _listed(state, _national(state, entry), _lists(state.day)[0])


def removed_and_insured(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R31: removed from the registry ex officio, and still insured."""
    for entry in picker.take(count, lambda entry: _is_insured_young(state, entry)):
        on = state.day - timedelta(days=rng.randint(20, 200))
        gone = removed(rng, entry, on=on, day=on + timedelta(days=2))
        state.put_resident(gone)
        findings.stand(
            state,
            "R31",
            "removed_still_insured",
            field="status",
            left=(findings.JUKI, entry.atena_no),
            right=(findings.BENEFIT, _national(state, entry).bango),
            since=findings.keyed_on(gone),
        )


def _assist(state: CityState, rng: Random, number: str, start: date) -> Benefit:
    return start_benefit(state, rng, of=number, kind=PUBLIC_ASSISTANCE, start=start, day=start, by="person")


def _lists(day: date) -> tuple[date, date]:
    """The days of the last two monthly lists, the later one first."""
    last = day.replace(day=_LIST_DAY)
    last = last if last <= day else (last.replace(day=1) - timedelta(days=1)).replace(day=_LIST_DAY)
    return last, (last.replace(day=1) - timedelta(days=1)).replace(day=_LIST_DAY)


def _listed(state: CityState, insured: Benefit, day: date) -> DoubleEntitlement:
    row = DoubleEntitlement(
        bango=f"{day:%Y%m%d}-{insured.taishosha}",
        taishosha=insured.taishosha,
        ichiranbi=day.isoformat(),
        hokensha="葛原電機健康保険組合",
        shutokubi=day.replace(day=1).isoformat(),
        koshin=f"{day.isoformat()}T19:30:00+09:00",
        koshinsha="BATCH02",
    )
    state.double_entitlements[row.bango] = row
    return row


# R29, R30 -----------------------------------------------------------------------------------------


def exception_lost(state: CityState, _picker: Picker, _rng: Random, count: int) -> None:
    """R29: whoever entered a facility elsewhere stays insured here, but was ended as if simply gone."""
    free = [
        (entry, row)
        for number, entry in sorted(state.residents.items())
        if entry.jumin_jotai == "2" and number not in state.quiet
        for row in _all_of(state, number)
        if row.shubetsu == LONG_TERM_CARE and row.jotai == "消滅" and row.shuryo_jiyu == "転出"
    ]
    for entry, row in free[:count]:
        state.quiet.add(entry.atena_no)
        left = from_ymd(entry.tenshutsu_ymd or "")
        state.put_benefit(replace(row, tokurei="該当", nyusho=left.isoformat()))
        findings.stand(
            state,
            "R29",
            "exception_lost",
            field="facility_exception",
            left=(findings.JUKI, entry.atena_no),
            right=(findings.BENEFIT, row.bango),
            since=max(left, findings.keyed_on(row)),
        )


def stay_expired(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R30: the stay ended more than two months ago, and the benefits run on; now and then not quite yet."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_bound_to_stay(state, entry))):
        until = state.day - timedelta(days=55 if number % 4 == 3 else rng.randint(70, 300))
        shown = replace(entry, zairyu_shikaku="11", zairyu_manryo_ymd=ymd(until))
        state.put_resident(shown)
        for row in own_benefits(state, entry.atena_no):
            findings.stand(
                state,
                "R30",
                "stay_expired",
                field="residence_until",
                left=(findings.JUKI, entry.atena_no),
                right=(findings.BENEFIT, row.bango),
                since=_two_months_on(until) + timedelta(days=1),
            )


def stay_without_end(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Not a mismatch: 永住者 have no last day."""
    for entry in picker.take(count, lambda entry: _is_bound_to_stay(state, entry)):
        state.put_resident(replace(entry, zairyu_shikaku="01", zairyu_manryo_ymd=None))


def _two_months_on(day: date) -> date:
    month = day.replace(day=1) + timedelta(days=64)
    for back in range(4):
        try:
            return month.replace(day=day.day - back)
        except ValueError:
            continue
    raise ValueError(day)


# whom ---------------------------------------------------------------------------------------------


def _all_of(state: CityState, number: str) -> list[Benefit]:
    held = state.recipient_of(number)
    return state.benefits_of(held.bango) if held else []


def _national(state: CityState, entry: Resident) -> Benefit:
    return next(row for row in own_benefits(state, entry.atena_no) if row.shubetsu == NATIONAL_HEALTH)


def _is_insured_alone(state: CityState, entry: Resident, *, least: int) -> bool:
    held = running(state, entry.atena_no)
    insured = bool(held) and all(row.shubetsu in _KINDS and not row.jukyusha for row in held)
    return insured and lives_alone(state, entry) and age_of(entry, state.day) >= least


def _is_insured_young(state: CityState, entry: Resident) -> bool:
    """Alone, of working age, in the national health insurance and nothing else, and not taxed."""
    held = running(state, entry.atena_no)
    only = [row.shubetsu for row in held] == [NATIONAL_HEALTH] and not held[0].jukyusha
    early = only and held[0].kaishi < (state.day - timedelta(days=100)).isoformat()
    alone = is_plain_adult(state, entry) and lives_alone(state, entry) and age_of(entry, state.day) <= 60
    return early and alone and entry.atena_no not in state.assessments


def _is_in_care_only(state: CityState, entry: Resident) -> bool:
    held = [row.shubetsu for row in running(state, entry.atena_no)]
    alone = lives_alone(state, entry) and 66 <= age_of(entry, state.day) <= 73
    return held == [LONG_TERM_CARE] and alone and entry.atena_no not in state.assessments


def _is_bound_to_stay(state: CityState, entry: Resident) -> bool:
    held = own_benefits(state, entry.atena_no)
    return entry.jumin_shubetsu == "2" and bool(held) and all(row.shubetsu in _KINDS for row in held)


def is_paid_parent(state: CityState, entry: Resident) -> bool:
    """An adult who is paid the allowance of a child of the household."""
    held = state.recipient_of(entry.atena_no)
    pays = [row for row in running(state, entry.atena_no) if row.shubetsu == CHILD_ALLOWANCE]
    paid = held is not None and any(row.jukyusha == held.bango for row in pays)
    return paid and is_plain_adult(state, entry) and len(state.household(entry.setai_no)) > 1
