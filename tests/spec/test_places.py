"""Places: every spelling of one has one key, every town of the country is found, other numbers stay apart."""

import random
from functools import cache
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.mapping import address
from renkei.mapping.address.folding import fold

MAPPINGS = Path(__file__).parents[2] / "mappings"
TABLE = Path(address.__file__).parents[1] / "data/towns.parquet"
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
SAMPLE = 100_000


@cache
def nation() -> pl.DataFrame:
    return pl.read_parquet(TABLE)


def places(texts: list[str], codes: list[str]) -> pl.DataFrame:
    towns, _ = address.load(MAPPINGS / "towns")
    made = address.place(pl.col("text"), municipality=pl.col("code"), towns=towns)
    return pl.DataFrame({"text": texts, "code": codes}).select(made.alias("place")).unnest("place")


def kanji(number: int) -> str:
    """23 → 二十三, below 1,000."""
    made = ""
    for unit, sign in ((100, "百"), (10, "十"), (1, "")):
        count, number = divmod(number, unit)
        made += ("" if count == 1 and sign else "〇一二三四五六七八九"[count]) + sign if count else ""
    return made


NUMBERS = st.tuples(st.integers(1, 30), st.integers(1, 999), st.integers(1, 99))
CITY_TOWNS = st.sampled_from(("長淵", "今井", "二俣尾", "千ヶ瀬町", "上町", "富岡", "河辺町", "新町"))
MARKS = st.sampled_from(
    (("丁目", "番", "号"), ("丁目", "番地の", ""), ("-", "-", ""), ("－", "ー", ""), ("の", "の", ""))
)
FIGURES = st.sampled_from((str, lambda number: str(number).translate(WIDE), kanji))
FRONT = st.sampled_from(("", "葛原市", "東京都葛原市", "大字", "葛原市大字"))
BEHIND = st.sampled_from(("", "コーポ葛原１０１号室", "　葛原荘", "メゾン葛原２０３"))
OLD = st.sampled_from((("淵", "渕"), ("ヶ", "ケ"), ("ヶ", "が"), ("富", "富")))


@st.composite
def spellings(draw: st.DrawFn, town: str, numbers: tuple[int, int, int]) -> str:
    marks, figure = draw(MARKS), draw(FIGURES)
    written = "".join(figure(number) + mark for number, mark in zip(numbers, marks, strict=True))
    return draw(FRONT) + town.replace(*draw(OLD)) + written + draw(BEHIND)


@settings(max_examples=40, deadline=None)
@given(st.data(), CITY_TOWNS, NUMBERS)
def test_every_spelling_of_a_place_has_one_key(
    data: st.DataObject, town: str, numbers: tuple[int, int, int]
) -> None:
    texts = [data.draw(spellings(town, numbers)) for _ in range(8)]

    made = places(texts, ["132993"] * 8)

    assert made["key"].n_unique() == 1, dict(zip(texts, made["key"], strict=True))
    assert set(made["level"]) <= {"number", "building"}


@settings(max_examples=40, deadline=None)
@given(st.data(), CITY_TOWNS, NUMBERS, NUMBERS)
def test_other_numbers_are_another_place(
    data: st.DataObject, town: str, one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    texts = [data.draw(spellings(town, numbers)) for numbers in (one, other)]

    keys = places(texts, ["132993"] * 2)["key"]

    assert (keys[0] == keys[1]) == (one == other)


@settings(max_examples=80, deadline=None)
@given(
    st.text(alphabet="大字本町東甲イノの之ヶケが一二三十百千〇0１9-－ー 　丁目番地号条西髙ｹﾞ第", max_size=20)
)
def test_folding_a_folded_address_changes_nothing(text: str) -> None:
    once = fold(pl.Series([text]))

    assert fold(once).equals(once)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30), st.sampled_from(("132993", "132055", "261025", "011011", "999999")))
def test_any_text_at_all_is_taken(text: str, code: str) -> None:
    made = places([text], [code]).row(0, named=True)

    assert made["level"] in ("building", "number", "block", "town", "municipality", "none", None)
    assert made["key"] is None or made["key"].startswith(f"{code}|")


def test_two_towns_of_a_municipality_never_share_a_key() -> None:
    keys = nation().with_columns(pl.col("key").fill_null(pl.col("town")))

    shared = keys.filter(pl.struct("code", "key").is_duplicated())

    assert shared["town"].to_list() == ["横まくり", "横マクリ", "西枇杷島町日の出", "西枇杷島町日之出"]
    assert (
        shared.select("code", "kana", "postal_code").n_unique() == 2
    )  # each pair is one town, written twice


def test_the_table_was_folded_as_addresses_are() -> None:
    towns = nation()

    assert fold(towns["town"]).equals(towns["key"].fill_null(towns["town"]), check_names=False)


def test_the_table_is_small_and_names_the_whole_country() -> None:
    assert TABLE.stat().st_size <= 2_000_000
    assert nation()["prefecture"].n_unique() == 47
    assert nation()["code"].n_unique() > 1_850


def test_addresses_of_the_whole_country_are_parsed_to_their_town() -> None:
    dice = random.Random(20261120)
    towns = nation().filter(~pl.col("repeated")).sample(SAMPLE, with_replacement=True, seed=7)
    rows = [(row, written(row, dice)) for row in towns.iter_rows(named=True)]

    made = places([text for _, text in rows], [row["code"] for row, _ in rows])

    known = address.nationwide().keys.select("code", "key", "name")
    names = towns.with_columns(pl.col("key").fill_null(pl.col("town"))).join(
        known, on=["code", "key"], how="left", maintain_order="left"
    )["name"]
    rest = made.with_columns(names)["town"].str.strip_prefix(names)
    right = (made["town"] == names) | (
        made["town"].str.starts_with(names) & rest.str.contains("^-?[0-9]{1,2}$")
    )
    assert right.sum() / SAMPLE >= 0.999, f"{right.sum()} of {SAMPLE}"


def written(row: dict[str, str], dice: random.Random) -> str:
    """An address of the town with numbers that nobody lives at, in one of six ways to write it."""
    one, two, three = dice.randint(1, 9), dice.randint(1, 400), dice.randint(1, 60)
    kinds = (
        f"{row['town']}{two}番地{three}",
        f"{row['town']}{two}-{three}",
        f"{row['town']}{one}丁目{two}番{three}号",
        f"{row['town']}{kanji(two)}番地",
        f"{row['prefecture']}{row['municipality']}{row['town']}{two}番{three}号",
        f"{row['municipality']}大字{row['town']}{two}番地",
    )
    text = dice.choice(kinds)
    return text.translate(WIDE) if dice.random() < 0.5 else text
