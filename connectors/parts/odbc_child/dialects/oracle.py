"""Oracle Database through Oracle's driver: **not verified against a real server**.

Written from the vendor's manual for 19c with AL32UTF8; refused unless the connection says
``unverified = "yes"``. An answer holds at most 4,000 bytes of text, so pulls go in very small chunks.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from ..orders import Fault, Order
from . import Ask, Column, Dialect, Meaning, Source, braced


class Oracle(Dialect):
    """A read-only transaction is one snapshot; MD5 by STANDARD_HASH."""

    name = "oracle"
    needs = ("host", "database", "user")
    defaults: Mapping[str, str] = {"driver": "Oracle 19 ODBC driver", "port": "1521"}
    is_verified = False
    proof: Literal["md5", "hex"] = "md5"
    now = "TO_CHAR(SYSTIMESTAMP, 'YYYY-MM-DD HH24:MI:SS.FF6')"
    compares_rows = False
    is_by_row = False

    def connection_string(self, settings: Mapping[str, str], order: Order, *, writes: bool) -> str:  # noqa: ARG002
        """By host, port and service name. NLS_LANG in the environment decides the text's encoding."""
        place = f"{settings['host']}:{settings['port']}/{settings['database']}"
        return f"Driver={braced(settings['driver'])};DBQ={place};"

    def session(self, order: Order, *, writes: bool) -> Sequence[str]:  # noqa: ARG002 - the protocol's
        """Texts of dates that do not depend on the territory."""
        return (
            "ALTER SESSION SET NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS'",
            "ALTER SESSION SET NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6'",
            "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'",
        )

    def snapshot(self) -> Sequence[str]:
        """The first statement of the transaction."""
        return ("SET TRANSACTION READ ONLY",)

    def mode(self) -> tuple[str, str]:
        """It tells only what was asked for."""
        return f'SELECT \'read only\' AS "mode", {self.now} AS "snapshot" FROM dual', "read only"

    def chunk_bytes(self, ask: Ask) -> int:  # noqa: ARG002 - the protocol's
        """What a VARCHAR2 holds."""
        return 4_000

    def quoted(self, name: str) -> str:
        """In double quotes."""
        return '"' + name.replace('"', "") + '"'

    def source(self, ask: Ask, table: str) -> Source | None:
        """From the catalogue views, names in capitals as the database keeps them."""
        owner, _, name = table.rpartition(".")
        rows = ask(_COLUMNS, [owner or "", name])
        if not rows:
            return None
        keyed = sorted((int(row["place"]), row["name"]) for row in rows if row["place"])
        return Source(
            quoted=".".join(self.quoted(part) for part in table.split(".")),
            columns=tuple(self._column(row) for row in rows),
            primary_key=tuple(name for _, name in keyed),
        )

    def _column(self, row: Mapping[str, str]) -> Column:
        quoted, is_text = self.quoted(row["name"]), "CHAR" in row["type"]
        return Column(
            name=row["name"], quoted=quoted, type="" if is_text else row["type"],
            text=quoted if is_text else f"TO_CHAR({quoted})",
            is_nullable=row["nullable"] == "Y", is_unbounded="LOB" in row["type"],
        )  # fmt: skip

    def in_order(self, source: Source, where: str, by: Sequence[str], *, by_key: bool) -> str:  # noqa: ARG002 - the protocol's
        """No AS before the name of a derived table."""
        keys = ", ".join(self.quoted(name) for name in by)
        return f"(SELECT * FROM {source.quoted} WHERE {where} ORDER BY {keys}) t"

    def gathered(self, line: str) -> str:
        """In the order of the derived table."""
        return f"LISTAGG({line}, CHR(10)) WITHIN GROUP (ORDER BY ROWNUM)"

    def in_bytes(self, text: str) -> str:
        """Of AL32UTF8."""
        return f"LENGTHB({text})"

    def hashed(self, text: str) -> str:
        """Of AL32UTF8."""
        return f"LOWER(RAWTOHEX(STANDARD_HASH({text}, 'MD5')))"

    def means(self, fault: Fault) -> Meaning:
        """By the server's number."""
        return _NUMBERS.get(abs(fault.native), "lost" if fault.state.startswith("08") else "other")

    def is_passing_login(self, fault: Fault) -> bool:
        """A listener that is away or full."""
        return abs(fault.native) in {12541, 12170, 12514, 12516, 12519, 12520, 1033, 1034}


_NUMBERS: dict[int, Meaning] = {
    1017: "auth", 28000: "auth", 28001: "auth", 942: "object", 904: "object", 1031: "object",
    54: "busy", 60: "busy", 30006: "busy", 8177: "busy", 1: "constraint", 1400: "constraint",
    2290: "constraint", 2291: "constraint", 2292: "constraint", 12899: "data", 1438: "data",
    1013: "deadline", 3113: "lost", 3114: "lost", 3135: "lost",
}  # fmt: skip

_COLUMNS = """
SELECT c.column_name AS "name", c.data_type AS "type", c.nullable AS "nullable",
       TO_CHAR(k.position) AS "place"
FROM all_tab_columns c
LEFT JOIN (SELECT cc.owner, cc.table_name, cc.column_name, cc.position
             FROM all_cons_columns cc
             JOIN all_constraints n ON n.owner = cc.owner AND n.constraint_name = cc.constraint_name
            WHERE n.constraint_type = 'P') k
  ON k.owner = c.owner AND k.table_name = c.table_name AND k.column_name = c.column_name
WHERE c.owner = COALESCE(?, SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')) AND c.table_name = ?
ORDER BY c.column_id"""

DIALECT = Oracle()
