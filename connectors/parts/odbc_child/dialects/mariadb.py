"""MariaDB through MariaDB Connector/ODBC: verified with 3.1.15 and MariaDB 10.11."""

from collections.abc import Mapping, Sequence
from typing import Literal

from ..orders import Fault, Order
from . import Ask, Column, Dialect, Meaning, Source, braced

#: The server's own numbers for a link or a server that passes.
_AWAY = frozenset({2002, 2003, 2005, 2006, 2013, 1053, 1927, 4031})
_FULL = frozenset({1040, 1203, 1226})
#: An order that survives aggregation needs a limit, and this is none.
_ALL = 18_446_744_073_709_551_615


class MariaDB(Dialect):
    """One consistent snapshot, read-only; limits as session settings; MD5 over utf8mb4."""

    name = "mariadb"
    needs = ("host", "database", "user")
    defaults: Mapping[str, str] = {"driver": "MariaDB Unicode", "port": "3306"}
    is_verified = True
    proof: Literal["md5", "hex"] = "md5"
    now = "CAST(now(6) AS CHAR)"
    compares_rows = False
    is_by_row = False

    def connection_string(self, settings: Mapping[str, str], order: Order, *, writes: bool) -> str:  # noqa: ARG002
        """CHARSET decides whether 髙 survives; the driver knows no other time limit than CONN_TIMEOUT."""
        tls = {"disable": "", "require": "FORCETLS=1;"}.get(settings["sslmode"], "FORCETLS=1;SSLVERIFY=1;")
        authority = f"SSLCA={settings['sslrootcert']};" if settings.get("sslrootcert") else ""
        return (
            f"Driver={braced(settings['driver'])};Server={settings['host']};Port={settings['port']};"
            f"Database={settings['database']};CHARSET=utf8mb4;NO_CACHE=1;FORWARDONLY=1;CONN_TIMEOUT=10;"
            f"{tls}{authority}"
        )

    def session(self, order: Order, *, writes: bool) -> Sequence[str]:
        """Isolation and limits."""
        wait = max(1, round(order["lock_wait"]))
        return (
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            f"SET SESSION TRANSACTION {'READ WRITE' if writes else 'READ ONLY'}",
            f"SET SESSION max_statement_time = {order['deadline']}",
            f"SET SESSION innodb_lock_wait_timeout = {wait}, lock_wait_timeout = {wait}",
            "SET SESSION group_concat_max_len = 4294967295",
            # an implicit transaction of the driver would have begun with the first of these
            "COMMIT",
        )

    def snapshot(self) -> Sequence[str]:
        """The snapshot is of now, not of the first query."""
        return ("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",)

    def mode(self) -> tuple[str, str]:
        """A driver that forgot our settings must not go on."""
        query = (
            "SELECT CONCAT(@@tx_isolation, IF(@@tx_read_only, ' read-only ', ' '), @@in_transaction,"
            " ' ', @@character_set_results) AS mode, CAST(now(6) AS CHAR) AS snapshot"
        )
        return query, "REPEATABLE-READ read-only 1 utf8mb4"

    def statement_limit(self, seconds: float) -> str | None:
        """A statement that takes longer ends with 70100 (1969)."""
        return f"SET SESSION max_statement_time = {seconds}"

    def chunk_bytes(self, ask: Ask) -> int:
        """Half of a packet: a longer text would be cut without an error."""
        (row,) = ask("SELECT CAST(@@max_allowed_packet AS CHAR) AS packet", ())
        return min(8 << 20, int(row["packet"]) // 2)

    def quoted(self, name: str) -> str:
        """In backticks."""
        return "`" + name.replace("`", "``") + "`"

    def source(self, ask: Ask, table: str) -> Source | None:
        """As the information schema lists it: only what we may see."""
        schema, _, name = table.rpartition(".")
        rows = ask(_COLUMNS, [schema, name])
        if not rows:
            return None
        keyed = sorted((int(row["place"]), row["name"]) for row in rows if row["place"])
        engine = rows[0]["engine"]
        return Source(
            quoted=f"{self.quoted(rows[0]['in_schema'])}.{self.quoted(rows[0]['in_table'])}",
            columns=tuple(self._column(row) for row in rows),
            primary_key=tuple(name for _, name in keyed),
            has_snapshot=engine in {None, "", "InnoDB"},
        )

    def _column(self, row: Mapping[str, str]) -> Column:
        quoted, kind = self.quoted(row["name"]), row["type"]
        return Column(
            name=row["name"], quoted=quoted, type=_cast(row), text=_text(quoted, row),
            is_nullable=row["is_nullable"] == "YES", is_unbounded=kind in _LONG,
        )  # fmt: skip

    def identity(self, ask: Ask) -> dict[str, str]:
        """A replica that takes over has another number; places are of the stream that all of them share."""
        (row,) = ask("SELECT CAST(@@server_id AS CHAR) AS timeline, @@gtid_current_pos AS place", ())
        return {name: value for name, value in row.items() if value}

    def is_behind(self, place: str, seen: str) -> bool:
        """Places are one ``domain-server-number`` for each domain, such as 0-1-4711."""
        now, before = _domains(place), _domains(seen)
        return any(now.get(domain, -1) < number for domain, number in before.items())

    def in_order(self, source: Source, where: str, by: Sequence[str], *, by_key: bool) -> str:
        """The primary key is the order of the rows; any other survives only with a limit."""
        if by_key and tuple(by) == source.primary_key and source.has_snapshot:
            return f"{source.quoted} FORCE INDEX (PRIMARY) WHERE {where}"
        keys = ", ".join(self.quoted(name) for name in by)
        return f"(SELECT * FROM {source.quoted} WHERE {where} ORDER BY {keys} LIMIT {_ALL}) AS t"

    def page(self, query: str, *, skip: int) -> str:
        """By limit and offset."""
        return f"{query} LIMIT 1 OFFSET {skip}"

    def gathered(self, line: str) -> str:
        """Of the rows as they come."""
        return f"GROUP_CONCAT({line} SEPARATOR X'0A')"

    def joined(self, values: Sequence[str], between: str) -> str:
        """In one call."""
        return f"CONCAT_WS({between}, {', '.join(values)})"

    def character(self, code: int) -> str:
        """As a hexadecimal literal, which is text of the connection."""
        return f"_utf8mb4 X'{code:02X}'"

    def in_bytes(self, text: str) -> str:
        """Of the expression's own encoding."""
        return f"OCTET_LENGTH({text})"

    def hashed(self, text: str) -> str:
        """The texts are utf8mb4 already."""
        return f"MD5({text})"

    def means(self, fault: Fault) -> Meaning:
        """By the server's own number first: many faults are HY000."""
        if fault.native in _NUMBERS:
            return _NUMBERS[fault.native]
        if fault.native in _AWAY or fault.state.startswith("08"):
            return "lost"
        return _STATES.get(fault.state, _CLASSES.get(fault.state[:2], "other"))

    def is_passing_login(self, fault: Fault) -> bool:
        """A server that is away or full, never a refusal."""
        return fault.native in _AWAY | _FULL


_NUMBERS: dict[int, Meaning] = {
    1205: "busy", 1213: "busy", 1969: "deadline", 3024: "deadline", 1317: "lost",
    1044: "auth", 1045: "auth", 1698: "auth", 1820: "auth", 1862: "auth", 4151: "auth",
    1142: "object", 1143: "object", 1146: "object", 1054: "object", 1049: "object", 1356: "object",
    1062: "constraint", 1048: "constraint", 1451: "constraint", 1452: "constraint", 4025: "constraint",
    1406: "data", 1366: "data", 1264: "data", 1292: "data", 1040: "busy",
}  # fmt: skip
_STATES: dict[str, Meaning] = {"40001": "busy", "70100": "deadline", "42S02": "object", "42S22": "object"}
_CLASSES: dict[str, Meaning] = {"28": "auth", "23": "constraint", "22": "data"}

_LONG = frozenset({"text", "mediumtext", "longtext", "blob", "mediumblob", "longblob", "json"})
_BINARY = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_UTF8 = frozenset({"utf8mb4", "utf8mb3", "ascii"})
_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit"})

_COLUMNS = """
SELECT c.table_schema AS in_schema, c.table_name AS in_table, c.column_name AS name, c.data_type AS type,
       c.column_type AS declared, c.character_set_name AS charset, c.is_nullable AS is_nullable,
       t.engine AS engine, CAST(k.ordinal_position AS CHAR) AS place,
       CAST(c.datetime_precision AS CHAR) AS fraction,
       CAST(c.numeric_precision AS CHAR) AS digits, CAST(c.numeric_scale AS CHAR) AS scale
FROM information_schema.columns AS c
JOIN information_schema.tables AS t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
LEFT JOIN information_schema.key_column_usage AS k
  ON k.table_schema = c.table_schema AND k.table_name = c.table_name
 AND k.column_name = c.column_name AND k.constraint_name = 'PRIMARY'
WHERE c.table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND c.table_name = ?
ORDER BY c.ordinal_position"""


def _text(quoted: str, row: Mapping[str, str]) -> str:
    """The exact text of a value: a FLOAT by all its digits, bytes in hexadecimal, all else as shown."""
    kind = row["type"]
    if row["charset"]:
        return quoted if row["charset"] in _UTF8 else f"CONVERT({quoted} USING utf8mb4)"
    if kind in _BINARY:
        return f"CONCAT(_utf8mb4 X'5C78', LOWER(HEX({quoted})))"
    whole = {"bit": f"({quoted} + 0)", "float": f"CAST({quoted} AS DOUBLE)"}.get(kind, quoted)
    return f"CAST({whole} AS CHAR)"


def _cast(row: Mapping[str, str]) -> str:
    """What a text is cast to so that it is compared as the column is."""
    kind = row["type"]
    if kind in _INTEGERS:
        return "UNSIGNED" if "unsigned" in row["declared"] or kind == "bit" else "SIGNED"
    if kind == "decimal":
        return f"DECIMAL({row['digits']},{row['scale']})"
    if kind in {"datetime", "timestamp", "time"}:
        return f"{'TIME' if kind == 'time' else 'DATETIME'}({row['fraction'] or 0})"
    return {"date": "DATE", "float": "DOUBLE", "double": "DOUBLE"}.get(kind, "")


def _domains(place: str) -> dict[str, int]:
    parts = (entry.strip().split("-") for entry in place.split(",") if entry.strip())
    return {domain: int(number) for domain, _, number in parts}


DIALECT = MariaDB()
