"""The three systems' rows by whom they are truly about, and how each says the same thing otherwise."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import cache, cached_property
from typing import NamedTuple

from renkei_sample import tax_books, welfare_books
from renkei_sample.records import Account, Assessment, Benefit, Dependant, Recipient, Resident, Taxpayer
from renkei_sample.state import CityState

Other = Taxpayer | Recipient
Key = tuple[str, str]
Sides = Iterator[tuple[Key, Key]]
JUKI, TAX, WELFARE = "juki.resident", "tax.taxpayer", "welfare.recipient"
ASSESSMENT, BENEFIT = "tax.assessment", "welfare.benefit"
_KANJI = "〇一二三四五六七八九"


class Wrong(NamedTuple):
    """One thing that is wrong: the rule that speaks of it, and the two records."""

    rule_id: str
    left: tuple[str, str]
    right: tuple[str, str]


class Books:
    """The three systems' rows by whom they are about."""

    def __init__(self, state: CityState) -> None:
        self.state = state
        self.bad = {(item.feed, item.source_key) for item in state.ledger.rejects}

    @cached_property
    def living(self) -> dict[str, Resident]:
        """Whoever lives here by 住基, by 宛名番号."""
        return {number: row for number, row in self.state.residents.items() if row.jumin_jotai == "1"}

    @cached_property
    def records(self) -> list[tuple[Resident, Other]]:
        """Each tax and welfare record beside the person of 住基 that it is about."""
        pairs = ((self.owner(row), row) for row in self.others())
        return [(self.state.residents[owner], row) for owner, row in pairs if owner in self.state.residents]

    @cached_property
    def households(self) -> dict[str, list[Resident]]:
        """世帯番号 → its living members."""
        held = defaultdict(list)
        for row in self.living.values():
            held[row.setai_no].append(row)
        return held

    def others(self) -> Iterator[Other]:
        """Records of the other two offices that can be read."""
        rows: list[Other] = [*self.state.taxpayers.values(), *self.state.recipients.values()]
        yield from (row for row in rows if side(row) not in self.bad)

    def owner(self, row: Other) -> str:
        """The 宛名番号 of whom a record is about; nothing where that is nobody of 住基."""
        key = side(row)[1]
        if key in self.state.strangers:
            return ""
        own = row.atena_no if isinstance(row, Taxpayer) and row.atena_kbn == "1" else None
        return own or self.state.owners.get(key, "")

    @cached_property
    def on_the_way(self) -> set[tuple[str, str]]:
        """宛名番号 and office of what the office will hear of on a later night."""
        offices = {"tax_desk": "tax"}
        return {
            (number, offices.get(item.target, item.target))
            for item in self.state.pending
            for number in item.people
        }

    def arrived(self) -> Iterator[tuple[Resident, Other]]:
        """Each record beside its person, where its office has heard of everything."""
        for person, row in self.records:
            office = "tax" if isinstance(row, Taxpayer) else "welfare"
            if (person.atena_no, office) not in self.on_the_way:
                yield person, row

    def person_of(self, recipient: str | None) -> Resident | None:
        """Whom a 対象者 number is about."""
        row = self.state.recipients.get(recipient or "")
        return self.state.residents.get(self.owner(row)) if row is not None else None

    def running(self) -> Iterator[tuple[Resident, Benefit]]:
        """給付 that run, beside the person whom they are for."""
        for row in self.state.benefits.values():
            person = self.person_of(row.taishosha)
            if person is not None and row.jotai == "受給中" and (BENEFIT, row.bango) not in self.bad:
                yield person, row

    @cached_property
    def accounts(self) -> list[Account]:
        """Every 口座 of tonight's file."""
        return welfare_books.accounts(self.state)

    @cached_property
    def dependants(self) -> list[Dependant]:
        """Every 扶養 of tonight's file."""
        return tax_books.dependants(self.state)

    def taxed(self) -> Iterator[tuple[Resident | None, Assessment]]:
        """Each assessment beside the person of 住基 that it is about."""
        for row in self.state.assessments.values():
            known = self.state.taxpayers.get(row.atena_no)
            owner = self.owner(known) if known is not None and side(known) not in self.bad else ""
            yield self.state.residents.get(owner), row


def juki(row: Resident) -> tuple[str, str]:
    """Feed and key of a row of 住基."""
    return JUKI, row.atena_no


def side(row: Other) -> tuple[str, str]:
    """Feed and key of another office's record."""
    return (TAX, row.atena_no) if isinstance(row, Taxpayer) else (WELFARE, row.bango)


def here(row: Resident) -> str:
    """Where 住基 has somebody."""
    return place(row.machiaza + row.banchi)


@cache
def place(text: str) -> str:
    """One text for one place, whatever the notation."""
    folded = unicodedata.normalize("NFKC", text).replace("ヶ", "ケ")
    folded = re.sub(rf"([{_KANJI}])丁目", lambda found: f"{_KANJI.index(found[1])}-", folded)
    return re.sub(r"-+", "-", re.sub(r"丁目|番地|番|号|[－−]", "-", folded)).strip("-")


@cache
def folded(text: str) -> str:
    """A name or a reading: widths and spaces are no difference, glyphs are."""
    plain = (
        unicodedata.normalize("NFKC", glyph) if "！" <= glyph <= "￮" or glyph.isascii() else glyph
        for glyph in text
    )
    return unicodedata.normalize("NFC", "".join(plain).replace(" ", "").replace("　", ""))
