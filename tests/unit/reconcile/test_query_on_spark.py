"""Every rule is one text for DuckDB and for Spark; script/check-spark runs them on a real one."""

import pytest
import sqlglot
from sqlglot import exp
from tests.unit.reconcile.support import ROOT

from renkei.reconcile import Rule, load_rules
from renkei.reconcile.find import framed
from renkei.reconcile.query import compile_query
from renkei.reconcile.spark import unproved

RULES = load_rules(ROOT / "reconciliation")


def spark(expression: str) -> str:
    return " ".join(compile_query(f"SELECT {expression} AS x", "spark").split()).removesuffix(" AS x")


def relations_of(tree: exp.Expr) -> set[str]:
    return {f"{table.db}.{table.name}" for table in tree.find_all(exp.Table) if table.db}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_written_for_spark_in_words_that_were_proved(rule: Rule) -> None:
    text = compile_query(rule.query, "spark")

    assert unproved(rule.query) == ()
    assert relations_of(sqlglot.parse_one(text, read="spark")) == set(rule.compare)


def test_the_frame_around_every_rule_is_written_for_spark_too() -> None:
    rule = next(rule for rule in RULES if rule.id == "R10")

    text = compile_query(framed(rule), "spark")

    assert unproved(framed(rule)) == ()
    assert relations_of(sqlglot.parse_one(text, read="spark")) >= {*rule.compare, "hub.lag"}


@pytest.mark.parametrize(
    ("duckdb", "written"),
    [
        ("$as_of - CAST(since AS DATE)", "SELECT DATEDIFF(:as_of, CAST(since AS DATE))"),
        ("since - $days", "SELECT since - :days"),
        ("valid_from + to_years($n)", "SELECT valid_from + MAKE_YM_INTERVAL(:n, 0)"),
        ("valid_from + to_months(3)", "SELECT valid_from + MAKE_YM_INTERVAL(0, 3)"),
        ("amount // 4", "SELECT amount DIV 4"),
        ("list_contains($kinds, kind)", "SELECT ARRAY_CONTAINS(:kinds, kind)"),
        ("last_day(born) + 1", "SELECT LAST_DAY(born) + 1"),
    ],
)
def test_what_spark_says_otherwise_is_said_otherwise(duckdb: str, written: str) -> None:
    assert spark(duckdb) == written


def test_edits_are_counted_in_bytes_on_both() -> None:
    """DuckDB counts three for one kanji; Spark would count one."""
    assert "LEVENSHTEIN(DECODE(ENCODE(a, 'UTF-8'), 'ISO-8859-1')," in spark("levenshtein(a, b)")
    assert "LENGTH(DECODE(ENCODE(a, 'UTF-8'), 'ISO-8859-1'))" in spark("hamming(a, b)")


def test_lists_side_by_side_stay_side_by_side() -> None:
    """Spark would make every combination of two lists that are made rows of in one query."""
    text = compile_query("SELECT unnest($years) AS year_of, unnest($yen) AS yen", "spark")

    assert " ".join(text.split()) == "SELECT INLINE(ARRAYS_ZIP(:years, :yen)) AS (year_of, yen)"
    assert unproved("SELECT unnest($years) AS year_of, unnest($yen) AS yen") == ()
    assert unproved("SELECT unnest($years) AS year_of, unnest($yen) AS yen, a FROM b") != ()


def test_how_a_query_is_worked_out_is_left_to_the_engine() -> None:
    text = "WITH a AS MATERIALIZED (SELECT 1 AS x) SELECT x FROM a"

    assert "MATERIALIZED" not in compile_query(text, "spark")
    assert "MATERIALIZED" in compile_query(text)


@pytest.mark.parametrize("words", ["jaccard(a, b)", "date_diff('month', a, b)", "a / b", "a SIMILAR TO 'b'"])
def test_a_word_that_spark_was_not_seen_to_understand_is_told(words: str) -> None:
    assert unproved(f"SELECT {words} AS x") != ()
