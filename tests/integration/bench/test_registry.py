"""The labelled city through the hub's own path, and what is said of its links."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from bench.child import Done, Runs
from bench.contest import Taken
from bench.desk import Desk
from bench.hub import FEEDS, lay_out, root
from bench.registry import together
from bench.tasks import labelled_city, linked, quality

from renkei.registry.embedded import Cluster

PEOPLE, DATABASE = 300, "test_labelled"


@pytest.fixture(scope="module")
def desk(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The hub of a few hundred labelled people after its first night."""
    here = Desk(folder=tmp_path_factory.mktemp("labelled"), day=date(2026, 11, 20))
    here.scratch.mkdir()
    cluster.create_database(DATABASE, template="renkei_template")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RENKEI_DATABASE_URL", "RENKEI_VAR", "RENKEI_CONNECTIONS", "RENKEI_FAILPOINTS"):
            patch.delenv(name, raising=False)
        lay_out(here, cluster.url(DATABASE))
        run(labelled_city.make(here, people=PEOPLE, seed=1, night=0))
        yield here
    cluster.execute(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')


@pytest.fixture(scope="module")
def night(desk: Desk) -> dict[str, Done]:
    return {feed: run(labelled_city.sync(desk, feed=feed, as_of=desk.day.isoformat())) for feed in FEEDS}


def run(task: Runs) -> Done:
    return next(task)()


def test_every_record_of_three_systems_is_mapped_and_merged(desk: Desk, night: dict[str, Done]) -> None:
    for feed, done in night.items():
        assert done.facts["merged"] == done.facts["records"] == done.rows > PEOPLE * 0.9, feed
        assert done.facts["rejected"] == 0
        assert done.facts["rows_written"] >= done.rows
        assert done.parts["merge"] >= done.parts["merge.history"] > 0


def test_the_steps_of_a_merge_add_up_to_the_merge(night: dict[str, Done]) -> None:
    for done in night.values():
        steps = sum(seconds for name, seconds in done.parts.items() if name.startswith("merge."))
        assert steps <= done.parts["merge"] + 0.1


def test_no_link_of_the_labelled_city_joins_two_people(desk: Desk, night: dict[str, Done]) -> None:
    told = run(linked.links(desk))

    assert told.rows == sum(done.rows for done in night.values())
    assert told.facts["precision"] == 1.0
    assert told.facts["wrong_by_kind"] == {}
    assert told.facts["recall"] > 0.95
    assert {"founder", "strong_id", "four_attributes"} <= set(told.facts["rules"])


def test_candidates_are_judged_by_the_pairs_that_the_rules_left_apart(
    desk: Desk, night: dict[str, Done]
) -> None:
    told = run(linked.candidates(desk)).facts

    assert told["true"] > 0
    assert 0 < told["average_precision"] <= 1
    shares = [told["by_probability"][str(step)]["recall"] for step in quality.STEPS]
    assert shares == sorted(shares, reverse=True)


def test_a_day_later_only_what_moved_is_written(desk: Desk, night: dict[str, Done]) -> None:
    run(labelled_city.make(desk, people=PEOPLE, seed=1, night=1))
    day = (desk.day + timedelta(days=1)).isoformat()

    done = run(labelled_city.sync(desk, feed=FEEDS[1], as_of=day))

    first, second = (pl.read_ipc(root(desk) / "shelf" / f"tax-{number}.arrow") for number in (0, 1))
    changed = first.join(second, on=first.columns, how="anti").height
    assert done.facts["merged"] == changed > 0
    assert done.facts["rows_written"] < 20 * changed + 20


def records(*rows: tuple[int, int, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["resident", "person", "kinds"], orient="row")


def test_links_that_say_the_truth_are_whole_and_right() -> None:
    told = quality.links(records((1, 7, ""), (1, 7, "kana_slip"), (2, 8, "")))

    assert (told["precision"], told["recall"], told["pairs_wrong"]) == (1.0, 1.0, 0)
    assert told["recall_by_kind"] == {"kana_slip": [1.0, 1], "ordinary": [1.0, 1]}


def test_a_wrong_link_is_counted_and_named_by_its_kinds() -> None:
    told = quality.links(records((1, 7, ""), (1, 7, ""), (1, 8, "twin family_number"), (2, 8, "twin")))

    assert told["pairs_found"] == 3
    assert told["precision"] == pytest.approx(1 / 3)
    assert told["recall"] == pytest.approx(1 / 2)
    assert told["wrong_by_kind"] == {"family_number+twin": 2}
    assert told["recall_by_kind"]["twin"] == [0.0, 2]


def test_average_precision_does_not_depend_on_the_order_of_equal_weights() -> None:
    rows = [(9.0, True), (5.0, False), (5.0, True), (1.0, False)]

    told = [
        quality.candidates(
            pl.DataFrame(
                [(weight, weight / 10, right) for weight, right in order],
                schema=["weight", "probability", "is_right"],
                orient="row",
            ),
            true=3,
        )
        for order in (rows, rows[::-1])
    ]

    assert told[0] == told[1]
    assert told[0]["average_precision"] == pytest.approx((1 + 2 / 3) / 3)
    assert told[0]["by_probability"]["0.9"] == {
        "proposed": 1,
        "precision": 1.0,
        "recall": pytest.approx(1 / 3),
    }


def test_the_best_balance_is_found_over_all_thresholds() -> None:
    scores = pl.DataFrame({"weight": [3.0, 2.0, 1.0], "is_right": [True, True, False]})

    assert quality.best_f1(scores, true=2)["f1"] == 1.0
    assert quality.best_f1(scores, true=4)["recall"] == 0.5
    assert quality.best_f1(scores.clear(), true=2)["f1"] == 0.0


def test_feeds_together_take_as_long_as_the_clock_says_and_their_parts_add_up() -> None:
    made = together(
        "night",
        [taken("a", {"map": 1.0, "merge": 2.0, "merge.linked": 1.5}), taken("b", {"merge": 4.0})],
        5.0,
    )

    assert made.seconds == 5.0
    assert made.facts == {"merged": 6}
    assert made.parts["merge"] == 6.0


def taken(name: str, parts: dict[str, float], **more: Any) -> Taken:
    return Taken(
        name=name, rows=3, seconds=9.0, peak_mb=1.0, runs=1, parts=parts, facts={"merged": 3}, **more
    )


def test_the_hubs_project_holds_no_feed_but_the_labelled_ones(desk: Desk) -> None:
    assert {place.name for place in Path(root(desk) / "mappings").glob("*.toml")} == {
        "juki.toml", "tax.toml", "welfare.toml",
    }  # fmt: skip
