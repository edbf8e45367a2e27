"""An sshd as an office of 2012 has it: an RSA key that signs with SHA-1, SHA-1 key exchange, no more."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.connectors.peers import _public, _run, _wait_for, free_port

from renkei.model import Connection

#: What it takes to talk to it, as a connection declares it.
NEEDED = "diffie-hellman-group14-sha1 ssh-rsa 3des-cbc hmac-sha1"
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile {folder}/pid
AuthorizedKeysFile {folder}/client.pub
StrictModes no
UsePAM no
LogLevel VERBOSE
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100:30:200
HostKeyAlgorithms ssh-rsa
KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group1-sha1
Ciphers 3des-cbc,aes128-cbc
MACs hmac-sha1
PubkeyAcceptedAlgorithms ssh-rsa,rsa-sha2-256
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True, kw_only=True)
class OldSshd:
    """The account, its folder, and the server's log."""

    out: Path
    connection: Connection
    log: Path

    def with_(self, **settings: str) -> Connection:
        """The account with more declared."""
        return Connection(name="peer", settings={**self.connection.settings, **settings})


@pytest.fixture(scope="session")
def old_sshd_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Its own keys, its own port."""
    folder = tmp_path_factory.mktemp("old_sshd")
    for key in ("host", "client"):
        _run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", "", "-f", str(folder / key))
    port = free_port()
    (folder / "config").write_text(CONFIG.format(folder=folder, port=port))
    Path("/run/sshd").mkdir(exist_ok=True)
    command = [shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-f", str(folder / "config")]
    process = subprocess.Popen([*command, "-E", str(folder / "log")], stdin=subprocess.DEVNULL)
    _wait_for(port)
    yield {"folder": folder, "port": port}
    process.terminate()
    process.wait(10)


@pytest.fixture
def old_sshd(old_sshd_process: dict[str, Any], tmp_path: Path) -> OldSshd:
    """The account, with an empty folder."""
    folder: Path = old_sshd_process["folder"]
    out = tmp_path / "old" / "out"
    out.mkdir(parents=True)
    settings = {
        "host": "127.0.0.1", "port": str(old_sshd_process["port"]), "user": os.environ.get("USER") or "root",
        "host_key": _public(folder / "host"), "key_file": str(folder / "client"), "retry_seconds": "0",
        "timeout": "5",
    }  # fmt: skip
    return OldSshd(out=out, connection=Connection(name="peer", settings=settings), log=folder / "log")
