"""``bench sftp``: one large file each way over OpenSSH on loopback; rows are megabytes."""

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.contest import contest, entry
from bench.desk import Desk
from bench.lines import show
from bench.place import desk

CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {home}/host
PidFile {home}/pid
AuthorizedKeysFile {home}/client.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
"""


def measure(*, megabytes: int, rounds: int) -> None:
    """Ours with proof and flush, beside the ``sftp`` program and the two libraries used plainly."""
    with desk() as here, _server(here):
        _make_file(here.scratch / "big", megabytes)
        _get(here, rounds)
        _put(here, rounds)


def _get(here: Desk, rounds: int) -> None:
    ours, other_wire, program, flushed, paramiko, asyncssh = contest(
        here,
        entry("sftp_get", "sftp_files.pull"),
        entry("sftp_get_asyncssh_wire", "sftp_files.pull", wire="asyncssh"),
        entry("sftp program, get, not flushed", "sftp_files.program", verb="get"),
        entry("sftp program, get, flushed", "sftp_files.program", verb="get_flushed"),
        entry("paramiko get()", "sftp_files.paramiko", verb="get"),
        entry("asyncssh get()", "sftp_files.asyncssh", verb="get"),
        rounds=rounds,
    )
    for usual in (paramiko, asyncssh):
        show(ours, floor=program, usual=usual)
    show(ours, floor=flushed, usual=paramiko)
    show(other_wire, floor=flushed, usual=asyncssh)


def _put(here: Desk, rounds: int) -> None:
    ours, sized, other_wire, program, proved, paramiko, asyncssh = contest(
        here,
        entry("sftp_put_read_back", "sftp_files.push"),
        entry("sftp_put_size_only", "sftp_files.push", proof="size"),
        entry("sftp_put_asyncssh_wire_read_back", "sftp_files.push", wire="asyncssh"),
        entry("sftp program, put, not flushed", "sftp_files.program", verb="put"),
        entry("sftp program, put, got back, sha256sum", "sftp_files.program", verb="prove"),
        entry("paramiko put()", "sftp_files.paramiko", verb="put"),
        entry("asyncssh put()", "sftp_files.asyncssh", verb="put"),
        rounds=rounds,
    )
    for each, floor in ((sized, program), (ours, proved), (ours, program), (other_wire, proved)):
        show(each, floor=floor, usual=paramiko)
    show(sized, floor=program, usual=asyncssh)


def _make_file(place: Path, megabytes: int) -> None:
    with place.open("wb") as file:
        for _ in range(megabytes):
            file.write(secrets.token_bytes(1 << 20))


@contextmanager
def _server(here: Desk) -> Iterator[None]:
    """An sshd of our own, with keys and a port of its own; its folder says how to reach it."""
    home = here.folder / "ssh"
    home.mkdir(mode=0o700)
    for key in ("host", "client"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(home / key)]
        subprocess.run(command, check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (home / "port").write_text(str(port), "ascii")
    (home / "config").write_text(CONFIG.format(home=home, port=port), "ascii")
    Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", str(home / "config"), "-E", os.devnull])
    try:
        _wait(port)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError("sshd does not answer")
