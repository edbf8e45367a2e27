"""A TCP proxy on loopback that breaks links on purpose, where and when a test says.

``with FaultProxy(port, faults=[Fault(direction="down", after=5000, action="reset")]) as proxy:`` listens on
``proxy.port`` and forwards to ``port``. ``down`` is from the server to the client, ``up`` the other way.

Actions: ``cut`` closes both sides in order, ``reset`` sends RST to both, ``black_hole`` forwards nothing any
more and keeps both sides open, ``half_close`` ends this direction only. ``connection`` restricts a fault to
the n-th connection (from 1). ``delay`` waits up to so many seconds before each chunk, drawn from ``seed``.
``rewrite`` makes a function for each connection that may alter what flows down.
"""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Self

CHUNK = 16_384


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one direction of a connection once ``after`` bytes went through."""

    direction: Literal["up", "down"]
    after: int
    action: Literal["cut", "reset", "black_hole", "half_close"]
    connection: int | None = None

    def strikes(self, direction: str, connection: int) -> bool:
        """True when it is meant for this direction of this connection."""
        return self.direction == direction and self.connection in (None, connection)


class FaultProxy:
    """Forwards to ``127.0.0.1:target`` until a fault strikes; counts ``connections`` and bytes ``passed``."""

    def __init__(
        self,
        target: int,
        *,
        faults: Sequence[Fault] = (),
        delay: float = 0.0,
        seed: int = 0,
        rewrite: Callable[[], Callable[[bytes], bytes]] | None = None,
    ) -> None:
        self.faults = list(faults)
        self.connections = 0
        self.passed = {"up": 0, "down": 0}
        self.port = 0
        self._target = target
        self._delay = delay
        self._chance = random.Random(seed)
        self._rewrite = rewrite
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._up = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: list[asyncio.StreamWriter] = []

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(30), "the proxy did not come up"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._loop.run_forever()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._up.set()

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # a close in order waits for a reader that may never come; nothing may be left in the loop
        for end in self._ends:
            abort(end)
        await asyncio.gather(*(end.wait_closed() for end in self._ends), return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._ends.append(writer)
        self.connections += 1
        try:
            await self._serve(self.connections, reader, writer)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _serve(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            return
        self._ends.append(back)
        rewrite = self._rewrite() if self._rewrite else bytes
        ends = (writer, back)
        try:
            await asyncio.gather(
                self._pump(reader, back, direction="up", number=number, ends=ends, rewrite=bytes),
                self._pump(there, writer, direction="down", number=number, ends=ends, rewrite=rewrite),
            )
        finally:
            back.close()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        *,
        direction: str,
        number: int,
        ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        rewrite: Callable[[bytes], bytes],
    ) -> None:
        passed = 0
        fault = next((fault for fault in self.faults if fault.strikes(direction, number)), None)
        with suppress(OSError):
            while data := await source.read(CHUNK):
                if self._delay:
                    await asyncio.sleep(self._chance.uniform(0, self._delay))
                room = len(data) if fault is None else max(0, fault.after - passed)
                target.write(rewrite(data[:room]))
                await target.drain()
                passed += len(data[:room])
                self.passed[direction] += len(data[:room])
                if fault is not None and passed >= fault.after:
                    await _strike(fault, target, ends)
                    return
            target.write_eof()


def abort(end: asyncio.StreamWriter) -> None:
    """End it now; one whose last bytes went out after its close is gone already, and cannot be aborted."""
    if end.get_extra_info("socket").fileno() >= 0:
        end.transport.abort()


async def _strike(
    fault: Fault, target: asyncio.StreamWriter, ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
) -> None:
    if fault.action == "black_hole":
        await asyncio.Event().wait()
    elif fault.action == "half_close":
        target.write_eof()
    for end in ends if fault.action in {"cut", "reset"} else ():
        if fault.action == "reset":
            end.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            end.transport.abort()
        else:
            end.close()
