"""Names and numbers inside a mapping: what is stored, what is only checked, and what a key version means."""

from pathlib import Path

import polars as pl
import pytest
from tests.unit.mapping.small import DAY, HEAD, field, load, mapped, reasons

from renkei.errors import FixDeclaration
from renkei.mapping import folds
from renkei.mapping.steps import STEPS, Step, Surroundings

NAMES = (
    field("full_name", '"n"')
    + field("name_key", '"n"', '["name_key"]')
    + field("name_loose_key", '"n"', '["name_loose_key"]')
    + field("kana_loose_key", '"k"', '["kana_loose_key"]')
    + field("roman_name", '"r"')
    + field("roman_name_key", '"r"', '["roman_key"]')
)


def test_keys_are_folded_and_names_stay_as_they_were_written(tmp_path: Path) -> None:
    result = mapped(
        NAMES, tmp_path, n=["髙橋　翔太", "高橋翔太"], k=["ﾀｶﾊｼ ｼｮｳﾀ", "タカハシショータ"], r=["Shōta", None]
    )

    columns = result.records.to_pydict()
    assert columns["full_name"] == ["髙橋　翔太", "高橋翔太"]
    assert columns["name_key"] == ["髙橋翔太", "高橋翔太"]
    assert columns["name_loose_key"] == ["高橋翔太"] * 2
    assert columns["kana_loose_key"] == ["タカハシシヨタ"] * 2
    assert columns["roman_name"] == ["Shōta", None]
    assert columns["roman_name_key"] == ["SHOTA", None]


NUMBER = "123456789018"


def test_an_individual_number_that_is_checked_is_in_no_record(tmp_path: Path) -> None:
    checked = field("household_number", '"k"', '[{ check_digit = "kojin" }]')

    result = mapped(checked, tmp_path, k=[NUMBER, "123456789019", None])

    assert result.records.column("household_number").to_pylist() == [None, None]
    assert reasons(result) == [(2, "k", "E_CHECK_DIGIT")]
    assert "12345678901" not in str(result.records.to_pylist()) + str(result.rejects.to_pylist())


def test_without_the_check_the_same_number_would_have_been_stored(tmp_path: Path) -> None:
    result = mapped(field("household_number", '"k"'), tmp_path, k=[NUMBER])

    assert result.records.column("household_number").to_pylist() == [NUMBER]


@pytest.mark.parametrize("steps", ['[{ roman_key = "backwards" }]', '[{ check_digit = "juki" }]'])
def test_an_order_or_a_check_that_is_not_known_is_refused(steps: str, tmp_path: Path) -> None:
    with pytest.raises(FixDeclaration):
        load(HEAD + field("name_key", '"n"', steps), tmp_path)


def test_another_key_version_is_another_mapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load(HEAD + NAMES, tmp_path)[0].digest
    monkeypatch.setattr(folds, "KEY_VERSION", folds.KEY_VERSION + 1)

    assert load(HEAD + NAMES, tmp_path)[0].digest != before


def test_the_keys_of_this_version_are_these() -> None:
    """A change that breaks this changes keys of old records: raise KEY_VERSION with it."""
    frame = pl.DataFrame({"n": ["髙橋 翔太", "ヴァイオレット・ﾅﾂﾞｶ", "いすゞ 佐々木", "Nguyễn Văn"]})

    made = frame.select(
        strict=folds.strict_key(pl.col("n")), loose=folds.loose_key(pl.col("n")), version=folds.KEY_VERSION
    )

    assert made.rows() == [
        ("髙橋翔太", "高橋翔太", 2),
        ("ヴァイオレット・ナヅカ", "ハイオレツトナスカ", 2),
        ("イスヾ佐々木", "イスス佐佐木", 2),
        ("NguyễnVăn", "NGUYENVAN", 2),
    ]


@pytest.mark.parametrize(
    ("name", "argument", "stored", "written"),
    [
        ("postal", None, "2990001", "2990001"),
        ("check_digit", "atena", "00000019", "00000019"),
        ("check_digit", "kojin", NUMBER, None),
    ],
)
def test_a_number_goes_back_as_it_is(
    name: str, argument: str | None, stored: str, written: str | None
) -> None:
    undo = STEPS[name].undo
    assert undo is not None
    around = Surroundings(codes={}, as_of=DAY, raw=pl.col)

    back = undo(pl.col("v"), Step(name=name, argument=argument, options={}), around)

    assert pl.DataFrame({"v": [stored]}).select(back).item() == written


@pytest.mark.parametrize(
    "name", ["wide_kana", "name_key", "kana_key", "name_loose_key", "kana_loose_key", "roman_key", "account_kana",
             "account_kana_key", "phone"]
)  # fmt: skip
def test_a_fold_cannot_be_undone_and_says_why(name: str) -> None:
    assert STEPS[name].undo is None
    assert all(STEPS[name].lossy)


def test_a_screen_shows_one_width_and_one_space_and_the_character_that_was_written() -> None:
    shown = {
        " ﾔﾏﾀﾞ　 ﾀﾛｳ ": "ヤマダ　タロウ",
        "ＮＧＵＹＥＮ　Ｖ　Ａ Ｎ": "NGUYEN V A N",
        "髙橋\u00a0さくら": "髙橋　さくら",
        "葛\U000e0100原　\ufa19": "葛\U000e0100原　\ufa19",
        "　": None,
    }

    frame = pl.DataFrame({"n": list(shown)}).select(folds.display(pl.col("n")))

    assert frame.to_series().to_list() == list(shown.values())
