"""Writing to a table: staged, judged row by row, one transaction, and what the commit answered.

Just before the commit is sent the verdicts are laid beside the order (``order["verdicts"]``). From then on a
silence means that nobody knows, and only a read-back may say what stands.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from renkei.errors import FixDeclaration
from renkei.failpoint import failpoint
from renkei.model import RECEIPT_SCHEMA

from .links import arrow_connection, driver_errors
from .orders import Order, fault_of
from .push_desk import (
    PUSHED,
    Desk,
    blocks,
    by_halves,
    desk_of,
    load,
    look,
    on_key,
    refusal,
    stage,
    twice,
    write,
)
from .push_judge import UNDONE, Standing, Verdict, came_through, seen_of
from .push_keys import INBOX

if TYPE_CHECKING:
    import arrow_odbc

_DONE = {"insert": "applied", "update": "applied"}


def push(order: Order) -> dict[str, Any]:
    """Write once. ``commit``: ``done``, ``none`` was needed, ``unknown``, or the code of a refusal."""
    connection = arrow_connection(order, writes=True)
    with driver_errors(order):
        desk = desk_of(order, connection)
        failpoint("push.target_begin")
        if order["inbox"] and not _entered(desk, order):
            return _already(desk, order)
        effects, codes = _written(desk)
        failpoint("push.target_written")
        applied = any(effect == "applied" for effect in effects.values())
        settled = applied or (order["inbox"] and "unchanged" in effects.values())
        if order["partial"] == "whole" and set(effects.values()) & {"refused", "conflict"}:
            effects, codes, settled = _undone(effects, codes)
        if not settled:
            connection.rollback()
            return _told(order, effects, codes, commit="none")
        _tell(order, effects, codes)
    return {"commit": _commit(desk, connection)}


def _written(desk: Desk) -> tuple[dict[int, str], dict[int, str]]:
    """Every row's effect and code, as far as the transaction goes."""
    rows = desk.payload.rows.num_rows
    new = load(desk)
    seen, verdicts = seen_of(desk.payload.seen, rows), dict[int, Verdict]()
    rest = sorted(set(range(rows)).difference(new))
    if rest:
        stage(desk, range(rows))
        desk.refused.update(twice(desk, new))
    for block in blocks(desk, rest):
        write(desk, block, seen, verdicts)
    effects = dict.fromkeys(new, "applied")
    effects |= {n: _DONE.get(verdict.doing, verdict.doing) for n, verdict in verdicts.items()}
    codes = {n: verdict.code for n, verdict in verdicts.items() if verdict.code}
    return {**effects, **dict.fromkeys(desk.refused, "refused")}, {**codes, **desk.refused}


def _undone(
    effects: Mapping[int, str], codes: Mapping[int, str]
) -> tuple[dict[int, str], dict[int, str], bool]:
    """One row stopped the whole batch: what was applied is not."""
    undone = [n for n, effect in effects.items() if effect == "applied"]
    return {**effects, **dict.fromkeys(undone, "refused")}, {**codes, **dict.fromkeys(undone, UNDONE)}, False


def _entered(desk: Desk, order: Order) -> bool:
    """Write the push key into the target's inbox; false when it is there already."""
    key = [order["push_key"]]

    def enter(_: object) -> None:
        desk.connection.execute(
            f"INSERT INTO {INBOX} (push_key, applied_at) VALUES (?, CURRENT_TIMESTAMP)", parameters=key
        )

    by_halves(desk, [-1], enter)
    code = desk.refused.pop(-1, None)
    # an inbox may refuse a row for other reasons than that it has the key
    if code and not desk.ask(f"SELECT push_key AS held FROM {INBOX} WHERE push_key = ?", key):
        raise FixDeclaration("E_TARGET_OBJECT", connection=order["connection"], object=INBOX, state=code)
    return code is None


def _already(desk: Desk, order: Order) -> dict[str, Any]:
    """Nothing is done; a row that does not stand as pushed is told, for somebody changed or refused it."""
    rows = range(desk.payload.rows.num_rows)
    standing = _standing(desk, rows)
    desk.connection.rollback()
    effects = {n: "already" if n in standing and standing[n].stands else "conflict" for n in rows}
    return {**_told(order, effects, {}, commit="none"), "already": True}


def _standing(desk: Desk, rows: Sequence[int]) -> dict[int, Standing]:
    stage(desk, rows)
    standing: dict[int, Standing] = {}
    for block in blocks(desk, rows):
        standing |= look(desk, block)
    return standing


def _commit(desk: Desk, connection: "arrow_odbc.Connection") -> str:
    """Only a definite answer is believed: done, or refused with a state of the data's kind."""
    import arrow_odbc

    try:
        connection.commit()
    except arrow_odbc.Error as error:
        fault = fault_of(error)
        code = refusal(desk, fault)
        if code is None and desk.dialect.means(fault) == "busy":
            code = fault.state
        return code or "unknown"
    failpoint("push.target_committed")
    return "done"


def _told(
    order: Order, effects: Mapping[int, str], codes: Mapping[int, str], *, commit: str
) -> dict[str, Any]:
    _tell(order, effects, codes)
    return {"commit": commit}


def _tell(order: Order, effects: Mapping[int, str], codes: Mapping[int, str]) -> None:
    """Lay the verdicts beside the order, whole or not at all."""
    numbers = sorted(effects)
    columns = [numbers, [effects[n] for n in numbers], [codes.get(n) for n in numbers]]
    _write_file(Path(order["verdicts"]), pa.table(columns, schema=RECEIPT_SCHEMA))


def _write_file(place: Path, table: pa.Table) -> None:
    unfinished = place.with_suffix(".part")
    with pa.OSFile(str(unfinished), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    unfinished.rename(place)


# read-back ----------------------------------------------------------------------------------------


def read_back(order: Order) -> dict[str, Any]:
    """The pushed rows as they stand now, as texts, and whether all of them stand as pushed."""
    connection = arrow_connection(order, writes=True)
    with driver_errors(order):
        desk = desk_of({**order, "origin": {}, "verify": {}, "seen": None}, connection)
        failpoint("push.readback")
        standing = _standing(desk, range(desk.payload.rows.num_rows))
        there = _rows_there(desk, order)
        connection.rollback()
    _write_file(Path(order["standing"]), there)
    stand = sum(each.stands and each.is_same_key for each in standing.values())
    landed = stand == desk.payload.rows.num_rows and came_through(desk.payload.rows, there)
    return {"landed": landed}


def _rows_there(desk: Desk, order: Order) -> pa.Table:
    """In the order of the push; nulls where there is none, or where the row could not even be asked for."""
    columns = [desk.source.column(name) for name in desk.payload.written]
    kept = ", ".join(desk.source.column(name).quoted for name in desk.key)
    texts = ", ".join(f"{column.text} AS r{place}" for place, column in enumerate(columns))
    shown = ", ".join(f"t.r{place} AS r{place}" for place in range(len(columns)))
    reader = desk.connection.read_arrow_batches(
        f"SELECT p.n AS n, {shown} FROM {PUSHED} AS p"
        f" LEFT JOIN (SELECT {kept}, {texts} FROM {desk.source.quoted}) AS t ON {on_key(desk)} ORDER BY p.n",
        batch_size=2000, max_text_size=order["text_bytes"],
    )  # fmt: skip
    names = ["n", *(f"r{place}" for place in range(len(columns)))]
    schema = pa.schema([("n", pa.int64()), *((name, pa.string()) for name in names[1:])])
    batches = [pa.RecordBatch.from_arrays(batch.columns, names=names).cast(schema) for batch in reader]
    told = pa.Table.from_batches(batches, schema=schema)
    absent = pa.table({"n": pa.array(sorted(desk.refused), pa.int64())})
    told = pa.concat_tables([told, absent], promote_options="default").sort_by("n")
    return told.drop_columns(["n"]).rename_columns(desk.payload.written)
