"""The conformance probe on three real drivers: what it finds, what it misses nothing of, and what it leaves."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import pytest
from tests.integration.connectors.mariadb_peer import Mariadb
from tests.integration.connectors.peers import Juki
from tests.integration.connectors.pushing import twin
from tests.integration.connectors.sqlite_peer import Sqlite

from renkei.errors import Stop, TryAgain
from renkei.model import Connection

CHECKS = [
    "text_by_row", "text_in_bulk", "long_text", "empty_text", "trailing_spaces", "decimals", "microseconds",
    "old_days", "many_rows", "read_only", "login_limit", "query_limit", "cancel",
]  # fmt: skip
Probe = Callable[[Connection], Mapping[str, str]]


#: Of the characters every eighth is tried; all of them are with the driver that is known to lose some.
EIGHTH = ("parts/odbc_child/probe_texts.py", "in characters() for shape", "in characters()[::8] for shape")
#: What may hang is left out.
SHORT = (
    EIGHTH,
    ("parts/odbc_child/probe.py", "for name, check in _APART.items()}", "for name, check in ()}"),
)


@pytest.fixture
def probe(odbc: ModuleType, tmp_path: Path) -> Probe:
    """By the connector as the city has it."""
    return lambda connection: odbc.connect(connection, workdir=tmp_path / "work").probe()


@pytest.fixture
def look(tmp_path: Path) -> Probe:
    """The same with fewer characters."""
    quick = twin(tmp_path, EIGHTH)
    return lambda connection: quick.connect(connection, workdir=tmp_path / "work").probe()


def verdicts(found: Mapping[str, str]) -> dict[str, str]:
    """Check → verdict."""
    return {name: found[name].partition(" ")[0] for name in CHECKS}


def fact(found: str, name: str) -> int:
    """A number among the facts."""
    match = re.search(rf"\b{name}=(\d+)", found)
    assert match, f"no {name} in {found}"
    return int(match[1])


def test_psqlodbc_does_what_it_should_and_nothing_is_left_or_told(juki: Juki, look: Probe) -> None:
    secret = Path(juki.connection.settings["password"].removeprefix("file:")).read_text("utf-8")
    before = objects_in(juki)

    found = look(juki.connection)

    # psqlODBC takes a query time-out and forgets it; every session of ours sets the server's own
    assert verdicts(found) == dict.fromkeys(CHECKS, "right") | {"query_limit": "remedied"}
    assert found["driver"].startswith("psqlodbc")
    assert found["server"].startswith("PostgreSQL")
    assert fact(found["many_rows"], "arrow") == 200_000
    assert objects_in(juki) == before
    assert not any(secret in text for text in found.values())


def objects_in(juki: Juki) -> object:
    """What the database holds: its objects, and the rows of the register."""
    with juki.cluster._connection("juki") as connection:
        query = "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM juki.kojin)"
        return connection.execute(query).fetchall()


def test_the_loss_of_taka_by_the_mariadb_driver_is_found_and_remedied(mariadb: Mariadb, probe: Probe) -> None:
    found = probe(mariadb.connection)

    text = found["text_by_row"]
    assert text.startswith("remedied")
    assert {"高", "髙"} <= set(re.search(r"such_as=(\S+)", text)[1])  # type: ignore[index] # it is there
    assert (fact(text, "damaged_read"), fact(text, "damaged_written")) == (0, 0)
    assert fact(text, "without_read") > 100
    assert fact(text, "without_written") > 100
    assert fact(text, "texts") > 31_000
    assert fact(found["text_in_bulk"], "damaged_read") == 0
    others = set(CHECKS) - {"text_by_row", "text_in_bulk", "query_limit"}
    assert {verdicts(found)[name] for name in others} == {"right"}


def test_a_connector_that_forgets_the_text_settings_is_found_wrong(mariadb: Mariadb, tmp_path: Path) -> None:
    reading = '    made.setdecoding(pyodbc.SQL_WCHAR, "utf-8", ctype=pyodbc.SQL_CHAR)\n'
    writing = '    made.setencoding("utf-8", ctype=pyodbc.SQL_CHAR)\n'
    forgotten = (("parts/odbc_child/links.py", setting, "") for setting in (reading, writing))
    naive = twin(tmp_path, *forgotten, *SHORT)

    text = naive.connect(mariadb.connection, workdir=tmp_path / "work").probe()["text_by_row"]

    assert text.startswith("wrong")
    assert fact(text, "damaged_read") > 10
    assert fact(text, "damaged_written") > 10


def test_sqlite_keeps_texts_but_makes_floats_of_decimals(sqlite: Sqlite, look: Probe) -> None:
    found = look(sqlite.connection)

    told = verdicts(found)
    assert (told["text_by_row"], told["text_in_bulk"], told["login_limit"]) == (
        "right",
        "right",
        "not_offered",
    )
    assert told["decimals"] == "wrong"
    assert "came_as=float" in found["decimals"]
    assert told["query_limit"] == "remedied"


def test_a_session_that_is_not_read_only_is_found(sqlite: Sqlite, tmp_path: Path) -> None:
    open_ = twin(
        tmp_path,
        ("parts/odbc_child/dialects/sqlite.py", '() if writes else ("PRAGMA query_only = ON",)', "()"),
        *SHORT,
    )

    found = open_.connect(sqlite.connection, workdir=tmp_path / "work").probe()

    assert found["read_only"].startswith("wrong")


def test_a_probe_of_a_dead_or_closed_system_is_the_error_of_any_other_use(
    juki: Juki, probe: Probe, tmp_path: Path
) -> None:
    with pytest.raises(TryAgain, match="E_LINK_DOWN"):
        probe(juki.at(1))
    place = Path(juki.connection.settings["password"].removeprefix("file:"))
    place.write_text("wrong")
    mark = juki.log.stat().st_size
    with pytest.raises(Stop, match="E_AUTH"):
        probe(juki.connection)
    # more of them would lock the account
    assert juki.logins_seen("password authentication failed", since=mark) == 1
