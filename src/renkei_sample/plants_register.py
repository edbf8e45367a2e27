"""Plants in flags, sexes and entitlements: what another office never heard of, or did twice."""

from dataclasses import replace
from datetime import timedelta
from random import Random

from renkei_sample import findings
from renkei_sample.base import LONG_TERM_CARE, known_birth, start_benefit
from renkei_sample.desk import CHILD_ALLOWANCE, own_benefits, running
from renkei_sample.picker import Picker, is_plain_adult, lives_alone
from renkei_sample.population import age_of, is_child
from renkei_sample.records import Benefit, Resident
from renkei_sample.state import CityState


def wrong_sex(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R12: the tax record has the other sex."""
    for entry in picker.take(count, lambda entry: is_plain_adult(state, entry)):
        row = replace(state.taxpayers[entry.atena_no], seibetsu="1" if entry.seibetsu == "2" else "2")
        state.taxpayers[entry.atena_no] = row
        findings.other_sex(state, entry, row)


def protection_not_carried(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R07: 住基 protects someone whom the tax office would send mail about to anybody."""
    for entry in picker.take(count, lambda entry: _is_known_to_tax_alone(state, entry)):
        guarded = replace(entry, shien_kbn="1")
        state.put_resident(guarded)
        findings.not_protected(state, guarded, state.taxpayers[entry.atena_no])


def child_paid_twice(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R23: the same child was claimed once more."""
    for entry in picker.take(count, lambda entry: is_only_paid_for(state, entry)):
        paid, keyed = own_benefits(state, entry.atena_no)[0], state.day - timedelta(days=rng.randint(30, 200))
        twice = start_benefit(
            state, rng, of=paid.taishosha, kind=CHILD_ALLOWANCE, start=keyed, day=keyed, payee=paid.jukyusha
        )
        findings.paid_twice(state, paid, twice)


def not_enrolled_at_65(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R24: the batch that enrols everybody at 65 forgot one."""
    for entry in picker.take(count, lambda entry: _is_long_past_65(state, entry)):
        state.drop_benefit(next(row.bango for row in _care(state, entry)))
        findings.not_enrolled(state, entry)


def _care(state: CityState, entry: Resident) -> list[Benefit]:
    return [row for row in own_benefits(state, entry.atena_no) if row.shubetsu == LONG_TERM_CARE]


def _is_known_to_tax_alone(state: CityState, entry: Resident) -> bool:
    row = state.taxpayers.get(entry.atena_no)
    unknown = row is not None and row.shien == "0" and state.recipient_of(entry.atena_no) is None
    return unknown and lives_alone(state, entry)


def is_only_paid_for(state: CityState, entry: Resident) -> bool:
    """A child whose one benefit is an allowance."""
    held = running(state, entry.atena_no)
    return is_child(entry, state.day) and len(held) == 1 and held[0].shubetsu == CHILD_ALLOWANCE


def _is_long_past_65(state: CityState, entry: Resident) -> bool:
    return known_birth(entry) and age_of(entry, state.day) >= 66 and bool(_care(state, entry))
