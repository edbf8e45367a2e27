"""The layout is frozen: a column that came, went or changed its name stops the delivery."""

import difflib
from collections.abc import Iterable, Sequence

from renkei.errors import Stop
from renkei.formats.layout import Column


def check_columns(found: Iterable[str], declared: Sequence[Column], *, feed: str) -> None:
    """Stop with the first missing or unexpected column, naming the nearest candidate."""
    names = list(found)
    known = {column.name for column in declared}
    for column in declared:
        if column.name not in names and not column.optional:
            strangers = [name for name in names if name not in known]
            raise missing(column.name, strangers or names, feed=feed)
    for name in names:
        if name not in known:
            raise Stop("E_COLUMN_UNEXPECTED", feed=feed, column=name)


def missing(name: str, found: Sequence[str], *, feed: str) -> Stop:
    """The error for a declared column that the delivery does not have."""
    return Stop("E_COLUMN_MISSING", feed=feed, column=name, nearest=nearest(name, found) or "—")


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like this one, or nothing."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.3)), "")
