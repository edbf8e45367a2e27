"""Which keys two feeds do not share (キーの過不足): missing here, missing there, several times in one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from renkei.engine.workbench import workbench
from renkei.errors import FixDeclaration

if TYPE_CHECKING:
    import duckdb

    from renkei.snapshot import Snapshot

Set = Literal["missing_here", "missing_there", "duplicate_here", "duplicate_there"]
_SETS: Mapping[Set, str] = {
    "missing_here": "here = 0",
    "missing_there": "there = 0",
    "duplicate_here": "here > 1",
    "duplicate_there": "there > 1",
}
#: Records told of one key.
_RECORDS = 5


@dataclass(frozen=True)
class On:
    """A column here and the column there that it is compared with."""

    here: str
    there: str


@dataclass(frozen=True, kw_only=True)
class Named:
    """One key of a set, by records that have it (side and source key); ``values`` where they are wanted."""

    set: Set
    records: tuple[tuple[Literal["here", "there"], str], ...]
    values: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True)
class KeySets:
    """Counts of keys, but ``rows`` and ``keyless`` of records; by side in the order here, there.

    ``hidden`` says of each set how many keys nobody names, ``named`` has the first others of each.
    """

    rows: tuple[int, int]
    keyless: tuple[int, int]
    both: int
    counts: Mapping[Set, int]
    hidden: Mapping[Set, int]
    named: tuple[Named, ...]

    @property
    def agree(self) -> bool:
        """True when both sides have the same keys, each once."""
        return not any(self.counts.values())


#: Rows ``side, source_key`` and the keys of persons they are about → the same rows that may be named.
Shown = Callable[[pa.Table], pa.Table]


def key_sets(
    here: "Snapshot",
    there: "Snapshot",
    on: Sequence[On],
    *,
    persons: tuple[Sequence[str], Sequence[str]],
    shown: Shown,
    limit: int,
    scratch: Path | None = None,
    values: bool = False,
) -> KeySets:
    """Group the keys of both states once; what does not fit in memory goes to ``scratch``.

    ``persons`` are the columns that say whom a record is about, by side. FixDeclaration E_KEYS_COLUMN where
    a state lacks a column.
    """
    with workbench(temp=scratch, preserve_insertion_order=False) as bench:
        sides = (("here", here, [each.here for each in on]), ("there", there, [each.there for each in on]))
        for (side, state, columns), whose in zip(sides, persons, strict=True):
            _open(bench, side, state, columns, whose)
        bench.execute(_ODD.format(keys=_keys(len(on)), known=_known(len(on))))
        rows, keyless, once = _sizes(bench, len(on))
        count = _one(
            bench, "SELECT " + ", ".join(f"count(*) FILTER ({how})" for how in _SETS.values()) + " FROM odd"
        )
        shared = _one(
            bench, "SELECT count(*) FILTER (here > 0 AND there > 0), coalesce(sum(here), 0) FROM odd"
        )
        _tell_shown(bench, shown, len(on))
        hidden = _one(
            bench, "SELECT " + ", ".join(f"count(*) FILTER ({how})" for how in _SETS.values()) + " FROM odd"
            " SEMI JOIN veiled USING (n)",
        )  # fmt: skip
        return KeySets(
            rows=rows, keyless=keyless, both=once - shared[1] + shared[0],
            counts=dict(zip(_SETS, count, strict=True)), hidden=dict(zip(_SETS, hidden, strict=True)),
            named=tuple(
                each for name in _SETS for each in _named(bench, name, len(on), limit, values=values)
            ),
        )  # fmt: skip


def _open(
    bench: "duckdb.DuckDBPyConnection", side: str, state: "Snapshot", columns: Sequence[str],
    persons: Sequence[str],
) -> None:  # fmt: skip
    lacking = [name for name in columns if name not in state.names]
    if lacking:
        raise FixDeclaration("E_KEYS_COLUMN", columns=", ".join(lacking), side=side)
    keys = ", ".join(f'"{name}"::VARCHAR AS k{at}' for at, name in enumerate(columns))
    whose = [name for name in persons if name in state.names]
    people = "list_filter([" + ", ".join(f'"{name}"' for name in whose) + "], lambda one: one IS NOT NULL)"
    bench.execute(
        f"CREATE VIEW rows_{side} AS SELECT source_key, {keys}, {people} AS people FROM ({state.rows()})"
    )


def _keys(count: int) -> str:
    return ", ".join(f"k{at}" for at in range(count))


def _known(count: int) -> str:
    return " AND ".join(f"k{at} IS NOT NULL" for at in range(count))


#: Keys that are not exactly once on each side, numbered in their order.
_ODD = """
    CREATE TABLE odd AS
    SELECT row_number() OVER (ORDER BY {keys}) AS n, *
    FROM (
        SELECT {keys}, count(*) FILTER (is_here) AS here, count(*) FILTER (NOT is_here) AS there
        FROM (
            SELECT {keys}, true AS is_here FROM rows_here WHERE {known}
            UNION ALL
            SELECT {keys}, false FROM rows_there WHERE {known}
        )
        GROUP BY ALL
        HAVING here <> 1 OR there <> 1
    )
"""


def _sizes(bench: "duckdb.DuckDBPyConnection", count: int) -> tuple[tuple[int, int], tuple[int, int], int]:
    """Rows and rows without a key by side, and how many rows here have a key."""
    found = [
        _one(bench, f"SELECT count(*), count(*) FILTER ({_known(count)}) FROM rows_{side}")
        for side in ("here", "there")
    ]
    (here, keyed), (there, keyed_there) = found
    return (here, there), (here - keyed, there - keyed_there), keyed


def _one(bench: "duckdb.DuckDBPyConnection", query: str) -> tuple[int, ...]:
    return tuple(int(value) for value in bench.execute(query).fetchall()[0])


def _tell_shown(bench: "duckdb.DuckDBPyConnection", shown: Shown, count: int) -> None:
    """Tables ``who`` (of each key its records by side) and ``veiled``: keys that may not be named."""
    same = " AND ".join(f"r.k{at} = o.k{at}" for at in range(count))
    parts = [
        f"SELECT o.n, '{side}' AS side, r.source_key, r.people FROM odd AS o JOIN rows_{side} AS r ON {same}"
        for side in ("here", "there")
    ]
    bench.execute(f"CREATE TABLE who AS {' UNION ALL '.join(parts)}")
    whom = bench.sql("SELECT DISTINCT side, source_key, people FROM who").to_arrow_table()
    bench.register("nameable", shown(whom) if whom.num_rows else whom.select(["side", "source_key"]))
    bench.execute("""
        CREATE TABLE veiled AS
        SELECT DISTINCT n FROM who ANTI JOIN nameable USING (side, source_key)
    """)


def _named(
    bench: "duckdb.DuckDBPyConnection", name: Set, count: int, limit: int, *, values: bool
) -> list[Named]:
    query = f"""
        WITH first AS (
            SELECT * FROM odd ANTI JOIN veiled USING (n) WHERE {_SETS[name]} ORDER BY n LIMIT {int(limit)}
        )
        SELECT {_keys(count)}, list([side, source_key] ORDER BY side, source_key)[:{_RECORDS}] AS records
        FROM first JOIN who USING (n)
        GROUP BY n, {_keys(count)}
        ORDER BY n
    """
    return [
        Named(set=name, records=tuple(map(_pair, row[-1])), values=tuple(row[:-1]) if values else ())
        for row in bench.execute(query).fetchall()
    ]


def _pair(told: Sequence[Any]) -> tuple[Literal["here", "there"], str]:
    return ("here" if told[0] == "here" else "there", str(told[1]))
