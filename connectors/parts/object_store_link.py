"""The link to a bucket: an S3 client that trusts only what was declared, and faults named by what to do next.

The client repeats nothing by itself: what may be asked twice is asked again here, and a refused key never is.
"""

import logging
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions as faults
import urllib3.exceptions
from botocore.config import Config
from botocore.parsers import ResponseParserError

from renkei.errors import FixDeclaration, RenkeiError, Stop, TryAgain
from renkei.model import Connection
from renkei.secrets import secret

from .settings import number

if TYPE_CHECKING:
    from collections.abc import Callable

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_REFUSED = frozenset({
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired",
    "AuthFailure", "RequestTimeTooSkewed", "InvalidClientTokenId", "UnrecognizedClientException",
})  # fmt: skip
_MISSING = frozenset({"NoSuchBucket", "AccessDenied", "403", "AllAccessDisabled", "PermanentRedirect", "301"})
_BUSY = frozenset({
    "SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "503", "429",
    "ConditionalRequestConflict", "OperationAborted", "409",
})  # fmt: skip
#: What an answer always has when it came whole.
_ANSWERED = {
    "list_objects_v2": ("IsTruncated",), "head_object": ("ETag", "LastModified", "ContentLength"),
    "get_object": ("ETag", "ContentLength"), "put_object": ("ETag",), "upload_part": ("ETag",),
    "create_multipart_upload": ("UploadId",), "complete_multipart_upload": ("ETag",),
}  # fmt: skip
_UNREACHED = (
    faults.EndpointConnectionError, faults.ConnectTimeoutError, faults.ProxyConnectionError,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A connection's settings, checked. The secrets themselves are not among them."""

    name: str
    bucket: str
    endpoint: str | None
    region: str
    ca_file: str | None
    path_style: bool
    sse: Mapping[str, str]
    timeout: float
    patience: float


def bucket_of(connection: Connection) -> Bucket:
    """Settings with their defaults; all that is wrong with them is said at once."""
    given, problems = connection.settings, []
    endpoint = given.get("endpoint", "")
    if not given.get("bucket"):
        problems.append("setting bucket is missing")
    if endpoint and not _is_plain(endpoint):
        problems.append("endpoint must be https; http is for this machine only")
    if ("access_key" in given) != ("secret_key" in given):
        problems.append("access_key and secret_key go together")
    numbers = {name: number(given, name, usual, problems) for name, usual in _NUMBERS.items()}
    if problems:
        said = "; ".join(f"{connection.name}: {problem}" for problem in problems)
        raise FixDeclaration("E_DECLARATION", problems=said)
    sse = {"ServerSideEncryption": given.get("sse", ""), "SSEKMSKeyId": given.get("sse_key", "")}
    return Bucket(
        name=connection.name, bucket=given["bucket"], endpoint=endpoint or None,
        region=given.get("region", "ap-northeast-1"), ca_file=given.get("ca_file"),
        path_style=given.get("path_style", "true").lower() == "true",
        sse={name: value for name, value in sse.items() if value},
        timeout=numbers["timeout"], patience=min(numbers["retry_seconds"], 25),
    )  # fmt: skip


def _is_plain(endpoint: str) -> bool:
    """An address that names its host in so many words: what only begins like this machine is another one."""
    try:
        url = urlsplit(endpoint)
        host, _ = url.hostname, url.port
    except ValueError:
        return False
    is_private = url.scheme == "https" or (url.scheme == "http" and host in _LOCAL)
    return bool(host) and is_private and "@" not in url.netloc


_NUMBERS = {"timeout": "30", "retry_seconds": "20"}


class _Missing(Exception):
    """There is no such object."""


class _Unmet(Exception):
    """The condition of the request does not hold: another object stands there, or one at all."""


class Link:
    """One client of one bucket. ``received`` counts the bytes of objects; nothing of it shows a secret."""

    Missing, Unmet = _Missing, _Unmet

    def __init__(self, connection: Connection, *, feed: str, deadline: float = 1800.0) -> None:
        self.bucket = bucket_of(connection)
        self.feed = feed
        self.received = 0
        self._deadline, self._end = deadline, time.monotonic() + deadline
        self._client = self._made(connection)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def ask(self, operation: str, **arguments: object) -> dict[str, Any]:
        """The answer to a reading request on the bucket; what passes is asked again for a while."""
        give_up, attempt = time.monotonic() + self.bucket.patience, 0
        while True:
            try:
                return self.once(operation, **arguments)
            except TryAgain as passing:
                attempt += 1
                wait = random.uniform(0.1, min(4.0, 0.3 * 2**attempt))  # noqa: S311 - jitter, no secret
                if passing.code == "E_PULL_DEADLINE" or time.monotonic() + wait > give_up:
                    raise
                time.sleep(wait)

    def once(self, operation: str, **arguments: object) -> dict[str, Any]:
        """The answer to one request, sent once; Missing and Unmet are for the caller to judge."""
        self.in_time()
        call: Callable[..., dict[str, Any]] = getattr(self._client, operation)
        with self.named(str(arguments.get("Key", arguments.get("Prefix", "")))):
            answer = call(Bucket=self.bucket.bucket, **arguments)
        # http.client takes a head that was cut for a short one: a list would be empty, a hash not there
        if any(name not in answer for name in _ANSWERED.get(operation, ())):
            raise TryAgain("E_PULL_LOST", feed=self.feed, bytes=self.received)
        return answer

    def in_time(self) -> None:
        """TryAgain when the deadline is over."""
        if time.monotonic() > self._end:
            raise TryAgain("E_PULL_DEADLINE", feed=self.feed, seconds=self._deadline)

    def blocks(self, body: Any, size: int = 64 << 10) -> Iterator[bytes]:  # noqa: ANN401 - botocore's stream
        """What a body holds, to its end; the deadline is looked at between blocks, so they are small."""
        while True:
            self.in_time()
            with self.named("body"):
                data = body.read(size)
            if not data:
                return
            self.received += len(data)
            yield data

    @contextmanager
    def named(self, what: str) -> Iterator[None]:
        """Faults of the link and of the store, named by what to do next; their texts may quote a key."""
        try:
            yield
        except faults.ClientError as refused:
            raise self._refusal(refused, what) from None
        except (faults.NoCredentialsError, faults.PartialCredentialsError, faults.CredentialRetrievalError):
            facts = {"connection": self.bucket.name, "setting": "access_key"}
            raise FixDeclaration("E_SECRET", **facts, reason="this machine has no role either") from None
        except faults.SSLError:
            raise Stop("E_CERTIFICATE", connection=self.bucket.name) from None
        except _UNREACHED:
            raise TryAgain("E_LINK_DOWN", connection=self.bucket.name) from None
        except (faults.BotoCoreError, ResponseParserError, urllib3.exceptions.HTTPError, OSError):
            raise TryAgain("E_PULL_LOST", feed=self.feed, bytes=self.received) from None

    def _refusal(self, refused: faults.ClientError, what: str) -> Exception:
        code = str(refused.response.get("Error", {}).get("Code", ""))
        name = self.bucket.name
        if code in {"NoSuchKey", "NoSuchVersion", "NoSuchUpload", "404"}:
            return self.Missing(code)
        if code in {"PreconditionFailed", "412"}:
            return self.Unmet(code)
        return _error(code, name, what)

    def _made(self, connection: Connection) -> Any:  # noqa: ANN401 - botocore makes its classes as it runs
        for each in ("boto3", "botocore", "urllib3.connectionpool"):
            logging.getLogger(each).setLevel(logging.CRITICAL)
        bucket, keys = self.bucket, {}
        if "access_key" in connection.settings:
            keys = {
                "aws_access_key_id": secret(connection, "access_key"),
                "aws_secret_access_key": secret(connection, "secret_key"),
            }
        settings = Config(
            region_name=bucket.region, connect_timeout=min(bucket.timeout, 10), read_timeout=bucket.timeout,
            retries={"total_max_attempts": 1, "mode": "standard"}, proxies={}, parameter_validation=True,
            s3={"addressing_style": "path" if bucket.path_style else "virtual"},
            request_checksum_calculation="when_required", response_checksum_validation="when_required",
            ignore_configured_endpoint_urls=True,
        )  # fmt: skip
        try:
            session = boto3.session.Session(**keys)
            return session.client("s3", endpoint_url=bucket.endpoint, verify=bucket.ca_file, config=settings)
        except (faults.BotoCoreError, ValueError) as wrong:
            problem = f"{bucket.name}: {type(wrong).__name__}"
            raise FixDeclaration("E_DECLARATION", problems=problem) from None


def _error(code: str, connection: str, what: str) -> RenkeiError:
    if code in _REFUSED:
        return Stop("E_AUTH", connection=connection)
    if code in _BUSY:
        return TryAgain("E_SOURCE_BUSY", connection=connection, state=code)
    if code in _MISSING:
        return FixDeclaration("E_SOURCE_OBJECT", connection=connection, object=what, state=code)
    return Stop("E_ANSWER", connection=connection, object=what, reason=f"the store answered {code!a:.60}")
