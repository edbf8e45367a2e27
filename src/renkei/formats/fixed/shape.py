"""What a declaration of the fixed-length format may say, and what must fit together in it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from renkei.formats import encodings
from renkei.formats.fixed.layout import FILLS, PREFIXES, SEPARATORS, kinds_of

Problem = tuple[tuple[str | int, ...], str, str]
Columns = Sequence[Mapping[str, Any]]

TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT, "minItems": 1}
POSITIVE: dict[str, Any] = {"type": "integer", "minimum": 1}


def table(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    """A table with these keys and no others."""
    shape = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**shape, "required": list(required)}


PAD: dict[str, Any] = {"enum": ["space", "zero", "wide"]}
ALIGN: dict[str, Any] = {"enum": ["left", "right"]}
WHERE = table({"column": TEXT, "in": TEXTS}, "column", "in")
PLACE = table(
    {"name": TEXT, "at": POSITIVE, "bytes": POSITIVE, "pad": PAD, "align": ALIGN}, "name", "at", "bytes"
)
PLACES: dict[str, Any] = {"type": "array", "items": PLACE}
TOTAL = table(
    {"trailer": TEXT, "of": TEXT, "digits": POSITIVE, "kind": TEXT, "where": WHERE}, "trailer", "of"
)
_COUNT = table(
    {"trailer": TEXT, "kinds": TEXTS, "plus": {"type": "integer", "minimum": 0}, "where": WHERE}, "trailer"
)
_RECORD = table({"kind": TEXT, "name": TEXT, "columns": PLACES, "reason": TEXT}, "kind")
#: A delivery that comes in parts: columns of the header, or of the control lines.
SET = table(
    {"part": TEXT, "parts": TEXT, "count_all": TEXT, "same": {"type": "array", "items": TEXT}},
    "part",
    "parts",
)

_MARK: dict[str, Any] = {"type": "string"}
SHAPE = table(
    {
        "kind": {"const": "fixed"},
        **encodings.SHAPE,
        "record": POSITIVE,
        "separator": {"enum": list(SEPARATORS)},
        "prefix": {"enum": list(PREFIXES)},
        "fill": {"type": "array", "items": {"enum": list(FILLS)}},
        "kind_at": POSITIVE,
        "header": _MARK,
        "data": _MARK,
        "trailer": _MARK,
        "end": _MARK,
        "groups": {"enum": ["one", "many"]},
        "parent": TEXT,
        "records": {"type": "array", "items": _RECORD},
        "header_columns": PLACES,
        "trailer_columns": PLACES,
        "end_columns": PLACES,
        "count": TEXT,
        "counts": {"type": "array", "items": _COUNT},
        "end_count": TEXT,
        "totals": {"type": "array", "items": TOTAL},
        "as_of": TEXT,
        "pad": {"type": "object", "additionalProperties": PAD},
        "align": {"type": "object", "additionalProperties": ALIGN},
        "national": TEXTS,
        "low_values": TEXTS,
        "unproved": TEXT,
        "set": SET,
    },
    "kind",
    "record",
    "header",
    "data",
    "trailer",
)


def problems(declaration: Mapping[str, Any], columns: Columns, folder: Path) -> Iterator[Problem]:
    """Everything about a fixed-length declaration that cannot work; places are below ``[feed.format]``."""
    yield from encodings.problems(declaration, folder)
    yield from _columns(declaration, columns)
    yield from _records(declaration)
    yield from _names(declaration, columns)
    yield from _parts(declaration)
    if not declaration["trailer"] and "unproved" not in declaration:
        yield ("trailer",), "a trailer, or the reason why nothing proves the count (unproved)", "neither"


def _columns(declaration: Mapping[str, Any], columns: Columns) -> Iterator[Problem]:
    """Every byte of a data record belongs to exactly one column or to the record kind."""
    joined = {each["name"] for each in (*_of(declaration, declaration.get("parent")), *_header(declaration))}
    for column in columns:
        if not {"at", "bytes"} <= column.keys() and column["name"] not in joined:
            yield (), f"at and bytes of {column['name']}", "none"
    placed = [column for column in columns if {"at", "bytes"} <= column.keys()]
    yield from _coverage(declaration, declaration["data"], placed, ("record",))


def _records(declaration: Mapping[str, Any]) -> Iterator[Problem]:
    """Other kinds of data record: wholly laid out, or left aside for a reason."""
    marks = [each.text for each in kinds_of(declaration)]
    for place, record in enumerate(declaration.get("records", ())):
        if marks.count(record["kind"]) > 1:
            yield ("records", place, "kind"), "one meaning for each record kind", f"{record['kind']} twice"
        if record.get("columns"):
            yield from _coverage(declaration, record["kind"], record["columns"], ("records", place))
        elif record["kind"] != declaration["data"] and "reason" not in record:
            yield ("records", place), f"columns of kind {record['kind']}, or a reason to leave it", "neither"
    parent = declaration.get("parent")
    if parent is not None and not _of(declaration, parent):
        yield ("parent",), "a kind of records that has columns", parent


def _names(declaration: Mapping[str, Any], columns: Columns) -> Iterator[Problem]:
    """Every column that a control names is there."""
    header = [each["name"] for each in _header(declaration)]
    trailer = [each["name"] for each in declaration.get("trailer_columns", ())]
    end = [each["name"] for each in declaration.get("end_columns", ())]
    yield from known(("as_of",), declaration.get("as_of"), header)
    yield from known(("count",), declaration.get("count"), trailer)
    yield from known(("end_count",), declaration.get("end_count"), end)
    marks = [each.text for each in kinds_of(declaration) if each.role in ("data", "parent", "other")]
    for place, count in enumerate(declaration.get("counts", ())):
        yield from known(("counts", place, "trailer"), count["trailer"], trailer)
        for kind in count.get("kinds", ()):
            yield from known(("counts", place, "kinds"), kind, marks)
        for kind in count.get("kinds", marks):
            yield from _choice(declaration, columns, ("counts", place, "where"), count, kind=kind)
    for place, total in enumerate(declaration.get("totals", ())):
        kind = total.get("kind", declaration["data"])
        there = [each["name"] for each in _placed(declaration, columns, kind)]
        yield from known(("totals", place, "trailer"), total["trailer"], trailer)
        yield from known(("totals", place, "of"), total["of"], there)
        yield from _choice(declaration, columns, ("totals", place, "where"), total, kind=kind)
    for key in ("pad", "align", "national", "low_values"):
        for name in declaration.get(key, ()):
            yield from known((key,), name, [each["name"] for each in columns])


def _choice(
    declaration: Mapping[str, Any],
    columns: Columns,
    place: tuple[str | int, ...],
    chooser: Mapping[str, Any],
    *,
    kind: str,
) -> Iterator[Problem]:
    """The column by which records are chosen is theirs, and has room for the values."""
    where = chooser.get("where", {"column": None, "in": ()})
    rooms = {each["name"]: each["bytes"] for each in _placed(declaration, columns, kind)}
    yield from known(place, where["column"], list(rooms))
    for value in where["in"]:
        if len(value) > rooms.get(where["column"], len(value)):
            yield place, f"values that {where['column']} has room for", value


def _placed(declaration: Mapping[str, Any], columns: Columns, kind: str) -> Columns:
    """The columns that lie in the records of a kind."""
    every = columns if kind == declaration["data"] else _of(declaration, kind)
    return [each for each in every if "bytes" in each]


def _parts(declaration: Mapping[str, Any]) -> Iterator[Problem]:
    """What a split delivery compares is in the header, its count over all parts in the trailer or there."""
    header = [each["name"] for each in _header(declaration)]
    every = header + [each["name"] for each in declaration.get("trailer_columns", ())]
    declared = declaration.get("set", {})
    for key in ("part", "parts"):
        yield from known(("set", key), declared.get(key), header)
    yield from known(("set", "count_all"), declared.get("count_all"), every)
    for name in declared.get("same", ()):
        yield from known(("set", "same"), name, header)


def known(place: tuple[str | int, ...], name: str | None, names: Sequence[str]) -> Iterator[Problem]:
    """A problem where a name is given that is not there."""
    if name is not None and name not in names:
        yield place, f"a column for {place[0]}" if place[-1] != "kinds" else "a record kind", name


def _header(declaration: Mapping[str, Any]) -> Columns:
    columns: Columns = declaration.get("header_columns", ())
    return columns


def _of(declaration: Mapping[str, Any], kind: str | None) -> Columns:
    found = (each.get("columns", ()) for each in declaration.get("records", ()) if each["kind"] == kind)
    columns: Columns = next(found, ())
    return columns


def _coverage(
    declaration: Mapping[str, Any], kind: str, columns: Columns, place: tuple[str | int, ...]
) -> Iterator[Problem]:
    """Gaps and overlaps between columns in order of their place."""
    placed = [(each["at"], each["at"] + each["bytes"], each["name"]) for each in columns]
    start = declaration.get("kind_at", 1)
    if kind:
        placed.append((start, start + len(kind), "kind"))
    record = declaration["record"]
    edges = [(1, 1, "the start"), *sorted(placed), (record + 1, record + 1, "the end")]
    for (_, end, before), (begin, _, after) in pairwise(edges):
        if begin != end:
            what = "overlap" if begin < end else f"gap of {begin - end} bytes"
            yield place, f"{after} at {end}, after {before}", f"{what}: at {begin}"
