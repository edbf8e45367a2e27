"""A split set bound into one file: a plain tar whose bytes depend on the parts alone."""

import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast

#: Bytes handed on at a time.
_BLOCK = 1 << 20


def write_tape(append: Callable[[bytes], None], parts: Sequence[Path]) -> None:
    """POSIX ustar, not compressed: the parts in order as ``0001``, ``0002`` …, without owner or time."""
    target = cast("IO[bytes]", _Appended(append))
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.USTAR_FORMAT, bufsize=_BLOCK) as tape:
        for number, part in enumerate(parts, 1):
            member = tarfile.TarInfo(f"{number:04}")
            member.size, member.mode, member.mtime = part.stat().st_size, 0o600, 0
            with part.open("rb") as content:
                tape.addfile(member, content)


class _Appended:
    """What ``tarfile`` needs of a file."""

    def __init__(self, append: Callable[[bytes], None]) -> None:
        self.write = append
