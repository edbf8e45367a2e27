"""Pulling in a test: one delivery of a feed, and what it holds."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
from tests.integration.connectors.peers import feed_of

from renkei.model import Checkpoint, Connection, Delivery

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
