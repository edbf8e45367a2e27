"""Loading residents into a table of a legacy system: ours beside the floor and the usual ways."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from bench.child import Done, Runs
from bench.desk import ROOT, Desk
from renkei.model import Connection, Feed, Outgoing

COLUMNS = ["atena_no", *(f"k{number:02d}" for number in range(1, 15))]
_NAMES = ("髙﨑　𠮷郎", "渡邉 惠", "葛城 花子", "ヤマダ タロウ", "葛原市中央町一丁目２番３号", "", "1")
_BLOCK = 5000


def residents(rows: int) -> pa.Table:
    """The same every time: a number, and fourteen texts of a register."""
    numbers = pa.array([f"{row:010d}" for row in range(rows)])
    texts = [
        pa.array(
            [f"{_NAMES[(row + place) % 7]}{row % 97}" if (row + place) % 11 else None for row in range(rows)]
        )
        for place in range(14)
    ]
    return pa.table([numbers, *texts], names=COLUMNS)


class Target:
    """A server's table, emptied before each run."""

    def __init__(self, server: dict[str, str]) -> None:
        self.server = server

    @property
    def is_postgresql(self) -> bool:
        """Else it is MariaDB."""
        return "postgresql" in self.server["driver"].lower()

    def url(self) -> str:
        """For SQLAlchemy."""
        kind = "postgresql+psycopg" if self.is_postgresql else "mysql+pymysql"
        place = "{user}:{word}@{host}:{port}/{database}".format(**self.server)
        return f"{kind}://{place}" + ("" if self.is_postgresql else "?charset=utf8mb4")

    def odbc(self) -> str:
        """For ODBC, with the settings that each driver is fastest with."""
        place = "Driver={{{driver}}};Server={host};Port={port};Database={database};UID={user};PWD={word};"
        more = "" if self.is_postgresql else "CHARSET=utf8mb4;"
        return place.format(**self.server) + more

    def empty(self) -> None:
        """A new table with a primary key."""
        import sqlalchemy as sa

        kinds = ", ".join(f"{name} varchar(60)" for name in COLUMNS[1:])
        with closing(sa.create_engine(self.url()).connect()) as connection:
            connection.execute(sa.text("DROP TABLE IF EXISTS taisho"))
            connection.execute(sa.text(f"CREATE TABLE taisho (atena_no char(10) PRIMARY KEY, {kinds})"))
            connection.commit()

    def rows(self) -> int:
        """How many came."""
        import sqlalchemy as sa

        with closing(sa.create_engine(self.url()).connect()) as connection:
            return int(connection.execute(sa.text("SELECT count(*) FROM taisho")).scalar_one())


def _runs(server: dict[str, str], rows: int, load: Callable[[Target, pa.Table], None]) -> Runs:
    target, table = Target(server), residents(rows)
    while True:
        target.empty()
        yield partial(_run, target, table, load)


def _run(target: Target, table: pa.Table, load: Callable[[Target, pa.Table], None]) -> Done:
    load(target, table)
    assert target.rows() == table.num_rows, "rows were lost"
    return Done(rows=table.num_rows)


# ours ---------------------------------------------------------------------------------------------


def ours(_: Desk, *, server: dict[str, str], rows: int) -> Runs:
    """The connector's push: judged row by row, one transaction, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="renkei-bench-push-") as folder:
        (Path(folder) / "word").write_text(server["word"], "utf-8")
        (Path(folder) / "word").chmod(0o600)
        number = count()
        yield from _runs(server, rows, lambda target, table: _ours(target, table, Path(folder), next(number)))


def _ours(target: Target, table: pa.Table, folder: Path, number: int) -> None:
    from renkei.project import load_connector

    settings = {name: value for name, value in target.server.items() if name != "word"}
    connection = Connection(name="bench", settings={**settings, "password": f"file:{folder / 'word'}"})
    connector = load_connector(ROOT / "connectors", "odbc").connect(connection, workdir=folder / "work")
    receipt = connector.push(_feed(), Outgoing(key=f"bench-{number}", rows=table))
    assert receipt.effect == "applied", receipt.effect


def _feed() -> Feed:
    settings = {"table": "taisho", "key": "atena_no", "columns": COLUMNS, "deadline": "30m"}
    return Feed(
        system="bench", name="push", title="計測", owner="情報課", connector="odbc", connection="bench",
        settings=settings, format={}, delivers="full", record="person", schedule="0 5 * * *",
        lag=timedelta(hours=1),
    )  # fmt: skip


# floors -------------------------------------------------------------------------------------------


def copy(_: Desk, *, server: dict[str, str], rows: int, psql: str) -> Runs:
    """``psql \\copy`` of a CSV file."""
    with tempfile.TemporaryDirectory(prefix="renkei-bench-copy-") as folder:
        file = _csv(Path(folder) / "rows.csv", residents(rows), nulls="")
        command = rf"\copy taisho FROM '{file}' WITH (FORMAT csv)"
        yield from _runs(server, rows, lambda target, _: _psql(target, psql, command))


def _psql(target: Target, psql: str, command: str) -> None:
    address = "postgresql://{user}:{word}@{host}:{port}/{database}".format(**target.server)
    subprocess.run([psql, "-q", address, "-c", command], check=True, env=dict(os.environ))


def load_data(_: Desk, *, server: dict[str, str], rows: int) -> Runs:
    """``LOAD DATA LOCAL INFILE`` of a CSV file."""
    with tempfile.TemporaryDirectory(prefix="renkei-bench-load-") as folder:
        file = _csv(Path(folder) / "rows.csv", residents(rows), nulls="\\N")
        yield from _runs(server, rows, lambda target, _: _load_data(target, file))


def _load_data(target: Target, file: Path) -> None:
    import pymysql

    server = target.server
    with pymysql.connect(
        host=server["host"], port=int(server["port"]), user=server["user"], password=server["word"],
        database=server["database"], charset="utf8mb4", local_infile=True,
    ) as connection, connection.cursor() as cursor:  # fmt: skip
        cursor.execute(
            f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE taisho CHARACTER SET utf8mb4"
            " FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' LINES TERMINATED BY '\n'"
        )
        connection.commit()


def _csv(place: Path, table: pa.Table, *, nulls: str) -> Path:
    filled = (
        table
        if not nulls
        else pa.table([column.fill_null(nulls) for column in table.columns], table.column_names)
    )
    quoting = "needed" if not nulls else "none"
    options = pa.csv.WriteOptions(include_header=False, quoting_style=quoting)
    pa.csv.write_csv(filled, place, options)
    place.chmod(0o644)
    return place


# the usual ways -----------------------------------------------------------------------------------


def arrow_insert(_: Desk, *, server: dict[str, str], rows: int) -> Runs:
    """arrow-odbc alone: no judgement, no effect by row."""
    yield from _runs(server, rows, _arrow_insert)


def _arrow_insert(target: Target, table: pa.Table) -> None:
    import arrow_odbc

    connection = arrow_odbc.connect(target.odbc(), autocommit=False)
    connection.insert_into_table(table.to_reader(_BLOCK), "taisho", _BLOCK)
    connection.commit()


def executemany(_: Desk, *, server: dict[str, str], rows: int, sample: int) -> Runs:
    """pyodbc, row by row inside the driver, with the text settings that keep names whole."""
    yield from _runs(server, min(rows, sample), _executemany)


def _executemany(target: Target, table: pa.Table) -> None:
    import pyodbc

    with closing(pyodbc.connect(target.odbc(), autocommit=False)) as connection:
        connection.setencoding("utf-8", ctype=pyodbc.SQL_CHAR)
        marks = ", ".join("?" * len(COLUMNS))
        cursor = connection.cursor()
        cursor.executemany(f"INSERT INTO taisho VALUES ({marks})", list(_tuples(table)))
        connection.commit()


def sqlalchemy_insert(_: Desk, *, server: dict[str, str], rows: int, sample: int) -> Runs:
    """SQLAlchemy Core, as most programs load a table."""
    yield from _runs(server, min(rows, sample), _sqlalchemy_insert)


def _sqlalchemy_insert(target: Target, table: pa.Table) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(target.url())
    named = sa.table("taisho", *(sa.column(name) for name in COLUMNS))
    with engine.begin() as connection:
        for batch in table.to_batches(_BLOCK):
            connection.execute(sa.insert(named), batch.to_pylist())


def dlt_load(_: Desk, *, server: dict[str, str], rows: int) -> Runs:
    """dlt: extract, normalize, load."""
    yield from _runs(server, rows, _dlt_load)


def _dlt_load(target: Target, table: pa.Table) -> None:
    import dlt

    with tempfile.TemporaryDirectory(prefix="renkei-bench-dlt-") as folder:
        destination = dlt.destinations.postgres(
            "postgresql://{user}:{word}@{host}:{port}/{database}".format(**target.server)
        )
        pipeline = dlt.pipeline("bench", pipelines_dir=folder, destination=destination, dataset_name="public")
        pipeline.run(table, table_name="taisho", write_disposition="append")


def _tuples(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in table.to_batches(_BLOCK):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
