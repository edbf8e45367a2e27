"""One table over ODBC: ours with its proof, and others that read the same rows and forget them."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

from bench.child import Done, Runs
from bench.desk import ROOT, Desk
from renkei.model import Connection, Feed
from renkei.project import load_connector
from renkei.secrets import secret

_FETCH = 20_000
_QUERY = "SELECT * FROM kojin ORDER BY atena_no"


def _places(desk: Desk) -> dict[str, Any]:
    held: dict[str, Any] = json.loads((desk.folder / "odbc.json").read_text("utf-8"))
    return held


def _connection(desk: Desk, engine: str) -> Connection:
    return Connection(name=engine, settings=_places(desk)[engine])


def ours(desk: Desk, *, engine: str) -> Runs:
    """A whole pull as the night makes it: own process, every chunk proved, a file flushed to the disk."""
    module = load_connector(ROOT / "connectors", "odbc")
    feed = Feed(
        system="bench", name=engine, title="計測", owner="-", connector="odbc", connection=engine, format={},
        settings={"table": "kojin", "key": "atena_no", "deadline": "10m"}, delivers="full", record="person",
        schedule="-", lag=timedelta(0),
    )  # fmt: skip
    for number in count():
        workdir = desk.folder / f"work.{engine}.{number}"
        yield partial(_ours, module.connect(_connection(desk, engine), workdir=workdir), feed)
        shutil.rmtree(workdir)


def _ours(connector: Any, feed: Feed) -> Done:  # noqa: ANN401 - a connector, loaded by path
    (delivery,) = connector.pull(feed, None)
    return Done(rows=delivery.records, facts={"bytes": delivery.bytes, "sha256": delivery.sha256[:16]})


# floors -------------------------------------------------------------------------------------------


def psql(desk: Desk) -> Runs:
    """``COPY kojin TO STDOUT`` by PostgreSQL's own program, thrown away."""
    command = ["psql", _places(desk)["urls"]["psql"], "-qc", "COPY kojin TO STDOUT"]
    while True:
        yield partial(_thrown_away, command, _count(desk, "postgresql"))


def mariadb(desk: Desk) -> Runs:
    """MariaDB's own program, thrown away."""
    command = [
        *_places(desk)["client"],
        "--quick",
        "--batch",
        "bench",
        "-e",
        "SELECT * FROM kojin",
    ]
    while True:
        yield partial(_thrown_away, command, _count(desk, "mariadb"))


def _thrown_away(command: list[str], rows: int) -> Done:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return Done(rows=rows)


def _count(desk: Desk, engine: str) -> int:
    with _pyodbc(desk, engine) as made:
        return int(made.execute("SELECT count(*) FROM kojin").fetchone()[0])


# other readers ------------------------------------------------------------------------------------


def arrow_odbc(desk: Desk, *, engine: str) -> Runs:
    """arrow-odbc with its fastest settings: batches counted and dropped; no proof, no file."""
    import arrow_odbc as driver

    while True:
        made = driver.connect(_text(desk, engine), autocommit=False)
        yield partial(_batches, made)


def _batches(made: Any) -> Done:  # noqa: ANN401 - arrow-odbc has no types
    reader = made.read_arrow_batches(_QUERY, batch_size=_FETCH, max_text_size=32_768)
    return Done(rows=sum(batch.num_rows for batch in reader))


def pyodbc_arrow(desk: Desk, *, engine: str, plain: bool = False) -> Runs:
    """pyodbc, rows gathered into Arrow batches and dropped. ``plain``: without the text settings."""
    while True:
        yield partial(_rows, _pyodbc(desk, engine, plain=plain))


def _rows(made: Any) -> Done:  # noqa: ANN401 - pyodbc has no types here
    import pyarrow as pa

    cursor = made.execute(_QUERY)
    names, rows = [described[0] for described in cursor.description], 0
    while block := cursor.fetchmany(_FETCH):
        columns = [pa.array(column, pa.string()) for column in zip(*block, strict=True)]
        rows += pa.record_batch(columns, names=names).num_rows
    made.close()
    return Done(rows=rows)


def _pyodbc(desk: Desk, engine: str, *, plain: bool = False) -> Any:  # noqa: ANN401 - no types
    import pyodbc

    made = pyodbc.connect(_text(desk, engine, plain=plain), autocommit=False)
    if not plain:
        made.setencoding("utf-8", ctype=pyodbc.SQL_CHAR)
        made.setdecoding(pyodbc.SQL_CHAR, "utf-8", ctype=pyodbc.SQL_CHAR)
        made.setdecoding(pyodbc.SQL_WCHAR, "utf-8", ctype=pyodbc.SQL_CHAR)
    return made


def _text(desk: Desk, engine: str, *, plain: bool = False) -> str:
    connection = _connection(desk, engine)
    login: Mapping[str, str] = connection.settings
    common = (
        f"Driver={{{login['driver']}}};Port={login['port']};Database={login['database']};"
        f"UID={login['user']};PWD={{{secret(connection, 'password')}}};"
    )
    if engine == "postgresql":
        return f"{common}Servername={login['host']};SSLmode=disable;UseDeclareFetch=1;Fetch={_FETCH};"
    tuned = "" if plain else "CHARSET=utf8mb4;NO_CACHE=1;FORWARDONLY=1;"
    return f"{common}Server={login['host']};{tuned}"


def sqlalchemy(desk: Desk, *, engine: str) -> Runs:
    """SQLAlchemy, rows streamed as tuples and dropped."""
    import sqlalchemy as sa

    url = _places(desk)["urls"][engine]
    if engine == "postgresql":
        made = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    else:
        made = sa.create_engine("mysql+pyodbc://", creator=partial(_pyodbc, desk, engine))
    while True:
        yield partial(_streamed, made)


def _streamed(engine: Any) -> Done:  # noqa: ANN401 - imported where it is used
    import sqlalchemy as sa

    with engine.connect().execution_options(stream_results=True, yield_per=_FETCH) as made:
        return Done(rows=sum(len(part) for part in made.execute(sa.text(_QUERY)).partitions()))


def connectorx(desk: Desk, *, engine: str) -> Runs:
    """connectorx into Arrow, where it is installed."""
    import connectorx as driver

    url = _places(desk)["urls"][engine]
    while True:
        yield lambda: Done(rows=driver.read_sql(url, _QUERY, return_type="arrow").num_rows)


def dlt(desk: Desk, *, engine: str) -> Runs:
    """dlt's ``sql_table`` with its Arrow backend, extracted only, where it is installed."""
    from dlt.sources.sql_database import sql_table

    url = _places(desk)["urls"][engine].replace("mysql://", "mysql+pymysql://")
    url = url.replace("postgresql://", "postgresql+psycopg://")
    while True:
        yield partial(_extracted, sql_table(url, table="kojin", backend="pyarrow", chunk_size=_FETCH))


def _extracted(resource: Iterator[Any]) -> Done:
    return Done(rows=sum(len(part) for part in resource))
