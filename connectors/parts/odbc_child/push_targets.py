"""What differs between the databases that a push writes to: one small class each, the same questions to all.

Rows are first put into temporary tables that have the target's own column types, so that every comparison
and every cast is the target's own. A temporary table goes with its transaction or its connection.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from renkei.errors import FixDeclaration

from .dialects import Ask, Column, Source
from .links import asked
from .orders import fault_of

if TYPE_CHECKING:
    import arrow_odbc

#: Rows that are staged, judged and written in one go.
BLOCK = 5000


class Target(Protocol):
    """One kind of database as the target of pushes.

    ``lock`` keeps judged rows as they are until the end; ``refusing`` are numbers of its own faults by which
    it refuses a row, where the SQLSTATE does not say so.
    """

    lock: str
    refusing: frozenset[int]

    def begin(self, source: Source) -> Sequence[str]:
        """Statements that begin the transaction: it writes, and sees what others have committed."""
        ...

    def unique_keys(self, ask: Ask, source: Source, table: str) -> list[frozenset[str]]:
        """Every set of columns that the target itself keeps unique."""
        ...

    def stage(self, name: str, source: Source, columns: Mapping[str, Column]) -> str:
        """A temporary table: ``n``, and a column for each alias with the type of the target's column."""
        ...

    def fill(
        self, connection: "arrow_odbc.Connection", name: str, rows: pa.Table, types: Sequence[str]
    ) -> None:
        """Rows of texts into a temporary table; a text that does not fit its type is an error."""
        ...

    def load(
        self, connection: "arrow_odbc.Connection", source: Source, rows: pa.Table, types: Sequence[str]
    ) -> int:
        """Rows straight into the target, none of which may be there yet; how many it took."""
        ...

    def settled(self, name: str) -> Sequence[str]:
        """Statements for a temporary table once it is full."""
        ...

    def same(self, left: str, right: str, column: Column) -> str:
        """True where both are equal to the last bit, or both null."""
        ...

    def update(self, table: str, values: Mapping[str, str], joins: str, on: str, where: str) -> str:
        """An update of the target, alias ``t``, from the temporary tables."""
        ...

    def count(self, connection: "arrow_odbc.Connection", statement: str) -> int:
        """Run a statement; how many rows it wrote."""
        ...


class PostgreSQL:
    """Arrays of texts, unnested by the server: the driver sends rows one by one otherwise."""

    lock = "FOR UPDATE OF t"
    refusing = frozenset[int]()

    def begin(self, source: Source) -> Sequence[str]:  # noqa: ARG002 - the protocol's
        """In the first statement, for the session may be stricter.

        Every block is found by the key's index: a hash join would read the whole target for each.
        """
        return (
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE",
            "SET LOCAL enable_hashjoin = off",
            "SET LOCAL enable_mergejoin = off",
            # a moment that names no zone is Japan's, wherever the server stands
            "SET LOCAL timezone = 'Asia/Tokyo'",
        )

    def unique_keys(self, ask: Ask, source: Source, table: str) -> list[frozenset[str]]:  # noqa: ARG002 - the protocol's
        """Whole, valid and at once: no partial, no deferred one, none over an expression."""
        return _keys(ask(_PG_UNIQUE, [table]))

    def stage(self, name: str, source: Source, columns: Mapping[str, Column]) -> str:
        """Gone at the end of the transaction."""
        wanted = ", ".join(f"t.{column.quoted} AS {alias}" for alias, column in columns.items())
        return (
            f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS SELECT CAST(0 AS bigint) AS n, {wanted}"
            f" FROM {source.quoted} AS t WITH NO DATA"
        )

    def fill(
        self, connection: "arrow_odbc.Connection", name: str, rows: pa.Table, types: Sequence[str]
    ) -> None:
        """One array a column."""
        connection.execute(_unnested(name, rows, types), parameters=list(map(_array_literal, rows.columns)))

    def load(
        self, connection: "arrow_odbc.Connection", source: Source, rows: pa.Table, types: Sequence[str]
    ) -> int:
        """A row that is there already is passed over, without an error that the server would log."""
        reader = connection.read_arrow_batches(
            f"{_unnested(source.quoted, rows, types)} ON CONFLICT DO NOTHING RETURNING 1 AS written",
            batch_size=BLOCK,
            parameters=list(map(_array_literal, rows.columns)),
            fetch_concurrently=False,
        )
        return sum(batch.num_rows for batch in reader)

    def settled(self, name: str) -> Sequence[str]:
        """The planner knows nothing of a temporary table by itself."""
        return (f"CREATE INDEX ON {name} (n)", f"ANALYZE {name} (n)")

    def same(self, left: str, right: str, column: Column) -> str:
        """Texts byte by byte, whatever their collation calls equal."""
        if re.match(r"char|text|json|xml|citext|name", column.type):
            left, right = (f'CAST({side} AS text) COLLATE "C"' for side in (left, right))
        return f"{left} IS NOT DISTINCT FROM {right}"

    def update(self, table: str, values: Mapping[str, str], joins: str, on: str, where: str) -> str:
        """UPDATE … FROM."""
        sets = ", ".join(f"{name} = {value}" for name, value in values.items())
        return f"UPDATE {table} AS t SET {sets} FROM {joins} WHERE {on} AND {where}"

    def count(self, connection: "arrow_odbc.Connection", statement: str) -> int:
        """The server returns a row for each; of none the driver says HY010, for it has no answer to show."""
        import arrow_odbc

        try:
            reader = connection.read_arrow_batches(
                f"{statement} RETURNING 1 AS written", batch_size=BLOCK, fetch_concurrently=False
            )
        except arrow_odbc.Error as error:
            if fault_of(error).state == "HY010":
                return 0
            raise
        return sum(batch.num_rows for batch in reader)


class _InBulk:
    """Rows by arrow-odbc: as fast as LOAD DATA with MariaDB; with SQLite row by row, but over no network."""

    def fill(
        self,
        connection: "arrow_odbc.Connection",
        name: str,
        rows: pa.Table,
        types: Sequence[str],  # noqa: ARG002 - the protocol's
    ) -> None:
        """All of them, or an error."""
        connection.insert_into_table(rows.to_reader(BLOCK), name, BLOCK)

    def load(
        self,
        connection: "arrow_odbc.Connection",
        source: Source,
        rows: pa.Table,
        types: Sequence[str],  # noqa: ARG002 - the protocol's
    ) -> int:
        """All of them, or an error; a trigger that ignores a row is seen at the read-back."""
        connection.insert_into_table(rows.to_reader(BLOCK), source.quoted, BLOCK)
        return int(rows.num_rows)


class MariaDB(_InBulk):
    """Column-wise arrays, which this driver sends in one packet."""

    lock = "FOR UPDATE"
    # no default, cut off, NULL for a NOT NULL column, wrong type, no such row in a view
    refusing = frozenset({1364, 1265, 1263, 1411, 1369})

    def begin(self, source: Source) -> Sequence[str]:
        """Strict, or a value that does not fit would be bent until it does."""
        if not source.has_snapshot:
            problem = (
                f"{source.quoted}: its engine knows no transactions, so nothing can be pushed to it safely"
            )
            raise FixDeclaration("E_DECLARATION", problems=problem)
        return (
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
            "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION')",
        )

    def unique_keys(self, ask: Ask, source: Source, table: str) -> list[frozenset[str]]:  # noqa: ARG002 - the protocol's
        """Whole columns only: a key over the first letters finds another person."""
        schema, _, name = table.rpartition(".")
        return _keys(ask(_MARIADB_UNIQUE, [name, schema, schema]))

    def stage(self, name: str, source: Source, columns: Mapping[str, Column]) -> str:
        """The outer join makes every column nullable: a seen row may be all nulls."""
        wanted = ", ".join(f"t.{column.quoted} AS {alias}" for alias, column in columns.items())
        return (
            f"CREATE TEMPORARY TABLE {name} (n bigint NOT NULL PRIMARY KEY) SELECT o.n, {wanted}"
            f" FROM (SELECT 0 AS n) AS o LEFT JOIN {source.quoted} AS t ON FALSE LIMIT 0"
        )

    def settled(self, name: str) -> Sequence[str]:  # noqa: ARG002 - the protocol's
        """Its primary key is enough."""
        return ()

    def same(self, left: str, right: str, column: Column) -> str:  # noqa: ARG002 - the protocol's
        """The collation calls ア and あ equal; bytes do not."""
        return f"BINARY {left} <=> BINARY {right}"

    def update(self, table: str, values: Mapping[str, str], joins: str, on: str, where: str) -> str:
        """UPDATE … JOIN."""
        sets = ", ".join(f"t.{name} = {value}" for name, value in values.items())
        return f"UPDATE {table} AS t JOIN {joins} ON {on} SET {sets} WHERE {where}"

    def count(self, connection: "arrow_odbc.Connection", statement: str) -> int:
        """A row that a trigger left as it was does not count."""
        connection.execute(statement)
        return int(asked(connection)("SELECT ROW_COUNT() AS written", ())[0]["written"])


class SQLite(_InBulk):
    """One writer at a time; the file is ours from the first statement on."""

    lock = ""
    refusing = frozenset[int]()

    def begin(self, source: Source) -> Sequence[str]:
        """A statement that changes nothing takes the right to write."""
        name = source.columns[0].quoted
        return (f"UPDATE {source.quoted} SET {name} = {name} WHERE 1 = 0",)

    def unique_keys(self, ask: Ask, source: Source, table: str) -> list[frozenset[str]]:  # noqa: ARG002 - the protocol's
        """By the file's own list."""
        return _keys(ask(_SQLITE_UNIQUE, [table.rpartition(".")[2]]))

    def stage(self, name: str, source: Source, columns: Mapping[str, Column]) -> str:
        """Types become affinities, as they are in the target."""
        wanted = ", ".join(f"t.{column.quoted} AS {alias}" for alias, column in columns.items())
        return (
            f"CREATE TEMPORARY TABLE {name} AS SELECT 0 AS n, {wanted} FROM {source.quoted} AS t WHERE 1 = 0"
        )

    def settled(self, name: str) -> Sequence[str]:
        """Found by number."""
        return (f"CREATE INDEX temp.{name}_n ON {name} (n)",)

    def same(self, left: str, right: str, column: Column) -> str:  # noqa: ARG002 - the protocol's
        """Whatever the column's collation."""
        return f"{left} IS {right} COLLATE BINARY"

    def update(self, table: str, values: Mapping[str, str], joins: str, on: str, where: str) -> str:
        """UPDATE … FROM."""
        sets = ", ".join(f"{name} = {value}" for name, value in values.items())
        return f"UPDATE {table} AS t SET {sets} FROM {joins} WHERE {on} AND {where}"

    def count(self, connection: "arrow_odbc.Connection", statement: str) -> int:
        """Of the statement before."""
        connection.execute(statement)
        return int(asked(connection)("SELECT changes() AS written", ())[0]["written"])


_TARGETS: Mapping[str, Target] = {"postgresql": PostgreSQL(), "mariadb": MariaDB(), "sqlite": SQLite()}


def target_of(dialect: str, *, connection: str) -> Target:
    """How to push to a dialect; FixDeclaration where that was never tried on a real server."""
    if dialect not in _TARGETS:
        problem = (
            f"{connection}: pushing to {dialect} was never verified against a real server, so it is refused"
        )
        raise FixDeclaration("E_DECLARATION", problems=problem)
    return _TARGETS[dialect]


def _unnested(name: str, rows: pa.Table, types: Sequence[str]) -> str:
    """An INSERT of one array of texts a column. A cast with a length would shorten a text silently."""
    names = ", ".join(rows.column_names)
    casts = ", ".join(
        f"CAST(p.{column} AS {_without_length(kind)})"
        for column, kind in zip(rows.column_names, types, strict=True)
    )
    arrays = ", ".join(["CAST(? AS text[])"] * rows.num_columns)
    return f"INSERT INTO {name} ({names}) SELECT {casts} FROM unnest({arrays}) AS p ({names})"


def _without_length(kind: str) -> str:
    bare = re.sub(r"\([\d, ]+\)", "", kind)
    return {"character": "bpchar", "bit": "bit varying"}.get(bare, bare)


def _array_literal(column: pa.ChunkedArray) -> str:
    texts = column.cast(pa.string()).combine_chunks()
    escaped = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')
    quoted = pc.fill_null(pc.binary_join_element_wise('"', escaped, '"', ""), "NULL")
    whole = pa.ListArray.from_arrays(pa.array([0, len(quoted)], pa.int32()), quoted)
    return "{" + str(pc.binary_join(whole, ",")[0].as_py()) + "}"


def _keys(rows: Sequence[Mapping[str, str]]) -> list[frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["key_name"], set()).add(row["column_name"])
    return [frozenset(columns) for columns in found.values()]


_PG_UNIQUE = """
SELECT i.indexrelid::text AS key_name, a.attname::text AS column_name
FROM pg_index AS i
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
WHERE i.indrelid = to_regclass(?) AND i.indisunique AND i.indisvalid AND i.indimmediate
  AND i.indpred IS NULL AND i.indexprs IS NULL"""

_MARIADB_UNIQUE = """
SELECT CAST(s.index_name AS CHAR) AS key_name, CAST(s.column_name AS CHAR) AS column_name
FROM information_schema.statistics AS s
WHERE s.table_name = ? AND s.table_schema = CASE WHEN ? = '' THEN DATABASE() ELSE ? END
  AND s.non_unique = 0
  AND s.index_name NOT IN (
      SELECT p.index_name FROM information_schema.statistics AS p
      WHERE p.table_schema = s.table_schema AND p.table_name = s.table_name AND p.sub_part IS NOT NULL)"""

_SQLITE_UNIQUE = """
SELECT l.name AS key_name, i.name AS column_name
FROM pragma_index_list(?) AS l JOIN pragma_index_info(l.name) AS i
WHERE l."unique" = 1 AND l.partial = 0 AND i.name IS NOT NULL"""
