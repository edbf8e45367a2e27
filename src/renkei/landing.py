"""The landing zone: raw bytes kept under the hash of their content, whole or not at all.

An object is written beside its place, flushed to disk, renamed, and its folder flushed; only then may a
row name it. A crash leaves no object or a whole one.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from renkei.errors import Stop
from renkei.failpoint import failpoint

_BLOCK = 1 << 20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class Landing:
    """Content-addressed objects below ``root``: ``objects/ab/<sha256>``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._objects = root / "objects"

    def path(self, sha256: str) -> Path:
        """Where the object with this hash is, or would be."""
        return self._objects / sha256[:2] / sha256

    def adopt(self, source: Path, *, sha256: str | None = None) -> str:
        """Move a complete file in under its hash; a second time changes nothing. Returns the hash."""
        digest = digest_of(source)
        if sha256 is not None and digest != sha256:
            raise Stop("E_OBJECT_DAMAGED", sha256=sha256)
        with _disk_errors():
            self._place(source, digest)
        return digest

    def verify(self, sha256: str) -> bool:
        """True when the object is there and its bytes still have its name's hash."""
        place = self.path(sha256)
        return place.exists() and digest_of(place) == sha256

    def proved(self, sha256: str) -> Path:
        """The object's path, after checking its bytes; a damaged one is refused."""
        if not self.verify(sha256):
            raise Stop("E_OBJECT_DAMAGED", sha256=sha256)
        return self.path(sha256)

    def stored(self) -> Iterator[Path]:
        """Every object's path, in order of hash; unfinished ones are not objects."""
        return (place for place in sorted(self._objects.glob("??/*")) if len(place.name) == 64)

    def orphans(self, known: frozenset[str]) -> Iterator[Path]:
        """Objects that no row names: kept and listed, never deleted silently."""
        return (place for place in self.stored() if place.name not in known)

    def _place(self, source: Path, digest: str) -> None:
        place = self.path(digest)
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists() or digest_of(place) != digest:
            partial = place.with_name(f"{digest}.part.{os.getpid()}")
            try:
                _copy_to_disk(source, partial)
                partial.rename(place)
            except OSError:
                partial.unlink(missing_ok=True)
                raise
            failpoint("obj.renamed")
        _flush_folder(place.parent)
        _flush_folder(place.parent.parent)
        failpoint("dir.fsynced")


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy_to_disk(source: Path, target: Path) -> None:
    with source.open("rb") as bytes_in, target.open("wb") as bytes_out:
        shutil.copyfileobj(bytes_in, bytes_out, _BLOCK)
        bytes_out.flush()
        failpoint("part.written")
        os.fsync(bytes_out.fileno())
    target.chmod(0o440)
    failpoint("part.fsynced")


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as broken:
        if broken.errno in _FULL:
            raise Stop("E_DISK", path_kind="landing") from broken
        raise
