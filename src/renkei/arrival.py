"""Files that a sender leaves in a folder (受信): which are ours, which are whole, which come first.

Pure: it judges listings that a connector took. A name is data; one that could do harm is noted and left.
"""

import fnmatch
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from renkei.errors import FixDeclaration
from renkei.model import Feed


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A feed's settings, checked: folder and pattern, the done-file's suffix, seconds to settle, the date."""

    folder: str
    pattern: str
    done: str
    settle: float
    as_of: re.Pattern[str]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One entry of a listing. ``modified`` is in whole seconds since 1970, by the server's clock."""

    name: str
    size: int
    modified: int
    regular: bool


@dataclass(frozen=True, kw_only=True)
class Judged:
    """``ready``: its done-file says so. ``unsure``: a second look decides. ``growing``: not yet."""

    ready: list[Seen]
    unsure: list[Seen]
    growing: list[Seen]
    notes: list[str]


def wanted_of(feed: Feed, *, base: str = "") -> Wanted:
    """Read ``path``, ``done``, ``settle`` and ``as_of`` of a feed's settings; ``path`` is below ``base``."""
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
        )
    except (ValueError, re.error) as wrong:
        raise FixDeclaration("E_DECLARATION", problems=f"{feed.id}: {wrong}") from None


def judge(listing: Iterable[Seen], wanted: Wanted, taken: Mapping[str, Sequence[object]]) -> Judged:
    """Sort a listing. A file taken before, by name, size and time, is not looked at again.

    Where a done-file is promised, a file without one is growing, however still it stands; and one touched
    after its done-file gets a second look.
    """
    entries = {entry.name: entry for entry in listing}
    ours = [entry for entry in entries.values() if _is_ours(entry.name, wanted)]
    fit = [entry for entry in ours if entry.regular and is_plain(entry.name)]
    new = [entry for entry in fit if list(taken.get(entry.name, ()))[:2] != [entry.size, entry.modified]]
    done = {entry.name: entries.get(posixpath.splitext(entry.name)[0] + wanted.done) for entry in new}
    ready, unsure, growing = [], [], []
    for entry in new:
        mark = done[entry.name] if wanted.done else None
        if mark is not None and mark.modified >= entry.modified:
            ready.append(entry)
        elif mark is not None or not wanted.done:
            unsure.append(entry)
        else:
            growing.append(entry)
    notes = [f"E_FILE_NAME {ascii(entry.name)[:80]}" for entry in ours if entry not in fit]
    return Judged(ready=ready, unsure=unsure, growing=growing, notes=notes)


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


def _is_ours(name: str, wanted: Wanted) -> bool:
    is_mark = bool(wanted.done) and name.endswith(wanted.done)
    return fnmatch.fnmatchcase(name, wanted.pattern) and not is_mark
