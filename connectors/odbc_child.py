"""The reading half of the ODBC connector: one order on standard input, one line of JSON as the answer.

A program of its own, started by ``odbc.py`` in its own process group, because a driver that waits on a dead
link listens to nothing but SIGKILL. It ends when its parent does. Nothing of a driver's text leaves it.
"""

import hashlib
import json
import os
import re
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from renkei.errors import FixDeclaration, RenkeiError, Stop, TryAgain
from renkei.failpoint import failpoint
from renkei.part import HashedFile, disk_errors

if TYPE_CHECKING:
    import arrow_odbc
    import pyodbc

#: What the parent asks for: plain JSON, see ``odbc.py``.
Order = Mapping[str, Any]

#: Rows of one block of the Arrow file. Part of the file's bytes: a change makes every delivery look new.
BLOCK = 20_000
#: Between the values of a row in the text that is hashed; and how many values PostgreSQL joins in one call.
_BETWEEN, _JOINED = "\x1f", 90
_FETCH_BYTES = 64 << 20
#: A text that must come back unchanged before a driver may be trusted with names.
_CANARY = "髙﨑𠮷田～－∥①㈱葛\U000e0101ｶﾞ"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the source: its name, and how it is ordered by, read, and hashed in full."""

    name: str
    quoted: str
    read: str
    full: str


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What one side holds: rows, the sum of the rows' hashes, and how many values each column has."""

    rows: int
    digest: int
    filled: tuple[int, ...]


def main() -> None:
    """Do the one order on standard input; the answer is one line of JSON. Ends with its parent."""
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    verbs: dict[str, Callable[[Order], dict[str, Any]]] = {"pull": _read, "test": _test}
    try:
        answer = verbs[order["verb"]](order)
    except RenkeiError as error:
        answer = {"error": type(error).__name__, "code": error.code, "facts": error.facts}
    except Exception as error:  # noqa: BLE001 - a driver's text may hold residents' data, so only its kind leaves
        facts = {"connection": order["connection"], "state": type(error).__name__}
        answer = {"error": "Stop", "code": "E_DRIVER", "facts": facts}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGKILL)


def _read(order: Order) -> dict[str, Any]:
    _reach(order)
    connection = _sign_in(order)
    with _driver_errors(order):
        snapshot = _snapshot(connection, order)
        source, columns = _columns(connection, order)
        stated = _stated(connection, source, columns)
        failpoint("snap.opened")
        counted, size, digest = _write(_rows(connection, source, columns, order), columns, order)
        _prove(stated, counted, columns, order)
        connection.rollback()
    return {"records": counted.rows, "bytes": size, "sha256": digest, "snapshot": snapshot}


def _reach(order: Order) -> None:
    """Knock without a credential, so that trying again can never lock an account."""
    address = (order["odbc"]["host"], int(order["odbc"]["port"]))
    try:
        socket.create_connection(address, timeout=5).close()
    except OSError:
        raise TryAgain("E_LINK_DOWN", connection=order["connection"]) from None


def _sign_in(order: Order) -> "arrow_odbc.Connection":
    import arrow_odbc

    text, user = _connection_string(order), order["odbc"]["user"]
    try:
        return arrow_odbc.connect(
            text, user=user, password=order["password"], login_timeout_sec=10, autocommit=False
        )
    except arrow_odbc.Error as error:
        raise _login_error(str(error), order) from None


def _connection_string(order: Order) -> str:
    odbc = order["odbc"]
    session = (
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        f"SET statement_timeout = {int(order['deadline'] * 1000)}",
        f"SET lock_timeout = {int(order['lock_wait'] * 1000)}",
        f"SET idle_in_transaction_session_timeout = {int(order['deadline'] * 1000)}",
    )
    # psqlODBC takes braces off these two values only; odbc.py refuses the others if they would need any
    return (
        f"Driver={_braced(odbc['driver'])};ConnSettings={_braced(';'.join(session))};"
        f"Servername={odbc['host']};Port={odbc['port']};Database={odbc['database']};SSLmode={odbc['sslmode']};"
        f"UseDeclareFetch=1;Fetch={BLOCK};"
    )


def _braced(value: str) -> str:
    return "{" + value.replace("}", "}}") + "}"


#: What libpq and a starting server say of a fault that passes. Anything else the server refused for a reason.
_PASSING_LOGIN = re.compile(
    r"refused|timeout expired|timed out|server closed the connection|could not (receive|send|translate)"
    r"|reset by peer|unreachable|SYSCALL|starting up|shutting down|in recovery mode"
    r"|too many (clients|connections)|remaining connection slots"
)


def _login_error(text: str, order: Order) -> RenkeiError:
    """The driver reports every failed login as 08001, so its text decides; in doubt it is a refusal."""
    name = order["connection"]
    if _state(text).startswith("IM"):
        return FixDeclaration("E_SOURCE_OBJECT", connection=name, object="driver", state=_state(text))
    if not _state(text).startswith("28") and _PASSING_LOGIN.search(text):
        return TryAgain("E_LINK_DOWN", connection=name)
    return Stop("E_AUTH", connection=name)


@contextmanager
def _driver_errors(order: Order) -> Iterator[None]:
    """SQLSTATE → what to do next. The driver's text stays here: it may quote a row."""
    import arrow_odbc

    try:
        yield
    except arrow_odbc.Error as error:
        raise _read_error(str(error), order) from None


def _read_error(text: str, order: Order) -> RenkeiError:
    state, name = _state(text), order["connection"]
    if state.startswith("28"):
        return Stop("E_AUTH", connection=name)
    if state == "57014":
        return TryAgain("E_PULL_DEADLINE", feed=order["feed"], seconds=order["deadline"])
    if state in {"40001", "40P01", "55P03"} or state.startswith("53"):
        return TryAgain("E_SOURCE_BUSY", connection=name, state=state)
    if state.startswith(("08", "57P")) or "server closed the connection" in text:
        return _lost(order)
    if state in {"42501", "42P01", "42703", "3F000"}:
        return FixDeclaration("E_SOURCE_OBJECT", connection=name, object=order["table"], state=state)
    return Stop("E_DRIVER", connection=name, state=state)


def _lost(order: Order) -> TryAgain:
    part = Path(order.get("part", os.devnull))
    return TryAgain("E_PULL_LOST", feed=order["feed"], bytes=part.stat().st_size if part.exists() else 0)


def _state(text: str) -> str:
    match = re.search(r"State: (\w{5})", text)
    return match[1] if match else "?????"


# one snapshot -------------------------------------------------------------------------------------


def _ask(
    connection: "arrow_odbc.Connection", query: str, parameters: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    reader = connection.read_arrow_batches(
        query, batch_size=2000, parameters=parameters, max_text_size=100_000, fetch_concurrently=False
    )
    return [row for batch in reader for row in batch.to_pylist()]


def _snapshot(connection: "arrow_odbc.Connection", order: Order) -> str:
    """Open the snapshot and see that it is one: a driver that forgot our settings must not go on."""
    (row,) = _ask(
        connection,
        "SELECT current_setting('transaction_isolation') || ' ' || current_setting('transaction_read_only')"
        " AS mode, pg_current_snapshot()::text AS snapshot",
    )
    if row["mode"] != "repeatable read on":
        raise Stop("E_DRIVER", connection=order["connection"], state=row["mode"])
    return str(row["snapshot"])


def _columns(connection: "arrow_odbc.Connection", order: Order) -> tuple[str, tuple[Column, ...]]:
    """The source's own quoted name, and every column it has: a new one must be seen, not overlooked."""
    rows = _ask(
        connection,
        "SELECT a.attrelid::regclass::text AS source, quote_ident(a.attname) AS quoted,"
        " a.attname::text AS name, t.typname::text AS type, t.typcategory::text AS category"
        " FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid"
        " WHERE a.attrelid = to_regclass(?) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        [order["table"]],
    )
    unknown = set(order["key"]) - {row["name"] for row in rows}
    if unknown:
        what = order["table"] if not rows else f"{order['table']} ({', '.join(sorted(unknown))})"
        raise FixDeclaration("E_SOURCE_OBJECT", connection=order["connection"], object=what, state="42P01")
    return rows[0]["source"], tuple(_column(row) for row in rows)


def _column(row: Mapping[str, str]) -> Column:
    name, quoted = row["name"], row["quoted"]
    if row["type"] in {"varchar", "bpchar", "text"}:
        return Column(name=name, quoted=quoted, read=quoted, full=quoted)
    full = f"{quoted}::text"
    # a short length keeps the driver's buffers small; were it ever too short, the checksum would differ
    short = row["category"] in "NDBT" or row["type"] == "uuid"
    return Column(name=name, quoted=quoted, read=f"{full}::varchar(200)" if short else full, full=full)


def _groups(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + _JOINED] for start in range(0, len(items), _JOINED)]


def _joined_in_sql(between: str, values: Sequence[str]) -> str:
    parts = [f"concat_ws({between}, {', '.join(group)})" for group in _groups(values)]
    return parts[0] if len(parts) == 1 else f"concat_ws({between}, {', '.join(parts)})"


def _stated(connection: "arrow_odbc.Connection", source: str, columns: Sequence[Column]) -> Totals:
    """Count and checksum, computed by the source over the snapshot that the rows will come from."""
    line = _joined_in_sql(r"E'\x1f'", [column.full for column in columns])
    filled = _joined_in_sql("','", [f"count({column.full})" for column in columns])
    (row,) = _ask(
        connection,
        f"SELECT count(*)::text AS rows, {filled} AS filled, coalesce(sum("
        f"('x' || left(md5(convert_to({line}, 'UTF8')), 15))::bit(60)::bigint), 0)::text AS digest"
        f" FROM {source}",
    )
    filled_of = tuple(int(count) for count in row["filled"].split(","))
    return Totals(rows=int(row["rows"]), digest=int(row["digest"]), filled=filled_of)


def _rows(
    connection: "arrow_odbc.Connection", source: str, columns: Sequence[Column], order: Order
) -> Iterator[pa.RecordBatch]:
    names = ", ".join(f"{column.read} AS c{number}" for number, column in enumerate(columns))
    quoted = {column.name: column.quoted for column in columns}
    by = ", ".join(f"s.{quoted[name]}" for name in order["key"])
    reader = connection.read_arrow_batches(
        f"SELECT {names} FROM {source} AS s ORDER BY {by}",
        batch_size=BLOCK, max_bytes_per_batch=_FETCH_BYTES, max_text_size=order["text_bytes"],
    )  # fmt: skip
    return iter(reader)


# rows to a file -----------------------------------------------------------------------------------


def _write(
    batches: Iterator[pa.RecordBatch], columns: Sequence[Column], order: Order
) -> tuple[Totals, int, str]:
    """Rows to the unfinished file and on to the disk; returns what was counted, the size and the hash."""
    schema = pa.schema([(column.name, pa.string()) for column in columns])
    part = Path(order["part"])
    with disk_errors(part), part.open("wb") as file:
        hashed = HashedFile(file)
        total = _write_blocks(_blocks(batches, schema), hashed)
        file.flush()
        failpoint("part.written")
        os.fsync(file.fileno())
        return total, file.tell(), hashed.sha256.hexdigest()


def _blocks(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Blocks of exactly BLOCK rows and a rest, however the driver cut them: equal rows, equal bytes."""
    held = schema.empty_table()
    for batch in batches:
        arrived = pa.Table.from_arrays(batch.columns, schema=schema)
        held = pa.concat_tables([held, arrived])
        while held.num_rows >= BLOCK:
            yield held.slice(0, BLOCK).combine_chunks()
            held = held.slice(BLOCK)
    yield held.combine_chunks()


def _write_blocks(blocks: Iterator[pa.Table], file: HashedFile) -> Totals:
    rows, digest, filled = 0, 0, [0]
    first = next(blocks)
    with pa.ipc.new_file(file, first.schema) as writer:
        filled = [0] * first.num_columns
        for block in chain((first,), blocks):
            writer.write_table(block)
            rows += block.num_rows
            digest += _digest(block)
            filled = [so_far + len(c) - c.null_count for so_far, c in zip(filled, block.columns, strict=True)]
            failpoint("pull.chunk")
    failpoint("pull.last")
    return Totals(rows=rows, digest=digest, filled=tuple(filled))


def _digest(block: pa.Table) -> int:
    """The sum over rows of the first 60 bits of the MD5 of the row's values, as the source computes it."""
    parts = [_join(group) for group in _groups(block.combine_chunks().columns)]
    lines = (parts[0] if len(parts) == 1 else _join(parts)).combine_chunks()
    if not len(lines):
        return 0
    _, offsets, data = lines.buffers()
    ends, text, md5 = memoryview(offsets).cast("i").tolist(), memoryview(data), hashlib.md5
    hashes = [
        md5(text[start:end], usedforsecurity=False).digest()
        for start, end in pairwise(ends[: len(lines) + 1])
    ]
    words = struct.unpack(f">{2 * len(lines)}Q", b"".join(hashes))
    return sum(word >> 4 for word in words[::2])


def _join(values: Sequence[pa.Array]) -> pa.Array:
    return pc.binary_join_element_wise(*values, _BETWEEN, null_handling="skip")


def _prove(stated: Totals, counted: Totals, columns: Sequence[Column], order: Order) -> None:
    """Nothing less, nothing more and nothing else than the source said it has."""
    if counted.rows != stated.rows:
        raise Stop("E_PULL_SHORT", feed=order["feed"], stated=stated.rows, counted=counted.rows)
    pairs = zip(columns, stated.filled, counted.filled, strict=True)
    differing = [column.name for column, there, here in pairs if there != here]
    if differing or counted.digest != stated.digest:
        raise Stop("E_PULL_CHECKSUM", feed=order["feed"], column=", ".join(differing) or "*")


# control statements by row ------------------------------------------------------------------------


def _row_connection(order: Order) -> "pyodbc.Connection":
    """The one place that makes a pyodbc connection: text is UTF-8 both ways, whatever the driver's default.

    Without these three lines Debian's MariaDB driver drops the last character of many names.
    """
    import pyodbc

    pyodbc.pooling = False
    odbc = order["odbc"]
    login = f"UID={odbc['user']};PWD={_braced(order['password'])};"
    made = pyodbc.connect(_connection_string(order) + login, autocommit=False, timeout=10)
    made.setencoding("utf-8", ctype=pyodbc.SQL_CHAR)
    made.setdecoding(pyodbc.SQL_CHAR, "utf-8", ctype=pyodbc.SQL_CHAR)
    made.setdecoding(pyodbc.SQL_WCHAR, "utf-8", ctype=pyodbc.SQL_CHAR)
    return made


def _test(order: Order) -> dict[str, Any]:
    import pyodbc

    _reach(order)
    try:
        connection = _row_connection(order)
    except pyodbc.Error as error:
        raise _login_error(f"State: {error.args[0]} {error.args[-1]}", order) from None
    row = connection.execute(
        "SELECT current_setting('server_version'), current_setting('transaction_isolation'),"
        " current_setting('transaction_read_only'), CAST(? AS varchar(200))",
        _CANARY,
    ).fetchone()
    if row[3] != _CANARY:
        raise Stop("E_PULL_CHECKSUM", feed=order["feed"], column="canary")
    driver = f"{connection.getinfo(pyodbc.SQL_DRIVER_NAME)} {connection.getinfo(pyodbc.SQL_DRIVER_VER)}"
    connection.close()
    return {"server": f"PostgreSQL {row[0]}", "driver": driver, "isolation": row[1], "read_only": row[2]}


if __name__ == "__main__":
    main()
