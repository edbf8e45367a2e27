"""REST: resources of a standard system (標準準拠システム), read page by page and written row by row.

Connection settings: ``base_url``, ``token_url``, ``client_id``, ``client_secret`` (a reference to a secret,
``file:/path`` or ``env:NAME``), and if wanted ``auth`` (``client_secret_jwt`` or ``client_secret_basic``),
``scope`` (``SYSTEM:resource:operation``), ``audience`` (the token's, ``token_url`` unless said), ``ca_file``
(the only authority that is trusted), ``timeout`` (seconds of silence that lose a link, 30), ``retry_seconds``
(how long a passing fault is tried again, 20, at most 25) and ``requests_per_second``.
Feed settings, to pull: ``resource`` (a path below ``base_url``), ``columns`` (name → path in an item, ``?``
at its end where it may be left out), ``key``, ``total`` (a path, ``header:NAME``, ``none``), and if wanted
``items``, ``ignored``, ``query``, ``paging`` with its parameters, ``snapshot``, ``etag``, ``twice``,
``conditional``, ``changed_since`` with ``as_of`` and ``overlap``, ``gone``, ``deadline``, ``page_bytes``,
``depth``. To push: ``item`` (``/persons/{key}``), ``columns``, ``key``, and if wanted ``create``, ``method``
(``PUT`` or ``PATCH``) and ``types``. ``docs/web.md`` tells each of them.

What a pull promises:

- the delivery is one Arrow file of text columns, numbers as they were written, null apart from empty;
- items come as many as the provider says, no key twice, all pages of one state; pages that moved are read
  again once, and then refused;
- a member that was not declared, or that is missing, stops the read; so does JSON with two meanings;
- a read that was cut goes on only where the provider proves the same state (``snapshot``, ``etag``).

What a push promises: it writes only over what was seen, and once; a lost answer is ``unknown``.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from renkei.errors import Stop
from renkei.failpoint import failpoint
from renkei.model import Checkpoint, Connection, Delivery, Feed, Outgoing, ReadBack, Receipt
from renkei.part import disk_errors, forget_others, held, publish, stem_of

from .parts import rest_link, rest_pages, rest_push, rest_spool


def connect(connection: Connection, *, workdir: Path) -> "RestConnector":
    """A connector for one provider; nothing is contacted yet."""
    # httpx logs every address with its query, httpcore every header; faults are raised with their code anyway
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return RestConnector(connection, workdir)


@dataclass(frozen=True, kw_only=True)
class _Read:
    """A resource as it was read: the Arrow file, and the page that says which state it is."""

    path: Path
    sha256: str
    first: rest_pages.Page


class RestConnector:
    """Reads and writes the resources of one provider; ``notes`` says what was left alone and why."""

    replayable = True
    ordered = True
    idempotent = True

    def __init__(self, connection: Connection, workdir: Path) -> None:
        self.connection = connection
        self.notes: list[str] = []
        self._workdir = workdir

    def pull(self, feed: Feed, since: Checkpoint | None) -> Iterator[Delivery]:
        """One delivery: the whole resource, or with ``changed_since`` what changed since the checkpoint.

        None at all where ``conditional`` is declared and the provider says that nothing changed.

        TryAgain: E_LINK_DOWN, E_PULL_LOST, E_PULL_DEADLINE, E_SOURCE_BUSY. Stop: E_AUTH, E_CERTIFICATE,
        E_ANSWER, E_LEADS_AWAY, E_PULL_SHORT, E_PAGES_MOVED, E_STALE_ANSWER, E_DISK. FixDeclaration:
        E_SOURCE_OBJECT, E_SECRET, E_DECLARATION.
        """
        wanted = rest_pages.resource_of(feed)
        position = dict(since.position) if since else {}
        known = str(position.get("as_of", "")) if wanted.texts["changed_since"] else ""
        etag = str(position.get("etag", "")) if wanted.flags["conditional"] and not known else ""
        self._workdir.mkdir(parents=True, exist_ok=True)
        with closing(rest_link.Link(self.connection, feed=feed.id, deadline=wanted.deadline)) as link:
            failpoint("snap.opened")
            try:
                read = self._proved(link, wanted, since=_earlier(known, wanted), etag=etag)
            except rest_pages.Unchanged:
                self.notes = [f"unchanged {feed.id}"]
                return
        failpoint("pull.last")
        _check_age(read, wanted, known)
        yield Delivery(
            feed=feed.id, name=wanted.texts["resource"], path=read.path, bytes=read.path.stat().st_size,
            sha256=read.sha256, records=read.first.total, position=_position(wanted, read.first),
            is_whole=not known,
        )  # fmt: skip

    def test(self) -> Mapping[str, str]:
        """Get a token, knock at the resources with it, and say what was granted."""
        with closing(rest_link.Link(self.connection, feed=self.connection.name, deadline=60)) as link:
            answer = link.ask(link.provider.base)
            return {"auth": link.provider.auth, **link.granted, "answers": f"HTTP {answer.status}"}

    def push(self, feed: Feed, outgoing: Outgoing) -> Receipt:
        """Write each row over what was seen of it; under the same key a second time nothing happens.

        TryAgain and Stop as for a pull, but only while nothing was written.
        """
        target = rest_push.target_of(feed)
        with closing(rest_link.Link(self.connection, feed=feed.id)) as link:
            results = rest_push.Writer(link, target).push(outgoing)
        effect, rows = rest_push.gravest(results), rest_push.receipt_rows(results)
        return Receipt(key=outgoing.key, effect=effect, rows=rows)

    def read_back(self, feed: Feed, outgoing: Outgoing) -> ReadBack:
        """The pushed rows as the provider has them now, asked for on a new connection with a new token."""
        assert outgoing.rows is not None
        target, rows = rest_push.target_of(feed), outgoing.rows.to_pylist()
        with closing(rest_link.Link(self.connection, feed=feed.id)) as link:
            writer = rest_push.Writer(link, target)
            found = [writer.standing(row) for row in rows]
        names = outgoing.rows.schema.names
        stands = [{name: each.row.get(name) if each else None for name in names} for each in found]
        schema = pa.schema([(name, pa.string()) for name in names])
        return ReadBack(
            key=outgoing.key, landed=stands == rows, rows=pa.Table.from_pylist(stands, schema=schema)
        )

    def _proved(
        self, link: rest_link.Link, wanted: rest_pages.Resource, *, since: str, etag: str
    ) -> _Read:  # fmt: skip
        """The resource, read until it is proved; with ``twice`` until two reads in a row are the same."""
        stem = stem_of(wanted.feed, wanted.texts["resource"])
        part = self._workdir / f"{stem}.part"
        forget_others(self._workdir, wanted.feed, stems={stem})
        with held(part, feed=wanted.feed), disk_errors(part, part.with_suffix(".new")):
            before = None
            for _ in range(3 if wanted.flags["twice"] else 1):
                read = _read(link, wanted, part, since=since, etag=etag)
                if not wanted.flags["twice"] or (before and before.sha256 == read.sha256):
                    return read
                before = read
        raise Stop("E_PAGES_MOVED", feed=wanted.feed)


def _read(
    link: rest_link.Link, wanted: rest_pages.Resource, part: Path, *, since: str, etag: str
) -> _Read:  # fmt: skip
    """Read all pages and make the Arrow file of them; what a cut leaves is kept only if it can be proved."""
    spool = rest_spool.Spool(part, identity=_identity(link, wanted, since))
    spool.trim()
    try:
        if not wanted.proves_state:
            spool.clear()
        first = _steady(link, wanted, spool, since=since, etag=etag)
        rows = (row for page in spool.pages() for row in page["rows"])
        fresh = part.with_suffix(".new")
        names, with_gone = wanted.layout.names, bool(wanted.gone_at)
        digest = rest_spool.write(rows, names, fresh, with_gone=with_gone)
        spool.clear()
        return _Read(path=publish(fresh, name=f"{digest}.arrow"), sha256=digest, first=first)
    finally:
        if not wanted.proves_state:
            spool.clear()


def _steady(
    link: rest_link.Link, wanted: rest_pages.Resource, spool: rest_spool.Spool, *, since: str, etag: str
) -> rest_pages.Page:
    """Read; when the pages moved meanwhile, read all of them again, once."""
    for is_last in (False, True):
        try:
            return rest_pages.Reading(link, wanted, spool, since=since, etag=etag).run()
        except rest_pages.Moved as moved:
            spool.clear()
            if is_last:
                raise Stop(moved.code, feed=wanted.feed, **moved.facts) from None
    raise AssertionError("the loop above has no end")


def _identity(link: rest_link.Link, wanted: rest_pages.Resource, since: str) -> str:
    """What the pages on disk are pages of: another address, layout or question is another thing."""
    told = (str(link.provider.base), wanted.texts, wanted.counts, wanted.flags, wanted.layout.paths)
    said = (*told, wanted.key, wanted.query, wanted.gone_at, wanted.gone_values, since)
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _earlier(known: str, wanted: rest_pages.Resource) -> str:
    """From when on to ask: an overlap before what is known, for what was committed late."""
    if not known:
        return ""
    return (datetime.fromisoformat(known) - wanted.overlap).isoformat().replace("+00:00", "Z")


def _check_age(read: _Read, wanted: rest_pages.Resource, known: str) -> None:
    """A copy that lags behind what was merged is not asked to say what changed."""
    as_of = read.first.as_of
    if known and datetime.fromisoformat(as_of) + wanted.overlap < datetime.fromisoformat(known):
        read.path.unlink()
        raise Stop("E_STALE_ANSWER", feed=wanted.feed, as_of=as_of, known=known)


def _position(wanted: rest_pages.Resource, first: rest_pages.Page) -> dict[str, Any]:
    if wanted.texts["changed_since"]:
        return {"as_of": first.as_of}
    etag = first.state["etag"]
    return {"etag": etag} if wanted.flags["conditional"] and etag else {}
