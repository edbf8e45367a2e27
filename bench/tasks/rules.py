"""All rules over the snapshots of three systems, and each rule as a script of its own."""

import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import duckdb
import pyarrow as pa

from bench.child import Done, Runs
from bench.desk import ROOT, Desk
from bench.tasks.rule_city import changed, entries, links, sources
from renkei.engine.duck import DuckEngine
from renkei.reconcile import Rule, Source, again, load_rules
from renkei.reconcile.alone import is_alone
from renkei.reconcile.find import Again, Found, find
from renkei.reconcile.relation import ENTRY

_ = duckdb  # imported before the clock starts


def ours(desk: Desk, *, memory: str) -> Runs:
    """Every rule in one night, as ``renkei reconcile`` finds them; no case is written."""
    while True:
        yield partial(_ours, desk, _rules(), memory)


def looking_again(desk: Desk, *, memory: str) -> Runs:
    """The night after, in which one record of a person in a hundred has changed."""
    while True:
        yield partial(_looking_again, desk, _rules(), memory)


def by_scripts(desk: Desk, *, memory: str) -> Runs:
    """The same rules, each as a script that reads the snapshots, says whose records they are, and asks."""
    while True:
        yield partial(_by_scripts, desk, _rules(), memory)


def _rules() -> tuple[Rule, ...]:
    return load_rules(ROOT / "reconciliation")


def _ours(desk: Desk, rules: Sequence[Rule], memory: str) -> Done:
    given, began = sources(desk), time.perf_counter()
    with _processor() as used:
        found = _found(desk, rules, given, links(desk), memory)
    seconds = time.perf_counter() - began
    by_rule = {each.rule.id: each.seconds for each in found.outcomes if each.state == "compared"}
    parts = {"relations": seconds - sum(by_rule.values()), **by_rule}
    return Done(rows=_size(given), parts=parts, facts={**used, **_told([found])})


def _looking_again(desk: Desk, rules: Sequence[Rule], memory: str) -> Done:
    now, whose = changed(desk), links(desk)
    past = again.Past(
        states={each.feed: each.snapshot for each in sources(desk) if each.snapshot},
        links=again.keep_links(whose, desk.folder / "compared"),
    )
    began = time.perf_counter()
    with _processor() as used:
        with DuckEngine(memory=memory, temp=desk.folder) as engine:
            who = again.residents(
                engine, past, {each.feed: each.snapshot for each in now if each.snapshot},
                terms={each.feed: each.terms for each in now}, links=whose, waiting=(),
            )  # fmt: skip
        known = time.perf_counter() - began
        some = Again(rules=frozenset(rule.id for rule in rules if is_alone(rule.query)), residents=who)
        found = _found(desk, rules, now, whose, memory, some)
    seconds = time.perf_counter() - began
    by_rule = {each.rule.id: each.seconds for each in found.outcomes if each.state == "compared"}
    parts = {"who": known, "relations": seconds - known - sum(by_rule.values()), **by_rule}
    facts = {"residents": who.num_rows, "rules_of_some": len(some.rules), **used, **_told([found])}
    return Done(rows=_size(now), parts=parts, facts=facts)


def _by_scripts(desk: Desk, rules: Sequence[Rule], memory: str) -> Done:
    given, parts, told = sources(desk), {}, []
    with _processor() as used:
        for rule in rules:
            began = time.perf_counter()
            told.append(_found(desk, [rule], given, links(desk), memory))
            parts[rule.id] = time.perf_counter() - began
    return Done(rows=_size(given), parts=parts, facts={**used, **_told(told)})


def _found(
    desk: Desk,
    rules: Sequence[Rule],
    given: list[Source],
    whose: pa.Table,
    memory: str,
    some: Again | None = None,
) -> Found:
    """A script opens what its rule compares, and nothing else."""
    compared = {feed for rule in rules for feed in rule.compare}
    opened = [each if each.feed in compared else replace(each, snapshot=None, as_of=None) for each in given]
    with DuckEngine(memory=memory, temp=desk.folder) as engine:
        return find(
            engine, rules, sources=opened, links=whose, hub={ENTRY: entries(desk)}, as_of=desk.day,
            proven=frozenset(rule.id for rule in rules), again=some,
        )  # fmt: skip


def _size(given: Sequence[Source]) -> int:
    return sum(each.snapshot.size for each in given if each.snapshot)


def _told(found: Sequence[Found]) -> dict[str, object]:
    """Counts of all rules; the rules whose feeds nobody made are named."""
    outcomes = [outcome for each in found for outcome in each.outcomes]
    return {
        "compared": sum(each.state == "compared" for each in outcomes),
        "not_compared": sorted(each.rule.id for each in outcomes if each.state == "not_compared"),
        "found": sum(each.found + each.in_transit for each in outcomes),
    }


@contextmanager
def _processor() -> Iterator[dict[str, float]]:
    """Seconds of both cores together, which say more than the clock on a busy machine."""
    used: dict[str, float] = {}
    before = resource.getrusage(resource.RUSAGE_SELF)
    yield used
    after = resource.getrusage(resource.RUSAGE_SELF)
    used["processor_seconds"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
