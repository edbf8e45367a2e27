"""History and identity are proven on a registry with a past, and each damage is found by the proof that names it."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from tests.integration.workflow.town import DAY as TOWN_DAY
from tests.integration.workflow.town import Town, build, people
from tests.village import TRUST, Village

from renkei import project
from renkei.landing import Landing
from renkei.prove import Ground, Part, again, arrival, history, identity, undo
from renkei.prove.ground import Findings, Reread
from renkei.registry import golden
from renkei.registry.embedded import Cluster
from renkei.registry.identity.settle import settle
from renkei.registry.store import connect

DAY, NEXT, LAST = date(2026, 6, 1), date(2026, 6, 2), date(2026, 6, 3)
TABLES = (
    "resident",
    "link",
    "person_record",
    "golden_version",
    "resident_merge",
    "decision",
    "strong_number",
)
PEOPLE = """
    key | version | since      | name     | born       | address | match_key | number
    1   | 1       | 2020-04-01 | 山田太郎 | 1980-04-01 | 本町1   | m1        | 1
    2   | 1       | 2020-04-01 | 佐藤花子 | 1999-01-01 | 本町2   | m2        | 2
    3   | 1       | 2020-04-01 | 鈴木一郎 | 1950-05-05 | 本町3   | m3        | 3
    4   | 1       | 2020-04-01 | 高橋次郎 | 1960-06-06 | 本町4   | m4        | 4
    5   | 1       | 2020-04-01 | 伊藤三郎 | 1970-07-07 | 本町5   | m5        | 5
"""
TAXED = """
    key | version | since      | name     | born       | address | match_key | number
    t1  | 1       | 2021-04-01 | 山田太郎 | 1980-04-01 | 旧町1   | old       | 1
    t2  | 1       | 2021-04-01 | 渡辺夏子 | 2010-10-10 | 本町2   | m9        | 2
    t3  | 1       | 2021-04-01 | 鈴木一朗 | 1950-05-06 | 本町3   | m8        |
    t4  | 1       | 2021-04-01 | 高橋次郎 | 1960-06-06 | 本町4   | m4        |
"""
CARED = """
    key | version | since      | name     | born       | address | match_key | number
    f1  | 1       | 2022-04-01 | 山田太郎 | 1980-04-01 | 旧町1   | old       |
    f5  | 1       | 2022-04-01 | 伊藤三郎 | 1970-07-07 | 本町5   | m5        |
"""


@pytest.fixture(scope="module")
def shared(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    """Moves, a removal and a return, a key given to somebody else, and two decisions."""
    name = "proofs_of_identity"
    cluster.create_database(name, template="renkei_template")
    engine = connect(cluster.url(name))
    village = Village(registry=engine, folder=tmp_path_factory.mktemp("village"))
    village.deliver(PEOPLE, DAY, full=True)
    village.deliver(TAXED, DAY, feed="tax.taxpayer", full=True)
    village.deliver(CARED, DAY, feed="welfare.recipient")
    moved = PEOPLE.replace("| 1       |", "| 2       |").replace("本町3   | m3", "新町3   | n3")
    village.deliver("\n".join(line for line in moved.splitlines() if "伊藤" not in line), NEXT, full=True)
    reissued = moved.replace("高橋次郎 | 1960-06-06", "小林四郎 | 2001-01-01").replace("m4", "q4")
    village.deliver(reissued.replace("| 2       |", "| 3       |"), LAST, full=True)
    decide(village, "same", "3", "t3")
    decide(village, "different", "5", "f5")
    with engine.begin() as connection:
        for table in TABLES:
            connection.exec_driver_sql(f"CREATE TABLE kept_{table} AS TABLE {table}")
    yield village
    engine.dispose()
    cluster.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def decide(village: Village, kind: str, left: str, right: str) -> None:
    """A decision of two records that is in force at once."""
    with village.registry.begin() as connection:
        one, other = (
            connection.execute(sa.text("SELECT * FROM open_link WHERE source_key = :key"), {"key": key}).one()
            for key in (left, right)
        )
        connection.execute(sa.text("""
            INSERT INTO decision (kind, left_feed, left_key, left_home, right_feed, right_key, right_home, author,
                                  reason, decided_at, approved_by, in_force_from)
            VALUES (:kind, :lf, :lk, :lh, :rf, :rk, :rh, 'cli:asako', '戸籍で確認', :now, 'cli:bunta', :now)
        """), {
            "kind": kind, "lf": one.feed, "lk": one.source_key, "lh": one.home_id,
            "rf": other.feed, "rk": other.source_key, "rh": other.home_id, "now": village.clock,
        })  # fmt: skip
        settled = settle(connection, [one.home_id, other.home_id], now=village.clock)
        touched = ", ".join(f"({each})" for each in settled.touched) or "(0)"
        connection.exec_driver_sql(
            f"CREATE TEMP TABLE touched ON COMMIT DROP AS SELECT * FROM (VALUES {touched}) AS t(resident_id)"
        )
        trust = dict.fromkeys(golden.GROUPS, TRUST)
        golden.derive(connection, trust=trust, unit_id=None, now=village.clock)


@pytest.fixture
def village(shared: Village) -> Iterator[Village]:
    """The same registry for every test, mended after each."""
    yield shared
    with shared.registry.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in TABLES:
            connection.exec_driver_sql(f"DELETE FROM {table}")
            connection.exec_driver_sql(
                f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM kept_{table}"
            )


def ground(village: Village) -> Ground:
    return Ground(
        engine=village.registry, landing=Landing(village.folder), public_key=village.folder, witnesses=(),
        reread=lambda _: pytest.fail("nothing is read here"), replay=lambda _: None,
        elsewhere=lambda _: {},
    )  # fmt: skip


def told(village: Village, *checks: Callable[[Ground, Findings], None]) -> str:
    findings = Findings()
    for check in checks:
        check(ground(village), findings)
    proof = findings.proof("I16")
    assert proof.checked
    return "" if proof.holds else proof.detail


HISTORY, IDENTITY, AGAIN = history.history, identity.who_is_who, undo.derived_again


def test_a_registry_with_a_past_is_proven(village: Village) -> None:
    together = village.rows("""
        SELECT string_agg(source_key, ' ' ORDER BY source_key)
        FROM link WHERE known_to IS NULL GROUP BY resident_id ORDER BY 1
    """)

    assert [row[0] for row in together] == ["1 f1 t1", "2", "3 t3", "4", "4 t4", "5", "f5", "t2"]
    assert [told(village, check) for check in (HISTORY, IDENTITY, AGAIN)] == ["", "", ""]


HOME = "(SELECT home_id FROM open_link WHERE source_key = '{}')"
#: What is done to the registry → which proof finds it, by which words.
DAMAGES = {
    "two versions overlap": (
        "UPDATE person_record SET known_to = known_to + interval '1 min' WHERE source_key = '3' AND source_version = '1'",
        HISTORY, "overlaps the next version",
    ),
    "a time between two versions": (
        "UPDATE person_record SET known_to = known_to - interval '1 min' WHERE source_key = '3' AND source_version = '1'",
        HISTORY, "a gap before the next version",
    ),
    "a closed version opened": (
        ("DROP INDEX person_record_open;"
        "UPDATE person_record SET known_to = NULL WHERE source_key = '3' AND source_version = '1'"),
        HISTORY, "still open though another follows",
    ),
    "a removal forgotten": (
        "DELETE FROM person_record WHERE source_key = '5' AND removed",
        HISTORY, "a gap before the next version",
    ),
    "an overtaken version that lasted": (
        "UPDATE person_record SET superseded = true WHERE source_key = '3' AND source_version = '1'",
        HISTORY, "overtaken when it came",
    ),
    "a link that lasts over the next one": (
        (f"UPDATE link SET known_to = known_to + interval '1 min' WHERE home_id = {HOME.format('t3')}"
        " AND known_to IS NOT NULL"),
        HISTORY, "overlaps the next link",
    ),
    "a link that is gone": (
        "DELETE FROM link WHERE source_key = '1' AND known_to IS NULL",
        HISTORY, "a record that no link knows",
    ),
    "a golden record that lasted too long": (
        ("UPDATE golden_version SET known_to = known_to + interval '1 min' WHERE golden_id = ("
        "SELECT min(golden_id) FROM golden_version JOIN open_link USING (resident_id) WHERE source_key = '3')"),
        HISTORY, "overlaps the next version",
    ),
    "a golden record that was lost for a while": (
        ("UPDATE golden_version SET known_to = known_to - interval '1 min' WHERE golden_id = ("
        "SELECT min(golden_id) FROM golden_version JOIN open_link USING (resident_id) WHERE source_key = '3')"),
        HISTORY, "though a record was there",
    ),
    "a past that was rewritten": (
        "UPDATE person_record SET source_version = '0' WHERE source_key = '3' AND known_to IS NULL",
        HISTORY, "than they do now",
    ),
    "a link to a higher home": (
        f"UPDATE link SET resident_id = {HOME.format('5')} WHERE source_key = '2' AND known_to IS NULL",
        IDENTITY, "above its home",
    ),
    "a resident that is not the smallest home": (
        (f"UPDATE link SET resident_id = {HOME.format('t1')} WHERE known_to IS NULL"
        f" AND resident_id = {HOME.format('1')} AND source_key <> '1'"),
        IDENTITY, "is the same as resident:",
    ),
    "strangers as one": (
        f"UPDATE link SET resident_id = {HOME.format('2')} WHERE source_key = 't2' AND known_to IS NULL",
        IDENTITY, "contradict each other",
    ),
    "two as one for no reason": (
        f"UPDATE link SET resident_id = {HOME.format('2')} WHERE source_key = '5' AND known_to IS NULL",
        IDENTITY, "is not held together",
    ),
    "two whom a person parted as one": (
        f"UPDATE link SET resident_id = {HOME.format('5')} WHERE source_key = 'f5' AND known_to IS NULL",
        IDENTITY, "decided to be different",
    ),
    "one as two": (
        "UPDATE link SET resident_id = home_id WHERE source_key = 't1' AND known_to IS NULL",
        IDENTITY, "is the same as resident:",
    ),
    "a decision that was not followed": (
        "UPDATE link SET resident_id = home_id WHERE source_key = 't3' AND known_to IS NULL",
        IDENTITY, "says another resident than the links",
    ),
    "one home of two keys": (
        ("DROP INDEX link_of_home;"
        f"UPDATE link SET home_id = {HOME.format('2')} WHERE source_key = 't2' AND known_to IS NULL"),
        IDENTITY, "was given to two keys",
    ),
    "a circle of merges": (
        ("ALTER TABLE resident_merge DROP CONSTRAINT resident_merge_check;"
        "INSERT INTO resident_merge (home_id, resident_id, known_from)"
        " SELECT resident_id, home_id, known_from FROM resident_merge WHERE known_to IS NULL"),
        IDENTITY, "is no ray of a star",
    ),
    "a resident without a golden record": (
        f"DELETE FROM golden_version WHERE resident_id = {HOME.format('2')}",
        IDENTITY, "has a record and no golden record",
    ),
    "a golden record of nobody": (
        ("UPDATE golden_version SET resident_id = 999 WHERE known_to IS NULL"
        f" AND resident_id = {HOME.format('2')}"),
        IDENTITY, "is of nobody who has a record",
    ),
    "a number that the record does not say": (
        "UPDATE link SET party_number = '77' WHERE source_key = '2' AND known_to IS NULL",
        IDENTITY, "another number than its record",
    ),
    "a strong number that no record says": (
        f"INSERT INTO strong_number VALUES ({HOME.format('2')}, 'resident_code', 'token')",
        IDENTITY, "other strong numbers than its record",
    ),
    "a golden value": (
        ("UPDATE golden_version SET full_name = '別人' WHERE known_to IS NULL"
        f" AND resident_id = {HOME.format('2')}"),
        AGAIN, "rows anew",
    ),
    "a link by another rule": (
        "UPDATE link SET rule = 'residence_card' WHERE source_key = 't1' AND known_to IS NULL",
        AGAIN, "settled again",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_by_the_proof_that_names_it(village: Village, damage: str) -> None:
    statements, check, words = DAMAGES[damage]

    with rewritten(village, statements):
        assert words in told(village, check)


@contextmanager
def rewritten(village: Village, statements: str) -> Iterator[None]:
    """What a database owner can do; dropped indexes and constraints are put back afterwards."""
    with village.registry.begin() as connection:
        before = [row[0] for row in connection.exec_driver_sql(_DEFINITIONS)]
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in statements.split(";"):
            changed = connection.exec_driver_sql(statement).rowcount
        assert changed
    yield
    with village.registry.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in TABLES:
            connection.exec_driver_sql(f"DELETE FROM {table}")
        there = {row[0] for row in connection.exec_driver_sql(_DEFINITIONS)}
        for definition in before:
            if definition not in there:
                connection.exec_driver_sql(definition)


_DEFINITIONS = """
    SELECT indexdef FROM pg_indexes WHERE tablename IN ('person_record', 'link')
    UNION ALL
    SELECT 'ALTER TABLE resident_merge ADD CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE conrelid = 'resident_merge'::regclass AND contype = 'c'
"""


def test_a_decision_that_left_something_behind_is_found(village: Village) -> None:
    """A twin in which taking back does nothing."""
    nothing = "UPDATE decision SET in_force_from = in_force_from WHERE decision_id = :decision"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(undo, "_WITHDRAW", nothing)
        assert "taken back leaves something behind" in told(village, undo.derived_again)


def test_what_i16_takes_back_is_there_afterwards(village: Village) -> None:
    state = "SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {} AS t"
    before = [village.rows(state.format(table)) for table in TABLES]

    told(village, history.history, identity.who_is_who, undo.derived_again)

    assert [village.rows(state.format(table)) for table in TABLES] == before


# I6: the fold ------------------------------------------------------------------------------------


def delivery(records: dict[str, tuple[str, str]], gone: str = "") -> Reread:
    table = {
        "source_key": list(records),
        "source_version": [version for version, _ in records.values()],
        "content_hash": [content for _, content in records.values()],
    }
    return Reread(
        records=pa.table(table, pa.schema([(name, pa.string()) for name in table])),
        rejected=pa.array([], pa.string()), gone=pa.array(list(gone), pa.string()), nameless=0,
    )  # fmt: skip


@st.composite
def nights(draw: st.DrawFn) -> list[arrival.Told]:
    """A whole delivery and some parts, with versions that go up, down and away."""
    found = []
    for rank in range(draw(st.integers(1, 4))):
        keys = draw(st.sets(st.sampled_from("ABCD"), max_size=4))
        gone = draw(st.sets(st.sampled_from("ABCD"))) - keys if rank else set()
        records = {key: (str(draw(st.integers(1, 4))), draw(st.sampled_from("xyz"))) for key in sorted(keys)}
        found.append(arrival.told(delivery(records, "".join(sorted(gone))), rank=rank, is_whole=rank == 0))
    return found


@given(nights(), st.randoms(use_true_random=False))
def test_no_order_and_no_repetition_shows_in_the_fold(said: list[arrival.Told], dice) -> None:
    def folded(order: list[arrival.Told]) -> pl.DataFrame:
        state = order[0]
        for each in order[1:]:
            state = state + each
        return state.present()

    again = said + dice.choices(said, k=2)
    dice.shuffle(again)

    assert folded(again).equals(folded(said))


def test_the_newest_version_since_a_key_was_last_gone_is_there() -> None:
    whole = arrival.told(delivery({"A": ("5", "a"), "B": ("1", "b"), "C": ("1", "c")}), rank=0, is_whole=True)
    part = arrival.told(delivery({"B": ("2", "bb")}, gone="AC"), rank=1, is_whole=False)
    back = arrival.told(delivery({"A": ("3", "aa"), "B": ("1", "late")}), rank=2, is_whole=False)

    assert (back + whole + part).present().rows() == [("A", "3", "aa"), ("B", "2", "bb")]


def test_a_fold_that_takes_whatever_came_last_would_be_found() -> None:
    """A twin that depends on the order is told by the orders that are tried."""
    findings = Findings()

    class Last(arrival.Told):
        def __add__(self, other: arrival.Told) -> arrival.Told:
            return other

    said = [
        Last(**vars(arrival.told(delivery({"A": (str(rank), "x")}), rank=rank, is_whole=False)))
        for rank in range(3)
    ]
    arrival._one_state(said, "town.person", findings)

    assert not findings.proof("I6").holds


def test_the_orders_that_are_tried_repeat_and_differ() -> None:
    tried = arrival.orders(4)

    assert tried[0] == [0, 1, 2, 3]
    assert all(set(order) == {0, 1, 2, 3} for order in tried)
    assert len({tuple(order) for order in tried}) == len(tried)
    assert any(len(order) > 4 for order in tried)
    assert arrival.orders(4) == tried


# I11: the same everywhere ------------------------------------------------------------------------


@pytest.fixture
def town(tmp_project: Path, registry: sa.Engine) -> Town:
    made = build(tmp_project, registry)
    made.deliver(people(8))
    return made


def landed(town: Town) -> Part:
    landing, found = Landing(town.root / "var" / "landing"), town.rows("SELECT sha256 FROM delivery")
    return Part(feed="town.person", file=landing.path(found[0][0]), as_of=TOWN_DAY)


def test_a_delivery_is_mapped_alike_in_processes_of_other_surroundings(town: Town) -> None:
    town.sync()
    found, part = project.load(town.root), landed(town)
    lost = Part(feed=part.feed, file=part.file.with_name("0" * 64), as_of=part.as_of)

    here, there = again.reread(found, part), again.elsewhere(found, [part, lost])

    assert here.records.num_rows == 8
    assert {name: digests[0] for name, digests in there.items()} == dict.fromkeys(
        again.SURROUNDINGS, here.digest
    )
    assert {digests[1] for digests in there.values()} == {"unreadable"}


@pytest.mark.parametrize("name", ["TZ", "LANG", "PYTHONHASHSEED"])
def test_a_mapping_that_depends_on_its_surroundings_would_be_found(name: str) -> None:
    """The surroundings differ from each other in all that a mapping must not look at."""
    values = [each[name] for each in again.SURROUNDINGS.values()]

    digests = {hashlib.sha256(value.encode()).hexdigest() for value in values}

    assert len(digests) == len(values) == 2
