"""Two axes of time on a real registry: what held on a day, as it was known at an instant."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.history_model import Version, forgetting, state
from tests.village import BEGIN, Village, rows_of

from renkei.bulk import copy_in
from renkei.registry import history
from renkei.registry.embedded import Cluster
from renkei.registry.store import connect

JUNE = date(2026, 6, 1)
EVER = date(2100, 1, 1)


def day(number: int) -> date:
    return JUNE + timedelta(number - 1)


@pytest.fixture(scope="module")
def shared(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    """One registry for many stories, each with keys of its own."""
    cluster.create_database("history", template="renkei_template")
    engine = connect(cluster.url("history"))
    yield Village(registry=engine, folder=tmp_path_factory.mktemp("village"))
    engine.dispose()
    cluster.execute('DROP DATABASE IF EXISTS "history" WITH (FORCE)')


# the definition ------------------------------------------------------------------------------------

KINDS = ("birth", "moved_in", "address", "death", "cancelled", "correction", "gone")


def random_story(key: str, chance: random.Random) -> list[Version]:
    """A few versions of one key: told in some order, some late, some twice under one version."""
    made: list[Version] = []
    for known in range(chance.randint(1, 8)):
        kind, told = chance.choice(KINDS), chance.randint(1, 30)
        again = chance.choice(made) if made and chance.random() < 0.15 else None
        if again is not None and not again.removed:
            version, kind = again.version, again.kind
        else:
            version = f"{chance.randint(1, 20):03}-{known}"
        made.append(
            Version(
                key=key, version=day(told).isoformat() if kind == "gone" else version, kind=kind,
                valid_from=day(told) if kind == "gone" else day(chance.randint(1, 35)), told_on=day(told),
                known=known, arrival=known, removed=kind == "gone", superseded=chance.random() < 0.3,
                doubted=kind == "gone" and chance.random() < 0.3,
            )
        )  # fmt: skip
    return made


def stored(village: Village, versions: list[Version]) -> dict[Version, int]:
    """Put versions into the registry as they are, a unit a day that told them; version → its record."""
    import pyarrow as pa

    units = {told: 10_000 + number for number, told in enumerate(sorted({v.told_on for v in versions}))}
    with village.registry.begin() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        for told, number in units.items():
            zero = dict.fromkeys(("records", "merged", "unchanged", "superseded", "rejected", "ended"), 0)
            row = {"unit_id": number, "delivery_id": number, "feed": "made.up", "as_of": told, "now": BEGIN}
            names = ", ".join((*zero, "unit_id", "delivery_id", "feed", "as_of", "done_at"))
            values = ", ".join(
                f":{name}" for name in (*zero, "unit_id", "delivery_id", "feed", "as_of", "now")
            )
            connection.execute(sa.text(f"""
                INSERT INTO unit (run_id, mapping_digest, fence, dispositions, snapshot, {names})
                OVERRIDING SYSTEM VALUE VALUES (gen_random_uuid(), 'd', 1, 'x', 'x', {values})
            """), {**zero, **row})  # fmt: skip
        # one row a key and unit is a promise of merging, which is not looked at here
        connection.exec_driver_sql(
            "ALTER TABLE person_record DROP CONSTRAINT person_record_feed_source_key_unit_id_key"
        )
        copy_in(connection, "person_record", pa.Table.from_pylist([
            {
                "feed": "made.up", "source_key": v.key, "source_version": v.version, "valid_from": v.valid_from,
                "change_kind": None if v.removed else v.kind, "removed": v.removed, "superseded": v.superseded,
                "doubted": v.doubted, "known_from": BEGIN + timedelta(hours=v.known), "known_to": BEGIN + timedelta(hours=99),
                "unit_id": units[v.told_on], "rec_no": 1, "content_hash": "",
            }
            for v in versions
        ]))  # fmt: skip
        rows = connection.exec_driver_sql(
            "SELECT record_id FROM person_record WHERE feed = 'made.up' ORDER BY 1"
        )
        return dict(zip(versions, rows.scalars(), strict=True))


def test_the_registry_answers_as_the_model_does(registry: sa.Engine, tmp_path: Path) -> None:
    chance = random.Random(4)
    versions = [v for number in range(400) for v in random_story(f"{number:03}", chance)]
    village = Village(registry=registry, folder=tmp_path)
    record_of = stored(village, versions)
    differs = 0

    for as_of in range(1, 37, 4):
        for known_at in (0, 2, 4, 9):
            point = {"as_of": day(as_of), "known_at": BEGIN + timedelta(hours=known_at, minutes=1)}
            answer = dict(
                village.rows("SELECT source_key, record_id FROM person_at(:as_of, :known_at)", **point)
            )
            wanted = state(versions, day(as_of), known_at)
            assert answer == {key: record_of[version] for key, version in wanted.items()}
            differs += state(forgetting(versions), day(as_of), known_at) != wanted

    assert differs  # the twin that never reaches back is told apart


# merging ---------------------------------------------------------------------------------------------

#: Random histories, each in order and mixed; more of them find rarer orders.
STORIES = 1
EVENTS = ("birth", "address", "death", "cancelled", "correction", "moved_out", "gone")


def random_deliveries(chance: random.Random) -> list[tuple[date, list[dict[str, Any]], list[str]]]:
    """A delivery a day: what its source's own history of a dozen keys gained that day.

    The last one speaks of every key: a removal that comes late is believed once something later is known.
    """
    days, made = [*sorted(chance.sample(range(1, 28), 4)), 28], []
    for number, told in enumerate(days):
        rows, gone = [], []
        for key in map(str, range(1, 13)):
            kind = chance.choice(EVENTS)
            if kind == "gone":
                gone.append(key)
            elif chance.random() < 0.7 or told == 28:
                since = day(told - chance.randint(0, 5) if kind != "moved_out" else told + 3)
                rows += rows_of(f"""
                    key   | version      | since   | change | name | house | relation
                    {key} | {number:03} | {since} | {kind} | 葛原{key} | H{chance.randint(1, 2)} | child
                """)
        made.append((day(told), rows, gone))
    return made


def answers(village: Village, feed: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that must not depend on the order of arrival; ids of rows and of residents do."""
    names = "source_key, source_version, valid_from, removed, content_hash"
    made = {
        "set": village.rows(
            f"SELECT DISTINCT {names} FROM person_record WHERE feed = :feed ORDER BY 1, 2, 3, 4", feed=feed
        ),
        "households": village.rows(
            """
            SELECT source_key, household_number, relationship, is_head, member_from, member_to
            FROM household_history('infinity') WHERE feed = :feed ORDER BY 1, 5
            """,
            feed=feed,
        ),
    }
    for number in range(1, 34, 3):
        made[f"day {number}"] = village.rows(
            """
            SELECT s.source_key, p.source_version, s.effective_on, s.resident_status
            FROM person_at(:as_of, 'infinity') AS s JOIN person_record AS p USING (record_id)
            WHERE s.feed = :feed ORDER BY 1
            """,
            as_of=day(number),
            feed=feed,
        )
    return made


def test_every_order_of_arrival_gives_the_same_history_and_answers(shared: Village) -> None:
    chance = random.Random(11)
    for story in range(STORIES):
        deliveries = random_deliveries(chance)
        mixed = chance.sample(deliveries * 2, len(deliveries) * 2)[: len(deliveries) + 2]
        mixed += [each for each in deliveries if each not in mixed]
        found = []
        for name, order in (("in_order", deliveries), ("mixed", mixed)):
            feed = f"s{story}.{name}"
            for as_of, rows, gone in order:
                own = [{**row, "numbering": None, "party_number": None} for row in rows]
                shared.deliver(own, as_of, gone=gone, feed=feed)
            found.append(answers(shared, feed))
            assert shared.rows(OPEN, feed=feed) == shared.rows(LAST, feed=feed)
        assert found[0] == found[1], story


OPEN = """
    SELECT source_key, record_id
    FROM person_record
    WHERE feed = :feed AND known_to IS NULL AND NOT removed
    ORDER BY 1
"""
LAST = "SELECT source_key, record_id FROM person_at('2100-01-01', 'infinity') WHERE feed = :feed ORDER BY 1"

HEAD = "key | version | since | change | name | born | status | house | relation"


def test_a_version_that_comes_late_is_history_and_never_the_present(shared: Village) -> None:
    shared.deliver(f"{HEAD}\nL1 | 3 | 2026-06-10 | address | 三 | 1980-04-01 | resident | H3 | head", day(10))

    shared.deliver(f"{HEAD}\nL1 | 2 | 2026-06-05 | address | 二 | 1980-04-01 | resident | H2 | head", day(5))
    shared.deliver(f"{HEAD}\nL1 | 2 | 2026-06-05 | address | 二 | 1980-04-01 | resident | H2 | head", day(5))

    assert [shared.said("L1", "full_name", day(n)) for n in (4, 5, 9, 10)] == [None, "二", "二", "三"]
    kept = "SELECT source_version, superseded, known_from = known_to FROM person_record WHERE source_key = 'L1' ORDER BY 1"
    assert shared.rows(kept) == [("2", True, True), ("3", False, None)]


def test_what_was_asked_before_is_answered_the_same_after_a_late_version(shared: Village) -> None:
    shared.deliver(f"{HEAD}\nL2 | 1 | 2026-06-01 | birth | 一 | 2026-06-01 | resident | H1 | child", day(1))
    then = shared.deliver(
        f"{HEAD}\nL2 | 3 | 2026-06-20 | cancelled | 一 | 2026-06-01 | resident | H1 | child", day(20)
    )
    before = [shared.said("L2", "source_version", day(n), then) for n in (5, 12, 20)]

    shared.deliver(f"{HEAD}\nL2 | 2 | 2026-06-10 | death | 一 | 2026-06-01 | dead | H1 | child", day(11))

    assert [shared.said("L2", "source_version", day(n), then) for n in (5, 12, 20)] == before
    assert [shared.said("L2", "source_version", day(n)) for n in (5, 12, 20)] == ["1", "3", "3"]


def test_the_row_keeps_the_day_from_which_it_took_effect(shared: Village) -> None:
    shared.deliver(f"{HEAD}\nE1 | 1 | 2026-06-01 | birth | 一 | 2026-06-01 | resident | H1 | child", day(1))
    shared.deliver(
        f"{HEAD}\nE1 | 2 | 2026-06-09 | correction | 壱 | 2026-06-01 | resident | H1 | child", day(9)
    )
    shared.deliver(
        f"{HEAD}\nE2 | 1 | 2026-06-30 | moved_out | 二 | 1980-01-01 | moved_out | H1 | child", day(10)
    )

    kept = "SELECT source_key, effective_from FROM person_record WHERE source_key IN ('E1', 'E2') ORDER BY record_id"
    assert shared.rows(kept) == [("E1", None), ("E1", day(1)), ("E2", day(10))]


# households ------------------------------------------------------------------------------------------


def household(village: Village, number: str, as_of: date, system: str = "juki") -> list[tuple[Any, ...]]:
    return village.rows(
        """
        SELECT relationship, is_head, member_from FROM household_at(:as_of, :known_at)
        WHERE system = :system AND household_number = :number ORDER BY is_head DESC, resident_id
        """,
        system=system, number=number, **vars(village.point(as_of)),
    )  # fmt: skip


def test_a_split_and_a_change_of_head_are_memberships_that_end_and_begin(shared: Village) -> None:
    shared.deliver(
        f"""{HEAD}
        S1 | 1 | 2026-06-01 | moved_in | 父 | 1950-01-01 | resident | SA | head
        S2 | 1 | 2026-06-01 | moved_in | 母 | 1951-01-01 | resident | SA | spouse
        S3 | 1 | 2026-06-01 | moved_in | 子 | 1990-01-01 | resident | SA | child""",
        day(1),
    )
    shared.deliver(
        f"{HEAD}\nS3 | 2 | 2026-06-10 | household | 子 | 1990-01-01 | resident | SB | head", day(10)
    )
    shared.deliver(
        f"""{HEAD}
        S1 | 2 | 2026-06-20 | death | 父 | 1950-01-01 | dead | SA | head
        S2 | 2 | 2026-06-20 | household | 母 | 1951-01-01 | resident | SA | head""",
        day(20),
    )

    assert household(shared, "SA", day(5)) == [
        ("head", True, day(1)),
        ("spouse", False, day(1)),
        ("child", False, day(1)),
    ]
    assert household(shared, "SA", day(25)) == [("head", True, day(1))]
    assert household(shared, "SB", day(25)) == [("head", True, day(10))]
    spans = """
        SELECT source_key, household_number, is_head, member_from, member_to
        FROM household_history('infinity') WHERE source_key IN ('S1', 'S2', 'S3') ORDER BY 1, 4
    """
    assert shared.rows(spans) == [
        ("S1", "SA", True, day(1), day(20)),
        ("S2", "SA", False, day(1), day(20)), ("S2", "SA", True, day(20), None),
        ("S3", "SA", False, day(1), day(10)), ("S3", "SB", True, day(10), None),
    ]  # fmt: skip


def test_a_household_without_a_head_is_shown_as_such(shared: Village) -> None:
    shared.deliver(
        f"{HEAD}\nN1 | 1 | 2026-06-01 | household | 子 | 2010-01-01 | resident | NH | child", day(1)
    )

    assert household(shared, "NH", day(2)) == [("child", False, day(1))]


def test_who_has_announced_to_leave_lives_there_up_to_that_day(shared: Village) -> None:
    shared.deliver([
        {**row, "moved_out_on": day(25)} for row in rows_of(
            f"{HEAD}\nA1 | 1 | 2026-06-25 | moved_out | 甲 | 1980-01-01 | moved_out | AH | head")
    ], day(10))  # fmt: skip

    assert [len(household(shared, "AH", day(n))) for n in (9, 10, 24, 25)] == [0, 1, 1, 0]


def test_a_household_of_ten_thousand_is_answered(shared: Village) -> None:
    shared.deliver(
        f"{HEAD}\nBH0 | 1 | 2026-06-01 | moved_in | 人 | 1980-01-01 | resident | BH | child",
        day(1), feed="welfare.facility",
    )  # fmt: skip
    with shared.registry.begin() as connection:
        for table, names in (
            ("person_record", "household_number, known_from, unit_id, source_version, rec_no, valid_from, content_hash"),
            ("link", "resident_id, home_id, rule, valid_from, known_from, unit_id"),
        ):  # fmt: skip
            values = names.replace("resident_id, home_id", "resident_id + 1000000 + n, home_id + 1000000 + n")
            connection.exec_driver_sql(f"""
                INSERT INTO {table} (feed, source_key, {names})
                SELECT feed, 'BH' || n, {values}
                FROM {table}, generate_series(1, 9999) AS n WHERE source_key = 'BH0'
            """)

    with shared.registry.connect() as connection:
        members = history.members_of(connection, "welfare", "BH", shared.point(day(2)))

    assert len(members) == 10_000


# questions to one resident ---------------------------------------------------------------------------


def test_a_resident_that_became_part_of_another_says_where(shared: Village) -> None:
    shared.deliver(
        f"{HEAD} | number\nP1 | 1 | 2026-06-01 | moved_in | 同 | 1980-01-01 | resident | | | ", day(1)
    )
    apart = shared.deliver(
        f"{HEAD} | number\nP2 | 1 | 2026-06-01 | moved_in | 同 | 1980-01-01 | resident | | | ", day(2), feed="tax.taxpayer"
    )  # fmt: skip
    first, second = shared.resident("P1"), shared.resident("P2")
    assert first != second

    shared.deliver(
        f"{HEAD} | number\nP1 | 2 | 2026-06-01 | moved_in | 同 | 1980-01-01 | resident | | | P9", day(3)
    )
    shared.deliver(
        f"{HEAD} | number\nP2 | 2 | 2026-06-01 | moved_in | 同 | 1980-01-01 | resident | | | P9", day(4), feed="tax.taxpayer"
    )  # fmt: skip

    with shared.registry.connect() as connection:
        assert history.links_of(connection, second, shared.point(day(5))) == []
        assert history.part_of(connection, second, shared.point(day(5))) == first
        assert len(history.links_of(connection, second, shared.point(day(5), apart))) == 1
        assert history.part_of(connection, second, shared.point(day(5), apart)) is None


def test_sources_that_name_each_other_as_the_same_person_do_not_hang(shared: Village) -> None:
    circle = [
        {**row, "same_as_numbering": "resident", "same_as_party_number": other}
        for row, other in zip(
            rows_of(f"""{HEAD}
                C1 | 1 | 2026-06-01 | moved_in | 環 | 1980-01-01 | resident | |
                C2 | 1 | 2026-06-01 | moved_in | 環 | 1980-01-01 | resident | |
                C3 | 1 | 2026-06-01 | moved_in | 環 | 1980-01-01 | resident | |"""),
            ("C2", "C3", "C1"), strict=True,
        )
    ]  # fmt: skip

    shared.deliver(circle, day(1))

    assert len({shared.resident(key) for key in ("C1", "C2", "C3")}) == 1


def test_a_birth_date_that_changes_leaves_both_versions_to_be_seen(shared: Village) -> None:
    shared.deliver(f"{HEAD}\nB1 | 1 | 2026-06-01 | moved_in | 生 | 1980-01-01 | resident | |", day(1))
    before = shared.resident("B1")
    shared.deliver(f"{HEAD}\nB1 | 2 | 2026-06-05 | name | 生 | 1980-01-02 | resident | |", day(5))

    assert shared.resident("B1") == before
    assert [shared.said("B1", "date_of_birth", day(n)) for n in (4, 5)] == [
        date(1980, 1, 1),
        date(1980, 1, 2),
    ]


def golden_at(village: Village, key: str, as_of: date, known_at: Any = None) -> dict[str, tuple[Any, str]]:
    point = village.point(as_of, known_at)
    with village.registry.connect() as connection:
        resident = village.resident(key, as_of, known_at)
        links = history.links_of(connection, resident, point)
        records = history.records_of(connection, links, point)
        rules = history.rules_of(connection, resident, point)
        won = history.golden_of(records, rules, history.chosen_of(connection, links, point))
    return {group: (row and row["feed"], rule) for group, (row, rule) in won.items()}


def test_the_golden_record_of_a_day_is_made_by_trust_until_a_person_chooses(shared: Village) -> None:
    row = "2026-06-01 | moved_in | 金 | 1980-01-01 | resident | G | head"
    shared.deliver(f"{HEAD}\nG1 | 1 | {row}", day(1), feed="tax.taxpayer")
    only_tax = shared.clock
    trusted = shared.deliver(f"{HEAD}\nG1 | 1 | {row}", day(2))
    decided = trusted + timedelta(minutes=10)
    with shared.registry.begin() as connection:
        connection.execute(sa.text("""
            INSERT INTO decision (kind, left_feed, left_key, field_group, author, reason, decided_at, in_force_from,
                in_force_until, approved_by, left_home)
            SELECT 'value', feed, source_key, 'name', 'a', 'r', :at, :at, :until, 'b', home_id
            FROM open_link WHERE feed = 'tax.taxpayer' AND source_key = 'G1'
        """), {"at": decided, "until": decided + timedelta(minutes=10)})  # fmt: skip

    names = [
        golden_at(shared, "G1", day(5), known_at)["name"][0]
        for known_at in (only_tax, trusted, decided, decided + timedelta(minutes=10))
    ]
    assert names == ["tax.taxpayer", "juki.resident", "tax.taxpayer", "juki.resident"]
    assert golden_at(shared, "G1", day(5), decided)["name"][1].startswith("decision:")
    assert golden_at(shared, "G1", day(5), decided)["address"] == (None, "trust:juki>tax>welfare")


def counts(village: Village, feed: str) -> list[tuple[Any, ...]]:
    """(merged, kept late, removed late) of each unit as its rows tell, beside what the unit says."""
    from renkei.prove.state import _WRITTEN

    query = f"""
        WITH kept AS ({_WRITTEN})
        SELECT kept.merged - unit.merged, kept.late, kept.late_ended, unit.superseded, unit.unchanged
        FROM unit JOIN kept USING (unit_id) WHERE feed = :feed ORDER BY unit_id
    """
    return village.rows(query, feed=feed)


def test_late_rows_are_not_counted_as_merged_and_never_more_than_came_late(shared: Village) -> None:
    feed, row = "welfare.count", "address | 数 | 1980-04-01 | resident | |"
    shared.deliver(f"{HEAD}\nI1 | 3 | 2026-06-10 | {row}", day(10), feed=feed)

    shared.deliver(f"{HEAD}\nI1 | 2 | 2026-06-05 | {row}", day(5), feed=feed, gone=["I2"])

    assert counts(shared, feed) == [(0, 0, 0, 0, 0), (0, 1, 1, 1, 1)]
    with shared.registry.begin() as connection:  # the twin: a late row that passes for a merged one
        connection.exec_driver_sql(
            "UPDATE person_record SET superseded = false WHERE source_key = 'I1' AND source_version = '2'"
        )
    assert counts(shared, feed)[1][0] == 1


def test_a_question_about_one_resident_reads_by_index(shared: Village) -> None:
    """Planned as for a large registry: nothing is read from end to end."""
    shared.deliver(f"{HEAD}\nX1 | 1 | 2026-06-01 | moved_in | 索 | 1980-01-01 | resident | XH | head", day(1))
    resident = shared.resident("X1")
    with shared.registry.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # a village is small
        point = shared.point(day(5))
        links = history.links_of(connection, resident, point)
        asked = {
            **history._keys(links),
            **vars(point),
            "resident": resident,
            "system": "juki",
            "number": "XH",
        }
        for query in (history._LINKS, history._RECORDS, history._PART_OF, history._MEMBERS, history._RULES):
            bound = {name: value for name, value in asked.items() if f":{name}" in query}
            plan = "\n".join(connection.execute(sa.text("EXPLAIN " + query), bound).scalars())
            assert "Seq Scan on person_record" not in plan, plan
            assert "Seq Scan on link" not in plan, plan
            assert "Seq Scan on golden_version" not in plan, plan


# a key that is given to somebody else ---------------------------------------------------------------

_PEOPLE = {"甲": "甲野 | 1940-01-01", "乙": "乙山 | 1980-02-02", "丙": "丙川 | 2010-03-03"}


def give(village: Village, key: str, who: str, version: int, since: str, told: date, change: str = "") -> int:
    head = "key | version | since | change | name | born | match_key | status\n"
    said = f"{key} | {version} | {since} | {change} | {_PEOPLE[who]} | {key}{who} | resident"
    village.deliver(head + said, told)
    return village.resident(key)


def shown_as(village: Village, key: str, as_of: date) -> tuple[Any, Any]:
    """Whose the key is on a day, and the name that it says: both of one person, or a stranger is shown."""
    return village.resident(key, as_of), village.said(key, "full_name", as_of)


def test_a_key_given_on_before_it_was_given_shows_nobody_under_another(shared: Village) -> None:
    first = give(shared, "given1", "甲", 1, "2020-01-01", day(1))
    give(shared, "given1", "乙", 2, "2026-06-05", day(5))
    third = give(shared, "given1", "丙", 3, "2026-06-03", day(6))

    assert shown_as(shared, "given1", day(2)) == (first, "甲野")
    assert shown_as(shared, "given1", day(4)) == (third, "丙川")
    assert shown_as(shared, "given1", day(9)) == (third, "丙川")


def test_a_key_given_away_and_back_is_its_persons_on_each_day(shared: Village) -> None:
    first = give(shared, "given2", "甲", 1, "2020-01-01", day(1))
    second = give(shared, "given2", "乙", 2, "2026-06-03", day(3))
    assert give(shared, "given2", "甲", 3, "2026-06-05", day(5)) == first
    assert give(shared, "given2", "乙", 4, "2026-06-07", day(7)) == second

    days = {number: shown_as(shared, "given2", day(number)) for number in (2, 4, 6, 8)}
    assert days == {2: (first, "甲野"), 4: (second, "乙山"), 6: (first, "甲野"), 8: (second, "乙山")}


@pytest.mark.parametrize(
    ("key", "since", "change", "from_day"),
    [("given3", "2026-06-20", "", 5), ("given4", "2026-06-05", "correction", 1)],
    ids=["announced", "correction"],
)
def test_a_key_is_somebody_elses_from_the_day_on_which_its_record_takes_effect(
    shared: Village, key: str, since: str, change: str, from_day: int
) -> None:
    first = give(shared, key, "甲", 1, "2026-06-01", day(1))
    second = give(shared, key, "乙", 2, since, day(5), change)

    for number in (1, 3, 5, 10, 25):
        expected = (second, "乙山") if number >= from_day else (first, "甲野")
        assert shown_as(shared, key, day(number)) == expected, number
