"""Finds mismatches: rules and relations in, one Arrow table out. Writes nothing anywhere.

A rule whose feeds have not all delivered is *not compared*, which is never the same as nothing found.
A difference younger than its feeds' declared lag is *in transit* (反映待ち), not yet a mismatch;
an event that happened (a lasting rule) is never in transit, since no later delivery takes it back.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from renkei.engine import Engine
from renkei.errors import FixDeclaration, RenkeiError
from renkei.reconcile import limits
from renkei.reconcile.estimate import Pairs
from renkei.reconcile.query import elsewhere
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

State = Literal["compared", "not_compared", "not_in_force", "held", "refused"]

_LINK = "hub.link"
_LAG = "hub.lag"
_LAG_SCHEMA = pa.schema([("feed", pa.string()), ("hours", pa.float64())])
_PAIR_LAG = "hub.pair_lag"
_PAIR_LAG_SCHEMA = pa.schema(
    [("left_feed", pa.string()), ("right_feed", pa.string()), ("hours", pa.float64())]
)
_AGAIN = "hub.again"
#: Where the same relations lie with nobody in them but those who are looked at again.
_OF_AGAIN = "_again_"

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

#: Whom each rule has open mismatches of.
STANDING_SCHEMA = pa.schema([("rule_id", pa.string()), ("subject_id", pa.string())])

#: A rule that takes longer is given up: of a city of a million the slowest takes two.
RULE_SECONDS = 300.0

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
LEFT JOIN hub.pair_lag AS p ON p.left_feed = a.left_feed AND p.right_feed = a.right_feed
QUALIFY row_number() OVER (
    PARTITION BY
        a.{subject}, a.field, coalesce(a.left_feed, ''), coalesce(a.left_key, ''),
        coalesce(a.right_feed, ''), coalesce(a.right_key, '')
    ORDER BY a.since, a.class
) = 1
"""
_IN_TRANSIT = (
    "coalesce(($as_of - CAST(a.since AS DATE)) * 24 < greatest(l.hours, r.hours, {learned}, 0), FALSE)"
)


@dataclass(frozen=True, kw_only=True)
class PairLag:
    """How late the right feed normally is against the left one, as learned."""

    left_feed: str
    right_feed: str
    hours: float


@dataclass(frozen=True, kw_only=True)
class Again:
    """``rules`` (ids) look only at ``residents`` (``again.AGAIN_SCHEMA``): of others they know what holds."""

    rules: frozenset[str]
    residents: pa.Table


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one rule in one night; ``compared`` counts subjects, also those that would have been.

    ``looked_at`` of them were looked at this time; unless ``whole``, those of ``Found.again``. ``fault`` says
    why a rule was held or refused, or had nothing to compare.
    """

    rule: Rule
    state: State
    compared: int
    looked_at: int = 0
    whole: bool = True
    fault: RenkeiError | None = None
    found: int = 0
    in_transit: int = 0
    missing_feeds: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """All rules of a night: an outcome each, and the rows of :data:`FOUND_SCHEMA`.

    ``days`` are those that the feeds speak for; ``again`` are the residents of rules not compared whole.
    """

    as_of: date
    outcomes: tuple[Outcome, ...]
    mismatches: pa.Table
    days: Mapping[str, date] = field(default_factory=dict)
    again: pa.Table | None = None


def find(
    engine: Engine,
    rules: Sequence[Rule],
    *,
    sources: Iterable[Source],
    links: pa.Table,
    hub: Mapping[str, pa.Table],
    as_of: date,
    learned: Sequence[PairLag] = (),
    again: Again | None = None,
    standing: pa.Table | None = None,
    proven: frozenset[str] = frozenset(),
) -> Found:
    """Run every rule that can be compared on that day; the engine must be a fresh one.

    ``hub`` has the rows of ``HUB_RELATIONS``; one that is not given is empty. ``again`` says which rules need
    only look at some residents. ``standing`` (:data:`STANDING_SCHEMA`) are known: however many of them a rule
    finds, they do not hold it. Of ``proven`` rules (ids) the pairs of joins are not counted again.
    """
    known = {source.feed: source for source in sources}
    columns = {feed: _wanted(feed, rules) for feed in known}
    offer(engine, known, columns=columns, links=links, hub=hub, learned=learned)
    if again is not None:
        _offer_again(engine, again, rules, known)
    night = _Night(
        engine=engine, sources=known, as_of=as_of, again=again, pairs=Pairs(engine), proven=proven,
        standing=STANDING_SCHEMA.empty_table() if standing is None else standing,
    )  # fmt: skip
    answers = [_answer(night, rule) for rule in rules]
    tables = [table for _, table in answers]
    return Found(
        as_of=as_of,
        outcomes=tuple(outcome for outcome, _ in answers),
        mismatches=pa.concat_tables([FOUND_SCHEMA.empty_table(), *tables]),
        days={source.feed: source.as_of for source in known.values() if source.as_of is not None},
        again=again.residents if again is not None else None,
    )


def offer(
    engine: Engine,
    sources: Mapping[str, Source],
    *,
    columns: Mapping[str, frozenset[str]],
    links: pa.Table,
    hub: Mapping[str, pa.Table],
    learned: Sequence[PairLag] = (),
) -> None:
    """Make every relation readable, with the columns wanted of it; from then on nothing else is."""
    terms = {feed: source.terms for feed, source in sources.items()}
    for name, schema in HUB_RELATIONS.items():
        engine.table(name, hub.get(name, schema.empty_table()))
    engine.table(_LINK, links)
    offer_lags(engine, terms, learned)
    for feed, source in sources.items():
        if source.snapshot is not None:
            _offer_feed(engine, source, terms, columns[feed])
    engine.drop(_LINK)
    engine.seal()


def _wanted(feed: str, rules: Sequence[Rule]) -> frozenset[str]:
    """Names of columns that rules read of the feed: nothing else is carried from its snapshot."""
    return frozenset[str]().union(*(rule.reads.get(feed, frozenset()) for rule in rules))


def offer_lags(engine: Engine, terms: Mapping[str, FeedTerms], learned: Sequence[PairLag] = ()) -> None:
    """Make readable how late each feed may be, and how late pairs of them are."""
    hours = [term.lag / timedelta(hours=1) for term in terms.values()]
    engine.table(_LAG, pa.Table.from_pydict({"feed": list(terms), "hours": hours}, schema=_LAG_SCHEMA))
    engine.table(_PAIR_LAG, pa.Table.from_pylist([vars(pair) for pair in learned], schema=_PAIR_LAG_SCHEMA))


def _offer_again(engine: Engine, again: Again, rules: Sequence[Rule], sources: Mapping[str, Source]) -> None:
    """The relations of the rules that look only at some, with nobody else in them."""
    engine.table(_AGAIN, again.residents)
    read = {feed for rule in rules if rule.id in again.rules for feed in rule.compare}
    for feed in sorted(feed for feed in read if _ever_came(feed, sources)):
        own = f"SELECT r.* FROM {feed} AS r SEMI JOIN {_AGAIN} AS a ON a.resident_id = r.resident_id"
        engine.derive(_OF_AGAIN + feed, own, {})


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


@dataclass(frozen=True, kw_only=True)
class _Night:
    """What every rule is answered from."""

    engine: Engine
    sources: Mapping[str, Source]
    as_of: date
    again: Again | None
    pairs: Pairs
    proven: frozenset[str]
    standing: pa.Table
    counted: dict[str, int] = field(default_factory=dict)

    def subjects(self, rule: Rule) -> int:
        """Residents, or deliveries, of the first relation of the rule's ``compare`` that ever came."""
        leading = next((feed for feed in rule.compare if _ever_came(feed, self.sources)), None)
        if leading is None:
            return 0
        if leading not in self.counted:
            subject = "delivery_id" if leading == DELIVERY else "resident_id"
            asked = f"SELECT count(DISTINCT {subject}) AS n FROM {leading}"
            self.counted[leading] = int(self.engine.sql(asked, {}).read_all()["n"][0].as_py())
        return self.counted[leading]


def _answer(night: _Night, rule: Rule) -> tuple[Outcome, pa.Table]:
    """A rule's outcome, and its rows where it was compared: none of any other may reach a case."""
    began = time.monotonic()
    nothing = FOUND_SCHEMA.empty_table()
    if not rule.is_in_force(night.as_of):
        return Outcome(rule=rule, state="not_in_force", compared=0), nothing
    compared = night.subjects(rule)
    absent = tuple(feed for feed in rule.compare if not _is_present(feed, night.sources, night.as_of))
    if absent:
        return Outcome(rule=rule, state="not_compared", compared=compared, missing_feeds=absent), nothing
    if limits.compared_nothing(rule, compared):
        return Outcome(rule=rule, state="not_compared", compared=0, fault=limits.nothing(rule)), nothing
    whole = night.again is None or rule.id not in night.again.rules
    try:
        table = _rows(night, rule, whole=whole)
    except FixDeclaration as wrong:
        # one rule that cannot be answered keeps no other from being compared
        return Outcome(rule=rule, state="refused", compared=compared, fault=wrong), nothing
    held = limits.held(rule, subjects=_new_subjects(rule, table, night.standing), compared=compared)
    if held:
        return Outcome(rule=rule, state="held", compared=compared, fault=held.fault()), nothing
    in_transit = pc.sum(table["in_transit"]).as_py() or 0
    outcome = Outcome(
        rule=rule,
        state="compared",
        compared=compared,
        looked_at=compared if night.again is None or whole else min(compared, night.again.residents.num_rows),
        whole=whole,
        found=table.num_rows - in_transit,
        in_transit=in_transit,
        seconds=time.monotonic() - began,
    )
    return outcome, table


def _rows(night: _Night, rule: Rule, *, whole: bool) -> pa.Table:
    refused = None if rule.id in night.proven else night.pairs.refuse(rule, as_of=night.as_of)
    if refused:
        raise refused.fault()
    return rows(night.engine, rule, as_of=night.as_of, whole=whole)


def _new_subjects(rule: Rule, table: pa.Table, standing: pa.Table) -> int:
    """Subjects of whom the rule has not yet raised anything."""
    known = standing.filter(pc.equal(standing["rule_id"], rule.id))["subject_id"]
    found = pc.unique(table.filter(pc.invert(table["in_transit"]))["subject_id"])
    return len(found) - (pc.sum(pc.is_in(found, known)).as_py() or 0)


def rows(engine: Engine, rule: Rule, *, as_of: date, whole: bool = True) -> pa.Table:
    """The rule's mismatches on that day, relations being readable; unless ``whole``, of some only."""
    parameters = {**rule.parameters, "as_of": as_of, "rule_id": rule.id, "subject_kind": _subject_kind(rule)}
    table = engine.rows(framed(rule, whole=whole), parameters, within=RULE_SECONDS).cast(FOUND_SCHEMA)
    nameless = table["subject_id"].null_count
    if nameless:
        problem = f"{rule.file}: expected a subject in every row, found {nameless} rows without"
        raise FixDeclaration("E_DECLARATION", problems=problem)
    return table


def framed(rule: Rule, *, whole: bool = True) -> str:
    """The rule's query inside the frame that types it, drops repeats and marks what is in transit."""
    of_delivery = rule.kind == "delivery"
    return _FRAMED.format(
        query=rule.query if whole else elsewhere(rule.query, _OF_AGAIN),
        subject="delivery_id" if of_delivery else "resident_id",
        resident="CAST(NULL AS BIGINT)" if of_delivery else "CAST(a.resident_id AS BIGINT)",
        minutes="CAST(a.minutes AS INTEGER)" if rule.kind == "double_entry" else "CAST(NULL AS INTEGER)",
        in_transit="FALSE" if rule.lasting or of_delivery else _in_transit(rule),
    )


def _in_transit(rule: Rule) -> str:
    """A case of the first severity never waits longer than was declared, however late a feed has become."""
    return _IN_TRANSIT.format(learned="0" if rule.severity == 1 else "p.hours")


def _subject_kind(rule: Rule) -> str:
    return "delivery" if rule.kind == "delivery" else "resident"


def _is_present(feed: str, sources: Mapping[str, Source], as_of: date) -> bool:
    return feed in HUB_RELATIONS or (feed in sources and sources[feed].is_present(as_of))


def _ever_came(feed: str, sources: Mapping[str, Source]) -> bool:
    return feed in HUB_RELATIONS or (feed in sources and sources[feed].snapshot is not None)
