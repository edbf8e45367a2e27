"""Systems that wait for files in a folder: two SFTP servers, two wires, and a share."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.integration.connectors.peers import CONNECTORS, Sshd, feed_of
from tests.integration.connectors.proftpd_peer import Proftpd

from renkei import failpoint as failpoints
from renkei.model import Connection, Outgoing, ReadBack, Receipt
from renkei.project import load_connector

NAME = "HENKO_20261120.DAT"
#: A push in a process of its own, so that it can be killed.
CHILD = """
import json, sys
from pathlib import Path
from renkei.model import Connection, Outgoing
from renkei.project import load_connector
from tests.integration.connectors.peers import feed_of
told = json.loads(sys.argv[1])
module = load_connector(Path(told["connectors"]), told["connector"])
connection = Connection(name="peer", settings=told["connection"])
outgoing = Outgoing(key=told["key"], file=Path(told["file"]), name=told["name"])
receipt = module.connect(connection, workdir=Path(told["work"])).push(
    feed_of(told["connector"], **told["settings"]), outgoing)
print(receipt.effect)
"""


@dataclass(frozen=True, kw_only=True)
class Taker:
    """``into`` is its folder as we see it on this machine, ``settings`` what a push to it declares."""

    module: ModuleType
    connector: str
    connection: Connection
    into: Path
    settings: dict[str, Any]
    work: Path
    port: int | None

    def push(self, file: Path, *, key: str = "k1", name: str = NAME, module: ModuleType | None = None,
             port: int | None = None, **settings: Any) -> Receipt:  # fmt: skip
        """Push on a new connection, perhaps through a proxy."""
        connector = (module or self.module).connect(self._at(port), workdir=self.work)
        receipt: Receipt = connector.push(self._feed(settings), Outgoing(key=key, file=file, name=name))
        return receipt

    def read_back(self, file: Path, *, key: str = "k1", name: str = NAME, **settings: Any) -> ReadBack:
        """What stands there, on a new connection."""
        connector = self.module.connect(self.connection, workdir=self.work)
        found: ReadBack = connector.read_back(self._feed(settings), Outgoing(key=key, file=file, name=name))
        return found

    def push_and_die(self, file: Path, failpoints: str, *, key: str = "k1", **settings: Any) -> int:
        """The same in a process that ends at a named place; its exit code."""
        told = {
            "connectors": str(CONNECTORS), "connector": self.connector, "key": key, "file": str(file),
            "connection": dict(self.connection.settings), "name": NAME, "work": str(self.work),
            "settings": {**self.settings, **settings},
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-c", CHILD, json.dumps(told)],
            check=False, cwd=CONNECTORS.parent, stdout=subprocess.DEVNULL,
            env={**os.environ, "RENKEI_FAILPOINTS": failpoints, "PYTHONPATH": str(CONNECTORS.parent)},
        ).returncode  # fmt: skip

    def push_and_stop(self, file: Path, place: str, **settings: Any) -> None:
        """The same, ended at a named place without a process dying of it."""
        failpoints._reached.clear()
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("RENKEI_FAILPOINTS", f"{place}=raise")
            with pytest.raises(OSError, match=place):
                self.push(file, **settings)

    def names(self) -> list[str]:
        """What lies in the folder."""
        return sorted(place.name for place in self.into.iterdir())

    def _at(self, port: int | None) -> Connection:
        extra = {"port": str(port), "timeout": "2"} if port else {}
        return Connection(name="peer", settings={**self.connection.settings, **extra})

    def _feed(self, settings: dict[str, Any]) -> Any:
        return feed_of(self.connector, **{**self.settings, **settings})


@pytest.fixture(params=["openssh", "asyncssh", "proftpd", "folder"])
def taker(request: pytest.FixtureRequest, tmp_path: Path) -> Taker:
    """Each of them in turn."""
    makers: dict[str, Callable[[pytest.FixtureRequest], tuple[str, Connection, Path, int | None]]] = {
        "openssh": _openssh, "asyncssh": _asyncssh, "proftpd": _proftpd, "folder": _folder,
    }  # fmt: skip
    connector, connection, into, port = makers[request.param](request)
    into.mkdir(parents=True, exist_ok=True)
    to = "/in" if connector == "folder" else str(into)
    return Taker(
        module=load_connector(CONNECTORS, connector), connector=connector, connection=connection, into=into,
        settings={"to": to, "done": ".END"}, work=tmp_path / "work", port=port,
    )  # fmt: skip


def _openssh(request: pytest.FixtureRequest) -> tuple[str, Connection, Path, int | None]:
    sshd: Sshd = request.getfixturevalue("sshd")
    return "sftp", sshd.connection, sshd.out.parent / "in", sshd.port


def _asyncssh(request: pytest.FixtureRequest) -> tuple[str, Connection, Path, int | None]:
    connector, connection, into, port = _openssh(request)
    declared = Connection(name="peer", settings={**connection.settings, "wire": "asyncssh"})
    return connector, declared, into, port


def _proftpd(request: pytest.FixtureRequest) -> tuple[str, Connection, Path, int | None]:
    peer: Proftpd = request.getfixturevalue("proftpd")
    return "sftp", peer.connection, peer.out.parent / "in", peer.port


def _folder(request: pytest.FixtureRequest) -> tuple[str, Connection, Path, int | None]:
    root: Path = request.getfixturevalue("tmp_path") / "share"
    connection = Connection(name="peer", settings={"root": str(root), "mounted": "false"})
    return "folder", connection, root / "in", None
