"""Tells of a rule's SQL whether each of its rows follows from the records of one resident alone.

Such a rule need only look again at residents whose records or links have changed. The answer errs on the side
of no: what cannot be read off the text is looked at whole.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from renkei.reconcile import tree
from renkei.reconcile.query import parsed
from renkei.reconcile.relation import HUB_RELATIONS
from renkei.reconcile.spark import unproved

SUBJECT = "resident_id"
#: What moves without the record's content: the day of the state, or of the night; the order of deliveries.
_MOVES = frozenset({"as_of", "source_version"})

#: Output columns of a query that hold the resident; None where its rows mix residents.
_Own = frozenset[str] | None


@dataclass(frozen=True)
class _Sources:
    """What a SELECT reads: name → its columns that hold the resident; and those that may have no row."""

    own: Mapping[str, frozenset[str]]
    outer: frozenset[str]

    def holds(self, column: exp.Expr, *, always: bool = False) -> bool:
        """True for a column that is the resident; with ``always``, in every row."""
        if isinstance(column, exp.Coalesce):
            parts = (column.this, *column.expressions)
            return all(map(self.holds, parts)) and any(self.holds(part, always=always) for part in parts)
        if not isinstance(column, exp.Column) or column.args.get("db"):
            return False
        name = column.table or (next(iter(self.own)) if len(self.own) == 1 else "")
        return column.name in self.own.get(name, ()) and not (always and name in self.outer)


def is_alone(sql: str) -> bool:
    """True when every row with resident r is made of relations' rows with ``resident_id`` r, on any day.

    A function that is not known to give the same answer everywhere makes it false.
    """
    query = parsed(sql)
    by_day = any(str(place.this) in _MOVES for place in query.find_all(exp.Placeholder))
    moves = any(column.name in _MOVES for column in query.find_all(exp.Column))
    if by_day or moves or unproved(sql) or query.find(exp.TableSample, exp.Lateral, exp.Unnest):
        return False
    own = _own(query, {})
    return own is not None and SUBJECT in own


def _own(query: exp.Expr, known: Mapping[str, _Own]) -> _Own:
    if isinstance(query, exp.Subquery):
        return None if _is_more(query) else _own(query.this, known)
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
    names = query.left.named_selects, query.right.named_selects
    if left is None or right is None or query.args.get("by_name") or len(names[0]) != len(names[1]):
        return None
    return frozenset(mine for mine, theirs in zip(*names, strict=True) if mine in left and theirs in right)


def _of_select(select: exp.Select, known: Mapping[str, _Own]) -> _Own:
    start, joins = tree.start(select), tree.joins(select)
    if start is None or any(join.side not in ("", "LEFT") or join.args.get("using") for join in joins):
        return None
    own: dict[str, frozenset[str]] = {}
    for source in (start, *(join.this for join in joins)):
        columns = _of_source(source, known)
        if columns is None or source.alias_or_name in own:
            return None
        own[source.alias_or_name] = columns
    outer = frozenset(join.this.alias_or_name for join in joins if join.side)
    sources = _Sources(own, outer)
    inner = list(tree.inner_queries(select))
    tied = _are_one(sources, [*_ties(select, joins, sources)])
    if not tied or not all(_is_tied(query, sources, known) for query in inner):
        return None
    if not all(_keeps_apart(select, sources)):
        return None
    return frozenset(
        each.alias_or_name for each in select.selects if sources.holds(each.unalias(), always=True)
    )


def _of_source(source: exp.Expr, known: Mapping[str, _Own]) -> _Own:
    if _is_more(source):
        return None
    if isinstance(source, exp.Subquery):
        return _own(source.this, known)
    if not isinstance(source, exp.Table) or not isinstance(source.this, exp.Identifier):
        return None
    if not source.db:
        return known.get(source.name)
    return None if f"{source.db}.{source.name}" in HUB_RELATIONS else frozenset({SUBJECT})


def _is_more(source: exp.Expr) -> bool:
    """True for a source that carries something of its own with it: a join, a pivot, a sample."""
    return any(source.args.get(name) for name in ("joins", "pivots", "sample", "laterals"))


def _ties(select: exp.Select, joins: list[exp.Join], sources: _Sources) -> Iterator[tuple[str, str]]:
    """Pairs of sources whose residents are equal in every row, but for rows that one of them has not."""
    for part in tree.parts(tree.where(select)):
        yield from _tie(part, sources)
    for join in joins:
        plain = not join.side and join.kind in ("", "INNER")
        for part in tree.parts(join.args.get("on")):
            # the condition of an outer join says nothing of the sources around it
            yield from (tie for tie in _tie(part, sources) if plain or join.this.alias_or_name in tie)


def _tie(part: exp.Expr, sources: _Sources) -> Iterator[tuple[str, str]]:
    """The two sources whose residents this condition makes equal."""
    if isinstance(part, exp.EQ) and sources.holds(part.left) and sources.holds(part.right):
        names = part.left.text("table"), part.right.text("table")
        if all(names) and names[0] != names[1]:
            yield names


def _are_one(sources: _Sources, ties: list[tuple[str, str]]) -> bool:
    """True when ties lead from any source to every other, none of them by way of one that may have no row."""
    reached = set(list(sources.own)[:1])
    for within in (set(sources.own) - sources.outer, set(sources.own)):
        near = [set(tie) for tie in ties if set(tie) <= within]
        while more := {name for tie in near if reached & tie for name in tie} - reached:
            reached |= more
        if not within <= reached:
            return False
    return True


def _is_tied(inner: exp.Select, around: _Sources, known: Mapping[str, _Own]) -> bool:
    """True when a query within an expression looks only at rows of the same resident, in one relation."""
    start, where = tree.start(inner), tree.where(inner)
    more = ("joins", "group", "with_", "with", "limit", "offset", "distinct", "having", "qualify")
    if (
        start is None
        or any(inner.args.get(name) for name in more)
        or len(list(inner.find_all(exp.Select))) > 1
    ):
        return False
    name, own = start.alias_or_name, _of_source(start, known)
    if own is None or where is None or name in around.own or inner.find(exp.Window):
        return False
    together = _Sources({**around.own, name: own}, around.outer)
    ties = (tie for part in tree.parts(where) for tie in _tie(part, together))
    return any(name in tie for tie in ties)


def _keeps_apart(select: exp.Select, sources: _Sources) -> Iterator[bool]:
    """Whether what is counted, ranked or made distinct, is so within one resident."""

    def within(parts: list[exp.Expr]) -> bool:
        return any(sources.holds(part.unalias(), always=True) for part in parts)

    mine = [node for node in select.walk() if isinstance(node, exp.Window | exp.AggFunc)]
    mine = [node for node in mine if node.find_ancestor(exp.Select) is select]
    for window in mine:
        if isinstance(window, exp.Window):
            yield within(window.args.get("partition_by") or [])
    distinct, group = select.args.get("distinct"), select.args.get("group")
    if distinct:
        on = distinct.args.get("on")
        yield within(list(on.expressions) if on else select.selects)
    if group:
        # GROUP BY ALL, sets and cubes name no column here
        yield within(group.expressions)
    else:
        counted = [node for node in mine if isinstance(node, exp.AggFunc)]
        yield all(node.find_ancestor(exp.Window) is not None for node in counted)
