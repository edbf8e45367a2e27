"""What is wrong with who is paid, insured, taxed or claimed, as an eye sees it that reads every row."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta

from renkei_sample import welfare_books
from renkei_sample.base import CERTIFICATE, ELDERLY_HEALTH, LONG_TERM_CARE, NATIONAL_HEALTH, PUBLIC_ASSISTANCE
from renkei_sample.desk import CHILD_ALLOWANCE
from renkei_sample.identifiers import from_ymd
from renkei_sample.oracle_books import ASSESSMENT, BENEFIT, Books, Sides, juki
from renkei_sample.records import Account, Benefit, Resident
from renkei_sample.state import key_of

_ACCOUNT, _DEPENDANT = "welfare.account", "tax.dependant"
_INSURANCES = (NATIONAL_HEALTH, LONG_TERM_CARE, ELDERLY_HEALTH)
_BOUND_TO_STAY = (*_INSURANCES, CHILD_ALLOWANCE)
_DEAD, _LEFT, _HERE = "3", "2", "1"
#: 在留資格 without a right to health insurance.
_NOT_INSURABLE = ("32", "33", "41", "51")
#: What a dependant may earn who is no student: 配偶者特別控除 ends here.
_EARNS_TOO_MUCH = 1_330_000


def _insured_after_death(books: Books) -> Sides:
    """R02."""
    for row in books.state.benefits.values():
        person = books.person_of(row.taishosha)
        if person is None or person.jumin_jotai != _DEAD or row.shubetsu not in _INSURANCES:
            continue
        right = (from_ymd(person.shibo_ymd or "") + timedelta(days=1)).isoformat()
        heard = (person.atena_no, "welfare") not in books.on_the_way and (BENEFIT, row.bango) not in books.bad
        if heard and (row.jotai == "受給中" or (row.shuryo_jiyu == "死亡" and row.shuryo != right)):
            yield juki(person), (BENEFIT, row.bango)


def _paid_after_death(books: Books) -> Sides:
    """R03."""
    for row in books.accounts:
        person = books.person_of(row.taishosha)
        if person is not None and person.jumin_jotai == _DEAD and row.jotai == "有効":
            theirs = (row.henkobi or "") <= from_ymd(person.shibo_ymd or "").isoformat()
            if theirs and (row.yoteibi or "") > books.state.day.isoformat():
                yield juki(person), (_ACCOUNT, row.bango)


def _paid_after_leaving(books: Books) -> Sides:
    """R05: a payee has to live here, a child may go to school elsewhere."""
    for person, row in books.running():
        here = books.person_of(row.jukyusha) if row.jukyusha else person
        left = here is not None and here.jumin_jotai == _LEFT and row.tokurei != "該当"
        if here is not None and left and (here.atena_no, "welfare") not in books.on_the_way:
            yield juki(here), (BENEFIT, row.bango)


def _assisted_and_insured(books: Books) -> Sides:
    """R25."""
    held = _by_recipient(books)
    for rows in held.values():
        for assisted in (row for row in rows if row.shubetsu == PUBLIC_ASSISTANCE):
            for row in rows:
                if row.shubetsu == NATIONAL_HEALTH:
                    yield (BENEFIT, assisted.bango), (BENEFIT, row.bango)


def _by_recipient(books: Books) -> dict[str, list[Benefit]]:
    held = defaultdict(list)
    for _, row in books.running():
        held[row.taishosha].append(row)
    return held


def _not_exempt(books: Books) -> Sides:
    """R26."""
    for person, row in books.running():
        notice = books.state.assessments.get(person.atena_no)
        if notice is None or not notice.nenzei:
            continue
        began = date.fromisoformat(row.kaishi) < date(int(notice.nendo), 1, 1)
        wrong = row.shubetsu == PUBLIC_ASSISTANCE or (row.shubetsu == CERTIFICATE and notice.shogaisha == "0")
        if began and wrong:
            yield (BENEFIT, row.bango), (ASSESSMENT, person.atena_no)


def _wrongly_claimed(books: Books) -> Sides:
    """R27."""
    claims = defaultdict(list)
    for row in books.dependants:
        claims[row.nendo, row.hifuyosha_no].append(key_of(row))
        person = books.state.residents.get(row.hifuyosha_no)
        year = f"{int(row.nendo) - 1}0101"
        dead = person is not None and person.jumin_jotai == _DEAD and (person.shibo_ymd or year) < year
        if person is not None and (dead or int(row.shotoku or 0) > _EARNS_TOO_MUCH):
            yield juki(person), (_DEPENDANT, key_of(row))
    for keys in claims.values():
        if len(keys) == 2:
            first, second = sorted(keys)
            yield (_DEPENDANT, first), (_DEPENDANT, second)


def _exception(books: Books) -> Sides:
    """R29: ended with a move as if there were none, kept after coming back, or beside another."""
    for row in books.state.benefits.values():
        person = books.person_of(row.taishosha)
        if person is None or row.tokurei != "該当" or (BENEFIT, row.bango) in books.bad:
            continue
        others = [
            other
            for other in books.state.benefits_of(row.taishosha)
            if other.shubetsu == row.shubetsu and other.bango != row.bango and other.jotai == "受給中"
        ]
        entered = (row.nyusho or "").replace("-", "")
        if row.jotai != "受給中":
            if person.jumin_jotai == _LEFT and row.shuryo_jiyu == "転出" and not others:
                yield juki(person), (BENEFIT, row.bango)
            continue
        if person.jumin_jotai == _HERE and (person.tennyu_ymd or "") > entered:
            yield juki(person), (BENEFIT, row.bango)
        for other in others:
            if other.tokurei != "該当":
                yield (BENEFIT, row.bango), (BENEFIT, other.bango)


def _stay(books: Books) -> Sides:
    """R30: the two months after the stay are over or run, or the stay never gave a right to insurance."""
    today = books.state.day.strftime("%Y%m%d")
    for person, row in books.running():
        if person.jumin_shubetsu != "2" or person.jumin_jotai != _HERE:
            continue
        over = (person.zairyu_manryo_ymd or today) < today and row.shubetsu in _BOUND_TO_STAY
        health = row.shubetsu in (NATIONAL_HEALTH, ELDERLY_HEALTH)
        if over or (health and person.zairyu_shikaku in _NOT_INSURABLE):
            yield juki(person), (BENEFIT, row.bango)


def _insured_elsewhere(books: Books) -> Sides:
    """R35: on the last two lists, and in the national health insurance."""
    lists: defaultdict[str, set[str]] = defaultdict(set)
    for row in welfare_books.double_entitlements(books.state):
        lists[row.taishosha].add(row.ichiranbi)
    days = sorted({day for rows in lists.values() for day in rows})[-2:]
    insured = {row.taishosha: row for _, row in books.running() if row.shubetsu == NATIONAL_HEALTH}
    for number, rows in lists.items():
        if number in insured and len(days) == 2 and all(day in rows for day in days):
            yield (BENEFIT, insured[number].bango), (BENEFIT, insured[number].bango)


def _strange_account(books: Books) -> Sides:
    """R37: paid out in a name that nobody of the household or at the welfare office's desk goes by."""
    for row in books.accounts:
        person = books.person_of(row.taishosha)
        if person is None or row.yoto != "給付" or row.jotai != "有効" or person.jumin_jotai != _HERE:
            continue
        if person.jumin_shubetsu == "1" and row.meigi not in _names_beside(books, person, row):
            yield juki(person), (_ACCOUNT, row.bango)


def _names_beside(books: Books, person: Resident, row: Account) -> set[str]:
    state = books.state
    agents = (
        state.residents.get(each.dairinin_no)
        for each in state.representations.values()
        if each.atena_no == person.atena_no and not each.shuryo_ymd
    )
    near = [*state.household(person.setai_no), *(agent for agent in agents if agent is not None)]
    return {each.shimei_kana for each in near} | {state.recipients[row.taishosha].kana}


#: Rule → the look that sees what the rule must find.
LOOKS: dict[str, Callable[[Books], Sides]] = {
    "R02": _insured_after_death,
    "R03": _paid_after_death,
    "R05": _paid_after_leaving,
    "R25": _assisted_and_insured,
    "R26": _not_exempt,
    "R27": _wrongly_claimed,
    "R29": _exception,
    "R30": _stay,
    "R35": _insured_elsewhere,
    "R37": _strange_account,
}
