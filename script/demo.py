"""Builds the sample city, starts the hub on it, runs its nights, and says honestly what came out."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FIRST_DAY = date(2026, 11, 20)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; 0 only when nothing was lost or doubled, the audit holds, and every plant was found."""
    wanted = _arguments(argv)
    var = wanted.var.resolve()
    began = time.monotonic()
    os.environ.update(RENKEI_PROJECT=str(ROOT), RENKEI_VAR=str(var))
    os.environ.pop("RENKEI_DATABASE_URL", None)
    _clear(var)
    with _memory() as memory, _city(var, wanted) as city, _hub() as hub:
        _say(f"ready after {time.monotonic() - began:.0f} s · {hub.url}")
        nights = [_night(hub, FIRST_DAY)]
        for number in range(1, wanted.days + 1):
            day = FIRST_DAY + timedelta(days=number)
            events = city.advance(day)
            _say(f"{day}: life events in the three systems: {_counted(events)}")
            nights.append(_night(hub, day))
        sound = _summary(hub, city, nights, as_of=FIRST_DAY + timedelta(days=wanted.days))
        _say(f"{time.monotonic() - began:.0f} s in all, peak memory {memory.peak / 2**30:.1f} GiB (PSS)")
        if not wanted.once:
            _stay(hub)
    return 0 if sound else 1


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument(
        "--residents", type=int, default=20_000, metavar="N", help="people in the city (20000)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="another seed is another city (1)")
    parser.add_argument(
        "--days", type=int, default=0, metavar="N", help="days of life events after the first night"
    )
    parser.add_argument("--once", action="store_true", help="stop everything at the end")
    parser.add_argument("--var", type=Path, default=ROOT / "var" / "demo", help="where everything is kept")
    return parser.parse_args(argv)


def _clear(var: Path) -> None:
    """Stop what an earlier demo left and forget it: every demo starts from nothing."""
    from renkei import supervisor
    from renkei.project import load
    from renkei.registry.embedded import Cluster
    from renkei_sample.city import City

    if not var.exists():
        return
    supervisor.down(load(ROOT))
    Cluster(var / "pg").stop()
    with suppress(FileNotFoundError):
        City.open(var).stop()
    for folder in {var, Cluster(var / "pg").home}:
        shutil.rmtree(folder, ignore_errors=True)


# the city and the hub ----------------------------------------------------------------------------


@contextmanager
def _city(var: Path, wanted: argparse.Namespace) -> Iterator[Any]:
    from renkei_sample.city import build

    begun = time.monotonic()
    city = build(var, residents=wanted.residents, seed=wanted.seed, day=FIRST_DAY)
    try:
        city.start()
        _say(
            f"sample city in three legacy systems after {time.monotonic() - begun:.0f} s: {_counted(city.summary())}"
        )
        yield city
    finally:
        if wanted.once:
            city.stop()


@contextmanager
def _hub() -> Iterator["_Hub"]:
    from renkei import supervisor
    from renkei.project import load

    project = load(ROOT)
    with supervisor.running(project, timed=False):
        yield _Hub(project)


class _Hub:
    """The running hub, as an engineer reaches it: its REST side and its registry."""

    def __init__(self, project: Any) -> None:
        from renkei import supervisor
        from renkei.supervisor.places import Places, administrator

        state = supervisor.status(project)
        assert state is not None
        self.project = project
        self.url = state.url
        self.name, self.password = administrator(Places(project.var))
        self.sign_in = Places(project.var).sign_in

    def night(self, day: date) -> dict[str, Any]:
        """Trigger every feed of a day and follow it until the day is reconciled."""
        from renkei.feeds import feeds_of
        from renkei.supervisor.airflow_api import AirflowApi
        from renkei.supervisor.night import night

        client = AirflowApi(self.url, self.name, self.password)
        return night(client, feeds_of(ROOT), day, on_progress=_progress)

    def renkei(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """One command line call with --json: its exit code and what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "renkei.cli", *arguments, "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            return done.returncode, {"error": done.stderr.strip()[-400:]}


def _night(hub: _Hub, day: date) -> dict[str, Any]:
    _say(f"{day}: the night begins")
    made = hub.night(day)
    _say(f"{day}: {made['seconds']} s, reconciled by the {made['by']}, {made['reconcile']['state']}")
    return made


def _progress(what: str, state: str, seconds: float) -> None:
    _say(f"    {seconds:6.1f} s  {what:<24} {state}")


# the summary -------------------------------------------------------------------------------------


def _summary(hub: _Hub, city: Any, nights: list[dict[str, Any]], *, as_of: date) -> bool:
    checks = {
        "feeds": _feeds(nights),
        "rules": _rules(hub, city, as_of=as_of),
        "proofs": _proofs(hub),
        "audit": _audit(hub),
    }
    _where(hub, as_of=as_of)
    wrong = [name for name, holds in checks.items() if not holds]
    _say("everything holds" if not wrong else f"NOT in order: {', '.join(wrong)}")
    return not wrong


def _feeds(nights: list[dict[str, Any]]) -> bool:
    _head("feed, by night            read  =  merged + unchanged + superseded + rejected   (ended)")
    fine = True
    for made in nights:
        for feed, run in made["feeds"].items():
            counts = run["counts"] or {}
            parts = [counts.get(name, 0) for name in ("merged", "unchanged", "superseded", "rejected")]
            read = counts.get("records", -1)
            fine &= run["state"] == "success" and read == sum(parts)
            _say(
                f"{made['as_of']} {feed:<18} {read:>7} = {parts[0]:>7} + {parts[1]:>7} + {parts[2]:>5} "
                f"+ {parts[3]:>4}   ({counts.get('ended', 0)})"
            )
        fine &= made["reconcile"]["state"] == "success"
    _head("cases, by night          opened   joined   closed   reopened   (in transit)")
    for made in nights:
        cases = made["reconcile"]["reconcile"] or {}
        told = [cases.get(name, 0) for name in ("opened", "joined", "closed", "reopened", "in_transit")]
        _say(f"{made['as_of']} {told[0]:>20} {told[1]:>8} {told[2]:>8} {told[3]:>10}   ({told[4]})")
    return fine


def _rules(hub: _Hub, city: Any, *, as_of: date) -> bool:
    from renkei.registry.store import url_of
    from renkei_sample.score import double_entry, score

    _head("rule    found / planted / false   (missed)")
    scores = score(url_of(hub.project.var), city.truth, as_of)
    for each in scores:
        _say(f"{each.rule_id:<6} {each.found:>6} / {each.planted:>6} / {each.false:>4}   ({each.missed})")
    doubled = double_entry(url_of(hub.project.var), city.truth, as_of)
    _say(f"double entries: {doubled.found} of {doubled.planted}, {doubled.minutes} minutes typed twice")
    return all(each.missed == 0 and each.false == 0 for each in scores)


def _proofs(hub: _Hub) -> bool:
    _head("proofs (renkei doctor --prove)")
    code, said = hub.renkei("doctor", "--prove")
    for proof in said.get("proofs", []):
        _say(
            f"{proof['id']:<4} {'holds' if proof['holds'] else 'BROKEN'}  {proof['checked']:>8} checked  {proof['title_en']}"
        )
    for check in said.get("checks", []):
        if check["state"] == "fail":
            _say(f"doctor: {check['id']}: {check['found']}")
    if "error" in said:
        _say(str(said["error"]))
    return code == 0 and bool(said.get("proofs")) and all(proof["holds"] for proof in said["proofs"])


def _audit(hub: _Hub) -> bool:
    code, said = hub.renkei("audit", "verify")
    counted = ", ".join(f"{said.get(name)} {name}" for name in ("sealed", "unsealed", "checkpoints"))
    _say(f"audit trail: {'verified' if code == 0 else 'NOT VERIFIED'} by the separate program ({counted})")
    return code == 0


def _where(hub: _Hub, *, as_of: date) -> None:
    _head("where things are")
    reports = hub.project.var / "reports" / as_of.isoformat()
    for place in sorted(reports.glob("*")):
        _say(_near(place))
    _say(f"Airflow pages: {hub.url}  name: {hub.name}  password: in {_near(hub.sign_in)}")


def _near(place: Path) -> str:
    return str(place.relative_to(ROOT)) if place.is_relative_to(ROOT) else str(place)


def _stay(hub: _Hub) -> None:
    _say(f"The hub goes on at {hub.url}; Ctrl+C ends it.")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()


# small things ------------------------------------------------------------------------------------


class _Memory:
    """The largest proportional set size that this process and all below it had."""

    peak = 0

    def watch(self, ended: threading.Event) -> None:
        """Look every two seconds."""
        while not ended.wait(2.0):
            self.peak = max(self.peak, _pss(_family(os.getpid())))


@contextmanager
def _memory() -> Iterator[_Memory]:
    memory, ended = _Memory(), threading.Event()
    watcher = threading.Thread(target=memory.watch, args=(ended,), daemon=True)
    watcher.start()
    try:
        yield memory
    finally:
        ended.set()
        watcher.join()


def _family(root: int) -> set[int]:
    """Every process of the hub and of the legacy systems: by descent, or by the folder in its command line."""
    var = os.environ["RENKEI_VAR"]
    parents: dict[int, int] = {}
    found = {root}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            number = int(place.name)
            parents[number] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if var in (place / "cmdline").read_bytes().decode(errors="replace"):
                found.add(number)
    grown = True
    while grown:
        below = {number for number, parent in parents.items() if parent in found} - found
        found |= below
        grown = bool(below)
    return found


def _pss(processes: set[int]) -> int:
    total = 0
    for number in processes:
        with suppress(OSError):
            for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def _counted(said: Any) -> str:
    facts = said if isinstance(said, dict) else asdict(said)
    return " · ".join(
        f"{name} {value}" for name, value in facts.items() if not isinstance(value, dict | list)
    )


def _head(text: str) -> None:
    _say("")
    _say(text)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
