"""Addresses: one key for all spellings of a place, and the parts that it is made of.

``本町三丁目１２番地の５`` = ``本町３－１２－５`` = town ``本町三丁目`` + number ``12番5号``. The key is for
comparing; the address itself is stored as written. What was not understood is folded and kept, and the level
says so.
"""

from datetime import date

import polars as pl

from renkei.mapping.address.parse import PARTS, PLACE, Parser
from renkei.mapping.address.towns import Towns, digest_of, load, nationwide

__all__ = ["PARTS", "PLACE", "Towns", "address_key", "digest_of", "load", "nationwide", "place"]


def place(
    text: pl.Expr,
    *,
    municipality: pl.Expr,
    strip: tuple[str, ...] = (),
    towns: Towns | None = None,
    as_of: date | None = None,
) -> pl.Expr:
    """A struct of :data:`PARTS`. ``as_of`` is the day whose 新旧対照 counts; none does without it."""
    parser = Parser(towns=towns or nationwide(), strip=strip, as_of=as_of)
    given = pl.struct(text.cast(pl.String).alias("text"), municipality.cast(pl.String).alias("code"))
    return given.map_batches(parser, return_dtype=PLACE, is_elementwise=True)


def address_key(
    text: pl.Expr,
    *,
    municipality: pl.Expr,
    strip: tuple[str, ...] = (),
    towns: Towns | None = None,
    as_of: date | None = None,
) -> pl.Expr:
    """``132993|本町3-12-5``; null where the municipality is unknown or nothing is written."""
    made = place(text, municipality=municipality, strip=strip, towns=towns, as_of=as_of)
    return made.struct.field("key")
