"""Compares a delivery with the feed's last snapshot, so that only changes reach the database.

Each record read gets one disposition: ``merged`` (new or newer content, or the news that a key is gone),
``unchanged``, ``superseded`` (older than what is known) or ``rejected``. Keys that the snapshot has and a
whole delivery has not are ``ended``, unless a rejected record may be one of them.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from renkei.model import REC_NO, REJECT_SCHEMA, TOLD_AS, Mapped, UnitCounts
from renkei.records import DAY_TIME, RECORD_TYPES, RecordType
from renkei.snapshot import GONE, Snapshot, as_patch

if TYPE_CHECKING:
    import duckdb

#: Where a record stands in what was mapped.
_PLACE = "__place"
_VERSION_REUSED = "the version is known with other content"
_KEY_TWICE = "E_KEY_TWICE"
#: Of a smaller state everything is written anew; of a larger one too once so great a part has changed.
PATCHED_FROM, _PATCH_SHARE = 20_000, 0.1


@dataclass(frozen=True, kw_only=True)
class Present:
    """What is known of a feed before a delivery.

    ``explained`` counts rejects by key (None for those without one) that were there when nobody was
    missing: they cannot be a resident whose key was damaged on the way. ``is_remapped`` says that the
    snapshot was made by another mapping, so equal versions may well differ in content. ``told_since`` are the
    keys that deliveries after a late one spoke of, all there are where ``is_whole_since``.
    """

    snapshot: Snapshot | None = None
    is_remapped: bool = False
    explained: Mapping[str | None, int] = field(default_factory=dict)
    told_since: frozenset[str] = frozenset()
    is_whole_since: bool = False


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a delivery changes. ``changed`` has the record type's columns, ``content_hash`` and ``since``;
    ``ended`` is a list of keys; ``dispositions`` has ``rec_no, source_key, kind``; ``suspects`` are the
    record numbers of rejects that may be somebody who is missing. ``superseded`` are versions older than what
    is known, with the columns of ``changed``; ``late_ends`` are keys that the source says are gone although
    they are there (``was_there``), or that were not there already. A ``is_whole`` delivery is the feed's full
    present state; an ``is_late`` one speaks for a state that is already overtaken, and of one that
    ``is_moot`` nothing is believed. ``known`` counts the records of the snapshot before. ``snapshot`` is the
    feed's state afterwards, or a patch of it where that was asked for (:mod:`renkei.snapshot`). ``moved`` has
    each key of the state that is otherwise, and the hash of its content as it ``was`` and as it is ``now``,
    null for none; of a feed without a state before it is empty.
    """

    changed: pa.Table
    superseded: pa.Table
    ended: pa.Table
    late_ends: pa.Table
    rejects: pa.Table
    suspects: frozenset[int]
    dispositions: pa.Table
    snapshot: pa.Table
    moved: pa.Table
    counts: UnitCounts
    known: int
    is_whole: bool
    is_late: bool
    is_moot: bool


def compare(
    mapped: Mapped,
    present: Present,
    *,
    as_of: date,
    is_late: bool = False,
    full: bool = True,
    in_any_order: bool = False,
    patches: bool = False,
    scratch: Path | None = None,
) -> Difference:
    """Classify every record of ``mapped`` against the feed's present snapshot.

    A late delivery supersedes nothing and ends nothing, unless parts come ``in_any_order``: then a record is
    taken by its version, or where no later delivery spoke of its key; that one is gone is still not believed.
    A key whose record was rejected keeps its last content. While a reject may be one of those missing,
    nobody is ended: they are ``withheld``.
    With ``patches`` a large state is told by what changed in it; ``scratch`` is where work that does not fit
    in memory goes.
    """
    kind = RECORD_TYPES[mapped.record]
    late = is_late and (full or not in_any_order)
    with _workbench(mapped, present.snapshot, kind, scratch) as bench:
        bench.register("later", pa.table({"source_key": pa.array(sorted(present.told_since), pa.string())}))
        bench.execute(_CLASSIFY, {
            "as_of": as_of, "late": late, "remapped": present.is_remapped,
            "whole_since": present.is_whole_since, "mapping": mapped.mapping_digest,
        })  # fmt: skip
        rejects = _with_reused_versions(mapped.rejects, bench)
        bench.register("rejected", rejects)
        bench.execute(_ENDED if full and not late else _NOTHING_ENDED)
        missing = _number(bench, "SELECT count(*) FROM ended")
        suspects = _suspects(bench, rejects, present.explained) if missing else frozenset()
        if suspects:
            bench.execute("DELETE FROM ended")
        bench.execute(_TOLD_GONE, {"late": is_late})
        bench.execute("INSERT INTO ended SELECT source_key FROM told WHERE kind = 'merged'")
        bench.execute(_DISPOSITIONS)
        return Difference(
            changed=_of_kind(bench, mapped.records, "merged"),
            superseded=_of_kind(bench, mapped.records, "superseded"),
            late_ends=_arrow(bench, _LATE_ENDS),
            ended=_arrow(bench, "SELECT source_key FROM ended ORDER BY source_key"),
            rejects=rejects,
            suspects=suspects,
            dispositions=_arrow(bench, "SELECT * FROM dispositions ORDER BY rec_no"),
            snapshot=_snapshot(
                bench,
                mapped,
                kind,
                present.snapshot if patches else None,
                as_of=as_of,
                full=full,
            ),
            moved=_arrow(bench, _MOVED if present.snapshot else _NOTHING_MOVED),
            counts=_counts(bench, missing=missing, withheld=bool(suspects)),
            known=_number(bench, "SELECT (SELECT count(*) FROM previous) + (SELECT count(*) FROM known)"),
            is_whole=full and not late,
            is_late=is_late,
            is_moot=late,
        )


def hashed(mapped: Mapped) -> pa.Table:
    """``source_key, source_version, content_hash`` of each record: equal hashes are equal content."""
    from renkei.engine.workbench import workbench

    with workbench() as bench:
        bench.register("records", mapped.records)
        content = f"{_hash(RECORD_TYPES[mapped.record], mapped.records)} AS content_hash"
        query = f"SELECT source_key, source_version, {content} FROM records ORDER BY __rec_no"
        return bench.sql(query).to_arrow_table()


def _suspects(
    bench: "duckdb.DuckDBPyConnection", rejects: pa.Table, explained: Mapping[str | None, int]
) -> frozenset[int]:
    """Rejects that may be a missing record under a damaged key."""
    known = {row[0] for row in bench.execute("SELECT source_key FROM previous").fetchall()}
    left = Counter(dict(explained))
    found = set()
    for reject in rejects.select([REC_NO, "source_key", "code"]).to_pylist():
        key = reject["source_key"]
        if left[key] > 0:
            left[key] -= 1
        elif key not in known or reject["code"] == _KEY_TWICE:
            found.add(int(reject[REC_NO]))
    return frozenset(found)


def _workbench(
    mapped: Mapped, previous: Snapshot | None, kind: RecordType, scratch: Path | None
) -> "duckdb.DuckDBPyConnection":
    """Tables ``incoming``, ``known`` (as the state has it), and ``previous`` for the rest of the state."""
    from renkei.engine.workbench import workbench

    bench = workbench(temp=scratch)
    # only what tells records apart is carried through the joins; what they hold stays where it is
    places = pa.array(range(mapped.records.num_rows), pa.int64())
    bench.register("records", mapped.records.append_column(_PLACE, places))
    bench.register("gone", _NOBODY if mapped.gone is None else mapped.gone)
    bench.register("known", _NOBODY if mapped.known is None else mapped.known)
    bench.execute(f"""
        CREATE TABLE incoming AS
        SELECT {_PLACE}, {REC_NO}, source_key, source_version, {_hash(kind, mapped.records)} AS content_hash
        FROM records
    """)
    # an older snapshot may lack a column that the record type has gained since
    older = f" UNION ALL BY NAME ({previous.rows()})" if previous else ""
    digest = "" if TOLD_AS in mapped.records.column_names else f"NULL::BLOB AS {TOLD_AS},"
    bench.execute(f"""
        CREATE VIEW previous_whole AS
        SELECT * EXCLUDE ({_PLACE}), {digest} NULL::VARCHAR AS content_hash, NULL::DATE AS since,
               NULL::VARCHAR AS mapped_by
        FROM records
        WHERE false
        {older}
    """)
    bench.execute("""
        CREATE TABLE previous AS
        SELECT source_key, source_version, content_hash, since, mapped_by FROM previous_whole
        ANTI JOIN known USING (source_key)
    """)
    return bench


def _hash(kind: RecordType, records: pa.Table) -> str:
    # only what has a value is written, by name: a new column that nobody fills changes no record
    filled = (name for name in kind.content if records[name].null_count < records.num_rows)
    parts = ", ".join(f"'{name}=' || {name}::VARCHAR" for name in filled) or "''"
    return f"md5(concat_ws(chr(31), {parts}))"


# A record without a version of its own carries the day (ISO) in its stead: of two whole deliveries of one
# day the one that was made later says what holds.
_CLASSIFY = """
    CREATE TABLE classified AS
    SELECT
        i.*,
        p.content_hash AS old_hash,
        p.source_version AS old_version,
        $whole_since OR l.source_key IS NOT NULL AS is_told_since,
        CASE
            WHEN p.source_key IS NULL
                THEN CASE WHEN $late OR is_told_since THEN 'superseded' ELSE 'merged' END
            WHEN i.content_hash = p.content_hash THEN 'unchanged'
            WHEN $late THEN 'superseded'
            WHEN i.source_version > p.source_version THEN 'merged'
            WHEN i.source_version < p.source_version THEN 'superseded'
            WHEN i.source_version = strftime($as_of, '%Y-%m-%d')
                THEN CASE WHEN is_told_since THEN 'superseded' ELSE 'merged' END
            WHEN $remapped OR p.mapped_by <> $mapping THEN 'merged'
            ELSE 'rejected'
        END AS kind,
        CASE WHEN i.content_hash = p.content_hash THEN p.since ELSE $as_of END AS since
    FROM incoming AS i
    LEFT JOIN previous AS p ON p.source_key = i.source_key
    LEFT JOIN later AS l ON l.source_key = i.source_key
"""
_ENDED = """
    CREATE TABLE ended AS
    SELECT p.source_key
    FROM previous AS p
    ANTI JOIN incoming AS i ON i.source_key = p.source_key
    WHERE p.source_key NOT IN (SELECT source_key FROM rejected WHERE source_key IS NOT NULL)
      AND p.source_key NOT IN (SELECT source_key FROM gone)
"""
_NOTHING_ENDED = "CREATE TABLE ended AS SELECT NULL::VARCHAR AS source_key WHERE false"
# What overtaken news says is gone may have come back since.
_TOLD_GONE = """
    CREATE TABLE told AS
    SELECT
        g.__rec_no,
        g.source_key,
        CASE
            WHEN p.source_key IS NULL THEN 'unchanged'
            WHEN $late THEN 'superseded'
            ELSE 'merged'
        END AS kind
    FROM gone AS g
    LEFT JOIN previous AS p ON p.source_key = g.source_key
"""
_NOBODY = pa.schema([(REC_NO, pa.int64()), ("source_key", pa.string())]).empty_table()
_DISPOSITIONS = """
    CREATE TABLE dispositions AS
    SELECT __rec_no AS rec_no, source_key, kind FROM classified WHERE kind <> 'rejected'
    UNION ALL
    SELECT __rec_no, source_key, kind FROM told
    UNION ALL
    SELECT __rec_no, source_key, 'rejected' FROM rejected
    UNION ALL
    SELECT __rec_no, source_key, 'unchanged' FROM known
"""
_MOVED = """
    SELECT source_key, old_hash AS was, content_hash AS now FROM classified WHERE kind = 'merged'
    UNION ALL
    SELECT source_key, p.content_hash, NULL FROM ended JOIN previous AS p USING (source_key)
"""
#: Of a first load: all is new, and the state itself says so.
_NOTHING_MOVED = "SELECT NULL::VARCHAR AS source_key, NULL::VARCHAR AS was, NULL::VARCHAR AS now WHERE false"
_LATE_ENDS = """
    SELECT DISTINCT source_key, kind = 'superseded' AS was_there
    FROM told
    WHERE kind <> 'merged'
    ORDER BY source_key
"""


def _of_kind(bench: "duckdb.DuckDBPyConnection", records: pa.Table, kind: str) -> pa.Table:
    """The records that became this, with their content's hash and since when it holds, by key."""
    query = f"""
        SELECT {_PLACE}, content_hash, since FROM classified WHERE kind = '{kind}' ORDER BY source_key
    """
    found = _arrow(bench, query)
    rows = _taken(records, found[_PLACE])
    return rows.append_column("content_hash", found["content_hash"]).append_column("since", found["since"])


def _taken(records: pa.Table, places: pa.ChunkedArray) -> pa.Table:
    """Rows in this order; nothing is copied where that is how they stand."""
    wanted = places.to_numpy()
    if len(wanted) == records.num_rows and bool((wanted[1:] > wanted[:-1]).all()):
        return records
    return records.take(places)


def _snapshot(
    bench: "duckdb.DuckDBPyConnection",
    mapped: Mapped,
    kind: RecordType,
    previous: Snapshot | None,
    *,
    as_of: date,
    full: bool,
) -> pa.Table:
    """The feed's state after this delivery, by key; a patch of ``previous`` where that is enough."""
    told = _told_now(bench, mapped, kind)
    bench.execute("CREATE TABLE standing AS " + _STANDING)
    if previous is not None and _can_be_patched(previous, told):
        patch = _patch(bench, mapped, told, previous, day=as_of.isoformat() if full else "")
        if patch.num_rows <= _PATCH_SHARE * previous.size:
            return patch
    # who is known and was told today again is of today's version
    again = f"source_key IN (SELECT source_key FROM known) AND {str(mapped.version_is_day).lower()}"
    kept = _kept(bench, told, "standing", version=_AT_LEAST.format(day=as_of.isoformat(), again=again))
    return _by_key(told, kept)


def _can_be_patched(previous: Snapshot, told: pa.Table) -> bool:
    """Only a file of this hub's, with the very columns of today."""
    is_large = previous.size >= PATCHED_FROM and told.num_rows <= _PATCH_SHARE * previous.size
    return is_large and bool(previous.digest) and sorted(previous.names) == sorted(told.column_names)


def _told_now(bench: "duckdb.DuckDBPyConnection", mapped: Mapped, kind: RecordType) -> pa.Table:
    """Records of the state that were told now, with their columns of the hub."""
    names = [name for name in kind.schema.names if name != REC_NO]
    told = _arrow(bench, _TOLD_NOW)
    rows = _taken(mapped.records, told[_PLACE])
    digests = rows[TOLD_AS] if TOLD_AS in rows.column_names else pa.nulls(len(rows), pa.binary())
    rows = rows.select(names)
    place = rows.schema.get_field_index("source_version")
    # the same content again under an older version leaves the newer one standing
    rows = rows.set_column(
        place, rows.schema.field(place), told["version"].cast(rows.schema.field(place).type)
    )
    by = pa.repeat(pa.scalar(mapped.mapping_digest, pa.string()), rows.num_rows)
    columns = {
        "content_hash": told["content_hash"], "since": told["since"], "mapped_by": by, TOLD_AS: digests,
    }  # fmt: skip
    for name, values in columns.items():
        rows = rows.append_column(name, values)
    return rows


def _patch(
    bench: "duckdb.DuckDBPyConnection", mapped: Mapped, told: pa.Table, previous: Snapshot, *, day: str
) -> pa.Table:
    """What is otherwise than in the whole file: told now, told since it was written, or gone.

    On a ``day`` on which the source told all that it has, what stands in the whole file was told too; where
    versions are days, those records are of that day, and what was not told stays as it is by name.
    """
    before = previous.told_on
    now = max(before or "", day) if day and mapped.version_is_day else before
    bench.execute(f"CREATE VIEW whole_file AS SELECT source_key FROM {previous.places()['whole']}")
    patch = previous.places().get("patch", _NO_PATCH)
    bench.execute(f"CREATE TABLE patched AS SELECT source_key, {GONE} FROM {patch}")
    is_own = f"source_key IN (SELECT source_key FROM patched WHERE NOT {GONE})"
    again = "false"
    if now != before:
        again = "source_key IN (SELECT source_key FROM known)"
        is_own += f" OR NOT {again}"
    bench.execute(f"CREATE TABLE of_patch AS SELECT source_key FROM standing WHERE {is_own}")
    kept = _kept(bench, told, "of_patch", version=_AT_LEAST.format(day=now, again=again))
    bench.register("told_now", told.select(["source_key"]))
    gone = _arrow(bench, _GONE_NOW)
    rows = pa.concat_tables(
        [_marked(told, gone=False), _marked(kept, gone=False), _only_keys(gone, told.schema)]
    )
    return as_patch(rows.sort_by("source_key").combine_chunks(), digest=previous.digest, told_on=now)


def _only_keys(keys: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows of a patch for keys that are gone."""
    columns = [
        keys["source_key"].cast(field.type) if field.name == "source_key" else pa.nulls(len(keys), field.type)
        for field in schema
    ]
    return _marked(pa.table(columns, schema=schema), gone=True)


def _marked(rows: pa.Table, *, gone: bool) -> pa.Table:
    return rows.append_column(GONE, pa.repeat(pa.scalar(gone), rows.num_rows))


def _kept(bench: "duckdb.DuckDBPyConnection", told: pa.Table, keys: str, *, version: str) -> pa.Table:
    """Records of the state before that stand as they are, with the columns of those told now."""
    names = ", ".join(version if name == "source_version" else f'"{name}"' for name in told.column_names)
    return _arrow(bench, _KEPT.format(names=names, keys=keys)).cast(told.schema)


def _by_key(told: pa.Table, kept: pa.Table) -> pa.Table:
    """Equal content is to be equal bytes, however it came in pieces."""
    rows = pa.concat_tables([told, kept]).sort_by("source_key") if kept.num_rows else told
    return rows.combine_chunks()


_TOLD_NOW = f"""
    SELECT {_PLACE}, greatest(source_version, old_version) AS version, content_hash, since
    FROM classified
    WHERE kind IN ('merged', 'unchanged')
    ORDER BY source_key
"""
_STANDING = """
    SELECT source_key
    FROM (SELECT source_key FROM previous UNION ALL SELECT source_key FROM known)
    ANTI JOIN (SELECT source_key FROM classified WHERE kind IN ('merged', 'unchanged')) USING (source_key)
    ANTI JOIN ended USING (source_key)
"""
_AT_LEAST = """
    CASE WHEN {again} THEN greatest(source_version, '{day}') ELSE source_version END AS source_version
"""
_KEPT = """
    SELECT {names}
    FROM previous_whole
    WHERE source_key IN (SELECT source_key FROM {keys})
    ORDER BY source_key
"""
_NO_PATCH = f"(SELECT NULL::VARCHAR AS source_key, NULL::BOOLEAN AS {GONE} WHERE false)"
_GONE_NOW = f"""
    SELECT source_key
    FROM (
        SELECT source_key FROM whole_file SEMI JOIN ended USING (source_key)
        UNION
        SELECT source_key FROM patched WHERE {GONE}
    )
    ANTI JOIN told_now USING (source_key)
    ORDER BY source_key
"""


def _with_reused_versions(rejects: pa.Table, bench: "duckdb.DuckDBPyConnection") -> pa.Table:
    reused = _arrow(
        bench,
        f"""
        SELECT __rec_no, NULL::BIGINT AS __byte_offset, NULL::BIGINT AS __byte_length, source_key,
               'source_version' AS field, 'E_VERSION_REUSED' AS code, '{_VERSION_REUSED}' AS detail
        FROM classified WHERE kind = 'rejected' ORDER BY __rec_no
        """,
    )
    return pa.concat_tables([rejects.cast(REJECT_SCHEMA), reused.cast(REJECT_SCHEMA)])


def _counts(bench: "duckdb.DuckDBPyConnection", *, missing: int, withheld: bool) -> UnitCounts:
    rows = bench.execute("SELECT kind, count(*) FROM dispositions GROUP BY kind").fetchall()
    by_kind = {str(kind): int(count) for kind, count in rows}
    apart = {"withheld": missing} if withheld else {"ended": missing}
    gone = _number(bench, "SELECT count(*) FROM told WHERE kind = 'merged'")
    return UnitCounts(records=sum(by_kind.values()), gone=gone, **apart, **by_kind)


def _number(bench: "duckdb.DuckDBPyConnection", query: str) -> int:
    row = bench.execute(query).fetchone()
    return int(row[0]) if row else 0


def _arrow(bench: "duckdb.DuckDBPyConnection", query: str, **terms: str) -> pa.Table:
    table = bench.sql(query, params=terms or None).to_arrow_table()
    fields = [
        pa.field(field.name, DAY_TIME) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
