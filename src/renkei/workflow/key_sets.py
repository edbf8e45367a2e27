"""keys: which keys two feeds do not share, from their states; nothing is written."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa

from renkei import snapshot
from renkei.errors import TryAgain
from renkei.landing import Landing
from renkei.lineage import guard
from renkei.project import Project
from renkei.records import PERSON_KEYS
from renkei.registry import control, store
from renkei.snapshot import Snapshot
from renkei.verify import KeySets, On, key_sets
from renkei.workflow.in_force import in_force


@dataclass(frozen=True, kw_only=True)
class KeyCheck:
    """Two feeds, the columns that were compared, the days of their states, and the sets."""

    here: str
    there: str
    on: tuple[On, ...]
    as_of: tuple[date, date]
    sets: KeySets


def check_keys(
    project: Project, here: str, there: str, *, on: Sequence[str] = (), limit: int = 20, values: bool = False
) -> KeyCheck:
    """The keys that only one of two feeds has, or has several times: ``source_key`` unless ``on`` is given.

    A column as ``HERE=THERE`` has another name there. A number of a numbering is compared together with its
    numbering. TryAgain E_VERIFY_NO_STATE for a feed without a state; FixDeclaration E_KEYS_COLUMN.
    """
    engine = store.connect(store.url_of(project.var))
    try:
        ruling = in_force(project, engine=engine, founds=False)
        records = {feed: ruling.mapping(feed).feed.record for feed in (here, there)}
        with engine.connect() as connection, tempfile.TemporaryDirectory(prefix="renkei-keys-") as folder:
            mine, theirs = (_state(connection, project, feed) for feed in (here, there))
            columns = columns_of(on)
            sets = key_sets(
                mine.state, theirs.state, columns, limit=limit, scratch=Path(folder), values=values,
                persons=(_persons(records[here]), _persons(records[there])),
                shown=lambda rows: _shown(connection, rows, feeds=(here, there), records=records),
            )  # fmt: skip
        return KeyCheck(here=here, there=there, on=columns, as_of=(mine.as_of, theirs.as_of), sets=sets)
    finally:
        engine.dispose()


def columns_of(on: Sequence[str]) -> tuple[On, ...]:
    """``party_number`` → it and its numbering on both sides; ``source_key=person_key`` → two names."""
    asked = [On(here, there or here) for here, _, there in (each.partition("=") for each in on)]
    made = asked or [On("source_key", "source_key")]
    named = {each.here for each in made} | {each.there for each in made}
    if On("party_number", "party_number") in made and "numbering" not in named:
        return (On("numbering", "numbering"), *made)
    return tuple(made)


@dataclass(frozen=True, kw_only=True)
class _State:
    as_of: date
    state: Snapshot


def _state(connection: sa.Connection, project: Project, feed: str) -> _State:
    cursor = control.cursor_of(connection, feed)
    if cursor is None:
        raise TryAgain("E_VERIFY_NO_STATE", feed=feed)
    found = snapshot.proved(Landing(project.var / "landing"), cursor.snapshot)
    return _State(as_of=cursor.as_of, state=found)


def _persons(record: str) -> tuple[str, ...]:
    return ("source_key",) if record == "person" else PERSON_KEYS


def _shown(
    connection: sa.Connection, rows: pa.Table, *, feeds: tuple[str, str], records: dict[str, str]
) -> pa.Table:
    """Of ``side, source_key, people`` the rows about known persons only, none of whom is restricted."""
    import polars as pl

    frame = pl.DataFrame(rows)
    parts = []
    for side, feed in zip(("here", "there"), feeds, strict=True):
        part = frame.filter(pl.col("side") == side)
        people = part["people"].explode().drop_nulls().unique().to_list()
        is_person = records[feed] == "person"
        free = guard.nameable(connection, feed=feed, is_person=is_person, keys=people)
        known = pl.Series(sorted(free), dtype=pl.String)
        about = pl.col("people").list
        parts.append(part.filter(about.len() > 0, about.eval(pl.element().is_in(known.implode())).list.all()))
    made = pl.concat(parts).select("side", "source_key").unique()
    return made.to_arrow(compat_level=pl.CompatLevel.oldest())
