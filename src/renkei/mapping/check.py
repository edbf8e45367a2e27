"""What the shape of a mapping cannot say: names that must exist, layouts that must fill their record."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from renkei import formats
from renkei.errors import catalogue
from renkei.mapping import schema, strong_ids
from renkei.mapping.codes import CodeTable
from renkei.mapping.expression import misspelt
from renkei.mapping.lines import Lines
from renkei.mapping.lines import Path as Place
from renkei.mapping.problems import Problem, nearest
from renkei.mapping.steps import STEPS, Known, Step, parse
from renkei.records import GOLDEN, RECORD_TYPES, SENSITIVITIES, sensitivity_of

#: ``from`` as written: a name, a column, or a list of either.
Source = str | Mapping[str, Any] | list[Any]
Rows = Sequence[Mapping[str, Any]]

#: Columns of a record that no field may fill: the engine derives them.
DERIVED = frozenset({"__rec_no", "match_key"})

_HOLDS = {
    "text": "string",
    "interval": "date",
    "timestamp": "timestamp",
    "integer": "int64",
    "boolean": "bool",
    "place": "string",
    "token": "string",
}


#: What bounds a column's values.
_BOUND_OF: dict[str, type] = {"date32[day]": date, "int64": int, "string": int}
_BOUND_WORDS: dict[type | None, str] = {date: "a date", int: "a whole number"}


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
            {name: value for name, value in column.items() if name not in ("reason", "fill")}
        )
    return list(columns.values())


def _mentions(feed: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    mapped = [column for row in feed.get("field", ()) for column in columns_of(row.get("from", []))]
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


def _every_column(feed: Mapping[str, Any]) -> dict[str, None]:
    """Names of the raw columns of the feed and of any of its versions."""
    mentions = [*_mentions(feed), *(m for each in feed.get("version", ()) for m in _mentions(each))]
    return dict.fromkeys(column["name"] for column in mentions)


def by_day(feed: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    """The feed's versions in order of their days, each with its place in the file."""
    return sorted(enumerate(feed.get("version", ())), key=lambda each: each[1]["from"])


def as_of_version(feed: Mapping[str, Any], last: int) -> dict[str, Any]:
    """The feed with its versions laid over it in order of their days, up to and including one."""
    made = dict(feed)
    for _, version in by_day(feed)[: last + 1]:
        gone = set(version.get("drop", ()))
        made["field"] = _overlay(made["field"], version.get("field", ()), by="to", gone=gone)
        made["ignored"] = _overlay(made.get("ignored", ()), version.get("ignored", ()), by="name", gone=gone)
        made["format"] = _format_of(made["format"], version.get("format", {}))
    return made


def _overlay(base: Rows, over: Rows, *, by: str, gone: set[str]) -> list[Any]:
    """What was there before and is not gone, and what the version itself says."""
    kept = {row[by]: row for row in base if row[by] not in gone}
    return list((kept | {row[by]: row for row in over}).values())


def _format_of(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Another kind of file is declared anew: nothing of the old kind holds for it."""
    return dict(over) if over.get("kind", base["kind"]) != base["kind"] else {**base, **over}


def versions_clear(feed: Mapping[str, Any], *, file: str, lines: Lines, at: Place) -> list[Problem]:
    """Versions that say twice what holds on one day, drop what is not there, or make no format."""
    found: list[Problem] = []
    before, days = feed, set()
    for order, (written, version) in enumerate(by_day(feed)):
        place = (*at, "version", written)
        made = as_of_version(feed, order)
        says = [("from", "one version a day", f"{version['from']} twice", "")] * (version["from"] in days)
        says += [
            ("drop", "a target or an ignored column", name, nearest(name, names))
            for names in [_droppable(before)]
            for name in version.get("drop", ())
            if name not in names
        ]
        found += [
            Problem(file=file, line=lines.of((*place, key)), expected=expected, found=got, nearest=near)
            for key, expected, got, near in says
        ]
        if "format" in version:
            shape = (*place, "format")
            found += schema.problems(made["format"], schema.FORMAT, file=file, lines=lines, at=shape)
        days.add(version["from"])
        before = made
    return found


def _droppable(feed: Mapping[str, Any]) -> list[str]:
    return [row["to"] for row in feed["field"]] + [row["name"] for row in feed.get("ignored", ())]


def versions_apart(
    feed: Mapping[str, Any], made: Mapping[str, Any], *, file: str, lines: Lines, at: Place
) -> list[Problem]:
    """What a version may not change where the record's own date chooses it: the file is read only once.

    ``made`` is the feed as the version at place ``at`` makes it.
    """
    by = feed.get("version_by", "delivery")
    if by == "delivery":
        return []
    found = [f"other columns: {name}" for name in _differing_columns(feed, made)]
    found += [f"another {name}" for name in ("source_key", by) if _row(feed, name) != _row(made, name)]
    found += ["another format"] if feed["format"] != made["format"] else []
    expected = f"versions by {by} that read the same file"
    return [Problem(file=file, line=lines.of(at), expected=expected, found=each) for each in found]


def _differing_columns(feed: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    before, after = ({column["name"]: column for column in raw_columns(each)} for each in (feed, made))
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _row(feed: Mapping[str, Any], target: str) -> tuple[object, ...] | None:
    rows = {row["to"]: row for row in feed["field"]}
    made = rows.get(target)
    return made and (columns_of(made.get("from", [])), made.get("steps"), made.get("join"), made.get("pick"))


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
        yield from self._size()
        yield from self._examples()
        yield from self._version_by()
        yield from self._schedule()
        yield from self._ignored()
        yield from self._format()
        yield from self._strong_ids()

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
            if row["to"] == "source_key" and "value" in row:
                yield _Finding(
                    place=("field", number, "value"), expected="a key from the record", found="value"
                )
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
        for column in columns_of(row.get("from", [])):
            yield from self._column(column, (*place, "from"))
        yield from self._sensitivity(row, place)
        yield from self._rank(row, place)
        yield from self._steps(row, place)

    def _column(self, column: Mapping[str, Any], place: Place) -> Iterator[_Finding]:
        if column["name"].startswith("__"):
            yield _Finding(place=place, expected="a raw column of the source", found=column["name"])

    def _sensitivity(self, row: Mapping[str, Any], place: Place) -> Iterator[_Finding]:
        least = sensitivity_of(self.feed["record"], row["to"])
        if "sensitivity" in row and row["sensitivity"] not in SENSITIVITIES[SENSITIVITIES.index(least) :]:
            yield _Finding(
                place=(*place, "sensitivity"),
                expected=f"at least {least} for {row['to']}",
                found=row["sensitivity"],
                nearest=least,
            )

    def _rank(self, row: Mapping[str, Any], place: Place) -> Iterator[_Finding]:
        deciding = (
            {fields[0]: fields for fields in GOLDEN.values()} if self.feed["record"] == "person" else {}
        )
        if "rank" in row and row["to"] not in deciding:
            near = next((first for first, fields in deciding.items() if row["to"] in fields), "")
            yield _Finding(
                place=(*place, "rank"),
                expected="a rank on the first field of a group: " + " | ".join(deciding),
                found=f"a rank on {row['to']}",
                nearest=near,
            )

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
        for misuse in STEPS[step.name].misused(step, self._known):
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
                continue
            if not 0 <= row["share"] <= 1:  # a number that is none passes every limit
                yield _Finding(
                    place=(*place, "share"), expected="a share from 0 to 1", found=str(row["share"])
                )
            if misspelt(row.get("matches", "")):
                yield _Finding(place=place, expected="an RE2 expression", found=repr(row["matches"]))
            if "matches" in row and not pa.types.is_string(self.schema.field(row["field"]).type):
                yield _Finding(place=place, expected="matches on a text", found=row["field"])
            yield from self._bounds(row, place)

    def _bounds(self, row: Mapping[str, Any], place: Place) -> Iterator[_Finding]:
        """Least and most are dates for a date, whole numbers for a number or for the length of a text."""
        held = self.schema.field(row["field"]).type
        bounds = {name: row[name] for name in ("least", "most") if name in row}
        wanted = _BOUND_OF.get(str(held))
        for name, bound in bounds.items():
            if type(bound) is not wanted:
                word = _BOUND_WORDS.get(wanted, "no bound")
                yield _Finding(place=(*place, name), expected=f"{word} for {row['field']}", found=str(bound))
                return
        if len(bounds) == 2 and bounds["least"] > bounds["most"]:
            found = f"{bounds['least']} to {bounds['most']}"
            yield _Finding(place=place, expected="least before most", found=found)

    def _size(self) -> Iterator[_Finding]:
        size = self.feed.get("size", {})
        if size.get("least", 0) > size.get("most", size.get("least", 0)):
            found = f"{size['least']} to {size['most']}"
            yield _Finding(place=("size",), expected="least before most", found=found)

    def _examples(self) -> Iterator[_Finding]:
        """Examples name what exists; whether they hold is for a run of them to say."""
        columns = _every_column(self.feed)
        for number, row in enumerate(self.feed.get("example", ())):
            place = ("example", number)
            if ("gives" in row) == ("refused" in row):
                yield _Finding(place=place, expected="either gives or refused", found="both or neither")
            for name in row["given"]:
                if name not in columns:
                    near = nearest(name, columns)
                    yield _Finding(place=(*place, "given"), expected="a raw column", found=name, nearest=near)
            for name in row.get("gives", ()):
                if name not in self.schema.names:
                    near = nearest(name, self.schema.names)
                    yield _Finding(
                        place=(*place, "gives"),
                        expected=f"a column of {self.feed['record']}",
                        found=name,
                        nearest=near,
                    )
            if (code := row.get("refused")) and code not in catalogue():
                near = nearest(code, catalogue())
                yield _Finding(place=(*place, "refused"), expected="a known reason", found=code, nearest=near)

    def _version_by(self) -> Iterator[_Finding]:
        """The record's date must be readable before anything that depends on it."""
        by = self.feed.get("version_by", "delivery")
        if by == "delivery":
            return
        dates = {
            row["to"]: row
            for row in self.feed["field"]
            if row["to"] in self.schema.names and self.schema.field(row["to"]).type == pa.date32()
        }
        if by not in dates:
            allowed = ["delivery", *dates]
            near = nearest(by, allowed)
            yield _Finding(place=("version_by",), expected=" | ".join(allowed), found=by, nearest=near)
            return
        rows = {row["to"]: row for row in self.feed["field"]}
        for name in (by, "source_key"):
            if any(parse(step).name == "code" for step in rows.get(name, {}).get("steps", ())):
                word = "a key" if name == "source_key" else "a date"
                yield _Finding(place=("version_by",), expected=f"{word} that needs no code table", found=name)

    def _schedule(self) -> Iterator[_Finding]:
        if len(self.feed["schedule"].split()) != 5:
            yield _Finding(place=("schedule",), expected="five fields of cron", found=self.feed["schedule"])

    def _ignored(self) -> Iterator[_Finding]:
        mapped = {column["name"] for row in self.feed["field"] for column in columns_of(row.get("from", []))}
        for number, row in enumerate(self.feed.get("ignored", ())):
            yield from self._column(row, ("ignored", number))
            if row["name"] in mapped:
                yield _Finding(
                    place=("ignored", number), expected="mapped or ignored", found=f"{row['name']} both"
                )

    def _strong_ids(self) -> Iterator[_Finding]:
        for place, expected, found in strong_ids.problems(self.feed, columns_of):
            yield _Finding(place=place, expected=expected, found=found)

    def _format(self) -> Iterator[_Finding]:
        """What its kind of file says of the declaration."""
        form, columns = self.feed["format"], raw_columns(self.feed)
        for place, expected, found, *near in formats.kind_of(form["kind"]).problems(
            form, columns, self.folder
        ):
            where = ("format", *place) if place else ("format",)
            yield _Finding(place=where, expected=expected, found=found, nearest=near[0] if near else "")
