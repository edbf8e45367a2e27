"""The usual wire under ``sftp.py``: paramiko, without its slow ways and without larger windows.

It is opened by ``sftp.py`` and knows nothing of feeds. Faults come out as OSError: ConnectionError for a lost
link, FileNotFoundError and PermissionError as the server says them, any other for what the server refused.
"""

import logging
import posixpath
import socket
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import paramiko

from renkei.arrival import Seen
from renkei.errors import FixDeclaration, Stop, TryAgain
from renkei.model import Connection
from renkei.secrets import secret

from . import sftp_channel

#: Bytes of a block.
BLOCK = 1 << 20


def open_wire(connection: Connection, allowed: Mapping[str, Sequence[str]]) -> "Wire":
    """Prove the host key, sign in once, and open the file channel.

    TryAgain E_LINK_DOWN; Stop E_HOSTKEY, E_AUTH, or E_SSH_OLD when nothing in ``allowed`` is in common.
    """
    # paramiko logs names of files and whole tracebacks; every fault is raised with its code anyway
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    prove = secret(connection, "password") if "password" in connection.settings else _key(connection)
    transport = _meet(connection, allowed)
    try:
        _sign_in(connection, transport, prove)
        return Wire(transport, timeout=_timeout(connection))
    except (paramiko.SSHException, EOFError, OSError):
        transport.close()
        raise TryAgain("E_LINK_DOWN", connection=connection.name, signing_in=True) from None


class Wire:
    """One signed-in session."""

    name = "paramiko"
    names = "utf-8"

    def __init__(self, transport: paramiko.Transport, *, timeout: float) -> None:
        self._transport = transport
        self._client = sftp_channel.Client.on(transport, timeout=timeout)

    @property
    def is_live(self) -> bool:
        """False once either side hung up."""
        return bool(self._transport.is_active())

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    @property
    def spoken(self) -> dict[str, Sequence[str]]:
        """What was proposed to the server, kind by kind."""
        options = self._transport.get_security_options()
        return {kind: getattr(options, kind) for kind in ("kex", "key_types", "ciphers", "digests")}

    def facts(self) -> dict[str, str]:
        """What was agreed on."""
        agreed = vars(self._transport)
        return {
            "server": self._transport.remote_version,
            "host_key": self._transport.get_remote_server_key().fingerprint,
            "cipher": str(agreed.get("remote_cipher", "")),
        }

    def listing(self, folder: str) -> list[Seen]:
        """Entries of a folder; names that are not UTF-8 come with surrogates, not as an error."""
        with self._faults():
            return [_seen(entry.filename, entry) for entry in self._client.listdir_attr(folder)]

    def look(self, path: str) -> Seen:
        """What a name stands for, a link not followed."""
        with self._faults():
            return _seen(posixpath.basename(path), self._client.lstat(path))

    def open(self, path: str, *, write: bool = False, fresh: bool = False) -> paramiko.SFTPFile:
        """A handle; ``fresh`` makes the file, and fails where there is one."""
        with self._faults():
            return self._client.open(path, ("wx" if fresh else "r+") if write else "r")

    def shut(self, handle: paramiko.SFTPFile) -> None:
        """Give a handle back."""
        with self._faults():
            handle.close()

    def look_at(self, handle: paramiko.SFTPFile, name: str) -> Seen:
        """What an open handle stands for."""
        with self._faults():
            return _seen(name, handle.stat())

    def blocks(self, handle: paramiko.SFTPFile, start: int, end: int | None = None) -> Iterator[bytes]:
        """Bytes from ``start`` to the end that reading finds, or to ``end``."""
        pieces: list[bytes] = []
        size = 0
        with self._faults():
            for piece in self._client.read_from(_id(handle), start, end):
                pieces.append(piece)
                size += len(piece)
                if size >= BLOCK:
                    yield b"".join(pieces)
                    pieces, size = [], 0
        yield b"".join(pieces)

    def write(self, handle: paramiko.SFTPFile, start: int, blocks: Iterable[bytes]) -> None:
        """Write from ``start`` on; every byte was acknowledged when it returns."""
        with self._faults():
            self._client.write_to(_id(handle), start, blocks)

    def to_disk(self, handle: paramiko.SFTPFile) -> bool:
        """Have the server flush the file to its disk; False when it has no word for that."""
        with self._faults():
            return self._client.flush(_id(handle))

    def rename(self, old: str, new: str) -> None:
        """Rename, but never over another file."""
        with self._faults():
            self._client.rename(old, new)

    def replace(self, old: str, new: str) -> None:
        """Rename, over what is there."""
        with self._faults():
            self._client.posix_rename(old, new)

    def remove(self, path: str) -> None:
        """Remove a file."""
        with self._faults():
            self._client.remove(path)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (paramiko.SSHException, paramiko.SFTPError, EOFError, TimeoutError):
            raise ConnectionError from None
        except OSError as refused:
            if self.is_live:
                raise type(refused)(refused.errno, "refused") from None
            raise ConnectionError from None


def _id(handle: paramiko.SFTPFile) -> bytes:
    named: object = handle.handle
    assert isinstance(named, bytes)
    return named


def _seen(name: str, attributes: paramiko.SFTPAttributes) -> Seen:
    return Seen(
        name=name,
        size=attributes.st_size or 0,
        modified=attributes.st_mtime or 0,
        regular=stat.S_ISREG(attributes.st_mode or 0),
    )


# meeting the server -------------------------------------------------------------------------------


def _meet(connection: Connection, allowed: Mapping[str, Sequence[str]]) -> paramiko.Transport:
    """A connected transport whose server has proved to hold the pinned key; nothing of ours was sent."""
    try:
        transport = _transport(connection, allowed)
    except OSError:
        raise TryAgain("E_LINK_DOWN", connection=connection.name) from None
    try:
        transport.start_client(timeout=_timeout(connection))
        _check_host_key(connection, transport)
        return transport
    except (paramiko.SSHException, EOFError, OSError, Stop) as error:
        transport.close()
        raise _handshake_error(connection, error) from None


def _check_host_key(connection: Connection, transport: paramiko.Transport) -> None:
    if transport.get_remote_server_key().get_base64() != connection.settings["host_key"].split()[1]:
        raise Stop("E_HOSTKEY", connection=connection.name)


def _handshake_error(connection: Connection, error: Exception) -> Exception:
    if isinstance(error, Stop):
        return error
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return Stop("E_SSH_OLD", connection=connection.name)
    return TryAgain("E_LINK_DOWN", connection=connection.name)


def _transport(connection: Connection, allowed: Mapping[str, Sequence[str]]) -> paramiko.Transport:
    settings = connection.settings
    address = (settings["host"], int(settings.get("port", "22")))
    link = socket.create_connection(address, timeout=_timeout(connection))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # read requests are small and must not wait
    made = paramiko.Transport(sftp_channel.Gulping(fileno=link.detach()))
    made.banner_timeout = made.auth_timeout = _timeout(connection)
    options = made.get_security_options()
    for name in ("kex", "key_types", "ciphers", "digests"):
        known = getattr(options, name)
        setattr(options, name, [each for each in allowed[name] if each in known] or known[:1])
    return made


def _sign_in(connection: Connection, transport: paramiko.Transport, prove: paramiko.PKey | str) -> None:
    user = connection.settings["user"]
    try:
        if isinstance(prove, str):
            more = transport.auth_password(user, prove, fallback=False)
        else:
            more = transport.auth_publickey(user, prove)
    except paramiko.AuthenticationException as refused:
        if "saw EOF" in str(refused):  # paramiko calls a link that is lost while signing in a refusal
            raise EOFError from None
        more = ["refused"]
    if more:
        transport.close()
        raise Stop("E_AUTH", connection=connection.name)


def _timeout(connection: Connection) -> float:
    return float(connection.settings.get("timeout", "30"))


def _key(connection: Connection) -> paramiko.PKey:
    settings = connection.settings
    passphrase = secret(connection, "passphrase").encode() if "passphrase" in settings else None
    try:
        place = settings["key_file"].removeprefix("file:")
        return paramiko.PKey.from_path(place, passphrase)  # type: ignore[arg-type]  # bytes, whatever the stubs say
    except (KeyError, OSError, ValueError, TypeError, paramiko.SSHException) as wrong:
        facts = {"connection": connection.name, "setting": "key_file", "reason": type(wrong).__name__}
        raise FixDeclaration("E_SECRET", **facts) from None
