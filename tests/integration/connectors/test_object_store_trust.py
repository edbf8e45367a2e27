"""Who the object store connector talks to, and what it refuses: strangers, refused keys, silence, a full disk."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest
from tests.faults.proxy import FaultProxy
from tests.integration.connectors.certificates import certificate
from tests.integration.connectors.object_peer import ACCESS, SECRET, Store, object_store, pull, store, twin_of
from tests.integration.connectors.peers import free_port, full_disk
from tests.integration.connectors.reading import left_in
from tests.integration.connectors.rest_provider import serve

from renkei.errors import FixDeclaration, Stop, TryAgain

__all__ = ["full_disk", "object_store", "store"]

KEY = "out/KJ_20261120.csv"


# who is there, and who we are ---------------------------------------------------------------------


@contextmanager
def refusing(code: str) -> Iterator[tuple[int, list[str]]]:
    """A store that refuses everybody with a code, and lists who knocked."""
    knocked: list[str] = []
    body = f"<Error><Code>{code}</Code><Message>{ACCESS} of 山田</Message></Error>".encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            knocked.append(self.path)
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.server_address[1], knocked
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"])
def test_a_refused_key_is_tried_exactly_once(
    object_store: ModuleType, store: Store, tmp_path: Path, code: str
) -> None:
    with refusing(code) as (port, knocked), pytest.raises(Stop, match="E_AUTH"):
        pull(object_store, store.at(port, retry_seconds="5"), tmp_path / "work")

    assert len(knocked) == 1


def test_twin_that_tries_a_refused_key_again_knocks_many_times(store: Store, tmp_path: Path) -> None:
    refused = (
        'return Stop("E_AUTH", connection=connection)',
        'return TryAgain("E_AUTH", connection=connection)',
    )
    twin = twin_of(tmp_path, "parts/object_store_link.py", refused)

    with refusing("InvalidAccessKeyId") as (port, knocked), pytest.raises(TryAgain, match="E_AUTH"):
        pull(twin, store.at(port, retry_seconds="2"), tmp_path / "work")

    assert len(knocked) > 1


@pytest.mark.parametrize(
    ("code", "error", "named"),
    [
        ("AccessDenied", FixDeclaration, "E_SOURCE_OBJECT"),
        ("SlowDown", TryAgain, "E_SOURCE_BUSY"),
        ("Odd", Stop, "E_ANSWER"),
    ],
)
def test_what_a_store_refuses_is_named_by_what_to_do_next(
    object_store: ModuleType, store: Store, tmp_path: Path, code: str, error: type[Exception], named: str
) -> None:
    with refusing(code) as (port, _), pytest.raises(error, match=named) as raised:
        pull(object_store, store.at(port), tmp_path / "work")

    assert "山田" not in repr(raised.value.facts) + str(raised.value)


def test_a_missing_bucket_is_named(object_store: ModuleType, store: Store, tmp_path: Path) -> None:
    with pytest.raises(FixDeclaration, match="E_SOURCE_OBJECT"):
        pull(object_store, store.at(store.port, bucket="nowhere-at-all"), tmp_path / "work")


def test_another_certificate_ends_the_link_before_a_word_of_ours(
    object_store: ModuleType, store: Store, tmp_path: Path
) -> None:
    declared, pair = certificate(tmp_path, "declared")
    _, stranger = certificate(tmp_path, "stranger")

    with serve(stranger) as other, serve(pair) as known:
        for provider, error in ((other, "E_CERTIFICATE"), (known, "E_")):
            settings = {"endpoint": f"https://127.0.0.1:{provider.port}", "ca_file": str(declared)}
            with pytest.raises((Stop, FixDeclaration), match=error):
                pull(object_store, store.at(0, **settings), tmp_path / "work")

    assert (other.headers_seen, len(known.headers_seen)) == ([], 1)


def test_a_store_that_is_not_there_is_tried_again_later(
    object_store: ModuleType, store: Store, tmp_path: Path
) -> None:
    with pytest.raises(TryAgain, match="E_LINK_DOWN"):
        pull(object_store, store.at(free_port()), tmp_path / "work")


def test_a_link_that_only_drips_ends_at_the_deadline(
    object_store: ModuleType, store: Store, tmp_path: Path
) -> None:
    store.put(KEY, b"o" * 12_000_000)
    began = time.monotonic()

    with (
        FaultProxy(store.port, delay=0.05, seed=1) as proxy,
        pytest.raises(TryAgain, match="E_PULL_DEADLINE"),
    ):
        pull(object_store, store.at(proxy.port), tmp_path / "work", deadline="1s")

    assert time.monotonic() - began < 5


def test_a_full_disk_stops_and_leaves_nothing_half(
    object_store: ModuleType, store: Store, full_disk: Path
) -> None:
    store.put(KEY, os.urandom(400_000))

    with pytest.raises(Stop, match="E_DISK"):
        pull(object_store, store.connection, full_disk)

    assert left_in(full_disk) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"endpoint": "http://store.example"},
        {"endpoint": "http://localhost.store.example:80"},
        {"endpoint": "http://127.0.0.1@store.example:80"},
        {"endpoint": "https://key:word@store.example"},
        {"endpoint": "ftp://localhost:21"},
        {"bucket": ""},
        {"timeout": "long"},
        {"secret_key": "", "access_key": ""},
    ],
    ids=str,
)
def test_a_connection_that_is_not_safe_is_refused(
    object_store: ModuleType, store: Store, tmp_path: Path, settings: dict[str, str]
) -> None:
    with pytest.raises(FixDeclaration, match=r"E_DECLARATION|E_SECRET"):
        pull(object_store, store.at(store.port, **settings), tmp_path / "work")


def test_no_address_of_the_environment_leads_us_elsewhere(
    object_store: ModuleType, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{free_port()}")
    settings = {name: text for name, text in store.connection.settings.items() if name != "endpoint"}

    made = object_store.object_store_link.Link(replace(store.connection, settings=settings), feed="t.f")

    assert made._client.meta.endpoint_url == "https://s3.ap-northeast-1.amazonaws.com"


def test_no_log_of_any_level_holds_a_key_or_a_signature(
    object_store: ModuleType, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(KEY, b"x")

    with caplog.at_level(logging.DEBUG):
        pull(object_store, store.connection, tmp_path / "work")

    assert [word for word in (ACCESS, SECRET, "Signature", "out/") if word in caplog.text] == []
