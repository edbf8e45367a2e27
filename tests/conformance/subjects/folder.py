"""A folder on a disk: two files, one of them with a difficult name."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.conformance.kit import Subject
from tests.integration.connectors.peers import CONNECTORS, feed_of

from renkei.model import Connection, Delivery, Outgoing
from renkei.project import load_connector

_T0 = 1_795_143_600


@pytest.fixture
def folder_subject(tmp_path: Path) -> Subject:
    """A root with a folder that offers files, and one that takes them."""
    root = tmp_path / "share"
    out, into = root / "out", root / "in"
    for place in (out, into):
        place.mkdir(parents=True)
    (root / ".mounted").touch()
    for name in ("KJ_20261119.DAT", "KJ_20261120 髙﨑.DAT"):
        _offer(out, name)
    settings = {"root": str(root), "marker": ".mounted"}
    return Subject(
        module=load_connector(CONNECTORS, "folder"),
        connection=Connection(name="peer", settings=settings),
        unreachable=Connection(name="peer", settings={**settings, "root": str(tmp_path / "nowhere")}),
        feed=feed_of("folder", path="/out/KJ_*.DAT", done=".END"),
        workdir=tmp_path / "work",
        secrets=(),
        change=lambda: _offer(out, "KJ_20261121.DAT"),
        truth=lambda: {place.name: _sha256(place) for place in out.glob("*.DAT")},
        held=_held,
        push_feed=feed_of("folder", to="/in", done=".END"),
        outgoing=lambda number: _outgoing(tmp_path, number),
        effects=lambda: len([*into.glob("*.DAT")]),
    )


def _offer(out: Path, name: str) -> None:
    for place, data in ((out / name, name.encode()), (out / name.replace(".DAT", ".END"), b"")):
        place.write_bytes(data)
        os.utime(place, (_T0, _T0))


def _held(deliveries: Sequence[Delivery]) -> dict[str, str]:
    return {delivery.name: delivery.sha256 for delivery in deliveries}


def _outgoing(folder: Path, number: int) -> Outgoing:
    file = folder / f"outgoing.{number}"
    file.write_bytes(f"{number:06}".encode() * 1000)
    return Outgoing(key=f"key-{number}", file=file, name=f"HENKO_{number:06}.DAT")


def _sha256(place: Path) -> str:
    return hashlib.sha256(place.read_bytes()).hexdigest()
