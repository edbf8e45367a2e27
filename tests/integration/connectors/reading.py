"""Pulling in a test: one delivery of a feed, and what it holds."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
from tests.integration.connectors.peers import feed_of

from renkei.model import GONE, Checkpoint, Connection, Delivery

ODBC = {"table": "juki.kojin_genzai", "key": "atena_no", "deadline": "20s"}
SFTP = {"done": ".END", "settle": "0.3s"}


def pull(module: ModuleType, connection: Connection, workdir: Path, **settings: Any) -> Delivery:
    """The one delivery of the view."""
    feed = feed_of("odbc", **{**ODBC, **settings})
    (delivery,) = module.connect(connection, workdir=workdir).pull(feed, None)
    return delivery


def rows_of(delivery: Delivery) -> list[dict[str, Any]]:
    """What the Arrow file holds."""
    with pa.OSFile(str(delivery.path)) as file:
        rows: list[dict[str, Any]] = pa.ipc.open_file(file).read_all().to_pylist()
    return rows


def left_in(folder: Path) -> list[str]:
    """Every file of a work folder except the locks."""
    return sorted(place.name for place in folder.iterdir() if place.suffix != ".lock")


def since(delivery: Delivery) -> Checkpoint:
    """The checkpoint after a delivery was merged."""
    return Checkpoint(feed=delivery.feed, position=delivery.position)


def pull_files(
    module: ModuleType,
    connection: Connection,
    folder: Path,
    workdir: Path,
    *,
    since: Checkpoint | None = None,
    **settings: Any,
) -> tuple[list[Delivery], list[str]]:
    """Every delivery of ``KJ_*.DAT`` in a folder of the server, and the connector's notes."""
    feed = feed_of("sftp", **{**SFTP, "path": f"{folder}/KJ_*.DAT", **settings})
    connector = module.connect(connection, workdir=workdir)
    return list(connector.pull(feed, since)), connector.notes


def pull_since(
    module: ModuleType,
    connection: Connection,
    workdir: Path,
    *,
    since: Delivery | None = None,
    table: str = "juki.kojin_genzai",
    **settings: Any,
) -> list[Delivery]:
    """What a delta feed of the view delivers since a delivery was merged."""
    wishes = {**ODBC, "table": table, "changed_at": "koshin_ts", **settings}
    feed = replace(feed_of("odbc", **wishes), delivers="delta")
    checkpoint = Checkpoint(feed=feed.id, position=since.position) if since else None
    return list(module.connect(connection, workdir=workdir).pull(feed, checkpoint))


def taken_in(
    deliveries: Iterable[Delivery], held: Mapping[str, dict[str, Any]] | None = None, *, key: str = "atena_no"
) -> dict[str, dict[str, Any]]:
    """What deliveries leave behind in a hub, key → row."""
    rows = dict(held or {})
    for delivery in deliveries:
        if delivery.is_whole:
            rows = {}
        for row in rows_of(delivery):
            gone = row.pop(GONE, False)
            rows = {name: kept for name, kept in rows.items() if name != row[key]}
            rows |= {} if gone else {row[key]: row}
    return rows
