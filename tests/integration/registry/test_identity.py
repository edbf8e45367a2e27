"""Linking on a real registry: in any order, by few and by many, and as the definition says."""

from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from tests.integration.registry.test_merge import DAY, NOW, first, mapped, person, take

from renkei.registry.difference import Present, compare
from renkei.registry.identity import Decided, Node, incoming, solve
from renkei.registry.identity.definition import contradict
from renkei.registry.identity.settle import settle
from renkei.registry.sql import run
from renkei.snapshot import Snapshot

FEEDS = ("juki.resident", "tax.taxpayer", "welfare.recipient")
NAMES = ("山田太郎", "佐藤花子", "鈴木一郎", "高橋次郎")
BORN = (date(1980, 4, 1), date(1999, 1, 1), date(2015, 5, 5))


def population(dice: Random, people: int) -> dict[str, list[dict]]:
    """Records of three feeds in which numbers are shared, missing, wrong, and said to be another's."""
    made = defaultdict(list)
    for each in range(people):
        truth = {
            "name": dice.choice(NAMES),
            "born": dice.choice(BORN),
            "number": f"{each:04}",
            "match": f"m{each}",
        }
        for feed in FEEDS:
            if dice.random() < 0.3:
                continue
            number = truth["number"] if dice.random() < 0.7 else None
            if dice.random() < 0.08:
                number = f"{dice.randrange(people):04}"
            says = f"{dice.randrange(people):04}" if dice.random() < 0.04 else None
            token = f"t{each}" if dice.random() < 0.4 else None
            made[feed].append(
                person(
                    f"{feed[0]}{each:04}", numbering="resident" if number else None, party_number=number,
                    name_key=truth["name"], kana_key=None, date_of_birth_lo=truth["born"],
                    date_of_birth_hi=truth["born"], resident_code_token=token,
                    same_as_numbering="resident" if says else None, same_as_party_number=says,
                    match_key=truth["match"] if dice.random() < 0.5 else None,
                )
            )  # fmt: skip
    return dict(made)


def nodes_of(records: dict[str, list[dict]]) -> list[Node]:
    rows = [(feed, row) for feed in FEEDS for row in records.get(feed, [])]
    return [
        Node(
            home=home, feed=feed, key=row["source_key"], birth=(row["date_of_birth_lo"], row["date_of_birth_hi"]),
            name=row["name_key"], match_keys=frozenset({row["match_key"]} - {None}),
            strong=tuple(
                each for each in (
                    ("strong_id", row["party_number"] and f"resident|{row['party_number']}"),
                    ("resident_code", row["resident_code_token"]),
                ) if each[1]
            ),
            says=(f"resident|{row['same_as_party_number']}",) if row["same_as_party_number"] else (),
        )
        for home, (feed, row) in enumerate(rows, 1)
    ]  # fmt: skip


def parted(named: dict[str, int]) -> set[frozenset[str]]:
    groups = defaultdict(set)
    for name, label in named.items():
        groups[label].add(name)
    return {frozenset(group) for group in groups.values()}


def by_definition(records: dict[str, list[dict]]) -> set[frozenset[str]]:
    nodes = nodes_of(records)
    labels = solve(nodes, Decided()).labels
    return parted({f"{node.feed}:{node.key}": labels[node.home] for node in nodes})


def in_registry(registry: sa.Engine) -> set[frozenset[str]]:
    with registry.connect() as connection:
        rows = connection.execute(sa.text("SELECT feed || ':' || source_key, resident_id FROM open_link"))
        return parted({row[0]: row[1] for row in rows})


def broken(registry: sa.Engine) -> list[str]:
    """What must hold of links and golden records however they came about."""
    query = """
        SELECT 'a resident that is not its smallest home' FROM open_link
        GROUP BY resident_id HAVING min(home_id) <> resident_id
        UNION ALL SELECT 'no golden record' FROM open_link l LEFT JOIN golden_version g
            ON g.resident_id = l.resident_id AND g.known_to IS NULL WHERE g.golden_id IS NULL
        UNION ALL SELECT 'a golden record of nobody' FROM golden_version g LEFT JOIN open_link l USING (resident_id)
            WHERE g.known_to IS NULL AND l.link_id IS NULL
        UNION ALL SELECT 'an unknown resident' FROM open_link l LEFT JOIN resident r USING (resident_id)
            WHERE r.resident_id IS NULL
        UNION ALL SELECT 'a rule without its record' FROM open_link
            WHERE (rule = 'founder') <> (via_key IS NULL) OR (rule = 'founder') <> (resident_id = home_id)
    """
    with registry.connect() as connection:
        return list(connection.execute(sa.text(query)).scalars())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bulk", [False, True], ids=["few", "many"])
def test_every_order_of_systems_gives_what_the_definition_says(
    registry: sa.Engine, monkeypatch: pytest.MonkeyPatch, seed: int, *, bulk: bool
) -> None:
    if bulk:
        monkeypatch.setattr(incoming, "_BULK", 1)
    dice = Random(seed)
    records = population(dice, 60)
    batches = [(feed, rows) for feed in FEEDS if (rows := records.get(feed))]
    if not bulk:  # and in pieces
        batches = [(feed, part) for feed, rows in batches for part in (rows[::2], rows[1::2]) if part]

    for feed, rows in dice.sample(batches, len(batches)):
        take(registry, first(*rows, feed=feed), feed=feed)

    assert in_registry(registry) == by_definition(records)
    assert broken(registry) == []


@pytest.mark.parametrize("bulk", [False, True], ids=["few", "many"])
def test_a_change_parts_and_joins_only_whom_it_concerns_and_back_again(
    registry: sa.Engine, monkeypatch: pytest.MonkeyPatch, *, bulk: bool
) -> None:
    if bulk:
        monkeypatch.setattr(incoming, "_BULK", 1)
    one, two = person("1", match_key=None), person("2", match_key=None, name_key="佐藤花子")
    taxed = person("9", party_number="1", match_key=None)
    take(registry, first(one, two))
    take(registry, first(taxed, feed="tax.taxpayer"), feed="tax.taxpayer")
    before = in_registry(registry)

    # alone for a while: a resident of its own, who was none before
    take(registry, first({**taxed, "party_number": "77"}, feed="tax.taxpayer"), feed="tax.taxpayer")
    assert frozenset({"tax.taxpayer:9"}) in in_registry(registry)
    assert broken(registry) == []

    for number in ("2", "1"):
        take(registry, first({**taxed, "party_number": number}, feed="tax.taxpayer"), feed="tax.taxpayer")
        parts = in_registry(registry)
        assert frozenset({f"juki.resident:{number}", "tax.taxpayer:9"}) in parts

    assert parts == before
    assert broken(registry) == []


def test_the_many_and_the_few_leave_the_same_rows(
    registry: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = population(Random(99), 40)
    rows = {}
    for bulk, shift in ((False, ""), (True, "x")):
        monkeypatch.setattr(incoming, "_BULK", 1 if bulk else 20_000)
        for feed in FEEDS:
            # a second population beside the first, under keys and numbers of its own
            own = [_shifted(row, shift) for row in records[feed]]
            take(registry, first(*own, feed=feed + shift), feed=feed + shift)
        query = """
            SELECT feed, source_key, rule, via_key FROM open_link WHERE feed LIKE :feeds ORDER BY feed, source_key
        """
        with registry.connect() as connection:
            found = connection.execute(sa.text(query), {"feeds": "%x" if bulk else "%t"}).all()
        rows[bulk] = [(row.feed.removesuffix("x"), *row[1:]) for row in found]

    with registry.connect() as connection:
        plain = "SELECT feed, source_key, rule, via_key FROM open_link WHERE feed NOT LIKE '%x' ORDER BY feed, source_key"
        few = [tuple(row) for row in connection.exec_driver_sql(plain.replace("%", "%%"))]
    many = [
        (feed, key.removesuffix("x"), rule, via and via.removesuffix("x"))
        for feed, key, rule, via in rows[True]
    ]
    assert many == few


def _shifted(row: dict, shift: str) -> dict:
    named = ("source_key", "party_number", "resident_code_token", "same_as_party_number", "match_key")
    return {**row, **{name: row[name] + shift for name in named if row[name]}}


def said_anew(dice: Random, row: dict, night: int) -> dict:
    """A newer version: mostly what says nothing new of who it is, else other attributes or another number."""
    what = dice.random()
    more: dict = {"address": f"本町{night}"}
    if what > 0.4:
        more["match_key"] = dice.choice(
            [f"m{dice.randrange(40)}", f"m{dice.randrange(40)}", f"n{night}", None]
        )
    if what > 0.8:
        number = f"{dice.randrange(40):04}"
        more |= {"numbering": "resident", "party_number": number}
    if what > 0.9:
        more |= {"name_key": dice.choice(NAMES), "date_of_birth_lo": BORN[0], "date_of_birth_hi": BORN[0]}
    return {**row, **more}


def anew(registry: sa.Engine) -> frozenset[int]:
    """Whom settling everybody anew would change."""
    with registry.connect() as connection:
        homes = connection.exec_driver_sql("SELECT home_id FROM link WHERE known_to IS NULL").scalars().all()
        return settle(connection, homes, now=NOW + timedelta(days=30)).touched


def nights(registry: sa.Engine, seed: int) -> list[frozenset[int]]:
    """After each delivery of some nights, whom settling everybody anew would change."""
    dice = Random(seed)
    records = population(dice, 40)
    for feed in FEEDS:
        take(registry, first(*records[feed], feed=feed), feed=feed)
    found = []
    for night in range(3):
        for feed in FEEDS:
            for place in dice.sample(range(len(records[feed])), 10):
                records[feed][place] = said_anew(dice, records[feed][place], night)
            take(registry, first(*records[feed], feed=feed), feed=feed)
            found.append(anew(registry))
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_whoever_says_of_himself_what_he_said_before_is_rightly_left_alone(
    registry: sa.Engine, seed: int
) -> None:
    assert not frozenset().union(*nights(registry, seed))


def test_leaving_alone_whom_a_delivery_does_concern_is_seen(
    registry: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everybody(connection: sa.Connection, name: str, values: dict) -> None:
        if name != "as_before":
            run(connection, name, values)
        else:
            connection.exec_driver_sql(
                "CREATE TEMP TABLE as_before ON COMMIT DROP AS"
                " SELECT source_key FROM incoming JOIN open_link USING (source_key)"
            )

    monkeypatch.setattr(incoming, "run", everybody)
    assert frozenset().union(*nights(registry, 0))


def test_what_only_says_nothing_new_writes_nothing(registry: sa.Engine) -> None:
    records = population(Random(5), 30)
    for feed in FEEDS:
        take(registry, first(*records[feed], feed=feed), feed=feed)
    count = sa.text("SELECT count(*) FROM link")
    with registry.connect() as connection:
        before = connection.execute(count).scalar_one()

    for feed in FEEDS:
        take(registry, first(*records[feed], feed=feed), feed=feed)

    with registry.connect() as connection:
        assert connection.execute(count).scalar_one() == before


# what somebody else's change means for those who did not change ------------------------------------

OTHER = {
    "name_key": "佐藤花子", "kana_key": "サトウハナコ", "date_of_birth_lo": date(2015, 5, 5),
    "date_of_birth_hi": date(2015, 5, 5),
}  # fmt: skip
UNSAID = {"name_key": None, "kana_key": None, "date_of_birth_lo": None, "date_of_birth_hi": None}


def candidates(registry: sa.Engine) -> list[tuple[str, str]]:
    query = "SELECT source_key, reason FROM link_candidate WHERE state = 'open' ORDER BY 1, 2"
    with registry.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


@pytest.mark.parametrize(
    "number",
    [
        {"party_number": "5"},
        {"party_number": None, "numbering": None, "resident_code_token": "t5"},
        {
            "party_number": None,
            "numbering": None,
            "same_as_numbering": "resident",
            "same_as_party_number": "5",
        },
    ],
    ids=["number", "token", "says"],
)
@pytest.mark.parametrize("bulk", [False, True], ids=["few", "many"])
def test_who_gives_a_number_up_leaves_the_others_as_if_it_had_never_had_it(
    registry: sa.Engine, monkeypatch: pytest.MonkeyPatch, number: dict, *, bulk: bool
) -> None:
    monkeypatch.setattr(incoming, "_BULK", 1 if bulk else 20_000)
    child = person("a", match_key="ma", **{**OTHER, **number})
    fits_both = person("c", match_key="mc", **{**UNSAID, **number})
    take(registry, first(child))
    take(registry, first(person("b", match_key="mb", **number), feed="tax.taxpayer"), feed="tax.taxpayer")
    take(registry, first(fits_both, feed="welfare.recipient"), feed="welfare.recipient")
    assert len(in_registry(registry)) == 3
    assert candidates(registry)

    without = {**child, "party_number": "77", "numbering": "resident", "resident_code_token": None,
               "same_as_numbering": None, "same_as_party_number": None}  # fmt: skip
    take(registry, first(without))

    assert in_registry(registry) == {
        frozenset({"juki.resident:a"}),
        frozenset({"tax.taxpayer:b", "welfare.recipient:c"}),
    }
    assert candidates(registry) == []


def test_the_fifty_first_record_of_a_number_that_leaves_gives_the_others_back(registry: sa.Engine) -> None:
    everybody = [person(f"{n:02}", match_key=f"m{n}", party_number="0") for n in range(51)]
    take(registry, first(*everybody))
    assert len(in_registry(registry)) == 51

    take(registry, first({**everybody[7], "party_number": "7"}))

    assert len(in_registry(registry)) == 2
    assert candidates(registry) == []


def test_a_version_that_comes_late_joins_as_it_would_have_in_time(
    registry: sa.Engine, tmp_path: Path
) -> None:
    newest = first(person("1", match_key="new", source_version="3"))
    take(registry, newest)
    other = person("9", party_number="900", match_key="old")
    take(registry, first(other, feed="tax.taxpayer"), feed="tax.taxpayer")
    pq.write_table(newest.snapshot, tmp_path / "s.parquet")

    late = mapped(person("1", match_key="old", source_version="2"))
    take(registry, compare(late, Present(snapshot=Snapshot(whole=tmp_path / "s.parquet")), as_of=DAY))

    assert in_registry(registry) == {frozenset({"juki.resident:1", "tax.taxpayer:9"})}
    assert broken(registry) == []


def test_a_bulk_delivery_closes_the_questions_that_it_answers(
    registry: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(registry, first(person("1", **OTHER)))
    take(registry, first(person("1", match_key="x"), feed="tax.taxpayer"), feed="tax.taxpayer")
    assert candidates(registry) == [("1", "number_contradicted")]

    monkeypatch.setattr(incoming, "_BULK", 1)
    take(registry, first(person("1", name_key="佐藤花子", kana_key="サトウハナコ")))

    assert len(in_registry(registry)) == 1
    assert candidates(registry) == []


def test_a_long_chain_of_refusals_parts_nobody_at_its_far_end(registry: sa.Engine) -> None:
    born = [date(1950 + n, 1, 1) for n in range(16)]
    chain = [
        person(
            f"{n:02}", party_number=f"{n:02}", match_key=f"m{n}", name_key=f"n{n}", kana_key=None,
            same_as_numbering="resident", same_as_party_number=f"{n + 1:02}", date_of_birth_lo=day,
            date_of_birth_hi=day,
        )
        for n, day in enumerate(born)
    ]  # fmt: skip
    own = {"party_number": None, "numbering": None, "same_as_numbering": None, "same_as_party_number": None}
    twins = [{**row, **own, "source_key": f"t{row['source_key']}"} for row in chain]
    take(registry, first(*twins, feed="tax.taxpayer"), feed="tax.taxpayer")
    take(registry, first(*chain))
    before = in_registry(registry)
    assert len(before) == 16

    take(registry, first({**chain[0], "address": "新町"}))

    assert in_registry(registry) == before


def test_what_is_written_after_a_wait_never_overlaps_what_was_written_meanwhile(registry: sa.Engine) -> None:
    """A feed that began first and waited for the linker has the earlier clock and the later word."""
    take(registry, first(person("1")))
    take(registry, first(person("9", match_key="z"), feed="tax.taxpayer"), feed="tax.taxpayer")
    for hours, number in ((4, "1"), (2, "9"), (3, "1")):
        take(
            registry, first(person("9", match_key="z", party_number=number), feed="tax.taxpayer"),
            feed="tax.taxpayer", now=NOW + timedelta(hours=hours),
        )  # fmt: skip

    overlaps = """
        SELECT '{0}' FROM {0} AS a JOIN {0} AS b ON a.{1} = b.{1} AND a.{2} < b.{2}
        WHERE tstzrange(a.known_from, a.known_to) && tstzrange(b.known_from, b.known_to)
    """
    with registry.connect() as connection:
        for table, whose, row in (
            ("link", "home_id", "link_id"),
            ("golden_version", "resident_id", "golden_id"),
        ):
            assert connection.exec_driver_sql(overlaps.format(table, whose, row)).all() == []


def test_the_database_and_the_definition_contradict_in_the_same_cases(registry: sa.Engine) -> None:
    dice = Random(3)
    days, words = (None, *BORN), (None, "", "山田太郎", "佐藤花子")
    nodes = [
        Node(
            home=home, feed="f", key=str(home), birth=(dice.choice(days), dice.choice(days)),
            name=dice.choice(words), kana=dice.choice(words), common_name=dice.choice(words),
        )
        for home in range(400)
    ]  # fmt: skip
    pairs = list(zip(nodes[::2], nodes[1::2], strict=True))
    query = sa.text(
        "SELECT contradicts(CAST(:a AS date), CAST(:b AS date), CAST(:c AS text), CAST(:d AS text),"
        " CAST(:e AS text), CAST(:f AS date), CAST(:g AS date), CAST(:h AS text), CAST(:i AS text),"
        " CAST(:j AS text))"
    )
    with registry.connect() as connection:
        for one, other in pairs:
            said = [
                each
                for node in (one, other)
                for each in (*node.birth, node.name, node.kana, node.common_name)
            ]
            found = connection.execute(query, dict(zip("abcdefghij", said, strict=True))).scalar_one()
            assert found is contradict(one, other), (one, other)
