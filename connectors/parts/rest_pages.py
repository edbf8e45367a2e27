"""Reading a resource page by page: what a feed declares, how the next page is asked for, what is proved.

Every page is kept on disk as it comes. The pages are one state of the source only when all of them state the
same total, snapshot token or ETag, no key comes twice, and as many items came as the total says.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx

from renkei.errors import FixDeclaration, Stop, TryAgain
from renkei.failpoint import failpoint
from renkei.formats.json_text import Layout, Unreadable, as_text, at, parse, path_of
from renkei.model import Feed

if TYPE_CHECKING:
    from .rest_link import Answer, Link
    from .rest_spool import Spool

#: A row's columns as text, and last whether its key is gone.
Row = list[Any]

_PAGING = ("none", "next", "cursor", "offset", "page")
_TEXTS = {
    "resource": "", "items": "", "paging": "none", "next": "next", "cursor": "next_cursor", "total": "",
    "snapshot": "", "changed_since": "", "as_of": "", "overlap": "10m", "deadline": "30m",
    "size_parameter": "limit", "offset_parameter": "offset", "page_parameter": "page",
    "cursor_parameter": "cursor",
}  # fmt: skip
_COUNTS = {"page_size": 500, "page_bytes": 32 << 20, "depth": 32, "pages": 100_000}
_FLAGS = ("etag", "twice", "conditional")
_OTHERS = frozenset({"columns", "key", "ignored", "query", "gone", "allow_resend"})
#: What only a push reads, see ``rest_push.py``.
_PUSH = frozenset({"item", "create", "method", "types"})


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A feed's settings, checked: texts, counts and flags by their names, and what the items look like."""

    feed: str
    texts: Mapping[str, str]
    counts: Mapping[str, int]
    flags: Mapping[str, bool]
    layout: Layout
    key: tuple[str, ...]
    query: Mapping[str, str]
    gone_at: str
    gone_values: tuple[str, ...]
    deadline: float
    overlap: timedelta

    @property
    def paging(self) -> str:
        """How the next page is found."""
        return self.texts["paging"]

    @property
    def proves_state(self) -> bool:
        """Does every page say which state of the source it belongs to?"""
        return bool(self.texts["snapshot"] or self.flags["etag"])


def resource_of(feed: Feed) -> Resource:
    """A feed's settings with their defaults; all that is wrong with them is said at once."""
    given = feed.settings
    problems = list(_problems(given))
    try:
        deadline, overlap = (_seconds(str(given.get(name, _TEXTS[name]))) for name in ("deadline", "overlap"))
    except ValueError as wrong:
        problems.append(str(wrong))
    if problems:
        raise FixDeclaration("E_DECLARATION", problems="; ".join(f"{feed.id}: {each}" for each in problems))
    gone = given.get("gone", {})
    known = (*given.get("ignored", ()), *([gone["at"]] if gone and not _is_column(given, gone["at"]) else ()))
    key = given["key"]
    return Resource(
        feed=feed.id,
        texts={name: str(given.get(name, default)) for name, default in _TEXTS.items()},
        counts={name: int(given.get(name, default)) for name, default in _COUNTS.items()},
        flags={name: bool(given.get(name, False)) for name in _FLAGS},
        layout=Layout(given["columns"], known),
        key=(key,) if isinstance(key, str) else tuple(key),
        query={name: str(value) for name, value in given.get("query", {}).items()},
        gone_at=gone.get("at", ""), gone_values=tuple(map(str, gone.get("values", ()))),
        deadline=deadline, overlap=timedelta(seconds=overlap),
    )  # fmt: skip


def _problems(given: Mapping[str, Any]) -> Iterator[str]:
    """What is missing, unknown, or proves nothing."""
    for name in sorted(given.keys() - _TEXTS.keys() - _COUNTS.keys() - _OTHERS - _PUSH - set(_FLAGS)):
        yield f"there is no setting {name}"
    for name in ("resource", "columns", "key", "total"):
        if not given.get(name):
            yield f"setting {name} is missing" + _HINTS.get(name, "")
    if given.get("paging", "none") not in _PAGING:
        yield f"paging is not one of {', '.join(_PAGING)}"
    if given.get("paging") == "page" and not any(given.get(name) for name in ("snapshot", "etag", "twice")):
        yield "page numbers prove nothing: declare snapshot or etag, or twice = true"
    if given.get("gone") and set(given["gone"]) != {"at", "values"}:
        yield "gone needs at and values"
    key = given.get("key", ())
    for name in (key,) if isinstance(key, str) else key:
        if name not in given.get("columns", {}):
            yield f"key {name} is no column"


_HINTS = {"total": ' (say "none" where the provider states no count)'}


def _is_column(given: Mapping[str, Any], path: str) -> bool:
    return any(path_of(text) == path_of(path) for text in given["columns"].values())


def _seconds(value: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", value)
    if match is None:
        raise ValueError(f"{value!r} is no duration such as 90s, 30m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2]]


# one page -----------------------------------------------------------------------------------------


class Moved(Exception):
    """The pages do not belong together. ``code`` and ``facts`` say it if it happens again."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts


class Unchanged(Exception):
    """The provider says that nothing changed since the state we named (304)."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page as it is kept: its rows, the state it belongs to, and where the next one is, if any."""

    rows: list[Row]
    total: int | None
    state: Mapping[str, str | None]
    as_of: str
    follow: str | None


class Reading:
    """One attempt to read the whole resource, page by page, into ``spool``."""

    def __init__(self, link: "Link", wanted: Resource, spool: "Spool", *, since: str, etag: str) -> None:
        self.link, self.wanted, self.spool = link, wanted, spool
        self.count = 0
        self.first: Page | None = None
        self._since, self._etag = since, etag
        self._keys: set[bytes] = set()
        self._last_key: bytes | None = None
        self._asked: set[str] = set()
        self._key_places = [wanted.layout.names.index(name) for name in wanted.key]

    def run(self) -> Page:
        """Read what is missing and prove the whole; gives the first page. Raises Moved or Unchanged."""
        here: str | None = self._begin()
        number = 0
        for kept in self.spool.pages():
            page = Page(**kept)
            self._take(page)
            here, number = page.follow, number + 1
        while here is not None:
            page = self._joined(self._page(here, number))
            self._take(page)
            self.spool.keep(vars(page))
            failpoint("pull.chunk")
            here, number = page.follow, number + 1
        assert self.first is not None
        self._prove(self.first.total)
        return self.first

    def _begin(self) -> str:
        base = self.link.provider.base
        texts, query = self.wanted.texts, dict(self.wanted.query)
        if self.wanted.paging != "none":
            query[texts["size_parameter"]] = str(self.wanted.counts["page_size"])
        if self.wanted.paging == "offset":
            query[texts["offset_parameter"]] = "0"
        if self.wanted.paging == "page":
            query[texts["page_parameter"]] = "1"
        if self._since:
            query[texts["changed_since"]] = self._since
        path = base.path.rstrip("/") + "/" + texts["resource"].lstrip("/")
        return str(base.copy_with(path=path, params=query))

    def _page(self, here: str, number: int) -> Page:
        """Ask for one page and read it as declared."""
        if here in self._asked or number >= self.wanted.counts["pages"]:
            raise self._unfit(number, "the pages lead in a circle or have no end")
        self._asked.add(here)
        headers = {"If-None-Match": self._etag} if self._etag and number == 0 else {}
        answer = self.link.ask(httpx.URL(here), headers=headers, limit=self.wanted.counts["page_bytes"])
        if answer.status == 304 and headers:
            raise Unchanged
        self._check_status(answer, here)
        try:
            return self._read(answer, here)
        except Unreadable as wrong:
            if not answer.is_framed:  # a cut is the likelier reason
                raise TryAgain("E_PULL_LOST", feed=self.wanted.feed, bytes=self.link.received) from None
            raise self._unfit(number, str(wrong)) from None

    def _check_status(self, answer: "Answer", here: str) -> None:
        if answer.status == 200:
            return
        if answer.status in {403, 404, 410}:
            facts = {"connection": self.link.provider.name, "object": httpx.URL(here).path}
            raise FixDeclaration("E_SOURCE_OBJECT", **facts, state=f"HTTP {answer.status}")
        raise self.link.unfit(self.wanted.texts["resource"], f"status {answer.status}")

    def _unfit(self, number: int, reason: str) -> Stop:
        return self.link.unfit(f"{self.wanted.texts['resource']} (page {number + 1})", reason)

    def _read(self, answer: "Answer", here: str) -> Page:
        whole = parse(answer.body, depth=self.wanted.counts["depth"])
        path = path_of(self.wanted.texts["items"])
        items = at(whole, path)
        if not isinstance(items, list):
            raise Unreadable(f"there is no array at {self.wanted.texts['items'] or 'its top'}")
        rows = [self._row(item) for item in items]
        total, texts = self._total(answer, whole), self.wanted.texts
        snapshot = as_text(at(whole, path_of(texts["snapshot"])), "snapshot") if texts["snapshot"] else None
        etag = (
            answer.headers.get("etag") if self.wanted.flags["etag"] or self.wanted.paging == "none" else None
        )
        if (texts["snapshot"] and not snapshot) or (self.wanted.flags["etag"] and not etag):
            raise Unreadable("it does not say which state of the source it belongs to")
        return Page(
            rows=rows, total=total, state={"snapshot": snapshot, "etag": etag},
            as_of=self._as_of(answer, whole), follow=self._follow(answer, whole, here, rows, total),
        )  # fmt: skip

    def _row(self, item: object) -> Row:
        wanted = self.wanted
        gone = (
            bool(wanted.gone_at) and as_text(at(item, path_of(wanted.gone_at)), "gone") in wanted.gone_values
        )
        row = wanted.layout.row(item, needed=wanted.key if gone else None)
        by_name = dict(zip(wanted.layout.names, row, strict=True))
        if not all(by_name[name] for name in wanted.key):
            raise Unreadable("an item has no key")
        return [*row, gone]

    def _total(self, answer: "Answer", whole: object) -> int | None:
        place = self.wanted.texts["total"]
        if place == "none":
            return None
        is_header, name = place.startswith("header:"), place.removeprefix("header:")
        told = answer.headers.get(name) if is_header else as_text(at(whole, path_of(name)), "total")
        if not told or not told.isdecimal():
            raise Unreadable(f"it states no total at {place}")
        return int(told)

    def _as_of(self, answer: "Answer", whole: object) -> str:
        """When this was true, by the provider's clock, never by ours; only a delta needs it."""
        if not self.wanted.texts["changed_since"]:
            return ""
        path = self.wanted.texts["as_of"]
        try:
            told = as_text(at(whole, path_of(path)), "as_of") if path else answer.headers.get("date")
            moment = datetime.fromisoformat(told or "") if path else parsedate_to_datetime(told or "")
            if moment.tzinfo is None:
                raise ValueError
        except (ValueError, TypeError):
            raise Unreadable("it does not say when it was true") from None
        return moment.isoformat()

    # the next page --------------------------------------------------------------------------------

    def _follow(
        self, answer: "Answer", whole: object, here: str, rows: list[Row], total: int | None
    ) -> str | None:  # fmt: skip
        url, texts = httpx.URL(here), self.wanted.texts
        if self.wanted.paging == "next":
            return self._linked(answer, whole, url)
        if self.wanted.paging == "cursor":
            token = as_text(at(whole, path_of(texts["cursor"])), "cursor")
            return str(url.copy_set_param(texts["cursor_parameter"], token)) if token else None
        fresh = len(rows) - self._overlap
        if self.wanted.paging == "none" or fresh <= 0 or (total is not None and self.count + fresh >= total):
            return None
        if self.wanted.paging == "page":
            name = texts["page_parameter"]
            return str(url.copy_set_param(name, int(url.params[name]) + 1))
        # one row back: were rows put in or taken out before it, another key would stand there
        return str(url.copy_set_param(texts["offset_parameter"], self.count + fresh - 1))

    @property
    def _overlap(self) -> int:
        return 1 if self.wanted.paging == "offset" and self.count else 0

    def _linked(self, answer: "Answer", whole: object, url: httpx.URL) -> str | None:
        """The provider's link, which may lead nowhere but below the address that was declared."""
        if self.wanted.texts["next"] == "header":
            told = next((each["url"] for each in _links(answer) if each.get("rel") == "next"), None)
        else:
            told = as_text(at(whole, path_of(self.wanted.texts["next"])), "next")
        if not told:
            return None
        try:
            link = url.join(told)
        except httpx.InvalidURL:
            raise Unreadable("its link to the next page is no address") from None
        if not self._is_below_base(link):
            provider = self.link.provider
            raise Stop("E_LEADS_AWAY", connection=provider.name, object=self.wanted.texts["resource"])
        return str(link)

    def _is_below_base(self, link: httpx.URL) -> bool:
        base = self.link.provider.base
        same = (link.scheme, link.host, link.port, link.userinfo) == (base.scheme, base.host, base.port, b"")
        return same and link.path.startswith(base.path.rstrip("/") + "/") and "/../" not in link.path + "/"

    # what is proved -------------------------------------------------------------------------------

    def _joined(self, page: Page) -> Page:
        """The page without the row it shares with the one before; Moved when that is another row now."""
        if not self._overlap:
            return page
        if [self._key(row) for row in page.rows[:1]] != [self._last_key]:
            raise Moved("E_PAGES_MOVED")
        return replace(page, rows=page.rows[1:])

    def _take(self, page: Page) -> None:
        """Count a page in; Moved when it is of another state, or brings a key again."""
        self.first = self.first or page
        if (page.total, page.state) != (self.first.total, self.first.state):
            raise Moved("E_PAGES_MOVED")
        for row in page.rows:
            self._last_key = self._key(row)
            if self._last_key in self._keys:
                raise Moved("E_PAGES_MOVED")
            self._keys.add(self._last_key)
        self.count += len(page.rows)

    def _key(self, row: Row) -> bytes:
        """A short stand-in for a key, so that a million of them fit in memory."""
        key = json.dumps([row[place] for place in self._key_places])
        return hashlib.blake2b(key.encode(), digest_size=16).digest()

    def _prove(self, total: int | None) -> None:
        if total is not None and self.count != total:
            raise Moved("E_PULL_SHORT", stated=total, counted=self.count)


def _links(answer: "Answer") -> list[dict[str, str]]:
    return list(httpx.Response(200, headers=answer.headers).links.values())
