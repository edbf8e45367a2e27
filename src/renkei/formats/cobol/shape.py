"""What a declaration of a COBOL format may say, and what must fit together in it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from renkei.formats import encodings
from renkei.formats.cobol.faults import Fault
from renkei.formats.cobol.plan import draft, offered
from renkei.formats.cobol.tree import BINARY_SIZES
from renkei.formats.fixed.layout import FILLS, PREFIXES, SEPARATORS
from renkei.formats.fixed.shape import POSITIVE, TEXT, table

#: Keys that name a file beside the mapping.
_FILES = ("copybook", "table", "gaiji", "substitute")

_MARK: dict[str, Any] = {"type": "string"}
_TEXTS: dict[str, Any] = {"type": "array", "items": TEXT}
_HALF: dict[str, Any] = {"type": "string", "pattern": "^[0-9A-F]$"}
_WHEN = table(
    {"field": TEXT, "equals": {"oneOf": [_MARK, {"type": "array", "items": _MARK}]}}, "field", "equals"
)
_TAKE = table({"item": TEXT, "take": TEXT, "when": _WHEN}, "item", "take")
_TOTAL = table({"trailer": TEXT, "of": TEXT, "digits": POSITIVE}, "trailer", "of")
_SIGN: dict[str, Any] = {
    "oneOf": [
        {"enum": ["ebcdic", "ascii", "overpunch"]},
        table({"plus": _HALF, "minus": _HALF}, "plus", "minus"),
    ]
}

SHAPE: dict[str, Any] = table(
    {
        "kind": {"const": "cobol"},
        # the copybook
        "copybook": TEXT,
        "copybook_encoding": {"enum": ["utf-8", "cp932", "euc-jp"]},
        "source": {"enum": ["fixed", "free"]},
        "replacing": {"type": "object", "additionalProperties": {"type": "string"}},
        "redefines": {"type": "array", "items": _TAKE},
        "rows": table({"of": TEXT, "number": TEXT}, "of", "number"),
        "filler": {"enum": ["blank", "keep"]},
        "unused": {"enum": ["empty", "any"]},
        # the compiler and the machine
        **encodings.SHAPE,
        "sign": _SIGN,
        "signs": {"enum": ["usual", "tolerant"]},
        "blank": {"enum": ["reject", "null"]},
        "national": {"enum": ["dbcs", "utf-16be", "utf-16le"]},
        "national_pad": {"enum": ["wide", "blank"]},
        "binary_size": {"enum": list(BINARY_SIZES)},
        "binary_order": {"enum": ["big", "little"]},
        "binary_truncate": {"type": "boolean"},
        "native_order": {"enum": ["big", "little"]},
        "sync": {"enum": ["ibm", "natural"]},
        # the file
        "bytes": POSITIVE,
        "separator": {"enum": list(SEPARATORS)},
        "prefix": {"enum": list(PREFIXES)},
        "fill": {"type": "array", "items": {"enum": list(FILLS)}},
        "record": TEXT,
        "header_record": TEXT,
        "trailer_record": TEXT,
        "end_record": TEXT,
        "kind_item": TEXT,
        "header": _MARK,
        "data": _MARK,
        "trailer": _MARK,
        "end": _MARK,
        "others": _TEXTS,
        "count": TEXT,
        "totals": {"type": "array", "items": _TOTAL},
        "as_of": TEXT,
        "unproved": TEXT,
    },
    "kind",
    "copybook",
    "encoding",
)


def problems(
    declaration: Mapping[str, Any], columns: Sequence[Mapping[str, Any]], folder: Path
) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """What the shape cannot say: the copybook's own faults, names that must exist, items nobody maps.

    Places are below ``[feed.format]``.
    """
    if not declaration.get("trailer") and "unproved" not in declaration:
        yield ("trailer",), "a trailer, or the reason why nothing proves the count (unproved)", "neither"
    files = {key: str(folder / declaration[key]) for key in _FILES if key in declaration}
    placed = {**declaration, **files, "columns": list(columns)}
    faults: list[Fault] = []
    if wrong := list(encodings.problems(declaration, folder)):
        yield from wrong
        return
    plan = draft(placed, faults)
    for fault in faults:
        yield ("copybook",), f"{fault.file}:{fault.line}: {fault.expected}", fault.found
    if plan is None:
        return
    named = {each["name"].upper() for each in columns}
    for name in (*offered(plan), *((plan.rows.number,) if plan.rows else ())):
        if name.upper() not in named:
            yield ("copybook",), f"{name} of {plan.data.name}, mapped or ignored", "neither"
