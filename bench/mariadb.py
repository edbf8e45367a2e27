"""A throw-away MariaDB of this machine's own binaries, durable as it comes, on a port of its own."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "bench"
_CONFIGURATION = """
[mariadbd]
datadir={folder}/data
socket={folder}/mariadb.sock
pid-file={folder}/pid
log-error={folder}/error.log
port={port}
bind-address=127.0.0.1
skip-name-resolve
innodb-buffer-pool-size=512M
innodb-log-file-size=256M
character-set-server=utf8mb4
collation-server=utf8mb4_bin
local-infile=1
max-allowed-packet=64M
"""


@contextmanager
def running() -> Iterator[int]:
    """Its port; account ``bench`` with ``PASSWORD`` owns database ``bench``."""
    folder = Path(tempfile.mkdtemp(prefix="renkei-bench-mariadb-"))
    folder.chmod(0o755)
    process, port = _start(folder)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path) -> "tuple[subprocess.Popen[bytes], int]":
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    place = folder / "my.cnf"
    place.write_text(_CONFIGURATION.format(folder=folder, port=port), "ascii")
    as_user = ["--user=mysql"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "mysql", "mysql")
    install = ["mariadb-install-db", f"--defaults-file={place}", *as_user, "--skip-test-db",
               "--auth-root-authentication-method=normal"]  # fmt: skip
    subprocess.run(install, check=True, stdin=subprocess.DEVNULL, capture_output=True, cwd=folder)
    server = [shutil.which("mariadbd") or "/usr/sbin/mariadbd", f"--defaults-file={place}", *as_user]
    process = subprocess.Popen(server, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=folder)
    _own(folder, port)
    return process, port


def _own(folder: Path, port: int) -> None:
    import pymysql

    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    root = pymysql.connect(unix_socket=str(folder / "mariadb.sock"), user="root")
    with root, root.cursor() as cursor:
        cursor.execute("CREATE DATABASE bench")
        cursor.execute(f"CREATE USER bench@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
        cursor.execute("GRANT ALL ON *.* TO bench@'127.0.0.1'")
