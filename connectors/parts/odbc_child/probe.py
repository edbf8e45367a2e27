"""The conformance probe: what this driver and this server do to what a city stores, asked and not assumed.

It sends expressions and parameters only; nothing is created, and the session is read-only throughout. A check
that may hang or crash runs in a process of its own. The answer has one text a check: the verdict (``right``,
``remedied``, ``wrong``, ``not_offered``) and its facts as ``name=value``.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from .dialects import Dialect, Source, dialect_of
from .links import arrow_connection, asked_by_row, driver_errors, row_connection
from .orders import Order, fault_of
from .probe_apart import apart, read_bulk, read_by_row, write_by_row
from .probe_sql import DAYS, DECIMALS, MOMENT, SQL, Sql
from .probe_texts import Damage, compare, sweep

if TYPE_CHECKING:
    import arrow_odbc
    import pyodbc

Verdict = Literal["right", "remedied", "wrong", "not_offered"]
_LONG, _MANY = 9000, 200_000
#: Seconds after which a process that should have ended long ago is killed, on a busy machine too.
_GENEROUS = 12


@dataclass(frozen=True, kw_only=True)
class Check:
    """What one check found."""

    verdict: Verdict
    facts: Mapping[str, object]

    def __str__(self) -> str:
        """One line, for a table and for a machine."""
        return " ".join([self.verdict, *(f"{name}={value}" for name, value in self.facts.items())])


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The system under probe, reached both ways as every pull and push reaches it."""

    order: Order
    row: "pyodbc.Connection"
    bulk: "arrow_odbc.Connection"
    sql: Sql


def probe(order: Order) -> dict[str, str]:
    """Every check, in the order in which they are shown; none for a dialect that was never verified."""
    if dialect_of(order).name not in SQL:
        return {name: str(Check(verdict="not_offered", facts={})) for name in (*_CHECKS, *_APART)}
    # once, before the others: a login that is refused many times locks the account
    row = row_connection(order)
    with ThreadPoolExecutor(max_workers=4) as pool:
        lonely = {name: pool.submit(check, order) for name, check in _APART.items()}
        found = _together(order, row)
        return {**found, **{name: str(waiting.result()) for name, waiting in lonely.items()}}


def _together(order: Order, row: "pyodbc.Connection") -> dict[str, str]:
    import pyodbc

    with driver_errors(order):
        found = {
            "driver": f"{row.getinfo(pyodbc.SQL_DRIVER_NAME)} {row.getinfo(pyodbc.SQL_DRIVER_VER)}",
            "server": f"{row.getinfo(pyodbc.SQL_DBMS_NAME)} {row.getinfo(pyodbc.SQL_DBMS_VER)}",
        }
        dialect = dialect_of(order)
        subject = Subject(order=order, row=row, bulk=arrow_connection(order), sql=SQL[dialect.name])
        for name, check in _CHECKS.items():
            found[name] = str(_tried(partial(check, subject), subject))
        row.close()
    return found


def _tried(check: Callable[[], Check], subject: Subject) -> Check:
    """A fault is a finding too; only its state is told."""
    import arrow_odbc
    import pyodbc

    try:
        return check()
    except (pyodbc.Error, arrow_odbc.Error) as error:
        return Check(verdict="wrong", facts={"state": fault_of(error).state})
    except (UnicodeError, ValueError, OverflowError) as error:
        return Check(verdict="wrong", facts={"kind": type(error).__name__})
    finally:
        subject.row.rollback()
        subject.bulk.rollback()


# texts --------------------------------------------------------------------------------------------


def _texts_by_row(subject: Subject) -> Check:
    """Read and written by pyodbc, without and with the settings that its connections are given."""
    texts = sweep()
    read = compare(texts, partial(read_by_row, subject.row, subject.sql), block=500)
    written = compare(texts, partial(write_by_row, subject.row, subject.sql), block=100)
    bare = apart(subject.order, "bare_rows", seconds=40) or {"read": "crashed", "written": "crashed"}
    return _compared(read, written, bare)


def _compared(read: Damage, written: Damage, bare: Mapping[str, Any]) -> Check:
    facts: dict[str, object] = {"texts": read.texts, "damaged_read": read.damaged}
    facts |= {"damaged_written": written.damaged}
    if read.damaged or written.damaged:
        return Check(verdict="wrong", facts={**facts, "such_as": read.examples + written.examples})
    if bare["read"] or bare["written"]:
        without = {"without_read": bare["read"], "without_written": bare["written"]}
        facts = {**facts, **without, "such_as": bare.get("examples", "-"), "setting": "utf-8"}
        return Check(verdict="remedied", facts=facts)
    return Check(verdict="right", facts=facts)


def _texts_in_bulk(subject: Subject) -> Check:
    """Read by arrow-odbc as UTF-8, and beside it as UTF-16, which is another way through the driver."""
    from arrow_odbc import TextEncoding

    ways = {way: partial(read_bulk, subject.bulk, subject.sql, way) for way in ("AUTO", "UTF16")}
    ours, other = (compare(sweep(), ways[way], block=500) for way in ways)
    facts: dict[str, object] = {"texts": ours.texts, "damaged_read": ours.damaged}
    if ours.damaged:
        return Check(verdict="wrong", facts={**facts, "such_as": ours.examples})
    if other.damaged:
        facts |= {"without_read": other.damaged, "such_as": other.examples, "setting": TextEncoding.UTF8.name}
        return Check(verdict="remedied", facts=facts)
    return Check(verdict="right", facts=facts)


def _long_text(subject: Subject) -> Check:
    """Nine thousand times 髙, both ways; a way that refuses such a text at least does not cut it."""
    import arrow_odbc

    text = subject.sql.times.format(text=subject.sql.text.format(hex="髙".encode().hex()), count=_LONG)
    query = f"SELECT {text} AS v"
    by_row = subject.row.execute(query).fetchone()[0]
    try:
        bulk = _in_bulk(subject, query)
    except arrow_odbc.Error:
        bulk = None
    facts = {"characters": _LONG, "pyodbc": len(by_row), "arrow": "refused" if bulk is None else len(bulk)}
    if by_row != "髙" * _LONG or bulk not in {None, by_row}:
        return Check(verdict="wrong", facts=facts)
    return Check(verdict="remedied" if bulk is None else "right", facts=facts)


def _empty(subject: Subject) -> Check:
    """NULL stays NULL and an empty text stays one."""
    nothing, empty = _both(subject, "SELECT NULL AS v"), _both(subject, "SELECT '' AS v")
    is_right = set(nothing.values()) == {None} and set(empty.values()) == {""}
    return Check(verdict="right" if is_right else "wrong", facts={})


def _trailing(subject: Subject) -> Check:
    """Half-width and full-width spaces at the end of a text."""
    text = "あ 　 "
    came = _both(subject, f"SELECT {subject.sql.text.format(hex=text.encode().hex())} AS v")
    return Check(verdict="right" if set(came.values()) == {text} else "wrong", facts={})


# numbers and moments ------------------------------------------------------------------------------


def _decimals(subject: Subject) -> Check:
    """Thirty-eight digits, and a negative amount with four decimals."""
    for size, value in DECIMALS.items():
        expression = subject.sql.decimal.format(value=value, size=size)
        for way, came in _both(subject, f"SELECT {expression} AS v").items():
            if not isinstance(came, Decimal | int | str) or Decimal(came) != Decimal(value):
                facts = {"size": size, "by": way, "came_as": type(came).__name__, "instead": "text"}
                return Check(verdict="wrong", facts=facts)
    return Check(verdict="right", facts={"sizes": " ".join(DECIMALS).replace(" ", "/")})


def _moments(subject: Subject) -> Check:
    """Microseconds, of a year before 1900."""
    came = _both(subject, f"SELECT {subject.sql.moment.format(value=MOMENT)} AS v")
    return _as_told(came, MOMENT)


def _days(subject: Subject) -> Check:
    """The first day of Meiji, and a year with a thousand."""
    checks = [
        _as_told(_both(subject, f"SELECT {subject.sql.day.format(value=day)} AS v"), day) for day in DAYS
    ]
    return next((check for check in checks if check.verdict != "right"), checks[0])


def _as_told(came: Mapping[str, object], told: str) -> Check:
    odd = {way: value for way, value in came.items() if str(value)[: len(told)] != told}
    kinds = "/".join(sorted({type(value).__name__ for value in came.values()}))
    return Check(verdict="wrong" if odd else "right", facts={"as": kinds, **dict.fromkeys(odd, "differs")})


def _both(subject: Subject, query: str) -> dict[str, Any]:
    """One value by pyodbc and by arrow-odbc."""
    return {"pyodbc": subject.row.execute(query).fetchone()[0], "arrow": _in_bulk(subject, query)}


def _in_bulk(subject: Subject, query: str) -> Any:  # noqa: ANN401 - whatever type a driver makes of it
    reader = subject.bulk.read_arrow_batches(query, batch_size=1, max_text_size=40_000)
    return next(value for batch in reader for value in batch.column(0).to_pylist())


# the session --------------------------------------------------------------------------------------


def _many_rows(subject: Subject) -> Check:
    """No row missing of a big read; a server without a generator of rows cannot be asked."""
    query = subject.sql.rows.format(rows=_MANY)
    reader = subject.bulk.read_arrow_batches(query, batch_size=20_000)
    bulk = sum(batch.num_rows for batch in reader)
    cursor = subject.row.execute(query)
    by_row = sum(len(rows) for rows in iter(partial(cursor.fetchmany, 20_000), []))
    facts = {"asked": _MANY, "pyodbc": by_row, "arrow": bulk}
    return Check(verdict="right" if bulk == by_row == _MANY else "wrong", facts=facts)


def _read_only(subject: Subject) -> Check:
    """An UPDATE of no row must be refused: by the transaction, or because we have no right to write."""
    statement = next(_harmless_updates(subject), None)
    if statement is None:
        return Check(verdict="not_offered", facts={"tables": 0})
    subject.row.rollback()
    for beginning in dialect_of(subject.order).snapshot():
        subject.row.execute(beginning)
    state = _state_of(subject, statement)
    if state is None:
        return Check(verdict="wrong", facts={"by": "nobody"})
    return Check(verdict="right", facts={"by": "rights" if state.startswith("42") else "transaction"})


def _harmless_updates(subject: Subject) -> Iterator[str]:
    """For each table that we may look at; a list of tables names others too."""
    dialect = dialect_of(subject.order)
    tables = [row for row in subject.row.cursor().tables(tableType="TABLE").fetchall() if _is_ours(row)]
    for row in tables:
        subject.row.rollback()
        source = _seen(subject, dialect, ".".join(filter(None, (row[1], row[2]))))
        if source is not None:
            name = source.columns[0].quoted
            yield f"UPDATE {source.quoted} SET {name} = {name} WHERE 1 = 0"


def _seen(subject: Subject, dialect: Dialect, table: str) -> Source | None:
    import pyodbc

    try:
        return dialect.source(asked_by_row(subject.row), table)
    except pyodbc.Error:
        return None


def _is_ours(row: Any) -> bool:  # noqa: ANN401 - a row of pyodbc
    return str(row[1] or "").lower() not in {"information_schema", "pg_catalog", "mysql", "sys"}


def _state_of(subject: Subject, statement: str) -> str | None:
    import pyodbc

    try:
        subject.row.execute(statement)
    except pyodbc.Error as error:
        return fault_of(error).state
    return None


# what may hang ------------------------------------------------------------------------------------


def _login_limit(order: Order) -> Check:
    """A port that is silent: the driver gives up by itself, or its process is killed."""
    if "host" not in order["settings"]:
        return Check(verdict="not_offered", facts={})
    return _limited(apart(order, "login", seconds=_GENEROUS), by="driver")


def _query_limit(order: Order) -> Check:
    """By the driver; else by the limit that every session sets at the server; else by killing the process."""
    found = apart(order, "driver_limit", seconds=5)
    if found and found["ended"]:
        return Check(verdict="right", facts={"by": "driver", "seconds": found["seconds"]})
    found = apart(order, "server_limit", seconds=_GENEROUS)
    if found and found["ended"]:
        return Check(verdict="remedied", facts={"by": "server", "seconds": found["seconds"]})
    return Check(verdict="remedied", facts={"by": "kill"})


def _cancelled(order: Order) -> Check:
    """Asked to stop, the driver does; else its process is killed."""
    return _limited(apart(order, "cancel", seconds=_GENEROUS), by="driver")


def _limited(found: Mapping[str, Any] | None, *, by: str) -> Check:
    if found and found["ended"]:
        return Check(verdict="right", facts={"by": by, "seconds": found["seconds"]})
    return Check(verdict="remedied", facts={"by": "kill"})


_CHECKS: Mapping[str, Callable[[Subject], Check]] = {
    "text_by_row": _texts_by_row,
    "text_in_bulk": _texts_in_bulk,
    "long_text": _long_text,
    "empty_text": _empty,
    "trailing_spaces": _trailing,
    "decimals": _decimals,
    "microseconds": _moments,
    "old_days": _days,
    "many_rows": _many_rows,
    "read_only": _read_only,
}
_APART: Mapping[str, Callable[[Order], Check]] = {
    "login_limit": _login_limit,
    "query_limit": _query_limit,
    "cancel": _cancelled,
}
