"""What carries the files of ``sftp.py``, whichever library does it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from renkei.arrival import Seen


class Wire(Protocol):
    """What carries files: ``sftp_paramiko.py``, or ``sftp_asyncssh.py`` where a declaration needs it.

    Faults are OSErrors: ConnectionError for a lost link, what the server says for the rest.
    """

    name: str
    names: str

    @property
    def is_live(self) -> bool:
        """False once either side hung up."""
        ...

    @property
    def spoken(self) -> Mapping[str, Sequence[str]]:
        """What was proposed to the server, kind by kind."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...

    def facts(self) -> dict[str, str]:
        """``server``, ``host_key`` and ``cipher``."""
        ...

    def listing(self, folder: str) -> list[Seen]:
        """Entries of a folder, links not followed."""
        ...

    def look(self, path: str) -> Seen:
        """What a name stands for, a link not followed."""
        ...

    def open(self, path: str, *, write: bool = False, fresh: bool = False) -> Any:  # noqa: ANN401 - its own handle
        """A handle; ``fresh`` makes the file, and fails where there is one."""
        ...

    def shut(self, handle: Any) -> None:  # noqa: ANN401 - its own handle
        """Give a handle back."""
        ...

    def look_at(self, handle: Any, name: str) -> Seen:  # noqa: ANN401 - its own handle
        """What an open handle stands for."""
        ...

    def blocks(self, handle: Any, start: int, end: int | None = None) -> Iterator[bytes]:  # noqa: ANN401 - its own handle
        """Bytes from ``start`` to the end that reading finds, or to ``end``."""
        ...

    def write(self, handle: Any, start: int, blocks: Iterable[bytes]) -> None:  # noqa: ANN401 - its own handle
        """Write from ``start`` on; every byte was acknowledged when it returns."""
        ...

    def to_disk(self, handle: Any) -> bool:  # noqa: ANN401 - its own handle
        """Have the server flush the file to its disk; False when it has no word for that."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Rename, but never over another file."""
        ...

    def replace(self, old: str, new: str) -> None:
        """Rename, over what is there."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file."""
        ...
