"""What the welfare office keeps beside its two main tables, made anew each night from what stands in those.

Nobody in them breaks a rule. A row that was put into the state by hand takes the place of one of its number.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from renkei_sample.base import ELDERLY_HEALTH, LONG_TERM_CARE, NATIONAL_HEALTH, PUBLIC_ASSISTANCE
from renkei_sample.chance import lot
from renkei_sample.desk import CHILD_ALLOWANCE
from renkei_sample.records import Account, Benefit, DoubleEntitlement, Recipient
from renkei_sample.state import CityState

_BANKS = ("9900", "9901", "9902", "9905")
_INSURERS = ("葛原電機健康保険組合", "葛原市内事業所健康保険組合", "関東部品健康保険組合")
_DEBITED = (NATIONAL_HEALTH, LONG_TERM_CARE, ELDERLY_HEALTH)
#: Day of the month on which the list of double entitlements comes, and how many lists are sent again.
_LIST_DAY, _LISTS = 10, 3


def accounts(state: CityState) -> list[Account]:
    """An account for whoever is paid, and one for debits for four in ten of the insured."""
    paid: dict[str, Benefit] = {}
    insured: dict[str, Benefit] = {}
    for row in state.benefits.values():
        if row.shubetsu in (CHILD_ALLOWANCE, PUBLIC_ASSISTANCE):
            _keep_running(paid, row.jukyusha or row.taishosha, row)
        elif row.shubetsu in _DEBITED and lot("口座振替", row.taishosha) % 10 < 4:
            _keep_running(insured, row.taishosha, row)
    heads = _heads(state)
    made = [
        *(_account(state, number, row, "給付", "Z", None) for number, row in paid.items()),
        *(
            _account(state, number, row, "引落", "Y", _payer(state, heads, number))
            for number, row in insured.items()
        ),
    ]
    return list(({row.bango: row for row in made} | state.accounts).values())


def _keep_running(held: dict[str, Benefit], number: str, row: Benefit) -> None:
    if number not in held or row.jotai == "受給中":
        held[number] = row


def _heads(state: CityState) -> dict[str, Recipient]:
    """世帯番号 of the welfare office → whoever stands for it."""
    return {
        row.setai_no: row
        for row in state.recipients.values()
        if row.zokugara == "本人" and _is_here(state, row)
    }


def _payer(state: CityState, heads: dict[str, Recipient], number: str) -> Recipient | None:
    """A third of the wives let their husband's account be debited: an account of two, and of one family."""
    row = state.recipients[number]
    head = heads.get(row.setai_no) if row.zokugara == "妻" and lot("家族口座", number) % 3 == 0 else None
    if head is None:
        return None
    theirs = [
        state.residents[state.owners[each.bango]].setai_no
        for each in (row, head)
        if each.bango in state.owners
    ]
    return head if len(theirs) == 2 and theirs[0] == theirs[1] else None


def _is_here(state: CityState, row: Recipient) -> bool:
    entry = state.residents.get(state.owners.get(row.bango, ""))
    return row.jotai == "有効" and (entry is None or entry.jumin_jotai == "1")


def _account(
    state: CityState, number: str, running: Benefit, use: str, letter: str, payer: Recipient | None
) -> Account:
    row = state.recipients[number]
    holder = payer or row
    here = _is_here(state, row) and running.jotai == "受給中"
    drawn = lot("口座", holder.bango)
    # the account that was given first was never changed
    changed = date(2024, 10, 1) + timedelta(days=drawn % 500) if drawn % 10 < 3 else None
    due = _debited_on(state.day) if use == "引落" else _paid_on(state.day, running.shubetsu)
    return Account(
        bango=letter + number[1:],
        taishosha=number,
        yoto=use,
        ginko=_BANKS[drawn % len(_BANKS)],
        shiten=f"{100 + drawn % 37:03d}",
        shumoku="1",
        koza=f"{int(holder.bango[1:]) % 10**7:07d}",
        meigi=holder.kana,
        henkobi=changed.isoformat() if changed and changed.isoformat() > running.kaishi else None,
        yoteibi=due.isoformat() if here else None,
        jotai="有効" if here else "終了",
        koshin=row.koshin,
        koshinsha=row.koshinsha,
    )


def _paid_on(day: date, kind: str) -> date:
    """The next day of payment: assistance on the 5th, the allowance on the 15th of the even months."""
    at, every = (5, 1) if kind == PUBLIC_ASSISTANCE else (15, 2)
    year, month = day.year, day.month
    while month % every or date(year, month, at) <= day:
        year, month = year + month // 12, month % 12 + 1
    return date(year, month, at)


def _debited_on(day: date) -> date:
    """The last day of the month, or of the next one."""
    first = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    last = first - timedelta(days=1)
    return last if last > day else (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def double_entitlements(state: CityState) -> list[DoubleEntitlement]:
    """Lines of the last monthly lists: nobody of the national health insurance stands on two in a row."""
    days = list(_list_days(state.day))
    made = [
        _listed(row, day)
        for row in state.benefits.values()
        if row.shubetsu == NATIONAL_HEALTH and row.jotai == "受給中"
        for day in days
        if (lot("資格重複", row.taishosha) + day.month) % 300 == 0 and row.kaishi < day.isoformat()
    ]
    return list(({row.bango: row for row in made} | state.double_entitlements).values())


def _list_days(day: date) -> Iterator[date]:
    last = day.replace(day=_LIST_DAY)
    if last > day:
        last = (last.replace(day=1) - timedelta(days=1)).replace(day=_LIST_DAY)
    for _ in range(_LISTS):
        yield last
        last = (last.replace(day=1) - timedelta(days=1)).replace(day=_LIST_DAY)


def _listed(row: Benefit, day: date) -> DoubleEntitlement:
    return DoubleEntitlement(
        bango=f"{day:%Y%m%d}-{row.taishosha}",
        taishosha=row.taishosha,
        ichiranbi=day.isoformat(),
        hokensha=_INSURERS[lot("保険者", row.taishosha) % len(_INSURERS)],
        shutokubi=(day.replace(day=1) - timedelta(days=1)).replace(day=1).isoformat(),
        koshin=f"{day.isoformat()}T19:30:00+09:00",
        koshinsha="BATCH02",
    )
