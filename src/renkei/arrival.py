"""Files that a sender leaves in a folder (受信): which are ours, which are whole, which come first.

Pure: it judges listings that a connector took. A name is data; one that could do harm is noted and left.
A file that was split into several is one thing: a :class:`Place` says which part of which set a name is.
"""

import fnmatch
import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from renkei.errors import FixDeclaration
from renkei.model import Feed


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A feed's settings, checked: folder and pattern, the done-file's suffix, seconds to settle, the date.

    ``split`` finds the part in a name of a split set, ``parts`` says how many there are where names do not,
    ``manifest`` is the pattern of the file that lists a set's names; all three are empty for plain files.
    """

    folder: str
    pattern: str
    done: str
    settle: float
    as_of: re.Pattern[str]
    split: re.Pattern[str] | None = None
    parts: int = 0
    manifest: str = ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One entry of a listing. ``modified`` is in whole seconds since 1970, by the server's clock.

    ``mark`` is whatever else a transport knows that changes when the file does; it is compared, never stored.
    """

    name: str
    size: int
    modified: int
    regular: bool
    mark: str = ""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which part (from 1) of which set a file is, of how many; ``records`` where a manifest states them."""

    set: str
    part: int
    parts: int
    records: int | None = None


@dataclass(frozen=True, kw_only=True)
class FileSet:
    """The files of one split set in the order of their parts, complete."""

    name: str
    members: tuple[Seen, ...]
    records: int | None = None

    @property
    def as_one(self) -> Seen:
        """The set as if it were one file: all its bytes, and the time of its last part."""
        size = sum(member.size for member in self.members)
        modified = max(member.modified for member in self.members)
        return Seen(name=self.name, size=size, modified=modified, regular=True)


@dataclass(frozen=True, kw_only=True)
class Sets:
    """``incomplete``: (name, parts here, parts expected). ``contradictory``: a part is there twice."""

    complete: list[FileSet]
    incomplete: list[tuple[str, int, int]]
    contradictory: list[str]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """``ready``: its done-file says so. ``unsure``: a second look decides. ``growing``: not yet."""

    ready: list[Seen]
    unsure: list[Seen]
    growing: list[Seen]
    notes: list[str]


def wanted_of(feed: Feed, *, base: str = "") -> Wanted:
    """Read what a feed's settings say of its files; ``path`` is below ``base``."""
    settings = feed.settings
    folder, pattern = posixpath.split(base + str(settings.get("path", "")))
    try:
        if not pattern or set(folder.removeprefix(base)) & set("*?["):
            raise ValueError("path must be a folder and one file pattern, such as /out/KJ_*.DAT")
        return Wanted(
            folder=folder or ".",
            pattern=pattern,
            done=str(settings.get("done", "")).lstrip("*"),
            settle=float(str(settings.get("settle", "10s")).removesuffix("s")),
            as_of=re.compile(settings.get("as_of", r"(\d{8})")),
            split=_split_of(settings),
            parts=int(settings.get("parts", 0)),
            manifest=str(settings.get("manifest", "")),
        )
    except (ValueError, re.error) as wrong:
        raise FixDeclaration("E_DECLARATION", problems=f"{feed.id}: {wrong}") from None


def _split_of(settings: Mapping[str, object]) -> re.Pattern[str] | None:
    if "set" not in settings:
        return None
    split = re.compile(str(settings["set"]))
    if "part" not in split.groupindex or ("parts" in split.groupindex) == ("parts" in settings):
        raise ValueError("set needs a group (?P<part>), and either a group (?P<parts>) or a setting parts")
    return split


def judge(
    listing: Iterable[Seen],
    wanted: Wanted,
    taken: Mapping[str, Sequence[object]],
    *,
    places: Mapping[str, Place] | None = None,
) -> Judged:
    """Sort a listing. A file taken before, by name, size and time, is not looked at again.

    Where a done-file is promised, a file without one is growing, however still it stands; and one touched
    after its done-file gets a second look. Two entries of one name are two bytes' readings of it: neither
    is taken. With ``places`` a set is new as soon as one of its parts is.
    """
    entries, twice = _by_name(listing)
    ours = [entry for entry in entries.values() if _is_ours(entry.name, wanted)]
    fit = {e.name for e in ours if e.regular and is_plain(e.name) and e.name not in twice}
    new = _news([entry for entry in ours if entry.name in fit], taken, places or {})
    ready, unsure, growing = [], [], []
    for entry in new:
        mark = _done_file(entry, entries, wanted, places or {}) if wanted.done else None
        if places is not None and entry.name not in places:
            growing.append(entry)
        elif mark is not None and mark.modified >= entry.modified:
            ready.append(entry)
        elif mark is not None or not wanted.done:
            unsure.append(entry)
        else:
            growing.append(entry)
    notes = [f"E_FILE_NAME {ascii(entry.name)[:80]}" for entry in ours if entry.name not in fit]
    return Judged(ready=ready, unsure=unsure, growing=growing, notes=notes)


def _by_name(listing: Iterable[Seen]) -> tuple[dict[str, Seen], set[str]]:
    listed = list(listing)
    twice = {name for name, times in Counter(entry.name for entry in listed).items() if times > 1}
    return {entry.name: entry for entry in listed}, twice


def _news(
    fit: Sequence[Seen], taken: Mapping[str, Sequence[object]], places: Mapping[str, Place]
) -> list[Seen]:
    """Files that were not taken as they stand now, each with the whole set it belongs to."""
    new = {e.name for e in fit if list(taken.get(e.name, ()))[:2] != [e.size, e.modified]}
    sets = {places[name].set for name in new if name in places}
    return [e for e in fit if e.name in new or (e.name in places and places[e.name].set in sets)]


def _done_file(
    entry: Seen, entries: Mapping[str, Seen], wanted: Wanted, places: Mapping[str, Place]
) -> Seen | None:
    """The done-file of a file, or the one of its whole set."""
    own = entries.get(posixpath.splitext(entry.name)[0] + wanted.done)
    if own is None and entry.name in places:
        return entries.get(posixpath.splitext(places[entry.name].set)[0] + wanted.done)
    return own


def places_in(names: Iterable[str], wanted: Wanted) -> dict[str, Place]:
    """Which part of which set each name says it is; the set's name is the file's without the part."""
    places = {}
    for name in names:
        found = wanted.split.search(name) if wanted.split and is_plain(name) else None
        if found:
            parts = wanted.parts or int(found["parts"])
            whole = name[: found.start()] + name[found.end() :]
            places[name] = Place(set=whole, part=int(found["part"]), parts=parts)
    return places


def places_listed(manifest: str, text: str) -> dict[str, Place]:
    """The set that a manifest lists: a line is a name and, if it says so, how many records the file holds."""
    lines = [line.replace(",", "\t").split("\t") for line in text.splitlines() if line.strip()]
    rows = [[cell.strip() for cell in line] for line in lines]
    return {
        row[0]: Place(
            set=manifest, part=number, parts=len(rows),
            records=int(row[1]) if len(row) > 1 and row[1].isdecimal() else None,
        )
        for number, row in enumerate(rows, 1)
    }  # fmt: skip


def sets_of(new: Iterable[Seen], ready: Collection[str], places: Mapping[str, Place]) -> Sets:
    """Which sets are complete and all ready, which still wait for a part, which contradict themselves."""
    groups: dict[str, list[tuple[Place, Seen]]] = {}
    for entry in new:
        if entry.name in places:
            groups.setdefault(places[entry.name].set, []).append((places[entry.name], entry))
    sets = Sets(complete=[], incomplete=[], contradictory=[])
    for name, group in groups.items():
        parts, expected = sorted(place.part for place, _ in group), group[0][0].parts
        here = sum(entry.name in ready for _, entry in group)
        if _contradicts(group):
            sets.contradictory.append(name)
        elif parts != list(range(1, expected + 1)) or here < expected:
            sets.incomplete.append((name, here, expected))
        else:
            sets.complete.append(_set_of(name, group))
    return sets


def _contradicts(group: Sequence[tuple[Place, Seen]]) -> bool:
    """A part is there twice, or is none of those expected, or the names expect different numbers."""
    parts = [place.part for place, _ in group]
    expected = {place.parts for place, _ in group}
    beyond = not set(parts) <= set(range(1, max(expected) + 1))
    return beyond or len(expected) > 1 or len(set(parts)) < len(parts)


def _set_of(name: str, group: Sequence[tuple[Place, Seen]]) -> FileSet:
    in_turn = sorted(group, key=lambda each: each[0].part)
    stated = [place.records for place, _ in in_turn if place.records is not None]
    records = sum(stated) if len(stated) == len(in_turn) else None
    return FileSet(name=name, members=tuple(entry for _, entry in in_turn), records=records)


def in_order(entries: Iterable[Seen], wanted: Wanted) -> list[Seen]:
    """Oldest first by the date in the name, then by time; a name without a date comes last."""
    return sorted(
        entries, key=lambda entry: (date_in(entry.name, wanted) or date.max, entry.modified, entry.name)
    )


def date_in(name: str, wanted: Wanted) -> date | None:
    """The business day in a file's name, or None."""
    match = wanted.as_of.search(name)
    try:
        return date.fromisoformat(match[1]) if match else None
    except (ValueError, IndexError):
        return None


def is_plain(name: str) -> bool:
    """No control, format or undecodable character, no path, and no longer than a name may be."""
    if any(unicodedata.category(char).startswith("C") for char in name):
        return False
    return "/" not in name and name not in {".", ".."} and len(name.encode()) <= 255


def is_fit(entry: Seen, wanted: Wanted) -> bool:
    """True for a plain file whose name is one of ours and can do no harm."""
    return entry.regular and is_plain(entry.name) and _is_ours(entry.name, wanted)


def _is_ours(name: str, wanted: Wanted) -> bool:
    is_mark = bool(wanted.done) and name.endswith(wanted.done)
    is_manifest = bool(wanted.manifest) and fnmatch.fnmatchcase(name, wanted.manifest)
    return fnmatch.fnmatchcase(name, wanted.pattern) and not is_mark and not is_manifest
