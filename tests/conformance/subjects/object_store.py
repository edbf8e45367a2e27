"""A bucket of two files; what is offered goes to another folder of it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
from tests.conformance.kit import Subject
from tests.integration.connectors.object_peer import ACCESS, SECRET, Store, feed, object_store, store
from tests.integration.connectors.peers import free_port

from renkei.model import Delivery, Outgoing

__all__ = ["object_store", "object_store_subject", "store"]


@pytest.fixture
def object_store_subject(object_store: ModuleType, store: Store, tmp_path: Path) -> Subject:
    """Two files, one of them with a difficult name; the bucket keeps versions, so effects can be counted."""
    store.keep_versions()
    for name in ("KJ_20261119.csv", "KJ_20261120 髙﨑.csv"):
        store.put(f"out/{name}", name.encode() * 1_000)

    def change() -> None:
        store.put("out/KJ_20261120 髙﨑.csv", b"again" * 2_000)
        store.put("out/KJ_20261121.csv", b"new" * 2_000)

    def sent(number: int) -> Outgoing:
        place = tmp_path / f"sent-{number}"
        place.write_bytes(f"送信 {number}\r\n".encode() * 3_000)
        return Outgoing(key=f"push-{number}", file=place, name=f"送信_{number}.csv")

    return Subject(
        module=object_store,
        connection=store.connection,
        unreachable=store.at(free_port()),
        feed=feed(),
        workdir=tmp_path / "work",
        secrets=(ACCESS, SECRET),
        port=store.port,
        at=lambda port: store.at(port, timeout="2"),
        change=change,
        truth=lambda: {
            key.removeprefix("out/"): hashlib.sha256(store.get(key)).hexdigest()
            for key in set(store.keys())
            if key.startswith("out/")
        },
        held=_held,
        push_feed=feed(done=".END"),
        outgoing=sent,
        effects=lambda: store.versions(),
    )


def _held(deliveries: Sequence[Delivery]) -> dict[str, str]:
    return {delivery.name: delivery.sha256 for delivery in deliveries}
