"""Records → columns: names, occurrences, and which of several redefinitions a record has."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from renkei.formats.cobol.entries import Entry
from renkei.formats.cobol.faults import Faults
from renkei.formats.cobol.tree import Cell, Node

#: More columns than any record has; nested tables would otherwise make millions.
MOST_COLUMNS = 10_000


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: ``at`` from 0 in its record.

    ``tables`` are the OCCURS items around it, one for each of its ``subscripts``. ``when`` names the areas
    and the alternative of each that a record must have for the column to exist. An ``is_extra`` column is
    another view of bytes that other columns hold; an ``is_filler`` column has no meaning.
    """

    name: str
    at: int
    cell: Cell
    entry: Entry
    base: str = ""
    tables: tuple[str, ...] = ()
    subscripts: tuple[int, ...] = ()
    when: tuple[tuple[int, int], ...] = ()
    is_extra: bool = False
    is_filler: bool = False

    @property
    def span(self) -> slice:
        """Where it lies."""
        return slice(self.at, self.at + self.cell.bytes)


@dataclass(frozen=True, kw_only=True)
class Take:
    """One rule of a redefined area: take an alternative when a column has one of these values, or always."""

    alternative: int
    field: str | None = None
    equals: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Area:
    """One redefined place and its rules; the first that holds decides."""

    name: str
    takes: tuple[Take, ...]
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Depending:
    """The table at a record's end whose length an earlier column says."""

    table: str
    on: str
    at: int
    stride: int
    least: int
    most: int


@dataclass(frozen=True, kw_only=True)
class Record:
    """One 01 level as columns, in the order of the copybook. ``bytes`` is its greatest length."""

    name: str
    line: int
    bytes: int
    columns: tuple[Column, ...]
    areas: tuple[Area, ...] = ()
    depending: Depending | None = None

    @property
    def offered(self) -> tuple[Column, ...]:
        """The columns that hold every byte once: what a mapping maps or ignores."""
        return tuple(each for each in self.columns if not each.is_extra and not each.is_filler)

    def column(self, name: str) -> Column | None:
        """The column of that name, without regard to case."""
        return self._by_name.get(name.upper())

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {each.name.upper(): each for each in self.columns}


def record_of(node: Node, rules: Sequence[Mapping[str, Any]], faults: Faults) -> Record:
    """The record as columns under its redefinition rules."""
    walk = _Walk(rules=rules, faults=faults, names=_names(node, faults))
    top = _Around()
    columns = [*walk.columns(node, top, 0)]
    if len(columns) > MOST_COLUMNS:
        faults.add(node.entry.line, expected=f"at most {MOST_COLUMNS} columns", found="more")
    made = Record(
        name=node.entry.name,
        line=node.entry.line,
        bytes=node.end,
        columns=tuple(columns),
        areas=tuple(walk.areas),
        depending=_depending(node, walk.names, faults),
    )
    return replace(made, areas=tuple(_resolved(area, made) for area in made.areas))


# names --------------------------------------------------------------------------------------------


def _names(top: Node, faults: Faults) -> dict[int, str]:
    """Id of a node → its name, qualified by as many groups as it takes: ``KO``, ``OYA.KO``."""
    paths = dict(_paths(top, ()))
    spelling = {node.entry.name.upper(): node.entry.name for node in top.walk()}
    names: dict[int, str] = {}
    depths = Counter[tuple[str, ...]]()
    for path in paths.values():
        depths.update({path[-depth:] for depth in range(1, len(path) + 1)})
    for key, path in paths.items():
        depth = next((d for d in range(1, len(path) + 1) if depths[path[-d:]] == 1), 0)
        if not depth:
            faults.add(top.entry.line, expected="one item a name", found=f"{'.'.join(path)} twice")
        names[key] = ".".join(spelling[part] for part in path[-depth:])
    return names


def _paths(node: Node, above: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    path = above if node.entry.is_filler else (*above, node.entry.name.upper())
    if not node.entry.is_filler:
        yield id(node), path
    for child in node.children:
        yield from _paths(child, path)


# the walk -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Around:
    """What stands around an item."""

    tables: tuple[str, ...] = ()
    subscripts: tuple[int, ...] = ()
    when: tuple[tuple[int, int], ...] = ()
    is_extra: bool = False

    def occurrence(self, table: str, number: int) -> "_Around":
        return replace(self, tables=(*self.tables, table), subscripts=(*self.subscripts, number))


@dataclass(kw_only=True)
class _Walk:
    rules: Sequence[Mapping[str, Any]]
    faults: Faults
    names: dict[int, str]
    areas: list[Area] = field(default_factory=list)
    made: int = 0

    def columns(self, node: Node, around: _Around, shift: int) -> Iterator[Column]:
        """Every column under a node; ``shift`` is how far an occurrence lies behind the first."""
        if node.slack:
            yield self._filler(node, around, node.at - node.slack + shift, node.slack)
        if not node.entry.occurs:
            yield from self._one(node, around, shift)
            return
        table = self.names.get(id(node), "FILLER")
        for number in range(node.times):
            if self.made > MOST_COLUMNS:
                return
            inner = around.occurrence(table, number + 1)
            yield from self._one(node, inner, shift + number * node.bytes)

    def _one(self, node: Node, around: _Around, shift: int) -> Iterator[Column]:
        if node.cell:
            self.made += 1
            yield self._column(node, around, shift)
        for alternatives in _areas(node.children):
            if len(alternatives) == 1:
                yield from self.columns(alternatives[0], around, shift)
            else:
                yield from self._area(alternatives, around, shift)
        if node.tail:
            yield self._filler(node, around, node.at + node.bytes - node.tail + shift, node.tail)

    def _column(self, node: Node, around: _Around, shift: int) -> Column:
        if node.entry.is_filler:
            assert node.cell is not None
            return self._filler(node, around, node.at + shift, node.cell.bytes)
        base = self.names[id(node)]
        assert node.cell is not None
        name = base + (f"({','.join(map(str, around.subscripts))})" if around.subscripts else "")
        return Column(
            name=name, at=node.at + shift, cell=node.cell, entry=node.entry, base=base, **vars(around)
        )

    def _filler(self, node: Node, around: _Around, at: int, size: int) -> Column:
        """Bytes without a meaning are named by their place, counted from 1."""
        name = f"FILLER@{at + 1}"
        cell = Cell(kind="bytes", bytes=size)
        entry = Entry(level=node.entry.level, name="FILLER", line=node.entry.line)
        return Column(name=name, base=name, at=at, cell=cell, entry=entry, is_filler=True, **vars(around))

    def _area(self, alternatives: list[Node], around: _Around, shift: int) -> Iterator[Column]:
        """One place under several descriptions."""
        rules = [rule for rule in self.rules if rule["item"].upper() in self._called(alternatives[0])]
        taken = self._takes(rules, alternatives)
        area = len(self.areas)
        if taken:
            name = alternatives[0].entry.name + _marked(around.subscripts)
            names = frozenset(self._called(alternatives[0]))
            self.areas.append(Area(name=name, takes=tuple(taken), names=names))
        end = max(node.end for node in alternatives)
        for number, node in enumerate(alternatives):
            inner = _as_alternative(around, number, area, taken)
            yield from self.columns(node, inner, shift)
            if node.end < end:
                yield self._filler(node, inner, node.end + shift, end - node.end)

    def _called(self, node: Node) -> set[str]:
        return {node.entry.name.upper(), self.names.get(id(node), "").upper()}

    def _takes(self, rules: Sequence[Mapping[str, Any]], alternatives: list[Node]) -> list[Take]:
        takes = []
        for rule in rules:
            number = self._alternative(rule["take"], alternatives)
            if number is None:
                expected = f"take to name a redefinition of {alternatives[0].entry.name}"
                self.faults.add(alternatives[0].entry.line, expected=expected, found=rule["take"])
                continue
            when = rule.get("when", {})
            equals = when.get("equals", [])
            values = frozenset([equals] if isinstance(equals, str) else equals)
            takes.append(Take(alternative=number, field=when.get("field"), equals=values))
        return takes

    def _alternative(self, name: str, alternatives: list[Node]) -> int | None:
        """By its own name, or by that of an item that only it holds."""
        for number, node in enumerate(alternatives):
            if any(name.upper() in self._called(each) for each in node.walk()):
                return number
        return None


def _areas(children: Sequence[Node]) -> Iterator[list[Node]]:
    """Children in groups: an item with everything that redefines it, or redefines that."""
    groups: list[list[Node]] = []
    for child in children:
        wanted = (child.entry.redefines or "").upper()
        home = next((g for g in groups if wanted and wanted in {n.entry.name.upper() for n in g}), None)
        if home is None:
            groups.append([child])
        else:
            home.append(child)
    yield from groups


def _as_alternative(around: _Around, number: int, area: int, takes: Sequence[Take]) -> _Around:
    """Without rules the first description counts and the others are further views of the same bytes."""
    if not takes:
        return replace(around, is_extra=around.is_extra or number > 0)
    if number in {take.alternative for take in takes}:
        return replace(around, when=(*around.when, (area, number)))
    return replace(around, is_extra=True)


def _marked(subscripts: tuple[int, ...]) -> str:
    return f"({','.join(map(str, subscripts))})" if subscripts else ""


def _resolved(area: Area, record: Record) -> Area:
    """The field of a rule in the same occurrence as the area, where there is one."""
    suffix = area.name[area.name.index("(") :] if "(" in area.name else ""
    takes = []
    for take in area.takes:
        name = take.field
        if name and record.column(name) is None and record.column(name + suffix):
            name = name + suffix
        takes.append(replace(take, field=name))
    return replace(area, takes=tuple(takes))


# OCCURS DEPENDING ON ------------------------------------------------------------------------------


def _depending(top: Node, names: Mapping[int, str], faults: Faults) -> Depending | None:
    """The one variable table, which must be the last thing of its record."""
    found = [node for node in top.walk() if node.entry.occurs and node.entry.occurs.depending]
    for node in found[1:]:
        faults.add(node.entry.line, expected="one OCCURS DEPENDING ON a record", found=node.entry.name)
    if not found:
        return None
    node = found[0]
    occurs = node.entry.occurs
    assert occurs is not None
    assert occurs.depending is not None
    if node not in _last_path(top):
        expected = "OCCURS DEPENDING ON at the end of its record, in no other table or redefinition"
        faults.add(node.entry.line, expected=expected, found=node.entry.name)
    return Depending(
        table=names.get(id(node), "FILLER"),
        on=occurs.depending,
        at=node.at,
        stride=node.bytes,
        least=occurs.least,
        most=occurs.most,
    )


def _last_path(top: Node) -> list[Node]:
    """The node at the end of each level, as long as none of them occurs or is redefined."""
    path = [top]
    while path[-1].children and not path[-1].entry.occurs:
        last = path[-1].children[-1]
        path.append(last)
        if last.entry.redefines:
            return path[:-1]
    return path
