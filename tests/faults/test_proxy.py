"""The proxy ends whatever state its links are in."""

import asyncio
import socket

import pytest
from tests.faults.proxy import abort


async def _closed_with_bytes_to_send() -> asyncio.StreamWriter:
    """An end that was closed in order while bytes waited, all of which were then read."""
    near, far = socket.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    _, end = await asyncio.open_connection(sock=near)
    reader, other = await asyncio.open_connection(sock=far)
    end.write(bytes(1_000_000))
    end.close()
    assert len(await reader.read()) == 1_000_000
    other.close()
    await end.wait_closed()
    return end


def test_an_end_that_is_gone_is_left_alone() -> None:
    async def end_it() -> None:
        abort(await _closed_with_bytes_to_send())

    asyncio.run(end_it())


def test_the_transport_itself_would_stumble_over_it() -> None:
    async def end_it() -> None:
        (await _closed_with_bytes_to_send()).transport.abort()

    with pytest.raises(AttributeError):
        asyncio.run(end_it())
