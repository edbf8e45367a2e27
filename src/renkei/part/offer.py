"""Offering a file to a system that waits for it in a folder elsewhere: whole, proved, and once.

It is written under a name that no reader looks for, read back, and then given its own name, never over
another file. The file that stands there is what makes a second offer none.
"""

import hashlib
import posixpath
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from renkei.arrival import Seen, is_plain
from renkei.errors import FixDeclaration, Stop, TryAgain
from renkei.failpoint import failpoint
from renkei.model import Effect, Feed, Outgoing, ReadBack, Receipt
from renkei.part.fetch import Shelf
from renkei.part.unfinished import proofs

_BLOCK = 1 << 20
#: The longest name that leaves room for what an unfinished file adds to it.
_NAME = 230
_RECEIPT = 64 << 10


class Rack(Shelf, Protocol):
    """A shelf that can also be filled."""

    def making(self, path: str, *, fresh: bool) -> AbstractContextManager[Any]:
        """A handle for writing: to a file made now, or going on with what is there."""
        ...

    def write(self, target: Any, start: int, blocks: Iterator[bytes]) -> None:  # noqa: ANN401 - the transport's own handle
        """Write from ``start`` on; the other side has every byte when it returns."""
        ...

    def to_disk(self, target: Any) -> None:  # noqa: ANN401 - the transport's own handle
        """Have it flushed to the disk there, where that can be asked for."""
        ...

    def rename(self, old: str, new: str, *, over: bool = False) -> None:
        """Rename; FileExistsError rather than over another file, unless ``over`` says so."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file of ours; it may be gone already."""
        ...


@dataclass(frozen=True, kw_only=True)
class Offered:
    """One outgoing file and the feed's settings, checked. Paths are of the other side."""

    key: str
    file: Path
    path: str
    part: str
    note: str
    done: str
    receipt: str
    receipt_wait: float
    receipt_says: re.Pattern[str] | None
    replace: bool
    reads_back: bool


def offered_of(feed: Feed, outgoing: Outgoing, *, base: str = "") -> Offered:
    """Where a file goes, and what is promised around it, by the feed's settings."""
    settings, name = feed.settings, outgoing.name
    try:
        if outgoing.file is None or not settings.get("to"):
            raise ValueError("to must be the folder that takes files, and a file must be given")
        if not name or not is_plain(name) or len(name.encode()) > _NAME:
            raise ValueError("the outgoing file's name is no plain name")
        folder, inbox = base + str(settings["to"]), settings.get("inbox")
        path, stem = posixpath.join(folder, name), posixpath.join(folder, posixpath.splitext(name)[0])
        beside = {
            word: stem + str(settings[word]).lstrip("*") for word in ("done", "receipt") if word in settings
        }
        place = posixpath.join(base + str(inbox) if inbox else folder, _key_of(outgoing, path))
        return Offered(
            key=outgoing.key, file=outgoing.file, path=path,
            part=f"{place}.part" if inbox else f"{path}.{_key_of(outgoing, path)}.part",
            note=f"{place}.sent" if inbox else "",
            done=beside.get("done", ""),
            receipt=beside.get("receipt", ""),
            receipt_wait=float(str(settings.get("receipt_wait", "0s")).removesuffix("s")),
            receipt_says=re.compile(settings["receipt_says"]) if "receipt_says" in settings else None,
            replace=settings.get("replace") is True,
            reads_back=settings.get("proof", "hash") != "size",
        )  # fmt: skip
    except (ValueError, re.error) as wrong:
        raise FixDeclaration("E_DECLARATION", problems=f"{feed.id}: {wrong}") from None


def _key_of(outgoing: Outgoing, path: str) -> str:
    """A push key as a name: two pushes never share an unfinished file."""
    return hashlib.sha256(f"{outgoing.key}\0{path}".encode()).hexdigest()[:24]


def offer(rack: Rack, offered: Offered) -> Receipt:
    """Offer the file; the same file there already is ``already``, another one ``conflict``."""
    ours = _Ours(offered.file)
    effect = _before(rack, offered, ours)
    if effect is None:
        _fill(rack, offered, ours)
        failpoint("push.proved")
        effect = _name(rack, offered, ours)
    if effect in ("applied", "already") and offered.done:
        effect = _mark_done(rack, offered, effect)
    size, digest = ours.measured()
    return Receipt(key=offered.key, effect=effect, bytes=size, sha256=digest)


class _Ours:
    """The file that is offered, hashed once: while it is sent, if all of it is."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.size = file.stat().st_size
        self._digest = ""

    def blocks(self, start: int = 0) -> Iterator[bytes]:
        """The bytes from ``start`` on."""
        seen = hashlib.sha256()
        with self.file.open("rb", buffering=0) as content:
            content.seek(start)
            while block := content.read(_BLOCK):
                seen.update(block)
                yield block
                failpoint("push.chunk")
            self._digest = seen.hexdigest() if start == 0 else self._digest

    def measured(self) -> tuple[int, str]:
        """Its size and hash."""
        if not self._digest:
            for _ in self.blocks():
                pass
        return self.size, self._digest


def _before(rack: Rack, offered: Offered, ours: _Ours) -> Effect | None:
    """What is already clear before anything is written; None when the file must be offered."""
    there = rack.look(offered.path)
    if there is not None:
        if _is_same(rack, offered.path, there, ours):
            rack.remove(offered.part)
            return "already"
        return None if offered.replace and there.regular else "conflict"
    was_named = offered.note and rack.look(offered.note) is not None and rack.look(offered.part) is None
    return "already" if was_named else None


def _is_same(rack: Rack, path: str, there: Seen, ours: _Ours) -> bool:
    return there.regular and there.size == ours.size and _digest_of(rack, path) == ours.measured()


def _digest_of(rack: Rack, path: str) -> tuple[int, str]:
    """What reading finds there, on a handle of its own."""
    seen, size = hashlib.sha256(), 0
    with rack.opened(path) as source:
        for block in rack.blocks(source, 0):
            seen.update(block)
            size += len(block)
    return size, seen.hexdigest()


def _fill(rack: Rack, offered: Offered, ours: _Ours) -> None:
    """Have all bytes there under the unfinished name, read back from the other side."""
    start = _resumed(rack, offered, ours)
    with rack.making(offered.part, fresh=start == 0) as target:
        rack.write(target, start, ours.blocks(start))
        rack.to_disk(target)
        same = rack.look_at(target, "").size == ours.size
    if not same or (offered.reads_back and _digest_of(rack, offered.part) != ours.measured()):
        _withdraw(rack, offered)
        raise TryAgain("E_PUSH_PROOF", feed=rack.feed)


def _resumed(rack: Rack, offered: Offered, ours: _Ours) -> int:
    """How much of a broken offer is proved to be the start of this file."""
    there = rack.look(offered.part)
    if there is None or not there.regular or not 0 < there.size <= ours.size or not offered.reads_back:
        return _withdraw(rack, offered)
    with rack.opened(offered.part) as source, offered.file.open("rb") as content:
        for start, end in proofs(there.size):
            content.seek(start)
            if content.read(end - start) != rack.read(source, start, end - start):
                return _withdraw(rack, offered)
    return there.size


def _withdraw(rack: Rack, offered: Offered) -> int:
    """Take away what is unfinished; the note first: without its file it says that the file was named."""
    if offered.note:
        rack.remove(offered.note)
    rack.remove(offered.part)
    return 0


def _name(rack: Rack, offered: Offered, ours: _Ours) -> Effect:
    """The moment that counts: from here on a reader sees the whole file."""
    if offered.note and rack.look(offered.note) is None:
        with rack.making(offered.note, fresh=True):
            pass  # a name is all it says: if the unfinished file is gone, it was given its own
    try:
        rack.rename(offered.part, offered.path, over=offered.replace)
        failpoint("push.renamed")
    except FileExistsError:
        there = rack.look(offered.path)
        same = there is not None and _is_same(rack, offered.path, there, ours)
        _withdraw(rack, offered)
        return "already" if same else "conflict"
    except TryAgain:
        return "unknown"
    return "applied"


def _mark_done(rack: Rack, offered: Offered, effect: Effect) -> Effect:
    """The done-file, once the file has its name; made if it is not there yet."""
    try:
        if effect == "applied":
            rack.remove(offered.done)  # one of an earlier file of this name
        if rack.look(offered.done) is None and rack.look(offered.path) is not None:
            with rack.making(offered.done, fresh=True):
                failpoint("push.done")
    except TryAgain:
        return "unknown"
    return effect


# what stands there --------------------------------------------------------------------------------


def standing(rack: Rack, offered: Offered) -> ReadBack:
    """Read what stands there now; with a promised receipt it has landed when the receipt says so."""
    ours = _Ours(offered.file)
    there = rack.look(offered.path)
    found = _digest_of(rack, offered.path) if there is not None and there.regular else None
    landed = found == ours.measured() and _is_marked(rack, offered)
    if offered.receipt:
        since = there if there is not None else rack.look(offered.note) if offered.note else None
        landed = (landed or there is None) and since is not None and _receipt(rack, offered, since)
    here = {"bytes": found[0], "sha256": found[1]} if found else {}
    return ReadBack(key=offered.key, landed=landed, **here)  # type: ignore[arg-type]  # both or none


def _is_marked(rack: Rack, offered: Offered) -> bool:
    return not offered.done or rack.look(offered.done) is not None


def _receipt(rack: Rack, offered: Offered, since: Seen) -> bool:
    """Wait for the receiver's receipt, one that is not older than the file it speaks of."""
    until = time.monotonic() + offered.receipt_wait
    while True:
        there = rack.look(offered.receipt)
        if there is not None and there.regular and there.modified >= since.modified:
            return offered.receipt_says is None or _says(rack, offered)
        if time.monotonic() >= until:
            return False
        time.sleep(min(0.5, max(0.01, until - time.monotonic())))


def _says(rack: Rack, offered: Offered) -> bool:
    with rack.opened(offered.receipt) as source:
        text = rack.read(source, 0, _RECEIPT).decode("utf-8", "replace")
    if offered.receipt_says is not None and offered.receipt_says.search(text):
        return True
    raise Stop("E_PUSH_RECEIPT", feed=rack.feed)
