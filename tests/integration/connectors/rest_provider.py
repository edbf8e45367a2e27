"""A small provider of persons after the rules of the standard systems: OAuth2, JSON, paging, ETags.

It really verifies: the client's assertion (signature, audience, times, no replay), the token's life and scope,
``If-Match`` and ``Idempotency-Key``. Its ways of paging are ``/v1/<way>/persons``; one person is
``/v1/persons/<no>``. Everything it was asked and did is counted.
"""

import base64
import hashlib
import json
import secrets
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from joserfc import jwk, jwt
from tests.integration.connectors.peers import CONNECTORS, private, without

from renkei.model import Connection
from renkei.project import load_connector

SECRET = "葛原市-test-secret-0123456789-abcdef"
BASIC_SECRET = "p:w%+ é-basic-0123456789"
CLIENT = "renkei-90"
READ, WRITE = "juki:persons:read", "juki:persons:write"


@dataclass
class Provider:
    """Persons by number as JSON text, the way they were written, and how the provider behaves."""

    port: int = 0
    scheme: str = "http"
    persons: dict[str, str] = field(default_factory=dict)
    changed: dict[str, datetime] = field(default_factory=dict)
    now: datetime = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    asked: Counter[str] = field(default_factory=Counter)
    headers_seen: list[dict[str, str]] = field(default_factory=list)
    effects: int = 0
    token_life: int = 300
    granted: frozenset[str] = frozenset({READ, WRITE})
    tokens: dict[str, tuple[float, frozenset[str]]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    posted: dict[str, tuple[str, int]] = field(default_factory=dict)
    #: Answers (status, headers, body) to give next instead of the true ones.
    instead: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    #: Called before each page is made: something happens while a client reads.
    before_page: Callable[["Provider"], None] = lambda provider: None
    #: Called after a person was looked at: somebody else may be quicker.
    after_look: Callable[["Provider"], None] = lambda provider: None
    #: Answers that a write was done, and forgets it.
    forgets: bool = False
    #: Hang up without an answer once this many writes were done.
    lose_reply_of: int = 0
    stated_total: Callable[[int], int] = lambda true: true
    cap: int = 10_000
    strong: bool = True
    lock: Any = field(default_factory=threading.RLock)

    @property
    def base_url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/v1"

    @property
    def token_url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/token"

    def put(self, number: str, item: dict[str, Any] | str) -> None:
        """A person is new or changes; a dictionary is written as JSON."""
        self.persons[number] = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
        self.changed[number] = self.now

    def remove(self, number: str) -> None:
        """A person is gone; a tombstone stays."""
        del self.persons[number]
        self.changed[number] = self.now

    def etag(self, text: str) -> str:
        return ("" if self.strong else "W/") + f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'

    @property
    def state(self) -> str:
        """Which state the whole collection is in."""
        return hashlib.sha256(repr(sorted(self.persons.items())).encode()).hexdigest()[:16]


class Handler(BaseHTTPRequestHandler):
    """One connection to the provider."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version, sys_version = "kuzuhara", ""

    @property
    def provider(self) -> Provider:
        return self.server.provider  # type: ignore[attr-defined,no-any-return]  # set by serve()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer_to("GET")

    def do_POST(self) -> None:
        self._answer_to("POST")

    def do_PUT(self) -> None:
        self._answer_to("PUT")

    def do_PATCH(self) -> None:
        self._answer_to("PATCH")

    def _answer_to(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        with self.provider.lock:
            self.provider.headers_seen.append(dict(self.headers))
            if url.path == "/token":
                self.provider.asked["token"] += 1
                return self._say(*self._token(body.decode()))
            self.provider.asked[method] += 1
            if self.provider.instead:
                return self._say(*self.provider.instead.pop(0))
            refusal = self._refusal(READ if method == "GET" else WRITE)
            answer = refusal or self._resource(method, unquote(url.path), url.query, body)
            if method != "GET" and answer[0] < 300:
                self.provider.effects += 1
                if self.provider.effects == self.provider.lose_reply_of:
                    self.close_connection = True
                    return None
        return self._say(*answer)

    def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Unframed" in headers:
            self.close_connection = True
        elif status not in {204, 304}:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    # who asks -------------------------------------------------------------------------------------

    def _token(self, form: str) -> tuple[int, dict[str, str], bytes]:
        told = {name: values[0] for name, values in parse_qs(form).items()}
        provider = self.provider
        if not self._is_client(told):
            provider.asked["refused"] += 1
            return 401, {}, b'{"error":"invalid_client"}'
        wanted = frozenset(told.get("scope", "").split())
        if told.get("grant_type") != "client_credentials" or not wanted <= provider.granted:
            return 400, {}, b'{"error":"invalid_scope"}'
        token = secrets.token_urlsafe(24)
        provider.tokens[token] = (time.monotonic() + provider.token_life, wanted)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": provider.token_life}
        return 200, {"Cache-Control": "no-store"}, json.dumps(answer).encode()

    def _is_client(self, told: dict[str, str]) -> bool:
        kind, _, pair = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            name, _, word = base64.b64decode(pair).decode().partition(":")
            return (unquote(name), unquote(word.replace("+", " "))) == (CLIENT, BASIC_SECRET)
        if told.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
            return False
        try:
            claims = jwt.decode(
                told["client_assertion"], jwk.OctKey.import_key(SECRET), algorithms=["HS256"]
            ).claims
        except Exception:  # noqa: BLE001 - whatever is wrong with it
            return False
        now, fresh = time.time(), claims["jti"] not in self.provider.used
        self.provider.used.add(claims["jti"])
        in_time = now < claims["exp"] <= now + 300
        return (
            fresh and in_time and claims["aud"] == self.provider.token_url
            and claims["iss"] == claims["sub"] == CLIENT
        )  # fmt: skip

    def _refusal(self, scope: str) -> tuple[int, dict[str, str], bytes] | None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        ends, scopes = self.provider.tokens.get(token, (0.0, frozenset()))
        if time.monotonic() >= ends:
            return 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}, b"{}"
        if scope not in scopes:
            return 403, {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}, b"{}"
        return None

    # what is asked for ----------------------------------------------------------------------------

    def _resource(self, method: str, path: str, query: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        parts = path.strip("/").split("/")
        if method == "POST" and path == "/v1/persons":
            return self._create(body)
        if len(parts) == 3 and parts[1] == "persons":
            return self._one(method, parts[2], body)
        if method == "GET" and len(parts) == 3 and parts[2] == "persons":
            self.provider.before_page(self.provider)
            return self._page(parts[1], asked)
        return 404, {}, b"{}"

    def _one(self, method: str, number: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        provider = self.provider
        text = provider.persons.get(number)
        if text is None:
            return 404, {}, b"{}"
        if method == "GET":
            provider.after_look(provider)
            return 200, {"ETag": provider.etag(text)}, text.encode()
        if "If-Match" not in self.headers:
            return 428, {}, b"{}"
        if self.headers["If-Match"] != provider.etag(text):
            return 412, {}, b"{}"
        sent = json.loads(body)
        if sent.get("name", {}).get("kanji") == "×":
            return 422, {}, b'{"error":"name"}'
        if not provider.forgets:
            provider.put(number, body.decode() if method == "PUT" else _merged(json.loads(text), sent))
        return 204, {}, b""

    def _create(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        once, provider = self.headers.get("Idempotency-Key"), self.provider
        if once is None:
            return 400, {}, b"{}"
        if once in provider.posted:
            before, status = provider.posted[once]
            provider.effects -= 1  # a repeated answer is no effect
            return (status, {}, b"{}") if before == body.decode() else (422, {}, b"{}")
        number = json.loads(body)["no"]
        if number in provider.persons:
            return 409, {}, b"{}"
        provider.posted[once] = (body.decode(), 201)
        provider.put(number, body.decode())
        return 201, {"Location": f"/v1/persons/{number}"}, b"{}"

    def _page(self, way: str, asked: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        provider = self.provider
        whole = self._asked_for(asked)
        size = min(int(asked.get("limit", provider.cap)), provider.cap)
        is_keyed = way in {"next", "cursor"}
        after = asked.get("from" if way == "next" else "cursor", "")
        start = int(asked["offset"]) if way == "offset" else (int(asked.get("page", 1)) - 1) * size
        rows = [each for each in whole if each[0] >= after] if is_keyed else whole[start:]
        items, rest = [text for _, text in rows[:size]], rows[size:] if is_keyed else []
        etag = f'"{provider.state}"'
        if self.headers.get("If-None-Match") == etag:
            return 304, {"ETag": etag}, b""
        parts = [
            f'"total": {provider.stated_total(len(whole))}',
            f'"snapshot": "{provider.state}"',
            f'"as_of": "{provider.now.isoformat()}"',
            f'"items": [{", ".join(items)}]',
        ]
        if way == "next" and rest:
            keep = "".join(
                f"&{name}={value.replace('+', '%2B')}" for name, value in asked.items() if name != "from"
            )
            parts.append(f'"next": "persons?from={rest[0][0]}{keep}"')
        if way == "cursor":
            parts.append(f'"cursor": {json.dumps(rest[0][0] if rest else None)}')
        return 200, {"ETag": etag}, ("{" + ", ".join(parts) + "}").encode()

    def _asked_for(self, asked: dict[str, str]) -> list[tuple[str, str]]:
        """Persons in the order of their numbers; with ``since`` those that changed, the gone ones too."""
        provider = self.provider
        if "since" not in asked:
            return sorted(provider.persons.items())
        since = datetime.fromisoformat(asked["since"])
        gone = '{{"no": "{}", "operation": "delete"}}'
        return sorted(
            (number, provider.persons.get(number) or gone.format(number))
            for number, moment in provider.changed.items()
            if moment >= since
        )


def _merged(whole: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """A merge patch (RFC 7396)."""
    for name, value in patch.items():
        if isinstance(value, dict):
            whole[name] = _merged(whole.get(name) or {}, value)
        elif value is None:
            whole.pop(name, None)
        else:
            whole[name] = value
    return whole


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider without anybody in it yet."""
    with serve() as made:
        yield made


@pytest.fixture
def rest() -> ModuleType:
    """The connector as the city has it."""
    return load_connector(CONNECTORS, "rest")


def connection_to(
    provider: Provider, folder: Path, *, port: int | None = None, **settings: str
) -> Connection:
    """How to reach it, behind another port if asked for, without patience unless asked for."""
    base = provider.base_url if port is None else provider.base_url.replace(str(provider.port), str(port))
    token = provider.token_url if port is None else provider.token_url.replace(str(provider.port), str(port))
    return Connection(
        name="peer",
        settings={
            "base_url": base, "token_url": token, "audience": provider.token_url, "client_id": CLIENT,
            "client_secret": private(folder / "client_secret", SECRET), "scope": f"{READ} {WRITE}",
            "retry_seconds": "0", "timeout": "5", **settings,
        },
    )  # fmt: skip


def twin_of(folder: Path, file: str, *patches: tuple[str, str]) -> ModuleType:
    """The connector with a guard of one of its parts taken out."""
    without(folder, file, *patches)
    return load_connector(folder / "twin", "rest")


def person(number: int, *, kanji: str = "髙﨑　𠮷郎", kana: str | None = "", amount: str = "1.10") -> str:
    """A person as the provider writes one; null and empty differ, and so do 1.1 and 1.10."""
    told = json.dumps({"kanji": kanji, "kana": kana}, ensure_ascii=False)
    return f'{{"no": "{number:010}", "name": {told}, "amount": {amount}, "living": true}}'


@contextmanager
def serve(certificate: Path | None = None) -> Iterator[Provider]:
    """A provider on loopback, over TLS where a certificate with its key is given."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # cut links are the point here
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    provider = Provider(port=server.server_address[1], scheme="https" if certificate else "http")
    server.provider = provider  # type: ignore[attr-defined]  # read by Handler
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
