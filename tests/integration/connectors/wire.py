"""PostgreSQL's messages on the wire, altered on their way to the client as a faulty link or driver would."""

import struct
from collections.abc import Callable

#: Takes the bytes of one data row; gives them back altered, or None to lose the row.
Alter = Callable[[bytes], bytes | None]


def data_rows(alter: Alter) -> Callable[[], Callable[[bytes], bytes]]:
    """A ``rewrite`` for FaultProxy that hands every data row to ``alter``; lengths must stay the same."""

    def start() -> Callable[[bytes], bytes]:
        held = bytearray()

        def rewrite(data: bytes) -> bytes:
            held.extend(data)
            out = bytearray()
            while len(held) >= 5:
                length = 1 + struct.unpack_from(">I", held, 1)[0]
                if len(held) < length:
                    break
                message = bytes(held[:length])
                del held[:length]
                kept = alter(message) if message[:1] == b"D" else message
                out += kept or b""
            return bytes(out)

        return rewrite

    return start


def lost(holding: str) -> Alter:
    """Lose the row that holds this text."""
    return lambda row: None if holding.encode() in row else row


def without_line(holding: str) -> Alter:
    """Lose one line of a long text, and let the message say that it is shorter: a row is gone without a trace."""

    def shorten(row: bytes) -> bytes:
        at = row.find(holding.encode())
        start, end = row.rfind(b"\n", 0, at) + 1, row.find(b"\n", at) + 1
        if at < 0 or not start or not end:
            return row
        lost = end - start
        size = struct.unpack_from(">I", row, 1)[0] - lost
        column = _length_of_last(row)
        length = struct.unpack_from(">I", row, column)[0] - lost
        shorter = bytearray(row[:start] + row[end:])
        struct.pack_into(">I", shorter, 1, size)
        struct.pack_into(">I", shorter, column, length)
        return bytes(shorter)

    return shorten


def _length_of_last(row: bytes) -> int:
    """Where the length of the last column stands."""
    place, columns = 7, struct.unpack_from(">H", row, 5)[0]
    for _ in range(columns - 1):
        place += 4 + max(0, struct.unpack_from(">i", row, place)[0])
    return place


def replaced(old: str, new: str) -> Alter:
    """Another text of the same length in bytes."""
    assert len(old.encode()) == len(new.encode())
    return lambda row: row.replace(old.encode(), new.encode())


def swapped(left: str, right: str) -> Alter:
    """Give each of two rows the other's text: nothing is lost, but two residents are mixed up."""
    assert len(left.encode()) == len(right.encode())
    middle = b"\0" * len(left.encode())
    pairs = ((left.encode(), middle), (right.encode(), left.encode()), (middle, right.encode()))

    def swap(row: bytes) -> bytes:
        for old, new in pairs:
            row = row.replace(old, new)
        return row

    return swap
