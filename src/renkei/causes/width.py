"""How long a column is, whatever is declared: the length at which its values stop."""

from collections.abc import Collection, Mapping

import polars as pl

#: One row for each feed and column: its length in characters and in half-width columns, null where open.
WALL = pl.Schema({"feed": pl.String, "column": pl.String, "chars": pl.Int32, "units": pl.Int32})

#: So many different values must end at the same longest length, or it is the longest by chance: a household
#: shares its address. Where the file's record has room for more, it takes many to say that there is none.
LEAST, LEAST_WITHIN = 3, 10

#: One half-width column: ASCII and half-width katakana.
_NARROW = "[\u0020-\u007e\uff61-\uff9f]"


def walls(
    states: Mapping[str, pl.LazyFrame],
    columns: Mapping[str, str],
    *,
    roomy: Collection[tuple[str, str]] = (),
) -> pl.DataFrame:
    """Rows of :data:`WALL` of the feeds' states; ``columns`` says by what name each column is asked for.

    ``roomy``: feed and column (as asked for) whose length in bytes is declared.
    """
    found = [
        _wall(state, name, least=LEAST_WITHIN if (feed, called) in roomy else LEAST).with_columns(
            feed=pl.lit(feed), column=pl.lit(called)
        )
        for feed, state in states.items()
        for name, called in columns.items()
        if name in state.collect_schema().names()
    ]
    return pl.concat([pl.DataFrame(schema=WALL), *(each.select(*WALL).cast(WALL) for each in found)])


def _wall(state: pl.LazyFrame, name: str, *, least: int) -> pl.DataFrame:
    text = pl.col(name).str.strip_chars_end(" \u3000")
    chars = text.str.len_chars().cast(pl.Int64)
    units = 2 * chars - text.str.count_matches(_NARROW).cast(pl.Int64)
    lengths = state.select(text=text, chars=chars, units=units)
    reached = lengths.select(
        pl.when(pl.col("text").filter(is_last).n_unique() >= least).then(pl.col(each).max()).alias(each)
        for each in ("chars", "units")
        for is_last in [pl.col(each) == pl.col(each).max()]
    )
    return reached.collect()
