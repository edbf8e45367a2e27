"""What a draft would do to one feed: its landed deliveries mapped by the draft, beside its present state.

Nothing is written but scratch files. A feed of whole deliveries is read from the newest one and compared as a
run would compare it; a feed of parts from its newest whole delivery and the parts since, one after the other,
which is what a new read of its source would bring.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy as sa

from renkei import formats, snapshot
from renkei import mapping as mappings
from renkei.engine.duck import DuckEngine
from renkei.errors import RenkeiError, Stop
from renkei.landing import Landing
from renkei.mapping.masking import masked
from renkei.model import REC_NO, Mapped, UnitCounts
from renkei.project import CityConfig
from renkei.records import RECORD_TYPES, VOLATILE, Sensitivity, sensitivity_of
from renkei.registry import control, order
from renkei.registry.difference import Difference, Present, compare
from renkei.snapshot import Snapshot
from renkei.workflow import contract
from renkei.workflow.unit import limit_of, present_of, worst_of

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Pairs shown of a field, and how many differing records they are chosen from where values are personal.
SAMPLES, LOOKED_AT = 20, 2_000


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A value before and after, as far as its class lets it be seen, and how many records look so."""

    before: str | None
    after: str | None
    records: int


@dataclass(frozen=True, kw_only=True)
class FieldEffect:
    """One field: how many values differ; of these, ``emptied`` had a value, and ``filled`` had none."""

    field: str
    sensitivity: Sensitivity
    changed: int
    emptied: int
    filled: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True, kw_only=True)
class FeedEffect:
    """One feed. ``worst`` is what the limit is held against; ``refused`` why nothing could be mapped.

    ``newly_rejected`` and ``no_longer_rejected`` count records set aside by one mapping and not by the other.
    ``findings`` are what a delivery like the newest one would be held for, were the draft not applied to it.
    ``is_whole`` says that the next run maps the feed anew by itself; a feed of parts is read anew on request.
    """

    feed: str
    mapping_digest: str
    known: int
    changed: int
    new: int
    ended: int
    withheld: int
    newly_rejected: int
    no_longer_rejected: int
    rejects: Mapping[str, int]
    fields: tuple[FieldEffect, ...]
    worst: int
    limit: int
    is_whole: bool
    refused: str | None = None
    findings: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        """True when more would change than the limit in force allows, or nobody can say how much."""
        return self.refused is not None or (self.known > 0 and self.worst > self.limit)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Where effects are worked out: the registry to read, the landing zone, and a folder for scratch."""

    engine: sa.Engine
    landing: Landing
    scratch: Path
    config: CityConfig


def effect_of(
    ground: Ground, mapping: mappings.Mapping, cursor: control.Cursor
) -> tuple[FeedEffect, Path | None]:
    """The feed's effect, and its state as it would be (a snapshot in ``scratch``), None where it stays."""
    feed = mapping.feed.id
    with ground.engine.connect() as connection:
        landed = order.since_whole(connection, feed)
        explained = control.explained_rejects(connection, feed)
        aside = _set_aside(connection, feed)
    state = snapshot.proved(ground.landing, cursor.snapshot)
    before = state.as_one(ground.scratch / f"{feed}.before.parquet")
    try:
        if not landed:
            raise Stop("E_NOTHING_WHOLE", feed=feed)
        if len(landed) == 1:
            known = present_of(ground.landing, cursor, _named(mapping), explained=explained)
            made = _mapped(ground, mapping, landed[0], present=known)
        else:
            made = _folded(ground, mapping, landed, before=before)
    except RenkeiError as refused:
        return _refused(ground, mapping, refused.code, before=before), None
    after = ground.scratch / f"{feed}.after.parquet"
    _write(made.snapshot, after)
    limit = limit_of(ground.config, made.known)
    numbers = _numbers(made.rejects)
    told = FeedEffect(
        feed=feed,
        mapping_digest=mapping.digest,
        known=made.known,
        changed=made.changed,
        new=made.new,
        ended=made.ended,
        withheld=made.withheld,
        newly_rejected=len(numbers - aside),
        no_longer_rejected=len(aside - numbers),
        rejects=dict(sorted(Counter(made.rejects.column("code").to_pylist()).items())),
        fields=fields_of(mapping, before, after, scratch=ground.scratch),
        worst=made.worst,
        limit=limit,
        is_whole=len(landed) == 1,
        findings=made.findings,
    )
    return told, after


@dataclass(frozen=True, kw_only=True)
class _Made:
    """The state after the draft, and its counts. ``rejects`` has the delivery's id with the record number."""

    snapshot: pa.Table
    rejects: pa.Table
    known: int
    changed: int
    new: int
    ended: int
    withheld: int
    worst: int
    findings: tuple[str, ...] = ()


def _named(mapping: mappings.Mapping) -> Mapped:
    """Nothing mapped yet, by this mapping: enough to ask what is present."""
    nothing = pa.table({})
    return Mapped(
        feed=mapping.feed.id, record=mapping.feed.record, records=nothing, rejects=nothing,
        mapping_digest=mapping.digest,
    )  # fmt: skip


def _difference(
    ground: Ground, mapping: mappings.Mapping, landed: control.Landed, *, present: Present, full: bool
) -> tuple[Difference, tuple[str, ...]]:
    """What the draft makes of a delivery, and what its contract finds odd."""
    day = landed.as_of
    assert day is not None  # a merged delivery has its day
    layout = mapping.at(day).feed.format
    batch = formats.read(ground.landing.proved(landed.sha256), layout, feed=landed.feed)
    mapped = mappings.apply(mapping, batch, as_of=day)
    seen = contract.look(ground.engine, mapping.at(day), landed, batch, mapped, as_of=day)
    made = compare(
        seen.judged.mapped,
        present,
        as_of=day,
        full=full,
        in_any_order=landed.is_file,
        scratch=ground.scratch / "spill",
    )
    return made, tuple(each.says() for each in seen.found)


def _mapped(ground: Ground, mapping: mappings.Mapping, landed: control.Landed, *, present: Present) -> _Made:
    made, found = _difference(ground, mapping, landed, present=present, full=True)
    new = made.snapshot.num_rows - (made.known - made.ended.num_rows)
    counts = made.counts
    return _Made(
        snapshot=made.snapshot,
        rejects=_from(landed, made.rejects),
        known=made.known,
        changed=counts.merged - new,
        new=new,
        ended=counts.ended,
        withheld=counts.withheld,
        worst=worst_of(counts),
        findings=found,
    )


def _folded(
    ground: Ground, mapping: mappings.Mapping, landed: Sequence[control.Landed], *, before: Path
) -> _Made:
    """The whole delivery, then part by part onto what the ones before it left."""
    present, rejects, snapshot = Present(), [], pa.table({})
    for nth, each in enumerate(landed):
        made, _ = _difference(ground, mapping, each, present=present, full=nth == 0)
        rejects.append(_from(each, made.rejects))
        snapshot = made.snapshot
        place = ground.scratch / f"{each.feed}.{nth % 2}.parquet"
        _write(snapshot, place)
        present = Present(snapshot=Snapshot(whole=place))
    changed, new, ended, known = _counted(before, snapshot, scratch=ground.scratch)
    every = pa.concat_tables(rejects)
    counts = UnitCounts(merged=changed + new, ended=ended, rejected=every.num_rows)
    return _Made(
        snapshot=snapshot, rejects=every, known=known, changed=changed, new=new, ended=ended, withheld=0,
        worst=worst_of(counts),
    )  # fmt: skip


_COUNTED = """
    SELECT
        count(*) FILTER (b.source_key IS NOT NULL AND a.content_hash <> b.content_hash) AS changed,
        count(*) FILTER (b.source_key IS NULL) AS new,
        count(*) FILTER (a.source_key IS NULL) AS ended,
        count(b.source_key) AS known
    FROM before AS b
    FULL JOIN after AS a ON a.source_key = b.source_key
"""


def _counted(before: Path, after: pa.Table, *, scratch: Path) -> tuple[int, int, int, int]:
    with DuckEngine(temp=scratch) as engine:
        engine.relation("before", [before])
        engine.table("after", after.select(["source_key", "content_hash"]))
        row = engine.sql(_COUNTED, {}).read_all().to_pylist()[0]
    return int(row["changed"]), int(row["new"]), int(row["ended"]), int(row["known"])


def _from(landed: control.Landed, rejects: pa.Table) -> pa.Table:
    ids = pa.array([landed.delivery_id] * rejects.num_rows, pa.int64())
    return rejects.append_column("delivery_id", ids)


def _numbers(rejects: pa.Table) -> set[tuple[int, int]]:
    columns = (rejects.column(name).to_pylist() for name in ("delivery_id", REC_NO))
    return set(zip(*columns, strict=True))


def _set_aside(connection: sa.Connection, feed: str) -> set[tuple[int, int]]:
    query = "SELECT delivery_id, rec_no FROM reject WHERE feed = :feed AND state = 'open'"
    return {(row.delivery_id, row.rec_no) for row in connection.execute(sa.text(query), {"feed": feed})}


def _refused(ground: Ground, mapping: mappings.Mapping, code: str, *, before: Path) -> FeedEffect:
    import pyarrow.parquet as pq

    known = int(pq.read_metadata(before).num_rows)
    return FeedEffect(
        feed=mapping.feed.id, mapping_digest=mapping.digest, known=known, changed=0, new=0, ended=0,
        withheld=0, newly_rejected=0, no_longer_rejected=0, rejects={}, fields=(), worst=0,
        limit=limit_of(ground.config, known), is_whole=True, refused=code,
    )  # fmt: skip


def _write(table: pa.Table, place: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, place, compression="zstd")


# fields ------------------------------------------------------------------------------------------


def fields_of(
    mapping: mappings.Mapping, before: Path, after: Path, *, scratch: Path
) -> tuple[FieldEffect, ...]:
    """Every field of which values differ, for records that are there before and after."""
    import pyarrow.parquet as pq

    there = set(pq.read_schema(before).names) & set(pq.read_schema(after).names)
    names = [
        name
        for name in RECORD_TYPES[mapping.feed.record].schema.names
        if name in there and name not in VOLATILE and name != "source_key"
    ]
    with DuckEngine(temp=scratch) as engine:
        engine.relation("before", [before])
        engine.relation("after", [after])
        engine.derive("pair", _PAIRS.format(columns=_both(names)), {})
        counts = engine.sql(f"SELECT {_differing(names)} FROM pair", {}).read_all().to_pylist()[0]
        return tuple(_field(engine, mapping, name, counts) for name in names if counts[f"{name}__changed"])


# only records that differ are carried on: the others say nothing of any field
_PAIRS = """
    SELECT b.source_key, {columns}
    FROM before AS b
    JOIN after AS a ON a.source_key = b.source_key AND a.content_hash <> b.content_hash
"""


def _both(names: Sequence[str]) -> str:
    return ", ".join(f'b."{name}" AS "{name}__was", a."{name}" AS "{name}__now"' for name in names)


def _differing(names: Sequence[str]) -> str:
    parts = (
        f'count(*) FILTER ("{name}__was" IS DISTINCT FROM "{name}__now") AS "{name}__changed", '
        f'count(*) FILTER ("{name}__was" IS NOT NULL AND "{name}__now" IS NULL) AS "{name}__emptied", '
        f'count(*) FILTER ("{name}__was" IS NULL AND "{name}__now" IS NOT NULL) AS "{name}__filled"'
        for name in names
    )
    return ", ".join(parts)


def _field(
    engine: DuckEngine, mapping: mappings.Mapping, name: str, counts: Mapping[str, Any]
) -> FieldEffect:
    sensitivity = _sensitivity(mapping, name)
    return FieldEffect(
        field=name,
        sensitivity=sensitivity,
        changed=int(counts[f"{name}__changed"]),
        emptied=int(counts[f"{name}__emptied"]),
        filled=int(counts[f"{name}__filled"]),
        samples=tuple(_samples(engine, name, sensitivity)),
    )


def _sensitivity(mapping: mappings.Mapping, name: str) -> Sensitivity:
    """The strictest class that the field has in any version of the mapping."""
    every = (mapping, *(version for _, version in mapping.versions))
    raised = {rule.sensitivity for each in every for rule in each.fields if rule.to == name}
    said = {*raised, sensitivity_of(mapping.feed.record, name)}
    strictest: Sequence[Sensitivity] = ("guarded", "personal", "plain")
    return next(each for each in strictest if each in said)


_DIFFERING = """
    SELECT "{name}__was" AS was, "{name}__now" AS now
    FROM pair
    WHERE "{name}__was" IS DISTINCT FROM "{name}__now"
"""
_COMMONEST = (
    "SELECT was, now, count(*) AS records FROM ({query}) GROUP BY ALL ORDER BY records DESC, was, now"
)


def _samples(engine: DuckEngine, name: str, sensitivity: Sensitivity) -> "Iterator[Sample]":
    """The commonest pairs; of a guarded field none, for its shape alone would tell."""
    if sensitivity == "guarded":
        return
    query = _DIFFERING.format(name=name)
    if sensitivity == "personal":
        query = f"{query} ORDER BY source_key LIMIT {LOOKED_AT}"
    commonest = f"{_COMMONEST.format(query=query)} LIMIT {LOOKED_AT}"
    seen: Counter[tuple[str | None, str | None]] = Counter()
    for row in engine.sql(commonest, {}).read_all().to_pylist():
        seen[masked(row["was"], sensitivity), masked(row["now"], sensitivity)] += row["records"]
    for (before, after), records in seen.most_common(SAMPLES):
        yield Sample(before=before, after=after, records=int(records))
