"""The labelled city says who is who: every slip has its mark, and nothing marked stayed as it was."""

from datetime import date

import polars as pl
import pytest

from renkei_sample.identifiers import check_digit, wareki
from renkei_sample.labelled import Labelled, label, party_numbers
from renkei_sample.labelled_people import Chances
from renkei_sample.labelled_texts import JUKI, TAX, WELFARE, era_text

DAY = date(2026, 11, 20)
PEOPLE = 6000
#: Everything that may go wrong, often enough to be seen among a few thousand people.
OFTEN = {
    "returner": 0.02, "non_registered_before": 0.03, "reissued": 0.002, "family_number": 0.01,
    "married_name": 0.02, "homophone": 0.02, "era_slip": 0.02, "month_day_swap": 0.02, "one_digit": 0.02,
    "no_birth_date": 0.02, "no_sex": 0.02,
}  # fmt: skip
KINDS = {
    "returner", "twin", "stranger", "non_registered_before", "non_resident", "reissued", "common_name", "glyph",
    "family_number", "no_number", "married_name", "homophone", "kana_slip", "no_kana", "era_slip",
    "month_day_swap", "one_digit", "no_birth_date", "no_sex", "old_address", "old_town", "address_cut", "no_address",
}  # fmt: skip


@pytest.fixture(scope="module")
def city() -> Labelled:
    return label(PEOPLE, seed=3, day=DAY, rates=OFTEN, chances=Chances(twins=0.2, strangers=0.01))


def of_kind(city: Labelled, system: str, kind: str) -> set[str]:
    mine = city.truth.filter(pl.col("system") == system, pl.col("kinds").str.split(" ").list.contains(kind))
    return set(mine["key"])


def beside(city: Labelled, system: str, kind: str) -> pl.DataFrame:
    """Records of a kind beside the same person's present record in 住基."""
    keys = {"tax": "ATENA_NO", "welfare": "NO"}
    truth = city.truth.filter(pl.col("system") == system, pl.col("kinds").str.split(" ").list.contains(kind))
    present = city.truth.filter(pl.col("system") == "juki", ~pl.col("kinds").str.contains("returner"))
    own = truth.join(city.systems[system], left_on="key", right_on=keys[system])
    told = present.join(city.juki, left_on="key", right_on="ATENA_NO").select("person", *JUKI[1:])
    return own.join(told, on="person", suffix="_juki")


def test_the_same_seed_makes_the_same_city_and_another_seed_another() -> None:
    first, again, other = (label(300, seed=seed, day=DAY) for seed in (5, 5, 6))

    assert [frame.equals(again.systems[name]) for name, frame in first.systems.items()] == [True] * 3
    assert first.truth.equals(again.truth)
    assert not first.juki.equals(other.juki)


def test_every_record_has_one_line_of_truth(city: Labelled) -> None:
    keys = {"juki": "ATENA_NO", "tax": "ATENA_NO", "welfare": "NO"}

    for system, frame in city.systems.items():
        told = city.truth.filter(pl.col("system") == system)["key"]
        assert told.is_unique().all()
        assert set(told) == set(frame[keys[system]])


def test_every_column_is_text_as_a_legacy_system_writes_it(city: Labelled) -> None:
    for frame, names in ((city.juki, JUKI), (city.tax, TAX), (city.welfare, WELFARE)):
        assert tuple(frame.columns) == names
        assert set(frame.dtypes) == {pl.String()}
        assert sum(frame.null_count().row(0)) == 0


def test_every_kind_of_difference_is_there(city: Labelled) -> None:
    told = set(city.truth["kinds"].str.split(" ").explode()) - {""}

    assert told == KINDS


def test_party_numbers_carry_the_check_digit_of_the_standard() -> None:
    for number in party_numbers(400, first=1_000_000):
        assert number[-1] == check_digit(number[:-1])


def test_eras_are_written_as_the_sample_city_writes_them() -> None:
    days = [date(1925, 3, 1), date(1926, 12, 25), date(1989, 1, 7), date(1989, 1, 8), date(2019, 5, 1)]

    told = pl.DataFrame({"born": days}).select(era_text("born")).to_series().to_list()

    assert told == [wareki(day) for day in days]


def test_an_era_slip_keeps_month_and_day_and_moves_the_year_by_an_era(city: Labelled) -> None:
    slips = beside(city, "tax", "era_slip").filter(
        ~pl.col("kinds").str.contains("swap|digit|no_birth|reissued")
    )

    assert slips.height > 20
    assert (slips["UMARE"].str.tail(4) == slips["SEINENGAPPI"].str.tail(4)).all()
    years = slips["UMARE"].str.head(1).replace_strict({"2": 1911, "3": 1925, "4": 1988, "5": 2018})
    gap = (
        years
        + slips["UMARE"].str.slice(1, 2).cast(pl.Int64)
        - slips["SEINENGAPPI"].str.head(4).cast(pl.Int64)
    ).abs()
    assert set(gap) <= {30, 63}


def test_strangers_share_name_and_birth_but_never_a_household(city: Labelled) -> None:
    people = city.truth.filter(pl.col("system") == "juki").join(city.juki, left_on="key", right_on="ATENA_NO")
    strangers = people.filter(pl.col("kinds").str.contains("stranger"))

    alike = strangers.group_by("SHIMEI", "SEINENGAPPI", "SEIBETSU").agg(
        pl.col("person").n_unique(), pl.col("household").n_unique()
    )
    pairs = alike.filter(pl.col("person") > 1)  # of the others one lives elsewhere

    assert pairs.height > 20
    assert (pairs["person"] == pairs["household"]).all()


def test_twins_share_birth_sex_and_home_but_not_their_names(city: Labelled) -> None:
    present = city.truth.filter(pl.col("system") == "juki", ~pl.col("kinds").str.contains("returner"))
    people = present.join(city.juki, left_on="key", right_on="ATENA_NO").sort("person")
    elder = people.with_columns(pl.col("person") + 1).filter(
        pl.col("person").is_in(people["person"].implode())
    )
    both = people.filter(pl.col("kinds").str.contains("twin")).join(elder, on="person", suffix="_elder")

    assert both.height > 5
    for name in ("SEINENGAPPI", "SEIBETSU", "SETAI_NO", "JUSHO"):
        assert (both[name] == both[f"{name}_elder"]).all()
    assert (both["SHIMEI"] != both["SHIMEI_elder"]).all()
    assert (both["KANA"] != both["KANA_elder"]).all()


def test_a_reissued_number_stands_for_another_person_in_tax(city: Labelled) -> None:
    numbers = of_kind(city, "tax", "reissued")
    by_number = city.truth.filter(pl.col("key").is_in(numbers), pl.col("system") != "welfare")

    assert by_number.height == 2 * len(numbers)
    assert by_number.group_by("key").agg(pl.col("person").n_unique())["person"].to_list() == [2] * len(
        numbers
    )


def test_a_family_members_number_belongs_to_the_same_household(city: Labelled) -> None:
    swapped = of_kind(city, "welfare", "family_number") - of_kind(city, "welfare", "no_number")
    owner = city.truth.filter(pl.col("system") == "juki").select(
        JUMIN_NO="key", owner="person", home="household"
    )
    told = city.truth.filter(pl.col("key").is_in(swapped)).join(city.welfare, left_on="key", right_on="NO")
    both = told.join(owner, on="JUMIN_NO")

    assert both.height == len(swapped) > 10
    assert (both["person"] != both["owner"]).all()
    assert (both["household"] == both["home"]).all()


def test_a_day_later_only_households_that_moved_have_another_record(city: Labelled) -> None:
    terms = {
        "seed": 3,
        "day": DAY,
        "rates": {**OFTEN, "moved": 0.05},
        "chances": Chances(twins=0.2, strangers=0.01),
    }
    later = label(PEOPLE, moved_on=date(2026, 11, 21), **terms)

    both = city.juki.join(later.juki, on="ATENA_NO", suffix="_later")
    moved = both.filter(pl.col("JUSHO") != pl.col("JUSHO_later"))

    assert both.height == city.juki.height == later.juki.height
    present = moved.filter(pl.col("JOTAI") == "1")
    assert 0.02 < present.height / PEOPLE < 0.09
    assert set(present["RIREKI_NO_later"]) == {"2"}
    assert set(present["IDO_YMD_later"]) == {"20261121"}
    same = both.filter(pl.col("RIREKI_NO_later") == "1")
    assert (same["JUSHO"] == same["JUSHO_later"]).all()
    assert later.truth.select("system", "key", "person").equals(city.truth.select("system", "key", "person"))


def test_a_slip_that_changes_nothing_leaves_no_mark() -> None:
    always = label(
        400,
        seed=1,
        day=DAY,
        rates={"month_day_swap": 1.0, "no_birth_date": 0.0, "one_digit": 0.0, "era_slip": 0.0},
    )

    unmarked = beside(always, "welfare", "no_number").filter(~pl.col("kinds").str.contains("month_day_swap"))

    assert unmarked.height > 20
    assert (unmarked["BIRTH"].str.replace_all("-", "") == unmarked["SEINENGAPPI"]).all()
