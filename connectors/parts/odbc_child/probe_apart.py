"""The part of the probe that may hang or crash: one task in a process of its own, killed when its time is up.

``python -m odbc_child.probe_apart`` reads an order with ``task`` on standard input and answers with one line.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .dialects import braced, dialect_of, settings_of
from .links import row_connection
from .orders import Order
from .probe_sql import SQL, Sql
from .probe_texts import compare, sweep

if TYPE_CHECKING:
    import arrow_odbc
    import pyodbc


def apart(order: Order, task: str, *, seconds: float) -> dict[str, Any] | None:
    """Run one task in another process; None when it did not end in time, or crashed."""
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "odbc_child.probe_apart"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        line, _ = child.communicate(json.dumps({**order, "task": task}).encode() + b"\n", timeout=seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.communicate()
        return None
    answer: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
    return answer


# texts, as a driver gives them --------------------------------------------------------------------


def read_by_row(connection: "pyodbc.Connection", sql: Sql, texts: Sequence[str]) -> list[object]:
    """Texts that the server makes out of hexadecimal digits, read by pyodbc."""
    return [
        row[1] for row in sorted(connection.execute(_made(sql, texts)).fetchall(), key=lambda row: row[0])
    ]


def write_by_row(connection: "pyodbc.Connection", sql: Sql, texts: Sequence[str]) -> list[object]:
    """Texts sent as parameters, and what the server says their bytes are."""
    echoes = ", ".join(f"{sql.echo} AS t{place}" for place in range(len(texts)))
    row = connection.execute(f"SELECT {echoes}", *texts).fetchone()
    return [bytes.fromhex(digits).decode("utf-8", "replace") for digits in row]


def read_bulk(connection: "arrow_odbc.Connection", sql: Sql, way: str, texts: Sequence[str]) -> list[object]:
    """Texts that the server makes, read by arrow-odbc in one of its two ways."""
    from arrow_odbc import TextEncoding

    reader = connection.read_arrow_batches(
        _made(sql, texts), batch_size=len(texts), max_text_size=400, payload_text_encoding=TextEncoding[way]
    )
    rows = [row for batch in reader for row in batch.to_pylist()]
    return [row["t"] for row in sorted(rows, key=lambda row: row["n"])]


def _made(sql: Sql, texts: Sequence[str]) -> str:
    parts = (
        f"SELECT {number} AS n, {sql.text.format(hex=text.encode().hex())} AS t"
        for number, text in enumerate(texts)
    )
    return " UNION ALL ".join(parts)


# tasks --------------------------------------------------------------------------------------------


def bare_rows(order: Order) -> dict[str, Any]:
    """The sweep without the text settings that our connections are given: what a naive program would get."""
    connection, sql, texts = _bare(order), SQL[dialect_of(order).name], sweep()
    read = compare(texts, lambda some: read_by_row(connection, sql, some), block=500)
    written = compare(texts, lambda some: write_by_row(connection, sql, some), block=20)
    return {"read": read.damaged, "written": written.damaged, "examples": read.examples or written.examples}


def _bare(order: Order, *, timeout: int = 5) -> "pyodbc.Connection":
    """pyodbc as it comes: only ever used to show what our own settings are for."""
    import pyodbc

    pyodbc.pooling = False
    settings, dialect = settings_of(order), dialect_of(order)
    login = f"UID={settings['user']};PWD={braced(order['password'])};" if settings.get("user") else ""
    text = dialect.connection_string(settings, order, writes=False)
    limited = re.sub(r"CONN_TIMEOUT=\d+", f"CONN_TIMEOUT={timeout}", text)
    return pyodbc.connect(limited + login, autocommit=False, timeout=timeout)


def login(order: Order) -> dict[str, Any]:
    """Sign in where nobody answers, with a time limit of two seconds; no real password is in it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = {**order["settings"], "host": "127.0.0.1", "port": str(silent.getsockname()[1])}
        nowhere = {**order, "settings": settings, "password": "none"}
        return _timed(lambda: _bare(nowhere, timeout=2))


def driver_limit(order: Order) -> dict[str, Any]:
    """A statement that takes too long, with the driver's own time limit of a second."""
    connection = row_connection(order)
    connection.timeout = 1
    return _timed(lambda: connection.execute(SQL[dialect_of(order).name].wait).fetchall())


def server_limit(order: Order) -> dict[str, Any]:
    """The same with the server's limit."""
    connection, dialect = row_connection(order), dialect_of(order)
    statement = dialect.statement_limit(1.0)
    if statement is None:
        return {"ended": False, "seconds": 0}
    connection.execute(statement)
    return _timed(lambda: connection.execute(SQL[dialect.name].wait).fetchall())


def cancel(order: Order) -> dict[str, Any]:
    """The same, asked to stop after half a second."""
    cursor = row_connection(order).cursor()
    threading.Timer(0.5, cursor.cancel).start()
    return _timed(lambda: cursor.execute(SQL[dialect_of(order).name].wait).fetchall())


def _timed(work: Callable[[], object]) -> dict[str, Any]:
    """``ended`` when an error came well before the work could have been done."""
    import pyodbc

    begun = time.monotonic()
    with suppress(pyodbc.Error):  # what was asked for
        work()
    seconds = time.monotonic() - begun
    return {"ended": seconds < _PATIENCE, "seconds": round(seconds, 1)}


#: Seconds after which nobody would say that a limit of one or two seconds was kept.
_PATIENCE = 3.0
TASKS: Mapping[str, Callable[[Order], dict[str, Any]]] = {
    task.__name__: task for task in (bare_rows, login, driver_limit, server_limit, cancel)
}


def main() -> None:
    """Do the one task; end with the process that asked."""
    order = json.loads(sys.stdin.buffer.readline())
    sys.stdout.write(json.dumps(TASKS[order["task"]](order)) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
