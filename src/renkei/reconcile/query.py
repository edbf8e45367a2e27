"""Reads a rule's SQL before it ever runs: one SELECT, known names only, no join that multiplies.

Everything found is returned, so that an engineer corrects a rule once and not word by word.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from renkei.reconcile.spark import AS_OF, for_spark

#: Which engine a text is written for. Rules are written in DuckDB's words.
Dialect = Literal["duckdb", "spark"]
DIALECT: Dialect = "duckdb"

_COMMON = ("cause", "field", "class", "left_feed", "left_key", "right_feed", "right_key", "since")
#: Kind of rule → the columns that its SELECT returns.
OUTPUT: dict[str, tuple[str, ...]] = {
    "mismatch": ("resident_id", *_COMMON),
    "double_entry": ("resident_id", *_COMMON, "minutes"),
    "delivery": ("delivery_id", *_COMMON),
}
#: What answers by the clock, by chance or by who asks; functions that sqlglot does not know, by their names.
_BY_THE_MOMENT = (
    exp.CurrentDate, exp.CurrentDatetime, exp.CurrentTime, exp.CurrentTimestamp, exp.CurrentUser,
    exp.Localtime, exp.Localtimestamp, exp.Rand, exp.Randn, exp.TableSample, exp.Uuid,
)  # fmt: skip
_BY_THE_MOMENT_NAMED = frozenset({
    "now", "get_current_timestamp", "get_current_time", "current_localtime", "transaction_timestamp",
    "setseed", "nextval", "currval", "txid_current", "getenv", "current_setting", "today",
})  # fmt: skip
_GENERATORS = (exp.Unnest, exp.Lateral, exp.GenerateSeries)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong in a query; ``line`` counts from 1 within the query's text."""

    line: int
    expected: str
    found: str
    nearest: str | None = None


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """What a query may name: relations with their columns, the feeds it declares, its parameters."""

    relations: Mapping[str, Collection[str]]
    compare: Collection[str]
    parameters: Collection[str]
    kind: str


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name most like this one, or None when nothing is alike."""
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=0.5)), None)


def check(sql: str, allowed: Allowed) -> list[Fault]:
    """Every fault of the query, in the order of its lines."""
    try:
        statements = _statements(sql)
    except ParseError as wrong:
        return [_syntax(error) for error in wrong.errors]
    except SqlglotError as wrong:
        return [Fault(line=1, expected="SQL", found=str(wrong).splitlines()[0])]
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        found = ", ".join(statement.key.upper() for statement in statements) or "nothing"
        return [Fault(line=1, expected="one SELECT", found=found)]
    return sorted(_faults(statements[0], allowed), key=lambda fault: fault.line)


def compile_query(sql: str, dialect: Dialect = DIALECT) -> str:
    """The query as an engine is given it: parsed and written again, so that comments stay out.

    One text runs on both engines; ``spark`` raises ``UnsupportedError`` for what Spark cannot say.
    """
    query = _statements(sql)[0]
    return (for_spark(query) if dialect == "spark" else query).sql(
        dialect=dialect, pretty=True, comments=False, unsupported_level=ErrorLevel.RAISE
    )


def elsewhere(sql: str, prefix: str) -> str:
    """The query, reading relations of the same names in schemas with this prefix."""
    (statement,) = _statements(sql)
    moved = statement.copy()
    for named in moved.find_all(exp.Table, exp.Column):
        # a column may be named by its whole relation
        if named.args.get("db"):
            named.set("db", exp.to_identifier(prefix + named.text("db")))
    return moved.sql(dialect=DIALECT)


def parsed(sql: str) -> exp.Expr:
    """The query as a tree that nobody may change."""
    return _statements(sql)[0]


def read_of(sql: str) -> dict[str, frozenset[str]]:
    """Relation → names of columns that the query may read of it.

    A name counts for every relation that is called so anywhere in the query, and one without a source for all
    of them: rather a column too many is carried than one too few.
    """
    query = parsed(sql)
    tables = [table for table in query.find_all(exp.Table) if table.db]
    read: dict[str, set[str]] = {_relation(table): set() for table in tables}
    called: dict[str, set[str]] = {}
    for table in tables:
        called.setdefault(table.alias_or_name, set()).add(_relation(table))
    for column in query.find_all(exp.Column):
        for relation in called.get(column.table, set()) if column.table else read:
            read[relation].add(column.name)
    keys = {key.name for join in query.find_all(exp.Join) for key in join.args.get("using") or ()}
    return {relation: frozenset(names | keys) for relation, names in read.items()}


# Parsing is what loading the rules costs, and every text is looked at three times. Nobody changes a tree.
@lru_cache(maxsize=256)
def _statements(sql: str) -> tuple[exp.Expr, ...]:
    return tuple(statement for statement in sqlglot.parse(sql, read=DIALECT) if statement is not None)


def _faults(query: exp.Query, allowed: Allowed) -> Iterator[Fault]:
    for select in query.find_all(exp.Select):
        if select.is_star:
            yield Fault(line=_line(select), expected="columns by name", found="*")
            return
    for word in query.find_all(*_BY_THE_MOMENT, exp.Anonymous):
        if isinstance(word, exp.Anonymous) and word.name.lower() not in _BY_THE_MOMENT_NAMED:
            continue
        yield Fault(line=_line(word), expected="the same answer whenever it is asked", found=_spelled(word))
    scopes = traverse_scope(query)
    yield from _relation_faults(scopes, allowed)
    for scope in scopes:
        yield from _column_faults(scope, allowed)
    for join in query.find_all(exp.Join):
        yield from _join_faults(join)
    yield from _parameter_faults(query, allowed)
    yield from _output_faults(query, allowed)


def _spelled(word: exp.Expr) -> str:
    return word.name if isinstance(word, exp.Anonymous) else word.sql(dialect=DIALECT)


def _syntax(error: Mapping[str, object]) -> Fault:
    line = error.get("line")
    found = f"{error.get('description')} near {error.get('highlight')!r}"
    return Fault(line=line if isinstance(line, int) else 1, expected="SQL", found=found)


def _relation_faults(scopes: list[Scope], allowed: Allowed) -> Iterator[Fault]:
    read: set[str] = set()
    for table in _tables(scopes):
        name = _relation(table)
        read.add(name)
        if name not in allowed.relations:
            near = nearest(name, allowed.relations)
            yield Fault(line=_line(table), expected="a known relation", found=name, nearest=near)
        elif name not in allowed.compare:
            yield Fault(line=_line(table), expected="only relations listed in compare", found=name)
    for name in sorted(set(allowed.compare) - read):
        yield Fault(line=1, expected=f"{name}, which compare lists, to be read", found="not read")


def _tables(scopes: list[Scope]) -> Iterator[exp.Table]:
    for scope in scopes:
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and not isinstance(source.this, _GENERATORS):
                yield source


def _relation(table: exp.Table) -> str:
    if not isinstance(table.this, exp.Identifier):
        return f"{table.this.sql(dialect=DIALECT)}"
    return ".".join(part.name for part in table.parts)


def _column_faults(scope: Scope, allowed: Allowed) -> Iterator[Fault]:
    aliases = set(scope.expression.named_selects) if isinstance(scope.expression, exp.Query) else set()
    for column in scope.columns:
        if column in scope.external_columns and column.table not in scope.sources:
            continue
        known = _columns_in_reach(scope, column, allowed)
        own_alias = not column.table and column.name in aliases
        if known is not None and column.name not in known and not own_alias:
            near = nearest(column.name, known)
            found = column.sql(dialect=DIALECT)
            yield Fault(line=_line(column), expected="a known column", found=found, nearest=near)


def _columns_in_reach(scope: Scope, column: exp.Column, allowed: Allowed) -> set[str] | None:
    """Names that the column may have, or None where its source is already reported or makes its own."""
    wanted = [column.table] if column.table else list(scope.sources)
    reach: set[str] = set()
    for name in wanted:
        if name not in scope.sources:
            return set(scope.sources) if column.table else None
        columns = _columns_of(scope.sources[name], allowed)
        if columns is None:
            return None
        reach |= columns
    return reach


def _columns_of(source: object, allowed: Allowed) -> set[str] | None:
    if isinstance(source, exp.Table):
        known = allowed.relations.get(_relation(source))
        return None if known is None else set(known)
    if not isinstance(source, Scope) or not isinstance(source.expression, exp.Query):
        return None
    return set(source.expression.named_selects)


def _join_faults(join: exp.Join) -> Iterator[Fault]:
    joined = join.this
    makes_rows = isinstance(joined, _GENERATORS) or isinstance(joined.this, _GENERATORS)
    if makes_rows or join.args.get("using") or _has_equality(join):
        return
    found = "a join without a condition" if join.args.get("on") is None else "no equality of both sides"
    expected = "JOIN … ON with an equality between the two sides, so that rows do not multiply"
    yield Fault(line=_line(joined), expected=expected, found=found)


def _has_equality(join: exp.Join) -> bool:
    condition, name = join.args.get("on"), join.this.alias_or_name
    if condition is None:
        return False
    parts = condition.flatten() if isinstance(condition, exp.And) else [condition]
    return any(_equates(part, name) for part in parts if isinstance(part, exp.EQ))


def _equates(equality: exp.Expression, joined: str) -> bool:
    """True when one side speaks only of the joined relation and the other only of the rest."""
    parts = [part for part in equality.args.values() if part]
    sides = [{column.table for column in part.find_all(exp.Column)} for part in parts]
    return {joined} in sides and any(side and joined not in side for side in sides)


def _parameter_faults(query: exp.Query, allowed: Allowed) -> Iterator[Fault]:
    known = {AS_OF, *allowed.parameters}
    named = {str(place.this): place for place in query.find_all(exp.Placeholder)}
    for name, place in named.items():
        if name not in known:
            near = nearest(name, known)
            yield Fault(line=_line(place), expected="a declared parameter", found=f"${name}", nearest=near)
    for name in sorted(set(allowed.parameters) - set(named)):
        yield Fault(line=1, expected=f"parameter {name} to be used", found="not used")


def _output_faults(query: exp.Query, allowed: Allowed) -> Iterator[Fault]:
    returned, wanted = query.named_selects, OUTPUT[allowed.kind]
    for name in wanted:
        if name not in returned:
            near = nearest(name, set(returned) - set(wanted))
            yield Fault(line=1, expected=f"the SELECT to return {name}", found="not returned", nearest=near)
    for name in returned:
        if name not in wanted:
            near = nearest(name, wanted)
            yield Fault(line=1, expected=f"only {', '.join(wanted)}", found=name, nearest=near)


def _line(node: exp.Expr) -> int:
    """The line of the first word below a node that the reader placed."""
    lines = (part.meta.get("line") for part in node.walk())
    return next((line for line in lines if isinstance(line, int)), 1)
