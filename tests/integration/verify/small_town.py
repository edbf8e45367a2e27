"""A town whose register is a table in a SQLite file, read over ODBC, and a copy of it that was written elsewhere."""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from renkei import project, workflow
from renkei.cli import main, place
from renkei.registry.embedded import Cluster
from renkei.registry.store import connect

ROOT = Path(__file__).resolve().parents[3]
DAY = date(2026, 11, 20)
FEED, COPY, LATER = "town.person", "copy.person", "later.person"
#: The one who may not be named.
HIDDEN = "0007"
_TABLE = """
CREATE TABLE {name} (
    no char(4) PRIMARY KEY, version char(3), since char(10), name varchar(40), address varchar(40),
    mark char(1), changed varchar(30), moved char(10))
"""
_FEED = """
system = "{system}"
title = "住民"
owner = "市民課"

[[feed]]
name = "person"
connector = "odbc"
connection = "{system}"
settings = {{ table = "{table}", key = ["no"] }}
format = {{ kind = "arrow" }}
delivers = "full"
schedule = "0 5 * * *"
record = "person"
field = [
  {{ to = "source_key", from = "no", steps = ["trim"] }},
  {{ to = "source_version", from = "version" }},
  {{ to = "valid_from", from = "since", steps = ["iso_date"] }},
  {{ to = "party_number", from = "no", steps = ["trim"] }},
  {{ to = "numbering", from = "mark", steps = [{{ code = "numbering" }}] }},
  {{ to = "full_name", from = "name" }},
  {{ to = "address", from = "address" }},
  {{ to = "protected", from = "mark", steps = [{{ code = "mark" }}] }},
  {more}
]
{ignored}
"""
_MORE = """
  { to = "changed_at", from = "changed", steps = [{ timestamp = "ISO" }] },
  { to = "moved_in_on", from = "moved", steps = ["iso_date"] },
"""
_IGNORED = "".join(
    f'[[feed.ignored]]\nname = "{name}"\nreason = "the copy has no use for it"\n'
    for name in ("changed", "moved")
)
_CODES = {
    "mark": (("0", "none"), ("1", "protected")),
    "numbering": (("0", "resident"), ("1", "resident")),
}


@dataclass(frozen=True, kw_only=True)
class Town:
    """The register's file, the hub's folder, and its registry."""

    root: Path
    file: Path
    registry: sa.Engine

    def source(self, *statements: str) -> None:
        """Run statements on the file itself, past any hub."""
        with contextlib.closing(sqlite3.connect(self.file, timeout=10)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def past_the_hub(self, *statements: str) -> None:
        """Run statements on the registry with the hand of its administrator."""
        with self.registry.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    @contextlib.contextmanager
    def altered(self, table: str, where: str) -> Iterator[None]:
        """Whatever happens to these rows inside is as it was afterwards."""
        with self.registry.begin() as connection:
            connection.exec_driver_sql(f"CREATE TABLE as_it_was AS SELECT * FROM {table} WHERE {where}")
        try:
            yield
        finally:
            columns = self.columns(table)
            names = ", ".join(columns)
            with self.registry.begin() as connection:
                connection.exec_driver_sql(f"DELETE FROM {table} WHERE {where}")
                connection.exec_driver_sql(
                    f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM as_it_was"
                )
                connection.exec_driver_sql("DROP TABLE as_it_was")

    def columns(self, table: str) -> list[str]:
        """Columns of a table of the registry."""
        with self.registry.connect() as connection:
            return [each["name"] for each in sa.inspect(connection).get_columns(table)]

    def sync(self, feed: str = FEED, as_of: date = DAY) -> workflow.SyncResult:
        """Take a feed in."""
        return workflow.sync_in(project.load(self.root), feed, as_of=as_of, actor="tester", trigger="test")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the registry answers."""
        with self.registry.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """A command's exit code and its JSON."""
    code = main([*words, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out)


@contextlib.contextmanager
def town_of(cluster: Cluster, folder: Path, *, people: int) -> Iterator[Town]:
    """The town with so many people and its copy, both taken in; the copy was another then, and is equal now."""
    shutil.copytree(ROOT / "connectors", folder / "connectors", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mappings/codes", "reconciliation", "var"):
        (folder / name).mkdir(parents=True)
    config = (ROOT / "renkei.toml").read_text("utf-8")
    (folder / "renkei.toml").write_text(
        config.replace('approval = "two people"', 'approval = "none"', 1), "utf-8"
    )
    for name, codes in _CODES.items():
        listed = "".join(f'\n[[codes]]\ncode = "{code}"\nto = "{to}"\n' for code, to in codes)
        (folder / "mappings" / "codes" / f"{name}.toml").write_text(f'title = "{name}"\n{listed}', "utf-8")
    for system, table, more, ignored in (
        ("town", "kojin", _MORE, ""), ("copy", "utsushi", "", _IGNORED), ("later", "utsushi", "", _IGNORED),
    ):  # fmt: skip
        text = _FEED.format(system=system, table=table, more=more, ignored=ignored)
        (folder / "mappings" / f"{system}.toml").write_text(text, "utf-8")
    file = folder / "register.sqlite3"
    (folder / "var" / "connections.toml").write_text(
        "".join(f'[{name}]\ndriver = "SQLite3"\ndatabase = "{file}"\n' for name in ("town", "copy", "later")),
        "utf-8",
    )
    name = f"verify_{folder.name}".replace("-", "_")
    cluster.create_database(name, template="renkei_template")
    engine = connect(cluster.url(name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RENKEI_DATABASE_URL", cluster.url(name))
        patch.setenv("RENKEI_PROJECT", str(folder))
        patch.setenv("RENKEI_LANG", "en")
        patch.setattr(place, "_LOGIN", Path("/nowhere"))
        made = Town(root=folder, file=file, registry=engine)
        made.source(
            *(_TABLE.format(name=each) for each in ("kojin", "utsushi")), _people(people),
            "INSERT INTO utsushi SELECT * FROM kojin", *_OTHERWISE,
        )  # fmt: skip
        made.sync()
        made.sync(COPY)
        made.source("DELETE FROM utsushi", "INSERT INTO utsushi SELECT * FROM kojin")
        yield made
    engine.dispose()
    cluster.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


_OTHERWISE = (
    f"DELETE FROM utsushi WHERE no IN ('0003', '{HIDDEN}')",
    "UPDATE utsushi SET no = '0903' WHERE no = '0004'",
    "UPDATE utsushi SET name = '葛原　花5' WHERE no = '0006'",
    "UPDATE utsushi SET name = NULL WHERE no = '0008'",
)


def _people(count: int) -> str:
    return f"""
        WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {count})
        INSERT INTO kojin
        SELECT printf('%04d', n), '001', '2020-04-01', '葛原　花' || n, '本町' || n || '番',
            CASE WHEN n = {int(HIDDEN)} THEN '1' ELSE '0' END,
            CASE n % 3 WHEN 0 THEN '2026-04-01T12:34:56.12' WHEN 1 THEN '2026-04-01T00:00:00' END,
            CASE n % 2 WHEN 0 THEN '1868-01-25' END
        FROM g
    """
