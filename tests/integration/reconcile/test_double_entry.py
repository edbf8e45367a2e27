"""Double entry in a real registry: who keyed what, from its history, and what it cost."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from tests.integration.reconcile.world import Hub

from renkei.bulk import copy_in
from renkei.reconcile.double_entry import NO_OFFICES, Lost, Offices, Saving, entries, summary
from renkei.reconcile.example import table_of
from renkei.reconcile.relation import ENTRY_SCHEMA
from renkei.records import RECORD_TYPES
from renkei.registry.embedded import Cluster
from renkei.registry.store import connect

AS_OF = date(2026, 11, 20)
OFFICES = Offices(
    terminals={"TX": "市民税課", "TX9": "収納課"},
    operators={"S05": "こども課"},
    owners={"juki.resident": "市民課"},
)

PEOPLE = """
feed              | source_key | source_version | changed_at       | change_kind | operator | operator_kind | terminal | address_key | name_key | valid_from
juki.resident     | J1         | 1              | 2020-01-01T10:00 | moved_in    | S0101    | person        | JK001    | 古町1       | 山田花子 | 2020-01-01
juki.resident     | J1         | 2              | 2026-11-02T10:00 | address     | S0101    | person        | JK001    | 本町1-2     | 山田花子 | 2026-11-01
tax.taxpayer      | T1         | 1              | 2026-11-03T11:00 | address     | S0301    | person        | TX01     | 本町1-2     | 山田花子 | 2026-11-01
tax.taxpayer      | T1         | 2              | 2026-11-03T11:00 | address     | S0301    | person        | TX01     | 本町1-2     | 山田華子 | 2026-11-01
tax.taxpayer      | T1         | 3              | 2026-11-05T23:30 | other       | S0301    | person        | TX91     | 南町9       | 山田花子 | 2026-11-05
welfare.recipient | F1         | 1              | 2026-11-04T02:00 | address     | BATCH02  | batch         | NIGHT    | 本町1-2     | 山田花子 | 2026-11-01
welfare.recipient | F2         | 1              | 2026-11-04T02:00 | address     | BATCH02  | batch         | NIGHT    | 本町1-2     | 佐藤一郎 | 2026-11-01
juki.resident     | J2         | 1              | 2026-09-01T10:00 | address     | S0101    | person        | JK001    | 本町1-2     | 佐藤一郎 | 2026-09-01
"""

ENTERED = """
feed              | source_key | field   | entered_at          | operator_kind | office   | value
juki.resident     | J1         | address | 2026-11-02 10:00:00 | person        | 市民課   | 本町1-2
tax.taxpayer      | T1         | address | 2026-11-03 11:00:00 | person        | 市民税課 | 本町1-2
tax.taxpayer      | T1         | address | 2026-11-05 23:30:00 | person        | 収納課   | 南町9
tax.taxpayer      | T1         | name    | 2026-11-05 23:30:00 | person        | 収納課   | 山田花子
welfare.recipient | F1         | address | 2026-11-04 02:00:00 | batch         |          | 本町1-2
"""


@pytest.fixture(scope="module")
def registry(cluster: Cluster) -> Iterator[sa.Engine]:
    """One registry for the file: two residents, their versions, and double entries found in two nights."""
    cluster.create_database("double_entry", template="renkei_template")
    engine = connect(cluster.url("double_entry"))
    Hub(engine)
    with engine.begin() as connection:
        _write_people(connection)
        _write_found(connection)
    yield engine
    engine.dispose()
    cluster.execute('DROP DATABASE "double_entry" WITH (FORCE)')


def _write_people(connection: sa.Connection) -> None:
    schema = RECORD_TYPES["person"].schema.append(ENTRY_SCHEMA.field("feed"))
    rows = table_of(PEOPLE, schema, as_of=AS_OF).drop_columns(["__rec_no"])
    said = [name for name in rows.column_names if rows[name].null_count < rows.num_rows]
    connection.exec_driver_sql("CREATE TEMP TABLE told (LIKE person_record)")
    connection.exec_driver_sql("ALTER TABLE told ALTER record_id DROP NOT NULL")
    for name in ("content_hash", "known_from", "unit_id", "removed", "doubted", "superseded"):
        connection.exec_driver_sql(f"ALTER TABLE told ALTER {name} DROP NOT NULL")
    copy_in(connection, "told", rows.select(said))
    names = ", ".join(said)
    # a version a unit: the rows of one key are told in the order of the table
    connection.exec_driver_sql(f"""
        INSERT INTO unit (
            delivery_id, feed, part, as_of, run_id, mapping_digest, fence, records, merged, unchanged, superseded,
            rejected, ended, dispositions, snapshot, done_at
        )
        SELECT u.delivery_id, u.feed, 'p' || n, u.as_of, u.run_id, 'x', 1, 2, 2, 0, 0, 0, 0, u.dispositions,
            u.snapshot, now()
        FROM unit AS u CROSS JOIN generate_series(2, 3) AS n;
        INSERT INTO person_record ({names}, rec_no, content_hash, known_from, known_to, unit_id)
        SELECT {names}, 1, '', now(),
            CASE WHEN source_version::int < max(source_version::int) OVER (PARTITION BY feed, source_key) THEN now() END,
            source_version::int
        FROM told;
        INSERT INTO link (resident_id, home_id, feed, source_key, rule, valid_from, known_from, unit_id)
        SELECT right(source_key, 1)::int, row_number() OVER (), feed, source_key, 'founder',
            DATE '2020-01-01', now(), 1
        FROM (SELECT DISTINCT feed, source_key FROM told) AS k;
    """)


FOUND = """
rule | field   | class      | left_feed     | left | right_feed        | right | since      | minutes | first      | gone
R38  | address | same_value | juki.resident | J1   | tax.taxpayer      | T1    | 2026-11-03 | 6       | 2026-11-10 | 2026-11-12
R38  | address | with_error | juki.resident | J1   | tax.taxpayer      | T1    | 2026-11-05 | 6       | 2026-11-12 |
R38  | address | same_value | juki.resident | J0   | tax.taxpayer      | T1    | 2026-11-05 | 6       | 2026-11-11 |
R38  | address | same_value | tax.taxpayer  | T9   | juki.resident     | J9    | 2026-10-30 | 6       | 2026-11-10 |
R50  | record  | two_records| tax.taxpayer  | T7   | tax.taxpayer      | T8    | 2026-11-01 | 10      | 2026-11-10 |
R38  | name    | same_value | juki.resident | J5   | welfare.recipient | F5    | 2026-11-18 | 4       | 2026-11-19 |
"""


def _write_found(connection: sa.Connection) -> None:
    from renkei.reconcile.example import rows_of

    run = Hub.open_run(connection, date(2026, 11, 10), kind="reconcile")
    connection.exec_driver_sql(f"UPDATE run SET state = 'done' WHERE run_id = '{run}'")
    for number, row in enumerate(rows_of(FOUND), start=1):
        connection.execute(
            sa.text("""
                WITH made AS (
                    INSERT INTO "case" (subject_kind, subject_id, cause, rule_id, owner, severity, state,
                        opened_at, opened_as_of, due_on)
                    VALUES ('resident', :n, 'x', :rule, '市民課', 3, 'open', :now, :first, :first)
                    RETURNING case_id
                )
                INSERT INTO mismatch (rule_id, rule_digest, kind, subject_kind, subject_id, cause, field, class,
                    left_feed, left_key, right_feed, right_key, since, minutes, case_id, first_as_of, found_by_run,
                    found_at, gone_as_of)
                SELECT :rule, 'x', 'double_entry', 'resident', :n, 'x', :field, :class, :left_feed, :left,
                    :right_feed, :right, CAST(:since AS date), :minutes, case_id, CAST(:first AS date), :run, :now,
                    CAST(:gone AS date)
                FROM made
            """),
            {**row, "n": str(number), "minutes": int(row["minutes"]), "gone": row["gone"] or None, "run": run,
             "now": datetime(2026, 11, 20, tzinfo=UTC)},
        )  # fmt: skip


def test_what_was_keyed_is_read_from_every_version_and_at_its_office(registry: sa.Engine) -> None:
    with registry.connect() as connection:
        table = entries(connection, as_of=AS_OF, offices=OFFICES)

    assert table.schema.equals(ENTRY_SCHEMA)
    names = [cell.strip() for cell in ENTERED.strip().splitlines()[0].split("|")]
    lines = [[cell.strip() for cell in line.split("|")] for line in ENTERED.strip().splitlines()[1:]]
    rows = [
        ["" if row[name] is None else str(row[name]).removesuffix("+09:00") for name in names]
        for row in table.to_pylist()
    ]
    assert sorted(rows) == sorted(lines)
    assert {(row["system"], row["resident_id"]) for row in table.to_pylist()} == {
        ("juki", 1), ("tax", 1), ("welfare", 1),
    }  # fmt: skip


def test_a_version_told_again_is_not_keyed_again_and_what_is_old_is_not_read(registry: sa.Engine) -> None:
    with registry.connect() as connection:
        wide = entries(connection, as_of=AS_OF, window_days=90)
        narrow = entries(connection, as_of=date(2026, 11, 2), window_days=10)

    # the second resident's move of September, and the batch's beside it, come with a longer window
    assert wide.num_rows == 5 + 2
    assert [(row["feed"], row["field"]) for row in narrow.to_pylist()] == [("juki.resident", "address")]


def test_the_newest_day_that_a_feed_speaks_for_is_the_end_unless_one_is_given(registry: sa.Engine) -> None:
    with registry.connect() as connection:
        assert entries(connection).num_rows == 0


def test_a_month_is_summed_by_field_office_month_and_feed(registry: sa.Engine) -> None:
    with registry.connect() as connection:
        found = summary(connection, month=AS_OF, as_of=AS_OF, offices=OFFICES)

    # the entry of 5 November was found twice, and what gave way to its repetition still was keyed
    assert (found.entries, found.with_error, found.minutes) == (4, 0, 26)
    assert found.by_field == (
        Lost(name="address", entries=2, with_error=0, minutes=12),
        Lost(name="record", entries=1, with_error=0, minutes=10),
        Lost(name="name", entries=1, with_error=0, minutes=4),
    )
    assert {lost.name: lost.minutes for lost in found.by_office} == {"市民税課": 6, "収納課": 6, "": 14}
    assert [(lost.name, lost.entries) for lost in found.by_month] == [("2026-10", 1), ("2026-11", 4)]
    assert found.observed_days == 72
    assert found.by_feed[0] == Saving(
        left_feed="juki.resident",
        right_feed="tax.taxpayer",
        a_feed_would_help=True,
        entries=2,
        with_error=0,
        minutes=12,
        entries_a_year=15,
        minutes_a_year=91,
    )
    assert [(each.right_feed, each.a_feed_would_help) for each in found.by_feed[1:]] == [
        ("tax.taxpayer", False),
        ("welfare.recipient", True),
    ]


def test_as_of_an_earlier_day_the_books_say_what_they_said_then(registry: sa.Engine) -> None:
    with registry.connect() as connection:
        before = summary(connection, month=AS_OF, as_of=date(2026, 11, 10))
        october = summary(connection, month=date(2026, 10, 3), as_of=AS_OF, offices=NO_OFFICES)

    assert (before.entries, before.minutes) == (2, 16)
    assert (october.month, october.entries) == (date(2026, 10, 1), 1)


def test_a_month_without_any_is_all_nought(registry: sa.Engine) -> None:
    with registry.connect() as connection:
        found = summary(connection, month=date(2025, 1, 1), as_of=date(2025, 1, 31))

    assert (found.entries, found.with_error, found.minutes) == (0, 0, 0)
    assert (found.by_field, found.by_office, found.by_month, found.by_feed) == ((), (), (), ())
