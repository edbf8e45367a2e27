"""Bytes to columns: our readers, ``iconv``, a loop over records, and lxml."""

import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from lxml import etree

from bench.child import Done, Runs
from bench.desk import Desk
from renkei import formats
from renkei.formats import fixed, xml
from renkei.project import Project

_PADDING = " \u3000"


def _files(desk: Desk, project: Project, kind: str) -> list[tuple[str, Path, Any]]:
    """Feed, the day's own file, and its format, for every feed of a format."""
    return [
        (feed.id, desk.pulled(feed.id)[0], project.mapping(feed.id).at(desk.day).feed.format)
        for feed in project.feeds
        if feed.format["kind"] == kind
    ]


def ours(desk: Desk, *, kind: str) -> Runs:
    """The format's reader, whole: structure, counts, totals and schema proved."""
    files = _files(desk, desk.project(), kind)
    while True:
        yield partial(_ours, files)


def _ours(files: Sequence[tuple[str, Path, Any]]) -> Done:
    return Done(rows=sum(formats.read(path, layout, feed=feed).records for feed, path, layout in files))


def iconv(desk: Desk) -> Runs:
    """Convert the same files from CP932 to UTF-8 and throw them away."""
    files = _files(desk, desk.project(), "fixed")
    while True:
        yield partial(_iconv, files)


def _iconv(files: Sequence[tuple[str, Path, Any]]) -> Done:
    rows = 0
    for _, path, layout in files:
        subprocess.run(["iconv", "-f", "CP932", "-t", "UTF-8", str(path), "-o", "/dev/null"], check=True)
        rows += path.stat().st_size // layout["record"] - 2
    return Done(rows=rows)


def fixed_loop(desk: Desk, *, sample: int) -> Runs:
    """Record by record: cut, decode, strip, append. The first records of each file; nothing is proved."""
    files = [(path, fixed.layout_of(layout)) for _, path, layout in _files(desk, desk.project(), "fixed")]
    while True:
        yield partial(_fixed_loop, files, sample)


def _fixed_loop(files: Sequence[tuple[Path, fixed.Layout]], sample: int) -> Done:
    return Done(rows=sum(_loop(path, layout, sample) for path, layout in files))


def _loop(path: Path, layout: fixed.Layout, sample: int) -> int:
    spans = [(column.name, column.span) for column in layout.columns]
    values: dict[str, list[str]] = {name: [] for name, _ in spans}
    last = min(sample, path.stat().st_size // layout.record - 2)
    with path.open("rb") as file:
        file.seek(layout.record)
        for _ in range(last):
            record = file.read(layout.record)
            for name, span in spans:
                values[name].append(record[span].decode("cp932").rstrip(_PADDING))
    return int(pa.table(values).num_rows)


def iterparse(desk: Desk) -> Runs:
    """lxml, tuned: tag filter, schema while parsing, elements dropped; into the same columns."""
    files = [(path, xml.layout_of(layout)) for _, path, layout in _files(desk, desk.project(), "xml")]
    while True:
        yield partial(_iterparse, files)


def _iterparse(files: Sequence[tuple[Path, xml.Layout]]) -> Done:
    return Done(rows=sum(_parsed(path, layout) for path, layout in files))


def _parsed(path: Path, layout: xml.Layout) -> int:
    schema = etree.XMLSchema(etree.parse(str(layout.schema)))
    takers = [_taker(column.name) for column in layout.columns]
    values: list[list[str | None]] = [[] for _ in takers]
    options: dict[str, Any] = {"resolve_entities": False, "no_network": True}
    for _, element in etree.iterparse(str(path), tag=layout.record, schema=schema, **options):
        for column, take in zip(values, takers, strict=True):
            column.append(take(element))
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
    table = pa.table(dict(zip([column.name for column in layout.columns], values, strict=True)))
    return int(table.num_rows)


def _taker(name: str) -> Callable[[Any], str | None]:
    if name.startswith("@"):
        return lambda element: element.get(name[1:])
    return lambda element: element.findtext(name)
