"""What the tax office keeps beside its two main tables, made anew each night from what stands in those.

Nobody in them breaks a rule. A row that was put into the state by hand takes the place of one of its number.
"""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, timedelta
from typing import TypeVar

from renkei_sample.base import CERTIFICATE
from renkei_sample.chance import lot
from renkei_sample.identifiers import from_ymd, ymd
from renkei_sample.population import CHILD, FATHER, HEAD, HUSBAND, MOTHER, WIFE, age_of
from renkei_sample.records import (
    Assessment,
    Dependant,
    Property,
    Representation,
    Resident,
    ReturnedMail,
    Row,
    Taxpayer,
)
from renkei_sample.state import CityState

R = TypeVar("R", bound=Row)

#: Per cent of the taxpayers who own something here, by whether they live here.
_OWNERS = {"1": 20, "2": 50}
_LAND, _HOUSE, _DEPRECIABLE = "1", "2", "3"
#: Days after a death until somebody is put down for the heirs.
_HEIR_AFTER = 60


def assessments(state: CityState) -> list[Assessment]:
    """Who is taxed; who lived here on 1 January and is not; and some who are taxed by 294条3項."""
    year = state.day.year - (state.day.month < 6)
    handicapped = {
        state.owners.get(row.taishosha)
        for row in state.benefits.values()
        if row.shubetsu == CERTIFICATE and row.jotai == "受給中"
    }
    rest = (row for row in state.taxpayers.values() if row.atena_no not in state.assessments)
    made = (_untaxed(state, row, year, handicapped) for row in rest)
    return [*state.assessments.values(), *(row for row in made if row is not None)]


def _untaxed(state: CityState, row: Taxpayer, year: int, handicapped: set[str | None]) -> Assessment | None:
    if row.atena_kbn == "2":
        taxed = lot("294条3項", row.atena_no) % 10 < 3 and row.atena_no not in state.owners
        return _of_elsewhere(row, year) if taxed else None
    entry = state.residents.get(row.atena_no)
    if entry is None or not _lived_here(entry, f"{year}0101"):
        return None
    return Assessment(
        atena_no=row.atena_no,
        nendo=str(year),
        choshu="1",
        sofu_shitei="0",
        sofu_yubin="",
        sofu_jusho="",
        sofu_katagaki="",
        nenzei=0,
        koshin_jiyu="09",
        koshin_ymdhms=f"{year}0610193000",
        sosa_id="BATCH01",
        tanmatsu_id="NIGHT",
        hikazei="1",
        shogaisha="1" if row.atena_no in handicapped else "0",
    )


def _of_elsewhere(row: Taxpayer, year: int) -> Assessment:
    """均等割 of somebody who has a house or an office here and lives elsewhere."""
    return Assessment(
        atena_no=row.atena_no,
        nendo=str(year),
        choshu="1",
        sofu_shitei="0",
        sofu_yubin=row.yubin,
        sofu_jusho=row.jusho,
        sofu_katagaki=row.katagaki,
        nenzei=5000,
        koshin_jiyu="09",
        koshin_ymdhms=f"{year}0610194000",
        sosa_id="BATCH01",
        tanmatsu_id="NIGHT",
        ho294="1",
    )


def _lived_here(entry: Resident, day: str) -> bool:
    left = entry.shibo_ymd or entry.tenshutsu_ymd
    if entry.jumin_jotai == "9":
        left = entry.ido_ymd
    return (entry.tennyu_ymd or "") <= day and (left is None or left > day)


def properties(state: CityState) -> list[Property]:
    """Land and houses of a fifth of the taxpayers; of who died, with whoever stands for the heirs."""
    people = _People(state)
    held = (
        row
        for row in state.taxpayers.values()
        if lot("固定資産", row.atena_no) % 100 < _OWNERS[row.atena_kbn] and _is_grown(state, row.atena_no)
    )
    made = (each for row in held for each in _owned(state, people, row))
    return _with_those_put_in({row.bukken_no: row for row in made}, state.properties)


def _is_grown(state: CityState, number: str) -> bool:
    entry = state.residents.get(number)
    return entry is None or age_of(entry, state.day) >= 28


def _owned(state: CityState, people: "_People", row: Taxpayer) -> Iterator[Property]:
    drawn = lot("固定資産の種類", row.atena_no) % 100
    kinds = (_LAND, _HOUSE) if drawn < 60 else (_LAND,) if drawn < 83 else (_HOUSE,) if drawn < 97 else _ONLY
    heir, since = _heir(state, people, row)
    keyed = date(2019, 4, 1) + timedelta(days=drawn * 20)
    for place, kind in enumerate(kinds):
        yield Property(
            bukken_no=f"{_serial(row.atena_no):08d}{place}",
            atena_no=row.atena_no,
            daihyo_no=heir,
            daihyo_ymd=since,
            shurui=kind,
            jotai="9" if kind == _DEPRECIABLE and drawn % 2 else "1",
            koshin_ymdhms=_stamp(since or ymd(keyed), drawn),
            sosa_id=f"S0{301 + drawn % 15}",
        )


_ONLY = (_DEPRECIABLE,)


def _heir(state: CityState, people: "_People", row: Taxpayer) -> tuple[str, str]:
    entry = state.residents.get(row.atena_no)
    if entry is None or entry.shibo_ymd is None or row.jotai != "3":
        return "", ""
    since = from_ymd(entry.shibo_ymd) + timedelta(days=_HEIR_AFTER)
    return (people.drawn("相続人代表者", row.atena_no), ymd(since)) if since <= state.day else ("", "")


def dependants(state: CityState) -> list[Dependant]:
    """Spouses, children of 16 and more and parents who are claimed by the one taxpayer of their household."""
    made = (
        row
        for head in state.residents.values()
        if head.zokugara == HEAD and head.jumin_jotai == "1"
        for row in _claimed(state, head)
    )
    return _with_those_put_in(
        {f"{r.nendo}-{r.fuyosha_no}-{r.hifuyosha_no}": r for r in made}, state.dependants
    )


def _claimed(state: CityState, head: Resident) -> Iterator[Dependant]:
    members = state.household(head.setai_no)
    if len(members) == 1:
        return
    couple = [member for member in members if member.zokugara in (HEAD, HUSBAND, WIFE)]
    couple.sort(key=lambda member: member.zokugara != HEAD)
    who = next((member.atena_no for member in couple if member.atena_no in state.assessments), None)
    if who is None:
        return
    year = state.assessments[who].nendo
    for member in members:
        drawn = lot("扶養", member.atena_no) % 100
        if drawn < 80 and member.atena_no != who and _may_be_claimed(state, member, f"{int(year) - 1}1231"):
            age = age_of(member, state.day)
            yield Dependant(
                nendo=year,
                fuyosha_no=who,
                hifuyosha_no=member.atena_no,
                shotoku="0" if age < 20 else "" if drawn < 8 else str(drawn % 48 * 10_000),
                koshin_ymdhms=_stamp(f"{year}0420", drawn),
                sosa_id="BATCH01",
            )


def _may_be_claimed(state: CityState, member: Resident, day: str) -> bool:
    """In the tax office's records, without a tax of their own, and here on the day that decides."""
    near = member.zokugara in (HEAD, HUSBAND, WIFE, MOTHER, FATHER) or (
        member.zokugara == CHILD and age_of(member, state.day) <= 23
    )
    return (
        near
        and member.atena_no in state.taxpayers
        and member.atena_no not in state.assessments
        and (member.tennyu_ymd or "") <= day
    )


def returned_mail(state: CityState) -> list[ReturnedMail]:
    """A few notices that came back: found out for those who live here, published for some who left."""
    made = [*_came_back(state), *_of_those_who_left(state)]
    return _with_those_put_in({row.henrei_no: row for row in made}, state.returned_mail)


def _came_back(state: CityState) -> Iterator[ReturnedMail]:
    for row in state.assessments.values():
        drawn = lot("返戻", row.atena_no)
        sent = date(int(row.nendo), 6, 12)
        if row.choshu == "1" and drawn % 250 == 0 and sent + timedelta(days=40) <= state.day:
            yield _returned(row.atena_no, sent, "1" if drawn % 3 else "2", resolved=True)


def _of_those_who_left(state: CityState) -> Iterator[ReturnedMail]:
    for row in state.taxpayers.values():
        entry = state.residents.get(row.atena_no)
        left = entry.tenshutsu_ymd if entry is not None and row.jotai == "2" else None
        if left and lot("返戻", row.atena_no) % 40 == 0:
            sent = from_ymd(left) + timedelta(days=30)
            if sent + timedelta(days=70) <= state.day:
                yield _returned(row.atena_no, sent, "2", resolved=False)


def _returned(number: str, sent: date, why: str, *, resolved: bool) -> ReturnedMail:
    back, known = sent + timedelta(days=7), sent + timedelta(days=30)
    published = None if resolved else sent + timedelta(days=60)
    return ReturnedMail(
        henrei_no=f"{_serial(number):08d}",
        atena_no=number,
        hasso_ymd=ymd(sent),
        henrei_ymd=ymd(back),
        riyu=why,
        koji_ymd=ymd(published) if published else "",
        kaisho_ymd=ymd(known) if resolved else "",
        koshin_ymdhms=_stamp(ymd(published or known), lot("返戻", number)),
        sosa_id=f"S0{301 + lot('返戻', number) % 15}",
    )


def representations(state: CityState) -> list[Representation]:
    """納税管理人 of some who live elsewhere, guardians of some of the very old; both sides alive."""
    people = _People(state)
    made = (each for row in state.taxpayers.values() if (each := _represented(state, people, row)))
    return _with_those_put_in({row.dairi_no: row for row in made}, state.representations)


def _represented(state: CityState, people: "_People", row: Taxpayer) -> Representation | None:
    entry, drawn = state.residents.get(row.atena_no), lot("代理", row.atena_no)
    if row.jotai != "1" or row.atena_no in state.owners:
        return None
    if row.atena_kbn == "2" and drawn % 40 == 0:
        kind = "1"
    elif (
        entry is not None and entry.jumin_jotai == "1" and age_of(entry, state.day) >= 80 and drawn % 25 == 0
    ):
        kind = "2" if drawn % 2 else "3"
    else:
        return None
    since = ymd(date(2022, 4, 1) + timedelta(days=drawn % 1200))
    return Representation(
        dairi_no=f"{_serial(row.atena_no):08d}",
        atena_no=row.atena_no,
        # a lawyer or a company from elsewhere has no number here
        dairinin_no="" if drawn % 5 == 0 else people.drawn("代理人", row.atena_no),
        shurui=kind,
        kaishi_ymd=since,
        shuryo_ymd="",
        koshin_ymdhms=_stamp(since, drawn),
        sosa_id=f"S0{301 + drawn % 15}",
    )


class _People:
    """Finds for a number the same other living taxpayer every night, as long as both are there."""

    def __init__(self, state: CityState) -> None:
        self._state = state
        self._numbers = sorted(number for number, row in state.taxpayers.items() if row.atena_kbn == "1")

    def drawn(self, purpose: str, number: str) -> str:
        """An adult who is not this one; the next one where the one that was drawn is not there."""
        first = 1_000_000 + lot(purpose, number) % self._state.size
        at = bisect_left(self._numbers, f"{first:09d}")
        around = (self._numbers[(at + step) % len(self._numbers)] for step in range(len(self._numbers)))
        return next((other for other in around if other != number and self._is_there(other)), "")

    def _is_there(self, number: str) -> bool:
        entry = self._state.residents.get(number)
        living = entry is not None and entry.jumin_jotai == "1" and age_of(entry, self._state.day) >= 28
        return living and self._state.taxpayers[number].jotai == "1"


def _with_those_put_in(made: dict[str, R], put: dict[str, R]) -> list[R]:
    return list((made | put).values())


def _serial(number: str) -> int:
    return int(number[:-1]) % 10**8


def _stamp(day: str, drawn: int) -> str:
    return f"{day}{9 + drawn % 8:02d}{drawn % 60:02d}{drawn // 60 % 60:02d}"
