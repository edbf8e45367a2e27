"""Random towns in pairs: in one a decision was taken and withdrawn, in its twin it never was; nothing differs.

All pairs live in one registry, each with keys and numbers of its own, and go on together step by step.
"""

import itertools
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from tests.integration.registry.judging import ASAKO, TRUST, Bench, person, settings

from renkei.registry import decision_effect, decisions, identity
from renkei.registry.contradiction import contradicted
from renkei.registry.decisions import Judged, Kind
from renkei.registry.embedded import Cluster
from renkei.registry.store import connect

TRIALS = 30
FEEDS = ("juki.resident", "tax.taxpayer", "welfare.recipient")
Wanted = tuple[Kind, str, str]


@pytest.fixture
def bench(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    name = "twins"
    cluster.create_database(name, template="renkei_template")
    engine = connect(cluster.url(name))
    folder = tmp_path_factory.mktemp("cities")
    city = settings(folder / "one", "one person")
    yield Bench(registry=engine, two=city, one=city)
    engine.dispose()
    cluster.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def somebody(chance: random.Random, key: str) -> dict[str, Any]:
    """One of few: numbers, names, births and whole likenesses come again, so that much is joined and held."""
    born = date(1950 + chance.randint(0, 1), 1, 1)
    name = chance.choice(("甲", "乙"))
    number = chance.choice(("1", "2", None))
    return {
        "source_key": key, "numbering": "resident" if number else None, "party_number": number, "name_key": name,
        "full_name": name, "kana_key": name, "full_name_kana": name, "date_of_birth": born, "date_of_birth_lo": born,
        "date_of_birth_hi": born, "match_key": chance.choice(("x", "y", "z", None)), "address": chance.choice("東西"),
        "protected": chance.choice(("none", "none", "protected", None)), "household_number": chance.choice("HG"),
    }  # fmt: skip


def in_town(town: str, told: dict[str, Any], version: int) -> dict[str, Any]:
    """The same person in a town whose keys, numbers and houses are its own."""
    own = {
        name: f"{town}{told[name]}"
        for name in ("source_key", "party_number", "match_key", "household_number")
        if told[name]
    }
    return person(town, **{**told, **own, "source_version": f"{version}", "address_key": told["address"]})


class Pairs:
    """So many pairs of towns: ``a`` where the decision was taken, ``b`` where it never was."""

    def __init__(self, bench: Bench, count: int, seed: int) -> None:
        self.bench, self.chance = bench, random.Random(seed)
        self.towns = [(f"{nth:02}a", f"{nth:02}b") for nth in range(count)]
        self.keys = [list[str]() for _ in self.towns]
        self.version = 0

    def deliver(self, feed: str, *numbers: int) -> None:
        self.version += 1
        people = []
        for towns, keys in zip(self.towns, self.keys, strict=True):
            for number in numbers:
                told = somebody(self.chance, f"k{number}")
                people += [in_town(town, told, self.version) for town in towns]
                keys.append(f"{feed}:{{}}k{number}")
        self.bench.tell(feed, *people)

    def some(self, keys: Sequence[str]) -> Wanted:
        kind: Kind = self.chance.choice(("same", "different"))
        left, right = self.chance.sample(sorted(set(keys)), 2)
        return kind, left, right

    def decide(self, *, everywhere: bool) -> list[int]:
        """A decision in each pair of towns, unless it goes against what stands in either; its acts."""
        made = []
        with self.bench.registry.begin() as connection:
            identity.one_linker(connection)
            for towns, keys in zip(self.towns, self.keys, strict=True):
                kind, left, right = self.some(keys)
                where = towns if everywhere else towns[:1]
                pairs = [
                    tuple(_record(connection, each.format(town)) for each in (left, right)) for town in where
                ]
                if not any(_stands_against(connection, kind, *pair) for pair in pairs):
                    made += [self._write(connection, kind, *pair) for pair in pairs]
            self._settle(connection, made)
        return made

    def _write(self, connection: sa.Connection, kind: Kind, left: Judged, right: Judged) -> int:
        now = self.bench.now()
        number = decisions.write(connection, kind, [(left, right)], author=ASAKO, reason="-", now=now)
        decisions.put_in_force(connection, decisions.act(connection, number), approved_by=None, now=now)
        return number

    def _settle(self, connection: sa.Connection, acts: Sequence[int]) -> None:
        taken = [each for number in acts for each in decisions.act(connection, number)]
        homes = [home for each in taken for home in each.homes]
        decision_effect.take_effect(connection, homes, trust=TRUST, now=self.bench.now(), refuse=True)

    def withdraw(self, acts: Sequence[int]) -> None:
        with self.bench.registry.begin() as connection:
            identity.one_linker(connection)
            for number in acts:
                taken = decisions.act(connection, number)
                decisions.end(connection, taken, approved_by=None, now=self.bench.now())
                decisions.reopen_candidates(connection, taken)
            self._settle(connection, acts)

    def differ(self) -> list[str]:
        """What only one of a pair says: of links, golden records, merges, and history on two days."""
        said: dict[str, list[str]] = defaultdict(list)
        *state, _ = self.bench.state()
        for row in itertools.chain(
            *state, *(self.bench.rows(each, now=self.bench.now()) for each in _HISTORY)
        ):
            town = _TOWN.search(str(row))
            assert town is not None
            said[town[1]].append(str(row).replace(town[1], "-"))
        assert len(said) == 2 * len(self.towns)
        return [
            f"{one}: {line}"
            for one, other in self.towns
            for line in sorted(
                (Counter(said[one]) - Counter(said[other])) | (Counter(said[other]) - Counter(said[one]))
            )
        ]


_TOWN = re.compile(r"(\d\d[ab])k")
_WHOSE = "(SELECT min(feed || ':' || source_key) FROM link WHERE home_id = {} AND known_to IS NULL)"
_HISTORY = [
    text.format(whose=_WHOSE.format("x.resident_id"), day=day)
    for day in ("2026-11-20", "2026-12-31")
    for text in (
        "SELECT feed, source_key, {whose}, rule, valid_from, valid_to FROM link_at(DATE '{day}', :now) AS x",
        "SELECT system, household_number, {whose}, relationship, is_head FROM household_at(DATE '{day}', :now) AS x",
    )
]


def _record(connection: sa.Connection, name: str) -> Judged:
    feed, _, key = name.partition(":")
    found = decisions.record(connection, feed, key)
    assert found is not None
    return found


def _stands_against(connection: sa.Connection, kind: Kind, left: Judged, right: Judged) -> bool:
    residents = decisions.residents_of(connection, [left.home, right.home])
    standing = decisions.of_homes(connection, residents)
    return bool(contradicted(kind, left.home, right.home, standing, residents))


def live(bench: Bench, count: int, withdraw: Callable[[Pairs, Sequence[int]], None]) -> Pairs:
    """Deliveries, a decision in one town of each pair, more of both, and then it is withdrawn."""
    pairs = Pairs(bench, count, seed=20261120)
    pairs.deliver("juki.resident", 1, 2)
    pairs.deliver("tax.taxpayer", 1, 2)
    pairs.decide(everywhere=True)
    taken = pairs.decide(everywhere=False)
    assert len(taken) > count / 2
    pairs.deliver("tax.taxpayer", 1)
    pairs.deliver("welfare.recipient", 1, 2)
    pairs.decide(everywhere=True)
    pairs.deliver("juki.resident", 2)
    withdraw(pairs, taken)
    return pairs


def test_in_every_town_a_withdrawn_decision_leaves_what_there_would_have_been(bench: Bench) -> None:
    pairs = live(bench, TRIALS, Pairs.withdraw)

    assert pairs.differ() == []
    assert bench.rows("SELECT count(*) > 0 FROM resident_merge WHERE known_to IS NOT NULL") == [(True,)]


def test_an_unmerge_that_moves_only_open_links_of_one_feed_is_caught(bench: Bench) -> None:
    def one_feed(pairs: Pairs, acts: Sequence[int]) -> None:
        with pairs.bench.registry.begin() as connection:
            for number in acts:
                decisions.end(
                    connection, decisions.act(connection, number), approved_by=None, now=pairs.bench.now()
                )
            connection.execute(sa.text(_ONE_FEED), {"acts": acts})

    pairs = live(bench, 8, one_feed)

    assert pairs.differ() != []


_ONE_FEED = """
    UPDATE link SET resident_id = home_id, rule = 'founder', decision_id = NULL
    WHERE decision_id = ANY(:acts) AND known_to IS NULL AND feed = 'tax.taxpayer'
"""
