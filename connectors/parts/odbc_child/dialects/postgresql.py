"""PostgreSQL through psqlODBC: verified with psqlODBC 13.02 and PostgreSQL 15 and 18."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from ..orders import Fault, Order
from . import Ask, Column, Dialect, Meaning, Source, braced

#: What libpq and a starting server say of a fault that passes. Anything else the server refused for a reason.
_PASSING_LOGIN = re.compile(
    r"refused|timeout expired|timed out|server closed the connection|could not (receive|send|translate)"
    r"|reset by peer|unreachable|SYSCALL|starting up|shutting down|in recovery mode"
    r"|too many (clients|connections)|remaining connection slots"
)
_LONGEST = 8 << 20
#: PostgreSQL takes no more than a hundred arguments in one call.
_JOINED = 90


class PostgreSQL(Dialect):
    """Repeatable read, read-only; limits as session settings; MD5 over UTF-8."""

    name = "postgresql"
    needs = ("host", "database", "user")
    defaults: Mapping[str, str] = {"driver": "PostgreSQL Unicode", "port": "5432"}
    is_verified = True
    proof: Literal["md5", "hex"] = "md5"
    now = "localtimestamp(6)::text"
    compares_rows = True
    is_by_row = False

    def connection_string(self, settings: Mapping[str, str], order: Order, *, writes: bool) -> str:
        """Session settings travel in it, so that they stand before the first statement."""
        session = "; ".join(self._settings(order, writes=writes))
        # psqlODBC takes braces off these two values only; settings_of refuses the others if they need any
        return (
            f"Driver={braced(settings['driver'])};ConnSettings={braced(session)};"
            f"Servername={settings['host']};Port={settings['port']};Database={settings['database']};"
            f"SSLmode={settings['sslmode']};UseDeclareFetch=1;Fetch=20000;"
            # a savepoint around each statement is of use to writers, and in the way of sharing a snapshot
            f"{'' if writes else 'Protocol=7.4-1;'}"
            f"MaxLongVarcharSize={_LONGEST};"
        )

    def _settings(self, order: Order, *, writes: bool) -> Sequence[str]:
        mode = "READ WRITE" if writes else "READ ONLY"
        deadline = int(order["deadline"] * 1000)
        return (
            f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, {mode}",
            f"SET statement_timeout = {deadline}",
            f"SET lock_timeout = {int(order['lock_wait'] * 1000)}",
            f"SET idle_in_transaction_session_timeout = {deadline}",
            # texts of values are compared with those of another day
            "SET DateStyle = 'ISO, YMD'",
            "SET IntervalStyle = 'postgres'",
            "SET bytea_output = 'hex'",
            "SET extra_float_digits = 1",
        )

    def session(self, order: Order, *, writes: bool) -> Sequence[str]:  # noqa: ARG002 - the protocol's
        """Nothing more: see ``connection_string``."""
        return ()

    def mode(self) -> tuple[str, str]:
        """A driver that forgot our settings must not go on."""
        query = (
            "SELECT current_setting('transaction_isolation') || ' ' ||"
            " current_setting('transaction_read_only') AS mode, pg_current_snapshot()::text AS snapshot"
        )
        return query, "repeatable read on"

    def share(self, ask: Ask) -> str | None:
        """By exporting it."""
        (row,) = ask("SELECT pg_export_snapshot()::text AS name", ())
        return f"SET TRANSACTION SNAPSHOT '{row['name']}'"

    def statement_limit(self, seconds: float) -> str | None:
        """A statement that takes longer ends with 57014."""
        return f"SET statement_timeout = {int(seconds * 1000)}"

    def chunk_bytes(self, ask: Ask) -> int:  # noqa: ARG002 - the protocol's
        """Larger answers are slower, not faster."""
        return _LONGEST

    def source(self, ask: Ask, table: str) -> Source | None:
        """Every column it has: a new one must be seen, not overlooked."""
        rows = ask(_COLUMNS, [table])
        if not rows:
            return None
        keyed = sorted((int(row["place"]), row["name"]) for row in rows if row["place"] != "0")
        columns = tuple(_column(row) for row in rows)
        return Source(quoted=rows[0]["source"], columns=columns, primary_key=tuple(name for _, name in keyed))

    def identity(self, ask: Ask) -> dict[str, str]:
        """The cluster, its timeline and how far its log has come; what this role may know of it."""
        (row,) = ask(_PLACE, ())
        found = {"place": row["place"]}
        if row["may_know"] == "1":
            (row,) = ask(_SYSTEM, ())
            found |= row
        return {name: value for name, value in found.items() if value}

    def is_behind(self, place: str, seen: str) -> bool:
        """Places are log sequence numbers such as 16/B374D848."""
        return _lsn(place) < _lsn(seen)

    def page(self, query: str, *, skip: int) -> str:
        """By limit and offset."""
        return f"{query} LIMIT 1 OFFSET {skip}"

    def gathered(self, line: str) -> str:
        """Of a subquery's rows in their order."""
        return rf"string_agg({line}, E'\n')"

    def joined(self, values: Sequence[str], between: str) -> str:
        """In groups, for a call takes a hundred arguments."""
        groups = [values[start : start + _JOINED] for start in range(0, len(values), _JOINED)]
        parts = [f"concat_ws({between}, {', '.join(group)})" for group in groups]
        return parts[0] if len(parts) == 1 else f"concat_ws({between}, {', '.join(parts)})"

    def character(self, code: int) -> str:
        """As an escape."""
        return rf"E'\x{code:02x}'"

    def in_bytes(self, text: str) -> str:
        """As it will be sent."""
        other = f"octet_length(convert_to({text}, 'UTF8'))"
        return f"CASE getdatabaseencoding() WHEN 'UTF8' THEN octet_length({text}) ELSE {other} END"

    def hashed(self, text: str) -> str:
        """Of UTF-8, whatever the database's encoding; a text that is UTF-8 is not checked once more."""
        other = f"md5(convert_to({text}, 'UTF8'))"
        # the length keeps the driver's buffer small: making room is slower than hashing
        return f"CASE getdatabaseencoding() WHEN 'UTF8' THEN md5({text}) ELSE {other} END::varchar(32)"

    def means(self, fault: Fault) -> Meaning:
        """By SQLSTATE."""
        state = fault.state
        if state in _MEANINGS:
            return _MEANINGS[state]
        if state.startswith(("08", "57P")) or "server closed the connection" in fault.text:
            return "lost"
        return _CLASSES.get(state[:2], "other")

    def is_passing_login(self, fault: Fault) -> bool:
        """The driver reports every failed login as 08001, so its text decides."""
        return not fault.state.startswith("28") and bool(_PASSING_LOGIN.search(fault.text))


_MEANINGS: dict[str, Meaning] = {
    "57014": "deadline", "40001": "busy", "40P01": "busy", "55P03": "busy",
    "42501": "object", "42P01": "object", "42703": "object", "3F000": "object",
    "42S02": "object", "42S22": "object",
}  # fmt: skip
_CLASSES: dict[str, Meaning] = {"28": "auth", "53": "busy", "23": "constraint", "22": "data"}

_COLUMNS = """
SELECT a.attrelid::regclass::text AS source, quote_ident(a.attname) AS quoted, a.attname::text AS name,
       t.typname::text AS type, t.typcategory::text AS category,
       format_type(a.atttypid, a.atttypmod)::text AS declared,
       CASE WHEN a.attnotnull THEN '1' ELSE '0' END AS filled,
       CASE WHEN a.atttypmod = -1 THEN '1' ELSE '0' END AS unbounded,
       coalesce(array_position(k.conkey, a.attnum), 0)::text AS place
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_constraint AS k ON k.conrelid = a.attrelid AND k.contype = 'p'
WHERE a.attrelid = to_regclass(?) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum"""

# on a standby there is no log of its own to be at the end of
_PLACE = """
SELECT coalesce(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                '0/0')::text AS place,
       CASE WHEN has_function_privilege('pg_control_system()', 'EXECUTE')
             AND has_function_privilege('pg_control_checkpoint()', 'EXECUTE')
            THEN '1' ELSE '0' END AS may_know"""

_SYSTEM = """
SELECT system_identifier::text AS system, (SELECT timeline_id FROM pg_control_checkpoint())::text AS timeline
FROM pg_control_system()"""


def _column(row: Mapping[str, str]) -> Column:
    kind, quoted = row["type"], row["quoted"]
    texts = {"varchar": quoted, "text": quoted, "bpchar": f"textin(bpcharout({quoted}))"}
    return Column(
        name=row["name"], quoted=quoted, type=row["declared"], text=texts.get(kind, f"{quoted}::text"),
        is_nullable=row["filled"] == "0",
        is_unbounded=row["unbounded"] == "1" and (row["category"] in "SU" or kind == "bytea"),
    )  # fmt: skip


def _lsn(text: str) -> int:
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low or "0", 16)


DIALECT = PostgreSQL()
