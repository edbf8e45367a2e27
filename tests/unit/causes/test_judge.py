"""Each of the twelve reasons has a pair that shows it, and a twin beside it that must not be taken for it."""

from datetime import date

import polars as pl
import pytest

from renkei.causes import classify, say_why
from renkei.causes.classes import KINDS, NAMES
from renkei.causes.pairs import PAIRS

AS_OF = date(2026, 11, 20)

#: A pair a row; ∅ is nothing at all. The second column of each couple is the twin.
STORIES = """
class        | kind             | field          | left                        | right
missing      | empty            | full_name      | 山田　太郎                  | ∅
missing      | placeholder      | date_of_birth  | 1963-05-12                  | 年月日不詳
real         | ∅                | full_name      | 山田　太郎                  | 森　正人
notation     | space            | full_name      | 山田　太郎                  | 山田太郎
notation     | width            | full_name_kana | ﾔﾏﾀﾞ                        | ヤマダ
notation     | letters          | full_name_kana | やまだ                      | ヤマダ
notation     | figures          | address        | 葛原市本町三丁目１２番地の５ | 葛原市本町3-12-5
notation     | era_writing      | date_of_birth  | 昭和38年5月12日             | 1963-05-12
notation     | zeros            | party_number   | 0000123                     | 123
real         | ∅                | address        | 葛原市本町3-12-5            | 葛原市本町3-12-5-2
glyph        | variant          | full_name      | 髙橋　一                    | 高橋　一
glyph        | variant          | address        | 髙島町1-2                   | 高島町1-2
glyph        | selector         | full_name      | 渡邉󠄁　一                    | 渡邉　一
glyph        | weak             | full_name      | 坂本　一                    | 阪本　一
real         | ∅                | full_name      | 髙橋　一                    | 髙木　一
garbled      | lost             | full_name      | 渡〓　太郎                  | 渡邉　太郎
garbled      | lost             | full_name      | 渡??太郎                    | 渡邉太郎
real         | ∅                | full_name      | 渡〓　太郎                  | 森　正人
garbled      | wrong_encoding   | full_name      | 縺輔￥繧�                    | さくら
real         | ∅                | full_name      | 縺輔￥繧�                    | ひなた
era          | same_year        | date_of_birth  | 1933-05-12                  | 1996-05-12
real         | ∅                | date_of_birth  | 1933-05-12                  | 1995-06-12
transposed   | day_month        | date_of_birth  | 1963-05-12                  | 1963-12-05
transposed   | swapped          | date_of_birth  | 1963-05-12                  | 1936-05-12
transposed   | one_digit        | date_of_birth  | 1963-05-12                  | 1963-05-17
transposed   | swapped_in_era   | date_of_birth  | 1961-05-07                  | 1988-05-07
transposed   | one_digit_in_era | date_of_birth  | 1959-05-12                  | 1960-05-12
real         | ∅                | date_of_birth  | 1963-05-12                  | 1974-05-12
transposed   | swapped          | address        | 本町12-34                   | 本町12-43
transposed   | one_digit        | party_number   | 1234567                     | 1234067
real         | ∅                | address        | 本町1-2                     | 本町1-3
truncated    | no_width         | text           | グランドメゾン葛原壱        | グランドメゾン葛原壱番館
real         | ∅                | text           | グランド                    | グランドメゾン葛原壱番館
real         | ∅                | address        | 葛原市大字新町12番3          | 葛原市大字新町12番34
"""


def stories() -> list[list[str]]:
    lines = [[cell.strip() for cell in line.split("|")] for line in STORIES.strip().splitlines()]
    return lines[1:]


def told(**pair: object) -> dict[str, object]:
    frame = pl.DataFrame([pair], schema_overrides={name: PAIRS[name] for name in pair if name in PAIRS})
    (answer,) = classify(frame).to_dicts()
    return answer


def test_each_story_is_told_with_its_kind_whichever_side_comes_first() -> None:
    known = [[None if cell == "∅" else cell for cell in row] for row in stories()]
    frame = pl.DataFrame(known, schema=["class", "kind", "field", "left", "right"], orient="row")
    wanted = frame.select("class", "kind").rows()

    one = classify(frame.select("field", "left", "right"))
    other = classify(frame.select("field", pl.col("right").alias("left"), pl.col("left").alias("right")))

    assert one.select("why", "kind").rows() == wanted
    assert other.select("why", "kind").rows() == wanted
    sides = {"left": "right", "right": "left", None: None}
    assert [sides[side] for side in other["side"]] == one["side"].to_list()


#: One wrong day of birth, and what is known around it.
BORN = {"field": "date_of_birth", "left": "1963-05-12", "right": "1951-02-03"}
MOVED = {
    "field": "address",
    "left": "葛原市新町5-6",
    "right": "葛原市本町１丁目2番",
    "as_of": AS_OF,
    "lag_hours": 26.0,
}
OLD = "葛原市本町1-2"


ELSEWHERE = [
    (MOVED | {"left_before": [{"value": OLD, "until": date(2026, 11, 19)}]}, "delay", "lags", "right"),
    (MOVED | {"left_before": [{"value": OLD, "until": date(2026, 11, 18)}]}, "real", "past_lag", "right"),
    (MOVED | {"left_before": [{"value": "葛原市東町1", "until": AS_OF}]}, "real", None, None),
    (MOVED | {"left_cancelled": [OLD]}, "cancelled", "taken_back", "right"),
    (MOVED | {"right_cancelled": [OLD]}, "real", None, None),
    (BORN | {"household": ["1990-01-01", "1951-02-03"]}, "other_person", "household", "right"),
    (BORN | {"household": ["1963-05-12"]}, "other_person", "household", "left"),
    (BORN | {"household": ["1951-02-03", "1963-05-12"]}, "other_person", "household", None),
    (BORN | {"neighbours": ["昭和26年2月3日"]}, "other_person", "neighbour", "right"),
    (BORN | {"household": ["1990-01-01", None]}, "real", None, None),
]


def test_what_stands_elsewhere_explains_a_value() -> None:
    frame = pl.DataFrame([known for known, *_ in ELSEWHERE], schema=dict(PAIRS))

    answers = classify(frame).select("why", "kind", "side").rows()

    assert answers == [tuple(wanted) for _, *wanted in ELSEWHERE]


def test_only_the_reading_differs_where_the_names_are_equal_but_for_their_glyphs() -> None:
    kana = {"field": "full_name_kana", "left": "ハマサキ　イチロウ", "right": "ハマザキ　イチロウ"}

    assert told(**kana, left_written="濵崎　一郎", right_written="浜﨑一郎")["why"] == "reading"
    assert told(**kana, left_written="濵崎　一郎", right_written="浜田　一郎")["why"] == "real"
    assert told(**kana)["why"] == "real"


@pytest.mark.parametrize(
    ("right", "width", "why"),
    [
        ("葛原市本町一丁目", 16, "truncated"),
        ("葛原市本町一丁�", 15, "truncated"),
        ("葛原市本町一丁目", 30, "real"),
        ("葛原市新町一丁目", 16, "real"),
    ],
)
def test_a_value_is_cut_where_its_column_ends(right: str, width: int, why: str) -> None:
    whole = "葛原市本町一丁目グランドメゾン葛原"

    assert told(field="address", left=whole, right=right, right_units=width)["why"] == why


def test_a_value_that_fills_its_declared_column_is_cut_and_one_with_room_left_is_not() -> None:
    pair = {
        "field": "address",
        "left": "葛原市本町１-2 コーポ",
        "right": "葛原市本町１-2",
        "right_most_in": "columns",
    }

    assert [told(**pair, right_most=most)["kind"] for most in (14, 15, 16)] == ["at_declared"] * 3
    assert told(**pair, right_most=17)["why"] == "real"  # コ would have had room behind the blank
    assert told(**pair, right_most=13)["why"] == "real"  # and so much never was in it
    assert told(**pair, right_most=60, right_units=14)["kind"] == "at_width"


def test_a_reading_that_its_column_has_cut_is_no_other_reading() -> None:
    cut = {"field": "full_name_kana", "left": "ワタナベ　ハナコ", "right": "ワタナベ　ハナ", "right_most_in": "chars",
           "left_written": "渡辺　花子", "right_written": "渡辺　花子"}  # fmt: skip

    assert told(**cut, right_most=7)["why"] == "truncated"
    assert told(**cut, right_most=30)["why"] == "reading"


def test_a_host_kana_is_told_with_the_side_that_was_read_wrongly() -> None:
    answer = told(field="full_name_kana", left="ﾝjosﾞ ﾌoﾃ", right="ワタナベ　ハナコ")

    assert (answer["why"], answer["kind"], answer["side"]) == ("garbled", "host_kana", "left")


def test_a_voiced_kana_cut_from_its_mark_is_cut_inside_a_character() -> None:
    answer = told(field="full_name_kana", left="ﾜﾀﾅﾍﾞ", right="ﾜﾀﾅﾍ", right_chars=4)

    assert (answer["why"], answer["kind"], answer["side"]) == ("truncated", "in_character", "right")
    assert told(field="full_name_kana", left="ﾜﾀﾅﾍﾞ", right="ﾜﾀﾅﾍ", right_chars=20)["why"] == "real"


def test_the_earlier_class_is_the_answer_and_later_ones_stand_beside_it_in_their_order() -> None:
    answer = told(
        **BORN | {"right": "1963-05-17", "household": ["1963-05-17"], "left_cancelled": ["1963-05-17"]}
    )

    assert (answer["why"], answer["also"]) == ("cancelled", ["other_person", "transposed"])
    assert told(field="full_name", left="山田", right="山 田")["also"] == []


def test_equal_values_and_two_kinds_of_nothing_have_no_class() -> None:
    assert told(field="full_name", left="山田", right="山田")["why"] is None
    assert told(field="full_name", left="", right=None)["why"] is None
    assert told(field="full_name", left="　", right=None)["why"] == "notation"


def test_a_table_of_nothing_is_answered_with_nothing() -> None:
    assert classify(pl.DataFrame(schema=dict(PAIRS))).is_empty()


def test_an_unknown_column_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match="value"):
        classify(pl.DataFrame({"field": ["name"], "left": ["a"], "right": ["b"], "value": ["c"]}))
    with pytest.raises(ValueError, match="right"):
        classify(pl.DataFrame({"field": ["name"], "left": ["a"]}))


def test_every_kind_belongs_to_the_table_of_words() -> None:
    assert {row[1] for row in stories()} - {"∅"} <= set(KINDS)
    assert {row[0] for row in stories()} | {"reading", "delay", "cancelled", "other_person"} == set(NAMES)


def test_staff_read_class_and_kind_in_their_language() -> None:
    assert say_why("era", "same_year") == "元号の取り違え（元号だけが違う）"
    assert say_why("truncated", "at_width", language="en") == "cut off (cut at the column's length)"
    assert (say_why("real", None), say_why(None, None)) == ("真の相違", "")
