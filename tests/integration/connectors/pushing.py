"""A welfare register to push to, the same in PostgreSQL, MariaDB and SQLite, that counts what is done to it."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from tests.integration.connectors.mariadb_peer import Mariadb
from tests.integration.connectors.peers import CONNECTORS, Juki, feed_of, private
from tests.integration.connectors.sqlite_peer import Sqlite

from renkei.model import Connection, Feed, Outgoing
from renkei.project import load_connector

ENGINES = ("postgresql", "mariadb", "sqlite")
COLUMNS = ["atena_no", "shimei", "kana", "umare", "zeigaku"]
#: Rows as the hub would send them: difficult names, NULL and empty, trailing spaces, a date before 1900.
PEOPLE = """
atena_no   | shimei        | kana     | umare      | zeigaku
0000000019 | 髙﨑　𠮷郎    | タカサキ | 1868-01-25 | 1200
0000000027 | 葛󠄁城 花子     |          | 1999-12-31 | -1
0000000035 | O'Neil "x" \\  | NULL     | NULL       | NULL
"""
_TABLE = """
CREATE TABLE {name} (
    atena_no char(10) PRIMARY KEY, shimei varchar(20) NOT NULL, kana varchar(40), umare date,
    zeigaku numeric(12,0), henko_moto varchar(60), CHECK (zeigaku < 1000000))
"""
_PG_COUNTING = """
CREATE FUNCTION fukushi.kazoeru() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN INSERT INTO fukushi.kazu VALUES (NEW.atena_no); RETURN NULL; END $$;
CREATE TRIGGER kazoeru AFTER INSERT OR UPDATE ON fukushi.taisho FOR EACH ROW EXECUTE FUNCTION fukushi.kazoeru();
"""


@dataclass(frozen=True, kw_only=True)
class Register:
    """The target: ``table`` as a declaration names it, its owner's ``execute``, the hub's ``connection``."""

    engine: str
    table: str
    connection: Connection
    run: Callable[[str], Sequence[Sequence[Any]]]

    def execute(self, statement: str) -> Sequence[Sequence[Any]]:
        """Run a statement as the owner, committed at once; ``{t}`` is the table."""
        return self.run(statement.replace("{t}", self.table))

    def feed(self, **settings: Any) -> Feed:
        """A feed that pushes to the table."""
        wanted = {
            "table": self.table,
            "key": "atena_no",
            "columns": COLUMNS,
            "deadline": "20s",
            "lock_wait": "1s",
        }
        return feed_of("odbc", **{**wanted, **settings})

    def names(self) -> dict[str, str | None]:
        """Number → name of everybody who stands in the table."""
        rows = self.execute("SELECT atena_no, shimei FROM {t} ORDER BY atena_no")
        return {str(number).strip(): name for number, name in rows}

    def effects(self) -> int:
        """How often a row was written, by the count of the target's own trigger."""
        return int(self.execute(f"SELECT count(*) FROM {self.table.replace('taisho', 'kazu')}")[0][0])

    def behind(self, port: int) -> Connection:
        """The same register through another port."""
        return Connection(name="peer", settings={**self.connection.settings, "port": str(port)})

    @property
    def port(self) -> int:
        """Where its server listens."""
        return int(self.connection.settings["port"])


def outgoing(text: str = PEOPLE, *, seen: str | None = None, key: str = "K-1") -> Outgoing:
    """What is to be pushed, from a text table; ``NULL`` is no value."""
    return Outgoing(key=key, rows=table_of(text), seen=table_of(seen) if seen else None)


def table_of(text: str) -> pa.Table:
    """A text table as an Arrow table of texts."""
    head, *lines = [[cell.strip(" ") for cell in line.split("|")] for line in text.strip().splitlines()]
    columns = zip(*lines, strict=True)
    values = ([None if cell == "NULL" else cell for cell in column] for column in columns)
    return pa.table({name: pa.array(cells, pa.string()) for name, cells in zip(head, values, strict=True)})


def effects_of(receipt: Any) -> list[str]:
    """Each row's effect, with its code where there is one."""
    rows = receipt.rows.to_pylist()
    return [" ".join(filter(None, (row["effect"], row["code"]))) for row in rows]


def twin(folder: Path, *patches: tuple[str, str, str]) -> ModuleType:
    """The ODBC connector with guards taken out: file, guard, and what stands there instead."""
    place = folder / "twin"
    shutil.copytree(CONNECTORS, place, ignore=shutil.ignore_patterns("__pycache__"))
    for file, guard, nothing in patches:
        text = (place / file).read_text("utf-8")
        assert text.count(guard) == 1, f"{file} has no longer exactly one: {guard}"
        (place / file).write_text(text.replace(guard, nothing), "utf-8")
    return load_connector(place, "odbc")


# the three targets --------------------------------------------------------------------------------


@pytest.fixture
def on_postgresql(juki: Juki, tmp_path: Path) -> Register:
    """In a schema of its own; the hub may write two tables and no more."""
    password = "push'};{x"
    juki.execute("DROP SCHEMA IF EXISTS fukushi CASCADE")
    juki.execute(
        "DO $$ BEGIN CREATE ROLE renkei_push LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    juki.execute("ALTER ROLE renkei_push PASSWORD '" + password.replace("'", "''") + "'")
    juki.execute(
        "CREATE SCHEMA fukushi; CREATE TABLE fukushi.kazu (atena_no text);"
        + _TABLE.format(name="fukushi.taisho") + ";" + _PG_COUNTING
        + "CREATE TABLE fukushi.renkei_inbox (push_key varchar(200) PRIMARY KEY, applied_at timestamptz);"
        "GRANT USAGE ON SCHEMA fukushi TO renkei_push;"
        "GRANT SELECT, INSERT, UPDATE ON fukushi.taisho, fukushi.renkei_inbox TO renkei_push;"
        "ALTER ROLE renkei_push SET search_path = fukushi"
    )  # fmt: skip
    settings = {
        **juki.connection.settings,
        "user": "renkei_push",
        "password": private(tmp_path / "pg", password),
    }

    def run(statement: str) -> Sequence[Sequence[Any]]:
        with juki.cluster._connection("juki") as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else ()

    return Register(
        engine="postgresql",
        table="fukushi.taisho",
        connection=Connection(name="peer", settings=settings),
        run=run,
    )


@pytest.fixture
def on_mariadb(mariadb: Mariadb) -> Register:
    """In the pushing account's own database."""
    counting = (
        "CREATE TRIGGER kazu_{0} AFTER {0} ON taisho FOR EACH ROW INSERT INTO kazu VALUES (NEW.atena_no)"
    )
    mariadb.execute(
        _TABLE.format(name="taisho"), "CREATE TABLE kazu (atena_no varchar(20))",
        counting.format("INSERT"), counting.format("UPDATE"),
        "CREATE TABLE renkei_inbox (push_key varchar(200) PRIMARY KEY, applied_at datetime)",
    )  # fmt: skip
    return Register(engine="mariadb", table="taisho", connection=mariadb.pusher, run=mariadb.execute)


@pytest.fixture
def on_sqlite(sqlite: Sqlite) -> Register:
    """In the one file."""
    counting = "CREATE TRIGGER kazu_{0} AFTER {0} ON taisho BEGIN INSERT INTO kazu VALUES (NEW.atena_no); END"
    sqlite.execute(
        _TABLE.format(name="taisho"), "CREATE TABLE kazu (atena_no text)",
        counting.format("INSERT"), counting.format("UPDATE"),
        "CREATE TABLE renkei_inbox (push_key varchar(200) PRIMARY KEY, applied_at timestamp)",
    )  # fmt: skip
    return Register(engine="sqlite", table="taisho", connection=sqlite.connection, run=sqlite.execute)


@pytest.fixture(params=ENGINES)
def register(request: pytest.FixtureRequest) -> Register:
    """Each of the three in turn."""
    made: Register = request.getfixturevalue(f"on_{request.param}")
    return made


@pytest.fixture(params=ENGINES[:2])
def server(request: pytest.FixtureRequest) -> Register:
    """Each of the two that are reached over a network."""
    made: Register = request.getfixturevalue(f"on_{request.param}")
    return made
