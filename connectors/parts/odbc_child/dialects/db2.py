"""Db2 for Linux, UNIX and Windows through IBM's driver: **not verified against a real server**.

Written from the vendor's manual for 11.5; refused unless the connection says ``unverified = "yes"``. An
answer holds at most 32,000 bytes of text, so pulls go in small chunks.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from ..orders import Fault, Order
from . import Ask, Column, Dialect, Meaning, Source, braced


class Db2(Dialect):
    """Repeatable read by locks: readers keep writers waiting, so pull at night. MD5 by HASH_MD5."""

    name = "db2"
    needs = ("host", "database", "user")
    defaults: Mapping[str, str] = {"driver": "IBM DB2 ODBC DRIVER", "port": "50000"}
    is_verified = False
    proof: Literal["md5", "hex"] = "md5"
    now = "VARCHAR_FORMAT(CURRENT TIMESTAMP, 'YYYY-MM-DD HH24:MI:SS.FF6')"
    compares_rows = False
    is_by_row = False

    def connection_string(self, settings: Mapping[str, str], order: Order, *, writes: bool) -> str:  # noqa: ARG002
        """By host and port, without a catalogued alias."""
        security = "" if settings["sslmode"] == "disable" else "Security=SSL;"
        return (
            f"Driver={braced(settings['driver'])};Hostname={settings['host']};Port={settings['port']};"
            f"Database={settings['database']};Protocol=TCPIP;{security}"
        )

    def session(self, order: Order, *, writes: bool) -> Sequence[str]:  # noqa: ARG002 - the protocol's
        """Isolation and how long a lock is waited for."""
        return (
            "SET CURRENT ISOLATION = RR",
            f"SET CURRENT LOCK TIMEOUT = {max(1, round(order['lock_wait']))}",
        )

    def mode(self) -> tuple[str, str]:
        """What the session says of itself."""
        return (
            f'SELECT RTRIM(CURRENT ISOLATION) AS "mode", {self.now} AS "snapshot" FROM sysibm.sysdummy1',
            "RR",
        )

    def chunk_bytes(self, ask: Ask) -> int:  # noqa: ARG002 - the protocol's
        """What a VARCHAR holds."""
        return 32_000

    def source(self, ask: Ask, table: str) -> Source | None:
        """From the catalogue views."""
        schema, _, name = table.rpartition(".")
        rows = ask(_COLUMNS, [schema, name])
        if not rows:
            return None
        keyed = sorted((int(row["place"]), row["name"]) for row in rows if row["place"])
        return Source(
            quoted=".".join(self.quoted(part) for part in table.split(".")),
            columns=tuple(self._column(row) for row in rows),
            primary_key=tuple(name for _, name in keyed),
        )

    def _column(self, row: Mapping[str, str]) -> Column:
        quoted, is_text = self.quoted(row["name"]), "CHAR" in row["type"] or "LOB" in row["type"]
        return Column(
            name=row["name"], quoted=quoted, type="" if is_text else row["type"],
            text=quoted if is_text else f"VARCHAR({quoted})",
            is_nullable=row["nullable"] == "Y", is_unbounded="LOB" in row["type"],
        )  # fmt: skip

    def gathered(self, line: str) -> str:
        """Of the rows as they come."""
        return f"LISTAGG(CAST({line} AS VARCHAR(32000)), CHR(10))"

    def in_bytes(self, text: str) -> str:
        """Of a Unicode database."""
        return f"OCTET_LENGTH({text})"

    def hashed(self, text: str) -> str:
        """Of a Unicode database."""
        return f"LOWER(HEX(HASH_MD5({text})))"

    def means(self, fault: Fault) -> Meaning:
        """By SQLSTATE."""
        return _STATES.get(fault.state) or _STATES.get(fault.state[:2], "other")

    def is_passing_login(self, fault: Fault) -> bool:
        """SQL30081N: the link; everything else is a refusal."""
        return "SQL30081N" in fault.text


_STATES: dict[str, Meaning] = {
    "08": "lost", "28": "auth", "23": "constraint", "22": "data", "40": "busy", "57033": "busy",
    "42704": "object", "42703": "object", "42501": "object", "42S02": "object", "57014": "deadline",
}  # fmt: skip

_COLUMNS = """
SELECT c.colname AS "name", c.typename AS "type", c.nulls AS "nullable", VARCHAR(c.keyseq) AS "place"
FROM syscat.columns AS c
WHERE c.tabschema = COALESCE(NULLIF(?, ''), CURRENT SCHEMA) AND c.tabname = ?
ORDER BY c.colno"""

DIALECT = Db2()
