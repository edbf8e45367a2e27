"""A column ends where several of its values do."""

from collections.abc import Collection

import polars as pl

from renkei.causes.width import LEAST, LEAST_WITHIN, walls


def ending_alike(count: int) -> list[str]:
    return [f"葛原市新町{nth}番" for nth in range(count)]


def wall(*values: str | None, roomy: Collection[tuple[str, str]] = ()) -> tuple[int | None, int | None]:
    states = {"tax.taxpayer": pl.LazyFrame({"mailing_address": values})}
    found = walls(states, {"mailing_address": "address"}, roomy=roomy)
    assert found.select("feed", "column").rows() == [("tax.taxpayer", "address")]
    (ends,) = found.select("chars", "units").rows()
    return ends


def test_as_many_values_as_it_takes_make_a_wall_and_one_fewer_does_not() -> None:
    assert wall(*ending_alike(LEAST), "本町", None) == (7, 13)
    assert wall(*ending_alike(LEAST - 1), "本町", None) == (None, None)


def test_one_address_of_a_whole_household_makes_no_wall() -> None:
    assert wall(*["葛原市新町7番"] * 9, "本町") == (None, None)


def test_where_the_record_has_more_room_it_takes_many_values_to_make_a_wall() -> None:
    roomy = {("tax.taxpayer", "address")}

    assert wall(*ending_alike(LEAST_WITHIN), roomy=roomy) == (7, 13)
    assert wall(*ending_alike(LEAST_WITHIN - 1), roomy=roomy) == (None, None)


def test_half_width_kana_count_as_one_column_and_blanks_at_the_end_as_none() -> None:
    assert wall("ﾜﾀﾅﾍﾞ　", "ｻﾄｳﾊﾅ", "ﾔﾏﾀﾞｲ  ") == (5, 5)
    assert wall("ﾜﾀﾅﾍﾞ", "ワタナベ", "ワタナブ", "ワタナビ") == (None, 8)


def test_a_feed_without_the_column_has_no_wall_of_it() -> None:
    assert walls({"x": pl.LazyFrame({"other": ["a"]})}, {"address": "address"}).is_empty()
