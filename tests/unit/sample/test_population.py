from collections import Counter
from datetime import date

from renkei_sample.base import found
from renkei_sample.identifiers import check_digit
from renkei_sample.state import CityState

DAY = date(2026, 11, 20)


def test_the_same_seed_gives_the_same_city_and_another_seed_does_not() -> None:
    one, two, other = (found(residents=300, seed=seed, day=DAY) for seed in (5, 5, 6))

    assert one.residents == two.residents
    assert one.taxpayers == two.taxpayers
    assert one.benefits == two.benefits
    assert one.residents != other.residents


def test_a_city_has_exactly_the_residents_that_were_asked_for() -> None:
    state = found(residents=777, seed=1, day=DAY)

    assert sum(row.jumin_jotai == "1" for row in state.residents.values()) == 777


def test_every_household_has_one_head_and_one_address(planted: CityState) -> None:
    households = {row.setai_no for row in planted.residents.values() if row.jumin_jotai == "1"}
    wrong = {row.setai_no for row in planted.residents.values() if row.zokugara == "99"}
    wrong |= {
        planted.residents[str(truth.left_key)].setai_no
        for truth in planted.ledger.truths
        if truth.rule_id in ("R20", "R21")
    }

    for number in households - wrong:
        members = planted.household(number)
        # who stays behind alone need not be named its head
        assert Counter(member.zokugara for member in members)["02"] == 1 or len(members) == 1
        assert len({(member.machiaza, member.banchi) for member in members}) == 1


def test_every_number_carries_its_check_digit(planted: CityState) -> None:
    numbers = [*planted.residents, *planted.taxpayers]

    assert all(check_digit(number[:-1]) == number[-1] for number in numbers)


def test_foreign_residents_unknown_birth_dates_and_protected_people_are_there(planted: CityState) -> None:
    people = planted.residents.values()

    assert 0.005 < sum(row.jumin_shubetsu == "2" for row in people) / len(people) < 0.08
    assert any(row.tsusho for row in people)
    assert any(row.seinengappi_hyoki and "不詳" in row.seinengappi_hyoki for row in people)
    assert any(row.shien_kbn == "1" for row in people)


def test_a_tenth_of_the_tax_file_lives_elsewhere(planted: CityState) -> None:
    elsewhere = [row for row in planted.taxpayers.values() if row.shikuchoson != "132993"]

    assert 0.09 < len(elsewhere) / len(planted.taxpayers) < 0.11
    assert all(row.atena_kbn == "2" for row in elsewhere)


def test_dates_in_the_registry_are_in_order(planted: CityState) -> None:
    for row in planted.residents.values():
        assert row.jutei_ymd <= row.ido_ymd <= row.todoke_ymd <= f"{DAY:%Y%m%d}"
        assert row.seinengappi[:4] == "0000" or row.seinengappi[:4] <= row.jutei_ymd[:4]
        assert (row.tennyu_ymd or row.jutei_ymd) <= row.jutei_ymd
