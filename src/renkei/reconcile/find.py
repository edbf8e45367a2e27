"""Finds mismatches: rules and relations in, one Arrow table out. Writes nothing anywhere.

A rule whose feeds have not all delivered is *not compared*, which is never the same as nothing found.
A difference younger than its feeds' declared lag is *in transit* (反映待ち), not yet a mismatch;
an event that happened (a lasting rule) is never in transit, since no later delivery takes it back.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from renkei.engine import Engine
from renkei.errors import FixDeclaration
from renkei.reconcile.relation import (
    DELIVERY,
    HUB_RELATIONS,
    FeedTerms,
    Source,
    columns_of,
    key_to_person,
    person_feed,
)
from renkei.reconcile.rule import Rule

State = Literal["compared", "not_compared", "not_in_force"]

_LINK = "hub.link"
_LAG = "hub.lag"
_LAG_SCHEMA = pa.schema([("feed", pa.string()), ("hours", pa.float64())])

#: One row for each difference; ``rule_id`` to ``right_key``, less cause and class, are its identity.
FOUND_SCHEMA = pa.schema(
    [
        ("rule_id", pa.string()),
        ("subject_kind", pa.string()),  # resident | delivery
        ("subject_id", pa.string()),
        ("resident_id", pa.int64()),
        ("cause", pa.string()),
        ("field", pa.string()),
        ("class", pa.string()),
        ("left_feed", pa.string()),
        ("left_key", pa.string()),
        ("right_feed", pa.string()),
        ("right_key", pa.string()),
        ("since", pa.date32()),
        ("minutes", pa.int32()),
        ("in_transit", pa.bool_()),
    ]
)

# A rule may meet one pair of records along two ways; the older difference stands for both.
_FRAMED = """
WITH answer AS ({query})
SELECT
    CAST($rule_id AS VARCHAR) AS rule_id,
    CAST($subject_kind AS VARCHAR) AS subject_kind,
    CAST(a.{subject} AS VARCHAR) AS subject_id,
    {resident} AS resident_id,
    CAST(a.cause AS VARCHAR) AS cause,
    CAST(a.field AS VARCHAR) AS field,
    CAST(a.class AS VARCHAR) AS class,
    coalesce(CAST(a.left_feed AS VARCHAR), '') AS left_feed,
    coalesce(CAST(a.left_key AS VARCHAR), '') AS left_key,
    coalesce(CAST(a.right_feed AS VARCHAR), '') AS right_feed,
    coalesce(CAST(a.right_key AS VARCHAR), '') AS right_key,
    CAST(a.since AS DATE) AS since,
    {minutes} AS minutes,
    {in_transit} AS in_transit
FROM answer AS a
LEFT JOIN hub.lag AS l ON l.feed = a.left_feed
LEFT JOIN hub.lag AS r ON r.feed = a.right_feed
QUALIFY row_number() OVER (
    PARTITION BY subject_id, a.field, a.left_feed, a.left_key, a.right_feed, a.right_key
    ORDER BY a.since, a.class
) = 1
"""
_IN_TRANSIT = "coalesce(($as_of - CAST(a.since AS DATE)) * 24 < greatest(l.hours, r.hours, 0), FALSE)"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one rule in one night; ``compared`` counts subjects, also those that would have been."""

    rule: Rule
    state: State
    compared: int
    found: int = 0
    in_transit: int = 0
    missing_feeds: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """All rules of a night: an outcome each, and the rows of :data:`FOUND_SCHEMA`."""

    as_of: date
    outcomes: tuple[Outcome, ...]
    mismatches: pa.Table


def find(
    engine: Engine,
    rules: Sequence[Rule],
    *,
    sources: Iterable[Source],
    links: pa.Table,
    hub: Mapping[str, pa.Table],
    as_of: date,
) -> Found:
    """Run every rule that can be compared on that day; the engine must be a fresh one.

    ``hub`` has the rows of ``HUB_RELATIONS``; one that is not given is empty.
    """
    known = {source.feed: source for source in sources}
    columns = {feed: _wanted(feed, rules) for feed in known}
    offer(engine, known, columns=columns, links=links, hub=hub)
    answers = [_answer(engine, rule, known, as_of=as_of) for rule in rules]
    tables = [table for _, table in answers]
    mismatches = pa.concat_tables([FOUND_SCHEMA.empty_table(), *tables])
    return Found(as_of=as_of, outcomes=tuple(outcome for outcome, _ in answers), mismatches=mismatches)


def offer(
    engine: Engine,
    sources: Mapping[str, Source],
    *,
    columns: Mapping[str, frozenset[str]],
    links: pa.Table,
    hub: Mapping[str, pa.Table],
) -> None:
    """Make every relation readable, with the columns wanted of it; from then on nothing else is."""
    terms = {feed: source.terms for feed, source in sources.items()}
    for name, schema in HUB_RELATIONS.items():
        engine.table(name, hub.get(name, schema.empty_table()))
    engine.table(_LINK, links)
    offer_lags(engine, terms)
    for feed, source in sources.items():
        if source.snapshot is not None:
            _offer_feed(engine, source, terms, columns[feed])
    engine.seal()


def _wanted(feed: str, rules: Sequence[Rule]) -> frozenset[str]:
    """Names of columns that the feed's rules mention: nothing else is carried from its snapshot."""
    return frozenset[str]().union(*(rule.columns for rule in rules if feed in rule.compare))


def offer_lags(engine: Engine, terms: Mapping[str, FeedTerms]) -> None:
    """Make the declared lag of each feed readable."""
    hours = [term.lag / timedelta(hours=1) for term in terms.values()]
    engine.table(_LAG, pa.Table.from_pydict({"feed": list(terms), "hours": hours}, schema=_LAG_SCHEMA))


def _offer_feed(
    engine: Engine, source: Source, terms: Mapping[str, FeedTerms], columns: frozenset[str]
) -> None:
    state = source.snapshot
    assert state is not None
    places = {part: f"snapshot.{source.feed.replace('.', '_')}_{part}" for part in state.files()}
    for part, place in state.files().items():
        engine.relation(places[part], [place])
    own = columns_of(source.terms.record, of_hub=False).names
    carried = "".join(f"s.{name}, " for name in own if name in columns)
    key = key_to_person(source.feed, terms)
    wanted = dict.fromkeys([*(name for name in own if name in columns), "source_key", key])
    rows = state.rows(wanted, places=places)
    query = f"""
        SELECT {carried}l.resident_id, CAST($as_of AS DATE) AS as_of
        FROM ({rows}) AS s
        LEFT JOIN hub.link AS l ON l.feed = $person_feed AND l.source_key = s.{key}
    """
    engine.derive(source.feed, query, {"as_of": source.as_of, "person_feed": person_feed(source.feed, terms)})


def _answer(
    engine: Engine, rule: Rule, sources: Mapping[str, Source], *, as_of: date
) -> tuple[Outcome, pa.Table]:
    began = time.monotonic()
    nothing = FOUND_SCHEMA.empty_table()
    if not rule.is_in_force(as_of):
        return Outcome(rule=rule, state="not_in_force", compared=0), nothing
    compared = _subjects(engine, rule, sources)
    absent = tuple(feed for feed in rule.compare if not _is_present(feed, sources, as_of))
    if absent:
        return Outcome(rule=rule, state="not_compared", compared=compared, missing_feeds=absent), nothing
    table = rows(engine, rule, as_of=as_of)
    in_transit = pc.sum(table["in_transit"]).as_py() or 0
    outcome = Outcome(
        rule=rule,
        state="compared",
        compared=compared,
        found=table.num_rows - in_transit,
        in_transit=in_transit,
        seconds=time.monotonic() - began,
    )
    return outcome, table


def rows(engine: Engine, rule: Rule, *, as_of: date) -> pa.Table:
    """The rule's mismatches on that day, relations being readable."""
    parameters = {**rule.parameters, "as_of": as_of, "rule_id": rule.id, "subject_kind": _subject_kind(rule)}
    table = engine.sql(framed(rule), parameters).read_all().cast(FOUND_SCHEMA)
    nameless = table["subject_id"].null_count
    if nameless:
        problem = f"{rule.file}: expected a subject in every row, found {nameless} rows without"
        raise FixDeclaration("E_DECLARATION", problems=problem)
    return table


def framed(rule: Rule) -> str:
    """The rule's query inside the frame that types it, drops repeats and marks what is in transit."""
    of_delivery = rule.kind == "delivery"
    return _FRAMED.format(
        query=rule.query,
        subject="delivery_id" if of_delivery else "resident_id",
        resident="CAST(NULL AS BIGINT)" if of_delivery else "CAST(a.resident_id AS BIGINT)",
        minutes="CAST(a.minutes AS INTEGER)" if rule.kind == "double_entry" else "CAST(NULL AS INTEGER)",
        in_transit="FALSE" if rule.lasting or of_delivery else _IN_TRANSIT,
    )


def _subject_kind(rule: Rule) -> str:
    return "delivery" if rule.kind == "delivery" else "resident"


def _subjects(engine: Engine, rule: Rule, sources: Mapping[str, Source]) -> int:
    """Subjects of the first relation of ``compare`` that ever delivered: residents, or deliveries."""
    leading = next((feed for feed in rule.compare if _ever_came(feed, sources)), None)
    if leading is None:
        return 0
    subject = "delivery_id" if leading == DELIVERY else "resident_id"
    counted = engine.sql(f"SELECT count(DISTINCT {subject}) AS n FROM {leading}", {}).read_all()
    return int(counted["n"][0].as_py())


def _is_present(feed: str, sources: Mapping[str, Source], as_of: date) -> bool:
    return feed in HUB_RELATIONS or (feed in sources and sources[feed].is_present(as_of))


def _ever_came(feed: str, sources: Mapping[str, Source]) -> bool:
    return feed in HUB_RELATIONS or (feed in sources and sources[feed].snapshot is not None)
