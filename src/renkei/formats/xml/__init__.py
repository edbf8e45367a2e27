"""XML: one record element repeated somewhere under a root whose attributes are the control values.

Two readers see the same bytes: xml2arrow makes the columns, libxml2 proves well-formedness and schema
beside it. Their record counts must agree. When anything breaks the schema, or where records lie in others,
repeat an element or are told apart by namespace, the file is read record by record, with the same results.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from renkei.errors import FixDeclaration, Stop
from renkei.formats import safe_xml
from renkei.formats.drift import check_columns, nearest
from renkei.formats.layout import Column, quotable, rejects_table
from renkei.formats.xml import fast, schema, slow
from renkei.formats.xml.layout import Layout, layout_of
from renkei.formats.xml.text import CALLED, as_utf8, told_where
from renkei.formats.xml.writer import write
from renkei.model import Batch, Control

__all__ = ["SHAPE", "layout_of", "problems", "read", "schema_columns", "write"]

_TEXT = {"type": "string", "minLength": 1}
SHAPE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"const": "xml"},
        "encoding": {"enum": list(CALLED)},
        "root": _TEXT,
        "record": _TEXT,
        "schema": _TEXT,
        "envelope": _TEXT,
        "record_schema": _TEXT,
        "count": _TEXT,
        "as_of": _TEXT,
        "lists": {"type": "object", "additionalProperties": _TEXT},
        "namespace": _TEXT,
        "namespaces": {"type": "object", "additionalProperties": _TEXT},
        "limits": {
            "type": "object",
            "properties": {name: {"type": "integer", "minimum": 1} for name in ("bytes", "depth")},
            "additionalProperties": False,
        },
    },
    "required": ["kind", "root", "record"],
    "additionalProperties": False,
}

#: Place in the format, expected, found, and the nearest name where one would do.
Problem = tuple[tuple[str | int, ...], str, str, str]


def read(path: Path, declaration: Mapping[str, Any], *, feed: str) -> Batch:
    """Read the file whole or not at all; a record that breaks the schema is set aside alone."""
    layout = layout_of(declaration)
    _check_layout(layout, feed=feed)
    try:
        with as_utf8(path, declaration, feed=feed) as plain:
            safe_xml.admit(plain, limits=layout.limits, feed=feed)
            batch = _read_fast(plain, layout, feed=feed) if _is_plain(layout) else None
            if batch is None:
                batch = _read_slowly(plain, layout, feed=feed)
    except Stop as refused:
        if refused.code != "E_ENCODING":
            raise
        record = layout.record[-1].rpartition(":")[2]
        raise told_where(refused, path, declaration, record=record, feed=feed) from None
    _check_count(batch, layout, feed=feed)
    return batch


def schema_columns(place: Path, root: str, record: str) -> list[str]:
    """The columns that a schema gives its record."""
    return schema.columns(place, root=root, record=record.split("/"))


def _check_layout(layout: Layout, *, feed: str) -> None:
    """The schema's columns are the mapping's: a new one must be seen, not overlooked."""
    if layout.schema is None and layout.record_schema is None:
        problem = f"{feed}: an XML format needs schema, or record_schema"
        raise FixDeclaration("E_DECLARATION", problems=problem)
    if found := _of_schema(layout):
        check_columns(dict.fromkeys(found), _locally(layout.columns), feed=feed)


def _of_schema(layout: Layout) -> list[str]:
    place = layout.schema or layout.record_schema
    return schema.columns(place, root=layout.root, record=layout.record) if place else []


def _locally(columns: Sequence[Column]) -> list[Column]:
    """Columns by local names, which is all that a schema's own text tells."""
    return [Column(**{**vars(each), "name": local_path(each.name)}) for each in columns]


def local_path(path: str) -> str:
    """``j:住所/@j:種別`` → ``住所/@種別``."""
    steps = path.split("/")
    return "/".join(("@" if step[:1] == "@" else "") + step.lstrip("@").rpartition(":")[2] for step in steps)


def _is_plain(layout: Layout) -> bool:
    """One local name twice, text among elements, and what nobody declared need the careful reader."""
    found, place = _of_schema(layout), layout.schema
    is_strict = place is not None and not schema.is_loose(place)
    return layout.is_plain and is_strict and len(found) == len(set(found))


def _read_fast(path: Path, layout: Layout, *, feed: str) -> Batch | None:
    """Columns and proof side by side; None when the file must be read record by record."""
    assert layout.schema is not None
    table = fast.read(path, layout, schema=safe_xml.schema(layout.schema), feed=feed)
    if table is None:
        return None
    attributes = safe_xml.root_attributes(path, feed=feed)
    return _batch(table, rejects_table(()), table.num_rows, attributes, layout=layout, feed=feed)


def _read_slowly(path: Path, layout: Layout, *, feed: str) -> Batch:
    found = slow.read(path, layout, schemas=_schemas(layout), feed=feed)
    rejects = rejects_table(found.rejects)
    batch = _batch(found.table(layout), rejects, found.records, found.attributes, layout=layout, feed=feed)
    return replace(batch, strangers=tuple(found.strangers))


def _schemas(layout: Layout) -> slow.Schemas:
    record, around = layout.record_schema or layout.schema, layout.envelope or layout.schema
    assert record is not None
    envelope = safe_xml.schema(around) if around is not None else None
    return slow.Schemas(
        envelope=envelope,
        record=safe_xml.schema(record),
        is_loose=schema.is_loose(record),
        namespaces=schema.namespaces(record),
    )


def _batch(
    table: pa.Table,
    rejects: pa.Table,
    records: int,
    attributes: Mapping[str, str],
    *,
    layout: Layout,
    feed: str,
) -> Batch:
    control = Control(header=attributes, as_of=_as_of(attributes, layout, feed=feed))
    return Batch(feed=feed, table=table, rejects=rejects, records=records, control=control)


def _as_of(attributes: Mapping[str, str], layout: Layout, *, feed: str) -> date | None:
    if layout.as_of is None:
        return None
    try:
        return date.fromisoformat(attributes[layout.as_of])
    except (KeyError, ValueError):
        raise Stop("E_HEADER_DATE", feed=feed, field=layout.as_of) from None


def _check_count(batch: Batch, layout: Layout, *, feed: str) -> None:
    if layout.count is None:
        return
    stated = batch.control.header.get(layout.count, "")
    if not stated.isdigit() or int(stated) != batch.records:
        raise Stop("E_TRAILER_COUNT", feed=feed, stated=quotable(stated), counted=batch.records)


def problems(
    declaration: Mapping[str, Any], columns: Sequence[Mapping[str, Any]], folder: Path
) -> Iterator[Problem]:
    """Schemas that are not there or are none, and columns that only one side knows."""
    named = [name for name in ("schema", "envelope", "record_schema") if name in declaration]
    if not {"schema", "record_schema"} & set(named):
        yield (), "schema, or record_schema", "neither", ""
    sound = True
    for name in named:
        for problem in _schema_problems(name, declaration[name], folder):
            sound = False
            yield problem
    main = next((name for name in ("schema", "record_schema") if name in named), None)
    if main and sound:
        yield from _column_problems(main, declaration, columns, folder)


def _schema_problems(name: str, place: str, folder: Path) -> Iterator[Problem]:
    if not (folder / place).is_file():
        files = [str(each.relative_to(folder)) for each in folder.glob("**/*.xsd")]
        yield (name,), "a file of the project", place, nearest(place, files)
        return
    try:
        safe_xml.schema(folder / place)
    except safe_xml.NotASchema:
        yield (name,), "an XML schema", place, ""


def _column_problems(
    name: str, declaration: Mapping[str, Any], columns: Sequence[Mapping[str, Any]], folder: Path
) -> Iterator[Problem]:
    there = set(schema_columns(folder / declaration[name], declaration["root"], declaration["record"]))
    here = {local_path(column["name"]) for column in columns}
    for path in sorted(here ^ there):
        side, others = ("mapping", there - here) if path in here else ("schema", here - there)
        yield (name,), f"{path} in both", f"only in the {side}", nearest(path, others)
