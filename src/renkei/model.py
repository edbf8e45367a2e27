"""The nouns that every part of the hub shares. Frozen, keyword-only, standard library and pyarrow."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa

#: Columns that the format layer adds to every raw batch.
REC_NO, BYTE_OFFSET, BYTE_LENGTH = "__rec_no", "__byte_offset", "__byte_length"


@dataclass(frozen=True, kw_only=True)
class Feed:
    """One stream of deliveries from one system (連携データ), as its mapping file declares it.

    ``settings`` belong to the connector, ``format`` to the format reader; both are plain TOML values.
    """

    system: str
    name: str
    title: str
    owner: str
    connector: str
    connection: str
    settings: Mapping[str, Any]
    format: Mapping[str, Any]
    delivers: Literal["full", "delta"]
    record: str
    schedule: str
    lag: timedelta

    @property
    def id(self) -> str:
        """``system.name``, the feed's id everywhere: ``tax.taxpayer``."""
        return f"{self.system}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """How to reach one legacy system. ``settings`` hold references to secrets, never secrets."""

    name: str
    settings: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """How far a feed has been taken in (取込位置). ``position`` is the connector's own plain JSON."""

    feed: str
    position: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One complete thing a connector fetched (受信): a file in the work folder, proved whole.

    ``name`` is what the source calls it: data, never a path. ``as_of`` is the business day it speaks for.
    ``records`` is the count that the source itself stated, where the transport can know it.
    ``position`` is the checkpoint position once this delivery is merged.
    """

    feed: str
    name: str
    path: Path
    bytes: int
    sha256: str
    remote_modified: datetime | None = None
    as_of: date | None = None
    records: int | None = None
    position: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Control:
    """What a file says of itself: header and trailer values by declared name, and proved totals."""

    header: Mapping[str, str] = field(default_factory=dict)
    trailer: Mapping[str, str] = field(default_factory=dict)
    as_of: date | None = None


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Records as the source wrote them: text columns plus ``__rec_no`` (from 1) and byte positions.

    ``rejects`` has the columns of :data:`REJECT_SCHEMA` for records that could not be read at all.
    ``records`` counts every data record of the delivery: rows of ``table`` plus rejected ones.
    """

    feed: str
    table: pa.Table
    rejects: pa.Table
    records: int
    control: Control


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """A batch after its mapping: typed ``records`` of one record type, and what was set aside.

    Every ``__rec_no`` of the batch is in exactly one of the two tables.
    """

    feed: str
    record: str
    records: pa.Table
    rejects: pa.Table
    mapping_digest: str


#: One row for each record set aside (取込エラー). No value of the record itself is ever stored here.
REJECT_SCHEMA = pa.schema(
    [
        pa.field(REC_NO, pa.int64(), nullable=False),
        pa.field(BYTE_OFFSET, pa.int64()),
        pa.field(BYTE_LENGTH, pa.int64()),
        pa.field("source_key", pa.string()),
        pa.field("field", pa.string(), nullable=False),
        pa.field("code", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
    ]
)


class Connector(Protocol):
    """A transport: ``connectors/<name>.py`` exposes ``connect(connection, workdir=…) -> Connector``.

    ``replayable``: the same delivery can be fetched again. ``ordered``: deliveries come in source order.
    ``idempotent``: a second push under one key has no second effect.
    """

    replayable: bool
    ordered: bool
    idempotent: bool

    def pull(self, feed: Feed, since: Checkpoint | None) -> Iterator[Delivery]:
        """Fetch what is new since the checkpoint, each delivery complete and proved, oldest first."""
        ...

    def test(self) -> Mapping[str, str]:
        """Reach the system once, change nothing, and say what was found (no secrets)."""
        ...


@dataclass(frozen=True, kw_only=True)
class UnitCounts:
    """The equation of one unit: records = merged + unchanged + superseded + rejected.

    ``ended`` counts records that a full delivery no longer holds; they were not read, so they stand apart.
    ``withheld`` counts those that would have ended, had a rejected record not been possibly one of them.
    """

    records: int = 0
    merged: int = 0
    unchanged: int = 0
    superseded: int = 0
    rejected: int = 0
    ended: int = 0
    withheld: int = 0

    def __add__(self, other: "UnitCounts") -> "UnitCounts":
        mine, theirs = vars(self), vars(other)
        return UnitCounts(**{name: mine[name] + theirs[name] for name in mine})

    @property
    def balances(self) -> bool:
        """True when every record read is accounted for exactly once."""
        return self.records == self.merged + self.unchanged + self.superseded + self.rejected
