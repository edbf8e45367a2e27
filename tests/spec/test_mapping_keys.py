"""Keys that make spellings of one thing equal, and keep different things apart."""

import polars as pl
import pytest

from renkei.mapping.address import address_key
from renkei.mapping.digits import atena, dantai
from renkei.mapping.folds import strict_key, wide_kana

SAME_PLACE = """
本町三丁目１２番５号 | 本町３－１２－５   | 本町3丁目12番地の5 | 本町三丁目一二番五号 | 本町3丁目12-5
一番町７番地         | 一番町7            | 1番町７－          | 一番町七番地
大字中原字東１２３   | 中原東123番地      | 中原東１２３番
霞ヶ関1-2            | 霞ケ関１の２       | 霞が関一丁目２番   | 霞ｹ関1ー2
一ノ宮10番地         | 一の宮10           | 一之宮十番地
長淵５丁目２８番６号 | 長渕5-28-6         | 長淵五丁目二十八番六号
センター南１－２     | センター南1丁目2番 | ｾﾝﾀｰ南1-2
三田二丁目百二番地   | 三田2-102          | 三田２丁目１０２番
千代田１００１番地   | 千代田千一番地     | 千代田一千一
本町　１　－　２     | 本町1‐2            | 本町1−2           | 本町1―2
葛原市本町1-2        | 東京都葛原市本町１丁目２
髙﨑町5              | 高崎町五番地
"""

DIFFERENT_PLACES = """
本町1-2    | 本町12     | 本町2-1     | 本町1-2-1
センター1  | センタ1    | セン1
一番町2    | 一町2      | 1-町2
中原東1    | 中原西1
本町甲12   | 本町乙12   | 本町12
"""


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]


def key_of(address: str) -> str | None:
    strip = ("東京都葛原市", "葛原市")
    made = address_key(pl.col("a"), municipality=pl.lit("132993"), strip=strip)
    return pl.DataFrame({"a": [address]}).select(made.alias("k")).item()


@pytest.mark.parametrize("row", cells(SAME_PLACE), ids=lambda row: row[0])
def test_spellings_of_one_place_have_one_key(row: list[str]) -> None:
    assert len({key_of(address) for address in row}) == 1, [key_of(address) for address in row]


@pytest.mark.parametrize("row", cells(DIFFERENT_PLACES), ids=lambda row: row[0])
def test_different_places_have_different_keys(row: list[str]) -> None:
    assert len({key_of(address) for address in row}) == len(row)


def test_the_citys_name_in_front_is_never_taken_for_a_town() -> None:
    """柏市 has a town 柏, and one that begins with a number."""
    made = address_key(pl.col("a"), municipality=pl.lit("122173"))
    keys = pl.DataFrame({"a": ["柏市大字十余二３５番地", "十余二35番地", "柏35"]}).select(made.alias("k"))[
        "k"
    ]

    assert keys.to_list() == ["122173|10余2-35", "122173|10余2-35", "122173|柏35"]


def test_what_does_not_look_like_a_building_stays_in_the_key() -> None:
    assert key_of_ome("沢井12番地の5の甲") != key_of_ome("沢井12番地の5")
    assert key_of_ome("沢井12番地先") != key_of_ome("沢井12番地")
    assert key_of_ome("沢井12番地、13番地") != key_of_ome("沢井12番地")
    assert key_of_ome("沢井12番地コーポ沢井") == key_of_ome("沢井12番地")


def test_a_building_adds_no_number_to_a_house() -> None:
    houses = ("長淵5丁目28番6号", "長淵五丁目二十八番六号", "長淵5-28-6 ", "長淵五丁目二十八番の六　")
    named = ("三田ハイツ", "二葉荘", "八千代荘", "五十嵐方", "三ツ星ハイツ", "一番館", "3号棟", "2F")

    assert {key_of_ome(house + name) for house in houses for name in named} == {"132055|長渕5-28-6"}
    assert key_of_ome("沢井12-301号室") == key_of_ome("沢井12番地") != key_of_ome("沢井12-301")
    assert key_of_ome("沢井12A") == key_of_ome("沢井12-A") != key_of_ome("沢井12B")
    assert key_of_ome("沢井十二番地三号") == key_of_ome("沢井12-3")


def key_of_ome(address: str) -> str | None:
    made = address_key(pl.col("a"), municipality=pl.lit("132055"))
    return pl.DataFrame({"a": [address]}).select(made.alias("k")).item()


def test_the_key_reads_as_a_place() -> None:
    assert key_of("本町三丁目１２番地の５") == "132993|本町3-12-5"


def test_town_and_number_apart_or_together_are_one_place() -> None:
    assert key_of("本町三丁目" + "12番5号") == key_of("本町3-12-5")


SAME_NAME = """
山田　太郎   | 山田 太郎  | 山田太郎
ヤマダ　タロウ | ﾔﾏﾀﾞ ﾀﾛｳ  | やまだ　たろう
ヴァイオレット | ｳﾞｧｲｵﾚｯﾄ
ＮＧＵＹＥＮ　ＶＡＮ | NGUYEN VAN
葛󠄀原         | 葛原
パン－ダ     | パン−ダ
"""

DIFFERENT_NAMES = """
髙橋 | 高橋
山﨑 | 山崎
渡邊 | 渡邉 | 渡辺
神田 | \ufa19田
㈱山 | (株)山
ハヤシ | バヤシ
オオノ | オーノ | オノ
ショウ | シヨウ
"""


def name_of(name: str) -> str | None:
    return pl.DataFrame({"n": [name]}).select(strict_key(pl.col("n"))).item()


@pytest.mark.parametrize("row", cells(SAME_NAME), ids=lambda row: row[0])
def test_widths_spaces_and_kana_are_one_name(row: list[str]) -> None:
    assert len({name_of(name) for name in row}) == 1


@pytest.mark.parametrize("row", cells(DIFFERENT_NAMES), ids=lambda row: row[0])
def test_another_glyph_or_sound_is_another_name(row: list[str]) -> None:
    assert len({name_of(name) for name in row}) == len(row)


def test_nothing_is_no_name() -> None:
    assert name_of("　 ") is None


def test_wide_kana_joins_voiced_marks_and_leaves_the_rest() -> None:
    frame = pl.DataFrame({"t": ["ｶﾞｷﾞﾊﾟﾋﾟｳﾞ ㈱①ABCａ山－ｰ･｡"]})

    assert frame.select(wide_kana(pl.col("t"))).item() == "ガギパピヴ ㈱①ABCａ山－ー・。"


@pytest.mark.parametrize(
    ("number", "right"),
    [
        ("00000019", True),  # 0000001: 2 → 9
        ("1234567892", True),  # 123456789: 174 → 9 → 2
        ("1234567893", False),
        ("123456789A", False),
        ("1", False),
        ("", False),
    ],
)
def test_the_check_digit_of_a_party_number(number: str, right: bool) -> None:
    assert pl.DataFrame({"n": [number]}).select(atena(pl.col("n")).fill_null(value=False)).item() is right


@pytest.mark.parametrize(
    ("code", "right"),
    [
        ("131016", True),
        ("010006", True),
        ("473821", True),
        ("132993", True),
        ("132994", False),
        ("13299", False),
    ],
)
def test_the_check_digit_of_a_municipality(code: str, right: bool) -> None:
    assert pl.DataFrame({"n": [code]}).select(dantai(pl.col("n")).fill_null(value=False)).item() is right
