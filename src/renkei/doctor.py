"""Looks at an installation and says what is wrong and which line mends it. Changes nothing but in ``fix``."""

import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from renkei.clock import Clock
from renkei.errors import RenkeiError
from renkei.model import Connection

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from renkei.project import Project

State = Literal["ok", "warn", "fail"]
Words = tuple[str, str]

GIGABYTE = 1_000_000_000
#: Folders below ``var`` that hold residents' data or secrets: nobody else may look in.
PRIVATE_FOLDERS = ("landing", "reports", "work", "keys")
PINS = {"apache-airflow": "3.3.2", "fastapi": "<0.137", "celery": "<5.7"}
#: How long the audit trail may go without a signed checkpoint before it is a warning, then a failure.
SEAL_LATE, SEAL_LOST = timedelta(hours=26), timedelta(hours=72)
_REACH_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing looked at; ``title`` and ``fix`` in Japanese and English, ``fix`` empty when all is well."""

    id: str
    title: Words
    state: State
    found: str
    fix: Words = ("", "")


def examine(project: "Project", *, clock: Clock) -> tuple[Check, ...]:
    """All checks, in the order in which to mend them."""
    connections = _connections(project)
    return (
        _declarations(project),
        *_drivers(connections),
        *_links(connections),
        *_host_keys(connections),
        *_database_checks(project, clock),
        _disk(project.var),
        _permissions(project),
        *_airflow(),
    )


def fix(project: "Project") -> tuple[str, ...]:
    """Close what others may read, remove what an interrupted report left, and say what was done."""
    done = []
    for place, mode in _too_open(project):
        place.chmod(mode)
        done.append(f"chmod {mode:o} {place}")
    for leftover in (project.var / "reports").glob(".*.new"):
        shutil.rmtree(leftover)
        done.append(f"rm {leftover}")
    return tuple(done)


def _declarations(project: "Project") -> Check:
    title = ("宣言ファイル", "declarations")
    try:
        found = f"{len(project.mappings)} feeds, {len(project.rules)} rules"
    except RenkeiError as error:
        return Check(
            id="declarations",
            title=title,
            state="fail",
            found=error.code,
            fix=(error.text("ja"), error.text("en")),
        )
    return Check(id="declarations", title=title, state="ok", found=found)


def _connections(project: "Project") -> dict[str, Connection | None]:
    """Every connection that a feed names; None where nothing is declared for it."""
    try:
        names = dict.fromkeys(feed.connection for feed in project.feeds)
    except RenkeiError:
        return {}
    return {name: _connection(project, name) for name in names}


def _connection(project: "Project", name: str) -> Connection | None:
    try:
        return project.connection(name)
    except RenkeiError:
        return None


def _declared(connections: Mapping[str, Connection | None]) -> list[Connection]:
    return [connection for connection in connections.values() if connection is not None]


def _installed_drivers() -> set[str]:
    """What the driver manager knows; nothing when unixODBC itself is missing."""
    program = shutil.which("odbcinst")
    if program is None:
        return set()
    said = subprocess.run([program, "-q", "-d"], capture_output=True, text=True, check=False).stdout
    return {line.strip()[1:-1] for line in said.splitlines() if line.startswith("[")}


def _drivers(connections: Mapping[str, Connection | None]) -> Iterator[Check]:
    wanted = {c.settings["driver"] for c in _declared(connections) if "driver" in c.settings}
    if not wanted:
        return
    present = _installed_drivers()
    for driver in sorted(wanted):
        there = driver in present or Path(driver).is_file()
        yield _judged(
            "odbc_driver", ("ODBCドライバ", "ODBC driver"), there, driver,
            ("apt-get install unixodbc odbc-postgresql を実行し、odbcinst -q -d で名前を確かめる",
             "run apt-get install unixodbc odbc-postgresql, then look for its name with odbcinst -q -d"),
        )  # fmt: skip


def _links(connections: Mapping[str, Connection | None]) -> Iterator[Check]:
    for name, connection in connections.items():
        title = (f"接続先 {name}", f"connection {name}")
        if connection is None:
            missing = (
                "var/connections.toml に接続先を書く（試すだけなら renkei sample-city start）",
                "declare it in var/connections.toml (to try things out: renkei sample-city start)",
            )
            yield Check(id="connection", title=title, state="fail", found="not declared", fix=missing)
            continue
        host, port = connection.settings.get("host", ""), connection.settings.get("port", "")
        down = (
            f"{host}:{port} のサーバとファイアウォールを確認し、renkei conns test {name} を実行する",
            f"check the server and the firewall at {host}:{port}, then run renkei conns test {name}",
        )
        yield _judged("connection", title, _answers(host, port), f"{host}:{port}", down)


def _answers(host: str, port: str) -> bool:
    if not port.isdecimal():
        return False
    try:
        with socket.create_connection((host, int(port)), timeout=_REACH_SECONDS):
            return True
    except OSError:
        return False


def _host_keys(connections: Mapping[str, Connection | None]) -> Iterator[Check]:
    for connection in _declared(connections):
        if "key_file" in connection.settings:
            pinned = connection.settings.get("host_key", "").strip()
            yield _judged(
                "host_key",
                (f"ホスト鍵 {connection.name}", f"host key {connection.name}"),
                bool(pinned),
                pinned.partition(" ")[0] or "-",
                (
                    "二人で別経路により確認した鍵を host_key に書く",
                    "pin the key in host_key after two people confirmed it",
                ),
            )


def _database_checks(project: "Project", clock: Clock) -> Iterator[Check]:
    from sqlalchemy.exc import SQLAlchemyError

    from renkei.registry import store

    title = ("統合データベース", "registry database")
    start = ("renkei up で起動する。市のサーバなら RENKEI_DATABASE_URL を確かめる",
             "start it with renkei up, or check RENKEI_DATABASE_URL for a server of your own")  # fmt: skip
    try:
        engine = store.connect(store.url_of(project.var))
    except RenkeiError:
        yield Check(id="database", title=title, state="fail", found="no address", fix=start)
        return
    try:
        yield from _registry(engine, project, title=title, clock=clock)
    except SQLAlchemyError as error:
        yield Check(id="database", title=title, state="fail", found=type(error).__name__, fix=start)
    finally:
        engine.dispose()


def _registry(engine: "Engine", project: "Project", *, title: Words, clock: Clock) -> Iterator[Check]:
    from renkei.registry import store

    present, newest = store.revision(engine), _newest_revision()
    migrate = ("renkei up を実行する（移行は自動）", "run renkei up; it migrates by itself")
    yield _judged("database", title, present == newest, f"revision {present} / {newest}", migrate)
    if present is not None:
        yield _clock(engine, clock)
        yield _audit(engine, project, clock.now())
    if present == newest:
        yield _in_force(engine, project)


def _newest_revision() -> str:
    from renkei.registry.migrations import versions

    folder = Path(next(iter(versions.__path__)))
    return max(place.stem.partition("_")[0] for place in folder.glob("[0-9]*.py"))


def _clock(engine: "Engine", clock: Clock) -> Check:
    from sqlalchemy import text

    query = "SELECT clock_timestamp() AS now, (SELECT max(occurred_at) FROM audit_event) AS last"
    with engine.connect() as connection:
        row = connection.execute(text(query)).one()
        apart = abs((row.now - clock.now()).total_seconds())
    # events carry the database's clock, so a last event in its future means that it went back
    went_back = row.last is not None and row.last > row.now + timedelta(seconds=1)
    state: State = "fail" if apart > 60 or went_back else "warn" if apart > 2 else "ok"
    sync = (
        "chrony か systemd-timesyncd で両方の時刻を合わせる",
        "let chrony or systemd-timesyncd set both clocks",
    )
    found = f"{apart:.1f} s apart" + (", went back" if went_back else "")
    return Check(
        id="clock", title=("時計", "clock"), state=state, found=found, fix=("", "") if state == "ok" else sync
    )


def _audit(engine: "Engine", project: "Project", now: datetime) -> Check:
    from sqlalchemy import text

    query = """
        SELECT (SELECT max(signed_at) FROM audit_checkpoint) AS signed_at,
            (SELECT count(*) FROM audit_event) - (SELECT count(*) FROM audit_seal) AS unsealed
    """
    with engine.connect() as connection:
        row = connection.execute(text(query)).one()
    age = None if row.signed_at is None else now - row.signed_at
    state: State = "ok"
    if row.unsealed and (age is None or age > SEAL_LATE):
        state = "fail" if age is not None and age > SEAL_LOST else "warn"
    if not project.config.witnesses:
        state = "fail"
    found = "never sealed" if age is None else f"{age.total_seconds() / 3600:.1f} h old"
    seal = ("renkei audit seal を実行し、renkei.toml の witnesses を確かめる",
            "run renkei audit seal, and check the witnesses in renkei.toml")  # fmt: skip
    return Check(
        id="audit", title=("監査証跡の封", "audit seal"), state=state,
        found=f"{found}, {row.unsealed} unsealed",
        fix=("", "") if state == "ok" else seal,
    )  # fmt: skip


def _in_force(engine: "Engine", project: "Project") -> Check:
    from renkei.registry import declarations

    title = ("適用中の定義", "declarations in force")
    with engine.connect() as connection:
        row = declarations.current(connection)
    if row is None:
        found = "the folder itself" if project.config.approval == "none" else "none yet; the first run founds"
        return Check(id="in_force", title=title, state="ok", found=found)
    since = f"{row.digest[:12]} since {row.in_force_from:%Y-%m-%d %H:%M}"
    if project.says(row.digest):
        return Check(id="in_force", title=title, state="ok", found=since)
    differs = (
        "作業中のフォルダは適用中のものと違う。renkei plan で確かめ、別の人が renkei apply で適用する",
        "the folder differs from what runs: see renkei plan, and let another person renkei apply it",
    )
    return Check(id="in_force", title=title, state="warn", found=f"{since}; the folder differs", fix=differs)


def _disk(var: Path) -> Check:
    place = next(folder for folder in (var, *var.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    state: State = "fail" if free < GIGABYTE else "warn" if free < 5 * GIGABYTE else "ok"
    more = (f"{place} のあるディスクに5GB以上の空きを作る", f"make 5 GB free on the disk of {place}")
    found = f"{free / GIGABYTE:.1f} GB free"
    return Check(
        id="disk",
        title=("ディスク", "disk"),
        state=state,
        found=found,
        fix=("", "") if state == "ok" else more,
    )


def _permissions(project: "Project") -> Check:
    found = [str(place.relative_to(project.var.parent)) for place, _ in _too_open(project)]
    return _judged(
        "permissions", ("権限", "permissions"), not found, ", ".join(found) or "closed",
        ("renkei doctor --fix で閉じる", "close them with renkei doctor --fix"),
    )  # fmt: skip


def _too_open(project: "Project") -> list[tuple[Path, int]]:
    """What others may read or change, each with the mode it should have."""
    var = project.var
    found = [(var, 0o755)] if var.exists() and _mode(var) & 0o022 else []
    found += [
        (var / name, 0o700) for name in PRIVATE_FOLDERS if (var / name).exists() and _mode(var / name) & 0o077
    ]
    return found + [(place, 0o600) for place in _secrets(var) if _mode(place) & 0o077]


def _secrets(var: Path) -> Iterator[Path]:
    for name in ("connections.toml", "database.url", "airflow/airflow.cfg", "airflow/sign-in.json"):
        if (var / name).is_file():
            yield var / name
    for place in sorted((var / "keys").rglob("*")):
        if place.is_file() and place.suffix not in (".pub", ".id"):
            yield place


def _mode(place: Path) -> int:
    return stat.S_IMODE(place.stat().st_mode)


def _airflow() -> Iterator[Check]:
    install = ("pip install --require-hashes -r requirements.txt を実行する",
               "run pip install --require-hashes -r requirements.txt")  # fmt: skip
    for name, wanted in PINS.items():
        try:
            present = version(name)
        except PackageNotFoundError:
            present = "missing"
        title = (f"版 {name}", f"version {name}")
        yield _judged("airflow", title, _fits(present, wanted), f"{present} / {wanted}", install)


def _fits(present: str, wanted: str) -> bool:
    """An exact version, or below one."""
    if not wanted.startswith("<"):
        return present == wanted
    return present != "missing" and _numbers(present) < _numbers(wanted[1:])


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(".")[:3] if part.isdecimal()]


def _judged(id: str, title: Words, well: bool, found: str, fix: Words) -> Check:  # noqa: A002, FBT001 - a row of a table
    return Check(
        id=id, title=title, state="ok" if well else "fail", found=found, fix=("", "") if well else fix
    )
