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
