"""What the shape of a mapping cannot say: names that must exist, layouts that must fill their record."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from renkei import formats
from renkei.mapping.codes import CodeTable
from renkei.mapping.expression import misspelt
from renkei.mapping.lines import Lines
from renkei.mapping.lines import Path as Place
from renkei.mapping.problems import Problem, nearest
from renkei.mapping.steps import STEPS, Known, Step, parse
from renkei.records import RECORD_TYPES

#: ``from`` as written: a name, a column, or a list of either.
Source = str | Mapping[str, Any] | list[Any]

#: Columns of a record that no field may fill: the engine derives them.
DERIVED = frozenset({"__rec_no", "match_key"})

_HOLDS = {
    "text": "string",
    "interval": "date",
    "timestamp": "timestamp",
    "integer": "int64",
    "boolean": "bool",
}


def columns_of(source: Source) -> list[Mapping[str, Any]]:
    """``from`` in its three spellings (a name, a column, a list of either) as columns."""
    if isinstance(source, list):
        return [column for each in source for column in columns_of(each)]
    return [{"name": source}] if isinstance(source, str) else [source]


def raw_columns(feed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every raw column once, as it is fully declared: fields' sources first, then what is ignored."""
    columns: dict[str, dict[str, Any]] = {}
    for column in _mentions(feed):
        columns.setdefault(column["name"], {}).update(
            {name: value for name, value in column.items() if name != "reason"}
        )
    return list(columns.values())


def _mentions(feed: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    mapped = [column for row in feed["field"] for column in columns_of(row.get("from", []))]
    return [*mapped, *feed.get("ignored", ())]


def problems(
    feed: Mapping[str, Any], tables: Mapping[str, CodeTable], *, file: Path, lines: Lines, at: Place
) -> list[Problem]:
    """Everything about one feed that cannot work."""
    look = _Look(feed=feed, tables=tables, folder=file.parent)
    return [
        Problem(file=file.name, line=lines.of((*at, *finding.place)), **finding.says)
        for finding in look.findings()
    ]


@dataclass(frozen=True, kw_only=True)
class _Finding:
    place: Place
    expected: str
    found: str
    nearest: str = ""

    @property
    def says(self) -> dict[str, str]:
        return {"expected": self.expected, "found": self.found, "nearest": self.nearest}


@dataclass(frozen=True, kw_only=True)
class _Look:
    """One feed under examination."""

    feed: Mapping[str, Any]
    tables: Mapping[str, CodeTable]
    folder: Path

    def findings(self) -> Iterator[_Finding]:
        yield from self._targets()
        for number, row in enumerate(self.feed["field"]):
            yield from self._field(row, ("field", number))
        yield from self._expectations()
        yield from self._schedule()
        yield from self._ignored()
        yield from self._format()

    @property
    def schema(self) -> pa.Schema:
        return RECORD_TYPES[self.feed["record"]].schema

    def _targets(self) -> Iterator[_Finding]:
        seen = set()
        for number, row in enumerate(self.feed["field"]):
            place = ("field", number, "to")
            if row["to"] in seen:
                yield _Finding(place=place, expected="one field a target", found=f"{row['to']} twice")
            seen.add(row["to"])
        if "source_key" not in seen:
            yield _Finding(place=("name",), expected="a field to = source_key", found="none")

    def _field(self, row: Mapping[str, Any], place: Place) -> Iterator[_Finding]:
        targets = [name for name in self.schema.names if name not in DERIVED]
        if row["to"] not in targets:
            near = nearest(row["to"], targets)
            yield _Finding(
                place=(*place, "to"),
                expected=f"a column of {self.feed['record']}",
                found=row["to"],
                nearest=near,
            )
            return
        if ("from" in row) == ("value" in row):
            yield _Finding(place=place, expected="either from or value", found="both or neither")
        yield from self._steps(row, place)

    def _steps(self, row: Mapping[str, Any], place: Place) -> Iterator[_Finding]:
        place = (*place, "steps")
        kind = "text"
        for declared in row.get("steps", ()):
            step = parse(declared)
            if step.name not in STEPS:
                near = nearest(step.name, STEPS)
                yield _Finding(place=place, expected="a known step", found=step.name, nearest=near)
                return
            if STEPS[step.name].takes != kind:
                yield _Finding(place=place, expected=f"text before {step.name}", found=kind)
            yield from self._argument(step, place)
            kind = STEPS[step.name].gives
        if not str(self.schema.field(row["to"]).type).startswith(_HOLDS[kind]):
            wanted = str(self.schema.field(row["to"]).type)
            yield _Finding(place=place, expected=f"{wanted} for {row['to']}", found=kind)

    def _argument(self, step: Step, place: Place) -> Iterator[_Finding]:
        kind = STEPS[step.name]
        if (kind.argument == "needed") > (step.argument is not None):
            yield _Finding(place=place, expected=f"an argument for {step.name}", found="none")
            return
        for option in step.options:
            if option not in kind.options:
                near = nearest(option, kind.options)
                yield _Finding(place=place, expected=f"an option of {step.name}", found=option, nearest=near)
        for misuse in kind.misuses(step, self._known):
            near = nearest(misuse.found, misuse.near) if misuse.near else ""
            yield _Finding(place=place, expected=misuse.expected, found=misuse.found, nearest=near)

    @property
    def _known(self) -> Known:
        columns = frozenset(column["name"] for column in raw_columns(self.feed))
        return Known(tables=self.tables, columns=columns, folder=self.folder)

    def _expectations(self) -> Iterator[_Finding]:
        for number, row in enumerate(self.feed.get("expect", ())):
            place = ("expect", number)
            if row["field"] not in self.schema.names:
                near = nearest(row["field"], self.schema.names)
                yield _Finding(place=place, expected="a target column", found=row["field"], nearest=near)
            if misspelt(row.get("matches", "")):
                yield _Finding(place=place, expected="an RE2 expression", found=repr(row["matches"]))

    def _schedule(self) -> Iterator[_Finding]:
        if len(self.feed["schedule"].split()) != 5:
            yield _Finding(place=("schedule",), expected="five fields of cron", found=self.feed["schedule"])

    def _ignored(self) -> Iterator[_Finding]:
        mapped = {column["name"] for row in self.feed["field"] for column in columns_of(row.get("from", []))}
        for number, row in enumerate(self.feed.get("ignored", ())):
            if row["name"] in mapped:
                yield _Finding(
                    place=("ignored", number), expected="mapped or ignored", found=f"{row['name']} both"
                )

    def _format(self) -> Iterator[_Finding]:
        """What its kind of file says of the declaration."""
        form, columns = self.feed["format"], raw_columns(self.feed)
        for place, expected, found, *near in formats.kind_of(form["kind"]).problems(
            form, columns, self.folder
        ):
            where = ("format", *place) if place else ("format",)
            yield _Finding(place=where, expected=expected, found=found, nearest=near[0] if near else "")
