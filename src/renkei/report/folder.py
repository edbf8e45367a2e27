"""Puts a finished set of files in its place: readers see the old set, the new one, or none, never a mix.

The set is written beside its place, flushed, and renamed. Where a set of that day exists, it steps aside
first and is deleted last; a crash between the two renames is put right by the next publication.
One publication of a day at a time: the caller holds the lease.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

from renkei.errors import FixDeclaration

SUMS = "SHA256SUMS"


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A private folder beside ``target`` to write the set into; whatever is left of it is removed.

    FixDeclaration where ``target`` holds anything but an earlier set, for that would go with it.
    """
    _refuse_others(target)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _recover(target)
    stage = _beside(target, "new")
    stage.mkdir(mode=0o700)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def seal(stage: Path) -> dict[str, str]:
    """Write ``SHA256SUMS``, close the files to others, flush all to disk; returns name → hash."""
    sums = {place.name: _digest(place) for place in sorted(stage.iterdir())}
    (stage / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()), "utf-8")
    for place in (*sorted(stage.iterdir()), stage):
        place.chmod(0o700 if place is stage else 0o600)
        flush(place)
    return sums


def swap_in(stage: Path, target: Path) -> None:
    """Make the staged set the one at ``target``."""
    old = _beside(target, "old")
    if target.exists():
        target.rename(old)
    stage.rename(target)
    flush(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def flush(place: Path) -> None:
    """Force a file or folder to disk."""
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_others(target: Path) -> None:
    """A set is ``SHA256SUMS`` and the files that it names; an empty folder may become one.

    What an office program leaves beside a file that it has open does not count.
    """
    if not target.exists():
        return
    held = {place.name for place in target.iterdir()} if target.is_dir() else {target.name}
    if any(not name.startswith((".", "~$")) for name in held - _named(target)):
        raise FixDeclaration("E_OUT_TAKEN", folder=target.name)


def _named(target: Path) -> set[str]:
    """The names of an earlier set; none where ``target`` is no folder."""
    if not target.is_dir():
        return set()
    sums = target / SUMS
    lines = sums.read_text("utf-8", "replace").splitlines() if sums.is_file() else []
    return {SUMS, *(line.partition("  ")[2] for line in lines)}


def _recover(target: Path) -> None:
    old, new = _beside(target, "old"), _beside(target, "new")
    if old.exists() and not target.exists():
        old.rename(target)
    for leftover in (old, new):
        shutil.rmtree(leftover, ignore_errors=True)


def _beside(target: Path, kind: str) -> Path:
    return target.with_name(f".{target.name}.{kind}")


def _digest(place: Path) -> str:
    with place.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
