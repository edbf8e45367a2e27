"""What two records share and where they differ."""

from datetime import date

import pytest

from renkei.likeness import words
from renkei.likeness.evidence import Evidence, compare, veiled


def person(**values) -> dict:
    born = values.pop("born", date(1980, 4, 12))
    said = {
        "feed": "juki.resident", "full_name": "高橋　一郎", "name_key": "高橋一郎", "name_loose_key": "高橋一郎",
        "full_name_kana": "タカハシ　イチロウ", "kana_key": "タカハシイチロウ", "kana_loose_key": "タカハシイチロ", "sex": "1",
        "date_of_birth_lo": born, "date_of_birth_hi": born, "address": "本町1-2-3", "address_key": "132993|本町1-2-3",
        "address_municipality_code": "132993", "address_key_town": "本町1", "address_key_block": "2",
    }  # fmt: skip
    return {**said, **values}


def told(left: dict, right: dict) -> dict[str, Evidence]:
    return {each.attribute: each for each in compare(left, right)}


def test_two_equal_records_agree_in_every_attribute_they_speak_of() -> None:
    found = told(person(), person())

    assert {name: each.verdict for name, each in found.items()} == {
        "number": "unknown", "name": "agree", "kana": "agree", "birth": "agree", "sex": "agree",
        "address": "agree", "household": "unknown",
    }  # fmt: skip


def test_a_variant_is_similar_and_told_with_glyph_and_code_point() -> None:
    found = told(person(name_key="髙橋一郎", full_name="髙橋　一郎"), person())["name"]

    (mark,) = found.marks
    assert (found.verdict, found.reasons[0], mark.place) == ("similar", "variant", 0)
    assert (mark.left, mark.left_code, mark.right, mark.right_code) == ("髙", "U+9AD9", "高", "U+9AD8")
    assert "髙 U+9AD9 ⇔ 高 U+9AD8" in words.told(found)


def test_another_kanji_in_its_place_is_no_variant() -> None:
    found = told(person(name_key="前橋一郎", full_name="前橋　一郎"), person())["name"]

    assert "variant" not in found.reasons
    assert found.marks[0].weight is None


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        ({"common_name_key": "高橋一郎", "name_key": "TRANVANAN", "full_name": "TRAN VAN AN"}, {}, "common_name"),
        ({"name_key": "佐藤一郎", "full_name": "佐藤　一郎", "former_surname_key": "高橋"}, {}, "former_surname"),
        ({"name_key": "TRANVANAN", "roman_name_key": "TRAN VAN AN"},
         {"name_key": "チャンヴァンアン", "roman_name_key": "TRAN VAN AN"}, "roman_name"),
        ({"name_key": "高橋一朗", "full_name": "高橋一朗"}, {}, "one_character"),
        ({"name_key": "佐藤一郎", "full_name": "佐藤　一郎"}, {}, "given_name"),
        ({"name_key": "高橋花子", "full_name": "高橋　花子"}, {}, "surname_only"),
    ],
)  # fmt: skip
def test_a_name_that_differs_says_what_still_speaks_for_one_person(left, right, reason) -> None:
    one, other = person(**left), person(**right)

    assert reason in told(one, other)["name"].reasons
    assert reason in told(other, one)["name"].reasons


def test_a_reading_that_sounds_alike_marks_the_kana() -> None:
    found = told(person(kana_key="タカバシイチロウ", kana_loose_key="タカハシイチロ"), person())["kana"]

    assert (found.verdict, found.reasons) == ("similar", ("sounds_alike",))
    assert [(mark.left, mark.right, mark.kind) for mark in found.marks] == [("バ", "ハ", "kana")]


@pytest.mark.parametrize(
    ("left", "right", "reason", "facts"),
    [
        (date(1980, 4, 12), date(2043, 4, 12), "era_slip", ("昭和", "平成")),
        (date(1990, 4, 12), date(1927, 4, 12), "era_slip", ("平成", "昭和")),
        (date(1925, 3, 1), date(1939, 3, 1), "era_slip", ("大正", "昭和")),
        (date(1980, 4, 12), date(1980, 12, 4), "month_day_swapped", ()),
        (date(1980, 4, 12), date(1980, 4, 13), "one_figure", ()),
        (date(1980, 4, 12), date(1981, 7, 12), "differs", ()),
    ],
)
def test_a_birth_date_names_the_form_of_its_error(left, right, reason, facts) -> None:
    found = told(person(born=left), person(born=right))["birth"]

    assert reason in found.reasons
    assert found.facts == facts


def test_a_partly_unknown_birth_date_may_be_the_same_day_and_a_missing_one_says_nothing() -> None:
    month = person(date_of_birth_lo=date(1980, 4, 1), date_of_birth_hi=date(1980, 4, 30))
    nothing = person(date_of_birth_lo=None, date_of_birth_hi=None)

    assert told(person(), month)["birth"].reasons == ("overlaps",)
    assert told(person(), nothing)["birth"].verdict == "unknown"


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"address_key": "132993|本町1-2-9"}, "similar", "block"),
        ({"address_key": "132993|本町1-9", "address_key_block": "9"}, "similar", "town"),
        ({"address_key": "132993|旭町9", "address_key_town": "旭町"}, "differs", "municipality"),
        ({"address_key": "131016|旭町9", "address_municipality_code": "131016"}, "differs", "differs"),
        ({"address_key": None}, "unknown", "not_said"),
    ],
)
def test_an_address_says_down_to_where_it_agrees(changes, verdict, reason) -> None:
    found = told(person(**changes), person())["address"]

    assert (found.verdict, found.reasons) == (verdict, (reason,))


def test_numbers_agree_within_one_numbering_only_and_tokens_can_differ() -> None:
    one = person(numbering="resident", party_number="12", resident_code_token="a")
    other = person(numbering="resident", party_number="12", resident_code_token="a")
    elsewhere = person(numbering="welfare", party_number="12", resident_code_token="b")

    assert told(one, other)["number"].reasons == ("party_number", "resident_code_token")
    assert told(one, elsewhere)["number"].reasons == ("resident_code_token_differs",)


def test_two_records_side_by_side_in_one_household_speak_against_one_person() -> None:
    one, other = person(household_number="7"), person(household_number="7")

    assert told(one, other)["household"].verdict == "differs"
    assert told(one, {**other, "feed": "tax.taxpayer"})["household"].verdict == "unknown"


def test_veiled_evidence_keeps_reasons_and_shows_no_character_of_a_value() -> None:
    left, right = person(name_key="髙橋一郎", full_name="髙橋　一郎"), person(born=date(2043, 4, 12))

    shown = [veiled(each) for each in compare(left, right)]

    assert [each.reasons for each in shown] == [each.reasons for each in compare(left, right)]
    text = "".join(f"{each.left}{each.right}{each.marks}{words.told(each)}" for each in shown)
    # the word of the catalogue for a character is no value
    assert not {"橋", "郎", "髙", "タ", "1980", "2043", "本町"} & {
        word for word in ("橋", "郎", "髙", "タカ", "1980", "2043", "本町") if word in text
    }


def test_unveiled_evidence_would_show_them() -> None:
    text = "".join(f"{each.left}{each.right}" for each in compare(person(), person()))

    assert "高橋" in text


def test_comparing_is_the_same_from_either_side() -> None:
    one, other = person(name_key="髙橋一郎", born=date(1990, 1, 2)), person(born=date(1990, 2, 1), sex="2")

    assert [(each.verdict, each.reasons) for each in compare(one, other)] == [
        (each.verdict, each.reasons) for each in compare(other, one)
    ]


@pytest.mark.parametrize(
    ("one", "other", "eras"),
    [
        (date(1989, 1, 5), date(2052, 1, 5), ("昭和", "平成")),
        (date(1926, 5, 1), date(1989, 5, 1), ("昭和", "平成")),
        (date(2005, 4, 1), date(2019, 4, 1), ()),  # fourteen years apart like 大正 and 昭和, and in neither
    ],
)
def test_a_mistaken_era_is_told_only_where_one_of_the_two_days_is_of_its_era(
    one: date, other: date, eras: tuple[str, ...]
) -> None:
    found = told(person(born=one), person(born=other))["birth"]

    assert found.facts == eras
    assert ("era_slip" in found.reasons) == bool(eras)


def test_characters_are_shown_of_spellings_of_one_name_and_not_of_two_names() -> None:
    other = {"name_key": "王秀英", "full_name": "王　秀英", "name_loose_key": "王秀英"}
    common = told(person(), person(**other, common_name_key="高橋一郎"))["name"]
    variant = told(person(), person(name_key="髙橋一郎", full_name="髙橋　一郎"))["name"]

    assert common.reasons == ("common_name",)
    assert "U+" not in words.told(common)
    assert variant.reasons == ("variant",)


def test_a_veiled_mark_tells_nothing_by_its_weight() -> None:
    variant = told(person(), person(name_key="髙橋一郎", full_name="髙橋　一郎"))["name"]

    assert variant.marks[0].weight is not None
    assert veiled(variant).marks[0].weight is None
