"""The hub's side of a push over ODBC: what the child is asked, and what its answer, or its silence, means."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import pyarrow as pa
import pyarrow.compute as pc

from renkei.errors import FixDeclaration, RenkeiError
from renkei.model import RECEIPT_SCHEMA, Effect, Feed, Outgoing, ReadBack, Receipt

#: The child speaks of reading; these are the same faults of a write.
_OF_A_WRITE = {
    "E_PULL_LOST": "E_TARGET_LOST", "E_PULL_DEADLINE": "E_PUSH_DEADLINE", "E_SOURCE_BUSY": "E_TARGET_BUSY",
    "E_SOURCE_OBJECT": "E_TARGET_OBJECT",
}  # fmt: skip
#: The code of a row that was undone with its whole batch.
_UNDONE = "40000"
#: From the worst on: the whole of a push is called by its worst row.
_WORST_FIRST: tuple[Effect, ...] = ("unknown", "refused", "conflict", "applied", "already", "unchanged")


class Run(Protocol):
    """Gives the child an order and comes back with its answer, or raises what became of it."""

    def __call__(self, order: Mapping[str, Any], *, seconds: float) -> dict[str, Any]:
        """One attempt, killed after so many seconds."""
        ...


def push(feed: Feed, outgoing: Outgoing, *, order: Mapping[str, Any], workdir: Path, run: Run) -> Receipt:
    """Write once, in one attempt. Before the commit was sent a fault is an error; after it, ``unknown``.

    TryAgain: E_LINK_DOWN, E_TARGET_LOST, E_PUSH_DEADLINE, E_TARGET_BUSY; nothing stands then. Stop: E_AUTH,
    E_DRIVER. FixDeclaration: E_TARGET_OBJECT, E_SECRET, E_DECLARATION.
    """
    with _at_hand(feed, outgoing, workdir) as wishes:
        verdicts = Path(wishes["verdicts"])
        try:
            answer = run({**order, **wishes, "verb": "push"}, seconds=wishes["deadline"])
        except RenkeiError as error:
            if not verdicts.exists():
                raise _of_a_write(error) from None
            answer = {"commit": "unknown"}
        return _receipt(outgoing, answer, _read(verdicts))


def read_back(
    feed: Feed, outgoing: Outgoing, *, order: Mapping[str, Any], workdir: Path, run: Run
) -> ReadBack:
    """Ask on a new connection, with the target's own comparison, whether every row stands as pushed.

    Errors are those of ``push``; nothing is written.
    """
    with _at_hand(feed, outgoing, workdir) as wishes:
        try:
            answer = run({**order, **wishes, "verb": "read_back"}, seconds=wishes["deadline"])
        except RenkeiError as error:
            raise _of_a_write(error) from None
        return ReadBack(key=outgoing.key, landed=answer["landed"], rows=_read(Path(wishes["standing"])))


def _of_a_write(error: RenkeiError) -> RenkeiError:
    return type(error)(_OF_A_WRITE.get(error.code, error.code), **error.facts)


# what became of it --------------------------------------------------------------------------------


def _receipt(outgoing: Outgoing, answer: Mapping[str, Any], verdicts: pa.Table) -> Receipt:
    rows = _after(answer["commit"], verdicts)
    # a row that was undone because another stopped the batch says nothing of why
    judged = rows.filter(pc.invert(pc.is_in(rows["code"], pa.array([_UNDONE]))))
    told = set(judged["effect"].to_pylist())
    worst: Effect = next((each for each in _WORST_FIRST if each in told), "unchanged")
    return Receipt(key=outgoing.key, effect="already" if answer.get("already") else worst, rows=rows)


def _after(commit: str, verdicts: pa.Table) -> pa.Table:
    """What was applied in the transaction, after what the commit answered."""
    if commit in {"done", "none"}:
        return verdicts
    applied = pc.equal(verdicts["effect"], "applied")
    effect, code = ("unknown", None) if commit == "unknown" else ("refused", commit)
    effects = pc.if_else(applied, effect, verdicts["effect"])
    codes = pc.if_else(applied, pa.scalar(code, pa.string()), verdicts["code"])
    return pa.table([verdicts["row"], effects, codes], schema=RECEIPT_SCHEMA)


# what is asked ------------------------------------------------------------------------------------


@contextmanager
def _at_hand(feed: Feed, outgoing: Outgoing, workdir: Path) -> Iterator[dict[str, Any]]:
    """The order's own part, and its rows as files that are gone afterwards."""
    wishes = _wishes(feed, outgoing)
    workdir.mkdir(parents=True, exist_ok=True)
    _forget_the_dead(feed, workdir)
    folder = Path(tempfile.mkdtemp(prefix=f"{feed.id}.{os.getpid()}.", suffix=".push", dir=workdir))
    try:
        _write(folder / "rows", cast("pa.Table", outgoing.rows))
        if outgoing.seen is not None:
            _write(folder / "seen", outgoing.seen)
        places = {name: str(folder / name) for name in ("rows", "verdicts", "standing")}
        seen = str(folder / "seen") if outgoing.seen is not None else None
        yield {**wishes, **places, "seen": seen}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _forget_the_dead(feed: Feed, workdir: Path) -> None:
    """A killed hub leaves its rows behind, and they are residents' data."""
    for leaving in workdir.glob(f"{feed.id}.*.push"):
        owner = re.fullmatch(rf"{re.escape(feed.id)}\.(\d+)\.\w+\.push", leaving.name)
        if owner and not Path(f"/proc/{owner[1]}").exists():
            shutil.rmtree(leaving, ignore_errors=True)


def _write(place: Path, table: pa.Table) -> None:
    texts = pa.table({name: table[name].cast(pa.string()) for name in table.column_names})
    with pa.OSFile(str(place), "wb") as file, pa.ipc.new_file(file, texts.schema) as writer:
        writer.write_table(texts)


def _read(place: Path) -> pa.Table:
    with pa.OSFile(str(place)) as file:
        return pa.ipc.open_file(file).read_all()


def _wishes(feed: Feed, outgoing: Outgoing) -> dict[str, Any]:
    settings = feed.settings
    wishes = {
        "push_key": outgoing.key,
        "table": settings.get("table"),
        "key": _names(settings.get("key", ())),
        "columns": _names(settings.get("columns", ())),
        "inbox": settings.get("inbox", False),
        "origin": {
            name: str(value).replace("{key}", outgoing.key)
            for name, value in settings.get("origin", {}).items()
        },
        "verify": _verified(settings.get("verify", {})),
        "partial": settings.get("partial", "rows"),
        "deadline": _seconds(feed, settings.get("deadline", "5m")),
        "lock_wait": _seconds(feed, settings.get("lock_wait", "5s")),
        "text_bytes": int(settings.get("text_bytes", 32_768)),
    }
    problems = [f"{feed.id}: {problem}" for problem in (*_odd(wishes), *_odd_rows(wishes, outgoing))]
    if problems:
        raise FixDeclaration("E_DECLARATION", problems="; ".join(problems))
    return wishes


def _odd(wishes: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the settings themselves."""
    yield from (f"a push needs {name}" for name in ("table", "key", "columns") if not wishes[name])
    yield from (f"key {name} is not among columns" for name in wishes["key"] if name not in wishes["columns"])
    twice = [name for name in wishes["origin"] if name in wishes["columns"]]
    yield from (f"origin {name} is among columns too" for name in twice)
    if wishes["partial"] not in {"rows", "whole"}:
        yield 'partial is neither "rows" nor "whole"'


def _odd_rows(wishes: Mapping[str, Any], outgoing: Outgoing) -> Iterator[str]:
    """What is wrong with the rows: names only, never values."""
    if outgoing.rows is None:
        yield "a push to a table needs rows"
        return
    names, checked = outgoing.rows.column_names, wishes["verify"].values()
    unknown = sorted(set(names) - set(wishes["columns"]) - set(checked))
    yield from (f"column {name} is not among columns" for name in unknown)
    missing = [name for name in (*wishes["key"], *checked) if name not in names]
    yield from (f"column {name} is missing from the rows" for name in missing)
    if outgoing.seen is not None:
        yield from _odd_seen(wishes, outgoing.rows, outgoing.seen)


def _odd_seen(wishes: Mapping[str, Any], rows: pa.Table, seen: pa.Table) -> Iterator[str]:
    if seen.num_rows != rows.num_rows:
        yield f"{rows.num_rows} rows, but {seen.num_rows} as they were seen"
    if not set(seen.column_names) - set(wishes["key"]):
        yield "seen holds no column beside the key"


def _verified(value: Mapping[str, str] | list[str]) -> dict[str, str]:
    """Target column → the column of the rows that says who it must be; a list: both have the same name."""
    return dict(value) if isinstance(value, Mapping) else {name: name for name in value}


def _names(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _seconds(feed: Feed, value: float | str) -> float:
    """``90``, ``"90s"``, ``"30m"`` or ``"2h"``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", str(value))
    if match is None:
        problem = f"{feed.id}: {value!r} is no duration such as 90s, 30m or 2h"
        raise FixDeclaration("E_DECLARATION", problems=problem)
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
