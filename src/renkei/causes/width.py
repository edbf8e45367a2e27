"""How long a column is where nobody has declared it: the length at which its values stop."""

from collections.abc import Mapping

import polars as pl

#: One row for each feed and column: its length in characters and in half-width columns, null where open.
WALL = pl.Schema({"feed": pl.String, "column": pl.String, "chars": pl.Int32, "units": pl.Int32})

#: So many values must end at the same longest length, or it is the longest by chance.
LEAST = 3

#: One half-width column: ASCII and half-width katakana.
_NARROW = "[\u0020-\u007e\uff61-\uff9f]"


def walls(states: Mapping[str, pl.LazyFrame], columns: Mapping[str, str]) -> pl.DataFrame:
    """Rows of :data:`WALL` of the feeds' states; ``columns`` says by what name each column is asked for."""
    found = [
        _wall(state, name).with_columns(feed=pl.lit(feed), column=pl.lit(called))
        for feed, state in states.items()
        for name, called in columns.items()
        if name in state.collect_schema().names()
    ]
    return pl.concat([pl.DataFrame(schema=WALL), *(each.select(*WALL).cast(WALL) for each in found)])


def _wall(state: pl.LazyFrame, name: str) -> pl.DataFrame:
    text = pl.col(name).str.strip_chars_end(" \u3000")
    chars = text.str.len_chars().cast(pl.Int64)
    lengths = state.select(chars=chars, units=2 * chars - text.str.count_matches(_NARROW).cast(pl.Int64))
    at = [pl.col(each).filter(pl.col(each) == pl.col(each).max()) for each in ("chars", "units")]
    reached = lengths.select(
        pl.when(each.len() >= LEAST).then(each.first()).alias(name)
        for each, name in zip(at, ("chars", "units"), strict=True)
    )
    return reached.collect()
