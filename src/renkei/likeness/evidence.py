"""What two records share and where they differ, attribute by attribute, with the marks that show it.

Pure: two records in, evidence out, in codes; :mod:`renkei.likeness.words` says them in a person's language.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from renkei.likeness.levels import ERA_GAPS
from renkei.mapping import variants
from renkei.mapping.eras import ERAS, Era
from renkei.mapping.masking import HIDDEN, shape_of

#: agree: equal by a strict key. similar: something speaks for one value. unknown: one side says nothing.
Verdict = Literal["agree", "similar", "differs", "unknown"]
Attribute = Literal["number", "name", "kana", "birth", "sex", "address", "household"]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One place where two texts differ: the characters and their code points; either side may be empty.

    ``kind`` is the class of a pair of :mod:`renkei.mapping.variants`, ``kana`` for two kana, else ``other``;
    ``weight`` is what a pair of that table is worth, else None.
    """

    place: int
    left: str
    right: str
    left_code: str
    right_code: str
    kind: Literal["shape", "printed", "exchanged", "kana", "other"]
    weight: float | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One attribute of two records. ``reasons`` are codes, the most telling first; ``facts`` belong to them.

    ``facts`` hold names of eras and numberings, never a value of a person.
    """

    attribute: Attribute
    verdict: Verdict
    reasons: tuple[str, ...]
    marks: tuple[Mark, ...] = ()
    facts: tuple[str, ...] = ()
    left: str | None = field(default=None, repr=False)
    right: str | None = field(default=None, repr=False)


Record = Mapping[str, Any]


def compare(left: Record, right: Record) -> tuple[Evidence, ...]:
    """Each attribute of two person records (columns of ``renkei.records.PERSON``; a missing one is null).

    Turned around, the same verdicts and reasons come out, with the sides of marks and values turned.
    """
    return tuple(
        compared(left, right) for compared in (_number, _name, _kana, _birth, _sex, _address, _household)
    )


def veiled(evidence: Evidence) -> Evidence:
    """The same without values: shapes for texts, and of marks only what kind they are."""
    marks = tuple(
        replace(mark, left="", right="", left_code="", right_code="", weight=None) for mark in evidence.marks
    )
    return replace(evidence, marks=marks, left=_shape(evidence.left), right=_shape(evidence.right))


def _shape(text: str | None) -> str | None:
    return text if text is None or text == HIDDEN else shape_of(text)


# numbers ------------------------------------------------------------------------------------------

_TOKENS = ("resident_code_token", "individual_number_token", "residence_card_number")


def _number(left: Record, right: Record) -> Evidence:
    equal = tuple(_equal_numbers(left, right))
    apart = tuple(
        f"{name}_differs" for name in _TOKENS if _both(left, right, name) and left[name] != right[name]
    )
    verdict: Verdict = "differs" if apart else "agree" if equal else "unknown"
    numbering = left.get("numbering") if "party_number" in equal else None
    return Evidence(
        attribute="number",
        verdict=verdict,
        reasons=(*apart, *equal) or ("no_common_number",),
        facts=(str(numbering),) if numbering else (),
    )


def _equal_numbers(left: Record, right: Record) -> Iterator[str]:
    if _numbered(left) is not None and _numbered(left) == _numbered(right):
        yield "party_number"
    for name in _TOKENS:
        if _both(left, right, name) and left[name] == right[name]:
            yield name
    if any(_said(one) is not None and _said(one) == _numbered(other) for one, other in _turns(left, right)):
        yield "said_same"


def _numbered(record: Record) -> tuple[str, str] | None:
    return _pair_of(record, "numbering", "party_number")


def _said(record: Record) -> tuple[str, str] | None:
    return _pair_of(record, "same_as_numbering", "same_as_party_number")


def _pair_of(record: Record, one: str, other: str) -> tuple[str, str] | None:
    first, second = record.get(one), record.get(other)
    return (first, second) if first and second else None


# names --------------------------------------------------------------------------------------------


def _name(left: Record, right: Record) -> Evidence:
    one, other = left.get("name_key"), right.get("name_key")
    told: dict[str, Any] = {"left": left.get("full_name"), "right": right.get("full_name")}
    if not one or not other:
        return Evidence(attribute="name", verdict="unknown", reasons=("not_said",), **told)
    if one == other:
        return Evidence(attribute="name", verdict="agree", reasons=("equal",), **told)
    marks = _marks(one, other)
    reasons = (*_other_names(left, right), *_of_characters(one, other, marks))
    if not reasons:  # what is told already needs no weaker word for it
        reasons = tuple(_given(left, right))
    if not reasons and _equal(left, right, "name_loose_key"):
        reasons = ("loose",)
    return Evidence(
        attribute="name",
        verdict="similar" if reasons else "differs",
        reasons=reasons or ("differs",),
        marks=marks,
        **told,
    )


def _other_names(left: Record, right: Record) -> Iterator[str]:
    if _equal(left, right, "common_name_key") or _crossed(left, right, "common_name_key"):
        yield "common_name"
    former = [_former(record) for record in (left, right)]
    names = [record.get("name_key") for record in (left, right)]
    if (former[0] and former[0] in (names[1], former[1])) or (former[1] and former[1] == names[0]):
        yield "former_surname"
    if _equal(left, right, "roman_name_key") or _crossed(left, right, "roman_name_key"):
        yield "roman_name"


def _former(record: Record) -> str | None:
    """旧氏 with the given name, as a key."""
    surname, given = record.get("former_surname_key"), _given_part(record.get("full_name"))
    return surname + given if surname and given else None


def _of_characters(one: str, other: str, marks: tuple[Mark, ...]) -> Iterator[str]:
    if variants.evidence(one, other) > 0:
        yield "variant"
    elif len(marks) == 1 and len(marks[0].left) <= 1 and len(marks[0].right) <= 1:
        yield "one_character"


def _given(left: Record, right: Record) -> Iterator[str]:
    given = [_given_part(record.get("full_name")) for record in (left, right)]
    surnames = [_surname_part(record.get("full_name")) for record in (left, right)]
    if given[0] and given[0] == given[1]:
        yield "given_name"
    elif surnames[0] and surnames[0] == surnames[1]:
        yield "surname_only"


def _given_part(name: str | None) -> str | None:
    parts = (name or "").replace("\u3000", " ").split(" ", 1)
    return parts[1].replace(" ", "") or None if len(parts) == 2 else None


def _surname_part(name: str | None) -> str | None:
    parts = (name or "").replace("\u3000", " ").split(" ", 1)
    return parts[0] or None if len(parts) == 2 else None


def _kana(left: Record, right: Record) -> Evidence:
    one, other = left.get("kana_key"), right.get("kana_key")
    told: dict[str, Any] = {"left": left.get("full_name_kana"), "right": right.get("full_name_kana")}
    if not one or not other:
        return Evidence(attribute="kana", verdict="unknown", reasons=("not_said",), **told)
    if one == other:
        return Evidence(attribute="kana", verdict="agree", reasons=("equal",), **told)
    marks = _marks(one, other)
    if _equal(left, right, "kana_loose_key"):
        return Evidence(attribute="kana", verdict="similar", reasons=("sounds_alike",), marks=marks, **told)
    if len(marks) == 1 and len(marks[0].left) <= 1 and len(marks[0].right) <= 1:
        return Evidence(attribute="kana", verdict="similar", reasons=("one_character",), marks=marks, **told)
    return Evidence(attribute="kana", verdict="differs", reasons=("differs",), marks=marks, **told)


def _marks(one: str, other: str) -> tuple[Mark, ...]:
    """The stretches in which two keys differ, the longest common ones taken out; at most eight."""
    from difflib import SequenceMatcher

    made: list[Mark] = []
    for tag, start, end, there, until in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        gone, come = one[start:end], other[there:until]
        if len(gone) == len(come):
            made += [_mark(start + place, *pair) for place, pair in enumerate(zip(gone, come, strict=True))]
        else:
            made.append(_mark(start, gone, come))
    return tuple(made[:8])


def _mark(place: int, one: str, other: str) -> Mark:
    pair = next((each for each in variants.pairs() if {each.one, each.other} == {one, other}), None)
    kind: Any = pair.kind if pair else "kana" if _is_kana(one + other) else "other"
    return Mark(
        place=place,
        left=one,
        right=other,
        left_code=_codes(one),
        right_code=_codes(other),
        kind=kind,
        weight=pair.weight if pair else None,
    )


def _is_kana(text: str) -> bool:
    return all("\u30a1" <= char <= "\u30fe" for char in text)


def _codes(text: str) -> str:
    return " ".join(f"U+{ord(char):04X}" for char in text)


# birth --------------------------------------------------------------------------------------------


def _birth(left: Record, right: Record) -> Evidence:
    (lo, hi), (other_lo, other_hi) = _interval(left), _interval(right)
    told: dict[str, Any] = {"left": _raw_birth(left), "right": _raw_birth(right)}
    if lo is None or hi is None or other_lo is None or other_hi is None:
        return Evidence(attribute="birth", verdict="unknown", reasons=("not_said",), **told)
    if lo == hi == other_lo == other_hi:
        return Evidence(attribute="birth", verdict="agree", reasons=("equal",), **told)
    if lo <= other_hi and other_lo <= hi:
        return Evidence(attribute="birth", verdict="similar", reasons=("overlaps",), **told)
    if lo != hi or other_lo != other_hi:
        return Evidence(attribute="birth", verdict="differs", reasons=("apart",), **told)
    reasons, facts = _slips(lo, other_lo)
    return Evidence(
        attribute="birth",
        verdict="similar" if reasons else "differs",
        reasons=reasons or ("differs",),
        facts=facts,
        **told,
    )


def _slips(one: date, other: date) -> tuple[tuple[str, ...], tuple[str, ...]]:
    made: list[str] = []
    facts = _eras(one, other)
    if facts:
        made.append("era_slip")
    if one.year == other.year and (one.month, one.day) == (other.day, other.month):
        made.append("month_day_swapped")
    if sum(a != b for a, b in zip(f"{one:%Y%m%d}", f"{other:%Y%m%d}", strict=True)) == 1:
        made.append("one_figure")
    return tuple(made), facts


def _eras(one: date, other: date) -> tuple[str, ...]:
    """The two eras of one day and one year of the era: 昭和55年 and 平成55年; empty where there are none.

    The wrong one may name a year that its era never had, the right one not: 2005 and 2019 are no 大正94年.
    """
    if (one.month, one.day) != (other.month, other.day) or abs(one.year - other.year) not in ERA_GAPS:
        return ()
    gap = other.year - one.year
    pairs = ((a, b) for a in ERAS for b in ERAS if b.offset - a.offset == gap)
    fitting = ((a, b) for a, b in pairs if one.year > a.offset and other.year > b.offset)
    right = ((a.name, b.name) for a, b in fitting if _lies_in(one, a) or _lies_in(other, b))
    return next(right, ())


def _lies_in(day: date, era: Era) -> bool:
    return era.first <= day <= era.end


def _interval(record: Record) -> tuple[date | None, date | None]:
    return record.get("date_of_birth_lo"), record.get("date_of_birth_hi")


def _raw_birth(record: Record) -> str | None:
    lo, hi = _interval(record)
    raw = record.get("date_of_birth_raw")
    return lo.isoformat() if lo is not None and lo == hi else str(raw) if raw else None


# the rest -----------------------------------------------------------------------------------------


def _sex(left: Record, right: Record) -> Evidence:
    told: dict[str, Any] = {"left": left.get("sex"), "right": right.get("sex")}
    if not {"1", "2"} >= {left.get("sex"), right.get("sex")}:
        return Evidence(attribute="sex", verdict="unknown", reasons=("not_said",), **told)
    if left["sex"] == right["sex"]:
        return Evidence(attribute="sex", verdict="agree", reasons=("equal",), **told)
    return Evidence(attribute="sex", verdict="differs", reasons=("differs",), **told)


#: Columns that agree → how far the address does.
_PLACES = (
    ("block", ("address_municipality_code", "address_key_town", "address_key_block")),
    ("town", ("address_municipality_code", "address_key_town")),
    ("municipality", ("address_municipality_code",)),
)


def _address(left: Record, right: Record) -> Evidence:
    told: dict[str, Any] = {"left": left.get("address"), "right": right.get("address")}
    if not _both(left, right, "address_key"):
        return Evidence(attribute="address", verdict="unknown", reasons=("not_said",), **told)
    if left["address_key"] == right["address_key"]:
        return Evidence(attribute="address", verdict="agree", reasons=("number",), **told)
    for reason, columns in _PLACES:
        if all(_equal(left, right, column) for column in columns):
            near: Verdict = "similar" if reason != "municipality" else "differs"
            return Evidence(attribute="address", verdict=near, reasons=(reason,), **told)
    return Evidence(attribute="address", verdict="differs", reasons=("differs",), **told)


def _household(left: Record, right: Record) -> Evidence:
    known = left.get("feed") == right.get("feed") and _both(left, right, "household_number")
    if not known:
        return Evidence(attribute="household", verdict="unknown", reasons=("not_comparable",))
    if left["household_number"] != right["household_number"]:
        return Evidence(attribute="household", verdict="unknown", reasons=("apart",))
    # one system keeps the two side by side
    return Evidence(attribute="household", verdict="differs", reasons=("side_by_side",))


def _both(left: Record, right: Record, column: str) -> bool:
    return bool(left.get(column)) and bool(right.get(column))


def _equal(left: Record, right: Record, column: str) -> bool:
    return _both(left, right, column) and left[column] == right[column]


def _crossed(left: Record, right: Record, column: str) -> bool:
    return any(
        bool(one.get(column)) and one.get(column) == other.get("name_key")
        for one, other in _turns(left, right)
    )


def _turns(left: Record, right: Record) -> tuple[tuple[Record, Record], ...]:
    return ((left, right), (right, left))
