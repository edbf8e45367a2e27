"""paramiko's channel and client, for large files: nothing is moved twice, nothing waits that need not.

Every window and packet keeps paramiko's own size; larger ones stalled it.
"""

import socket
from collections.abc import Iterable, Iterator
from queue import Empty, SimpleQueue

import paramiko
from paramiko.buffered_pipe import BufferedPipe, PipeTimeout
from paramiko.sftp import (
    CMD_DATA,
    CMD_EXTENDED,
    CMD_INIT,
    CMD_READ,
    CMD_STATUS,
    CMD_VERSION,
    CMD_WRITE,
    SFTP_EOF,
)

from renkei.part import read_ahead, write_ahead

#: Bytes of a read request, of which a server gives what it likes; how many are under way, which the default
#: channel window holds; as many writes of one packet each; bytes taken off the channel, and off the network.
REQUEST, REQUESTS, WRITES, ALL, GULP = 64 << 10, 32, 64, 1 << 20, 256 << 10
#: The largest piece that comes over the default channel.
PACKET = 32 << 10
#: What an SSH packet and an SFTP write carry beside the bytes; a write then fills one packet.
_AROUND_WRITE = 64 + 25


class Client(paramiko.SFTPClient):
    """paramiko's client with names as data, and transfers that overlap without a growing buffer."""

    @classmethod
    def on(cls, transport: paramiko.Transport, *, timeout: float) -> "Client":
        """Open the SFTP channel; it is lost after ``timeout`` seconds of silence."""
        channel = transport.open_session(timeout=timeout)
        channel.settimeout(timeout)
        channel.in_buffer = _Pipe()  # nothing can have come yet
        channel.invoke_subsystem("sftp")
        return cls(channel)

    def __init__(self, channel: paramiko.Channel) -> None:
        self._held, self._place = b"", 0
        self._outbox: list[bytes] = []
        self._answers: dict[int, tuple[int, bytes]] = {}
        self._extensions: set[bytes] = set()
        super().__init__(channel)

    # packets --------------------------------------------------------------------------------------

    def _send_version(self) -> int:
        hello = paramiko.Message()
        hello.add_int(3)
        self._send_packet(CMD_INIT, hello)  # type: ignore[attr-defined]  # the stubs leave it out
        kind, data = self._read_packet()
        if kind != CMD_VERSION:
            raise paramiko.SFTPError("not an SFTP server")
        message = paramiko.Message(data)
        version = message.get_int()
        while message.get_remainder():
            self._extensions.add(message.get_string())
            message.get_string()
        return version

    def _read_packet(self) -> tuple[int, bytes]:
        self._have(5)
        at = self._place
        size = int.from_bytes(self._held[at : at + 4], "big")
        if not 0 < size < 1 << 24:
            raise paramiko.SFTPError("not a packet")
        self._have(4 + size)
        at = self._place
        self._place = at + 4 + size
        return self._held[at + 4], self._held[at + 5 : self._place]

    def _have(self, count: int) -> None:
        """Wait for so many bytes; whatever the channel holds is taken with them."""
        while len(self._held) - self._place < count:
            fresh = self.sock.recv(ALL)
            if not fresh:
                raise EOFError
            self._held, self._place = self._held[self._place :] + fresh, 0

    def _request(self, kind: int, *arguments: object) -> tuple[int, paramiko.Message]:
        kind, message = super()._request(kind, *arguments)  # type: ignore[misc]  # the stubs leave it out
        # paramiko gives up a whole folder for one name that is not UTF-8
        message.get_text = lambda: message.get_string().decode("utf-8", "surrogateescape")
        return kind, message

    # overlapping requests -------------------------------------------------------------------------

    def _ask(self, kind: int, handle: bytes, place: int, rest: bytes) -> int:
        """Make a request; it goes off with the next flush."""
        number: int = self.request_number
        self.request_number = number + 1
        body = b"".join(
            (bytes([kind]), number.to_bytes(4, "big"), len(handle).to_bytes(4, "big"), handle,
             place.to_bytes(8, "big"), rest)
        )  # fmt: skip
        self._outbox.append(len(body).to_bytes(4, "big") + body)
        return number

    def _flush(self) -> None:
        if self._outbox:
            self.sock.sendall(b"".join(self._outbox))
            self._outbox.clear()

    def _answer(self, number: int) -> tuple[int, bytes]:
        self._flush()
        while number not in self._answers:
            kind, data = self._read_packet()
            self._answers[int.from_bytes(data[:4], "big")] = (kind, data)
        return self._answers.pop(number)

    def read_from(self, handle: bytes, start: int, end: int | None) -> Iterator[bytes]:
        """Bytes from ``start`` to the file's end, or to ``end``, with many requests under way at any time."""

        def ask(place: int, length: int) -> int:
            return self._ask(CMD_READ, handle, place, length.to_bytes(4, "big"))

        def answer(number: int) -> bytes:
            kind, data = self._answer(number)
            if kind == CMD_DATA:
                return data[8:]
            self._expect_status(kind, data, SFTP_EOF)
            return b""

        self._answers.clear()
        return read_ahead(ask, answer, start=start, end=end, size=REQUEST, depth=REQUESTS)

    def write_to(self, handle: bytes, start: int, blocks: Iterable[bytes]) -> None:
        """Write with many requests under way; every one was answered when it returns."""

        def send(place: int, piece: memoryview) -> int:
            number = self._ask(CMD_WRITE, handle, place, len(piece).to_bytes(4, "big") + piece)
            self._flush()
            return number

        def answer(number: int) -> None:
            self._expect_status(*self._answer(number), 0)

        self._answers.clear()
        packet: int = self.sock.out_max_packet_size
        size = min(packet, 1 << 15) - _AROUND_WRITE - len(handle)
        write_ahead(send, answer, blocks, start=start, size=size, depth=WRITES)

    def _expect_status(self, kind: int, data: bytes, wanted: int) -> None:
        code = int.from_bytes(data[4:8], "big")
        if kind != CMD_STATUS or code != wanted:
            raise OSError(None, f"answered with status {code}")

    def flush(self, handle: bytes) -> bool:
        """fsync where the server offers it."""
        if b"fsync@openssh.com" not in self._extensions:
            return False
        self._request(CMD_EXTENDED, "fsync@openssh.com", handle)
        return True


class _Pipe(BufferedPipe):  # type: ignore[type-arg]  # generic in the stubs only
    """What came over the channel, in the pieces that it came in: paramiko's own moves all for each read."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: SimpleQueue[bytes] = SimpleQueue()
        self._ended = False

    def feed(self, data: bytes) -> None:
        """One more piece."""
        self._pieces.put(data)

    def close(self) -> None:
        """There will be no more."""
        self._pieces.put(b"")

    def read(self, nbytes: int, timeout: float | None = None) -> bytes:
        """What is there, at least one piece and at most ``nbytes``; none at the end."""
        if self._ended:
            return b""
        try:
            pieces = [self._pieces.get(timeout=timeout)]
            size = len(pieces[0])
            while pieces[-1] and size + PACKET <= nbytes and not self._pieces.empty():
                pieces.append(self._pieces.get_nowait())
                size += len(pieces[-1])
        except Empty:
            raise PipeTimeout from None
        self._ended = not pieces[-1]
        return b"".join(pieces)


class Gulping(socket.socket):
    """A socket that is read in large gulps: paramiko asks for every packet in two or more small ones."""

    _held, _place = memoryview(b""), 0

    def recv(self, count: int, flags: int = 0) -> bytes:
        """At most ``count`` bytes; none at the end."""
        if self._place == len(self._held):
            self._held, self._place = memoryview(super().recv(GULP, flags)), 0
        taken = bytes(self._held[self._place : self._place + count])
        self._place += len(taken)
        return taken
