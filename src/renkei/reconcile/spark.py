"""What a rule's text needs before Spark reads it as DuckDB does; all else carries over by itself.

Only what the text itself shows is rewritten: a value is a day when it is a cast, a literal or ``$as_of``.
"""

from collections.abc import Callable

import sqlglot
from sqlglot import exp

#: Bound by the hub in every rule: the night that is being reconciled.
AS_OF = "as_of"
#: Words that gave the same answer on both engines, in a rule's example or in script/check-spark's sheet.
_PROVED = frozenset({
    "abs", "and", "argmax", "argmin", "arraycontains", "case", "cast", "coalesce", "concat", "concatws",
    "contains", "count", "datefromparts", "day", "endswith", "exists", "explode", "greatest", "hamming",
    "if", "lag", "lastday", "least", "left", "length", "levenshtein", "logicaland", "logicalor",
    "lower", "max", "min", "month", "nullif", "or", "pad", "regexplike", "right", "rownumber",
    "startswith", "strposition", "substring", "sum", "timetostr", "timetounix", "to_months", "to_years",
    "translate", "trim", "trycast", "upper", "year", "date_diff day",
})  # fmt: skip
_DAYS = (exp.LastDay, exp.DateFromParts, exp.DateAdd, exp.CurrentDate)


def for_spark(query: exp.Expr) -> exp.Expr:
    """The query with the same meaning in Spark; the one handed in stays as it is."""
    return query.transform(_rewritten)


def _rewritten(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Sub):
        return _days_between(node)
    if isinstance(node, exp.Select) and _is_zip(node):
        return _zip(node)
    if isinstance(node, exp.CTE) and node.args.get("materialized") is not None:
        node.set("materialized", None)  # how, not what: Spark chooses by itself
    if isinstance(node, exp.Levenshtein):
        return exp.Anonymous(this="LEVENSHTEIN", expressions=[_bytes(node.this), _bytes(node.expression)])
    teach = _TAUGHT.get(str(node.this).lower()) if isinstance(node, exp.Anonymous) else None
    return teach(*node.expressions) if teach else node


def _days_between(node: exp.Sub) -> exp.Expr:
    """A day less a day is a number of days, where Spark would make an interval of it."""
    if not (_is_day(node.this) and _is_day(node.expression)):
        return node
    return exp.func("datediff", node.this, node.expression, dialect="spark")


def _is_day(node: exp.Expr) -> bool:
    node = node.unnest()
    if isinstance(node, exp.Cast):
        return bool(node.to.this == exp.DataType.Type.DATE)
    return isinstance(node, _DAYS) or (isinstance(node, exp.Placeholder) and node.name == AS_OF)


def _lists(select: exp.Select) -> list[exp.Expr]:
    """The lists that the query makes rows of, side by side."""
    return [each for each in select.selects if isinstance(each.unalias(), exp.Explode)]


def _is_zip(select: exp.Select) -> bool:
    """True for a query of several lists and nothing else, the shape that is carried over."""
    lists = _lists(select)
    alone = not any(select.args.get(part) for part in ("from_", "from", "where", "group", "joins"))
    return len(lists) > 1 and len(lists) == len(select.selects) and alone


def _zip(select: exp.Select) -> exp.Expr:
    """Lists side by side, row by row: Spark would make every combination of them."""
    lists = ", ".join(each.unalias().this.sql(dialect="spark") for each in select.selects)
    names = ", ".join(each.alias for each in select.selects)
    return sqlglot.parse_one(f"SELECT INLINE(ARRAYS_ZIP({lists})) AS ({names})", read="spark")


def _bytes(text: exp.Expr) -> exp.Expr:
    """A text with a character for each byte: DuckDB counts edits in bytes, of a kanji three."""
    encoded = exp.Anonymous(this="ENCODE", expressions=[text.copy(), exp.Literal.string("UTF-8")])
    return exp.Anonymous(this="DECODE", expressions=[encoded, exp.Literal.string("ISO-8859-1")])


def _hamming(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """Bytes at which two texts of one length differ: Spark has no word for it."""
    one, other = (_bytes(part).sql(dialect="spark") for part in (left, right))
    apart = f"FILTER(SEQUENCE(1, LENGTH({one})), i -> SUBSTR({one}, i, 1) <> SUBSTR({other}, i, 1))"
    text = f"CASE WHEN NOT {other} IS NULL THEN SIZE({apart}) END"
    return sqlglot.parse_one(text, read="spark")


def _years(number: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="MAKE_YM_INTERVAL", expressions=[number, exp.Literal.number(0)])


def _months(number: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="MAKE_YM_INTERVAL", expressions=[exp.Literal.number(0), number])


_TAUGHT: dict[str, Callable[..., exp.Expr]] = {"hamming": _hamming, "to_years": _years, "to_months": _months}


def unproved(sql: str) -> tuple[str, ...]:
    """Words of a DuckDB text of which no example has shown that Spark answers them alike, in their order."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    words = (word for node in tree.walk() if (word := _word(node)) and word not in _PROVED)
    return tuple(dict.fromkeys(words))


def _word(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Select) and len(_lists(node)) > 1 and not _is_zip(node):
        return "unnest beside something else"
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower()
    if isinstance(node, exp.DateDiff | exp.TimestampDiff):
        return f"date_diff {node.text('unit').lower()}"
    return node.key if isinstance(node, exp.Func | exp.Div | exp.SimilarTo | exp.Bracket) else None
