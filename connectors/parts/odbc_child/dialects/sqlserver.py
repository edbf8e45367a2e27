"""SQL Server through Microsoft's driver or FreeTDS: **not verified against a real server**.

Written from the vendor's manual for SQL Server 2019 and later; refused unless the connection says
``unverified = "yes"``.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from ..orders import Fault, Order
from . import Ask, Column, Dialect, Meaning, Source, braced

_UTF8 = "Latin1_General_100_BIN2_UTF8"


class SQLServer(Dialect):
    """Snapshot isolation, which the database must allow; MD5 over a UTF-8 collation."""

    name = "sqlserver"
    needs = ("host", "database", "user")
    defaults: Mapping[str, str] = {"driver": "ODBC Driver 18 for SQL Server", "port": "1433"}
    is_verified = False
    proof: Literal["md5", "hex"] = "md5"
    now = "CONVERT(varchar(26), SYSDATETIME(), 121)"
    compares_rows = False
    is_by_row = False

    def connection_string(self, settings: Mapping[str, str], order: Order, *, writes: bool) -> str:  # noqa: ARG002
        """Encrypted unless it is this machine; certificates are checked where the mode says so."""
        trust = "No" if settings["sslmode"].startswith("verify") else "Yes"
        encrypt = "No" if settings["sslmode"] == "disable" else "Yes"
        intent = "ReadWrite" if writes else "ReadOnly"
        return (
            f"Driver={braced(settings['driver'])};Server=tcp:{settings['host']},{settings['port']};"
            f"Database={settings['database']};Encrypt={encrypt};TrustServerCertificate={trust};"
            f"ApplicationIntent={intent};ClientCharset=UTF-8;"
        )

    def session(self, order: Order, *, writes: bool) -> Sequence[str]:  # noqa: ARG002 - the protocol's
        """It has no read-only session: the account must not be able to write."""
        wait = f"SET LOCK_TIMEOUT {int(order['lock_wait'] * 1000)}"
        return wait, "SET TRANSACTION ISOLATION LEVEL SNAPSHOT", "SET TEXTSIZE 2147483647"

    def mode(self) -> tuple[str, str]:
        """5 is SNAPSHOT."""
        query = (
            "SELECT CAST(transaction_isolation_level AS varchar(9)) AS mode,"
            " CONVERT(varchar(26), SYSDATETIME(), 121) AS snapshot"
            " FROM sys.dm_exec_sessions WHERE session_id = @@SPID"
        )
        return query, "5"

    def chunk_bytes(self, ask: Ask) -> int:  # noqa: ARG002 - the protocol's
        """Larger answers are slower, not faster."""
        return 8 << 20

    def quoted(self, name: str) -> str:
        """In brackets."""
        return "[" + name.replace("]", "]]") + "]"

    def source(self, ask: Ask, table: str) -> Source | None:
        """From the catalogue views."""
        rows = ask(_COLUMNS, [table])
        keyed = sorted((int(row["place"]), row["name"]) for row in rows if row["place"])
        if not rows:
            return None
        return Source(
            quoted=".".join(self.quoted(part) for part in table.split(".")),
            columns=tuple(self._column(row) for row in rows),
            primary_key=tuple(name for _, name in keyed),
        )

    def _column(self, row: Mapping[str, str]) -> Column:
        quoted = self.quoted(row["name"])
        style = {"datetime2": ", 121", "datetime": ", 121", "date": ", 23", "varbinary": ", 1"}
        text = f"CONVERT(varchar(max), {quoted}{style.get(row['type'], '')})"
        if row["type"] in {"char", "varchar", "nchar", "nvarchar", "text", "ntext"}:
            text = f"CONVERT(nvarchar(max), {quoted})"
        return Column(
            name=row["name"], quoted=quoted, type=row["type"], text=f"({text} COLLATE {_UTF8})",
            is_nullable=row["nullable"] == "1", is_unbounded=row["length"] == "-1",
        )  # fmt: skip

    def identity(self, ask: Ask) -> dict[str, str]:
        """The server's name only."""
        (row,) = ask("SELECT CONVERT(varchar(200), @@SERVERNAME) AS system", ())
        return dict(row)

    def in_order(self, source: Source, where: str, by: Sequence[str], *, by_key: bool) -> str:  # noqa: ARG002 - the protocol's
        """A derived table keeps its order only with a top."""
        keys = ", ".join(self.quoted(name) for name in by)
        return f"(SELECT TOP 2147483647 * FROM {source.quoted} WHERE {where} ORDER BY {keys}) AS t"

    def gathered(self, line: str) -> str:
        """Its order is the derived table's."""
        return f"STRING_AGG(CONVERT(varchar(max), {line}), CHAR(10))"

    def joined(self, values: Sequence[str], between: str) -> str:
        """In one call."""
        return f"CONCAT_WS({between}, {', '.join(values)})"

    def character(self, code: int) -> str:
        """By number."""
        return f"CHAR({code})"

    def in_bytes(self, text: str) -> str:
        """Of the UTF-8 collation."""
        return f"DATALENGTH({text})"

    def hashed(self, text: str) -> str:
        """Of the UTF-8 collation."""
        return f"LOWER(CONVERT(char(32), HASHBYTES('MD5', {text}), 2))"

    def means(self, fault: Fault) -> Meaning:
        """By SQLSTATE and the server's number."""
        if fault.native in {1205, 1222}:
            return "busy"
        return _STATES.get(fault.state) or _STATES.get(fault.state[:2], "other")

    def is_passing_login(self, fault: Fault) -> bool:
        """In doubt it is a refusal."""
        return fault.state in {"08001", "08S01", "HYT00"} and fault.native != 18456


_STATES: dict[str, Meaning] = {
    "08": "lost", "28": "auth", "23": "constraint", "22": "data", "40": "busy", "HYT00": "deadline",
    "42S02": "object", "42S22": "object", "42000": "object",
}  # fmt: skip

_COLUMNS = """
SELECT c.name AS name, y.name AS type, CAST(c.max_length AS varchar(9)) AS length,
       CAST(c.is_nullable AS varchar(1)) AS nullable, CAST(ic.key_ordinal AS varchar(9)) AS place
FROM sys.columns AS c
JOIN sys.types AS y ON y.user_type_id = c.user_type_id
LEFT JOIN sys.indexes AS i ON i.object_id = c.object_id AND i.is_primary_key = 1
LEFT JOIN sys.index_columns AS ic
  ON ic.object_id = i.object_id AND ic.index_id = i.index_id AND ic.column_id = c.column_id
WHERE c.object_id = OBJECT_ID(?)
ORDER BY c.column_id"""

DIALECT = SQLServer()
