"""XML to columns and back: ours, libxml2 that only parses, tuned and naive iterparse, lxml's own writer."""

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from lxml import etree

from bench.child import Done, Runs
from bench.desk import ROOT, Desk
from renkei import formats

NAMES = ("@番号", "対象者番号", "受給者番号", "種別", "状態", "開始日", "終了日", "終了事由", "月額",
         "更新日時", "更新事由", "更新者", "端末")  # fmt: skip
DECLARATION: dict[str, Any] = {
    "kind": "xml", "root": "給付一覧", "record": "給付", "count": "@件数", "as_of": "@作成日",
    "schema": str(ROOT / "mappings" / "schemas" / "welfare_benefit.xsd"), "key": {"columns": ["@番号"]},
    "columns": [{"name": name} for name in NAMES],
}  # fmt: skip
CONTROL = {"@作成日": "2026-11-20"}


def table(rows: int) -> pa.Table:
    """Benefits of nobody."""

    def column(name: str) -> list[str]:
        return [f"{name[-1]}髙{number}" for number in range(rows)]

    return pa.table({name: pa.array(column(name), pa.string()) for name in NAMES})


def _file(desk: Desk, rows: int) -> Path:
    place = desk.folder / "benefits.xml"
    if not place.exists():
        formats.write(table(rows), DECLARATION, place, feed="bench", control=CONTROL)
    return place


def ours(desk: Desk, *, rows: int) -> Runs:
    """Columns, schema and count, each proved by another program than the one that made them."""
    place = _file(desk, rows)
    while True:
        yield lambda: Done(rows=formats.read(place, DECLARATION, feed="bench").records)


def xmllint(desk: Desk, *, rows: int) -> Runs:
    """Parse and forget."""
    place = _file(desk, rows)
    command = ["xmllint", "--stream", "--noout", str(place)]
    while True:
        yield lambda: Done(rows=rows, facts={"exit": subprocess.run(command, check=True).returncode})


class _Silent:
    def close(self) -> None:
        """Be told of the end."""


def libxml2(desk: Desk, *, rows: int) -> Runs:
    """libxml2 in this process, building nothing."""
    place = _file(desk, rows)
    while True:
        yield partial(_libxml2, place, rows)


def _libxml2(place: Path, rows: int) -> Done:
    silent: Any = _Silent()
    parser = etree.XMLParser(target=silent)
    with place.open("rb") as file:
        while chunk := file.read(1 << 16):
            parser.feed(chunk)
    parser.close()
    return Done(rows=rows)


def iterparse(desk: Desk, *, rows: int) -> Runs:
    """One record element after the other, cleared behind, with the schema."""
    place = _file(desk, rows)
    schema = etree.XMLSchema(etree.parse(DECLARATION["schema"]))
    while True:
        yield partial(_iterparse, place, tag="給付", schema=schema)


def naive(desk: Desk, *, rows: int) -> Runs:
    """Every element of the document, kept; no schema."""
    place = _file(desk, rows)
    while True:
        yield partial(_iterparse, place, keep=True)


def _iterparse(place: Path, *, keep: bool = False, **options: Any) -> Done:  # noqa: ANN401 - iterparse's own
    values: dict[str, list[str | None]] = {name: [] for name in NAMES}
    for _, element in etree.iterparse(str(place), **options):
        if element.tag != "給付":
            continue
        found = {child.tag: child.text for child in element}
        values["@番号"].append(element.get("番号"))
        for name in NAMES[1:]:
            values[name].append(found.get(name))
        if not keep:
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    return Done(rows=pa.table(values).num_rows)


def write(desk: Desk, *, rows: int) -> Runs:
    """Ours: written, flushed, and every record proved by the schema before the file has its name."""
    made, place = table(rows), desk.folder / "ours.xml"
    while True:
        yield lambda: Done(
            rows=formats.write(made, DECLARATION, place, feed="bench", control=CONTROL).records
        )


def xmlfile(desk: Desk, *, rows: int) -> Runs:
    """lxml's streaming writer; nothing is proved or flushed."""
    made, place = table(rows).to_pylist(), desk.folder / "theirs.xml"
    while True:
        yield partial(_xmlfile, made, place)


def _xmlfile(made: list[dict[str, str]], place: Path) -> Done:
    with (
        etree.xmlfile(str(place), encoding="utf-8") as file,
        file.element("給付一覧", {"件数": str(len(made))}),
    ):
        for row in made:
            record = etree.Element("給付", {"番号": row["@番号"]})
            for name in NAMES[1:]:
                etree.SubElement(record, name).text = row[name]
            file.write(record)
    return Done(rows=len(made))
