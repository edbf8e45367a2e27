"""An SFTP server that does not say the truth: sizes that are wrong, answers that come short."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh

from renkei.model import Connection


class Honest(asyncssh.SFTPServer):
    """What it would be."""


class WrongSizes(asyncssh.SFTPServer):
    """Every size is seven bytes too large, in listings, by name and by handle."""

    more = 7

    def lstat(self, path: bytes) -> Any:
        return self._wrong(os.lstat(path))

    stat = lstat

    def fstat(self, file_obj: Any) -> Any:
        return self._wrong(os.fstat(file_obj.fileno()))

    async def scandir(self, path: bytes) -> Any:
        for entry in os.scandir(path):
            attributes = self._wrong(entry.stat(follow_symlinks=False))
            yield asyncssh.SFTPName(entry.name, attrs=attributes)

    def _wrong(self, found: os.stat_result) -> asyncssh.SFTPAttrs:
        attributes = asyncssh.SFTPAttrs.from_local(found)
        attributes.size = max(0, found.st_size + self.more)
        return attributes


class TooSmall(WrongSizes):
    """Every size is seven bytes too small: a reader that trusts it loses the end."""

    more = -7


class ShortAnswers(asyncssh.SFTPServer):
    """No answer is longer than 1,000 bytes, as the protocol allows."""

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        file_obj.seek(offset)
        return bytes(file_obj.read(min(size, 1000)))


class EndsEarly(asyncssh.SFTPServer):
    """The first reading ends too early, once; a later one is whole."""

    ended = False

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        if not type(self).ended and offset >= 100_000:
            type(self).ended = True
        if type(self).ended and offset >= 100_000 and not hasattr(self, "again"):
            self.again = offset
            return b""
        file_obj.seek(offset)
        return bytes(file_obj.read(size))


@contextmanager
def lying(kind: type[asyncssh.SFTPServer], folder: Path, **settings: str) -> Iterator[Connection]:
    """The account on such a server."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    host, client = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    (folder / "liar_key").write_bytes(client.export_private_key("openssh"))
    (folder / "liar_key").chmod(0o600)
    door = _Door(client.export_public_key("openssh").decode())
    server = asyncio.run_coroutine_threadsafe(door.open(kind, host), loop).result(10)
    try:
        public = host.export_public_key("openssh").decode().split()
        yield Connection(
            name="peer",
            settings={
                "host": "127.0.0.1", "port": str(server.get_port()), "user": "hub", "retry_seconds": "0",
                "host_key": " ".join(public[:2]), "key_file": str(folder / "liar_key"), "timeout": "5",
                **settings,
            },
        )  # fmt: skip
    finally:
        asyncio.run_coroutine_threadsafe(door.shut(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


class _Door:
    """Who came in, so that everybody is out again before the loop ends."""

    def __init__(self, account: str) -> None:
        self._account, self._guests = account, list[asyncssh.SSHServerConnection]()

    async def open(self, kind: type, host: asyncssh.SSHKey) -> asyncssh.SSHAcceptor:
        """Listen on a port of its own."""
        return await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[host], server_factory=lambda: _Greeter(self._guests),
            authorized_client_keys=asyncssh.import_authorized_keys(self._account), sftp_factory=kind,
            config=None, gss_host=None,
        )  # fmt: skip

    async def shut(self, server: asyncssh.SSHAcceptor) -> None:
        """Hang up on everybody, and wait for each socket: a client may be slow to say that it left."""
        server.close()
        for guest in self._guests:
            guest.abort()
        await asyncio.gather(*(guest.wait_closed() for guest in self._guests))
        await server.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class _Greeter(asyncssh.SSHServer):
    def __init__(self, guests: list[asyncssh.SSHServerConnection]) -> None:
        self._guests = guests

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._guests.append(conn)
