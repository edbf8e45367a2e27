"""How many pairs a rule's joins would make, counted from their keys before the rule runs.

An equality alone does not keep a join small: of ``sex = sex`` everyone meets half of the city. The planner's
own estimate knows nothing of keys that are expressions or come out of a UNION, so the keys themselves are
counted: first, column by column and once for all rules, how often a relation's most frequent value comes, and
where that leaves a join in doubt, its pairs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from math import inf

from sqlglot import exp

from renkei.engine import Engine
from renkei.errors import FixDeclaration
from renkei.reconcile import tree
from renkei.reconcile.query import DIALECT, parsed
from renkei.reconcile.relation import HUB_RELATIONS
from renkei.reconcile.rule import Rule
from renkei.reconcile.spark import AS_OF

#: So many pairs for each row of the rule's relations, and so many anyway, unless the rule says a number.
PAIRS_PER_ROW = 20
PAIRS_ANYWAY = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A join of a rule that would make more pairs than it may; ``join`` names its sides and keys."""

    rule_id: str
    join: str
    pairs: int
    limit: int

    def fault(self) -> FixDeclaration:
        """The same as an error, for whoever must correct the rule."""
        numbers = {"pairs": f"{self.pairs:,}", "limit": f"{self.limit:,}"}
        return FixDeclaration("E_RULE_PAIRS", rule=self.rule_id, join=self.join, **numbers)


@dataclass(frozen=True, kw_only=True)
class _Side:
    """Rows of one source, the expressions of it that must be equal, and what else is asked of it alone."""

    source: exp.Expr
    keys: tuple[exp.Expr, ...]
    where: tuple[exp.Expr, ...]

    def counted(self) -> str:
        names = ", ".join(f"{_text(key)} AS k{nth}" for nth, key in enumerate(self.keys))
        present = (f"({_text(key)}) IS NOT NULL" for key in self.keys)
        kept = " AND ".join([*present, *(f"({_text(part)})" for part in self.where)])
        return f"SELECT {names}, count(*) AS n FROM {_text(self.source)} WHERE {kept} GROUP BY ALL"


@dataclass(frozen=True, kw_only=True)
class _Meeting:
    """Two sides of a join or of a correlated query, and the CTEs that both may name."""

    ctes: Mapping[str, exp.Expr]
    left: _Side
    right: _Side

    def __str__(self) -> str:
        on = zip(self.left.keys, self.right.keys, strict=True)
        equal = " AND ".join(f"{_text(left)} = {_text(right)}" for left, right in on)
        return f"{_text(self.left.source)} / {_text(self.right.source)}: {equal}"

    def pairs(self) -> str:
        """The query that counts the pairs."""
        names = ", ".join(f"k{nth}" for nth in range(len(self.left.keys)))
        before = ", ".join(_text(part) for part in self.ctes.values())
        return (
            f"{f'WITH {before} ' if before else ''}SELECT CAST(coalesce(sum(l.n * r.n), 0) AS BIGINT) AS n"
            f" FROM ({self.left.counted()}) AS l JOIN ({self.right.counted()}) AS r USING ({names})"
        )


class Pairs:
    """Counts keys in one engine; what rules have in common is counted once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[tuple[str, str], int] = {}

    def refuse(self, rule: Rule, *, as_of: date) -> Refusal | None:
        """The first join that would make too many pairs, or None; every relation must be readable."""
        rows = sum(self._number(f"SELECT count(*) AS n FROM {feed}", rule, as_of) for feed in rule.compare)
        limit = rule.pairs or max(PAIRS_ANYWAY, PAIRS_PER_ROW * rows)
        if rows * rows <= limit:
            return None
        for meeting in _meetings(parsed(rule.query)):
            most = min(self._most(meeting.left, meeting), self._most(meeting.right, meeting))
            if most * rows <= limit:
                continue
            pairs = self._number(meeting.pairs(), rule, as_of)
            if pairs > limit:
                return Refusal(rule_id=rule.id, join=str(meeting), pairs=pairs, limit=limit)
        return None

    def _most(self, side: _Side, meeting: _Meeting) -> float:
        """No more rows of this side have one key; infinite where its text alone does not say."""
        keys = (key for key in side.keys if isinstance(key, exp.Column))
        return min((self._most_of(side.source, key.name, meeting.ctes) for key in keys), default=inf)

    def _most_of(self, source: exp.Expr, column: str, ctes: Mapping[str, exp.Expr]) -> float:
        """How often the most frequent value of a source's column comes, or more; nulls left out."""
        if isinstance(source, exp.Table) and source.db:
            return self._most_in(f"{source.db}.{source.name}", column)
        query = source.unnest()
        if isinstance(source, exp.Table) and source.name in ctes:
            query = ctes[source.name].this
            ctes = {name: cte for name, cte in ctes.items() if name != source.name}  # one may name itself
        if isinstance(query, exp.Union):
            return self._most_of(query.left, column, ctes) + self._most_of(query.right, column, ctes)
        if not isinstance(query, exp.Select) or query.args.get("joins"):
            return inf
        start = tree.start(query)
        chosen = next((each for each in query.selects if each.alias_or_name == column), None)
        own = chosen.unalias() if chosen is not None else None
        if start is None or not isinstance(own, exp.Column):
            return inf
        # filters, groups and DISTINCT only take rows away
        return self._most_of(start, own.name, ctes)

    def _most_in(self, relation: str, column: str) -> float:
        if column == "source_key" and relation not in HUB_RELATIONS:
            return 1  # a snapshot has a key once
        counted = f"SELECT count(*) AS n FROM {relation} WHERE {column} IS NOT NULL GROUP BY {column}"
        query = f"SELECT CAST(coalesce(max(n), 0) AS BIGINT) AS n FROM ({counted}) AS counted"
        return self._counted(query, {})

    def _number(self, sql: str, rule: Rule, as_of: date) -> int:
        bound = {**rule.parameters, AS_OF: as_of}
        return self._counted(sql, {name: value for name, value in bound.items() if f"${name}" in sql})

    def _counted(self, sql: str, bound: Mapping[str, object]) -> int:
        key = (sql, repr(bound))
        if key not in self._known:
            self._known[key] = int(self._engine.sql(sql, bound).read_all()["n"][0].as_py())
        return self._known[key]


def _meetings(query: exp.Expr) -> Iterator[_Meeting]:
    """Every join by equality, and every query in an expression that more than equalities tie to it."""
    for select in query.find_all(exp.Select):
        sources = _sources(select)
        for join in tree.joins(select):
            yield from _meeting(
                select, sources, join.this, tree.parts(join.args.get("on")), join.args.get("using")
            )
        around = select.parent_select
        start = tree.start(select)
        if isinstance(around, exp.Select) and start is not None and tree.is_in_expression(select, around):
            where = tree.parts(tree.where(select))
            if any(_reaches(part, sources) and not isinstance(part, exp.EQ) for part in where):
                yield from _meeting(around, {**_sources(around), **sources}, start, where, None)


def _meeting(
    select: exp.Select,
    sources: dict[str, exp.Expr],
    joined: exp.Expr,
    on: list[exp.Expr],
    using: list[exp.Expr] | None,
) -> Iterator[_Meeting]:
    """The meeting of a source with the one other that most of its equalities name."""
    name = joined.alias_or_name
    ties = [tie for part in on if (tie := _tie(part, name)) and tie[0] in sources]
    start = tree.start(select)
    if using and start is not None:
        other = start.alias_or_name
        ties = [(other, exp.column(key.name, other), exp.column(key.name, name)) for key in using]
    if not ties or not _is_rows(joined):
        return
    others = [tie[0] for tie in ties]
    other = max(others, key=others.count)
    if not _is_rows(sources[other]):
        return
    keys = [(left, right) for source, left, right in ties if source == other]
    left_keys, right_keys = zip(*keys, strict=True)
    yield _Meeting(
        ctes=_ctes(select),
        left=_Side(source=sources[other], keys=left_keys, where=_own_parts(select, other, [])),
        right=_Side(source=joined, keys=right_keys, where=_own_parts(select, name, on)),
    )


def _tie(part: exp.Expr, name: str) -> tuple[str, exp.Expr, exp.Expr] | None:
    """The other source of an equality with ``name``, its side, and the side of ``name``."""
    if not isinstance(part, exp.EQ):
        return None
    for own, other in ((part.left, part.right), (part.right, part.left)):
        theirs = _tables(other)
        if _tables(own) == {name} and len(theirs) == 1 and name not in theirs:
            return next(iter(theirs)), other, own
    return None


def _own_parts(select: exp.Select, name: str, on: list[exp.Expr]) -> tuple[exp.Expr, ...]:
    """Conditions that speak of this source alone and hold before rows meet: of an outer join only its ON."""
    outer = {
        join.this.alias_or_name
        for join in tree.joins(select)
        if join.side  # LEFT, RIGHT, FULL
    }
    where = [] if name in outer else tree.parts(tree.where(select))
    return tuple(part for part in (*where, *on) if _tables(part) == {name} and not part.find(exp.Query))


def _sources(select: exp.Select) -> dict[str, exp.Expr]:
    start = tree.start(select)
    every = ([start] if start is not None else []) + [join.this for join in tree.joins(select)]
    return {source.alias_or_name: source for source in every}


def _reaches(part: exp.Expr, sources: dict[str, exp.Expr]) -> bool:
    """True when the condition names what is here and what is around it."""
    tables = _tables(part)
    return bool(tables - set(sources)) and bool(tables & set(sources))


def _is_rows(source: exp.Expr) -> bool:
    return isinstance(source, exp.Subquery) or (
        isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier)
    )


def _tables(part: exp.Expr) -> set[str]:
    return {column.table for column in part.find_all(exp.Column)}


def _ctes(node: exp.Expr) -> dict[str, exp.Expr]:
    """Name → CTE of every query around; where two share a name the nearer one counts."""
    around: list[exp.Expr] = []
    over: exp.Expr | None = node
    while over is not None:
        around[:0] = over.ctes if isinstance(over, exp.Query) else []
        over = over.parent
    return {cte.alias: cte for cte in around}


def _text(part: exp.Expr) -> str:
    return part.sql(dialect=DIALECT, comments=False)
