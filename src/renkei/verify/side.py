"""One side of a verification: its buckets, and the rows of those that have to be looked into."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from renkei.registry import buckets

if TYPE_CHECKING:
    import duckdb

    from renkei.snapshot import Snapshot

#: Before each value stands its length, so that no two records are written alike.
_VALUE = "coalesce(strlen({name}) || ':' || {name}, '-')"


@dataclass(frozen=True, kw_only=True)
class Side:
    """``rows(numbers)``: of the records in these buckets the source key and compared columns, as texts."""

    buckets: buckets.Buckets
    rows: Callable[[Sequence[int]], pa.Table]

    @property
    def records(self) -> int:
        """How many there are."""
        return buckets.records_of(self.buckets)


def of_state(
    bench: "duckdb.DuckDBPyConnection", state: "Snapshot", names: Sequence[str], *, held: buckets.Buckets
) -> Side:
    """A feed's state, whose buckets are counted already."""
    view = _as_texts(bench, "state", f"({state.rows()})", names, there=state.names)
    return Side(buckets=held, rows=lambda numbers: _rows(bench, view, names, numbers))


def with_hash(
    bench: "duckdb.DuckDBPyConnection",
    name: str,
    relation: str,
    names: Sequence[str],
    *,
    there: Iterable[str],
) -> str:
    """The view ``name`` of a relation whose ``content_hash`` is of these columns, for :func:`counted`."""
    texts = _as_texts(bench, f"{name}_texts", relation, names, there=there)
    values = ", ".join(_VALUE.format(name=f'"{each}"') for each in names) or "''"
    bench.execute(f"CREATE VIEW {name} AS SELECT *, md5(concat({values})) AS content_hash FROM {texts}")
    return name


def counted(bench: "duckdb.DuckDBPyConnection", view: str, names: Sequence[str]) -> Side:
    """A view with ``source_key, content_hash`` and the columns."""
    return Side(
        buckets=buckets.of_relation(bench, view), rows=lambda numbers: _rows(bench, view, names, numbers)
    )


def _as_texts(
    bench: "duckdb.DuckDBPyConnection",
    view: str,
    relation: str,
    names: Sequence[str],
    *,
    there: Iterable[str],
) -> str:
    known = set(there)
    texts = ", ".join(
        f'"{name}"::VARCHAR AS "{name}"' if name in known else f'NULL::VARCHAR AS "{name}"' for name in names
    )
    more = f", {texts}" if texts else ""
    bench.execute(f"CREATE VIEW {view} AS SELECT source_key{more} FROM {relation}")
    return view


def _rows(
    bench: "duckdb.DuckDBPyConnection", view: str, names: Sequence[str], numbers: Sequence[int]
) -> pa.Table:
    wanted = ", ".join(map(str, numbers)) or "-1"
    chosen = ", ".join(["source_key", *(f'"{name}"' for name in names)])
    return bench.sql(
        f"SELECT {chosen} FROM {view} WHERE {buckets.bucket_of()} IN ({wanted})"
    ).to_arrow_table()
