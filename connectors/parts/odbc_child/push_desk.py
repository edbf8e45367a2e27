"""A push on the target's own ground: its rows staged in temporary tables, looked at, and written.

Everything here happens in the one transaction of the connection it is given.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from renkei.errors import FixDeclaration

from .dialects import Ask, Column, Dialect, Source, dialect_of
from .links import asked
from .orders import Fault, Order, fault_of
from .push_exact import adrift, exact_patterns
from .push_judge import (
    NOT_TAKEN,
    TWICE,
    Seen,
    Standing,
    Verdict,
    among,
    judge,
    runs,
    unfit,
    without_a_key,
)
from .push_keys import INBOX, see_the_inbox, see_the_key
from .push_targets import BLOCK, Target, target_of

if TYPE_CHECKING:
    import arrow_odbc

#: The temporary tables: what is to stand, what was seen, and who it must be.
PUSHED, SEEN, PERSON = "renkei_pushed", "renkei_seen", "renkei_person"
_SAVEPOINT = "renkei_block"
#: SQLSTATE classes by which a target refuses a row, beside what its dialect knows as data or constraint.
_REFUSING = ("02", "21", "22", "23", "27", "38", "39", "44", "45", "P0")


@dataclass(frozen=True, kw_only=True)
class Payload:
    """The rows of an outgoing, by what they are for. ``origin`` columns are written, never compared."""

    rows: pa.Table
    written: tuple[str, ...]
    origin: Mapping[str, str]
    person: Mapping[str, str]
    seen: pa.Table | None


@dataclass(frozen=True, kw_only=True)
class Desk:
    """One push or read-back under way."""

    connection: "arrow_odbc.Connection"
    ask: Ask
    dialect: Dialect
    target: Target
    source: Source
    key: tuple[str, ...]
    payload: Payload
    refused: dict[int, str]


class NotTaken(Exception):
    """The target wrote fewer rows than it was told to, and gave no error."""


def payload_of(order: Order) -> Payload:
    """Read the rows from the files that the order names."""
    rows, seen = _table(order["rows"]), _table(order["seen"]) if order.get("seen") else None
    written = tuple(name for name in rows.column_names if name in set(order["columns"]))
    return Payload(rows=rows, written=written, origin=order["origin"], person=order["verify"], seen=seen)


def desk_of(order: Order, connection: "arrow_odbc.Connection") -> Desk:
    """Begin the transaction, with everything the declaration names found in the catalogue."""
    dialect, ask = dialect_of(order), asked(connection)
    target, payload = target_of(dialect.name, connection=order["connection"]), payload_of(order)
    source = dialect.source(ask, order["table"])
    seen = payload.seen.column_names if payload.seen is not None else ()
    names = {*payload.written, *payload.origin, *payload.person, *order["key"], *seen}
    unknown = names - {column.name for column in source.columns} if source else {"*"}
    if source is None or unknown:
        what = f"{order['table']} ({', '.join(sorted(unknown))})"
        raise FixDeclaration("E_TARGET_OBJECT", connection=order["connection"], object=what, state="42S22")
    key = tuple(order["key"])
    if order["inbox"]:
        see_the_inbox(order, target, dialect.source(ask, INBOX), ask)
    see_the_key(order, [frozenset(source.primary_key), *target.unique_keys(ask, source, order["table"])])
    connection.rollback()  # the catalogue was read in a transaction of its own
    for statement in target.begin(source):
        connection.execute(statement)
    lost = {
        **adrift(payload.rows, source),
        **unfit(payload.rows, exact_patterns(source)),
        **without_a_key(payload.rows, key),
    }
    return Desk(
        connection=connection, ask=ask, dialect=dialect, target=target, source=source, key=key,
        payload=payload, refused=lost,
    )  # fmt: skip


def _table(path: str) -> pa.Table:
    with pa.memory_map(path) as file:
        return pa.ipc.open_file(file).read_all()


# many new rows ------------------------------------------------------------------------------------


def load(desk: Desk) -> list[int]:
    """Of a push of many rows the leading blocks that are all new, written as fast as the target takes them.

    It ends with the first block that holds a row the target knows, or refuses: from there on every row is
    staged and judged.
    """
    written: list[int] = []
    if desk.payload.rows.num_rows < BLOCK or desk.payload.seen is not None or desk.payload.person:
        return written
    rows = _with_origin(desk.payload)
    columns = [desk.source.column(name) for name in rows.column_names]
    named = rows.rename_columns([column.quoted for column in columns])
    work = partial(_load, desk, named, [column.type for column in columns])
    for block in blocks(desk, range(rows.num_rows)):
        if _in_savepoint(desk, block, work) is not None:
            break
        written += block
    return written


def _load(desk: Desk, rows: pa.Table, types: Sequence[str], numbers: Sequence[int]) -> None:
    if desk.target.load(desk.connection, desk.source, _picked(rows, numbers), types) != len(numbers):
        raise NotTaken


# staging ------------------------------------------------------------------------------------------


def stage(desk: Desk, numbers: Sequence[int]) -> None:
    """Put rows into temporary tables of the target's own types; one that does not fit is refused."""
    payload = desk.payload
    _stage(desk, PUSHED, _with_origin(payload), numbers, prefix="c")
    if payload.seen is not None:
        names = [name for name in payload.seen.column_names if name not in desk.key]
        _stage(desk, SEEN, payload.seen.select(names), numbers, prefix="s")
    if payload.person:
        named = payload.rows.select(list(payload.person.values())).rename_columns(list(payload.person))
        _stage(desk, PERSON, named, numbers, prefix="w")


def twice(desk: Desk, new: Collection[int]) -> dict[int, str]:
    """Staged rows that have one key to the target's own mind, such as 1 and 01 in a column of numbers.

    What was loaded as ``new`` stands by then; the second of its kind is refused.
    """
    keys = ", ".join(alias for alias, column in _aliases(desk, "c") if column.name in desk.key)
    reader = desk.connection.read_arrow_batches(
        f"SELECT q.n AS n FROM (SELECT n, COUNT(*) OVER (PARTITION BY {keys}) AS held FROM {PUSHED}) AS q"
        " WHERE q.held > 1",
        batch_size=BLOCK, fetch_concurrently=False,
    )  # fmt: skip
    found = (row for batch in reader for row in batch.column(0).to_pylist())
    return {row: TWICE for row in found if row not in new}


def _with_origin(payload: Payload) -> pa.Table:
    rows = payload.rows.select(payload.written)
    for name, value in payload.origin.items():
        rows = rows.append_column(name, pa.array([value] * rows.num_rows, pa.string()))
    return rows


def _stage(desk: Desk, name: str, rows: pa.Table, numbers: Sequence[int], *, prefix: str) -> None:
    columns = {f"{prefix}{place}": desk.source.column(each) for place, each in enumerate(rows.column_names)}
    desk.connection.execute(desk.target.stage(name, desk.source, columns))
    numbered = pa.table([pa.array(range(rows.num_rows), pa.int64()), *rows.columns], names=["n", *columns])
    fill = partial(_fill, desk, name, numbered, ["bigint", *(column.type for column in columns.values())])
    for block in blocks(desk, numbers):
        by_halves(desk, block, fill)
    for statement in desk.target.settled(name):
        desk.connection.execute(statement)


def _fill(desk: Desk, name: str, rows: pa.Table, types: Sequence[str], numbers: Sequence[int]) -> None:
    desk.target.fill(desk.connection, name, _picked(rows, numbers), types)


def _picked(rows: pa.Table, numbers: Sequence[int]) -> pa.Table:
    parts = [rows.slice(first, last - first + 1) for first, last in runs(numbers)]
    return pa.concat_tables(parts).combine_chunks()


def blocks(desk: Desk, numbers: Sequence[int]) -> Iterator[list[int]]:
    """Those not refused so far, so many at a time."""
    open_ = [number for number in numbers if number not in desk.refused]
    for start in range(0, len(open_), BLOCK):
        yield open_[start : start + BLOCK]


def by_halves(desk: Desk, numbers: Sequence[int], work: Callable[[Sequence[int]], None]) -> None:
    """Do the work for these rows; where the target refuses one, find it, and do the work for the others."""
    code = _in_savepoint(desk, numbers, work)
    if code is None:
        return
    if len(numbers) == 1:
        desk.refused[numbers[0]] = code
        return
    middle = len(numbers) // 2
    by_halves(desk, numbers[:middle], work)
    by_halves(desk, numbers[middle:], work)


def _in_savepoint(desk: Desk, numbers: Sequence[int], work: Callable[[Sequence[int]], None]) -> str | None:
    """Do the work, or leave no trace of it; None when it was done, else the code of the refusal."""
    desk.connection.execute(f"SAVEPOINT {_SAVEPOINT}")
    code = _attempt(desk, numbers, work)
    if code is not None:
        desk.connection.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
    desk.connection.execute(f"RELEASE SAVEPOINT {_SAVEPOINT}")
    return code


def _attempt(desk: Desk, numbers: Sequence[int], work: Callable[[Sequence[int]], None]) -> str | None:
    """None when it was done; else the code by which the target refused. Other faults end the push."""
    import arrow_odbc

    try:
        work(numbers)
    except NotTaken:
        return NOT_TAKEN
    except arrow_odbc.Error as error:
        code = refusal(desk, fault_of(error))
        if code is None:
            raise
        return code
    return None


def refusal(desk: Desk, fault: Fault) -> str | None:
    """The SQLSTATE by which a target refused a row; None when the fault is of another kind."""
    meaning = desk.dialect.means(fault)
    if fault.native in desk.target.refusing or meaning in {"constraint", "data"}:
        general = "23000" if meaning == "constraint" else "22000"
        return general if fault.state.startswith("HY") else fault.state
    return fault.state if meaning == "other" and fault.state.startswith(_REFUSING) else None


# looking ------------------------------------------------------------------------------------------


def look(desk: Desk, numbers: Sequence[int], *, lock: str = "") -> dict[int, Standing]:
    """What stands under the keys of these rows; with the target's ``lock`` kept so until the end."""
    claims = {
        "kept": _all_same(desk, "c", desk.key),
        "person": _all_same(desk, "w", list(desk.payload.person), nulls=False),
        "stands": _all_same(desk, "c", desk.payload.written),
        "as_seen": as_seen(desk),
    }
    told = ", ".join(f"CASE WHEN {claim} THEN 1 ELSE 0 END AS {name}" for name, claim in claims.items())
    by = ", ".join(f"t.{desk.source.column(name).quoted}" for name in desk.key)
    reader = desk.connection.read_arrow_batches(
        f"SELECT p.n AS n, {told} FROM {_joined(desk)} JOIN {desk.source.quoted} AS t ON {on_key(desk)}"
        f" WHERE {among(numbers)} ORDER BY {by} {lock}",
        batch_size=BLOCK, fetch_concurrently=False,
    )  # fmt: skip
    return {row["n"]: _standing(row) for batch in reader for row in batch.to_pylist()}


def _standing(row: Mapping[str, int]) -> Standing:
    return Standing(
        is_same_key=row["kept"] == 1, is_same_person=row["person"] == 1, stands=row["stands"] == 1,
        as_seen=row["as_seen"] == 1,
    )  # fmt: skip


def _joined(desk: Desk) -> str:
    joins = [f"{PUSHED} AS p"]
    joins += [f"{SEEN} AS b ON b.n = p.n"] if desk.payload.seen is not None else []
    joins += [f"{PERSON} AS w ON w.n = p.n"] if desk.payload.person else []
    return " JOIN ".join(joins)


def on_key(desk: Desk) -> str:
    """Where the target's own key finds the row, by the target's own idea of equal."""
    found = (
        f"t.{column.quoted} = p.{alias}" for alias, column in _aliases(desk, "c") if column.name in desk.key
    )
    return " AND ".join(found)


def as_seen(desk: Desk) -> str:
    """Every seen column still as it was seen; true where nobody looked."""
    seen = desk.payload.seen
    return _all_same(
        desk, "s", [] if seen is None else [name for name in seen.column_names if name not in desk.key]
    )


def _all_same(desk: Desk, prefix: str, names: Sequence[str], *, nulls: bool = True) -> str:
    """Each of these columns equal on both sides; with ``nulls`` false a missing value equals nothing."""
    side = {"c": "p", "s": "b", "w": "w"}[prefix]
    claims = []
    for alias, column in _aliases(desk, prefix):
        if column.name in names:
            claims.append(desk.target.same(f"t.{column.quoted}", f"{side}.{alias}", column))
            claims += [] if nulls else [f"{side}.{alias} IS NOT NULL"]
    return " AND ".join(claims) or "1 = 1"


def _aliases(desk: Desk, prefix: str) -> list[tuple[str, Column]]:
    payload = desk.payload
    seen = payload.seen.column_names if payload.seen is not None else []
    names = {
        "c": [*payload.written, *payload.origin],
        "s": [name for name in seen if name not in desk.key],
        "w": list(payload.person),
    }[prefix]
    return [(f"{prefix}{place}", desk.source.column(name)) for place, name in enumerate(names)]


# writing ------------------------------------------------------------------------------------------


def write(desk: Desk, numbers: Sequence[int], seen: Sequence[Seen], verdicts: dict[int, Verdict]) -> None:
    """Look, judge, and write what may be written; a row that the target does not take is tried once more.

    A row that appeared or was changed between the look and the write is judged anew, by itself.
    """

    def work(some: Sequence[int]) -> None:
        standing = look(desk, some, lock=desk.target.lock)
        judged = {n: judge(standing.get(n), seen[n], names_person=bool(desk.payload.person)) for n in some}
        for doing in ("insert", "update"):
            _write(desk, doing, [n for n in some if judged[n].doing == doing])
        verdicts.update(judged)

    by_halves(desk, numbers, work)
    for number in [n for n in numbers if desk.refused.get(n) in _WORTH_ANOTHER_LOOK]:
        del desk.refused[number]
        by_halves(desk, [number], work)


#: What may mean that somebody else was faster: the key is taken by now, or the row is no longer as seen.
_WORTH_ANOTHER_LOOK = frozenset({"23000", "23505", NOT_TAKEN})


def _write(desk: Desk, doing: str, numbers: Sequence[int]) -> None:
    if not numbers:
        return
    statement = _insert(desk, numbers) if doing == "insert" else _update(desk, numbers)
    if desk.target.count(desk.connection, statement) != len(numbers):
        raise NotTaken


def _insert(desk: Desk, numbers: Sequence[int]) -> str:
    aliases = _aliases(desk, "c")
    names = ", ".join(column.quoted for _, column in aliases)
    values = ", ".join(f"p.{alias}" for alias, _ in aliases)
    return (
        f"INSERT INTO {desk.source.quoted} ({names}) SELECT {values} FROM {PUSHED} AS p"
        f" WHERE {among(numbers)}"
    )


def _update(desk: Desk, numbers: Sequence[int]) -> str:
    """It says once more what was seen, so that it is safe even where nothing can be locked."""
    values = {
        column.quoted: f"p.{alias}" for alias, column in _aliases(desk, "c") if column.name not in desk.key
    }
    joins = f"{PUSHED} AS p"
    joins += f" JOIN {SEEN} AS b ON b.n = p.n" if desk.payload.seen is not None else ""
    return desk.target.update(
        desk.source.quoted, values, joins, on_key(desk), f"{among(numbers)} AND {as_seen(desk)}"
    )
