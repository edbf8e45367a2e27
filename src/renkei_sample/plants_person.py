"""Plants in names, births, numbers and addresses: one office holds something else than 住基."""

from dataclasses import replace
from datetime import date
from functools import partial
from random import Random

from renkei_sample import findings
from renkei_sample.base import known_birth
from renkei_sample.chance import draws
from renkei_sample.identifiers import half_kana, numbers, wareki
from renkei_sample.names import COMMON_FORM, name_book
from renkei_sample.offices import mailing_address, tax_address, welfare_address
from renkei_sample.picker import Picker, is_plain_adult
from renkei_sample.population import age_of
from renkei_sample.records import Recipient, Resident, Taxpayer
from renkei_sample.slips import slip_in_reading, without_variants
from renkei_sample.slips import wrong_birth as slipped
from renkei_sample.state import CityState
from renkei_sample.towns import Address, new_address

_TO_VARIANT = {common: variant for variant, common in reversed(COMMON_FORM.items())}


def plain_glyph(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R13 字形のみ: 住基 keeps 髙 or 﨑, one other office shows the common glyph."""
    for entry in picker.take(
        count, lambda entry: is_plain_adult(state, entry) and _foldable(entry) is not None
    ):
        glyph = _foldable(entry) or ""
        kept = _rename(state, entry, entry.shimei.replace(glyph, _TO_VARIANT[glyph], 1))
        _differ_in_name(
            state,
            rng,
            kept,
            kept.shimei.replace(_TO_VARIANT[glyph], glyph, 1),
            kept.shimei_kana,
            "glyph_only",
        )


def spelled_with_rare_glyph(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R13 字形のみ: 𠮷 has no place in CP932, so the tax system shows 吉 and must be seen to."""
    for entry in picker.take(
        count, lambda entry: is_plain_adult(state, entry) and "吉" in entry.shimei.split("　")[0]
    ):
        kept = _rename(state, entry, entry.shimei.replace("吉", "𠮷", 1))
        findings.other_name(state, kept, state.taxpayers[entry.atena_no], klass="glyph_only")


def misread_name(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R13 読みのみ: one kana was misread when the record was keyed."""
    for entry in picker.take(
        count, lambda entry: is_plain_adult(state, entry) and slip_in_reading(entry.shimei_kana) is not None
    ):
        _differ_in_name(
            state, rng, entry, entry.shimei, slip_in_reading(entry.shimei_kana) or "", "reading_only"
        )


def maiden_name(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R13 別名: one office still has the surname from before the marriage, which 住基 does not record."""
    for entry in picker.take(count, lambda entry: is_plain_adult(state, entry) and entry.seibetsu == "2"):
        text, kana = other_surname(entry, rng)
        _differ_in_name(state, rng, entry, text, kana, "other_name")


def former_surname_in_use(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: the tax office uses the 旧氏 that 住基 records."""
    for entry in picker.take(count, lambda entry: is_plain_adult(state, entry) and entry.seibetsu == "2"):
        text, kana = other_surname(entry, rng)
        state.put_resident(replace(entry, kyu_uji=text.split("　")[0]))
        row = state.taxpayers[entry.atena_no]
        state.taxpayers[entry.atena_no] = replace(row, shimei=text, shimei_kana=half_kana(kana))


def two_numbers(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R15: a resident who already had a 住登外 number in the tax system."""
    for entry in picker.take(count, lambda entry: is_plain_adult(state, entry)):
        own = state.taxpayers[entry.atena_no]
        series = numbers(state.counters["elsewhere"] + 1)
        double = replace(
            own,
            atena_no=next(series),
            atena_kbn="2",
            setai_no="",
            zokugara="",
            koshin_jiyu="09",
            **_keyed_before(rng, own),
        )
        state.counters["elsewhere"] = int(double.atena_no[:-1])
        state.taxpayers[double.atena_no] = double
        state.owners[double.atena_no] = entry.atena_no
        findings.two_numbers(state, own, double)


def wrong_birth(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R11: era, day-month and one-digit errors in the tax or the welfare record."""
    for number in range(count):
        klass = ("era_error", "day_month_swap", "one_digit")[number % 3]
        office = "welfare" if number % 2 else "tax"
        for entry in picker.take(1, partial(_can_slip, state, klass, office)):
            _slip_birth(state, entry, klass, office)


def wrong_tax_address(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R10: the tax record never heard of the last move."""
    for entry in picker.take(count, lambda entry: entry.atena_no in state.taxpayers):
        row = replace(state.taxpayers[entry.atena_no], **tax_address(_elsewhere(entry, rng)))
        state.taxpayers[entry.atena_no] = row
        findings.other_address(state, entry, row)


def wrong_welfare_address(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R10: the welfare record never heard of the last move."""
    for entry in picker.take(count, lambda entry: state.recipient_of(entry.atena_no) is not None):
        held = state.recipient_of(entry.atena_no)
        if held is not None:
            row = replace(held, **welfare_address(_elsewhere(entry, rng)))
            state.put_recipient(row)
            findings.other_address(state, entry, row)


def mailed_to_old_address(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R06: the taxpayer's record is right, but the notices go to the old address."""
    for entry in picker.take(count, lambda entry: _is_mailed_here(state, entry)):
        row = state.assessments[entry.atena_no]
        state.assessments[entry.atena_no] = replace(row, **mailing_address(_elsewhere(entry, rng)))
        findings.old_mailing_address(state, entry)


def _foldable(entry: Resident) -> str | None:
    surname = entry.shimei.split("　")[0]
    return next((glyph for glyph in _TO_VARIANT if glyph != "吉" and glyph in surname), None)


def _is_mailed_here(state: CityState, entry: Resident) -> bool:
    row = state.assessments.get(entry.atena_no)
    return row is not None and row.choshu == "1" and row.sofu_shitei == "0"


def _elsewhere(entry: Resident, rng: Random) -> Resident:
    there: Address = new_address(rng)
    while (there.machiaza, there.banchi) == (entry.machiaza, entry.banchi):
        there = new_address(rng)
    return replace(
        entry, machiaza=there.machiaza, banchi=there.banchi, katagaki=there.katagaki, yubin_no=there.yubin
    )


def _rename(state: CityState, entry: Resident, text: str) -> Resident:
    kept = replace(entry, shimei=text)
    state.put_resident(kept)
    shown = without_variants(text) if "𠮷" in text else text
    state.taxpayers[entry.atena_no] = replace(state.taxpayers[entry.atena_no], shimei=shown)
    held = state.recipient_of(entry.atena_no)
    if held is not None:
        state.put_recipient(replace(held, shimei=text))
    return kept


def _differ_in_name(state: CityState, rng: Random, entry: Resident, text: str, kana: str, klass: str) -> None:
    held = state.recipient_of(entry.atena_no)
    row: Taxpayer | Recipient
    if held is not None and rng.random() < 0.5:
        row = replace(held, shimei=text, kana=kana)
        state.put_recipient(row)
    else:
        row = replace(state.taxpayers[entry.atena_no], shimei=text, shimei_kana=half_kana(kana))
        state.taxpayers[entry.atena_no] = row
    findings.other_name(state, entry, row, klass=klass)


def other_surname(entry: Resident, rng: Random) -> tuple[str, str]:
    """The same given name behind another surname, with the reading."""
    (_, given), (_, given_kana) = entry.shimei.split("　"), entry.shimei_kana.split("　")
    surname = name_book().surname(rng)
    while surname.text[0] == entry.shimei[0] or surname.kana == entry.shimei_kana.split("　")[0]:
        surname = name_book().surname(rng)
    return f"{surname.text}　{given}", f"{surname.kana}　{given_kana}"


def _keyed_before(rng: Random, own: Taxpayer) -> dict[str, str]:
    year = int(own.koshin_ymdhms[:4]) - rng.randint(2, 6)
    return {
        "koshin_ymdhms": f"{year}{own.koshin_ymdhms[4:8].replace('0229', '0228')}101500",
        "sosa_id": "S0304",
        "tanmatsu_id": "TX03",
    }


def _can_slip(state: CityState, klass: str, office: str, entry: Resident) -> bool:
    if not known_birth(entry) or age_of(entry, state.day) < 30 or entry.atena_no not in state.taxpayers:
        return False
    held = state.recipient_of(entry.atena_no)
    if office == "welfare" and held is None:
        return False
    return slipped(_born(entry), klass, draws(entry.atena_no)) is not None


def _slip_birth(state: CityState, entry: Resident, klass: str, office: str) -> None:
    wrong = slipped(_born(entry), klass, draws(entry.atena_no))
    held = state.recipient_of(entry.atena_no)
    if wrong is None:
        return
    row: Taxpayer | Recipient
    if office == "welfare" and held is not None:
        row = replace(held, seinengappi=wrong.isoformat())
        state.put_recipient(row)
    else:
        row = replace(state.taxpayers[entry.atena_no], seinengappi=wareki(wrong))
        state.taxpayers[entry.atena_no] = row
    findings.other_birth(state, entry, row, klass=klass)


def _born(entry: Resident) -> date:
    return date(int(entry.seinengappi[:4]), int(entry.seinengappi[4:6]), int(entry.seinengappi[6:]))
