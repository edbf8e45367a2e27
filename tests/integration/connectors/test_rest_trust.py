"""Who a REST pull talks to and what it believes: strangers, links that lead away, answers with two meanings."""

import json
import logging
from pathlib import Path
from types import ModuleType

import pytest
from tests.integration.connectors.certificates import certificate
from tests.integration.connectors.peers import CONNECTORS, free_port, private
from tests.integration.connectors.reading import left_in
from tests.integration.connectors.rest_provider import (
    SECRET,
    Provider,
    connection_to,
    person,
    provider,
    rest,
    serve,
    twin_of,
)
from tests.integration.connectors.rest_reading import feed, fill, numbers, pull

from renkei.errors import RenkeiError, Stop, TryAgain
from renkei.project import load_connector

__all__ = ["provider", "rest"]

# who is there, and who we are ---------------------------------------------------------------------


def stranger(folder: Path) -> dict[str, str]:
    return {"client_secret": private(folder / "stranger", "another-secret-0123456789-0123456789")}


def test_a_refused_client_asks_exactly_once(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    connection = connection_to(provider, tmp_path, **stranger(tmp_path), retry_seconds="5")

    with pytest.raises(Stop, match="E_AUTH"):
        pull(rest, connection, tmp_path / "work", feed())

    assert (provider.asked["token"], provider.asked["GET"]) == (1, 0)


def test_twin_that_asks_again_knocks_many_times(provider: Provider, tmp_path: Path) -> None:
    refused = (
        "if answer.status in {400, 401, 403}:\n            raise Stop",
        "if answer.status in {400, 401, 403}:\n            raise TryAgain",
    )
    twin = twin_of(tmp_path, "parts/rest_link.py", refused)
    connection = connection_to(provider, tmp_path, **stranger(tmp_path), retry_seconds="2")

    with pytest.raises(TryAgain, match="E_AUTH"):
        pull(twin, connection, tmp_path / "work", feed())

    assert provider.asked["token"] > 1


def test_a_token_that_is_never_accepted_is_renewed_once_and_no_more(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    provider.token_life = 0
    provider.instead = [(401, {}, b"{}")] * 9

    with pytest.raises(Stop, match="E_AUTH"):
        pull(rest, connection_to(provider, tmp_path, retry_seconds="5"), tmp_path / "work", feed())

    assert provider.asked["GET"] == 2


@pytest.mark.parametrize("token", ["aé", "a b", "a\r\nX-Other: 1", ""])
def test_a_token_that_no_header_can_carry_is_refused_and_never_shown(
    rest: ModuleType, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    told = json.dumps({"access_token": token, "token_type": "Bearer"}).encode()
    monkeypatch.setattr(
        "tests.integration.connectors.rest_provider.Handler._token", lambda *_: (200, {}, told)
    )

    with pytest.raises(Stop, match="E_ANSWER") as stopped:
        pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed())

    assert stopped.value.__suppress_context__
    assert provider.asked["GET"] == 0


def test_another_certificate_ends_the_link_before_a_word_of_ours(rest: ModuleType, tmp_path: Path) -> None:
    authority, _ = certificate(tmp_path, "declared")
    _, pair = certificate(tmp_path, "stranger")

    with serve(pair) as provider, pytest.raises(Stop, match="E_CERTIFICATE"):
        pull(rest, connection_to(provider, tmp_path, ca_file=str(authority)), tmp_path / "work", feed())

    assert provider.asked == {}


def test_twin_that_trusts_anybody_tells_a_stranger_who_we_are(tmp_path: Path) -> None:
    authority, _ = certificate(tmp_path, "declared")
    _, pair = certificate(tmp_path, "stranger")
    lax = (
        "    made.minimum_version",
        "    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE\n    made.minimum_version",
    )
    twin = twin_of(tmp_path, "parts/rest_link.py", lax)

    with serve(pair) as provider:
        pull(twin, connection_to(provider, tmp_path, ca_file=str(authority)), tmp_path / "work", feed())

    assert provider.asked["token"] == 1


def test_a_provider_that_is_not_there_is_tried_again_later(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    with pytest.raises(TryAgain, match="E_LINK_DOWN"):
        pull(rest, connection_to(provider, tmp_path, port=free_port()), tmp_path / "work", feed())


# led elsewhere ------------------------------------------------------------------------------------


def page_with(link: str) -> bytes:
    return b'{"total": 2, "items": [%s], "next": "%s"}' % (person(1).encode(), link.encode())


@pytest.mark.parametrize(
    "link",
    ["//127.0.0.1:{port}/v1/next/persons", "http://127.0.0.1:{port}/v1/x", "http://x@127.0.0.1:{own}/v1/next/persons",
     "/elsewhere/persons", "../../token", "https://127.0.0.1:{own}/v1/next/persons", "file:///etc/passwd", "http://[::1"],
)  # fmt: skip
def test_a_link_that_leads_elsewhere_is_not_followed(
    rest: ModuleType, provider: Provider, tmp_path: Path, link: str
) -> None:
    with serve() as other:
        provider.instead = [(200, {}, page_with(link.format(port=other.port, own=provider.port)))]
        with pytest.raises(Stop, match=r"E_LEADS_AWAY|E_ANSWER"):
            pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed())

    assert other.headers_seen == []
    assert provider.asked["GET"] == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(rest: ModuleType, provider: Provider, tmp_path: Path, status: int) -> None:
    with serve() as other:
        provider.instead = [(status, {"Location": other.base_url + "/next/persons"}, b"")]
        with pytest.raises(Stop, match="E_LEADS_AWAY"):
            pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed())

    assert other.headers_seen == []


def test_twin_that_follows_any_link_gives_our_token_away(provider: Provider, tmp_path: Path) -> None:
    twin = twin_of(tmp_path, "parts/rest_pages.py", ("if not self._is_below_base(link):", "if False:"))

    with serve() as other:
        provider.instead = [(200, {}, page_with(f"http://127.0.0.1:{other.port}/v1/next/persons"))]
        with pytest.raises(Stop):
            pull(twin, connection_to(provider, tmp_path), tmp_path / "work", feed())

    assert other.headers_seen[0]["Authorization"].removeprefix("Bearer ") in provider.tokens


# answers with two meanings, or none ---------------------------------------------------------------

ODD = {
    "a member twice": b'{"total": 1, "items": [{"no": "1", "no": "2"}]}',
    "no number": b'{"total": 1, "items": [{"no": NaN}]}',
    "half a character": b'{"total": 1, "items": [{"no": "\\ud842"}]}',
    "too deep": b'{"total": 1, "items": ' + b"[" * 90 + b"]" * 90 + b"}",
    "deep beyond reason": b"[" * 200_000,
    "no unicode": b'{"total": 1, "items": [{"no": "\x8d\x82"}]}',
    "cut": b'{"total": 1, "items": [{"no": "1"',
    "no items": b'{"total": 1}',
    "no total": b'{"items": [{"no": "1"}]}',
    "another member": b'{"total": 1, "items": [{"no": "1", "mynumber": "1"}]}',
    "a member missing": b'{"total": 1, "items": [{"nummer": "1"}]}',
    "an object for a text": b'{"total": 1, "items": [{"no": {"a": 1}}]}',
    "no key": b'{"total": 1, "items": [{"no": null}]}',
    "an item that is none": b'{"total": 1, "items": [7]}',
    "a page": b"<html>maintenance</html>",
    "nothing": b"",
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_an_answer_that_is_not_as_declared_stops_the_read(
    rest: ModuleType, provider: Provider, tmp_path: Path, body: bytes
) -> None:
    provider.instead = [(200, {"Content-Type": "application/json"}, body)]

    with pytest.raises(Stop, match="E_ANSWER"):
        pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed(columns={"no": "no"}))

    assert left_in(tmp_path / "work") == []


def test_twin_that_takes_the_last_of_two_members_delivers_one_meaning_of_two(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renkei.formats.json_text._once", dict)
    provider.instead = [(200, {}, ODD["a member twice"])]
    twin = load_connector(CONNECTORS, "rest")

    delivery = pull(twin, connection_to(provider, tmp_path), tmp_path / "work", feed(columns={"no": "no"}))

    assert numbers(delivery) == [2]


@pytest.mark.parametrize(
    ("headers", "settings"),
    [({}, {"page_bytes": 10_000}), ({"Content-Encoding": "gzip"}, {})],
    ids=["longer than declared", "compressed"],
)
def test_an_answer_that_could_fill_the_memory_is_not_read_to_its_end(
    rest: ModuleType, provider: Provider, tmp_path: Path, headers: dict[str, str], settings: dict[str, int]
) -> None:
    provider.instead = [(200, headers, b" " * 5_000_000)]

    with pytest.raises(Stop, match="E_ANSWER"):
        pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed(**settings))


@pytest.mark.parametrize("status", [204, 400, 405, 500])
def test_a_status_that_says_no_is_no_empty_page(
    rest: ModuleType, provider: Provider, tmp_path: Path, status: int
) -> None:
    provider.instead = [(status, {}, b"")]

    with pytest.raises(RenkeiError, match=r"E_ANSWER|E_SOURCE_BUSY"):
        pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed())


# what is said -------------------------------------------------------------------------------------


def test_no_log_of_any_level_holds_a_token_a_secret_or_an_address_with_its_query(
    rest: ModuleType, provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(provider, 120)

    with caplog.at_level(logging.DEBUG):
        pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed())

    told = [*provider.tokens, SECRET, "limit=100", "eyJ"]
    assert [word for word in told if word in caplog.text] == []


def test_twin_that_lets_its_driver_talk_logs_the_address(
    provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    twin = twin_of(tmp_path, "rest.py", ("setLevel(logging.CRITICAL)", "setLevel(logging.DEBUG)"))
    fill(provider, 120)

    with caplog.at_level(logging.DEBUG):
        pull(twin, connection_to(provider, tmp_path), tmp_path / "work", feed())

    assert "limit=100" in caplog.text
