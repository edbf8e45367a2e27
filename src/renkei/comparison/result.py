"""What a comparison of two tables says, in counts."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Rows of both sides, each counted once. ``repeated`` are keys, all others rows.

    ``left_rows = left_keyless + left_only + left_unclear + both``, and the same on the right. A row is
    *unclear* when its key stands more than once on either side: it has no partner of its own.
    ``both = equal + differing``.
    """

    left_rows: int
    right_rows: int
    left_keyless: int
    right_keyless: int
    left_only: int
    right_only: int
    left_repeated: int
    right_repeated: int
    left_unclear: int
    right_unclear: int
    both: int
    equal: int
    differing: int
    cells: int

    @property
    def is_equal(self) -> bool:
        """True when both sides hold the same rows, each key once."""
        return self.left_rows == self.right_rows == self.equal


@dataclass(frozen=True, kw_only=True)
class FieldCount:
    """One field: in how many rows its two cells differ, and the first keys of these in their order."""

    name: str
    differing: int
    samples: tuple[tuple[object, ...], ...]
