"""What is wrong with who people are and where they live, as an eye sees it that reads every row."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations

from renkei_sample.identifiers import from_ymd
from renkei_sample.individual_numbers import keeps_numbers, number_of
from renkei_sample.oracle_books import ASSESSMENT, Books, Key, Other, Sides, here, juki, place, side
from renkei_sample.records import Resident, Taxpayer

_SEX = {"1": "M", "2": "F", "0": "U"}
_AGENT = "tax.representation"


def _mailed_elsewhere(books: Books) -> Sides:
    """R06."""
    for number, notice in books.state.assessments.items():
        person = books.living.get(number)
        plain = notice.choshu == "1" and notice.sofu_shitei == "0" and (number, "tax") not in books.on_the_way
        if person is not None and plain and place(notice.sofu_jusho) != here(person):
            yield juki(person), (ASSESSMENT, number)


def _not_protected(books: Books) -> Sides:
    """R07."""
    for person, row in books.arrived():
        if person.shien_kbn != "0" and row.shien in ("0", "無"):
            yield juki(person), side(row)


def _other_place(books: Books) -> Sides:
    """R10."""
    for person, row in books.arrived():
        lives = person.jumin_jotai == "1" and row.jotai in ("1", "有効")
        if lives and here(person) != place(row.jusho):
            yield juki(person), side(row)


def _other_sex(books: Books) -> Sides:
    """R12."""
    for person, row in books.records:
        said = person.seibetsu if isinstance(row, Taxpayer) else _SEX[person.seibetsu]
        if row.seibetsu != said:
            yield juki(person), side(row)


def _individual_number(books: Books) -> Sides:
    """R18."""
    if not keeps_numbers(books.state):
        return
    held = defaultdict(list)
    for person, row in books.records:
        number = number_of(books.state, row)
        held[number, type(row)].append((person, row))
        if number and number != number_of(books.state, person):
            yield juki(person), side(row)
    for (number, _), records in held.items():
        yield from _of_two(records) if number else ()


def _of_two(records: list[tuple[Resident, Other]]) -> Iterator[tuple[Key, Key]]:
    for (one, left), (other, right) in combinations(records, 2):
        if one.atena_no != other.atena_no:
            first, second = sorted((side(left), side(right)))
            yield first, second


def _agent(books: Books) -> Sides:
    """R36: an agency that still runs though one of the two has died; notices to an agent of before."""
    state = books.state
    for row in state.representations.values():
        represented, agent = (state.residents.get(key) for key in (row.atena_no, row.dairinin_no))
        runs = not row.shuryo_ymd or from_ymd(row.shuryo_ymd) > state.day
        for person in (represented, agent) if runs else ():
            if person is not None and person.jumin_jotai == "3":
                yield juki(person), (_AGENT, row.dairi_no)
        notice = state.assessments.get(row.atena_no)
        if not runs and notice is not None and agent is not None and represented is not None:
            still = place(notice.sofu_jusho) == here(agent) != here(represented)
            written = notice.koshin_ymdhms[:8] <= row.shuryo_ymd
            again = any(
                other.atena_no == row.atena_no
                and other.dairinin_no == row.dairinin_no
                and not other.shuryo_ymd
                for other in state.representations.values()
            )
            if still and written and not again:
                yield (_AGENT, row.dairi_no), (ASSESSMENT, row.atena_no)


#: Rule → the look that sees what the rule must find.
LOOKS: dict[str, Callable[[Books], Sides]] = {
    "R06": _mailed_elsewhere,
    "R07": _not_protected,
    "R10": _other_place,
    "R12": _other_sex,
    "R18": _individual_number,
    "R36": _agent,
}
