"""Every rule's examples on DuckDB and on a real local Spark: one text, the same rows.

    script/check-spark             every rule of reconciliation/
    script/check-spark R07 R22     these only

Spark stays in an environment of its own (``var/bench/spark``): it is handed Parquet files, texts and
parameters, and gives rows back.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from renkei.engine import Engine
from renkei.engine.duck import DuckEngine
from renkei.reconcile import FeedTerms, Rule, declared_terms, load_rules
from renkei.reconcile.example import Example
from renkei.reconcile.find import FOUND_SCHEMA, offer_lags, rows
from renkei.reconcile.query import compile_query

ROOT = Path(__file__).resolve().parents[1]
_PYTHON = ROOT / "var" / "bench" / "spark" / "bin" / "python"
_RUNNER = Path(__file__).with_name("spark_runner.py")


#: Words that rules may use and that no example shows: asked of both engines on the rows below.
SHEET = (
    "date_diff('day', d, e)", "d + n", "d - n", "last_day(d) + 1", "d + to_years(n)", "d + to_months(n)",
    "make_date(year(d), month(d), 1)",
    "CAST(t AS DATE)", "DATE '2024-02-29' + to_years(1)", "n // 2", "n % 3",
    "least(n, m)", "greatest(n, m)", "nullif(n, m)", "coalesce(n, m, 0)", "abs(n)", "a || b", "concat(a, b)",
    "concat_ws('-', a, b)", "length(a)", "left(a, 2)", "right(a, 2)", "substr(a, 2, 3)", "lpad(a, 4, '0')",
    "upper(a)", "lower(a)", "trim(a)", "translate(a, 'ア0', 'いX')", "starts_with(a, b)", "ends_with(a, b)",
    "contains(a, b)", "strpos(a, 'ウ')", "levenshtein(a, b)",
    "hamming(strftime(d, '%Y%m%d'), strftime(e, '%Y%m%d'))", "regexp_matches(a, '^[ア-ン]+$')", "a < b",
    "a = b",
    "a IS DISTINCT FROM b", "TRY_CAST(a AS INTEGER)", "epoch(t)", "strftime(d, '%Y%m%d')",
)  # fmt: skip
_AGGREGATES = (
    "min(n)", "max(a)", "sum(n)", "count(n)", "bool_or(n > 1)", "bool_and(n > 1)",
    "arg_min(a, n)", "arg_max(a, n)",
)  # fmt: skip
_ZONE = ZoneInfo("Asia/Tokyo")
_ROWS = pa.Table.from_pylist(
    [
        {"d": date(2024, 2, 29), "e": date(2026, 11, 20), "t": datetime(2026, 11, 20, 0, 30, tzinfo=_ZONE),
         "n": 2, "m": 7, "a": "アイウ", "b": "ア"},
        {"d": date(1868, 1, 31), "e": None, "t": datetime(2026, 11, 20, 23, 59, 59, tzinfo=_ZONE),
         "n": -3, "m": None, "a": "007", "b": "７"},
        {"d": date(2026, 12, 31), "e": date(2026, 12, 31), "t": None, "n": 11, "m": 11,
         "a": " 𠮷a ", "b": "𠮷a "},
        {"d": None, "e": date(1900, 1, 1), "t": None, "n": None, "m": 3, "a": None, "b": "x"},
        {"d": date(2000, 3, 30), "e": date(2000, 2, 29), "t": None, "n": 1, "m": 1, "a": "", "b": ""},
    ],
    schema=pa.schema(
        [("d", pa.date32()), ("e", pa.date32()), ("t", pa.timestamp("us", "Asia/Tokyo")), ("n", pa.int32()),
         ("m", pa.int32()), ("a", pa.string()), ("b", pa.string())]
    ),
)  # fmt: skip


class SparkRefused(Exception):
    """Spark's own words."""


class SparkEngine:
    """The engine's seam over a local Spark in a process of its own; tables are handed over as Parquet."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="renkei-spark-"))
        self._files = 0
        self._runner = subprocess.Popen(
            [str(_PYTHON), str(_RUNNER), str(self._folder / "warehouse")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.version = str(self._answer()["version"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner.stdin is not None
        self._runner.stdin.close()
        self._runner.wait(timeout=60)
        shutil.rmtree(self._folder)

    def fresh(self) -> None:
        """Forget every relation."""
        self._ask(do="fresh")

    def relation(self, name: str, parquet: Sequence[Path]) -> None:
        """Not wanted for examples, which are tables."""
        raise NotImplementedError(name)

    def derive(self, name: str, query: str, parameters: Mapping[str, object]) -> None:
        """Answer the query once and keep what it returned under a name."""
        self.table(name, self.sql(query, parameters).read_all())

    def seal(self) -> None:
        """Nothing to close: the texts that come here are rules, which name relations only."""

    def table(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table readable under a name."""
        place = self._place()
        place.mkdir()
        pq.write_table(table, place / "part.parquet")
        self._ask(do="table", name=name, parquet=str(place))

    def sql(self, query: str, parameters: Mapping[str, object]) -> pa.RecordBatchReader:
        """The answer of a query that was written for DuckDB."""
        place = self._place()
        named = {name: _told(value) for name, value in parameters.items() if f"${name}" in query}
        self._ask(do="sql", query=compile_query(query, "spark"), parameters=named, out=str(place))
        return pq.read_table(place).to_reader()

    def rows(self, query: str, parameters: Mapping[str, object], *, within: float | None = None) -> pa.Table:
        """The whole answer; an example is too small for ``within`` to matter."""
        del within
        return self.sql(query, parameters).read_all()

    def _place(self) -> Path:
        self._files += 1
        return self._folder / f"{self._files}"

    def _ask(self, **asked: object) -> None:
        assert self._runner.stdin is not None
        self._runner.stdin.write(json.dumps(asked) + "\n")
        self._runner.stdin.flush()
        answer = self._answer()
        if not answer["ok"]:
            raise SparkRefused(answer["why"])

    def _answer(self) -> Mapping[str, Any]:
        assert self._runner.stdout is not None
        line = self._runner.stdout.readline()
        if not line:
            raise SparkRefused("the process ended")
        answer: Mapping[str, Any] = json.loads(line)
        return answer


def _told(value: object) -> Mapping[str, object]:
    if isinstance(value, date):
        return {"type": "date", "value": value.isoformat()}
    return {"type": "list" if isinstance(value, list) else "plain", "value": value}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One example of one rule."""

    rule: Rule
    example: Example
    name: str


def main(wanted: Sequence[str]) -> int:
    """0 when every example gives the same rows on both."""
    terms = declared_terms(ROOT / "mappings")
    rules = load_rules(ROOT / "reconciliation", terms=terms)
    trials = [trial for rule in rules if not wanted or rule.id in wanted for trial in _trials(rule)]
    began = time.monotonic()
    with SparkEngine() as spark:
        started = time.monotonic()
        words = _other_answers(spark, SHEET) | _other_answers(spark, _AGGREGATES)
        told = {trial.name: _difference(spark, trial, terms) for trial in trials}
    wrong = {name: why for name, why in (words | told).items() if why}
    for name, why in wrong.items():
        sys.stdout.write(f"{name}: {why}\n")
    number, same = len({trial.rule.id for trial in trials}), sum(not why for why in told.values())
    sys.stdout.write(
        f"Spark {spark.version}: {same} of {len(trials)} examples of {number} rules give DuckDB's rows,"
        f" {sum(not why for why in words.values())} of {len(words)} words its answers"
        f" ({time.monotonic() - started:.0f} s, start {started - began:.0f} s)\n"
    )
    return 1 if wrong else 0


def _other_answers(spark: SparkEngine, words: Sequence[str]) -> dict[str, str]:
    """Word → what the engines answer where they differ on the sheet's rows, nothing where they agree."""
    columns = ", ".join(f"{word} AS x{nth}" for nth, word in enumerate(words))
    query = f"SELECT {columns} FROM sheet.rows"
    spark.fresh()
    spark.table("sheet.rows", _ROWS)
    with DuckEngine(threads=1) as duck:
        duck.table("sheet.rows", _ROWS)
        ours = duck.sql(query, {}).read_all()
    theirs = spark.sql(query, {}).read_all()
    return {word: _apart(ours[nth].to_pylist(), theirs[nth].to_pylist()) for nth, word in enumerate(words)}


def _apart(ours: Sequence[object], theirs: Sequence[object]) -> str:
    # one small file in, one task: the rows keep their order
    pairs = zip(map(_plain, ours), map(_plain, theirs), strict=True)
    wrong = [f"{mine!r} on DuckDB, {other!r} on Spark" for mine, other in pairs if mine != other]
    return "; ".join(wrong)


def _plain(value: object) -> object:
    return value.date() if isinstance(value, datetime) and value.hour == value.minute == 0 else value


def _trials(rule: Rule) -> Iterator[Trial]:
    for kind in ("must_find", "must_not_find"):
        for nth, example in enumerate(getattr(rule, kind), start=1):
            yield Trial(rule=rule, example=example, name=f"{rule.id} {kind} {nth}")


def _difference(spark: SparkEngine, trial: Trial, terms: Mapping[str, FeedTerms]) -> str:
    spark.fresh()
    with DuckEngine(threads=1) as duck:
        ours = _rows(duck, trial, terms)
    try:
        theirs = _rows(spark, trial, terms)
    except SparkRefused as wrong:
        return f"Spark refuses: {' '.join(str(wrong).split())[:300]}"
    if ours == theirs:
        return ""
    return f"DuckDB alone {list((ours - theirs).elements())}, Spark alone {list((theirs - ours).elements())}"


def _rows(engine: Engine, trial: Trial, terms: Mapping[str, FeedTerms]) -> Counter[tuple[object, ...]]:
    for name, table in trial.example.given.items():
        engine.table(name, table)
    offer_lags(engine, terms)
    engine.seal()
    found = rows(engine, trial.rule, as_of=trial.example.as_of)
    return Counter(tuple(row[name] for name in FOUND_SCHEMA.names) for row in found.to_pylist())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
