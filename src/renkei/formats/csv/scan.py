"""A piece of CSV proved sound as a whole: every quote in its place, every line end as declared.

Bytes are compared, not fields: in the encodings of these files a quote, a comma or a line end is never half
of another character. What is not sound is left to ``csv_rows``.
"""

from typing import Any

import numpy as np

from renkei.formats.csv.layout import BOM, Layout

Numbers = np.ndarray[Any, np.dtype[np.int64]]

_CR, _LF = 13, 10


def ends_of(data: bytes, layout: Layout, *, is_end: bool) -> Numbers | None:
    """Where the whole records of a sound piece end; None where anything about it is odd."""
    buffer = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(buffer == ord(layout.quote)) if layout.quote else np.empty(0, dtype=np.int64)
    ends = _outside(np.flatnonzero(buffer == _LF), quotes) + 1
    last = int(ends[-1]) if len(ends) else 0
    # pyarrow takes a byte order mark off whatever it is given, also from the middle of a file
    if b"\0" in data or data.startswith(BOM) or (is_end and last != len(data)):
        return None
    if (np.diff(ends, prepend=0) == len(layout.eol)).any():
        return None  # an empty line, which the fast parser fills up
    quotes = quotes[: np.searchsorted(quotes, last)]
    if not _are_ended(buffer[:last], ends, quotes, layout) or not _are_quoted(buffer, quotes, layout):
        return None
    return ends


def _outside(places: Numbers, quotes: Numbers) -> Numbers:
    """The places that no pair of quotes surrounds."""
    if not len(quotes):
        return places
    outside: Numbers = places[np.searchsorted(quotes, places) % 2 == 0]
    return outside


def _are_ended(buffer: Any, ends: Numbers, quotes: Numbers, layout: Layout) -> bool:  # noqa: ANN401 - bytes
    """No carriage return outside quotes but before every line feed, or none at all."""
    returns = _outside(np.flatnonzero(buffer == _CR), quotes)
    wanted = ends - 2 if layout.eol == b"\r\n" else ends[:0]
    return np.array_equal(returns, wanted)


def _are_quoted(buffer: Any, quotes: Numbers, layout: Layout) -> bool:  # noqa: ANN401 - bytes
    """Opening quotes stand where a field begins, closing ones where it ends, or two stand together."""
    quote, delimiter = ord(layout.quote or "\0"), ord(layout.delimiter)
    opens, closes = quotes[0::2], quotes[1::2]
    before, after = buffer[opens - 1], buffer[closes + 1]
    begins = (opens == 0) | np.isin(before, (delimiter, _LF, quote))
    return bool(begins.all() and np.isin(after, (delimiter, _CR, _LF, quote)).all())
