"""The link to a provider: its certificate, our token, its limits, and faults named by what to do next.

A token is asked for once and kept in memory until shortly before it ends. An answer 401 gets one new token;
a second 401, or a token that is refused, is E_AUTH and is never tried again. No redirect is followed, no
proxy of the environment is used, and no answer is read past its limit or the deadline.
"""

import base64
import random
import re
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import count
from urllib.parse import quote_plus, urlencode

import httpx
from joserfc import jwk, jwt

from renkei.errors import FixDeclaration, RenkeiError, Stop, TryAgain
from renkei.model import Connection
from renkei.secrets import secret

from .settings import number

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_METHODS = ("client_secret_jwt", "client_secret_basic")
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: Seconds an assertion lives, and how long before its end a token is no longer used.
_ASSERTION_LIFE, _TOKEN_REST = 60, 10
#: The longest wait that a provider may ask for before we leave it to a later run.
_LONGEST_WAIT = 120.0
_TOKEN_BYTES = 64 << 10
#: RFC 6750: what a header can carry. Of anything else the driver would speak, with the token in its words.
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
#: RFC 7518: a key of HS256 is at least as long as its hash.
_LEAST_SECRET = 32


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A connection's settings, checked. The secret itself is not among them."""

    name: str
    base: httpx.URL
    token_url: httpx.URL
    client_id: str
    auth: str
    scope: str
    audience: str
    ca_file: str
    timeout: float
    patience: float
    pause: float


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request. ``is_safe``: asking twice does no more than asking once."""

    url: httpx.URL
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    limit: int = 32 << 20

    @property
    def is_safe(self) -> bool:
        """Only reading may be repeated without looking."""
        return self.method == "GET"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back, whole. ``is_framed``: its length was announced, so a cut would have been noticed."""

    status: int
    headers: httpx.Headers
    body: bytes
    is_framed: bool


def provider_of(connection: Connection) -> Provider:
    """Settings with their defaults; all that is wrong with them is said at once."""
    given, problems = connection.settings, []
    auth = given.get("auth", _METHODS[0])
    if auth not in _METHODS:
        problems.append(f"auth is not one of {', '.join(_METHODS)}")
    if not given.get("client_id"):
        problems.append("client_id is missing")
    addresses = {name: _address(given, name, problems) for name in ("base_url", "token_url")}
    numbers = {name: number(given, name, usual, problems) for name, usual in _NUMBERS.items()}
    if problems:
        said = "; ".join(f"{connection.name}: {problem}" for problem in problems)
        raise FixDeclaration("E_DECLARATION", problems=said)
    rate = numbers["requests_per_second"]
    return Provider(
        name=connection.name, base=addresses["base_url"], token_url=addresses["token_url"],
        client_id=given["client_id"], auth=auth, scope=given.get("scope", ""),
        audience=given.get("audience", given["token_url"]), ca_file=given.get("ca_file", ""),
        timeout=numbers["timeout"], patience=min(numbers["retry_seconds"], 25), pause=1 / rate if rate else 0,
    )  # fmt: skip


_NUMBERS = {"timeout": "30", "retry_seconds": "20", "requests_per_second": "0"}


def _address(given: Mapping[str, str], name: str, problems: list[str]) -> httpx.URL:
    try:
        url = httpx.URL(given.get(name, ""))
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo or url.query or url.fragment:
        problems.append(f"{name} is no plain address such as https://host/path")
    elif url.scheme == "http" and url.host not in _LOCAL:
        problems.append(f"{name} must be https; http is for this machine only")
    return url


class Link:
    """One client of one provider. ``received`` counts the bytes of bodies; nothing of it shows a secret."""

    def __init__(self, connection: Connection, *, feed: str, deadline: float = 1800.0) -> None:
        self.provider = provider_of(connection)
        self.feed = feed
        self.received = 0
        self.granted: dict[str, str] = {}
        self._connection = connection
        self._token, self._token_ends = "", 0.0
        self._deadline, self._end = deadline, time.monotonic() + deadline
        self._next_call = 0.0
        self._client = httpx.Client(
            verify=_trust(self.provider), timeout=self.provider.timeout, trust_env=False,
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "renkei"},
        )  # fmt: skip

        # silence ends a wait by itself, but one byte now and then, in a header, would not
        self._watch = threading.Timer(deadline, self._client.close)
        self._watch.daemon = True
        self._watch.start()

    def close(self) -> None:
        """Hang up."""
        self._watch.cancel()
        self._client.close()

    def ask(
        self, url: httpx.URL, *, method: str = "GET", headers: Mapping[str, str] | None = None,
        body: bytes | None = None, limit: int = 32 << 20,
    ) -> Answer:  # fmt: skip
        """The provider's answer to a call, under a token that it accepts."""
        call = Call(url=url, method=method, headers=headers or {}, body=body, limit=limit)
        answer = self._patiently(lambda: self._request(call), call)
        if answer.status == 401:
            self._token = ""
            answer = self._patiently(lambda: self._request(call), call)
        if answer.status == 401:
            raise Stop("E_AUTH", connection=self.provider.name)
        return answer

    def _request(self, call: Call) -> httpx.Request:
        headers = {**call.headers, "Authorization": f"Bearer {self._bearer()}"}
        return self._client.build_request(call.method, call.url, headers=headers, content=call.body)

    # the token ------------------------------------------------------------------------------------

    def _bearer(self) -> str:
        if not self._token or time.monotonic() > self._token_ends:
            self._sign_in()
        return self._token

    def _sign_in(self) -> None:
        """Ask for a token; a refusal is not asked about again."""
        answer = self._token_answer()
        if answer.status in {400, 401, 403}:
            raise Stop("E_AUTH", connection=self.provider.name)
        try:
            told = httpx.Response(answer.status, content=answer.body).json()
            if answer.status != 200 or str(told["token_type"]).lower() != "bearer":
                raise ValueError
            life, token = float(told.get("expires_in", 60)), str(told["access_token"])
            if not _TOKEN.fullmatch(token):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self.unfit("token", f"status {answer.status} is no Bearer token") from None
        self._token = token
        self._token_ends = time.monotonic() + max(life - _TOKEN_REST, life / 2)
        self.granted = {"expires_in": f"{life:.0f}", "scope": str(told.get("scope", self.provider.scope))}

    def _token_answer(self) -> Answer:
        """A link lost here was lost before anything was asked of the resource."""
        try:
            asked = Call(url=self.provider.token_url, limit=_TOKEN_BYTES)
            return self._patiently(self._token_request, asked)
        except TryAgain as lost:
            if lost.code != "E_PULL_LOST":
                raise
            raise TryAgain("E_LINK_DOWN", connection=self.provider.name) from None

    def _token_request(self) -> httpx.Request:
        provider, form = self.provider, {"grant_type": "client_credentials"}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if provider.scope:
            form["scope"] = provider.scope
        if provider.auth == "client_secret_jwt":
            form |= {"client_assertion_type": _ASSERTION, "client_assertion": self._assertion()}
        else:
            pair = (provider.client_id, secret(self._connection, "client_secret"))
            known = ":".join(map(quote_plus, pair)).encode()
            headers["Authorization"] = f"Basic {base64.b64encode(known).decode()}"
        return self._client.build_request(
            "POST", provider.token_url, headers=headers, content=urlencode(form).encode()
        )

    def _assertion(self) -> str:
        """Who we are, signed with the shared secret (RFC 7523); no two are equal."""
        key = secret(self._connection, "client_secret")
        if len(key.encode()) < _LEAST_SECRET:
            facts = {"connection": self.provider.name, "setting": "client_secret"}
            raise FixDeclaration("E_SECRET", **facts, reason=f"HS256 needs {_LEAST_SECRET} bytes or more")
        now = int(time.time())  # a token's times are the wall clock's by definition
        claims = {
            "iss": self.provider.client_id, "sub": self.provider.client_id, "aud": self.provider.audience,
            "jti": secrets.token_urlsafe(24), "iat": now, "exp": now + _ASSERTION_LIFE,
        }  # fmt: skip
        return jwt.encode({"alg": "HS256"}, claims, jwk.OctKey.import_key(key))

    # one exchange, and how often ------------------------------------------------------------------

    def _patiently(self, build: Callable[[], httpx.Request], call: Call) -> Answer:
        """Repeat what passes: as long as the connection allows, or as the provider asks us to wait."""
        give_up = time.monotonic() + self.provider.patience
        for attempt in count():
            wait = random.uniform(0.1, min(4.0, 0.3 * 2**attempt))  # noqa: S311 - jitter, no secret
            try:
                answer = self._exchange(build(), call)
            except TryAgain as lost:
                if not call.is_safe or lost.code == "E_PULL_DEADLINE" or time.monotonic() + wait > give_up:
                    raise
            else:
                if not _is_passing(answer, call):
                    return answer
                told = _told_to_wait(answer)
                wait = max(wait, told or 0.0)
                if (told is None and time.monotonic() + wait > give_up) or wait > _LONGEST_WAIT:
                    raise TryAgain("E_SOURCE_BUSY", connection=self.provider.name, state=answer.status)
            self._rest(wait)
        raise AssertionError("the loop above has no end")

    def _exchange(self, request: httpx.Request, call: Call) -> Answer:
        self._rest(max(0.0, self._next_call - time.monotonic()))
        self._next_call = time.monotonic() + self.provider.pause
        with self._faults(), closing(self._client.send(request, stream=True)) as response:
            if response.has_redirect_location:
                raise Stop("E_LEADS_AWAY", connection=self.provider.name, object=call.url.path)
            body = b"".join(self._bounded(response, call))
        framed = "content-length" in response.headers or "transfer-encoding" in response.headers
        return Answer(status=response.status_code, headers=response.headers, body=body, is_framed=framed)

    def _bounded(self, response: httpx.Response, call: Call) -> Iterator[bytes]:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise self.unfit(call.url.path, "it is compressed though we asked for it plain")
        size = 0
        for data in response.iter_raw():
            size += len(data)
            self.received += len(data)
            self._rest(0)
            if size > call.limit:
                raise self.unfit(call.url.path, f"it is longer than {call.limit} bytes")
            yield data

    def _rest(self, seconds: float) -> None:
        if time.monotonic() + seconds > self._end:
            raise self._too_late()
        time.sleep(seconds)

    def _too_late(self) -> TryAgain:
        return TryAgain("E_PULL_DEADLINE", feed=self.feed, seconds=self._deadline)

    def unfit(self, what: str, reason: str) -> Stop:
        """The error for an answer that is not what was declared; ``reason`` quotes no value."""
        return Stop("E_ANSWER", connection=self.provider.name, object=what, reason=reason)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Faults of the link, named by what to do next; what the driver says may quote a request."""
        try:
            yield
        except httpx.TransportError as broken:
            raise self._named(broken) from None
        except (RuntimeError, ValueError, OSError):  # of a client that the watch has closed
            if time.monotonic() > self._end:
                raise self._too_late() from None
            raise

    def _named(self, broken: httpx.TransportError) -> RenkeiError:
        if time.monotonic() > self._end:
            return self._too_late()
        if _is_untrusted(broken):
            return Stop("E_CERTIFICATE", connection=self.provider.name)
        if isinstance(broken, (httpx.ConnectError, httpx.ConnectTimeout)):
            return TryAgain("E_LINK_DOWN", connection=self.provider.name)
        return TryAgain("E_PULL_LOST", feed=self.feed, bytes=self.received)


def _trust(provider: Provider) -> ssl.SSLContext:
    """Only the declared authority, where one is declared; never less than TLS 1.2."""
    try:
        made = ssl.create_default_context(cafile=provider.ca_file or None)
    except (OSError, ssl.SSLError):
        raise FixDeclaration("E_DECLARATION", problems=f"{provider.name}: ca_file cannot be read") from None
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def _is_untrusted(broken: BaseException | None) -> bool:
    while broken is not None and not isinstance(broken, ssl.SSLCertVerificationError):
        broken = broken.__cause__ or broken.__context__
    return broken is not None


def _is_passing(answer: Answer, call: Call) -> bool:
    """What is worth asking again. A write is repeated only where the provider says that it did not begin."""
    return answer.status == 429 or (call.is_safe and answer.status in {500, 502, 503, 504})


def _told_to_wait(answer: Answer) -> float | None:
    """Seconds of ``Retry-After``, which may be a date; None where it says nothing usable."""
    told = answer.headers.get("retry-after", "")
    if told.isdecimal():
        return float(told)
    try:
        sent = parsedate_to_datetime(answer.headers.get("date", ""))
        return max(0.0, (parsedate_to_datetime(told) - sent).total_seconds())
    except (ValueError, TypeError):
        return None
