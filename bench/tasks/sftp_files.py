"""One large file each way over SFTP: ours, the ``sftp`` program, and two libraries as their manuals say."""

import asyncio
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

from bench.child import Done, Runs
from bench.desk import ROOT, Desk
from renkei.model import Connection, Feed, Outgoing
from renkei.project import load_connector

USER = os.environ.get("USER") or "root"


# ours ---------------------------------------------------------------------------------------------


def pull(desk: Desk, *, wire: str = "paramiko") -> Runs:
    """Fetched to its end, hashed, compared before and after, flushed, named."""
    connector = _connector(desk, wire)
    feed = _feed(path=f"{desk.scratch}/big", settle="0s")
    while True:
        os.sync()  # nobody's flush waits for what another left
        yield partial(_pull, connector, feed)
        shutil.rmtree(desk.scratch / f"work.{wire}")


def _pull(connector: Any, feed: Feed) -> Done:  # noqa: ANN401 - loaded by path
    (delivery,) = connector.pull(feed, None)
    return Done(rows=delivery.bytes >> 20, facts={"sha256": delivery.sha256[:8]})


def push(desk: Desk, *, wire: str = "paramiko", proof: str = "hash") -> Runs:
    """Written under another name, flushed there, read back and hashed unless told not to, named, marked."""
    connector, into = _connector(desk, wire), desk.scratch / f"in.{wire}.{proof}"
    feed = _feed(to=str(into), done=".END", proof=proof)
    while True:
        into.mkdir()
        outgoing = Outgoing(key="bench", file=desk.scratch / "big", name="big.dat")
        os.sync()
        yield partial(_push, connector, feed, outgoing)
        shutil.rmtree(into)


def _push(connector: Any, feed: Feed, outgoing: Outgoing) -> Done:  # noqa: ANN401 - loaded by path
    receipt = connector.push(feed, outgoing)
    return Done(rows=receipt.bytes >> 20, facts={"effect": receipt.effect})


def _connector(desk: Desk, wire: str) -> Any:  # noqa: ANN401 - loaded by path
    home = desk.folder / "ssh"
    settings = {
        "host": "127.0.0.1", "port": _port(desk), "user": USER, "wire": wire,
        "host_key": " ".join((home / "host.pub").read_text("ascii").split()[:2]),
        "key_file": str(home / "client"),
    }  # fmt: skip
    module = load_connector(ROOT / "connectors", "sftp")
    import_module(f"{module.__package__}.parts.sftp_{wire}")  # its library, before the clock starts
    return module.connect(Connection(name="bench", settings=settings), workdir=desk.scratch / f"work.{wire}")


def _feed(**settings: str) -> Feed:
    return Feed(
        system="bench", name="sftp", title="", owner="", connector="sftp", connection="bench",
        settings=settings, format={}, delivers="full", record="person", schedule="", lag=timedelta(hours=1),
    )  # fmt: skip


def _port(desk: Desk) -> str:
    return (desk.folder / "ssh" / "port").read_text("ascii")


# the program --------------------------------------------------------------------------------------


def program(desk: Desk, *, verb: str) -> Runs:
    """OpenSSH's own client, one session; ``prove`` puts, gets back and hashes, as a careful person would."""
    for number in count():
        place = desk.scratch / f"program.{verb}.{number}"
        os.sync()
        yield partial(_program, desk, verb, place)
        for left in desk.scratch.glob(f"program.{verb}.*"):
            left.unlink()


def _program(desk: Desk, verb: str, place: Path) -> Done:
    big = desk.scratch / "big"
    batch = f"get {big} {place}\n" if verb.startswith("get") else f"put {big} {place}\n"
    if verb == "prove":
        batch += f"get {place} {place}.back\n"
    subprocess.run(_command(desk), input=batch.encode(), check=True, stdout=subprocess.DEVNULL)
    if verb == "get_flushed":
        subprocess.run(["sync", place], check=True)
    if verb == "prove":
        subprocess.run(["sha256sum", f"{place}.back"], check=True, stdout=subprocess.DEVNULL)
    return Done(rows=place.stat().st_size >> 20)


def _command(desk: Desk) -> list[str]:
    home = desk.folder / "ssh"
    known = home / "known_hosts"
    known.write_text(f"[127.0.0.1]:{_port(desk)} {(home / 'host.pub').read_text('ascii')}", "ascii")
    options = ["BatchMode=yes", "IdentitiesOnly=yes", f"UserKnownHostsFile={known}"]
    command = ["sftp", "-q", "-F", "/dev/null", "-i", str(home / "client"), "-P", _port(desk)]
    return [*command, *(word for each in options for word in ("-o", each)), "-b", "-", f"{USER}@127.0.0.1"]


# the libraries as they come -----------------------------------------------------------------------


def paramiko(desk: Desk, *, verb: str) -> Runs:
    """``get`` or ``put`` of paramiko with its defaults; nothing proved, nothing flushed."""
    import paramiko as library

    def run(place: Path) -> Done:
        with library.SSHClient() as client:
            client.set_missing_host_key_policy(library.AutoAddPolicy())
            client.connect(
                "127.0.0.1", int(_port(desk)), USER, key_filename=str(desk.folder / "ssh" / "client"),
                allow_agent=False, look_for_keys=False,
            )  # fmt: skip
            files = client.open_sftp()
            big = str(desk.scratch / "big")
            files.get(big, str(place)) if verb == "get" else files.put(big, str(place))
        return Done(rows=place.stat().st_size >> 20)

    return _repeated(desk, f"paramiko.{verb}", run)


def asyncssh(desk: Desk, *, verb: str) -> Runs:
    """``get`` or ``put`` of asyncssh with its defaults; nothing proved, nothing flushed."""
    import asyncssh as library

    async def transfer(place: Path) -> None:
        async with library.connect(
            "127.0.0.1", int(_port(desk)), username=USER, known_hosts=None, config=None, agent_path=None,
            client_keys=[str(desk.folder / "ssh" / "client")],
        ) as link, link.start_sftp_client() as files:  # fmt: skip
            big = str(desk.scratch / "big")
            await (files.get(big, str(place)) if verb == "get" else files.put(big, str(place)))

    def run(place: Path) -> Done:
        asyncio.run(transfer(place))
        return Done(rows=place.stat().st_size >> 20)

    return _repeated(desk, f"asyncssh.{verb}", run)


def _repeated(desk: Desk, name: str, run: Callable[[Path], Done]) -> Runs:
    for number in count():
        place = desk.scratch / f"{name}.{number}"
        os.sync()
        yield partial(run, place)
        assert _sha256(place) == _sha256(desk.scratch / "big")
        place.unlink()


def _sha256(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
