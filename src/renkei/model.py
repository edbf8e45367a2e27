"""The nouns that every part of the hub shares. Frozen, keyword-only, standard library and pyarrow."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa

#: Columns that the format layer adds to every raw batch.
REC_NO, BYTE_OFFSET, BYTE_LENGTH = "__rec_no", "__byte_offset", "__byte_length"
#: A digest of what a record is made of: equal ones are equal records. Null where the day itself is in it.
TOLD_AS = "__told_as"

#: A boolean column of an Arrow delivery: true where the row says that its key is gone from the source.
GONE = "__gone"


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
    """How far a feed has been taken in (取込位置). ``position`` is the connector's own plain JSON.

    A later ``epoch`` is a new beginning: what was half fetched before it counts for nothing.
    """

    feed: str
    position: Mapping[str, Any]
    epoch: int = 1

    @property
    def place(self) -> Mapping[str, Any] | None:
        """The position without the files seen; None: nothing is merged yet, or the place was given up."""
        return {name: value for name, value in self.position.items() if name != "seen"} or None


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One complete thing a connector fetched (受信): a file in the work folder, proved whole.

    ``name`` is what the source calls it: data, never a path. ``as_of`` is the business day it speaks for.
    ``records`` is the count that the source itself stated, where the transport can know it.
    ``position`` is the checkpoint position once this delivery is merged.
    ``is_whole`` says whether it holds everything that the source has; None: as the feed declares.
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
    is_whole: bool | None = None


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
    ``records`` counts every data record of the delivery: rows of ``table`` and ``gone`` plus rejected ones.
    ``gone`` has ``__rec_no`` and the key's raw columns of records that the source says it has no longer.
    ``losses`` lists every conversion of a character that cannot be undone (:data:`LOSS_SCHEMA`).
    ``strangers`` names columns that are not declared and that the feed's contract lets pass unread.
    """

    feed: str
    table: pa.Table
    rejects: pa.Table
    records: int
    control: Control
    gone: pa.Table | None = None
    losses: pa.Table | None = None
    strangers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """A batch after its mapping: typed ``records`` of one record type, and what was set aside.

    Every ``__rec_no`` of the batch is in exactly one of the tables; ``gone`` has the ``source_key`` of
    what the source no longer has. ``numbers`` (``source_key, token, number``) go to the vault and nowhere
    else; ``token_key`` is the id of the key that made tokens, None where the mapping makes none. ``doubts``
    counts by raw field what was taken in although it may be wrong. ``known`` (``__rec_no, source_key``) are
    records that stand in the feed's present state already and were not mapped again; where the source has
    no versions of its own, ``version_is_day``.
    """

    feed: str
    record: str
    records: pa.Table
    rejects: pa.Table
    mapping_digest: str
    gone: pa.Table | None = None
    numbers: pa.Table | None = field(default=None, repr=False)
    token_key: str | None = None
    doubts: Mapping[str, int] = field(default_factory=dict)
    known: pa.Table | None = None
    version_is_day: bool = False


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


#: One row for each kind of character that a conversion could not carry over unchanged (文字の変換報告).
#: ``code`` is the bytes as hex where they were read, or the code point where it was to be written;
#: ``records`` holds at most twenty record numbers, from the first on.
LOSS_SCHEMA = pa.schema(
    [
        pa.field("encoding", pa.string(), nullable=False),
        pa.field("character", pa.string(), nullable=False),
        pa.field("code", pa.string(), nullable=False),
        pa.field("became", pa.string(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
        pa.field("records", pa.list_(pa.int64()), nullable=False),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """What goes to a system (送信): rows for a table or resource, or a whole file for a folder.

    ``key`` is the push key: a second push under it has no second effect. ``rows`` are text columns by the
    target's names, ``seen`` the same rows as they were when the change was decided (a row of nulls: there
    was none); only what still stands as seen is overwritten. ``file`` is offered under ``name``.
    """

    key: str
    rows: pa.Table | None = None
    seen: pa.Table | None = None
    file: Path | None = None
    name: str = ""


#: ``applied`` now, ``already`` under this key, ``unchanged`` (it stood so), ``conflict`` (it is no longer as
#: seen), ``refused`` by the target, ``unknown`` (the answer was lost: read back before anything else).
Effect = Literal["applied", "already", "unchanged", "conflict", "refused", "unknown"]

#: One row for each row pushed, in their order; ``code`` says why a row was refused, never what it holds.
RECEIPT_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("effect", pa.string(), nullable=False),
        pa.field("code", pa.string()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What became of a push. ``effect`` speaks for the whole; ``rows`` (:data:`RECEIPT_SCHEMA`) for each row.

    It is the target's word only: a push counts as landed when ``read_back`` says so.
    """

    key: str
    effect: Effect
    rows: pa.Table | None = None
    bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReadBack:
    """What the target holds now, asked for on a new connection: proof that a push landed, or that it did not.

    ``rows`` are the pushed rows as they stand (nulls where there is none), in their order; for a file
    ``sha256`` is of the bytes that were read back. ``landed`` is true when all of it stands as pushed.
    """

    key: str
    landed: bool
    rows: pa.Table | None = None
    bytes: int | None = None
    sha256: str | None = None


class Connector(Protocol):
    """A transport: ``connectors/<name>.py`` exposes ``connect(connection, workdir=…) -> Connector``.

    ``replayable``: the same delivery can be fetched again. ``ordered``: deliveries come in source order.
    ``idempotent``: a second push under one key has no second effect. One with ``advances = True`` also moves
    something at its source by a pull (a slot, an outbox), so it is never pulled only to look.
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


class Pusher(Connector, Protocol):
    """A connector that can also write."""

    def push(self, feed: Feed, outgoing: Outgoing) -> Receipt:
        """Write once; under the same key a second time nothing happens."""
        ...

    def read_back(self, feed: Feed, outgoing: Outgoing) -> ReadBack:
        """Ask the target, on a new connection, what stands there now."""
        ...


class Watcher(Connector, Protocol):
    """A connector that can tell when something changes."""

    def wait(self, feed: Feed, since: Checkpoint | None, *, seconds: float) -> bool:
        """Return true as soon as there is something to pull, false when the time is up."""
        ...


@dataclass(frozen=True, kw_only=True)
class UnitCounts:
    """The equation of one unit: records = merged + unchanged + superseded + rejected.

    ``ended`` counts records that a full delivery no longer holds; they were not read, so they stand apart.
    ``withheld`` counts those that would have ended, had a rejected record not been possibly one of them.
    ``gone`` are the merged ones that ended their key because the source said so.
    """

    records: int = 0
    merged: int = 0
    unchanged: int = 0
    superseded: int = 0
    rejected: int = 0
    ended: int = 0
    withheld: int = 0
    gone: int = 0

    def __add__(self, other: "UnitCounts") -> "UnitCounts":
        mine, theirs = vars(self), vars(other)
        return UnitCounts(**{name: mine[name] + theirs[name] for name in mine})

    @property
    def balances(self) -> bool:
        """True when every record read is accounted for exactly once."""
        return self.records == self.merged + self.unchanged + self.superseded + self.rejected
