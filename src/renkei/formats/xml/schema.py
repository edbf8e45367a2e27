"""What an XML schema says its records hold, as the paths that a mapping names.

``氏名`` is a child element, ``@番号`` an attribute, ``住所/町字`` an element below, ``../世帯番号`` one
of the element around the record. Names are local: the schema itself binds them to namespaces.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lxml import etree

from renkei.formats import safe_xml

_XS = "{http://www.w3.org/2001/XMLSchema}"
_AROUND = frozenset(
    f"{_XS}{name}"
    for name in ("sequence", "choice", "all", "complexType", "complexContent", "simpleContent", "extension")
)
#: How deep a schema that contains itself is followed.
_DEEPEST = 12


def columns(place: Path, *, root: str, record: Sequence[str]) -> list[str]:
    """Every path that the schema allows in a record and around it; none when it does not know the record.

    A path twice means two elements of one local name in different namespaces or places.
    """
    schema = _Schema(place)
    around = schema.way(root, record)
    if not around:
        return []
    found = list(schema.leaves(around[-1]))
    for up, element in enumerate(reversed(around[1:-1]), 1):
        inside = around[len(around) - up]
        found += [("../" * up) + path for path in schema.leaves(element, without=inside)]
    return found


def lengths(place: Path, *, root: str, record: Sequence[str]) -> dict[str, int]:
    """Path → the most characters that its type allows, of the record's own leaves that say so."""
    schema = _Schema(place)
    around = schema.way(root, record)
    found = dict(schema.limits(around[-1])) if around else {}
    return {path: most for path, most in found.items() if most is not None}


def is_loose(place: Path) -> bool:
    """True when the schema allows text among elements, or elements and attributes that it does not name."""
    marks = (f"{_XS}any", f"{_XS}anyAttribute")
    return any(
        each.tag in marks or each.get("mixed") in ("true", "1")
        for tree in _Schema(place).trees
        for each in tree.iter(tag=etree.Element)
    )


def namespaces(place: Path) -> frozenset[str]:
    """Every namespace whose elements the schema itself declares."""
    return frozenset(tree.get("targetNamespace", "") for tree in _Schema(place).trees)


def sources(place: Path) -> tuple[Path, ...]:
    """The schema's file and every file that it includes: what a digest of the declaration must cover."""
    return tuple(_Schema(place).files)


@dataclass(frozen=True)
class _Schema:
    place: Path

    @cached_property
    def files(self) -> dict[Path, etree._Element]:
        """The schema and all the files beside it that it includes or imports, its own first."""
        found: dict[Path, etree._Element] = {}
        left = [self.place.resolve()]
        while left:
            place = left.pop(0)
            if place in found or not place.is_file():
                continue
            found[place] = safe_xml.tree(place).getroot()
            for name in ("include", "import", "redefine"):
                parts = (each.get("schemaLocation") for each in found[place].iterfind(f"{_XS}{name}"))
                left += [(place.parent / part).resolve() for part in parts if part and "://" not in part]
        return found

    @cached_property
    def trees(self) -> list[etree._Element]:
        """What the files say."""
        return list(self.files.values())

    def named(self, kind: str, name: str | None) -> etree._Element | None:
        """A global element, type or group; its prefix says nothing here."""
        local = (name or "").rpartition(":")[2]
        each_of = (each for tree in self.trees for each in tree.iterfind(f"{_XS}{kind}"))
        return next((each for each in each_of if each.get("name") == local), None)

    def way(self, root: str, record: Sequence[str]) -> list[etree._Element]:
        """The declarations from the root to the record; only the record's when it is global by itself."""
        element = self.named("element", root)
        steps = [element] if element is not None else []
        for name in record:
            if element is None:
                break
            inside = (self.meant(each) for each in self.particles(element))
            element = next((each for each in inside if each.get("name") == name), None)
            steps += [element] if element is not None else []
        if len(steps) == len(record) + 1:
            return steps
        alone = self.named("element", record[-1])
        return [alone] if alone is not None else []

    def meant(self, element: etree._Element) -> etree._Element:
        """The declaration itself, behind a reference."""
        found = self.named("element", element.get("ref")) if element.get("ref") else element
        return element if found is None else found

    def type_of(self, element: etree._Element) -> etree._Element | None:
        inline = element.find(f"{_XS}complexType")
        return inline if inline is not None else self.named("complexType", element.get("type"))

    def particles(self, element: etree._Element) -> Iterator[etree._Element]:
        kind = self.type_of(element)
        if kind is not None:
            yield from self.inside(kind, f"{_XS}element")

    def inside(self, node: etree._Element, wanted: str) -> Iterator[etree._Element]:
        """Element or attribute declarations of a type, its base and the groups that it uses."""
        for child in node.iterchildren(tag=etree.Element):
            if child.tag == wanted:
                yield child
            elif child.tag in _AROUND:
                yield from self.inside(child, wanted)
            elif child.tag in (f"{_XS}group", f"{_XS}attributeGroup"):
                group = self.named(str(child.tag).removeprefix(_XS), child.get("ref"))
                if group is not None:
                    yield from self.inside(group, wanted)
        base = self.named("complexType", node.get("base")) if node.tag == f"{_XS}extension" else None
        if base is not None:
            yield from self.inside(base, wanted)

    def leaves(
        self, element: etree._Element, *, without: etree._Element | None = None, deep: int = 0
    ) -> Iterator[str]:
        """Paths of everything below an element that can hold text."""
        kind = self.type_of(element)
        if kind is None or deep > _DEEPEST:
            return
        for attribute in self.inside(kind, f"{_XS}attribute"):
            yield f"@{(attribute.get('name') or attribute.get('ref') or '').rpartition(':')[2]}"
        for child in map(self.meant, self.inside(kind, f"{_XS}element")):
            if child is not without:
                yield from self._below(child, deep=deep)

    def limits(self, element: etree._Element, *, deep: int = 0) -> Iterator[tuple[str, int | None]]:
        """Paths of the leaves below an element, each with the most characters of its type."""
        kind = self.type_of(element)
        if kind is None or deep > _DEEPEST:
            return
        for attribute in self.inside(kind, f"{_XS}attribute"):
            yield f"@{attribute.get('name')}", self.longest(attribute)
        for child in map(self.meant, self.inside(kind, f"{_XS}element")):
            yield str(child.get("name")), self.longest(child)
            yield from (
                (f"{child.get('name')}/{path}", most) for path, most in self.limits(child, deep=deep + 1)
            )

    def longest(self, node: etree._Element) -> int | None:
        """``maxLength`` or ``length`` of a simple type, its own before those that it restricts."""
        inline = node.find(f"{_XS}simpleType")
        kind = self.named("simpleType", node.get("type")) if inline is None else inline
        for _ in range(_DEEPEST):
            restriction = None if kind is None else kind.find(f"{_XS}restriction")
            if restriction is None:
                break
            for facet in ("maxLength", "length"):
                stated = restriction.find(f"{_XS}{facet}")
                if stated is not None and str(stated.get("value", "")).isdecimal():
                    return int(stated.get("value", ""))
            kind = self.named("simpleType", restriction.get("base"))
        return None

    def _below(self, child: etree._Element, *, deep: int) -> Iterator[str]:
        name = str(child.get("name") or (child.get("ref") or "").rpartition(":")[2])
        kind = self.type_of(child)
        if kind is None or kind.find(f"{_XS}simpleContent") is not None or kind.get("mixed") == "true":
            yield name
        yield from (f"{name}/{path}" for path in self.leaves(child, deep=deep + 1))
