"""SFTP: files that a system leaves in a folder or waits for in one; each whole, once, and proved.

Connection settings: ``host port user``, ``host_key`` (the pinned public key, ``ssh-ed25519 AAAA…``), and
``key_file`` (our private key; ``passphrase`` is a reference, ``file:/path`` or ``env:NAME``) or, for a server
that knows nothing better, ``password`` (a reference); if wanted ``timeout`` (seconds of silence that lose a
link, 30), ``retry_seconds``, ``base`` (its root), ``probe`` (a folder where ``test`` may write). For an old
server ``algorithms`` (names of what is not modern, each one), ``names = "cp932"`` (how it writes names),
``sizes = "unreliable"``; each is used because it is declared, never because the server would like it.
Feed settings: ``path`` (folder and pattern, ``/out/KJ_*.DAT``), and if wanted ``done`` (the suffix of the
sender's done-file, ``.END``), ``settle`` (``10s``: without a done-file, how long a file must stand still),
``as_of`` (a pattern whose first group is the date in the name, eight digits unless said) and ``set``,
``parts``, ``manifest`` (a file split into several); to push ``to`` (a folder), ``done``, ``receipt``,
``receipt_wait``, ``receipt_says``, ``inbox``, ``replace``. ``docs/files.md`` tells each of them.

What a pull promises:

- the server's key is compared with the pinned one before anything is sent that could sign us in;
- a file that is still being written is left; one that is replaced while it is read is thrown away;
- a broken transfer goes on where it stopped only when what was read before is proved to be the same file;
- a name on the server is data: it never becomes a path here, and a link there is never followed;
- files come oldest first; one that was taken before is not fetched again.

What a push promises: nobody sees half a file under its name, or another one gone from under it; a second
push of the same file is none; a lost answer is ``unknown``.
"""

import binascii
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tenacity

from renkei.arrival import Seen, date_in, wanted_of
from renkei.errors import FixDeclaration, Stop, TryAgain
from renkei.model import Checkpoint, Connection, Delivery, Feed, Outgoing, ReadBack, Receipt
from renkei.part import Fetched, fetch_new, offer, offered_of, standing

from .parts import sftp_offer, sftp_probe

if TYPE_CHECKING:
    from .parts.sftp_wire import Wire


def connect(connection: Connection, *, workdir: Path) -> "SftpConnector":
    """A connector for one account; nothing is contacted yet."""
    return SftpConnector(connection, workdir)


class SftpConnector:
    """Fetches the files of one account into ``workdir``; ``notes`` lists what was left there and why."""

    replayable = True
    ordered = True
    idempotent = True

    def __init__(self, connection: Connection, workdir: Path) -> None:
        self.connection = connection
        self.notes: list[str] = []
        self._workdir = workdir

    def pull(self, feed: Feed, since: Checkpoint | None) -> Iterator[Delivery]:
        """New files, oldest first; E_FILE_GROWING is an error only when nothing else was ready.

        TryAgain: E_LINK_DOWN, E_PULL_LOST, E_FILE_GROWING, E_FILE_SET, E_FILE_REPLACED. Stop: E_HOSTKEY,
        E_AUTH, E_SSH_OLD, E_DISK, E_FILE_SIZE. Hold: E_FILE_SET_TWICE. FixDeclaration: E_SOURCE_OBJECT,
        E_SECRET, E_DECLARATION.
        """
        taken = since.position.get("seen", {}) if since else {}
        wanted = wanted_of(feed, base=self.connection.settings.get("base", ""))
        self.notes = []
        with closing(_Session(self.connection, feed.id)) as session:
            for fetched in fetch_new(session, wanted, taken, workdir=self._workdir, notes=self.notes):
                yield _delivery(feed.id, fetched, as_of=date_in(fetched.entry.name, wanted))

    def push(self, feed: Feed, outgoing: Outgoing) -> Receipt:
        """Offer a file under its name, once.

        ``unknown`` when the link was lost while it was given its name. TryAgain: E_LINK_DOWN, E_PUSH_LOST,
        E_PUSH_PROOF. Stop: E_HOSTKEY, E_AUTH, E_SSH_OLD, E_PUSH_REFUSED. FixDeclaration: E_SOURCE_OBJECT,
        E_SECRET, E_DECLARATION.
        """
        wanted = offered_of(feed, outgoing, base=self.connection.settings.get("base", ""))
        with closing(_Session(self.connection, feed.id, lost="E_PUSH_LOST")) as session:
            return offer(session, wanted)

    def read_back(self, feed: Feed, outgoing: Outgoing) -> ReadBack:
        """Read what stands under the name now, and the receiver's receipt where one is promised."""
        wanted = offered_of(feed, outgoing, base=self.connection.settings.get("base", ""))
        with closing(_Session(self.connection, feed.id, lost="E_PUSH_LOST")) as session:
            return standing(session, wanted)

    def test(self) -> Mapping[str, str]:
        """Prove the host key, sign in once, and say what was agreed on."""
        offered = sftp_offer.read_offer(self.connection)
        with closing(_Session(self.connection, self.connection.name)) as session:
            found = session.wire().facts()
            key, cipher = found["host_key"], found["cipher"]
            agreed = offered.chosen(session.wire().spoken)
            declared = self.connection.settings.get("algorithms", "").replace(",", " ").split()
            return {
                "server": found["server"].removeprefix("SSH-2.0-"), "host_key": key,
                "key_exchange": agreed["kex"], "host_key_signature": agreed["key_types"],
                "cipher": cipher, "mac": agreed["digests"],
                "wire": session.wire().name, "names": session.wire().names,
                "old_algorithms": " ".join(n for n in agreed.values() if n in declared) or "none",
                "sign_in": "password" if "password" in self.connection.settings else "key",
                **_tried(session, self.connection),
            }  # fmt: skip


def _delivery(feed: str, fetched: Fetched, *, as_of: date | None) -> Delivery:
    digest, taken = fetched.sha256, fetched.seen
    return Delivery(
        feed=feed, name=fetched.entry.name, path=fetched.path, bytes=fetched.bytes, sha256=digest,
        as_of=as_of, remote_modified=datetime.fromtimestamp(fetched.entry.modified, UTC),
        records=fetched.records, position={"seen": dict(taken)},
    )  # fmt: skip


# the session --------------------------------------------------------------------------------------


class _Session:
    """One signed-in session, opened when first used, and again when the server ended it between files."""

    def __init__(self, connection: Connection, feed: str, *, lost: str = "E_PULL_LOST") -> None:
        self.feed = feed
        self.trusts_sizes = connection.settings.get("sizes") != "unreliable"
        self._connection = connection
        self._lost = lost
        self._wire: Wire | None = None
        self._received = 0

    def close(self) -> None:
        """Hang up."""
        if self._wire is not None:
            self._wire.close()

    def wire(self) -> "Wire":
        """The live wire; the server is asked to sign us in again only when it hung up."""
        if self._wire is None or not self._wire.is_live:
            self.close()
            self._wire = _sign_in(self._connection)
        return self._wire

    def listing(self, folder: str) -> list[Seen]:
        """Entries of a folder."""
        with self._link(folder):
            return self.wire().listing(folder)

    def look(self, path: str) -> Seen | None:
        """What the name stands for now, links not followed; None when it is gone."""
        with self._link(path), suppress(FileNotFoundError):
            return self.wire().look(path)
        return None

    @contextmanager
    def opened(self, path: str) -> Iterator[Any]:
        """A handle for reading; a name that went away meanwhile counts as replaced."""
        with self._link(path):
            try:
                handle = self.wire().open(path)
            except FileNotFoundError:
                raise TryAgain("E_FILE_REPLACED", feed=self.feed) from None
        try:
            yield handle
        finally:
            self._shut(handle)

    @contextmanager
    def making(self, path: str, *, fresh: bool) -> Iterator[Any]:
        """A handle for writing a file of ours: anew, or going on with what is there."""
        with self._link(path):
            handle = self.wire().open(path, write=True, fresh=fresh)
        try:
            yield handle
        finally:
            self._shut(handle)

    def _shut(self, handle: Any) -> None:  # noqa: ANN401 - the wire's own handle
        if self._wire is not None and self._wire.is_live:
            with suppress(OSError):
                self._wire.shut(handle)

    def look_at(self, source: Any, name: str) -> Seen:  # noqa: ANN401 - the wire's own handle
        """What the open handle stands for."""
        with self._link("handle"):
            return self._same().look_at(source, name)

    def blocks(self, source: Any, start: int) -> Iterator[bytes]:  # noqa: ANN401 - the wire's own handle
        """The rest of the file in blocks, to the end that reading finds, whatever size was promised."""
        with self._link("handle"):
            for block in self._same().blocks(source, start):
                self._received += len(block)
                yield block

    def read(self, source: Any, start: int, length: int) -> bytes:  # noqa: ANN401 - the wire's own handle
        """``length`` bytes from ``start``, unless the file ends before."""
        with self._link("handle"):
            return b"".join(self._same().blocks(source, start, start + length))

    def write(self, target: Any, start: int, blocks: Iterable[bytes]) -> None:  # noqa: ANN401 - the wire's own handle
        """Write from ``start`` on; every byte was acknowledged when it returns."""
        with self._link("handle"):
            self._same().write(target, start, blocks)

    def to_disk(self, target: Any) -> None:  # noqa: ANN401 - the wire's own handle
        """Have the server flush it to its disk, where it can be told to."""
        with self._link("handle"):
            self._same().to_disk(target)

    def rename(self, old: str, new: str, *, over: bool = False) -> None:
        """Rename; FileExistsError rather than over another file, unless ``over`` says so."""
        with self._link(new):
            wire = self.wire()
            try:
                (wire.replace if over else wire.rename)(old, new)
            except ConnectionError:
                raise
            except OSError as refused:
                if self.look(new) is not None:
                    raise FileExistsError(new) from None
                raise refused from None

    def remove(self, path: str) -> None:
        """Remove a file of ours; it may be gone already."""
        with self._link(path), suppress(FileNotFoundError):
            self.wire().remove(path)

    def _same(self) -> "Wire":
        """The wire that opened the handle, never a later one."""
        assert self._wire is not None
        return self._wire

    @contextmanager
    def _link(self, what: str) -> Iterator[None]:
        """Faults of the link and of the server, named by what to do next."""
        try:
            yield
        except FileExistsError:
            raise
        except (FileNotFoundError, PermissionError) as refused:
            facts = {"connection": self._connection.name, "object": what, "state": type(refused).__name__}
            raise FixDeclaration("E_SOURCE_OBJECT", **facts) from None
        except OSError as broken:
            if self._lost == "E_PUSH_LOST" and not isinstance(broken, ConnectionError):
                raise Stop("E_PUSH_REFUSED", feed=self.feed) from None
            self.close()
            raise TryAgain(self._lost, feed=self.feed, bytes=self._received) from None


# meeting the server -------------------------------------------------------------------------------


def _sign_in(connection: Connection) -> "Wire":
    """Reach the server as often as it takes; sign in once."""
    _check(connection)
    allowed = _allowed(connection)
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda e: isinstance(e, TryAgain) and "signing_in" not in e.facts),
        wait=tenacity.wait_random_exponential(multiplier=0.3, max=4),
        stop=tenacity.stop_after_delay(min(float(connection.settings.get("retry_seconds", "20")), 25)),
        reraise=True,
    )
    try:
        return retrying(_opener(connection), connection, allowed)
    except (Stop, TryAgain) as error:
        raise _explained(connection, error, allowed) from None


def _opener(connection: Connection) -> "Callable[..., Wire]":
    """paramiko, unless something is declared that it cannot do."""
    settings = connection.settings
    declared = settings.get("wire") == "asyncssh" or "algorithms" in settings or "names" in settings
    if declared:
        from .parts import sftp_asyncssh

        return sftp_asyncssh.open_wire
    from .parts import sftp_paramiko

    return sftp_paramiko.open_wire


def _check(connection: Connection) -> None:
    settings = connection.settings
    kind, _, encoded = settings.get("host_key", "").partition(" ")
    try:
        binascii.a2b_base64(encoded.split()[0], strict_mode=True)
    except (IndexError, binascii.Error):
        problem = f"{connection.name}: host_key must be a public key such as 'ssh-ed25519 AAAA…'"
        raise FixDeclaration("E_DECLARATION", problems=problem) from None
    if kind and "password" in settings and "key_file" in settings:
        problem = f"{connection.name}: either key_file or password, not both"
        raise FixDeclaration("E_DECLARATION", problems=problem)


def _allowed(connection: Connection) -> Mapping[str, Sequence[str]]:
    return sftp_offer.allowed_for(connection)


def _explained(
    connection: Connection, error: Stop | TryAgain, allowed: Mapping[str, Sequence[str]]
) -> Stop | TryAgain:
    """E_SSH_OLD with what the server offers and what would have to be declared.

    A server may also just hang up when it finds nothing in common; then it cannot be reached.
    """
    if error.code not in ("E_SSH_OLD", "E_LINK_DOWN") or "signing_in" in error.facts:
        return error
    try:
        offered = sftp_offer.read_offer(connection)
    except TryAgain:
        return error
    lacking = offered.lacking(allowed)
    if error.code == "E_LINK_DOWN" and not lacking:
        return error
    pinned = connection.settings["host_key"].split()[0]
    if not {pinned, *allowed["key_types"]} & set(offered.kinds["key_types"]):
        return Stop("E_HOSTKEY", connection=connection.name)  # it has no key of the pinned kind any more
    declare = f'algorithms = "{" ".join(lacking)}"' if lacking else 'wire = "asyncssh"'
    return Stop("E_SSH_OLD", connection=connection.name, reason=offered.text(), declare=declare)


# what only trying can tell ------------------------------------------------------------------------


def _tried(session: _Session, connection: Connection) -> dict[str, str]:
    """The server's clock, and whether it renames over a file; tried only where ``probe`` allows writing."""
    folder = connection.settings.get("probe")
    if not folder:
        return {"clock": "not tried: declare probe", "rename_over": "not tried: declare probe"}
    return sftp_probe.tried(session, posixpath.join(folder, "renkei-probe"))
