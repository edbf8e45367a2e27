"""SFTP: files that a system leaves in a folder, each taken whole, once, and proved.

Connection settings: ``host port user``, ``host_key`` (the pinned public key, ``ssh-ed25519 AAAA…``),
``key_file`` (our private key), and if wanted ``passphrase`` (a reference, ``file:/path`` or ``env:NAME``),
``timeout`` (seconds of silence that lose a link, 30 unless said), ``retry_seconds`` and ``base`` (its root).
Feed settings: ``path`` (folder and pattern, ``/out/KJ_*.DAT``), and if wanted ``done`` (the suffix of the
sender's done-file, ``.END``), ``settle`` (``10s``: without a done-file, how long a file must stand still) and
``as_of`` (a pattern whose first group is the date in the name, eight digits unless said).

What a pull promises:

- the server's key is compared with the pinned one before anything is sent that could sign us in;
- a file that is still being written is left; one that is replaced while it is read is thrown away;
- a broken transfer goes on where it stopped only when what was read before is proved to be the same file;
- a name on the server is data: it never becomes a path here, and a link there is never followed;
- files come oldest first; one that was taken before is not fetched again.
"""

import binascii
import logging
import posixpath
import socket
import stat
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import paramiko
import tenacity
from paramiko.sftp import CMD_READ, CMD_STATUS, SFTP_EOF, int64

from renkei.arrival import Seen, Wanted, date_in, in_order, judge, wanted_of
from renkei.errors import FixDeclaration, RenkeiError, Stop, TryAgain
from renkei.failpoint import failpoint
from renkei.model import Checkpoint, Connection, Delivery, Feed
from renkei.part import Unfinished, disk_errors, forget_others, held, publish, stem_of
from renkei.secrets import secret

#: Bytes of one read request; requests under way, which the default channel window holds; answers of a block.
REQUEST, REQUESTS, BLOCK = 32 << 10, 64, 16
#: The fastest cipher first; nothing older than counter mode.
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr")
_KEY_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


def connect(connection: Connection, *, workdir: Path) -> "SftpConnector":
    """A connector for one account; nothing is contacted yet."""
    # paramiko logs names of files and whole tracebacks; every fault is raised with its code anyway
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    return SftpConnector(connection, workdir)


class SftpConnector:
    """Fetches the files of one account into ``workdir``; ``notes`` lists what was left there and why."""

    replayable = True
    ordered = True
    idempotent = False

    def __init__(self, connection: Connection, workdir: Path) -> None:
        self.connection = connection
        self.notes: list[str] = []
        self._workdir = workdir

    def pull(self, feed: Feed, since: Checkpoint | None) -> Iterator[Delivery]:
        """New files, oldest first; E_FILE_GROWING is an error only when nothing else was ready.

        TryAgain: E_LINK_DOWN, E_PULL_LOST, E_FILE_GROWING, E_FILE_REPLACED. Stop: E_HOSTKEY, E_AUTH,
        E_SSH_OLD, E_DISK. FixDeclaration: E_SOURCE_OBJECT, E_SECRET, E_DECLARATION.
        """
        taken = dict(since.position.get("seen", {})) if since else {}
        wanted, fetched = wanted_of(feed, base=self.connection.settings.get("base", "")), 0
        self._workdir.mkdir(parents=True, exist_ok=True)
        with closing(_Session(self.connection, feed.id)) as session:
            judged = judge(session.listing(wanted.folder), wanted, taken)
            failpoint("snap.opened")
            ready = judged.ready + _settled(session, wanted, judged.unsure)
            growing = [entry.name for entry in (*judged.growing, *judged.unsure) if entry not in ready]
            self.notes = [*judged.notes, *(f"E_FILE_GROWING {name}" for name in growing)]
            stems = {entry.name: stem_of(feed.id, _path(wanted, entry.name)) for entry in ready}
            forget_others(self._workdir, feed.id, stems=set(stems.values()))
            for entry in in_order(ready, wanted):
                path, digest = _fetch(session, wanted, entry, self._workdir / f"{stems[entry.name]}.part")
                taken = {**taken, entry.name: [entry.size, entry.modified, digest]}
                yield _delivery(feed.id, wanted, entry, path=path, digest=digest, taken=taken)
                fetched += 1
        failpoint("pull.last")
        if growing and not fetched:
            raise TryAgain("E_FILE_GROWING", feed=feed.id)

    def test(self) -> Mapping[str, str]:
        """Prove the host key, sign in once, and say what was agreed on."""
        with closing(_Session(self.connection, self.connection.name)) as session:
            transport = session.transport()
            cipher = str(vars(transport).get("remote_cipher", ""))
            key = transport.get_remote_server_key().fingerprint
            return {"server": transport.remote_version, "host_key": key, "cipher": cipher}


def _delivery(
    feed: str, wanted: Wanted, entry: Seen, *, path: Path, digest: str, taken: Mapping[str, Sequence[object]]
) -> Delivery:
    return Delivery(
        feed=feed, name=entry.name, path=path, bytes=entry.size, sha256=digest,
        as_of=date_in(entry.name, wanted), remote_modified=datetime.fromtimestamp(entry.modified, UTC),
        position={"seen": dict(taken)},
    )  # fmt: skip


# one folder, one file -----------------------------------------------------------------------------


def _settled(session: "_Session", wanted: Wanted, unsure: list[Seen]) -> list[Seen]:
    """Those that show the same size and time in two looks, ``settle`` seconds apart."""
    if unsure:
        time.sleep(wanted.settle)
    return [entry for entry in unsure if session.look(wanted, entry.name) == entry]


def _fetch(session: "_Session", wanted: Wanted, entry: Seen, part: Path) -> tuple[Path, str]:
    """The file's bytes, read to their end and proved to be of one file; returns path and hash."""
    identity = {"path": _path(wanted, entry.name), "size": entry.size, "modified": entry.modified}
    leavings = (part, part.with_suffix(".json"), part.with_suffix(".new"))
    with (
        held(part, feed=session.feed),
        disk_errors(*leavings),
        closing(Unfinished(part, identity=identity)) as target,
    ):
        _transfer(session, wanted, entry, target)
        failpoint("part.written")
        target.to_disk()
        failpoint("part.fsynced")
        path = publish(part, name=target.sha256)
        part.with_suffix(".json").unlink(missing_ok=True)
        return path, target.sha256


def _transfer(session: "_Session", wanted: Wanted, entry: Seen, target: Unfinished) -> None:
    """The file must look the same before and after, by its name and through the open handle."""
    same = session.look(wanted, entry.name) == entry
    source = session.open(_path(wanted, entry.name))
    target.resume(partial(session.read, source))
    for block in session.blocks(source, target.size) if same else ():
        target.append(block)
        failpoint("pull.chunk")
    same = same and session.look_at(source, entry.name) == entry == session.look(wanted, entry.name)
    if not same or target.size != entry.size:
        target.empty()
        raise TryAgain("E_FILE_REPLACED", feed=session.feed)


def _path(wanted: Wanted, name: str) -> str:
    return posixpath.join(wanted.folder, name)


# the session --------------------------------------------------------------------------------------


class _Session:
    """One signed-in session, opened when first used, and again when the server ended it between files."""

    def __init__(self, connection: Connection, feed: str) -> None:
        self.feed = feed
        self._connection = connection
        self._transport: paramiko.Transport | None = None
        self._received = 0

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def transport(self) -> paramiko.Transport:
        """The live transport, signed in; the server is asked to sign us in again only when it hung up."""
        if self._transport is None or not self._transport.is_active():
            self._transport = _sign_in(self._connection)
            with self._link("sftp"):
                self._client = _Client.on(self._transport, timeout=_timeout(self._connection))
        return self._transport

    def listing(self, folder: str) -> list[Seen]:
        """Entries of a folder; names that are not UTF-8 come with surrogates, not as an error."""
        with self._link(folder):
            return [_seen(entry.filename, entry) for entry in self._live().listdir_attr(folder)]

    def look(self, wanted: Wanted, name: str) -> Seen | None:
        """What the name stands for now, links not followed; None when it is gone."""
        path = _path(wanted, name)
        with self._link(path), suppress(FileNotFoundError):
            return _seen(name, self._live().lstat(path))
        return None

    def look_at(self, source: paramiko.SFTPFile, name: str) -> Seen:
        """What the open handle stands for."""
        with self._link("handle"):
            return _seen(name, source.stat())

    def open(self, path: str) -> paramiko.SFTPFile:
        """A handle for reading; a name that went away meanwhile counts as replaced."""
        with self._link(path):
            try:
                return self._live().open(path, "rb")
            except FileNotFoundError:
                raise TryAgain("E_FILE_REPLACED", feed=self.feed) from None

    def blocks(self, source: paramiko.SFTPFile, start: int) -> Iterator[bytes]:
        """The rest of the file in blocks, to the end that reading finds, whatever size was promised."""
        block: list[bytes] = []
        with self._link("handle"):  # on the session that opened it, never on a later one
            for data in self._client.read_from(source, start):
                block.append(data)
                self._received += len(data)
                if len(block) == BLOCK:
                    yield b"".join(block)
                    block.clear()
        if block:
            yield b"".join(block)

    def read(self, source: paramiko.SFTPFile, start: int, length: int) -> bytes:
        """``length`` bytes from ``start``, unless the file ends before."""
        with self._link("handle"):
            return b"".join(self._client.read_from(source, start, start + length))

    def _live(self) -> "_Client":
        self.transport()
        return self._client

    @contextmanager
    def _link(self, what: str) -> Iterator[None]:
        """Faults of the link and of the server, named by what to do next."""
        try:
            yield
        except (FileNotFoundError, PermissionError) as refused:
            facts = {"connection": self._connection.name, "object": what, "state": type(refused).__name__}
            raise FixDeclaration("E_SOURCE_OBJECT", **facts) from None
        except (paramiko.SSHException, paramiko.SFTPError, EOFError, OSError):
            self.close()
            raise TryAgain("E_PULL_LOST", feed=self.feed, bytes=self._received) from None


class _Answers:
    """Collects the answers to many read requests, in whatever order they come."""

    def __init__(self) -> None:
        self.data: dict[int, bytes] = {}

    def _async_response(self, kind: int, message: paramiko.Message, number: int) -> None:
        if kind == CMD_STATUS:
            code = message.get_int()
            if code != SFTP_EOF:
                raise paramiko.SFTPError(f"read answered with status {code}")
        self.data[number] = b"" if kind == CMD_STATUS else message.get_string()


class _Client(paramiko.SFTPClient):
    """paramiko's client with names as data, and reads that overlap without a thread or a growing buffer."""

    @classmethod
    def on(cls, transport: paramiko.Transport, *, timeout: float) -> "_Client":
        """Open the SFTP channel; it is lost after ``timeout`` seconds of silence."""
        channel = transport.open_session(timeout=timeout)
        channel.settimeout(timeout)
        channel.invoke_subsystem("sftp")
        return cls(channel)

    def _request(self, kind: int, *arguments: object) -> tuple[int, paramiko.Message]:
        kind, message = super()._request(kind, *arguments)  # type: ignore[misc]  # the stubs leave it out
        # paramiko gives up a whole folder for one name that is not UTF-8
        message.get_text = lambda: message.get_string().decode("utf-8", "surrogateescape")
        return kind, message

    def read_from(self, source: paramiko.SFTPFile, start: int, end: int | None = None) -> Iterator[bytes]:
        """Bytes from ``start`` to the file's end, or to ``end``, with many requests under way at any time."""
        ask, answers = self._async_request, _Answers()  # type: ignore[attr-defined]  # the stubs leave it out
        asked: deque[tuple[int, int]] = deque()
        here = ahead = start
        while here != end:
            while len(asked) < REQUESTS and (end is None or ahead < end):
                size = REQUEST if end is None else min(REQUEST, end - ahead)
                asked.append((ahead, ask(answers, CMD_READ, source.handle, int64(ahead), size)))
                ahead += size
            place, number = asked.popleft()
            while number not in answers.data:
                self._read_response()  # type: ignore[attr-defined]  # the stubs leave it out
            data = answers.data.pop(number)
            if place != here:
                continue  # asked for before an answer came short: it does not join on
            if not data:
                return
            here += len(data)
            if asked and asked[0][0] != here:
                ahead = here
            yield data


def _seen(name: str, attributes: paramiko.SFTPAttributes) -> Seen:
    return Seen(
        name=name,
        size=attributes.st_size or 0,
        modified=attributes.st_mtime or 0,
        regular=stat.S_ISREG(attributes.st_mode or 0),
    )


def _sign_in(connection: Connection) -> paramiko.Transport:
    """Reach the server as often as it takes; sign in once."""
    key = _private_key(connection)
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, TryAgain)),
        wait=tenacity.wait_random_exponential(multiplier=0.3, max=4),
        stop=tenacity.stop_after_delay(min(float(connection.settings.get("retry_seconds", "20")), 25)),
        reraise=True,
    )
    transport = retrying(_meet, connection)
    try:
        if transport.auth_publickey(connection.settings["user"], key):
            raise paramiko.AuthenticationException("more is asked for than a key")
        return transport
    except paramiko.AuthenticationException:
        transport.close()
        raise Stop("E_AUTH", connection=connection.name) from None
    except (paramiko.SSHException, EOFError, OSError):
        transport.close()
        raise TryAgain("E_LINK_DOWN", connection=connection.name) from None


def _meet(connection: Connection) -> paramiko.Transport:
    """A connected transport whose server has proved to hold the pinned key; nothing of ours was sent."""
    kind, pinned = _pinned(connection)
    try:
        transport = _transport(connection, kind)
    except OSError:
        raise TryAgain("E_LINK_DOWN", connection=connection.name) from None
    try:
        transport.start_client(timeout=_timeout(connection))
        _check_host_key(connection, transport, pinned)
        return transport
    except (paramiko.SSHException, EOFError, OSError, Stop) as error:
        transport.close()
        raise _handshake_error(connection, error) from None


def _check_host_key(connection: Connection, transport: paramiko.Transport, pinned: bytes) -> None:
    if transport.get_remote_server_key().asbytes() != pinned:
        raise Stop("E_HOSTKEY", connection=connection.name)


def _handshake_error(connection: Connection, error: Exception) -> RenkeiError:
    if isinstance(error, Stop):
        return error
    if not isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return TryAgain("E_LINK_DOWN", connection=connection.name)
    if "host key" in str(error):  # the server no longer has a key of the pinned kind
        return Stop("E_HOSTKEY", connection=connection.name)
    return Stop("E_SSH_OLD", connection=connection.name, reason=str(error))


def _transport(connection: Connection, kind: str) -> paramiko.Transport:
    settings = connection.settings
    address = (settings["host"], int(settings.get("port", "22")))
    link = socket.create_connection(address, timeout=_timeout(connection))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # read requests are small and must not wait
    made = paramiko.Transport(
        link,
        disabled_algorithms={"macs": ["hmac-sha1", "hmac-sha1-96", "hmac-md5", "hmac-md5-96"]},
    )
    made.banner_timeout = made.auth_timeout = _timeout(connection)
    options = made.get_security_options()
    options.ciphers = [cipher for cipher in _CIPHERS if cipher in options.ciphers]
    options.key_types = _KEY_ALGORITHMS.get(kind, (kind,))
    return made


def _timeout(connection: Connection) -> float:
    return float(connection.settings.get("timeout", "30"))


def _pinned(connection: Connection) -> tuple[str, bytes]:
    kind, _, encoded = connection.settings.get("host_key", "").partition(" ")
    try:
        return kind, binascii.a2b_base64(encoded.split()[0], strict_mode=True)
    except (IndexError, binascii.Error):
        problem = f"{connection.name}: host_key must be a public key such as 'ssh-ed25519 AAAA…'"
        raise FixDeclaration("E_DECLARATION", problems=problem) from None


def _private_key(connection: Connection) -> paramiko.PKey:
    settings = connection.settings
    passphrase = secret(connection, "passphrase").encode() if "passphrase" in settings else None
    try:
        place = settings["key_file"].removeprefix("file:")
        return paramiko.PKey.from_path(place, passphrase)  # type: ignore[arg-type]  # bytes, whatever the stubs say
    except (KeyError, OSError, ValueError, TypeError, paramiko.SSHException) as wrong:
        facts = {"connection": connection.name, "setting": "key_file", "reason": type(wrong).__name__}
        raise FixDeclaration("E_SECRET", **facts) from None
