from datetime import date
from itertools import islice

import pytest

from renkei_sample.identifiers import (
    CITY_CODE,
    check_digit,
    child_until,
    from_wareki,
    half_kana,
    individual_number,
    iso_birth,
    kanji_number,
    numbers,
    wareki,
    wareki_birth,
)

WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


@pytest.mark.parametrize(("serial", "digit"), [("0000001", "9"), ("123456789", "2")])
def test_a_party_number_ends_in_its_modulus_11_digit(serial: str, digit: str) -> None:
    assert check_digit(serial) == digit


@pytest.mark.parametrize("serial", [0, 1, 100_000, 123_456_789, 9_999_999_999])
def test_an_individual_number_has_the_check_digit_of_the_ordinance(serial: int) -> None:
    number = individual_number(serial)

    weighed = sum(int(digit) * weight for digit, weight in zip(number, WEIGHTS, strict=False))

    assert len(number) == 12
    assert int(number[-1]) == (0 if weighed % 11 <= 1 else 11 - weighed % 11)


def test_no_two_serials_share_an_individual_number() -> None:
    assert len({individual_number(serial) for serial in range(100_000, 105_000)}) == 5_000


def test_a_serial_whose_remainder_leaves_no_digit_is_skipped() -> None:
    given = list(islice(numbers(1), 2000))

    assert all(check_digit(number[:-1]) == number[-1] for number in given)
    assert any(check_digit(f"{serial:09d}") is None for serial in range(2000))


def test_the_municipality_code_of_the_fictional_city_has_a_right_check_digit() -> None:
    weighed = sum(int(digit) * weight for digit, weight in zip(CITY_CODE, (6, 5, 4, 3, 2), strict=False))

    assert CITY_CODE[-1] == str(11 - weighed % 11)[-1]


@pytest.mark.parametrize(
    ("day", "text"),
    [
        (date(1926, 12, 24), "2151224"),
        (date(1926, 12, 25), "3011225"),
        (date(1989, 1, 7), "3640107"),
        (date(1989, 1, 8), "4010108"),
        (date(2019, 4, 30), "4310430"),
        (date(2019, 5, 1), "5010501"),
    ],
)
def test_each_era_begins_on_its_first_day(day: date, text: str) -> None:
    assert wareki(day) == text
    assert from_wareki(text) == day


@pytest.mark.parametrize(
    ("juki", "tax", "welfare"),
    [
        ("19480315", "3230315", "1948-03-15"),
        ("19480300", "3230300", "1948-03"),
        ("19480000", "3230000", "1948"),
        ("00000000", "0000000", "不詳"),
    ],
)
def test_an_unknown_part_of_a_birth_date_stays_unknown_everywhere(juki: str, tax: str, welfare: str) -> None:
    assert wareki_birth(juki) == tax
    assert iso_birth(juki) == welfare


def test_whoever_is_born_on_1_april_leaves_childhood_a_year_earlier() -> None:
    assert child_until(date(2008, 4, 1)) == date(2026, 3, 31)
    assert child_until(date(2008, 4, 2)) == date(2027, 3, 31)


def test_voiced_kana_become_two_half_width_characters() -> None:
    assert half_kana("ワタナベ　ジュンペイ") == "ﾜﾀﾅﾍﾞ ｼﾞｭﾝﾍﾟｲ"


def test_small_numbers_are_written_in_kanji() -> None:
    assert [kanji_number(value) for value in (1, 8, 10, 12, 23)] == ["一", "八", "十", "十二", "二十三"]
