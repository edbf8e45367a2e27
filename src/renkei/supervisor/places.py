"""Where the running hub keeps what it must remember: ports, pids, secrets, logs. All below ``var``."""

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

ADMINISTRATOR = "hub-admin"


@dataclass(frozen=True)
class Places:
    """The files of one hub's run time."""

    var: Path

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.var / "airflow"

    @property
    def log(self) -> Path:
        """Logs of the parts; task logs are in ``tasks`` below it."""
        return self.var / "log"

    @property
    def pid(self) -> Path:
        """The supervisor's lock and pid."""
        return self.var / "supervisor.pid"

    @property
    def state(self) -> Path:
        """What runs where, for ``renkei status`` and for the next start."""
        return self.var / "supervisor.json"

    @property
    def sign_in(self) -> Path:
        """Name and password of the first administrator of the Airflow pages, mode 0600."""
        return self.airflow / "sign-in.json"

    @property
    def configuration(self) -> Path:
        """airflow.cfg, mode 0600: it holds the token secret and the metadata database's address."""
        return self.airflow / "airflow.cfg"


@dataclass(frozen=True, kw_only=True)
class State:
    """The supervisor's own notes. Ports are kept from one start to the next."""

    pid: int = 0
    api_port: int = 0
    started_at: str = ""
    ready_at: str = ""
    airflow_schema: str = ""
    parts: dict[str, int] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the Airflow pages are."""
        return f"http://127.0.0.1:{self.api_port}"

    def having(self, **changes: object) -> Self:
        """A copy with some notes changed."""
        return replace(self, **changes)  # type: ignore[arg-type]  # names are checked by replace itself


def recall(places: Places) -> State:
    """The last notes, or empty ones; notes of another version are ignored field by field."""
    try:
        known = json.loads(places.state.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return State()
    return State(**{name: value for name, value in known.items() if name in State.__dataclass_fields__})


def remember(places: Places, state: State) -> None:
    """Replace the notes in one step."""
    write_private(places.state, json.dumps({**asdict(state), "url": state.url}, indent=1))


def write_private(place: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_suffix(f"{place.suffix}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    partial.rename(place)


def secret_of(place: Path, *, bytes_: int = 96) -> str:
    """A random secret, made once and kept."""
    if not place.exists():
        write_private(place, secrets.token_urlsafe(bytes_))
    return place.read_text("ascii")


def administrator(places: Places) -> tuple[str, str]:
    """The first administrator's name and password; the password is made at the first start."""
    if not places.sign_in.exists():
        write_private(places.sign_in, json.dumps({ADMINISTRATOR: secrets.token_urlsafe(18)}))
    known: dict[str, str] = json.loads(places.sign_in.read_text("utf-8"))
    return next(iter(known.items()))


def settle_port(wanted: int) -> int:
    """The port of last time if it is still free on loopback, else any free one."""
    for port in (wanted, 0) if wanted else (0,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")
