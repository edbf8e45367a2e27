"""Lets ids and counts pass to the scheduler, and nothing else: XCom rows live in Airflow's own database."""

import re
from collections.abc import Mapping
from typing import Any

#: Ids, days, feed names, verdicts, error codes: no space, nothing outside ASCII, so no name or address fits.
_ID = re.compile(r"[A-Za-z0-9_.:+-]{1,64}", re.ASCII)

_MOST_ENTRIES = 50


def ids_and_counts(summary: Mapping[str, object]) -> dict[str, Any]:
    """The summary without whatever is neither an id nor a count; ``left_out`` says how many were not.

    Lists and mappings of ids and counts pass, one level deep.
    """
    kept = {name: value for name, value in summary.items() if _passes(value) or _is_flat(value)}
    left_out = len(summary) - len(kept)
    return {**kept, "left_out": left_out} if left_out else kept


def _is_flat(value: object) -> bool:
    if isinstance(value, Mapping):
        return len(value) <= _MOST_ENTRIES and all(map(_passes, (*value.keys(), *value.values())))
    return isinstance(value, list | tuple) and len(value) <= _MOST_ENTRIES and all(map(_passes, value))


def _passes(value: object) -> bool:
    if isinstance(value, str):
        return _ID.fullmatch(value) is not None
    return value is None or isinstance(value, bool | int | float)
