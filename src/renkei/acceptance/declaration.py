"""A migration's declaration: ``reconciliation/migrations/<name>.toml``, checked as a whole.

``python -m renkei.acceptance.declaration`` prints the schema that ``docs/schemas/migration.schema.json``
publishes.
"""

import json
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from renkei.errors import FixDeclaration
from renkei.mapping import schema
from renkei.mapping.codes import CodeTable
from renkei.mapping.lines import Lines, locate
from renkei.mapping.problems import Problem, nearest, refuse
from renkei.mapping.steps import STEPS, Known, Step, parse

#: Below the city's folder; the loader of rules looks at ``reconciliation/*.toml`` alone.
FOLDER = Path("reconciliation", "migrations")

#: What a tolerance may allow a number of: records, cells of one field, or days between the two states.
OF = ("missing_in_new", "missing_in_old", "repeated", "keyless", "cells", "days_apart")
Of = Literal["missing_in_new", "missing_in_old", "repeated", "keyless", "cells", "days_apart"]
FOLDS = ("display", "strict", "loose")

_TEXT: dict[str, Any] = {"type": "string", "minLength": 1, "pattern": r"\S"}
_FEED: dict[str, Any] = {"type": "string", "pattern": r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"}
_COLUMN: dict[str, Any] = {"type": "string", "pattern": r"^[a-z][a-z0-9_]*$"}
_STEPS: dict[str, Any] = {
    "type": "array",
    "items": {"oneOf": [_TEXT, {"type": "object", "minProperties": 1}]},
}


def _table(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _tables(table: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(table), "minItems": 1}


_SIDES: dict[str, Any] = {
    f"{side}{what}": shape
    for side in ("old", "new")
    for what, shape in (
        ("", _COLUMN),
        ("_steps", {**_STEPS, "description": "steps of the mapping language, on this side's value"}),
        ("_strip", {"type": "string", "minLength": 1, "maxLength": 1, "description": "off the left end"}),
        ("_empty", {**_TEXT, "description": "what stands where this side says nothing"}),
    )
}
_KEY = _table(_SIDES, "old", "new")
_FIELD = _table({**_SIDES, "fold": {"enum": list(FOLDS), "description": "both sides, last"}}, "old", "new")
_TOLERANCE = {
    **_table(
        {
            "of": {"enum": list(OF)},
            "field": {**_COLUMN, "description": "the new side's column"},
            "most": {"type": "integer", "minimum": 1},
            "within": {"type": "number", "exclusiveMinimum": 0, "description": "numbers this far apart"},
            "within_days": {"type": "integer", "minimum": 1, "description": "dates this far apart"},
            "reason": _TEXT,
            "approved_by": {**_TEXT, "description": "who answers for it"},
        },
        "reason",
        "approved_by",
    ),
    "oneOf": [
        {"required": ["of", "most"], "not": {"required": ["within"]}},
        {"required": ["field", "within"], "not": {"required": ["of"]}},
        {"required": ["field", "within_days"], "not": {"required": ["of"]}},
    ],
}

#: One declaration of a migration (移行検証).
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Renkei migration declaration",
    **_table(
        {
            "title": _TEXT,
            "title_en": _TEXT,
            "owner": {**_TEXT, "description": "the department that accepts"},
            "old": {**_FEED, "description": "the feed of the system that is left"},
            "new": {**_FEED, "description": "the feed of the system that takes over"},
            "key": _tables(_KEY),
            "field": _tables(_FIELD),
            "not_carried": _tables(
                _table(
                    {"side": {"enum": ["old", "new"]}, "columns": _tables(_COLUMN), "reason": _TEXT},
                    "side",
                    "columns",
                    "reason",
                )
            ),
            "tolerance": _tables(_TOLERANCE),
        },
        "title",
        "title_en",
        "owner",
        "old",
        "new",
        "key",
        "field",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One side of a field: its column, and what is done to its value before it is compared."""

    column: str
    steps: tuple[Step, ...]
    strip: str | None
    empty: str | None


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A key's part or a field: what the old side says and what the new one says. Named by the new column."""

    old: Cell
    new: Cell
    fold: str | None = None

    @property
    def name(self) -> str:
        """The new side's column."""
        return self.new.column

    def side(self, side: str) -> Cell:
        """``old`` or ``new``."""
        return self.old if side == "old" else self.new


@dataclass(frozen=True, kw_only=True)
class NotCarried:
    """Columns of one side that have no counterpart, and why that is right."""

    side: str
    columns: tuple[str, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """So many differences are accepted (``of``, ``most``), or values so far apart count as equal.

    ``field`` is None where it is not about one field.
    """

    of: str | None
    field: str | None
    most: int | None
    within: float | None
    within_days: int | None
    reason: str
    approved_by: str


@dataclass(frozen=True, kw_only=True)
class Migration:
    """A declared migration. ``text`` is the file, ``digest`` its hash and that of the code tables it uses."""

    name: str
    title: str
    title_en: str
    owner: str
    old: str
    new: str
    keys: tuple[Pair, ...]
    fields: tuple[Pair, ...]
    not_carried: tuple[NotCarried, ...]
    tolerances: tuple[Tolerance, ...]
    codes: Mapping[str, CodeTable]
    text: str
    digest: str

    def feed(self, side: str) -> str:
        """The feed of the side ``old`` or ``new``."""
        return self.old if side == "old" else self.new

    def most(self, of: str, field: str | None = None) -> int:
        """How many are accepted; none unless a tolerance says so."""
        said = (each for each in self.tolerances if each.of == of and each.field == field)
        return next((each.most or 0 for each in said), 0)

    def spoken_of(self, side: str) -> frozenset[str]:
        """Columns of a side that are compared, or declared not to be."""
        compared = {pair.side(side).column for pair in (*self.keys, *self.fields)}
        left_out = {name for each in self.not_carried if each.side == side for name in each.columns}
        return frozenset(compared | left_out)


def names(root: Path) -> tuple[str, ...]:
    """Every declared migration of a city's folder."""
    return tuple(sorted(place.stem for place in (root / FOLDER).glob("*.toml")))


def load(
    root: Path, name: str, *, codes: Mapping[str, CodeTable], columns: Mapping[str, Sequence[str]]
) -> Migration:  # fmt: skip
    """The declaration of that name; one ``FixDeclaration`` names all that is wrong with it.

    ``columns``: feed → the columns that its records have.
    """
    known = names(root)
    if name not in known:
        kind = {"ja": "移行検証の宣言", "en": "declaration of a migration"}
        raise FixDeclaration("E_NOT_FOUND", kind=kind, name=name, nearest=nearest(name, known) or "-")
    place = root / FOLDER / f"{name}.toml"
    try:
        text = place.read_text("utf-8")
        declared = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as wrong:
        found = "another encoding" if isinstance(wrong, UnicodeDecodeError) else str(wrong)
        refuse([Problem(file=place.name, line=0, expected="TOML in UTF-8", found=found)])
        raise AssertionError from wrong
    lines = locate(text)
    refuse(schema.problems(declared, SCHEMA, file=place.name, lines=lines))
    refuse(_Meaning(declared, place.name, lines, codes=codes, columns=columns, folder=root / "mappings"))
    return _migration(name, declared, text, codes)


class _Meaning:
    """What the schema cannot see: feeds, columns, steps, what is said twice."""

    def __init__(
        self, declared: Mapping[str, Any], file: str, lines: Lines, *, codes: Mapping[str, CodeTable],
        columns: Mapping[str, Sequence[str]], folder: Path,
    ) -> None:  # fmt: skip
        self._declared, self._file, self._lines = declared, file, lines
        self._columns = columns
        self._known = Known(tables=codes, columns=frozenset(), folder=folder)

    def __iter__(self) -> Iterator[Problem]:
        feeds = [side for side in ("old", "new") if self._declared[side] not in self._columns]
        for side in feeds:
            yield self._problem((side,), "a feed of this city", self._declared[side], self._columns)
        if not feeds:
            yield from self._pairs()
            yield from self._left_out()
            yield from self._tolerances()

    def _pairs(self) -> Iterator[Problem]:
        seen: set[str] = set()
        for kind in ("key", "field"):
            for number, row in enumerate(self._declared[kind]):
                place = (kind, number)
                if row["new"] in seen:
                    yield self._problem((*place, "new"), "a column that is compared once", row["new"], ())
                seen.add(row["new"])
                for side in ("old", "new"):
                    yield from self._column(side, row[side], (*place, side))
                    for declared in row.get(f"{side}_steps", ()):
                        yield from self._step(parse(declared), (*place, f"{side}_steps"))

    def _column(self, side: str, name: str, place: tuple[str | int, ...]) -> Iterator[Problem]:
        known = self._columns[self._declared[side]]
        if name not in known:
            yield self._problem(place, f"a column of {self._declared[side]}", name, known)

    def _step(self, step: Step, place: tuple[str | int, ...]) -> Iterator[Problem]:
        if step.name not in STEPS or STEPS[step.name].gives in ("token", "place"):
            yield self._problem(place, "a step on a text", step.name, STEPS)
            return
        for misuse in STEPS[step.name].misused(step, self._known):
            yield self._problem(place, misuse.expected, misuse.found, misuse.near)

    def _left_out(self) -> Iterator[Problem]:
        for number, row in enumerate(self._declared.get("not_carried", ())):
            compared = {pair[row["side"]] for kind in ("key", "field") for pair in self._declared[kind]}
            for name in row["columns"]:
                place = ("not_carried", number, "columns")
                yield from self._column(row["side"], name, place)
                if name in compared:
                    yield self._problem(place, "a column that is not compared", name, ())

    def _tolerances(self) -> Iterator[Problem]:
        fields = [row["new"] for row in self._declared["field"]]
        seen = set()
        for number, row in enumerate(self._declared.get("tolerance", ())):
            place, of, name = ("tolerance", number), row.get("of"), row.get("field")
            if name is not None and name not in fields:
                yield self._problem((*place, "field"), "a compared field", name, fields)
            if (of == "cells") is (name is None) and of is not None:
                yield self._problem((*place, "of"), 'a field with of = "cells", and with no other', of, OF)
            if (of, name) in seen:
                yield self._problem(place, "one tolerance of a kind", f"{of} {name or ''}".strip(), ())
            seen.add((of, name))

    def _problem(
        self, place: tuple[str | int, ...], expected: str, found: str, near: Any  # noqa: ANN401 - names
    ) -> Problem:  # fmt: skip
        line = self._lines.of(place)
        like = nearest(str(found), near)
        return Problem(file=self._file, line=line, expected=expected, found=str(found), nearest=like)


def _migration(
    name: str, declared: Mapping[str, Any], text: str, codes: Mapping[str, CodeTable]
) -> Migration:
    keys, fields = (tuple(_pair(row) for row in declared[kind]) for kind in ("key", "field"))
    cells = [cell for pair in (*keys, *fields) for cell in (pair.old, pair.new)]
    used = sorted({str(step.argument) for cell in cells for step in cell.steps if step.name == "code"})
    tables = {each: codes[each] for each in used}
    seen = sha256(text.encode("utf-8"))
    for each, table in tables.items():
        seen.update(f"\0{each}\0{json.dumps(table.declared, default=str, sort_keys=True)}".encode())
    return Migration(
        name=name, title=declared["title"], title_en=declared["title_en"], owner=declared["owner"],
        old=declared["old"], new=declared["new"], keys=keys, fields=fields,
        not_carried=tuple(
            NotCarried(side=row["side"], columns=tuple(row["columns"]), reason=row["reason"])
            for row in declared.get("not_carried", ())
        ),
        tolerances=tuple(
            Tolerance(**{each: row.get(each) for each in Tolerance.__dataclass_fields__})
            for row in declared.get("tolerance", ())
        ),
        codes=tables, text=text, digest=seen.hexdigest(),
    )  # fmt: skip


def _pair(row: Mapping[str, Any]) -> Pair:
    return Pair(old=_cell(row, "old"), new=_cell(row, "new"), fold=row.get("fold"))


def _cell(row: Mapping[str, Any], side: str) -> Cell:
    return Cell(
        column=row[side],
        steps=tuple(parse(step) for step in row.get(f"{side}_steps", ())),
        strip=row.get(f"{side}_strip"),
        empty=row.get(f"{side}_empty"),
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(SCHEMA, ensure_ascii=False, indent=2) + "\n")
