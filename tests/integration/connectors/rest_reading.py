"""Pulling from the provider in a test, and what a delivery holds."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
from tests.integration.connectors.peers import feed_of
from tests.integration.connectors.rest_provider import Provider, person

from renkei.model import Checkpoint, Connection, Delivery, Feed

COLUMNS = {"no": "no", "kanji": "name.kanji", "kana": "name.kana", "amount": "amount", "living": "living"}
#: How each way of paging is declared.
WAYS: dict[str, dict[str, Any]] = {
    "next": {"paging": "next"},
    "cursor": {"paging": "cursor", "cursor": "cursor"},
    "offset": {"paging": "offset"},
    "page": {"paging": "page", "snapshot": "snapshot"},
    "none": {"paging": "none"},
}


DELTA = {
    "changed_since": "since", "as_of": "as_of", "overlap": "10m",
    "gone": {"at": "operation", "values": ["delete"]},
}  # fmt: skip


def fill(provider: Provider, persons: int) -> None:
    """Persons numbered from 1, every other one without a reading."""
    for number in range(1, persons + 1):
        provider.put(f"{number:010}", person(number, kana=None if number % 2 else ""))


def feed(way: str = "next", **settings: Any) -> Feed:
    """The persons of the provider, a hundred a page."""
    declared = {
        "resource": f"{way}/persons", "items": "items", "columns": COLUMNS, "key": "no", "total": "total",
        "page_size": 100, "item": "/persons/{no}", "create": "/persons", "types": {"amount": "number", "living": "boolean"},
    }  # fmt: skip
    return feed_of("rest", **{**declared, **WAYS[way], **settings})


def pull(
    module: ModuleType, connection: Connection, workdir: Path, wanted: Feed, since: Delivery | None = None
) -> Delivery:
    """The one delivery."""
    checkpoint = Checkpoint(feed=wanted.id, position=since.position) if since else None
    (delivery,) = module.connect(connection, workdir=workdir).pull(wanted, checkpoint)
    return delivery


def rows_of(delivery: Delivery) -> list[dict[str, Any]]:
    """What the Arrow file holds."""
    with pa.OSFile(str(delivery.path)) as file:
        rows: list[dict[str, Any]] = pa.ipc.open_file(file).read_all().to_pylist()
    return rows


def numbers(delivery: Delivery) -> list[int]:
    """The persons' numbers, in their order."""
    return [int(row["no"]) for row in rows_of(delivery)]
