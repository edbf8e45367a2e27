"""Which town an address begins with: the longest one of its municipality, once a distinct beginning."""

from collections.abc import Sequence

import polars as pl

from renkei.mapping.address.folding import fold_text
from renkei.mapping.address.towns import Towns

#: Wards of 京都市, where a street and a direction may stand before the town.
_WITH_STREETS = "261"
#: 上る下る東入西入: which way to go from the crossing; the town follows.
_STREETS = r"^.*(?:上ケ?ル|下ケ?ル|上入ル|下入ル|東入ル?|西入ル?|アケル|サケル)(?:[0-9]+丁目)?"
#: 北3西5 for 北3条西5.
_GRID = "^([北南東西][0-9]+)([東西北南])"


def find(heads: pl.DataFrame, towns: Towns, *, strip: Sequence[str] = ()) -> pl.DataFrame:
    """Distinct ``code`` and ``head`` → ``skip``, ``town``, ``chome``, ``longer``, ``known`` of each.

    ``skip`` counts the characters up to the end of the town, or of the municipality's own name where no town
    was found; ``known`` says that the table has the municipality.
    """
    left = _without_names(heads, towns, strip)
    here = towns.keys.join(heads.select("code").unique(), on="code", how="semi")
    done = []
    for body in _ways():
        hit = _longest(left.with_columns(body.alias("body")), here)
        left = left.join(hit, on=["code", "head"], how="anti")
        done.append(hit)
    missed = left.with_columns(
        skip=pl.col("head").str.len_chars().cast(pl.Int64) - pl.col("bare").str.len_chars(),
        town=pl.lit(None, pl.String),
        chome=pl.lit(None, pl.Boolean),
        longer=pl.lit(None, pl.Boolean),
    )
    columns = ("code", "head", "skip", "town", "chome", "longer", "known")
    return pl.concat([each.select(columns) for each in (*done, missed)])


def _ways() -> tuple[pl.Expr, ...]:
    """What may begin with the town, the plainest first; null where a way does not apply.

    Behind streets nothing but the town counts: 大宮通… does not lie in 大宮.
    """
    streets = pl.col("code").str.starts_with(_WITH_STREETS) & pl.col("bare").str.contains(_STREETS)
    grid = pl.col("bare").str.contains(_GRID)
    return (
        pl.when(streets).then(pl.col("bare").str.replace(_STREETS, "")),
        pl.when(~streets).then("bare"),
        pl.when(~streets).then("head"),
        pl.when(grid).then(pl.col("bare").str.replace(_GRID, "${1}条${2}")),
    )


def _without_names(heads: pl.DataFrame, towns: Towns, strip: Sequence[str]) -> pl.DataFrame:
    """``bare``: the beginning without the names of prefecture and municipality; the code says them."""
    bare = pl.col("head")
    for name in sorted(map(fold_text, strip), key=len, reverse=True):
        bare = bare.str.strip_prefix(name)
    named = heads.drop_nulls().join(towns.names, on="code", how="left", maintain_order="left")
    named = named.with_columns(bare=bare, known=pl.col("municipality").is_not_null())
    plain = pl.col("bare").str.strip_prefix(pl.col("prefecture").fill_null(""))
    named = named.with_columns(bare=plain)
    full = pl.col("bare").str.strip_prefix(pl.col("municipality").fill_null(""))
    short = pl.col("bare").str.strip_prefix(pl.col("short").fill_null(""))
    return named.with_columns(bare=pl.when(full != pl.col("bare")).then(full).otherwise(short))


def _longest(tried: pl.DataFrame, towns: pl.DataFrame) -> pl.DataFrame:
    """The longest town that ``body`` begins with and that does not cut a number or the city's name in two."""
    most = max(towns["key"].str.len_chars().max() or 0, 1)
    lengths = pl.int_ranges(1, pl.min_horizontal(pl.col("body").str.len_chars(), most) + 1, dtype=pl.Int64)
    begun = tried.filter(pl.col("body") != "").with_columns(length=lengths).explode("length")
    begun = begun.with_columns(
        key=pl.col("body").str.slice(0, pl.col("length")),
        following=pl.col("body").str.slice(pl.col("length"), 1),
    )
    cuts = pl.col("key").str.contains("[0-9]$") & pl.col("following").str.contains("[0-9]")
    named = pl.col("head").str.len_chars() - pl.col("bare").str.len_chars()
    short = (pl.col("body") == pl.col("head")) & (pl.col("length") < named)
    hits = begun.join(towns, on=["code", "key"], how="inner").filter(~cuts & ~short)
    hits = hits.sort("length", descending=True).unique(["code", "head"], keep="first", maintain_order=True)
    beginning = pl.col("head").str.len_chars().cast(pl.Int64) - pl.col("body").str.len_chars()
    return hits.filter(~pl.col("repeated")).with_columns(
        skip=beginning + pl.col("length"), town=pl.col("name")
    )
