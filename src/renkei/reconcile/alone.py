"""Tells of a rule's SQL whether each of its rows follows from the records of one resident alone.

Such a rule need only look again at residents whose records or links have changed. The answer errs on the side
of no: what cannot be read off the text is looked at whole.
"""

from collections.abc import Iterator, Mapping

import sqlglot
from sqlglot import exp

from renkei.reconcile.query import DIALECT
from renkei.reconcile.relation import HUB_RELATIONS

SUBJECT = "resident_id"
#: What moves without the record's content: the day of the state, or of the night; the order of deliveries.
_MOVES = frozenset({"as_of", "source_version"})

#: Output columns that hold the resident, by position and name; None where rows mix residents.
_Own = frozenset[str] | None


def is_alone(sql: str) -> bool:
    """True when every row with resident r is made of relations' rows with ``resident_id`` r, on any day."""
    query = sqlglot.parse_one(sql, read=DIALECT)
    by_day = any(str(place.this) in _MOVES for place in query.find_all(exp.Placeholder))
    if by_day or any(column.name in _MOVES for column in query.find_all(exp.Column)):
        return False
    own = _own(query, {})
    return own is not None and SUBJECT in own


def _own(query: exp.Expr, known: Mapping[str, _Own]) -> _Own:
    """The query's output columns that are the resident; None unless its rows keep residents apart."""
    if isinstance(query, exp.Subquery):
        return _own(query.this, known)
    if not isinstance(query, exp.Query) or query.args.get("limit") or query.args.get("offset"):
        return None
    known = dict(known)
    for part in query.ctes:
        known[part.alias] = _own(part.this, known)
    if isinstance(query, exp.Union):
        return _of_both(query, known)
    return _of_select(query, known) if isinstance(query, exp.Select) else None


def _of_both(query: exp.Union, known: Mapping[str, _Own]) -> _Own:
    left, right = _own(query.left, known), _own(query.right, known)
    if left is None or right is None:
        return None
    names = zip(query.left.named_selects, query.right.named_selects, strict=True)
    return frozenset(mine for mine, theirs in names if mine in left and theirs in right)


def _of_select(select: exp.Select, known: Mapping[str, _Own]) -> _Own:
    start = select.args.get("from_") or select.args.get("from")
    joins = select.args.get("joins") or []
    if start is None or any(join.side in ("RIGHT", "FULL") for join in joins):
        return None
    sources: dict[str, frozenset[str]] = {}
    for source in (start.this, *(join.this for join in joins)):
        own = _of_source(source, known)
        if own is None:
            return None
        sources[source.alias_or_name] = own
    inner = list(_inner_queries(select))
    ties = [tie for part in _conditions(select, joins) if (tie := _tie(part, sources))]
    if not _are_one(sources, ties) or not all(_is_tied(query, sources, known) for query in inner):
        return None
    if not all(_keeps_apart(select, sources)):
        return None
    return frozenset(each.alias_or_name for each in select.selects if _is_own(each.unalias(), sources))


def _of_source(source: exp.Expr, known: Mapping[str, _Own]) -> _Own:
    if isinstance(source, exp.Subquery):
        return _own(source.this, known)
    if not isinstance(source, exp.Table) or not isinstance(source.this, exp.Identifier):
        return None
    if not source.db:
        return known.get(source.name)
    return None if f"{source.db}.{source.name}" in HUB_RELATIONS else frozenset({SUBJECT})


def _conditions(select: exp.Select, joins: list[exp.Join]) -> Iterator[exp.Expr]:
    """What holds of every row: the parts of WHERE and of each ON."""
    where = select.args.get("where")
    for condition in (where.this if where else None, *(join.args.get("on") for join in joins)):
        if condition is not None:
            yield from condition.flatten() if isinstance(condition, exp.And) else (condition,)


def _tie(part: exp.Expr, sources: Mapping[str, frozenset[str]]) -> tuple[str, str] | None:
    """The two sources whose residents this condition makes equal."""
    if not isinstance(part, exp.EQ):
        return None
    sides = (part.left, part.right)
    if not all(isinstance(side, exp.Column) and _is_own(side, sources) for side in sides):
        return None
    return sides[0].text("table"), sides[1].text("table")


def _are_one(sources: Mapping[str, frozenset[str]], ties: list[tuple[str, str]]) -> bool:
    """True when the ties lead from any source to every other."""
    reached = set(list(sources)[:1])
    while more := {name for tie in ties if reached & set(tie) for name in tie} - reached:
        reached |= more
    return reached == set(sources)


def _inner_queries(select: exp.Select) -> Iterator[exp.Select]:
    """Queries within the expressions of this one, not those that it reads from."""
    for inner in select.find_all(exp.Select):
        if inner is not select and inner.parent_select is select and not _is_source(inner, select):
            yield inner


def _is_source(inner: exp.Expr, select: exp.Select) -> bool:
    over = inner.parent
    while over is not None and over is not select:
        if isinstance(over, exp.From | exp.Join | exp.CTE):
            return not isinstance(over, exp.Join) or inner.find_ancestor(exp.Subquery) is over.this
        over = over.parent
    return False


def _is_tied(inner: exp.Select, sources: Mapping[str, frozenset[str]], known: Mapping[str, _Own]) -> bool:
    """True when a query within an expression looks only at rows of the same resident."""
    start = inner.args.get("from_") or inner.args.get("from")
    if start is None or inner.args.get("joins") or inner.ctes or inner.args.get("group"):
        return False
    own = _of_source(start.this, known)
    if own is None:
        return False
    together = {**sources, start.this.alias_or_name: own}
    ties = [tie for part in _conditions(inner, []) if (tie := _tie(part, together))]
    return any(start.this.alias_or_name in tie and set(tie) & set(sources) for tie in ties)


def _keeps_apart(select: exp.Select, sources: Mapping[str, frozenset[str]]) -> Iterator[bool]:
    """Whether what is counted or ranked, is so within one resident."""
    mine = [node for node in select.walk() if isinstance(node, exp.Window | exp.AggFunc)]
    mine = [node for node in mine if node.find_ancestor(exp.Select) is select]
    for window in mine:
        if isinstance(window, exp.Window):
            yield any(_is_own(part, sources) for part in window.args.get("partition_by") or [])
    group = select.args.get("group")
    if group:
        yield any(_is_own(part, sources) for part in group.expressions)
    elif select.args.get("distinct"):
        yield any(_is_own(each.unalias(), sources) for each in select.selects)
    else:
        counted = [node for node in mine if isinstance(node, exp.AggFunc)]
        yield all(node.find_ancestor(exp.Window) is not None for node in counted)


def _is_own(column: exp.Expr, sources: Mapping[str, frozenset[str]]) -> bool:
    """True for a column, or the first of several, that holds the resident of these sources."""
    if isinstance(column, exp.Coalesce):
        return all(_is_own(part, sources) for part in (column.this, *column.expressions))
    if not isinstance(column, exp.Column):
        return False
    if column.table:
        return column.name in sources.get(column.table, frozenset())
    return len(sources) == 1 and column.name in next(iter(sources.values()))
