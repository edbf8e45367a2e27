"""The one place that makes a connection: text is UTF-8 both ways, whatever the driver's default."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from renkei.errors import FixDeclaration, RenkeiError, Stop, TryAgain

from .dialects import Ask, braced, dialect_of, settings_of
from .orders import Fault, Order, fault_of, lost

if TYPE_CHECKING:
    import arrow_odbc
    import pyodbc

#: Runs a query for one row, the last column of which is a long text; nothing when no row comes.
Answer = Callable[..., list[Any]]

#: How long a login may take.
LOGIN_SECONDS = 10


def row_connection(order: Order, *, writes: bool = False) -> "pyodbc.Connection":
    """Row by row, by pyodbc: catalogues, guarded writes, read-back. Read-only unless it ``writes``.

    Without the three lines of text settings Debian's MariaDB driver drops the last character of many names.
    """
    import pyodbc

    reach(order)
    dialect, settings = dialect_of(order), settings_of(order)
    pyodbc.pooling = False
    login = f"UID={settings['user']};PWD={braced(order['password'])};" if settings.get("user") else ""
    text = dialect.connection_string(settings, order, writes=writes) + login
    try:
        made = pyodbc.connect(text, autocommit=False, timeout=LOGIN_SECONDS)
    except pyodbc.Error as error:
        raise login_error(fault_of(error), order) from None
    made.setencoding("utf-8", ctype=pyodbc.SQL_CHAR)
    made.setdecoding(pyodbc.SQL_CHAR, "utf-8", ctype=pyodbc.SQL_CHAR)
    made.setdecoding(pyodbc.SQL_WCHAR, "utf-8", ctype=pyodbc.SQL_CHAR)
    with driver_errors(order):
        for statement in dialect.session(order, writes=writes):
            made.execute(statement)
    return made


def arrow_connection(order: Order, *, writes: bool = False) -> "arrow_odbc.Connection":
    """In bulk, by arrow-odbc. Read-only unless it ``writes``."""
    import arrow_odbc

    reach(order)
    dialect, settings = dialect_of(order), settings_of(order)
    login = {"user": settings["user"], "password": order["password"]} if settings.get("user") else {}
    text = dialect.connection_string(settings, order, writes=writes)
    try:
        made = arrow_odbc.connect(text, **login, login_timeout_sec=LOGIN_SECONDS, autocommit=False)
    except arrow_odbc.Error as error:
        raise login_error(fault_of(error), order) from None
    with driver_errors(order):
        for statement in dialect.session(order, writes=writes):
            made.execute(statement)
    return made


def asked(connection: "arrow_odbc.Connection") -> Ask:
    """Small questions on a bulk connection."""

    def ask(query: str, parameters: Sequence[str] = ()) -> list[dict[str, Any]]:
        reader = connection.read_arrow_batches(
            query, batch_size=100, parameters=list(parameters), max_text_size=10_000, fetch_concurrently=False
        )
        return [row for batch in reader for row in batch.to_pylist()]

    return ask


def asked_by_row(connection: "pyodbc.Connection") -> Ask:
    """Small questions on a row connection; every value as text."""

    def ask(query: str, parameters: Sequence[str] = ()) -> list[dict[str, Any]]:
        cursor = connection.execute(query, *parameters)
        names = [described[0] for described in cursor.description]
        texts = ([None if value is None else str(value) for value in row] for row in cursor.fetchall())
        return [dict(zip(names, row, strict=True)) for row in texts]

    return ask


def answered(connection: "arrow_odbc.Connection") -> Answer:
    """One row with a long text, of which nothing is copied on the way."""

    def answer(query: str, parameters: Sequence[str], *, room: int) -> list[Any]:
        reader = connection.read_arrow_batches(
            query, batch_size=1, parameters=list(parameters), max_bytes_per_batch=None, max_text_size=room,
            fetch_concurrently=False,
        )  # fmt: skip
        batches = [batch for batch in reader if batch.num_rows]
        if not batches:
            return []
        *told, text = (column[0] for column in batches[0].columns)
        return [*(value.as_py() for value in told), text.as_buffer()]

    return answer


def answered_by_row(connection: "pyodbc.Connection") -> Answer:
    """For drivers that tell no size of what they send: arrow-odbc has then no room for it."""

    def answer(query: str, parameters: Sequence[str], *, room: int) -> list[Any]:  # noqa: ARG001 - as above
        row = connection.execute(query, *parameters).fetchone()
        if row is None:
            return []
        *told, text = row
        return [*told, None if text is None else pa.py_buffer(text.encode())]

    return answer


def reach(order: Order) -> None:
    """Knock without a credential, so that trying again can never lock an account."""
    settings = settings_of(order)
    if "host" not in settings:
        return
    try:
        socket.create_connection((settings["host"], int(settings["port"])), timeout=5).close()
    except OSError:
        raise TryAgain("E_LINK_DOWN", connection=order["connection"]) from None


def login_error(fault: Fault, order: Order) -> RenkeiError:
    """In doubt a failed login is a refusal: it is never tried a second time."""
    name = order["connection"]
    if fault.state.startswith("IM"):
        return FixDeclaration("E_SOURCE_OBJECT", connection=name, object="driver", state=fault.state)
    if dialect_of(order).is_passing_login(fault):
        return TryAgain("E_LINK_DOWN", connection=name)
    return Stop("E_AUTH", connection=name)


@contextmanager
def driver_errors(order: Order) -> Iterator[None]:
    """SQLSTATE → what to do next, for either driver library. The driver's text stays here."""
    import arrow_odbc
    import pyodbc

    try:
        yield
    except (arrow_odbc.Error, pyodbc.Error) as error:
        raise error_of(fault_of(error), order) from None


def error_of(fault: Fault, order: Order) -> RenkeiError:
    """The error that a fault after signing in stands for."""
    name = order["connection"]
    meaning = dialect_of(order).means(fault)
    if meaning == "auth":
        return Stop("E_AUTH", connection=name)
    if meaning == "deadline":
        return TryAgain("E_PULL_DEADLINE", feed=order["feed"], seconds=order["deadline"])
    if meaning == "busy":
        return TryAgain("E_SOURCE_BUSY", connection=name, state=fault.state)
    if meaning == "lost":
        return lost(order)
    if meaning == "object":
        what = order.get("table") or "-"
        return FixDeclaration("E_SOURCE_OBJECT", connection=name, object=what, state=fault.state)
    return Stop("E_DRIVER", connection=name, state=fault.state)
