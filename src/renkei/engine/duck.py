"""The embedded engine: DuckDB in this process, within a memory limit, spilling to a folder of its own."""

import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa

from renkei.engine.workbench import workbench
from renkei.errors import FixDeclaration

_NAME = re.compile(r"_?[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
_PARAMETER = re.compile(r"\$([a-z][a-z0-9_]*)")
_BATCH_ROWS = 65_536


class DuckEngine:
    """One DuckDB database in a temporary folder, removed when the engine closes.

    Days are days of the municipality: instants become dates in ``Asia/Tokyo`` whatever the machine says.
    """

    def __init__(self, *, memory: str = "1GB", threads: int | None = None, temp: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="renkei-engine-", dir=temp)
        folder = Path(self._folder.name)
        self._duck = workbench(
            place=":memory:", memory=memory, temp=folder / "spill",
            preserve_insertion_order=False, **({} if threads is None else {"threads": threads}),
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back memory and disk; a second call changes nothing."""
        self._duck.close()
        self._folder.cleanup()

    def relation(self, name: str, parquet: Sequence[Path]) -> None:
        """Make Parquet files readable under a name, without copying them."""
        files = ", ".join("'" + str(place).replace("'", "''") + "'" for place in parquet)
        with _plainly():
            self._duck.execute(f"CREATE VIEW {self._place(name)} AS SELECT * FROM read_parquet([{files}])")

    def table(self, name: str, table: pa.Table) -> None:
        """Copy an Arrow table under a name."""
        place = self._place(name)
        self._duck.register("handed_over", table)
        try:
            self._duck.execute(f"CREATE TABLE {place} AS SELECT * FROM handed_over")
        finally:
            self._duck.unregister("handed_over")

    def derive(self, name: str, query: str, parameters: Mapping[str, object]) -> None:
        """Answer the query once and keep what it returned under a name."""
        statement = f"CREATE TABLE {self._place(name)} AS {query}"
        with _plainly():
            self._duck.execute(statement, _named(query, parameters))

    def drop(self, name: str) -> None:
        """Forget a table."""
        self._duck.execute(f"DROP TABLE {self._place(name)}")

    def sql(self, query: str, parameters: Mapping[str, object]) -> pa.RecordBatchReader:
        """Stream the answer of one SELECT; only the parameters that it names are bound."""
        with _plainly():
            answer = self._duck.sql(query, params=_named(query, parameters))
            reader: pa.RecordBatchReader = answer.to_arrow_reader(_BATCH_ROWS)
        return reader

    def rows(self, query: str, parameters: Mapping[str, object], *, within: float | None = None) -> pa.Table:
        """The whole answer of one SELECT; FixDeclaration E_QUERY_SLOW where it takes more seconds."""
        stop = threading.Timer(within, self._duck.interrupt) if within is not None else None
        if stop is not None:
            stop.daemon = True
            stop.start()
        try:
            with _plainly(seconds=within):
                return self.sql(query, parameters).read_all()
        finally:
            if stop is not None:
                stop.cancel()

    def seal(self) -> None:
        """From here on no query reaches a file or the network, nor changes a setting."""
        self._duck.execute("SET enable_external_access = false")
        self._duck.execute("SET lock_configuration = true")

    def _place(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a relation's name: {name!r}")
        schema, _, table = name.rpartition(".")
        if not schema:
            return f'"{table}"'
        self._duck.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        return f'"{schema}"."{table}"'


@contextmanager
def _plainly(*, seconds: float | None = None) -> Iterator[None]:
    """What went wrong by its kind alone: the engine's own words may hold the values that it stumbled over."""
    try:
        yield
    except duckdb.InterruptException:
        raise FixDeclaration("E_QUERY_SLOW", seconds=f"{seconds or 0:g}") from None
    except (duckdb.Error, pa.ArrowException) as wrong:
        kind = "Interrupt" if "INTERRUPT" in str(wrong)[:80] else type(wrong).__name__
        if kind == "Interrupt" and seconds is not None:
            raise FixDeclaration("E_QUERY_SLOW", seconds=f"{seconds:g}") from None
        raise FixDeclaration("E_QUERY", kind=kind) from None


def _named(query: str, parameters: Mapping[str, object]) -> dict[str, object]:
    """The parameters that the query names: DuckDB refuses any other."""
    return {name: parameters[name] for name in _PARAMETER.findall(query) if name in parameters}
