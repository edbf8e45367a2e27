"""Folder: files on a share that the machine has mounted (CIFS, NFS) or on a disk of its own.

Connection settings: ``root`` (the folder that nothing leaves), and one of ``marker`` (a file that is only
there while the share is mounted), ``mounted = "true"`` (the root itself is a mount point) or
``mounted = "false"`` (it is a disk of this machine): an unmounted share must not look like an empty one.
Feed settings: as for SFTP, below the root. To pull ``path``, ``done``, ``settle``, ``as_of``, ``set``,
``parts`` and ``manifest``; to push ``to``, ``done``, ``receipt``, ``receipt_wait``, ``receipt_says``,
``inbox``, ``replace`` and ``proof``. ``docs/files.md`` tells each of them.

What a pull promises: what ``sftp.py`` promises of files; here times are in nanoseconds, so that a change
within one second is seen too. No link is followed, neither a file nor a folder on the way.

What a push promises: nobody sees half a file under its name, or another one gone from under it; it is on the
disk, and so is its name, before the receiver is told; a second push of the same file is none.

A share mounted hard can hang in the kernel: the hub's deadline ends such a run, nothing here can.
"""

import ctypes
import errno
import os
import posixpath
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path

from renkei.arrival import Seen, date_in, wanted_of
from renkei.errors import FixDeclaration, Stop, TryAgain
from renkei.model import Checkpoint, Connection, Delivery, Feed, Outgoing, ReadBack, Receipt
from renkei.part import Fetched, fetch_new, offer, offered_of, standing

_BLOCK = 1 << 20
#: What a server answers that has gone, and what a folder answers that takes no more.
_AWAY = frozenset(
    {
        errno.EIO,
        errno.ESTALE,
        errno.ENOTCONN,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ETIMEDOUT,
        errno.ENODEV,
    }
)
_RENAME_NOREPLACE = 1
#: What a file system answers that has no rename of that kind.
_NO_SUCH_RENAME = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


def connect(connection: Connection, *, workdir: Path) -> "FolderConnector":
    """A connector for one root; nothing is touched yet."""
    return FolderConnector(connection, workdir)


class FolderConnector:
    """Fetches the files of one root into ``workdir``; ``notes`` lists what was left there and why."""

    replayable = True
    ordered = True
    idempotent = True

    def __init__(self, connection: Connection, workdir: Path) -> None:
        self.connection = connection
        self.notes: list[str] = []
        self._workdir = workdir

    def pull(self, feed: Feed, since: Checkpoint | None) -> Iterator[Delivery]:
        """New files, oldest first; E_FILE_GROWING is an error only when nothing else was ready.

        TryAgain: E_FOLDER_AWAY, E_PULL_LOST, E_FILE_GROWING, E_FILE_SET, E_FILE_REPLACED. Stop: E_DISK,
        E_FILE_SIZE. Hold: E_FILE_SET_TWICE. FixDeclaration: E_SOURCE_OBJECT, E_DECLARATION.
        """
        taken = since.position.get("seen", {}) if since else {}
        wanted = wanted_of(feed)
        self.notes = []
        with closing(_Root(self.connection, feed.id, lost="E_PULL_LOST")) as root:
            for fetched in fetch_new(root, wanted, taken, workdir=self._workdir, notes=self.notes):
                yield _delivery(feed.id, fetched, as_of=date_in(fetched.entry.name, wanted))

    def push(self, feed: Feed, outgoing: Outgoing) -> Receipt:
        """Offer a file under its name, once.

        TryAgain: E_FOLDER_AWAY, E_PUSH_LOST, E_PUSH_PROOF. Stop: E_PUSH_REFUSED. FixDeclaration:
        E_SOURCE_OBJECT, E_DECLARATION.
        """
        with closing(_Root(self.connection, feed.id, lost="E_PUSH_LOST")) as root:
            return offer(root, offered_of(feed, outgoing))

    def read_back(self, feed: Feed, outgoing: Outgoing) -> ReadBack:
        """Read what stands under the name now, and the receiver's receipt where one is promised."""
        with closing(_Root(self.connection, feed.id, lost="E_PUSH_LOST")) as root:
            return standing(root, offered_of(feed, outgoing))

    def test(self) -> Mapping[str, str]:
        """Say what the root is, and what would show that it went away."""
        settings = self.connection.settings
        with closing(_Root(self.connection, self.connection.name, lost="E_PULL_LOST")) as root:
            guard = settings.get("marker") or ("mount point" if _is_mounted(settings) else "none: a disk")
            can_write = os.access(settings["root"], os.W_OK)
            return {"file_system": root.kind(), "guard": guard, "writable": "yes" if can_write else "no"}


def _delivery(feed: str, fetched: Fetched, *, as_of: date | None) -> Delivery:
    return Delivery(
        feed=feed, name=fetched.entry.name, path=fetched.path, bytes=fetched.bytes, sha256=fetched.sha256,
        as_of=as_of, remote_modified=datetime.fromtimestamp(fetched.entry.modified, UTC),
        records=fetched.records, position={"seen": dict(fetched.seen)},
    )  # fmt: skip


class _Root:
    """One folder tree, held open: whatever is mounted over it later, it stays the one that was proved."""

    trusts_sizes = True

    def __init__(self, connection: Connection, feed: str, *, lost: str) -> None:
        self.feed = feed
        self._connection = connection
        self._lost = lost
        self._root = _opened_root(connection)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._root)

    def kind(self) -> str:
        """The file system's name, as the kernel says it."""
        device = os.fstat(self._root).st_dev
        wanted = f"{os.major(device)}:{os.minor(device)}"
        for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines():
            fields = line.split(" ")
            if fields[2] == wanted:
                return fields[fields.index("-") + 1]
        return "unknown"

    def listing(self, folder: str) -> list[Seen]:
        """Entries of a folder, links not followed."""
        with self._faults(folder), self._folder(folder) as place, os.scandir(place) as entries:
            return [seen for entry in entries if (seen := _seen_in(entry)) is not None]

    def look(self, path: str) -> Seen | None:
        """What the name stands for now, a link not followed; None when it is gone."""
        with self._faults(path), self._folder(posixpath.dirname(path)) as place:
            name = posixpath.basename(path)
            with suppress(FileNotFoundError):
                return _seen(name, os.stat(name, dir_fd=place, follow_symlinks=False))
        return None

    @contextmanager
    def opened(self, path: str) -> Iterator[int]:
        """A handle for reading; a name that went away meanwhile counts as replaced, and so does a link."""
        with self._faults(path), self._folder(posixpath.dirname(path)) as place:
            try:
                # not blocking: somebody may have put a pipe there
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                handle = os.open(posixpath.basename(path), flags, dir_fd=place)
            except OSError as gone:
                if gone.errno not in (errno.ENOENT, errno.ELOOP):
                    raise
                raise TryAgain("E_FILE_REPLACED", feed=self.feed) from None
        try:
            yield handle
        finally:
            os.close(handle)

    def look_at(self, source: int, name: str) -> Seen:
        """What the open handle stands for."""
        with self._faults("handle"):
            return _seen(name, os.fstat(source))

    def blocks(self, source: int, start: int) -> Iterator[bytes]:
        """The rest of the file, to the end that reading finds."""
        with self._faults("handle"):
            while block := os.pread(source, _BLOCK, start):
                yield block
                start += len(block)

    def read(self, source: int, start: int, length: int) -> bytes:
        """``length`` bytes from ``start``, unless the file ends before."""
        with self._faults("handle"):
            return os.pread(source, length, start)

    @contextmanager
    def making(self, path: str, *, fresh: bool) -> Iterator[int]:
        """A handle for writing a file of ours: made now, or going on with what is there."""
        flags = os.O_WRONLY | os.O_NOFOLLOW | (os.O_CREAT | os.O_EXCL if fresh else 0)
        with self._faults(path), self._folder(posixpath.dirname(path)) as place:
            handle = os.open(posixpath.basename(path), flags, 0o666, dir_fd=place)
            if fresh:
                os.fsync(place)
        try:
            yield handle
        finally:
            os.close(handle)

    def write(self, target: int, start: int, blocks: Iterable[bytes]) -> None:
        """Write from ``start`` on."""
        with self._faults("handle"):
            for block in blocks:
                view = memoryview(block)
                while view:
                    written = os.pwrite(target, view, start)
                    start += written
                    view = view[written:]

    def to_disk(self, target: int) -> None:
        """Flush it to the disk."""
        with self._faults("handle"):
            os.fsync(target)

    def rename(self, old: str, new: str, *, over: bool = False) -> None:
        """Rename; FileExistsError rather than over another file. The name is on the disk when it returns."""
        (source, before), (target, after) = posixpath.split(old), posixpath.split(new)
        with self._faults(new), self._folder(source) as here, self._folder(target) as there:
            if over:
                os.rename(before, after, src_dir_fd=here, dst_dir_fd=there)
            else:
                _rename_beside(before, after, here=here, there=there)
            os.fsync(there)
            os.fsync(here)

    def remove(self, path: str) -> None:
        """Remove a file of ours; it may be gone already."""
        with self._faults(path), self._folder(posixpath.dirname(path)) as place, suppress(FileNotFoundError):
            os.unlink(posixpath.basename(path), dir_fd=place)

    @contextmanager
    def _folder(self, path: str) -> Iterator[int]:
        """A folder below the root; every step on the way is a folder, never a link."""
        place = os.dup(self._root)
        try:
            for step in path.split("/"):
                if step == "..":
                    raise FixDeclaration(
                        "E_DECLARATION", problems=f"{self.feed}: a path may not leave its root"
                    )
                if step not in ("", "."):
                    upper, place = (
                        place,
                        os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place),
                    )
                    os.close(upper)
            yield place
        finally:
            os.close(place)

    @contextmanager
    def _faults(self, what: str) -> Iterator[None]:
        """Faults of the file system, named by what to do next."""
        try:
            yield
        except FileExistsError:
            raise
        except OSError as broken:
            if broken.errno in _AWAY:
                raise TryAgain(self._lost, feed=self.feed, bytes=0) from None
            if self._lost == "E_PUSH_LOST" and broken.errno not in (errno.ENOENT, errno.EACCES, errno.EPERM):
                raise Stop("E_PUSH_REFUSED", feed=self.feed) from None
            facts = {"connection": self._connection.name, "object": what, "state": type(broken).__name__}
            raise FixDeclaration("E_SOURCE_OBJECT", **facts) from None


def _seen_in(entry: "os.DirEntry[str]") -> Seen | None:
    """An entry of a listing; None when it was gone before it could be looked at."""
    with suppress(FileNotFoundError):
        return _seen(entry.name, entry.stat(follow_symlinks=False))
    return None


def _seen(name: str, found: os.stat_result) -> Seen:
    return Seen(
        name=name, size=found.st_size, modified=int(found.st_mtime), regular=stat.S_ISREG(found.st_mode),
        mark=f"{found.st_mtime_ns} {found.st_ctime_ns}",
    )  # fmt: skip


def _rename_beside(old: str, new: str, *, here: int, there: int) -> None:
    """Rename unless there is such a file, in one step; a share that cannot do so gets a second name first."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(here, os.fsencode(old), there, os.fsencode(new), _RENAME_NOREPLACE) == 0:
        return
    refused = ctypes.get_errno()
    if refused not in _NO_SUCH_RENAME:
        raise OSError(refused, os.strerror(refused))
    os.link(old, new, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)
    os.unlink(old, dir_fd=here)


# is it there? -------------------------------------------------------------------------------------


def _opened_root(connection: Connection) -> int:
    """The root, held open once it is proved to be the right one; TryAgain E_FOLDER_AWAY otherwise."""
    settings = connection.settings
    if not settings.get("root") or not ("marker" in settings or settings.get("mounted") in ("true", "false")):
        problem = f"{connection.name}: root, and marker or mounted, must be declared"
        raise FixDeclaration("E_DECLARATION", problems=problem)
    try:
        root = os.open(settings["root"], os.O_RDONLY | os.O_DIRECTORY)
    except OSError as missing:
        raise TryAgain("E_FOLDER_AWAY", connection=connection.name, reason=type(missing).__name__) from None
    reason = _missing(settings, root)
    if reason:
        os.close(root)
        raise TryAgain("E_FOLDER_AWAY", connection=connection.name, reason=reason)
    return root


def _missing(settings: Mapping[str, str], root: int) -> str:
    """What shows that the share is not mounted; empty when nothing does."""
    if _is_mounted(settings) and os.fstat(root).st_dev == os.stat("..", dir_fd=root).st_dev:
        return "not a mount point"
    if "marker" in settings:
        try:
            os.stat(settings["marker"], dir_fd=root, follow_symlinks=False)
        except OSError:
            return "marker"
    return ""


def _is_mounted(settings: Mapping[str, str]) -> bool:
    return settings.get("mounted") == "true"
