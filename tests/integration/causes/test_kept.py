"""The reason of a mismatch is worked out from the records and kept beside it, without any value."""

import json
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy as sa
from tests.integration.report.seeded import seed

from renkei.causes.kept import IDENTITY, explain, keep
from renkei.mapping import Mapping as FeedMapping
from renkei.mapping import load
from renkei.registry.store import connect

ROOT = Path(__file__).resolve().parents[3]
AS_OF = date(2026, 11, 20)
LAGS = {"juki.resident": timedelta(hours=26), "tax.taxpayer": timedelta(hours=26)}

PEOPLE = """
resident | feed              | key | household | full_name   | kana        | born       | address                 | building | protected
1        | juki.resident     | J1  | H1        | 𠮷田 太郎   | ヨシダ タロウ | 1955-04-01 | 葛原市本町1丁目2番13号  |          | none
1        | tax.taxpayer      | T1  | X1        | 吉田　太郎  | ヨシタ タロウ | 1955-04-01 | 葛原市新町5番6号        |          | none
2        | juki.resident     | J2  | H1        | 𠮷田 花子   | ヨシダ ハナコ | 1958-01-31 | 葛原市本町1丁目2番13号  |          | none
2        | welfare.recipient | F2  | W2        | 吉田 花子   | ヨシダ ハナコ | 1955-04-01 | 葛原市本町1丁目2番31号  |          | none
1        | welfare.recipient | F1  | W2        | 吉田 太郎   | ヨシダ タロウ | 1955-04-01 | 葛原市本町1丁目2番13号  |          | none
3        | juki.resident     | J3  | H3        | 髙橋 葛子   | タカハシ クズコ | 1950-06-08 | 葛原市新町7番8号        |          | none
3        | tax.taxpayer      | T3  | X3        | 髙橋 葛子   | タカハシ クズコ | 1950-06-08 | 葛原市新町7番           |          | none
4        | juki.resident     | N4  | H4        | 石川 葛男   | イシカワ クズオ | 1961-02-03 | 葛原市東町1丁目4番5号    |          | none
4        | tax.taxpayer      | N4  | X4        | 石川 葛男   | イシカワ クズオ | 1961-02-03 | 葛原市西台88番地        |          | none
"""
MISMATCHES = """
case | resident | rule | kind     | field         | class           | left          | left_key | right             | right_key | minutes
1    | 1        | R10  | mismatch | address       | other_place     | juki.resident | J1       | tax.taxpayer      | T1        |
2    | 1        | R13  | mismatch | name          | other_name      | juki.resident | J1       | tax.taxpayer      | T1        |
3    | 2        | R11  | mismatch | date_of_birth | other           | juki.resident | J2       | welfare.recipient | F2        |
4    | 2        | R10  | mismatch | address       | other_place     | juki.resident | J2       | welfare.recipient | F2        |
5    | 3        | R10  | mismatch | address       | other_place     | juki.resident | J3       | tax.taxpayer      | T3        |
6    | 2        | R19  | mismatch | household     | other_household | juki.resident | J2       | welfare.recipient | F2        |
7    | 3        | R22  | mismatch | status        | not_target      | juki.resident | J3       | tax.taxpayer      | T3        |
8    | 4        | R10  | mismatch | address       | other_place     | juki.resident | N4       | tax.taxpayer      | N4        |
"""
#: The address of resident 1 before he moved, the household that resident 2 has left: heard on the day of the seed.
BEFORE = """
    UPDATE person_record SET unit_id = 4 WHERE source_key = 'J1';
    INSERT INTO person_record (feed, source_key, source_version, valid_from, address, content_hash, known_from,
        known_to, unit_id, rec_no)
    SELECT feed, source_key, '0', valid_from, '葛原市新町5-6', 'g', known_from, known_from, 1, 1
    FROM person_record WHERE source_key = 'J1';
    UPDATE person_record SET unit_id = 4, household_number = 'H2' WHERE source_key = 'J2';
    INSERT INTO person_record (feed, source_key, source_version, valid_from, household_number, content_hash,
        known_from, known_to, unit_id, rec_no)
    SELECT feed, source_key, '0', valid_from, 'H1', 'g', known_from, known_from, 1, 1
    FROM person_record WHERE source_key = 'J2';
"""
#: A column of eight characters: three values of it end there.
STATES = {"tax.taxpayer": pl.LazyFrame({"address": ["葛原市新町7番", "葛原市新町8番", "葛原市新町9番"]})}


@pytest.fixture(scope="module")
def hub(cluster) -> Iterator[sa.Engine]:
    cluster.create_database("causes", template="renkei_template")
    engine = connect(cluster.url("causes"))
    seed(engine, people=PEOPLE, mismatches=MISMATCHES)
    with engine.begin() as connection:
        connection.exec_driver_sql(BEFORE)
    yield engine
    engine.dispose()
    cluster.execute('DROP DATABASE IF EXISTS "causes" WITH (FORCE)')


def found(connection: sa.Connection) -> pa.Table:
    rows = connection.exec_driver_sql(
        f"SELECT {', '.join(IDENTITY)} FROM mismatch ORDER BY mismatch_id"
    ).mappings()
    return pa.Table.from_pylist(
        [dict(row) for row in rows], schema=pa.schema([(n, pa.string()) for n in IDENTITY])
    )


def explained(
    hub: sa.Engine, *, as_of: date = AS_OF, mappings: Iterable[FeedMapping] = ()
) -> tuple[int, dict[tuple[str, str], tuple[str, dict]]]:
    with hub.begin() as connection:
        reasons = explain(
            connection, found(connection), lags=LAGS, states=STATES, mappings=mappings, as_of=as_of
        )
        changed = keep(connection, reasons)
        rows = connection.exec_driver_sql("SELECT rule_id, left_key, why, why_detail FROM mismatch")
        return changed, {(row.rule_id, row.left_key): (row.why, row.why_detail) for row in rows}


def test_each_mismatch_of_two_values_is_told_why_and_no_other(hub: sa.Engine) -> None:
    _, told = explained(hub, as_of=AS_OF + timedelta(days=9))

    assert {place: (why, (detail or {}).get("kind")) for place, (why, detail) in told.items()} == {
        ("R10", "J1"): ("real", "past_lag"),
        ("R13", "J1"): ("reading", "sound"),
        ("R11", "J2"): ("other_person", "household"),
        ("R10", "J2"): ("transposed", "swapped"),
        ("R10", "J3"): ("truncated", "at_width"),
        ("R19", "J2"): ("real", "past_lag"),
        ("R22", "J3"): (None, None),
        # the two records bear one key; that says nothing of their values
        ("R10", "N4"): ("real", None),
    }
    assert told["R11", "J2"][1]["side"] == "right"
    assert told["R13", "J1"][1]["column"] == "full_name_kana"


def test_a_record_with_room_for_more_needs_more_than_three_values_to_be_cut(hub: sa.Engine) -> None:
    declared = load(ROOT / "mappings" / "tax.toml", codes=ROOT / "mappings" / "codes")

    _, told = explained(hub, as_of=AS_OF + timedelta(days=9), mappings=declared)

    assert told["R10", "J3"][0] == "real"


def test_an_old_value_is_a_delay_while_its_time_has_not_passed(hub: sa.Engine) -> None:
    _, told = explained(hub, as_of=AS_OF + timedelta(days=1))

    why, detail = told["R10", "J1"]
    assert (why, detail["side"]) == ("delay", "right")


def test_a_second_look_changes_nothing_and_keeps_no_value(hub: sa.Engine) -> None:
    explained(hub)

    changed, told = explained(hub)

    kept = json.dumps([detail for _, detail in told.values()], ensure_ascii=False)
    assert changed == 0
    assert not any(value in kept for value in ("葛", "吉", "ヨシ", "1955", "新町"))
