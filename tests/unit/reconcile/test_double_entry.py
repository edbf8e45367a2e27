"""Who sits at which terminal, who types faster than a person can, and what counts as keyed."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from tests.unit.reconcile.keyed import entries_in

from renkei.reconcile.double_entry import NO_OFFICES, Offices, SuspectedRobot, suspected_robots
from renkei.reconcile.example import table_of
from renkei.reconcile.relation import ENTRY_SCHEMA, LINK_SCHEMA, columns_of

DAY = date(2026, 11, 20)
OFFICES = Offices(
    terminals={"TX": "市民税課", "TX9": "収納課"},
    operators={"S05": "こども課"},
    owners={"tax.taxpayer": "税務部"},
)


@pytest.mark.parametrize(
    ("terminal", "operator", "office"),
    [
        ("TX01", "S0501", "市民税課"),
        ("TX91", "S0501", "収納課"),
        ("PC1", "S0501", "こども課"),
        (None, "S0501", "こども課"),
        ("PC1", "S0301", "税務部"),
        (None, None, "税務部"),
    ],
)
def test_a_terminal_says_more_than_its_operator_and_the_feed_is_asked_last(
    terminal: str | None, operator: str | None, office: str
) -> None:
    assert OFFICES.of("tax.taxpayer", terminal, operator) == office


def test_without_a_table_and_an_owner_there_is_no_office() -> None:
    assert NO_OFFICES.of("tax.taxpayer", "TX01", "S0301") is None


def saved(
    *seconds: int, operator: str = "S0301", kind: str = "person", fields: int = 1, hour: int = 9
) -> pa.Table:
    """Records saved so many seconds after nine, or another hour."""
    nine = datetime(2026, 11, 2, hour, tzinfo=ZoneInfo("Asia/Tokyo"))
    rows = [
        {
            "feed": "tax.taxpayer", "source_key": f"T{number}", "field": f"f{field}", "operator": operator,
            "operator_kind": kind, "terminal": "TX01", "entered_at": nine + timedelta(seconds=second),
        }
        for number, second in enumerate(seconds)
        for field in range(fields)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=ENTRY_SCHEMA)


def test_an_account_that_saves_faster_than_a_person_is_shown_with_its_fastest_moment() -> None:
    found = suspected_robots(saved(0, 2, 4, 6, 600, 1200), entries=4, seconds=5)

    assert found == (
        SuspectedRobot(
            feed="tax.taxpayer", operator="S0301", terminal="TX01", office=None, at_once=4, records=6
        ),
    )


def test_an_account_with_a_time_of_day_is_suspected_at_midnight_too() -> None:
    found = suspected_robots(saved(0, 0, 0, 0, 3600, hour=0), entries=4, seconds=5)

    assert [each.at_once for each in found] == [4]


@pytest.mark.parametrize(
    "table",
    [
        saved(0, 20, 40, 60, 80),
        saved(0, 2, 4),
        # one record saved with many fields is one record
        saved(0, 30, fields=4),
        # what calls itself a robot needs no suspicion
        saved(0, 2, 4, 6, kind="robot"),
        # the source keeps days only: everything of a day was saved at midnight
        saved(0, 0, 0, 0, 86_400, 86_400, hour=0),
        ENTRY_SCHEMA.empty_table(),
    ],
    ids=["slow", "few", "many fields", "robot", "days only", "nothing"],
)
def test_what_a_person_can_do_is_not_suspected(table: pa.Table) -> None:
    assert suspected_robots(table, entries=4, seconds=5) == ()


BENEFITS = """
source_key | person_key | source_version | changed_at       | change_kind | operator_kind | benefit_kind    | started_on | payee_key
K1         | F1         | 1              | 2026-11-02T10:00 | new         | person        | child_allowance | 2026-11-01 | F9
K1         | F1         | 2              | 2026-11-09T10:00 | other       | person        | child_allowance | 2026-11-01 | F8
"""
PEOPLE = """
source_key | source_version | changed_at       | change_kind | operator_kind | address_key | sex | name_key
F1         | 1              | 2026-11-02T10:00 | new         | person        | 本町1-2     | 1   | 山田花子
F1         | 2              | 2026-11-03T10:00 | other       | person        | 本町1-2     | 2   | 山田花子
F1         | 3              | 2026-11-04T10:00 | cancelled   | person        | 本町1-2     | 1   | 山田花子
F1         | 4              | 2026-11-05T10:00 | address     | person        | 本町1-2     | 2   | 山田花子
"""
ASSESSED = """
source_key | person_key | changed_at       | change_kind | operator_kind | mailing_address_key
A1         | T1         | 2026-11-02T10:00 | address     | person        | 本町1-2
"""
LINKS = pa.Table.from_pylist(
    [
        {"feed": "welfare.recipient", "source_key": "F1", "resident_id": 1},
        {"feed": "tax.taxpayer", "source_key": "T1", "resident_id": 2},
    ],
    schema=LINK_SCHEMA,
)


def test_what_is_registered_corrected_and_written_again_is_told_apart() -> None:
    told = [
        ("welfare.recipient", "person", _table("person", PEOPLE)),
        ("welfare.benefit", "benefit", _table("benefit", BENEFITS)),
        ("tax.assessment", "tax", _table("tax", ASSESSED)),
    ]

    rows = entries_in(told, LINKS, until=DAY).to_pylist()

    assert sorted((row["source_key"], row["field"], row["entered_at"].day, row["value"]) for row in rows) == [
        ("A1", "mailing_address", 2, "本町1-2"),
        ("F1", "address", 5, "本町1-2"),
        ("F1", "record", 2, "山田花子/"),
        ("F1", "sex", 3, "2"),
        ("K1", "benefit", 2, "child_allowance/2026-11-01/F9"),
    ]


def _table(record: str, text: str) -> pa.Table:
    return table_of(text, columns_of(record), as_of=DAY)
