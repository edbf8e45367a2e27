"""The oracle sees what was planted and nothing else; the tally counts what a rule missed and made up."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from random import Random

import pytest
from tests.unit.sample.conftest import DAY

from renkei_sample import oracle
from renkei_sample.base import start_benefit
from renkei_sample.desk import running
from renkei_sample.events import replay
from renkei_sample.identifiers import individual_number
from renkei_sample.individual_numbers import put_number
from renkei_sample.quality import RuleQuality, Tally, wilson
from renkei_sample.score import Finding
from renkei_sample.state import CityState
from renkei_sample.truth import Ledger

LATER = DAY + timedelta(days=1)


def planted_in(city: CityState) -> set[oracle.Wrong]:
    return {
        oracle.Wrong(
            truth.rule_id,
            (truth.left_feed, str(truth.left_key)),
            (truth.right_feed, str(truth.right_key)),
        )
        for truth in city.ledger.truths
        if truth.rule_id in oracle.LOOKS and (truth.gone_from is None or truth.gone_from > city.day)
    }


def test_whoever_looks_at_every_row_sees_the_plants_and_nothing_else(city: CityState) -> None:
    assert oracle.wrong(city) == planted_in(city)
    assert {each.rule_id for each in planted_in(city)} == set(oracle.LOOKS)

    for days in (1, 2, 3, 9):
        replay(city, DAY + timedelta(days=days))
        assert oracle.wrong(city) == planted_in(city)


def test_whoever_looks_sees_what_nobody_planted(city: CityState) -> None:
    entry = next(
        row for row in city.residents.values() if row.jumin_jotai == "1" and row.atena_no in city.taxpayers
        and row.katagaki
    )  # fmt: skip
    city.taxpayers[entry.atena_no] = replace(city.taxpayers[entry.atena_no], katagaki="別館１号室")

    unplanned = oracle.wrong(city) - planted_in(city)

    key = entry.atena_no
    assert unplanned == {oracle.Wrong("R09", ("juki.resident", key), ("tax.taxpayer", key))}


def test_whoever_looks_sees_each_slip_that_nobody_planted(city: CityState) -> None:
    free = [row for number, row in sorted(city.residents.items()) if number not in city.quiet]
    taxed = [row for row in free if row.jumin_jotai == "1" and row.atena_no in city.taxpayers]
    insured = [
        row for row in taxed if any(held.shubetsu == "国民健康保険" for held in running(city, row.atena_no))
    ]
    sex, place, number, assisted = taxed[0], taxed[1], taxed[2], insured[-1]
    books = city.taxpayers
    books[sex.atena_no] = replace(books[sex.atena_no], seibetsu="0")
    books[place.atena_no] = replace(books[place.atena_no], jusho="本町９９９番地")
    put_number(city, books[number.atena_no], individual_number(1))
    (held, *_) = running(city, assisted.atena_no)
    start_benefit(city, Random(1), of=held.taishosha, kind="生活保護", start=DAY, day=DAY)

    seen = Counter(each.rule_id for each in oracle.wrong(city) - planted_in(city))

    assert seen == {"R12": 1, "R10": 1, "R18": 1, "R25": 1}


def ledger() -> Ledger:
    """Two addresses that differ, one with a swapped figure; the second is corrected on the second night."""
    made = Ledger()
    for key, why in (("1", "real"), ("2", "transposed")):
        truth = made.plant(
            "R10", "other_place", field="address", left=("juki.resident", key), right=("tax.taxpayer", key),
            since=date(2020, 1, 1), day=DAY, why=why,
        )  # fmt: skip
    made.end(truth, LATER)
    return made


def found(number: int, key: str, why: str = "real") -> Finding:
    return Finding(number, "R10", (("juki.resident", key), ("tax.taxpayer", key)), 0, why)


def counted(tally: Tally) -> RuleQuality:
    (rule,) = tally.rules()
    return rule


def test_what_is_found_night_after_night_counts_once() -> None:
    tally = Tally()
    for night in (DAY, LATER):
        standing = [found(1, "1"), *([found(2, "2", "transposed")] if night == DAY else [])]
        tally.add(ledger().truths, standing, night=night)

    rule = counted(tally)

    assert (rule.planted, rule.found, rule.missed, rule.false) == (2, 2, 0, 0)


def test_one_night_without_it_is_a_miss_unless_the_rule_was_not_compared() -> None:
    seen, unseen = Tally(), Tally()
    for tally, not_compared in ((seen, frozenset({"R10"})), (unseen, frozenset())):
        tally.add(ledger().truths, [found(1, "1"), found(2, "2")], night=DAY)
        tally.add(ledger().truths, [], night=LATER, not_compared=not_compared)

    assert counted(seen).missed == 0
    assert counted(unseen).missed == 1


@pytest.mark.parametrize(("nights", "missed", "late"), [(2, 0, 2), (3, 2, 2)])
def test_what_is_said_to_be_in_transit_is_late_for_one_night_and_missed_from_the_next(
    nights: int, missed: int, late: int
) -> None:
    made, tally = Ledger(), Tally()
    for key in ("1", "2"):
        made.plant(
            "R10", "other_place", field="address", left=("juki.resident", key), right=("tax.taxpayer", key),
            since=DAY, day=DAY,
        )  # fmt: skip
    for number in range(nights + 1):
        waiting = [found(1, "1"), found(2, "2")]
        tally.add(made.truths, [], waiting=waiting, night=DAY + timedelta(days=number))

    rule = counted(tally)

    assert (rule.planted, rule.missed, rule.late) == (2, missed, late)


def test_what_stands_after_its_correction_is_false_and_so_is_an_invention() -> None:
    tally = Tally()
    tally.add(ledger().truths, [found(1, "1"), found(2, "2"), found(3, "9")], night=DAY, warm=False)
    tally.add(ledger().truths, [found(1, "1"), found(2, "2"), found(3, "9")], night=LATER)

    rule = counted(tally)

    assert (rule.false, rule.false_later) == (2, 1)
    assert rule.precision == pytest.approx(0.5)


def test_a_wrong_reason_is_counted_with_both_words_once_its_time_is_over() -> None:
    early, late = Tally(), Tally()
    for tally, night in ((early, LATER), (late, DAY + timedelta(days=2))):
        tally.add(ledger().truths, [found(1, "1", "notation")], night=night)

    assert counted(early).causes == 0
    assert (counted(late).causes, counted(late).causes_right) == (1, 0)
    assert counted(late).confused == {"real: notation": 1}


def test_the_interval_is_wilsons() -> None:
    # 81 of 263: the example of R. G. Newcombe, Statistics in Medicine 17 (1998), method 3
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(0, 0) is None
