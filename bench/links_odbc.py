"""``bench pull``: one table of 15 text columns over ODBC, from PostgreSQL and from MariaDB."""

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bench import mariadb
from bench.contest import Entry, Failed, contest, entry
from bench.desk import Desk
from bench.lines import say, show
from bench.place import desk

PLACES = "odbc.json"
_COLUMNS = (
    "atena_no char(10) PRIMARY KEY, rireki_no varchar(3) NOT NULL, shimei varchar(80), kana varchar(120),"
    " seinengappi varchar(8), seibetsu varchar(1), yubin varchar(7), jusho varchar(200),"
    " katagaki varchar(200), setai_no varchar(10), zokugara varchar(4), ido_ymd varchar(8),"
    " ido_jiyu varchar(2), biko varchar(200), koshin_ts varchar(26)"
)
#: Synthetic residents: names and addresses that no register holds, every tenth note null, every tenth empty.
_ROWS = """
INSERT INTO kojin
SELECT lpad((g * 7)::text, 10, '0'), '1',
       (ARRAY['髙﨑', '山田', '𠮷田', '渡邉'])[g % 4 + 1] || '　'
           || (ARRAY['太郎', '花子', '一郎'])[g % 3 + 1] || (g % 977),
       'ﾀｶｻｷ ﾖｼﾛｳ' || (g % 977), lpad((19300101 + g % 900000)::text, 8, '0'), (g % 2 + 1)::text,
       lpad((g % 1000000)::text, 7, '0'),
       '葛原市中央区本町' || (g % 90) || '丁目' || (g % 40) || '番地' || (g % 30) || '号',
       CASE WHEN g % 3 = 0 THEN 'コーポ葛原' || (g % 800) || '号室' END, lpad((g / 3)::text, 10, '0'),
       '02', '20260401', '11', CASE g % 10 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE '備考～－∥①㈱' END,
       '2026-04-01 12:34:56.' || lpad((g % 1000000)::text, 6, '0')
FROM generate_series(1, {rows}) AS g"""


def measure(*, rows: int, rounds: int) -> None:
    """Ours with its proof, in a process of its own and flushed to a file; the others read and forget."""
    from renkei.registry.embedded import Cluster

    with desk() as here, mariadb.running() as port:
        cluster = Cluster(here.folder / "source", settings={"fsync": "off"})
        try:
            cluster.start()
            _fill(here, cluster, port, rows=rows)
            _postgresql(here, rounds=rounds)
            _mariadb(here, rounds=rounds)
        finally:
            cluster.stop()


def _postgresql(here: Desk, *, rounds: int) -> None:
    ours = entry("pull_postgresql", "odbc.ours", engine="postgresql")
    floor = entry("psql COPY to /dev/null", "odbc.psql")
    usual = entry("pyodbc to Arrow", "odbc.pyodbc_arrow", engine="postgresql")
    others = (
        entry("arrow-odbc, no proof", "odbc.arrow_odbc", engine="postgresql"),
        entry("SQLAlchemy and psycopg, tuples", "odbc.sqlalchemy", engine="postgresql"),
        entry("connectorx", "odbc.connectorx", engine="postgresql"),
        entry("dlt", "odbc.dlt", engine="postgresql"),
    )
    _show(here, ours, floor, usual, others, rounds=rounds)


def _mariadb(here: Desk, *, rounds: int) -> None:
    ours = entry("pull_mariadb", "odbc.ours", engine="mariadb")
    floor = entry("arrow-odbc, no proof", "odbc.arrow_odbc", engine="mariadb")
    usual = entry("pyodbc to Arrow, right text settings", "odbc.pyodbc_arrow", engine="mariadb")
    others = (
        entry(
            "pyodbc to Arrow as it comes (corrupts text)", "odbc.pyodbc_arrow", engine="mariadb", plain=True
        ),
        entry("mariadb --quick to /dev/null", "odbc.mariadb"),
        entry("SQLAlchemy and pyodbc, tuples", "odbc.sqlalchemy", engine="mariadb"),
        entry("connectorx", "odbc.connectorx", engine="mariadb"),
        entry("dlt", "odbc.dlt", engine="mariadb"),
    )
    _show(here, ours, floor, usual, others, rounds=rounds)


def _show(
    here: Desk, ours: Entry, floor: Entry, usual: Entry, others: Sequence[Entry], *, rounds: int
) -> None:
    """Ours beside the least and the usual; then each other one that is installed, beside the same least."""
    mine, least, other = contest(here, ours, floor, usual, rounds=rounds)
    show(mine, floor=least, usual=other)
    for each in others:
        with suppress(Failed):
            (taken,) = contest(here, each, rounds=1)
            show(taken, floor=least)
            continue
        say(f"{each.name}: not installed here, or it failed")


# the tables ---------------------------------------------------------------------------------------


def _fill(here: Desk, cluster: object, port: int, *, rows: int) -> None:
    """The same rows in both databases."""
    from renkei.registry.embedded import Cluster

    assert isinstance(cluster, Cluster)
    cluster.create_database("bench")
    cluster.execute(f"CREATE TABLE kojin ({_COLUMNS})", database="bench")
    cluster.execute(_ROWS.format(rows=rows), database="bench")
    cluster.execute("VACUUM (FREEZE, ANALYZE) kojin", database="bench")
    url = cluster.url("bench").replace("+psycopg", "")
    dump = here.folder / "kojin.tsv"
    subprocess.run(
        ["psql", url, "-qc", f"\\copy (SELECT * FROM kojin ORDER BY atena_no) TO '{dump}'"], check=True
    )
    statements = (
        f"CREATE TABLE kojin ({_COLUMNS})",
        f"LOAD DATA LOCAL INFILE '{dump}' INTO TABLE kojin CHARACTER SET utf8mb4",
        "ANALYZE TABLE kojin",
    )
    client = _client(port)
    subprocess.run([*client, "bench"], input=";\n".join(statements).encode(), check=True, stdout=sys.stderr)
    dump.unlink()
    _note(here.folder, url, cluster.port, port)


def _client(port: int) -> list[str]:
    """MariaDB's own program, signed in to the throw-away server."""
    return [
        "mariadb", "--no-defaults", "--host=127.0.0.1", f"--port={port}", "--user=bench",
        f"--password={mariadb.PASSWORD}", "--default-character-set=utf8mb4", "--local-infile=1",
    ]  # fmt: skip


def _note(folder: Path, url: str, port: int, mariadb_port: int) -> None:
    """How the contenders reach the servers; the desk's folder is ours alone."""
    secret = folder / "postgresql.password"
    secret.touch(0o600)
    secret.write_text(url.split("//")[1].split(":")[1].split("@")[0], "utf-8")
    other = folder / "mariadb.password"
    other.touch(0o600)
    other.write_text(mariadb.PASSWORD, "utf-8")
    common = {"host": "127.0.0.1", "database": "bench", "retry_seconds": "0"}
    places = {
        "postgresql": {
            **common, "driver": "PostgreSQL Unicode", "port": str(port), "user": "renkei_owner",
            "password": f"file:{secret}",
        },
        "mariadb": {
            **common, "driver": "MariaDB Unicode", "port": str(mariadb_port), "user": "bench",
            "password": f"file:{other}",
        },
        "urls": {
            "psql": url, "postgresql": url,
            "mariadb": f"mysql://bench:{mariadb.PASSWORD}@127.0.0.1:{mariadb_port}/bench",
        },
        "client": _client(mariadb_port),
    }  # fmt: skip
    (folder / PLACES).write_text(json.dumps(places), "utf-8")
