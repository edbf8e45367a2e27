"""What a feed holds, as digests of 1,024 buckets of keys: two sides agree when all their buckets do.

A record's digest is SHA-256 over its key and the hash of its content; a bucket's is the sum of them modulo
2²⁵⁶, so that it knows no order and moves with each record that comes, changes or goes. Equal records do not
cancel out, as they would under XOR. The sum finds what is otherwise; where it does not agree the values
themselves are compared.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy as sa

from renkei.engine.workbench import workbench
from renkei.records import RecordType

if TYPE_CHECKING:
    import duckdb

    from renkei.snapshot import Snapshot

#: How many buckets a feed's keys fall into.
BUCKETS = 1024
_MODULUS = 1 << 256
_BYTES = 32
#: Parts of a digest as hexadecimal digits, first and how many; each fits a 64-bit number with its sign.
_LANES = ((1, 15), (16, 15), (31, 15), (46, 15), (61, 4))
#: A column of PostgreSQL as the text that DuckDB writes.
PLAIN_TEXT = ("SET LOCAL TimeZone = 'Asia/Tokyo'", "SET LOCAL DateStyle = 'ISO, YMD'")


@dataclass(frozen=True)
class Bucket:
    """How many records, and the sum of their digests."""

    records: int = 0
    digest: int = 0

    def __add__(self, other: "Bucket") -> "Bucket":
        return Bucket(self.records + other.records, (self.digest + other.digest) % _MODULUS)

    def __sub__(self, other: "Bucket") -> "Bucket":
        return Bucket(self.records - other.records, (self.digest - other.digest) % _MODULUS)


_EMPTY = Bucket()
#: Number of the bucket → what is in it; a bucket without records may be left out.
Buckets = Mapping[int, Bucket]


def differing(some: Buckets, others: Buckets) -> tuple[int, ...]:
    """Numbers of the buckets that are not the same on both sides."""
    numbers = sorted({*some, *others})
    return tuple(each for each in numbers if some.get(each, _EMPTY) != others.get(each, _EMPTY))


def records_of(some: Buckets) -> int:
    """How many records all of them have."""
    return sum(each.records for each in some.values())


def digest_of(some: Buckets) -> str:
    """One hash for all of them (hex)."""
    told = sha256()
    for number, each in sorted(some.items()):
        if each.records:
            told.update(number.to_bytes(2) + each.records.to_bytes(8) + each.digest.to_bytes(_BYTES))
    return told.hexdigest()


# counting ----------------------------------------------------------------------------------------


def of_state(state: "Snapshot") -> Buckets:
    """Of a feed's state in its files, by the content's hash that stands beside each record."""
    with workbench() as bench:
        return of_relation(bench, f"({state.rows(['source_key', 'content_hash'])})")


def of_relation(bench: "duckdb.DuckDBPyConnection", relation: str) -> Buckets:
    """Of a relation with ``source_key, content_hash`` on a workbench."""
    return _counted(bench.execute(_SUMS.format(relation=relation, sums=_sums(_IN_DUCKDB))).fetchall())


def bucket_of(key: str = "source_key") -> str:
    """In DuckDB, the bucket of a key."""
    return f"(('0x' || substr(md5({key}), 1, 3))::INTEGER >> 2)"


_IN_DUCKDB = "('0x' || substr(digest, {first}, {length}))::BIGINT"
_IN_POSTGRESQL = "('x' || substr(digest, {first}, {length}))::bit({bits})::bigint"
_SUMS = f"""
    SELECT bucket, count(*), {{sums}}
    FROM (
        SELECT {bucket_of()} AS bucket, sha256(source_key || chr(31) || content_hash) AS digest
        FROM {{relation}} AS rows
    ) AS told
    GROUP BY bucket
"""


def _sums(lane: str) -> str:
    return ", ".join(
        f"sum({lane.format(first=first, length=length, bits=4 * length)})" for first, length in _LANES
    )


def _counted(rows: Iterable[Sequence[Any]]) -> Buckets:
    return {int(row[0]): Bucket(int(row[1]), _whole(row[2:])) for row in rows}


def _whole(sums: Sequence[Any]) -> int:
    """Adding is linear: the sums of the parts, each at its place, are the sum of the whole."""
    shifts = (4 * (65 - first - length) for first, length in _LANES)
    return sum(int(part) << shift for part, shift in zip(sums, shifts, strict=True)) % _MODULUS


# in the registry ---------------------------------------------------------------------------------


def in_registry(connection: sa.Connection, kind: RecordType, *, feed: str) -> Buckets:
    """Of the feed's present records as the registry holds them, counted there from the values themselves."""
    _speak_plainly(connection)
    query = _IN_REGISTRY.format(table=kind.table, sums=_sums(_IN_POSTGRESQL), **_content(kind))
    return _counted(map(tuple, connection.execute(sa.text(query), {"feed": feed})))


def rows_in_registry(
    connection: sa.Connection, kind: RecordType, *, feed: str, buckets: Sequence[int]
) -> pa.Table:
    """The feed's present records in these buckets: its content and ``content_hash``, all as texts."""
    from renkei.bulk import copy_out

    _speak_plainly(connection)
    connection.execute(sa.text("SELECT set_config('verify.feed', :feed, true)"), {"feed": feed})
    names = [*kind.content, "content_hash"]
    texts = ", ".join(f'"{name}"::text' for name in names)
    wanted = ", ".join(map(str, sorted(buckets))) or "-1"
    query = f"""
        SELECT {texts}
        FROM {kind.table}
        WHERE feed = current_setting('verify.feed') AND known_to IS NULL AND NOT removed
          AND {_BUCKET_IN_POSTGRESQL} IN ({wanted})
        ORDER BY source_key
    """
    return copy_out(connection, query, pa.schema([(name, pa.string()) for name in names]))


def _speak_plainly(connection: sa.Connection) -> None:
    for each in PLAIN_TEXT:
        connection.exec_driver_sql(each)


def _content(kind: RecordType) -> dict[str, str]:
    """The text whose MD5 is a record's ``content_hash``, as :mod:`renkei.registry.difference` writes it."""
    parts = ", ".join(f"""'{name}=' || "{name}"::text""" for name in kind.content)
    filled = ", ".join(f'"{name}"' for name in kind.content)
    return {"told": f"concat_ws(chr(31), {parts})", "filled": f"num_nonnulls({filled})"}


_BUCKET_IN_POSTGRESQL = "(('x' || substr(md5(source_key), 1, 3))::bit(12)::integer >> 2)"
# A record whose own hash is not that of its values, or one of whose values holds what separates them, is
# marked: it agrees with nothing, so that its values are looked at. OFFSET 0: written once, and used often.
_IN_REGISTRY = f"""
    SELECT {_BUCKET_IN_POSTGRESQL} AS bucket, count(*), {{sums}}
    FROM (
        SELECT source_key,
            encode(sha256(convert_to(
                source_key || chr(31) || hash
                    || CASE WHEN hash = content_hash AND separators = filled - 1 THEN '' ELSE '!' END,
                'UTF8')), 'hex') AS digest
        FROM (
            SELECT source_key, content_hash, filled, md5(content) AS hash,
                length(content) - length(replace(content, chr(31), '')) AS separators
            FROM (
                SELECT source_key, content_hash, {{told}} AS content, {{filled}} AS filled
                FROM {{table}}
                WHERE feed = :feed AND known_to IS NULL AND NOT removed
                OFFSET 0
            ) AS told
            OFFSET 0
        ) AS hashed
        OFFSET 0
    ) AS digested
    GROUP BY bucket
"""


# kept beside the feed ----------------------------------------------------------------------------


def kept(connection: sa.Connection, feed: str) -> Buckets | None:
    """What the last load left; None of a feed that was last loaded before there were any."""
    rows = connection.execute(sa.text(_KEPT), {"feed": feed}).all()
    return {row.bucket: Bucket(row.records, int.from_bytes(row.digest)) for row in rows} or None


_KEPT = "SELECT bucket, records, digest FROM bucket WHERE feed = :feed"


def move(
    connection: sa.Connection, rows: pa.Table, *, feed: str, unit_id: int, state: Callable[[], "Snapshot"]
) -> str:
    """Keep what a load made of the feed's buckets; the digest of all of them.

    ``rows`` have ``source_key`` and the content's hash as it ``was`` and as it is ``now``, null where the
    key was not there or is gone. Only buckets of these keys are written. Of a feed without any the new
    ``state`` is counted whole.
    """
    before = kept(connection, feed)
    after = of_state(state()) if before is None else moved(before, rows)
    _keep(connection, feed, {each: after[each] for each in differing(before or {}, after)}, unit_id=unit_id)
    return digest_of(after)


def moved(before: Buckets, rows: pa.Table) -> Buckets:
    """Buckets after ``source_key, was, now`` of the records that are otherwise."""
    was, now = _of_moved(rows)
    return {
        **before,
        **{
            each: before.get(each, _EMPTY) - was.get(each, _EMPTY) + now.get(each, _EMPTY)
            for each in {*was, *now}
        },
    }


def _of_moved(rows: pa.Table) -> tuple[Buckets, Buckets]:
    if not rows.num_rows:
        return {}, {}
    with workbench() as bench:
        bench.register("moved", rows)
        chosen = "(SELECT source_key, {side} AS content_hash FROM moved WHERE {side} IS NOT NULL)"
        return (
            of_relation(bench, chosen.format(side='"was"')),
            of_relation(bench, chosen.format(side='"now"')),
        )


def _keep(connection: sa.Connection, feed: str, some: Buckets, *, unit_id: int) -> None:
    if not some:
        return
    asked = {
        "feed": feed,
        "unit_id": unit_id,
        "buckets": list(some),
        "records": [each.records for each in some.values()],
        "digests": [each.digest.to_bytes(_BYTES) for each in some.values()],
    }
    connection.execute(sa.text(_KEEP), asked)


_KEEP = """
    INSERT INTO bucket (feed, bucket, records, digest, unit_id)
    SELECT :feed, told.bucket, told.records, told.digest, :unit_id
    FROM unnest(CAST(:buckets AS smallint[]), CAST(:records AS bigint[]), CAST(:digests AS bytea[]))
        AS told (bucket, records, digest)
    ORDER BY told.bucket
    ON CONFLICT (feed, bucket) DO UPDATE
    SET records = excluded.records, digest = excluded.digest, unit_id = excluded.unit_id
"""
