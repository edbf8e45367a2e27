"""What is really wrong in the city, seen by looking at every row; it knows no plant and no rule's text.

Records are told apart by whom they are truly about, which only the city knows. Whatever is found is wrong now
or, where a term still runs, will be if nobody acts; when it must be on the hub's books stands in the ledger.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from functools import cached_property
from typing import NamedTuple

from renkei_sample.identifiers import from_wareki, from_ymd
from renkei_sample.records import Assessment, Recipient, Resident, Taxpayer
from renkei_sample.state import CityState

Other = Taxpayer | Recipient
_JUKI, _TAX, _WELFARE = "juki.resident", "tax.taxpayer", "welfare.recipient"
_ASSESSMENT, _BENEFIT = "tax.assessment", "welfare.benefit"
_KANJI = "〇一二三四五六七八九"
_DASHES = re.compile(r"[－‐−ー-]")


class Wrong(NamedTuple):
    """One thing that is wrong: the rule that speaks of it, and the two records."""

    rule_id: str
    left: tuple[str, str]
    right: tuple[str, str]


class _Books:
    """The three systems' rows by whom they are about."""

    def __init__(self, state: CityState) -> None:
        self.state = state
        self.bad = {(item.feed, item.source_key) for item in state.ledger.rejects}

    @cached_property
    def living(self) -> dict[str, Resident]:
        return {number: row for number, row in self.state.residents.items() if row.jumin_jotai == "1"}

    @cached_property
    def records(self) -> list[tuple[Resident, Other]]:
        """Each tax and welfare record beside the person of 住基 that it is about."""
        pairs = ((self.owner(row), row) for row in self.others())
        return [(self.state.residents[owner], row) for owner, row in pairs if owner in self.state.residents]

    @cached_property
    def households(self) -> dict[str, list[Resident]]:
        held = defaultdict(list)
        for row in self.living.values():
            held[row.setai_no].append(row)
        return held

    def others(self) -> Iterator[Other]:
        rows: list[Other] = [*self.state.taxpayers.values(), *self.state.recipients.values()]
        yield from (row for row in rows if _side(row) not in self.bad)

    def owner(self, row: Other) -> str:
        """The 宛名番号 of whom a record is about; nothing where that is nobody of 住基."""
        key = _side(row)[1]
        if key in self.state.strangers:
            return ""
        own = row.atena_no if isinstance(row, Taxpayer) and row.atena_kbn == "1" else None
        return own or self.state.owners.get(key, "")

    def taxed(self) -> Iterator[tuple[Resident | None, Assessment]]:
        for row in self.state.assessments.values():
            known = self.state.taxpayers.get(row.atena_no)
            owner = self.owner(known) if known is not None and _side(known) not in self.bad else ""
            yield self.state.residents.get(owner), row


def wrong(state: CityState) -> set[Wrong]:
    """Everything that is wrong and that one of :data:`LOOKS` looks at."""
    books = _Books(state)
    return {Wrong(rule_id, left, right) for rule_id, look in LOOKS.items() for left, right in look(books)}


Sides = Iterator[tuple[tuple[str, str], tuple[str, str]]]


def _address_shown(books: _Books) -> Sides:
    """R08."""
    hidden = defaultdict(list)
    for row in books.living.values():
        if row.shien_kbn != "0":
            hidden[_place(row.machiaza + row.banchi)].append(row)
    for owner, notice in books.taxed():
        place = _place(notice.sofu_jusho)
        lives_there = owner is not None and owner.jumin_jotai in "13" and _here(owner) == place
        for row in hidden.get(place, ()) if not lives_there else ():
            if owner is None or owner.atena_no != row.atena_no:
                yield _juki(row), (_ASSESSMENT, notice.atena_no)
    for benefit in books.state.benefits.values():
        target, payee = (
            books.state.recipients.get(key or "") for key in (benefit.taishosha, benefit.jukyusha)
        )
        if (
            target is None
            or payee is None
            or benefit.jotai != "受給中"
            or (_BENEFIT, benefit.bango) in books.bad
        ):
            continue
        guarded, holder = books.living.get(books.owner(target)), books.living.get(books.owner(payee))
        if (
            guarded is not None
            and guarded.shien_kbn != "0"
            and (holder is None or holder.setai_no != guarded.setai_no)
        ):
            yield _juki(guarded), (_BENEFIT, benefit.bango)


def _building(books: _Books) -> Sides:
    """R09."""
    for person, row in books.records:
        lives = person.jumin_jotai == "1" and row.jotai in ("1", "有効")
        same_place = lives and _here(person) == _place(row.jusho)
        if same_place and _house(person.katagaki) != _house(row.katagaki):
            yield _juki(person), _side(row)


def _custom(books: _Books) -> Sides:
    """R14."""
    for person, row in books.records:
        if person.tsusho and _folded(person.tsusho) != _folded(person.shimei):
            unwanted = person.shimei if isinstance(row, Taxpayer) else person.tsusho
            if _folded(row.shimei) == _folded(unwanted):
                yield _juki(person), _side(row)


def _two_people(books: _Books) -> Sides:
    """R16."""
    for row in books.others():
        number = row.atena_no if not isinstance(row, Taxpayer) or row.atena_kbn == "1" else None
        person = books.state.residents.get(number or "")
        if person is not None and not _is_one(person, row):
            yield _juki(person), _side(row)


def _is_one(person: Resident, row: Other) -> bool:
    names = {_folded(person.shimei), _folded(person.tsusho or person.shimei)}
    kana = row.shimei_kana if isinstance(row, Taxpayer) else row.kana
    (low, high), (least, most) = _births(person.seinengappi), _births(_born(row))
    return (
        _folded(row.shimei) in names
        or _folded(kana) == _folded(person.shimei_kana)
        or (least <= high and low <= most)
    )


def _still_outside(books: _Books) -> Sides:
    """R17."""
    known = {books.owner(row) for row in books.others() if isinstance(row, Taxpayer) and row.atena_kbn == "1"}
    for person, row in books.records:
        outside = isinstance(row, Taxpayer) and row.atena_kbn == "2" and row.jotai == "1"
        if outside and person.jumin_jotai == "1" and person.atena_no not in known:
            yield _juki(person), _side(row)


def _no_head(books: _Books) -> Sides:
    """R20."""
    gone = defaultdict(list)
    for row in books.state.residents.values():
        if row.jumin_jotai != "1" and row.zokugara == "02":
            gone[row.setai_no].append(row)
    for household, members in books.households.items():
        if len(members) > 1 and not any(row.zokugara == "02" for row in members) and gone[household]:
            last = max(gone[household], key=lambda row: row.koshin_ts)
            yield _juki(last), _juki(min(members, key=lambda row: row.atena_no))


def _relationship(books: _Books) -> Sides:
    """R21."""
    for members in books.households.values():
        for head in (row for row in members if row.zokugara == "02"):
            for row in members:
                if row is not head and _is_impossible(head, row):
                    yield _juki(head), _juki(row)


def _is_impossible(head: Resident, row: Resident) -> bool:
    (low, high), (least, most) = _births(row.seinengappi), _births(head.seinengappi)
    return (
        (row.zokugara == "02" and head.atena_no < row.atena_no)
        or (row.zokugara in ("20", "74", "84") and high < least)
        or (row.zokugara in ("51", "52", "71", "81") and low > most)
    )


def _taxed_without_residence(books: _Books) -> Sides:
    """R28."""
    for person, row in books.taxed():
        assessed = f"{row.nendo}0101"
        if person is None or not row.nenzei or books.state.taxpayers[row.atena_no].atena_kbn == "2":
            continue
        gone = person.shibo_ymd if person.jumin_jotai == "3" else person.tenshutsu_ymd
        if (person.jumin_jotai in "23" and gone and gone < assessed) or (person.tennyu_ymd or "") > assessed:
            yield _juki(person), (_ASSESSMENT, row.atena_no)


def _cancelled(books: _Books) -> Sides:
    """R32."""
    for person, row in books.records:
        if person.ido_jiyu in ("91", "92", "93") and (person.jumin_jotai == "1") != (
            row.jotai in ("1", "有効")
        ):
            yield _juki(person), _side(row)


def _new_sheet(books: _Books) -> Sides:
    """R33."""
    for person, row in books.records:
        same = person.jumin_jotai == "1" and person.ido_jiyu in ("94", "95", "81", "82", "83", "84")
        if same and row.jotai not in ("1", "有効"):
            yield _juki(person), _side(row)


def _renamed(books: _Books) -> Sides:
    """R34."""
    for person in books.living.values():
        if person.machiaza == "大字旧葛原":
            yield _juki(person), _juki(person)
    for person, row in books.records:
        new = person.jumin_jotai == "1" and person.machiaza == "葛原みなみ一丁目"
        if new and row.jotai in ("1", "有効") and "旧葛原" in row.jusho:
            yield _juki(person), _side(row)


def _too_late(books: _Books) -> Sides:
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
            yield _juki(person), (_ASSESSMENT, notice.atena_no)
    for benefit in books.state.benefits.values():
        target = books.state.recipients.get(benefit.taishosha)
        person = books.state.residents.get(books.owner(target)) if target else None
        happened, keyed = late.get(person.atena_no if person else "", (date.max, date.max))
        runs = benefit.shuryo is None or benefit.shuryo > happened.isoformat()
        if person and benefit.shubetsu == "介護保険" and runs and _years_on(happened, 2) < keyed:
            yield _juki(person), (_BENEFIT, benefit.bango)


def _unreadable(books: _Books) -> Sides:
    """R42."""
    for person, row in books.records:
        for text, true in ((row.shimei, person.shimei), (row.jusho + row.katagaki, "")):
            lost = [glyph for glyph in text if glyph in "�〓■□?？" or "\ue000" <= glyph <= "\uf8ff"]
            if lost and text != true:
                yield _juki(person), _side(row)


LOOKS: dict[str, Callable[[_Books], Sides]] = {
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


def _juki(row: Resident) -> tuple[str, str]:
    return _JUKI, row.atena_no


def _side(row: Other) -> tuple[str, str]:
    return (_TAX, row.atena_no) if isinstance(row, Taxpayer) else (_WELFARE, row.bango)


def _here(row: Resident) -> str:
    return _place(row.machiaza + row.banchi)


def _place(text: str) -> str:
    """One text for one place, whatever the notation."""
    folded = unicodedata.normalize("NFKC", text).replace("ヶ", "ケ")
    folded = re.sub(rf"([{_KANJI}])丁目", lambda found: f"{_KANJI.index(found[1])}-", folded)
    return re.sub(r"-+", "-", re.sub(r"丁目|番地|番|号|[－−]", "-", folded)).strip("-")


def _house(text: str | None) -> str:
    return re.sub(r"[\s・]", "", _DASHES.sub("-", unicodedata.normalize("NFKC", text or "").upper()))


def _folded(text: str) -> str:
    """A name or a reading: widths and spaces are no difference, glyphs are."""
    plain = (
        unicodedata.normalize("NFKC", glyph) if "！" <= glyph <= "￮" or glyph.isascii() else glyph
        for glyph in text
    )
    return unicodedata.normalize("NFC", "".join(plain).replace(" ", "").replace("　", ""))


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
