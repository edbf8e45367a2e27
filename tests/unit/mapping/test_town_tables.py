"""A city's own towns and its 新旧対照: loaded with every problem named, and followed from their day on."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from tests.unit.mapping.small import HEAD, batch, field, load

from renkei import mapping
from renkei.errors import FixDeclaration
from renkei.mapping import address

TOWNS = """municipality_code,prefecture,municipality,town,chome,town_id
132993,東京都,葛原市,今井,0,0001000
132993,東京都,葛原市,新今井一丁目,,0002001
132993,東京都,葛原市,旧町,0,
"""
OLD_NEW = """municipality_code,old,new,from,new_municipality_code,note
132993,今井123番地,新今井１丁目２番３号,2024-04-01,,住居表示
132993,新今井1-2-3,新今井1-2-4,2025-04-01,,付番変更
132993,旧町,新町三丁目,2023-01-01,,町名変更
133019,村中,中央,2022-01-01,132993,編入
"""
MAPPED = HEAD + field("address_key", '"jusho"', '[{ place = { code = "132993" } }]')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "towns").mkdir()
    (tmp_path / "towns" / "kuzuhara.csv").write_text(TOWNS, "utf-8")
    (tmp_path / "towns" / "old_new.csv").write_text(OLD_NEW, "utf-8")
    return tmp_path


def keys(folder: Path, texts: list[str], *, day: date, code: str = "132993") -> list[str]:
    towns, problems = address.load(folder / "towns")
    assert problems == ()
    made = address.address_key(pl.col("a"), municipality=pl.lit(code), towns=towns, as_of=day)
    return pl.DataFrame({"a": texts}).select(made.alias("k"))["k"].to_list()


def test_lot_and_house_number_are_one_place_from_the_declared_day_on(folder: Path) -> None:
    house = ["今井123番地", "新今井1丁目2番3号"]

    assert len(set(keys(folder, house, day=date(2024, 3, 31)))) == 2
    assert keys(folder, house, day=date(2024, 4, 1)) == ["132993|新今井1-2-3"] * 2


def test_another_lot_of_the_town_is_left_alone(folder: Path) -> None:
    lots = ["今井12番地", "今井123番地5", "今井1234番地"]

    assert keys(folder, lots, day=date(2026, 1, 1)) == [
        "132993|今井12",
        "132993|今井123-5",
        "132993|今井1234",
    ]


def test_a_chain_is_followed_as_far_as_the_day_allows(folder: Path) -> None:
    assert keys(folder, ["今井123"], day=date(2025, 3, 31)) == ["132993|新今井1-2-3"]
    assert keys(folder, ["今井123"], day=date(2025, 4, 1)) == ["132993|新今井1-2-4"]


def test_a_renamed_town_keeps_its_numbers(folder: Path) -> None:
    assert keys(folder, ["旧町12番地3", "旧町"], day=date(2023, 1, 1)) == [
        "132993|新町3-12-3",
        "132993|新町3",
    ]
    assert keys(folder, ["旧町12番地3"], day=date(2022, 12, 31)) == ["132993|旧町12-3"]


def test_a_merged_village_gets_the_citys_code(folder: Path) -> None:
    assert keys(folder, ["村中5番地"], day=date(2022, 1, 1), code="133019") == ["132993|中央5"]


def test_two_towns_that_change_names_on_one_day_do_not_run_in_a_circle(folder: Path) -> None:
    swap = "municipality_code,old,new,from\n132993,東町,西町,2024-01-01\n132993,西町,東町,2024-01-01\n"
    (folder / "towns" / "old_new.csv").write_text(swap, "utf-8")

    assert keys(folder, ["東町1", "西町1"], day=date(2024, 1, 1)) == ["132993|西町1", "132993|東町1"]


def test_an_old_place_that_two_rows_send_elsewhere_stays_as_it_is(folder: Path) -> None:
    rows = (
        "132993,葛原市今井1,今井2,2024-01-01\n132993,今井1,今井3,2024-01-01\n132993,今井7,今井8,2024-01-01\n"
    )
    (folder / "towns" / "old_new.csv").write_text("municipality_code,old,new,from\n" + rows, "utf-8")

    made = keys(folder, ["今井1", "今井7"], day=date(2024, 1, 1))

    assert made == ["132993|今井1", "132993|今井8"]


def test_a_town_of_the_citys_own_table_has_its_id(folder: Path) -> None:
    towns, _ = address.load(folder / "towns")
    made = address.place(pl.col("a"), municipality=pl.lit("132993"), towns=towns)
    rows = pl.DataFrame({"a": ["新今井1-2-3", "今井5", "葛原市旧町1"]}).select(made.alias("p")).unnest("p")

    assert rows["town_id"].to_list() == ["0002001", "0001000", None]
    assert rows["town"].to_list() == ["新今井1", "今井", "旧町"]


def test_the_delivery_day_decides_in_a_mapping(folder: Path) -> None:
    (made,) = load(MAPPED, folder)
    delivery = batch(bango=["1"], jusho=["今井１２３番地"])

    before, after = (mapping.apply(made, delivery, as_of=date(2024, month, 1)) for month in (3, 4))

    assert before.records["address_key"].to_pylist() == ["132993|今井123"]
    assert after.records["address_key"].to_pylist() == ["132993|新今井1-2-3"]
    assert before.records["address_key_level"].to_pylist() == ["block"]


def test_a_changed_table_is_another_mapping(folder: Path) -> None:
    (before,) = load(MAPPED, folder)
    place = folder / "towns" / "kuzuhara.csv"
    place.write_text(place.read_text("utf-8") + "132993,東京都,葛原市,緑町,0,\n", "utf-8")

    (after,) = load(MAPPED, folder)

    assert before.digest != after.digest


WRONG = {
    "municipality_code,old\n132993,今井1\n": "old_new.csv:1: expected a column new",
    "municipality_code,old,new,form\n": "old_new.csv:1: expected a known column, found form (nearest: from)",
    "municipality_code,old,new,from\n13299,今井1,今井2,2024-01-01\n": "old_new.csv:2: expected a municipality code",
    "municipality_code,old,new,from\n132993,今井1,今井2,2024-13-01\n": "old_new.csv:2: expected a day YYYY-MM-DD",
    "municipality_code,old,new,from\n132993,今井,今井2,2024-01-01\n": "old_new.csv:2: expected two towns or two",
    "municipality_code,old,new,from\n132993,今井1,,2024-01-01\n": "old_new.csv:2: expected every needed column",
    "municipality_code,old,new,from\n132993,今井1,今井2,2024-01-01\n132993,今井1,今井3,2024-01-01\n": (
        "old_new.csv:3: expected one row an old place, found again, as in line 2"
    ),
    "municipality_code,old,new,from\n132993,今井1番地,今井2,2024-01-01\n132993,今井１,今井3,2024-02-01\n": (
        "old_new.csv:3: expected one row an old place"
    ),
}


@pytest.mark.parametrize(("text", "said"), WRONG.items(), ids=list(WRONG.values()))
def test_a_wrong_table_is_refused_with_file_and_line(folder: Path, text: str, said: str) -> None:
    (folder / "towns" / "old_new.csv").write_text(text, "utf-8")

    with pytest.raises(FixDeclaration) as caught:
        load(MAPPED, folder)

    assert f"towns/{said}" in str(caught.value.facts["problems"])


def test_a_table_in_another_encoding_is_refused(folder: Path) -> None:
    (folder / "towns" / "kuzuhara.csv").write_bytes(TOWNS.encode("cp932"))

    with pytest.raises(FixDeclaration) as caught:
        load(MAPPED, folder)

    assert "expected UTF-8" in str(caught.value.facts["problems"])


def test_an_option_that_place_does_not_know_is_refused(folder: Path) -> None:
    wrong = HEAD + field("address_key", '"jusho"', '[{ place = { code = "132993", stripe = ["市"] } }]')

    with pytest.raises(FixDeclaration) as caught:
        load(wrong, folder)

    assert "found stripe (nearest: strip)" in str(caught.value.facts["problems"])
