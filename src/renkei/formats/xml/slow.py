"""The careful reader: one record at a time, each judged alone, so that only the bad ones fall."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from lxml import etree

from renkei.errors import Stop
from renkei.failpoint import failpoint
from renkei.formats import safe_xml
from renkei.formats.drift import missing
from renkei.formats.layout import Reject
from renkei.formats.xml.layout import Layout

_BLOCK = 100_000

#: Path → every text found there, in document order.
Values = dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class Schemas:
    """Who judges the root without its records, and who judges each record.

    ``is_loose``: more may pass than they declare; ``namespaces`` are the ones that they declare.
    """

    envelope: etree.XMLSchema | None
    record: etree.XMLSchema
    is_loose: bool = False
    namespaces: frozenset[str] = frozenset()


@dataclass
class Found:
    """What has been read so far."""

    blocks: list[pa.Table] = field(default_factory=list)
    rows: list[dict[str, str | None]] = field(default_factory=list)
    rec_nos: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    drift: Counter[tuple[str, str]] = field(default_factory=Counter)
    attributes: dict[str, str] = field(default_factory=dict)
    records: int = 0
    strangers: dict[str, None] = field(default_factory=dict)

    def table(self, layout: Layout) -> pa.Table:
        """The good records as columns."""
        self.pack(layout)
        return pa.concat_tables(self.blocks)

    def pack(self, layout: Layout) -> None:
        """Put the rows so far into columns, which take a tenth of the memory."""
        nothing = pa.nulls(len(self.rows), pa.int64())
        columns = [
            pa.array([row.get(each.name) for row in self.rows], pa.string()) for each in layout.columns
        ]
        places = [pa.array(self.rec_nos, pa.int64()), nothing, nothing]
        self.blocks.append(pa.table([*places, *columns], schema=layout.arrow))
        self.rows, self.rec_nos = [], []


def read(path: Path, layout: Layout, *, schemas: Schemas, feed: str) -> Found:
    """Every record of the file; Stop when the envelope is not sound or every record differs alike."""
    found = Found()
    top = layout.top.rpartition(":")[2]
    for element in safe_xml.records(path, top, limits=layout.limits, feed=feed):
        if element.getparent() is None:
            _check_envelope(element, layout, schemas=schemas, feed=feed)
            found.attributes = safe_xml.attributes(element)
        else:
            _take(element, layout, schemas=schemas, found=found)
    _check_drift(found, feed=feed)
    return found


def _check_envelope(root: etree._Element, layout: Layout, *, schemas: Schemas, feed: str) -> None:
    is_root = named(root, layout) == layout.root
    if not is_root or (schemas.envelope is not None and not schemas.envelope.validate(root)):
        line = root.sourceline or 0
        element = _element(schemas.envelope) if schemas.envelope is not None else ""
        raise Stop("E_XML_SCHEMA", feed=feed, line=line, element=element or layout.root)
    if layout.namespace is not None and etree.QName(root).namespace != layout.namespace:
        raise Stop("E_XML_SCHEMA", feed=feed, line=root.sourceline or 0, element=layout.root)


def _element(schema: etree.XMLSchema) -> str:
    """The element that libxml2 complains of: only its local name, for the message quotes the value."""
    log: Any = schema.error_log
    messages = [str(entry.message) for entry in log]
    complained = re.match(r"Element '(?:\{[^}]*\})?([^']*)'", messages[-1]) if messages else None
    return complained[1] if complained else ""


def _take(top: etree._Element, layout: Layout, *, schemas: Schemas, found: Found) -> None:
    """One element below the root: judged once, and read as the records that it is or holds."""
    is_valid = schemas.record.validate(top)
    if not is_valid and layout.evolves and (left := _pass_over(top, layout)):
        is_valid = schemas.record.validate(top)
        found.strangers.update(dict.fromkeys(left))
    complaint = "" if is_valid else _element(schemas.record)
    stranger = _stranger(top, layout, schemas) if is_valid and schemas.is_loose else None
    for record in _records(top, layout):
        found.records += 1
        if found.records % _BLOCK == 1:
            failpoint("parse.block")
        values = _around(record, top, layout) | _values(record, layout)
        fault = ("E_XML_RECORD_SCHEMA", complaint) if not is_valid else _repeated(values, layout)
        fault = fault or stranger
        if fault is None:
            found.rows.append({name: _text(name, values, layout) for name in values})
            found.rec_nos.append(found.records)
            if len(found.rows) == _BLOCK:
                found.pack(layout)
            continue
        found.drift.update(_drift(values, layout) if not is_valid else ())
        found.rejects.append(_reject(values, found.records, fault, layout=layout))


def _stranger(top: etree._Element, layout: Layout, schemas: Schemas) -> tuple[str, str] | None:
    """What the schema lets pass and no column can hold: names of others, and text among elements."""
    known = _ALWAYS | schemas.namespaces | set(layout.namespaces.values())
    for element in top.iter(tag=etree.Element):
        names = [etree.QName(element), *(etree.QName(str(name)) for name in element.attrib)]
        for name in names:
            if (name.namespace or "") not in known:
                return "E_XML_RECORD_SCHEMA", name.localname
        between = [element.text, *(child.tail for child in element)] if len(element) else []
        if any(text and text.strip() for text in between):
            return "E_XML_REPEATED", etree.QName(element).localname
    return None


#: No namespace, XML's own, and that of ``xsi:nil``.
_ALWAYS = frozenset({"", "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2001/XMLSchema-instance"})


def _pass_over(top: etree._Element, layout: Layout) -> list[str]:
    """Take out of the records what nobody declared; their names. What is left is judged as ever."""
    declared = {column.name.split("/")[0] for column in layout.columns}
    left = []
    for record in _records(top, layout):
        for child in [each for each in record if isinstance(each.tag, str)]:
            if (name := named(child, layout)) not in declared:
                left.append(name)
                record.remove(child)
        for attribute in record.attrib:
            if (name := f"@{etree.QName(str(attribute)).localname}") not in declared:
                left.append(name)
                del record.attrib[attribute]
    return left


def _records(top: etree._Element, layout: Layout) -> Iterator[etree._Element]:
    level = [top]
    for name in layout.record[1:]:
        level = [child for each in level for child in each if named(child, layout) == name]
    yield from level


def named(element: etree._Element, layout: Layout) -> str:
    """The element's local name, with the declared prefix of its namespace where it has one."""
    name = etree.QName(element)
    prefix = next((short for short, long in layout.namespaces.items() if long == name.namespace), "")
    return f"{prefix}:{name.localname}" if prefix else name.localname


def _values(element: etree._Element, layout: Layout, *, without: etree._Element | None = None) -> Values:
    """Every text below an element, by its path."""
    found: Values = {}
    for attribute, value in element.attrib.items():
        found.setdefault(f"@{etree.QName(str(attribute)).localname}", []).append(str(value))
    for child in element:
        if child is without:
            continue
        name = named(child, layout)
        below = _values(child, layout)
        if not len(child):
            found.setdefault(name, []).append(child.text or "")
        for path, texts in below.items():
            found.setdefault(f"{name}/{path}", []).extend(texts)
    return found


def _around(record: etree._Element, top: etree._Element, layout: Layout) -> Values:
    """What the elements around a record say of it: ``../`` for each step outwards."""
    found: Values = {}
    inside, steps = record, 1
    while inside is not top:
        around = inside.getparent()
        assert around is not None
        beside = {
            name: texts for name, texts in _values(around, layout).items() if _is_beside(name, inside, layout)
        }
        found |= {("../" * steps) + name: texts for name, texts in beside.items()}
        inside, steps = around, steps + 1
    return found


def _is_beside(path: str, inside: etree._Element, layout: Layout) -> bool:
    """False for what stands in the record itself or in one of its kind."""
    return path.split("/")[0] != named(inside, layout)


def _repeated(values: Values, layout: Layout) -> tuple[str, str] | None:
    """An element several times where the mapping expects one, or a list whose separator stands in a value."""
    for name, texts in values.items():
        joint = layout.lists.get(name)
        if len(texts) > 1 and joint is None:
            return "E_XML_REPEATED", name
        if joint is not None and any(joint in text for text in texts):
            return "E_XML_REPEATED", name
    return None


def _text(name: str, values: Values, layout: Layout) -> str | None:
    texts = values[name]
    return layout.lists[name].join(texts) or None if name in layout.lists else texts[0] or None


def _drift(values: Values, layout: Layout) -> set[tuple[str, str]]:
    declared = {column.name for column in layout.columns}
    gone = {
        ("missing", each.name) for each in layout.columns if each.name not in values and not each.optional
    }
    return gone | {("unexpected", name) for name in values if name not in declared}


def _check_drift(found: Found, *, feed: str) -> None:
    """One record may be wrong; where every record lacks or adds the same column, the layout changed."""
    strangers = [name for kind, name in found.drift if kind == "unexpected"]
    for (kind, name), times in sorted(found.drift.items()):
        if times == found.records > 1:
            if kind == "missing":
                raise missing(name, strangers, feed=feed)
            raise Stop("E_COLUMN_UNEXPECTED", feed=feed, column=name)


def _reject(
    values: Mapping[str, list[str]], rec_no: int, fault: tuple[str, str], *, layout: Layout
) -> Reject:
    key = [(values.get(name) or [""])[0] for name in layout.key.columns]
    code, place = fault
    return Reject(
        rec_no=rec_no,
        field=place or layout.record[-1],
        code=code,
        detail="schema" if code == "E_XML_RECORD_SCHEMA" else "several",
        source_key=layout.key.join.join(key) if key and all(key) else None,
    )
