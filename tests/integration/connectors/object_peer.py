"""A bucket on a real S3 server of the tests (moto), and the connector that reaches it."""

import logging
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto.backends import get_backend
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from tests.integration.connectors.peers import CONNECTORS, feed_of, private, without

from renkei.model import Checkpoint, Connection, Delivery, Feed
from renkei.project import load_connector

REGION = "ap-northeast-1"
ACCESS, SECRET = "AKIAKUZUHARA00000001", "kuzuhara/secret+key/0123456789abcdefghij"


@cache
def server_port() -> int:
    """One server for the whole test process, on a port that was free; it ends with the process."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    return server.get_host_and_port()[1]


@cache
def _session() -> boto3.session.Session:
    """One session: it reads the description of S3 once."""
    return boto3.session.Session()


@dataclass(frozen=True, kw_only=True)
class Store:
    """A bucket of its own, as its owner sees it."""

    port: int
    name: str
    client: Any
    connection: Connection

    def put(self, key: str, data: bytes, **more: Any) -> None:
        """An object, as its owner's software would leave it."""
        self.client.put_object(Bucket=self.name, Key=key, Body=data, **more)

    def fill(self, keys: Iterable[str]) -> None:
        """Many empty objects at once, by the server's own hand."""
        bucket = get_backend("s3")["123456789012"]["aws"]
        for key in keys:
            bucket.put_object(self.name, key, b"")

    def get(self, key: str) -> bytes:
        """What stands under a key."""
        data: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return data

    def keys(self) -> list[str]:
        """Every key, in order."""
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=self.name).get("Contents", ())]

    def versions(self) -> int:
        """How many times anything was put into the bucket, where it keeps versions."""
        return len(self.client.list_object_versions(Bucket=self.name).get("Versions", ()))

    def keep_versions(self) -> None:
        """Nothing that was there is ever gone."""
        self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def at(self, port: int, **settings: str) -> Connection:
        """The same bucket behind another port."""
        endpoint = {"endpoint": f"http://127.0.0.1:{port}"}
        return Connection(name="peer", settings={**self.connection.settings, **endpoint, **settings})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty bucket."""
    port, name = server_port(), f"kuzuhara-{uuid.uuid4().hex[:12]}"
    endpoint = f"http://127.0.0.1:{port}"
    client = _session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS,
        aws_secret_access_key=SECRET,
    )
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    connection = Connection(
        name="peer",
        settings={
            "endpoint": endpoint, "bucket": name, "region": REGION, "retry_seconds": "0", "timeout": "5",
            "access_key": private(tmp_path / "access", ACCESS), "secret_key": private(tmp_path / "secret", SECRET),
        },
    )  # fmt: skip
    yield Store(port=port, name=name, client=client, connection=connection)
    client.close()


@pytest.fixture
def object_store() -> ModuleType:
    """The connector as the city has it."""
    return load_connector(CONNECTORS, "object_store")


def twin_of(folder: Path, file: str, *patches: tuple[str, str]) -> ModuleType:
    """The connector with a guard of one of its parts taken out."""
    without(folder, file, *patches)
    return load_connector(folder / "twin", "object_store")


def feed(**settings: Any) -> Feed:
    """Files of the folder ``out``, and the folder ``in`` for what goes there."""
    return feed_of("object_store", **{"path": "/out/KJ_*.csv", "to": "/in", **settings})


def pull(
    module: ModuleType, connection: Connection, workdir: Path, since: Delivery | None = None, **settings: Any
) -> tuple[list[Delivery], list[str]]:
    """Every delivery, and the connector's notes."""
    wanted, connector = feed(**settings), module.connect(connection, workdir=workdir)
    checkpoint = Checkpoint(feed=wanted.id, position=since.position) if since else None
    return list(connector.pull(wanted, checkpoint)), connector.notes
