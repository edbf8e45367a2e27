"""Raw records of nobody: names by frequency, addresses in the three ways they are written, dates with faults.

Every value follows from the number of its row, so a file of any size begins like every other.
"""

from functools import cache
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bench.child import Done, Runs
from bench.desk import Desk
from renkei.mapping.compile import BLOCK
from renkei_sample.identifiers import half_kana
from renkei_sample.names import name_book
from renkei_sample.towns import towns

COLUMNS = ("ATENA", "SHIMEI", "KANA", "SEIBETSU", "UMARE", "TENNYU", "JUSHO", "YUBIN")


def place(desk: Desk, rows: int) -> Path:
    """The file of so many rows, made by :func:`make`."""
    return desk.folder / f"people-{rows}.parquet"


def make(desk: Desk, *, rows: int) -> Runs:
    """Write the file, block by block."""

    def run() -> Done:
        with pq.ParquetWriter(place(desk, rows), block(0, 1).schema, compression="zstd") as file:
            for first in range(0, rows, BLOCK):
                file.write_table(block(first, min(BLOCK, rows - first)))
        return Done(rows=rows)

    yield run


def block(first: int, rows: int) -> pa.Table:
    """Raw records with their numbers from ``first + 1`` and places in a file that does not exist."""
    number = pl.int_range(first, first + rows, eager=True).alias("number")
    frame = number.to_frame().with_columns(*_names(number), *_births(number), *_addresses(number))
    made = frame.select(
        (pl.col("number") + 1).alias("__rec_no"),
        (pl.col("number") * 200).alias("__byte_offset"),
        pl.lit(200, pl.Int64).alias("__byte_length"),
        _atena(pl.col("number")).alias("ATENA"),
        *COLUMNS[1:],
    )
    return made.to_arrow(compat_level=pl.CompatLevel.oldest())


def _draw(number: pl.Series, what: int, below: int) -> pl.Series:
    """A number below a limit for each row; the same row draws the same."""
    return (number.hash(seed=what) % below).cast(pl.Int64)


def _names(number: pl.Series) -> list[pl.Series]:
    """Surname and given name with readings; one in four readings half width, one in eight names unspaced."""
    family, sums, given = _books()
    weights = _draw(number, 1, sums[-1])
    first = family[sums.search_sorted(weights, side="right")]
    second = given[_draw(number, 2, len(given))]
    both = pl.DataFrame(
        {"f": first, "g": second, "narrow": _draw(number, 3, 4) == 0, "near": _draw(number, 4, 8)}
    )
    text = {side: pl.col(side).struct.field("text") for side in "fg"}
    wide = pl.concat_str(pl.col("f").struct.field("kana"), pl.lit("　"), pl.col("g").struct.field("kana"))
    half = pl.concat_str(pl.col("f").struct.field("half"), pl.lit(" "), pl.col("g").struct.field("half"))
    gap = pl.when(pl.col("near") == 0).then(pl.lit("")).otherwise(pl.lit("　"))
    made = both.select(
        pl.concat_str(text["f"], gap, text["g"], pl.lit("　　")).alias("SHIMEI"),
        pl.when("narrow").then(half).otherwise(wide).alias("KANA"),
        pl.col("g").struct.field("sex").alias("SEIBETSU"),
    )
    return made.get_columns()


@cache
def _books() -> tuple[pl.Series, pl.Series, pl.Series]:
    """Surnames with their running counts, and given names of both sexes."""
    book = name_book()
    given = [(name, sex) for sex, names in book.given.items() for name in names]
    half = half_kana
    family = [{"text": name.text, "kana": name.kana, "half": half(name.kana)} for name in book.surnames]
    second = [{"text": n.text, "kana": n.kana, "half": half(n.kana), "sex": sex} for n, sex in given]
    return pl.Series(family), pl.Series(book.weights), pl.Series(second)


def _births(number: pl.Series) -> list[pl.Series]:
    """Era dates from 昭和5年 to 令和6年 and days of moving in; one in 200 is not whole, one in 2000 none."""
    kind, day = _draw(number, 5, 2000), _draw(number, 6, 34_000)
    born = pl.lit("1930-01-01").str.to_date() + pl.duration(days=pl.col("day"))
    era = pl.when(born <= pl.date(1989, 1, 7)).then(3).when(born <= pl.date(2019, 4, 30)).then(4).otherwise(5)
    year = born.dt.year() - pl.when(era == 3).then(1925).when(era == 4).then(1988).otherwise(2018)
    written = pl.concat_str(era, year.cast(pl.String).str.zfill(2), born.dt.strftime("%m%d"))
    moved = pl.lit("1990-01-01").str.to_date() + pl.duration(days=pl.col("moved"))
    frame = pl.DataFrame({"kind": kind, "day": day, "moved": _draw(number, 7, 13_000)})
    blurred = (
        pl.when(pl.col("kind") < 8).then(pl.concat_str(written.str.head(5), pl.lit("00"))).otherwise(written)
    )
    blurred = pl.when(pl.col("kind") == 9).then(pl.lit("3640108")).otherwise(blurred)
    return frame.select(
        pl.when(pl.col("kind") == 10).then(pl.lit("0000000")).otherwise(blurred).alias("UMARE"),
        moved.dt.strftime("%Y%m%d").alias("TENNYU"),
    ).get_columns()


def _addresses(number: pl.Series) -> list[pl.Series]:
    """Full width with 丁目, kanji numerals, hyphens; with and without the city, a third with a flat."""
    places = pl.Series(
        [{"name": town.name, "postal": town.postal_code, "chome": town.divided} for town in towns()]
    )
    frame = pl.DataFrame(
        {
            "town": places[_draw(number, 8, len(places))],
            **{name: _draw(number, 9 + at, below) + 1 for at, (name, below) in enumerate(_LIMITS.items())},
        }
    )
    name, chome = pl.col("town").struct.field("name"), pl.col("town").struct.field("chome")
    numbers = {each: pl.col(each).cast(pl.String) for each in ("c", "a", "b")}
    lot = pl.when(chome).then(numbers["a"]).otherwise((pl.col("a") * 97).cast(pl.String))
    divided = pl.when(chome).then(pl.concat_str(numbers["c"], pl.lit("丁目"))).otherwise(pl.lit(""))
    worded = pl.concat_str(
        name, divided, lot, pl.when(chome).then(pl.lit("番")).otherwise(pl.lit("番地の")), numbers["b"],
        pl.when(chome).then(pl.lit("号")).otherwise(pl.lit("")),
    )  # fmt: skip
    hyphens = pl.when(chome).then(pl.concat_str(numbers["c"], pl.lit("-"))).otherwise(pl.lit(""))
    short = pl.concat_str(name, hyphens, lot, pl.lit("-"), numbers["b"])
    house = pl.when(pl.col("h") <= 3).then(
        pl.concat_str(pl.lit("　コーポ"), name, numbers["a"], pl.lit("号室"))
    )
    style = pl.col("style") % 3
    body = pl.when(style == 0).then(_wide(worded)).when(style == 1).then(_kanji(worded)).otherwise(short)
    city = pl.when(pl.col("style") < 3).then(pl.lit("青梅市")).otherwise(pl.lit(""))
    postal = pl.col("town").struct.field("postal")
    hyphen = pl.concat_str(postal.str.head(3), pl.lit("-"), postal.str.slice(3))
    return frame.select(
        pl.concat_str(city, body, house.fill_null("")).alias("JUSHO"),
        pl.when(pl.col("style") == 0).then(hyphen).otherwise(postal).alias("YUBIN"),
    ).get_columns()


#: 丁目, first and second number, the way it is written, and whether a flat follows.
_LIMITS = {"c": 8, "a": 39, "b": 24, "style": 6, "h": 10}


def _wide(text: pl.Expr) -> pl.Expr:
    return text.str.replace_many({str(figure): chr(0xFF10 + figure) for figure in range(10)})


def _kanji(text: pl.Expr) -> pl.Expr:
    return text.str.replace_many(dict(zip("0123456789", "〇一二三四五六七八九", strict=True)))


def _atena(number: pl.Expr) -> pl.Expr:
    """Nine figures and their check digit; one in 5000 has a wrong one."""
    total = pl.sum_horizontal((number // 10**at % 10) * (at % 6 + 2) for at in range(9))
    digit = (11 - total % 11) % 11 % 10
    wrong = (number % 5000 == 4999).cast(pl.Int64)
    return pl.concat_str(number.cast(pl.String).str.zfill(9), (digit + wrong) % 10)
