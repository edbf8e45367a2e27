"""A resident register over ODBC that delivers its changes, in PostgreSQL and in MariaDB; PostgreSQL takes pushes."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.conformance.kit import Subject
from tests.conformance.subjects.odbc_parts import push_parts
from tests.integration.connectors.mariadb_peer import DATABASE, Mariadb, behind, mariadb, mariadb_server
from tests.integration.connectors.peers import Juki, feed_of, free_port
from tests.integration.connectors.reading import taken_in

from renkei.model import Delivery, Feed

__all__ = ["mariadb", "mariadb_server", "odbc_mariadb_subject", "odbc_subject"]

_ROWS = 2_500
_COLUMNS = ("atena_no", "rireki_no", "shimei", "kana", "biko", "koshin_ts")
_CHANGE = (
    "UPDATE {t} SET shimei = '改名　𠮷子', koshin_ts = {now} WHERE atena_no = '0000000027'",
    "INSERT INTO {t} VALUES ('{number:010}', 1, '新田　髙', '', NULL, {now})",
)


@pytest.fixture
def odbc_subject(odbc: ModuleType, juki: Juki, tmp_path: Path) -> Subject:
    """PostgreSQL."""
    juki.fill(_ROWS)
    numbers = iter(range(9_000_000_000, 9_000_000_999))

    def change() -> None:
        number = next(numbers)
        for statement in _CHANGE:
            juki.execute(statement.format(t="juki.kojin", now="localtimestamp", number=number))

    def truth() -> dict[str, str]:
        texts = ", ".join(f"{name}::text" if name != "atena_no" else name for name in _COLUMNS)
        with juki.cluster._connection("juki") as connection:
            return _of(connection.execute(f"SELECT {texts} FROM juki.kojin").fetchall())

    return Subject(
        module=odbc, connection=juki.connection, unreachable=juki.at(free_port()),
        feed=_feed("juki.kojin_genzai"), workdir=tmp_path / "work",
        secrets=(_password(juki.connection.settings["password"]),), port=juki.cluster.port, at=juki.at,
        change=change, truth=truth, held=_held, **push_parts(juki),
    )  # fmt: skip


@pytest.fixture
def odbc_mariadb_subject(odbc: ModuleType, mariadb: Mariadb, tmp_path: Path) -> Subject:
    """MariaDB, for pulls."""
    mariadb.fill(_ROWS)
    numbers = iter(range(9_000_000_000, 9_000_000_999))

    def change() -> None:
        number = next(numbers)
        mariadb.execute(*(each.format(t="kojin", now="now(6)", number=number) for each in _CHANGE))

    def truth() -> dict[str, str]:
        with (
            contextlib.closing(mariadb.server.connect(DATABASE)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "SELECT atena_no, CAST(rireki_no AS CHAR), shimei, kana, biko, CAST(koshin_ts AS CHAR) FROM kojin"
            )
            return _of(cursor.fetchall())

    port = int(mariadb.connection.settings["port"])
    return Subject(
        module=odbc, connection=mariadb.connection, unreachable=behind(mariadb.connection, free_port()),
        feed=_feed("kojin"), workdir=tmp_path / "work",
        secrets=(_password(mariadb.connection.settings["password"]),), port=port, at=mariadb.at,
        change=change, truth=truth, held=_held,
    )  # fmt: skip


def _feed(table: str) -> Feed:
    feed = feed_of("odbc", table=table, key="atena_no", changed_at="koshin_ts", chunk=500, deadline="5s")
    return replace(feed, delivers="delta")


def _password(reference: str) -> str:
    return Path(reference.removeprefix("file:")).read_text("utf-8")


def _of(rows: Iterable[Sequence[Any]]) -> dict[str, str]:
    return {row[0]: repr(dict(zip(_COLUMNS, row, strict=True))) for row in rows}


def _held(deliveries: Sequence[Delivery]) -> dict[str, str]:
    return {key: repr(row) for key, row in taken_in(deliveries).items()}
