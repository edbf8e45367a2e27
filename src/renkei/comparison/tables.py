"""Compares two tables out of core: hashes first, then only the rows and the fields that need it.

First pass: of each row three numbers: the hash of its key; the hash of its content, which is the XOR of one
hash for each field; and a sketch, a few bits for each field. Joining both sides (grouping them, where a key
repeats) leaves the keys that are not exactly once on each side with one hash, and the sketches say in which
fields their rows differ. Second pass: of these rows the real keys, and these fields alone. A sketch may miss
a field, but not for long: the differences found must add up to the difference of the two hashes. Where they
do not, every field is read. So what is held follows the differences, and what does not fit goes to
``scratch``.

The second pass compares keys and cells themselves, so that a chance agreement of hashes can only hide a
difference whose 64-bit hashes agree by accident: one in 2⁶⁴ for each pair of rows that differ. Hashes never
leave a run.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from renkei.comparison.hashes import Hashes, columns, quoted
from renkei.comparison.result import Counts, FieldCount
from renkei.engine.workbench import workbench
from renkei.errors import FixDeclaration

if TYPE_CHECKING:
    import duckdb

#: An Arrow table, or Parquet files (``.parquet`` or any other name), or an Arrow file (``.arrow``).
Table: TypeAlias = "pa.Table | Path | Sequence[Path]"

_BATCH_ROWS = 65_536
_SIDES = ("l", "r")


class Comparison:
    """What was found. Open as long as the block that :func:`compare` opened."""

    def __init__(
        self, bench: "duckdb.DuckDBPyConnection", *, keys: Sequence[str], counts: Counts,
        fields: tuple[FieldCount, ...],
    ) -> None:  # fmt: skip
        self._bench, self.keys = bench, tuple(keys)
        self.counts, self.fields = counts, fields
        self._cursors: list[duckdb.DuckDBPyConnection] = []

    def cells(self) -> pa.RecordBatchReader:
        """Every differing cell, by key: the key columns, ``field``, ``left``, ``right`` (texts, or null)."""
        return self._read(f"SELECT * FROM cells ORDER BY {columns(self.keys)}, field")

    def only(self, side: str) -> pa.RecordBatchReader:
        """The keys that only this side (``left`` or ``right``) has."""
        return self._read(f"SELECT * FROM only_{_side(side)} ORDER BY ALL")

    def repeated(self, side: str) -> pa.RecordBatchReader:
        """The keys that this side has more than once, and how often (``times``)."""
        return self._read(f"SELECT * FROM repeated_{_side(side)} ORDER BY ALL")

    def _read(self, query: str) -> pa.RecordBatchReader:
        # a cursor for each reading: several may be open at once
        cursor = self._bench.cursor()
        self._cursors.append(cursor)
        reader: pa.RecordBatchReader = cursor.sql(query).to_arrow_reader(_BATCH_ROWS)
        return reader

    def close(self) -> None:
        """End every reading."""
        for cursor in self._cursors:
            cursor.close()


@contextmanager
def compare(
    left: Table, right: Table, *, keys: Sequence[str], fields: Sequence[str] | None = None,
    scratch: Path | None = None, memory: str = "1GB", threads: int | None = None, samples: int = 10,
    same: Mapping[str, str] | None = None,
) -> Iterator[Comparison]:  # fmt: skip
    """Compare two tables by ``keys``; ``fields`` are all other columns unless given.

    Columns of one name must have one type (whole numbers of any width count as one), else
    ``E_COMPARE_COLUMNS``. Two missing values are equal. A row that lacks a part of its key is *keyless*.
    ``same``: field → a condition in SQL over ``l`` and ``r``, its two cells, under which they count as
    equal although they differ.
    """
    settings: dict[str, bool | int] = {"preserve_insertion_order": False}
    if threads is not None:
        settings["threads"] = threads
    bench = workbench(place=":memory:", temp=scratch, memory=memory, **settings)
    try:
        for side, table in zip(_SIDES, (left, right), strict=True):
            _open(bench, side, table)
        compared = tuple(fields) if fields is not None else _shared(bench, keys)
        _refuse_odd_columns(bench, (*keys, *compared), keys=keys)
        hashes = Hashes(keys=tuple(keys), fields=compared, widened=_widened(bench, keys, compared))
        whole = _suspects(bench, hashes)
        differing = _paired(bench, hashes)
        _cells(bench, keys, differing, same or {})
        counts = _counts(bench, whole)
        named = _fields(bench, compared, keys, samples)
        with closing(Comparison(bench, keys=keys, counts=counts, fields=named)) as found:
            yield found
    finally:
        bench.close()


def _open(bench: "duckdb.DuckDBPyConnection", side: str, table: Table) -> None:
    """The side's view ``given_l`` or ``given_r``; nothing is copied."""
    if isinstance(table, pa.Table):
        bench.register(f"given_{side}", table)
        return
    places = [table] if isinstance(table, Path) else list(table)
    if all(place.suffix == ".arrow" for place in places):
        import pyarrow.dataset as ds

        bench.register(f"given_{side}", ds.dataset([str(place) for place in places], format="ipc"))
        return
    files = ", ".join("'" + str(place).replace("'", "''") + "'" for place in places)
    bench.execute(f"CREATE VIEW given_{side} AS SELECT * FROM read_parquet([{files}])")


def _types(bench: "duckdb.DuckDBPyConnection", side: str) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in bench.execute(f"DESCRIBE given_{side}").fetchall()}


def _shared(bench: "duckdb.DuckDBPyConnection", keys: Sequence[str]) -> tuple[str, ...]:
    """Every column but the keys, of both sides: one that is missing is refused afterwards."""
    names = {**_types(bench, "l"), **_types(bench, "r")}
    return tuple(name for name in names if name not in keys)


_WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})


#: Columns of what is told beside the keys, so no key may have these names.
_TOLD = frozenset({"field", "left", "right", "times"})


def _refuse_odd_columns(
    bench: "duckdb.DuckDBPyConnection", names: Sequence[str], *, keys: Sequence[str]
) -> None:
    left, right = _types(bench, "l"), _types(bench, "r")
    odd = [
        f"{name}: {left.get(name, '-')} / {right.get(name, '-')}"
        for name in names
        if left.get(name) != right.get(name) and not {left.get(name), right.get(name)} <= _WHOLE
    ]
    absent = [f"{name}: - / -" for name in names if name not in left and name not in right]
    misused = sorted({name for name in names if names.count(name) > 1} | (_TOLD & set(keys)))
    if odd or absent or misused or not keys:
        raise FixDeclaration("E_COMPARE_COLUMNS", columns="; ".join([*odd, *absent, *misused]) or "-")


def _widened(
    bench: "duckdb.DuckDBPyConnection", keys: Sequence[str], fields: Sequence[str]
) -> frozenset[str]:
    """Columns of whole numbers of two widths."""
    left, right = _types(bench, "l"), _types(bench, "r")
    return frozenset(name for name in (*keys, *fields) if left[name] != right[name])


def _suspects(bench: "duckdb.DuckDBPyConnection", hashes: Hashes) -> dict[str, int]:
    """Keys, by hash, that are not once on each side with one content; returns the counts of the pass.

    A join is the cheapest way where no key repeats; where one does, grouping finds which.
    """
    counts = {}
    for side in _SIDES:
        bench.execute(f"""
            CREATE TABLE hashes_{side} AS
            SELECT {hashes.key()} AS k, {hashes.content()} AS h, {hashes.sketch()} AS g
            FROM given_{side}
            WHERE {_has_key(hashes.keys)}
        """)
        query = f"SELECT (SELECT count(*) FROM given_{side}), (SELECT count(*) FROM hashes_{side})"
        every, with_key = bench.execute(query).fetchall()[0]
        counts[f"rows_{side}"], counts[f"keyless_{side}"] = int(every), int(every) - int(with_key)
    # pairs of keys that repeat on both sides would multiply: one side must be known to be without
    rows, distinct = bench.execute("SELECT count(*), count(DISTINCT k) FROM hashes_r").fetchall()[0]
    is_paired = rows == distinct and _joined(bench, counts)
    if not is_paired:
        bench.execute(_GROUPED)
    bench.execute("DROP TABLE hashes_l")
    bench.execute("DROP TABLE hashes_r")
    return counts


def _joined(bench: "duckdb.DuckDBPyConnection", counts: Mapping[str, int]) -> bool:
    """Join the hashes; False, and nothing is left, where a key of the left repeats."""
    bench.execute(_JOINED)
    pairs, *alone = map(int, bench.execute(_PAIRS).fetchall()[0])
    met = {side: counts[f"rows_{side}"] - counts[f"keyless_{side}"] for side in _SIDES}
    if all(met[side] - lone == pairs for side, lone in zip(_SIDES, alone, strict=True)):
        return True
    bench.execute("DROP TABLE suspects")
    return False


# equal pairs are one group, without a key: what is kept follows the differences
_JOINED = """
    CREATE TABLE suspects AS
    SELECT
        CASE WHEN l.h = r.h THEN NULL ELSE coalesce(l.k, r.k) END AS k,
        count(*) FILTER (WHERE l.k IS NOT NULL AND r.k IS NOT NULL) AS pairs,
        count(*) FILTER (WHERE r.k IS NULL) AS only_l,
        count(*) FILTER (WHERE l.k IS NULL) AS only_r,
        any_value(xor(l.h, r.h)) AS difference,
        bit_or(xor(l.g, r.g)) AS sketch
    FROM hashes_l AS l
    FULL JOIN hashes_r AS r ON l.k = r.k
    GROUP BY 1
"""
_PAIRS = "SELECT coalesce(sum(pairs), 0), coalesce(sum(only_l), 0), coalesce(sum(only_r), 0) FROM suspects"
# bit_xor of two equal hashes is nought; the sum of signs tells one on each side from two on one
_GROUPED = """
    CREATE TABLE suspects AS
    SELECT
        k,
        CASE WHEN count(*) = 2 AND sum(side) = 0 THEN bit_xor(h) END AS difference,
        CASE WHEN count(*) = 2 AND sum(side) = 0 THEN bit_xor(g) END AS sketch
    FROM (SELECT k, h, g, 1 AS side FROM hashes_l UNION ALL SELECT k, h, g, -1 AS side FROM hashes_r)
    GROUP BY k
    HAVING count(*) <> 2 OR sum(side) <> 0 OR bit_xor(h) <> 0
"""


def _has_key(keys: Sequence[str]) -> str:
    return " AND ".join(f"{quoted(name)} IS NOT NULL" for name in keys)


def _paired(bench: "duckdb.DuckDBPyConnection", hashes: Hashes) -> tuple[str, ...]:
    """The fields in which a pair may differ, with their pairs; all of them where the sketches missed one."""
    [(told,)] = bench.execute("SELECT coalesce(bit_or(sketch), 0) FROM suspects").fetchall()
    fields = hashes.told(int(told))
    _pair(bench, hashes, fields)
    if fields == hashes.fields or not _unexplained(bench, hashes, fields):
        return fields
    for table in ("rows_l", "rows_r", "repeated_l", "repeated_r", "unclear", "only_l", "only_r", "pairs"):
        bench.execute(f"DROP TABLE {table}")
    _pair(bench, hashes, hashes.fields)
    return hashes.fields


def _unexplained(bench: "duckdb.DuckDBPyConnection", hashes: Hashes, fields: Sequence[str]) -> bool:
    """True where a pair's hashes differ by more than these fields do, or where keys share a hash."""
    query = f"""
        SELECT count(*)
        FROM pairs AS p
        JOIN suspects AS s ON s.k = {hashes.key()}
        WHERE s.difference IS DISTINCT FROM {hashes.difference(fields)}
    """
    return bool(bench.execute(query).fetchall()[0][0])


def _pair(bench: "duckdb.DuckDBPyConnection", hashes: Hashes, fields: Sequence[str]) -> None:
    """The suspects' rows themselves: what repeats, what stands alone, and the pairs that differ."""
    keys, key, listed = hashes.keys, hashes.key(), columns(hashes.keys)
    for side in _SIDES:
        bench.execute(f"""
            CREATE TABLE rows_{side} AS
            SELECT {columns((*keys, *fields))}
            FROM given_{side}
            WHERE {key} IN (SELECT k FROM suspects WHERE k IS NOT NULL) AND {_has_key(keys)}
        """)
        bench.execute(f"""
            CREATE TABLE repeated_{side} AS
            SELECT {listed}, count(*) AS times
            FROM rows_{side}
            GROUP BY {listed}
            HAVING count(*) > 1
        """)
    bench.execute(f"""
        CREATE TABLE unclear AS
        SELECT {listed} FROM repeated_l UNION SELECT {listed} FROM repeated_r
    """)
    for side, other in (_SIDES, _SIDES[::-1]):
        bench.execute(f"""
            CREATE TABLE only_{side} AS
            SELECT {listed} FROM rows_{side} AS a
            ANTI JOIN rows_{other} AS b USING ({listed})
            ANTI JOIN unclear AS u USING ({listed})
        """)
    values = ", ".join(
        f"l.{quoted(name)} AS l{at}, r.{quoted(name)} AS r{at}" for at, name in enumerate(fields)
    )
    more = f", {values}" if fields else ""
    bench.execute(f"""
        CREATE TABLE pairs AS
        SELECT {", ".join(f"l.{quoted(name)}" for name in keys)}{more}
        FROM rows_l AS l
        JOIN rows_r AS r USING ({listed})
        ANTI JOIN unclear AS u USING ({listed})
    """)


def _cells(
    bench: "duckdb.DuckDBPyConnection", keys: Sequence[str], fields: Sequence[str], same: Mapping[str, str]
) -> None:
    listed = columns(keys)
    nothing = f"SELECT {listed}, '' AS field, '' AS \"left\", '' AS \"right\" FROM rows_l WHERE false"
    parts = [nothing, *(
        f"SELECT {listed}, '{name.replace(chr(39), chr(39) * 2)}', l::VARCHAR, r::VARCHAR"
        f" FROM (SELECT {listed}, l{at} AS l, r{at} AS r FROM pairs)"
        f" WHERE l IS DISTINCT FROM r" + (f" AND NOT coalesce({same[name]}, false)" if name in same else "")
        for at, name in enumerate(fields)
    )]  # fmt: skip
    bench.execute(f"CREATE TABLE cells AS {' UNION ALL '.join(parts)}")
    bench.execute(f"CREATE TABLE differing AS SELECT DISTINCT {listed} FROM cells")


def _counts(bench: "duckdb.DuckDBPyConnection", whole: Mapping[str, int]) -> Counts:
    number = {
        name: int(bench.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0])
        for name in ("only_l", "only_r", "repeated_l", "repeated_r", "differing", "cells")
    }
    unclear = {side: _unclear(bench, side) for side in _SIDES}
    both = whole["rows_l"] - whole["keyless_l"] - number["only_l"] - unclear["l"]
    assert both == whole["rows_r"] - whole["keyless_r"] - number["only_r"] - unclear["r"]
    return Counts(
        left_rows=whole["rows_l"], right_rows=whole["rows_r"],
        left_keyless=whole["keyless_l"], right_keyless=whole["keyless_r"],
        left_only=number["only_l"], right_only=number["only_r"],
        left_repeated=number["repeated_l"], right_repeated=number["repeated_r"],
        left_unclear=unclear["l"], right_unclear=unclear["r"],
        both=both, equal=both - number["differing"], differing=number["differing"], cells=number["cells"],
    )  # fmt: skip


def _unclear(bench: "duckdb.DuckDBPyConnection", side: str) -> int:
    names = [row[0] for row in bench.execute("DESCRIBE unclear").fetchall()]
    query = f"SELECT count(*) FROM rows_{side} SEMI JOIN unclear USING ({columns(names)})"
    return int(bench.execute(query).fetchall()[0][0])


def _fields(
    bench: "duckdb.DuckDBPyConnection", names: Sequence[str], keys: Sequence[str], samples: int
) -> tuple[FieldCount, ...]:
    found = bench.execute("SELECT field, count(*) FROM cells GROUP BY field").fetchall()
    differing = {str(name): int(count) for name, count in found}
    return tuple(
        FieldCount(
            name=name,
            differing=differing.get(name, 0),
            samples=_samples(bench, name, keys, samples) if name in differing else (),
        )
        for name in names
    )


def _samples(
    bench: "duckdb.DuckDBPyConnection", name: str, keys: Sequence[str], samples: int
) -> tuple[tuple[object, ...], ...]:
    listed = columns(keys)
    query = f"SELECT {listed} FROM cells WHERE field = $field ORDER BY {listed} LIMIT $samples"
    found = bench.execute(query, {"field": name, "samples": samples}).fetchall()
    return tuple(map(tuple, found))


def _side(side: str) -> str:
    return {"left": "l", "right": "r"}[side]
