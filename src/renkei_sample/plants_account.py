"""Plants in accounts that many share, or that were changed just before the money goes out."""

from datetime import timedelta
from functools import partial
from random import Random

from renkei_sample import findings
from renkei_sample.picker import Picker, is_plain_adult, lives_alone
from renkei_sample.plants_payment import account, is_paid_parent, is_strange, strange_kana
from renkei_sample.plants_taxation import represent
from renkei_sample.records import Account, Resident
from renkei_sample.state import CityState

_ACCOUNT = "welfare.account"
#: Days from a change of the account to the payment, which is after the base day; and to any other payment.
_CHANGED_BEFORE, _PLANNED_IN, _PLANNED = 6, 3, 90
_SHARED_BY = 3


def account_shared_by_many(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R37: the allowances of three households run together in the account of somebody unknown."""
    for _ in range(count):
        entries = _parents(state, picker, _SHARED_BY)
        if len(entries) == _SHARED_BY:
            name, number = strange_kana(state, rng, entries), _free_number(state)
            for entry in entries:
                row = _put(state, entry, name=name, koza=number, planned=_PLANNED, changed=None)
                _stand(state, entry, row, klass="shared_account")


def account_changed_before_payment(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R37: a week before the payment it was turned to the account of another who is paid too."""
    for entry in _parents(state, picker, count):
        for other in picker.take(1, partial(_is_stranger, state, entry)):
            number, name = _free_number(state), other.shimei_kana
            _put(state, other, name=name, koza=number, planned=_PLANNED, changed=None)
            row = _put(
                state,
                entry,
                name=name,
                koza=number,
                planned=_PLANNED_IN,
                changed=_CHANGED_BEFORE - _PLANNED_IN,
            )
            _stand(state, entry, row, klass="changed_before_payment")


def account_of_a_guardian(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Not a mismatch: three wards of one guardian, into whose account it was turned last week."""
    for _ in range(count):
        entries = _parents(state, picker, _SHARED_BY)
        agents = picker.take(1, lambda entry: is_plain_adult(state, entry) and lives_alone(state, entry))
        if len(entries) == _SHARED_BY and agents:
            number = _free_number(state)
            for entry in entries:
                represent(state, entry, agents[0], kind="2")
                _put(
                    state,
                    entry,
                    name=agents[0].shimei_kana,
                    koza=number,
                    planned=_PLANNED_IN,
                    changed=_CHANGED_BEFORE - _PLANNED_IN,
                )


def _parents(state: CityState, picker: Picker, count: int) -> list[Resident]:
    return picker.take(count, lambda entry: is_paid_parent(state, entry))


def _is_stranger(state: CityState, entry: Resident, other: Resident) -> bool:
    return is_paid_parent(state, other) and is_strange(state, other.shimei_kana, [entry])


def _put(
    state: CityState, entry: Resident, *, name: str, koza: str, planned: int, changed: int | None
) -> Account:
    """``planned`` days ahead, ``changed`` days ago."""
    holder = state.recipient_of(entry.atena_no)
    if holder is None:
        raise LookupError("a parent who is paid is on the welfare office's books")
    return account(
        state,
        holder,
        use="給付",
        planned=state.day + timedelta(days=planned),
        name=name,
        changed=None if changed is None else state.day - timedelta(days=changed),
        koza=koza,
    )


def _free_number(state: CityState) -> str:
    return f"{9_000_000 + state.next_number('account'):07d}"


def _stand(state: CityState, entry: Resident, row: Account, *, klass: str) -> None:
    findings.stand(
        state,
        "R37",
        klass,
        field="account_holder",
        left=(findings.JUKI, entry.atena_no),
        right=(_ACCOUNT, row.bango),
        since=findings.fresh({"moved_in", "household", "address", "name"}, entry),
    )
