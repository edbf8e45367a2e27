"""What a rule may read: one relation a feed, and those of the hub itself, each with its columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from renkei.records import DATE, DAY_TIME, RECORD_TYPES, TEXT, WHOLE
from renkei.snapshot import Snapshot

DELIVERY = "hub.delivery"
ENTRY = "hub.entry"

#: What came to the hub (受信), for rules about deliveries.
DELIVERY_SCHEMA = pa.schema(
    [
        ("delivery_id", WHOLE),
        ("feed", TEXT),
        ("name", TEXT),
        ("as_of", DATE),
        ("verdict", TEXT),  # landed | merged | duplicate | held | refused
        ("error_code", TEXT),
        ("stated_records", WHOLE),
        ("records", WHOLE),  # data records read; null unless merged
        ("merged", WHOLE),
        ("duplicate_of", WHOLE),
        ("received_at", DAY_TIME),
    ]
)
#: What was keyed where, by whom and when (入力): one row a value, of residents of whom a person keyed one.
ENTRY_SCHEMA = pa.schema(
    [
        ("feed", TEXT),
        ("system", TEXT),
        ("source_key", TEXT),
        ("resident_id", WHOLE),
        # address name date_of_birth sex household mailing_address; a new record or benefit as a whole
        ("field", TEXT),
        ("value", TEXT),  # a key: equal keys are one value
        ("entered_at", DAY_TIME),
        ("operator", TEXT),
        ("operator_kind", TEXT),  # person | batch | robot
        ("terminal", TEXT),
        ("change_kind", TEXT),
        ("event_date", DATE),  # of the event that was keyed
        ("office", TEXT),
    ]
)
#: What the hub says of itself: relation → columns. These are there in every night.
HUB_RELATIONS: dict[str, pa.Schema] = {DELIVERY: DELIVERY_SCHEMA, ENTRY: ENTRY_SCHEMA}
#: Which record belongs to whom: the open links.
LINK_SCHEMA = pa.schema([("feed", TEXT), ("source_key", TEXT), ("resident_id", WHOLE)])

#: Columns that a snapshot adds to its record type, and that the hub adds to a snapshot.
_SNAPSHOT = (("content_hash", TEXT), ("since", DATE))
_HUB = (("resident_id", WHOLE), ("as_of", DATE))
_RECORD_NUMBER = "__rec_no"


@dataclass(frozen=True, kw_only=True)
class FeedTerms:
    """What the rules must know of a feed: its record type, and how late it may be."""

    record: str
    lag: timedelta


@dataclass(frozen=True, kw_only=True)
class Source:
    """A feed's newest snapshot. ``as_of`` is the day that it speaks for; None when nothing ever came."""

    feed: str
    terms: FeedTerms
    snapshot: Snapshot | None
    as_of: date | None

    def is_present(self, as_of: date) -> bool:
        """True when the feed has delivered for that day."""
        return self.snapshot is not None and self.as_of is not None and self.as_of >= as_of


def columns_of(record: str, *, of_hub: bool = True) -> pa.Schema:
    """The columns of a feed's relation, by its record type; without those of the hub, of its snapshot."""
    own = [field for field in RECORD_TYPES[record].schema if field.name != _RECORD_NUMBER]
    return pa.schema([*own, *_SNAPSHOT, *(_HUB if of_hub else ())])


def schemas(terms: Mapping[str, FeedTerms]) -> dict[str, pa.Schema]:
    """Relation name → its columns, for every feed of the city and the hub's own."""
    return HUB_RELATIONS | {feed: columns_of(term.record) for feed, term in terms.items()}


def person_feed(feed: str, terms: Mapping[str, FeedTerms]) -> str:
    """The feed whose links say whose record it is: itself, or the person feed of the same system."""
    if "person_key" not in columns_of(terms[feed].record).names:
        return feed
    system = feed.partition(".")[0]
    siblings = (name for name in terms if name.startswith(f"{system}."))
    return next((name for name in siblings if terms[name].record == "person"), feed)


def key_to_person(feed: str, terms: Mapping[str, FeedTerms]) -> str:
    """The column that names the person in the links."""
    return "source_key" if person_feed(feed, terms) == feed else "person_key"
