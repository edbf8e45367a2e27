"""Entries → records: which item holds which, where each lies, with the slack bytes that SYNC asks for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from renkei.formats.cobol.entries import Entry
from renkei.formats.cobol.faults import Faults

Kind = Literal["text", "dbcs", "national", "zoned", "packed", "binary", "native", "bytes"]

#: Digits of a binary item → its bytes, by the rule that its compiler follows.
BINARY_SIZES = {
    "2-4-8": {4: 2, 9: 4, 18: 8},
    "1-2-4-8": {2: 1, 4: 2, 9: 4, 18: 8},
}

#: Usages without a picture: their bytes.
_BARE = {"COMP-1": 4, "COMP-2": 8, "INDEX": 4}


@dataclass(frozen=True, kw_only=True)
class Compiler:
    """What compilers do differently. ``sync`` ibm puts eight-byte binaries on multiples of four."""

    binary_size: str = "2-4-8"
    sync: str = "ibm"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """How the bytes of one item hold its value. ``bytes`` kinds are read as hexadecimal figures."""

    kind: Kind
    bytes: int
    digits: int = 0
    scale: int = 0
    is_signed: bool = False
    is_sign_leading: bool = False
    is_sign_separate: bool = False


@dataclass(kw_only=True)
class Node:
    """An item in its place: ``at`` from 0 in its record, and ``bytes``, of its first occurrence.

    ``slack`` bytes lie before it; ``tail`` bytes at its end belong to nobody.
    """

    entry: Entry
    children: list["Node"] = field(default_factory=list)
    at: int = 0
    bytes: int = 0
    slack: int = 0
    tail: int = 0
    align: int = 1
    cell: Cell | None = None

    @property
    def times(self) -> int:
        """How often it occurs at most."""
        return self.entry.occurs.most if self.entry.occurs else 1

    @property
    def end(self) -> int:
        """The first byte behind all its occurrences."""
        return self.at + self.bytes * self.times

    def walk(self) -> Iterator["Node"]:
        """Itself and everything that it holds."""
        yield self
        for child in self.children:
            yield from child.walk()


def grow(entries: Sequence[Entry], compiler: Compiler, faults: Faults) -> list[Node]:
    """The records of a copybook. A text that begins below level 01 is one record without a name."""
    if entries and entries[0].level != 1:
        top = Entry(level=0, name="FILLER", line=entries[0].line)
        entries = [top, *entries]
    records: list[Node] = []
    above: list[Node] = []
    for entry in entries:
        while above and above[-1].entry.level >= entry.level:
            above.pop()
        node = Node(entry=entry)
        (above[-1].children if above else records).append(node)
        if above and above[-1].entry.picture:
            faults.add(entry.line, expected="no picture on a group", found=above[-1].entry.name)
        above.append(node)
    for record in records:
        _place(record, 0, _Given(), compiler, faults)
    return records


@dataclass(frozen=True, kw_only=True)
class _Given:
    """What groups pass on."""

    usage: str | None = None
    sign: tuple[str, bool] | None = None
    is_synchronized: bool = False

    def under(self, entry: Entry) -> "_Given":
        return _Given(
            usage=entry.usage or self.usage,
            sign=entry.sign or self.sign,
            is_synchronized=entry.is_synchronized or self.is_synchronized,
        )


def _place(node: Node, at: int, given: _Given, compiler: Compiler, faults: Faults) -> None:
    """Give the node its place from ``at`` on; a group's children follow one another."""
    given = given.under(node.entry)
    if node.children:
        node.at = at
        _place_children(node, given, compiler, faults)
        return
    node.cell = _cell(node.entry, given, compiler, faults)
    node.bytes = node.cell.bytes
    if given.is_synchronized:
        node.align = _alignment(node.cell, given.usage, compiler)
    node.slack = -at % node.align
    node.at = at + node.slack


def _place_children(node: Node, given: _Given, compiler: Compiler, faults: Faults) -> None:
    end = node.at
    before: dict[str, Node] = {}
    for child in node.children:
        start = end
        if child.entry.redefines:
            start = _start_of(child, before, node, faults)
        _place(child, start, given, compiler, faults)
        before[child.entry.name.upper()] = child
        end = max(end, child.end)
        node.align = max(node.align, child.align)
    node.bytes = end - node.at
    if node.entry.occurs and node.bytes % node.align:
        node.tail = -node.bytes % node.align
        node.bytes += node.tail
        if compiler.sync == "natural":
            # GnuCOBOL 3.1 puts these bytes before the last item, others behind it: it is not guessed
            expected = "FILLER for the slack bytes at the end of each occurrence"
            faults.add(node.entry.line, expected=expected, found=f"SYNC inside OCCURS {node.entry.name}")


def _start_of(child: Node, before: dict[str, Node], group: Node, faults: Faults) -> int:
    wanted = (child.entry.redefines or "").upper()
    if wanted in before:
        return before[wanted].at
    faults.add(
        child.entry.line,
        expected=f"an item before it in {group.entry.name} for REDEFINES",
        found=child.entry.redefines or "",
    )
    return group.at


def _alignment(cell: Cell, usage: str | None, compiler: Compiler) -> int:
    if cell.kind in {"binary", "native"} and cell.bytes in {2, 4, 8}:
        return min(cell.bytes, 4) if compiler.sync == "ibm" else cell.bytes
    return _BARE.get(usage or "", 1)


# cells --------------------------------------------------------------------------------------------


def _cell(entry: Entry, given: _Given, compiler: Compiler, faults: Faults) -> Cell:
    """The cell of an elementary item; where there can be none, a fault and a byte of nothing."""
    usage = given.usage or "DISPLAY"
    if entry.picture is None:
        if usage in _BARE:
            return Cell(kind="bytes", bytes=_BARE[usage])
        if not any(fault.line == entry.line for fault in faults.found):
            expected = f"PICTURE of {entry.name}, or items under it"
            faults.add(entry.line, expected=expected, found="neither")
        return Cell(kind="bytes", bytes=1)
    made = {"text": _text_cell, "wide": _wide_cell, "number": _number_cell}[entry.picture.category](
        entry, usage, given, compiler
    )
    if made is None:
        faults.add(
            entry.line, expected=f"a usage that goes with PIC {entry.picture.text}", found=f"USAGE {usage}"
        )
    return made or Cell(kind="bytes", bytes=1)


def _text_cell(entry: Entry, usage: str, _: _Given, __: Compiler) -> Cell | None:
    assert entry.picture is not None
    return Cell(kind="text", bytes=entry.picture.places) if usage == "DISPLAY" else None


def _wide_cell(entry: Entry, usage: str, _: _Given, __: Compiler) -> Cell | None:
    """PIC G and DISPLAY-1 are double bytes of the code page; what PIC N is depends on the compiler."""
    assert entry.picture is not None
    if usage not in {"DISPLAY", "NATIONAL", "DISPLAY-1"}:
        return None
    is_dbcs = usage == "DISPLAY-1" or "G" in entry.picture.text.upper()
    return Cell(kind="dbcs" if is_dbcs else "national", bytes=2 * entry.picture.places)


def _number_cell(entry: Entry, usage: str, given: _Given, compiler: Compiler) -> Cell | None:
    picture = entry.picture
    assert picture is not None
    if entry.is_blank_when_zero:
        return Cell(kind="text", bytes=picture.places) if usage == "DISPLAY" else None
    place, is_separate = given.sign or ("TRAILING", False)
    kind, size = _stored(usage, picture.places, compiler)
    if kind is None:
        return None
    is_zoned = kind == "zoned" and picture.is_signed
    return Cell(
        kind=kind,
        bytes=size + (is_zoned and is_separate),
        digits=picture.places,
        scale=picture.scale,
        is_signed=picture.is_signed,
        is_sign_leading=is_zoned and place == "LEADING",
        is_sign_separate=is_zoned and is_separate,
    )


def _stored(usage: str, digits: int, compiler: Compiler) -> tuple[Kind | None, int]:
    if usage == "DISPLAY":
        return "zoned", digits
    if usage == "COMP-3":
        return "packed", digits // 2 + 1
    size = binary_bytes(digits, compiler.binary_size)
    if usage in {"COMP", "COMP-5"} and size:
        return ("binary" if usage == "COMP" else "native"), size
    return None, 0


def binary_bytes(digits: int, rule: str) -> int:
    """Bytes of a binary item; 0 for more digits than a machine word has."""
    return next((size for most, size in BINARY_SIZES[rule].items() if digits <= most), 0)
