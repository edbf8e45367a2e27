"""Fetching what a sender left in a folder elsewhere: each file whole, once, and proved.

The folder is a :class:`Shelf`, whatever the transport behind it.
"""

import posixpath
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from renkei.arrival import (
    FileSet,
    Judged,
    Place,
    Seen,
    Wanted,
    in_order,
    is_fit,
    judge,
    places_in,
    places_listed,
    sets_of,
)
from renkei.errors import Hold, Stop, TryAgain
from renkei.failpoint import failpoint
from renkei.part.tape import write_tape
from renkei.part.unfinished import Unfinished, disk_errors, forget_others, held, publish, stem_of

#: So many files are looked at one by one; for more the folder is listed again.
_FEW = 100
#: More than this is no list of file names.
_MANIFEST = 1 << 20


class Shelf(Protocol):
    """A folder tree elsewhere. Paths are texts with ``/``; faults come out as errors of the hub."""

    @property
    def feed(self) -> str:
        """The feed that is served."""
        ...

    @property
    def trusts_sizes(self) -> bool:
        """False where it is declared that this server states wrong sizes."""
        ...

    def listing(self, folder: str) -> list[Seen]:
        """Entries of a folder, links not followed."""
        ...

    def look(self, path: str) -> Seen | None:
        """What the name stands for now, a link not followed; None when it is gone."""
        ...

    def opened(self, path: str) -> AbstractContextManager[Any]:
        """A handle for reading, for as long as the block lasts; TryAgain E_FILE_REPLACED when it is gone."""
        ...

    def look_at(self, source: Any, name: str) -> Seen:  # noqa: ANN401 - the transport's own handle
        """What the open handle stands for."""
        ...

    def blocks(self, source: Any, start: int) -> Iterator[bytes]:  # noqa: ANN401 - the transport's own handle
        """The rest of the file, to the end that reading finds, whatever size was stated."""
        ...

    def read(self, source: Any, start: int, length: int) -> bytes:  # noqa: ANN401 - the transport's own handle
        """``length`` bytes from ``start``, unless the file ends before."""
        ...


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A file (or a split set as one) in the work folder; ``seen`` is what was taken up to and with it."""

    entry: Seen
    path: Path
    bytes: int
    sha256: str
    seen: Mapping[str, Sequence[object]]
    records: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What a listing came to: plain files or sets to take, oldest first, and what must wait, as notes."""

    takeable: list[Seen | FileSet]
    waiting: list[str]
    incomplete: list[tuple[str, int, int]]
    contradictory: list[str]


def fetch_new(
    shelf: Shelf, wanted: Wanted, taken: Mapping[str, Sequence[object]], *, workdir: Path, notes: list[str]
) -> Iterator[Fetched]:
    """What is new, oldest first; ``notes`` is filled with what was left there and why.

    TryAgain E_FILE_GROWING or E_FILE_SET only when nothing at all was ready; Hold E_FILE_SET_TWICE for a set
    that contradicts itself, once the others are taken.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    listing = shelf.listing(wanted.folder)
    failpoint("snap.opened")
    found = _found(shelf, wanted, taken, listing=listing, notes=notes)
    names = {entry.name for entry in listing}
    seen = {name: known for name, known in taken.items() if name in names}
    stems = {entry.name: stem_of(shelf.feed, _path(wanted, entry.name)) for entry in _files(found.takeable)}
    forget_others(workdir, shelf.feed, stems=set(stems.values()))
    for each in found.takeable:
        parts = {entry.name: workdir / f"{stems[entry.name]}.part" for entry in _files([each])}
        fetched = _take(shelf, wanted, each, parts=parts, notes=notes)
        seen = {**seen, **fetched.seen, **_manifest_of(each, wanted, listing)}
        yield replace(fetched, seen=seen)
    failpoint("pull.last")
    _tell(shelf.feed, found)


def _manifest_of(
    each: Seen | FileSet, wanted: Wanted, listing: Sequence[Seen]
) -> dict[str, Sequence[object]]:
    listed = wanted.manifest and isinstance(each, FileSet)
    return {e.name: [e.size, e.modified, ""] for e in listing if listed and e.name == each.name}


def _tell(feed: str, found: _Found) -> None:
    if found.contradictory:
        raise Hold("E_FILE_SET_TWICE", feed=feed, name=found.contradictory[0])
    if found.incomplete and not found.takeable:
        _, have, expected = found.incomplete[0]
        raise TryAgain("E_FILE_SET", feed=feed, have=have, expected=expected)
    if found.waiting and not found.takeable:
        raise TryAgain("E_FILE_GROWING", feed=feed)


def _found(
    shelf: Shelf,
    wanted: Wanted,
    taken: Mapping[str, Sequence[object]],
    *,
    listing: Sequence[Seen],
    notes: list[str],
) -> _Found:
    places = _places(shelf, wanted, taken, listing)
    judged = judge(listing, wanted, taken, places=places)
    ready = judged.ready + _settled(shelf, wanted, judged.unsure)
    names = {entry.name for entry in ready}
    waiting = [e.name for e in (*judged.growing, *judged.unsure) if e.name not in names]
    notes += [*judged.notes, *(f"E_FILE_GROWING {name}" for name in waiting)]
    if places is None:
        return _Found(takeable=[*in_order(ready, wanted)], waiting=waiting, incomplete=[], contradictory=[])
    return _found_sets(wanted, judged, names=names, places=places, waiting=waiting, notes=notes)


def _found_sets(
    wanted: Wanted,
    judged: Judged,
    *,
    names: set[str],
    places: Mapping[str, Place],
    waiting: list[str],
    notes: list[str],
) -> _Found:
    sets = sets_of([*judged.ready, *judged.unsure, *judged.growing], names, places)
    notes += [f"E_FILE_SET {name} {have}/{expected}" for name, have, expected in sets.incomplete]
    notes += [f"E_FILE_SET_TWICE {name}" for name in sets.contradictory]
    by_name = {each.name: each for each in sets.complete}
    ordered = in_order([each.as_one for each in sets.complete], wanted)
    return _Found(
        takeable=[by_name[entry.name] for entry in ordered], waiting=waiting,
        incomplete=sets.incomplete, contradictory=sets.contradictory,
    )  # fmt: skip


def _places(
    shelf: Shelf, wanted: Wanted, taken: Mapping[str, Sequence[object]], listing: Sequence[Seen]
) -> dict[str, Place] | None:
    """Which file is which part of a split set; None where the feed has plain files."""
    if not wanted.manifest:
        return places_in((entry.name for entry in listing), wanted) if wanted.split else None
    places = {}
    for name in _whole_manifests(shelf, wanted, taken, listing):
        places.update(places_listed(name, _text(shelf, _path(wanted, name))))
    return places


def _whole_manifests(
    shelf: Shelf, wanted: Wanted, taken: Mapping[str, Sequence[object]], listing: Sequence[Seen]
) -> list[str]:
    """A manifest is judged like any file: half of one would make half a set look complete."""
    lists = replace(wanted, pattern=wanted.manifest, manifest="")
    judged = judge(listing, lists, taken)
    new = {entry.name for entry in (*judged.ready, *_settled(shelf, wanted, judged.unsure))}
    return [e.name for e in listing if is_fit(e, lists) and (e.name in new or _is_taken(e, taken))]


def _is_taken(entry: Seen, taken: Mapping[str, Sequence[object]]) -> bool:
    return list(taken.get(entry.name, ()))[:2] == [entry.size, entry.modified]


def _text(shelf: Shelf, path: str) -> str:
    with shelf.opened(path) as source:
        return shelf.read(source, 0, _MANIFEST).decode("utf-8", "surrogateescape")


def _settled(shelf: Shelf, wanted: Wanted, unsure: Sequence[Seen]) -> list[Seen]:
    """Those that show the same size and time in two looks, ``settle`` seconds apart."""
    if not unsure:
        return []
    time.sleep(wanted.settle)
    if len(unsure) > _FEW:
        again = {entry.name: entry for entry in shelf.listing(wanted.folder)}
    else:
        again = {e.name: found for e in unsure if (found := shelf.look(_path(wanted, e.name)))}
    return [entry for entry in unsure if again.get(entry.name) == entry]


def _files(takeable: Sequence[Seen | FileSet]) -> list[Seen]:
    """Every file that is fetched, and the set that some of them become."""
    files: list[Seen] = []
    for each in takeable:
        files += [each] if isinstance(each, Seen) else [*each.members, each.as_one]
    return files


def _take(
    shelf: Shelf, wanted: Wanted, each: Seen | FileSet, *, parts: Mapping[str, Path], notes: list[str]
) -> Fetched:
    if isinstance(each, FileSet):
        return _take_set(shelf, wanted, each, parts=parts, notes=notes)
    with _working(shelf, parts[each.name]), closing(_unfinished(wanted, each, parts[each.name])) as target:
        transfer(shelf, _path(wanted, each.name), each, target, notes=notes)
        path = _finish(target, parts[each.name])
        seen = {each.name: [each.size, each.modified, target.sha256]}
        return Fetched(entry=each, path=path, bytes=target.size, sha256=target.sha256, seen=seen)


def _take_set(
    shelf: Shelf, wanted: Wanted, whole: FileSet, *, parts: Mapping[str, Path], notes: list[str]
) -> Fetched:
    """Fetch every part, and bind them into one file; a part stays until the whole has its name."""
    seen = {}
    with ExitStack() as working:
        for entry in whole.members:
            working.enter_context(_working(shelf, parts[entry.name]))
            with closing(_unfinished(wanted, entry, parts[entry.name])) as target:
                transfer(shelf, _path(wanted, entry.name), entry, target, notes=notes)
                seen[entry.name] = [entry.size, entry.modified, target.sha256]
        working.enter_context(_working(shelf, parts[whole.name]))
        with closing(Unfinished(parts[whole.name], identity={})) as tape:
            tape.empty()
            write_tape(tape.append, [parts[entry.name] for entry in whole.members])
            path = _finish(tape, parts[whole.name])
            for entry in whole.members:
                _clear(parts[entry.name])
            return Fetched(
                entry=whole.as_one, path=path, bytes=tape.size, sha256=tape.sha256, seen=seen,
                records=whole.records,
            )  # fmt: skip


@contextmanager
def _working(shelf: Shelf, part: Path) -> Iterator[None]:
    leavings = (part, part.with_suffix(".json"), part.with_suffix(".new"))
    with held(part, feed=shelf.feed), disk_errors(*leavings):
        yield


def _clear(part: Path) -> None:
    for suffix in (".part", ".json"):
        part.with_suffix(suffix).unlink(missing_ok=True)


def _unfinished(wanted: Wanted, entry: Seen, part: Path) -> Unfinished:
    identity = {"path": _path(wanted, entry.name), "size": entry.size, "modified": entry.modified}
    return Unfinished(part, identity={**identity, "mark": entry.mark})


def _finish(target: Unfinished, part: Path) -> Path:
    failpoint("part.written")
    target.to_disk()
    failpoint("part.fsynced")
    path = publish(part, name=target.sha256)
    part.with_suffix(".json").unlink(missing_ok=True)
    return path


def transfer(shelf: Shelf, path: str, entry: Seen, target: Unfinished, *, notes: list[str]) -> None:
    """The file must look the same before and after, by its name and through the open handle."""
    same = shelf.look(path) == entry
    with shelf.opened(path) as source:
        target.resume(partial(shelf.read, source))
        if same:
            _pour(shelf.blocks(source, target.size), target)
        same = same and shelf.look_at(source, entry.name) == entry == shelf.look(path)
        if same and target.size != entry.size:
            _prove_size(shelf, source, entry, target)
            same = shelf.look_at(source, entry.name) == entry == shelf.look(path)
            notes.append(f"E_FILE_SIZE {ascii(entry.name)[:80]} {entry.size} {target.size}")
    if not same:
        target.empty()
        raise TryAgain("E_FILE_REPLACED", feed=shelf.feed)


def _pour(blocks: Iterator[bytes], target: Unfinished) -> None:
    """Hash and write one block while the next is on its way."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        under_way: Future[None] | None = None
        for block in blocks:
            if under_way is not None:
                under_way.result()
                failpoint("pull.chunk")
            under_way = beside.submit(target.append, block)
        if under_way is not None:
            under_way.result()
            failpoint("pull.chunk")


def _prove_size(shelf: Shelf, source: Any, entry: Seen, target: Unfinished) -> None:  # noqa: ANN401 - a handle
    """The stated size is not what reading found: a second reading decides."""
    first = (target.size, target.sha256)
    target.empty()
    _pour(shelf.blocks(source, 0), target)
    read = target.size
    if read == entry.size or (not shelf.trusts_sizes and (read, target.sha256) == first):
        return
    target.empty()
    if read == first[0]:
        raise Stop("E_FILE_SIZE", feed=shelf.feed, stated=entry.size, read=read)
    raise TryAgain("E_FILE_REPLACED", feed=shelf.feed)


def _path(wanted: Wanted, name: str) -> str:
    return posixpath.join(wanted.folder, name)
