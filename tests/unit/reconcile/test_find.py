"""Finding: what is compared, what is not, and what is only in transit."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.reconcile.support import (
    AS_OF,
    LINKS,
    ROOT,
    RULE,
    TERMS,
    found_in,
    links_of,
    rules_of,
    sources_of,
)

from renkei.engine.duck import DuckEngine
from renkei.reconcile import Rule, load_rules
from renkei.reconcile import find as find_module
from renkei.reconcile.find import FOUND_SCHEMA, find
from renkei.reconcile.query import read_of
from renkei.reconcile.relation import DELIVERY, DELIVERY_SCHEMA

TABLES = {
    "juki.resident": """
        source_key | address_key | address_since
        J1         | 本町1       | 2026-11-01
        J2         | 本町2       | 2026-11-01
    """,
    "tax.taxpayer": """
        source_key | address_key
        T1         | 新町5
        T2         | 本町2
    """,
}


def moved_on(day: date) -> dict[str, str]:
    return TABLES | {"juki.resident": f"source_key | address_key | address_since\nJ1 | 本町1 | {day}"}


def of_rule(folder: Path, text: str = RULE) -> tuple[Rule, ...]:
    return rules_of(folder / "rules", text)


def test_records_meet_through_their_residents(tmp_path: Path) -> None:
    found = found_in(of_rule(tmp_path), sources_of(tmp_path, TABLES))

    (row,) = found.mismatches.to_pylist()
    assert (row["subject_id"], row["resident_id"], row["left_key"], row["right_key"]) == ("1", 1, "J1", "T1")
    assert found.mismatches.schema.equals(FOUND_SCHEMA)


def test_the_outcome_counts_what_was_compared_and_found(tmp_path: Path) -> None:
    found = found_in(of_rule(tmp_path), sources_of(tmp_path, TABLES))

    (outcome,) = found.outcomes
    assert (outcome.state, outcome.compared, outcome.found, outcome.in_transit) == ("compared", 2, 1, 0)


def test_a_late_feed_makes_the_rule_not_compared_and_says_how_many_would_have_been(tmp_path: Path) -> None:
    yesterday = AS_OF - timedelta(days=1)
    sources = sources_of(tmp_path, TABLES, late={"tax.taxpayer": yesterday})

    found = found_in(of_rule(tmp_path), sources)

    (outcome,) = found.outcomes
    assert (outcome.state, outcome.compared, outcome.missing_feeds) == ("not_compared", 2, ("tax.taxpayer",))
    assert found.mismatches.num_rows == 0


def test_a_feed_that_never_came_makes_the_rule_not_compared(tmp_path: Path) -> None:
    found = found_in(of_rule(tmp_path), sources_of(tmp_path, TABLES, late={"juki.resident": None}))

    (outcome,) = found.outcomes
    assert (outcome.state, outcome.compared, outcome.missing_feeds) == ("not_compared", 2, ("juki.resident",))


def test_a_feed_that_no_rule_compares_may_be_late(tmp_path: Path) -> None:
    found = found_in(of_rule(tmp_path), sources_of(tmp_path, TABLES, late={"welfare.benefit": None}))

    assert [outcome.state for outcome in found.outcomes] == ["compared"]


def test_a_law_that_has_ended_is_told_and_not_skipped(tmp_path: Path) -> None:
    ended = RULE.replace("valid_from = 2020-01-01", "valid_from = 2020-01-01\nvalid_to = 2026-11-19")

    found = found_in(of_rule(tmp_path, ended), sources_of(tmp_path, TABLES))

    assert [(outcome.rule.id, outcome.state) for outcome in found.outcomes] == [("R90", "not_in_force")]
    assert found.mismatches.num_rows == 0


@pytest.mark.parametrize(
    ("nights", "in_transit"),
    [(-3, True), (0, True), (1, True), (2, False), (3, False)],
)
def test_a_difference_is_in_transit_until_the_slower_feed_is_due(
    tmp_path: Path, nights: int, in_transit: bool
) -> None:
    sources = sources_of(tmp_path, moved_on(AS_OF - timedelta(days=nights)))

    found = found_in(of_rule(tmp_path), sources)

    assert found.mismatches["in_transit"].to_pylist() == [in_transit]
    assert [(each.found, each.in_transit) for each in found.outcomes] == [(not in_transit, in_transit)]


def test_a_rule_without_the_lag_would_report_what_is_in_transit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find_module, "_IN_TRANSIT", "FALSE")

    found = found_in(of_rule(tmp_path), sources_of(tmp_path, moved_on(AS_OF - timedelta(days=1))))

    assert [outcome.found for outcome in found.outcomes] == [1]


def test_an_event_that_happened_is_never_in_transit(tmp_path: Path) -> None:
    lasting = RULE.replace("severity = 2", "severity = 2\nlasting = true")

    found = found_in(of_rule(tmp_path, lasting), sources_of(tmp_path, moved_on(AS_OF)))

    assert [(each.found, each.in_transit) for each in found.outcomes] == [(1, 0)]


def test_a_pair_met_in_two_ways_is_one_mismatch(tmp_path: Path) -> None:
    twice = TABLES | {"juki.resident": TABLES["juki.resident"] + "J1 | 本町1 | 2026-10-01\n"}

    found = found_in(of_rule(tmp_path), sources_of(tmp_path, twice))

    assert found.mismatches["since"].to_pylist() == [date(2026, 10, 1)]


def test_a_row_without_a_subject_is_the_rules_mistake(tmp_path: Path) -> None:
    text = RULE.replace("j.resident_id, 'R90", "NULLIF(j.resident_id, 1) AS resident_id, 'R90")

    found = found_in(of_rule(tmp_path, text), sources_of(tmp_path, TABLES))

    assert (found.outcomes[0].state, found.mismatches.num_rows) == ("refused", 0)
    assert "a subject in every row, found 1 rows without" in str(found.outcomes[0].fault)


def test_a_rule_that_cannot_be_answered_stops_no_other_and_tells_no_value(tmp_path: Path) -> None:
    broken = RULE.replace("R90", "R91").replace(
        "j.address_since AS since", "CAST(j.address_key AS DATE) AS since"
    )

    found = found_in(rules_of(tmp_path / "rules", RULE, broken), sources_of(tmp_path, TABLES))

    assert [outcome.state for outcome in found.outcomes] == ["compared", "refused"]
    assert set(found.mismatches["rule_id"].to_pylist()) == {"R90"}
    said = str(found.outcomes[1].fault)
    assert "ConversionException" in said
    assert not any(value in said for value in ("本町", "新町"))


def test_a_rule_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_module, "RULE_SECONDS", 0.2)
    endless = RULE.replace(
        "WHERE j.address_key <> t.address_key",
        """WHERE j.address_key <> t.address_key
    AND (SELECT count(*) FROM range(100000000000) AS r(n) WHERE r.n % 7 = length(j.address_key)) > 1""",
    )
    (rule,) = of_rule(tmp_path)
    slow = replace(rule, query=endless.partition('sql = """')[2].partition('"""')[0])

    found = found_in((slow,), sources_of(tmp_path, TABLES))

    assert (found.outcomes[0].state, found.outcomes[0].fault.code) == ("refused", "E_QUERY_SLOW")


def test_keys_that_are_empty_or_null_are_one_difference(tmp_path: Path) -> None:
    (rule,) = of_rule(tmp_path)
    twice = """
        SELECT j.resident_id, 'c' AS cause, 'f' AS field, 'k' AS class, 'juki.resident' AS left_feed,
            j.source_key AS left_key, n.feed AS right_feed, NULL AS right_key, DATE '2026-11-01' AS since
        FROM juki.resident AS j
        CROSS JOIN (VALUES (''), (NULL)) AS n(feed)
    """

    found = found_in((replace(rule, query=twice),), sources_of(tmp_path, TABLES))

    assert found.mismatches["subject_id"].to_pylist() == ["1", "2"]


def test_instants_become_days_of_the_municipality(tmp_path: Path) -> None:
    text = RULE.replace("j.address_since AS since", "CAST(j.changed_at AS DATE) AS since")
    late_evening_in_utc = "source_key | address_key | changed_at\nJ1 | 本町1 | 2026-11-02T00:30"

    found = found_in(
        of_rule(tmp_path, text), sources_of(tmp_path, TABLES | {"juki.resident": late_evening_in_utc})
    )

    assert found.mismatches["since"].to_pylist() == [date(2026, 11, 2)]


def test_a_delivery_is_a_subject_of_its_own_and_never_in_transit(tmp_path: Path) -> None:
    rules = load_rules(ROOT / "reconciliation", terms=TERMS)
    anomaly = next(replace(rule, lasting=False) for rule in rules if rule.kind == "delivery")
    refused = {
        "delivery_id": 7,
        "feed": "tax.taxpayer",
        "name": "KJ",
        "verdict": "refused",
        "as_of": AS_OF,
        "received_at": datetime(2026, 11, 20, tzinfo=UTC),
    }
    given = pa.Table.from_pylist([refused], schema=DELIVERY_SCHEMA)

    found = found_in(
        (anomaly,), sources_of(tmp_path, {}, late={"juki.resident": None}), hub={DELIVERY: given}
    )

    (row,) = found.mismatches.to_pylist()
    assert (row["subject_kind"], row["subject_id"], row["resident_id"]) == ("delivery", "7", None)
    assert (row["right_feed"], row["right_key"], row["in_transit"]) == ("", "", False)
    assert [(outcome.state, outcome.compared) for outcome in found.outcomes] == [("compared", 1)]


def test_tax_and_benefit_records_belong_to_the_person_of_their_system(tmp_path: Path) -> None:
    text = RULE.replace('"juki.resident", "tax.taxpayer"', '"juki.resident", "tax.assessment"')
    text = text.replace("tax.taxpayer", "tax.assessment").replace("t.address_key", "t.mailing_address_key")
    text = text.replace("source_key | address_key\n", "source_key | mailing_address_key\n")
    tables = TABLES | {"tax.assessment": "source_key | person_key | mailing_address_key\nA9 | T1 | 新町5"}

    found = found_in(of_rule(tmp_path, text), sources_of(tmp_path, tables))

    assert found.mismatches["right_key"].to_pylist() == ["A9"]


def test_a_finding_engine_reads_no_file_but_the_snapshots(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n", "utf-8")

    sources = sources_of(tmp_path, TABLES)

    with DuckEngine(threads=1) as engine:
        find(engine, of_rule(tmp_path), sources=sources, links=links_of(LINKS), hub={}, as_of=AS_OF)
        with pytest.raises(Exception, match="PermissionException"):
            engine.sql(f"SELECT * FROM read_csv('{tmp_path}/secret.csv')", {}).read_all()


def test_what_a_text_names_in_any_way_is_carried() -> None:
    text = """
        WITH o AS (SELECT source_key, address_key FROM tax.taxpayer)
        SELECT j.resident_id, juki.resident.name_key, t.kana_key
        FROM juki.resident AS j
        JOIN welfare.recipient AS t USING (household_number)
        JOIN juki.resident ON juki.resident.resident_id = j.resident_id
        JOIN o ON o.source_key = j.source_key
        WHERE EXISTS (SELECT 1 FROM tax.taxpayer AS x WHERE x.resident_id = t.resident_id AND x.sex = j.sex)
    """

    read = read_of(text)

    everywhere = {"source_key", "address_key", "household_number"}
    assert read == {
        "juki.resident": everywhere | {"resident_id", "name_key", "sex"},
        "welfare.recipient": everywhere | {"kana_key", "resident_id"},
        "tax.taxpayer": everywhere | {"resident_id", "sex"},
    }
