"""Ages in office days, names of causes, and which values may be told."""

import tomllib
from datetime import date
from importlib import resources

import pytest

from renkei.errors import FixDeclaration
from renkei.quarantine.causes import Group, office_days, parse
from renkei.quarantine.remedy import Unknown, correction, reason, rows_for, target_of
from renkei.quarantine.values import looks_like_code

TEXTS = resources.files("renkei.quarantine").joinpath("remedies.toml")
FIGURES = Unknown(table="sex_digit", codes=("0", "1", "2", "9"), words=("0", "1"), before=())
LETTERS = Unknown(table="operator_kind", codes=("S", "1", "BATCH"), words=("staff",), before=())
WORDS = Unknown(table="relationship_word", codes=("妻", "子の妻"), words=("wife",), before=())


@pytest.mark.parametrize(
    ("since", "until", "age"),
    [
        ("2026-11-20", "2026-11-20", 0),
        ("2026-11-20", "2026-11-23", 0),  # a weekend and a holiday
        ("2026-11-20", "2026-11-24", 1),
        ("2026-12-28", "2027-01-04", 1),  # the turn of the year
        ("2026-11-24", "2026-11-20", 0),
    ],
)
def test_an_age_counts_days_on_which_the_office_was_open(since: str, until: str, age: int) -> None:
    assert office_days(date.fromisoformat(since), date.fromisoformat(until)) == age


def test_a_cause_is_found_by_its_name_even_when_its_field_holds_slashes() -> None:
    assert parse("welfare.recipient/氏名/漢字/E_TOO_LONG") == (
        "welfare.recipient",
        Group(field="氏名/漢字", code="E_TOO_LONG"),
    )
    for wrong in ("welfare.recipient", "welfare.recipient/E_TOO_LONG", "/x/E_TOO_LONG"):
        with pytest.raises(FixDeclaration, match="E_NOT_FOUND"):
            parse(wrong)


def test_a_group_takes_what_agrees_with_all_that_it_names() -> None:
    assert Group().takes("SHIMEI", "E_TOO_LONG")
    assert Group(code="E_TOO_LONG").takes("SHIMEI", "E_TOO_LONG")
    assert not Group(code="E_TOO_LONG", field="SEX").takes("SHIMEI", "E_TOO_LONG")


def test_what_only_broke_a_contract_is_meant_only_where_it_is_named() -> None:
    assert not Group().takes("SHIMEI", "E_CONTRACT")
    assert not Group(field="SHIMEI").takes("SHIMEI", "E_CONTRACT")
    assert Group(field="SHIMEI", code="E_CONTRACT").takes("SHIMEI", "E_CONTRACT")


def test_every_reason_and_correction_is_a_sentence_in_both_languages() -> None:
    for code in (*tomllib.loads(TEXTS.read_text("utf-8"))["code"], "E_SOMETHING_NEW"):
        for words in (reason(code), correction(code)):
            assert words[0].endswith("。")
            assert words[1].endswith(".")
            assert "{" not in "".join(words)


@pytest.mark.parametrize(
    ("value", "table", "told"),
    [
        ("5", FIGURES, True),
        ("05", FIGURES, True),
        ("", FIGURES, True),
        ("0000000019", FIGURES, False),  # a number in the wrong column
        ("山", FIGURES, False),
        ("養子", WORDS, False),  # a word, and as well a surname
        ("甲山太郎", WORDS, False),
        ("K", LETTERS, True),
        ("12A", LETTERS, True),
        ("TANAK", LETTERS, False),
        ("甲山　太郎", WORDS, False),  # a name in the wrong column
    ],
)
def test_a_value_is_told_only_when_it_looks_like_the_tables_own_codes(
    value: str, table: Unknown, told: bool
) -> None:
    assert looks_like_code(value, table) is told


def test_a_suggested_row_does_not_load_until_a_person_has_chosen_the_word() -> None:
    text = rows_for(FIGURES, ['"', "5"])

    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)
    chosen = tomllib.loads(text.replace("to =     #", 'to = "1" #'))
    assert [row["code"] for row in chosen["codes"]] == ['"', "5"]


def test_the_target_of_a_reject_is_in_its_detail() -> None:
    assert target_of("to=sex limit=3") == "sex"
    assert target_of("byte=3") is None
