"""Plants in how things were keyed: the same change typed twice, records that cannot be read, broken files."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random

from renkei_sample import findings
from renkei_sample.desk import own_benefits, tell_mailing, tell_tax, tell_welfare
from renkei_sample.identifiers import numbers, ymd
from renkei_sample.offices import Hand, tax_address
from renkei_sample.picker import Picker, is_plain_adult, lives_alone
from renkei_sample.plants_life import part
from renkei_sample.plants_register import is_only_paid_for
from renkei_sample.population import CHILD, MOTHER, age_of, is_child, revised
from renkei_sample.records import Recipient, Resident, Taxpayer
from renkei_sample.state import CityState
from renkei_sample.towns import Address, new_address, other_number
from renkei_sample.truth import Reject

#: So many records in a row, two seconds apart, are no person's work.
_FAST = 12


def address_typed_twice(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R38: a move keyed at the resident counter and again, rightly, at the tax or welfare counter."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_free(state, entry))):
        office = "welfare" if number % 3 == 2 and state.recipient_of(entry.atena_no) else "tax"
        day = _moved_on(state, rng)
        moved = move_within(state, rng, entry, day)
        _carry_move(state, rng, moved, day, by_hand={office})
        findings.double_entry(state, moved, _record(state, moved, office))


def address_typed_wrong(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R38 with an error, and the R10 that follows: the second clerk mistyped the house number."""
    for entry in picker.take(count, lambda entry: _is_free(state, entry)):
        day = _moved_on(state, rng)
        moved = move_within(state, rng, entry, day)
        _carry_move(state, rng, moved, day, by_hand={"tax"})
        row, why = mistype_tax_address(state, moved, rng)
        findings.double_entry(state, moved, row, has_error=True)
        findings.other_address(state, moved, row, why=why)


def address_typed_three_times(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R38 twice: three counters keyed the same move, and two of them need not have."""
    for entry in picker.take(
        count, lambda entry: _is_free(state, entry) and state.recipient_of(entry.atena_no) is not None
    ):
        day = _moved_on(state, rng)
        moved = move_within(state, rng, entry, day)
        _carry_move(state, rng, moved, day, by_hand={"tax", "welfare"})
        rows = (moved, _record(state, moved, "tax"), _record(state, moved, "welfare"))
        first, *again = sorted(rows, key=findings.keyed_at)
        for row in again:
            findings.double_entry(state, first, row)


def name_typed_twice(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R38: a new surname keyed at two counters."""
    from renkei_sample.plants_person import other_surname

    for entry in picker.take(count, lambda entry: _is_free(state, entry)):
        day = _moved_on(state, rng)
        text, kana = other_surname(entry, rng)
        named = revised(rng, entry, day, shimei=text, shimei_kana=kana, ido_jiyu="41", ido_ymd=ymd(day))
        state.put_resident(named)
        tell_tax(state, named, Hand(rng, day + timedelta(days=2), kind="person"), kind="name")
        tell_welfare(state, named, Hand(rng, day + timedelta(days=1), kind="batch"), kind="name")
        findings.double_entry(state, named, _record(state, named, "tax"))


def household_typed_twice(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R38: 世帯分離 keyed at the resident and the tax counter."""
    for entry in picker.take(count, lambda entry: _can_part(state, entry)):
        day = _moved_on(state, rng)
        parted = part(state, rng, entry, day=day)
        tell_tax(state, parted, Hand(rng, day + timedelta(days=3), kind="person"), kind="household")
        findings.double_entry(state, parted, _record(state, parted, "tax"))


def birth_typed_twice(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R38 between tax and welfare: both corrected the birth date by hand in the same week."""
    for entry in picker.take(
        count, lambda entry: _is_free(state, entry) and state.recipient_of(entry.atena_no) is not None
    ):
        day = _moved_on(state, rng)
        tell_tax(state, entry, Hand(rng, day, kind="person"), kind="date_of_birth")
        tell_welfare(state, entry, Hand(rng, day + timedelta(days=4), kind="person"), kind="date_of_birth")
        findings.double_entry(state, _record(state, entry, "tax"), _record(state, entry, "welfare"))


def record_typed_twice(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R50, and the R15 that it makes: the tax office registered one person under two numbers in one week."""
    for entry in picker.take(count, lambda entry: _is_free(state, entry)):
        day = _moved_on(state, rng)
        own = replace(
            state.taxpayers[entry.atena_no], koshin_jiyu="05", **Hand(rng, day, kind="person").tax()
        )
        series = numbers(state.counters["elsewhere"] + 1)
        double = replace(
            own,
            atena_no=next(series),
            atena_kbn="2",
            setai_no="",
            zokugara="",
            **Hand(rng, day + timedelta(days=rng.randint(1, 4)), kind="person").tax(),
        )
        state.counters["elsewhere"] = int(double.atena_no[:-1])
        state.taxpayers[own.atena_no], state.taxpayers[double.atena_no] = own, double
        state.owners[double.atena_no] = entry.atena_no
        findings.two_numbers(state, own, double)
        findings.two_records_typed(state, own, double)


def benefit_typed_twice(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R50, and the R23 that it makes: one claim keyed at two desks of the welfare office."""
    for entry in picker.take(count, lambda entry: is_only_paid_for(state, entry)):
        day = _moved_on(state, rng)
        (paid,) = own_benefits(state, entry.atena_no)
        first = replace(paid, jiyu="新規", **Hand(rng, day, kind="person").welfare())
        again = replace(
            first,
            bango=state.welfare_number("K"),
            **Hand(rng, day + timedelta(days=rng.randint(1, 3)), kind="person").welfare(),
        )
        state.put_benefit(first)
        state.put_benefit(again)
        findings.paid_twice(state, first, again)
        findings.two_benefits_typed(state, first, again)


def address_typed_by_robot(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """No double entry: a robot carried the move into the tax system."""
    for entry in picker.take(count, lambda entry: _is_free(state, entry)):
        moved = move_within(state, rng, entry, _moved_on(state, rng))
        day = findings.keyed_on(moved)
        _carry_move(state, rng, moved, day, by_hand=set())
        tell_tax(state, moved, Hand(rng, day, kind="robot"), kind="address")


def addresses_typed_too_fast(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """No double entry: an account of the tax office's staff that saves a record every two seconds."""
    day, seat = _moved_on(state, rng), {"sosa_id": "S0315", "tanmatsu_id": "TX12"}
    chosen = picker.take(max(count, _FAST), lambda entry: _is_free(state, entry))
    # a city too small for so many leaves them alone: a few so fast may be a person
    for number, entry in enumerate(chosen if len(chosen) >= _FAST else ()):
        moved = move_within(state, rng, entry, day)
        _carry_move(state, rng, moved, day, by_hand=set())
        tell_tax(state, moved, Hand(rng, day, kind="person"), kind="address")
        second = 17 * 3600 + 2 * number
        clock = f"{second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}"
        row = state.taxpayers[entry.atena_no]
        state.taxpayers[entry.atena_no] = replace(row, koshin_ymdhms=ymd(day) + clock, **seat)


def rejected_records(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Records with an unknown code or an impossible date: each must be set aside, and nothing else happen."""
    for number, entry in enumerate(
        picker.take(count, lambda entry: _is_free(state, entry) and entry.atena_no not in state.assessments)
    ):
        row = state.taxpayers[entry.atena_no]
        bad, name, reason = (
            (replace(row, jotai="5"), "JOTAI", "unknown code")
            if number % 2 == 0
            else (replace(row, ido_ymd="5081332"), "IDO_YMD", "impossible date")
        )
        state.taxpayers[entry.atena_no] = bad
        _reject(state, findings.TAX, entry.atena_no, name, reason)
    _reject_welfare(state, picker, count)


def broken_files(state: CityState) -> None:
    """R39: the taxpayer file came twice, and once more with a count that is wrong."""
    findings.broken_delivery(state, f"KJ_{state.day:%Y%m%d}R.DAT", findings.TAX, klass="duplicate")
    findings.broken_delivery(state, f"KJ_{state.day:%Y%m%d}X.DAT", findings.TAX, klass="refused")


def mistype_tax_address(state: CityState, entry: Resident, rng: Random) -> tuple[Taxpayer, str]:
    """Another house number in the tax record than the one in 住基; the record, and why the two differ."""
    here = Address(
        machiaza=entry.machiaza, banchi=entry.banchi, katagaki=entry.katagaki, yubin=entry.yubin_no
    )
    wrong = replace(entry, banchi=other_number(here, rng).banchi)
    row = replace(state.taxpayers[entry.atena_no], **tax_address(wrong))
    state.taxpayers[entry.atena_no] = row
    return row, findings.why_other_number(entry.banchi, wrong.banchi)


def _reject_welfare(state: CityState, picker: Picker, count: int) -> None:
    chosen = picker.take(
        count,
        lambda entry: (
            lives_alone(state, entry)
            and state.recipient_of(entry.atena_no) is not None
            and age_of(entry, state.day) < 64
        ),
    )
    for number, entry in enumerate(chosen):
        held = state.recipient_of(entry.atena_no)
        if held is None:
            continue
        if number % 2 == 0:
            state.put_recipient(replace(held, ido_ymd="2026-02-30"))
            _reject(state, findings.WELFARE, held.bango, "異動日", "impossible date")
        else:
            benefit = state.benefits_of(held.bango)[0]
            state.put_benefit(replace(benefit, jotai="確認中"))
            _reject(state, findings.BENEFIT, benefit.bango, "状態", "unknown code")


def _reject(state: CityState, feed: str, key: str, name: str, reason: str) -> None:
    state.ledger.rejects.append(
        Reject(feed=feed, source_key=key, field=name, reason=reason, planted_on=state.day)
    )


def _is_free(state: CityState, entry: Resident) -> bool:
    return is_plain_adult(state, entry) and lives_alone(state, entry)


def _can_part(state: CityState, entry: Resident) -> bool:
    beside = entry.zokugara in (CHILD, MOTHER) and not is_child(entry, state.day)
    return is_plain_adult(state, entry) and beside and state.recipient_of(entry.atena_no) is None


def _moved_on(state: CityState, rng: Random) -> date:
    return state.day - timedelta(days=rng.randint(9, 25))


def move_within(
    state: CityState, rng: Random, entry: Resident, day: date, there: Address | None = None
) -> Resident:
    """転居 on a day, to a given or a new address."""
    there = there or new_address(rng)
    row = revised(
        rng,
        entry,
        day,
        machiaza=there.machiaza,
        banchi=there.banchi,
        katagaki=there.katagaki,
        yubin_no=there.yubin,
        jutei_ymd=ymd(day),
        ido_jiyu="21",
        ido_ymd=ymd(day),
    )
    state.put_resident(row)
    return row


def _carry_move(state: CityState, rng: Random, moved: Resident, day: date, *, by_hand: set[str]) -> None:
    batch = Hand(rng, day + timedelta(days=1), kind="batch")
    for office, tell in (("tax", tell_tax), ("welfare", tell_welfare)):
        keyed = day + timedelta(days=rng.randint(0, 5))
        tell(state, moved, Hand(rng, keyed, kind="person") if office in by_hand else batch, kind="address")
    tell_mailing(state, moved, batch)


def _record(state: CityState, entry: Resident, office: str) -> Taxpayer | Recipient:
    held = state.recipient_of(entry.atena_no) if office == "welfare" else state.taxpayers[entry.atena_no]
    if held is None:
        raise LookupError(f"no {office} record")
    return held
