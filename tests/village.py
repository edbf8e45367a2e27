"""A village whose deliveries are text tables: compared, merged, and asked about at a day and an instant."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from renkei.model import REC_NO, REJECT_SCHEMA, Mapped
from renkei.records import PERSON
from renkei.registry import golden, history, merge
from renkei.registry.difference import Difference, Present, compare
from renkei.snapshot import Snapshot

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TRUST = ("juki", "tax", "welfare")
_SHORT = {
    "key": "source_key",
    "version": "source_version",
    "since": "valid_from",
    "change": "change_kind",
    "name": "full_name",
    "born": "date_of_birth",
    "status": "resident_status",
    "house": "household_number",
    "relation": "relationship",
    "number": "party_number",
}
_DATES = {name for name, kind in PERSON.columns if kind == pa.date32()} | {"valid_from"}


def rows_of(table: str) -> list[dict[str, Any]]:
    """A text table as records; short heads stand for columns, an empty cell says nothing."""
    head, *lines = [
        [cell.strip() for cell in line.split("|")] for line in table.strip().splitlines() if line.strip()
    ]
    names = [_SHORT.get(name, name) for name in head]
    return [_record(dict(zip(names, cells, strict=True))) for cells in lines]


def _record(said: dict[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {name: text or None for name, text in said.items()}
    for name in _DATES & row.keys():
        row[name] = date.fromisoformat(row[name]) if row[name] else None
    name, born = row.get("full_name"), row.get("date_of_birth")
    base = {
        "numbering": "resident", "party_number": row["source_key"], "name_key": name, "kana_key": name,
        "date_of_birth_lo": born, "date_of_birth_hi": born, "resident_status": "resident", "protected": "none",
        "is_household_head": row.get("relationship") == "head" if "relationship" in row else None,
    }  # fmt: skip
    made = base | row
    if made["party_number"] is None:
        made["numbering"] = None
    return made


@dataclass
class Feed:
    """What the workflow remembers of a feed between deliveries."""

    snapshot: Snapshot | None = None
    newest: date = date.min
    told: list[tuple[date, frozenset[str]]] = field(default_factory=list)


@dataclass
class Village:
    """A registry and its clock: every delivery comes an hour after the one before."""

    registry: sa.Engine
    folder: Path
    clock: datetime = BEGIN
    feeds: dict[str, Feed] = field(default_factory=dict)

    def deliver(
        self,
        table: str | list[dict[str, Any]],
        as_of: date,
        *,
        feed: str = "juki.resident",
        gone: Iterable[str] = (),
        full: bool = False,
    ) -> datetime:
        """Merge a delivery, a part unless ``full``; returns the instant from which it is known."""
        rows = rows_of(table) if isinstance(table, str) else table
        known = self.feeds.setdefault(feed, Feed())
        is_late = as_of < known.newest
        since = [keys for day, keys in known.told if day > as_of] if is_late else []
        mapped = self._mapped(rows, list(gone), feed)
        present = Present(snapshot=known.snapshot, told_since=frozenset().union(*since))
        found = compare(mapped, present, as_of=as_of, is_late=is_late, full=full, in_any_order=True)
        now = self.absorb(found, feed=feed, as_of=as_of)
        known.snapshot = Snapshot(whole=self.folder / f"{feed}.{int(now.timestamp())}.parquet")
        pq.write_table(found.snapshot, known.snapshot.whole)
        known.newest = max(known.newest, as_of)
        known.told.append((as_of, frozenset(found.dispositions["source_key"].to_pylist())))
        return now

    def _mapped(self, rows: list[dict[str, Any]], gone: list[str], feed: str) -> Mapped:
        numbered = [
            {name: row.get(name) for name in PERSON.schema.names} | {REC_NO: number}
            for number, row in enumerate(rows, 1)
        ]
        ends = [{REC_NO: number, "source_key": key} for number, key in enumerate(gone, len(rows) + 1)]
        schema = pa.schema([(REC_NO, pa.int64()), ("source_key", pa.string())])
        return Mapped(
            feed=feed, record="person", records=pa.Table.from_pylist(numbered, schema=PERSON.schema),
            rejects=REJECT_SCHEMA.empty_table(), mapping_digest="d",
            gone=pa.Table.from_pylist(ends, schema=schema),
        )  # fmt: skip

    def absorb(self, found: Difference, *, feed: str, as_of: date) -> datetime:
        """One unit, its row included, without a run: only merging is looked at here."""
        self.clock += timedelta(hours=1)
        with self.registry.begin() as connection:
            connection.exec_driver_sql("SET session_replication_role = replica")
            number = connection.execute(sa.text(_NEXT)).scalar_one()
            merge.absorb(
                connection,
                found,
                merge.UnitOfWork(
                    feed=feed, record="person", unit_id=number, delivery_id=number,
                    as_of=as_of, now=self.clock, trust=dict.fromkeys(golden.GROUPS, TRUST),
                    refuse_contradictions=True,
                ),
            )  # fmt: skip
            counts = found.counts
            about = {name: getattr(counts, name) for name in _COUNTS}
            asked = {**about, "id": number, "feed": feed, "as_of": as_of, "now": self.clock}
            connection.execute(sa.text(_UNIT), asked)
            connection.execute(
                sa.text(_CURSOR), {"id": number, "feed": feed, "as_of": as_of, "now": self.clock}
            )
        return self.clock

    def point(self, as_of: date, known_at: datetime | None = None) -> history.Point:
        return history.Point(as_of=as_of, known_at=known_at or self.clock)

    def rows(self, query: str, **asked: Any) -> list[tuple[Any, ...]]:
        with self.registry.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), asked)]

    def said(self, key: str, column: str, as_of: date, known_at: datetime | None = None) -> Any:
        """What a key said on a day as known at an instant; None where it said nothing, or was not there."""
        names = {"status": "s.resident_status"}
        query = f"""
            SELECT {names.get(column, f"p.{column}")}
            FROM person_at(:as_of, :known_at) AS s JOIN person_record AS p USING (record_id)
            WHERE s.source_key = :key
        """
        found = self.rows(query, key=key, **vars(self.point(as_of, known_at)))
        return found[0][0] if found else None

    def resident(self, key: str, as_of: date = date(2100, 1, 1), known_at: datetime | None = None) -> Any:
        query = "SELECT resident_id FROM link_at(:as_of, :known_at) WHERE source_key = :key"
        found = self.rows(query, key=key, **vars(self.point(as_of, known_at)))
        return found[0][0] if found else None


_COUNTS = ("records", "merged", "unchanged", "superseded", "rejected", "ended", "withheld", "gone")
_NEXT = "SELECT nextval(pg_get_serial_sequence('unit', 'unit_id'))"
_UNIT = """
    INSERT INTO unit (unit_id, delivery_id, feed, as_of, run_id, mapping_digest, fence, records, merged,
        unchanged, superseded, rejected, ended, withheld, gone, dispositions, snapshot, done_at)
    OVERRIDING SYSTEM VALUE
    VALUES (:id, :id, :feed, :as_of, gen_random_uuid(), 'd', 1, :records, :merged, :unchanged, :superseded,
        :rejected, :ended, :withheld, :gone, 'x', 'x', :now)
"""
_CURSOR = """
    INSERT INTO cursor (feed, as_of, position, snapshot, unit_id, fence, moved_at)
    VALUES (:feed, :as_of, '{}', 'x', :id, 1, :now)
    ON CONFLICT (feed) DO UPDATE SET unit_id = :id, moved_at = :now
"""
