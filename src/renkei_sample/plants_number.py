"""Plants in numbers: two people under one, and somebody who became a resident and kept the outsider's."""

from dataclasses import replace
from random import Random

from renkei_sample import findings
from renkei_sample.identifiers import from_wareki, from_ymd, half_kana, numbers, wareki
from renkei_sample.picker import Picker, is_plain_adult, lives_alone
from renkei_sample.population import age_of, born_at, japanese
from renkei_sample.records import Recipient, Resident, Taxpayer
from renkei_sample.state import CityState


def one_number_two_people(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R16: tax or welfare gave one person's number to another who lives somewhere else."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_alone(state, entry))):
        row = _taken_by_other(state, rng, entry, in_welfare=number % 2 == 1)
        findings.stand(
            state,
            "R16",
            "two_people",
            field="party_number",
            left=(findings.JUKI, entry.atena_no),
            right=findings.feed_of(row),
            since=findings.fresh(
                {"new", "birth", "moved_in", "name", "date_of_birth", "correction"}, entry, row
            ),
        )


def _taken_by_other(
    state: CityState, rng: Random, entry: Resident, *, in_welfare: bool
) -> Taxpayer | Recipient:
    """The record under the person's number now says somebody else's name, reading and birth."""
    name = japanese(rng, entry.seibetsu)
    while name.text[0] == entry.shimei[0] or name.kana[:2] == entry.shimei_kana[:2]:
        name = japanese(rng, entry.seibetsu)
    age = age_of(entry, state.day)
    born = born_at(rng, state.day, age + 9 if age < 50 else age - 9)
    held = state.recipient_of(entry.atena_no)
    if in_welfare and held is not None and age < 60:
        other = replace(held, shimei=name.text, kana=name.kana, seinengappi=born.isoformat())
        state.put_recipient(other)
        state.strangers.add(other.bango)
        return other
    row = replace(
        state.taxpayers[entry.atena_no],
        shimei=name.text,
        shimei_kana=half_kana(name.kana),
        seinengappi=wareki(born),
    )
    state.taxpayers[entry.atena_no] = row
    state.strangers.add(row.atena_no)
    return row


def only_the_birth_differs(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R11, and no R16: the name is the same, so the number is the right one with a slip in the birth."""
    for entry in picker.take(count, lambda entry: _is_alone(state, entry) and entry.seinengappi[6:] < "09"):
        born = from_ymd(entry.seinengappi)
        row = replace(state.taxpayers[entry.atena_no], seinengappi=wareki(born.replace(day=born.day + 20)))
        state.taxpayers[entry.atena_no] = row
        findings.other_birth(state, entry, row, klass="one_digit")


def kept_outsiders_number(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R17: the tax office knew the person as 住登外 and still does, though 住基 has them now."""
    for entry in picker.take(count, lambda entry: _is_known_to_tax(state, entry)):
        row = outsider(state, rng, entry)
        del state.taxpayers[entry.atena_no]
        findings.stand(
            state,
            "R17",
            "became_resident",
            field="resident_kind",
            left=(findings.JUKI, entry.atena_no),
            right=findings.feed_of(row),
            since=max(
                from_ymd(entry.tennyu_ymd or "19000101"),
                findings.fresh({"moved_in", "birth"}, entry),
                findings.fresh({"new"}, row),
            ),
        )


def ended_outsiders_number(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: the 住登外 record was closed when the person moved in."""
    for entry in picker.take(count, lambda entry: _is_known_to_tax(state, entry)):
        row = outsider(state, rng, entry)
        del state.taxpayers[entry.atena_no]
        state.taxpayers[row.atena_no] = replace(row, jotai="9")


def namesake_elsewhere(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Not a mismatch: a 住登外 taxpayer of another city has the name and the birth date of a resident."""
    outsiders = sorted(row.atena_no for row in state.taxpayers.values() if row.atena_kbn == "2")
    free = [number for number in outsiders if number not in state.owners]
    for entry, number in zip(picker.take(count, lambda entry: _is_alone(state, entry)), free, strict=False):
        own = state.taxpayers[entry.atena_no]
        state.taxpayers[number] = replace(
            state.taxpayers[number],
            shimei=own.shimei,
            shimei_kana=own.shimei_kana,
            seibetsu=own.seibetsu,
            seinengappi=own.seinengappi,
        )


def outsider(state: CityState, rng: Random, entry: Resident) -> Taxpayer:
    """A second tax record of a resident, under a 住登外 number that is older than the moving in."""
    own = state.taxpayers[entry.atena_no]
    series = numbers(state.counters["elsewhere"] + 1)
    year = int(own.koshin_ymdhms[:4]) - rng.randint(2, 6)
    row = replace(
        own,
        atena_no=next(series),
        atena_kbn="2",
        setai_no="",
        zokugara="",
        koshin_jiyu="09",
        koshin_ymdhms=f"{year}{own.koshin_ymdhms[4:8].replace('0229', '0228')}101500",
        ido_ymd=wareki(from_wareki(own.ido_ymd)),
        sosa_id="S0304",
        tanmatsu_id="TX03",
    )
    state.counters["elsewhere"] = int(row.atena_no[:-1])
    state.taxpayers[row.atena_no] = row
    state.owners[row.atena_no] = entry.atena_no
    return row


def _is_alone(state: CityState, entry: Resident) -> bool:
    return is_plain_adult(state, entry) and lives_alone(state, entry)


def _is_known_to_tax(state: CityState, entry: Resident) -> bool:
    return _is_alone(state, entry) and entry.atena_no not in state.assessments
