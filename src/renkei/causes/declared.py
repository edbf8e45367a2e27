"""How long a column is, as its feed's mapping declares it: fixed bytes, PIC, maxLength, ``max``."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from renkei.mapping.declaration import FieldRule
from renkei.mapping.declaration import Mapping as FeedMapping

#: One row for each feed and column whose length is declared: ``most``, counted as ``most_in`` says
#: (:data:`renkei.causes.room.MEASURES`).
DECLARED = pl.Schema({"feed": pl.String, "column": pl.String, "most": pl.Int32, "most_in": pl.String})

#: Length and measure of a raw column.
_Room = tuple[int, str]


def declared(mappings: Iterable[FeedMapping], columns: Mapping[str, str], *, as_of: date) -> pl.DataFrame:
    """Rows of :data:`DECLARED` of that day's versions; ``columns`` says by what name each is asked for.

    A field that is put together of several columns, or that its steps rewrite, has only its own ``max``.
    """
    rows = [
        {"feed": mapping.feed.id, "column": columns[rule.to], "most": most, "most_in": measure}
        for mapping in mappings
        for rule, (most, measure) in _rooms(mapping.at(as_of), columns)
    ]
    return pl.DataFrame(rows, schema=DECLARED)


def _rooms(mapping: FeedMapping, columns: Mapping[str, str]) -> Iterator[tuple[FieldRule, _Room]]:
    wanted = [rule for rule in mapping.fields if rule.to in columns]
    raw = _raw_rooms(mapping.feed.format) if wanted else {}
    for rule in wanted:
        room = raw.get(rule.sources[0]) if _is_as_it_came(rule) else None
        if room is not None and not (rule.most and room[1] == "chars" and rule.most < room[0]):
            yield rule, room
        elif rule.most:
            yield rule, (rule.most, "chars")


def _is_as_it_came(rule: FieldRule) -> bool:
    return len(rule.sources) == 1 and all(step.name == "trim" for step in rule.steps)


def _raw_rooms(form: Mapping[str, Any]) -> dict[str, _Room]:
    """Raw column → its length, where the kind of file declares one."""
    kind = form["kind"]
    if kind == "fixed":
        return dict(_of_fixed(form))
    if kind == "cobol":
        return dict(_of_copybook(form))
    return dict(_of_schema(form)) if kind == "xml" else {}


def _of_fixed(form: Mapping[str, Any]) -> Iterator[tuple[str, _Room]]:
    from renkei.formats.fixed.layout import layout_of

    layout = layout_of(form)
    for column in (*layout.placed, *layout.parent_columns, *layout.header_columns):
        measure = "utf-16" if column.national else _measure(layout.encoding)
        if column.bytes and measure:
            yield column.name, (column.bytes, measure)


def _of_copybook(form: Mapping[str, Any]) -> Iterator[tuple[str, _Room]]:
    from renkei.formats.cobol.describe import describe

    items = describe(Path(form["copybook"]), form).select(["record", "item", "usage", "bytes"]).to_pylist()
    wanted = str(form.get("record") or (items[0]["record"] if items else "")).upper()
    measures = {"text": _measure(form.get("encoding", "cp932")), "dbcs": "utf-16", "national": "utf-16"}
    for item in items:
        measure = measures.get(item["usage"])
        if measure and item["record"].upper() == wanted:
            yield item["item"], (item["bytes"], measure)


def _of_schema(form: Mapping[str, Any]) -> Iterator[tuple[str, _Room]]:
    from renkei.formats.xml.schema import lengths

    place = form.get("schema") or form.get("record_schema")
    if place:
        found = lengths(Path(place), root=form["root"], record=form["record"].split("/"))
        yield from ((path, (most, "chars")) for path, most in found.items())


def _measure(encoding: str) -> str | None:
    """How a text's bytes are counted in an encoding; None where that is not known."""
    if encoding in ("cp932", "ascii"):
        return "columns"
    if encoding.startswith("euc") or encoding == "cp51932":
        return "euc"
    if encoding.startswith("ibm-"):
        return "shifted"
    return encoding if encoding in ("utf-8", "utf-16") else None
