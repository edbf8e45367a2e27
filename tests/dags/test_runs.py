"""What the DAGs do, each run in one process by ``dag.test()`` on a real registry."""

import json

import pytest
from tests.dags.city import KANA, NAME, ROOT, TOWN

from renkei.errors import FixDeclaration, Hold, RejectRecord, RenkeiError, Stop, TryAgain
from renkei.supervisor import bell
from renkei.supervisor.slim import ids_and_counts

#: The timetables that start a DAG by anything but the wall clock in a rehearsal.
FEED_DAGS = ("sync_welfare_recipient", "sync_welfare_benefit")

pytestmark = pytest.mark.slow


def run_of(rehearsal, number):
    return rehearsal["runs"][number]


def test_every_dag_of_the_city_parses(rehearsal):
    assert rehearsal["import_errors"] == {}
    assert set(rehearsal["dags"]) == {*FEED_DAGS, "reconcile_day", "sweep", "verify"}


def test_no_dag_catches_up_and_each_runs_once_at_a_time(rehearsal):
    shapes = {(dag["catchup"], dag["max_active_runs"], dag["start"]) for dag in rehearsal["dags"].values()}

    assert shapes == {(False, 1, "2026-01-01T00:00:00+00:00")}


def test_each_feed_has_its_own_feed_as_argument_and_as_outlet(rehearsal):
    for dag_id in FEED_DAGS:
        feed = dag_id.removeprefix("sync_").replace("_", ".")
        tasks = rehearsal["dags"][dag_id]["tasks"]

        # a task closing over the loop's variable would see the last feed; an undeclared outlet is ignored
        assert tasks["sync_in"]["arguments"] == [feed]
        assert tasks["ring"]["arguments"] == [feed]
        assert tasks["ring"]["outlets"] == [feed]
        assert tasks["sync_in"]["outlets"] == []


def test_pulls_wait_in_their_systems_pool_and_bells_in_a_pool_of_one(rehearsal):
    tasks = [rehearsal["dags"][dag_id]["tasks"] for dag_id in FEED_DAGS]

    assert {entry["sync_in"]["pool"] for entry in tasks} == {"legacy_welfare"}
    assert {entry["ring"]["pool"] for entry in tasks} == {"bell"}


def test_a_run_has_at_most_five_tasks_and_none_waits_for_a_person(rehearsal):
    for dag in rehearsal["dags"].values():
        assert len(dag["tasks"]) <= 5
        assert not any(entry["deferrable"] for entry in dag["tasks"].values())
    assert not any(
        word in place.read_text("utf-8")
        for place in (ROOT / "dags").glob("*.py")
        for word in ("HITL", "Approval")
    )


def test_a_passing_fault_is_tried_again(rehearsal):
    tasks = run_of(rehearsal, 0)["tasks"]

    assert tasks["sync_in"] == {"state": "success", "tries": 3}
    assert tasks["ring"]["state"] == "success"


def test_what_a_person_must_mend_fails_at_once_and_does_not_ring(rehearsal):
    tasks = run_of(rehearsal, 1)["tasks"]

    assert tasks["sync_in"] == {"state": "failed", "tries": 1}
    assert tasks["ring"]["state"] == "upstream_failed"


def test_the_sweep_reconciles_the_day_that_was_left_over(rehearsal):
    swept = run_of(rehearsal, 2)

    assert {entry["state"] for entry in swept["tasks"].values()} == {"success"}
    assert swept["xcoms"]["reconcile"]["as_of"] == swept["xcoms"]["day_left_over"]


def test_who_may_be_one_person_is_asked_last_so_that_nothing_waits_for_it(rehearsal):
    for dag_id in ("reconcile_day", "sweep"):
        tasks = rehearsal["dags"][dag_id]["tasks"]
        assert tasks["seal"]["downstream"] == ["link"]
        assert tasks["link"]["downstream"] == []

    assert run_of(rehearsal, 2)["xcoms"]["link"]["opened"] == 0


def test_a_second_sweep_finds_nothing_to_do(rehearsal):
    assert {entry["state"] for entry in run_of(rehearsal, 3)["tasks"].values()} == {"skipped"}


def test_results_are_small_and_hold_no_value_of_a_record(rehearsal):
    for made in rehearsal["runs"]:
        for value in made["xcoms"].values():
            text = json.dumps(value, ensure_ascii=False)
            assert len(text) < 2000
            assert text.isascii()


def test_nothing_that_a_task_printed_holds_a_value_of_a_record(rehearsal):
    assert not any(planted in rehearsal["output"] for planted in (NAME, KANA, TOWN, NAME.split()[0]))


def test_only_ids_and_counts_pass_to_the_scheduler():
    summary = {
        "run_id": "6409e99a-5336-4045-a434-64dac4ff9498",
        "records": 12,
        "units": [1, 2],
        "codes": {"E_ENCODING": 3},
        "who": NAME,
        "where": {"address": f"{TOWN}1-2"},
        "rows": list(range(1000)),
        "free": "two words",
    }

    assert ids_and_counts(summary) == {
        "run_id": "6409e99a-5336-4045-a434-64dac4ff9498",
        "records": 12,
        "units": [1, 2],
        "codes": {"E_ENCODING": 3},
        "left_out": 4,
    }


@pytest.mark.parametrize(
    ("counts", "error"),
    [
        ({"delivered": False, "refused": []}, TryAgain),
        ({"delivered": False, "refused": ["E_TRAILER_MISSING"]}, Hold),
        ({"delivered": False}, TryAgain),
    ],
)
def test_a_feed_that_does_not_speak_for_the_day_may_not_ring(counts, error):
    with pytest.raises(error):
        bell.check_delivered(counts, "tax.taxpayer", day="2026-11-20")


def test_a_feed_that_delivered_rings_even_when_one_of_its_files_was_refused():
    bell.check_delivered({"delivered": True, "refused": ["E_NAME_REUSED"]}, "tax.taxpayer", day="2026-11-20")


@pytest.mark.parametrize("kind", [Stop, Hold, FixDeclaration, RejectRecord])
def test_every_error_of_the_tree_is_either_tried_again_or_fails(kind):
    assert issubclass(kind, RenkeiError)
    assert not kind.retryable
    assert TryAgain.retryable
