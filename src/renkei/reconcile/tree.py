"""The parts of a query's tree that several readers look at; nobody changes a tree here."""

from collections.abc import Iterator

from sqlglot import exp


def start(select: exp.Select) -> exp.Expr | None:
    """What FROM names first."""
    found = select.args.get("from_") or select.args.get("from")
    return found.this if found else None


def joins(select: exp.Select) -> list[exp.Join]:
    """The joins in their order."""
    return list(select.args.get("joins") or ())


def where(select: exp.Select) -> exp.Expr | None:
    """The condition of WHERE."""
    found = select.args.get("where")
    return found.this if found else None


def parts(condition: exp.Expr | None) -> list[exp.Expr]:
    """What must all hold for a condition to hold."""
    if condition is None:
        return []
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


def inner_queries(select: exp.Select) -> Iterator[exp.Select]:
    """Queries in the expressions of this one (EXISTS, IN, a value), not those that it reads from."""
    for inner in select.find_all(exp.Select):
        if inner is not select and inner.parent_select is select and is_in_expression(inner, select):
            yield inner


def is_in_expression(inner: exp.Select, around: exp.Expr) -> bool:
    """True for a query in an expression of ``around``, a condition of a join being one."""
    over = inner.parent
    while over is not None and over is not around:
        if isinstance(over, exp.From | exp.CTE):
            return False
        if isinstance(over, exp.Join):
            return inner.find_ancestor(exp.Subquery) is not over.this
        over = over.parent
    return True
