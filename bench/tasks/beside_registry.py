"""What stands beside the registry of the labelled city: plain COPY, and one ORM object a record."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from bench.child import Done, Runs
from bench.desk import Desk
from bench.hub import FEEDS, root
from bench.tasks.beside import copied_out, copy_plainly, make_plain
from renkei.records import PERSON
from renkei.registry import store
from renkei.registry.embedded import Cluster

PLAIN, OBJECTS = "bench_plain", "bench_objects"
_FIELDS = ("name_key", "kana_key", "sex", "date_of_birth", "date_of_birth_lo", "date_of_birth_hi",
           "address_key", "full_name", "full_name_kana", "address", "resident_status", "match_key",
           "protected")  # fmt: skip


def plain_copy(desk: Desk) -> Runs:
    """COPY the present records of the three feeds, as the registry holds them, into a table with no index."""
    present = f"(SELECT * FROM {PERSON.table} WHERE known_to IS NULL)"
    rows, text = copied_out(store.url_of(root(desk) / "var"), present)
    cluster = Cluster(desk.cluster)
    while True:
        cluster.execute(f'DROP DATABASE IF EXISTS "{PLAIN}"')
        cluster.create_database(PLAIN)
        store.migrate(cluster.url(PLAIN))
        engine = store.connect(cluster.url(PLAIN))
        make_plain(engine)
        cluster.execute("CHECKPOINT")
        yield partial(copy_plainly, engine, rows, text)
        engine.dispose()


# one object a record ------------------------------------------------------------------------------


class _Base(orm.DeclarativeBase):
    pass


class Person(_Base):
    """A resident with what is best known of them."""

    __tablename__ = "orm_person"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    full_name: orm.Mapped[str | None]
    kana: orm.Mapped[str | None]
    sex: orm.Mapped[str | None]
    born: orm.Mapped[Any] = orm.mapped_column(sa.Date, nullable=True)
    address: orm.Mapped[str | None]


class Record(_Base):
    """What one system says; the number and the four attributes are indexed."""

    __tablename__ = "orm_record"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    feed: orm.Mapped[str]
    source_key: orm.Mapped[str]
    party: orm.Mapped[str | None] = orm.mapped_column(index=True)
    match_key: orm.Mapped[str | None] = orm.mapped_column(index=True)
    body: orm.Mapped[dict[str, Any]] = orm.mapped_column(sa.JSON)
    person_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("orm_person.id"))
    person: orm.Mapped[Person] = orm.relationship()
    __table_args__ = (sa.UniqueConstraint("feed", "source_key"),)


def by_objects(desk: Desk, *, sample: int) -> Runs:
    """Find, link and save one record after the other, as an application does it; links by levels 1 and 2."""
    rows = list(_records(store.url_of(root(desk) / "var"), sample))
    cluster = Cluster(desk.cluster)
    while True:
        cluster.execute(f'DROP DATABASE IF EXISTS "{OBJECTS}"')
        cluster.create_database(OBJECTS)
        engine = store.connect(cluster.url(OBJECTS))
        _Base.metadata.create_all(engine)
        yield partial(_by_objects, engine, rows)
        engine.dispose()


def _records(url: str, sample: int) -> Iterator[dict[str, Any]]:
    """A third of the sample from each system, of the same people."""
    engine = store.connect(url)
    names = ", ".join(("feed", "source_key", "numbering", "party_number", *_FIELDS))
    query = f"SELECT {names} FROM {PERSON.table} WHERE known_to IS NULL AND feed = :feed ORDER BY source_key"
    with engine.connect() as connection:
        for feed in FEEDS:
            found = connection.execute(sa.text(query), {"feed": feed}).mappings()
            yield from (dict(row) for row in islice(found, -(-sample // len(FEEDS))))
    engine.dispose()


def _by_objects(engine: sa.Engine, rows: list[dict[str, Any]]) -> Done:
    with orm.Session(engine) as session:
        for row in rows:
            _merge_one(session, row)
        session.commit()
        people = session.scalar(sa.select(sa.func.count()).select_from(Person))
    return Done(rows=len(rows), facts={"residents": people})


def _merge_one(session: orm.Session, row: dict[str, Any]) -> None:
    party = f"{row['numbering']}:{row['party_number']}" if row["party_number"] else None
    known = session.scalars(
        sa.select(Record).where(Record.feed == row["feed"], Record.source_key == row["source_key"])
    ).one_or_none()
    person = known.person if known else _person_of(session, party, row["match_key"])
    record = known or Record(feed=row["feed"], source_key=row["source_key"])
    record.party, record.match_key, record.person = party, row["match_key"], person
    record.body = {name: None if row[name] is None else str(row[name]) for name in _FIELDS}
    person.full_name, person.kana = row["full_name"], row["full_name_kana"]
    person.sex, person.born, person.address = row["sex"], row["date_of_birth"], row["address"]
    session.add(record)
    session.flush()


def _person_of(session: orm.Session, party: str | None, match_key: str | None) -> Person:
    for column, value in ((Record.party, party), (Record.match_key, match_key)):
        if value is not None:
            found = session.scalars(sa.select(Record).where(column == value).limit(1)).one_or_none()
            if found:
                return found.person
    return Person()
