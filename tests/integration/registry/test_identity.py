"""Linking on a real registry: in any order, by few and by many, and as the definition says."""

from collections import defaultdict
from datetime import date
from random import Random

import pytest
import sqlalchemy as sa
from tests.integration.registry.test_merge import first, person, take

from renkei.registry.identity import Decided, Node, incoming, solve

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


def test_a_change_parts_and_joins_only_whom_it_concerns_and_back_again(registry: sa.Engine) -> None:
    one, two = person("1", match_key=None), person("2", match_key=None, name_key="佐藤花子")
    taxed = person("9", party_number="1", match_key=None)
    take(registry, first(one, two))
    take(registry, first(taxed, feed="tax.taxpayer"), feed="tax.taxpayer")
    before = in_registry(registry)

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
