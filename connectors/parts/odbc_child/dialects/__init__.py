"""What differs between the databases that ODBC reaches: one file each, the same questions to all.

The connection's ``dialect`` setting names one; else the driver's name does; else it is PostgreSQL.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from renkei.errors import FixDeclaration

from ..orders import Fault, Order

#: Runs one query with text parameters; the rows come as dictionaries of texts.
Ask = Callable[[str, Sequence[str]], list[dict[str, Any]]]

#: What a fault means: who has to do something about it.
Meaning = Literal["auth", "object", "busy", "deadline", "lost", "constraint", "data", "other"]

NAMES = ("postgresql", "mariadb", "sqlite", "sqlserver", "oracle", "db2")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_SSL = ("disable", "require", "verify-ca", "verify-full")


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its quoted name, the type a text is cast to for it, and the exact text of its value."""

    name: str
    quoted: str
    type: str
    text: str
    is_nullable: bool = True
    is_unbounded: bool = False


@dataclass(frozen=True, kw_only=True)
class Source:
    """A table or view: its quoted name, all its columns, its primary key (none for a view).

    ``has_snapshot`` is false where the engine of the table cannot show one moment (MyISAM, Aria).
    """

    quoted: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    has_snapshot: bool = True

    def column(self, name: str) -> Column:
        """The column of that name, which must be there."""
        return next(column for column in self.columns if column.name == name)


class Dialect(ABC):
    """One kind of database. What standard SQL says, or most of them lack, stands here.

    ``needs`` are settings without a default; ``defaults`` fill the others. ``proof`` names how the source
    proves a text: the ``md5`` of its UTF-8, or the text once more as ``hex`` where it has no hash. ``now``
    is the time of the source's own clock, as text. ``compares_rows``: (a, b) > (1, 2) is understood, and an
    index serves it. ``is_by_row``: the driver tells no sizes, so that nothing can be fetched in bulk.
    """

    name: str
    needs: tuple[str, ...]
    defaults: Mapping[str, str]
    is_verified: bool
    proof: Literal["md5", "hex"]
    now: str
    compares_rows: bool
    is_by_row: bool

    @abstractmethod
    def connection_string(self, settings: Mapping[str, str], order: Order, *, writes: bool) -> str:
        """Everything but user and password; UTF-8 both ways, limits on waiting."""

    @abstractmethod
    def session(self, order: Order, *, writes: bool) -> Sequence[str]:
        """Statements right after signing in."""

    def snapshot(self) -> Sequence[str]:
        """Statements that begin the one moment a pull reads; none where the first query does."""
        return ()

    @abstractmethod
    def mode(self) -> tuple[str, str]:
        """A query for ``mode`` and ``snapshot``, and the mode that a pull must be in."""

    def share(self, ask: Ask) -> str | None:  # noqa: ARG002 - for those that need it
        """The statement by which another session sees this very snapshot; None where none can."""
        return None

    def statement_limit(self, seconds: float) -> str | None:  # noqa: ARG002 - for those that need it
        """How a statement is given a time to end in; None where the engine cannot."""
        return None

    @abstractmethod
    def chunk_bytes(self, ask: Ask) -> int:
        """The longest text that one answer may hold."""

    def quoted(self, name: str) -> str:
        """A name as the engine wants it."""
        return '"' + name.replace('"', '""') + '"'

    @abstractmethod
    def source(self, ask: Ask, table: str) -> Source | None:
        """The table's columns and key; None when there is no such table, or we may not see it."""

    def identity(self, ask: Ask) -> dict[str, str]:  # noqa: ARG002 - for those that need it
        """Which server this is and how far it has come: ``system``, ``timeline``, ``place``."""
        return {}

    def is_behind(self, place: str, seen: str) -> bool:  # noqa: ARG002 - for those that need it
        """True when a server at ``place`` has not come as far as one that was at ``seen``."""
        return False

    def in_order(self, source: Source, where: str, by: Sequence[str], *, by_key: bool) -> str:  # noqa: ARG002 - for those that need it
        """What follows FROM: rows that fulfil a condition, in an order that survives being aggregated.

        ``by_key``: the condition is on the key alone.
        """
        keys = ", ".join(self.quoted(name) for name in by)
        return f"(SELECT * FROM {source.quoted} WHERE {where} ORDER BY {keys}) AS t"

    def page(self, query: str, *, skip: int) -> str:
        """The one row of an ordered query that comes after ``skip`` others."""
        return f"{query} OFFSET {skip} ROWS FETCH NEXT 1 ROWS ONLY"

    @abstractmethod
    def gathered(self, line: str) -> str:
        """The aggregate that joins lines with a line feed, in the order of the rows."""

    def joined(self, values: Sequence[str], between: str) -> str:
        """Texts joined into one; none of them is null."""
        return f" || {between} || ".join(values)

    def character(self, code: int) -> str:
        """A control character as an expression."""
        return f"CHR({code})"

    @abstractmethod
    def in_bytes(self, text: str) -> str:
        """How long a text is in bytes of UTF-8."""

    @abstractmethod
    def hashed(self, text: str) -> str:
        """The MD5 of a text's UTF-8 as 32 hexadecimal digits, or the text in hexadecimal (see ``proof``)."""

    @abstractmethod
    def means(self, fault: Fault) -> Meaning:
        """What a fault after signing in means."""

    @abstractmethod
    def is_passing_login(self, fault: Fault) -> bool:
        """True when a failed login may be tried again without harm to the account."""


def dialect_of(order: Order) -> Dialect:
    """The dialect of the order's connection (FixDeclaration E_DECLARATION when there is none such)."""
    settings, name = order["settings"], order["connection"]
    wanted = settings.get("dialect") or _by_driver(settings.get("driver", ""))
    if wanted not in NAMES:
        raise FixDeclaration("E_DECLARATION", problems=f"{name}: dialect is not one of {', '.join(NAMES)}")
    found: Dialect = import_module(f"odbc_child.dialects.{wanted}").DIALECT
    if not found.is_verified and settings.get("unverified") != "yes":
        problem = f'{name}: {wanted} is not verified against a real server; say unverified = "yes" to go on'
        raise FixDeclaration("E_DECLARATION", problems=problem)
    return found


def _by_driver(driver: str) -> str:
    known = {
        "postgres": "postgresql", "psqlodbc": "postgresql", "maria": "mariadb", "maodbc": "mariadb",
        "mysql": "mariadb", "sqlite": "sqlite", "sql server": "sqlserver", "tds": "sqlserver",
        "msodbc": "sqlserver", "oracle": "oracle", "sqora": "oracle", "db2": "db2",
    }  # fmt: skip
    return next((name for part, name in known.items() if part in driver.lower()), "postgresql")


def settings_of(order: Order) -> dict[str, str]:
    """The connection's settings with their defaults; all that is wrong with them is said at once."""
    dialect, name = dialect_of(order), order["connection"]
    given: Mapping[str, str] = order["settings"]
    default = "disable" if given.get("host") in _LOCAL else "verify-full"
    settings = {"sslmode": default, **dialect.defaults, **given}
    problems = [f"{name}: setting {key} is missing" for key in dialect.needs if not settings.get(key)]
    odd = [key for key, value in settings.items() if key != "password" and set(value) & set(";{}")]
    problems += [f"{name}: setting {key} holds one of ; {{ }}" for key in odd]
    if settings["sslmode"] not in _SSL:
        problems.append(f"{name}: sslmode is not one of {', '.join(_SSL)}")
    if problems:
        raise FixDeclaration("E_DECLARATION", problems="; ".join(problems))
    return settings


def braced(value: str) -> str:
    """A value of a connection string that may hold anything."""
    return "{" + value.replace("}", "}}") + "}"
