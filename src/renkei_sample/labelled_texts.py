"""The three systems' own ways to write the same person, as columns of text."""

import polars as pl

from renkei_sample.identifiers import half_kana

_WIDE = {str(figure): chr(0xFF10 + figure) for figure in range(10)}
_KANJI = dict(zip("0123456789", "〇一二三四五六七八九", strict=True))
_KANA = [chr(code) for code in (*range(0x30A1, 0x30F5), 0x30FC)] + ["　"]
_HALF = {kana: half_kana(kana) for kana in _KANA}

JUKI = ("ATENA_NO", "RIREKI_NO", "SETAI_NO", "ZOKUGARA", "SHUBETSU", "JOTAI", "IDO_YMD", "SHIMEI",
        "KANA", "ROMAJI", "KYU_UJI", "TSUSHO", "SEIBETSU", "SEINENGAPPI", "JUSHO", "KATAGAKI", "YUBIN",
        "SHIEN")  # fmt: skip
TAX = ("ATENA_NO", "IDO_YMD", "ATENA_KBN", "SAKI_KBN", "SAKI_NO", "SHIMEI", "KANA", "SEIBETSU", "UMARE",
       "SHIKUCHOSON", "JUSHO", "KATAGAKI", "YUBIN", "SHIEN")  # fmt: skip
WELFARE = ("NO", "SINCE", "JUMIN_NO", "NAME", "KANA", "SEX", "BIRTH", "ADDRESS", "BUILDING", "GUARDED")


def juki(frame: pl.DataFrame) -> pl.DataFrame:
    """住基: full width, days in the western calendar, the real name with letters for a foreign resident."""
    relationship = pl.col("role").replace_strict({0: "02", 1: "12"}, default="20", return_dtype=pl.String)
    wife_or_husband = pl.when((pl.col("role") == 1) & (pl.col("sex") == "1")).then(pl.lit("11"))
    return frame.select(
        pl.col("number").alias("ATENA_NO"),
        pl.col("version").cast(pl.String).alias("RIREKI_NO"),
        (pl.col("household") + 5_000_000).cast(pl.String).alias("SETAI_NO"),
        wife_or_husband.otherwise(relationship).alias("ZOKUGARA"),
        pl.when("is_foreign").then(pl.lit("2")).otherwise(pl.lit("1")).alias("SHUBETSU"),
        pl.col("state").alias("JOTAI"),
        pl.col("since").dt.strftime("%Y%m%d").alias("IDO_YMD"),
        pl.when("is_foreign").then("roman").otherwise(_whole("family", "given")).alias("SHIMEI"),
        pl.when("is_foreign").then("roman_kana").otherwise(_whole("family_kana", "given_kana")).alias("KANA"),
        pl.when("is_foreign").then("roman").alias("ROMAJI"),
        pl.col("former_family").alias("KYU_UJI"),
        pl.when("is_foreign").then(_whole("family", "given")).alias("TSUSHO"),
        pl.col("sex").alias("SEIBETSU"),
        pl.col("born").dt.strftime("%Y%m%d").fill_null("00000000").alias("SEINENGAPPI"),
        _wide(_worded()).alias("JUSHO"),
        _wide(pl.col("house")).alias("KATAGAKI"),
        pl.col("postal").alias("YUBIN"),
        pl.lit("0").alias("SHIEN"),
    ).with_columns(pl.all().fill_null(""))


def tax(frame: pl.DataFrame) -> pl.DataFrame:
    """税: names unspaced, 通称 where there is one, half-width readings, eras, three address styles."""
    named = _common_first().str.replace_all("　", "")
    style = pl.col("person") % 3
    address = (
        pl.when(style == 0).then(_wide(_worded()))
        .when(style == 1).then(_worded().str.replace_many(_KANJI))
        .otherwise(pl.concat_str(pl.lit("葛原市"), _hyphened()))
    )  # fmt: skip
    return frame.select(
        pl.col("number").alias("ATENA_NO"),
        era_text("since").alias("IDO_YMD"),
        pl.when("is_resident").then(pl.lit("1")).otherwise(pl.lit("2")).alias("ATENA_KBN"),
        pl.when(pl.col("same_as").is_not_null()).then(pl.lit("1")).alias("SAKI_KBN"),
        pl.col("same_as").alias("SAKI_NO"),
        named.alias("SHIMEI"),
        _common_first(kana=True).str.replace_many(_HALF).alias("KANA"),
        pl.col("sex").alias("SEIBETSU"),
        era_text("born").fill_null("0000000").alias("UMARE"),
        pl.lit("132993").alias("SHIKUCHOSON"),
        address.alias("JUSHO"),
        pl.col("house").alias("KATAGAKI"),
        pl.col("postal").alias("YUBIN"),
        pl.lit("0").alias("SHIEN"),
    ).with_columns(pl.all().fill_null(""))


def welfare(frame: pl.DataFrame) -> pl.DataFrame:
    """福祉: a number of its own, ISO days, hyphens; a foreign person's name as on the residence card."""
    own = pl.when("is_foreign").then("roman").otherwise(_whole("family", "given").str.replace("　", " "))
    return frame.select(
        pl.col("key").alias("NO"),
        pl.col("since").dt.strftime("%Y-%m-%d").alias("SINCE"),
        pl.col("number").alias("JUMIN_NO"),
        own.alias("NAME"),
        pl.when("is_foreign").then("roman_kana").otherwise(_whole("family_kana", "given_kana")).alias("KANA"),
        pl.col("sex").replace_strict({"1": "M", "2": "F"}, default="U", return_dtype=pl.String).alias("SEX"),
        pl.col("born").dt.strftime("%Y-%m-%d").fill_null("不詳").alias("BIRTH"),
        pl.when(pl.col("person") % 2 == 0).then(_worded()).otherwise(_hyphened()).alias("ADDRESS"),
        pl.col("house").alias("BUILDING"),
        pl.lit("0").alias("GUARDED"),
    ).with_columns(pl.all().fill_null(""))


def era_text(column: str) -> pl.Expr:
    """GYYMMDD with a one-digit era."""
    born = pl.col(column)
    era = (
        pl.when(born >= pl.date(2019, 5, 1)).then(5)
        .when(born >= pl.date(1989, 1, 8)).then(4)
        .when(born >= pl.date(1926, 12, 25)).then(3)
        .otherwise(2)
    )  # fmt: skip
    zero = pl.when(era == 5).then(2018).when(era == 4).then(1988).when(era == 3).then(1925).otherwise(1911)
    year = (born.dt.year() - zero).cast(pl.String).str.zfill(2)
    return pl.concat_str(era.cast(pl.String), year, born.dt.strftime("%m%d"))


def _whole(family: str, given: str) -> pl.Expr:
    return pl.concat_str(pl.col(family), pl.lit("　"), pl.col(given))


def _common_first(*, kana: bool = False) -> pl.Expr:
    """The 通称 where a foreign person has one, else the reading of the name in letters."""
    whole = _whole("family_kana", "given_kana") if kana else _whole("family", "given")
    return pl.coalesce(whole, pl.when("is_foreign").then("roman_kana"))


def _worded() -> pl.Expr:
    """町三丁目4番5号, or 町123番地4, as far as the numbers are known."""
    divided, second = pl.col("chome").is_not_null(), pl.col("second").cast(pl.String)
    chome = pl.concat_str(pl.col("chome").cast(pl.String), pl.lit("丁目"))
    lot = pl.concat_str(
        pl.col("first").cast(pl.String), pl.when(divided).then(pl.lit("番")).otherwise(pl.lit("番地"))
    )
    last = pl.when(divided).then(pl.concat_str(second, pl.lit("号"))).otherwise(second)
    return pl.concat_str("town", chome.fill_null(""), lot, last.fill_null(""))


def _hyphened() -> pl.Expr:
    chome = pl.concat_str(pl.col("chome").cast(pl.String), pl.lit("-")).fill_null("")
    last = pl.concat_str(pl.lit("-"), pl.col("second").cast(pl.String)).fill_null("")
    return pl.concat_str("town", chome, pl.col("first").cast(pl.String), last)


def _wide(text: pl.Expr) -> pl.Expr:
    return text.str.replace_many(_WIDE)
