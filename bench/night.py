"""A night from its parts: what is measured, in which order, beside what."""

import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from bench.contest import Entry, Taken, alone, contest, entry
from bench.desk import NIGHTS, TEMPLATE, Desk
from bench.lines import say, show
from renkei.registry import store
from renkei.registry.embedded import Cluster
from renkei_sample.city import BASE_DAY, City
from renkei_sample.legacy.accounts import server_home

_SAMPLE = 20_000
_TAX = "tax.taxpayer"


def measure(*, residents: int, seed: int, days: int, rounds: int) -> None:
    """Measure everything and print it; the folder, the servers and the databases are gone afterwards."""
    with ground(residents=residents, seed=seed) as desk:
        _bytes_to_records(desk, rounds)
        _first_load(desk, rounds)
        for number in range(days + 1):
            _whole_night(desk, number)
        last = desk.day + timedelta(days=days)
        _proofs(desk, last)
        _one_percent(desk, rounds, last + timedelta(days=1))


# the ground ---------------------------------------------------------------------------------------


@contextmanager
def ground(*, residents: int, seed: int, extras: Sequence[str] = ()) -> Iterator[Desk]:
    """A city with its servers, and an empty registry in a cluster of its own, in a temporary folder.

    ``extras``: what the city has beside what it always has.
    """
    with _folder() as folder:
        desk = Desk(folder=folder, day=BASE_DAY)
        with _running_city(desk, residents=residents, seed=seed, extras=extras), _cluster(desk):
            for hub in ("stages", "nights"):
                (folder / hub).mkdir(exist_ok=True)
                shutil.copy(desk.city / "connections.toml", folder / hub)
            yield desk


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="renkei-bench-"))
    folder.chmod(0o755)  # the servers have accounts of their own, which must reach what is theirs
    (folder / "scratch").mkdir(mode=0o700)
    say(f"working in {folder}")
    try:
        yield folder
    finally:
        with _undisturbed():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running_city(desk: Desk, *, residents: int, seed: int, extras: Sequence[str]) -> Iterator[None]:
    desk.city.mkdir()
    city = City(var=desk.city, home=server_home(desk.city))
    try:
        made = alone(desk, "city.found", residents=residents, seed=seed, extras=list(extras))
        say(f"sample city: {made.facts}")
        city.start()
        yield
    finally:
        with _undisturbed():
            city.stop()
            shutil.rmtree(city.home, ignore_errors=True)


@contextmanager
def _cluster(desk: Desk) -> Iterator[None]:
    cluster = Cluster(desk.cluster)
    try:
        cluster.start()
        cluster.create_database(TEMPLATE)
        store.migrate(cluster.url(TEMPLATE))
        cluster.create_database(NIGHTS, template=TEMPLATE)
        store.remember_url(desk.folder / "nights", cluster.url(NIGHTS))
        say("registry ready")
        yield
    finally:
        with _undisturbed():
            cluster.stop()
            shutil.rmtree(cluster.home, ignore_errors=True)
            with suppress(OSError):
                cluster.home.parent.rmdir()  # where the cluster had to go elsewhere; never one in use


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not leave servers behind."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# stages -------------------------------------------------------------------------------------------


def _stage(
    desk: Desk, ours: Entry, *, floor: Entry | None = None, usual: Entry | None = None, rounds: int = 1
) -> None:
    """One contest and its line."""
    taken = contest(desk, *(each for each in (ours, floor, usual) if each), rounds=rounds)
    show(taken[0], floor=taken[1] if floor else None, usual=taken[-1] if usual else None)


def _bytes_to_records(desk: Desk, rounds: int) -> None:
    stage = partial(_stage, desk, rounds=rounds)
    stage(
        entry("pull_odbc", "pulls.pull", connector="odbc"),
        floor=entry("COPY of the same view TO STDOUT, bytes dropped", "pulls.copy_out"),
        usual=entry("pyodbc fetchmany, rows dropped, nothing proved", "pulls.pyodbc_rows"),
    )
    stage(
        entry("pull_sftp", "pulls.pull", connector="sftp"),
        floor=entry("OpenSSH sftp, one session an account", "pulls.sftp"),
    )
    stage(entry("land", "pulls.land"), floor=entry("dd conv=fsync, no hash", "pulls.dd"))
    stage(
        entry("read_fixed", "reads.ours", kind="fixed"),
        floor=entry("iconv CP932 to UTF-8, bytes dropped", "reads.iconv"),
        usual=entry("Python loop over records, nothing proved", "reads.fixed_loop", sample=_SAMPLE),
    )
    stage(
        entry("read_xml", "reads.ours", kind="xml"),
        usual=entry("lxml iterparse, tuned, with schema", "reads.iterparse"),
    )
    _mapping(desk, rounds)


def _mapping(desk: Desk, rounds: int) -> None:
    """The four derived values beside the same by rows; and all fields beside no more than those four."""
    four = entry("map_derived", "maps.ours", feed=_TAX, only_derived=True)
    whole = entry("map", "maps.ours", feed=_TAX, only_derived=False)
    rows = entry("Python by rows: name, kana, era date, address", "maps.by_rows", feed=_TAX, sample=_SAMPLE)
    derived, mapped, by_rows = contest(desk, four, whole, rows, rounds=rounds)
    show(derived, usual=by_rows)
    show(mapped, usual=by_rows)


def _first_load(desk: Desk, rounds: int) -> None:
    """Of a whole run only the merge is shown."""
    first = entry("merge_first", "merges.first")
    floor = entry("COPY into a logged table without indexes", "beside.plain_copy")
    ours, plain = contest(desk, first, floor, rounds=rounds)
    show(_only(ours, "merge"), floor=plain)


def _one_percent(desk: Desk, rounds: int, day: date) -> None:
    """Two lines of the same runs: finding what changed, and finding and writing it."""
    as_of = day.isoformat()
    changed = alone(desk, "beside.change_source", as_of=as_of).rows
    say(f"{changed} residents changed in the legacy system")
    second = entry("merge_one_percent", "merges.second", as_of=as_of)
    floor = entry("DuckDB join of the keys alone", "beside.join_keys")
    usual = entry("COPY all to staging, merge the history in SQL", "beside.stage_everything")
    ours, join, staging = contest(desk, second, floor, usual, rounds=rounds)
    show(replace(_only(ours, "compare"), name="compare"), floor=join)
    show(_only(ours, "compare", "merge"), usual=staging)


def _only(taken: Taken, *parts: str) -> Taken:
    """Some parts of a run; the memory stays that of the whole."""
    kept = {name: taken.parts[name] for name in parts}
    return replace(taken, seconds=sum(kept.values()), parts=kept)


def _proofs(desk: Desk, day: date) -> None:
    proofs = entry("prove", "evidence.prove_all", as_of=day.isoformat())
    for taken in contest(desk, proofs, entry("verify", "evidence.verify"), rounds=1):
        show(taken)


# a whole night ------------------------------------------------------------------------------------


def _whole_night(desk: Desk, number: int) -> None:
    """Every verb of one night, one after the other; nothing is repeated, for a night happens once."""
    day = (desk.day + timedelta(days=number)).isoformat()
    events = alone(desk, "city.pass_days", until=day).facts if number else "first load"
    say(f"night {number}, {day}: {events}")
    feeds = [
        entry(feed.id, "nights.sync_in", feed=feed.id, as_of=day) for feed in desk.project("nights").feeds
    ]
    floor = entry("DuckDB reads and hashes every snapshot", "beside.read_everything")
    rules = entry("reconcile", "nights.reconcile", as_of=day)
    evidence = entry("report", "evidence.report", as_of=day), entry("seal", "evidence.seal")
    *synced, found, reading, report, seal = contest(desk, *feeds, rules, floor, *evidence, rounds=1)
    for taken in synced:
        say(f"    {taken.name}: {taken.seconds:.2f} s, {taken.facts}")
    show(found, floor=reading, night=number)
    show(report, night=number)
    show(seal, night=number)
    show(_sum(synced, [found, report, seal]), night=number)


def _sum(feeds: list[Taken], others: list[Taken]) -> Taken:
    """The night without a scheduler. The feeds' seconds are also told by stage, as the runs recorded them."""
    stages: Counter[str] = Counter()
    for taken in feeds:
        stages.update(taken.parts)
    return Taken(
        name="whole_night",
        rows=sum(taken.rows for taken in feeds),
        seconds=sum(taken.seconds for taken in (*feeds, *others)),
        peak_mb=max(taken.peak_mb for taken in (*feeds, *others)),
        runs=1,
        parts={**stages, **{taken.name: taken.seconds for taken in others}},
        facts={"merged": sum(taken.facts["merged"] for taken in feeds)},
    )
