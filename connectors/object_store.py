"""Object store: files that a system leaves in a bucket (S3), each taken whole, once, and proved.

Connection settings: ``bucket``, and if wanted ``endpoint`` (``https://…``; without it the region's own),
``region`` (``ap-northeast-1``), ``access_key`` and ``secret_key`` (references to secrets, ``file:/path`` or
``env:NAME``; without them the role of this machine), ``ca_file`` (the only authority that is trusted),
``path_style`` (``true``), ``sse`` (``AES256`` or ``aws:kms``) with ``sse_key``, ``base`` (what stands before
every path), ``timeout`` and ``retry_seconds``.
Feed settings, to pull: ``path`` (folder and pattern, ``/out/KJ_*.csv``), and if wanted ``done``, ``settle``,
``as_of``, ``set`` with ``parts``, ``manifest`` (all as for ``sftp``; ``settle`` is ``0s`` unless said, as an
object appears whole) and ``deadline``. To push, as for ``sftp``: ``to`` (a folder), ``done``, ``receipt``,
``receipt_wait``, ``receipt_says``; and ``done_holds`` (``nothing`` or ``manifest``: name, size and hash) and
``multipart`` (bytes from which on a file is sent in parts).

What a pull promises:

- a name in the bucket is data: it never becomes a path here;
- every byte of a file is of one object: each request names its ETag, and its version where there are any;
- a broken transfer goes on where it stopped only when what was read before is proved to be the same object;
- the SHA-256 that the store keeps with an object is compared with what arrived;
- files come oldest first; one that was taken before, by name, size, time and ETag, is not fetched again.

What a push promises: never a byte over another object; the same bytes there are ``already``, others are a
``conflict``; the marker comes only after the object; a lost answer is ``unknown``.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from renkei.arrival import Seen, date_in, wanted_of
from renkei.errors import FixDeclaration, Stop, TryAgain
from renkei.model import Checkpoint, Connection, Delivery, Feed, Outgoing, ReadBack, Receipt
from renkei.part import Fetched, fetch_new, offered_of, standing

from .parts import object_store_link, object_store_push

if TYPE_CHECKING:
    from renkei.part import Rack


_SHA256 = 32


def connect(connection: Connection, *, workdir: Path) -> "ObjectStoreConnector":
    """A connector for one bucket; nothing is contacted yet."""
    return ObjectStoreConnector(connection, workdir)


class ObjectStoreConnector:
    """Fetches and offers the files of one bucket; ``notes`` lists what was left there and why."""

    replayable = True
    ordered = True
    idempotent = True

    def __init__(self, connection: Connection, workdir: Path) -> None:
        self.connection = connection
        self.notes: list[str] = []
        self._workdir = workdir

    def pull(self, feed: Feed, since: Checkpoint | None) -> Iterator[Delivery]:
        """New files, oldest first; E_FILE_GROWING is an error only when nothing else was ready.

        TryAgain: E_LINK_DOWN, E_PULL_LOST, E_PULL_DEADLINE, E_SOURCE_BUSY, E_FILE_GROWING, E_FILE_REPLACED,
        E_FILE_SET. Stop: E_AUTH, E_CERTIFICATE, E_ANSWER, E_STORED_HASH, E_DISK, E_FILE_SET_TWICE.
        FixDeclaration: E_SOURCE_OBJECT, E_SECRET, E_DECLARATION.
        """
        wanted = wanted_of(replace(feed, settings={"settle": "0s", **feed.settings}), base=self._base)
        self.notes, position = [], dict(since.position) if since else {}
        with closing(self._link(feed)) as link:
            shelf = _Shelf(link, wanted.folder)
            taken = shelf.unchanged(position.get("seen", {}), position.get("marks", {}))
            for fetched in fetch_new(shelf, wanted, taken, workdir=self._workdir, notes=self.notes):
                _check_stored_hash(shelf, fetched)
                marks = {name: shelf.marks[name] for name in fetched.seen if name in shelf.marks}
                yield Delivery(
                    feed=feed.id, name=fetched.entry.name, path=fetched.path, bytes=fetched.bytes,
                    sha256=fetched.sha256, as_of=date_in(fetched.entry.name, wanted),
                    remote_modified=datetime.fromtimestamp(fetched.entry.modified, UTC),
                    records=fetched.records, position={"seen": dict(fetched.seen), "marks": marks},
                )  # fmt: skip

    def test(self) -> Mapping[str, str]:
        """List one object, change nothing, and say what the store tells of the bucket."""
        with closing(object_store_link.Link(self.connection, feed=self.connection.name, deadline=60)) as link:
            listed = link.ask("list_objects_v2", Prefix=_prefix(self._base), MaxKeys=1)
            versions = link.ask("get_bucket_versioning").get("Status", "off")
            by = "key" if "access_key" in self.connection.settings else "role"
            return {"signed_by": by, "versions": str(versions), "objects": str(listed.get("KeyCount", "?"))}

    def push(self, feed: Feed, outgoing: Outgoing) -> Receipt:
        """Put the file, then its marker; a second time, with the same bytes, nothing happens.

        ``unknown`` when the link was lost on the way. TryAgain: E_LINK_DOWN. Stop: E_AUTH, E_CERTIFICATE,
        E_ANSWER. FixDeclaration: E_SOURCE_OBJECT, E_SECRET, E_DECLARATION.
        """
        offer = object_store_push.offer_of(feed, outgoing, base=self._base)
        with closing(self._link(feed)) as link:
            return object_store_push.push(link, offer)

    def read_back(self, feed: Feed, outgoing: Outgoing) -> ReadBack:
        """The whole object as it stands, read by a new client, and its marker and receipt if declared."""
        offered = offered_of(feed, outgoing, base=self._base)
        with closing(self._link(feed)) as link:
            # nothing is written here, so a shelf is all that is asked for
            return standing(cast("Rack", _Shelf(link, "")), offered)

    @property
    def _base(self) -> str:
        return self.connection.settings.get("base", "")

    def _link(self, feed: Feed) -> object_store_link.Link:
        match = re.fullmatch(r"(\d+)([smh]?)", str(feed.settings.get("deadline", "30m")))
        if match is None:
            problem = f"{feed.id}: deadline is no duration such as 90s, 30m or 2h"
            raise FixDeclaration("E_DECLARATION", problems=problem)
        seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
        return object_store_link.Link(self.connection, feed=feed.id, deadline=seconds)


def _check_stored_hash(shelf: "_Shelf", fetched: Fetched) -> None:
    """What the store hashed when the object came is what arrived here."""
    for name, known in fetched.seen.items():
        stored = shelf.stored.get(name)
        if stored and known[2] and stored != known[2]:
            fetched.path.unlink()
            raise Stop("E_STORED_HASH", feed=shelf.feed)


def _prefix(folder: str) -> str:
    """A folder as the start of keys: without a slash before, with one behind."""
    inner = folder.strip("/")
    return f"{inner}/" if inner not in {"", "."} else ""


@dataclass(frozen=True, kw_only=True)
class _Object:
    """One object, pinned: every request for its bytes names what it was when it was opened."""

    key: str
    seen: Seen
    pinned: Mapping[str, str]


class _Shelf:
    """A folder of the bucket. ``marks`` are ETags by name, ``stored`` the hashes that the store keeps."""

    trusts_sizes = True

    def __init__(self, link: object_store_link.Link, folder: str) -> None:
        self.marks: dict[str, str] = {}
        self.stored: dict[str, str] = {}
        self._link = link
        self._folder = folder
        self._first: list[Seen] = []

    @property
    def feed(self) -> str:
        """The feed that is served."""
        return self._link.feed

    def unchanged(
        self, taken: Mapping[str, Sequence[object]], marks: Mapping[str, str]
    ) -> dict[str, Sequence[object]]:
        """What was taken and still has its ETag: an object can be replaced within a second.

        The listing that it takes is the one that is judged.
        """
        self._first = self.listing(self._folder)
        now = {entry.name: entry.mark for entry in self._first}
        return {
            name: known
            for name, known in taken.items()
            if name not in marks or now.get(name, marks[name]) == marks[name]
        }

    def listing(self, folder: str) -> list[Seen]:
        """Objects right below a folder, all pages of them."""
        if self._first:
            first, self._first = self._first, []
            return first
        prefix, entries = _prefix(folder), []
        asked: dict[str, Any] = {"Prefix": prefix, "Delimiter": "/"}
        while True:
            page = self._link.ask("list_objects_v2", **asked)
            found = [_seen(each["Key"].removeprefix(prefix), each) for each in page.get("Contents", ())]
            entries += [entry for entry in found if entry.name]
            if not page.get("IsTruncated"):
                break
            asked["ContinuationToken"] = page["NextContinuationToken"]
        self.marks |= {entry.name: entry.mark for entry in entries}
        return entries

    def look(self, path: str) -> Seen | None:
        """What the key stands for now; None when it is gone."""
        try:
            return _seen(path.rpartition("/")[2], self._head(path))
        except self._link.Missing:
            return None

    @contextmanager
    def opened(self, path: str) -> Iterator[_Object]:
        """The object as it is now, pinned."""
        try:
            head = self._head(path)
        except self._link.Missing:
            raise TryAgain("E_FILE_REPLACED", feed=self.feed) from None
        name = path.rpartition("/")[2]
        pinned = {"IfMatch": head["ETag"]}
        if head.get("VersionId", "null") != "null":
            pinned["VersionId"] = head["VersionId"]
        hashed = head.get("ChecksumSHA256", "")
        if hashed and head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT" and "-" not in hashed:
            self.stored[name] = self._decoded(hashed)
        yield _Object(key=path.lstrip("/"), seen=_seen(name, head), pinned=pinned)

    def _decoded(self, hashed: str) -> str:
        with suppress(binascii.Error):
            if len(digest := base64.b64decode(hashed, validate=True)) == _SHA256:
                return digest.hex()
        raise TryAgain("E_PULL_LOST", feed=self.feed, bytes=self._link.received)

    def look_at(self, source: _Object, name: str) -> Seen:
        """What was pinned: no byte of anything else was given out."""
        return replace(source.seen, name=name)

    def blocks(self, source: _Object, start: int) -> Iterator[bytes]:
        """The rest of the object."""
        if start and start >= source.seen.size:
            return
        wanted = {"Range": f"bytes={start}-"} if start else {}
        yield from self._link.blocks(self._get(source, wanted)["Body"])

    def read(self, source: _Object, start: int, length: int) -> bytes:
        """``length`` bytes from ``start``, unless the object ends before."""
        if not length or start >= source.seen.size:
            return b""
        body = self._get(source, {"Range": f"bytes={start}-{start + length - 1}"})["Body"]
        return b"".join(self._link.blocks(body))[:length]

    def _head(self, path: str) -> dict[str, Any]:
        return self._link.ask("head_object", Key=path.lstrip("/"), ChecksumMode="ENABLED")

    def _get(self, source: _Object, wanted: Mapping[str, str]) -> dict[str, Any]:
        try:
            return self._link.ask("get_object", Key=source.key, **source.pinned, **wanted)
        except (self._link.Missing, self._link.Unmet):
            raise TryAgain("E_FILE_REPLACED", feed=self.feed) from None


def _seen(name: str, told: Mapping[str, Any]) -> Seen:
    size = told["Size"] if "Size" in told else told["ContentLength"]
    modified = int(told["LastModified"].timestamp())
    return Seen(name=name, size=size, modified=modified, regular=True, mark=told["ETag"])
