"""Plants in insurance that goes with where somebody lives, or with the right to live here at all."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random

from renkei_sample import findings
from renkei_sample.base import ELDERLY_HEALTH, LONG_TERM_CARE, NATIONAL_HEALTH, start_benefit
from renkei_sample.desk import own_benefits
from renkei_sample.identifiers import from_ymd, ymd
from renkei_sample.picker import Picker, is_plain_adult, lives_alone
from renkei_sample.population import age_of, revised
from renkei_sample.records import Benefit, Resident
from renkei_sample.state import CityState

#: 在留資格 that give no right to the city's health insurance: a stay for medical care, for pleasure, as a
#: diplomat, a short one; and one that is no such thing though its name begins alike.
_NOT_INSURABLE, _INSURABLE = ("32", "33", "41", "51"), "31"
_NOTICE_DAYS = 14


# R29 ----------------------------------------------------------------------------------------------


def exception_after_return(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R29: back from a facility elsewhere, and still insured as if there; now and then since a few days."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_cared_alone(state, entry))):
        row = _came_back(state, rng, entry, days=9 if number % 4 == 3 else rng.randint(40, 300))
        held = _excepted(state, entry, from_ymd(row.tennyu_ymd or "") - timedelta(days=500))
        findings.stand(
            state,
            "R29",
            "came_back",
            field="facility_exception",
            left=(findings.JUKI, entry.atena_no),
            right=(findings.BENEFIT, held.bango),
            since=max(from_ymd(row.tennyu_ymd or ""), findings.fresh({"moved_in"}, row))
            + timedelta(days=_NOTICE_DAYS),
        )


def insured_twice(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R29: insured by the exception and, beside it, as a resident."""
    for entry in picker.take(count, lambda entry: _is_cared_alone(state, entry)):
        # who came before going there has not come back
        entered = max(state.day - timedelta(days=40), from_ymd(entry.tennyu_ymd or entry.jutei_ymd))
        held = _excepted(state, entry, entered)
        start = state.day - timedelta(days=rng.randint(20, 30))
        again = start_benefit(
            state, rng, of=held.taishosha, kind=LONG_TERM_CARE, start=start, day=start + timedelta(days=2)
        )
        keyed = [findings.keyed_on(row) for row in (held, again) if row.jiyu in ("新規", "その他")]
        findings.stand(
            state,
            "R29",
            "insured_twice",
            field="facility_exception",
            left=(findings.BENEFIT, held.bango),
            right=(findings.BENEFIT, again.bango),
            since=max(date.fromisoformat(held.kaishi), start, *keyed),
        )


def exception_understood(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: about to move into a facility; or back, and the exception ended when it should."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_cared_alone(state, entry))):
        if number % 2:
            entered = max(state.day - timedelta(days=3), from_ymd(entry.tennyu_ymd or entry.jutei_ymd))
            _excepted(state, entry, entered)
            continue
        row = _came_back(state, rng, entry, days=rng.randint(40, 300))
        came = from_ymd(row.tennyu_ymd or "")
        held = _excepted(state, entry, came - timedelta(days=500))
        ended = replace(held, jotai="消滅", shuryo=came.isoformat(), shuryo_jiyu="特例の終了")
        state.put_benefit(ended)
        start_benefit(
            state, rng, of=held.taishosha, kind=LONG_TERM_CARE, start=came, day=came + timedelta(days=1)
        )


def _came_back(state: CityState, rng: Random, entry: Resident, *, days: int) -> Resident:
    """Moved in again so many days ago, to the address that everybody has."""
    on = state.day - timedelta(days=days)
    row = revised(rng, entry, on, ido_jiyu="01", ido_ymd=ymd(on), jutei_ymd=ymd(on))
    row = replace(row, tennyu_ymd=ymd(on))
    state.put_resident(row)
    return row


def _excepted(state: CityState, entry: Resident, entered: date) -> Benefit:
    """Long-term care that goes on because of a facility elsewhere, entered on a day."""
    held = next(row for row in own_benefits(state, entry.atena_no) if row.shubetsu == LONG_TERM_CARE)
    row = replace(held, tokurei="該当", nyusho=entered.isoformat())
    state.put_benefit(row)
    return row


def _is_cared_alone(state: CityState, entry: Resident) -> bool:
    """Alone, in long-term care for some years, and not taxed here."""
    held = own_benefits(state, entry.atena_no)
    cared = any(row.shubetsu == LONG_TERM_CARE for row in held)
    only = all(row.shubetsu in (LONG_TERM_CARE, ELDERLY_HEALTH) and not row.jukyusha for row in held)
    alone = is_plain_adult(state, entry) and lives_alone(state, entry) and age_of(entry, state.day) >= 66
    return cared and only and alone and entry.atena_no not in state.assessments


# R30 ----------------------------------------------------------------------------------------------


def not_insurable(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R30: in the national health insurance though here for medical care, as a diplomat or for a while."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_insured(state, entry))):
        row = _stays_as(state, rng, entry, _NOT_INSURABLE[number % len(_NOT_INSURABLE)])
        for held in own_benefits(state, entry.atena_no):
            if held.shubetsu in (NATIONAL_HEALTH, ELDERLY_HEALTH):
                findings.stand(
                    state,
                    "R30",
                    "not_insurable",
                    field="residence_qualification",
                    left=(findings.JUKI, entry.atena_no),
                    right=(findings.BENEFIT, held.bango),
                    since=max(findings.fresh({"moved_in"}, row), date.fromisoformat(held.kaishi)),
                )


def insurable_by_its_kind(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: 特定活動 of another kind; or one of these, and not in a health insurance."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_foreign(state, entry))):
        insured = any(row.shubetsu == NATIONAL_HEALTH for row in own_benefits(state, entry.atena_no))
        _stays_as(state, rng, entry, _INSURABLE if insured or number % 2 else _NOT_INSURABLE[0])


def _stays_as(state: CityState, rng: Random, entry: Resident, kind: str) -> Resident:
    until = state.day + timedelta(days=rng.randint(60, 200))
    row = replace(entry, zairyu_shikaku=kind, zairyu_manryo_ymd=ymd(until))
    state.put_resident(row)
    return row


def _is_foreign(state: CityState, entry: Resident) -> bool:
    held = own_benefits(state, entry.atena_no)
    return entry.jumin_shubetsu == "2" and all(row.shubetsu != ELDERLY_HEALTH for row in held)


def _is_insured(state: CityState, entry: Resident) -> bool:
    held = own_benefits(state, entry.atena_no)
    return entry.jumin_shubetsu == "2" and any(row.shubetsu == NATIONAL_HEALTH for row in held)
