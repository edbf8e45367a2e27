"""The shape of a rule file: its JSON Schema, and every departure from it with line, expected and found.

``python -m renkei.reconcile.shape`` prints the schema that ``docs/schemas/rule.schema.json`` publishes.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renkei.reconcile.query import nearest

if TYPE_CHECKING:
    from jsonschema import ValidationError

TEXT = {"type": "string", "minLength": 1, "pattern": r"\S"}
_DAY = {"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
RELATION = {"type": "string", "pattern": r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"}
RULE_ID = {"type": "string", "pattern": "^R[0-9]{2,3}$"}
_SCALAR = {"type": ["string", "number", "boolean"]}
_PARAMETER = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]}
_EXAMPLE = {
    "story": TEXT,
    "as_of": _DAY,
    "given": {
        "type": "object",
        "propertyNames": RELATION,
        "additionalProperties": TEXT,
        "minProperties": 1,
    },
}


# system.feed as a whole word, so that p.welfare.benefit or juki.resident_old is another one
_FEED = re.compile(r"(?<![\w.])[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*(?![\w.])")


def table(properties: Mapping[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    """A table that holds these keys and no other."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


_REQUIRED = (
    "id", "title", "title_en", "action", "action_en", "severity", "owner", "legal_basis", "compare",
    "valid_from", "sql", "must_find", "must_not_find",
)  # fmt: skip

#: One rule file (突合規則). Days are TOML dates; here they stand as ISO text.
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Renkei reconciliation rule",
    **table(
        {
            "id": {**RULE_ID, "description": "starts the file name"},
            "title": {**TEXT, "description": "what staff see, Japanese"},
            "title_en": TEXT,
            "action": {**TEXT, "description": "what staff do about it, Japanese"},
            "action_en": TEXT,
            "severity": {"enum": [1, 2, 3], "description": "1 money or safety, 2 weekly, 3 monthly"},
            "owner": {**TEXT, "description": "the department that corrects"},
            "legal_basis": TEXT,
            "compare": {"type": "array", "items": RELATION, "minItems": 1, "uniqueItems": True},
            "kind": {"enum": ["mismatch", "double_entry", "delivery"], "default": "mismatch"},
            "lasting": {
                "type": "boolean",
                "default": False,
                "description": "an event; never closes by itself",
            },
            "most": {
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 1,
                "default": 0.05,
                "description": "share of its subjects beyond which its findings are held",
            },
            "pairs": {
                "type": "integer",
                "minimum": 1,
                "description": "pairs that its largest join may make; 20 for each row it reads when left out",
            },
            "valid_from": {**_DAY, "description": "the law is in force from this day"},
            "valid_to": {**_DAY, "description": "and up to this day"},
            "parameters": {
                "type": "object",
                "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$", "not": {"const": "as_of"}},
                "additionalProperties": _PARAMETER,
            },
            "sql": {**TEXT, "description": "one SELECT; its rows are the mismatches"},
            "must_find": {
                "type": "array",
                "minItems": 1,
                "items": table({**_EXAMPLE, "finds": TEXT}, ("story", "as_of", "given", "finds")),
            },
            "must_not_find": {
                "type": "array",
                "minItems": 1,
                "items": table(_EXAMPLE, ("story", "as_of", "given")),
            },
        },
        _REQUIRED,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing to correct in a file."""

    file: str
    line: int
    expected: str
    found: str
    nearest: str | None = None

    def __str__(self) -> str:
        near = f" (nearest name: {self.nearest})" if self.nearest else ""
        return f"{self.file}:{self.line}: expected {self.expected}, found {self.found}{near}"


@dataclass(frozen=True, kw_only=True)
class RuleFile:
    """A rule file as text and as values; ``shown`` is its path below the folder of the city's rules."""

    name: str
    shown: str
    text: str
    values: Mapping[str, Any]

    def line(self, key: str, *, nth: int = 0) -> int:
        """The line of a key's ``nth`` appearance at the start of a line, or 1."""
        pattern = re.compile(rf"^\s*(?:\[+)?\s*\"?{re.escape(key)}\"?\s*(?:[=.\]])", re.MULTILINE)
        found = list(pattern.finditer(self.text))
        return self.text.count("\n", 0, found[nth].end()) + 1 if nth < len(found) else 1

    def problem(
        self, key: str, *, expected: str, found: str, nth: int = 0, near: str | None = None
    ) -> Problem:
        """A problem at a key."""
        line = self.line(key, nth=nth)
        return Problem(file=self.shown, line=line, expected=expected, found=found, nearest=near)


def read(
    place: Path, *, shown: str | None = None, feeds: Mapping[str, str] | None = None
) -> RuleFile | Problem:
    """The file's text and values, or why it is no TOML; ``feeds`` are exchanged for their names here."""
    name = shown or place.name
    try:
        text = _FEED.sub(lambda found: (feeds or {}).get(found[0], found[0]), place.read_text("utf-8"))
        return RuleFile(name=place.name, shown=name, text=text, values=tomllib.loads(text))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        at = re.search(r"line (\d+)", str(wrong))
        line = int(at.group(1)) if at else 1
        return Problem(file=name, line=line, expected="TOML in UTF-8", found=str(wrong).splitlines()[0])


def departures(file: RuleFile, schema: Mapping[str, Any] = SCHEMA) -> list[Problem]:
    """Everything in which the file departs from the schema."""
    from jsonschema import Draft202012Validator

    wrong = Draft202012Validator(schema).iter_errors(_plain(file.values))
    return [problem for error in wrong for problem in _told(file, error)]


def _told(file: RuleFile, error: "ValidationError") -> Iterator[Problem]:
    path = [str(part) for part in error.absolute_path]
    nth = int(path[1]) if path[:1] and path[0].startswith("must_") and len(path) > 1 else 0
    where = path[0] if path else ""
    place = f" in {where}" if where else ""
    if error.validator == "additionalProperties" and "properties" in error.schema:
        known = set(error.schema["properties"])
        for name in sorted(set(error.instance) - known):
            yield file.problem(name, expected=f"a known key{place}", found=name, near=nearest(name, known))
    elif error.validator == "required":
        for name in sorted(set(error.validator_value) - set(error.instance)):
            near = nearest(name, set(error.instance) - set(error.schema["properties"]))
            yield file.problem(where, nth=nth, expected=f"the key {name}{place}", found="nothing", near=near)
    else:
        yield file.problem(where, nth=nth, expected=_wanted(error), found=_shown(error.instance))


def _wanted(error: "ValidationError") -> str:
    name = ".".join(str(part) for part in error.absolute_path) or "the file"
    if error.validator == "enum":
        return f"{name} to be one of {', '.join(map(str, error.validator_value))}"
    if error.validator == "pattern" and error.validator_value == r"\S":
        return f"{name} to hold a text"
    return f"{name}: {error.validator} {json.dumps(error.validator_value, ensure_ascii=False)[:80]}"


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)[:60]


def _plain(value: object) -> object:
    """TOML values as JSON has them: dates as ISO text."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def published() -> str:
    """The schema as the documentation carries it."""
    return json.dumps(SCHEMA, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(published())
