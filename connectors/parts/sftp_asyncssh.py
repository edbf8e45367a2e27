"""The wire for what paramiko no longer speaks: old algorithms declared by name, and names in CP932.

It is opened by ``sftp.py``, only where a connection declares one of the two, or the wire itself. Faults come
out as OSError: ConnectionError for a lost link, FileNotFoundError and PermissionError as the server says
them, any other for what the server refused.
"""

import asyncio
import logging
import posixpath
import stat
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import asyncssh
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs
from asyncssh.public_key import get_public_key_algs

from renkei.arrival import Seen
from renkei.errors import FixDeclaration, RenkeiError, Stop, TryAgain
from renkei.formats.encodings import cp932
from renkei.model import Connection
from renkei.part import read_ahead, write_ahead
from renkei.secrets import secret

#: Bytes of a read, of which a server gives what it likes; of a write, which every server must take; what is
#: handed over to be written at a time; how many of either are under way; bytes of a block.
READ, WRITE, PIECE, REQUESTS, BLOCK = 128 << 10, 32 << 10, 128 << 10, 8, 1 << 20
#: How a key of ours may sign; anything older is declared by name.
_SIGNS = (
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512",
    "rsa-sha2-256",
)  # fmt: skip
_KNOWN: Mapping[str, Callable[[], list[bytes]]] = {
    "kex": get_kex_algs, "key_types": get_public_key_algs, "ciphers": get_encryption_algs,
    "digests": get_mac_algs,
}  # fmt: skip

Result = TypeVar("Result")


def open_wire(connection: Connection, allowed: Mapping[str, Sequence[str]]) -> "Wire":
    """Prove the host key, sign in once, and open the file channel.

    TryAgain E_LINK_DOWN; Stop E_HOSTKEY, E_AUTH, or E_SSH_OLD when nothing in ``allowed`` is in common.
    """
    logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
    codec = _codec(connection)
    options = _options(connection, allowed)
    ours = _Loop(float(connection.settings.get("timeout", "30")))
    watcher = _Watcher()
    try:
        link, client = ours.run(_meet(connection, options, watcher))
        return Wire(ours, link, client, codec=codec, spoken=_spoken(allowed))
    except (asyncssh.Error, OSError, ValueError, RenkeiError) as error:
        ours.close()
        raise _handshake_error(connection, error, signing_in=watcher.signing_in) from None


class Wire:
    """One signed-in session; its loop runs in a thread of its own."""

    name = "asyncssh"

    def __init__(
        self,
        loop: "_Loop",
        link: asyncssh.SSHClientConnection,
        client: asyncssh.SFTPClient,
        *,
        codec: "Codec",
        spoken: Mapping[str, Sequence[str]],
    ) -> None:
        self.spoken = spoken
        self._loop, self._link, self._client, self._codec = loop, link, client, codec
        self.names = codec.name
        self._raw: dict[str, bytes] = {}

    @property
    def is_live(self) -> bool:
        """False once either side hung up."""
        return not self._link.is_closed()

    def close(self) -> None:
        """Hang up."""
        if not self._loop.is_closed:
            with suppress(OSError, asyncssh.Error):
                self._loop.run(_hang_up(self._link))
            self._loop.close()

    def facts(self) -> dict[str, str]:
        """What was agreed on."""
        key = self._link.get_server_host_key()
        return {
            "server": str(self._link.get_extra_info("server_version")),
            "host_key": key.get_fingerprint() if key else "",
            "cipher": str(self._link.get_extra_info("recv_cipher")),
        }

    def listing(self, folder: str) -> list[Seen]:
        """Entries of a folder. A name's own bytes are kept: two spellings of one text are two files."""
        with self._faults():
            found = []
            for entry in self._loop.run(_all_of(self._client, self._bytes(folder))):
                raw = entry.filename if isinstance(entry.filename, bytes) else entry.filename.encode()
                name = self._codec.decode(raw)
                self._raw[posixpath.join(folder, name)] = posixpath.join(self._bytes(folder), raw)
                found.append(_seen(name, entry.attrs))
            return found

    def look(self, path: str) -> Seen:
        """What a name stands for, a link not followed."""
        with self._faults():
            return _seen(posixpath.basename(path), self._loop.run(self._client.lstat(self._bytes(path))))

    def open(self, path: str, *, write: bool = False, fresh: bool = False) -> asyncssh.SFTPClientFile:
        """A handle; ``fresh`` makes the file, and fails where there is one."""
        mode = ("xb" if fresh else "r+b") if write else "rb"
        with self._faults():
            return self._loop.run(_opened(self._client, self._bytes(path), mode))

    def shut(self, handle: asyncssh.SFTPClientFile) -> None:
        """Give a handle back."""
        with self._faults():
            self._loop.run(handle.close())

    def look_at(self, handle: asyncssh.SFTPClientFile, name: str) -> Seen:
        """What an open handle stands for."""
        with self._faults():
            return _seen(name, self._loop.run(handle.stat()))

    def blocks(self, handle: asyncssh.SFTPClientFile, start: int, end: int | None = None) -> Iterator[bytes]:
        """Bytes from ``start`` to the end that reading finds, or to ``end``."""

        def ask(place: int, length: int) -> "Future[Any]":
            return self._loop.start(handle.read(length, place))

        pieces: list[bytes] = []
        size = 0
        with self._faults():
            for piece in read_ahead(
                ask, self._loop.wait, start=start, end=end, size=READ, depth=2 * REQUESTS
            ):
                pieces.append(piece)
                size += len(piece)
                if size >= BLOCK:
                    yield b"".join(pieces)
                    pieces, size = [], 0
        yield b"".join(pieces)

    def write(self, handle: asyncssh.SFTPClientFile, start: int, blocks: Iterable[bytes]) -> None:
        """Write from ``start`` on; every byte was acknowledged when it returns."""

        def send(place: int, piece: memoryview) -> "Future[Any]":
            return self._loop.start(handle.write(bytes(piece), place))

        with self._faults():
            write_ahead(send, self._loop.wait, blocks, start=start, size=PIECE, depth=REQUESTS)

    def to_disk(self, handle: asyncssh.SFTPClientFile) -> bool:
        """Have the server flush the file to its disk; False when it has no word for that."""
        with self._faults():
            try:
                self._loop.run(handle.fsync())
            except asyncssh.SFTPOpUnsupported:
                return False
            return True

    def rename(self, old: str, new: str) -> None:
        """Rename, but never over another file."""
        with self._faults():
            self._loop.run(self._client.rename(self._bytes(old), self._bytes(new)))

    def replace(self, old: str, new: str) -> None:
        """Rename, over what is there."""
        with self._faults():
            self._loop.run(self._client.posix_rename(self._bytes(old), self._bytes(new)))

    def remove(self, path: str) -> None:
        """Remove a file."""
        with self._faults():
            self._loop.run(self._client.remove(self._bytes(path)))

    def _bytes(self, path: str) -> bytes:
        return self._raw.get(path) or self._codec.encode(path)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            raise FileNotFoundError from None
        except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect):
            raise PermissionError from None
        except (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost, asyncssh.SFTPBadMessage):
            raise ConnectionError from None
        except asyncssh.SFTPError:
            raise OSError(None, "refused") from None
        except (asyncssh.Error, TimeoutError):
            raise ConnectionError from None


class _Loop:
    """An event loop in a thread; what it is asked to do must answer within ``timeout`` seconds."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, Result]) -> "Future[Result]":
        """Begin; :meth:`wait` for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait(self, under_way: "Future[Result]") -> Result:
        """Its result; TimeoutError after so much silence."""
        try:
            return under_way.result(self._timeout)
        except TimeoutError:
            under_way.cancel()
            raise

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Begin and wait."""
        return self.wait(self.start(work))

    @property
    def is_closed(self) -> bool:
        """True once it was stopped."""
        return self._loop.is_closed()

    def close(self) -> None:
        """Stop the loop; whatever still waits in it is given up."""
        with suppress(TimeoutError):
            self.run(_give_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


async def _hang_up(link: asyncssh.SSHClientConnection) -> None:
    link.abort()
    await link.wait_closed()


async def _give_up() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _all_of(client: asyncssh.SFTPClient, folder: bytes) -> list[asyncssh.SFTPName]:
    return [entry async for entry in client.scandir(folder) if entry.filename not in (b".", b"..", ".", "..")]


async def _opened(client: asyncssh.SFTPClient, path: bytes, mode: str) -> asyncssh.SFTPClientFile:
    # Reading, a block size of nothing: one request a call, and a short answer comes back as it is. asyncssh's
    # own overlapping reads fill a hole with zeros where a server ends a file too early.
    size = 0 if mode == "rb" else WRITE
    return await client.open(path, mode, encoding=None, block_size=size, max_requests=PIECE // WRITE)


def _seen(name: str, attributes: asyncssh.SFTPAttrs) -> Seen:
    return Seen(
        name=name,
        size=attributes.size or 0,
        modified=int(attributes.mtime or 0),
        regular=stat.S_ISREG(attributes.permissions or 0),
    )


# names --------------------------------------------------------------------------------------------


class Codec:
    """How a server writes names. What is no text in it comes with surrogates, and goes back as it came."""

    def __init__(self, name: str) -> None:
        self.name = name

    def decode(self, raw: bytes) -> str:
        """The text of a name."""
        try:
            return cp932.decode(raw) if self.name == "cp932" else raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("ascii", "surrogateescape")

    def encode(self, path: str) -> bytes:
        """The bytes of a path; FixDeclaration when it has none."""
        try:
            return cp932.encode_strictly(path) if self.name == "cp932" else path.encode()
        except UnicodeEncodeError:
            with suppress(UnicodeEncodeError):
                return path.encode("ascii", "surrogateescape")
            problem = f"a name cannot be written in {self.name}, as names are declared to be"
            raise FixDeclaration("E_DECLARATION", problems=problem) from None


def _codec(connection: Connection) -> Codec:
    names = connection.settings.get("names", "utf-8")
    if names not in ("utf-8", "cp932"):
        problem = f"{connection.name}: names must be 'utf-8' or 'cp932', not {names!r}"
        raise FixDeclaration("E_DECLARATION", problems=problem)
    return Codec(names)


# meeting the server -------------------------------------------------------------------------------


class _Watcher(asyncssh.SSHClient):
    """Knows whether anything that could sign us in was sent."""

    signing_in = False

    def begin_auth(self, username: str) -> None:
        """The host key was proved, and the server asks who we are."""
        del username
        self.signing_in = True


async def _meet(
    connection: Connection, options: dict[str, Any], watcher: _Watcher
) -> tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]:
    settings = connection.settings
    host, port = settings["host"], int(settings.get("port", "22"))
    link = await asyncssh.connect(host, port, client_factory=lambda: watcher, **options)
    watcher.signing_in = True
    try:
        # names as the bytes they are
        return link, await link.start_sftp_client(path_encoding=None)
    except (asyncssh.Error, OSError):
        await _hang_up(link)
        raise


def _options(connection: Connection, allowed: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    settings = connection.settings
    mine = _spoken(allowed)
    old_signature = [name for name in mine["key_types"] if name not in _SIGNS]
    patience = float(settings.get("timeout", "30"))
    return {
        "username": settings["user"], **_proof(connection),
        "known_hosts": ([asyncssh.import_public_key(settings["host_key"])], [], []),
        "kex_algs": mine["kex"], "encryption_algs": mine["ciphers"], "mac_algs": mine["digests"],
        "server_host_key_algs": mine["key_types"], "signature_algs": [*_SIGNS, *old_signature],
        "compression_algs": ["none"], "config": None, "agent_path": None, "x509_trusted_certs": None,
        "host_based_auth": False, "kbdint_auth": False, "gss_kex": False, "gss_auth": False,
        "disable_trivial_auth": True, "connect_timeout": patience, "login_timeout": patience,
    }  # fmt: skip


def _spoken(allowed: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """What of it asyncssh knows."""
    known = {kind: {each.decode() for each in listed()} for kind, listed in _KNOWN.items()}
    return {kind: [name for name in names if name in known[kind]] for kind, names in allowed.items()}


def _proof(connection: Connection) -> dict[str, Any]:
    settings = connection.settings
    if "password" in settings:
        return {"password": secret(connection, "password"), "client_keys": None, "public_key_auth": False}
    passphrase = secret(connection, "passphrase") if "passphrase" in settings else None
    try:
        key = asyncssh.read_private_key(settings["key_file"].removeprefix("file:"), passphrase)
    except (KeyError, OSError, ValueError) as wrong:
        facts = {"connection": connection.name, "setting": "key_file", "reason": type(wrong).__name__}
        raise FixDeclaration("E_SECRET", **facts) from None
    return {"client_keys": [key], "password_auth": False}


def _handshake_error(connection: Connection, error: Exception, *, signing_in: bool) -> RenkeiError:
    if isinstance(error, RenkeiError):
        return error
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return Stop("E_HOSTKEY", connection=connection.name)
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return Stop("E_SSH_OLD", connection=connection.name)
    if isinstance(error, asyncssh.PermissionDenied):
        return Stop("E_AUTH", connection=connection.name)
    facts = {"signing_in": True} if signing_in else {}
    return TryAgain("E_LINK_DOWN", connection=connection.name, **facts)
