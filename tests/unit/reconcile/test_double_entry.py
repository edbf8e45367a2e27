"""What double entry costs, by item and pair of systems."""

from datetime import date

import pyarrow as pa
from tests.unit.reconcile.support import AS_OF, ROOT, TERMS

from renkei.reconcile import load_rules
from renkei.reconcile.double_entry import DoubleEntries, double_entries
from renkei.reconcile.find import FOUND_SCHEMA, Found, Outcome


def found_of(*rows: tuple[str, str, str, str, int]) -> Found:
    names = ("rule_id", "field", "class", "right_feed", "minutes")
    shared = {
        "subject_kind": "resident",
        "subject_id": "1",
        "resident_id": 1,
        "cause": "x",
        "left_feed": "juki.resident",
        "left_key": "J1",
        "right_key": "T1",
        "since": date(2026, 11, 1),
        "in_transit": False,
    }
    table = pa.Table.from_pylist(
        [shared | dict(zip(names, row, strict=True)) for row in rows], schema=FOUND_SCHEMA
    )
    rules = load_rules(ROOT / "reconciliation", terms=TERMS)
    outcomes = tuple(Outcome(rule=rule, state="compared", compared=1) for rule in rules)
    return Found(as_of=AS_OF, outcomes=outcomes, mismatches=table)


def test_minutes_are_summed_by_item_and_pair_of_systems() -> None:
    found = found_of(
        ("R38", "address", "same_value", "tax.taxpayer", 6),
        ("R38", "address", "with_error", "tax.taxpayer", 6),
        ("R38", "name", "same_value", "tax.taxpayer", 4),
    )

    first, second = double_entries(found)

    assert first == DoubleEntries(
        field="address",
        left_feed="juki.resident",
        right_feed="tax.taxpayer",
        entries=2,
        with_error=1,
        minutes=12,
    )
    assert (second.field, second.entries, second.minutes) == ("name", 1, 4)


def test_other_mismatches_cost_no_minutes() -> None:
    found = found_of(("R10", "address", "other_place", "tax.taxpayer", 6))

    assert double_entries(found) == ()
