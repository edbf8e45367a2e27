"""What is really wrong in the city, seen by looking at every row; it knows no plant and no rule's text.

Records are told apart by whom they are truly about, which only the city knows. Whatever is found is wrong now
or, where a term still runs, will be if nobody acts; when it must be on the hub's books stands in the ledger.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from functools import cache

from renkei_sample import oracle_money, oracle_people
from renkei_sample.identifiers import from_wareki, from_ymd
from renkei_sample.oracle_books import (
    ASSESSMENT,
    BENEFIT,
    Books,
    Other,
    Sides,
    Wrong,
    folded,
    here,
    juki,
    place,
    side,
)
from renkei_sample.records import Resident, Taxpayer
from renkei_sample.state import CityState

__all__ = ["LOOKS", "Wrong", "wrong"]

_DASHES = re.compile(r"[－‐−ー-]")


def wrong(state: CityState) -> set[Wrong]:
    """Everything that is wrong and that one of :data:`LOOKS` looks at."""
    books = Books(state)
    return {Wrong(rule_id, left, right) for rule_id, look in LOOKS.items() for left, right in look(books)}


def _address_shown(books: Books) -> Sides:
    """R08."""
    hidden = defaultdict(list)
    for row in books.living.values():
        if row.shien_kbn != "0":
            hidden[place(row.machiaza + row.banchi)].append(row)
    for owner, notice in books.taxed():
        where = place(notice.sofu_jusho)
        lives_there = owner is not None and owner.jumin_jotai in "13" and here(owner) == where
        for row in hidden.get(where, ()) if not lives_there else ():
            if owner is None or owner.atena_no != row.atena_no:
                yield juki(row), (ASSESSMENT, notice.atena_no)
    for benefit in books.state.benefits.values():
        target, payee = (
            books.state.recipients.get(key or "") for key in (benefit.taishosha, benefit.jukyusha)
        )
        if (
            target is None
            or payee is None
            or benefit.jotai != "受給中"
            or (BENEFIT, benefit.bango) in books.bad
        ):
            continue
        guarded, holder = books.living.get(books.owner(target)), books.living.get(books.owner(payee))
        if (
            guarded is not None
            and guarded.shien_kbn != "0"
            and (holder is None or holder.setai_no != guarded.setai_no)
        ):
            yield juki(guarded), (BENEFIT, benefit.bango)


def _building(books: Books) -> Sides:
    """R09."""
    for person, row in books.records:
        lives = person.jumin_jotai == "1" and row.jotai in ("1", "有効")
        same_place = lives and here(person) == place(row.jusho)
        if same_place and _house(person.katagaki) != _house(row.katagaki):
            yield juki(person), side(row)


def _custom(books: Books) -> Sides:
    """R14."""
    for person, row in books.records:
        if person.tsusho and folded(person.tsusho) != folded(person.shimei):
            unwanted = person.shimei if isinstance(row, Taxpayer) else person.tsusho
            if folded(row.shimei) == folded(unwanted):
                yield juki(person), side(row)


def _two_people(books: Books) -> Sides:
    """R16."""
    for row in books.others():
        number = row.atena_no if not isinstance(row, Taxpayer) or row.atena_kbn == "1" else None
        person = books.state.residents.get(number or "")
        if person is not None and not _is_one(person, row):
            yield juki(person), side(row)


def _is_one(person: Resident, row: Other) -> bool:
    names = {folded(person.shimei), folded(person.tsusho or person.shimei)}
    kana = row.shimei_kana if isinstance(row, Taxpayer) else row.kana
    (low, high), (least, most) = _births(person.seinengappi), _births(_born(row))
    return (
        folded(row.shimei) in names
        or folded(kana) == folded(person.shimei_kana)
        or (least <= high and low <= most)
    )


def _still_outside(books: Books) -> Sides:
    """R17."""
    known = {books.owner(row) for row in books.others() if isinstance(row, Taxpayer) and row.atena_kbn == "1"}
    for person, row in books.records:
        outside = isinstance(row, Taxpayer) and row.atena_kbn == "2" and row.jotai == "1"
        if outside and person.jumin_jotai == "1" and person.atena_no not in known:
            yield juki(person), side(row)


def _no_head(books: Books) -> Sides:
    """R20."""
    gone = defaultdict(list)
    for row in books.state.residents.values():
        if row.jumin_jotai != "1" and row.zokugara == "02":
            gone[row.setai_no].append(row)
    for household, members in books.households.items():
        if len(members) > 1 and not any(row.zokugara == "02" for row in members) and gone[household]:
            last = max(gone[household], key=lambda row: row.koshin_ts)
            yield juki(last), juki(min(members, key=lambda row: row.atena_no))


def _relationship(books: Books) -> Sides:
    """R21."""
    for members in books.households.values():
        for head in (row for row in members if row.zokugara == "02"):
            for row in members:
                if row is not head and _is_impossible(head, row):
                    yield juki(head), juki(row)


def _is_impossible(head: Resident, row: Resident) -> bool:
    (low, high), (least, most) = _births(row.seinengappi), _births(head.seinengappi)
    return (
        (row.zokugara == "02" and head.atena_no < row.atena_no)
        or (row.zokugara in ("20", "74", "84") and high < least)
        or (row.zokugara in ("51", "52", "71", "81") and low > most)
    )


def _taxed_without_residence(books: Books) -> Sides:
    """R28."""
    for person, row in books.taxed():
        assessed = f"{row.nendo}0101"
        if person is None or not row.nenzei or books.state.taxpayers[row.atena_no].atena_kbn == "2":
            continue
        gone = person.shibo_ymd if person.jumin_jotai == "3" else person.tenshutsu_ymd
        # who came later may have lived here on the day, left and returned
        soon = assessed < (person.tennyu_ymd or "") <= f"{row.nendo}0115"
        if soon or (person.jumin_jotai in "23" and gone and gone < assessed):
            yield juki(person), (ASSESSMENT, row.atena_no)


def _cancelled(books: Books) -> Sides:
    """R32."""
    for person, row in books.records:
        if person.ido_jiyu in ("91", "92", "93") and (person.jumin_jotai == "1") != (
            row.jotai in ("1", "有効")
        ):
            yield juki(person), side(row)


def _new_sheet(books: Books) -> Sides:
    """R33."""
    for person, row in books.records:
        same = person.jumin_jotai == "1" and person.ido_jiyu in ("94", "95", "81", "82", "83", "84")
        if same and row.jotai not in ("1", "有効"):
            yield juki(person), side(row)


def _renamed(books: Books) -> Sides:
    """R34."""
    for person in books.living.values():
        if person.machiaza == "大字旧葛原":
            yield juki(person), juki(person)
    for person, row in books.records:
        new = person.jumin_jotai == "1" and person.machiaza == "葛原みなみ一丁目"
        if new and row.jotai in ("1", "有効") and "旧葛原" in row.jusho:
            yield juki(person), side(row)


def _too_late(books: Books) -> Sides:
    """R41."""
    kinds = ("01", "02", "11", "12", "13", "31", "32", "33", "91", "92", "93")
    late = {
        row.atena_no: (from_ymd(row.ido_ymd), date.fromisoformat(row.koshin_ts[:10]))
        for row in books.state.residents.values()
        if row.ido_jiyu in kinds
    }
    for person, notice in books.taxed():
        happened, keyed = late.get(person.atena_no if person else "", (date.max, date.max))
        if person is not None and _years_on(happened, 3) < keyed:
            yield juki(person), (ASSESSMENT, notice.atena_no)
    for benefit in books.state.benefits.values():
        target = books.state.recipients.get(benefit.taishosha)
        person = books.state.residents.get(books.owner(target)) if target else None
        happened, keyed = late.get(person.atena_no if person else "", (date.max, date.max))
        runs = benefit.shuryo is None or benefit.shuryo > happened.isoformat()
        if person and benefit.shubetsu == "介護保険" and runs and _years_on(happened, 2) < keyed:
            yield juki(person), (BENEFIT, benefit.bango)


def _unreadable(books: Books) -> Sides:
    """R42."""
    for person, row in books.records:
        for text, true in ((row.shimei, person.shimei), (row.jusho + row.katagaki, "")):
            lost = [glyph for glyph in text if glyph in "�〓■□?？" or "\ue000" <= glyph <= "\uf8ff"]
            if lost and text != true:
                yield juki(person), side(row)


#: Rule → the look that sees what the rule must find.
LOOKS: dict[str, Callable[[Books], Sides]] = {
    **oracle_people.LOOKS,
    **oracle_money.LOOKS,
    "R08": _address_shown,
    "R09": _building,
    "R14": _custom,
    "R16": _two_people,
    "R17": _still_outside,
    "R20": _no_head,
    "R21": _relationship,
    "R28": _taxed_without_residence,
    "R32": _cancelled,
    "R33": _new_sheet,
    "R34": _renamed,
    "R41": _too_late,
    "R42": _unreadable,
}


@cache
def _house(text: str | None) -> str:
    return re.sub(r"[\s・]", "", _DASHES.sub("-", unicodedata.normalize("NFKC", text or "").upper()))


def _born(row: Other) -> str:
    if isinstance(row, Taxpayer):
        if row.seinengappi.endswith("00") or row.seinengappi == "0000000":
            return "00000000"
        return from_wareki(row.seinengappi).strftime("%Y%m%d")
    return row.seinengappi.replace("-", "").replace("不詳", "").ljust(8, "0")


def _births(text: str) -> tuple[str, str]:
    """The first and the last day that a birth date may mean, as text."""
    year, month, day = text[:4], text[4:6], text[6:]
    if year == "0000":
        return "00000000", "99999999"
    if month == "00":
        return f"{year}0101", f"{year}1231"
    return (f"{year}{month}01", f"{year}{month}31") if day == "00" else (text, text)


def _years_on(day: date, years: int) -> date:
    if day.year + years > date.max.year:
        return date.max
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
