"""Fetching and landing, beside plain programs and the usual driver."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

from bench.child import Done, Runs
from bench.desk import Desk
from renkei.landing import Landing
from renkei.model import Connection, Feed
from renkei.project import Project
from renkei.secrets import secret

_FETCH = 20_000
#: How the files of the city's own systems end; what is read from its database is Arrow.
_LEGACY = {".DAT", ".CSV", ".xml"}


def feeds_of(project: Project, connector: str) -> list[Feed]:
    """The feeds of one transport."""
    return [feed for feed in project.feeds if feed.connector == connector]


# ours ---------------------------------------------------------------------------------------------


def pull(desk: Desk, *, connector: str) -> Runs:
    """Every delivery of every feed of a transport, as the night fetches it: whole, proved, on disk."""
    project = desk.project()
    while True:
        yield partial(_pull, desk, project, feeds_of(project, connector))


def _pull(desk: Desk, project: Project, feeds: list[Feed]) -> Done:
    rows = 0
    for feed in feeds:
        kept = desk.scratch / "pulled" / feed.id
        kept.mkdir(parents=True, exist_ok=True)
        made = project.connector(feed, workdir=project.var / "work" / feed.id)
        for delivery in made.pull(feed, None):
            place = delivery.path.rename(kept / delivery.name)
            rows += delivery.records or records_in(place)
    return Done(rows=rows)


def records_in(file: Path) -> int:
    """Records of a delivery of the sample city, by its size or by what its trailer or its root says."""
    if file.suffix == ".DAT":
        return file.stat().st_size // (420 if file.name.startswith("KJ") else 300) - 2
    with file.open("rb") as content:
        if file.suffix == ".CSV":
            content.seek(max(0, file.stat().st_size - 500))
            return int(content.read().splitlines()[-1].split(b'"')[3])
        stated = re.search(r'件数="(\d+)"'.encode(), content.read(500))
    return int(stated[1]) if stated else 0


def land(desk: Desk) -> Runs:
    """Every fetched file into an empty landing zone: hashed, copied, flushed, named."""
    files = _fetched(desk)
    for number in count():
        yield partial(_land, Landing(desk.scratch / f"landing.{number}"), files)
        shutil.rmtree(desk.scratch / f"landing.{number}")


def _land(landing: Landing, files: list[Path]) -> Done:
    for file in files:
        landing.adopt(file)
    return Done(rows=_rows(files))


def _fetched(desk: Desk) -> list[Path]:
    return sorted((desk.scratch / "pulled").glob("*/*"))


def _rows(files: list[Path]) -> int:
    return sum(records_in(file) if file.suffix in _LEGACY else _rows_of_arrow(file) for file in files)


def _rows_of_arrow(file: Path) -> int:
    import pyarrow as pa

    with pa.memory_map(str(file)) as source:
        return int(pa.ipc.open_file(source).read_all().num_rows)


# floors -------------------------------------------------------------------------------------------


def copy_out(desk: Desk) -> Runs:
    """COPY the same view TO STDOUT and drop the bytes: no file, no proof."""
    import psycopg

    project = desk.project()
    (feed,) = feeds_of(project, "odbc")
    connection = project.connection(feed.connection)
    login = connection.settings
    while True:
        with psycopg.connect(
            host=login["host"], port=login["port"], dbname=login["database"], user=login["user"],
            password=secret(connection, "password"),
        ) as made:  # fmt: skip
            yield partial(_copy_out, made.cursor(), str(feed.settings["table"]))


def _copy_out(cursor: "object", table: str) -> Done:
    import psycopg

    assert isinstance(cursor, psycopg.Cursor)
    with cursor.copy(f"COPY (SELECT * FROM {table}) TO STDOUT".encode()) as copy:
        for _ in copy:
            pass
    return Done(rows=cursor.rowcount)


def sftp(desk: Desk) -> Runs:
    """The same files by OpenSSH's own program, one session an account."""
    project = desk.project()
    feeds = feeds_of(project, "sftp")
    accounts = {feed.connection: project.connection(feed.connection) for feed in feeds}
    for number in count():
        target = desk.scratch / f"sftp.{number}"
        target.mkdir()
        calls = [
            _sftp_call(desk, connection, [feed for feed in feeds if feed.connection == name], target)
            for name, connection in accounts.items()
        ]
        yield partial(_sftp, calls, target)
        shutil.rmtree(target)


def _sftp_call(desk: Desk, connection: Connection, feeds: list[Feed], target: Path) -> tuple[list[str], str]:
    login = connection.settings
    known = desk.scratch / f"{connection.name}.known_hosts"
    known.write_text(f"[{login['host']}]:{login['port']} {login['host_key']}\n", "ascii")
    options = [
        "BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={known}",
    ]  # fmt: skip
    command = ["sftp", "-q", "-F", "/dev/null", "-i", login["key_file"], "-P", login["port"]]
    command += [word for option in options for word in ("-o", option)]
    base = login.get("base", "")
    batch = "".join(f"get {base}{feed.settings['path']} {target}/\n" for feed in feeds)
    return [*command, "-b", "-", f"{login['user']}@{login['host']}"], batch


def _sftp(calls: list[tuple[list[str], str]], target: Path) -> Done:
    for command, batch in calls:
        subprocess.run(command, input=batch.encode(), stdout=subprocess.DEVNULL, check=True)
    return Done(rows=_rows(list(target.iterdir())))


def dd(desk: Desk) -> Runs:
    """The same files copied by ``dd`` and flushed, without a hash."""
    files = _fetched(desk)
    for number in count():
        target = desk.scratch / f"dd.{number}"
        target.mkdir()
        yield partial(_dd, files, target)
        shutil.rmtree(target)


def _dd(files: list[Path], target: Path) -> Done:
    for number, file in enumerate(files):
        command = ["dd", f"if={file}", f"of={target / str(number)}", "bs=1M", "conv=fsync", "status=none"]
        subprocess.run(command, check=True)
    return Done(rows=_rows(files))


# the usual way ------------------------------------------------------------------------------------


def pyodbc_rows(desk: Desk) -> Runs:
    """pyodbc, tuned (declare and fetch, UTF-8): rows of tuples, counted and dropped; no file, no proof."""
    project = desk.project()
    (feed,) = feeds_of(project, "odbc")
    while True:
        yield partial(_pyodbc_rows, project.connection(feed.connection), feed)


def _pyodbc_rows(connection: Connection, feed: Feed) -> Done:
    return Done(rows=sum(_blocks(connection, str(feed.settings["table"]), str(feed.settings["key"][0]))))


def _blocks(connection: Connection, table: str, key: str) -> Iterator[int]:
    import pyodbc

    login = connection.settings
    text = (
        f"Driver={{{login['driver']}}};Servername={login['host']};Port={login['port']};"
        f"Database={login['database']};UID={login['user']};PWD={{{secret(connection, 'password')}}};"
        f"SSLmode=disable;UseDeclareFetch=1;Fetch={_FETCH};"
    )
    with pyodbc.connect(text, autocommit=False) as made:
        made.setdecoding(pyodbc.SQL_CHAR, "utf-8", ctype=pyodbc.SQL_CHAR)
        made.setdecoding(pyodbc.SQL_WCHAR, "utf-8", ctype=pyodbc.SQL_CHAR)
        cursor = made.execute(f"SELECT * FROM {table} ORDER BY {key}")
        while rows := cursor.fetchmany(_FETCH):
            yield len(rows)
