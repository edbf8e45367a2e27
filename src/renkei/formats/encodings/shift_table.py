"""A vendor's kanji codes (JEF, KEIS, JIPS) from a table file that the city loads.

No table of these codes is free of rights and complete, so none is part of the hub: a city or its vendor
supplies the file, as described in ``docs/encodings.md``, and pins it by its sha256. Every problem of a
file is told at once; a table with a problem is not used at all.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from renkei.formats.encodings import host
from renkei.formats.encodings.code_table import CodeTable
from renkei.formats.encodings.coded import Coded
from renkei.formats.encodings.gaiji import PRIVATE
from renkei.formats.encodings.units import Shifts

#: The single-byte sets that a table may build on; ``single_codes`` adds to them or takes precedence.
SINGLE = ("none", "ascii", "jis-x-0201", "ibm-290", "ibm-1027")

_HEX1 = {"type": "string", "pattern": "^[0-9A-F]{2}$"}
_HEX2 = {"type": "string", "pattern": "^[0-9A-F]{4}$"}
_CODE = {"type": "string", "pattern": "^([0-9A-F]{2}){1,2}$"}
_CHAR = {"type": "string", "minLength": 1, "maxLength": 8}


def _codes(key: str, value: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An object from codes to texts."""
    return {
        "type": "object",
        "propertyNames": {"pattern": f"^([0-9A-F]{{2}}){{{key}}}$"},
        "additionalProperties": value or _CHAR,
    }


#: JSON Schema of a table file; ``python -m renkei.formats.encodings.shift_table`` prints it.
SHAPE: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A vendor's kanji codes",
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "title", "source", "single", "blank", "wide_blank", "shift", "double"],
    "properties": {
        "$schema": {"type": "string"},
        "name": {"type": "string", "pattern": "^[a-z][a-z0-9-]*$"},
        "title": {"type": "string"},
        "source": {"type": "string", "description": "where the table is from, and under which licence"},
        "single": {"enum": list(SINGLE)},
        "single_codes": _codes("1"),
        "blank": _HEX1,
        "wide_blank": _HEX2,
        "shift": {
            "type": "object",
            "additionalProperties": False,
            "required": ["in", "out"],
            "properties": {
                "in": {"type": "array", "minItems": 1, "items": _CODE},
                "out": {"type": "array", "minItems": 1, "items": _CODE},
            },
        },
        "double": _codes("2"),
        "read_only": _codes("2"),
        "write_only": {"type": "object", "additionalProperties": _HEX2},
        "gaiji": {
            "type": "array",
            "items": {"type": "array", "items": _HEX2, "minItems": 2, "maxItems": 2},
        },
    },
}

#: Characters of the private use area that can stand for 外字 while a record is being read.
_PRIVATE = range(0xE000, 0xF900)


def read(path: Path, *, sha256: str) -> tuple[Coded | None, list[str]]:
    """The set of a table file, or what is wrong with it."""
    try:
        content = path.read_bytes()
    except OSError:
        return None, [f"{path.name} is not a file that can be read"]
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        return None, [f"table_sha256 = {found!r} for {path.name}, found {sha256!r}"]
    return _parsed(path.name, content)


@cache
def _parsed(name: str, content: bytes) -> tuple[Coded | None, list[str]]:
    try:
        pairs = json.loads(content.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        return None, [f"{name}: JSON in UTF-8, every key once ({type(error).__name__})"]
    problems = [f"{name}: {problem}" for problem in (*_shape_problems(pairs),)]
    problems = problems or [f"{name}: {problem}" for problem in _content_problems(pairs)]
    return (None, problems) if problems else (_set(pairs), [])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _shape_problems(table: Mapping[str, Any]) -> Iterator[str]:
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(SHAPE).iter_errors(table):
        place = ".".join(str(each) for each in error.absolute_path) or "the file"
        yield f"{place}: {error.message}"


def _content_problems(table: Mapping[str, Any]) -> Iterator[str]:
    yield from _shift_problems(table)
    yield from _blank_problems(table)
    yield from _code_problems(table)
    yield from _gaiji_problems(table)


def _shift_problems(table: Mapping[str, Any]) -> Iterator[str]:
    shift = table["shift"]
    codes = [*shift["in"], *shift["out"]]
    if len(set(codes)) != len(codes):
        yield "shift: each code once"
    firsts = {code[:2] for code in codes}
    gaiji = (f"{code:04X}" for bounds in table.get("gaiji", ()) for code in _rectangle(*bounds))
    for code in (*table["double"], *table.get("read_only", ()), *gaiji):
        if firsts & {code[:2], code[2:]}:
            yield f"{code}: no byte that also starts a shift code"


def _blank_problems(table: Mapping[str, Any]) -> Iterator[str]:
    if _singles(table).get(int(table["blank"], 16)) != " ":
        yield f"blank: {table['blank']} must be the half-width space of the single bytes"
    if table["double"].get(table["wide_blank"]) != "\u3000":
        yield f"wide_blank: {table['wide_blank']} must be the full-width space in double"


def _code_problems(table: Mapping[str, Any]) -> Iterator[str]:
    owner: dict[str, str] = {}
    for code, text in table["double"].items():
        if text in owner:
            yield f"{code}: {text!r} stands at {owner[text]} too; put one of them under read_only"
        owner.setdefault(text, code)
    for code in set(table["double"]) & set(table.get("read_only", ())):
        yield f"{code}: either in double or in read_only"
    for text, code in table.get("write_only", {}).items():
        if code not in table["double"] or text in owner:
            yield f"write_only {text!r}: a code of double, for a text that has none"
    texts = [*_singles(table).values(), *table["double"].values(), *table.get("read_only", {}).values()]
    for text in sorted(set(texts)):
        if "\ufffd" in text or PRIVATE.search(text):
            yield f"{text!r}: a character with a meaning (a code without one is left out, or is gaiji)"


def _gaiji_problems(table: Mapping[str, Any]) -> Iterator[str]:
    codes = [code for bounds in table.get("gaiji", ()) for code in _rectangle(*bounds)]
    if len(codes) > len(_PRIVATE) or any(one >= other for one, other in pairwise(codes)):
        yield f"gaiji: ranges in ascending order, {len(_PRIVATE)} codes at most"
    known = {int(code, 16) for code in (*table["double"], *table.get("read_only", ()))}
    for code in sorted(known & set(codes)):
        yield f"{code:04X}: either a 外字 or a character of the table"


def _rectangle(first: str, last: str) -> Iterator[int]:
    """All codes from the first lead and trail byte to the last."""
    (lead, trail), (last_lead, last_trail) = bytes.fromhex(first), bytes.fromhex(last)
    for high in range(lead, last_lead + 1):
        yield from (high << 8 | low for low in range(trail, last_trail + 1))


def _singles(table: Mapping[str, Any]) -> dict[int, str]:
    """The single bytes; one that starts a shift code means nothing by itself."""
    codes = {int(code, 16): text for code, text in table.get("single_codes", {}).items()}
    firsts = {int(code[:2], 16) for code in (*table["shift"]["in"], *table["shift"]["out"])}
    return {code: text for code, text in {**_base(table["single"]), **codes}.items() if code not in firsts}


def _base(name: str) -> dict[int, str]:
    if name in host.SINGLE:
        return dict(host.charset(name).table.meanings)
    ascii_codes = {code: chr(code) for code in range(0x80)}
    kana = {0xA1 + place: chr(0xFF61 + place) for place in range(63)}
    return {"none": {}, "ascii": ascii_codes, "jis-x-0201": ascii_codes | kana}[name]


def _set(table: Mapping[str, Any]) -> Coded:
    codes = [code for bounds in table.get("gaiji", ()) for code in _rectangle(*bounds)]
    private = dict(zip(codes, map(chr, _PRIVATE), strict=False))
    two_way = {int(code, 16): text for code, text in table["double"].items()} | private
    singles = _singles(table)
    read_only = {int(code, 16): text for code, text in table.get("read_only", {}).items()}
    written = {text: code for code, text in (*two_way.items(), *reversed(singles.items()))}
    into, out = (tuple(map(bytes.fromhex, table["shift"][way])) for way in ("in", "out"))
    shifts = Shifts(into=into, out=out)
    return Coded(
        name=table["name"],
        table=CodeTable(meanings={**singles, **two_way, **read_only}, written=written),
        split=shifts.split,
        blank=bytes.fromhex(table["blank"]),
        wide_blank=bytes.fromhex(table["wide_blank"]),
        shifts=shifts,
        private={char: code.to_bytes(2, "big") for code, char in private.items()},
        one_way={text: table["double"][code] for text, code in table.get("write_only", {}).items()},
    )


if __name__ == "__main__":
    print(json.dumps(SHAPE, ensure_ascii=False, indent=2))  # noqa: T201 (a program that prints a schema)
