"""The verifier finds every tampering, names where it begins, and never cries wolf."""

import ast
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.audit import trail as trails
from tests.unit.audit.trail import HOUR, SECOND, Trail, add_event, honest, seal

import renkei_verify
from renkei.audit import merkle
from renkei_verify.note import Tree

TRIALS_EACH = 60
CLEAN = 150


def test_an_honest_trail_is_proven_to_its_end():
    trail = honest()

    report = trail.verify()

    assert report.result == "proven", report.findings
    assert (report.proven, report.sealed, report.rows) == (
        len(trail.events),
        len(trail.events),
        len(trail.rows),
    )


def test_no_honest_trail_raises_an_alarm():
    alarms = [seed for seed in range(CLEAN) if honest(seed).verify().findings]

    assert alarms == []


@pytest.mark.parametrize("tamper", trails.TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_every_tampering_is_found(tamper: Callable[[Trail, random.Random], None]):
    missed = []
    for seed in range(TRIALS_EACH):
        trail, before = honest(seed + 4), repr(honest(seed + 4))
        tamper(trail, random.Random(seed))
        if repr(trail) != before and trail.verify().result != "broken":
            missed.append(seed)

    assert missed == []


def test_without_a_witness_a_truncated_trail_looks_whole():
    # the known-bad twin: why a verification without a copy from outside ends "unchecked"
    trail = honest()
    trails.truncate(trail, random.Random(1))

    assert trail.verify(witnesses=False).findings == ()
    assert trail.verify().result == "broken"


def test_without_signatures_a_rehashed_trail_looks_whole():
    # the known-bad twin: every hash agrees again, only the signature of the old root does not
    trail = honest()
    trails.change_and_rehash_everything(trail, random.Random(1))

    last = trail.checkpoints[-1]
    hashes_agree = last["root"] == trails.root_of(trail.events)
    assert hashes_agree
    assert {finding.code for finding in trail.verify(witnesses=False).findings} == {"signature", "unsigned"}


def test_the_first_changed_event_is_named():
    trail = honest()
    trail.events[6]["body"] = trail.events[6]["body"].replace("night", "other")
    trail.events[9]["body"] = trail.events[9]["body"].replace("night", "other")

    report = trail.verify()

    assert report.first_bad_seq == 7
    assert report.proven == 6


def test_after_a_full_rehash_what_was_signed_before_the_change_is_still_proven():
    trail, whole = honest(), honest()
    third = whole.checkpoints[1]["size"] + 1
    trail.events[third - 1]["body"] = trail.events[third - 1]["body"].replace("night", "other")
    trail.rehash()
    trail.checkpoints[:2] = whole.checkpoints[:2]

    report = trail.verify()

    assert report.first_bad_seq == third
    assert report.proven == third - 1


def test_a_cut_off_end_is_named_by_the_first_missing_event():
    trail = honest()
    kept = trail.checkpoints[1]["size"]
    trail.events, trail.checkpoints, trail.rows = trail.events[:kept], trail.checkpoints[:2], []

    report = trail.verify()

    assert report.first_bad_seq == min(
        kept + 1, *(found.seq for found in report.findings if found.code == "event_without_row")
    )
    assert "cut_off" in {finding.code for finding in report.findings}


def test_an_event_dated_back_before_it_was_sealed_is_found():
    trail = honest()
    forged = add_event(trail, "delivery.landed", "delivery:900")
    forged["micros"] -= 2 * HOUR
    forged["leaf"] = trails.leaf_of(forged)
    add_event(trail, "delivery.landed", "delivery:901")
    seal(trail)

    report = trail.verify()

    assert [(finding.code, finding.seq) for finding in report.findings] == [("clock_back", forged["seq"])]


def test_an_event_dated_after_its_signature_is_found():
    trail = honest()
    forged = add_event(trail, "delivery.landed", "delivery:900")
    forged["micros"] += 3 * HOUR
    forged["leaf"] = trails.leaf_of(forged)
    add_event(trail, "delivery.landed", "delivery:901")
    trail.events[-1]["micros"] += HOUR
    trail.events[-1]["leaf"] = trails.leaf_of(trail.events[-1])
    seal(trail)

    assert ("clock_ahead", forged["seq"]) in {(found.code, found.seq) for found in trail.verify().findings}


def test_transactions_that_overlap_are_no_alarm():
    trail = honest()
    late = add_event(trail, "delivery.landed", "delivery:900")
    late["micros"] -= 20 * 60 * SECOND
    late["leaf"] = trails.leaf_of(late)
    seal(trail)

    assert trail.verify().result == "proven"


def test_a_unit_told_twice_is_found():
    trail = honest()
    told = next(event for event in trail.events if "unit.done" in event["body"])
    twice = add_event(trail, "unit.done", "unit:0")
    twice["body"] = told["body"]
    twice["leaf"] = trails.leaf_of(twice)
    seal(trail)

    assert [(found.code, found.seq) for found in trail.verify().findings] == [
        ("event_without_row", twice["seq"])
    ]


def test_an_event_not_sealed_yet_covers_its_row_but_is_not_proven():
    trail = honest()
    waiting = add_event(trail, "unit.done", "unit:900", records=5)
    waiting.update(seq=None, leaf=None)
    trail.rows.append({"action": "unit.done", "object": "unit:900", "values": {"records": 5}})

    report = trail.verify()

    assert (report.result, report.unsealed, report.proven) == ("proven", 1, len(trail.events) - 1)


def test_the_newest_checkpoint_may_wait_for_its_copies_and_no_other_may():
    trail = honest()
    add_event(trail, "delivery.landed", "delivery:900")
    seal(trail, copies=1)
    once = trail.verify()
    add_event(trail, "delivery.landed", "delivery:901")
    seal(trail, copies=1)
    twice = trail.verify()

    assert (once.result, once.pending_copies) == ("proven", 1)
    assert [finding.code for finding in twice.findings] == ["not_in_witness"]


def test_the_verifier_s_tree_is_the_sealer_s():
    verifier, sealer = Tree(), merkle.Tree()
    for number in range(200):
        assert verifier.root() == sealer.root().hex()
        verifier.append(merkle.leaf_hash(str(number).encode()))
        sealer.append(merkle.leaf_hash(str(number).encode()))


def test_the_verifier_is_small_and_imports_nothing_of_the_hub():
    places = sorted(Path(renkei_verify.__file__).parent.glob("*.py"))
    lines = sum(len(place.read_text("utf-8").splitlines()) for place in places)
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for place in places
        for node in ast.walk(ast.parse(place.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert lines < 700
    assert not {name for name in imported if name.split(".")[0] == "renkei"}
