"""The layout is frozen: a column that came, went or changed its name stops the delivery.

A feed whose contract lets its layout evolve takes new columns as strangers: named, and not read.
"""

import difflib
from collections.abc import Iterable, Sequence

from renkei.errors import Stop
from renkei.formats.layout import Column


def check_columns(
    found: Iterable[str], declared: Sequence[Column], *, feed: str, evolves: bool = False
) -> tuple[str, ...]:
    """Stop with the first missing or unexpected column, naming the nearest candidate.

    Where the layout ``evolves`` the unexpected ones are returned instead.
    """
    names = list(found)
    known = {column.name for column in declared}
    for column in declared:
        if column.name not in names and not column.optional:
            strangers = [name for name in names if name not in known]
            raise missing(column.name, strangers or names, feed=feed)
    unexpected = tuple(dict.fromkeys(name for name in names if name not in known))
    if unexpected and not evolves:
        raise Stop("E_COLUMN_UNEXPECTED", feed=feed, column=unexpected[0])
    return unexpected


def missing(name: str, found: Sequence[str], *, feed: str) -> Stop:
    """The error for a declared column that the delivery does not have."""
    return Stop("E_COLUMN_MISSING", feed=feed, column=name, nearest=nearest(name, found) or "—")


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like this one, or nothing."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.3)), "")
