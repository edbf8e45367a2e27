"""The rules find exactly what was planted in a city, through its real file formats and mappings."""

from dataclasses import fields
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.reconcile.keyed import entries_in
from tests.unit.reconcile.support import ROOT

from renkei import formats, mapping
from renkei.engine.duck import DuckEngine
from renkei.mapping import Mapping as FeedMapping
from renkei.mapping import load_all
from renkei.model import REJECT_SCHEMA, Batch, Control
from renkei.reconcile import Rule, Source, load_rules
from renkei.reconcile.find import Found, find
from renkei.reconcile.relation import ENTRY, LINK_SCHEMA, FeedTerms
from renkei.snapshot import Snapshot
from renkei.vault.tokens import TokenKey
from renkei_sample.base import found as found_city
from renkei_sample.individual_numbers import number_of
from renkei_sample.legacy.nightly import contents
from renkei_sample.numbered import declare
from renkei_sample.plants import plant
from renkei_sample.records import Resident
from renkei_sample.state import INDIVIDUAL_NUMBERS, CityState
from renkei_sample.truth import Truth

DAY = date(2026, 11, 20)
RULES = load_rules(ROOT / "reconciliation")
#: What came to the hub is not of this test.
COMPARING = [rule for rule in RULES if rule.kind != "delivery"]


@pytest.fixture(scope="module")
def city() -> CityState:
    state = found_city(residents=2_500, seed=11, day=DAY)
    state.extras = frozenset({INDIVIDUAL_NUMBERS})
    plant(state)
    return state


@pytest.fixture(scope="module")
def mappings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FeedMapping]:
    """Those of the city, and the individual numbers that this one holds."""
    folder = declare(ROOT, tmp_path_factory.mktemp("declared"))
    return {each.feed.id: each for each in load_all(folder / "mappings")}


@pytest.fixture(scope="module")
def night(
    city: CityState, mappings: dict[str, FeedMapping], tmp_path_factory: pytest.TempPathFactory
) -> Found:
    folder = tmp_path_factory.mktemp("night")
    for feed, content in contents(city).items():
        (folder / feed).write_bytes(content)
    sources = [_source(folder, city, declared) for declared in mappings.values()]
    links = _links(city)
    hub = {ENTRY: entries_in(_told(sources), links, until=DAY)}
    with DuckEngine(threads=1) as engine:
        return find(engine, RULES, sources=sources, links=links, hub=hub, as_of=DAY)


@pytest.mark.parametrize("rule", COMPARING, ids=lambda rule: rule.id)
def test_a_rule_finds_all_that_was_planted_and_nothing_else(
    rule: Rule, city: CityState, night: Found
) -> None:
    rows = [
        row for row in night.mismatches.to_pylist() if row["rule_id"] == rule.id and not row["in_transit"]
    ]
    planted = [truth for truth in city.ledger.due(DAY) if truth.rule_id == rule.id]

    missing = [truth for truth in planted if not any(_is(truth, row) for row in rows)]
    false = [row for row in rows if not any(_is(truth, row) for truth in planted)]

    assert planted
    assert missing == []
    assert false == []


def _is(truth: Truth, row: dict[str, object]) -> bool:
    pairs = ("klass", "class"), ("field", "field"), ("left_feed", "left_feed"), ("right_feed", "right_feed")
    keys = ("left_key", "right_key")
    return all(getattr(truth, mine) == row[theirs] for mine, theirs in pairs) and all(
        getattr(truth, key) in (None, row[key]) for key in keys
    )


def _source(folder: Path, city: CityState, declared: FeedMapping) -> Source:
    declared, feed = declared.keyed(TokenKey(folder / "keys")), declared.feed.id
    records = mapping.apply(declared, _batch(folder, city, declared), as_of=DAY).records
    rows = records.num_rows
    whole = records.append_column("content_hash", pa.array([""] * rows)).append_column(
        "since", pa.array([DAY] * rows, pa.date32())
    )
    place = folder / f"{feed}.parquet"
    pq.write_table(whole, place)
    terms = FeedTerms(record=declared.feed.record, lag=declared.feed.lag)
    return Source(feed=feed, terms=terms, snapshot=Snapshot(whole=place), as_of=DAY)


def _told(sources: list[Source]) -> list[tuple[str, str, pa.Table]]:
    """What each feed's first delivery told, read back from its state."""
    return [(each.feed, each.terms.record, pq.read_table(_place(each))) for each in sources]


def _place(source: Source) -> Path:
    assert source.snapshot is not None
    return source.snapshot.files()["whole"]


def _batch(folder: Path, city: CityState, declared: FeedMapping) -> Batch:
    if declared.feed.id == "juki.resident":
        return _juki(city)
    return formats.read(folder / declared.feed.id, declared.feed.format, feed=declared.feed.id)


def _juki(city: CityState) -> Batch:
    """The rows as the database link brings them: text, one column each."""
    rows = list(city.residents.values())
    columns = {each.name: [_text(getattr(row, each.name)) for row in rows] for each in fields(Resident)}
    columns["kojin_bango"] = [number_of(city, row) for row in rows]
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    numbers = pa.array(range(1, len(rows) + 1), pa.int64())
    nothing = pa.nulls(len(rows), pa.int64())
    for name, column in (("__rec_no", numbers), ("__byte_offset", nothing), ("__byte_length", nothing)):
        table = table.append_column(name, column)
    return Batch(
        feed="juki.resident",
        table=table,
        rejects=REJECT_SCHEMA.empty_table(),
        records=len(rows),
        control=Control(),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _owner(city: CityState, key: str, number: str | None) -> str:
    alone = f"alone {key}"
    return alone if key in city.strangers else number or city.owners.get(key, alone)


def _links(city: CityState) -> pa.Table:
    """Whose record is whose, as the city itself knows it: linking is tested elsewhere."""
    whose = [("juki.resident", key, key) for key in city.residents]
    whose += [
        ("tax.taxpayer", key, _owner(city, key, key if row.atena_kbn == "1" else None))
        for key, row in city.taxpayers.items()
    ]
    whose += [
        ("welfare.recipient", key, _owner(city, key, row.atena_no)) for key, row in city.recipients.items()
    ]
    numbers = {
        name: number for number, name in enumerate(dict.fromkeys(name for _, _, name in whose), start=1)
    }
    rows = [{"feed": feed, "source_key": key, "resident_id": numbers[name]} for feed, key, name in whose]
    return pa.Table.from_pylist(rows, schema=LINK_SCHEMA)
