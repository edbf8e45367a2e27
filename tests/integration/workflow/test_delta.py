"""Deltas: only what changed comes, what is gone is said, and the place in the source moves with the merge."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from renkei import project, workflow
from renkei.errors import FixDeclaration, Stop, TryAgain
from renkei.prove import ground_of, prove

DAY = date(2026, 11, 20)
NEXT = DAY + timedelta(days=1)

#: A connector to a list of deliveries on a shelf: each has rows (key → name, or None when gone).
SHELF = """
import hashlib, json
from pathlib import Path
import pyarrow as pa
from renkei.errors import Stop, TryAgain
from renkei.model import GONE, Delivery

def connect(connection, *, workdir):
    return Shelf(workdir, Path(connection.settings["place"]))

class Shelf:
    replayable, ordered, idempotent, notes = True, True, False, ()

    def __init__(self, workdir, place):
        self.workdir, self.place = workdir, place

    def pull(self, feed, since):
        start = since.position.get("taken", -1) + 1
        for number, each in list(enumerate(json.loads(self.place.read_text())))[start:]:
            if each.get("lost"):
                raise Stop("E_POSITION_LOST", feed=feed.id, reason="test")
            yield self.delivery(feed.id, number, each)

    def wait(self, feed, since, *, seconds):
        return len(json.loads(self.place.read_text())) > since.position["taken"] + 1

    def delivery(self, feed, number, each):
        rows = each["rows"].items()
        table = pa.table({
            "no": pa.array([key for key, _ in rows], pa.string()),
            "version": pa.array([each["version"]] * len(rows), pa.string()),
            "name": pa.array([name for _, name in rows], pa.string()),
            GONE: pa.array([name is None for _, name in rows], pa.bool_()),
        })
        path = self.workdir / f"{number}.arrow"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        data = path.read_bytes()
        return Delivery(feed=feed, name="shelf", path=path, bytes=len(data),
                        sha256=hashlib.sha256(data).hexdigest(), records=len(rows),
                        position={"taken": number}, is_whole=each.get("whole", False))
"""
MAPPING = """
system = "ledger"
title = "台帳"
owner = "情報課"

[[feed]]
name = "person"
connector = "shelf"
connection = "shelf"
format = { kind = "arrow" }
delivers = "delta"
schedule = "0 5 * * *"
record = "person"
field = [
  { to = "source_key", from = "no", steps = [{ matches = "^[0-9]+$" }] },
  { to = "source_version", from = "version" },
  { to = "full_name", from = "name" },
]
"""


@dataclass
class Ledger:
    """The source's shelf and the hub's side of it."""

    root: Path
    registry: sa.Engine

    def __post_init__(self) -> None:
        self.shelf: list[dict[str, Any]] = []
        self.version = 0

    def put(self, rows: Mapping[str, str | None], **more: int) -> None:
        self.version += 1
        self.shelf.append({"rows": dict(rows), "version": f"{self.version:03}", **more})
        (self.root / "shelf.json").write_text(json.dumps(self.shelf), "utf-8")

    def sync(self, as_of: date = DAY, **changes: Any) -> workflow.SyncResult:
        found = project.load(self.root)
        return workflow.sync_in(
            found, "ledger.person", as_of=as_of, actor="tester", trigger="test", **changes
        )

    def held(self) -> dict[str, str]:
        query = "SELECT source_key, full_name FROM person_record WHERE known_to IS NULL AND NOT removed"
        with self.registry.connect() as connection:
            return {row.source_key: row.full_name for row in connection.execute(sa.text(query))}

    def position(self) -> dict[str, Any]:
        with self.registry.connect() as connection:
            return dict(connection.execute(sa.text("SELECT position FROM cursor")).scalar_one())


@pytest.fixture
def ledger(tmp_project: Path, registry: sa.Engine) -> Ledger:
    for place in (tmp_project / "mappings").glob("*.toml"):
        place.unlink()
    (tmp_project / "mappings" / "ledger.toml").write_text(MAPPING, "utf-8")
    (tmp_project / "connectors" / "shelf.py").write_text(SHELF, "utf-8")
    place = tmp_project / "shelf.json"
    connections = f'[shelf]\nplace = "{place}"\n'
    (tmp_project / "var" / "connections.toml").write_text(connections, "utf-8")
    return Ledger(root=tmp_project, registry=registry)


def test_a_delta_ends_only_what_it_says_is_gone(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "乙", "3": "丙"}, whole=True)
    ledger.sync()

    ledger.put({"2": None, "3": "丁"})
    result = ledger.sync(NEXT)

    assert ledger.held() == {"1": "甲", "3": "丁"}
    assert (result.counts.merged, result.counts.gone, result.counts.ended) == (2, 1, 0)
    assert result.counts.balances


def test_what_comes_back_after_it_was_gone_lives_again(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "乙"}, whole=True)
    ledger.put({"2": None})
    ledger.put({"2": "乙"})

    ledger.sync()

    assert ledger.held() == {"1": "甲", "2": "乙"}


def test_the_place_in_the_source_moves_with_the_merge_and_not_before(ledger: Ledger) -> None:
    people = {str(number): "甲" for number in range(1, 400)}
    ledger.put(people, whole=True)
    ledger.sync()
    assert ledger.position() == {"taken": 0}

    ledger.put(dict.fromkeys(people))  # everybody gone: too much at once
    held = ledger.sync(NEXT)

    assert held.refused == ("E_BLAST",)
    assert ledger.position() == {"taken": 0}
    assert len(ledger.held()) == len(people)


def test_what_an_overtaken_delta_says_is_gone_is_not_believed(ledger: Ledger) -> None:
    people = {str(number): "甲" for number in range(1, 400)}
    ledger.put(people, whole=True)
    ledger.sync()
    ledger.put(dict.fromkeys(people))
    ledger.sync(NEXT)
    ledger.shelf[1] = {"rows": {"1": "乙"}, "version": "009"}
    ledger.put({}, lost=False)
    ledger.sync(NEXT + timedelta(days=1))

    with ledger.registry.begin() as connection:  # a person lets the held one in after all
        connection.execute(sa.text("UPDATE delivery SET verdict = 'landed' WHERE verdict = 'held'"))
    ledger.sync(NEXT + timedelta(days=1))

    assert ledger.held() == {**people, "1": "乙"}


def test_the_same_bytes_again_still_move_the_place(ledger: Ledger) -> None:
    ledger.put({"1": "甲"}, whole=True)
    ledger.put({})
    ledger.put({})

    ledger.sync()

    assert ledger.position() == {"taken": 2}


def test_a_source_with_nothing_new_has_spoken_for_the_day(ledger: Ledger) -> None:
    ledger.put({"1": "甲"}, whole=True)
    ledger.sync()

    quiet = ledger.sync(NEXT)

    assert (quiet.delivered, quiet.counts.records) == (True, 0)
    assert ledger.position() == {"taken": 0}
    assert ledger.held() == {"1": "甲"}


def test_a_key_that_cannot_be_read_ends_nobody(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "乙"}, whole=True)
    ledger.put({"x": None})

    result = ledger.sync()

    assert ledger.held() == {"1": "甲", "2": "乙"}
    assert (result.counts.rejected, result.counts.gone) == (1, 0)
    assert result.counts.balances


def test_a_lost_place_stops_and_a_resnapshot_finds_what_changed_meanwhile(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "乙"}, whole=True)
    ledger.sync()
    ledger.put({}, lost=True)
    with pytest.raises(Stop, match="E_POSITION_LOST"):
        ledger.sync(NEXT)
    ledger.shelf = []
    ledger.put({"2": "丁", "3": "丙"}, whole=True)

    result = ledger.sync(NEXT, resnapshot="the slot was dropped")

    assert ledger.held() == {"2": "丁", "3": "丙"}
    assert (result.counts.merged, result.counts.ended) == (2, 1)
    with ledger.registry.connect() as connection:
        told = "SELECT count(*) FROM audit_event WHERE body LIKE '%feed.resnapshot%slot was dropped%'"
        assert connection.execute(sa.text(told)).scalar() == 1


def test_watching_takes_in_each_change_as_it_comes(ledger: Ledger) -> None:
    ledger.put({"1": "甲"}, whole=True)
    rounds = iter(range(10))

    def go_on() -> bool:
        number = next(rounds)
        if number == 3:
            ledger.put({"2": "乙"})
        return number < 8

    found = project.load(ledger.root)
    made = workflow.watch(found, "ledger.person", actor="tester", today=lambda: DAY, go_on=go_on)

    assert [each.counts.merged for each in made] == [1, 1]
    assert ledger.held() == {"1": "甲", "2": "乙"}


def test_a_passing_fault_is_told_and_the_watch_goes_on(ledger: Ledger) -> None:
    ledger.put({"1": "甲"}, whole=True)
    shelf = ledger.root / "connectors" / "shelf.py"
    shelf.write_text(SHELF.replace("        start = since", "        self.stumble()\n        start = since") + """
    def stumble(self):
        mark = self.place.with_suffix(".stumbled")
        if not mark.exists():
            mark.touch()
            raise TryAgain("E_LINK_DOWN", connection="shelf")
""", "utf-8")  # fmt: skip
    rounds, pauses = iter(range(9)), []

    made = list(
        workflow.watch(
            project.load(ledger.root), "ledger.person", actor="tester", today=lambda: DAY,
            go_on=lambda: next(rounds) < 3, sleep=pauses.append,
        )
    )  # fmt: skip

    assert isinstance(made[0], TryAgain)
    assert made[1].counts.merged == 1
    assert pauses == [1.0]


def test_a_connector_that_cannot_wait_is_not_watched(ledger: Ledger) -> None:
    ledger.put({"1": "甲"}, whole=True)
    place = ledger.root / "connectors" / "shelf.py"
    place.write_text(SHELF.replace("def wait", "def look"), "utf-8")

    with pytest.raises(FixDeclaration, match="E_NO_WATCH"):
        next(workflow.watch(project.load(ledger.root), "ledger.person", actor="tester", today=lambda: DAY))


def test_everything_that_must_hold_holds_after_deltas(ledger: Ledger) -> None:
    ledger.put({"1": "甲", "2": "乙"}, whole=True)
    ledger.put({"2": None, "9": None})
    ledger.put({"x": None, "3": "丙"})
    ledger.sync()
    ledger.sync(NEXT)

    found = project.load(ledger.root)
    replay = partial(workflow.replay, found, as_of=NEXT, actor="tester", trigger="test")
    proofs = prove(ground_of(found, ledger.registry, replay=lambda feed: replay(feed)))

    # nobody sealed the trail here
    assert [proof for proof in proofs if not proof.holds and proof.id != "I20"] == []
