"""What a verification found."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as declared
from datetime import date
from typing import Literal

#: ``altered``: a field says something else · ``missing``: the feed's state has the key, the target has not ·
#: ``surplus``: the target has a key that the state has not.
Kind = Literal["altered", "missing", "surplus"]
#: The digests that the last load left, beside the state: ``none`` of a feed loaded before there were any.
Kept = Literal["same", "differs", "none"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One key, and the field that differs (None: the whole record); values only where they were asked for."""

    kind: Kind
    key: str
    field: str | None = None
    held: str | None = declared(default=None, repr=False)
    found: str | None = declared(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Verified:
    """A feed's state beside a target. ``altered``, ``missing`` and ``surplus`` count records, ``fields`` the
    records in which a field differs; ``hidden`` are those of them that nobody names, ``set_aside`` keys
    that the hub does not judge. ``apart`` of ``buckets`` buckets were looked into.
    """

    feed: str
    against: str
    target: str | None
    as_of: date
    unit_id: int
    records: int
    records_found: int
    buckets: int
    apart: int
    kept: Kept
    altered: int
    missing: int
    surplus: int
    set_aside: int
    hidden: int
    fields: Mapping[str, int]
    findings: tuple[Finding, ...]

    @property
    def agrees(self) -> bool:
        """True when the target holds what the feed brought, and the digests are those of its last load."""
        return not (self.altered or self.missing or self.surplus) and self.kept != "differs"

    def summary(self) -> dict[str, object]:
        """Ids and counts only: what the trail and a scheduler are told."""
        return {
            "feed": self.feed, "against": self.against, "target": self.target, "agrees": self.agrees,
            "unit_id": self.unit_id, "records": self.records, "records_found": self.records_found,
            "apart": self.apart, "kept": self.kept, "altered": self.altered, "missing": self.missing,
            "surplus": self.surplus, "set_aside": self.set_aside, "hidden": self.hidden,
        }  # fmt: skip
