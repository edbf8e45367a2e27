"""One moment of the source, opened read-only, and proved to come from the server that we know."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from renkei.errors import FixDeclaration, RenkeiError, Stop, TryAgain

from .dialects import Ask, Column, Dialect, Source, dialect_of
from .links import (
    Answer,
    answered,
    answered_by_row,
    arrow_connection,
    asked,
    asked_by_row,
    driver_errors,
    row_connection,
)
from .orders import Order

#: Rows from which on more than one session reads.
_LONG = 100_000


class Link(Protocol):
    """A connection of either library."""

    def execute(self, query: str, /) -> object:
        """Run a statement."""
        ...

    def rollback(self) -> None:
        """Give up the transaction."""
        ...


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """An open snapshot of one table: every question asked through it sees the same rows."""

    order: Order
    dialect: Dialect
    ask: Ask
    answer: Answer
    source: Source
    keys: tuple[Column, ...]
    name: str
    now: str
    server: Mapping[str, str]

    def count(self) -> int:
        """How many rows the source says it has."""
        (row,) = self.ask(f"SELECT count(*) AS n FROM {self.source.quoted}", ())
        return int(row["n"])

    def others(self, rows: int) -> list["Snapshot"]:
        """More sessions that see this very moment, for a table so long that it pays; none where none can."""
        wanted = self.order["sessions"] - 1
        if rows < _LONG or wanted < 2:
            return []
        joins = self.dialect.share(self.ask)
        try:
            return [self._joined(joins) for _ in range(wanted)] if joins else []
        except TryAgain:  # the source has no room for more of us
            return []

    def _joined(self, joins: str) -> "Snapshot":
        connection, ask, answer = _link(self.dialect, self.order)
        connection.execute(joins)
        if _mode(self.dialect, ask, self.order) != self.name:
            raise Stop("E_DRIVER", connection=self.order["connection"], state="snapshot")
        return replace(self, ask=ask, answer=answer)

    def longest(self) -> dict[str, int]:
        """The longest value in bytes of each column that has no length of its own."""
        open_ended = [column for column in self.source.columns if column.is_unbounded]
        if not open_ended:
            return {}
        lengths = (
            f"max({self.dialect.in_bytes(column.text)}) AS c{number}"
            for number, column in enumerate(open_ended)
        )
        (row,) = self.ask(f"SELECT {', '.join(lengths)} FROM {self.source.quoted}", ())
        found = zip(open_ended, row.values(), strict=True)
        return {column.name: int(length or 0) for column, length in found}


@contextmanager
def opened(order: Order) -> Iterator[Snapshot]:
    """Sign in, ask who answers, then open the snapshot; it is given up at the end."""
    dialect = dialect_of(order)
    connection, ask, answer = _link(dialect, order)
    with driver_errors(order):
        # asked before the snapshot, so that a snapshot is never older than the place noted for it
        server = _identity(dialect, ask, connection)
        _refuse_stale(server, order, dialect)
        for statement in dialect.snapshot():
            connection.execute(statement)
        name = _mode(dialect, ask, order)
        source = _source(dialect, ask, order)
        (row,) = ask(f"SELECT {dialect.now} AS now" + (" FROM dual" if dialect.name == "oracle" else ""), ())
        keys = tuple(source.column(name) for name in order["key"])
        yield Snapshot(
            order=order, dialect=dialect, ask=ask, answer=answer, source=source, keys=keys, name=name,
            now=str(row["now"]), server=server,
        )  # fmt: skip
        connection.rollback()


def _link(dialect: Dialect, order: Order) -> tuple[Link, Ask, Answer]:
    """In bulk, unless the driver cannot."""
    if dialect.is_by_row:
        by_row = row_connection(order)
        return by_row, asked_by_row(by_row), answered_by_row(by_row)
    bulk = arrow_connection(order)
    return bulk, asked(bulk), answered(bulk)


def _identity(dialect: Dialect, ask: Ask, connection: Link) -> dict[str, str]:
    """Nothing where this account may not know it."""
    import arrow_odbc
    import pyodbc

    try:
        found = dialect.identity(ask)
    except (arrow_odbc.Error, pyodbc.Error):
        found = {}
    connection.rollback()
    return found


def _refuse_stale(server: Mapping[str, str], order: Order, dialect: Dialect) -> None:
    """A standby that lags, or another database altogether, must not answer for the one we know."""
    for seen in order.get("seen") or ():
        if differs(server, seen, "system"):
            raise _stale(order, seen=seen["system"], found=server["system"])
        if "place" in server and "place" in seen and dialect.is_behind(server["place"], seen["place"]):
            raise _stale(order, seen=seen["place"], found=server["place"])


def _stale(order: Order, *, seen: str, found: str) -> Stop:
    return Stop("E_STALE_SOURCE", connection=order["connection"], seen=seen, found=found)


def differs(server: Mapping[str, str], seen: Mapping[str, str], what: str) -> bool:
    """True when both say what they are, and not the same."""
    return what in server and what in seen and server[what] != seen[what]


def _mode(dialect: Dialect, ask: Ask, order: Order) -> str:
    """Open the snapshot and see that it is one: a driver that forgot our settings must not go on."""
    query, wanted = dialect.mode()
    (row,) = ask(query, ())
    if row["mode"] != wanted:
        raise Stop("E_DRIVER", connection=order["connection"], state=row["mode"])
    return str(row["snapshot"])


def _source(dialect: Dialect, ask: Ask, order: Order) -> Source:
    source = dialect.source(ask, order["table"])
    if source is None:
        raise _no_object(order, order["table"])
    known = {column.name for column in source.columns}
    unknown = sorted({name for name in _named(order) if name not in known})
    if unknown:
        raise _no_object(order, f"{order['table']} ({', '.join(unknown)})")
    return source


def _named(order: Order) -> Sequence[str]:
    delta: Mapping[str, Any] = order.get("delta") or {}
    return [*order["key"], *([delta["changed_at"]] if delta else [])]


def _no_object(order: Order, what: str) -> RenkeiError:
    return FixDeclaration("E_SOURCE_OBJECT", connection=order["connection"], object=what, state="42P01")
