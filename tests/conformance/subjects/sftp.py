"""SFTP against an OpenSSH server: two files, one of them with a difficult name."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
from tests.conformance.kit import Subject
from tests.integration.connectors.peers import Sshd, feed_of, free_port

from renkei.model import Delivery, Outgoing

_T0 = 1_795_143_600


@pytest.fixture
def sftp_subject(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> Subject:
    """The account's folder, and one that takes files."""
    into = sshd.out.parent / "in"
    into.mkdir()
    for name in ("KJ_20261119.DAT", "KJ_20261120 髙﨑.DAT"):
        _offer(sshd, name)
    key = Path(sshd.connection.settings["key_file"])
    return Subject(
        module=sftp,
        connection=sshd.connection,
        unreachable=sshd.at(free_port()),
        feed=feed_of("sftp", path=f"{sshd.out}/KJ_*.DAT", done=".END"),
        workdir=tmp_path / "work",
        secrets=(key.read_text("ascii").splitlines()[1],),
        port=sshd.port,
        at=lambda port: sshd.at(port, timeout="2"),
        change=lambda: _offer(sshd, "KJ_20261121.DAT"),
        truth=lambda: {place.name: _sha256(place) for place in sshd.out.glob("*.DAT")},
        held=_held,
        push_feed=feed_of("sftp", to=str(into), done=".END"),
        outgoing=lambda number: _outgoing(tmp_path, number),
        effects=lambda: len([*into.glob("*.DAT")]),
    )


def _offer(sshd: Sshd, name: str) -> None:
    sshd.put(name, name.encode() * 20_000, modified=_T0)
    sshd.put(name.replace(".DAT", ".END"), b"", modified=_T0)


def _held(deliveries: Sequence[Delivery]) -> dict[str, str]:
    return {delivery.name: delivery.sha256 for delivery in deliveries}


def _outgoing(folder: Path, number: int) -> Outgoing:
    file = folder / f"outgoing.{number}"
    file.write_bytes(f"{number:06}".encode() * 20_000)
    return Outgoing(key=f"key-{number}", file=file, name=f"HENKO_{number:06}.DAT")


def _sha256(place: Path) -> str:
    return hashlib.sha256(place.read_bytes()).hexdigest()
