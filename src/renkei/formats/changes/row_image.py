"""Row images of a MariaDB binary log → text, as a SELECT writes the same values.

Binary values become what ``HEX()`` gives, BIT its number, everything else the text of the value itself:
DECIMAL with all its places, dates that are no dates (0000-00-00, 1950-00-00) as they are, TIMESTAMP in
Japan's time. A type whose text could differ from the server's (FLOAT, DOUBLE …) has no reader. Pure.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from renkei.formats.changes.deltas import Row

#: Reads one value that begins at a place: its text, and the place behind it.
Reader = Callable[[bytes, int], tuple[str, int]]

_JAPAN = timezone(timedelta(hours=9))
#: The server's name of a character set → ours. Each was swept: both decode every cell alike.
CODECS = {"utf8": "utf-8", "utf8mb3": "utf-8", "utf8mb4": "utf-8", "cp932": "cp932", "ascii": "ascii"}
#: Bytes that hold 0 … 9 decimal digits.
_DIGITS = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)


class Unreadable(ValueError):
    """A value or an image that cannot be read for certain; the message names the type, never the value."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """One column as the log describes it. ``type`` is the protocol's number; ``size`` bytes of a length, of
    an ENUM or SET, or of BIT; ``charset`` "binary" for bytes."""

    name: str
    type: int
    unsigned: bool = False
    charset: str = ""
    size: int = 0
    length: int = 0
    precision: int = 0
    decimals: int = 0
    values: tuple[str, ...] = ()


def readers_of(columns: Sequence[Described]) -> tuple[Reader, ...]:
    """A reader for each column; Unreadable for the first that has none."""
    return tuple(_reader_of(column) for column in columns)


def images(data: bytes, readers: Sequence[Reader]) -> Iterator[Row]:
    """Full row images, one after another, to the end of the data."""
    at, nulls = 0, (len(readers) + 7) // 8
    try:
        while at < len(data):
            null = int.from_bytes(data[at : at + nulls], "little")
            at += nulls
            row: list[str | None] = []
            for number, reader in enumerate(readers):
                if null >> number & 1:
                    row.append(None)
                else:
                    text, at = reader(data, at)
                    row.append(text)
            yield tuple(row)
    except (IndexError, ValueError, OverflowError) as wrong:
        raise Unreadable(type(wrong).__name__) from None
    if at != len(data):
        raise Unreadable("length")


def _reader_of(column: Described) -> Reader:
    maker = _MAKERS.get(column.type)
    if maker is None:
        raise Unreadable(f"column {column.name} has type {column.type}")
    return maker(column)


# numbers -------------------------------------------------------------------------------------------


def _integer(size: int) -> Callable[[Described], Reader]:
    def maker(column: Described) -> Reader:
        signed = not column.unsigned
        return lambda data, at: (
            str(int.from_bytes(data[at : at + size], "little", signed=signed)), at + size
        )  # fmt: skip

    return maker


def _decimal(column: Described) -> Reader:
    """Nine digits in four bytes, the rest in as few as hold them; the first bit is the sign, inverted."""
    whole = column.precision - column.decimals
    groups = [whole % 9, *[9] * (whole // 9), *[9] * (column.decimals // 9), column.decimals % 9]
    size = sum(_DIGITS[digits] for digits in groups)

    def read(data: bytes, at: int) -> tuple[str, int]:
        raw = bytearray(data[at : at + size])
        is_negative = not raw[0] & 0x80
        raw[0] ^= 0x80
        if is_negative:
            raw = bytearray(byte ^ 0xFF for byte in raw)
        digits, place = "", 0
        for count in groups:
            part = raw[place : place + _DIGITS[count]]
            digits += str(int.from_bytes(part, "big")).zfill(count) if count else ""
            place += _DIGITS[count]
        left = digits[: len(digits) - column.decimals].lstrip("0") or "0"
        right = f".{digits[len(digits) - column.decimals :]}" if column.decimals else ""
        return f"{'-' if is_negative else ''}{left}{right}", at + size

    return read


def _bit(column: Described) -> Reader:
    size = column.size
    return lambda data, at: (str(int.from_bytes(data[at : at + size], "big")), at + size)


def _year(_: Described) -> Reader:
    return lambda data, at: (str(data[at] + 1900) if data[at] else "0000", at + 1)


# texts and bytes -----------------------------------------------------------------------------------


def _string(column: Described) -> Reader:
    """CHAR, VARCHAR, BINARY, VARBINARY: a length, then as many bytes."""
    return _counted(column, 2 if column.length > 255 else 1, padded=column.type == 254)


def _blob(column: Described) -> Reader:
    return _counted(column, column.size, padded=False)


def _counted(column: Described, size: int, *, padded: bool) -> Reader:
    if column.charset == "binary":
        # the log leaves out the zeros that fill up a BINARY(n)
        least = column.length if padded else 0
        text: Callable[[bytes], str] = lambda raw: raw.ljust(least, b"\0").hex().upper()  # noqa: E731 - one of two
    else:
        codec = CODECS.get(column.charset)
        if codec is None:
            raise Unreadable(f"column {column.name} has character set {column.charset}")
        text = lambda raw: raw.decode(codec)  # noqa: E731 - the other

    def read(data: bytes, at: int) -> tuple[str, int]:
        start = at + size
        end = start + int.from_bytes(data[at:start], "little")
        if end > len(data):
            raise IndexError(end)
        return text(data[start:end]), end

    return read


def _enum(column: Described) -> Reader:
    values = ("", *column.values)
    _readable_names(column)
    return lambda data, at: (
        values[int.from_bytes(data[at : at + column.size], "little")], at + column.size
    )  # fmt: skip


def _set(column: Described) -> Reader:
    _readable_names(column)

    def read(data: bytes, at: int) -> tuple[str, int]:
        bits = int.from_bytes(data[at : at + column.size], "little")
        chosen = (value for number, value in enumerate(column.values) if bits >> number & 1)
        return ",".join(chosen), at + column.size

    return read


def _readable_names(column: Described) -> None:
    """The values' names come in the column's character set, and are read as UTF-8 on the way here."""
    if CODECS.get(column.charset) not in {"utf-8", "ascii"}:
        raise Unreadable(f"column {column.name} is an ENUM or SET in {column.charset}")


# dates and times -----------------------------------------------------------------------------------


def _date(_: Described) -> Reader:
    def read(data: bytes, at: int) -> tuple[str, int]:
        bits = int.from_bytes(data[at : at + 3], "little")
        return f"{bits >> 9:04d}-{bits >> 5 & 15:02d}-{bits & 31:02d}", at + 3

    return read


def _datetime(column: Described) -> Reader:
    more = (column.decimals + 1) // 2

    def read(data: bytes, at: int) -> tuple[str, int]:
        bits = int.from_bytes(data[at : at + 5], "big") - 0x8000000000
        month, clock = bits >> 22, bits & 0x1FFFF
        day = f"{month // 13:04d}-{month % 13:02d}-{bits >> 17 & 31:02d}"
        text = f"{day} {clock >> 12:02d}:{clock >> 6 & 63:02d}:{clock & 63:02d}"
        return text + _fraction(data[at + 5 : at + 5 + more], column.decimals), at + 5 + more

    return read


def _timestamp(column: Described) -> Reader:
    more = (column.decimals + 1) // 2

    def read(data: bytes, at: int) -> tuple[str, int]:
        seconds = int.from_bytes(data[at : at + 4], "big")
        # second 0 is not in a TIMESTAMP's range: it stands for the date that is none
        text = (
            f"{datetime.fromtimestamp(seconds, _JAPAN):%Y-%m-%d %H:%M:%S}"
            if seconds
            else "0000-00-00 00:00:00"
        )
        return text + _fraction(data[at + 4 : at + 4 + more], column.decimals), at + 4 + more

    return read


def _time(column: Described) -> Reader:
    """Hours to seconds and their fraction as one number, moved up so that it is never negative."""
    more = (column.decimals + 1) // 2

    def read(data: bytes, at: int) -> tuple[str, int]:
        bits = int.from_bytes(data[at : at + 3 + more], "big") - (0x800000 << 8 * more)
        sign, bits = ("-", -bits) if bits < 0 else ("", bits)
        clock = bits >> 8 * more
        rest = (bits & (1 << 8 * more) - 1).to_bytes(more, "big")
        text = f"{sign}{clock >> 12 & 1023:02d}:{clock >> 6 & 63:02d}:{clock & 63:02d}"
        return text + _fraction(rest, column.decimals), at + 3 + more

    return read


def _fraction(raw: bytes, places: int) -> str:
    """So many places of a second; an odd number of them is stored with one more."""
    return f".{int.from_bytes(raw, 'big'):0{2 * len(raw)}d}"[: places + 1] if places else ""


_MAKERS: dict[int, Callable[[Described], Reader]] = {
    1: _integer(1), 2: _integer(2), 3: _integer(4), 8: _integer(8), 9: _integer(3),
    246: _decimal, 16: _bit, 13: _year,
    15: _string, 253: _string, 254: _string, 252: _blob,
    247: _enum, 248: _set,
    10: _date, 17: _timestamp, 18: _datetime, 19: _time,
}  # fmt: skip
