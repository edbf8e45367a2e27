"""Writing to a resource, row by row, each only over what was seen and each only once.

A row that is there is written with the ETag of the very values that were compared (``If-Match``), one that is
not there with an ``Idempotency-Key``. What a cut leaves open is ``unknown`` and is never sent again blindly.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pyarrow as pa

from renkei.errors import FixDeclaration, RenkeiError, TryAgain
from renkei.formats.json_text import Path, Unreadable, as_text, at, parse, path_of, put, typed, written
from renkei.model import RECEIPT_SCHEMA, Effect, Feed, Outgoing

if TYPE_CHECKING:
    from .rest_link import Answer, Link

Row = Mapping[str, str | None]
#: The effect of one row, and why it was refused.
Result = tuple[Effect, str | None]

_MEDIA = {"PUT": "application/json", "PATCH": "application/merge-patch+json"}
_KINDS = {"text", "number", "boolean"}
#: What speaks for the whole, the gravest first.
_GRAVEST: tuple[Effect, ...] = ("unknown", "conflict", "refused", "applied", "already")


@dataclass(frozen=True, kw_only=True)
class Target:
    """A feed's settings for writing, checked."""

    item: str
    create: str
    method: str
    key: tuple[str, ...]
    paths: Mapping[str, Path]
    kinds: Mapping[str, str]
    depth: int


def target_of(feed: Feed) -> Target:
    """A feed's settings with their defaults; all that is wrong with them is said at once."""
    given = feed.settings
    key = given.get("key", ())
    key = (key,) if isinstance(key, str) else tuple(key)
    columns, types = given.get("columns", {}), given.get("types", {})
    problems = [f"setting {name} is missing" for name in ("item", "columns", "key") if not given.get(name)]
    item = given.get("item", "")
    problems += [f"item does not name {{{name}}}" for name in key if f"{{{name}}}" not in item]
    problems += [f"types: {name} is no column" for name in types if name not in columns]
    problems += [f"types: {kind} is not one of {_KINDS}" for kind in types.values() if kind not in _KINDS]
    if given.get("method", "PUT") not in _MEDIA:
        problems.append("method is not PUT or PATCH")
    if problems:
        raise FixDeclaration("E_DECLARATION", problems="; ".join(f"{feed.id}: {each}" for each in problems))
    return Target(
        item=given["item"], create=given.get("create", given.get("resource", "")), key=key,
        method=given.get("method", "PUT"), paths={name: path_of(text) for name, text in columns.items()},
        kinds={name: types.get(name, "text") for name in columns}, depth=int(given.get("depth", 32)),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Standing:
    """An item as it stands: its whole JSON, our columns of it, and the ETag they were read under."""

    whole: dict[str, Any]
    row: Row
    etag: str


class Writer:
    """Writes and reads the items of one target over one link."""

    def __init__(self, link: "Link", target: Target) -> None:
        self._link, self._target = link, target

    def push(self, outgoing: Outgoing) -> list[Result]:
        """One result a row. Nothing more is asked of a link that was lost after something was written."""
        results: list[Result] = []
        for number, (row, seen) in enumerate(_pairs(outgoing)):
            try:
                results.append(self._one(f"{outgoing.key}\0{number}", row, seen))
            except RenkeiError as error:
                if all(effect in {"unchanged", "conflict", "refused"} for effect, _ in results):
                    raise
                left: list[Result] = [("unknown", error.code)] * (len(outgoing.rows or ()) - len(results))
                return results + left
        return results

    def standing(self, row: Row) -> Standing | None:
        """The item that a row speaks of, as it is now; None where there is none."""
        url = self._item(row)
        answer = self._link.ask(url)
        if answer.status in {404, 410}:
            return None
        if answer.status != 200:
            raise self._link.unfit(self._target.item, f"status {answer.status}")
        try:
            whole = parse(answer.body, depth=self._target.depth)
            if not isinstance(whole, dict):
                raise Unreadable("it is no object")
            texts = {name: as_text(at(whole, path), name) for name, path in self._target.paths.items()}
        except Unreadable as wrong:
            raise self._link.unfit(self._target.item, str(wrong)) from None
        return Standing(whole=whole, row=texts, etag=answer.headers.get("etag", ""))

    def _one(self, key: str, row: Row, seen: Row | None) -> Result:
        """Look, compare, write: only what stands as it was seen is written over."""
        if not all(row.get(name) for name in self._target.key):
            return "refused", "E_MISSING_VALUE"
        stands = self.standing(row)
        if stands is None:
            return self._create(key, row) if seen is None else ("conflict", None)
        if all(stands.row.get(name) == value for name, value in row.items()):
            return "unchanged", None
        if seen is None or any(stands.row.get(name) != value for name, value in seen.items()):
            return "conflict", None
        return self._change(row, stands)

    def _create(self, key: str, row: Row) -> Result:
        whole: dict[str, Any] = {}
        if not self._fill(whole, row):
            return "refused", "E_BAD_FORMAT"
        once = hashlib.sha256(key.encode()).hexdigest()[:32]
        headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{once}"'}
        return self._sent(self._url(self._target.create), "POST", headers, whole)

    def _change(self, row: Row, stands: Standing) -> Result:
        if not stands.etag or stands.etag.startswith("W/"):
            raise self._link.unfit(self._target.item, "it has no strong ETag to compare and set by")
        is_patch = self._target.method == "PATCH"
        whole: dict[str, Any] = {} if is_patch else deepcopy(stands.whole)
        changed = {name: value for name, value in row.items() if stands.row.get(name) != value}
        if not self._fill(whole, changed):
            return "refused", "E_BAD_FORMAT"
        headers = {"Content-Type": _MEDIA[self._target.method], "If-Match": stands.etag}
        return self._sent(self._item(row), self._target.method, headers, whole)

    def _fill(self, whole: dict[str, Any], row: Row) -> bool:
        """Put the columns in their places; false where a text is not of the declared kind."""
        try:
            for name, text in row.items():
                put(whole, self._target.paths[name], typed(text, self._target.kinds[name]))
        except Unreadable:
            return False
        return True

    def _sent(self, url: httpx.URL, method: str, headers: Mapping[str, str], whole: object) -> Result:
        try:
            body = written(whole).encode()
            return _result(self._link.ask(url, method=method, headers=headers, body=body))
        except TryAgain as lost:
            if lost.code in {"E_LINK_DOWN", "E_SOURCE_BUSY"}:
                raise  # it was never sent, or sent back unread
            return "unknown", None

    def _item(self, row: Row) -> httpx.URL:
        names = {name: quote(row[name] or "", safe="") for name in self._target.key}
        if {".", ".."} & set(names.values()):
            raise self._link.unfit(self._target.item, "a key of one or two dots is no part of an address")
        return self._url(self._target.item.format_map(names))

    def _url(self, path: str) -> httpx.URL:
        base = self._link.provider.base
        return base.copy_with(path=base.path.rstrip("/") + "/" + path.lstrip("/"))


def _result(answer: "Answer") -> Result:
    if answer.status in {200, 201, 204}:
        return "applied", None
    if answer.status in {404, 410, 412}:
        return "conflict", f"HTTP {answer.status}"
    # accepted is not done, and behind a fault of the server anything may have happened
    is_open = answer.status == 202 or answer.status >= 500
    return ("unknown" if is_open else "refused"), f"HTTP {answer.status}"


def _pairs(outgoing: Outgoing) -> Iterator[tuple[Row, Row | None]]:
    """Each row with what was seen of it; None where nothing was there."""
    assert outgoing.rows is not None
    rows: Sequence[Row] = outgoing.rows.to_pylist()
    seen: Sequence[Row | None] = outgoing.seen.to_pylist() if outgoing.seen else [None] * len(rows)
    for row, before in zip(rows, seen, strict=True):
        yield row, before if before and any(value is not None for value in before.values()) else None


def receipt_rows(results: Sequence[Result]) -> pa.Table:
    """The results as a receipt's rows."""
    columns = [range(len(results)), [effect for effect, _ in results], [code for _, code in results]]
    return pa.table(list(map(pa.array, columns, RECEIPT_SCHEMA.types)), schema=RECEIPT_SCHEMA)


def gravest(results: Sequence[Result]) -> Effect:
    """What the results amount to."""
    effects = {effect for effect, _ in results}
    return next((effect for effect in _GRAVEST if effect in effects), "unchanged")
