"""Rules (突合規則): one TOML file each; loaded all together, with all problems told at once."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from renkei.errors import FixDeclaration
from renkei.feeds import DEFAULT_LAG, duration
from renkei.reconcile.city import City, NotHere, city_of, not_here, own_files, pack_files, unknown_rules
from renkei.reconcile.example import Example, NotATable, rows_of, table_of
from renkei.reconcile.query import OUTPUT, Allowed, check, compile_query, nearest, read_of
from renkei.reconcile.relation import FeedTerms, schemas
from renkei.reconcile.shape import Problem, RuleFile, departures

_PLAIN = (
    "id", "title", "title_en", "action", "action_en", "severity", "owner", "legal_basis", "valid_from",
)  # fmt: skip
Kind = Literal["mismatch", "double_entry", "delivery"]

#: The share of its subjects that a rule may find before a person has looked at it.
MOST = 0.05

# A query that begins on the line below its key.
_SQL_BELOW = re.compile(r"^sql\s*=\s*('''|\"\"\")[ \t]*\n", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One check: the rows of ``query`` are the mismatches; ``reads`` are the columns of each relation.

    ``lasting`` rules find events, which stay found when the records move on. ``digest`` is the file's own.
    ``most`` is the share of its subjects beyond which its findings are held; ``pairs`` what a join may make.
    """

    id: str
    title: str
    title_en: str
    action: str
    action_en: str
    severity: int
    owner: str
    legal_basis: str
    compare: tuple[str, ...]
    kind: Kind
    lasting: bool
    valid_from: date
    valid_to: date | None
    parameters: Mapping[str, Any]
    query: str
    reads: Mapping[str, frozenset[str]]
    must_find: tuple[Example, ...]
    must_not_find: tuple[Example, ...]
    file: str
    digest: str
    most: float = MOST
    pairs: int | None = None

    def is_in_force(self, as_of: date) -> bool:
        """True on the days of the law behind the rule, the last one included."""
        return self.valid_from <= as_of and (self.valid_to is None or as_of <= self.valid_to)


@dataclass(frozen=True, kw_only=True)
class Rulebook:
    """A city's rules in the order of ids, and those of its packs that want feeds which it has not got."""

    rules: tuple[Rule, ...]
    not_here: tuple[NotHere, ...]


def load_rules(folder: Path, *, terms: Mapping[str, FeedTerms] | None = None) -> tuple[Rule, ...]:
    """Every rule of the folder in the order of ids; one ``FixDeclaration`` names all that is wrong.

    ``terms`` says which feeds the city has; unless given, the mapping files beside the folder are asked.
    """
    return load_rulebook(folder, terms=terms).rules


def load_rulebook(folder: Path, *, terms: Mapping[str, FeedTerms] | None = None) -> Rulebook:
    """The city's own rules and those of its packs; raises as :func:`load_rules` does."""
    known = terms if terms is not None else declared_terms(folder.parent / "mappings")
    relations = schemas(known)
    city = city_of(folder, relations)
    if not isinstance(city, City):
        raise _all_of(city)
    files = [*own_files(folder), *(carried := pack_files(folder, city))]
    problems = [file for file in files if isinstance(file, Problem)]
    readable = [file for file in files if isinstance(file, RuleFile)]
    unshaped = {file.shown: departures(file) for file in readable}
    foreign = {
        file.shown: told
        for file in carried
        if isinstance(file, RuleFile) and not unshaped[file.shown] and (told := not_here(file, relations))
    }
    here = [file for file in readable if file.shown not in foreign]
    for file in here:
        problems += unshaped[file.shown] or _meaning(file, relations)
    problems += _ids_twice(here)
    problems += unknown_rules(city, {str(file.values.get("id")) for file in readable})
    if problems:
        raise _all_of(problems)
    rules = sorted((_rule(file, relations, city) for file in here), key=lambda rule: rule.id)
    return Rulebook(rules=tuple(rules), not_here=tuple(foreign.values()))


def _all_of(problems: list[Problem]) -> FixDeclaration:
    ordered = sorted(problems, key=lambda problem: (problem.file, problem.line))
    return FixDeclaration("E_DECLARATION", problems="\n".join(map(str, ordered)))


def declared_terms(mappings: Path) -> dict[str, FeedTerms]:
    """Feed → record type and lag, as the mapping files declare them; FixDeclaration for one that does not."""
    found: dict[str, FeedTerms] = {}
    for place in sorted(mappings.glob("*.toml")):
        try:
            found |= _terms_of(tomllib.loads(place.read_text("utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            problem = f"{place.name}: expected a mapping that names its feeds, found {type(wrong).__name__}"
            raise FixDeclaration("E_DECLARATION", problems=problem) from wrong
    return found


def _terms_of(text: Mapping[str, Any]) -> dict[str, FeedTerms]:
    return {
        f"{text['system']}.{feed['name']}": FeedTerms(
            record=feed["record"], lag=duration(feed.get("lag", DEFAULT_LAG))
        )
        for feed in text.get("feed", ())
    }


def _meaning(file: RuleFile, relations: Mapping[str, pa.Schema]) -> list[Problem]:
    """What the schema cannot see: the query, the days of law, the little tables."""
    return [*_query_problems(file, relations), *_day_problems(file), *_example_problems(file, relations)]


def _query_problems(file: RuleFile, relations: Mapping[str, pa.Schema]) -> Iterator[Problem]:
    values = file.values
    for name in values["compare"]:
        if name not in relations:
            near = nearest(name, relations)
            yield file.problem("compare", expected="a feed of this city", found=name, near=near)
    allowed = Allowed(
        relations={name: schema.names for name, schema in relations.items()},
        compare=values["compare"],
        parameters=values.get("parameters", {}),
        kind=values.get("kind", "mismatch"),
    )
    first = file.line("sql") + bool(_SQL_BELOW.search(file.text))
    for fault in check(values["sql"], allowed):
        yield Problem(
            file=file.shown,
            line=first + fault.line - 1,
            expected=fault.expected,
            found=fault.found,
            nearest=fault.nearest,
        )


def _day_problems(file: RuleFile) -> Iterator[Problem]:
    valid_from, valid_to = file.values["valid_from"], file.values.get("valid_to")
    for name, day in (("valid_from", valid_from), ("valid_to", valid_to)):
        if day is not None and type(day) is not date:
            yield file.problem(name, expected=f"{name} as a TOML date", found=repr(day))
            return
    if valid_to is not None and valid_to < valid_from:
        yield file.problem("valid_to", expected=f"a day from {valid_from} on", found=str(valid_to))
    if not file.name.startswith(f"{file.values['id']}_"):
        yield file.problem("id", expected="the id that the file name starts with", found=file.values["id"])


def _example_problems(file: RuleFile, relations: Mapping[str, pa.Schema]) -> Iterator[Problem]:
    for key in ("must_find", "must_not_find"):
        for nth, table in enumerate(file.values[key]):
            try:
                _example(table, file.values, relations)
            except NotATable as wrong:
                expected = f"{wrong.expected} in {key} {nth + 1}"
                yield file.problem(key, nth=nth, expected=expected, found=wrong.found, near=wrong.near)


def _example(
    table: Mapping[str, Any], values: Mapping[str, Any], relations: Mapping[str, pa.Schema]
) -> Example:
    compare, kind = values["compare"], values.get("kind", "mismatch")
    for name in table["given"]:
        if name not in compare or name not in relations:
            raise NotATable("a relation listed in compare", name, nearest(name, compare))
    written = {name: table["given"].get(name, "as_of") for name in compare if name in relations}
    given = {name: table_of(text, relations[name], as_of=table["as_of"]) for name, text in written.items()}
    return Example(story=table["story"], as_of=table["as_of"], given=given, finds=_finds(table, kind))


def _finds(table: Mapping[str, Any], kind: str) -> tuple[Mapping[str, str], ...] | None:
    if "finds" not in table:
        return None
    rows = rows_of(table["finds"])
    for name in rows[0] if rows else ():
        if name not in OUTPUT[kind]:
            raise NotATable("a column that the rule returns", name, nearest(name, OUTPUT[kind]))
    if not rows:
        raise NotATable("at least one row to be found", "none")
    return tuple(rows)


def _ids_twice(files: list[RuleFile]) -> Iterator[Problem]:
    """Rules that claim one id; every one of them is told, since either may be the mistake."""
    for file in files:
        name = file.values.get("id")
        others = [other.shown for other in files if other is not file and other.values.get("id") == name]
        if name and others:
            yield file.problem(
                "id", expected="an id of its own", found=f"{name}, also in {', '.join(others)}"
            )


def _rule(file: RuleFile, relations: Mapping[str, pa.Schema], city: City) -> Rule:
    values = file.values
    examples = {
        key: tuple(_example(table, values, relations) for table in values[key])
        for key in ("must_find", "must_not_find")
    }
    return Rule(
        **{name: values[name] for name in _PLAIN},
        compare=tuple(values["compare"]),
        kind=values.get("kind", "mismatch"),
        lasting=values.get("lasting", False),
        valid_to=values.get("valid_to"),
        parameters=values.get("parameters", {}),
        query=compile_query(values["sql"]),
        reads=read_of(values["sql"]),
        must_find=examples["must_find"],
        must_not_find=examples["must_not_find"],
        file=file.shown,
        digest=sha256(file.text.encode("utf-8")).hexdigest(),
        most=city.most.get(values["id"], values.get("most", MOST)),
        pairs=values.get("pairs"),
    )
