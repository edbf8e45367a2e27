"""Many requests under way at once: a link is idle only when it has nothing left to carry."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

#: No request is smaller, however short an answer came.
_LEAST = 1000

Asked = TypeVar("Asked")


def read_ahead(
    ask: Callable[[int, int], Asked],
    answer: Callable[[Asked], bytes],
    *,
    start: int,
    end: int | None,
    size: int,
    depth: int,
) -> Iterator[bytes]:
    """Bytes from ``start`` to where reading ends, or to ``end``, in order, whatever size was ever stated.

    ``ask`` sends a request for a place and a length, ``answer`` waits for its bytes, none at the end. An
    answer that comes short is gone on from; what was asked for behind it does not join on and is dropped.
    """
    asked: deque[tuple[int, int, Asked]] = deque()
    here = ahead = start
    while here != end:
        wanting = depth if len(asked) <= depth // 2 else 0  # in groups: requests travel together
        while len(asked) < wanting and (end is None or ahead < end):
            length = size if end is None else min(size, end - ahead)
            asked.append((ahead, length, ask(ahead, length)))
            ahead += length
        place, length, request = asked.popleft()
        data = answer(request)
        if place != here:
            continue
        if not data:
            return
        here += len(data)
        if len(data) < length:
            size = max(len(data), _LEAST)  # it never gives more at a time: do not ask for what is dropped
        if not asked or asked[0][0] != here:
            ahead = here
        yield data


def write_ahead(
    send: Callable[[int, memoryview], Asked],
    answer: Callable[[Asked], None],
    blocks: Iterable[bytes],
    *,
    start: int,
    size: int,
    depth: int,
) -> int:
    """Write ``blocks`` from ``start`` on; returns where they end, once every piece was acknowledged."""
    sent: deque[Asked] = deque()
    here = start
    for block in blocks:
        view = memoryview(block)
        for begin in range(0, len(block), size):
            piece = view[begin : begin + size]
            sent.append(send(here, piece))
            here += len(piece)
            if len(sent) >= depth:
                answer(sent.popleft())
    while sent:
        answer(sent.popleft())
    return here
