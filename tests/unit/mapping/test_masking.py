"""Masked values keep the kind of every character and never the character."""

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.mapping.masking import HIDDEN, masked, shape_of
from renkei.records import RECORD_TYPES, SENSITIVITIES, sensitivity_of


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("山田　太郎", "漢漢　漢漢"),
        ("佐々木", "漢漢漢"),
        ("\ufa19\U00020bb7\u4ec0", "漢漢漢"),  # compatibility and beyond the first plane
        ("葛\U000e0100飾", "漢◌漢"),
        ("\ue000", "外"),
        ("やまダ ﾀﾞﾛｰ", "ああア ｱﾞｱｰ"),
        ("Maria-José", "AAAAA-AAA字"),
        ("ＡＢ１２", "ＡＡ９９"),
        ("1980-01-02", "9999-99-99"),
        ("\x00\u202e", "□□"),
        ("⼭⽥⺠", "漢漢漢"),  # radicals stand where a kanji was meant
        ("㍻元年", "字漢漢"),
        ("㋀㍿㈱ℋ", "字字字字"),
        ("〒○△", "〒○△"),
        ("", ""),
    ],
)
def test_a_shape_says_the_kind_of_every_character(text: str, shape: str) -> None:
    assert shape_of(text) == shape


@given(st.text())
def test_a_shape_has_the_length_of_its_text_and_none_of_its_letters(text: str) -> None:
    shape = shape_of(text)

    assert len(shape) == len(text)
    spelled = {each for each in shape if any(map(str.isalnum, unicodedata.normalize("NFKC", each)))}
    assert not spelled - set("漢外あアｱ9A９Ａ字ーｰﾞﾟ")


@pytest.mark.parametrize(
    ("value", "sensitivity", "shown"),
    [
        ("spouse", "plain", "spouse"),
        (True, "plain", "true"),
        (None, "plain", None),
        ("0000000001", "personal", "9999999999"),
        (date(1980, 1, 2), "personal", "9999-99-99"),
        (True, "personal", HIDDEN),  # its two words have different lengths
        (None, "personal", None),
        ("protected", "guarded", HIDDEN),
        (None, "guarded", HIDDEN),  # nobody learns whether anything is there
        (120000, "guarded", HIDDEN),
    ],
)
def test_a_value_is_shown_by_its_class(value: object, sensitivity: str, shown: str | None) -> None:
    assert masked(value, sensitivity) == shown  # type: ignore[arg-type]  # the classes are words here


@pytest.mark.parametrize(
    ("record", "column", "sensitivity"),
    [
        ("person", "full_name", "personal"),
        ("person", "date_of_birth_lo", "personal"),
        ("person", "source_key", "personal"),
        ("person", "operator", "personal"),
        ("person", "protected", "guarded"),
        ("person", "sex", "plain"),
        ("tax", "annual_amount", "guarded"),
        ("tax", "levy", "plain"),
        ("person", "residence_qualification", "guarded"),
        ("tax", "exempt", "guarded"),
        ("benefit", "monthly_amount", "guarded"),
        ("benefit", "facility_exception", "guarded"),
        ("account", "account_token", "guarded"),
        ("account", "holder_kana", "personal"),
        ("account", "account_use", "plain"),
        ("property", "representative_key", "personal"),
        ("dependant", "dependant_income", "guarded"),
        ("returned_mail", "return_reason", "plain"),
        ("double_entitlement", "other_insurer", "guarded"),
        ("representation", "agent_kind", "guarded"),
        ("benefit", "change_kind", "plain"),
    ],
)
def test_every_column_has_a_class(record: str, column: str, sensitivity: str) -> None:
    assert column in RECORD_TYPES[record].schema.names
    assert sensitivity_of(record, column) == sensitivity


def test_a_column_that_nobody_classed_is_personal() -> None:
    assert sensitivity_of("person", "a_column_of_next_year") == "personal"
    assert SENSITIVITIES == ("plain", "personal", "guarded")
