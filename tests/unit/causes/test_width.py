"""A column ends where several of its values do."""

import polars as pl

from renkei.causes.width import LEAST, walls


def wall(*values: str | None) -> tuple[int | None, int | None]:
    found = walls({"tax.taxpayer": pl.LazyFrame({"mailing_address": values})}, {"mailing_address": "address"})
    assert found.select("feed", "column").rows() == [("tax.taxpayer", "address")]
    (ends,) = found.select("chars", "units").rows()
    return ends


def test_as_many_values_as_it_takes_make_a_wall_and_one_fewer_does_not() -> None:
    assert wall(*["葛原市新町7番"] * LEAST, "本町", None) == (7, 13)
    assert wall(*["葛原市新町7番"] * (LEAST - 1), "本町", None) == (None, None)


def test_half_width_kana_count_as_one_column_and_blanks_at_the_end_as_none() -> None:
    assert wall("ﾜﾀﾅﾍﾞ　", "ｻﾄｳﾊﾅ", "ﾔﾏﾀﾞｲ  ") == (5, 5)
    assert wall("ﾜﾀﾅﾍﾞ", "ワタナベ", "ワタナベ", "ワタナベ") == (None, 8)


def test_a_feed_without_the_column_has_no_wall_of_it() -> None:
    assert walls({"x": pl.LazyFrame({"other": ["a"]})}, {"address": "address"}).is_empty()
