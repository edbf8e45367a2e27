"""葛原市 as one object: build it, run its servers, let its days pass."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renkei_sample.legacy.accounts import is_root, own_folder, server_home
from renkei_sample.legacy.juki import JukiServer
from renkei_sample.legacy.sftp import FileServer

if TYPE_CHECKING:
    from renkei_sample.records import Resident
    from renkei_sample.state import CityState

BASE_DAY = date(2026, 11, 20)


@dataclass(frozen=True, kw_only=True)
class City:
    """The sample city in a ``var`` folder. Every method may be called again; none holds anything open."""

    var: Path
    home: Path

    @classmethod
    def open(cls, var: Path) -> "City":
        """The city that was built in a folder; ``FileNotFoundError`` where there is none."""
        city = cls(var=var.resolve(), home=_home(var))
        if not (city.sample / "state" / "state.json").exists():
            raise FileNotFoundError(f"no sample city in {var}; build one first")
        return city

    @property
    def sample(self) -> Path:
        """The city's own folder, which the hub never reads."""
        return self.var / "sample"

    @property
    def truth(self) -> Path:
        """Where the truth lies."""
        return self.sample / "truth"

    @property
    def juki(self) -> JukiServer:
        """The registry's database server."""
        return JukiServer(self.home / "juki", self.var / "keys" / "sample")

    @property
    def files(self) -> FileServer:
        """The file server of 税 and 福祉."""
        return FileServer(self.home / "files", self.var / "keys" / "sample")

    @property
    def day(self) -> date:
        """The last day that was replayed."""
        return date.fromisoformat(self.meta()["day"])

    def start(self) -> None:
        """Start both servers and tell the hub where they are."""
        from renkei_sample.connections import declare

        self.juki.start()
        self.files.start()
        declare(self.var / "connections.toml", self.juki, self.files)

    def stop(self) -> None:
        """Stop both servers."""
        self.files.stop()
        self.juki.stop()

    def status(self) -> dict[str, str]:
        """Each server with its port, or ``stopped``."""
        servers: dict[str, JukiServer | FileServer] = {"juki": self.juki, "files": self.files}
        return {
            name: f"127.0.0.1:{server.port}" if server.is_running() else "stopped"
            for name, server in servers.items()
        }

    def advance(self, day: date) -> Mapping[str, int]:
        """Replay one more day into the three systems; a day already replayed changes nothing."""
        from renkei_sample.events import replay
        from renkei_sample.individual_numbers import numbers_in
        from renkei_sample.state import restore, save

        if day <= self.day:
            return {}
        self.juki.start()
        state = restore(self.sample / "state")
        counts = replay(state, day)
        self.juki.append(state.versions, numbers_in(state, state.versions))
        deliver(self, state)
        save(state, self.sample / "state")
        self.publish_truth()
        return counts

    def summary(self) -> dict[str, object]:
        """Sizes of the three systems and how much is planted, by rule."""
        from collections import Counter

        from renkei_sample.truth import load

        meta, ledger = self.meta(), load(self.truth)
        return {
            "city": "葛原市",
            "day": meta["day"],
            "seed": meta["seed"],
            "residents": meta["size"],
            "records": meta["records"],
            "planted": dict(sorted(Counter(truth.rule_id for truth in ledger.truths).items())),
            "rejects": len(ledger.rejects),
            "servers": self.status(),
        }

    def meta(self) -> dict[str, Any]:
        """Day, seed, sizes and counters of the saved state."""
        meta: dict[str, Any] = json.loads((self.sample / "state" / "state.json").read_text(encoding="utf-8"))
        return meta

    def publish_truth(self) -> None:
        """Show the ledger of the saved day, and drop what belongs to earlier days."""
        source = self.sample / "state" / f"ledger.{self.day}"
        shutil.copytree(source, self.truth, dirs_exist_ok=True)
        for old in (self.sample / "state").glob("*.20??-??-??*"):
            if str(self.day) not in old.name:
                shutil.rmtree(old) if old.is_dir() else old.unlink()


def _home(var: Path) -> Path:
    """Where the servers were put when the city was built; else where they would be put now."""
    recorded = var / "sample" / "home"
    return Path(recorded.read_text(encoding="utf-8")) if recorded.exists() else server_home(var)


def open_city(var: Path) -> City:
    """The city that was built in a folder; ``FileNotFoundError`` where there is none."""
    return City.open(var)


def build(
    var: Path,
    *,
    residents: int = 20_000,
    seed: int = 1,
    day: date = BASE_DAY,
    extras: frozenset[str] = frozenset(),
) -> City:
    """Make the city anew; one with the same residents, seed, day and extras that has not moved on is kept.

    ``extras`` are of :data:`renkei_sample.state.EXTRAS`; a city has none unless it is asked for.
    """
    var.mkdir(parents=True, exist_ok=True)
    city = City(var=var.resolve(), home=_home(var))
    if _is_same(city, residents=residents, seed=seed, day=day, extras=extras):
        return city
    city.stop()
    _clear(city)
    _make(city, residents=residents, seed=seed, day=day, extras=extras)
    return city


def _is_same(city: City, *, residents: int, seed: int, day: date, extras: frozenset[str]) -> bool:
    try:
        meta = city.meta()
    except FileNotFoundError:
        return False
    made = (meta["size"], meta["seed"], meta["day"], meta.get("extras"))
    return made == (residents, seed, day.isoformat(), sorted(extras))


def _clear(city: City) -> None:
    for folder in (city.sample, city.home, city.var / "keys" / "sample"):
        shutil.rmtree(folder, ignore_errors=True)


def _make(city: City, *, residents: int, seed: int, day: date, extras: frozenset[str]) -> None:
    from renkei_sample.base import found
    from renkei_sample.individual_numbers import keeps_numbers, numbers_in
    from renkei_sample.plants import plant
    from renkei_sample.state import save

    state = found(residents=residents, seed=seed, day=day)
    state.extras = extras
    plant(state)
    own_folder(city.var / "keys", user=None, mode=0o700)
    own_folder(city.home, user=None, mode=0o755 if is_root() else 0o700)
    city.sample.mkdir(exist_ok=True)
    (city.sample / "home").write_text(str(city.home), encoding="utf-8")
    city.juki.create(numbered=keeps_numbers(state))
    city.files.create()
    city.juki.append(_history(state), numbers_in(state, state.residents.values()))
    deliver(city, state)
    save(state, city.sample / "state")
    city.publish_truth()
    city.stop()


def _history(state: "CityState") -> "list[Resident]":
    from renkei_sample.chance import draws
    from renkei_sample.population import earlier_version

    rng = draws("history", state.seed)
    held = list(state.residents.values())
    return held + [earlier_version(rng, row, number) for row in held for number in range(1, row.rireki_no)]


def deliver(city: City, state: "CityState") -> None:
    """Write the night's files of 税 and 福祉, with what went wrong with them on the base day."""
    from renkei_sample.legacy.nightly import write_night

    files = city.files
    write_night(
        state,
        tax=(files.out("tax"), files.staging("tax")),
        welfare=(files.out("welfare"), files.staging("welfare")),
        anomalies=tuple(state.anomalies),
    )
