from collections import Counter
from copy import deepcopy
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from tests.unit.sample.conftest import DAY

from renkei_sample.base import found
from renkei_sample.events import replay
from renkei_sample.faults import break_files
from renkei_sample.legacy.nightly import write_night
from renkei_sample.state import EXTRAS, CityState, restore, save

NEXT = DAY + timedelta(days=1)


def test_a_day_replayed_twice_from_the_same_evening_is_the_same_day(city: CityState) -> None:
    other = deepcopy(city)

    assert replay(city, NEXT) == replay(other, NEXT)
    assert city.versions == other.versions
    assert city.ledger.truths == other.ledger.truths


def test_a_saved_city_goes_on_as_if_it_had_never_been_put_away(city: CityState, tmp_path: Path) -> None:
    save(city, tmp_path)
    other = restore(tmp_path)

    replay(city, NEXT)
    replay(other, NEXT)

    assert other.residents == city.residents
    assert other.taxpayers == city.taxpayers
    assert other.recipients == city.recipients
    assert other.benefits == city.benefits
    assert other.ledger.truths == city.ledger.truths
    assert other.pending == city.pending


def test_files_go_wrong_in_every_way_and_each_is_written_as_the_truth_says(
    city: CityState, tmp_path: Path
) -> None:
    tax, welfare = ((tmp_path / name, tmp_path / f"{name}.part") for name in ("tax", "welfare"))
    for folder in (*tax, *welfare):
        folder.mkdir()
    counts: dict[str, int] = {}
    for days in range(8):
        if days:
            replay(city, DAY + timedelta(days=days))
        write_night(city, tax=tax, welfare=welfare, anomalies=tuple(city.anomalies))
        name = f"KS_{city.day:%Y%m%d}.CSV"
        counts[name] = (tax[0] / name).read_bytes().count(b"\n")

    planted = [truth for truth in city.ledger.truths if truth.rule_id == "R39"]
    odd = {str(truth.left_key) for truth in planted if truth.klass == "volume"}

    names = list(counts)
    moved = {
        name for before, name in pairwise(names) if abs(counts[name] - counts[before]) > 0.2 * counts[before]
    }
    assert {truth.klass for truth in planted} == {
        "duplicate", "refused", "volume", "name_reused", "out_of_order",
    }  # fmt: skip
    assert odd == moved
    assert all((tax[0] / str(truth.left_key)).exists() for truth in planted)


def test_a_move_reaches_the_tax_office_by_the_next_night(city: CityState) -> None:
    replay(city, NEXT)
    moved = {
        number
        for item in city.pending
        if item.task == "address" and item.target == "tax"
        for number in item.people
    }
    replay(city, NEXT + timedelta(days=1))

    told = [city.taxpayers[number] for number in moved if number in city.taxpayers]
    assert all(row.sosa_id == "BATCH01" and row.koshin_ymdhms.startswith("20261122") for row in told)


def test_only_the_days_versions_are_appended_and_their_numbers_rise_by_one(city: CityState) -> None:
    before = {number: row.rireki_no for number, row in city.residents.items()}

    replay(city, NEXT)

    assert city.versions
    assert all(row.rireki_no == before.get(row.atena_no, 0) + 1 for row in city.versions)
    assert all(row.koshin_ts.startswith("2026-11-21") for row in city.versions)


def test_corrected_mismatches_end_and_some_of_them_come_back(city: CityState) -> None:
    for days in range(1, 7):
        replay(city, DAY + timedelta(days=days))

    ended = [truth for truth in city.ledger.truths if truth.gone_from]
    named = Counter(
        (truth.rule_id, truth.left_key, truth.right_key) for truth in city.ledger.truths if not truth.lasting
    )
    back = [name for name, times in named.items() if times > 1]
    assert len(ended) >= 10
    assert back


def test_each_day_plants_something_lost_something_mistyped_and_something_typed_twice(city: CityState) -> None:
    counts = replay(city, NEXT)

    planted = {truth.rule_id for truth in city.ledger.truths if truth.planted_on == NEXT}
    assert {"R10", "R13", "R02", "R05", "R38", "R11"} <= planted
    assert counts["type_twice"] >= 1
    assert counts["lose_move"] >= 1


def test_nobody_with_a_plant_is_touched_by_a_later_event(city: CityState) -> None:
    planted = {str(truth.left_key) for truth in city.ledger.truths if truth.left_feed == "juki.resident"}

    for days in range(1, 5):
        replay(city, DAY + timedelta(days=days))
        assert not planted & {row.atena_no for row in city.versions}
        planted |= {
            str(truth.left_key) for truth in city.ledger.truths if truth.planted_on <= date(2026, 11, 20)
        }


@pytest.mark.parametrize(("residents", "told"), [(600, set()), (2_500, {"volume"})])
def test_a_file_comes_short_only_where_so_many_records_are_missed(residents: int, told: set[str]) -> None:
    state = found(residents=residents, seed=1, day=date(2026, 11, 22))
    state.extras = EXTRAS

    for _ in range(3):
        break_files(state)
        state.day += timedelta(days=1)

    assert {truth.klass for truth in state.ledger.truths} & {"volume"} == told
