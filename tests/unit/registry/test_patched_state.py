"""A state that is told by what changed in it, and a delivery of which only that is mapped: as if done whole."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.mapping.small import HEAD, batch, load
from tests.unit.mapping.small import field as declared

from renkei import mapping, snapshot
from renkei.landing import Landing
from renkei.mapping import recall
from renkei.model import TOLD_AS
from renkei.registry import difference
from renkei.registry.difference import Difference, Present, compare
from renkei.snapshot import Snapshot

FIRST = date(2026, 11, 1)
# the code 9 says something else from the fourth night on
CODES = """
title = "状態"
codes = [
  { code = "1", to = "resident" },
  { code = "9", to = "dead", valid_to = 2026-11-03 },
  { code = "9", to = "removed", valid_from = 2026-11-04 },
]
"""
FIELDS = (
    declared("full_name", '"namae"')
    + declared("resident_status", '"jotai"', '[{ code = "jotai" }]')
    + declared("valid_from", '"ido"', '["iso_date"]')
)
VERSIONED = FIELDS + declared("source_version", '"rireki"')
Row = tuple[str, str | None, str | None, str | None, str]


@dataclass
class World:
    """Two hubs of the same feed: one does all anew each night, the other only what it must."""

    made: mapping.Mapping
    folder: Path
    plain: Snapshot | None = None
    spared: Snapshot | None = None
    mapped: list[int] = field(default_factory=list)
    patches: int = 0

    def take(
        self, rows: list[Row], day: date, *, full: bool, late: bool = False
    ) -> tuple[Difference, Difference]:
        """A delivery into both; what each made of it."""
        names = ("bango", "namae", "jotai", "ido", "rireki")
        told = batch(**{name: [row[place] for row in rows] for place, name in enumerate(names)})
        terms = {"as_of": day, "full": full, "is_late": late}
        whole = mapping.apply(self.made, told, as_of=day)
        one = compare(whole, Present(snapshot=self.plain), **terms)
        digested, known = mapping.recalled(self.made, told, self.spared if full else None, as_of=day)
        less = mapping.apply(self.made, digested, as_of=day, known=known)
        self.mapped.append(less.records.num_rows)
        other = compare(less, Present(snapshot=self.spared), patches=True, **terms)
        self.plain = Snapshot(whole=self._write(one.snapshot, f"plain-{len(self.mapped)}"))
        landing = Landing(self.folder / "landing")
        digest = landing.adopt(self._write(other.snapshot, "next"))
        self.spared = snapshot.proved(landing, digest)
        self.patches += self.spared.patch is not None
        return one, other

    def _write(self, table: pa.Table, name: str) -> Path:
        pq.write_table(table, self.folder / name)
        return self.folder / name

    def states(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Both states by key, without the digests that only one of them has."""
        assert self.plain is not None
        assert self.spared is not None
        names = [name for name in self.plain.names if name != TOLD_AS]
        one, other = (
            each.scan().select(names).sort("source_key").collect() for each in (self.plain, self.spared)
        )
        return one, other


@pytest.fixture
def small_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(difference, "PATCHED_FROM", 1)
    monkeypatch.setattr(difference, "_PATCH_SHARE", 0.9)


def world(folder: Path, fields: str) -> World:
    (folder / "codes").mkdir(parents=True)
    (folder / "codes" / "jotai.toml").write_text(CODES, "utf-8")
    [made] = load(HEAD + fields, folder, codes=folder / "codes")
    return World(made=made, folder=folder)


def person(key: str, chance: random.Random, version: int) -> Row:
    day = chance.choice(["2026-10-01", "2026-11-01", "2026-11-02", "2026-11-03", "2026-11-03", None])
    name = chance.choice(["山田太郎", "山田花子", "鈴木一", None])
    return (
        key,
        name,
        chance.choice(["1", "9"] * 20 + ["7"]),
        day,
        chance.choice([f"{version:04d}"] * 5 + [""]),
    )


def same(one: Difference, other: Difference) -> None:
    assert one.counts == other.counts
    assert one.known == other.known
    assert one.ended == other.ended
    assert one.dispositions == other.dispositions
    assert one.rejects == other.rejects
    assert one.changed.drop_columns([]).equals(other.changed.select(one.changed.column_names))


@pytest.mark.usefixtures("small_states")
@pytest.mark.parametrize("fields", [FIELDS, VERSIONED], ids=["days as versions", "own versions"])
@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_the_state_and_the_differences_are_those_of_doing_it_whole(
    tmp_path: Path, fields: str, seed: int
) -> None:
    chance = random.Random(seed)
    here = world(tmp_path, fields)
    people = {f"{number:03d}": person(f"{number:03d}", chance, 1) for number in range(40)}
    gone: list[Row] = []
    for night in range(8):
        day = FIRST + timedelta(days=night)
        for key in chance.sample(sorted(people), 4) if night else ():
            people[key] = person(key, chance, night + 1)
        for _ in range(chance.randrange(3) if night else 0):
            left = chance.choice(sorted(people))
            gone.append(people.pop(left))
            key = f"{chance.randrange(60):03d}"
            people[key] = person(key, chance, night + 1)
        if gone and chance.random() < 0.4:  # somebody comes back as he went
            back = gone.pop()
            people[back[0]] = back
        rows = [people[key] for key in chance.sample(sorted(people), len(people))]
        full = night not in (1, 4)
        late = night == 5
        if not full:
            rows = rows[:6]
        if chance.random() < 0.15:
            rows.append(rows[0])
        one, other = here.take(rows, day - timedelta(days=2) if late else day, full=full, late=late)
        same(one, other)
        assert here.states()[0].equals(here.states()[1])
    assert here.patches


@pytest.mark.usefixtures("small_states")
def test_only_what_is_new_is_mapped_and_a_turn_of_the_codes_maps_all_anew(tmp_path: Path) -> None:
    here = world(tmp_path, VERSIONED)
    rows: list[Row] = [(f"{number:03d}", "山田太郎", "1", "2026-10-01", "1") for number in range(30)]
    here.take(rows, FIRST, full=True)
    rows[3] = ("003", "山田花子", "1", "2026-10-01", "2")
    here.take(rows, FIRST + timedelta(days=1), full=True)
    here.take(rows, FIRST + timedelta(days=2), full=True)
    here.take(rows, FIRST + timedelta(days=3), full=True)
    assert here.mapped == [30, 1, 0, 30]


@pytest.mark.usefixtures("small_states")
def test_a_record_that_only_the_day_dates_is_mapped_each_night(tmp_path: Path) -> None:
    here = world(tmp_path, FIELDS)
    rows: list[Row] = [("001", "山田太郎", "1", None, "1"), ("002", "山田太郎", "1", "2026-10-01", "1")]
    here.take(rows, FIRST, full=True)
    one, other = here.take(rows, FIRST + timedelta(days=1), full=True)
    same(one, other)
    assert here.mapped == [2, 1]


def test_values_that_run_into_each_other_do_not_look_alike(tmp_path: Path) -> None:
    here = world(tmp_path, VERSIONED)
    pairs = [("1", "23"), ("12", "3"), ("1:2", "3"), ("", "123"), (None, "123")]
    told = batch(
        bango=["1"] * 5, namae=[one for one, _ in pairs], jotai=[other for _, other in pairs], ido=[""] * 5,
        rireki=[""] * 5,
    )  # fmt: skip
    digests = recall.with_digests(here.made, told, as_of=FIRST)[TOLD_AS].to_pylist()
    assert len(set(digests)) == 5


@pytest.mark.usefixtures("small_states")
def test_a_damaged_whole_file_refuses_the_patch_that_stands_on_it(tmp_path: Path) -> None:
    here = world(tmp_path, VERSIONED)
    rows: list[Row] = [(f"{number:03d}", "山田太郎", "1", "2026-10-01", "1") for number in range(30)]
    here.take(rows, FIRST, full=True)
    rows[3] = ("003", "山田花子", "1", "2026-10-01", "2")
    here.take(rows, FIRST + timedelta(days=1), full=True)
    state = here.spared
    assert state is not None
    assert state.patch is not None
    place = state.whole
    place.chmod(0o600)
    place.write_bytes(place.read_bytes()[:-1] + b"x")
    with pytest.raises(Exception, match="E_OBJECT_DAMAGED"):
        snapshot.proved(Landing(tmp_path / "landing"), state.patch.name)
