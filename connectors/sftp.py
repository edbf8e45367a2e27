"""SFTP: files that a system leaves in a folder, each taken whole, once, and proved.

Connection settings: ``host port user``, ``host_key`` (the pinned public key, ``ssh-ed25519 AAAA…``),
``key_file`` (our private key), and if wanted ``passphrase`` (a reference, ``file:/path`` or ``env:NAME``),
``timeout`` (seconds of silence before a link counts as lost, 30 unless said) and ``retry_seconds``.
Feed settings: ``path`` (folder and pattern, ``/out/KJ_*.DAT``), and if wanted ``done`` (the suffix of the
sender's done-file, ``.END``), ``settle`` (``10s``; without a done-file a file must not change for so long) and
``as_of`` (a pattern whose first group is the date in the name, ``(\\d{8})`` unless said).

What a pull promises:

- the server's key is compared with the pinned one before anything is sent that could sign us in;
- a file that is still being written is left; one that is replaced while it is read is thrown away;
- a broken transfer goes on where it stopped only when what was read before is proved to be the same file;
- a name on the server is data: it never becomes a path here, and a link there is never followed;
- files come oldest first, and one that was taken before is not fetched again.
"""

import binascii
import fnmatch
import hashlib
import json
import os
import posixpath
import re
import socket
import stat
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any

import paramiko
import tenacity
from paramiko.sftp import CMD_READ, CMD_STATUS, int64

from renkei.errors import FixDeclaration, RenkeiError, Stop, TryAgain
from renkei.failpoint import failpoint
from renkei.model import Checkpoint, Connection, Delivery, Feed
from renkei.part import disk_errors, held, publish
from renkei.secrets import secret

#: Bytes asked for at once, in requests of 32 KiB: the default channel window holds all of their answers.
WINDOW, REQUEST = 2 << 20, 32 << 10
#: What is read again before a transfer goes on: the start, where a file says when it was made, and the end.
_HEAD, _TAIL = 64 << 10, 1 << 20
#: The fastest cipher first; nothing older than counter mode.
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr")
_KEY_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


def connect(connection: Connection, *, workdir: Path) -> "SftpConnector":
    """A connector for one account; nothing is contacted yet."""
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
        seen = dict(since.position.get("seen", {})) if since else {}
        wanted, taken = _wanted(feed), 0
        self.notes = []
        self._workdir.mkdir(parents=True, exist_ok=True)
        with _Session(self.connection, feed.id) as session:
            found = _look(session, wanted, seen)
            failpoint("snap.opened")
            self.notes += found.notes
            _forget_parts(self._workdir, feed.id, keep=found.ready)
            for remote in found.ready:
                part = self._workdir / f"{_stem(feed.id, remote)}.part"
                path, digest = _fetch(session, remote, part)
                seen = {**seen, remote.name: [remote.size, remote.modified, digest]}
                yield _delivery(feed.id, remote, path, digest=digest, seen=seen)
                taken += 1
        if found.growing and not taken:
            raise TryAgain("E_FILE_GROWING", feed=feed.id)

    def test(self) -> Mapping[str, str]:
        """Prove the host key, sign in once, and say what was agreed on."""
        with _Session(self.connection, self.connection.name) as session:
            transport = session.transport()
            return {
                "server": transport.remote_version,
                "host_key": transport.get_remote_server_key().fingerprint,
                "cipher": transport.remote_cipher,
            }


def _delivery(
    feed: str, remote: "Remote", path: Path, *, digest: str, seen: Mapping[str, list[object]]
) -> Delivery:
    return Delivery(
        feed=feed, name=remote.name, path=path, bytes=remote.size, sha256=digest, as_of=remote.as_of,
        remote_modified=datetime.fromtimestamp(remote.modified, UTC), position={"seen": dict(seen)},
    )  # fmt: skip


# what is wanted, and what is ready ----------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A feed's settings, checked."""

    feed: str
    folder: str
    pattern: str
    done: str
    settle: float
    as_of: re.Pattern[str]


@dataclass(frozen=True, kw_only=True)
class Remote:
    """One file as the server's listing shows it."""

    name: str
    path: str
    size: int
    modified: int
    as_of: date | None


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one look at the folder gave: files to fetch, oldest first, and what is left there."""

    ready: list[Remote]
    growing: list[Remote]
    notes: list[str]


def _wanted(feed: Feed) -> Wanted:
    settings = feed.settings
    folder, pattern = posixpath.split(str(settings.get("path", "")))
    try:
        if not pattern or set(folder) & set("*?["):
            raise ValueError("path must be a folder and one file pattern, such as /out/KJ_*.DAT")
        return Wanted(
            feed=feed.id,
            folder=folder or ".",
            pattern=pattern,
            done=str(settings.get("done", "")).lstrip("*"),
            settle=float(str(settings.get("settle", "10s")).removesuffix("s")),
            as_of=re.compile(settings.get("as_of", r"(\d{8})")),
        )
    except (ValueError, re.error) as wrong:
        raise FixDeclaration("E_DECLARATION", problems=f"{feed.id}: {wrong}") from None


def _look(session: "_Session", wanted: Wanted, seen: Mapping[str, Sequence[object]]) -> Found:
    """List the folder; names are data, so a strange one is noted and left."""
    listed = {entry.filename: entry for entry in session.listing(wanted.folder)}
    ours = [
        name for name in listed if fnmatch.fnmatchcase(name, wanted.pattern) and not _is_done(name, wanted)
    ]
    fit = [name for name in ours if _is_plain(name) and stat.S_ISREG(listed[name].st_mode or 0)]
    notes = [f"E_FILE_NAME {ascii(name)[:80]}" for name in ours if name not in fit]
    new = [_remote(listed[name], wanted) for name in fit]
    new = [remote for remote in new if list(seen.get(remote.name, ()))[:2] != [remote.size, remote.modified]]
    ready = [remote for remote in new if _has_done(remote, listed, wanted)]
    unsure = [remote for remote in new if remote not in ready]
    ready += _settled(session, unsure, listed, wanted)
    growing = [remote for remote in new if remote not in ready]
    notes += [f"E_FILE_GROWING {remote.name}" for remote in growing]
    return Found(ready=sorted(ready, key=_age), growing=growing, notes=notes)


def _is_done(name: str, wanted: Wanted) -> bool:
    return bool(wanted.done) and name.endswith(wanted.done)


def _is_plain(name: str) -> bool:
    """No control, format or undecodable character, no path, and no longer than a name may be."""
    odd = any(unicodedata.category(char).startswith("C") for char in name)
    return not odd and "/" not in name and name not in {".", ".."} and len(name.encode()) <= 255


def _remote(entry: paramiko.SFTPAttributes, wanted: Wanted) -> Remote:
    return Remote(
        name=entry.filename,
        path=posixpath.join(wanted.folder, entry.filename),
        size=entry.st_size,
        modified=entry.st_mtime,
        as_of=_date_in(entry.filename, wanted.as_of),
    )


def _date_in(name: str, pattern: re.Pattern[str]) -> date | None:
    match = pattern.search(name)
    try:
        return date.fromisoformat(match[1]) if match else None
    except (ValueError, IndexError):
        return None


def _age(remote: Remote) -> tuple[date, int, str]:
    return (remote.as_of or date.max, remote.modified, remote.name)


def _has_done(remote: Remote, listed: Mapping[str, paramiko.SFTPAttributes], wanted: Wanted) -> bool:
    """The done-file is there, and the data was not touched after it."""
    done = listed.get(posixpath.splitext(remote.name)[0] + wanted.done) if wanted.done else None
    return done is not None and done.st_mtime >= remote.modified


def _settled(
    session: "_Session",
    unsure: Sequence[Remote],
    listed: Mapping[str, paramiko.SFTPAttributes],
    wanted: Wanted,
) -> list[Remote]:
    """Those that show the same size and time in two looks. A promised done-file that is missing means no."""
    candidates = [
        remote
        for remote in unsure
        if not wanted.done or posixpath.splitext(remote.name)[0] + wanted.done in listed
    ]
    if not candidates:
        return []
    time.sleep(wanted.settle)
    return [remote for remote in candidates if _same(remote, session.lstat(remote))]


def _same(remote: Remote, now: paramiko.SFTPAttributes | None) -> bool:
    return (
        now is not None
        and stat.S_ISREG(now.st_mode or 0)
        and (now.st_size, now.st_mtime) == (remote.size, remote.modified)
    )


# one file, whole ----------------------------------------------------------------------------------


def _stem(feed: str, remote: Remote) -> str:
    """The unfinished file's name, made here: the sender's name is never a path."""
    return f"{feed}.{hashlib.sha256(remote.path.encode()).hexdigest()[:32]}"


def _forget_parts(workdir: Path, feed: str, *, keep: Sequence[Remote]) -> None:
    """Unfinished files of names that are no longer offered can never be finished."""
    stems = {_stem(feed, remote) for remote in keep}
    for leaving in (*workdir.glob(f"{feed}.*.part"), *workdir.glob(f"{feed}.*.json")):
        if leaving.stem not in stems:
            leaving.unlink(missing_ok=True)


def _fetch(session: "_Session", remote: Remote, part: Path) -> tuple[Path, str]:
    """The file's bytes, read to their end and proved to be of one file; returns path and hash."""
    state = part.with_suffix(".json")
    with held(part, feed=session.feed), disk_errors(part, state):
        with part.open("ab+") as target:
            digest = _transfer(session, remote, target, state)
            target.flush()
            failpoint("part.written")
            os.fsync(target.fileno())
        failpoint("part.fsynced")
        path = publish(part, name=digest)
        state.unlink(missing_ok=True)
        return path, digest


def _transfer(session: "_Session", remote: Remote, target: IO[bytes], state: Path) -> str:
    """The file must look the same before and after, by its name and through the open handle."""
    whole = _same(remote, session.lstat(remote))
    source = session.open(remote)
    hasher = _resume(session, source, remote, target, state)
    while whole and (data := session.read(source, at=target.tell(), length=WINDOW)):
        _keep(data, remote, target, hasher, state)
    whole = whole and _same(remote, session.fstat(source)) and _same(remote, session.lstat(remote))
    if not whole or target.tell() != remote.size:
        _empty(target, state)
        raise TryAgain("E_FILE_REPLACED", feed=session.feed)
    return hasher.hexdigest()


def _keep(data: bytes, remote: Remote, target: IO[bytes], hasher: "hashlib._Hash", state: Path) -> None:
    """Append, and write down what the unfinished file holds now, so that a cut need not start over."""
    target.write(data)
    target.flush()
    hasher.update(data)
    known = {**_identity(remote), "bytes": target.tell(), "sha256": hasher.hexdigest()}
    fresh = state.with_suffix(".json.new")
    fresh.write_text(json.dumps(known), "utf-8")
    fresh.rename(state)
    failpoint("pull.chunk")


def _identity(remote: Remote) -> dict[str, object]:
    return {"path": remote.path, "size": remote.size, "modified": remote.modified}


def _resume(
    session: "_Session", source: paramiko.SFTPFile, remote: Remote, target: IO[bytes], state: Path
) -> "hashlib._Hash":
    """The hash of what may be kept of an earlier attempt; the file stands at its end. Unproved: from zero."""
    known = _known(state)
    length = int(known.get("bytes", 0))
    target.seek(0)
    hasher = hashlib.sha256(target.read(length))
    kept = {**_identity(remote), "bytes": length, "sha256": hasher.hexdigest()} == known
    if kept and all(_agrees(session, source, target, *place) for place in _proofs(length)):
        target.truncate(length)
        target.seek(length)
        return hasher
    _empty(target, state)
    return hashlib.sha256()


def _known(state: Path) -> dict[str, Any]:
    try:
        known: dict[str, Any] = json.loads(state.read_text("utf-8"))
        return known
    except (FileNotFoundError, ValueError):
        return {}


def _proofs(length: int) -> tuple[tuple[int, int], ...]:
    return (0, min(_HEAD, length)), (max(0, length - _TAIL), length)


def _agrees(session: "_Session", source: paramiko.SFTPFile, target: IO[bytes], start: int, end: int) -> bool:
    """True when the server's bytes are still the ones kept here."""
    target.seek(start)
    ours, theirs = target.read(end - start), b""
    while len(theirs) < len(ours):
        data = session.read(source, at=start + len(theirs), length=len(ours) - len(theirs))
        if not data:
            return False
        theirs += data
    return ours == theirs


def _empty(target: IO[bytes], state: Path) -> None:
    target.seek(0)
    target.truncate()
    state.unlink(missing_ok=True)


# the session --------------------------------------------------------------------------------------


class _Session:
    """One signed-in session, opened when first used, and again when the server ended it between files."""

    def __init__(self, connection: Connection, feed: str) -> None:
        self.feed = feed
        self._connection = connection
        self._client: _Client | None = None
        self._received = 0

    def __enter__(self) -> "_Session":
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.get_channel().get_transport().close()

    def transport(self) -> paramiko.Transport:
        """The live transport."""
        return self._live().get_channel().get_transport()

    def listing(self, folder: str) -> list[paramiko.SFTPAttributes]:
        """Entries of a folder; names that are not UTF-8 come with surrogates, not as an error."""
        with self._link(folder):
            return list(self._live().listdir_attr(folder))

    def lstat(self, remote: Remote) -> paramiko.SFTPAttributes | None:
        """What the name stands for now, links not followed; None when it is gone."""
        with self._link(remote.path):
            try:
                return self._live().lstat(remote.path)
            except FileNotFoundError:
                return None

    def open(self, remote: Remote) -> paramiko.SFTPFile:
        """A handle for reading; a name that went away meanwhile counts as replaced."""
        with self._link(remote.path):
            try:
                return self._live().open(remote.path, "rb")
            except FileNotFoundError:
                raise TryAgain("E_FILE_REPLACED", feed=self.feed) from None

    def fstat(self, source: paramiko.SFTPFile) -> paramiko.SFTPAttributes:
        """What the open handle stands for."""
        with self._link("handle"):
            return source.stat()

    def read(self, source: paramiko.SFTPFile, *, at: int, length: int) -> bytes:
        """Bytes from ``at`` on, some or all of ``length``; none means that the file ends there."""
        with self._link("handle"):
            data = self._live().read_at(source.handle, at, length)
        self._received = at + len(data)
        return data

    def _live(self) -> "_Client":
        if self._client is None or not self._client.get_channel().get_transport().is_active():
            self._client = _sign_in(self._connection)
        return self._client

    @contextmanager
    def _link(self, what: str) -> Iterator[None]:
        """Faults of the link and of the server, named by what to do next."""
        try:
            yield
        except (FileNotFoundError, PermissionError) as refused:
            state = type(refused).__name__
            raise FixDeclaration(
                "E_SOURCE_OBJECT", connection=self._connection.name, object=what, state=state
            ) from None
        except (paramiko.SSHException, paramiko.SFTPError, EOFError, OSError):
            self.__exit__()
            raise TryAgain("E_PULL_LOST", feed=self.feed, bytes=self._received) from None


class _Answers:
    """Collects the answers to many read requests, in whatever order they come."""

    def __init__(self) -> None:
        self.data: dict[int, bytes] = {}

    def _async_response(self, kind: int, message: paramiko.Message, number: int) -> None:
        if kind == CMD_STATUS:
            code = message.get_int()
            if code != paramiko.SFTP_EOF:
                raise paramiko.SFTPError(f"read answered with status {code}")
        self.data[number] = b"" if kind == CMD_STATUS else message.get_string()


class _Client(paramiko.SFTPClient):
    """paramiko's client with names as data, and reads that overlap without a thread or a growing buffer."""

    def _request(self, kind: int, *arguments: object) -> tuple[int, paramiko.Message]:
        kind, message = super()._request(kind, *arguments)
        # paramiko gives up a whole folder for one name that is not UTF-8
        message.get_text = lambda: message.get_string().decode("utf-8", "surrogateescape")
        return kind, message

    def read_at(self, handle: bytes, offset: int, length: int) -> bytes:
        """Ask for ``length`` bytes at once; what came without a gap, which is nothing at the file's end."""
        answers = _Answers()
        places = [(at, min(REQUEST, offset + length - at)) for at in range(offset, offset + length, REQUEST)]
        numbers = [self._async_request(answers, CMD_READ, handle, int64(at), size) for at, size in places]
        while len(answers.data) < len(numbers):
            self._read_response()
        whole = b""
        for number, (at, _) in zip(numbers, places, strict=True):
            if offset + len(whole) != at:
                break
            whole += answers.data[number]
        return whole


def _sign_in(connection: Connection) -> _Client:
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
        further = transport.auth_publickey(connection.settings["user"], key)
        if further:
            raise paramiko.AuthenticationException("more is asked for than a key")
        client = _Client.from_transport(transport)
        client.get_channel().settimeout(_timeout(connection))
        return client
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
    except (paramiko.SSHException, EOFError, OSError) as error:
        transport.close()
        raise _handshake_error(connection, error) from None
    except Stop:
        transport.close()
        raise


def _check_host_key(connection: Connection, transport: paramiko.Transport, pinned: bytes) -> None:
    if transport.get_remote_server_key().asbytes() != pinned:
        raise Stop("E_HOSTKEY", connection=connection.name)


def _handshake_error(connection: Connection, error: Exception) -> RenkeiError:
    if not isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return TryAgain("E_LINK_DOWN", connection=connection.name)
    if "host key" in str(error):  # the server no longer has a key of the pinned kind
        return Stop("E_HOSTKEY", connection=connection.name)
    return Stop("E_SSH_OLD", connection=connection.name, reason=str(error))


def _transport(connection: Connection, kind: str) -> paramiko.Transport:
    settings = connection.settings
    address = (settings["host"], int(settings.get("port", "22")))
    made = paramiko.Transport(
        socket.create_connection(address, timeout=_timeout(connection)),
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
    passphrase = secret(connection, "passphrase") if "passphrase" in settings else None
    try:
        return paramiko.PKey.from_path(
            settings["key_file"].removeprefix("file:"), passphrase.encode() if passphrase else None
        )
    except (KeyError, OSError, ValueError, TypeError, paramiko.SSHException) as wrong:
        reason = type(wrong).__name__
        raise FixDeclaration(
            "E_SECRET", connection=connection.name, setting="key_file", reason=reason
        ) from None
