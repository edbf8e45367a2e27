"""What is odd about a delivery: a kind, the columns, and two figures. Never a value of a person."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal[
    "swapped",  # two columns changed places
    "unexpected",  # a column that the mapping does not know
    "missing",  # a column that the mapping knows and the delivery lacks
    "begun",  # an ignored column that was always empty holds something
    "emptied",  # a column holds far less than it usually does
    "retyped",  # other characters than usually
    "widened",  # longer values than ever before
    "too_long",  # longer values than the mapping allows
    "unknown_code",  # codes that the code table does not have
    "volume",  # far fewer or far more records
]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One breach. ``usual``, ``now`` and ``limit`` are shares, or lengths and numbers of records.

    ``other`` is the second of two swapped columns, or the name most like a missing one. ``longest`` is the
    longest value in characters, ``codes`` are the unknown codes with how many records hold each.
    """

    kind: Kind
    column: str
    other: str = ""
    usual: float | None = None
    now: float | None = None
    limit: float | None = None
    longest: int | None = None
    codes: Mapping[str, int] | None = None

    def says(self) -> str:
        """One line without language: ``KATAGAKI emptied 41.0% → 0.0% (±10.0%)``."""
        names = " ↔ ".join(name for name in (self.column, self.other) if name)
        figures = " → ".join(_figure(each, self.kind) for each in (self.usual, self.now) if each is not None)
        limit = f"({_figure(self.limit, self.kind)})" if self.limit is not None else ""
        return " ".join(part for part in (names, self.kind, figures, limit) if part)

    def as_json(self) -> dict[str, Any]:
        """Only what is said."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}


def from_json(told: Mapping[str, Any]) -> Finding:
    """The finding as it was kept with the delivery."""
    return Finding(**told)


def _figure(value: float, kind: Kind) -> str:
    return f"{value:g}" if kind in ("volume", "too_long", "widened") and value > 1 else f"{value:.1%}"
