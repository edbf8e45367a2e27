"""Who must be looked at again (再照合): residents of whom a record or a link has changed since a comparison.

A rule of which each row follows from one resident's own records says the same of everybody else as it did
then. What speaks of the day, or of several residents, is compared whole every night.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from renkei.engine import Engine
from renkei.reconcile.relation import LINK_SCHEMA, FeedTerms, key_to_person, person_feed
from renkei.snapshot import Snapshot

AGAIN_SCHEMA = pa.schema([("resident_id", pa.int64())])

_MOVED = """
    SELECT unnest([a.resident_id, b.resident_id]) AS resident_id
    FROM hub.link_then AS a
    FULL JOIN hub.link AS b ON a.feed = b.feed AND a.source_key = b.source_key
    WHERE a.resident_id IS DISTINCT FROM b.resident_id
"""
# a record's person may have changed with it: whose it was and whose it is are both concerned
_CHANGED = """
    SELECT l.resident_id
    FROM (
        SELECT unnest([a.person, b.person]) AS person
        FROM (SELECT source_key, content_hash, since, {key} AS person FROM ({before}){among}) AS a
        FULL JOIN (SELECT source_key, content_hash, since, {key} AS person FROM ({after}){among}) AS b
            ON a.source_key = b.source_key
        WHERE (a.content_hash, a.since) IS DISTINCT FROM (b.content_hash, b.since)
    ) AS c
    JOIN hub.link AS l ON l.feed = $person_feed AND l.source_key = c.person
"""


@dataclass(frozen=True, kw_only=True)
class Past:
    """What an earlier comparison compared: the state of each feed, and a file of whose record was whose."""

    states: Mapping[str, Snapshot]
    links: Path


def residents(
    engine: Engine,
    past: Past,
    states: Mapping[str, Snapshot],
    *,
    terms: Mapping[str, FeedTerms],
    links: pa.Table,
    waiting: Iterable[int],
) -> pa.Table:
    """Residents to look at again, of :data:`AGAIN_SCHEMA`; ``waiting`` are those of differences in transit.

    The engine must be a fresh one. A feed that was not there then is left out: no rule that reads it compared
    it.
    """
    engine.table("hub.link", links)
    engine.relation("hub.link_then", [past.links])
    engine.table("hub.waiting", pa.table({"resident_id": pa.array(sorted(set(waiting)), pa.int64())}))
    parts = [_MOVED, "SELECT resident_id FROM hub.waiting"]
    found = [engine.rows(part, {}) for part in parts]
    for feed, now in states.items():
        then = past.states.get(feed)
        if then is not None and then != now:
            found.append(_of_feed(engine, feed, then, now, terms))
    engine.table("hub.found", pa.concat_tables([AGAIN_SCHEMA.empty_table(), *found]))
    asked = "SELECT DISTINCT resident_id FROM hub.found WHERE resident_id IS NOT NULL"
    return engine.rows(asked, {}).cast(AGAIN_SCHEMA)


def _of_feed(
    engine: Engine, feed: str, then: Snapshot, now: Snapshot, terms: Mapping[str, FeedTerms]
) -> pa.Table:
    key = key_to_person(feed, terms)
    wanted = dict.fromkeys(["source_key", "content_hash", "since", key])
    read = {}
    for name, state in (("before", then), ("after", now)):
        places = {part: f"{name}.{feed.replace('.', '_')}_{part}" for part in state.files()}
        for part, place in state.files().items():
            engine.relation(places[part], [place])
        read[name] = state.rows(wanted, places=places)
    query = _CHANGED.format(key=key, among=_among(feed, then, now), **read)
    return engine.rows(query, {"person_feed": person_feed(feed, terms)})


def _among(feed: str, then: Snapshot, now: Snapshot) -> str:
    """Where both states patch one whole file, only what either patch tells can differ."""
    if then.digest != now.digest:
        return ""
    name = feed.replace(".", "_")
    patches = [f"SELECT source_key FROM {side}.{name}_patch"
               for side, state in (("before", then), ("after", now)) if state.patch]  # fmt: skip
    return f" WHERE source_key IN ({' UNION '.join(patches)})"


def keep_links(links: pa.Table, folder: Path) -> Path:
    """Write whose record is whose, for the next comparison, into a file named by its hash."""
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / f"{uuid4()}.part"
    pq.write_table(links.cast(LINK_SCHEMA), written, compression="zstd")
    return written.replace(folder / f"{_digest(written)}.parquet")


def kept_links(folder: Path, digest: str) -> Path | None:
    """The file with this hash; None where it is not there, or not what was written."""
    place = folder / f"{digest}.parquet"
    return place if place.is_file() and _digest(place) == digest else None


def _digest(place: Path) -> str:
    with place.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
