"""What a declaration of the CSV format may say, and what must fit together in it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from renkei.formats import encodings
from renkei.formats.csv.layout import EOLS, QUOTING
from renkei.formats.fixed.shape import SET, TEXT, TEXTS, Columns, Problem, known, table

_CHARACTER: dict[str, Any] = {"type": "string", "maxLength": 1, "pattern": "^[\\x01-\\x7e]?$"}
_LINE = table({"mark": TEXT, "columns": TEXTS}, "mark", "columns")
_TOTAL = table({"trailer": TEXT, "of": TEXT, "digits": {"type": "integer", "minimum": 1}}, "trailer", "of")

SHAPE = table(
    {
        "kind": {"const": "csv"},
        **encodings.SHAPE,
        "delimiter": {**_CHARACTER, "minLength": 1},
        "quote": _CHARACTER,
        "escape": _CHARACTER,
        "quoting": {"enum": list(QUOTING)},
        "names": {"enum": ["header", "none"]},
        "order": TEXTS,
        "bom": {"enum": ["required", "absent", "either"]},
        "eol": {"enum": list(EOLS)},
        "last_eol": {"enum": ["required", "optional"]},
        "fill": {"type": "array", "items": {"enum": ["eof"]}},
        "null": {"type": "string"},
        "header": _LINE,
        "trailer": _LINE,
        "count": TEXT,
        "totals": {"type": "array", "items": _TOTAL},
        "as_of": TEXT,
        "unproved": TEXT,
        "set": SET,
    },
    "kind",
)


def problems(declaration: Mapping[str, Any], columns: Columns, folder: Path) -> Iterator[Problem]:
    """Everything about a CSV declaration that cannot work; places are below ``[feed.format]``."""
    encoding = {"encoding": "utf-8", **declaration}
    broken = list(encodings.problems(encoding, folder))
    yield from broken
    yield from _marks(declaration)
    if not broken:
        yield from _code(encoding)
    yield from _order(declaration, columns)
    yield from _names(declaration, columns)
    if "count" not in declaration and "unproved" not in declaration:
        yield (), "a count, or the reason why nothing proves it (unproved)", "neither"


def _marks(declaration: Mapping[str, Any]) -> Iterator[Problem]:
    given = {
        key: declaration.get(key, usual)
        for key, usual in (("delimiter", ","), ("quote", '"'), ("escape", ""))
    }
    marks = [mark for mark in given.values() if mark]
    if len(set(marks)) < len(marks) or set(marks) & set("\r\n"):
        yield ("delimiter",), "delimiter, quote and escape that differ and end no line", repr("".join(marks))
    if not given["quote"] and not given["escape"] and declaration.get("quoting") == "all":
        yield ("quoting",), "a quote to write with", "none"


def _code(declaration: Mapping[str, Any]) -> Iterator[Problem]:
    """The encoding must leave quotes, delimiters and line ends as they are in ASCII."""
    name = declaration["encoding"]
    if "table" in declaration or not _is_ascii(name):
        yield ("encoding",), "an encoding in which ASCII is ASCII", name
    if declaration.get("bom", "absent") != "absent" and name != "utf-8":
        yield ("bom",), "absent, in any encoding but utf-8", declaration["bom"]


def _is_ascii(name: str) -> bool:
    try:
        return encodings.named(name).encode(',"\r\n') == b',"\r\n'
    except UnicodeEncodeError:
        return False


def _order(declaration: Mapping[str, Any], columns: Columns) -> Iterator[Problem]:
    """Without a line of names every column has a place of its own, and there are no gaps."""
    names = [each["name"] for each in columns]
    for name in declaration.get("order", ()):
        yield from known(("order",), name, names)
    if declaration.get("names", "header") == "header" or declaration.get("order"):
        return
    places = sorted(each.get("at", 0) for each in columns)
    if places != list(range(1, len(columns) + 1)):
        yield ("names",), f"the columns at 1 to {len(columns)}", ", ".join(map(str, places))


def _names(declaration: Mapping[str, Any], columns: Columns) -> Iterator[Problem]:
    """Every field that a control names is there."""
    header = declaration.get("header", {}).get("columns", ())
    trailer = declaration.get("trailer", {}).get("columns", ())
    both = [*header, *trailer]
    yield from known(("as_of",), declaration.get("as_of"), both)
    yield from known(("count",), declaration.get("count"), both)
    for place, total in enumerate(declaration.get("totals", ())):
        yield from known(("totals", place, "trailer"), total["trailer"], both)
        yield from known(("totals", place, "of"), total["of"], [each["name"] for each in columns])
    declared = declaration.get("set", {})
    for key in ("part", "parts"):
        yield from known(("set", key), declared.get(key), header)
    yield from known(("set", "count_all"), declared.get("count_all"), both)
    for name in declared.get("same", ()):
        yield from known(("set", "same"), name, header)
