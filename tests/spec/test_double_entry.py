"""Double entry is found as it is planted: recall and precision over nights of a city, by hand, robot and batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.spec.test_rules_on_the_sample_city import DAY, RULES, _juki, _links
from tests.unit.reconcile.keyed import entries_in
from tests.unit.reconcile.support import ROOT

from renkei import formats, mapping
from renkei.engine.duck import DuckEngine
from renkei.mapping import load_all
from renkei.model import Batch
from renkei.reconcile import Rule
from renkei.reconcile.double_entry import suspected_robots
from renkei.reconcile.find import find
from renkei.reconcile.relation import ENTRY
from renkei_sample import faults, plants_entry
from renkei_sample.base import found as found_city
from renkei_sample.events import replay
from renkei_sample.legacy.tax_files import taxpayer_file
from renkei_sample.legacy.welfare_files import benefit_file, recipient_file
from renkei_sample.picker import Picker
from renkei_sample.state import CityState
from renkei_sample.truth import Truth

NIGHTS = 2
MAPPINGS = {each.feed.id: each for each in load_all(ROOT / "mappings")}
DOUBLE = tuple(rule for rule in RULES if rule.kind == "double_entry")
PLANTS = (
    (plants_entry.address_typed_twice, 12),
    (plants_entry.address_typed_wrong, 8),
    (plants_entry.address_typed_three_times, 6),
    (plants_entry.name_typed_twice, 6),
    (plants_entry.household_typed_twice, 6),
    (plants_entry.birth_typed_twice, 6),
    (plants_entry.record_typed_twice, 6),
    (plants_entry.benefit_typed_twice, 6),
    (plants_entry.address_typed_by_robot, 10),
    (plants_entry.addresses_typed_too_fast, 12),
)
#: Each day, besides what the city itself does: twice at two counters, again at the next desk, over the batch.
FAULTS: tuple[Callable[[CityState, Random], int], ...] = (
    faults.type_twice,
    faults.type_wrong,
    faults.type_again,
    faults.type_over,
)
Told = list[tuple[str, str, pa.Table]]
_FILES = {
    "tax.taxpayer": lambda city: taxpayer_file(list(city.taxpayers.values()), day=city.day, generation=1),
    "welfare.recipient": lambda city: recipient_file(list(city.recipients.values()), day=city.day),
    "welfare.benefit": lambda city: benefit_file(list(city.benefits.values()), day=city.day),
}


@dataclass(frozen=True)
class Nights:
    """What was planted up to the last night, what was found in any of them, and what was keyed till then."""

    planted: list[Truth]
    found: list[dict[str, object]]
    entry: pa.Table
    links: pa.Table
    last: date


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    city, told, found = _city(), Told(), dict[tuple[object, ...], dict[str, object]]()
    folder = tmp_path_factory.mktemp("nights")
    for night in range(NIGHTS + 1):
        if night:
            _let_a_day_pass(city, DAY + timedelta(days=night))
        # claims are keyed on the first day only
        for feed in ("juki.resident", *_FILES) if not night else ("juki.resident", *_FILES)[:3]:
            _tell(told, feed, _records(city, feed, folder))
        for row in _found(city, told, city.day):
            found[row["rule_id"], row["right_feed"], row["right_key"], row["field"], row["since"]] = row
    links = _links(city)
    return Nights(
        planted=[each for each in city.ledger.truths if each.rule_id in _IDS],
        found=list(found.values()),
        entry=entries_in(told, links, until=city.day),
        links=links,
        last=city.day,
    )


_IDS = {rule.id for rule in DOUBLE}


def test_of_what_was_keyed_twice_nineteen_in_twenty_are_found(nights: Nights) -> None:
    planted, found = nights.planted, nights.found

    hit = [truth for truth in planted if any(_is(truth, row) for row in found)]

    assert len(planted) >= 70
    assert {truth.klass for truth in planted} == {"same_value", "with_error", "typed_again", "two_records"}
    assert len(hit) >= 0.95 * len(planted)


def test_of_what_is_found_nineteen_in_twenty_were_keyed_twice(nights: Nights) -> None:
    planted, found = nights.planted, nights.found

    right = [row for row in found if any(_is(truth, row) for truth in planted)]

    assert len(right) >= 0.95 * len(found)
    assert sum(int(str(row["minutes"])) for row in found) == sum(truth.minutes or 0 for truth in planted)


def test_an_account_that_is_allowed_to_type_so_fast_would_count_as_typing(nights: Nights) -> None:
    patient = [replace(rule, parameters={**rule.parameters, "robot_entries": 1_000}) for rule in DOUBLE]

    told, trusting = (_asked(nights, rules, nights.entry) for rules in (DOUBLE, patient))

    assert len(trusting) == len(told) + len(suspected_robots(nights.entry, entries=8, seconds=15)) * 12


def test_without_its_delivery_between_a_second_entry_would_count(nights: Nights) -> None:
    by_people = nights.entry.filter(pc.equal(nights.entry["operator_kind"], "person"))

    assert len(_asked(nights, DOUBLE, by_people)) > len(_asked(nights, DOUBLE, nights.entry))


def _asked(nights: Nights, rules: Sequence[Rule], entry: pa.Table) -> list[dict[str, object]]:
    with DuckEngine(threads=1) as engine:
        found = find(engine, rules, sources=[], links=nights.links, hub={ENTRY: entry}, as_of=nights.last)
    rows: list[dict[str, object]] = found.mismatches.to_pylist()
    return rows


def _is(truth: Truth, row: dict[str, object]) -> bool:
    said = (row["rule_id"], row["class"], row["field"], row["left_feed"], row["left_key"], row["right_feed"])
    meant = (truth.rule_id, truth.klass, truth.field, truth.left_feed, truth.left_key, truth.right_feed)
    return said == meant and (row["right_key"], row["since"]) == (truth.right_key, truth.since)


def _city() -> CityState:
    city = found_city(residents=1_000, seed=5, day=DAY)
    rng = Random(5)
    picker = Picker(city, rng)
    for put, count in PLANTS:
        put(city, picker, rng, count)
    _go_wrong(city)
    return city


def _let_a_day_pass(city: CityState, day: date) -> None:
    replay(city, day)
    _go_wrong(city)


def _go_wrong(city: CityState) -> None:
    rng = Random(city.day.toordinal())
    for fail in FAULTS:
        for _ in range(4):
            fail(city, rng)


def _records(city: CityState, feed: str, folder: object) -> pa.Table:
    return mapping.apply(MAPPINGS[feed], _batch(city, feed, folder), as_of=city.day).records


def _batch(city: CityState, feed: str, folder: object) -> Batch:
    if feed == "juki.resident":
        return _juki(city)
    place = folder / feed  # type: ignore[operator]  # a folder of pytest's
    place.write_bytes(_FILES[feed](city))
    return formats.read(place, MAPPINGS[feed].feed.format, feed=feed)


def _tell(told: Told, feed: str, records: pa.Table) -> None:
    """Only what differs from every earlier version, as the registry keeps it."""
    names = [name for name in records.column_names if name not in ("__rec_no", "source_version")]
    now = pl.DataFrame(pl.from_arrow(records))
    for other, _, table in told:
        if other == feed:
            now = now.join(pl.DataFrame(pl.from_arrow(table)), on=names, how="anti", nulls_equal=True)
    told.append((feed, MAPPINGS[feed].feed.record, now.to_arrow().cast(records.schema)))


def _found(city: CityState, told: Told, night: date) -> list[dict[str, object]]:
    links = _links(city)
    hub = {ENTRY: entries_in(told, links, until=night)}
    with DuckEngine(threads=1) as engine:
        found = find(engine, DOUBLE, sources=[], links=links, hub=hub, as_of=night)
    rows: list[dict[str, object]] = found.mismatches.to_pylist()
    return rows
