"""Load a mapping file: one source system, a feed each table, everything wrong with it said at once.

Versions (``[[feed.version]] from = 2027-04-01``) change fields and layout from a day on; the day of the
delivery decides, so that an old file is still read as it was meant.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from renkei.errors import FixDeclaration
from renkei.feeds import DEFAULT_LAG, duration
from renkei.mapping import address, check, folds, ranks, schema, strong_ids, variants
from renkei.mapping import codes as code_tables
from renkei.mapping.codes import CodeTable
from renkei.mapping.contract.declared import Contract, contract_of
from renkei.mapping.lines import Lines, locate
from renkei.mapping.problems import Problem, refuse
from renkei.mapping.steps import STEPS, Step, Surroundings, parse
from renkei.model import Feed
from renkei.records import Sensitivity, sensitivity_of
from renkei.vault.tokens import KEYLESS, Tokens

#: Versions and codes are those of the delivery's day, unless a feed names a date of the record.
BY_DELIVERY = "delivery"

#: Steps that read the municipality beside the address.
_PLACES = ("address_key", "place")


@dataclass(frozen=True, kw_only=True)
class FieldRule:
    """How one target column is filled, and on which line of the mapping's file that stands.

    ``sensitivity`` is the column's own class or a higher one; ``rank`` is the feed's place among those that
    fill this column of the golden record (1 wins), None where the city's order of trust decides.
    """

    to: str
    sources: tuple[str, ...]
    steps: tuple[Step, ...]
    value: str | None
    join: str
    pick_first: bool
    required: bool
    most: int | None
    sensitivity: Sensitivity
    rank: int | None = None
    line: int = 0

    @property
    def keeps_text(self) -> bool:
        """True when the text of the source itself is stored."""
        return all(STEPS[step.name].keeps for step in self.steps)

    @property
    def is_secret(self) -> bool:
        """True when what the field reads, and any token of it, is shown to nobody."""
        return any(strong_ids.reads_secret(step) for step in self.steps)


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What at least ``share`` of a delivery's records look like; a swap of two columns breaks it.

    With ``matches`` filled values must match; with ``least`` and ``most`` they must lie between them (whole
    numbers, dates, or a text's length in characters); with neither the column must be filled.
    """

    field: str
    matches: str | None
    least: int | date | None = None
    most: int | date | None = None
    share: float


@dataclass(frozen=True, kw_only=True)
class Example:
    """A record that shows what the mapping does: raw columns ``given``, and what comes of them.

    Either ``gives`` names target columns and their values (the others may be anything), or ``refused`` is the
    code with which the record is set aside. ``day`` is the delivery's, any day where it does not matter.
    """

    title: str
    given: MappingOf[str, str]
    gives: MappingOf[str, Any]
    refused: str | None
    day: date | None
    line: int


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """One feed's mapping. ``digest`` pins the declaration, its code tables and the files of its format.

    ``size`` is the least and most records of a delivery. ``version_by`` is ``delivery``, or the target whose
    date says for each record which version and which codes are its own. ``fills`` is what an ignored column
    is written as when records go out. ``file`` is the mapping's file name.
    """

    feed: Feed
    digest: str
    fields: tuple[FieldRule, ...]
    codes: MappingOf[str, CodeTable]
    expect: tuple[Expectation, ...]
    size: tuple[int | None, int | None] = (None, None)
    examples: tuple[Example, ...] = ()
    version_by: str = BY_DELIVERY
    fills: MappingOf[str, str] = field(default_factory=dict)
    file: str = ""
    contract: Contract = field(default_factory=Contract)
    towns: address.Towns | None = None
    tokens: Tokens = KEYLESS
    versions: tuple[tuple[date, "Mapping"], ...] = ()

    @property
    def raw_columns(self) -> tuple[str, ...]:
        """Raw columns that some field reads, in order of first use."""
        used = [name for rule in self.fields for name in rule.sources]
        keys = [step.argument for rule in self.fields for step in rule.steps if step.name in _PLACES]
        used += [argument["municipality"] for argument in keys if "municipality" in argument]
        return tuple(dict.fromkeys(used))

    def surroundings(self, day: date) -> Surroundings:
        """What the mapping's steps know on a day, without the columns of any record."""
        return Surroundings(
            codes=self.codes, as_of=day, raw=lambda _name: pl.lit(None, pl.String), towns=self.towns
        )

    def at(self, day: date) -> "Mapping":
        """The version in force for a delivery of that day."""
        return next((version for since, version in reversed(self.versions) if since <= day), self)

    def keyed(self, tokens: Tokens) -> "Mapping":
        """The mapping with what makes its tokens, in each of its versions."""
        versions = tuple((since, version.keyed(tokens)) for since, version in self.versions)
        return replace(self, tokens=tokens, versions=versions)

    @property
    def makes_tokens(self) -> bool:
        """True when the mapping, or any version of it, makes a token."""
        return any(rule.steps and STEPS[rule.steps[-1].name].gives == "token" for rule in self.every_field)

    @property
    def every_field(self) -> tuple[FieldRule, ...]:
        """The fields of the mapping and of each of its versions."""
        return (*self.fields, *(rule for _, version in self.versions for rule in version.fields))


def load_all(folder: Path) -> tuple[Mapping, ...]:
    """Every feed of every file in the folder, code tables in ``codes/``; all problems together."""
    made: list[Mapping] = []
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            made += load(path, codes=folder / "codes")
        except FixDeclaration as error:
            problems += error.facts["problems"]
    refuse([*problems, *_shared_ids(made), *ranks.problems(made)])
    return tuple(made)


def _shared_ids(mappings: Sequence[Mapping]) -> list[Problem]:
    by_id: dict[str, list[str]] = {}
    for mapping in mappings:
        by_id.setdefault(mapping.feed.id, []).append(mapping.file)
    return [
        Problem(file=", ".join(files), line=0, expected="one mapping a feed", found=f"{name} twice")
        for name, files in by_id.items()
        if len(files) > 1
    ]


def load(path: Path, *, codes: Path) -> tuple[Mapping, ...]:
    """Every feed of the file. FixDeclaration lists all problems of the file and the code tables together."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        refuse([Problem(file=path.name, line=0, expected="UTF-8", found="another encoding")])
    lines = locate(text)
    tables, problems = code_tables.load(codes)
    towns, wrong = address.load(path.parent / "towns")
    problems += wrong
    declared: dict[str, Any] = {}
    try:
        declared = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem(file=path.name, line=0, expected="TOML", found=str(error)))
    refuse(problems)
    refuse(schema.problems(declared, schema.MAPPING, file=path.name, lines=lines))
    for number, feed in enumerate(declared["feed"]):
        problems += check.versions_clear(feed, file=path.name, lines=lines, at=("feed", number))
    refuse(problems)  # a version that cannot be laid over its feed can be looked at no further
    for number, where, feed in _versions(declared):
        at = ("feed", number, *where)
        problems += check.problems(feed, tables, file=path, lines=lines, at=at)
        problems += check.versions_apart(declared["feed"][number], feed, file=path.name, lines=lines, at=at)
    refuse([*problems, *_twins(declared, file=path.name, lines=lines)])
    place = _Place(path=path, lines=lines, tables=tables, towns=towns)
    return tuple(_mapping(declared, number, place) for number in range(len(declared["feed"])))


def _versions(
    declared: MappingOf[str, Any],
) -> Iterator[tuple[int, tuple[str | int, ...], MappingOf[str, Any]]]:
    """Each feed as declared, and as each of its versions makes it."""
    for number, feed in enumerate(declared["feed"]):
        yield number, (), feed
        for order, (written, _) in enumerate(check.by_day(feed)):
            yield number, ("version", written), check.as_of_version(feed, order)


def _twins(declared: MappingOf[str, Any], *, file: str, lines: Lines) -> list[Problem]:
    names = [feed["name"] for feed in declared["feed"]]
    return [
        Problem(file=file, line=lines.of(("feed", place, "name")), expected="one feed a name", found=name)
        for place, name in enumerate(names)
        if name in names[:place]
    ]


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a mapping is read: its file, the lines of it, and the code tables beside it."""

    path: Path
    lines: Lines
    tables: MappingOf[str, CodeTable]
    towns: address.Towns

    def lines_of(self, feed: MappingOf[str, Any], at: tuple[str | int, ...]) -> dict[str, int]:
        """Target → the line of the field that fills it."""
        return {row["to"]: self.lines.of((*at, "field", number)) for number, row in enumerate(feed["field"])}


def _mapping(declared: MappingOf[str, Any], number: int, place: _Place) -> Mapping:
    feed = declared["feed"][number]
    digest = _digest(declared, feed, path=place.path, tables=place.tables)
    known = place.lines_of(feed, ("feed", number))
    base = _build(declared, feed, place, digest=digest, known=known, at=("feed", number))
    versions = []
    for order, (written, version) in enumerate(check.by_day(feed)):
        known = known | place.lines_of({"field": [], **version}, ("feed", number, "version", written))
        made = check.as_of_version(feed, order)
        built = _build(declared, made, place, digest=digest, known=known, at=("feed", number))
        versions.append((version["from"], built))
    return Mapping(**{**vars(base), "versions": tuple(versions)})


def _build(
    declared: MappingOf[str, Any],
    feed: MappingOf[str, Any],
    place: _Place,
    *,
    digest: str,
    known: MappingOf[str, int],
    at: tuple[str | int, ...],
) -> Mapping:
    size = feed.get("size", {})
    examples = enumerate(feed.get("example", ()))
    return Mapping(
        feed=_feed(declared, feed, path=place.path),
        digest=digest,
        fields=tuple(_rule(row, record=feed["record"], line=known[row["to"]]) for row in feed["field"]),
        codes={name: place.tables[name] for name in _tables_used(feed)},
        expect=tuple(_expectation(row) for row in feed.get("expect", ())),
        size=(size.get("least"), size.get("most")),
        examples=tuple(_example(row, place.lines.of((*at, "example", number))) for number, row in examples),
        version_by=feed.get("version_by", BY_DELIVERY),
        fills={row["name"]: row["fill"] for row in feed.get("ignored", ()) if "fill" in row},
        file=place.path.name,
        contract=contract_of(feed.get("contract", {})),
        towns=place.towns,
    )


def _rule(row: MappingOf[str, Any], *, record: str, line: int) -> FieldRule:
    return FieldRule(
        to=row["to"],
        sources=tuple(column["name"] for column in check.columns_of(row.get("from", []))),
        steps=tuple(parse(step) for step in row.get("steps", ())),
        value=row.get("value"),
        join=row.get("join", ""),
        pick_first=row.get("pick") == "first",
        required=row.get("required", row["to"] == "source_key"),
        most=row.get("max"),
        sensitivity=row.get("sensitivity", sensitivity_of(record, row["to"])),
        rank=row.get("rank"),
        line=line,
    )


def _expectation(row: MappingOf[str, Any]) -> Expectation:
    return Expectation(
        field=row["field"],
        matches=row.get("matches"),
        least=row.get("least"),
        most=row.get("most"),
        share=row["share"],
    )


def _example(row: MappingOf[str, Any], line: int) -> Example:
    return Example(
        title=row["title"],
        given=row["given"],
        gives=row.get("gives", {}),
        refused=row.get("refused"),
        day=row.get("day"),
        line=line,
    )


def _feed(declared: MappingOf[str, Any], feed: MappingOf[str, Any], *, path: Path) -> Feed:
    return Feed(
        system=declared["system"],
        name=feed["name"],
        title=feed.get("title", declared["title"]),
        owner=feed.get("owner", declared["owner"]),
        connector=feed["connector"],
        connection=feed["connection"],
        settings=feed.get("settings", {}),
        format=_format(feed, path=path),
        delivers=feed["delivers"],
        record=feed["record"],
        schedule=feed["schedule"],
        lag=duration(feed.get("lag", DEFAULT_LAG)),
    )


def _format(feed: MappingOf[str, Any], *, path: Path) -> dict[str, Any]:
    """The declared format with what the reader needs beside it: columns, key, the places of its files."""
    made = dict(feed["format"])
    made["columns"] = check.raw_columns(feed)
    key = next(row for row in feed["field"] if row["to"] == "source_key")
    names = [column["name"] for column in check.columns_of(key["from"])]
    made["key"] = {"columns": names, "join": key.get("join", "")}
    made["evolves"] = feed.get("contract", {}).get("mode") == "evolve"
    for name, place in _files(made).items():
        made[name] = str(path.parent.resolve() / place)
    return made


#: Keys of a format that name a file beside the mapping.
_FILES = ("schema", "envelope", "record_schema", "copybook", "gaiji", "substitute", "table")


def _files(form: MappingOf[str, Any]) -> dict[str, str]:
    return {name: form[name] for name in _FILES if isinstance(form.get(name), str)}


def _tables_used(feed: MappingOf[str, Any]) -> list[str]:
    steps = [parse(step) for row in feed["field"] for step in row.get("steps", ())]
    return sorted({str(step.argument) for step in steps if step.name == "code"})


def _file_digest(place: Path, kind: str) -> str:
    """sha256 of a file that a format names, with all the files that it takes in."""
    return hashlib.sha256(b"".join(each.read_bytes() for each in _sources(place, kind))).hexdigest()


def _sources(place: Path, kind: str) -> tuple[Path, ...]:
    from renkei.formats import cobol
    from renkei.formats.xml import schema as xml_schema

    if kind == "copybook":
        return cobol.sources(place)
    return xml_schema.sources(place) if kind in ("schema", "envelope", "record_schema") else (place,)


def _digest(
    declared: MappingOf[str, Any],
    feed: MappingOf[str, Any],
    *,
    path: Path,
    tables: MappingOf[str, CodeTable],
) -> str:
    """sha256 over the feed's whole meaning: declaration, code tables, files its format names, key version."""
    everything = [feed, *(check.as_of_version(feed, place) for place in range(len(feed.get("version", ()))))]
    used = sorted({name for each in everything for name in _tables_used(each)})
    files = {place: kind for each in everything for kind, place in _files(each["format"]).items()}
    meaning = {
        "system": {name: value for name, value in declared.items() if name != "feed"},
        "feed": {name: value for name, value in feed.items() if name != "example"},
        "codes": {name: tables[name].declared for name in used},
        "schemas": {name: _file_digest(path.parent / name, kind) for name, kind in files.items()},
        "keys": [folds.KEY_VERSION, variants.digest()],
        "towns": address.digest_of(path.parent / "towns"),
    }
    canonical = json.dumps(meaning, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
