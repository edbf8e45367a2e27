"""The shape of mapping and code files as JSON Schema; ``docs/schemas/mapping.schema.json`` is this text."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from renkei import formats
from renkei.mapping.contract.declared import SHAPE as _CONTRACT
from renkei.mapping.lines import Lines, Path
from renkei.mapping.problems import Problem, nearest
from renkei.records import RECORD_TYPES, SENSITIVITIES

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_POSITIVE: dict[str, Any] = {"type": "integer", "minimum": 1}
_YES: dict[str, Any] = {"type": "boolean"}
#: A TOML date, which JSON Schema has no word for; other readers of the schema skip the keyword.
_DATE: dict[str, Any] = {"x-date": True}


def _table(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


_COLUMN = _table({"name": _TEXT, "at": _POSITIVE, "bytes": _POSITIVE, "optional": _YES}, "name")
_FROM: dict[str, Any] = {
    "oneOf": [_TEXT, _COLUMN, {"type": "array", "minItems": 1, "items": {"oneOf": [_TEXT, _COLUMN]}}]
}
_STEP: dict[str, Any] = {"oneOf": [_TEXT, {"type": "object", "minProperties": 1}]}

_FIELD = _table(
    {
        "to": _TEXT,
        "from": _FROM,
        "steps": {"type": "array", "items": _STEP},
        "value": _TEXT,
        "join": {"type": "string"},
        "pick": {"const": "first"},
        "required": _YES,
        "max": _POSITIVE,
        "sensitivity": {"enum": list(SENSITIVITIES)},
        "rank": _POSITIVE,
        "note": _TEXT,
    },
    "to",
)
_IGNORED = _table(
    {
        "name": _TEXT,
        "at": _POSITIVE,
        "bytes": _POSITIVE,
        "optional": _YES,
        "fill": {"type": "string"},
        "reason": _TEXT,
    },
    "name",
    "reason",
)
#: Each kind of file says itself what its declaration may hold.
_SHAPES = {kind: formats.kind_of(kind).SHAPE for kind in formats.KINDS}
FORMAT: dict[str, Any] = {
    "type": "object",
    "required": ["kind"],
    "properties": {"kind": {"enum": list(_SHAPES)}},
    "allOf": [
        {"if": {"properties": {"kind": {"const": kind}}}, "then": shape} for kind, shape in _SHAPES.items()
    ],
}
#: A whole number, or a TOML date.
_BOUND: dict[str, Any] = {"x-bound": True}
_EXPECT = _table(
    {
        "field": _TEXT,
        "matches": _TEXT,
        "least": _BOUND,
        "most": _BOUND,
        "share": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "field",
    "share",
)
#: How many records a delivery has.
_SIZE = {
    **_table({"least": {"type": "integer", "minimum": 0}, "most": {"type": "integer", "minimum": 0}}),
    "minProperties": 1,
}
_EXAMPLE = _table(
    {
        "title": _TEXT,
        "given": {"type": "object", "additionalProperties": {"type": "string"}},
        "gives": {"type": "object"},
        "refused": {"type": "string", "pattern": "^E_[A-Z0-9_]+$"},
        "day": _DATE,
    },
    "title",
    "given",
)
_VERSION = _table(
    {
        "from": _DATE,
        "field": {"type": "array", "items": _FIELD},
        "ignored": {"type": "array", "items": _IGNORED},
        "format": {"type": "object"},
        "drop": _TEXTS,
        "note": _TEXT,
    },
    "from",
)
_FEED = _table(
    {
        "name": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
        "title": _TEXT,
        "owner": _TEXT,
        "connector": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
        "connection": _TEXT,
        "settings": {"type": "object"},
        "format": FORMAT,
        "delivers": {"enum": ["full", "delta"]},
        "schedule": _TEXT,
        "lag": {"type": "string", "pattern": "^[0-9]{1,5}[mhd]$"},
        "record": {"enum": list(RECORD_TYPES)},
        "field": {"type": "array", "minItems": 1, "items": _FIELD},
        "ignored": {"type": "array", "items": _IGNORED},
        "expect": {"type": "array", "items": _EXPECT},
        "size": _SIZE,
        "example": {"type": "array", "items": _EXAMPLE},
        "version_by": _TEXT,
        "contract": _CONTRACT,
        "version": {"type": "array", "items": _VERSION},
    },
    "name",
    "connector",
    "connection",
    "format",
    "delivers",
    "schedule",
    "record",
    "field",
)

MAPPING: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Renkei mapping: one source system",
    **_table(
        {
            "system": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
            "title": _TEXT,
            "owner": _TEXT,
            "feed": {"type": "array", "minItems": 1, "items": _FEED},
        },
        "system",
        "title",
        "owner",
        "feed",
    ),
}

_CODE = _table(
    {
        "code": _TEXT,
        "to": {"type": "string"},
        "label": _TEXT,
        "valid_from": _DATE,
        "valid_to": _DATE,
        # what is registered provisionally (仮登録) never leaves its system
        "refuse": {"enum": ["E_PROVISIONAL"]},
    },
    "code",
    "to",
)
CODES: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Renkei code table",
    **_table(
        {
            "title": _TEXT,
            "note": _TEXT,
            "match": {"enum": ["whole", "prefix"]},
            "codes": {"type": "array", "minItems": 1, "items": _CODE},
        },
        "title",
        "codes",
    ),
}


def problems(
    declared: Mapping[str, Any], shape: Mapping[str, Any], *, file: str, lines: Lines, at: Path = ()
) -> list[Problem]:
    """Everything in the file, or in the part of it at a place, that the shape does not allow."""
    found = []
    for error in _validator(shape).iter_errors(declared):
        path = (*at, *error.absolute_path)
        for place, expected, got, near in _explain(error):
            line = lines.of((*path, *place))
            found.append(Problem(file=file, line=line, expected=expected, found=got, nearest=near))
    return found


def _validator(shape: Mapping[str, Any]) -> "Draft202012Validator":
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend

    def is_date(
        _validator: object, _wanted: object, value: object, _shape: object
    ) -> Iterator[ValidationError]:
        if type(value) is not date:
            yield ValidationError("not a date")

    def is_bound(
        _validator: object, _wanted: object, value: object, _shape: object
    ) -> Iterator[ValidationError]:
        if type(value) not in (int, date):
            yield ValidationError("neither a whole number nor a date")

    def is_like(_validator: object, wanted: str, value: object, _shape: object) -> Iterator[ValidationError]:
        # the end is the end: a line break behind it is part of the text
        if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", wanted), value):
            yield ValidationError("not like the pattern")

    words = {"x-date": is_date, "x-bound": is_bound, "pattern": is_like}
    made: Draft202012Validator = extend(Draft202012Validator, words)(dict(shape))
    return made


def _explain(error: "ValidationError") -> Iterator[tuple[tuple[str, ...], str, str, str]]:
    """Place below the error's own, expected, found, nearest name."""
    where = str(error.absolute_path[-1]) if error.absolute_path else "file"
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        for name in sorted(set(error.instance) - set(known)):
            yield (name,), "a known key", name, nearest(name, known)
    elif error.validator == "required":
        for name in sorted(set(error.validator_value) - set(error.instance)):
            yield (), f"key {name}", f"none in {where}", nearest(name, error.instance)
    else:
        yield ((), *_misfit(error, where))


def _misfit(error: "ValidationError", where: str) -> tuple[str, str, str]:
    if error.validator == "enum":
        allowed = [str(value) for value in error.validator_value]
        return " | ".join(allowed), repr(error.instance), nearest(str(error.instance), allowed)
    if error.validator == "x-date":
        return f"{where}: a date such as 2027-04-01", _short(error.instance), ""
    if error.validator == "x-bound":
        return f"{where}: a whole number or a date such as 2027-04-01", _short(error.instance), ""
    wanted = (
        error.validator_value
        if error.validator in ("type", "pattern", "const", "minimum")
        else "another shape"
    )
    return f"{where}: {error.validator} {wanted}", _short(error.instance), ""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
