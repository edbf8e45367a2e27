"""What stands beside the registry's own work: plain COPY, plain reading, and merging everything in SQL."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from bench.child import Done, Runs
from bench.desk import NIGHTS, TEMPLATE, Desk
from renkei import formats
from renkei import mapping as mappings
from renkei.bulk import copy_in
from renkei.landing import Landing
from renkei.model import REC_NO
from renkei.project import Project
from renkei.records import RECORD_TYPES
from renkei.registry import control, store
from renkei.registry.embedded import Cluster
from renkei_sample.city import City

FEED, KIND = "juki.resident", RECORD_TYPES["person"]
#: The registry that the first load leaves.
FIRST = "bench_first"


@contextmanager
def registry(desk: Desk, name: str, *, template: str) -> Iterator[str]:
    """A database of its own for one run, settled before the clock starts."""
    cluster = Cluster(desk.cluster)
    cluster.execute(f'DROP DATABASE IF EXISTS "{name}"')
    cluster.create_database(name, template=template)
    cluster.execute("CHECKPOINT")
    os.environ["RENKEI_DATABASE_URL"] = cluster.url(name)
    yield cluster.url(name)


# the first load -----------------------------------------------------------------------------------


def plain_copy(desk: Desk) -> Runs:
    """COPY the rows of the registry's own table into a logged table with no index, key or check."""
    rows, text = copied_out(Cluster(desk.cluster).url(FIRST), KIND.table)
    while True:
        with registry(desk, "bench_floor", template=TEMPLATE) as url:
            engine = store.connect(url)
            make_plain(engine)
            yield partial(copy_plainly, engine, rows, text)
            engine.dispose()


def make_plain(engine: sa.Engine) -> None:
    """The logged table ``plain``: the registry's columns, and no index, key or check."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE plain AS TABLE {KIND.table} WITH NO DATA")


def copied_out(url: str, what: str) -> tuple[int, bytes]:
    """How many rows a table (or a query in brackets) has, and their COPY text."""
    text, engine = io.BytesIO(), store.connect(url)
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            with cursor.copy(f"COPY {what} TO STDOUT") as copy:
                for block in copy:
                    text.write(block)
            rows = int(cursor.rowcount)
    engine.dispose()
    return rows, text.getvalue()


def copy_plainly(engine: sa.Engine, rows: int, text: bytes) -> Done:
    """Write COPY text into the table of :func:`make_plain`."""
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor, cursor.copy("COPY plain FROM STDIN") as copy:
            copy.write(text)
    return Done(rows=rows)


# one record in a hundred --------------------------------------------------------------------------


def change_source(desk: Desk, *, as_of: str) -> Runs:
    """In the legacy system itself, every hundredth resident gets another version: another building."""
    yield partial(_change_source, desk, City.open(desk.city), date.fromisoformat(as_of))


def _change_source(desk: Desk, city: City, day: date) -> Done:
    with city.juki.connect() as connection:
        changed = connection.execute(_NEW_VERSIONS).rowcount
    pq.write_table(_mapped(desk.project("nights"), desk, day), _kept(desk))
    return Done(rows=changed)


def _mapped(project: Project, desk: Desk, day: date) -> pa.Table:
    """The later delivery as the mapping leaves it, for the ways that begin with it."""
    mapping = project.mapping(FEED).at(day)
    (delivery,) = project.connector(mapping.feed, workdir=desk.scratch / "later").pull(mapping.feed, None)
    batch = formats.read(delivery.path, mapping.feed.format, feed=FEED)
    return mappings.apply(mapping, batch, as_of=day).records


def _kept(desk: Desk) -> Path:
    return desk.scratch / "later.parquet"


_NEW_VERSIONS = """
    INSERT INTO juki.kojin_rireki
    SELECT (jsonb_populate_record(NULL::juki.kojin_rireki, to_jsonb(numbered) || jsonb_build_object(
        'rireki_no', rireki_no + 1, 'katagaki', coalesce(katagaki, '') || '新館'
    ))).*
    FROM (SELECT *, row_number() OVER (ORDER BY atena_no) AS place FROM juki.kojin_genzai) AS numbered
    WHERE place % 100 = 0
"""


def join_keys(desk: Desk) -> Runs:
    """DuckDB joins the delivery and the last snapshot by their key alone, and counts."""
    records = pq.read_table(_kept(desk)).cast(KIND.schema)
    snapshot = snapshots(desk.project("nights"))[FEED]
    while True:
        yield partial(_join_keys, records, snapshot)


def _join_keys(records: pa.Table, snapshot: str) -> Done:
    with duckdb.connect() as duck:
        duck.register("records", records)
        query = f"SELECT count(*) FROM records FULL JOIN read_parquet('{snapshot}') USING (source_key)"
        (rows,) = duck.execute(query).fetchone() or (0,)
    return Done(rows=int(rows))


def stage_everything(desk: Desk) -> Runs:
    """COPY every mapped record into a staging table, then find and write the changes in SQL: history only."""
    records = pq.read_table(_kept(desk)).cast(KIND.schema)
    while True:
        with registry(desk, "bench_usual", template=NIGHTS) as url:
            engine = store.connect(url)
            yield partial(_stage_everything, engine, records)
            engine.dispose()


def _stage_everything(engine: sa.Engine, records: pa.Table) -> Done:
    names = [name for name in KIND.schema.names if name != REC_NO]
    old, new = (", ".join(f"{side}.{name}" for name in KIND.content) for side in "ts")
    with engine.begin() as connection:
        connection.exec_driver_sql(_STAGED.format(names=", ".join(names)))
        copy_in(connection, "staged", records.rename_columns(["rec_no", *names]))
        connection.exec_driver_sql("ANALYZE staged")
        unit_id = connection.exec_driver_sql(_UNIT).scalar_one()
        connection.exec_driver_sql(_CLOSE.format(old=old, new=new))
        connection.exec_driver_sql(_END)
        merged = connection.execute(sa.text(_OPEN.format(names=", ".join(names))), {"unit_id": unit_id})
    return Done(rows=records.num_rows, facts={"merged": merged.rowcount})


_STAGED = f"CREATE TEMP TABLE staged AS SELECT rec_no, {{names}} FROM {KIND.table} WITH NO DATA"
_UNIT = f"""
    INSERT INTO unit (delivery_id, feed, part, as_of, run_id, mapping_digest, fence, records, merged,
                      unchanged, superseded, rejected, ended, dispositions, snapshot, done_at)
    SELECT delivery_id, feed, 'bench', as_of + 1, run_id, mapping_digest, fence, records, merged,
           unchanged, superseded, rejected, ended, dispositions, snapshot, now()
    FROM unit
    WHERE feed = '{FEED}'
    ORDER BY unit_id DESC
    LIMIT 1
    RETURNING unit_id
"""
_CLOSE = f"""
    UPDATE {KIND.table} AS t
    SET known_to = now()
    FROM staged AS s
    WHERE t.feed = '{FEED}' AND t.known_to IS NULL AND t.source_key = s.source_key
      AND ({{old}}) IS DISTINCT FROM ({{new}})
"""
_END = f"""
    UPDATE {KIND.table} AS t
    SET known_to = now()
    WHERE t.feed = '{FEED}' AND t.known_to IS NULL
      AND NOT EXISTS (SELECT FROM staged AS s WHERE s.source_key = t.source_key)
"""
_OPEN = f"""
    INSERT INTO {KIND.table} (feed, {{names}}, content_hash, known_from, unit_id, rec_no)
    SELECT '{FEED}', {{names}}, '', now(), :unit_id, rec_no
    FROM staged AS s
    WHERE NOT EXISTS (
        SELECT FROM {KIND.table} AS t
        WHERE t.feed = '{FEED}' AND t.known_to IS NULL AND t.source_key = s.source_key
    )
"""


# reading ------------------------------------------------------------------------------------------


def read_everything(desk: Desk) -> Runs:
    """DuckDB reads every column of every snapshot once, and hashes it."""
    project = desk.project("nights")
    yield partial(_read_everything, project)


def _read_everything(project: Project) -> Done:
    rows = 0
    with duckdb.connect() as engine:
        for place in snapshots(project).values():
            query = f"SELECT count(*), bit_xor(hash(t)) FROM read_parquet('{place}') AS t"
            rows += int((engine.execute(query).fetchone() or (0,))[0])
    return Done(rows=rows)


def snapshots(project: Project) -> dict[str, str]:
    """Feed and the file of its present snapshot."""
    engine = store.connect(store.url_of(project.var))
    with engine.connect() as connection:
        cursors = control.cursors(connection)
    engine.dispose()
    landing = Landing(project.var / "landing")
    return {feed: str(landing.path(cursor.snapshot)) for feed, cursor in cursors.items()}
