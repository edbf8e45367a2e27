"""Plants in events that were taken back, misread, keyed years late, or forgotten by an assessment."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from renkei_sample import findings
from renkei_sample.base import LONG_TERM_CARE
from renkei_sample.desk import end_benefits, own_benefits, running, tell_tax, tell_welfare
from renkei_sample.identifiers import from_ymd, ymd
from renkei_sample.offices import Hand, assessment
from renkei_sample.picker import Picker, is_plain_adult, lives_alone
from renkei_sample.plants_number import outsider
from renkei_sample.population import age_of, moved_out, revised
from renkei_sample.records import Resident
from renkei_sample.state import CityState

_DEAD, _LEFT = "3", "2"
#: 異動事由 of 住基 for a cancelled departure, a cancelled arrival and a cancelled correction.
_ADDED, _TAKEN, _CORRECTED = "91", "92", "93"
_RENEWED, _NATURALIZED = "94", "81"


# R28 ----------------------------------------------------------------------------------------------


def taxed_without_residence(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R28: this year's tax for somebody who came soon after 1 January, or had left or died before it."""
    year = tax_year(state)
    for number in range(count):
        klass = ("came_after", "left_before", "died_before")[number % 3]
        for entry in _of_the_year(state, picker, rng, klass):
            _assess(state, rng, entry, year=year)
            findings.stand(
                state,
                "R28",
                klass,
                field="assessment",
                left=(findings.JUKI, entry.atena_no),
                right=(findings.ASSESSMENT, entry.atena_no),
                since=max(
                    date(year, 6, 10),
                    findings.fresh({"moved_in", "moved_out", "death", "cancelled", "correction"}, entry),
                ),
            )


def taxed_on_the_day(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: came on 1 January itself, left or died since, or owes nothing."""
    year = tax_year(state)
    for entry in picker.take(count, lambda entry: _came_by(state, entry, date(year, 1, 1))):
        _arrive(state, entry, date(year, 1, 1))
        _assess(state, rng, entry, year=year)
    for status in (_LEFT, _DEAD):
        for entry in former(state, count, lambda entry: _was_here(entry, date(year, 1, 1)), status=status):
            _assess(state, rng, entry, year=year)
    for entry in picker.take(count, lambda entry: _came_after(state, entry, date(year, 1, 1))):
        _assess(state, rng, entry, year=year, amount=0)


def taxed_after_returning(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: of who came later in the year 住基 does not say where they lived on 1 January."""
    year = tax_year(state)
    for entry in picker.take(count, lambda entry: _came_by(state, entry, date(year, 1, 1))):
        _arrive(state, entry, date(year, 1, 1) + timedelta(days=rng.randint(90, 200)))
        _assess(state, rng, entry, year=year)


def tax_year(state: CityState) -> int:
    """The year of the tax that is being collected: a new one begins in June."""
    return state.day.year - (state.day.month < 6)


def _of_the_year(state: CityState, picker: Picker, rng: Random, klass: str) -> list[Resident]:
    assessed = date(tax_year(state), 1, 1)
    if klass == "came_after":
        chosen = picker.take(1, lambda entry: _came_by(state, entry, assessed))
        return [_arrive(state, entry, assessed + timedelta(days=rng.randint(1, 13))) for entry in chosen]
    status = _LEFT if klass == "left_before" else _DEAD
    return former(state, 1, lambda entry: _went(entry) < assessed, status=status)


def _arrive(state: CityState, entry: Resident, day: date) -> Resident:
    """Let it be said that somebody came on this day, and told of it four days later."""
    came, told = ymd(day), day + timedelta(days=4)
    row = replace(entry, tennyu_ymd=came, jutei_ymd=came, ido_ymd=came, todoke_ymd=ymd(told), ido_jiyu="01")
    row = replace(row, koshin_ts=f"{told.isoformat()} 10:00:00.000000")
    state.put_resident(row)
    return row


def _came_after(state: CityState, entry: Resident, assessed: date) -> bool:
    known = entry.atena_no in state.taxpayers and entry.atena_no not in state.assessments
    return known and bool(entry.tennyu_ymd) and from_ymd(entry.tennyu_ymd or "") > assessed


def _came_by(state: CityState, entry: Resident, assessed: date) -> bool:
    known = entry.atena_no in state.taxpayers and entry.atena_no not in state.assessments
    came = entry.tennyu_ymd and date(assessed.year - 4, 1, 1) < from_ymd(entry.tennyu_ymd) < assessed
    return known and bool(came) and entry.rireki_no == 1 and lives_alone(state, entry)


def former(
    state: CityState, count: int, wanted: Callable[[Resident], bool], *, status: str
) -> list[Resident]:
    """Former residents with a tax record and no tax, who are then left alone. ``status``: 2 left, 3 dead."""
    free = (
        entry
        for number, entry in sorted(state.residents.items())
        if entry.jumin_jotai == status
        and number not in state.quiet
        and number in state.taxpayers
        and number not in state.assessments
        and wanted(entry)
    )
    chosen = [entry for entry, _ in zip(free, range(count), strict=False)]
    state.quiet.update(entry.atena_no for entry in chosen)
    return chosen


def _went(entry: Resident) -> date:
    return from_ymd(entry.shibo_ymd or entry.tenshutsu_ymd or entry.ido_ymd)


def _was_here(entry: Resident, day: date) -> bool:
    return from_ymd(entry.tennyu_ymd or entry.jutei_ymd) <= day < _went(entry)


def _assess(state: CityState, rng: Random, entry: Resident, *, year: int, amount: int = 84_500) -> None:
    hand = Hand(rng, date(year, 6, 10), kind="batch")
    state.assessments[entry.atena_no] = assessment(entry, hand, levy="1", amount=amount, year=year)


# R32 ----------------------------------------------------------------------------------------------


def cancelled_departure(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R32: a move out was cancelled, and the tax office still has the person gone."""
    for entry in picker.take(count, lambda entry: _is_known_alone(state, entry)):
        day = state.day - timedelta(days=rng.randint(11, 40))
        row = revised(rng, entry, day, ido_jiyu=_ADDED, ido_ymd=ymd(day))
        state.put_resident(row)
        _tax_status(state, rng, row, _LEFT, day)
        _cancelled(state, row, klass="kept_departure")


def cancelled_arrival(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R32: a move in was cancelled, and the tax office still has the person as a resident."""
    for entry in picker.take(count, lambda entry: _is_known_alone(state, entry)):
        day = state.day - timedelta(days=rng.randint(11, 40))
        row = revised(rng, entry, day, jumin_jotai="9", ido_jiyu=_TAKEN, ido_ymd=ymd(day))
        state.put_resident(row)
        _cancelled(state, row, klass="kept_arrival")


def cancelled_everywhere(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: the cancellation was carried, or only a correction was taken back."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_known_alone(state, entry))):
        day = state.day - timedelta(days=rng.randint(11, 40))
        gone = number % 3 == 0
        kind = _TAKEN if gone else (_ADDED, _CORRECTED)[number % 3 - 1]
        status = "9" if gone else entry.jumin_jotai
        row = revised(rng, entry, day, jumin_jotai=status, ido_jiyu=kind, ido_ymd=ymd(day))
        state.put_resident(row)
        _tax_status(state, rng, row, status, day)


def _cancelled(state: CityState, entry: Resident, *, klass: str) -> None:
    findings.stand(
        state,
        "R32",
        klass,
        field="status",
        left=(findings.JUKI, entry.atena_no),
        right=(findings.TAX, entry.atena_no),
        since=findings.keyed_on(entry),
    )


def _tax_status(state: CityState, rng: Random, entry: Resident, status: str, day: date) -> None:
    stamp = Hand(rng, day - timedelta(days=1), kind="batch").tax()
    row = state.taxpayers[entry.atena_no]
    state.taxpayers[entry.atena_no] = replace(row, jotai=status, koshin_jiyu="09", **stamp)


# R33 ----------------------------------------------------------------------------------------------


def new_sheet_taken_for_departure(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R33: a renewed sheet, or a naturalization, closed the tax record; now and then a new one was opened."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_known_alone(state, entry))):
        day = state.day - timedelta(days=rng.randint(11, 60))
        row = _new_sheet(state, rng, entry, day, naturalized=number % 2 == 1)
        opened = number % 3 == 2
        if opened:
            findings.two_numbers(state, state.taxpayers[entry.atena_no], outsider(state, rng, row))
        _tax_status(state, rng, row, "9", day)
        findings.stand(
            state,
            "R33",
            "new_number" if opened else "closed",
            field="status",
            left=(findings.JUKI, entry.atena_no),
            right=(findings.TAX, entry.atena_no),
            since=findings.keyed_on(row),
        )


def new_sheet_understood(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: the same person on a new sheet; or somebody who moved out afterwards."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_known_alone(state, entry))):
        day = state.day - timedelta(days=rng.randint(30, 60))
        row = _new_sheet(state, rng, entry, day, naturalized=number % 2 == 1)
        if number % 3 == 2:
            left = day + timedelta(days=12)
            gone = moved_out(rng, row, on=left, day=left)
            state.put_resident(gone)
            tell_tax(state, gone, Hand(rng, left + timedelta(days=1), kind="batch"), kind="moved_out")


def _new_sheet(state: CityState, rng: Random, entry: Resident, day: date, *, naturalized: bool) -> Resident:
    kind = _NATURALIZED if naturalized else _RENEWED
    row = revised(rng, entry, day, ido_jiyu=kind, ido_ymd=ymd(day))
    state.put_resident(row)
    return row


def _is_known_alone(state: CityState, entry: Resident) -> bool:
    """Alone, on the tax office's books only, and not taxed."""
    alone = is_plain_adult(state, entry) and lives_alone(state, entry)
    return alone and state.recipient_of(entry.atena_no) is None and entry.atena_no not in state.assessments


# R41 ----------------------------------------------------------------------------------------------


def care_past_limit(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R41: a move out keyed more than two years later; until then long-term care was charged."""
    for entry in picker.take(count, lambda entry: _is_in_care_alone(state, entry)):
        day = state.day - timedelta(days=rng.randint(11, 40))
        care = next(row for row in own_benefits(state, entry.atena_no) if row.shubetsu == LONG_TERM_CARE)
        gone = _left_long_ago(state, rng, entry, day, on=day - timedelta(days=rng.randint(735, 1000)))
        stamp = Hand(rng, day + timedelta(days=1), kind="batch").welfare()
        late = replace(
            state.benefits[care.bango], shuryo=day.isoformat(), shuryo_jiyu="転出", jiyu="転出", **stamp
        )
        state.put_benefit(late)
        _late(state, gone, klass="care_limit", right=(findings.BENEFIT, care.bango))


def tax_past_limit(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R41: a change of the household keyed more than three, or more than five years later."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_taxed_alone(state, entry))):
        day = state.day - timedelta(days=rng.randint(11, 40))
        on = day - timedelta(days=rng.randint(1100, 1800) if number % 2 else rng.randint(1830, 2500))
        row = revised(rng, entry, day, ido_jiyu="33", ido_ymd=ymd(on))
        state.put_resident(row)
        klass = "tax_limit_up" if number % 2 else "tax_limit_down"
        _late(state, row, klass=klass, right=(findings.ASSESSMENT, entry.atena_no))


def late_within_limit(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: keyed two or three years late to the day."""
    for entry in picker.take(count, lambda entry: _is_in_care_alone(state, entry)):
        day = state.day - timedelta(days=rng.randint(11, 20))
        _left_long_ago(state, rng, entry, day, on=day.replace(year=day.year - 2))
    for entry in picker.take(count, lambda entry: _is_taxed_alone(state, entry)):
        day = state.day - timedelta(days=rng.randint(11, 20))
        late = day.replace(year=day.year - 3)
        state.put_resident(revised(rng, entry, day, ido_jiyu="33", ido_ymd=ymd(late)))


def _left_long_ago(state: CityState, rng: Random, entry: Resident, day: date, *, on: date) -> Resident:
    gone = moved_out(rng, entry, on=on, day=day)
    state.put_resident(gone)
    hand = Hand(rng, day + timedelta(days=1), kind="batch")
    tell_tax(state, gone, hand, kind="moved_out")
    tell_welfare(state, gone, hand, kind="moved_out")
    end_benefits(state, gone, hand)
    return gone


def _late(state: CityState, entry: Resident, *, klass: str, right: tuple[str, str]) -> None:
    findings.stand(
        state,
        "R41",
        klass,
        field="valid_from",
        left=(findings.JUKI, entry.atena_no),
        right=right,
        since=findings.keyed_on(entry),
    )


def _is_in_care_alone(state: CityState, entry: Resident) -> bool:
    cared = any(row.shubetsu == LONG_TERM_CARE for row in running(state, entry.atena_no))
    settled = _settled_for(state, entry, years=4)
    return cared and settled and lives_alone(state, entry) and entry.atena_no not in state.assessments


def _is_taxed_alone(state: CityState, entry: Resident) -> bool:
    plain = is_plain_adult(state, entry) and lives_alone(state, entry) and _settled_for(state, entry, years=8)
    return plain and entry.atena_no in state.assessments and age_of(entry, state.day) < 60


def _settled_for(state: CityState, entry: Resident, *, years: int) -> bool:
    return from_ymd(entry.jutei_ymd) < state.day - timedelta(days=366 * years)
