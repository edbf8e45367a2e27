"""Compares a full delivery with the feed's last snapshot, so that only changes reach the database.

Each record read gets one disposition: ``merged`` (new or newer content), ``unchanged``, ``superseded``
(older than what is known) or ``rejected``. Keys that the snapshot has and the delivery has not are ``ended``.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from renkei.model import REC_NO, REJECT_SCHEMA, Mapped, UnitCounts
from renkei.records import DAY_TIME, RECORD_TYPES, RecordType

if TYPE_CHECKING:
    import duckdb

#: Nothing may be fetched at run time, not even an extension.
_OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "2GB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_VERSION_REUSED = "the version is known with other content"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a delivery changes. ``changed`` has the record type's columns, ``content_hash`` and ``since``;
    ``ended`` is a list of keys; ``dispositions`` has ``rec_no, source_key, kind``. A ``is_whole`` delivery
    is the feed's full present state; an ``is_late`` one speaks for a day that is already overtaken.
    """

    changed: pa.Table
    ended: pa.Table
    rejects: pa.Table
    dispositions: pa.Table
    snapshot: pa.Table
    counts: UnitCounts
    is_whole: bool
    is_late: bool


def compare(
    mapped: Mapped, previous: Path | None, *, as_of: date, current_as_of: date | None, full: bool
) -> Difference:
    """Classify every record of ``mapped`` against the snapshot at ``previous`` (None at the first load).

    A delivery for a day before ``current_as_of`` supersedes nothing and ends nothing. A key whose record
    was rejected is known to exist, so it keeps its last content and is not ended.
    """
    kind = RECORD_TYPES[mapped.record]
    late = current_as_of is not None and as_of < current_as_of
    with _workbench(mapped, previous, kind) as bench:
        bench.execute(_classify(late=late), {"as_of": as_of})
        rejects = _with_reused_versions(mapped.rejects, bench)
        bench.register("rejected", rejects)
        ends = full and not late and not _has_unknown_keys(rejects)
        bench.execute(_ENDED if ends else _NOTHING_ENDED)
        bench.execute(_DISPOSITIONS)
        return Difference(
            changed=_arrow(bench, _CHANGED),
            ended=_arrow(bench, "SELECT source_key FROM ended ORDER BY source_key"),
            rejects=rejects,
            dispositions=_arrow(bench, "SELECT * FROM dispositions ORDER BY rec_no"),
            snapshot=_arrow(bench, _snapshot(kind)),
            counts=_counts(bench),
            is_whole=full and not late,
            is_late=late,
        )


def _workbench(mapped: Mapped, previous: Path | None, kind: RecordType) -> "duckdb.DuckDBPyConnection":
    import duckdb

    bench = duckdb.connect(config=_OFFLINE)
    bench.register("records", mapped.records)
    bench.execute(f"CREATE TABLE incoming AS SELECT *, {_hash(kind)} AS content_hash FROM records")
    if previous is None:
        bench.execute("CREATE TABLE previous AS SELECT *, NULL::DATE AS since FROM incoming WHERE false")
    else:
        bench.execute("CREATE VIEW previous AS SELECT * FROM read_parquet(?)".replace("?", f"'{previous}'"))
    return bench


def _hash(kind: RecordType) -> str:
    # unit and record separators keep (null, '') and ('a', 'b') apart from ('', null) and ('ab', '')
    parts = ", ".join(f"coalesce({name}::VARCHAR, chr(30))" for name in kind.content)
    return f"md5(concat_ws(chr(31), {parts}))"


def _classify(*, late: bool) -> str:
    newer = "false" if late else "i.source_version > p.source_version"
    unknown = "'superseded'" if late else "'merged'"
    return f"""
        CREATE TABLE classified AS
        SELECT
            i.*,
            p.content_hash AS old_hash,
            CASE
                WHEN p.source_key IS NULL THEN {unknown}
                WHEN i.content_hash = p.content_hash THEN 'unchanged'
                WHEN {newer} THEN 'merged'
                WHEN i.source_version = p.source_version THEN 'rejected'
                ELSE 'superseded'
            END AS kind,
            CASE WHEN i.content_hash = p.content_hash THEN p.since ELSE $as_of END AS since
        FROM incoming AS i
        LEFT JOIN previous AS p ON p.source_key = i.source_key
    """


_ENDED = """
    CREATE TABLE ended AS
    SELECT p.source_key
    FROM previous AS p
    ANTI JOIN incoming AS i ON i.source_key = p.source_key
    WHERE p.source_key NOT IN (SELECT source_key FROM rejected WHERE source_key IS NOT NULL)
"""
_NOTHING_ENDED = "CREATE TABLE ended AS SELECT NULL::VARCHAR AS source_key WHERE false"
_DISPOSITIONS = """
    CREATE TABLE dispositions AS
    SELECT __rec_no AS rec_no, source_key, kind FROM classified WHERE kind <> 'rejected'
    UNION ALL
    SELECT __rec_no, source_key, 'rejected' FROM rejected
"""
_CHANGED = """
    SELECT * EXCLUDE (old_hash, kind)
    FROM classified
    WHERE kind = 'merged'
    ORDER BY source_key
"""


def _snapshot(kind: RecordType) -> str:
    names = ", ".join(name for name in kind.schema.names if name != REC_NO)
    return f"""
        SELECT {names}, content_hash, since FROM classified WHERE kind IN ('merged', 'unchanged')
        UNION ALL
        SELECT {names}, content_hash, since FROM previous
        WHERE source_key NOT IN (SELECT source_key FROM classified WHERE kind IN ('merged', 'unchanged'))
          AND source_key NOT IN (SELECT source_key FROM ended)
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


def _has_unknown_keys(rejects: pa.Table) -> bool:
    return bool(rejects.column("source_key").null_count)


def _counts(bench: "duckdb.DuckDBPyConnection") -> UnitCounts:
    rows = bench.execute("SELECT kind, count(*) FROM dispositions GROUP BY kind").fetchall()
    (ended,) = bench.execute("SELECT count(*) FROM ended").fetchone() or (0,)
    by_kind = {str(kind): int(count) for kind, count in rows}
    return UnitCounts(records=sum(by_kind.values()), ended=int(ended), **by_kind)


def _arrow(bench: "duckdb.DuckDBPyConnection", query: str) -> pa.Table:
    table = bench.sql(query).to_arrow_table()
    fields = [
        pa.field(field.name, DAY_TIME) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
