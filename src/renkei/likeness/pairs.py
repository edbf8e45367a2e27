"""Which pairs are looked at: rules of equal columns, and how many pairs each makes, counted beforehand."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from renkei.errors import FixDeclaration

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Pairs of rows of two residents whose columns are equal, left and right in their order."""

    name: str
    left: tuple[str, ...]
    right: tuple[str, ...]

    @property
    def sql(self) -> str:
        """The rule over ``l`` and ``r``; rows of one resident are no pair."""
        equal = (f"l.{one} = r.{other}" for one, other in zip(self.left, self.right, strict=True))
        return " AND ".join((*equal, "l.resident_id <> r.resident_id"))


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """``rules``: pairs by rule, in their order; a pair that two rules find counts twice."""

    rows: int
    rules: tuple[tuple[str, int], ...]

    @property
    def pairs(self) -> int:
        """No more pairs than these are compared."""
        return sum(count for _, count in self.rules)


def _equal(name: str, *columns: str) -> tuple[Rule, ...]:
    return (Rule(name=name, left=columns, right=columns),)


def _crossed(name: str, one: str, other: str, *columns: str) -> tuple[Rule, ...]:
    return (
        Rule(name=name, left=(one, *columns), right=(other, *columns)),
        Rule(name=f"{name}_turned", left=(other, *columns), right=(one, *columns)),
    )


_TOWN = ("address_municipality_code", "address_key_town")
RULES: tuple[Rule, ...] = (
    *_equal("sound_and_birth_year", "kana_loose_key", "birth_year"),
    *_equal("sound_and_birth_month_day", "kana_loose_key", "birth_month_day", "sex"),
    *_equal("name_and_birth", "name_loose_key", "date_of_birth_lo"),
    *_equal("birth_and_town", "birth_day", *_TOWN, "sex"),
    *_equal("given_name_and_birth", "given_kana", "birth_day", "sex"),
    *_crossed("common_name_and_birth", "name_key", "common_name_key", "date_of_birth_lo"),
    *_crossed("former_name_and_birth", "name_key", "former_name_key", "date_of_birth_lo"),
    *_equal("roman_name_and_birth_year", "roman_name_key", "birth_year"),
    *_equal("given_name_and_block", "given_kana", *_TOWN, "address_key_block"),
    *_equal("name_and_town", "name_loose_key", *_TOWN, "sex"),
)  # fmt: skip


def count(connection: "duckdb.DuckDBPyConnection", table: str, rules: Iterable[Rule]) -> Estimate:
    """Exact counts from the sizes of groups; nothing is joined row by row.

    Two rules that are one turned around are counted together, under the name of the first.
    """
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0]
    firsts: dict[frozenset[tuple[str, ...]], Rule] = {}
    for rule in rules:
        firsts.setdefault(frozenset((rule.left, rule.right)), rule)
    made = tuple((rule.name, _pairs(connection, table, rule)) for rule in firsts.values())
    return Estimate(rows=int(row[0]), rules=made)


def _pairs(connection: "duckdb.DuckDBPyConnection", table: str, rule: Rule) -> int:
    row = connection.execute(_counted(table, rule)).fetchall()[0]
    return int(row[0])


def _counted(table: str, rule: Rule) -> str:
    """Rows of a group pair with each other, less those of one resident; of two columns, with one another."""
    keys = ", ".join(f"k{place}" for place in range(len(rule.left)))
    if rule.left == rule.right:
        groups = _groups(table, rule.left)
        return f"""
            SELECT coalesce(sum(every - own), 0)
            FROM (
                SELECT sum(n) * (sum(n) - 1) / 2 AS every, sum(n * (n - 1) / 2) AS own
                FROM ({groups})
                GROUP BY {keys}
            )
        """
    return f"""
        SELECT coalesce(sum(l.n * r.n), 0)
        FROM ({_groups(table, rule.left)}) AS l
        JOIN ({_groups(table, rule.right)}) AS r USING ({keys})
        WHERE l.resident_id <> r.resident_id
    """


def _groups(table: str, columns: tuple[str, ...]) -> str:
    named = ", ".join(f"{column} AS k{place}" for place, column in enumerate(columns))
    present = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    return f"SELECT {named}, resident_id, count(*) AS n FROM {table} WHERE {present} GROUP BY ALL"


def hold_within(estimate: Estimate, budget: int) -> None:
    """Refuse before anything is compared: which rule makes the most pairs, and how many."""
    if estimate.pairs > budget:
        rule, pairs = max(estimate.rules, key=lambda each: each[1])
        raise FixDeclaration("E_PAIR_BUDGET", rule=rule, pairs=pairs, total=estimate.pairs, budget=budget)
