"""Messages of PostgreSQL's logical decoding (plugin ``pgoutput``, protocol 1): bytes → transactions and rows.

Values come as the source's output functions wrote them; here they become what ``::text`` gives, so that a row
reads the same in a change and in a whole read (char(n) keeps its padding in both). Pure: no connection.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from renkei.formats.changes.deltas import Row

#: ``::text`` differs from the output function for these types (and for char(n), see above).
_BOOL, _INET = 16, 869


class Unchanged:
    """Stands for a long value that an update did not touch, and that the source therefore did not log."""


UNCHANGED = Unchanged()
#: A row as it was logged.
Logged = tuple["str | Unchanged | None", ...]


class Unreadable(ValueError):
    """A message that this protocol does not have, or one that ends too early."""


@dataclass(frozen=True, kw_only=True)
class Begin:
    """A transaction begins. ``commit`` is where its commit stands in the log."""

    commit: int
    xid: int


@dataclass(frozen=True, kw_only=True)
class Commit:
    """It ends; whoever has taken it in has everything before ``end``."""

    end: int


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A table as it was when the next rows were written. ``identity`` f: old rows are logged in full."""

    oid: int
    identity: str
    columns: tuple[str, ...]
    types: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Written:
    """A row came (no ``old``), changed or went (no ``new``)."""

    oid: int
    old: Logged | None
    new: Logged | None


@dataclass(frozen=True, kw_only=True)
class Truncated:
    """Tables were emptied without a word on their rows."""

    oids: tuple[int, ...]


Message = Begin | Commit | Relation | Written | Truncated | None


def parse(data: bytes) -> Message:
    """One message; None for those that say nothing of rows (types, origins)."""
    reader = _PARSERS.get(data[:1])
    try:
        if reader is not None:
            return reader(_Bytes(data))
        if data[:1] in (b"Y", b"O", b"M"):
            return None
    except (struct.error, IndexError, ValueError):
        pass
    raise Unreadable(data[:1].hex())


def lsn(number: int) -> str:
    """A place in the log, as PostgreSQL writes it."""
    return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"


def number_of(text: str) -> int:
    """The place that a text names."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def is_visible(xid: int, snapshot: str) -> bool:
    """True when the transaction was over in a snapshot ``xmin:xmax:running,…``.

    The log has the lower 32 bits of its number only; the upper ones are those that bring it nearest.
    """
    xmin, xmax, running = snapshot.split(":")
    near = int(xmax)
    full = near + ((xid - near + 0x80000000) & 0xFFFFFFFF) - 0x80000000
    if full < int(xmin):
        return True
    return full < near and str(full) not in running.split(",")


def texts(values: Logged, relation: Relation) -> Row:
    """The row in the form of ``::text``; a value that was not logged makes it unreadable."""
    return tuple([_text(value, type_) for value, type_ in zip(values, relation.types, strict=True)])


def key_of(values: Logged, relation: Relation, key: Sequence[str]) -> tuple[str, ...]:
    """The key's values, which are never null."""
    found = []
    for place in map(relation.columns.index, key):
        value = _text(values[place], relation.types[place])
        if value is None:
            raise Unreadable("key")
        found.append(value)
    return tuple(found)


def _text(value: str | Unchanged | None, type_: int) -> str | None:
    if value is None:
        return None
    if isinstance(value, Unchanged):
        raise Unreadable("unchanged")
    if type_ == _BOOL:
        return {"t": "true", "f": "false"}[value]
    if type_ == _INET and "/" not in value:
        return f"{value}/{128 if ':' in value else 32}"
    return value


def filled(new: Logged, old: Logged | None) -> Logged:
    """The new row, with what was not logged again taken from the old one."""
    if old is None or not any(value is UNCHANGED for value in new):
        return new
    return tuple(was if value is UNCHANGED else value for value, was in zip(new, old, strict=True))


class _Bytes:
    """Reads a message from its second byte on."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 1

    def unpack(self, form: str) -> tuple[int, ...]:
        found = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return found

    def text(self) -> str:
        end = self._data.index(b"\0", self._at)
        found = self._data[self._at : end].decode()
        self._at = end + 1
        return found

    def kind(self) -> str:
        self._at += 1
        return chr(self._data[self._at - 1])

    def row(self) -> Logged:
        (count,) = self.unpack(">H")
        return tuple([self._value() for _ in range(count)])

    def _value(self) -> str | Unchanged | None:
        kind = self.kind()
        if kind == "t":
            (length,) = self.unpack(">I")
            self._at += length
            if self._at > len(self._data):
                raise IndexError(length)
            return self._data[self._at - length : self._at].decode()
        if kind == "n":
            return None
        if kind == "u":
            return UNCHANGED
        raise IndexError(kind)


def _begin(data: _Bytes) -> Begin:
    commit, _, xid = data.unpack(">QqI")
    return Begin(commit=commit, xid=xid)


def _commit(data: _Bytes) -> Commit:
    _, _, end, _ = data.unpack(">BQQq")
    return Commit(end=end)


def _relation(data: _Bytes) -> Relation:
    (oid,) = data.unpack(">I")
    data.text(), data.text()
    identity = data.kind()
    (count,) = data.unpack(">H")
    columns: list[tuple[str, int]] = []
    for _ in range(count):
        data.kind()
        name = data.text()
        columns.append((name, data.unpack(">Ii")[0]))
    names, types = zip(*columns, strict=True)
    return Relation(oid=oid, identity=identity, columns=names, types=types)


def _insert(data: _Bytes) -> Written:
    (oid,) = data.unpack(">I")
    data.kind()
    return Written(oid=oid, old=None, new=data.row())


def _update(data: _Bytes) -> Written:
    (oid,) = data.unpack(">I")
    old = data.row() if data.kind() in "KO" else None
    if old is not None:
        data.kind()
    return Written(oid=oid, old=old, new=data.row())


def _delete(data: _Bytes) -> Written:
    (oid,) = data.unpack(">I")
    data.kind()
    return Written(oid=oid, old=data.row(), new=None)


def _truncate(data: _Bytes) -> Truncated:
    count, _ = data.unpack(">IB")
    return Truncated(oids=data.unpack(f">{count}I"))


_PARSERS: dict[bytes, Callable[[_Bytes], Message]] = {
    b"B": _begin,
    b"C": _commit,
    b"R": _relation,
    b"I": _insert,
    b"U": _update,
    b"D": _delete,
    b"T": _truncate,
}
