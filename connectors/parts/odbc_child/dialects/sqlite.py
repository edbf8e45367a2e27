"""SQLite through libsqliteodbc: verified with 0.9998. A file of this machine: no login, no network.

A DECIMAL of SQLite is a float: do not take money from it.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from ..orders import Fault, Order
from . import Ask, Column, Dialect, Meaning, Source, braced


class SQLite(Dialect):
    """One read transaction; no hash of its own, so every text is sent a second time in hexadecimal."""

    name = "sqlite"
    needs = ("database",)
    defaults: Mapping[str, str] = {"driver": "SQLite3"}
    is_verified = True
    proof: Literal["md5", "hex"] = "hex"
    now = "strftime('%Y-%m-%d %H:%M:%f', 'now', 'localtime')"
    compares_rows = True
    is_by_row = True

    def connection_string(self, settings: Mapping[str, str], order: Order, *, writes: bool) -> str:  # noqa: ARG002
        """A file that is not there is not made."""
        wait = int(order["lock_wait"] * 1000)
        return (
            f"Driver={braced(settings['driver'])};Database={settings['database']};NoCreat=1;LongNames=0;"
            f"Timeout={wait};"
        )

    def session(self, order: Order, *, writes: bool) -> Sequence[str]:  # noqa: ARG002 - the protocol's
        """Read-only by pragma: the driver opens the file for both."""
        return () if writes else ("PRAGMA query_only = ON",)

    def mode(self) -> tuple[str, str]:
        """A driver that forgot the pragma must not go on."""
        query = (
            "SELECT CASE (SELECT query_only FROM pragma_query_only) WHEN 1 THEN 'read only' ELSE 'writes'"
            f" END AS mode, {self.now} AS snapshot"
        )
        return query, "read only"

    def chunk_bytes(self, ask: Ask) -> int:  # noqa: ARG002 - the protocol's
        """Larger answers are slower, not faster."""
        return 8 << 20

    def source(self, ask: Ask, table: str) -> Source | None:
        """By the table-valued pragma, which knows views too. A column compares texts by its own affinity."""
        rows = ask(
            'SELECT name AS name, type AS type, CAST("notnull" AS TEXT) AS filled, CAST(pk AS TEXT) AS place'
            " FROM pragma_table_info(?) ORDER BY cid",
            [table],
        )
        if not rows:
            return None
        keyed = sorted((int(row["place"]), row["name"]) for row in rows if row["place"] != "0")
        return Source(
            quoted=self.quoted(table), columns=tuple(self._column(row) for row in rows),
            primary_key=tuple(name for _, name in keyed),
        )  # fmt: skip

    def _column(self, row: Mapping[str, str]) -> Column:
        quoted = self.quoted(row["name"])
        return Column(
            name=row["name"], quoted=quoted, type="", text=_text(quoted),
            is_nullable=row["filled"] != "1", is_unbounded=True,
        )  # fmt: skip

    def in_order(self, source: Source, where: str, by: Sequence[str], *, by_key: bool) -> str:  # noqa: ARG002 - the protocol's
        """A subquery with a limit keeps its order."""
        keys = ", ".join(self.quoted(name) for name in by)
        return f"(SELECT * FROM {source.quoted} WHERE {where} ORDER BY {keys} LIMIT -1) AS t"

    def page(self, query: str, *, skip: int) -> str:
        """By limit and offset."""
        return f"{query} LIMIT 1 OFFSET {skip}"

    def gathered(self, line: str) -> str:
        """Of a subquery's rows in their order."""
        return f"group_concat({line}, char(10))"

    def character(self, code: int) -> str:
        """By number."""
        return f"char({code})"

    def in_bytes(self, text: str) -> str:
        """As bytes."""
        return f"length(CAST({text} AS BLOB))"

    def hashed(self, text: str) -> str:
        """It has no hash: the bytes themselves, in digits that no driver can misread."""
        return f"lower(hex({text}))"

    def means(self, fault: Fault) -> Meaning:
        """The driver says HY000 of nearly everything; its number is SQLite's."""
        if fault.native in {5, 6, 261, 517} or "locked" in fault.text:
            return "busy"
        if fault.native == 19 or "constraint" in fault.text.lower():
            return "constraint"
        if fault.state in {"42S02", "42S22"} or "no such" in fault.text or fault.native == 8:
            return "object"
        return "other"

    def is_passing_login(self, fault: Fault) -> bool:
        """Another process may hold the file."""
        return self.means(fault) == "busy"


def _text(quoted: str) -> str:
    """Shown as SQLite shows it where that is exact, else by all digits; bytes in hexadecimal."""
    shown = f"CAST({quoted} AS TEXT)"
    return (
        f"CASE typeof({quoted}) WHEN 'blob' THEN '\\x' || lower(hex({quoted}))"
        f" WHEN 'real' THEN CASE WHEN CAST({shown} AS REAL) = {quoted} THEN {shown}"
        f" ELSE printf('%!.17g', {quoted}) END ELSE {shown} END"
    )


DIALECT = SQLite()
