"""Random histories: looking again only at who has changed tells the same as looking at everybody."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.reconcile.support import AS_OF, RULE, TERMS, rules_of

from renkei.engine.duck import DuckEngine
from renkei.reconcile import Rule, Source, again
from renkei.reconcile.alone import is_alone
from renkei.reconcile.find import Again, find
from renkei.reconcile.relation import LINK_SCHEMA, columns_of
from renkei.snapshot import GONE, Snapshot, as_patch

PEOPLE, NIGHTS = range(1, 9), 12
#: What the rules below read of a record.
READ = {"source_key", "content_hash", "since", "person_key", "address_key", "address_since", "household_number",
        "mailing_address_key"}  # fmt: skip
FEEDS = ("juki.resident", "tax.taxpayer", "tax.assessment")
MAILED = RULE.replace("R90", "R91").replace("j.address_since AS since", "t.since AS since").replace("tax.taxpayer", "tax.assessment").replace(
    "t.address_key", "t.mailing_address_key"
).replace("source_key | address_key\n", "source_key | mailing_address_key\n")  # fmt: skip
HOUSEHOLD = RULE.replace("R90", "R92").replace(
    "t.resident_id = j.resident_id", "t.household_number = j.household_number"
)


@dataclass
class World:
    """What three feeds say of eight people, and whose record is whose; each night something else of it."""

    rng: Random
    rows: dict[str, dict[str, dict[str, object]]] = field(
        default_factory=lambda: {feed: {} for feed in FEEDS}
    )
    links: dict[tuple[str, str], int] = field(default_factory=dict)

    def change(self, night: date) -> None:
        for _ in range(self.rng.randint(1, 4)):
            feed, number = self.rng.choice(FEEDS), self.rng.choice(PEOPLE)
            key = f"{feed[0]}{number}"
            if self.rng.random() < 0.2:
                self.rows[feed].pop(key, None)
                continue
            self.rows[feed][key] = self._row(feed, night)
            if feed != "tax.assessment":
                self.links.setdefault((feed, key), number)
        if self.links and self.rng.random() < 0.4:
            moved = self.rng.choice(sorted(self.links))
            self.links[moved] = self.rng.choice(PEOPLE)

    def _row(self, feed: str, night: date) -> dict[str, object]:
        place = self.rng.choice(("本町1", "新町5"))
        if feed == "tax.assessment":
            whose = f"t{self.rng.choice(PEOPLE)}"
            return {"person_key": whose, "mailing_address_key": place, "since": night}
        since = night - timedelta(days=self.rng.randint(0, 3))
        return {
            "address_key": place,
            "address_since": since,
            "since": night,
            "household_number": f"H{self.rng.randint(1, 3)}",
        }


@dataclass
class Shelf:
    """States as files: a whole one, then patches of it, and a new whole one now and then."""

    folder: Path
    rng: Random
    wholes: dict[str, tuple[Path, pa.Table]] = field(default_factory=dict)
    count: int = 0

    def state(self, feed: str, rows: dict[str, dict[str, object]]) -> Snapshot:
        now = _table(feed, rows)
        self.count += 1
        place = self.folder / f"{self.count}.parquet"
        if feed not in self.wholes or self.rng.random() < 0.25:
            pq.write_table(now, place)
            self.wholes[feed] = (place, now)
            return Snapshot(whole=place, digest=place.stem)
        base, whole = self.wholes[feed]
        pq.write_table(_patch(whole, now, digest=base.stem), place)
        return Snapshot(whole=base, digest=base.stem, patch=place)


def _table(feed: str, rows: dict[str, dict[str, object]]) -> pa.Table:
    whole = columns_of(TERMS[feed].record, of_hub=False)
    schema = pa.schema([whole.field(name) for name in whole.names if name in READ])
    told = [{**row, "source_key": key, "content_hash": _hash(row)} for key, row in sorted(rows.items())]
    return pa.Table.from_pylist(told, schema)


def _hash(row: dict[str, object]) -> str:
    """Of what a record says; since when the hub has known it is not part of that."""
    said = {name: value for name, value in row.items() if name != "since"}
    return hashlib.md5(repr(said).encode()).hexdigest()


def _patch(whole: pa.Table, now: pa.Table, *, digest: str) -> pa.Table:
    was = {row["source_key"]: row for row in whole.to_pylist()}
    is_ = {row["source_key"]: row for row in now.to_pylist()}
    changed = [{**row, GONE: False} for key, row in is_.items() if was.get(key) != row]
    gone = [{**row, GONE: True} for key, row in was.items() if key not in is_]
    return as_patch(pa.Table.from_pylist(changed + gone, pa.schema([*now.schema, (GONE, pa.bool_())])),
                    digest=digest, told_on=None)  # fmt: skip


@dataclass(frozen=True)
class Night:
    as_of: date
    states: dict[str, Snapshot]
    links: pa.Table

    def sources(self) -> list[Source]:
        return [Source(feed=feed, terms=TERMS[feed], snapshot=state, as_of=self.as_of)
                for feed, state in self.states.items()]  # fmt: skip


def _history(folder: Path, seed: int) -> Iterator[Night]:
    rng = Random(seed)
    world, shelf = World(rng), Shelf(folder, rng)
    for number in range(NIGHTS):
        as_of = AS_OF + timedelta(days=number)
        world.change(as_of)
        links = [
            {"feed": feed, "source_key": key, "resident_id": who} for (feed, key), who in world.links.items()
        ]
        states = {feed: shelf.state(feed, rows) for feed, rows in world.rows.items()}
        yield Night(as_of, states, pa.Table.from_pylist(links, LINK_SCHEMA))


def _found(night: Night, rules: tuple[Rule, ...], some: Again | None = None) -> list[dict[str, object]]:
    with DuckEngine(threads=1) as engine:
        found = find(
            engine, rules, sources=night.sources(), links=night.links, hub={}, as_of=night.as_of, again=some
        )
    return found.mismatches.to_pylist()


def _who(past: Night, night: Night, waiting: list[int], folder: Path) -> pa.Table:
    links = again.keep_links(past.links, folder)
    with DuckEngine(threads=1) as engine:
        return again.residents(
            engine, again.Past(states=past.states, links=links), night.states,
            terms=TERMS, links=night.links, waiting=waiting,
        )  # fmt: skip


def _told(rows: list[dict[str, object]]) -> set[tuple[object, ...]]:
    return {tuple(row.values()) for row in rows}


@pytest.mark.parametrize("seed", range(2))
def test_random_histories_tell_the_same_night_by_night(tmp_path: Path, seed: int) -> None:
    rules = rules_of(tmp_path / "rules", RULE, MAILED, HOUSEHOLD)
    known = frozenset(rule.id for rule in rules if is_alone(rule.query))
    assert known == {"R90", "R91"}
    standing: list[dict[str, object]] | None = None
    changed = 0
    for past, night in pairwise(_history(tmp_path, seed)):
        if standing is None:
            standing = _found(past, rules)
        waiting = [int(str(row["resident_id"])) for row in standing if row["in_transit"]]
        who = _who(past, night, waiting, tmp_path / "links")
        looked_at = set(who["resident_id"].to_pylist())
        changed += len(looked_at) < len(PEOPLE)
        kept = [row for row in standing if row["rule_id"] in known and row["resident_id"] not in looked_at]
        standing = kept + _found(night, rules, Again(rules=known, residents=who))

        assert _told(standing) == _told(_found(night, rules))
    assert changed, "every night looked at everybody: nothing was tried"


def test_a_history_that_forgets_moved_links_is_caught(tmp_path: Path) -> None:
    """The known-bad twin: with tonight's links taken for those of the night before, some night tells wrong."""
    rules = rules_of(tmp_path / "rules", RULE)
    known, wrong = frozenset({"R90"}), False
    for past, night in pairwise(_history(tmp_path, seed=1)):
        then = Night(past.as_of, past.states, night.links)
        looked_at = set(_who(then, night, [], tmp_path / "links")["resident_id"].to_pylist())
        some = Again(
            rules=known, residents=pa.table({"resident_id": pa.array(sorted(looked_at), pa.int64())})
        )
        kept = [row for row in _found(past, rules) if row["resident_id"] not in looked_at]
        told = kept + _found(night, rules, some)
        wrong = {row["right_key"] for row in told} != {row["right_key"] for row in _found(night, rules)}
        if wrong:
            break
    assert wrong


def test_a_links_file_that_was_touched_is_not_believed(tmp_path: Path) -> None:
    links = pa.Table.from_pylist(
        [{"feed": "juki.resident", "source_key": "J1", "resident_id": 1}], LINK_SCHEMA
    )
    place = again.keep_links(links, tmp_path)
    assert again.kept_links(tmp_path, place.stem) == place

    place.write_bytes(place.read_bytes() + b"\0")

    assert again.kept_links(tmp_path, place.stem) is None
    assert again.kept_links(tmp_path, "0" * 64) is None
