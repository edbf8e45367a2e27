"""XML deliveries: one record element repeated under a root whose attributes are the control values.

Two readers see the same bytes: xml2arrow makes the columns, libxml2 proves well-formedness and schema
beside it (xml2arrow alone takes a truncated file for a whole one). Their record counts must agree.
When anything breaks the schema, the file is read again record by record so that only the bad ones fall.
"""

import json
import mmap
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from lxml import etree
from xml2arrow import XmlToArrowParser
from xml2arrow.exceptions import Xml2ArrowError

from renkei.errors import Stop
from renkei.failpoint import failpoint
from renkei.formats import safe_xml
from renkei.formats.drift import check_columns, missing
from renkei.formats.layout import POSITION, Column, Key, Reject, columns_of, key_of, rejects_table
from renkei.model import Batch, Control

_BLOCK = 100_000


@dataclass(frozen=True, kw_only=True)
class Layout:
    """An XML format as declared. ``count`` and ``as_of`` name attributes of the root."""

    root: str
    record: str
    columns: tuple[Column, ...]
    schema: Path
    count: str | None
    as_of: str | None
    limits: safe_xml.Limits
    key: Key


def layout_of(declaration: Mapping[str, Any]) -> Layout:
    """Read the declaration of an XML format."""
    return Layout(
        root=declaration["root"],
        record=declaration["record"],
        columns=columns_of(declaration["columns"]),
        schema=Path(declaration["schema"]),
        count=declaration.get("count"),
        as_of=declaration.get("as_of"),
        limits=safe_xml.Limits(**declaration.get("limits", {})),
        key=key_of(declaration),
    )


def read(path: Path, declaration: Mapping[str, Any], *, feed: str) -> Batch:
    """Read the file whole or not at all; a record that breaks the schema is set aside alone."""
    layout = layout_of(declaration)
    safe_xml.admit(path, limits=layout.limits, feed=feed)
    schema = safe_xml.schema(layout.schema)
    check_columns(schema_columns(layout.schema, layout.record), layout.columns, feed=feed)
    batch = _read_fast(path, layout, schema=schema, feed=feed)
    if batch is None:
        batch = _read_slowly(path, layout, schema=schema, feed=feed)
    _check_count(batch, layout, feed=feed)
    return batch


def schema_columns(schema: Path, record: str) -> list[str]:
    """Columns that a schema gives its record: attributes as ``@name``, then its elements.

    The record is a global element with its type inside it; a schema written otherwise gives no columns.
    """
    names = {"xs": "http://www.w3.org/2001/XMLSchema"}
    found = safe_xml.tree(schema).find(f"xs:element[@name='{record}']", names)
    if found is None:
        return []
    attributes = [f"@{each.get('name')}" for each in found.iterfind(".//xs:attribute", names)]
    return attributes + [str(each.get("name")) for each in found.iterfind(".//xs:element", names)]


def _read_fast(path: Path, layout: Layout, *, schema: etree.XMLSchema, feed: str) -> Batch | None:
    """Columns and proof side by side; None when the file must be read record by record."""
    with ThreadPoolExecutor(1) as beside:
        valid = beside.submit(safe_xml.is_valid, path, schema, feed=feed)
        try:
            table = _parse_columns(path, layout)
        except (Xml2ArrowError, pa.ArrowException):
            table = None
        if not valid.result() or table is None:
            return None
    if _count_tags(path, layout.record) != table.num_rows:
        return None
    attributes = safe_xml.root_attributes(path, feed=feed)
    control = Control(header=attributes, as_of=_as_of(attributes, layout, feed=feed))
    return Batch(feed=feed, table=table, rejects=rejects_table(()), records=table.num_rows, control=control)


def _parse_columns(path: Path, layout: Layout) -> pa.Table:
    schema = _schema(layout)
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "columns.yaml")
        settings.write_text(json.dumps(_settings(layout), ensure_ascii=False), "utf-8")
        reader = XmlToArrowParser(settings).parse_single_table(path, max_rows_per_batch=_BLOCK)
        tables = []
        records = 0
        for batch in reader:
            failpoint("parse.block")
            tables.append(_numbered(batch.columns, records, schema=schema))
            records += batch.num_rows
    return pa.concat_tables(tables) if tables else schema.empty_table()


def _settings(layout: Layout) -> dict[str, Any]:
    """What xml2arrow wants: a path for each column (JSON is YAML)."""
    base = f"/{layout.root}/{layout.record}/"
    fields = [
        {"name": each.name, "xml_path": base + each.name, "data_type": "Utf8", "nullable": True}
        for each in layout.columns
    ]
    return {"tables": [{"name": "records", "xml_path": f"/{layout.root}", "levels": [], "fields": fields}]}


def _schema(layout: Layout) -> pa.Schema:
    return pa.schema([*POSITION, *((each.name, pa.string()) for each in layout.columns)])


def _numbered(columns: list[pa.Array], before: int, *, schema: pa.Schema) -> pa.Table:
    rows = len(columns[0])
    rec_no = pa.array(np.arange(before + 1, before + rows + 1, dtype=np.int64))
    return pa.table([rec_no, pa.nulls(rows, pa.int64()), pa.nulls(rows, pa.int64()), *columns], schema=schema)


def _count_tags(path: Path, record: str) -> int:
    """Count the record's start tags in the bytes: a third opinion, from neither parser."""
    tag = re.compile(b"<" + re.escape(record.encode()) + rb"[\s/>]")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return sum(1 for _ in tag.finditer(content))


def _as_of(attributes: Mapping[str, str], layout: Layout, *, feed: str) -> date | None:
    if layout.as_of is None:
        return None
    try:
        return date.fromisoformat(attributes[layout.as_of])
    except (KeyError, ValueError):
        raise Stop("E_HEADER_DATE", feed=feed, field=layout.as_of) from None


@dataclass
class _Found:
    rows: list[dict[str, str | None]] = field(default_factory=list)
    rec_nos: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    drift: Counter[tuple[str, str]] = field(default_factory=Counter)
    records: int = 0


def _read_slowly(path: Path, layout: Layout, *, schema: etree.XMLSchema, feed: str) -> Batch:
    """One record at a time, each judged alone; what is left of the root is the envelope."""
    found = _Found()
    attributes: dict[str, str] = {}
    for element in safe_xml.records(path, layout.record, limits=layout.limits, feed=feed):
        if element.getparent() is None:
            _check_envelope(element, layout, schema=schema, feed=feed)
            attributes = safe_xml.attributes(element)
        else:
            _take(element, layout, schema=schema, found=found)
    _check_drift(found, feed=feed)
    control = Control(header=attributes, as_of=_as_of(attributes, layout, feed=feed))
    return Batch(
        feed=feed,
        table=_table(found, layout),
        rejects=rejects_table(found.rejects),
        records=found.records,
        control=control,
    )


def _check_envelope(root: etree._Element, layout: Layout, *, schema: etree.XMLSchema, feed: str) -> None:
    if root.tag != layout.root or not schema.validate(root):
        line = root.sourceline or 0
        raise Stop("E_XML_SCHEMA", feed=feed, line=line, element=_element(schema) or layout.root)


def _element(schema: etree.XMLSchema) -> str:
    """The element that libxml2 complains of: only its name, for the message quotes the value."""
    log: Any = schema.error_log
    messages = [str(entry.message) for entry in log]
    named = re.match(r"Element '([^']*)'", messages[-1]) if messages else None
    return named[1] if named else ""


def _take(element: etree._Element, layout: Layout, *, schema: etree.XMLSchema, found: _Found) -> None:
    found.records += 1
    if found.records % _BLOCK == 1:
        failpoint("parse.block")
    values: dict[str, str | None] = {
        name: value or None for name, value in safe_xml.attributes(element).items()
    }
    values |= {str(child.tag): child.text or None for child in element}
    if schema.validate(element):
        found.rows.append(values)
        found.rec_nos.append(found.records)
        return
    found.drift.update(_drift(values, layout))
    found.rejects.append(_reject(values, found.records, layout=layout, element=_element(schema)))


def _drift(values: Mapping[str, str | None], layout: Layout) -> set[tuple[str, str]]:
    declared = {column.name for column in layout.columns}
    gone = {
        ("missing", each.name) for each in layout.columns if each.name not in values and not each.optional
    }
    return gone | {("unexpected", name) for name in values if name not in declared}


def _check_drift(found: _Found, *, feed: str) -> None:
    """One record may be wrong; where every record lacks or adds the same column, the layout changed."""
    strangers = [name for kind, name in found.drift if kind == "unexpected"]
    for (kind, name), times in sorted(found.drift.items()):
        if times == found.records > 1:
            if kind == "missing":
                raise missing(name, strangers, feed=feed)
            raise Stop("E_COLUMN_UNEXPECTED", feed=feed, column=name)


def _reject(values: Mapping[str, str | None], rec_no: int, *, layout: Layout, element: str) -> Reject:
    key = [values.get(name) or "" for name in layout.key.columns]
    name = layout.key.join.join(key) if key and all(key) else None
    field_name = element or layout.record
    return Reject(
        rec_no=rec_no, field=field_name, code="E_XML_RECORD_SCHEMA", detail="schema", source_key=name
    )


def _table(found: _Found, layout: Layout) -> pa.Table:
    rows = len(found.rows)
    nothing = pa.nulls(rows, pa.int64())
    columns = [pa.array([row.get(each.name) for row in found.rows], pa.string()) for each in layout.columns]
    return pa.table([pa.array(found.rec_nos, pa.int64()), nothing, nothing, *columns], schema=_schema(layout))


def _check_count(batch: Batch, layout: Layout, *, feed: str) -> None:
    if layout.count is None:
        return
    stated = batch.control.header.get(layout.count, "")
    if not stated.isdigit() or int(stated) != batch.records:
        raise Stop("E_TRAILER_COUNT", feed=feed, stated=stated, counted=batch.records)
