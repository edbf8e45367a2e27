"""The order of a file's records: header, data, trailer, again for each group, and an end; proved at once.

What may follow what is a small table of roles; a whole file is held against it in one comparison.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from renkei.errors import Stop
from renkei.formats.fixed.layout import Count, Layout, Role, Rows
from renkei.formats.fixed.records import Records, blocks

Codes = np.ndarray[Any, np.dtype[np.int8]]

_BODY: tuple[Role, ...] = ("data", "parent", "other")
_UNKNOWN = -1


@dataclass(frozen=True, kw_only=True)
class Group:
    """One header with its trailer and what is between, as record numbers; ``last`` is past the body."""

    header: int | None
    first: int
    last: int
    trailer: int | None


@dataclass(frozen=True, kw_only=True)
class Structure:
    """A file whose records are in order. ``by_kind`` holds the numbers of each kind's records."""

    groups: tuple[Group, ...]
    end: int | None
    by_kind: Mapping[str, Rows]

    @property
    def firsts(self) -> Rows:
        """Where each group's body begins."""
        return np.array([group.first for group in self.groups], dtype=np.int64)

    def count(self, group: Group, count: Count) -> int:
        """How many records of these kinds a group holds."""
        found = [np.searchsorted(self.by_kind[kind], [group.first, group.last]) for kind in count.kinds]
        return sum(int(last - first) for first, last in found) + count.plus


def structure_of(records: Records, layout: Layout, *, feed: str) -> Structure:
    """Know every record's kind and prove their order, or Stop at the first that is out of place."""
    codes = _codes(records, layout)
    _check_order(codes, records, layout, feed=feed)
    by_kind = {kind.text: np.flatnonzero(codes == code) for code, kind in enumerate(layout.kinds)}
    end = len(codes) - 1 if layout.kind("end") is not None else None
    groups = tuple(_groups(by_kind, layout, records=len(codes) if end is None else end))
    found = Structure(groups=groups, end=end, by_kind=by_kind)
    _check_parents(found, records, layout, feed=feed)
    return found


def _codes(records: Records, layout: Layout) -> Codes:
    """Each record's place in ``layout.kinds``; the longest mark that fits decides."""
    if not layout.data:
        return np.full(len(records), _code(layout, "data") or 0, dtype=np.int8)
    marks = [(layout.codec.encode(kind.text), code) for code, kind in enumerate(layout.kinds)]
    width = max(len(mark) for mark, _ in marks)
    span = slice(layout.kind_at - 1, layout.kind_at - 1 + width)
    found = [np.empty(0, dtype=np.int8)]
    for rows in blocks(np.arange(len(records))):
        cells = np.ascontiguousarray(records.cells(rows, span))
        codes = np.full(len(rows), _UNKNOWN, dtype=np.int8)
        for mark, code in sorted(marks, key=lambda each: len(each[0])):
            codes[(cells[:, : len(mark)] == np.frombuffer(mark, dtype=np.uint8)).all(axis=1)] = code
        found.append(codes)
    return np.concatenate(found)


def _check_order(codes: Codes, records: Records, layout: Layout, *, feed: str) -> None:
    allowed, firsts, lasts = _allowed(layout)
    if len(codes) and not firsts[codes[0]]:
        raise _misplaced(0, records, feed=feed)
    trailer, end = _code(layout, "trailer"), _code(layout, "end")
    if trailer is not None and not (codes == trailer).any():
        raise Stop("E_TRAILER_MISSING", feed=feed)
    if not len(codes):
        _check_empty(layout, feed=feed)
    wrong = np.flatnonzero(~allowed[codes[:-1], codes[1:]])
    if len(wrong):
        raise _misplaced(int(wrong[0]) + 1, records, feed=feed)
    if len(codes) and not lasts[codes[-1]]:
        raise Stop("E_END_MISSING" if end is not None else "E_TRAILER_MISSING", feed=feed)


def _check_empty(layout: Layout, *, feed: str) -> None:
    """A file without any record is whole only where no control record is declared."""
    if layout.kind("end") is not None:
        raise Stop("E_END_MISSING", feed=feed)
    if layout.kind("header") is not None:
        raise Stop("E_RECORD_KIND", feed=feed, rec_no=0, offset=0)


def _code(layout: Layout, role: Role) -> int | None:
    return next((code for code, kind in enumerate(layout.kinds) if kind.role == role), None)


def _allowed(layout: Layout) -> tuple[Any, Any, Any]:
    """What may follow what, what may come first, what may come last; an unknown kind may do none."""
    roles: list[Role | None] = [kind.role for kind in layout.kinds] + [None]
    follow = _follow(layout)
    allowed = np.array([[after in follow.get(before, ()) for after in roles] for before in roles])
    firsts = np.array([role in follow[None] for role in roles])
    lasts = np.array([role in _lasts(layout) for role in roles])
    return allowed, firsts, lasts


def _follow(layout: Layout) -> dict[Role | None, tuple[Role, ...]]:
    has = {kind.role for kind in layout.kinds}
    closing: tuple[Role, ...] = ("trailer",) if "trailer" in has else ("end",)
    again: tuple[Role, ...] = ("header",) if layout.has_groups else ()
    opening: tuple[Role, ...] = ("header",) if "header" in has else (*_BODY, *closing)
    body: dict[Role | None, tuple[Role, ...]] = dict.fromkeys(_BODY, (*_BODY, *closing))
    return {**body, None: opening, "header": (*_BODY, *closing), "trailer": (*again, "end")}


def _lasts(layout: Layout) -> tuple[Role, ...]:
    has = {kind.role for kind in layout.kinds}
    if "end" in has:
        return ("end",)
    return ("trailer",) if "trailer" in has else (*_BODY, "header")


def _misplaced(row: int, records: Records, *, feed: str) -> Stop:
    offset = int(records.offsets(np.array([row]))[0])
    return Stop("E_RECORD_KIND", feed=feed, rec_no=row, offset=offset)


def _groups(by_kind: Mapping[str, Rows], layout: Layout, *, records: int) -> list[Group]:
    header, trailer = layout.kind("header"), layout.kind("trailer")
    headers = by_kind[header].tolist() if header is not None else [None]
    trailers = by_kind[trailer].tolist() if trailer is not None else [None]
    if header is None and trailer is not None:
        headers = [None] * len(trailers)
    return [
        Group(
            header=opens,
            first=0 if opens is None else opens + 1,
            last=records if closes is None else closes,
            trailer=closes,
        )
        for opens, closes in zip(headers, trailers, strict=True)
    ]


def _check_parents(found: Structure, records: Records, layout: Layout, *, feed: str) -> None:
    """A detail without a parent in its own group belongs to nobody."""
    parent = layout.kind("parent")
    if parent is None:
        return
    details, parents = found.by_kind[layout.data], found.by_kind[parent]
    group = np.searchsorted(found.firsts, details, side="right") - 1
    orphans = details[parents_of(details, parents) < found.firsts[group]]
    if len(orphans):
        raise _misplaced(int(orphans[0]), records, feed=feed)


def parents_of(details: Rows, parents: Rows) -> Rows:
    """The record number of the nearest parent before each detail; -1 where there is none."""
    before = np.concatenate([np.array([-1]), parents])
    found: Rows = before[np.searchsorted(parents, details, side="right")]
    return found
