"""Where the trail is read from: the registry's database, or a file exported from it."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

#: Action → the query whose rows must each have that event (``coverage.toml``).
COVERED: Mapping[str, str] = tomllib.loads(
    resources.files("renkei_verify").joinpath("coverage.toml").read_text("utf-8")
)
_ENTRY = "e.event_id, (extract(epoch FROM e.occurred_at) * 1000000)::bigint, encode(e.salt, 'hex'), e.body"
_SEALED = f"""
    SELECT s.seq, encode(s.leaf, 'hex'), {_ENTRY}
    FROM audit_seal s LEFT JOIN audit_event e ON e.event_id = s.event_id
    ORDER BY s.seq"""
_UNSEALED = f"""
    SELECT NULL::bigint, NULL::text, {_ENTRY}
    FROM audit_event e
    WHERE NOT EXISTS (SELECT FROM audit_seal s WHERE s.event_id = e.event_id)
    ORDER BY e.event_id"""
_CHECKPOINTS = """
    SELECT size, encode(root, 'hex'), (extract(epoch FROM signed_at) * 1000000)::bigint, note
    FROM audit_checkpoint
    ORDER BY size"""
_FIRST = {"renkei-audit-export": 1}


class Event(NamedTuple):
    """One place of the log. ``seq`` and ``leaf`` are None before sealing, the rest when deleted."""

    seq: int | None
    leaf: str | None
    event_id: int | None
    micros: int
    salt: str
    body: str


class Stored(NamedTuple):
    """A checkpoint row as the database has it."""

    size: int
    root: str
    signed_at: int
    note: str


class Row(NamedTuple):
    """A row that an event must tell of."""

    action: str
    object: str
    values: Mapping[str, Any]


class Source(NamedTuple):
    """What a verification reads, all of it as of one moment: each part once, smallest first."""

    checkpoints: Iterator[Stored]
    events: Iterator[Event]
    rows: Iterator[Row]


@contextmanager
def database(url: str) -> Iterator[Source]:
    """The registry, read in one read-only snapshot: sealed events, then those not sealed yet."""
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1)) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield Source(
            checkpoints=map(Stored._make, _read(connection, _CHECKPOINTS)),
            events=map(Event._make, chain(_read(connection, _SEALED), _read(connection, _UNSEALED))),
            rows=chain.from_iterable(_rows(connection, *covered) for covered in COVERED.items()),
        )


def _read(connection: psycopg.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor("renkei_verify", binary=True) as cursor:
        cursor.itersize = 10_000
        cursor.execute(query)
        yield from cursor


def _rows(connection: psycopg.Connection, action: str, query: str) -> Iterator[Row]:
    cursor = connection.execute(query)
    names = [column.name for column in cursor.description or ()][1:]
    for name, *values in cursor:
        yield Row(action, name, dict(zip(names, values, strict=True)))


def export(path: Path) -> Source:
    """The same from a file that :func:`write_export` wrote; needs no database."""
    with path.open(encoding="utf-8") as file:
        first, lines, last = json.loads(file.readline()), 1, "{}"
        for line in file:
            lines, last = lines + 1, line
    if first != _FIRST or json.loads(last) != {"lines": lines}:
        raise ValueError(f"{path} is not a whole export")
    return Source(
        checkpoints=map(Stored._make, _lines(path, "checkpoint")),
        events=map(Event._make, _lines(path, "event")),
        rows=map(Row._make, _lines(path, "row")),
    )


def _lines(path: Path, kind: str) -> Iterator[list[Any]]:
    with path.open(encoding="utf-8") as file:
        yield from (json.loads(line)[kind] for line in file if line.startswith(f'{{"{kind}":'))


def write_export(source: Source, path: Path) -> None:
    """Write all that a verification reads, one JSON object a line; the last line counts them."""
    kinds = zip(("checkpoint", "event", "row"), source, strict=True)
    values = chain([_FIRST], ({kind: value} for kind, part in kinds for value in part))
    lines = 0
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8") as file:
        for lines, value in enumerate(values, start=1):  # noqa: B007 - the last line counts them
            file.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
        file.write(json.dumps({"lines": lines + 1}) + "\n")
