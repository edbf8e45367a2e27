"""What ``[feed.contract]`` may say, and what holds where it says nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Mode = Literal["freeze", "evolve", "quarantine"]

_SHARE: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1}

#: ``[feed.contract]`` as JSON Schema.
SHAPE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "mode": {"enum": ["freeze", "evolve", "quarantine"]},
        "null_share": _SHARE,
        "length": _SHARE,
        "codes": _SHARE,
        "volume": _SHARE,
        "share": _SHARE,
    },
    "additionalProperties": False,
}


@dataclass(frozen=True, kw_only=True)
class Contract:
    """How far a delivery may differ before it waits for a person. All but ``mode`` are shares from 0 to 1.

    ``null_share``: by how much the empty part of a column may grow. ``length``: the part of a column's values
    that may be longer than ever before. ``codes``: the part of the records that may hold unknown codes.
    ``volume``: by how much the number of records may fall or grow. ``share``: the part of the records that
    may be set aside in the mode ``quarantine``.
    """

    mode: Mode = "freeze"
    null_share: float = 0.1
    length: float = 0.05
    codes: float = 0.05
    volume: float = 0.5
    share: float = 0.05


def contract_of(declared: Mapping[str, Any]) -> Contract:
    """The declared contract, with what it leaves unsaid."""
    return Contract(**declared)
