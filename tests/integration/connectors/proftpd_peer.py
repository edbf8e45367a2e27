"""A ProFTPD with mod_sftp of our own: own configuration, port, keys and users; nothing under /etc is read."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.connectors.peers import _public, _run, _wait_for, free_port, private

from renkei.model import Connection

PASSWORD = "pass 合言葉 2026"
CONFIG = """
LoadModule mod_sftp.c
ServerName "peer"
ServerType standalone
DefaultAddress 127.0.0.1
Port {port}
UseIPv6 off
User {user}
Group {group}
PidFile {folder}/pid
ScoreboardFile {folder}/run/scoreboard
DelayTable none
SystemLog {folder}/log
WtmpLog off
TransferLog none
MaxInstances 60
RequireValidShell off
RootLogin on
AuthOrder mod_auth_file.c
AuthUserFile {folder}/users
AllowOverwrite on
AllowStoreRestart on
AllowRetrieveRestart on
SFTPEngine on
SFTPLog {folder}/sftp.log
SFTPHostKey {folder}/host
SFTPAuthorizedUserKeys file:{folder}/keys
MaxLoginAttempts 3
"""


@dataclass(frozen=True, kw_only=True)
class Proftpd:
    """The account, and the folder it sees as ``out``."""

    port: int
    out: Path
    connection: Connection

    def at(self, port: int, **settings: str) -> Connection:
        """The same account behind another port."""
        return Connection(
            name="peer", settings={**self.connection.settings, "port": str(port), "timeout": "2", **settings}
        )

    def by_password(self, folder: Path, password: str = PASSWORD) -> Connection:
        """The account signing in with a password."""
        settings = {k: v for k, v in self.connection.settings.items() if k != "key_file"}
        reference = private(folder / "password", password)
        return Connection(name="peer", settings={**settings, "password": reference})


@pytest.fixture(scope="session")
def proftpd_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The server, with one user known by key and by password."""
    folder = tmp_path_factory.mktemp("proftpd")
    (folder / "run").mkdir()
    for key in ("host", "client"):
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / key))
    public = subprocess.run(
        ["ssh-keygen", "-e", "-m", "RFC4716", "-f", str(folder / "client.pub")],
        check=True, capture_output=True,
    ).stdout  # fmt: skip
    (folder / "keys").write_bytes(public)
    _write_users(folder)
    port = free_port()
    text = CONFIG.format(folder=folder, port=port, user=_name("passwd"), group=_name("group"))
    (folder / "config").write_text(text, "utf-8")
    process = subprocess.Popen(
        [shutil.which("proftpd") or "/usr/sbin/proftpd", "-n", "-c", str(folder / "config")],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _wait_for(port)
    yield {"folder": folder, "port": port}
    process.terminate()
    process.wait(10)


def _write_users(folder: Path) -> None:
    made = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=PASSWORD.encode(), check=True, capture_output=True
    )
    users = folder / "users"
    users.write_text(
        f"hub:{made.stdout.decode().strip()}:{os.getuid()}:{os.getgid()}::{folder}:/bin/sh\n", "utf-8"
    )
    users.chmod(0o600)


def _name(kind: str) -> str:
    wanted = str(os.getuid() if kind == "passwd" else os.getgid())
    lines = Path(f"/etc/{kind}").read_text("utf-8").splitlines()
    return next(line.split(":")[0] for line in lines if line.split(":")[2] == wanted)


@pytest.fixture
def proftpd(proftpd_process: dict[str, Any], tmp_path: Path) -> Proftpd:
    """The account, with an empty folder."""
    folder: Path = proftpd_process["folder"]
    out = tmp_path / "proftpd" / "out"
    out.mkdir(parents=True)
    settings = {
        "host": "127.0.0.1", "port": str(proftpd_process["port"]), "user": "hub",
        "host_key": _public(folder / "host"), "key_file": str(folder / "client"),
        "retry_seconds": "0", "timeout": "5",
    }  # fmt: skip
    connection = Connection(name="peer", settings=settings)
    return Proftpd(port=proftpd_process["port"], out=out, connection=connection)
