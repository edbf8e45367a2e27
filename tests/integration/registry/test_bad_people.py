"""What sources really send of people: each story has keys of its own in one registry, which is proven at the end."""

import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.village import Village

from renkei.engine.duck import DuckEngine
from renkei.landing import Landing
from renkei.prove import Ground, history, identity, undo
from renkei.prove.ground import Findings
from renkei.registry.embedded import Cluster
from renkei.registry.identity import definition, neighbourhood
from renkei.registry.store import connect

ROOT = Path(__file__).resolve().parents[3]
DAY, NEXT = date(2026, 6, 1), date(2026, 6, 2)
TAX, CARE = "tax.taxpayer", "welfare.recipient"


@pytest.fixture(scope="module")
def village(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    """One registry for all stories; after the last one everything that must hold is proven of it."""
    name = "bad_people"
    cluster.create_database(name, template="renkei_template")
    engine = connect(cluster.url(name))
    made = Village(registry=engine, folder=tmp_path_factory.mktemp("village"))
    yield made
    found = broken(made)
    engine.dispose()
    cluster.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    assert found == ""


def broken(village: Village) -> str:
    """What the proofs of history and identity find."""
    findings = Findings()
    ground = Ground(
        engine=village.registry, landing=Landing(village.folder), public_key=village.folder, witnesses=(),
        reread=lambda _: pytest.fail("nothing is read here"), replay=lambda _: None, elsewhere=lambda _: {},
    )  # fmt: skip
    for check in (history.history, identity.who_is_who, undo.derived_again):
        check(ground, findings)
    proof = findings.proof("I16")
    return "" if proof.holds else proof.detail


def together(village: Village, like: str) -> list[str]:
    """The records whose keys are like this, a resident a line; a key that was given away counts twice."""
    rows = village.rows(
        """
        SELECT string_agg(source_key, ' ' ORDER BY source_key)
        FROM link WHERE known_to IS NULL AND source_key LIKE :like
        GROUP BY resident_id ORDER BY 1
        """,
        like=like,
    )
    return [row[0] for row in rows]


def candidates(village: Village, like: str) -> list[str]:
    query = "SELECT reason FROM link_candidate WHERE state = 'open' AND source_key LIKE :like ORDER BY 1"
    return [row[0] for row in village.rows(query, like=like)]


# numbers -----------------------------------------------------------------------------------------


def test_a_child_under_the_mothers_number_is_two_residents_and_a_question(village: Village) -> None:
    village.deliver(
        "key | version | since | name | born | number\na1 | 1 | 2020-04-01 | 佐藤花子 | 1985-03-03 | 100", DAY
    )
    village.deliver(
        "key | version | since | name | born | number\na2 | 1 | 2020-04-01 | 佐藤一郎 | 2015-05-05 | 100",
        DAY,
        feed=TAX,
    )

    assert together(village, "a%") == ["a1", "a2"]
    assert candidates(village, "a%") == ["number_contradicted"]


def test_a_record_that_fits_both_of_them_is_neither_s(village: Village) -> None:
    head = "key | version | since | name | born | number\n"
    village.deliver(head + "b1 | 1 | 2020-04-01 | 佐藤花子 | 1985-03-03 | 110", DAY)
    village.deliver(head + "b2 | 1 | 2020-04-01 | 佐藤一郎 | 2015-05-05 | 110", DAY, feed=TAX)
    village.deliver(head + "b3 | 1 | 2020-04-01 | 不詳 | | 110", DAY, feed=CARE)

    assert together(village, "b%") == ["b1", "b2", "b3"]
    assert "ambiguous_number" in candidates(village, "b%")


ONE_WITH_THREE = """
    key | version | since      | name     | born       | match_key | number
    c1  | 1       | 2020-04-01 | 田中四郎 | 1971-01-01 | same      | 121
    c2  | 1       | 2021-04-01 | 田中四郎 | 1971-01-01 | same      | 122
    c3  | 1       | 2022-04-01 | 田中四郎 | 1971-01-01 | same      | 123
"""


def test_one_person_under_three_numbers_is_one_resident_whom_a_rule_finds(village: Village) -> None:
    village.deliver(ONE_WITH_THREE, DAY, feed=TAX)

    assert together(village, "c%") == ["c1 c2 c3"]
    assert two_numbers(village, "c%") == [("c1", "c2"), ("c1", "c3"), ("c2", "c3")]


def two_numbers(village: Village, like: str) -> list[tuple[str, str]]:
    """What the city's own rule says of these records."""
    (place,) = ROOT.glob("reconciliation/R15*.toml")
    rule = tomllib.loads(place.read_text("utf-8"))
    import pyarrow as pa

    schema = pa.schema(
        [("source_key", pa.string()), ("resident_id", pa.int64()), ("valid_from", pa.date32())]
    )
    query = """
        SELECT p.source_key, l.resident_id, p.valid_from
        FROM person_record AS p JOIN open_link AS l USING (feed, source_key)
        WHERE p.known_to IS NULL AND p.feed = :feed AND p.source_key LIKE :like
    """
    with DuckEngine() as engine:
        for feed in rule["compare"]:
            rows = village.rows(query, feed=feed, like=like)
            engine.table(
                feed,
                pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema),
            )
        found = engine.sql(rule["sql"], {"as_of": DAY}).read_all().to_pylist()
    return sorted((row["left_key"], row["right_key"]) for row in found)


def crowd(letter: str, number: str, count: int) -> list[dict[str, Any]]:
    """So many people of whom no two are alike, all under one number."""
    from tests.village import rows_of

    head = "key | version | since | name | born | number\n"
    return rows_of(head + "\n".join(
        f"{letter}{nth:03} | 1 | 2020-04-01 | 住民{nth} | {date(1930 + nth % 80, 1 + nth % 12, 1 + nth % 28)} | {number}"
        for nth in range(count)
    ))  # fmt: skip


#: One name and one birth for everybody.
LIKE = {
    "name_key": "森",
    "kana_key": "モリ",
    **dict.fromkeys(("date_of_birth", "date_of_birth_lo", "date_of_birth_hi"), date(1970, 7, 7)),
}


def test_a_number_that_somebody_typed_for_everyone_joins_nobody(village: Village) -> None:
    village.deliver(crowd("d", "9999999999", 300), DAY, feed=TAX)

    assert len(together(village, "d%")) == 300
    reasons = candidates(village, "d%")
    assert set(reasons) == {"number_shared_by_many"}
    assert len(reasons) < 300


def test_without_the_limit_every_pair_would_be_a_question(village: Village) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module in (definition, neighbourhood):
            patch.setattr(module, "MOST_OF_A_NUMBER", 1000)
        village.deliver(crowd("e", "8888888888", 60), DAY, feed=TAX)
        assert len(candidates(village, "e%")) > 300


@pytest.mark.parametrize(("letter", "number"), [("f", None), ("t", "")])
def test_an_empty_number_is_no_number(village: Village, letter: str, number: str | None) -> None:
    alike = {**LIKE, "numbering": "resident", "party_number": number, "match_key": None}
    village.deliver([{**row, **alike} for row in crowd(letter, "", 4)], DAY, feed=TAX)

    assert len(together(village, f"{letter}%")) == 4


# the source says so ------------------------------------------------------------------------------


def test_two_numbers_that_point_at_each_other_are_one_resident(village: Village) -> None:
    village.deliver(
        """
        key | version | since      | name     | born       | number | same_as_numbering | same_as_party_number
        g1  | 1       | 2020-04-01 | 中村五郎 | 1966-01-01 | 141    | resident          | 142
        g2  | 1       | 2020-04-01 | 中村五郎 | 1966-01-01 | 142    | resident          | 143
        g3  | 1       | 2020-04-01 | 中村五朗 | 1966-01-01 | 143    | resident          | 141
        """,
        DAY,
        feed=TAX,
    )

    assert together(village, "g%") == ["g1 g2 g3"]


def test_a_record_that_points_at_itself_is_itself(village: Village) -> None:
    village.deliver(
        """
        key | version | since      | name     | born       | number | same_as_numbering | same_as_party_number
        h1  | 1       | 2020-04-01 | 小川六郎 | 1966-01-01 | 151    | resident          | 151
        h2  | 1       | 2020-04-01 | 小川七郎 | 1967-01-01 | 152    | resident          | 159
        """,
        DAY,
        feed=TAX,
    )

    assert together(village, "h%") == ["h1", "h2"]
    assert candidates(village, "h%") == []


def test_a_source_that_points_at_a_stranger_is_not_believed(village: Village) -> None:
    village.deliver(
        """
        key | version | since      | name     | born       | number | same_as_numbering | same_as_party_number
        i1  | 1       | 2020-04-01 | 石田八郎 | 1966-01-01 | 161    | resident          | 162
        i2  | 1       | 2020-04-01 | 林九子   | 1999-09-09 | 162    |                   |
        """,
        DAY,
        feed=TAX,
    )

    assert together(village, "i%") == ["i1", "i2"]
    assert candidates(village, "i%") == ["number_contradicted"]


# attributes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("letter", "match_key"), [("j", None), ("k", "")])
def test_no_match_key_joins_nobody_however_alike(
    village: Village, letter: str, match_key: str | None
) -> None:
    alike = {**LIKE, "numbering": None, "party_number": None, "match_key": match_key}
    village.deliver([{**row, **alike} for row in crowd(letter, "", 4)], DAY, feed=CARE)

    assert len(together(village, f"{letter}%")) == 4


def test_namesakes_of_one_day_and_twins_stay_apart(village: Village) -> None:
    village.deliver(
        """
        key | version | since      | name     | born       | match_key | number | house
        l1  | 1       | 2020-04-01 | 鈴木一郎 | 1980-08-08 | l1        | 171    | 1
        l2  | 1       | 2020-04-01 | 鈴木一郎 | 1980-08-08 | l2        | 172    | 2
        l3  | 1       | 2020-04-01 | 双葉春   | 2019-09-09 | l3        | 173    | 3
        l4  | 1       | 2020-04-01 | 双葉夏   | 2019-09-09 | l4        | 174    | 3
        """,
        DAY,
    )

    assert together(village, "l%") == ["l1", "l2", "l3", "l4"]


def test_all_four_attributes_do_not_outweigh_two_tokens(village: Village) -> None:
    village.deliver(
        """
        key | version | since      | name     | born       | match_key | number | resident_code_token
        m1  | 1       | 2020-04-01 | 西山十郎 | 1980-08-08 | m         |        | token1
        m2  | 1       | 2020-04-01 | 西山十郎 | 1980-08-08 | m         |        | token2
        """,
        DAY,
        feed=CARE,
    )

    assert together(village, "m%") == ["m1", "m2"]


# a life ------------------------------------------------------------------------------------------


def test_a_birth_date_that_is_put_right_is_the_same_resident_with_both_versions(village: Village) -> None:
    head = "key | version | since | name | born | number\n"
    village.deliver(head + "n1 | 1 | 2020-04-01 | 東一子 | 1988-01-10 | 181", DAY)
    village.deliver(head + "n1 | 2 | 2026-06-02 | 東一子 | 1988-10-01 | 181", NEXT)

    assert together(village, "n%") == ["n1"]
    born = village.rows("SELECT date_of_birth FROM person_record WHERE source_key = 'n1' ORDER BY record_id")
    assert [row[0] for row in born] == [date(1988, 1, 10), date(1988, 10, 1)]


def test_a_married_name_under_the_same_number_is_the_same_resident(village: Village) -> None:
    head = "key | version | since | name | born | number\n"
    village.deliver(head + "o1 | 1 | 2020-04-01 | 南二子 | 1990-01-10 | 191", DAY)
    village.deliver(head + "o2 | 1 | 2020-04-01 | 北二子 | 1990-01-10 | 191", DAY, feed=TAX)

    assert together(village, "o%") == ["o1 o2"]


def test_somebody_older_than_any_is_kept_as_the_source_says(village: Village) -> None:
    village.deliver(
        "key | version | since | name | born | date_of_birth_raw | number\np1 | 1 | 1912-07-30 | 翁長寿 | 1880-02-29 | 18800229 | 201",
        DAY,
    )

    query = """
        SELECT g.date_of_birth, g.resident_status
        FROM golden_version AS g JOIN open_link USING (resident_id)
        WHERE source_key = 'p1' AND g.known_to IS NULL
    """
    assert village.rows(query) == [(date(1880, 2, 29), "resident")]


def test_a_key_given_to_somebody_else_begins_a_generation(village: Village) -> None:
    head = "key | version | since | name | born | match_key | number\n"
    village.deliver(head + "q1 | 1 | 2020-04-01 | 古川古 | 1940-01-10 | old | 211", DAY)
    village.deliver(head + "q2 | 1 | 2020-04-01 | 古川古 | 1940-01-10 | old |", DAY, feed=CARE)
    village.deliver(head + "q1 | 2 | 2026-06-02 | 新田新 | 2004-04-04 | new | 211", NEXT)

    assert together(village, "q%") == ["q1", "q1 q2"]
    assert candidates(village, "q%") == ["key_reissued"]
    assert village.resident("q1", DAY) == village.resident("q2", DAY)
    assert village.resident("q1", NEXT) not in (village.resident("q2", NEXT), village.resident("q1", DAY))


def test_the_same_bad_people_in_another_order_are_the_same_residents(village: Village) -> None:
    head = "key | version | since | name | born | match_key | number\n"
    told = {
        "juki.resident": "{0}1 | 1 | 2020-04-01 | 佐藤花子 | 1985-03-03 | {0}x | {1}1",
        TAX: "{0}2 | 1 | 2020-04-01 | 佐藤一郎 | 2015-05-05 | {0}y | {1}1",
        CARE: "{0}3 | 1 | 2020-04-01 | 佐藤花子 | 1985-03-03 | {0}x | {1}2",
    }
    for letter, feeds in (("r", list(told)), ("s", list(reversed(told)))):
        for feed in feeds:
            village.deliver(head + told[feed].format(letter, ord(letter)), DAY, feed=feed)

    assert together(village, "r%") == ["r1 r3", "r2"]
    assert together(village, "s%") == ["s1 s3", "s2"]
