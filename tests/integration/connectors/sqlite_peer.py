"""A register in one SQLite file, reached through libsqliteodbc: no server, no account, no port."""

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.connectors.peers import PEOPLE

from renkei.model import Connection

SCHEMA = """
CREATE TABLE kojin (
    atena_no char(10) PRIMARY KEY, rireki_no integer NOT NULL, shimei varchar(80), kana varchar(120),
    biko varchar(200), koshin_ts timestamp
)
"""


@dataclass(frozen=True, kw_only=True)
class Sqlite:
    """The file, and how the hub reaches it."""

    place: Path
    connection: Connection

    def execute(self, *statements: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run statements on the file itself, not through ODBC; the rows of the last one."""
        with contextlib.closing(sqlite3.connect(self.place, timeout=10)) as connection, connection:
            for statement in statements:
                rows = connection.execute(statement, tuple(parameters)).fetchall()
            return rows

    def fill(self, rows: int) -> None:
        """Residents numbered from 1, beside those of PEOPLE."""
        self.execute(
            f"WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {rows})"
            " INSERT INTO kojin SELECT printf('%010d', n * 1000), 1, '山田 太郎' || n, 'ヤマダ', NULL,"
            " strftime('%Y-%m-%d %H:%M:%S', 1767225600 + n, 'unixepoch') FROM g"
        )


@pytest.fixture
def sqlite(tmp_path: Path) -> Sqlite:
    """A fresh file with the three residents of PEOPLE."""
    place = tmp_path / "sqlite" / "juki.sqlite3"
    place.parent.mkdir()
    settings = {"driver": "SQLite3", "database": str(place), "retry_seconds": "0"}
    made = Sqlite(place=place, connection=Connection(name="peer", settings=settings))
    made.execute(SCHEMA)
    for person in PEOPLE:
        made.execute("INSERT INTO kojin VALUES (?, 1, ?, ?, ?, '2026-04-01 12:34:56.789')", parameters=person)
    return made
