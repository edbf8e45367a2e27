"""Plants in places: buildings cut short, mail to a hidden address, and a town that got another name."""

from dataclasses import replace
from datetime import date
from random import Random

from renkei_sample import findings
from renkei_sample.base import NATIONAL_HEALTH
from renkei_sample.desk import own_benefits
from renkei_sample.identifiers import from_ymd, narrow, wide
from renkei_sample.offices import mailing_address, tax_address, welfare_address
from renkei_sample.picker import Picker, is_plain_adult, lives_alone
from renkei_sample.population import HEAD, age_of, is_child
from renkei_sample.records import Recipient, Resident, Taxpayer
from renkei_sample.state import CityState
from renkei_sample.towns import Address, new_address

#: The city's renaming: both towns, and the day. The rule's table of old and new towns says the same.
OLD_TOWN, NEW_TOWN, RENAMED_ON = "大字旧葛原", "葛原みなみ一丁目", date(2026, 10, 1)
_LONG = ("グランドール葛原駅前マンション弐番館", "レジデンスー東雲台ヒルトップ参番館")


# R09 ----------------------------------------------------------------------------------------------


def building_differs(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R09: the building was cut, left out, mistyped, or stands in one office only."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_plain_and_alone(state, entry))):
        klass = ("cut", "missing", "other_building", "only_there")[number % 4]
        here, there = _buildings(rng, klass)
        held = state.recipient_of(entry.atena_no)
        settled = settle(state, entry, replace(_address(entry), katagaki=here))
        row: Taxpayer | Recipient
        if held is not None and number % 2:
            row = replace(state.recipients[held.bango], katagaki=narrow(there))
            state.put_recipient(row)
        else:
            row = replace(state.taxpayers[entry.atena_no], katagaki=there)
            state.taxpayers[entry.atena_no] = row
        findings.stand(
            state,
            "R09",
            klass,
            field="address_building",
            left=(findings.JUKI, entry.atena_no),
            right=findings.feed_of(row),
            since=_settled_since(settled, row),
        )


def building_written_otherwise(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Not a mismatch: half width, spaces, a middle dot, a dash for a long vowel."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_plain_and_alone(state, entry))):
        settle(state, entry, replace(_address(entry), katagaki="コーポ・葛原Ａ－１０２"))
        there = ("コーポ葛原Ａ－１０２", "コ－ポ・葛原　Ａ－１０２", "コーポ葛原ａ‐１０２")[number % 3]
        state.taxpayers[entry.atena_no] = replace(state.taxpayers[entry.atena_no], katagaki=there)


def _buildings(rng: Random, klass: str) -> tuple[str | None, str]:
    house, room = rng.choice(_LONG), wide(str(rng.randint(1, 9) * 100 + rng.randint(1, 9)))
    whole = f"{house}{room}号室"
    return {
        "cut": (whole, whole[: rng.randint(6, 14)]),
        "missing": (whole, ""),
        "other_building": (whole, f"{house}{wide(str(rng.randint(10, 19) * 100))}号室"),
        "only_there": (None, whole),
    }[klass]


def _settled_since(entry: Resident, *others: Taxpayer | Recipient) -> date:
    return max(
        from_ymd(entry.jutei_ymd),
        findings.fresh({"address", "moved_in", "correction"}, entry),
        findings.fresh({"address"}, *others),
    )


# R08 ----------------------------------------------------------------------------------------------


def mailed_to_hidden_address(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R08: somebody who lives elsewhere has tax notices sent to where a protected person lives."""
    for guarded in picker.take(count, lambda entry: _is_plain_and_alone(state, entry)):
        shown = protect(state, guarded)
        for owner in picker.take(1, lambda entry: _is_mailed(state, entry)):
            notice = state.assessments[owner.atena_no]
            state.assessments[owner.atena_no] = replace(notice, sofu_shitei="1", **mailing_address(shown))
            findings.stand(
                state,
                "R08",
                "mailed_to_other",
                field="mailing_address",
                left=(findings.JUKI, guarded.atena_no),
                right=(findings.ASSESSMENT, owner.atena_no),
                since=_hidden_since(shown),
            )


def paid_to_former_household(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R08: the insurance of somebody who fled is still written to the head of the household left behind."""
    for guarded in picker.take(count, lambda entry: _is_insured_alone(state, entry)):
        shown = protect(state, guarded)
        insured = next(
            row for row in own_benefits(state, guarded.atena_no) if row.shubetsu == NATIONAL_HEALTH
        )
        for payee in picker.take(1, lambda entry: _is_known_head(state, entry)):
            holder = state.recipient_of(payee.atena_no)
            if holder is None:
                continue
            state.drop_benefit(insured.bango)
            state.put_benefit(replace(insured, jukyusha=holder.bango))
            findings.stand(
                state,
                "R08",
                "payee_of_other_household",
                field="payee",
                left=(findings.JUKI, guarded.atena_no),
                right=(findings.BENEFIT, insured.bango),
                since=max(_hidden_since(shown), date.fromisoformat(insured.kaishi)),
            )


def hidden_neighbour(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Not a mismatch: a protected person's neighbour in the same building gets mail at home."""
    for guarded in picker.take(count, lambda entry: _is_plain_and_alone(state, entry)):
        shown = protect(state, guarded)
        for neighbour in picker.take(1, lambda entry: _is_mailed(state, entry) and lives_alone(state, entry)):
            moved = settle(state, neighbour, replace(_address(shown), katagaki=neighbour.katagaki))
            notice = state.assessments[neighbour.atena_no]
            state.assessments[neighbour.atena_no] = replace(notice, **mailing_address(moved))


def hidden_family(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Not a mismatch: a whole family is protected, and a parent of it receives the allowance."""
    for child in picker.take(count, lambda entry: is_child(entry, state.day)):
        for member in state.household(child.setai_no):
            protect(state, member)


def protect(state: CityState, entry: Resident) -> Resident:
    """支援措置 that every office knows of."""
    shown = replace(entry, shien_kbn="1")
    state.put_resident(shown)
    row, held = state.taxpayers.get(entry.atena_no), state.recipient_of(entry.atena_no)
    if row is not None:
        state.taxpayers[entry.atena_no] = replace(row, shien="1")
    if held is not None:
        state.put_recipient(replace(held, shien="有"))
    return shown


def settle(state: CityState, entry: Resident, there: Address) -> Resident:
    """The same person at another address, which every office has known all along."""
    moved = replace(
        entry,
        machiaza=there.machiaza,
        banchi=there.banchi,
        katagaki=there.katagaki,
        yubin_no=there.yubin,
    )
    state.put_resident(moved)
    row, held = state.taxpayers.get(entry.atena_no), state.recipient_of(entry.atena_no)
    notice = state.assessments.get(entry.atena_no)
    if row is not None:
        state.taxpayers[entry.atena_no] = replace(row, **tax_address(moved))
    if held is not None:
        state.put_recipient(replace(held, **welfare_address(moved)))
    if notice is not None and notice.sofu_shitei == "0":
        state.assessments[entry.atena_no] = replace(notice, **mailing_address(moved))
    return moved


def _address(entry: Resident) -> Address:
    return Address(
        machiaza=entry.machiaza, banchi=entry.banchi, katagaki=entry.katagaki, yubin=entry.yubin_no
    )


def _hidden_since(entry: Resident) -> date:
    fresh = findings.fresh({"address", "moved_in", "protection", "household"}, entry)
    return max(from_ymd(entry.jutei_ymd), fresh)


def _is_mailed(state: CityState, entry: Resident) -> bool:
    row = state.assessments.get(entry.atena_no)
    return row is not None and row.choshu == "1" and row.sofu_shitei == "0" and is_plain_adult(state, entry)


def _is_insured_alone(state: CityState, entry: Resident) -> bool:
    held = own_benefits(state, entry.atena_no)
    insured = any(row.shubetsu == NATIONAL_HEALTH for row in held)
    return insured and lives_alone(state, entry) and age_of(entry, state.day) <= 60


def _is_known_head(state: CityState, entry: Resident) -> bool:
    return entry.zokugara == HEAD and state.recipient_of(entry.atena_no) is not None


# R34 ----------------------------------------------------------------------------------------------


def town_renamed_in_part(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R34: one office did not follow the renaming of a town; every third time it is 住基 itself."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_plain_and_alone(state, entry))):
        was, now = _towns(rng, entry)
        if number % 3 == 2:
            settle(state, entry, was)
            _not_renamed(state, entry, (findings.JUKI, entry.atena_no), klass="left_in_registry")
            continue
        moved = settle(state, entry, now)
        before = replace(moved, machiaza=was.machiaza)
        row: Taxpayer | Recipient
        held = state.recipient_of(entry.atena_no)
        if held is not None and number % 3 == 1:
            row = replace(held, **welfare_address(before))
            state.put_recipient(row)
        else:
            row = replace(state.taxpayers[entry.atena_no], **tax_address(before))
            state.taxpayers[entry.atena_no] = row
        _not_renamed(state, entry, findings.feed_of(row), klass="not_renamed")
        findings.other_address(state, moved, row)


def town_renamed(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: every office writes the new town."""
    for entry in picker.take(count, lambda entry: _is_plain_and_alone(state, entry)):
        settle(state, entry, _towns(rng, entry)[1])


def _towns(rng: Random, entry: Resident) -> tuple[Address, Address]:
    number = wide(str(rng.randint(1, 90)))
    there = new_address(rng)
    now = Address(
        machiaza=NEW_TOWN, banchi=f"{number}番{wide(str(rng.randint(1, 30)))}号", katagaki=entry.katagaki,
        yubin=there.yubin,
    )  # fmt: skip
    return replace(now, machiaza=OLD_TOWN), now


def _not_renamed(state: CityState, entry: Resident, right: tuple[str, str], *, klass: str) -> None:
    findings.stand(
        state,
        "R34",
        klass,
        field="address_town",
        left=(findings.JUKI, entry.atena_no),
        right=right,
        since=RENAMED_ON,
    )


def _is_plain_and_alone(state: CityState, entry: Resident) -> bool:
    return is_plain_adult(state, entry) and lives_alone(state, entry)
